"""`manage.py rejudge --ruleset N [--since DATE]`: new verdicts beside the old."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from checks import rejudging
from checks.archived import Unfit
from checks.judging import UnknownRuleset
from checks.management.dates import moment
from checks.management.progress import Progress


class Command(BaseCommand):
    help = (
        "Judge the stored measurements under a ruleset. Verdicts are added and none is changed; stop it at any time "
        "and begin it again. New measurements are judged under it too from now on. An editor makes it current."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--ruleset", required=True, metavar="N", help="as docs/rules.md names it")
        parser.add_argument("--since", type=moment, metavar="DATE", help="only what began then or later, UTC")

    def handle(self, *args: Any, **options: Any) -> None:
        at, since = timezone.now(), options["since"]
        try:
            ruleset = rejudging.begin(options["ruleset"], at=at)
        except (rejudging.NotApplicable, UnknownRuleset) as error:
            raise CommandError(str(error)) from error
        passed = judged = 0
        try:
            progress = Progress(sys.stderr, rejudging.number(since), "measurements")
            for step in rejudging.rejudge(ruleset, since=since, at=at):
                passed, judged = passed + step.passed, judged + step.judged
                progress.show(passed, judged)
        except Unfit as error:
            raise CommandError(str(error)) from error
        progress.end()
        self.stdout.write(f"{judged} measurements judged under {ruleset}; {passed - judged} had been before")
