"""What the commands share that import a list: where it comes from, and the report."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from registry.registers import importing
from registry.registers.entries import Problem
from registry.registers.fetching import NotFetched, fetch
from registry.registers.files import SIZE_LIMIT
from registry.registers.importing import Document, NotTaken, Report

PROBLEMS = 20  # shown, with their places


def add_arguments(parser: argparse.ArgumentParser) -> None:
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--apply", action="store_true", help="write it; without this it is only shown")
    chosen.add_argument("--dry-run", action="store_true", help="only show what would be done (the default)")
    parser.add_argument("--snapshot", type=_day, metavar="DATE", help="the day on which the list was so: 2025-03-17")
    parser.add_argument("--expect-fewer", action="store_true", help="yes, far fewer entries than before")


def run(source: str, list: str, title: str, options: dict[str, Any]) -> Iterator[str]:
    """Reads the source, looks at it or takes it, and tells it line by line. Raises CommandError."""
    at = timezone.now()
    document = _document(source, title, options["snapshot"], at)
    fewer = options["expect_fewer"]
    try:
        if options["apply"]:
            report = importing.take(document, list=list, at=at, by=f"import:{list}", expect_fewer=fewer)
        else:
            report = importing.look(document, list=list, at=at, expect_fewer=fewer)
    except NotTaken as error:
        raise CommandError(f"{source}: {error}.\nNothing was written.") from None
    yield from _told(source, report, len(document.data))


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no day, such as 2025-03-17") from None


def _document(source: str, title: str, day: date | None, at: datetime) -> Document:
    if source.startswith(("https://", "http://")):
        try:
            return Document(fetch(source), day or timezone.localdate(at), url=source, title=title)
        except NotFetched as error:
            raise CommandError(f"{error}.\nNothing was written.") from None
    path = Path(source)
    try:
        with path.open("rb") as file:
            data = file.read(SIZE_LIMIT + 1)
        changed = datetime.fromtimestamp(path.stat().st_mtime, tz=timezone.get_current_timezone()).date()
    except OSError as error:
        raise CommandError(f"{source} cannot be read: {error.strerror}.\nNothing was written.") from None
    return Document(data, day or changed, title=f"{title}: {path.name}"[:500], dated=day is not None)


def _told(source: str, report: Report, size: int) -> Iterator[str]:
    yield f"{source}: {report.list} of {report.taken_on}, {size} bytes, sha256 {report.sha256}"
    if report.known:
        yield f"Nothing is new: these very bytes were taken as the snapshot of {report.known.taken_on}."
        return
    reading, difference = report.reading, report.difference
    yield (
        f"read {reading.read} rows: {len(reading.entries)} entries, {len(reading.refused)} refused"
        + (f"; {difference.kept} entries stand as they stood, for their rows were refused" if difference.kept else "")
    )
    before = f"the snapshot of {report.previous.taken_on}" if report.previous else "nothing: it is the first"
    yield f"compared with {before}:"
    for word in ("added", "removed", "changed"):
        keys: tuple[str, ...] = getattr(difference, word)
        yield f"  {len(keys)} {word}"
        yield from (f"    {said(address)}" for address in report.examples[word])
        if len(keys) > len(report.examples[word]):
            yield f"    … and {len(keys) - len(report.examples[word])} more"
    yield f"  {difference.unchanged} unchanged"
    yield f"{report.names} names: {report.registered} stand for a resource, {report.candidates} are new candidates"
    for reason, count in reading.no_names.most_common():
        yield f"  {count} are no name, and no candidates: {reason}"
    yield from _problems("refused", reading.refused)
    yield from _problems("taken without one field", reading.notes)
    yield (
        f"Recorded as snapshot {report.snapshot.pk}."
        if report.snapshot
        else "Nothing was written. Say --apply to record it."
    )


def _problems(word: str, problems: list[Problem]) -> Iterator[str]:
    if problems:
        yield f"{len(problems)} {word}:"
        yield from (f"  {said(str(problem))}" for problem in problems[:PROBLEMS])
    if len(problems) > PROBLEMS:
        yield f"  … and {len(problems) - PROBLEMS} more"


def said(text: str) -> str:
    """As it may be printed on a terminal: whoever wrote a list chose the characters in it."""
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return shown if len(shown) <= 200 else f"{shown[:200]}…"
