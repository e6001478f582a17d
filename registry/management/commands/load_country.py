"""`manage.py load_country kz`: propose a country pack. It is loaded when two editors have agreed to its very files."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from checks.packs import BadPack
from registry import proposals
from registry.editing import NotPossible
from registry.management import proposing


class Command(BaseCommand):
    help = "Propose to load a country pack: its law, networks and starter cases. Tells what would change."

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
            row, loaded = proposals.propose_pack(country, folder, by=None)
        except BadPack as error:
            raise CommandError(f"{error}\nNothing was proposed.") from None
        except NotPossible as error:
            raise CommandError(str(error)) from None
        for table, done in loaded.counts.items():
            self.stdout.write(f"{table}: " + ", ".join(f"{number} {what}" for what, number in done.items() if number))
        if row is None:
            self.stdout.write(f"Nothing would change: the pack of {country} was loaded before.")
        else:
            self.stdout.write(proposing.next_step(row))
