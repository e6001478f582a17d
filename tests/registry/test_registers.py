"""The state register over time: snapshots become history, and names in lists become candidates."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from checks.models import State
from registry import moderation, status
from registry.models import (
    STATE_REGISTER,
    Candidate,
    Listing,
    LogEntry,
    Mention,
    Resource,
    Snapshot,
    SnapshotFile,
    Standing,
)
from registry.registers import importing
from registry.registers.importing import Document, NotTaken
from tests import make

pytestmark = pytest.mark.django_db

ROOT = Path(__file__).resolve().parents[2]
MANAGE = [sys.executable, "manage.py"]
TABLES = ("registry_snapshot", "registry_snapshotfile", "registry_listing", "registry_candidate", "registry_mention")
TABLES += ("registry_logentry",)


def document(*rows: Any, on: str = "2025-03-17", **fields: Any) -> Document:
    return Document(json.dumps(rows).encode(), date.fromisoformat(on), title="State register", **fields)


def look(*rows: Any, on: str = "2025-03-17", **options: Any) -> importing.Report:
    return importing.look(document(*rows, on=on), list=STATE_REGISTER, at=make.AT, **options)


def counts(snapshot: Snapshot) -> tuple[int, ...]:
    return (snapshot.added, snapshot.removed, snapshot.changed, snapshot.unchanged)


ONE, TWO, THREE = make.entry(1, "orda.kz"), make.entry(2, "exclusive.kz"), make.entry(3, "https://vk.com/group")


def test_a_snapshot_is_kept_whole_and_each_row_is_an_entry() -> None:
    made = make.snapshot(ONE, TWO, THREE)
    assert json.loads(made.file.data) == [ONE, TWO, THREE]
    assert (made.read, made.entries, counts(made)) == (3, 3, (3, 0, 0, 0))
    entry = Listing.objects.get(register_id="3")
    assert (entry.address, entry.url, entry.domain) == ("https://vk.com/group", "https://vk.com/group", "vk.com")
    assert (entry.court, entry.act_date, entry.snapshot) == ("", "2024-11-27", "2025-03-17")
    [logged] = LogEntry.objects.filter(subject=f"snapshot/{made.pk}")
    told = json.loads(logged.payload)
    assert (told["by"], told["after"]["sha256"], told["after"]["added"]) == ("import:state-register", made.sha256, 3)


def test_a_day_without_a_change_adds_a_snapshot_and_no_row() -> None:
    make.snapshot(ONE, TWO)
    before = list(Listing.objects.values())
    second = make.snapshot(ONE, TWO, on="2025-03-18")
    assert counts(second) == (0, 0, 0, 2)
    assert list(Listing.objects.values()) == before
    assert SnapshotFile.objects.count() == 1
    [entry, _other] = Listing.objects.with_days().order_by("pk")
    assert (entry.snapshot, entry.last_seen, entry.gone_on) == ("2025-03-17", "2025-03-18", "")


def test_what_is_gone_what_came_and_what_changed_is_told_apart() -> None:
    first = make.snapshot(ONE, TWO, THREE)
    second = make.snapshot(ONE, {**TWO, "courtname": "Yesil court"}, make.entry(4, "new.kz"), on="2025-03-18")
    assert counts(second) == (1, 1, 1, 1)
    gone = Listing.objects.with_days().get(register_id="3")
    assert (gone.first, gone.last, gone.gone, gone.last_seen, gone.gone_on) == (
        first,
        first,
        second,
        "2025-03-17",
        "2025-03-18",
    )
    old, new = Listing.objects.filter(register_id="2").order_by("pk")
    assert (old.gone, new.first, new.previous, new.court) == (second, second, old, "Yesil court")


def test_an_entry_that_comes_back_is_added_anew() -> None:
    make.snapshot(ONE, TWO)
    make.snapshot(ONE, on="2025-03-18")
    third = make.snapshot(ONE, TWO, on="2025-03-19")
    assert counts(third) == (1, 0, 0, 1)
    assert Listing.objects.get(register_id="2", gone=None).previous is None


def test_a_field_that_nobody_knows_makes_no_new_version() -> None:
    make.snapshot({**ONE, "views": 1})
    assert counts(make.snapshot({**ONE, "views": 2}, on="2025-03-18")) == (0, 0, 0, 1)


def test_an_entry_whose_row_cannot_be_read_today_stands_as_it_stood() -> None:
    make.snapshot(ONE, TWO)
    second = make.snapshot(ONE, {**TWO, "categoryname": "a\0"}, on="2025-03-18")
    assert (second.refused, counts(second)) == (1, (0, 0, 0, 2))
    assert Listing.objects.get(register_id="2").gone is None


def test_the_same_file_again_is_nothing_new() -> None:
    made = make.snapshot(ONE, TWO)
    again = importing.take(document(ONE, TWO), list=STATE_REGISTER, at=make.AT, by="import:state-register")
    assert (again.known, again.snapshot) == (made, None)
    assert (Snapshot.objects.count(), Listing.objects.count()) == (1, 2)


def test_a_file_that_says_no_day_confirms_no_later_day() -> None:
    made = make.snapshot(ONE)
    assert look(ONE, on="2025-04-07").known is None  # somebody says of which day it is
    undated = document(ONE, on="2025-04-07", dated=False)
    assert importing.look(undated, list=STATE_REGISTER, at=make.AT).known == made


def test_a_look_writes_nothing_and_says_what_taking_would_do() -> None:
    make.resource("orda.kz")
    make.snapshot(ONE, TWO)
    report = look(ONE, {**TWO, "categoryname": "other"}, THREE, on="2025-03-18")
    difference = report.difference
    assert (difference.added, difference.changed, difference.removed, difference.unchanged) == (("3",), ("2",), (), 1)
    assert (report.names, report.registered, report.candidates) == (3, 1, 1)
    assert (Snapshot.objects.count(), Candidate.objects.count()) == (1, 1)


@pytest.mark.parametrize(
    ("rows", "on", "reason"),
    [
        ([ONE, TWO, THREE], "2025-03-16", "a history is written forwards"),
        ([ONE, TWO, THREE], "2099-01-01", "has not come yet"),
        ([ONE], "2025-03-18", "this looks like a broken download"),
        ([], "2025-03-18", "it has no entry that can be read"),
        ([{}, {}], "2025-03-18", "it has no entry that can be read"),
    ],
)
def test_a_snapshot_that_cannot_be_true_is_refused_with_the_reason(rows: list[Any], on: str, reason: str) -> None:
    make.snapshot(ONE, TWO, THREE)
    with pytest.raises(NotTaken, match=reason):
        importing.take(document(*rows, on=on), list=STATE_REGISTER, at=make.AT, by="x")
    assert Snapshot.objects.count() == 1
    assert Listing.objects.filter(gone=None).count() == 3


def test_far_fewer_entries_are_taken_when_somebody_says_that_it_is_true() -> None:
    make.snapshot(ONE, TWO, THREE)
    assert counts(make.snapshot(ONE, on="2025-03-18", expect_fewer=True)) == (0, 2, 0, 1)
    assert counts(make.snapshot(on="2025-03-19", expect_fewer=True)) == (0, 1, 0, 0)


def test_the_history_of_a_list_is_a_line() -> None:
    """Whoever loses a race between two imports is told by the database."""
    first = make.snapshot(ONE)
    fields = dict.fromkeys(("size", "read", "added", "removed", "changed", "unchanged", "refused"), 0)
    fields |= {"taken_on": "2025-03-18", "source": first.source, "file": first.file, "recorded_at": make.AT}
    Snapshot.objects.create(list=STATE_REGISTER, previous=first, **fields)
    with pytest.raises(IntegrityError), transaction.atomic():
        Snapshot.objects.create(list=STATE_REGISTER, previous=first, **fields)
    with pytest.raises(IntegrityError), transaction.atomic():
        Snapshot.objects.create(list=STATE_REGISTER, previous=None, **fields)


# --- listed, and was listed


def is_listed(resource: Resource) -> bool:
    one = status.of(resource, at=make.AT).listed
    status.count(at=make.AT)
    assert Standing.objects.get(resource=resource).listed == one
    return one == status.Listed.NOW


def test_listed_is_what_the_newest_snapshot_shows() -> None:
    resource = make.resource("orda.kz")
    assert not is_listed(resource)
    make.snapshot(ONE, TWO)
    assert is_listed(resource)
    make.snapshot(TWO, on="2025-03-18")
    assert not is_listed(resource)
    assert Listing.objects.past().filter(resource=resource).exists()


def test_what_a_source_saw_counts_until_a_whole_snapshot_follows() -> None:
    early, late = make.resource("orda.kz"), make.resource("exclusive.kz")
    make.listing(early, snapshot="2023-10")
    make.listing(late, snapshot="2025-04-01")
    assert is_listed(early)
    make.snapshot(make.entry(9, "other.kz"))
    assert (is_listed(early), is_listed(late)) == (False, True)
    assert list(Listing.objects.past().values_list("resource", flat=True)) == [early.pk]


def test_a_listed_page_does_not_list_its_domain() -> None:
    domain, page = make.resource("vk.com"), make.resource("https://vk.com/group")
    make.snapshot(THREE)
    assert (is_listed(domain), is_listed(page)) == (False, True)


def test_an_address_that_an_editor_joined_lists_its_resource() -> None:
    resource = make.resource("orda.kz")
    make.snapshot(make.entry(5, "http://www.orda.kz"))
    assert not is_listed(resource)
    moderation.cover(resource, make.target("www.orda.kz"), by="editor-1", reason="the same site")
    assert is_listed(resource)
    assert Candidate.objects.get().state == Candidate.State.ACCEPTED


# --- candidates


def test_names_that_stand_for_no_resource_are_candidates_with_every_list_that_has_them() -> None:
    make.resource("orda.kz")
    make.snapshot(ONE, TWO, make.entry(4, "certain pages"), make.entry(5, "http://10.0.0.1/"))
    make.snapshot({"url": "http://exclusive.kz/", "category_code": "NEWS"}, {"url": "https://orda.kz"}, list="ooni")
    [candidate] = Candidate.objects.all()
    assert (candidate.url, candidate.host, candidate.state) == ("https://exclusive.kz/", "exclusive.kz", "new")
    mentions = candidate.mentions.values_list("list", "category")
    assert list(mentions) == [("ooni", "NEWS"), (STATE_REGISTER, "Law on Communications, art. 41-1")]
    assert Resource.objects.count() == 1


def test_a_list_that_drops_a_name_and_takes_it_back_is_followed() -> None:
    rows = [{"url": "orda.kz", "category_code": "NEWS"}, {"url": "exclusive.kz", "category_code": "NEWS"}]
    first = make.snapshot(*rows, list="ooni")
    second = make.snapshot(rows[0], list="ooni", on="2025-03-18")
    dropped = Mention.objects.get(candidate__host="exclusive.kz")
    assert (dropped.first, dropped.gone) == (first, second)
    third = make.snapshot({**rows[0], "category_code": "POLR"}, rows[1], list="ooni", on="2025-03-19")
    assert (counts(second), counts(third)) == ((0, 1, 0, 1), (1, 0, 1, 0))
    assert {one.category: one.gone for one in Mention.objects.all()} == {"POLR": None, "NEWS": None}


def test_a_name_that_two_entries_have_is_gone_with_the_last_of_them() -> None:
    twin = make.entry(9, "http://exclusive.kz/")
    make.snapshot(TWO, twin, ONE)
    make.snapshot(ONE, twin, on="2025-03-18")
    assert Mention.objects.get(candidate__host="exclusive.kz").gone is None
    third = make.snapshot(ONE, on="2025-03-19")
    assert Mention.objects.get(candidate__host="exclusive.kz").gone == third


def test_other_lists_leave_no_trace_in_public() -> None:
    make.snapshot({"url": "orda.kz"}, list="citizenlab-kz")
    assert not LogEntry.objects.exists()
    assert not Listing.objects.exists()


# --- how much it takes


def test_the_number_of_queries_grows_by_the_chunk_and_not_by_the_row(monkeypatch: pytest.MonkeyPatch) -> None:
    def queries(rows: int, on: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            make.snapshot(*(make.entry(number, f"site-{number}-{on}.kz") for number in range(rows)), on=on)
        return len(captured)

    make.snapshot(make.entry("x", "orda.kz"), on="2025-01-01")
    if connection.vendor == "sqlite":  # it takes 999 variables in one statement, and Django splits what has more
        monkeypatch.setattr(connection.features, "max_query_params", 250_000)
    ten = queries(10, "2025-01-02")
    assert queries(900, "2025-01-03") - ten <= 3


# --- the commands


def run(*arguments: str) -> str:
    lines: list[str] = []

    class Out:
        def write(self, text: str) -> None:
            lines.append(text)

    call_command(*arguments, stdout=Out())
    return "".join(lines)


@pytest.fixture
def file(tmp_path: Path) -> Callable[..., str]:
    def write(*rows: Any, name: str = "banned_sites.json") -> str:
        path = tmp_path / name
        path.write_text(json.dumps(rows), encoding="utf-8")
        return str(path)

    return write


def test_the_command_shows_first_and_writes_when_told_to(file: Callable[..., str]) -> None:
    path = file(ONE, TWO, make.entry(3, "page one"), {"id": 4})
    shown = run("import_state_register", path, "--snapshot", "2025-03-17")
    assert "read 4 rows: 3 entries, 1 refused" in shown
    assert "3 added\n    orda.kz\n" in shown
    assert "2 names: 0 stand for a resource, 2 are new candidates" in shown
    assert "1 are no name, and no candidates: An address has no spaces" in shown
    assert "entry 4: urladdress is missing or empty" in shown
    assert "Nothing was written." in shown
    assert not Snapshot.objects.exists()
    assert "Recorded as snapshot" in run("import_state_register", path, "--snapshot", "2025-03-17", "--apply")
    again = run("import_state_register", path, "--apply")
    assert "Nothing is new: these very bytes were taken as the snapshot of 2025-03-17." in again
    assert Snapshot.objects.count() == 1


def test_the_command_says_of_refused_rows_only_what_stood_before_that_it_stands(file: Callable[..., str]) -> None:
    path = file(ONE, {**TWO, "categoryname": "a\0"})
    first = run("import_state_register", path, "--snapshot", "2025-03-17", "--apply")
    assert "2 rows: 1 entries, 1 refused\n" in first
    path = file({**ONE, "categoryname": "a\0"}, {**TWO, "categoryname": "a\0"}, make.entry(3, "exclusive.kz"))
    second = run("import_state_register", path, "--snapshot", "2025-03-18")
    assert "3 rows: 1 entries, 2 refused; 1 entries stand as they stood, for their rows were refused\n" in second


def test_a_file_is_of_the_day_on_which_it_was_last_changed(file: Callable[..., str]) -> None:
    path = file(ONE)
    os.utime(path, (1742230800, 1742230800))  # 2025-03-17 22:00 in Almaty
    assert "state-register of 2025-03-17" in run("import_state_register", path)


def test_what_a_list_writes_cannot_move_the_terminal(file: Callable[..., str]) -> None:
    shown = run("import_state_register", file(make.entry(1, "orda.kz\u001b[2J"), make.entry(2, "exclusive.kz")))
    assert "\u001b" not in shown


@pytest.mark.parametrize(
    "arguments",
    [
        ("import_state_register", "no-such-file.json"),
        ("import_state_register", "http://orda.kz/banned_sites"),
        ("import_list", "no-such-file.csv", "--list", "ooni"),
        ("import_list", "kz.csv", "--list", "two words"),
        ("import_list", "kz.csv", "--list", STATE_REGISTER),
        ("import_state_register", "x.json", "--snapshot", "yesterday"),
        ("import_state_register", "x.json", "--apply", "--dry-run"),
    ],
)
def test_a_command_that_cannot_be_done_says_why(arguments: tuple[str, ...]) -> None:
    with pytest.raises(CommandError):
        run(*arguments, "--apply") if "--dry-run" not in arguments else run(*arguments)
    assert not Snapshot.objects.exists()


def test_a_list_of_citizen_labs_is_imported_by_name(tmp_path: Path) -> None:
    path = tmp_path / "kz.csv"
    path.write_text("url,category_code,category_description,date_added,source,notes\nhttp://orda.kz/,NEWS,,,,\n")
    assert "1 are new candidates" in run("import_list", str(path), "--list", "citizenlab-kz", "--apply")
    assert Mention.objects.get().list == "citizenlab-kz"


# --- killed in between


def environment(**more: str) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if key != "DJANGO_SETTINGS_MODULE"}
    return {**kept, **more}


def rows_of(count: int) -> list[dict[str, Any]]:
    return [make.entry(number, f"https://site-{number}.kz/page") for number in range(count)]


@pytest.fixture(scope="module")
def server(django_db_setup: None) -> Iterator[Callable[..., Any]]:
    """A database of its own on the PostgreSQL of the tests: whoever writes here is no test's transaction."""
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has a test of its own")
    where = {name: connection.get_connection_params().get(name) for name in ("host", "port", "user", "password")}
    name = f"{connection.settings_dict['NAME']}_killed"

    def connect(database: str = name) -> Any:
        return psycopg.connect(dbname=database, autocommit=True, **where)

    with connect("postgres") as maintenance:
        maintenance.execute(f"DROP DATABASE IF EXISTS {name}")
        maintenance.execute(f"CREATE DATABASE {name}")
        subprocess.run([*MANAGE, "migrate", "--verbosity", "0"], cwd=ROOT, env=_on(connect().info), check=True)
        yield connect
        maintenance.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _on(info: Any) -> dict[str, str]:
    host = f"?host={info.host}" if info.host.startswith("/") else ""
    there = "" if host else f"{info.host}:{info.port}"
    return environment(DATABASE_URL=f"postgres://{info.user}:{info.password or ''}@{there}/{info.dbname}{host}")


def _counted(opened: Any) -> list[int]:
    return [opened.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in TABLES]


def _waiting(opened: Any) -> int:
    return int(opened.execute("SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted").fetchone()[0])


def test_an_import_killed_on_postgresql_leaves_nothing(server: Callable[..., Any], file: Callable[..., str]) -> None:
    """It waits at its last step, the log, which we hold; then it is killed."""
    command = [*MANAGE, "import_state_register", file(*rows_of(3000)), "--snapshot", "2025-03-18", "--apply"]
    with server() as holding, server() as looking:
        before = _counted(looking)
        holding.execute("BEGIN")
        holding.execute("LOCK TABLE registry_logentry IN SHARE ROW EXCLUSIVE MODE")
        with subprocess.Popen(command, cwd=ROOT, env=_on(looking.info), stdout=subprocess.DEVNULL) as process:
            _until(lambda: _waiting(looking) > 0 or process.poll() is not None)
            assert process.poll() is None
            process.send_signal(signal.SIGKILL)
        holding.execute("ROLLBACK")
        _until(lambda: _waiting(looking) == 0)
        assert _counted(looking) == before


def test_of_two_imports_at_once_one_is_taken_and_the_other_told_so(
    server: Callable[..., Any], file: Callable[..., str]
) -> None:
    paths = [file(row, name=f"{row['id']}.json") for row in (ONE, TWO)]
    commands = [[*MANAGE, "import_state_register", path, "--snapshot", "2025-03-17", "--apply"] for path in paths]
    with server() as holding, server() as looking:
        holding.execute("BEGIN")
        holding.execute("LOCK TABLE registry_logentry IN SHARE ROW EXCLUSIVE MODE")
        running = []
        for number, command in enumerate(commands, start=1):
            running.append(
                subprocess.Popen(
                    command,
                    cwd=ROOT,
                    env=_on(looking.info),
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                )
            )
            _until(lambda number=number: _waiting(looking) == number)
        holding.execute("COMMIT")
        told = [process.communicate(timeout=60)[0] for process in running]
        assert [process.returncode for process in running] == [0, 1]
        assert "somebody else recorded a snapshot of this list meanwhile" in told[1]
        assert _counted(looking) == [1] * len(TABLES)


def _until(true: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL has a test of its own")
def test_an_import_killed_on_sqlite_leaves_nothing(tmp_path: Path, migrated: Path, file: Callable[..., str]) -> None:
    """It is killed when its writing has reached the disk, before the end of its transaction."""
    path, database = file(*rows_of(20_000)), tmp_path / "x.sqlite3"
    env = environment(DATABASE_URL=f"sqlite:///{database}", TIZILIM_VAR=str(tmp_path / "var"))
    shutil.copy(migrated, database)
    command = [*MANAGE, "import_state_register", path, "--snapshot", "2025-03-17", "--apply"]
    log = tmp_path / "x.sqlite3-wal"
    with subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.DEVNULL) as process:
        _until(lambda: (log.exists() and log.stat().st_size > 500_000) or process.poll() is not None)
        assert process.poll() is None
        process.send_signal(signal.SIGKILL)

    def left() -> list[int]:
        with sqlite3.connect(database) as opened:
            return _counted(opened)

    assert left() == [0] * len(TABLES)
    subprocess.run(command, cwd=ROOT, env=env, check=True, stdout=subprocess.DEVNULL)
    assert left() == [1, 1, 20_000, 20_000, 20_000, 1]


# --- the entries that were there before snapshots were


@pytest.mark.skipif(connection.vendor != "sqlite", reason="a database of its own, made anew")
def test_entries_of_before_are_kept_as_they_were_and_get_their_name(tmp_path: Path) -> None:
    database = tmp_path / "x.sqlite3"
    env = environment(DATABASE_URL=f"sqlite:///{database}", TIZILIM_VAR=str(tmp_path / "var"))
    migrate = [*MANAGE, "migrate", "--verbosity", "0"]
    subprocess.run([*migrate, "registry", "0006"], cwd=ROOT, env=env, check=True)
    with sqlite3.connect(database) as opened:
        opened.execute("INSERT INTO registry_source VALUES (1, '', 'A newspaper', '2023-10-17')")
        opened.execute(
            "INSERT INTO registry_resource (id, type, name, slug, host, search, category, display, created_at)"
            " VALUES (1, 'domain', 'orda.kz', 'orda.kz', 'orda.kz', 'orda.kz', '', 'full', '2025-01-01')"
        )
        columns = "(id, register_id, address, category, court, act_ref, act_date, snapshot, resource_id, source_id)"
        opened.executemany(
            f"INSERT INTO registry_listing {columns} VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1, 1)",
            [
                (1, "3771", "http://orda.kz", "category", "court", "№ 5", "2024-11-27", "2024-12-01"),
                (2, "", "certain pages", "", "", "", "", ""),
            ],
        )
        kept = "SELECT id, register_id, address, category, court, act_ref, act_date, snapshot, resource_id, source_id"
        before = opened.execute(f"{kept} FROM registry_listing ORDER BY id").fetchall()
    subprocess.run(migrate, cwd=ROOT, env=env, check=True)
    with sqlite3.connect(database) as opened:
        assert opened.execute(f"{kept} FROM registry_listing ORDER BY id").fetchall() == before
        added = opened.execute("SELECT url, domain, first_id, gone_id FROM registry_listing ORDER BY id").fetchall()
    assert added == [("https://orda.kz/", "orda.kz", None, None), ("", "", None, None)]


def test_blocked_and_listed_are_two_things() -> None:
    resource = make.resource("orda.kz")
    make.cell(resource, make.network(), State.BLOCKED)
    make.snapshot(ONE)
    make.snapshot(make.entry(8, "other.kz"), on="2025-03-18")
    found = status.of(resource, at=make.AT + timedelta(hours=1))
    assert (found.listed, found.observed) == (status.Listed.WAS, status.Observed.BLOCKED)
