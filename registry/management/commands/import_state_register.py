"""`manage.py import_state_register FILE|URL`: one snapshot of the state register (docs/running.md)."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from registry.management import lists
from registry.models import STATE_REGISTER


class Command(BaseCommand):
    help = "Take a snapshot of the state register: shows what it adds, removes and changes; writes with --apply."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("source", help="a file of gov.kz's JSON, an array or lines, perhaps packed; or its address")
        lists.add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        for line in lists.run(options["source"], STATE_REGISTER, "State register", options):
            self.stdout.write(line)
