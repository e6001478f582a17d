"""What a probe keeps on its disk until the register has it.

`SPOOL/VANTAGE/RUN-ATTEMPT/` holds `order.json` (what was asked, and when it came), `visits.jsonl` (a finished visit a
line), `test.json` (what the vantage proved of itself) and, once nothing more is measured for it, `done`. What is said
to be kept is on the disk: it survives kill -9 and a power cut. Nothing is deleted before its receipt.
"""

from __future__ import annotations

import errno
import logging
import os
import queue
import shutil
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from checks.engine.records import Measurement, SelfTest
from checks.probe.batch import VISIT_LIMIT, written
from checks.probe.messages import Moment, Order

log = logging.getLogger(__name__)

PAIRING = timedelta(minutes=10)  # a visit that began no longer ago serves a newer attempt, too
RUN_LIMIT = 32 * 1024 * 1024  # bytes of one run that are kept whole; a batch of 64 MB would not be taken
GATHER = 0.02  # seconds that a finished visit waits for others; it has taken many times as long
ORDINARY = 30_000  # bytes of a visit, before there are any to tell by
_REFUSED = 20  # runs that the register did not take are kept to be looked at, so many at most
_ORDER, _VISITS, _TEST, _DONE = "order.json", "visits.jsonl", "test.json", "done"

Item = tuple[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class _Kept:
    order: Order
    came: Moment


class _Line(msgspec.Struct):
    """What we must know of a visit to go on; the rest of its line must be JSON."""

    url: str
    started: Moment


@dataclass(eq=False, slots=True)
class SpooledRun:
    """One attempt at one run."""

    folder: Path
    order: Order
    came: datetime
    measured: set[str] = field(default_factory=set)  # URLs that have a line
    size: int = 0  # bytes of its lines, all of them on the disk
    asking: int = 0  # bytes of its order
    test: SelfTest | None = None
    done: bool = False

    @property
    def lease_ends(self) -> datetime:
        return self.came + timedelta(seconds=self.order.lease)

    @property
    def rest(self) -> list[Item]:
        """What is still to be visited."""
        return [item for item in self.order.items if item[0] not in self.measured]

    def lines(self) -> Iterator[bytes]:
        """Each finished visit as JSON; what a dying machine left half-written is no line."""
        return (line for line, _ in self._read())

    def fresh(self, at: datetime) -> list[bytes]:
        """Lines of visits that pair with a control of now."""
        return [line for line, seen in self._read() if seen.started >= at - PAIRING]

    def load(self) -> None:
        """Take up what an earlier process left. A torn last line goes: its visit never counted as finished."""
        path = self.folder / _VISITS
        raw = path.read_bytes()
        self.size = raw.rfind(b"\n") + 1
        if self.size < len(raw):
            os.truncate(path, self.size)
        self.asking = (self.folder / _ORDER).stat().st_size
        self.measured = {seen.url for _, seen in self._read()}
        self.done = (self.folder / _DONE).exists()
        if (self.folder / _TEST).exists():
            self.test = msgspec.json.decode((self.folder / _TEST).read_bytes(), type=SelfTest)

    def _read(self) -> Iterator[tuple[bytes, _Line]]:
        with (self.folder / _VISITS).open("rb") as file:
            for line in file:
                try:
                    yield line.rstrip(b"\n"), msgspec.json.decode(line, type=_Line)
                except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                    log.warning("%s has a line that cannot be read: %s", self.folder, error)


class Spool:
    """For several threads. `limit` bytes, and what is in flight when it is full: without texts and certificates."""

    def __init__(self, folder: Path, limit: int) -> None:
        self._folder, self._limit = folder, limit
        self._lock = threading.Lock()
        self._runs: dict[tuple[str, int, int], SpooledRun] = {}
        self._bytes, self._visits = ORDINARY, 1  # of all that was ever appended here
        self._refused = folder.with_name("refused")
        folder.mkdir(parents=True, exist_ok=True)
        for place in sorted(folder.glob("*/*")):
            self._load(place)
        self._appends: queue.SimpleQueue[tuple[SpooledRun, str, bytes, Future[None]] | None] = queue.SimpleQueue()
        self._writer = threading.Thread(target=self._write, name="spool", daemon=True)
        self._writer.start()

    @property
    def size(self) -> int:
        with self._lock:
            return sum(run.size + run.asking for run in self._runs.values())

    @property
    def full(self) -> bool:
        return self.size >= self._limit

    def room_for(self, runs: Iterable[SpooledRun]) -> bool:
        """Whether what is still to be visited for them will fit in beside the rest, if it is like what was before."""
        visits = sum(len(run.rest) for run in runs)
        return self.size + visits * self._bytes / self._visits <= self._limit

    def runs(self) -> list[SpooledRun]:
        """In the order in which they came."""
        with self._lock:
            return sorted(self._runs.values(), key=lambda run: run.came)

    def runs_of(self, vantage: str) -> list[SpooledRun]:
        return [kept for kept in self.runs() if kept.order.vantage == vantage]

    def attempts(self, vantage: str, run: int) -> list[SpooledRun]:
        return [kept for kept in self.runs_of(vantage) if kept.order.run == run]

    def has(self, order: Order) -> bool:
        """Whether it, or a newer attempt at the same run, is here already."""
        return any(kept.order.attempt >= order.attempt for kept in self.attempts(order.vantage, order.run))

    def take(self, order: Order, *, at: datetime) -> SpooledRun:
        """Keep an order that is not here. Raises OSError.

        What an older attempt measured within the pairing window serves this one, so nobody may be at work on it.
        """
        older = self.attempts(order.vantage, order.run)
        asked = {url for url, _ in order.items}
        fresh = {
            msgspec.json.decode(line, type=_Line).url: line for kept in older for line in kept.fresh(at)
        }  # the newest of each URL, since attempts stand in their order
        lines = [line for url, line in fresh.items() if url in asked]
        run = SpooledRun(self._folder / order.vantage / f"{order.run}-{order.attempt}", order, at)
        self._create(run, lines)
        if lines and (tests := [kept.test for kept in older if kept.test]):
            self.prove(run, tests[-1])
        with self._lock:
            self._runs[_key(order)] = run
        for kept in older:
            if kept.done:
                continue
            if set(kept.measured) <= set(fresh) & asked:  # all of it goes home with the new attempt
                self.forget(kept)
            else:
                self.finish(kept, kept.test)
        return run

    def prove(self, run: SpooledRun, test: SelfTest) -> None:
        """Keep what the vantage proved before it measured."""
        run.test = test
        _replace(run.folder / _TEST, msgspec.json.encode(test))

    def append(self, run: SpooledRun, measurement: Measurement) -> Future[None]:
        """Finished when the visit is on the disk; OSError when it cannot be. Raises ValueError for what is no JSON."""
        whole = run.size < RUN_LIMIT and not self.full
        line = written(measurement, VISIT_LIMIT if whole else 0)
        future: Future[None] = Future()
        future.set_running_or_notify_cancel()  # it is written, whoever waits for it or not
        self._appends.put((run, measurement.url, line, future))
        return future

    def finish(self, run: SpooledRun, test: SelfTest | None) -> None:
        """Nothing more is measured for it: it can go home."""
        if test is not None:
            self.prove(run, test)
        _replace(run.folder / _DONE, b"")
        run.done = True

    def forget(self, run: SpooledRun, refused: str = "") -> None:
        """The register has it, or will never take it: such a run is set aside with the reason."""
        with self._lock:
            if self._runs.pop(_key(run.order), None) is None:
                return
        if refused:
            self._set_aside(run.folder, refused)
        else:
            gone = _partial(run.folder)  # whole or not at all, too: whoever dies meanwhile leaves no half of it
            run.folder.rename(gone)
            shutil.rmtree(gone, ignore_errors=True)

    def close(self) -> None:
        """When all that was appended is on the disk."""
        self._appends.put(None)
        self._writer.join()

    def _load(self, folder: Path) -> None:
        if folder.name.startswith("."):
            shutil.rmtree(folder)  # it was being made, or deleted, when we ended
            return
        try:
            kept = msgspec.json.decode((folder / _ORDER).read_bytes(), type=_Kept)
            run = SpooledRun(folder, kept.order, kept.came)
            run.load()
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            log.error("%s cannot be read: %s", folder, error)
            self._set_aside(folder, f"it cannot be read: {error}")
            return
        self._runs[_key(run.order)] = run

    def _create(self, run: SpooledRun, lines: Iterable[bytes]) -> None:
        """Whole or not at all: made under another name, and renamed when all of it is on the disk."""
        partial = _partial(run.folder)
        run.folder.parent.mkdir(exist_ok=True)
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        _store(partial / _ORDER, msgspec.json.encode(_Kept(run.order, run.came)))
        _store(partial / _VISITS, b"".join(line + b"\n" for line in lines))
        _sync(partial)
        partial.rename(run.folder)
        _sync(run.folder.parent)
        _sync(run.folder.parent.parent)
        run.load()

    def _write(self) -> None:
        """What comes within a moment goes to the disk together: an fsync costs as much as a tenth of a visit."""
        going_on = True
        while going_on:
            waiting = [self._appends.get()]
            time.sleep(GATHER)
            while not self._appends.empty():
                waiting.append(self._appends.get())
            going_on = None not in waiting
            by_run: dict[SpooledRun, list[tuple[str, bytes, Future[None]]]] = {}
            for run, url, line, future in filter(None, waiting):
                by_run.setdefault(run, []).append((url, line, future))
            for run, visits in by_run.items():
                self._append(run, visits)

    def _append(self, run: SpooledRun, visits: list[tuple[str, bytes, Future[None]]]) -> None:
        data = b"".join(line for _, line, _ in visits)
        try:
            _write_at(run.folder / _VISITS, run.size, data)
        except OSError as error:
            for _, _, future in visits:
                future.set_exception(error)
            return
        run.size += len(data)
        run.measured |= {url for url, _, _ in visits}
        self._bytes, self._visits = self._bytes + len(data), self._visits + len(visits)
        for _, _, future in visits:
            future.set_result(None)

    def _set_aside(self, folder: Path, reason: str) -> None:
        self._refused.mkdir(exist_ok=True)
        place = self._refused / f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{folder.parent.name}-{folder.name}"
        folder.rename(place)
        (place / "reason.txt").write_text(reason + "\n", encoding="utf-8")
        for old in sorted(self._refused.iterdir())[:-_REFUSED]:
            shutil.rmtree(old, ignore_errors=True)


def _partial(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}")


def _write_at(path: Path, offset: int, data: bytes) -> None:
    """All of it, on the disk; or nothing stays of it. Raises OSError."""
    descriptor = os.open(path, os.O_WRONLY)
    try:
        try:
            written = os.pwrite(descriptor, data, offset)
            if written < len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fdatasync(descriptor)
        except OSError:
            os.ftruncate(descriptor, offset)
            raise
    finally:
        os.close(descriptor)


def _key(order: Order) -> tuple[str, int, int]:
    return order.vantage, order.run, order.attempt


def _store(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _replace(path: Path, data: bytes) -> None:
    """The old or the new, never half of it."""
    partial = path.with_suffix(".partial")
    _store(partial, data)
    partial.replace(path)
    _sync(path.parent)


def _sync(folder: Path) -> None:
    """A name in a folder is on the disk only when the folder is."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
