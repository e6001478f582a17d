"""Measurements into the database, many at once, each only once."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import connection

from checks.models import Measurement

_FIELDS = Measurement._meta.concrete_fields
_TABLE = Measurement._meta.db_table
_ARRIVING = "arriving_measurements"


def insert(rows: Sequence[Measurement]) -> None:
    """Store what is not stored yet, within the transaction of the caller.

    On PostgreSQL by COPY: five times as fast as inserting. What has the id of a stored row, or would be a second one
    of its run, target and attempt, is left out.
    """
    if connection.vendor != "postgresql":
        Measurement.objects.bulk_create(rows, ignore_conflicts=True)
        return
    if not rows:
        return
    columns = ", ".join(connection.ops.quote_name(str(field.column)) for field in _FIELDS)
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMPORARY TABLE IF NOT EXISTS {_ARRIVING} (LIKE {_TABLE}) ON COMMIT DELETE ROWS")
        with cursor.copy(f"COPY {_ARRIVING} ({columns}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row([field.get_db_prep_save(field.pre_save(row, True), connection) for field in _FIELDS])
        cursor.execute(f"INSERT INTO {_TABLE} ({columns}) SELECT {columns} FROM {_ARRIVING} ON CONFLICT DO NOTHING")  # noqa: S608 (names of our own columns)
        cursor.execute(f"TRUNCATE {_ARRIVING}")
