"""Web, worker and beat in one process, for one machine with no servers: `manage.py serve` and `manage.py demo`.

The tasks and the code are those of a large installation; only the processes are fewer.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Self

from celery import beat
from celery.worker import state as worker_state
from django.conf import settings
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.core.wsgi import get_wsgi_application
from kombu import Connection
from kombu.exceptions import OperationalError

from config import workers
from config.celery import app

HOST = "127.0.0.1"
GRACE = 10.0  # seconds for each part to end by itself


class Refusal(Exception):
    """Why this cannot start here: one sentence that says what to change."""


class Embedded:
    """`with Embedded(port):` the site answers, queues are worked, beat ticks; all of it ends with the block."""

    def __init__(self, port: int) -> None:
        if "TIZILIM_SITE_URL" not in os.environ:
            settings.SITE_URL = f"http://{HOST}:{port}"
        try:
            self._server = ThreadedWSGIServer((HOST, port), WSGIRequestHandler)
        except OSError as error:
            raise Refusal(
                f"port {port} cannot be used ({error.strerror}): stop what listens there or choose another, "
                f"for example PORT={port + 1}"
            ) from error
        self._server.daemon_threads = True
        self._server.set_app(get_wsgi_application())
        self._worker = workers.worker(app, settings.QUEUES, threads=2)
        self._beat = beat.Service(app, scheduler_cls=beat.Scheduler)
        self._threads = [
            threading.Thread(target=self._server.serve_forever, name="web", daemon=True),
            threading.Thread(target=self._worker.start, name="worker", daemon=True),
            threading.Thread(target=self._beat.start, name="beat", daemon=True),
        ]

    def __enter__(self) -> Self:
        worker_state.should_stop = None
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._beat.stop()
        worker_state.should_stop = 0  # type: ignore[assignment]  # the worker's loop sees it between two messages
        self._server.shutdown()
        self._server.server_close()
        for thread in self._threads:
            thread.join(timeout=GRACE)


class Child:
    """A process that ends when its standard input closes: even kill -9 of this one leaves nothing behind."""

    def __init__(self, what: str, *arguments: str) -> None:
        self._what = what
        self._process = subprocess.Popen(  # noqa: S603 (our own modules)
            [sys.executable, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=settings.BASE_DIR,
            start_new_session=True,  # Ctrl-C is for us; we tell the child
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for stream in (self._process.stdin, self._process.stdout):
            if stream:
                stream.close()
        try:
            self._process.wait(GRACE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def first_line(self) -> str:
        """What it says when it is ready; empty when it died instead."""
        return self._process.stdout.readline().decode().strip() if self._process.stdout else ""

    def check(self) -> None:
        """Raise Refusal when it ended without being told to: nothing more would be measured."""
        code = self._process.poll()
        if code is not None:
            how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
            raise Refusal(f"{self._what} {how}, so nothing more can be measured: start again")


class Stop:
    """Set by Ctrl-C or SIGTERM. While it is waited for, `children` are watched."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self.children: list[Child] = []
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._set)

    def _set(self, number: int, frame: FrameType | None) -> None:
        self._event.set()

    def wait(self, seconds: float) -> bool:
        """True as soon as it is time to stop. Raises Refusal when a child has ended by itself."""
        stopped = self._event.wait(seconds)
        for child in self.children if not stopped else ():
            child.check()
        return stopped


def check_broker(url: str) -> None:
    """Raise Refusal when nothing answers at the broker's address; the empty address is the filesystem queue."""
    if not url:
        return
    try:
        with Connection(url, connect_timeout=3, transport_options={"socket_timeout": 3}) as connection:
            connection.ensure_connection(max_retries=1, timeout=3)
    except (OperationalError, KeyError, ValueError, ImportError) as error:
        raise Refusal(
            f"no queue answers at {url} ({error}): start a Redis there, for example redis://127.0.0.1:6379/0, "
            "or leave BROKER out"
        ) from error


def check_port(port: int) -> None:
    """Raise Refusal before anything is written when the port is taken."""
    if not 1 <= port <= 65535:
        raise Refusal(f"{port} is no port: choose one from 1024 to 65535, for example PORT=8000")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise Refusal(
                f"port {port} cannot be used ({error.strerror}): stop what listens there or choose another, "
                f"for example: make demo PORT={port + 1}"
            ) from error


def forget_queue() -> None:
    """Empty the filesystem queue of an earlier run. The rows are the truth: what is due is sent again."""
    folder: Path | None = getattr(settings, "BROKER_FOLDER", None)
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "control").mkdir(parents=True)
