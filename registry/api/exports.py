"""A filtered table as one stream of CSV or JSON lines: memory does not grow with the rows."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from typing import Any

from rest_framework.renderers import BaseRenderer
from rest_framework.utils.encoders import JSONEncoder

# What a spreadsheet takes for a formula when a cell begins so.
FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")


class _Streamed(BaseRenderer):
    """Named here for the choice by `format` and Accept; views stream `lines` themselves."""

    charset = "utf-8"

    def lines(self, rows: Iterable[dict[str, Any]], columns: list[str]) -> Iterator[str]:
        raise NotImplementedError


class JSONLinesRenderer(_Streamed):
    media_type = "application/jsonl"
    format = "jsonl"

    def lines(self, rows: Iterable[dict[str, Any]], columns: list[str]) -> Iterator[str]:
        for row in rows:
            yield json.dumps(row, ensure_ascii=False, separators=(",", ":"), cls=JSONEncoder) + "\n"


class CSVRenderer(_Streamed):
    """RFC 4180 with a header. Lists and objects stand as JSON in their cell."""

    media_type = "text/csv"
    format = "csv"

    def lines(self, rows: Iterable[dict[str, Any]], columns: list[str]) -> Iterator[str]:
        writer = csv.writer(_Line())
        yield writer.writerow(columns)
        for row in rows:
            yield writer.writerow([cell(row[column]) for column in columns])


class _Line:
    """The file that csv.writer wants; `writerow` returns what `write` returns."""

    def write(self, text: str) -> str:
        return text


def cell(value: Any) -> Any:
    """A text that a spreadsheet might run gets an apostrophe before it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list | tuple):
        return json.dumps(value, ensure_ascii=False, cls=JSONEncoder)
    if isinstance(value, str) and value.startswith(FORMULA_SIGNS):
        return f"'{value}"
    return value
