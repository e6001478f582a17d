"""What beat wakes in the record. Each task only calls the core; a lost message costs one tick."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from registry import status


@shared_task(name="count_standings", acks_late=True, ignore_result=True)
def count_standings() -> None:
    """Beat's tick: where every resource stands, as often as a twentieth of a worker's time allows."""
    status.count_if_due(at=timezone.now())
