"""The child: reads one hostile file and answers what a harmless copy is made of. `rebuilding` starts it.

Everything that it needs is imported before it locks itself up; afterwards no file can be opened.
"""

from __future__ import annotations

import json
import sys
from typing import BinaryIO

from registry.papers import confining, kinds, marks, pictures, scanning
from registry.papers.limits import COPY_LIMIT, FILE_LIMIT
from registry.papers.marks import Mark
from registry.papers.refusals import Reason, Refused


def serve(given: BinaryIO, answer: BinaryIO) -> int:
    """One job: a line of JSON with the marks, then the file. The answer: a line of JSON, then the copy's pieces."""
    confining.set_limits()
    confined = confining.lock_up()
    job = json.loads(given.readline())
    data = given.read(FILE_LIMIT + 1)
    try:
        told, pieces = _made(data, marks.of(job["marks"]))
    except Refused as refused:
        told, pieces = {"refused": refused.reason.value, "page": refused.page, "detail": refused.detail}, []
    except MemoryError:
        told, pieces = {"refused": Reason.TOO_MUCH.value, "page": 0, "detail": ""}, []
    answer.write(json.dumps({**told, "confined": confined}).encode() + b"\n")
    for piece in pieces:
        answer.write(piece)
    answer.flush()
    return 0


def _made(data: bytes, redactions: list[Mark]) -> tuple[dict[str, object], list[bytes]]:
    seen = scanning.Seen()
    if data.startswith(kinds.PDF):
        document = scanning.open_pdf(data)
        _check(redactions, len(document))
        kind, rows, pieces = "pdf", [], []
        for page in scanning.pages(document, redactions, seen):
            rows.append([page.width, page.height, page.grey, page.packing.value, page.dpi, len(page.data)])
            pieces.append(page.data)
            if sum(map(len, pieces)) > COPY_LIMIT:
                raise Refused(Reason.COPY_TOO_LARGE)
    elif data.startswith(kinds.TAKEN):
        picture = pictures.read(data)
        _check(redactions, 1)
        if pictures.is_blank(picture):
            seen.blank.append(1)
        pictures.burn(picture, 1, redactions)
        kind = "png" if data.startswith(kinds.PNG) else "jpeg"
        pieces = [pictures.png(picture) if kind == "png" else pictures.jpeg(picture)]
        rows = []
        seen.without_text.append(1)
        if len(pieces[0]) > COPY_LIMIT:
            raise Refused(Reason.COPY_TOO_LARGE)
    else:
        raise Refused(Reason.OTHER_KIND)
    told = {"kind": kind, "pages": rows, "found": seen.found, "without_text": seen.without_text}
    return {**told, "blank": seen.blank, "fonts": sorted(seen.fonts)[:20]}, pieces


def _check(redactions: list[Mark], pages: int) -> None:
    for mark in redactions:
        if mark.page > pages:
            raise Refused(Reason.NO_SUCH_PAGE, page=mark.page)


if __name__ == "__main__":
    sys.exit(serve(sys.stdin.buffer, sys.stdout.buffer))
