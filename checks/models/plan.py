"""What is measured from where, and how often."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from checks.models.vantage import Vantage


class Target(models.Model):
    """A URL to visit, in its canonical form."""

    url = models.CharField(_("web address"), max_length=2048, unique=True)
    host = models.CharField(_("host"), max_length=255, db_index=True)
    category = models.CharField(_("category"), max_length=10, blank=True, default="")  # Citizen Lab code

    class Meta:
        verbose_name = _("target")
        verbose_name_plural = _("targets")
        ordering = ["host", "id"]

    def __str__(self) -> str:
        return self.url


class Plan(models.Model):
    """Which targets are measured from which vantages, and how often."""

    name = models.SlugField(pgettext_lazy("heading", "name"), max_length=60, unique=True)
    targets = models.ManyToManyField(Target, verbose_name=_("targets"), blank=True, related_name="plans")
    vantages = models.ManyToManyField(Vantage, verbose_name=_("vantages"), blank=True, related_name="plans")
    period = models.DurationField(_("how often"))
    due_at = models.DateTimeField(_("due"), db_index=True)
    enabled = models.BooleanField(_("enabled"), default=True)

    class Meta:
        verbose_name = _("plan")
        verbose_name_plural = _("plans")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
