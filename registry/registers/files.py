"""The rows of a published file: JSON, JSON lines or CSV, perhaps packed. It may be hostile. No database."""

from __future__ import annotations

import csv
import io
import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

SIZE_LIMIT = 256 * 1024 * 1024  # bytes, as they come and unpacked: the register's largest known file has 38 MB
RATIO = 200  # what unpacks to more than this times its size was made to fill a memory
RATIO_FREE = 1024 * 1024  # bytes that may come of anything, however small
CELL_LIMIT = 10_000  # characters of one field
_SPACE = re.compile(r"[ \t\r\n]*")
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")  # as JSON writes it
_DECODER = json.JSONDecoder()


class Unreadable(ValueError):
    """Why nothing of the file can be taken."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row, and where it stands; or in its stead why it could not be read."""

    place: str  # "line 7" or "entry 7"
    value: Any = None
    error: str = ""


def rows(data: bytes) -> Iterator[Row]:
    """The rows of a file. Raises Unreadable where the file as a whole is broken, such as one that was cut off."""
    text = _text(_unpacked(data))
    start = _SPACE.match(text).end()  # type: ignore[union-attr]  # it matches nothing, too
    if start == len(text):
        raise Unreadable("the file is empty")
    if text[start] == "[":
        yield from _array(text, start)
    elif text[start] == "{":
        yield from _objects(text, start)
    else:
        yield from _csv(text)


def storable(value: Any) -> str:
    """The value as JSON, one way of writing it; Unreadable where no database would take it as it is."""
    try:
        text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
        text.encode()
    except RecursionError:
        raise Unreadable("it is nested too deeply") from None
    except UnicodeEncodeError:
        raise Unreadable("it has half a character (a lone surrogate)") from None
    except ValueError:
        raise Unreadable("it has a number that JSON does not know (NaN or Infinity)") from None
    if _NUL.search(text):
        raise Unreadable("it has a NUL character")
    return text


def _unpacked(data: bytes) -> bytes:
    if len(data) > SIZE_LIMIT:
        raise Unreadable(f"it is larger than {SIZE_LIMIT // 2**20} MiB")
    if not data.startswith(b"\x1f\x8b"):
        return data
    limit = min(SIZE_LIMIT, RATIO_FREE + RATIO * len(data))
    found = []
    try:
        while data:  # a gzip file may have several members
            unpacker = zlib.decompressobj(wbits=31)
            found.append(unpacker.decompress(data, limit + 1))
            limit -= len(found[-1])
            if limit < 0:
                raise Unreadable("it unpacks to far more than such a list has")
            if not unpacker.eof:
                raise Unreadable("this is no whole gzip file; it may have been cut off")
            data = unpacker.unused_data
    except zlib.error:
        raise Unreadable("this is no whole gzip file; it may have been cut off") from None
    return b"".join(found)


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Unreadable(f"line {line}: byte 0x{data[error.start]:02x} is no UTF-8 text") from None


def _array(text: str, start: int) -> Iterator[Row]:
    """One element after the other: a list of a million need not stand in memory twice."""
    at, number = _SPACE.match(text, start + 1).end(), 0  # type: ignore[union-attr]
    while not text.startswith("]", at):
        number += 1
        value, at = _decoded(text, at, f"entry {number}")
        yield Row(f"entry {number}", value)
        at = _SPACE.match(text, at).end()  # type: ignore[union-attr]
        if text.startswith(",", at):
            at = _SPACE.match(text, at + 1).end()  # type: ignore[union-attr]
        elif not text.startswith("]", at):
            raise Unreadable(f"behind entry {number} the JSON is broken or cut off")
    if text[at + 1 :].strip():
        raise Unreadable("something stands behind the end of the JSON")


def _objects(text: str, start: int) -> Iterator[Row]:
    """JSON lines; or one object that holds the list, as OONI's test lists come."""
    try:
        document, end = _decoded(text, start, "the file")
    except Unreadable:
        document, end = {}, start
    if end > start and not text[end:].strip():
        yield from (Row(f"entry {number}", value) for number, value in enumerate(_held(document), start=1))
        return
    lines = text.split("\n")
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            yield Row(f"line {number}", _decoded(line.strip(), 0, "", whole=True)[0])
        except Unreadable as error:
            if number == len(lines):
                raise Unreadable(f"the last line ({number}) is broken: the file may have been cut off") from None
            yield Row(f"line {number}", error=str(error))


def _held(document: dict[str, Any]) -> list[Any]:
    """The list in a document: `results` (OONI's test lists) or the URLs of a check-in; else the one object itself."""
    held = document.get("results")
    if held is None and isinstance(tests := document.get("tests"), dict):
        part = tests.get("web_connectivity")
        held = part.get("urls") if isinstance(part, dict) else None
    return held if isinstance(held, list) else [document]


def _decoded(text: str, at: int, place: str, *, whole: bool = False) -> tuple[Any, int]:
    before = f"{place}: " if place else ""
    try:
        value, end = _DECODER.raw_decode(text, at)
    except RecursionError:
        raise Unreadable(f"{before}it is nested too deeply") from None
    except ValueError:  # JSON, or a number of more digits than Python reads
        raise Unreadable(f"{before}this is no JSON, or it is cut off") from None
    if whole and end != len(text):
        raise Unreadable(f"{before}this is no JSON")
    return value, end


def _csv(text: str) -> Iterator[Row]:
    csv.field_size_limit(SIZE_LIMIT)  # a long cell is its row's mistake, not the file's
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header: list[str] = []
    line = 1
    try:
        for cells in reader:
            if not header:
                header = [cell.strip() for cell in cells]
            elif cells and len(cells) != len(header):
                yield Row(f"line {line}", error=f"this row has {len(cells)} cells, the header {len(header)}")
            elif cells:
                yield Row(f"line {line}", dict(zip(header, cells, strict=True)))
            line = reader.line_num + 1
    except csv.Error as error:
        raise Unreadable(f"from line {line} on the quotation marks are broken ({error})") from None
