"""What cannot be true together is told, and what only is not known is not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from registry import consistency
from registry.models import Act, Authority, FieldSource, Restriction
from tests import make

pytestmark = pytest.mark.django_db

TODAY = make.day("2026-11-27")


def told() -> list[str]:
    return [one.reason for one in consistency.doubts(on=TODAY)]


def restricted(*acts: Act, **fields: Any) -> Restriction:
    return make.restriction(make.resource(), *acts, **fields)


def fields_of(model: str, name: str) -> FieldSource:
    about = {"restriction": restricted, "act": make.act, "event": make.event}[model]()
    return FieldSource.objects.create(**{model: about}, field=name, source=make.source())


def chain(*, result: str = "", previous: dict[str, str] | None = None, **fields: Any) -> None:
    act = make.act(date="2018-05")
    before = make.appeal(act, **previous) if previous else None
    make.appeal(act, result=make.act(date=result) if result else None, previous=before, **fields)


def line(earlier: str, later: str) -> Authority:
    body = make.authority("later", valid_from=later)
    body.predecessors.add(make.authority("earlier", valid_from=earlier))
    return body


CONTRADICTIONS: list[tuple[Callable[[], Any], str]] = [
    (lambda: restricted(status="suspended", ended="2026-11-26"), "said to be suspended, and to have ended"),
    (lambda: restricted(status="appealed", ended="2026"), "said to be appealed, and to have ended on 2026"),
    (lambda: restricted(status="lifted", ended="2027-01"), "said to be lifted, and to end on 2027-01"),
    (lambda: restricted(status="lifted"), "said to be lifted, and nothing tells when it ended"),
    (lambda: restricted(status="expired"), "said to be expired, and nothing tells when it ended"),
    (lambda: restricted(status="in_force", began="2027"), "said to be in force, and to begin on 2027"),
    (lambda: restricted(make.act(date="2026-02"), began="2026-01"), "the first act that it rests on is of 2026-02"),
    (lambda: restricted(make.act(), kind="production"), "outside the law, and to rest on act-"),
    (lambda: restricted(conflicting=True), "the resource has no other restriction"),
    (
        lambda: restricted(began="", began_not_before="2020", ended="2019"),
        "ended is 2019, and began_not_before is 2020",
    ),
    (
        lambda: restricted(began="2019-05-09T20Z", ended="2019-05-09"),
        "ended is 2019-05-09, and began is 2019-05-09T20Z",
    ),
    (lambda: make.event(began="2022-01", ended="2021"), "ended is 2021, and began is 2022-01"),
    (lambda: make.authority(valid_from="2020", valid_to="2019-02"), "valid_to is 2019-02, and valid_from is 2020"),
    (lambda: make.deadline(valid_from="2020", valid_to="2019"), "valid_to is 2019, and valid_from is 2020"),
    (lambda: make.act(date="2026-11-28"), "date is 2026-11-28, which has not come"),
    (lambda: make.source(day="2027"), "date is 2027, which has not come"),
    (lambda: line("2020", "2019"), "it began on 2019, before its predecessor earlier"),
    (lambda: chain(decided="2018-04"), "it is of 2018-04, and challenges an act of 2018-05"),
    (lambda: chain(result="2018-04"), "what came of it is of 2018-04, before 2018-05"),
    (lambda: chain(filed="2019-02", result="2019-01"), "what came of it is of 2019-01, before 2019-02"),
    (lambda: chain(previous={"decided": "2020"}, decided="2019"), "decided on 2019, and the appeal before it on 2020"),
    (lambda: chain(previous={"filed": "2020-02"}, filed="2020-01"), "filed on 2020-01, and the appeal before it"),
    (lambda: fields_of("restriction", "beginning"), "no restriction has such a field"),
    (lambda: fields_of("act", "began"), "no act has such a field"),
    (
        lambda: make.request(None, ("sent", "2026-03"), ("answered", "2026-02")),
        "sent on 2026-03, and answered on 2026-02",
    ),
]


@pytest.mark.parametrize(("record", "reason"), CONTRADICTIONS, ids=[reason for _record, reason in CONTRADICTIONS])
def test_what_cannot_be_true_together_is_told(record: Callable[[], Any], reason: str) -> None:
    record()
    [found] = told()
    assert reason in found


@pytest.mark.parametrize(
    "record",
    [
        lambda: restricted(status="in_force", ended="2026-11-28"),
        lambda: restricted(status="unknown", ended="2019", began="2018"),
        lambda: restricted(status="lifted", ended_not_before="2020"),
        lambda: restricted(began="2019", ended="2019-05"),
        lambda: restricted(began="2019-05-09T20Z", ended="2019-05-10"),
        lambda: restricted(make.act(date="2026-02"), began="2026"),
        lambda: restricted(make.act(date="2026-02"), make.act(date="2025"), began="2026-01"),
        lambda: restricted(make.act(date="2026-02"), make.act(date=""), began="2026-01"),
        lambda: restricted(make.act(date="2026-02"), began=""),
        lambda: [restricted(), restricted(conflicting=True)],
        lambda: make.act(date="2026-11-27"),
        lambda: make.act(date="2026"),
        lambda: line("2019", "2019-05"),
        lambda: chain(filed="2018", decided="2018", result="2018"),
        lambda: chain(previous={"filed": "2018-06", "decided": "2018-09"}, filed="2018-09", decided=""),
        lambda: fields_of("event", "intervals"),
        lambda: make.request(None, ("sent", "2026-03-02"), ("answered", "2026-03")),
    ],
)
def test_what_may_be_true_together_is_not_told(record: Callable[[], Any]) -> None:
    record()
    assert told() == []


def test_an_appeal_that_challenges_neither_the_act_nor_what_came_of_it_is_told() -> None:
    act, result = make.act(date="2018"), make.act(date="2019")
    first = make.appeal(act, result=result)
    make.appeal(result, previous=first)
    make.appeal(act, previous=first)
    assert told() == []
    make.appeal(make.act(date="2018"), previous=first)
    assert told() == [f"it challenges neither what {first.key} challenged nor what came of that"]


def test_predecessors_in_a_circle_are_told() -> None:
    body = line("", "")
    body.predecessors.get().predecessors.add(body)
    assert told() == ["its predecessors go round in a circle"] * 2
