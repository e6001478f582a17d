"""What one visit saw. Facts only."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

from django.db import models
from django.db.models import Q
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _
from uuid_utils.compat import uuid7

from checks import packing
from checks.engine.records import Measurement as Record
from checks.models.network import Network
from checks.models.plan import Target
from checks.models.run import Run
from checks.models.vantage import Vantage
from checks.verdict.facts import UNKNOWN, Setting


class Certificate(models.Model):
    """As a site sent it. The records of visits name it by its SHA-256; it stays for ever."""

    sha256 = models.CharField("SHA-256", primary_key=True, max_length=64, editable=False)
    der = models.BinaryField(_("certificate"))  # DER

    class Meta:
        verbose_name = _("certificate")
        verbose_name_plural = _("certificates")

    def __str__(self) -> str:
        return self.sha256


class MeasurementQuerySet(models.QuerySet["Measurement"]):
    def published(self) -> Self:
        """Without those of first checks."""
        return self.filter(run__round__plan__isnull=False)


class Measurement(models.Model):
    """One visit as one vantage saw it. Facts only; the document holds the whole record.

    The time-ordered id is also the partition key (`checks.partitions`); nothing points here with a foreign key.
    """

    id = models.UUIDField("ID", primary_key=True, default=uuid7, editable=False)
    # Without constraints of the database: a month of measurements goes without a lock on the tables of these.
    run = models.ForeignKey(
        Run, verbose_name=_("run"), on_delete=models.PROTECT, related_name="measurements", db_constraint=False
    )
    attempt = models.PositiveSmallIntegerField(_("attempt"))
    # The one of its run and target that counts; a late result of an older attempt is one more measurement.
    closing = models.BooleanField(_("counts for its run"), default=True)
    target = models.ForeignKey(
        Target, verbose_name=_("target"), on_delete=models.PROTECT, related_name="measurements", db_constraint=False
    )
    vantage = models.ForeignKey(
        Vantage, verbose_name=_("vantage"), on_delete=models.PROTECT, related_name="measurements", db_constraint=False
    )
    network = models.ForeignKey(
        Network, verbose_name=_("network"), on_delete=models.PROTECT, related_name="measurements", db_constraint=False
    )
    control = models.BooleanField(_("control"))
    started_at = models.DateTimeField(_("began"))
    recorded_at = models.DateTimeField(_("recorded at"), auto_now_add=True)
    failure = models.CharField(_("failure"), max_length=200, blank=True, default="")
    imitated = models.BooleanField(_("imitated"))
    document = models.BinaryField(_("record of the visit"))  # as checks.packing keeps it
    # Of an imported one, where it is from and what was known beside its records (checks.formats.ooni.Origin).
    origin = models.JSONField(_("where it is imported from"), null=True, blank=True)

    objects = MeasurementQuerySet.as_manager()

    class Meta:
        verbose_name = _("measurement")
        verbose_name_plural = _("measurements")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["run", "target", "attempt"],
                condition=Q(origin__isnull=True),
                name="measurement_once_an_attempt",
            ),
            models.UniqueConstraint(
                fields=["run", "target"], condition=Q(origin__isnull=True, closing=True), name="measurement_one_closes"
            ),
        ]
        indexes = [
            models.Index(fields=["target", "network", "-started_at"]),
            models.Index(fields=["target", "started_at"], name="measurement_controls", condition=Q(control=True)),
        ]

    def __str__(self) -> str:
        return str(self.pk)

    @cached_property
    def record(self) -> Record:
        """Without the bytes of its certificates, on which no verdict rests."""
        return packing.unpack(bytes(self.document))

    @cached_property
    def whole(self) -> Record:
        """The record with its certificates. For many rows: `complete` them."""
        return packing.whole(self.record, _certificates([self]))

    @property
    def own_control(self) -> str | None:
        """The id of the one control that an imported measurement came with, if any. It is paired with no other."""
        return self.origin.get("control") if self.origin else None

    @property
    def setting(self) -> Setting:
        """What was known beside the records; of our own measurements nothing is."""
        return Setting(**self.origin["setting"]) if self.origin else UNKNOWN

    @staticmethod
    def complete(rows: Iterable[Measurement]) -> None:
        """Have `whole` of each at hand, with one query."""
        rows = list(rows)
        known = _certificates(rows)
        for row in rows:
            row.whole = packing.whole(row.record, known)


def _certificates(rows: Iterable[Measurement]) -> dict[str, bytes]:
    chains = (handshake.chain for row in rows for handshake in row.record.handshakes)
    asked = {one.sha256 for chain in chains for one in chain if not one.der}
    return {one.sha256: bytes(one.der) for one in Certificate.objects.filter(pk__in=asked)} if asked else {}
