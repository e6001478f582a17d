"""`manage.py take_document FILE`: take in a paper (docs/running.md)."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from registry import documents
from registry.management import papers
from registry.management.lists import said


class Command(BaseCommand):
    help = (
        "Take in a PDF, PNG or JPEG: makes a harmless copy, seals the original. Nobody sees it before it is published."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--copy", type=Path, metavar="OUT", help="write the public copy here too, to look at")
        papers.add_marks(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        try:
            with path.open("rb") as file:
                original = documents.take_in(file, redactions=options["mark"], by="operator", at=timezone.now())
            copy = documents.current(original)
            if options["copy"]:
                options["copy"].write_bytes(bytes(copy.data or b""))
        except OSError as error:
            raise CommandError(f"{said(str(error.filename))}: {error.strerror}") from None
        except documents.NotTaken as error:
            raise CommandError(f"{said(str(path))}: {error}") from None
        self.stdout.write(f"{said(str(path))}: taken in as paper {original.pk}")
        for line in papers.told(copy):
            self.stdout.write(line)
        self.stdout.write(f"Publish it: manage.py publish_document {copy.sha256} --key … --title … --reason …")
