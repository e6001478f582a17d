"""What beat and the queues wake. Each task only calls the core; a lost message costs one tick."""

from __future__ import annotations

import logging
import time
from datetime import datetime

from celery import current_app, shared_task
from django.conf import settings
from django.utils import timezone

from checks import intake, judging, planning, runs, waves
from checks.runs import Refused

log = logging.getLogger(__name__)


@shared_task(name="dispatch", acks_late=True, ignore_result=True)
def dispatch() -> None:
    """Beat's tick: make due rounds, send free runs, give up dead ones, judge what was left, count, forget."""
    at = timezone.now()
    planning.dispatch(at)
    runs.give_up(at)
    send_orders()
    judging.judge_leftovers(at=at)
    judging.expire(at=at)
    recount(at)
    planning.forget_first_checks(at)


@shared_task(name="find_waves", acks_late=True, ignore_result=True)
def find_waves() -> None:
    """Beat's slower tick: what changed together, and which networks fell silent."""
    waves.refresh(at=timezone.now())


@shared_task(name="record", acks_late=True, ignore_result=True)
def record(vantage: str, body: str, signature: str) -> None:
    """One signed batch from queue `results`. A control's batch lets its probe run go at once."""
    try:
        intake.receive(vantage, body, signature, at=timezone.now())
    except Refused as error:
        log.warning("batch refused: %s", error)
        return
    send_orders()


def recount(at: datetime) -> None:
    """Of the cells that wait to be counted anew, as many as half a tick allows."""
    until = time.monotonic() + settings.TICK / 2
    for _ in judging.recount(at=at):
        if time.monotonic() > until:
            return


def send_orders() -> None:
    """Ring the doorbell of every vantage that has a free run."""
    for order in runs.take(timezone.now()):
        current_app.send_task(
            "measure",
            kwargs={"vantage": order.vantage, "run": order.run, "attempt": order.attempt, "items": order.items},
            queue=order.queue,
            expires=order.lease.total_seconds(),
        )
