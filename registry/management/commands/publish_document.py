"""`manage.py publish_document SHA256`: publish a paper that was taken in, or blacken it (docs/running.md)."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from registry import documents, editing
from registry.log import NoReason
from registry.management import papers
from registry.models import Act, Original, PublicCopy
from registry.models.document import Language


class Command(BaseCommand):
    help = "Publish the copy of a paper; blacken it first, or later, with --mark; --withdraw and --restore it."

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
        try:
            copy = self._decided(row, options)
        except (documents.NotTaken, editing.NotPossible, NoReason) as error:
            raise CommandError(str(error)) from None
        except ValidationError as error:
            raise CommandError("\n".join(error.messages)) from None
        for line in papers.told(copy):
            self.stdout.write(line)
        document = Original.objects.select_related("document").get(copies=copy).document
        self.stdout.write(f"{document}: {document.address or 'not shown'}" if document else "not published")

    @staticmethod
    def _decided(copy: PublicCopy, options: dict[str, Any]) -> PublicCopy:
        original, told = copy.original, {"by": "operator", "reason": options["reason"]}
        if options["mark"]:
            copy = documents.blacken(original, options["mark"], seen=copy.sha256, at=timezone.now(), **told)
        document = original.document
        if document and options["withdraw"]:
            editing.withdraw(document, **told)
        elif document and options["restore"]:
            editing.restore(document, **told)
        elif options["key"] or not options["mark"]:
            documents.publish(
                original,
                key=options["key"],
                title=options["title"],
                language=options["language"],
                acts=[_act(key) for key in options["act"]],
                seen=copy.sha256,
                despite_found=options["despite_found"],
                **told,
            )
        return copy


def _act(key: str) -> Act:
    try:
        return Act.objects.get(key=key)
    except Act.DoesNotExist:
        raise CommandError(f"There is no act {key!r}.") from None
