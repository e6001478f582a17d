"""`manage.py recount`: count at once the cells that wait for it; or build verdicts, cells and episodes anew."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from checks import counting, rejudging
from checks.archived import Unfit
from checks.judging import UnknownRuleset
from checks.management.dates import moment
from checks.management.progress import Progress
from checks.models import Recount


class Command(BaseCommand):
    help = (
        "Count anew the cells that wait for it. The worker does the same, between its other work. "
        "With --from-measurements, judge every measurement anew first, put verdicts right that are missing or spoilt, "
        "and count every cell. Stop it at any time and begin it again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--from-measurements", action="store_true", help="build everything anew")
        parser.add_argument("--since", type=moment, metavar="DATE", help="judge only what began then or later, UTC")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["from_measurements"]:
            self._rebuild(options["since"])
        elif options["since"]:
            raise CommandError("--since goes with --from-measurements: a cell is counted from its first verdict on")
        progress, counted = Progress(sys.stderr, Recount.objects.count(), "cells"), 0
        for counted, _ in enumerate(counting.recount(at=timezone.now()), start=1):
            progress.show(counted)
        progress.end()
        self.stdout.write(f"{counted} cells counted")

    def _rebuild(self, since: datetime | None) -> None:
        passed = written = 0
        try:
            progress = Progress(sys.stderr, rejudging.number(since), "measurements")
            for step in rejudging.rebuild(since=since, at=timezone.now()):
                passed, written = passed + step.passed, written + step.judged
                progress.show(passed)
        except (UnknownRuleset, Unfit) as error:
            raise CommandError(str(error)) from error
        progress.end()
        self.stdout.write(f"{passed} measurements gone through, {written} verdicts put right")
