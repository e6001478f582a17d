"""`manage.py revoke_vantage NAME --reason WHY`: propose that nothing rests on what a probe measured."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from registry.management import proposing
from registry.proposals import Operation


class Command(BaseCommand):
    help = "Propose to revoke a probe location: it is asked nothing more, and what it measured is not counted."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name")
        parser.add_argument("--reason", required=True, help="for the public log")

    def handle(self, *args: Any, **options: Any) -> None:
        fields = {"vantage": options["name"]}
        self.stdout.write(proposing.propose(Operation.REVOKE, None, fields, options["reason"]))
