from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from checks.packs import BadPack
from registry import packs, status


class Command(BaseCommand):
    help = "Load a country pack: its law, networks and starter cases. Loading it again changes nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("country", help="the pack's folder, for example kz")
        parser.add_argument(
            "--folder",
            type=Path,
            default=settings.BASE_DIR,
            help="a copy of the project to take registry/countries/ and checks/countries/ from",
        )

    def handle(self, *args: Any, country: str, folder: Path, **options: Any) -> None:
        if not (folder / "registry" / "countries" / country).is_dir():
            raise CommandError(f"There is no pack of “{country}” in {folder / 'registry' / 'countries'}.")
        try:
            counts = packs.load(country, folder)
        except BadPack as error:
            raise CommandError(f"{error}\nNothing was loaded.") from None
        status.count(at=timezone.now())  # or the front page would wait for a worker's tick
        for table, done in counts.items():
            self.stdout.write(f"{table}: " + ", ".join(f"{number} {what}" for what, number in done.items() if number))
        if not any(done["created"] + done["changed"] + done["removed"] for done in counts.values()):
            self.stdout.write(f"Nothing has changed: the pack of {country} was loaded before.")
