"""What in the record cannot be true together. It is told to editors; nothing is mended by itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from django.db import models

from registry.dates import has_come
from registry.models import Act, ActRole, Appeal, Authority, Event, Notice, Restriction, RestrictionRole, Statement


@dataclass(frozen=True)
class Doubt:
    record: str  # as the log names it: act/12
    name: str
    reason: str

    def __str__(self) -> str:
        return f"{self.record} ({self.name}): {self.reason}"


def doubts(*, on: date) -> Iterator[Doubt]:
    """Bodies that had another name by then, appeals that come before what they challenge, ends that have come."""
    yield from _bodies_of_another_time()
    yield from _appeals_out_of_order()
    for row in Restriction.objects.filter(withdrawn="", status=Restriction.Status.IN_FORCE).exclude(ended=""):
        if has_come(row.ended, on):
            yield _doubt(row, str(row.pk), f"it is said to be in force, and to have ended on {row.ended}")


def _bodies_of_another_time() -> Iterator[Doubt]:
    lineage = Authority.objects.lineage()
    for row, body, day in _deeds():
        known = lineage.bodies[body]
        if day and not known.existed(day):
            then = ", ".join(one.code for one in lineage.on(known, day)) or "nobody is known"
            name = str(getattr(row, "key", row.pk))
            yield _doubt(row, name, f"{known.code} did not exist on {day}; the body of that time: {then}")


def _deeds() -> Iterator[tuple[models.Model, int, str]]:
    """Whoever is said to have done something, and when."""
    for act_role in ActRole.objects.filter(act__withdrawn="").select_related("act"):
        yield act_role.act, act_role.authority_id, act_role.act.date
    for role in RestrictionRole.objects.filter(restriction__withdrawn="").select_related("restriction"):
        yield role.restriction, role.authority_id, role.restriction.began
    for statement in Statement.objects.filter(withdrawn="").exclude(authority=None):
        yield statement, statement.authority_id or 0, statement.date
    for notice in Notice.objects.standing().exclude(authority=None):
        yield notice, notice.authority_id or 0, notice.date
    for appeal in Appeal.objects.filter(withdrawn="").exclude(body=None):
        yield appeal, appeal.body_id or 0, appeal.when
    for link in Event.authorities.through.objects.filter(event__withdrawn="").select_related("event"):
        yield link.event, link.authority_id, link.event.began


def _appeals_out_of_order() -> Iterator[Doubt]:
    rows = {row.pk: row for row in Appeal.objects.select_related("act", "result")}
    for row in rows.values():
        if row.withdrawn or row.act.withdrawn:
            continue
        if _before(row.decided or row.filed, row.act):
            yield _doubt(row, row.key, f"it is of {row.decided or row.filed}, and challenges an act of {row.act.date}")
        seen, at = {row.pk}, row.previous_id
        while at is not None and at not in seen:
            seen.add(at)
            at = rows[at].previous_id
        if at is not None:
            yield _doubt(row, row.key, "the appeals before it go round in a circle")


def _before(day: str, act: Act) -> bool:
    return bool(day and act.date) and day < act.date and not act.date.startswith(day)


def _doubt(row: models.Model, name: str, reason: str) -> Doubt:
    return Doubt(f"{row._meta.model_name}/{row.pk}", name, reason)
