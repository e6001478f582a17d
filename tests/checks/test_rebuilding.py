"""Verdicts, cells and episodes are what measurements make them: lost or spoilt, one command builds the same again."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import duckdb
import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.db import models, transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from uuid_utils.compat import uuid7

from checks import archive, counting, intake, judging, partitions, rejudging, runs, vantages
from checks.models import Cell, Episode, Measurement, Plan, Recount, State, Verdict
from checks.probe.messages import Order
from checks.runs import Planned
from tests import make
from tests.checks.conftest import URL, Probe, visit

pytestmark = pytest.mark.django_db

START = datetime.fromisoformat("2026-01-05T00:00:00+00:00")
SECOND, MINUTE, HOUR, DAY = (timedelta(**{unit: 1}) for unit in ("seconds", "minutes", "hours", "days"))
SEEN = {"A": None, "B": "connection_reset", "N": "generic_timeout_error"}


@dataclass
class Register:
    """Two networks and two controls that take turns, and the batches that are on their way."""

    plan: Plan
    probes: dict[str, Probe]
    at: datetime = START
    late: list[tuple[Probe, Order, datetime, str | None]] = field(default_factory=list)

    def sweep(self, sees: dict[str, str], held: bool) -> None:
        """One network after the other, a few minutes apart: the second one's control is the nearer to the first."""
        target = self.plan.targets.get()
        for name in [name for name in ("first", "second") if name in self.probes]:
            planned = Planned(self.plan, self.at, 0, self.at, 0)
            runs.create(self.probes[name].vantage, [target], planned)
            self._work(sees, held=False)
            self.at += 4 * MINUTE
            self._work(sees, held)
            self.at += MINUTE

    def _work(self, sees: dict[str, str], held: bool) -> None:
        for vantage, order in runs.take(self.at):
            batch = (self.probes[vantage.name], order, self.at, SEEN[sees.get(vantage.name, "A")])
            if held:
                self.late.append(batch)
            else:
                self._bring_home(*batch)

    def arrive(self) -> None:
        for probe, *batch in self.late:
            if probe.vantage.name in self.probes:
                self._bring_home(probe, *batch)
        self.late.clear()

    def _bring_home(self, probe: Probe, order: Order, at: datetime, failure: str | None) -> None:
        measured = [visit(url, at=at, failure=failure) for url, _ in order.items]
        self.at += SECOND  # no two batches come in the same moment
        sealed = probe.sealed(order.run, *measured, attempt=order.attempt, sent=self.at)
        intake.receive(probe.vantage.name, sealed, at=self.at)

    def revoke(self, name: str) -> None:
        vantages.revoke(self.probes.pop(name).vantage, at=self.at)

    def settle(self) -> None:
        """All that beat does, and every cell counted up to this moment."""
        list(judging.leftovers(at=self.at))
        list(counting.recount(at=self.at))
        for network, target in Cell.objects.values_list("network", "target"):
            counting.refresh(network, {target: self.at}, at=self.at)


@pytest.fixture
def register(probe: Callable[..., Probe]) -> Register:
    plan = make.plan("hourly", HOUR)
    plan.targets.add(make.target(URL))
    access = {name: probe(name, asn) for name, asn in (("first", 64511), ("second", 64512))}
    controls = {name: probe(name, asn, "control") for name, asn in (("one", 64521), ("two", 64522))}
    return Register(plan, access | controls)


TABLES: tuple[type[models.Model], ...] = (Verdict, Cell, Episode)


def tables() -> list[list[str]]:
    """Every column of every row but the number that the database gave it."""
    return [sorted(repr({**row, "id": None}) for row in model._default_manager.values()) for model in TABLES]


def rebuild(at: datetime) -> int:
    """How many verdicts were put right."""
    written = sum(step.judged for step in rejudging.rebuild(since=None, at=at))
    list(counting.recount(at=at))
    assert not Recount.objects.exists()
    return written


def spoil(random: Random, at: datetime) -> None:
    """Of each table half of the rows are changed, and half of these and of the others are lost, or all."""
    wrong: dict[type[models.Model], dict[str, Any]] = {
        Verdict: {"verdict": "down", "mechanism": "tcp.timeout", "rule": "made_up", "at": START - DAY, "notes": ["?"]},
        Cell: {"state": State.DOWN, "counts": {}, "measured_at": at + 400 * DAY, "checkpoint": {"ruleset": "?"}},
        Episode: {"state": State.DOWN, "began_at": START - DAY, "checkpoint": None, "witnesses": []},
    }
    for model, values in wrong.items():
        rows = model._default_manager.order_by("pk")
        keys = list(rows.values_list("pk", flat=True))
        rows.filter(pk__in=random.sample(keys, len(keys) // 2)).update(**values)
        lost = keys if random.random() < 0.3 else random.sample(keys, len(keys) // 2)
        model._default_manager.filter(pk__in=lost).delete()


sweeps = st.lists(
    st.tuples(
        st.integers(1, 60),  # hours after the last
        st.fixed_dictionaries({"first": st.sampled_from("AABBBN"), "second": st.sampled_from("AAAB")}),
        st.booleans(),  # the probes' batches come home after the next
    ),
    min_size=3,
    max_size=9,
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sweeps, st.sampled_from([None, "two", "second"]), st.randoms(use_true_random=False))
def test_what_is_lost_or_spoilt_is_built_anew_as_it_was(register, found, revoked, random):
    with transaction.atomic():
        one = Register(register.plan, dict(register.probes))
        for number, (hours, sees, held) in enumerate(found):
            one.at += hours * HOUR
            one.sweep(sees, held)
            if not held:
                one.arrive()
            if revoked and number == len(found) // 2:
                one.revoke(revoked)
        one.arrive()
        one.settle()
        before = tables()
        assert all(before)
        assert rebuild(one.at) == 0  # what is right is left alone
        assert tables() == before
        spoil(random, one.at)
        rebuild(one.at)
        assert tables() == before
        transaction.set_rollback(True)


# --- the command


@pytest.fixture
def measured(register: Register) -> Register:
    """Four days of two networks, one of them cut off, until an hour ago."""
    register.at = timezone.now() - 4 * DAY
    for _ in range(12):
        register.sweep({"first": "B", "second": "A"}, held=False)
        register.at += 8 * HOUR - 10 * MINUTE
    register.settle()
    return register


def recount(*arguments: str) -> str:
    said = io.StringIO()
    call_command("recount", *arguments, stdout=said)
    return said.getvalue()


def states() -> list[tuple[int, str]]:
    return list(Cell.objects.order_by("network__asn").values_list("network__asn", "state"))


def test_one_command_builds_all_of_it(measured: Register) -> None:
    before, episodes = states(), Episode.objects.count()
    assert before == [(64511, State.LIKELY_BLOCKED), (64512, State.ACCESSIBLE)]
    number = Verdict.objects.count()
    for model in TABLES:
        model._default_manager.all().delete()
    assert recount("--from-measurements") == (
        f"{number} measurements gone through, {number} verdicts put right\n2 cells counted\n"
    )
    assert (states(), Episode.objects.count()) == (before, episodes)
    assert f"{number} measurements gone through, 0 verdicts put right" in recount("--from-measurements")


def test_stopped_anywhere_what_was_put_right_waits_to_be_counted(measured: Register, monkeypatch: Any) -> None:
    monkeypatch.setattr(rejudging, "BATCH", 5)
    before = states()
    number = Verdict.objects.count()
    Verdict.objects.update(verdict="down")
    Cell.objects.update(state=State.DOWN)
    steps = list(islice(rejudging.rebuild(since=None, at=measured.at), 2))
    assert [step.judged for step in steps] == [5, 5]
    assert Recount.objects.count() == 2
    assert f"{number - 10} verdicts put right" in recount("--from-measurements")
    assert states() == before


def test_what_nothing_can_come_to_any_more_stays(measured: Register) -> None:
    """Of a measurement that is nowhere, of a control that is gone, and of fingerprints of former times."""
    first, second, third = Verdict.objects.filter(verdict="blocked").order_by("at")[:3]
    Measurement.objects.filter(pk=first.measurement).delete()
    Measurement.objects.filter(pk__in=[UUID(control) for control in second.controls]).delete()
    Verdict.objects.filter(pk=third.pk).update(fingerprints="older", notes=["as it was found then"])
    before = tables()[0]
    recount("--from-measurements")
    assert tables()[0] == before


@pytest.fixture
def in_files(measured: Register, settings: LazySettings, tmp_path: Path) -> Register:
    settings.ARCHIVE = tmp_path
    for month in {partitions.month_of(pk) for pk in Measurement.objects.values_list("pk", flat=True)}:
        archive.move(month, at=measured.at)
    assert not Measurement.objects.exists()
    return measured


def test_verdicts_on_what_is_in_the_archive_are_put_right_too(in_files: Register, tmp_path: Path) -> None:
    before, number = tables(), Verdict.objects.count()
    assert rebuild(in_files.at) == 0
    spoilt = {"verdict": "down", "mechanism": "tcp.timeout", "rule": "made_up", "at": START, "notes": ["?"]}
    assert Verdict.objects.update(**spoilt) == number
    Cell.objects.all().delete()
    Episode.objects.all().delete()
    assert rebuild(in_files.at) == number
    assert tables() == before
    for file in tmp_path.glob("*.parquet"):
        other = file.with_suffix(".other")
        duckdb.execute(f"COPY (SELECT * REPLACE ('blocked' AS verdict) FROM '{file}') TO '{other}' (FORMAT parquet)")
        other.replace(file)
    with pytest.raises(CommandError, match=r"is damaged: its SHA-256 is not"):
        recount("--from-measurements")
    assert tables() == before
    for file in tmp_path.glob("*.parquet"):
        file.unlink()
    with pytest.raises(CommandError, match=r"cannot be read, see manage\.py archive --verify"):
        recount("--from-measurements")


def test_in_the_archive_a_verdict_is_built_beside_its_own_controls_or_not_at_all(in_files: Register) -> None:
    """Lost, but told by another ruleset; lost without a trace; and one whose control is in no file."""
    told, lost, alone = Verdict.objects.filter(verdict="blocked").order_by("at")[:3]
    was = [repr({**row, "id": None}) for row in Verdict.objects.filter(pk=told.pk).values()]
    Verdict.objects.filter(pk=told.pk).update(ruleset="2099-01")
    Verdict.objects.filter(pk=lost.pk).delete()
    Verdict.objects.filter(pk=alone.pk).update(verdict="down", controls=[str(uuid7())])
    assert rebuild(in_files.at) == 1
    there = Verdict.objects.filter(ruleset=told.ruleset)
    assert [repr({**row, "id": None}) for row in there.filter(measurement=told.measurement).values()] == was
    assert not there.filter(measurement=lost.measurement).exists()
    assert there.get(measurement=alone.measurement).verdict == "down"


def test_only_what_began_since_a_day_is_judged_anew(measured: Register) -> None:
    Verdict.objects.update(verdict="down")
    since = Verdict.objects.order_by("at")[10].at + DAY
    judged = Verdict.objects.filter(at__gte=since.replace(hour=0, minute=0, second=0, microsecond=0)).count()
    assert f"{judged} verdicts put right" in recount("--from-measurements", "--since", f"{since:%Y-%m-%d}")
    with pytest.raises(CommandError, match="--since goes with --from-measurements"):
        recount("--since", "2026-01-05")


def test_it_costs_no_more_queries_for_more_measurements(measured: Register, django_assert_max_num_queries: Any) -> None:
    with django_assert_max_num_queries(24):
        list(rejudging.rebuild(since=None, at=measured.at))
