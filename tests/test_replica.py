"""A real streaming copy: the public reads from it, everything else from the primary, and its end costs no page."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from benchmarks.replicas import Pair, pair
from tests.conftest import await_port, free_port
from tests.probe.probes import until

ROOT = Path(__file__).resolve().parent.parent
LAG = 6.0  # seconds that the copy may be behind
NETWORK = (
    "INSERT INTO checks_network (asn, name, brand, kind, country, note, imitated) "
    "VALUES (%s, 'a network', '', 'access', '', '', false)"
)


@dataclass(frozen=True)
class Served:
    servers: Pair
    port: int

    def networks(self) -> set[int]:
        """The AS numbers that the API tells of."""
        return {row["asn"] for row in self.ask("/api/v1/networks")["results"]}

    def ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        data = json.dumps(body).encode() if body else None
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data)
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def add(self, asn: int) -> None:
        self.at(self.servers.primary, NETWORK, asn)

    def at(self, url: str, statement: str, *values: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(url, autocommit=True) as database:
            found = database.execute(statement.encode(), values or None)
            return found.fetchall() if found.description else []

    def is_read(self) -> bool:
        """Whether the web has a connection to the copy, once it was asked for a page."""
        self.networks()
        clients = "backend_type = 'client backend' AND pid <> pg_backend_pid()"
        return bool(self.at(self.servers.replica, f"SELECT pid FROM pg_stat_activity WHERE {clients}"))

    def receive_from(self, primary: str) -> None:
        setting = sql.SQL("ALTER SYSTEM SET primary_conninfo = {}").format(sql.Literal(primary)).as_string()
        self.at(self.servers.replica, setting)
        self.at(self.servers.replica, "SELECT pg_reload_conf()")

    def caught_up(self) -> None:
        until(lambda: self.servers.lag() == 0, "the copy has all", seconds=30)


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with tempfile.TemporaryDirectory(prefix="tizilim-pg-", dir="/tmp") as name:
        folder, port = Path(name), free_port()
        folder.chmod(0o755)
        with pair(folder) as servers:
            ours = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings", "TIZILIM_VAR": str(folder / "var")}
            ours |= {"DATABASE_URL": servers.primary, "TIZILIM_REPLICA_LAG": str(LAG)}
            migrate = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
            subprocess.run(migrate, cwd=ROOT, env=ours, check=True)
            ours["DATABASE_REPLICA_URL"] = servers.replica
            command = [sys.executable, "-m", "gunicorn", "config.wsgi", "--bind", f"127.0.0.1:{port}"]
            with subprocess.Popen([*command, "--no-control-socket"], cwd=ROOT, env=ours) as web:
                try:
                    await_port(port, web, 60)
                    yield Served(servers, port)
                finally:
                    web.terminate()


@pytest.mark.postgres
def test_pages_come_from_the_copy_and_what_was_written_from_the_primary(served: Served) -> None:
    served.add(65001)
    served.caught_up()
    until(served.is_read, "the copy is read", seconds=30)
    assert 65001 in served.networks()
    served.at(served.servers.replica, "SELECT pg_wal_replay_pause()")
    try:
        served.add(65002)
        assert 65002 not in served.networks()
        told = served.ask("/api/v1/reports", {"name": "site.kz"})
        assert served.ask(f"/api/v1/reports/{told['receipt']}")["state"] == told["state"]
        until(lambda: 65002 in served.networks(), "the primary is read", seconds=2 * LAG)  # it is too far behind
    finally:
        served.at(served.servers.replica, "SELECT pg_wal_replay_resume()")


@pytest.mark.postgres
def test_a_copy_that_ends_costs_no_page_and_is_read_again_when_it_is_back(served: Served) -> None:
    served.caught_up()
    until(served.is_read, "the copy is read", seconds=30)
    served.servers.stop()
    served.add(65003)
    assert 65003 in served.networks()
    served.servers.start()
    served.caught_up()
    until(served.is_read, "the copy is read", seconds=30)


@pytest.mark.postgres
def test_a_copy_that_lost_its_primary_is_not_read_however_fresh_it_seems(served: Served) -> None:
    served.caught_up()
    until(served.is_read, "the copy is read", seconds=30)
    [(known,)] = served.at(served.servers.replica, "SHOW primary_conninfo")
    served.receive_from("")
    try:
        served.add(65004)
        until(lambda: 65004 in served.networks(), "the primary is read", seconds=30)
        assert served.servers.lag() > 0
    finally:
        served.receive_from(known)


@pytest.mark.parametrize(
    ("database", "replica"),
    [
        ("postgres://a@b/c", "sqlite:///copy.sqlite3"),
        ("", "postgres://a@b/c"),
        ("postgres://a@b/c", "postgres://"),
        ("postgres://a@b/c", "copy"),
    ],
    ids=["a copy on SQLite", "a copy of SQLite", "no database", "no URL"],
)
def test_what_cannot_be_a_copy_is_refused(tmp_path: Path, database: str, replica: str) -> None:
    ours = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings", "TIZILIM_VAR": str(tmp_path)}
    ours |= {"DATABASE_URL": database or f"sqlite:///{tmp_path}/one.sqlite3", "DATABASE_REPLICA_URL": replica}
    command = [sys.executable, "manage.py", "check"]
    done = subprocess.run(command, cwd=ROOT, env=ours, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "DATABASE_REPLICA_URL must name a copy of the PostgreSQL that DATABASE_URL names" in done.stderr
