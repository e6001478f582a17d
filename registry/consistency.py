"""What in the record cannot be true together. It is told to editors; nothing is mended by itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Exists, OuterRef

from registry.dates import first_day, has_come, is_before
from registry.models import (
    Act,
    ActRole,
    Appeal,
    Authority,
    Deadline,
    Event,
    FieldSource,
    InformationRequest,
    Notice,
    Restriction,
    RestrictionRole,
    Source,
    Statement,
)
from registry.models.field_source import check_field
from registry.models.request import RequestStep

# What begins and ends. The database refuses most of it; not what only the country's time or a bound gives away.
SPANS: tuple[tuple[type[models.Model], str, str], ...] = (
    (Restriction, "began", "ended"),
    (Restriction, "began_not_before", "ended"),
    (Event, "began", "ended"),
    (Notice, "date", "ended"),
    (Authority, "valid_from", "valid_to"),
    (Deadline, "valid_from", "valid_to"),
)
# What is told of as having happened.
PAST: tuple[tuple[type[models.Model], str], ...] = (
    (Act, "date"),
    (Appeal, "filed"),
    (Appeal, "decided"),
    (Event, "began"),
    (Notice, "date"),
    (Statement, "date"),
    (Source, "date"),
    (RequestStep, "date"),
)
_Status = Restriction.Status


@dataclass(frozen=True)
class Doubt:
    record: str  # as the log names it: act/12
    name: str
    reason: str

    def __str__(self) -> str:
        return f"{self.record} ({self.name}): {self.reason}"


def doubts(*, on: date) -> Iterator[Doubt]:
    """Pairs of rows, or of fields of one, of which one must be wrong."""
    yield from _bodies_of_another_time()
    yield from _bodies_out_of_order()
    yield from _ends_before_beginnings()
    yield from _days_to_come(on)
    yield from _restrictions_that_are_over_and_are_not(on)
    yield from _restrictions_and_their_acts()
    yield from _conflicts_with_nothing()
    yield from _appeals_out_of_order()
    yield from _requests_out_of_order()
    yield from _fields_that_no_table_has()


def _bodies_of_another_time() -> Iterator[Doubt]:
    lineage = Authority.objects.lineage()
    for row, body, day in _deeds():
        known = lineage.bodies[body]
        if day and not known.existed(day):
            then = ", ".join(one.code for one in lineage.on(known, day)) or "nobody is known"
            yield _doubt(row, f"{known.code} did not exist on {day}; the body of that time: {then}")


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


def _bodies_out_of_order() -> Iterator[Doubt]:
    lineage = Authority.objects.lineage()
    for row in lineage.bodies.values():
        for earlier in (lineage.bodies[pk] for pk in lineage.before.get(row.pk, ())):
            if is_before(row.valid_from, earlier.valid_from):
                yield _doubt(row, f"it began on {row.valid_from}, before its predecessor {earlier.code}")
        if row.pk in lineage.above([row.pk]):
            yield _doubt(row, "its predecessors go round in a circle")


def _ends_before_beginnings() -> Iterator[Doubt]:
    for model, began, ended in SPANS:
        for row in _standing(model).exclude(**{began: ""}).exclude(**{ended: ""}):
            first, last = getattr(row, began), getattr(row, ended)
            if is_before(last, first):
                yield _doubt(row, f"{ended} is {last}, and {began} is {first}")


def _days_to_come(on: date) -> Iterator[Doubt]:
    for model, column in PAST:
        for row in _standing(model).filter(**{f"{column}__gt": on.isoformat()}):
            if first_day(getattr(row, column)) > on:
                yield _doubt(row, f"{column} is {getattr(row, column)}, which has not come")


def _restrictions_that_are_over_and_are_not(on: date) -> Iterator[Doubt]:
    for row in _standing(Restriction).exclude(status=_Status.UNKNOWN):
        over = row.status in (_Status.LIFTED, _Status.EXPIRED)
        if not over and has_come(row.ended, on):
            yield _doubt(row, f"it is said to be {_said(row)}, and to have ended on {row.ended}")
        elif over and row.ended and not has_come(row.ended, on):
            yield _doubt(row, f"it is said to be {_said(row)}, and to end on {row.ended}")
        elif over and not row.ended and not row.ended_not_before:
            yield _doubt(row, f"it is said to be {_said(row)}, and nothing tells when it ended")
        elif row.status == _Status.IN_FORCE and row.began and first_day(row.began) > on:
            yield _doubt(row, f"it is said to be in force, and to begin on {row.began}")


def _said(row: Restriction) -> str:
    return row.status.replace("_", " ")


def _restrictions_and_their_acts() -> Iterator[Doubt]:
    for row in _standing(Restriction).filter(acts__withdrawn="").prefetch_related("acts").distinct():
        acts = [act for act in row.acts.all() if not act.withdrawn]
        if row.kind == Restriction.Kind.PRODUCTION:
            yield _doubt(row, f"it is said to be outside the law, and to rest on {acts[0].key}")
        # One that is earlier, or of no known date, may have begun it.
        if row.began and all(is_before(row.began, act.date) for act in acts):
            first = min(acts, key=lambda act: first_day(act.date))
            yield _doubt(row, f"it began on {row.began}, and the first act that it rests on is of {first.date}")


def _conflicts_with_nothing() -> Iterator[Doubt]:
    others = _standing(Restriction).filter(resource=OuterRef("resource")).exclude(pk=OuterRef("pk"))
    for row in _standing(Restriction).filter(conflicting=True).exclude(Exists(others)):
        yield _doubt(row, "another is said to tell it differently, and the resource has no other restriction")


def _appeals_out_of_order() -> Iterator[Doubt]:
    rows = {row.pk: row for row in Appeal.objects.select_related("act", "result")}
    for row in rows.values():
        if row.withdrawn or row.act.withdrawn:
            continue
        if is_before(row.decided or row.filed, row.act.date):
            yield _doubt(row, f"it is of {row.decided or row.filed}, and challenges an act of {row.act.date}")
        if row.its_result and is_before(row.its_result.date, row.filed or row.act.date):
            yield _doubt(row, f"what came of it is of {row.its_result.date}, before {row.filed or row.act.date}")
        if row.previous_id and not rows[row.previous_id].withdrawn:
            yield from _after(row, rows[row.previous_id])
        seen, at = {row.pk}, row.previous_id
        while at is not None and at not in seen:
            seen.add(at)
            at = rows[at].previous_id
        if at is not None:
            yield _doubt(row, "the appeals before it go round in a circle")


def _after(row: Appeal, previous: Appeal) -> Iterator[Doubt]:
    for column in ("filed", "decided"):
        if is_before(getattr(row, column), getattr(previous, column)):
            days = f"{getattr(row, column)}, and the appeal before it on {getattr(previous, column)}"
            yield _doubt(row, f"it was {column} on {days}")
    if previous.result_id and row.act_id not in (previous.act_id, previous.result_id):
        yield _doubt(row, f"it challenges neither what {previous.key} challenged nor what came of that")


def _requests_out_of_order() -> Iterator[Doubt]:
    """Whatever happens to a request happens after it is sent."""
    for row in _standing(InformationRequest).prefetch_related("steps"):
        steps = [step for step in row.steps.all() if step.kind != RequestStep.Kind.DRAFTED]
        sent = next((step.date for step in steps if step.kind == RequestStep.Kind.SENT and step.date), "")
        for step in steps:
            if is_before(step.date, sent):
                yield _doubt(row, f"it was sent on {sent}, and {step.kind} on {step.date}")


def _fields_that_no_table_has() -> Iterator[Doubt]:
    for row in FieldSource.objects.all():
        about = next(name for name in FieldSource.ABOUT if getattr(row, f"{name}_id"))
        model: Any = FieldSource._meta.get_field(about).related_model
        try:
            check_field(model, row.field)
        except ValidationError:
            yield _doubt(row, f"it is a source of {row.field!r}, and no {about} has such a field")


def _standing(model: type[models.Model]) -> models.QuerySet[Any]:
    """Of what was withdrawn nothing is said, so nothing contradicts it."""
    rows = model._default_manager.all()
    return rows.filter(withdrawn="") if hasattr(model, "withdrawn") else rows


def _doubt(row: models.Model, reason: str) -> Doubt:
    name = getattr(row, "key", None) or getattr(row, "code", None) or row.pk
    return Doubt(f"{row._meta.model_name}/{row.pk}", str(name), reason)
