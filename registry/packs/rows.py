"""What rows of every table of the law side are checked for."""

from __future__ import annotations

from checks.packs import Row
from registry.models import (
    Source,
)

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
