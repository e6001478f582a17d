"""Deadlines and days off of a pack: what the law gives time for, by its version."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from checks.packs import Folder, Row, Writer, told
from registry.deadlines import Unit
from registry.models import Deadline, Holiday, Source
from registry.packs.rows import SOURCE, check_source, in_order

NAMES = ("name_kk", "name_ru", "name_en")
DEADLINE = (
    *("procedure", "step", "length", "unit", "starts_with", "article_kk", "article_ru", "article_en"),
    *("valid_from", "valid_to", *NAMES, "confidence", "note_kk", "note_ru", "note_en"),
)
FLAGS = ("valid_from_not_later_than", "unverified")
HOLIDAY = ("kind", *NAMES)


@dataclass(frozen=True)
class Clocks:
    deadlines: list[tuple[Row, dict[str, Any]]]
    holidays: list[tuple[Row, dict[str, Any]]]


def read(folder: Folder) -> Clocks:
    """Both tables; a pack without them is one of a country whose law nobody has read yet."""
    deadlines = folder.rows_if_any("deadlines.csv", ("key", *DEADLINE, *FLAGS, *SOURCE), key="key")
    holidays = folder.rows_if_any("holidays.csv", ("date", *HOLIDAY, *SOURCE), key="date")
    return Clocks([(row, _deadline(row)) for row in deadlines], [(row, _holiday(row)) for row in holidays])


def write(clocks: Clocks, writer: Writer, source_of: Callable[[Row], Source]) -> None:
    for row, values in clocks.deadlines:
        about = {"source": source_of(row) if has_source(row) else None}
        writer.put("deadlines", Deadline, {"key": row.cells["key"]}, values | about, {}, told(row))
    for row, values in clocks.holidays:
        rest = dict(values)
        key = {"date": rest.pop("date")}
        writer.put("holidays", Holiday, key, rest | {"source": source_of(row)}, {}, told(row))


def has_source(row: Row) -> bool:
    return any(row.cells[column] for column in SOURCE)


def _deadline(row: Row) -> dict[str, Any]:
    row.value(Deadline, "key")
    values = row.values(Deadline, DEADLINE) | {flag: row.flag(flag) for flag in FLAGS}
    in_order(row, "valid_from", "valid_to")
    if (row.cells["unit"] == Unit.AT_ONCE) != (row.cells["length"] == "0"):
        row.bad("length", "a period has a length, and only what is due at once has 0")
    if has_source(row):
        check_source(row)
    elif not values["unverified"]:
        row.bad("source_url", "what has no source is unverified: write yes there")
    return values


def _holiday(row: Row) -> dict[str, Any]:
    check_source(row)
    return row.values(Holiday, ("date", *HOLIDAY))
