"""`manage.py find_alarms`: look for blocks that go beyond their order, or outlive it."""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from registry import alarms


class Command(BaseCommand):
    help = "Open, renew and close alarms by what record and evidence say now. A second time changes nothing."

    def handle(self, *args: Any, **options: Any) -> None:
        done = alarms.refresh(at=timezone.now())
        self.stdout.write(f"{done['opened']} alarms opened, {done['still']} still so, {done['closed']} closed")
