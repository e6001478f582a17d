"""`manage.py close_editor NAME`: nobody signs in with this account again (docs/running.md)."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from registry import accounts
from registry.management import factors


class Command(BaseCommand):
    help = "Close an editor's account and end its sessions. What she decided stays."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name")

    def handle(self, *args: Any, **options: Any) -> None:
        ended = accounts.close(factors.account(options["name"]))
        self.stdout.write(f"{options['name']} is closed; sessions ended: {ended}")
