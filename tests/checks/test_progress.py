"""How far the sweeps are: the numbers, and the command that tells them."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command

from checks import progress
from checks.models import Plan, Round, Run, Vantage
from checks.progress import Progress
from tests import make

pytestmark = pytest.mark.django_db

AT = make.AT
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
State = Run.State


@pytest.fixture
def place() -> Vantage:
    return make.vantage(name="astana-1")


def a_run(by: Vantage, state: str, *, ago: timedelta = HOUR, plan: Plan | None = None, **fields: Any) -> Run:
    run = make.run(by, state=state, **{"due_at": AT - ago, **fields})
    Round.objects.filter(pk=run.round_id).update(slot=AT - ago - run.pk * timedelta(microseconds=1))
    if plan:
        Round.objects.filter(pk=run.round_id).update(plan=plan)
    return run


def test_each_run_stands_where_it_is(place: Vantage) -> None:
    a_run(place, State.PLANNED, due_at=AT + HOUR)
    a_run(place, State.PLANNED, ago=3 * HOUR)
    a_run(place, State.WAITING)
    a_run(place, State.READY)
    a_run(place, State.READY, ago=5 * HOUR, lease_until=AT - MINUTE)
    a_run(place, State.READY, lease_until=AT + MINUTE)
    a_run(place, State.RECORDED)
    a_run(place, State.FAILED)
    assert progress.of(at=AT) == [
        Progress(
            "daily", "astana-1", planned=2, waiting=1, ready=2, at_work=1, recorded=1, failed=1, overdue=4,
            oldest=AT - 5 * HOUR,
        )
    ]  # fmt: skip


def test_of_what_ended_the_last_period_counts_and_of_what_is_open_all(place: Vantage) -> None:
    hourly = make.plan("hourly", HOUR)
    a_run(place, State.RECORDED, ago=2 * HOUR, plan=hourly)
    assert progress.of(at=AT) == []
    a_run(place, State.RECORDED, ago=30 * MINUTE, plan=hourly)
    a_run(place, State.PLANNED, ago=9 * HOUR, plan=hourly)
    assert [(one.recorded, one.planned, one.overdue) for one in progress.of(at=AT)] == [(1, 1, 1)]


def test_of_first_checks_no_time_is_told_and_of_imports_nothing(place: Vantage) -> None:
    run = a_run(place, State.READY)
    Round.objects.filter(pk=run.round_id).update(plan=None)
    imported = make.vantage(name="ooni-as9198", source="ooni", state="imported", public_key=None)
    a_run(imported, State.RECORDED)
    assert [(one.plan, one.vantage, one.overdue, one.oldest) for one in progress.of(at=AT)] == [
        ("", "astana-1", 1, None)
    ]


def test_it_takes_two_queries_whatever_there_is(django_assert_num_queries: Any) -> None:
    for number in range(9):
        a_run(make.vantage(), State.READY, plan=make.plan(f"plan-{number}"))
    with django_assert_num_queries(2):
        assert len(progress.of(at=AT)) == 9


def told(*options: str) -> str:
    out = StringIO()
    call_command("runs", *options, stdout=out)
    return out.getvalue()


def test_the_command_tells_a_table_once(place: Vantage) -> None:
    make.run(place, state=State.READY, due_at=AT)
    _moment, headings, row = told().splitlines()
    assert headings.split() == ["plan", "vantage", *headings.split()[2:]]
    assert row.split()[:9] == ["daily", "astana-1", "0", "0", "1", "0", "0", "0", "1"]
    assert row.split()[9:] == ["2026-03-01", "17:00"]
    assert len(headings) == len(row)


def test_the_command_tells_programs_too(place: Vantage) -> None:
    run = make.run(place, state=State.READY)
    [one] = json.loads(told("--json"))["runs"]
    assert (one["plan"], one["vantage"], one["ready"], one["oldest"]) == (
        "daily", "astana-1", 1, run.due_at.isoformat(),
    )  # fmt: skip


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def test_watched_it_is_told_anew_until_ctrl_c(place: Vantage, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        make.run(place, state=State.READY)
        if len(waits) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", wait)
    out = Terminal()
    call_command("runs", "--watch", stdout=out)
    screens = out.getvalue().split("\x1b[H\x1b[2J")[1:]
    assert waits == [1.0, 1.0, 1.0]
    assert [len(screen.splitlines()) for screen in screens] == [2, 3, 3]
    assert screens[2].splitlines()[2].split()[4] == "2"
