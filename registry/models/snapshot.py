"""A published list as it was on one day: the state register, or a list of names that others keep."""

from __future__ import annotations

import gzip
from typing import Self

from django.db import models
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from registry.dates import PartialDateField
from registry.models.source import Source

STATE_REGISTER = "state-register"  # the list whose entries are Listings; of every other list come only candidates


class SnapshotFile(models.Model):
    """The bytes as they came, packed. What came twice is kept once. Not public: it names what nobody may advertise."""

    sha256 = models.CharField(_("SHA-256"), max_length=64, unique=True)  # of the bytes before packing
    packed = models.BinaryField(_("packed bytes"))

    class Meta:
        verbose_name = _("file of a snapshot")
        verbose_name_plural = _("files of snapshots")

    def __str__(self) -> str:
        return self.sha256

    @property
    def data(self) -> bytes:
        return gzip.decompress(self.packed)


class SnapshotQuerySet(models.QuerySet["Snapshot"]):
    def of(self, list: str) -> Self:
        """Of one list, newest first."""
        return self.filter(list=list).order_by("-taken_on", "-pk")


class Snapshot(models.Model):
    """Each but the first follows another of its list, and none is followed twice: the history of a list is a line."""

    list = models.SlugField(_("list"), max_length=60)
    taken_on = PartialDateField(_("day of the list"))  # a whole day
    previous = models.OneToOneField(
        "self",
        verbose_name=_("previous snapshot"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="next",
    )
    source = models.ForeignKey(Source, verbose_name=_("source"), on_delete=models.PROTECT, related_name="snapshots")
    sha256 = models.CharField(_("SHA-256"), max_length=64)
    size = models.BigIntegerField(_("size in bytes"))  # bytes as they came
    file = models.ForeignKey(SnapshotFile, verbose_name=_("file"), on_delete=models.PROTECT, related_name="snapshots")
    read = models.IntegerField(_("rows read"))  # rows of the file
    added = models.IntegerField(pgettext_lazy("heading", "added"))
    removed = models.IntegerField(pgettext_lazy("heading", "removed"))
    changed = models.IntegerField(pgettext_lazy("heading", "changed"))
    unchanged = models.IntegerField(_("unchanged"))
    refused = models.IntegerField(_("refused"))  # rows that were left out
    recorded_at = models.DateTimeField(_("recorded at"))

    objects = SnapshotQuerySet.as_manager()

    class Meta:
        verbose_name = _("snapshot of a list")
        verbose_name_plural = _("snapshots of lists")
        ordering = ["-taken_on", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["list"], condition=models.Q(previous=None), name="snapshot_one_first_of_a_list"
            )
        ]

    def __str__(self) -> str:
        return f"{self.list} {self.taken_on}"

    def get_absolute_url(self) -> str:
        return reverse("state_register_snapshot", args=[self.pk])

    @property
    def entries(self) -> int:
        """How many entries the list had."""
        return self.added + self.changed + self.unchanged
