"""`manage.py make_editor NAME --role ROLE`: an account for the desk (docs/running.md)."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from registry import accounts
from registry.management import factors


class Command(BaseCommand):
    help = "Make an account for the desk. Prints its password, its second factor and its recovery codes, once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="to sign in with; the public log never has it")
        factors.add_roles(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            password, factor = accounts.make(options["name"], options["role"])
        except accounts.NotDone as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"account: {options['name']} ({', '.join(options['role'])})\npassword: {password}")
        self.stdout.write(factors.told(factor))
