"""`manage.py give_roles NAME --role ROLE`: what an editor may do from now on (docs/running.md)."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from registry import accounts
from registry.management import factors


class Command(BaseCommand):
    help = "Give an editor these roles, and take the others away."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name")
        factors.add_roles(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        accounts.give_roles(factors.account(options["name"]), options["role"])
        self.stdout.write(f"{options['name']}: {', '.join(options['role'])}")
