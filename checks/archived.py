"""Measurements that their table has let go: from the witnesses, else from the files of the archive.

What may be shown of one is decided by its target, as of any other; all of them are published.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb
from django.conf import settings
from django.db.models import QuerySet

from checks import partitions
from checks.engine.records import Measurement as Record
from checks.models import Archive, Measurement, Witness

MEMORY = "256MB"  # of one reader
AT_ONCE = 1000  # rows of a file in memory

# The columns of a file and their types. Times are read and proved as microseconds since 1970.
COLUMNS = {
    "id": "VARCHAR",  # as text: every reader knows from it which part of the file it needs
    "run": "BIGINT",
    "attempt": "SMALLINT",
    "closing": "BOOLEAN",
    "target": "BIGINT",
    "url": "VARCHAR",
    "network": "BIGINT",
    "asn": "BIGINT",
    "vantage": "BIGINT",
    "control": "BOOLEAN",
    "started_at": "TIMESTAMPTZ",
    "recorded_at": "TIMESTAMPTZ",
    "failure": "VARCHAR",
    "imitated": "BOOLEAN",
    "ruleset": "VARCHAR",
    "verdict": "VARCHAR",
    "mechanism": "VARCHAR",
    "rule": "VARCHAR",
    "confidence": "VARCHAR",
    "document": "VARCHAR",
}
_JUDGED = "WHERE closing AND NOT control"
_READ = ", ".join(f"epoch_us({name})" if kind == "TIMESTAMPTZ" else name for name, kind in COLUMNS.items())


class Unfit(Exception):
    """A file that does not hold what it must, or rows that do not fit it; the message says which and what to do."""


def path_of(archive: Archive) -> Path:
    return Path(settings.ARCHIVE) / archive.file


def check(archive: Archive) -> None:
    """Is the file of a month, byte for byte, as it was when it was proved? Raises Unfit."""
    path = path_of(archive)
    if not path.exists():
        raise Unfit(f"{path} is missing: put it back from a copy.")
    if sha256(path) != archive.sha256:
        raise Unfit(f"{path} is damaged: its SHA-256 is not {archive.sha256}. Put it back from a copy.")


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def opened(folder: Path, *, memory: str = MEMORY) -> Iterator[duckdb.DuckDBPyConnection]:
    """DuckDB in memory, which reaches this folder and nothing else."""
    inside = f"{folder}/".replace("'", "''")
    with duckdb.connect(config={"threads": 1, "memory_limit": memory}) as database:
        for setting in (
            "autoinstall_known_extensions = false",
            "autoload_known_extensions = false",
            "temp_directory = ''",
            f"allowed_directories = ['{inside}']",
            "enable_external_access = false",
            "lock_configuration = true",
        ):
            database.execute(f"SET {setting}")
        yield database


def rows(database: duckdb.DuckDBPyConnection, path: Path, which: str = "", *told: Any) -> Iterator[tuple[Any, ...]]:
    """The rows of a file in the order of COLUMNS, a few at a time. `which` is a condition of SQL on `told`."""
    found = database.execute(f"SELECT {_READ} FROM read_parquet(?) {which}", [str(path), *told])  # noqa: S608
    while some := found.fetchmany(AT_ONCE):
        yield from some


def find(ids: Iterable[UUID]) -> dict[UUID, Measurement]:
    """Those of these that are in their table no more; what is nowhere is left out. Raises Unfit where the file of a
    month is missing, or is seen to be damaged: that is not "nowhere".
    """
    wanted = set(ids)
    found = {one.pk: one.as_measurement() for one in Witness.objects.filter(pk__in=wanted)}
    by_month: dict[date, list[UUID]] = {}
    for pk in sorted(wanted - found.keys()):
        try:
            by_month.setdefault(partitions.month_of(pk), []).append(pk)
        except ValueError:
            continue
    for archive in Archive.objects.gone().filter(month__in=by_month):
        found |= {row.pk: row for row in _in_file(archive, by_month[archive.month])}
    return found


def wherever(ids: Iterable[UUID], rows: QuerySet[Measurement]) -> dict[UUID, Measurement]:
    """Those of these that are in their table, of whose rows some read more, and those that `find` finds."""
    wanted = set(ids)
    stored = rows.in_bulk(wanted)
    return stored | find(wanted - stored.keys())


def _in_file(archive: Archive, ids: Collection[UUID]) -> Iterator[Measurement]:
    """By way of the least and the greatest id of each part of the file: most of it is not read."""
    asked = sorted(map(str, ids))
    which = "WHERE id BETWEEN ? AND ? AND id IN (SELECT unnest(?::VARCHAR[]))"
    with _reading(archive) as (database, path):
        yield from map(measurement_of, rows(database, path, which, asked[0], asked[-1], asked))


def judged(archive: Archive) -> Iterator[Measurement]:
    """What a month has that verdicts are on, by id. Raises Unfit as `find` does; whoever writes by it checks first."""
    with _reading(archive) as (database, path):
        yield from map(measurement_of, rows(database, path, _JUDGED))


def number_judged(archive: Archive) -> int:
    with _reading(archive) as (database, path):
        found = database.execute(f"SELECT count(*) FROM read_parquet(?) {_JUDGED}", [str(path)]).fetchone()  # noqa: S608
    return int(found[0]) if found else 0


@contextmanager
def _reading(archive: Archive) -> Iterator[tuple[duckdb.DuckDBPyConnection, Path]]:
    path = path_of(archive)
    try:
        with opened(path.parent) as database:
            yield database, path
    except (OSError, duckdb.Error, ValueError) as error:
        raise Unfit(f"{path} cannot be read, see manage.py archive --verify: {error}") from error


def measurement_of(row: tuple[Any, ...]) -> Measurement:
    """A row of a file as it was in its table. Raises ValueError for one that is not of its record."""
    one = dict(zip(COLUMNS, row, strict=True))
    made = Measurement(
        id=UUID(one["id"]),
        run_id=one["run"],
        target_id=one["target"],
        network_id=one["network"],
        vantage_id=one["vantage"],
        started_at=_moment(one["started_at"]),
        recorded_at=_moment(one["recorded_at"]),
        **{name: one[name] for name in ("attempt", "closing", "control", "failure", "imitated")},
    )
    made.record = Record.from_bytes(one["document"].encode())
    if (made.record.id, made.record.url) != (one["id"], one["url"]):
        raise ValueError(f"measurement {one['id']} has the record of another")
    return made


def _moment(microseconds: int) -> datetime:
    seconds, rest = divmod(microseconds, 1_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest)
