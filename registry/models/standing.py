"""Where each resource stands in the table of record and evidence: counted every so often, so that no page counts."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from registry.models.resource import Resource


class Standing(models.Model):
    """One resource's, as the last counting found it. The page of the resource itself is never older than its rows."""

    resource = models.OneToOneField(
        Resource, verbose_name=_("resource"), primary_key=True, on_delete=models.CASCADE, related_name="standing"
    )
    legal = models.CharField(_("what the record says"), max_length=12)  # registry.status.Legal; the rest likewise
    listed = models.CharField(_("what the state register says"), max_length=8)
    observed = models.CharField(_("what the networks do"), max_length=14)
    situation = models.CharField(_("situation"), max_length=24)
    # Of the networks, each once, between spaces: " blocked down ".
    states = models.CharField(_("states on networks"), max_length=120)

    class Meta:
        verbose_name = _("standing of a resource")
        verbose_name_plural = _("standings of resources")
        indexes = [
            models.Index(fields=["situation"], name="standing_situation"),
            models.Index(fields=["legal", "listed", "observed"], name="standing_place"),
        ]

    def __str__(self) -> str:
        return f"{self.resource}: {self.situation}"


class Tally(models.Model):
    """The last counting as a whole: one row."""

    counted_at = models.DateTimeField(_("counted at"))
    # What it took: it is not repeated more often than that allows.
    seconds = models.FloatField(_("seconds that it took"))
    counts = models.JSONField(_("counts"), default=dict)

    class Meta:
        verbose_name = _("tally")
        verbose_name_plural = _("tallies")

    def __str__(self) -> str:
        return f"{self.counted_at:%Y-%m-%d %H:%M}"
