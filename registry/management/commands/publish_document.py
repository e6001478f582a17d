"""`manage.py publish_document SHA256`: propose to publish a paper that was taken in; blacken it (docs/running.md)."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from registry import documents, editing
from registry.log import NoReason
from registry.management import papers, proposing
from registry.models import Original, PublicCopy
from registry.models.document import Language
from registry.papers import marks
from registry.proposals import Operation


class Command(BaseCommand):
    help = (
        "Blacken the copy of a paper with --mark, and propose to publish it; later, to blacken, withdraw or restore it."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("sha256", help="of the copy that you looked at, as take_document told it")
        parser.add_argument("--key", default="", help="small letters, digits and '-'; it stays for ever")
        parser.add_argument("--title", default="")
        parser.add_argument("--language", choices=Language.values, default="", help="of the paper")
        parser.add_argument("--act", action="append", default=[], help="key of an act that it is of; may be said again")
        parser.add_argument("--reason", required=True, help="for the public log")
        parser.add_argument("--despite-found", action="store_true", help="what was found are no numbers of persons")
        chosen = parser.add_mutually_exclusive_group()
        chosen.add_argument("--withdraw", action="store_true", help="show a published copy no more")
        chosen.add_argument("--restore", action="store_true", help="show a withdrawn copy again")
        papers.add_marks(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        row = PublicCopy.objects.filter(sha256=options["sha256"], data__isnull=False).defer("data").first()
        if row is None:
            raise CommandError("There is no such copy, or another version took its place.")
        original, document = row.original, row.original.document
        if options["mark"] and not document:
            row = self._blackened(original, row, options)
            for line in papers.told(row):
                self.stdout.write(line)
        told = options["reason"]
        if document and (options["withdraw"] or options["restore"]):
            operation = Operation.WITHDRAW if options["withdraw"] else Operation.RESTORE
            self.stdout.write(proposing.propose(operation, document, {}, told))
        elif document and options["mark"]:
            drawn = {"marks": [marks.row(one) for one in options["mark"]]}
            self.stdout.write(proposing.propose(Operation.REDACT, row, drawn, told))
        elif options["key"] or not options["mark"]:
            fields = {name: options[name] for name in ("key", "title", "language", "despite_found")}
            self.stdout.write(proposing.propose(Operation.PUBLISH, row, fields | {"acts": options["act"]}, told))
        else:
            self.stdout.write("not published")

    @staticmethod
    def _blackened(original: Original, copy: PublicCopy, options: dict[str, Any]) -> PublicCopy:
        """Before anybody else sees it, one person may."""
        told = {"by": "operator", "reason": options["reason"]}
        try:
            return documents.blacken(original, options["mark"], seen=copy.sha256, at=timezone.now(), **told)
        except (documents.NotTaken, editing.NotPossible, NoReason) as error:
            raise CommandError(str(error)) from None
        except ValidationError as error:
            raise CommandError("\n".join(error.messages)) from None
