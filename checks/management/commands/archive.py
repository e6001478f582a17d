"""`manage.py archive`: which months are old enough to leave the database; `--go` moves them (docs/running.md)."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from checks import archive, archived
from checks.models import Archive


class Command(BaseCommand):
    help = (
        "Tell which months of measurements are old enough to leave the database. With --go they are written to "
        "files, proved and dropped; stop it at any time and begin it again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--go", action="store_true", help="move them")
        what.add_argument("--verify", action="store_true", help="is every file, and every row in it, as it was proved?")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["verify"]:
            self._verify()
            return
        at = timezone.now()
        months = {month: archive.of_month(month).count() for month in archive.due(at)}
        for month, number in months.items():
            self.stdout.write(f"{month:%Y-%m}: {number} measurements")
        if not months:
            self.stdout.write("nothing is old enough")
        elif options["go"]:
            done = set(archive.keep(at))
            left = [f"{month:%Y-%m}" for month in months if month not in done or archive.of_month(month).exists()]
            if left:
                raise CommandError(
                    f"still in the database: {', '.join(left)}. The log and the desk's parked work say why"
                )
            self.stdout.write("moved")
        else:
            self.stdout.write("nothing was changed: say --go to move them")

    def _verify(self) -> None:
        wrong = []
        for one in (rows := Archive.objects.order_by("month")):
            try:
                archive.check(one, rows=True)
            except archived.Unfit as error:
                wrong.append(str(error))
        if wrong:
            raise CommandError("\n".join(wrong))
        number = len(rows)
        self.stdout.write("1 file is as it was proved" if number == 1 else f"{number} files are as they were proved")
