"""Old months of measurements leave the database for files, a Parquet file each.

A month is written, read back by DuckDB and proved, and only then dropped, its witnesses copied first. Killed anywhere,
the next one begins where the rows and files say: what is proved is not written again, what is half written is.
Imports and first checks stay: the former for good, the latter until they are forgotten (`checks.planning`).
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import msgspec
from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, QuerySet

from checks import archived, parking, partitions, witnesses
from checks.archived import Unfit
from checks.models import Archive, Measurement, Parked, Ruleset, Verdict

AT_ONCE = 2000  # rows in memory
PART = 20_000  # rows of a part, which the file is put together from
GROUP = 10_240  # rows of a row group: to find one measurement, one of these is read
MEMORY = "1GB"  # of the writer
WAIT = "30s"  # for others to let the table go; else it is tried again another day

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Proof:
    """The sum of rows in the order of their ids, each of them once: SHA-256 over each row as a JSON array and a line
    feed. Raises Unfit for a row out of order.
    """

    rows: int = 0
    _last: str = ""
    _digest: Any = field(default_factory=hashlib.sha256)

    def add(self, row: Sequence[Any]) -> None:
        if row[0] <= self._last:
            raise Unfit(f"measurement {row[0]} comes after {self._last}")
        self.rows, self._last = self.rows + 1, row[0]
        self._digest.update(msgspec.json.encode(row) + b"\n")

    @property
    def told(self) -> tuple[int, str]:
        return self.rows, self._digest.hexdigest()


def due(at: datetime) -> list[date]:
    """Months that have measurements and are older than those that are kept."""
    kept = partitions.after(partitions.first_day(at), -settings.KEEP_MONTHS)
    found = []
    rows = _published().filter(pk__lt=partitions.bounds(kept)[0]).order_by("pk").values_list("pk", flat=True)
    oldest = rows.first()
    while oldest:
        found.append(partitions.month_of(oldest))
        oldest = rows.filter(pk__gte=partitions.bounds(found[-1])[1]).first()
    return found


def _published() -> QuerySet[Measurement]:
    return Measurement.objects.published().filter(origin__isnull=True)


def of_month(month: date) -> QuerySet[Measurement]:
    """What a file of this month holds."""
    begin, end = partitions.bounds(month)
    return _published().filter(pk__gte=begin, pk__lt=end)


def keep(at: datetime) -> Iterator[date]:
    """Move the months that are due, one after the other; one that fails keeps no other from it. Nothing, while another
    process is at it. Then copy what states have come to rest on in months that went before.
    """
    with _alone() as mine:
        if not mine:
            return
        aside = parking.aside(Parked.Kind.MONTH)
        for month in due(at):
            if f"{month:%Y-%m}" in aside:
                continue
            with parking.parking(Parked.Kind.MONTH, f"{month:%Y-%m}", at=at, whole=False):
                move(month, at=at)
            yield month
        kept = partitions.after(partitions.first_day(at), -settings.KEEP_MONTHS)
        witnesses.copy(before=partitions.bounds(kept)[0])


@contextmanager
def _alone() -> Iterator[bool]:
    """Whether nobody else moves months into this folder. The kernel lets the lock go when its holder dies."""
    folder = Path(settings.ARCHIVE)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def move(month: date, *, at: datetime) -> Archive:
    """See that a month is in its file, and drop it from the database. Raises Unfit, and what disks and databases do."""
    archive = Archive.objects.filter(month=month).first()
    if archive and archive.dropped_at:
        raise Unfit(f"{month:%Y-%m} was dropped, and measurements of it are in the database again: look where from")
    if archive is None or not _fits(archive):
        archive = write(month, at=at)
    return drop(archive, at=at)


def _fits(archive: Archive) -> bool:
    try:
        check(archive)
    except Unfit as error:
        log.warning("%s It is written again, for the measurements are still in the database.", error)
        return False
    return of_month(archive.month).count() == archive.rows  # else something came meanwhile


# --- writing


def write(month: date, *, at: datetime) -> Archive:
    """Write the file of a month and prove it. Nothing is overwritten: what is in its place is put aside."""
    path = Path(settings.ARCHIVE) / f"measurements-{month:%Y-%m}.parquet"
    partial = path.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    made = partial / path.name
    written = _written(month, made)
    if (read := proved(made)) != written.told:
        raise Unfit(f"what was read back of {made} is not what was written: {read} for {written.told}")
    sha256 = archived.sha256(made)
    if path.exists():
        path.rename(path.with_suffix(f".{archived.sha256(path)[:12]}.aside"))
    made.rename(path)
    _sync(path.parent)
    shutil.rmtree(partial)
    rows, proof = written.told
    told = {"file": path.name, "rows": rows, "bytes": path.stat().st_size, "sha256": sha256, "proof": proof}
    return Archive.objects.update_or_create(month=month, defaults={**told, "written_at": at})[0]


def _written(month: date, path: Path) -> Proof:
    """Part by part, then put together: a file of a month is larger than the memory."""
    proof = Proof()
    parts: list[str] = []
    kinds = ", ".join(f"{name} {kind}" for name, kind in archived.COLUMNS.items())
    columns = ", ".join(
        f"make_timestamptz(unnest(${number}::BIGINT[]))" if kind == "TIMESTAMPTZ" else f"unnest(${number}::{kind}[])"
        for number, kind in enumerate(archived.COLUMNS.values(), start=1)
    )
    packed = "FORMAT parquet, COMPRESSION zstd"
    with archived.opened(path.parent, memory=MEMORY) as database:
        database.execute(f"CREATE TABLE part ({kinds})")

        def close() -> None:
            parts.append(f"{path.parent}/part-{len(parts):06}")
            database.execute(f"COPY part TO {_quoted(parts[-1])} ({packed})")
            database.execute("TRUNCATE part")

        waiting = 0
        for rows in _chunks(month):
            for row in rows:
                proof.add(row)
            database.execute(f"INSERT INTO part SELECT {columns}", [list(column) for column in zip(*rows, strict=True)])
            waiting += len(rows)
            if waiting >= PART:
                close()
                waiting = 0
        if waiting or not parts:
            close()
        among = ", ".join(map(_quoted, parts))
        whole = f"SELECT * FROM read_parquet([{among}])"  # noqa: S608 (our own names)
        database.execute(f"COPY ({whole}) TO {_quoted(str(path))} ({packed}, ROW_GROUP_SIZE {GROUP})")
    _sync(path)
    return proof


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _chunks(month: date) -> Iterator[list[tuple[Any, ...]]]:
    """By id: no transaction stays open for as long as a month takes."""
    rows = of_month(month).annotate(url=F("target__url"), asn=F("network__asn")).order_by("pk")
    ruleset = Ruleset.objects.current()
    some = list(rows[:AT_ONCE])
    while some:
        judged = Verdict.objects.filter(ruleset=ruleset, measurement__in=[row.pk for row in some])
        verdict_on = {one.measurement: one for one in judged}
        yield [_row(row, verdict_on.get(row.pk)) for row in some]
        some = list(rows.filter(pk__gt=some[-1].pk)[:AT_ONCE])


def _row(row: Any, verdict: Verdict | None) -> tuple[Any, ...]:
    """In the order of `archived.COLUMNS`."""
    return (
        str(row.pk),
        row.run_id,
        row.attempt,
        row.closing,
        row.target_id,
        row.url,
        row.network_id,
        row.asn,
        row.vantage_id,
        row.control,
        _microseconds(row.started_at),
        _microseconds(row.recorded_at),
        row.failure,
        row.imitated,
        *(
            (verdict.ruleset, verdict.verdict, verdict.mechanism, verdict.rule, verdict.confidence)
            if verdict
            else (None,) * 5
        ),
        row.record.as_bytes().decode(),
    )


def _microseconds(at: datetime) -> int:
    return int(at.timestamp()) * 1_000_000 + at.microsecond


def _sync(path: Path) -> None:
    """Onto the disk, so that a power cut takes nothing back that the database knows."""
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


# --- proving


def proved(path: Path) -> tuple[int, str]:
    """How many rows DuckDB finds in a file, and their sum. Raises Unfit for one that it cannot read."""
    proof = Proof()
    try:
        with archived.opened(path.parent, memory=MEMORY) as database:
            for row in archived.rows(database, path):
                proof.add(row)
    except (duckdb.Error, UnicodeDecodeError) as error:
        raise Unfit(f"{path} cannot be read: {error}") from error
    return proof.told


def check(archive: Archive, *, rows: bool = False) -> None:
    """Is the file of a month as it was when it was proved? With `rows`, every row of it. Raises Unfit."""
    archived.check(archive)
    path = archived.path_of(archive)
    if rows and proved(path) != (archive.rows, archive.proof):
        raise Unfit(f"{path} does not hold the {archive.rows} measurements whose sum is {archive.proof}.")


# --- dropping


def drop(archive: Archive, *, at: datetime) -> Archive:
    """Let the database go of a month whose file is as it must be. Raises Unfit, and nothing has changed."""
    check(archive)
    end = partitions.bounds(archive.month)[1]
    witnesses.copy(before=end)  # most of them, while nobody has to wait
    with transaction.atomic():
        part = _locked(archive.month)
        kept = Archive.objects.select_for_update().get(pk=archive.pk, dropped_at=None)
        if (number := of_month(kept.month).count()) != kept.rows:
            raise Unfit(f"{kept.file} has {kept.rows} measurements, and the database {number}: it is written again.")
        witnesses.copy(before=end)
        _let_go(kept.month, part)
        kept.dropped_at = at
        kept.save(update_fields=["dropped_at"])
    return kept


def _locked(month: date) -> str | None:
    """Nothing comes to a month from here on until the transaction ends. Its partition, if it has one."""
    part = partitions.name(month) if partitions.exists(month) else None
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = '{WAIT}'")
            cursor.execute(f"LOCK TABLE {part or partitions.OTHER} IN SHARE ROW EXCLUSIVE MODE")
    return part


def _let_go(month: date, part: str | None) -> None:
    if part is None:
        begin, end = partitions.bounds(month)
        Measurement.objects.filter(pk__gte=begin, pk__lt=end, origin__isnull=True).delete()
        return
    table = partitions.TABLE
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} DETACH PARTITION {part}")
        cursor.execute(f"INSERT INTO {table} SELECT * FROM {part} WHERE origin IS NOT NULL")  # noqa: S608 (our own names)
        cursor.execute(f"DROP TABLE {part}")
