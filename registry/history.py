"""What entries of the log may tell today: of an old one no more than it would be told if it were written now."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db.models import Model, QuerySet

from registry import discretion, log
from registry.models import ActRole, FieldSource, LogEntry, RequestStep, Resource, RestrictionRole
from registry.veil import Veil

# What is logged by itself, and is yet a part of another record: its table and the foreign key that says of which.
_PARTS: Mapping[str, tuple[tuple[type[Model], str], ...]] = {
    "restriction": ((RestrictionRole, "restriction"), (FieldSource, "restriction")),
    "act": ((ActRole, "act"), (FieldSource, "act")),
    "event": ((FieldSource, "event"),),
    "informationrequest": ((RequestStep, "request"),),
}


@dataclass(frozen=True)
class Entry:
    """One entry. `before` is None where the entry does not say what was there (version 1)."""

    index: int
    at: datetime
    operation: str
    model: str
    pk: int
    before: dict[str, Any] | None
    after: dict[str, Any]
    withheld: tuple[str, ...]
    reason: str
    by: str
    role: str
    leaf: str
    previous: str
    about: tuple[Resource, ...]  # not shown in full: whatever else is said of the entry must not name them

    @property
    def subject(self) -> str:
        return f"{self.model}/{self.pk}"

    @property
    def was_there(self) -> bool:
        """Does it tell what was there before?"""
        return bool(self.before)


def read(rows: Collection[LogEntry], withheld: Veil) -> list[Entry]:
    about = discretion.of_subjects(row.subject for row in rows)
    return [entry(row, about.get(row.subject, ()), withheld) for row in rows]


def entry(row: LogEntry, about: Collection[Resource], withheld: Veil) -> Entry:
    """`about` are the resources not shown in full that the record is about."""
    payload = json.loads(row.payload)
    first = payload["v"] == 1
    after = payload["fields"] if first else payload["after"]
    told = discretion.part({} if first else payload["before"], after, payload["reason"], about, withheld)
    model, _slash, pk = row.subject.partition("/")
    return Entry(
        index=row.pk,
        at=row.at,
        operation=row.operation,
        model=model,
        pk=int(pk),
        before=None if first else told.before,
        after=told.after,
        withheld=tuple(sorted({*payload.get("withheld", ()), *told.withheld})),
        reason=told.reason,
        by=payload["by"],
        role=payload.get("role", log.role_of(payload["by"])),
        leaf=row.leaf,
        previous=payload["previous"],
        about=tuple(about),
    )


def compared(entries: Iterable[Entry]) -> list[Entry]:
    """The same, those of version 1 compared with what stood in the entries of their record before them."""
    known: dict[str, dict[str, Any]] = {}
    found = []
    for one in entries:
        so_far = known.setdefault(one.subject, {})
        if one.before is None:
            after = {name: value for name, value in one.after.items() if so_far.get(name, "") != value}
            before = {name: so_far[name] for name in after if name in so_far}
            so_far |= one.after
            found.append(replace(one, before=before, after=after))
        else:
            so_far |= one.after
            found.append(one)
    return found


def of_record(model: str, pk: int, former: Iterable[int] = ()) -> QuerySet[LogEntry]:
    """Every entry of a record, with its parts and, of a resource, with those that were merged into it."""
    subjects = [f"{model}/{pk}", *(f"resource/{number}" for number in former)]
    rows = LogEntry.objects.filter(subject__in=subjects)
    for part, key in _PARTS.get(model, ()):
        own = part._default_manager.filter(**{key: pk})
        rows |= LogEntry.objects.filter(subject__in=log.subjects_of(own))
    return rows.order_by("pk")
