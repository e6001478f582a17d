"""An entry of the state register as one snapshot showed it. Listed is not the same as blocked."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from registry.dates import PartialDateField
from registry.models.resource import Resource
from registry.models.source import Source


class Listing(models.Model):
    resource = models.ForeignKey(Resource, on_delete=models.CASCADE, related_name="listings")
    register_id = models.CharField(max_length=60)
    address = models.CharField(max_length=2048)  # as the register writes it
    category = models.TextField(blank=True, default="")
    court = models.CharField(max_length=300, blank=True, default="")
    act_ref = models.CharField(max_length=200, blank=True, default="")
    act_date = PartialDateField()
    snapshot = PartialDateField()  # the day on which the register was seen to say so
    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="listings")

    class Meta:
        verbose_name = _("entry of the state register")
        verbose_name_plural = _("entries of the state register")
        ordering = ["-snapshot", "id"]
        constraints = [models.UniqueConstraint(fields=["register_id", "address", "snapshot"], name="listing_once")]

    def __str__(self) -> str:
        return f"{self.register_id}: {self.address}"
