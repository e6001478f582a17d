"""What beat wakes in the record. Each task only calls the core and may run twice; a lost message costs one tick."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from registry import alarms, hiding, status


@shared_task(name="count_standings", acks_late=True, ignore_result=True)
def count_standings() -> None:
    """Beat's tick: where every resource stands, as often as a twentieth of a worker's time allows."""
    status.count_if_due(at=timezone.now())


@shared_task(name="find_alarms", acks_late=True, ignore_result=True)
def find_alarms() -> None:
    """Beat's slowest tick: blocks that go beyond their order, or outlive it."""
    alarms.refresh(at=timezone.now())


@shared_task(name="log_ends_of_hidings", acks_late=True, ignore_result=True)
def log_ends_of_hidings() -> None:
    """Beat's slowest tick: what nobody confirmed is over by then, and the log is told so."""
    hiding.log_ends(at=timezone.now())
