"""What rows of every table of the law side are checked for."""

from __future__ import annotations

from collections.abc import Mapping

from checks.packs import Row
from registry.models import Authority, Source

SOURCE = ("source_url", "source_title", "source_date")


def check_source(row: Row) -> None:
    """A source is a URL, or a title with its date."""
    url, title, date = (row.cells[column] for column in SOURCE)
    if not url and not title:
        row.bad("source_url", "a source is a URL, or a title with its date")
    elif not url and not date:
        row.bad("source_date", "a source without a URL needs its date")
    for column in SOURCE:
        row.value(Source, column, column.removeprefix("source_"))


def in_order(row: Row, start: str, end: str) -> None:
    began, ended = row.cells[start], row.cells[end]
    if began and ended and ended < began and not began.startswith(ended):
        row.bad(end, f"{ended} is before {began}")


def check_existed(row: Row, column: str, date: str, bodies: Mapping[str, Authority]) -> None:
    """Refuse a body that had another name, or was not there, on the date of what it is said to have done."""
    on = row.cells[date]
    for code in row.items(column):
        body = bodies.get(code)
        try:
            there = body is None or not on or body.existed(on)
        except ValueError:  # of a date that was told as wrong
            continue
        if body and not there:
            span = f"from {body.valid_from or 'an unknown date'} until {body.valid_to or 'now'}"
            row.bad(column, f"“{code}” existed {span}, not on {on}; name the body of that time")
