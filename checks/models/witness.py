"""Measurements that a public state rests on, kept for ever."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from checks import packing
from checks.models.measurement import Measurement
from checks.models.network import Network
from checks.models.plan import Target
from checks.models.run import Run
from checks.models.vantage import Vantage


class Witness(models.Model):
    """A copy of a measurement that a cell or an episode names, or of a control of its verdict (`checks.witnesses`).

    Made before the month of the measurement is dropped, and never deleted.
    """

    id = models.UUIDField("ID", primary_key=True, editable=False)  # that of the measurement
    run = models.ForeignKey(Run, verbose_name=_("run"), on_delete=models.PROTECT, related_name="+")
    attempt = models.PositiveSmallIntegerField(_("attempt"))
    closing = models.BooleanField(_("counts for its run"))
    target = models.ForeignKey(Target, verbose_name=_("target"), on_delete=models.PROTECT, related_name="+")
    vantage = models.ForeignKey(Vantage, verbose_name=_("vantage"), on_delete=models.PROTECT, related_name="+")
    network = models.ForeignKey(Network, verbose_name=_("network"), on_delete=models.PROTECT, related_name="+")
    control = models.BooleanField(_("control"))
    started_at = models.DateTimeField(_("began"))
    recorded_at = models.DateTimeField(_("recorded at"))
    failure = models.CharField(_("failure"), max_length=200, blank=True, default="")
    imitated = models.BooleanField(_("imitated"))
    document = models.BinaryField(_("record of the visit"))  # as checks.packing keeps it

    COLUMNS = (
        "id",
        "run_id",
        "attempt",
        "closing",
        "target_id",
        "vantage_id",
        "network_id",
        "control",
        "started_at",
        "recorded_at",
        "failure",
        "imitated",
    )

    class Meta:
        verbose_name = _("witness")
        verbose_name_plural = _("witnesses")
        ordering = ["-id"]

    def __str__(self) -> str:
        return str(self.pk)

    @classmethod
    def of(cls, row: Measurement) -> Self:
        """Not saved yet."""
        same = {name: getattr(row, name) for name in cls.COLUMNS}
        return cls(**same, document=packing.pack(row.record))

    def as_measurement(self) -> Measurement:
        """As it was in its table, where it is no more."""
        return Measurement(**{name: getattr(self, name) for name in self.COLUMNS}, document=self.document)
