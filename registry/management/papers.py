"""What the commands about papers share: marks on the command line, and what is told of a copy."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator

from registry import documents
from registry.models import PublicCopy
from registry.papers import marks
from registry.papers.marks import Mark


def add_marks(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--mark",
        type=_mark,
        action="append",
        default=[],
        metavar="PAGE:LEFT,TOP,RIGHT,BOTTOM",
        help="blacken this, in fractions of the page from its top left: 2:0.1,0.25,0.6,0.3; may be said again",
    )


def _mark(text: str) -> Mark:
    try:
        return marks.read(text)
    except (ValueError, TypeError):
        raise argparse.ArgumentTypeError(f"{text!r} is no mark, such as 2:0.1,0.25,0.6,0.3") from None


def told(copy: PublicCopy) -> Iterator[str]:
    yield f"public copy: {copy.media_type}, {copy.pages} pages, {copy.size} bytes, {len(copy.marks)} places blackened"
    yield f"sha256 {copy.sha256}"
    kinds = Counter((one["page"], one["kind"]) for one in copy.found)
    for (page, kind), count in sorted(kinds.items()):
        yield f"  page {page}: {count} × {kind}, not blackened"
    for mark in documents.suggested(copy):
        yield f"    --mark {marks.typed(mark)}"
    for what, values in (
        ("pages in which no numbers can be found, for they are pictures", copy.without_text),
        ("pages of one colour: is something missing?", copy.blank),
        ("fonts that the file does not bring: compare the copy, letters may be missing", copy.fonts),
    ):
        if values:
            yield f"  {what}: {', '.join(map(str, values))}"
