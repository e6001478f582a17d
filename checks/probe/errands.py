"""What a probe does every second besides measuring: begin what waits, send what is finished, ask for work at the door,
and write down how it stands."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from checks.probe.batch import Batch
from checks.probe.config import Config, ProbeVantage
from checks.probe.home import SOFTWARE, Door, Home, NotReached
from checks.probe.messages import CLAIM, Claim, Order, Receipt, Said, nonce, seal
from checks.probe.spool import Spool, SpooledRun
from checks.probe.status import StatusFile, VantageStatus
from checks.probe.work import AT_ONCE, Work

log = logging.getLogger(__name__)

TICK = 1.0  # seconds
AGAIN = (15.0, 300.0)  # seconds until a batch without a receipt is sent again, at first and at last
UNREACHED = 60.0  # seconds at most until a register that could not be reached is tried again
ASK = (5.0, 3600.0)  # seconds between two claims, whatever the register says


@dataclass(slots=True)
class _Due:
    """When something is to be tried again, and how long it then rests."""

    at: float = 0.0  # of time.monotonic()
    most: float = field(default_factory=lambda: AGAIN[1])
    pause: float = field(default_factory=lambda: AGAIN[0])

    @property
    def now(self) -> bool:
        return self.at <= time.monotonic()

    def rest(self, least: float = 0.0) -> None:
        self.at = time.monotonic() + max(self.pause, least)
        self.pause = min(2 * self.pause, self.most)


@dataclass(slots=True)
class _Line:
    """How a vantage stands with the register."""

    due: _Due = field(default_factory=lambda: _Due(most=UNREACHED))  # after a failure
    ask: float = 0.0  # when to ask for work again, of time.monotonic()
    received: datetime | None = None  # the last receipt
    trouble: str = ""


class Errands(threading.Thread):
    """`enqueue` puts an order into the worker's own queue, from which it comes as it does from a broker."""

    def __init__(
        self, config: Config, spool: Spool, work: Work, home: Home, *, enqueue: Callable[[Order], None]
    ) -> None:
        super().__init__(name="errands", daemon=True)
        self._config, self._spool, self._work, self._home = config, spool, work, home
        self._enqueue = enqueue
        self._wake, self._ended = threading.Event(), threading.Event()
        self._sent: dict[SpooledRun, _Due] = {}  # what waits for its receipt, and when it is sent again
        self._lines = {vantage.name: _Line() for vantage in config.vantages}
        self._status = StatusFile(config)

    def wake(self) -> None:
        """Something is finished: do not wait for the next second."""
        self._wake.set()

    def stop(self) -> None:
        self._ended.set()
        self._wake.set()
        self.join(timeout=2.0)

    def receive(self, receipt: Receipt) -> None:
        """A receipt came, by whatever way."""
        self._lines[receipt.vantage].received = datetime.now(UTC)
        for run in self._spool.attempts(receipt.vantage, receipt.run):
            if run.order.attempt != receipt.attempt or not run.done:
                continue
            if receipt.reason:
                log.warning("run %d of %s was not taken: %s", receipt.run, receipt.vantage, receipt.reason)
            if not receipt.keep:
                self._spool.forget(run, refused=receipt.reason)
                self._sent.pop(run, None)

    def run(self) -> None:
        while not self._ended.is_set():
            try:
                self._work.look()
                for vantage in self._config.vantages:
                    self._call_on(vantage, self._lines[vantage.name])
                self._tell()
            except OSError as error:  # the disk, in most cases: what waits is tried again
                log.error("%s", error)
            self._wake.wait(TICK)
            self._wake.clear()

    def _call_on(self, vantage: ProbeVantage, line: _Line) -> None:
        """Send and ask what is due. After a failure both rest for a while."""
        if not line.due.now:
            return
        try:
            for run in self._spool.runs_of(vantage.name):
                if run.done and not self._ended.is_set():
                    self._send(vantage, run, line)
            if isinstance(self._home, Door) and line.ask <= time.monotonic():
                self._claim(vantage, self._home, line)
        except NotReached as error:
            log.warning("%s: %s", vantage.name, error)
            line.trouble = str(error)
            line.due.rest(error.wait)

    def _send(self, vantage: ProbeVantage, run: SpooledRun, line: _Line) -> None:
        due = self._sent.get(run)
        if due is not None and not due.now:
            return
        if due is not None and self._home.waits(vantage):  # what was sent lies there still: more of it helps nobody
            due.rest()
            return
        try:
            sealed = self._batch(vantage, run).sealed_with(run.lines(), vantage.key)
        except FileNotFoundError:
            return  # the receipt for what was sent before came this moment
        self._sent.setdefault(run, _Due()).rest()
        receipt = self._home.send(vantage, sealed)
        _reached(line)
        if receipt is not None:
            self.receive(receipt)

    def _batch(self, vantage: ProbeVantage, run: SpooledRun) -> Batch:
        """Its moment and its number are new each time, so that what is sent again is no replay."""
        now, said = datetime.now(UTC), self._said(vantage)
        return Batch(vantage.name, run.order.run, run.order.attempt, now, nonce(), (), run.test, said)

    def _said(self, vantage: ProbeVantage) -> Said:
        done = [run.done for run in self._spool.runs_of(vantage.name)]
        return Said(SOFTWARE, waiting=done.count(True), running=done.count(False))

    def _claim(self, vantage: ProbeVantage, door: Door, line: _Line) -> None:
        said = self._said(vantage)
        room = AT_ONCE - said.running
        if room <= 0 or self._spool.full:
            return
        claim = Claim(vantage.name, datetime.now(UTC), nonce(), room, said)
        answer = door.claim(vantage, seal(CLAIM, claim, vantage.key))
        _reached(line)
        line.ask = time.monotonic() + min(max(answer.wait, ASK[0]), ASK[1])
        for order in answer.orders:
            self._enqueue(order)

    def _tell(self) -> None:
        told = []
        for name, line in self._lines.items():
            runs = self._spool.runs_of(name)
            begun = [run for run in self._work.at_work() if run in runs]
            told.append(
                VantageStatus(
                    name=name,
                    at_work=len(begun),
                    visited=sum(len(run.measured) for run in begun),
                    asked=sum(len(run.order.items) for run in begun),
                    queued=sum(not run.done for run in runs) - len(begun),
                    waiting=sum(run.done for run in runs),
                    received=line.received,
                    trouble=line.trouble,
                )
            )
        self._status.write(told, full=self._spool.full)


def _reached(line: _Line) -> None:
    line.due, line.trouble = _Due(most=UNREACHED), ""
