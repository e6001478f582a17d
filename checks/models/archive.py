"""Months of measurements that are in a file."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.utils.translation import gettext_lazy as _


class ArchiveQuerySet(models.QuerySet["Archive"]):
    def gone(self) -> Self:
        """Months that the database has let go: the file is all that there is of them, beside the witnesses."""
        return self.filter(dropped_at__isnull=False)


class Archive(models.Model):
    """A month of measurements in a Parquet file (`checks.archive`), proved by reading it back."""

    month = models.DateField(_("month"), unique=True)  # its first day, UTC
    file = models.CharField(_("file"), max_length=100)  # its name in the folder of the archive
    rows = models.PositiveBigIntegerField(_("measurements"))
    bytes = models.PositiveBigIntegerField(_("size in bytes"))
    sha256 = models.CharField(_("SHA-256"), max_length=64)  # of the file
    proof = models.CharField(_("SHA-256 of its rows"), max_length=64)  # as docs/data.md says, from whatever holds them
    written_at = models.DateTimeField(_("written"))
    dropped_at = models.DateTimeField(_("dropped from the database"), null=True, blank=True)

    objects = ArchiveQuerySet.as_manager()

    class Meta:
        verbose_name = _("archive")
        verbose_name_plural = _("archives")
        ordering = ["-month"]

    def __str__(self) -> str:
        return f"{self.month:%Y-%m}"
