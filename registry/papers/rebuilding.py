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

from registry.papers import marks, reader, writing
from registry.papers.confining import WRITTEN
from registry.papers.limits import COPY_LIMIT, FILE_LIMIT, FOUND, PAGES, PIXELS, RESOLUTIONS, SECONDS
from registry.papers.marks import Box, Mark
from registry.papers.personal import Kind
from registry.papers.refusals import Reason, Refused
from registry.papers.writing import Packing, Page

logger = logging.getLogger(__name__)

HOME = Path(__file__).resolve().parents[2]  # where the package `registry` lies
MEDIA_TYPES = {"pdf": "application/pdf", "png": "image/png", "jpeg": "image/jpeg"}
_FIRST_BYTES = {"png": reader.PNG, "jpeg": reader.JPEG}
# What else people send, by its first bytes, so that the answer can name it. None of it is read.
OTHERS = (
    (b"GIF8", "GIF"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"RIFF", "WebP"),
    (b"BM", "BMP"),
    (b"PK\3\4", "DOCX, ODT, ZIP"),
    (b"\xd0\xcf\x11\xe0", "DOC"),
    (b"{\\rtf", "RTF"),
    (b"AT&TFORM", "DjVu"),
    (b"\0\0\1\0", "ICO"),
)
MARKUP = (b"<!doctype", b"<html", b"<?xml", b"<svg", b"<script", b"<head", b"<body")
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
    if not data.startswith((reader.PDF, reader.PNG, reader.JPEG)):
        raise Refused(Reason.OTHER_KIND, detail=_other(data))
    told, pieces = _asked(data, redactions)
    if reason := told.get("refused"):
        raise Refused(Reason(reason), page=int(told["page"]), detail=str(told["detail"])[:80])
    return _copy(told, pieces)


def _other(data: bytes) -> str:
    start = data[:1024].lstrip(b"\xef\xbb\xbf\0 \t\r\n").lower()
    if start.startswith(MARKUP):
        return "HTML, SVG, XML"
    if data[4:8] == b"ftyp":
        return "HEIC, AVIF"
    return next((name for first, name in OTHERS if data.startswith(first)), "")


def _asked(data: bytes, redactions: Sequence[Mark]) -> tuple[dict[str, Any], bytes]:
    """The child's answer: what it tells, and the pieces of the copy."""
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
        first, _line, pieces = _all(answer, WRITTEN).partition(b"\n")
        told = json.loads(first)
    return told, pieces


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


def _copy(told: Mapping[str, Any], pieces: bytes) -> Copy:
    """Raises Refused where the answer is not one that the child gives."""
    try:
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
            found=tuple(_personal(one) for one in told["found"][:FOUND]),
            without_text=_numbers(told["without_text"]),
            blank=_numbers(told["blank"]),
            fonts=tuple(str(name)[:100] for name in told["fonts"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        logger.error("the reader of papers answered what it never answers: %r", error)
        raise Refused(Reason.TOO_MUCH) from error


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


def _personal(one: Mapping[str, Any]) -> Personal:
    return Personal(int(one["page"]), Kind(one["kind"]), tuple(mark.box for mark in marks.of(one["boxes"])))


def _numbers(values: list[Any]) -> tuple[int, ...]:
    return tuple(int(value) for value in values[:PAGES])
