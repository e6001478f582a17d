"""Many rows into the database at once, each only once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connection, connections, models


def insert(rows: Sequence[models.Model]) -> None:
    """Store rows of one model that are not stored yet, within the transaction of the caller.

    On PostgreSQL by COPY: five times as fast as inserting. What would be a second row under a unique constraint is left
    out. The rows themselves do not learn an id that the database gives.
    """
    if rows and connection.vendor == "postgresql":
        _copy(rows, _fields(rows[0], with_id=False), "NOTHING")
    elif rows:
        type(rows[0])._base_manager.bulk_create(rows, ignore_conflicts=True)


def write(rows: Sequence[models.Model], *, unique: Sequence[str], update: Sequence[str]) -> None:
    """Store rows of one model; of those that are there, by the fields of a unique constraint, update some fields."""
    if rows and connection.vendor == "postgresql":
        columns = [_column(rows[0], name) for name in update]
        told = ", ".join(f"{column} = EXCLUDED.{column}" for column in columns)
        by = ", ".join(_column(rows[0], name) for name in unique)
        _copy(rows, _fields(rows[0], with_id=rows[0]._meta.pk.name in unique), f"UPDATE SET {told}", f"({by})")
    elif rows:
        type(rows[0])._base_manager.bulk_create(
            rows, update_conflicts=True, unique_fields=list(unique), update_fields=list(update)
        )


def _fields(row: models.Model, *, with_id: bool) -> list[Any]:
    """Those that have a column; an id that the database gives is none of ours."""
    return [field for field in row._meta.concrete_fields if with_id or field is not row._meta.auto_field]


def _column(row: models.Model, name: str) -> str:
    field: Any = row._meta.get_field(name)
    return connection.ops.quote_name(field.column)


def _is_adapted(field: Any) -> bool:
    """Whether Django has to turn a value into what the driver takes; asking it of each value costs as much as COPY."""
    return isinstance(field, models.JSONField)


def _copy(rows: Sequence[models.Model], fields: Sequence[Any], do: str, conflict: str = "") -> None:
    """By way of a table of this transaction alone, for COPY knows no conflicts."""
    meta = rows[0]._meta
    table, arriving = meta.db_table, f"arriving_{meta.db_table}"
    columns = ", ".join(_column(rows[0], field.name) for field in fields)
    anew = f"CREATE TEMPORARY TABLE IF NOT EXISTS {arriving} (LIKE {table}) ON COMMIT DELETE ROWS;"
    if meta.auto_field:
        anew += f"ALTER TABLE {arriving} ALTER {_column(rows[0], meta.auto_field.name)} DROP NOT NULL;"
    taken = f"INSERT INTO {table} ({columns}) SELECT {columns} FROM {arriving} ON CONFLICT {conflict} DO {do};"  # noqa: S608 (names of our own columns)
    database = connections[DEFAULT_DB_ALIAS]  # and no proxy, which costs a tenth of all this
    kinds = [(field.pre_save, field.get_db_prep_save if _is_adapted(field) else None) for field in fields]
    with database.cursor() as cursor:
        cursor.execute(anew)
        with cursor.copy(f"COPY {arriving} ({columns}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(
                    [adapted(value(row, True), database) if adapted else value(row, True) for value, adapted in kinds]
                )
        cursor.execute(f"{taken} TRUNCATE {arriving}")
