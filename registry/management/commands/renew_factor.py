"""`manage.py renew_factor NAME`: a new second factor in the place of a lost one (docs/running.md)."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from registry import accounts
from registry.management import factors


class Command(BaseCommand):
    help = "Make a new second factor for an editor who lost hers; the old one, its recovery codes and her sessions end."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            factor, ended = accounts.renew_factor(factors.account(options["name"]))
        except accounts.NotDone as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"account: {options['name']}; the old codes work no more; sessions ended: {ended}")
        self.stdout.write(factors.told(factor))
