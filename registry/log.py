"""Appending to the log, inside the transaction of the change that it tells."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Any

from django.db import models, transaction
from django.db.models.functions import Cast, Concat
from django.utils import timezone
from django.utils.translation import gettext

from registry import discretion, veil
from registry.ledger.tree import canonical, commitment, leaf_hash
from registry.models import LogEntry, PrivatePart
from registry.veil import Veil

VERSION = 2
SALT_BYTES = 32

Fields = Mapping[str, Any]


class NoReason(ValueError):
    """A decision without a reason; the reason is what others will check it by."""


def says_nothing(text: str) -> bool:
    """It has no letter and no digit: spaces, dots, and signs that nobody sees, are no reason."""
    return not any(letter.isalnum() for letter in text)


def check_reason(reason: str) -> None:
    """Raises NoReason."""
    if says_nothing(reason):
        raise NoReason(gettext("Write the reason for this decision."))


@transaction.atomic
def append(
    operation: str,
    record: models.Model,
    *,
    after: Fields,
    before: Fields | None = None,
    reason: str,
    by: str,
    at: datetime | None = None,
    private: Collection[str] = (),
) -> LogEntry:
    """Log one change of one public record: what its fields became, what they were, why, and by whose key.

    Without `before` nothing was there. With it, a field that stayed as it was is not told. What may not be shown of
    the resources that the record is about, or of others that its words name, is told by the name of its field alone,
    and committed to; so is what the caller says is `private`.
    `by` is a pseudonymous key id ("editor-1", "pack:kz"): a name would make its bearer a target.
    """
    subject = subject_of(record)
    hour = (at or timezone.now()).replace(minute=0, second=0, microsecond=0)
    if before is not None:
        after = {name: value for name, value in after.items() if name not in before or before[name] != value}
        before = {name: value for name, value in before.items() if name in after}
    about = discretion.of_subjects([subject]).get(subject, ())
    parted = discretion.part(before or {}, after, reason, about, veil.read(), private)
    salt = secrets.token_bytes(SALT_BYTES)
    content = canonical(parted.kept)
    last = _last(record, subject)
    payload = canonical(
        {
            "v": VERSION,
            "at": hour.isoformat(),
            "operation": operation,
            "subject": subject,
            "before": parted.before,
            "after": parted.after,
            "withheld": parted.withheld,
            "private": commitment(salt, content).hex() if parted.kept else "",
            "reason": parted.reason,
            "by": by,
            "role": role_of(by),
            "previous": last.leaf if last else "",
        }
    )
    entry = LogEntry.objects.create(
        at=hour,
        operation=operation,
        subject=subject,
        role=role_of(by),
        payload=payload.decode(),
        leaf=leaf_hash(payload).hex(),
        previous=last.leaf if last else "",
    )
    if parted.kept:
        PrivatePart.objects.create(entry=entry, salt=salt.hex(), content=content.decode())
    return entry


def told(entries: Collection[LogEntry], withheld: Veil) -> Iterator[dict[str, Any]]:
    """Entries as anybody may read them. A payload that would give an address away is left out; its hash stays."""
    about = discretion.of_subjects(row.subject for row in entries)
    for row in entries:
        near = about.get(row.subject, ())
        secret = discretion.reveals(row.payload, near) or discretion.ties(row, near) or withheld.spells(row.payload)
        yield {"index": row.pk, "payload": None if secret else row.payload, "leaf": row.leaf}


def subject_of(record: models.Model) -> str:
    return f"{record._meta.model_name}/{record.pk}"


def subjects_of(rows: models.QuerySet[Any]) -> models.QuerySet[Any]:
    """The same of many, as a subquery."""
    name = models.Value(f"{rows.model._meta.model_name}/")
    return rows.order_by().values(subject=Concat(name, Cast("pk", models.CharField())))


def role_of(by: str) -> str:
    """What the bearer of a key is: editor, pack, import, operator."""
    return re.split("[-:]", by, maxsplit=1)[0]


def told_so_far(record: models.Model) -> dict[str, Any]:
    """The fields of a record as its entries left them, with what they do not show."""
    found: dict[str, Any] = {}
    for entry in LogEntry.objects.filter(subject=subject_of(record)).select_related("private_part").order_by("pk"):
        payload = json.loads(entry.payload)
        found |= payload["fields"] if payload["v"] == 1 else payload["after"]
        if hasattr(entry, "private_part"):
            found |= json.loads(entry.private_part.content).get("after", {})
    return found


def _last(record: models.Model, subject: str) -> LogEntry | None:
    """The record's last entry. Who logs a second change of it at the same time waits here."""
    list(type(record)._base_manager.select_for_update().filter(pk=record.pk).values_list("pk"))
    return LogEntry.objects.filter(subject=subject).order_by("-id").first()
