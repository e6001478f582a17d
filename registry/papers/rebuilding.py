"""The parent's side: hands a file to the locked-up child, and builds the public copy of what it answers.

The child may have been taken over by what it read, so its answer is checked like a stranger's, and the PDF of a copy
is written here: all that the child chooses of it are pixels.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from registry.papers import kinds, marks, writing
from registry.papers.confining import WRITTEN
from registry.papers.limits import COPY_LIMIT, FILE_LIMIT, FOUND, PAGES, PIXELS, RESOLUTIONS, SECONDS
from registry.papers.marks import Box, Mark
from registry.papers.personal import Kind
from registry.papers.refusals import Reason, Refused
from registry.papers.writing import Packing, Page

logger = logging.getLogger(__name__)

HOME = Path(__file__).resolve().parents[2]  # where the package `registry` lies
MEDIA_TYPES = {"pdf": "application/pdf", "png": "image/png", "jpeg": "image/jpeg"}
_FIRST_BYTES = {"png": kinds.PNG, "jpeg": kinds.JPEG}
NOTED = 10_000  # bytes of the child's last words that are logged


@dataclass(frozen=True)
class Personal:
    """A personal number that was found, and where it stands: enough to blacken it, and not the number."""

    page: int
    kind: Kind
    boxes: tuple[Box, ...]


@dataclass(frozen=True)
class Copy:
    """The public copy, and what its editor should look at."""

    media_type: str
    data: bytes
    pages: int
    found: tuple[Personal, ...]
    without_text: tuple[int, ...]  # pages that are pictures: what stands in them was not searched
    blank: tuple[int, ...]  # pages of one colour; perhaps something could not be drawn
    fonts: tuple[str, ...]  # that the file does not bring; perhaps letters are missing

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


def rebuild(data: bytes, redactions: Sequence[Mark] = ()) -> Copy:
    """The harmless copy of a PDF, PNG or JPEG, with what is marked burnt black. Raises Refused."""
    if not data:
        raise Refused(Reason.EMPTY)
    if len(data) > FILE_LIMIT:
        raise Refused(Reason.TOO_LARGE)
    if not data.startswith(kinds.TAKEN):
        raise Refused(Reason.OTHER_KIND, detail=kinds.other(data))
    return _read(_asked(data, redactions))


def _asked(data: bytes, redactions: Sequence[Mark]) -> bytes:
    """The child's answer: a line of JSON, then the pieces of the copy."""
    job = json.dumps({"marks": [marks.row(mark) for mark in redactions]}).encode()
    with _memory() as given, _memory() as answer, _memory() as errors:
        given.write(job + b"\n" + data)
        given.flush()
        given.seek(0)
        try:
            ended = subprocess.run(
                [sys.executable, "-E", "-s", "-B", "-m", "registry.papers.reader"],
                stdin=given,
                stdout=answer,
                stderr=errors,
                cwd=HOME,
                env={},  # no key, no password of the database
                timeout=SECONDS,
                check=False,
            ).returncode
        except subprocess.TimeoutExpired:
            raise Refused(Reason.TOO_SLOW) from None
        if ended != 0:
            raise Refused(_ended(ended, _all(errors, NOTED)))
        return _all(answer, WRITTEN)


def _memory() -> IO[bytes]:
    """A file that never is on a disk: the paper is not to be found there."""
    if sys.platform == "linux":
        return os.fdopen(os.memfd_create("paper"), "w+b")
    return tempfile.TemporaryFile()


def _all(file: IO[bytes], most: int) -> bytes:
    file.seek(0)
    return file.read(most)


def _ended(code: int, errors: bytes) -> Reason:
    """Why there is no answer. It is told in our log too: a traceback may be our own mistake."""
    if -code == signal.SIGXCPU:
        return Reason.TOO_SLOW
    logger.error("the reader of papers ended with %d: %s", code, errors.decode("utf-8", "replace"))
    return Reason.TOO_MUCH


def _read(answer: bytes) -> Copy:
    """Raises Refused, also where the answer is not one that the child gives."""
    first, _line, pieces = answer.partition(b"\n")
    try:
        told = json.loads(first)
        if "refused" in told:
            raise Refused(Reason(told["refused"]), page=int(told["page"]), detail=str(told["detail"])[:80])
        return _copy(told, pieces)
    except (ValueError, LookupError, TypeError, ArithmeticError, RecursionError) as error:
        logger.error("the reader of papers answered what it never answers: %r", error)
        raise Refused(Reason.TOO_MUCH) from error


def _copy(told: Mapping[str, Any], pieces: bytes) -> Copy:
    """Raises what Python raises where something else stands there."""
    kind = told["kind"]
    if kind == "pdf":
        pages = _pages(told["pages"], pieces)
        data, count = writing.pdf(pages), len(pages)
    else:
        data, count = pieces, 1
        if not data.startswith(_FIRST_BYTES[kind]) or len(data) > COPY_LIMIT:
            raise ValueError(f"no {kind}")
    return Copy(
        media_type=MEDIA_TYPES[kind],
        data=data,
        pages=count,
        found=tuple(_personal(one, count) for one in told["found"][:FOUND]),
        without_text=_numbers(told["without_text"]),
        blank=_numbers(told["blank"]),
        fonts=tuple(_printable(name) for name in told["fonts"][:PAGES]),
    )


def _pages(rows: list[list[Any]], pieces: bytes) -> list[Page]:
    if not 0 < len(rows) <= PAGES or len(pieces) > COPY_LIMIT:
        raise ValueError("too many pages")
    pages, at = [], 0
    for width, height, grey, packing, dpi, length in rows:
        width, height, length = int(width), int(height), int(length)
        if not (width > 0 and height > 0 and length > 0 and width * height <= 2 * PIXELS and dpi in RESOLUTIONS):
            raise ValueError("a page that cannot be")
        pages.append(Page(width, height, bool(grey), Packing(packing), pieces[at : at + length], int(dpi)))
        at += length
    if at != len(pieces):
        raise ValueError("pieces that belong to no page")
    return pages


def _personal(one: Mapping[str, Any], pages: int) -> Personal:
    page = int(one["page"])
    if not 1 <= page <= pages:
        raise ValueError("a page that is not there")
    return Personal(page, Kind(one["kind"]), tuple(mark.box for mark in marks.of(one["boxes"])))


def _printable(name: object) -> str:
    return "".join(letter for letter in str(name)[:100] if letter.isprintable())


def _numbers(values: list[Any]) -> tuple[int, ...]:
    return tuple(int(value) for value in values[:PAGES])
