"""The workers of the centre, and which queues they work: `manage.py work` and the one-process register.

Batches come home in queues of their own, one in the key space of each vantage's account. What probes send is all that
is read there, so a worker on them knows one task and no other.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable
from typing import Any

from celery import Celery
from django.conf import settings
from django.db import DatabaseError

from checks import tasks
from checks.engine.loop import collect_rarely
from checks.models import Vantage
from config.celery import app as whole

RESULTS = "results"
RECORD = tasks.record.name
FOLLOW = 5.0  # seconds between two looks for vantages that were admitted

log = logging.getLogger(__name__)


def recorder() -> Celery:
    """An application whose only registered task is `record`: a message that names another is thrown away."""
    app = Celery("recorder", set_as_current=False)
    app.config_from_object("django.conf:settings", namespace="CELERY")
    app.finalize()
    for name in set(app.tasks) - {RECORD}:
        app.tasks.unregister(name)
    return app


def application(queues: Iterable[str]) -> Celery:
    return recorder() if set(queues) == {RESULTS} else whole


def names(queues: Iterable[str]) -> list[str]:
    """The names in the broker; of `results` one for each admitted vantage that our queue serves."""
    found = [name for name in queues if name != RESULTS]
    if RESULTS in queues:
        asked = Vantage.objects.filter(state=Vantage.State.ADMITTED, way=Vantage.Way.QUEUE).order_by("pk")
        found += [settings.CELERY_TASK_ROUTES[RECORD]["queue"], *(vantage.results for vantage in asked)]
    return found


def worker(app: Celery, queues: list[str], threads: int) -> Any:
    """A worker that nobody can command by message, and that also works what is admitted while it runs."""
    collect_rarely()
    made = app.WorkController(
        pool="threads",
        concurrency=threads,
        queues=names(queues),
        without_heartbeat=True,
        without_mingle=True,
        without_gossip=True,
    )
    if RESULTS in queues:
        threading.Thread(target=_follow, args=(made, queues), name="follow", daemon=True).start()
    return made


def _follow(made: Any, queues: list[str]) -> None:
    known, waiting = set(names(queues)), threading.Event()
    while not waiting.wait(FOLLOW):
        try:
            new = set(names(queues)) - known
        except DatabaseError:
            log.warning("the database cannot be asked which vantages there are")
            continue
        if made.consumer and made.consumer.task_consumer:  # connected; a reconnected one has all queues of the app
            for name in sorted(new):
                made.consumer.call_soon(made.consumer.add_task_queue, name)
            known |= new
