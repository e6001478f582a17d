"""What a site is about, by the codes that Citizen Lab's test lists use, and how much of its name may be shown."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from registry.models.authority import Named
from registry.models.display import Display


class Category(Named):
    code = models.CharField(_("code"), max_length=10, unique=True)
    display = models.CharField(_("how much of the name is shown"), max_length=12, choices=Display, default=Display.FULL)

    class Meta:
        verbose_name = _("category")
        verbose_name_plural = _("categories")
        ordering = ["code"]
