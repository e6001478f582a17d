"""Every change of a public record, in the order it was made. The database refuses to change a row."""

from __future__ import annotations

import re

from django.db import models
from django.utils.translation import gettext_lazy as _

# How the log names a record.
SUBJECT = re.compile(r"[a-z]{1,40}/[0-9]{1,18}")


class LogEntry(models.Model):
    """One leaf of the log: `payload` is canonical JSON (RFC 8785), `leaf` its RFC 6962 leaf hash."""

    at = models.DateTimeField(_("moment"))  # rounded to the hour: an editor's minute is nobody's business
    operation = models.CharField(_("operation"), max_length=40)
    subject = models.CharField(_("record"), max_length=80, db_index=True)  # "restriction/12"
    role = models.CharField(_("hand"), max_length=40, null=True)  # noqa: DJ001 (version 1 tells only the key)
    payload = models.TextField(_("content"))
    leaf = models.CharField(_("leaf hash"), max_length=64, unique=True)
    # The leaf of the record's entry before it, "" for the first. NULL: of version 1, which has it in the payload only.
    previous = models.CharField(_("entry before"), max_length=64, null=True)  # noqa: DJ001 (many have none)

    class Meta:
        verbose_name = _("log entry")
        verbose_name_plural = _("log entries")
        ordering = ["id"]
        indexes = [
            models.Index(fields=["operation", "id"], name="log_operation"),
            models.Index(fields=["role", "id"], name="log_role"),
            models.Index(fields=["at"], name="log_hour"),
        ]
        constraints = [
            models.UniqueConstraint(
                name="log_of_a_record_has_no_fork",
                fields=["subject", "previous"],
                condition=models.Q(previous__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return f"{self.pk} {self.operation} {self.subject}"


class PrivatePart(models.Model):
    """What an entry commits to and does not show. It can be erased, and the log still verifies."""

    entry = models.OneToOneField(
        LogEntry, on_delete=models.PROTECT, related_name="private_part", verbose_name=_("log entry")
    )
    salt = models.CharField(_("salt"), max_length=64)  # 32 random bytes, hexadecimal
    content = models.TextField(_("content"))  # canonical JSON: {"before": {…}, "after": {…}, "reason": "…"}

    class Meta:
        verbose_name = _("private part of a log entry")
        verbose_name_plural = _("private parts of log entries")

    def __str__(self) -> str:
        return f"{self.entry_id}"
