"""`manage.py runs`: how far the sweeps are, of each plan and vantage."""

from __future__ import annotations

import json
import time
from argparse import ArgumentParser
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from checks import progress
from checks.progress import Progress

EVERY = 1.0  # seconds
CLEAR = "\x1b[H\x1b[2J"
HEADINGS = ("plan", "vantage", "planned", "waiting", "ready", "at work", "recorded", "failed", "overdue", "oldest")


class Command(BaseCommand):
    help = "Runs that are open, and those of the last period of their plan that ended, by plan and vantage."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--watch", action="store_true", help="tell it anew each second, until Ctrl-C")
        parser.add_argument("--json", action="store_true", help="one JSON document a line")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            while True:
                at = timezone.now()
                found = progress.of(at=at)
                clear = CLEAR if options["watch"] and not options["json"] and self.stdout.isatty() else ""
                self.stdout.write(clear + (as_json(found, at) if options["json"] else table(found, at)))
                self.stdout.flush()
                if not options["watch"]:
                    return
                time.sleep(EVERY)
        except KeyboardInterrupt:
            return


def as_json(found: Sequence[Progress], at: datetime) -> str:
    return json.dumps({"at": at.isoformat(), "runs": [one.as_json() for one in found]})


def table(found: Sequence[Progress], at: datetime) -> str:
    rows = [HEADINGS, *(_row(one) for one in found)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [f"{timezone.localtime(at):%Y-%m-%d %H:%M:%S}"]
    for row in rows:
        names = [text.ljust(width) for text, width in zip(row[:2], widths[:2], strict=True)]
        counts = [text.rjust(width) for text, width in zip(row[2:], widths[2:], strict=True)]
        lines.append("  ".join([*names, *counts]))
    return "\n".join(lines)


def _row(one: Progress) -> tuple[str, ...]:
    counts = (one.planned, one.waiting, one.ready, one.at_work, one.recorded, one.failed, one.overdue)
    oldest = f"{timezone.localtime(one.oldest):%Y-%m-%d %H:%M}" if one.oldest else "-"
    return one.plan or "(first checks)", one.vantage, *map(str, counts), oldest
