"""What the public sends in. No account, no address, no browser; the day, not the minute."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from checks.models import Network, Target
from registry.models.authority import Region
from registry.models.resource import Resource


class Report(models.Model):
    class State(models.TextChoices):
        NEW = "new", _("waiting for an editor")
        ACCEPTED = "accepted", _("accepted")
        REJECTED = "rejected", _("rejected")
        MERGED = "merged", _("joined with a known resource")

    # HMAC-SHA256; the code is not kept.
    receipt_hash = models.CharField(_("hash of the receipt code"), max_length=64, unique=True, editable=False)
    name = models.CharField(_("reported site"), max_length=2048)  # canonical URL
    note = models.TextField(_("note"), max_length=2000, blank=True, default="")
    network = models.ForeignKey(
        Network, null=True, blank=True, on_delete=models.SET_NULL, related_name="reports", verbose_name=_("network")
    )
    region = models.ForeignKey(
        Region, null=True, blank=True, on_delete=models.SET_NULL, related_name="reports", verbose_name=_("region")
    )
    received_on = models.DateField(_("day"))
    state = models.CharField(_("state"), max_length=8, choices=State, default=State.NEW)
    target = models.ForeignKey(Target, on_delete=models.PROTECT, related_name="reports", verbose_name=_("target"))
    resource = models.ForeignKey(
        Resource, null=True, blank=True, on_delete=models.SET_NULL, related_name="reports", verbose_name=_("resource")
    )

    class Meta:
        verbose_name = _("report")
        verbose_name_plural = _("reports")
        ordering = ["received_on", "id"]

    def __str__(self) -> str:
        return self.name


class Decision(models.Model):
    """What an editor did with a report, and why. Not public."""

    report = models.ForeignKey(Report, verbose_name=_("report"), on_delete=models.CASCADE, related_name="decisions")
    state = models.CharField(_("state"), max_length=8, choices=Report.State)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("by"), on_delete=models.PROTECT, related_name="decisions"
    )
    reason = models.TextField(_("reason"))
    at = models.DateTimeField(_("moment"), auto_now_add=True)

    class Meta:
        verbose_name = _("decision on a report")
        verbose_name_plural = _("decisions on reports")
        ordering = ["at"]

    def __str__(self) -> str:
        return f"{self.report}: {self.state}"
