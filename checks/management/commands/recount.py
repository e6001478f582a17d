"""`manage.py recount`: count at once the cells that an import or a new ruleset left to be counted anew."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from checks import counting
from checks.management.progress import Progress
from checks.models import Recount


class Command(BaseCommand):
    help = "Count anew the cells that wait for it. The worker does the same, between its other work."

    def handle(self, *args: Any, **options: Any) -> None:
        progress, counted = Progress(sys.stderr, Recount.objects.count(), "cells"), 0
        for counted, _ in enumerate(counting.recount(at=timezone.now()), start=1):
            progress.show(counted)
        progress.end()
        self.stdout.write(f"{counted} cells counted")
