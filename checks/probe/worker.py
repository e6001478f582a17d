"""The process that measures: a Celery worker with two short tasks, a loop of visits, and errands.

`measure` keeps an order on the disk and returns; `receipt` forgets what the register has. What happens between is
nobody's message: it stands in the spool, so that a worker, a broker or a machine may die at any moment.
"""

from __future__ import annotations

import fcntl
import logging
import os
import resource
import signal
import ssl
import threading
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import IO, Any

import certifi
import msgspec
from celery import Celery
from celery.worker import state
from kombu import Queue

from checks.engine.loop import raise_file_limit
from checks.probe import folder_queue, home
from checks.probe.config import Config
from checks.probe.errands import Errands
from checks.probe.messages import Order, Receipt
from checks.probe.progress import Progress
from checks.probe.spool import Spool
from checks.probe.work import Work

log = logging.getLogger(__name__)

GRACE = 20.0  # seconds for the visits in flight
END = 5.0  # seconds for all else
OPEN = 8  # runs of one vantage that may wait for room: before their leases end there may be some
LOCK = 40.0  # seconds in which an older process may end


class Busy(Exception):
    """Another probe works with this state."""


class Probe:
    """The spool, and those who work on it. `app` has the two tasks."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self.app = application(config)
        self.spool = Spool(config.state / "spool", config.spool)
        worlds = {vantage.name: vantage.world for vantage in config.vantages}
        self.work = Work(worlds, self.spool, config.in_flight, finished=lambda: self.errands.wake())
        way = home.Door(config.register, config.ca) if config.register else home.Queue(self.app, config)
        self.errands = Errands(config, self.spool, self.work, way, enqueue=self._enqueue)
        self.app.task(name="measure")(self.measure)
        self.app.task(name="receipt")(self.receipt)

    def measure(self, **fields: Any) -> None:
        """Keep an order. One that is not kept goes out again when its lease ends."""
        order = msgspec.convert(fields, Order)
        if order.vantage not in {vantage.name for vantage in self._config.vantages}:
            log.error("an order for %r, which is not measured from here", order.vantage)
        elif self.spool.full and sum(not run.done for run in self.spool.runs_of(order.vantage)) >= OPEN:
            log.error("the spool is full: run %d is not taken", order.run)
        elif not self.spool.has(order):
            self.work.leave(order.vantage, order.run)
            self.spool.take(order, at=datetime.now(UTC))
            self.errands.wake()

    def receipt(self, **fields: Any) -> None:
        receipt = msgspec.convert(fields, Receipt)
        if receipt.vantage in {vantage.name for vantage in self._config.vantages}:
            self.errands.receive(receipt)

    def alive(self) -> bool:
        """Whether both that do the work still do."""
        return self.errands.is_alive() and self.work.alive()

    def stop(self) -> None:
        self.work.stop(GRACE)
        self.errands.stop()
        self.spool.close()

    def _enqueue(self, order: Order) -> None:
        queue = self._config.orders(order.vantage)
        self.app.send_task("measure", kwargs=asdict(order), queue=queue, expires=order.lease)


def application(config: Config) -> Celery:
    """The Celery application, bound to the queues of its own vantages."""
    app = Celery("probe", broker=config.broker, set_as_current=False)
    app.conf.update(
        broker_transport_options={**_transport(config), **config.broker_options},
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_connection_timeout=home.CONNECT,
        task_ignore_result=True,
        task_serializer="json",
        accept_content=["json"],
        task_acks_late=True,
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        worker_enable_remote_control=False,  # whoever reaches the broker must not stop a probe
        task_queues=[Queue(config.orders(vantage.name)) for vantage in config.vantages],
        timezone="UTC",
    )
    if config.broker.startswith("rediss:"):
        app.conf.broker_use_ssl = {
            "ssl_cert_reqs": ssl.CERT_REQUIRED,
            "ssl_check_hostname": True,
            "ssl_ca_certs": str(config.ca) if config.ca else certifi.where(),
        }
    return app


def _transport(config: Config) -> dict[str, Any]:
    if config.keyspace:
        return {"global_keyprefix": f"{config.vantages[0].name}:"}
    if config.register:  # nobody else's queue: what the door gave waits there for our own worker
        return folder_queue.options(config.state / "queue")
    return {}


def work(config: Config) -> int:
    """Until told to stop: 0. Or until Celery's worker ends by itself, as it does when its broker dies: 1."""
    with only_one(config.state):
        _cap(config.memory)
        raise_file_limit()
        probe = Probe(config)
        told = _Told(probe)
        queues = [config.orders(vantage.name) for vantage in config.vantages]
        progress = Progress(probe.app, queues, progress_file(config), alive=probe.alive)
        probe.errands.start()
        progress.start()
        worker = probe.app.WorkController(
            pool="solo", queues=queues, without_heartbeat=True, without_mingle=True, without_gossip=True
        )
        worker.start()
        told.end()
        return 0 if told.by_signal else 1


def progress_file(config: Config) -> Path:
    return config.state / "progress"


class _Told:
    """SIGTERM and SIGINT end the process in time, whatever Celery is doing."""

    def __init__(self, probe: Probe) -> None:
        self._probe, self._lock = probe, threading.Lock()
        self.by_signal = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)

    def end(self) -> None:
        """Let the visits in flight finish; once, whoever calls first."""
        with self._lock:
            self._probe.stop()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if not self.by_signal:
            self.by_signal = True
            setattr(state, "should_stop", 0)  # noqa: B010 (typed None there); Celery ends as soon as it looks
            threading.Thread(target=self._end_in_time, name="end", daemon=True).start()

    def _end_in_time(self) -> None:
        threading.Timer(GRACE + END, os._exit, [0]).start()  # Celery may be waiting for its broker
        self.end()
        os._exit(0)


def only_one(folder: Path) -> IO[str]:
    """Two processes would spoil one spool: hold what is returned. Raises Busy, after the time that one may take to end.

    Raises OSError where nothing can be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = (folder / "lock").open("w")
    until = time.monotonic() + LOCK
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if time.monotonic() > until:
                lock.close()
                raise Busy(f"another probe works with the state in {folder}") from None
            time.sleep(0.2)
        else:
            return lock


def runs_in(folder: Path) -> bool:
    """Whether a process holds what `only_one` returned: the system lets go of it however that process ends."""
    try:
        with (folder / "lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False


def _cap(memory: int) -> None:
    """Whoever sends us too much must not bring the machine down with us."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    limit = memory if hard == resource.RLIM_INFINITY else min(memory, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))
