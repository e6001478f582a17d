"""Where a resource stood that an editor merged into another. Its old addresses lead there for ever."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from registry.models.resource import Resource


class FormerAddress(models.Model):
    """`resource` is always one that exists: what is merged again takes its former addresses along."""

    # The id of the resource that is gone; ids are not used again.
    number = models.BigIntegerField(_("number"), unique=True)
    slug = models.CharField(_("name in the address"), max_length=280, unique=True)
    type = models.CharField(_("type"), max_length=10, choices=Resource.Type)
    # Whoever records this name again means the resource.
    name = models.CharField(pgettext_lazy("heading", "name"), max_length=2048)
    resource = models.ForeignKey(
        Resource, verbose_name=_("resource"), on_delete=models.PROTECT, related_name="former_addresses"
    )
    merged_on = models.DateField(_("merged on"))

    class Meta:
        verbose_name = _("former address")
        verbose_name_plural = _("former addresses")
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["type", "name"], name="former_address_once")]

    def __str__(self) -> str:
        return f"{self.number} → {self.resource_id}"
