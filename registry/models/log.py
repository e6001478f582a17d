"""Every change of a public record, in the order it was made. The database refuses to change a row."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class LogEntry(models.Model):
    """One leaf of the log: `payload` is canonical JSON (RFC 8785), `leaf` its RFC 6962 leaf hash."""

    at = models.DateTimeField(_("moment"))  # rounded to the hour: an editor's minute is nobody's business
    operation = models.CharField(_("operation"), max_length=40)
    subject = models.CharField(_("record"), max_length=80, db_index=True)  # "restriction/12"
    payload = models.TextField(_("content"))
    leaf = models.CharField(_("leaf hash"), max_length=64, unique=True)

    class Meta:
        verbose_name = _("log entry")
        verbose_name_plural = _("log entries")
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.pk} {self.operation} {self.subject}"
