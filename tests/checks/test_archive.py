"""Months that leave the database: nothing is dropped before it is proved, and nothing is lost wherever it is killed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import duckdb
import psycopg
import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.db import connection

from checks import archive, archived, judging, parking, partitions, planning, witnesses
from checks.engine.records import Measurement as Record
from checks.models import Archive, Measurement, Parked, Plan, Round, Run, Verdict, Witness
from tests import make
from tests.checks.conftest import AT, URL, Probe, id_at, visit
from tests.checks.test_runs import refusal, taken

pytestmark = pytest.mark.django_db

ROOT = Path(__file__).resolve().parents[2]
MONTH = date(2026, 5, 1)
THEN = datetime(2026, 5, 17, 12, tzinfo=UTC)
ENDED = ["connection_reset", None, "generic_timeout_error"]


@pytest.fixture(autouse=True)
def folder(settings: LazySettings, tmp_path: Path) -> Path:
    settings.ARCHIVE = tmp_path / "archive"
    return tmp_path / "archive"


@pytest.fixture
def month() -> list[Measurement]:
    return [a_pair(THEN + timedelta(hours=number), ENDED[number % 3])[0] for number in range(6)]


def a_pair(at: datetime, failure: str | None = None) -> tuple[Measurement, Measurement]:
    """A measurement with its control, a verdict and all."""
    probe, control = make.run(), make.run(make.vantage(make.network(64496, watched=False), role="control"))
    rows = []
    for run, moment, ended in ((control, at - timedelta(seconds=5), None), (probe, at, failure)):
        record = replace(visit(URL, at=moment, failure=ended), id=str(id_at(moment)))
        kept = {"id": UUID(record.id), "started_at": moment, "failure": ended or ""}
        rows.append(make.measurement(record, make.target(URL), by=run, **kept))
    make.verdict(rows[1], "blocked" if failure else "accessible", controls=[str(rows[0].pk)])
    return rows[1], rows[0]


def everything() -> dict[UUID, Record]:
    """Whatever of all measurements is anywhere, however it is kept."""
    ids = set(Verdict.objects.values_list("measurement", flat=True))
    ids |= {UUID(pk) for pks in Verdict.objects.values_list("controls", flat=True) for pk in pks}
    stored = Measurement.objects.in_bulk(ids)
    return {pk: row.record for pk, row in {**archived.find(ids - stored.keys()), **stored}.items()}


def moved(at: datetime = AT) -> list[date]:
    return list(archive.keep(at))


def test_a_month_that_is_old_enough_leaves_and_all_of_it_can_be_found_again(month: list[Measurement]) -> None:
    before = everything()
    rows = {row.pk: row for row in Measurement.objects.all()}
    assert moved() == [MONTH]
    assert not Measurement.objects.exists()
    kept = Archive.objects.get()
    assert (kept.rows, kept.dropped_at) == (12, AT)
    assert everything() == before
    for pk, found in archived.find(rows).items():
        for column in Witness.COLUMNS:
            assert getattr(found, column) == getattr(rows[pk], column), column
    assert moved() == []  # again changes nothing


def test_whole_months_are_kept_besides_the_running_one(settings: LazySettings) -> None:
    for number in range(1, 6):
        a_pair(datetime(2026, number, 28, tzinfo=UTC))
    at = datetime(2026, 5, 1, 0, 30, tzinfo=UTC)
    assert archive.due(at) == [date(2026, 1, 1)]
    settings.KEEP_MONTHS = 1
    assert archive.due(at) == [date(2026, 1, 1), date(2026, 2, 1), date(2026, 3, 1)]


def test_the_file_can_be_read_by_itself_and_sorts_by_time(month: list[Measurement], folder: Path) -> None:
    moved()
    file = folder / "measurements-2026-05.parquet"
    rows = duckdb.sql(f"SELECT id, url, asn, failure, verdict, document FROM '{file}'").fetchall()
    assert [row[0] for row in rows] == sorted(row[0] for row in rows)
    told = {row[0]: row for row in rows}
    one = told[str(month[0].pk)]
    assert one[1:5] == (URL, 9198, "connection_reset", "blocked")
    assert Record.from_bytes(one[5].encode()) == month[0].record
    assert [row[4] for row in rows].count(None) == 6  # controls have no verdict


def test_a_damaged_file_is_noticed_before_the_drop_and_written_again(month: list[Measurement], folder: Path) -> None:
    written = archive.write(MONTH, at=AT)
    flip(folder / written.file)
    with pytest.raises(archived.Unfit, match="damaged"):
        archive.drop(written, at=AT)
    assert Measurement.objects.count() == 12
    assert moved() == [MONTH]
    assert not Measurement.objects.exists()
    archive.check(Archive.objects.get(), rows=True)
    assert len(list(folder.glob("*.aside"))) == 1  # nothing is overwritten


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 1
    path.write_bytes(content)


def test_what_came_after_the_file_was_written_is_not_lost(month: list[Measurement]) -> None:
    written = archive.write(MONTH, at=AT)
    late, _ = a_pair(THEN + timedelta(days=3))
    with pytest.raises(archived.Unfit, match="the database 14"):
        archive.drop(written, at=AT)
    moved()
    assert Archive.objects.get().rows == 14
    assert late.pk in everything()


def test_a_file_that_does_not_say_what_was_written_is_no_archive(
    month: list[Measurement], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "proved", lambda path: (11, "0" * 64))
    assert moved() == [MONTH]
    assert Parked.objects.get().kind == Parked.Kind.MONTH
    assert Measurement.objects.count() == 12
    assert not Archive.objects.exists()


def test_a_month_that_failed_five_times_waits_for_a_person(month: list[Measurement], folder: Path) -> None:
    folder.mkdir()
    (folder / "measurements-2026-05.partial").write_text("a file in the way")
    for _ in range(Parked.FAILURES):
        assert moved() == [MONTH]
    assert moved() == []
    parking.try_again(Parked.objects.get())
    (folder / "measurements-2026-05.partial").unlink()
    assert moved() == [MONTH]
    assert not Measurement.objects.exists()
    assert not Parked.objects.exists()


def test_imports_stay_and_first_checks_are_in_no_file(month: list[Measurement]) -> None:
    own = month[0]
    Measurement.objects.filter(pk=own.pk).update(origin={"report": "", "input": "", "control": None, "setting": {}})
    Round.objects.filter(runs=month[1].run).update(plan=None)
    moved()
    assert list(Measurement.objects.all()) == [own]
    assert Archive.objects.get().rows == 10
    assert month[1].pk not in archived.find([month[1].pk])


def test_witnesses_of_states_are_copied_with_their_controls(month: list[Measurement], folder: Path) -> None:
    named, control = a_pair(datetime(2026, 5, 1, 0, 0, 2, tzinfo=UTC), "connection_reset")  # its control is of April
    make.episode(named.target, named.network, witnesses=[str(named.pk)])
    make.cell(named.target, named.network, witnesses=[str(month[1].pk)])
    moved()
    wanted = {named.pk, control.pk, month[1].pk}
    assert wanted < set(Witness.objects.values_list("pk", flat=True))
    for file in folder.glob("*.parquet"):
        file.unlink()
    found = archived.find(wanted)
    assert found[named.pk].record == named.record
    assert found[control.pk].started_at == control.started_at


def test_what_a_recount_names_later_is_copied_from_the_archive(month: list[Measurement]) -> None:
    moved()
    assert not Witness.objects.exists()
    make.episode(month[2].target, month[2].network, witnesses=[str(month[2].pk)])
    moved()
    assert Witness.objects.get(pk=month[2].pk).as_measurement().record == month[2].record
    assert Witness.objects.count() == 2
    assert witnesses.copy(before=partitions.bounds(MONTH)[1]) == 0


def test_a_batch_for_a_month_that_is_gone_is_refused_with_a_reason(plan: Plan, control: Probe) -> None:
    planning.dispatch(AT)
    [order] = taken(AT)
    make.archive(partitions.first_day(AT))
    said = refusal("control", control.sealed(order.run, visit(URL, at=AT)))
    assert said == f"too late: the measurements of {AT:%Y-%m} are in the archive, and no more are taken"
    assert not Measurement.objects.exists()
    assert Run.objects.get(pk=order.run).state == Run.State.READY


def test_judging_a_run_again_takes_no_verdict_from_a_month_that_is_gone(month: list[Measurement]) -> None:
    Run.objects.update(judged_at=None)
    moved()
    list(judging.leftovers(at=AT))
    assert Verdict.objects.count() == 6
    assert not Run.objects.unjudged().exists()


def test_two_at_once_do_no_harm(month: list[Measurement]) -> None:
    with archive._alone() as mine:
        assert mine
        assert moved() == []
    assert moved() == [MONTH]


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    def command(*arguments: str) -> str:
        call_command("archive", *arguments)
        return capsys.readouterr().out

    return command


def test_the_command_says_what_it_would_do_and_does_it_when_told(
    month: list[Measurement], said: Callable[..., str], folder: Path
) -> None:
    assert "2026-05: 12 measurements" in said()
    assert not folder.exists()
    assert "2026-05: 12 measurements" in said("--go")
    assert not Measurement.objects.exists()
    assert "nothing is old enough" in said()
    assert "1 file is as it was proved" in said("--verify")
    flip(folder / "measurements-2026-05.parquet")
    with pytest.raises(CommandError, match="damaged"):
        said("--verify")


# --- killed

STEPS = [
    ("_written", "after"),
    ("proved", "after"),
    ("_sync", "after"),
    ("write", "after"),
    ("check", "after"),
    ("drop", "before"),
    ("_locked", "after"),
    ("_let_go", "before"),
    ("_let_go", "after"),
    ("drop", "after"),
]
MONTHS = [partitions.after(date(2025, 1, 1), number) for number in range(len(STEPS))]

FILLED = """
import django; django.setup()
from datetime import datetime, timedelta, UTC
from django.utils import timezone
from checks import partitions
from registry import guards
from tests.checks.test_archive import MONTHS, a_pair
from tests import make
guards.lift()
for month in MONTHS:
    if month.month % 2:  # half of them have a partition of their own
        partitions.make_ahead(datetime(month.year, month.month, 1, tzinfo=UTC))
    for number in range(30):
        row, _ = a_pair(datetime(month.year, month.month, 3, tzinfo=UTC) + timedelta(hours=number), "connection_reset")
    make.episode(row.target, make.network(9000 + month.month), witnesses=[str(row.pk)])
"""
KILLED = """
import django; django.setup()
import os, signal, sys
from datetime import date
from django.utils import timezone
from checks import archive
step, when, month = sys.argv[1:]
real = getattr(archive, step)
def dies(*told, **more):
    if when == "after":
        real(*told, **more)
    os.kill(os.getpid(), signal.SIGKILL)
setattr(archive, step, dies)
archive.move(date.fromisoformat(month), at=timezone.now())
"""
SUMMED = """
import django; django.setup()
import hashlib, json, sys
from django.utils import timezone
from checks import archive
from checks.models import Archive, Measurement, Witness
from tests.checks.test_archive import everything
if sys.argv[1:] == ["move"]:
    moved = list(archive.keep(timezone.now()))
    for one in Archive.objects.all():
        archive.check(one, rows=True)
found = {str(pk): hashlib.sha256(record.as_bytes()).hexdigest() for pk, record in everything().items()}
kept = {f"{one.month}": one.rows for one in Archive.objects.gone()}
print(json.dumps([found, Measurement.objects.count(), kept, Witness.objects.count()]))
"""


def in_process(environment: dict[str, str], program: str, *told: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", program, *told]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)


def summed(environment: dict[str, str], *told: str) -> Any:
    done = in_process(environment, SUMMED, *told)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def register(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of a process with a register of its own."""
    environment = {**os.environ, "TIZILIM_VAR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "config.settings"}
    if connection.vendor == "sqlite":
        shutil.copy(request.getfixturevalue("migrated"), tmp_path / "tizilim.sqlite3")
        environment["DATABASE_URL"] = f"sqlite:///{tmp_path}/tizilim.sqlite3"
        yield environment
        return
    server = urlsplit(os.environ["DATABASE_URL"])
    with psycopg.connect(server.geturl(), autocommit=True) as aside:
        aside.execute("DROP DATABASE IF EXISTS killed")
        aside.execute("CREATE DATABASE killed")
        environment["DATABASE_URL"] = server._replace(path="/killed").geturl()
        migrate = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
        subprocess.run(migrate, cwd=ROOT, env=environment, check=True)
        yield environment
        aside.execute("DROP DATABASE killed WITH (FORCE)")


def test_killed_at_any_step_it_begins_again_with_nothing_lost_and_nothing_doubled(register: dict[str, str]) -> None:
    filled = in_process(register, FILLED)
    assert filled.returncode == 0, filled.stderr
    before, stored, _, _ = summed(register)
    assert len(before) == stored == 60 * len(STEPS)
    for (step, when), month in zip(STEPS, MONTHS, strict=True):
        killed = in_process(register, KILLED, step, when, month.isoformat())
        assert killed.returncode == -signal.SIGKILL, (step, killed.stderr)
    found, stored, kept, _ = summed(register)
    assert found == before
    assert stored + sum(kept.values()) == len(before)
    assert list(kept) == [str(MONTHS[-1])]  # only what was killed after its drop had gone
    found, stored, kept, copied = summed(register, "move")
    assert found == before
    assert (stored, kept) == (0, {str(month): 60 for month in reversed(MONTHS)})
    assert copied == 2 * len(MONTHS)
    folder = Path(register["TIZILIM_VAR"]) / "archive"
    assert len(list(folder.glob("*.parquet"))) == len(MONTHS)
    assert not list(folder.glob("*.partial"))
