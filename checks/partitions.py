"""Measurements by month. On PostgreSQL each month is a partition, which goes at once; on SQLite all are in one table.

The id of a measurement is its key: the first 48 bits of a UUIDv7 are milliseconds. Months are those of UTC. What is of
no month that has a partition, as an import of former years, is in the partition `checks_measurement_other`.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from uuid import UUID

from django.db import connection, transaction

from checks.models import Measurement

TABLE = Measurement._meta.db_table
OTHER = f"{TABLE}_other"
AHEAD = 2  # months after this one whose partitions are there
_MAKING = 0x7E110001  # the advisory lock of whoever makes one


def milliseconds(pk: UUID) -> int:
    """When a time-ordered id was made, since 1970."""
    return pk.int >> 80


def month_of(pk: UUID) -> date:
    """The first day of the month that an id says. Raises ValueError for one beyond the calendar."""
    try:
        return first_day(datetime.fromtimestamp(milliseconds(pk) / 1000, UTC))
    except (OverflowError, ValueError) as error:
        raise ValueError(f"of no month of our calendar: {pk}") from error


def first_day(at: datetime) -> date:
    return at.astimezone(UTC).date().replace(day=1)


def after(month: date, months: int = 1) -> date:
    """The first day so many months later; with a negative number, earlier."""
    years, number = divmod(month.month - 1 + months, 12)
    return date(month.year + years, number + 1, 1)


def bounds(month: date) -> tuple[UUID, UUID]:
    """The first id that a month can have, and the first of the next month."""
    return _first_id(month), _first_id(after(month))


def _first_id(month: date) -> UUID:
    begins = datetime(month.year, month.month, 1, tzinfo=UTC)
    return UUID(int=int(begins.timestamp()) * 1000 << 80)


def name(month: date) -> str:
    return f"{TABLE}_{month:%Y_%m}"


def exists(month: date) -> bool:
    """Has this month a partition? On SQLite none has."""
    if connection.vendor != "postgresql":
        return False
    with connection.cursor() as cursor:
        cursor.execute("SELECT FROM pg_class WHERE relname = %s AND relispartition", [name(month)])
        return bool(cursor.rowcount)


def make_ahead(at: datetime) -> None:
    """See that this month and those to come have partitions. Two callers at once make each once."""
    if connection.vendor != "postgresql":
        return
    for months in range(AHEAD + 1):
        month = after(first_day(at), months)
        if not exists(month):
            _make(month)


@transaction.atomic
def _make(month: date) -> None:
    """With what has come to lie in the partition of the rest meanwhile, where nobody made this one in time."""
    part, (begin, end) = name(month), bounds(month)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_MAKING])
        if exists(month):
            return  # someone was faster
        like = "INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE INCLUDING COMPRESSION"
        cursor.execute(f"CREATE TABLE {part} (LIKE {TABLE} {like})")
        cursor.execute(f"LOCK TABLE {OTHER} IN ACCESS EXCLUSIVE MODE")
        taken = f"DELETE FROM {OTHER} WHERE id >= %s AND id < %s RETURNING *"  # noqa: S608 (a name of our own)
        cursor.execute(f"WITH taken AS ({taken}) INSERT INTO {part} SELECT * FROM taken", [begin, end])  # noqa: S608
        only_once(part)
        cursor.execute(f"ALTER TABLE {TABLE} ATTACH PARTITION {part} FOR VALUES FROM ('{begin}') TO ('{end}')")


def only_once(part: str) -> None:
    """The constraints of the model hold within a partition: PostgreSQL knows none over all of them but by the key.
    Across two months `runs.record` holds them, under the lock of the run.
    """
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE UNIQUE INDEX {part}_once ON {part} (run_id, target_id, attempt) WHERE origin IS NULL")
        cursor.execute(
            f"CREATE UNIQUE INDEX {part}_closes ON {part} (run_id, target_id) WHERE closing AND origin IS NULL"
        )
