"""`manage.py find_waves --since DATE [--until DATE]`: the waves of a span of the past, from what was imported since."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from checks import waves
from checks.management.dates import moment


class Command(BaseCommand):
    help = (
        "Look for waves that began within a span of time, however long ago, and offer them to editors at the desk. "
        "Again it changes nothing. The worker looks back 30 days by itself."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--since", required=True, type=moment, metavar="DATE", help="began then or later, UTC")
        parser.add_argument("--until", type=moment, metavar="DATE", help="began before then (default: now)")

    def handle(self, *args: Any, **options: Any) -> None:
        at, since = timezone.now(), options["since"]
        until = options["until"] or at
        if until <= since:
            raise CommandError("--until is not after --since")
        new, known = waves.look_back(since=since, until=until, at=at)
        self.stdout.write(f"{new} waves found that were not known, {known} that were")
