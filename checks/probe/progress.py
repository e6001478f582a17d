"""Whether a Celery worker gets on with its work: progress, not a ping, which a hung worker still answers.

The worker touches a file as long as it does; `checks.probe.supervising` starts it anew when it no longer does.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from celery import Celery
from celery.worker import state
from kombu.exceptions import OperationalError

log = logging.getLogger(__name__)

BEAT = 5.0  # seconds between two looks
PATIENCE = 30.0  # seconds in which work may wait and nothing be done
LONGEST = 3600.0  # seconds that a task may take; one that takes longer is no progress
CONNECT = 10  # seconds


class Progress(threading.Thread):
    """Touches `path` unless messages wait in `queues` while the worker of this process does nothing.

    `alive`: what else must be true of a process that gets on.
    """

    def __init__(
        self,
        app: Celery,
        queues: Sequence[str],
        path: Path,
        *,
        alive: Callable[[], bool] = lambda: True,
        beat: float = BEAT,
        patience: float = PATIENCE,
    ) -> None:
        super().__init__(name="progress", daemon=True)
        self._app, self._queues, self._path = app, queues, path
        self._alive, self._beat, self._patience = alive, beat, patience
        self._ended = threading.Event()
        self._done, self._since = -1, time.monotonic()

    def run(self) -> None:
        unreachable = broker_errors(self._app)
        while not self._ended.wait(self._beat):
            try:
                getting_on = self._alive() and (self._works() or waiting(self._app, self._queues) == 0)
            except unreachable:
                getting_on = True  # a worker cannot be blamed for its broker
            if getting_on:
                self._since = time.monotonic()
            if time.monotonic() - self._since <= self._patience:
                self._path.touch()
            else:
                log.error("work waits, and nothing was done for %.0f s", self._patience)

    def stop(self) -> None:
        self._ended.set()

    def _works(self) -> bool:
        """Whether a task was taken up since the last look, or one is running that may still take its time."""
        before, self._done = self._done, state.all_total_count[0]
        began = [request.time_start or 0.0 for request in list(state.active_requests)]
        return before != self._done or any(time.monotonic() - moment < LONGEST for moment in began)


def waiting(app: Celery, queues: Sequence[str]) -> int:
    """Messages that nobody has taken, asked over a connection of its own. Raises what `broker_errors` names."""
    with app.connection_for_write(connect_timeout=CONNECT) as connection:
        connection.ensure_connection(max_retries=1, timeout=CONNECT)
        channel: Any = connection.default_channel
        # Not passively: kombu then asks Redis for a key without the prefix, which an account with a key space may not.
        return sum(channel.queue_declare(name).message_count for name in queues)


def broker_errors(app: Celery) -> tuple[type[BaseException], ...]:
    """What is raised where the broker does not answer."""
    with app.connection_for_write() as connection:
        return (OperationalError, OSError, *connection.connection_errors, *connection.channel_errors)
