"""`manage.py load_country kz`: propose a country pack. It is loaded when two editors have agreed to its very files."""

from __future__ import annotations

from argparse import ArgumentParser
from collections import Counter
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from checks.packs import BadPack
from registry import packs, proposals
from registry.management import proposing
from registry.models import Proposal
from registry.proposals import Operation, State


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
            counts: dict[str, Counter[str]] = proposals.tried(lambda: packs.load(country, folder))
        except BadPack as error:
            raise CommandError(f"{error}\nNothing was proposed.") from None
        for table, done in counts.items():
            self.stdout.write(f"{table}: " + ", ".join(f"{number} {what}" for what, number in done.items() if number))
        if not any(done["created"] + done["changed"] + done["removed"] for done in counts.values()):
            self.stdout.write(f"Nothing would change: the pack of {country} was loaded before.")
            return
        fields = {"country": country, "folder": str(folder.resolve()), "sha256": packs.sha256_of(country, folder)}
        waiting = Proposal.objects.filter(operation=Operation.PACK, state=State.WAITING)
        known = next((row for row in waiting if row.told["fields"] == fields), None)
        reason = f"country pack {country}, SHA-256 {fields['sha256']}"
        self.stdout.write(
            proposing.next_step(known) if known else proposing.propose(Operation.PACK, None, fields, reason)
        )
