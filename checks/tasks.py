"""What beat and the queues wake. Each task only calls the core; a lost message costs one tick."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from dataclasses import asdict

from celery import current_app, shared_task
from django.conf import settings
from django.utils import timezone

from checks import archive, counting, health, intake, judging, partitions, planning, runs, waves
from checks.models import Vantage
from checks.probe.messages import Order, Receipt
from checks.runs import Refused

log = logging.getLogger(__name__)


@shared_task(name="dispatch", acks_late=True, ignore_result=True)
def dispatch() -> None:
    """Beat's tick: make due rounds, send free runs, give up dead ones, judge what was left, count, forget."""
    at = timezone.now()
    partitions.make_ahead(at)
    planning.dispatch(at)
    runs.give_up(at)
    send_orders()
    for_a_while(judging.leftovers(at=at))
    counting.expire(at=at)
    for_a_while(counting.recount(at=at))
    planning.forget_first_checks(at)
    runs.forget_nonces(at)
    health.tick("dispatch", at=at)


@shared_task(name="archive", acks_late=True, ignore_result=True)
def archive_months() -> None:
    """Beat's daily tick: months that are old enough leave the database for files."""
    for _ in archive.keep(timezone.now()):
        pass


@shared_task(name="find_waves", acks_late=True, ignore_result=True)
def find_waves() -> None:
    """Beat's slower tick: what changed together, and which networks fell silent."""
    waves.refresh(at=timezone.now())


@shared_task(name="find_troubles", acks_late=True, ignore_result=True)
def find_troubles() -> None:
    """Beat's slowest tick: which probe locations went quiet, fell behind or turned odd."""
    health.refresh(at=timezone.now())


@shared_task(name="record", acks_late=True, ignore_result=True)
def record(vantage: str, body: str, signature: str) -> None:
    """One signed batch from a vantage's queue of results. A control's batch lets its probe run go at once."""
    try:
        receipt = intake.receive(vantage, intake.from_text(body, signature), at=timezone.now())
    except Refused as error:
        log.warning("batch refused: %s", error)
        return
    if receipt.reason:
        log.warning("batch of run %d from %s refused: %s", receipt.run, vantage, receipt.reason)
    send_receipt(receipt)
    send_orders()


def for_a_while(work: Iterable[object]) -> None:
    """Of work that goes on by itself at the next tick, as much as a third of a tick allows."""
    until = time.monotonic() + settings.TICK / 3
    for _ in work:
        if time.monotonic() > until:
            return


def send_orders() -> None:
    """Ring the doorbell of every vantage that has a free run. What its queue loses goes out again after its lease."""
    send(runs.take(timezone.now()))


def send(orders: Iterable[tuple[Vantage, Order]]) -> None:
    for vantage, order in orders:
        current_app.send_task("measure", kwargs=asdict(order), queue=vantage.queue, expires=order.lease)


def send_receipt(receipt: Receipt) -> None:
    """Tell a probe what became of its batch; until it hears, it sends it again."""
    current_app.send_task("receipt", kwargs=asdict(receipt), queue=Vantage.queue_of(receipt.vantage), expires=3600)
