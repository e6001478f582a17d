"""Appending to the log, inside the transaction of the change that it tells."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext

from registry.ledger.tree import canonical, leaf_hash
from registry.models import LogEntry


class NoReason(ValueError):
    """A decision without a reason; the reason is what others will check it by."""


def check_reason(reason: str) -> None:
    """Raises NoReason."""
    if not reason.strip():
        raise NoReason(gettext("Write the reason for this decision."))


@transaction.atomic
def append(
    operation: str, record: models.Model, *, fields: dict[str, Any], reason: str, by: str, at: datetime | None = None
) -> LogEntry:
    """Log one change of one public record: which fields it now has, why, and by whose key.

    `by` is a pseudonymous key id ("editor-1", "pack:kz"): a name would make its bearer a target.
    """
    subject = f"{record._meta.model_name}/{record.pk}"
    hour = (at or timezone.now()).replace(minute=0, second=0, microsecond=0)
    last = LogEntry.objects.filter(subject=subject).order_by("-id").first()
    payload = canonical(
        {
            "v": 1,
            "at": hour.isoformat(),
            "operation": operation,
            "subject": subject,
            "fields": fields,
            "reason": reason,
            "by": by,
            "previous": last.leaf if last else "",
        }
    )
    return LogEntry.objects.create(
        at=hour,
        operation=operation,
        subject=subject,
        payload=payload.decode(),
        leaf=leaf_hash(payload).hex(),
    )
