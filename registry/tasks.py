"""What beat wakes on the record's side. Each task only calls the core, and may run twice."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from registry import alarms


@shared_task(name="find_alarms", acks_late=True, ignore_result=True)
def find_alarms() -> None:
    """Beat's slowest tick: blocks that go beyond their order, or outlive it."""
    alarms.refresh(at=timezone.now())
