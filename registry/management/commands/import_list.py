"""`manage.py import_list FILE --list NAME`: names that others keep become candidates (docs/running.md)."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.core.validators import validate_slug

from registry.management import lists
from registry.models import STATE_REGISTER


class Command(BaseCommand):
    help = "Take a snapshot of a list of names; those that the register does not have wait at the desk for an editor."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("source", help="Citizen Lab's CSV, or OONI's JSON or CSV; perhaps packed; or its address")
        parser.add_argument("--list", required=True, metavar="NAME", help="its name here, such as citizenlab-kz")
        lists.add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        name = options["list"]
        try:
            validate_slug(name)
        except ValidationError:
            raise CommandError(f"“{name}” is no name of a list: write letters, digits and hyphens.") from None
        if name == STATE_REGISTER:
            raise CommandError("The state register has a command of its own: import_state_register.")
        for line in lists.run(options["source"], name, f"List {name}", options):
            self.stdout.write(line)
