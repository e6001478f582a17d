from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from registry import consistency


class Command(BaseCommand):
    help = "Tell what in the record cannot be true together. Changes nothing; fails where there is something."

    def handle(self, *args: Any, **options: Any) -> None:
        found = list(consistency.doubts(on=timezone.localdate()))
        for one in found:
            self.stdout.write(str(one))
        if found:
            raise CommandError(f"{len(found)} to look at.")
        self.stdout.write("Nothing contradicts itself.")
