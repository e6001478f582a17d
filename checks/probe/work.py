"""The visits of a process: one asyncio loop in a thread of its own, which works off what is in the spool."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, TypeVar

from checks.engine.batch import measure_run
from checks.engine.loop import new_event_loop
from checks.engine.names import BadName, parse
from checks.engine.records import Measurement, SelfTest
from checks.engine.visit import unfinished
from checks.engine.world import World
from checks.probe.spool import Spool, SpooledRun

log = logging.getLogger(__name__)

AT_ONCE = 2  # runs of one vantage
ANSWER = 10.0  # seconds that the loop may be late
PAUSE = 60.0  # seconds before a run that could not be kept on the disk is tried again
T = TypeVar("T")


class Places:
    """So many visits at once; while it is shut, or there is no room for what they bring, nobody is let in."""

    def __init__(self, number: int, has_room: Callable[[], bool]) -> None:
        self._free = asyncio.Semaphore(number)
        self._has_room = has_room
        self._shut = False
        self.inside = 0
        self.empty = asyncio.Event()
        self.empty.set()

    def shut(self) -> None:
        self._shut = True

    async def __aenter__(self) -> None:
        await self._free.acquire()
        try:
            while self._shut or not self._has_room():  # noqa: ASYNC110 (receipts make room, in another thread)
                await asyncio.sleep(0.5)
        except asyncio.CancelledError:
            self._free.release()
            raise
        self.inside += 1
        self.empty.clear()

    async def __aexit__(self, *_: object) -> None:
        self.inside -= 1
        if not self.inside:
            self.empty.set()
        self._free.release()


class Work:
    """Each method may be called from any thread."""

    def __init__(
        self, worlds: Mapping[str, World], spool: Spool, in_flight: int, *, finished: Callable[[], None]
    ) -> None:
        self._worlds, self._spool, self._finished = worlds, spool, finished
        self._places = Places(in_flight, lambda: not spool.full)
        self._tasks: dict[SpooledRun, asyncio.Task[None]] = {}
        self._not_before: dict[SpooledRun, float] = {}  # loop time
        self._stopping = False
        self._loop = new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="visits", daemon=True).start()

    @property
    def in_flight(self) -> int:
        return self._places.inside

    def at_work(self) -> list[SpooledRun]:
        return list(self._tasks)

    def look(self) -> None:
        """Begin what waits, as far as there is room; end what nobody waits for any more."""
        self._call(self._look()).result()

    def leave(self, vantage: str, run: int) -> None:
        """Stop work on a run; what is finished of it is kept. Returns when nobody is at work on it."""
        self._call(self._leave(vantage, run)).result()

    def alive(self) -> bool:
        """Whether the loop still turns."""
        try:
            self._call(asyncio.sleep(0)).result(ANSWER)
        except FutureTimeout:
            return False
        return True

    def stop(self, grace: float) -> None:
        """Begin no visit; give those in flight so many seconds, then cancel them. All that is finished is kept."""
        self._call(self._stop(grace)).result()

    def _call(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    async def _look(self) -> None:
        at = datetime.now(UTC)
        open_runs = [run for run in self._spool.runs() if not run.done]
        self._not_before = {run: moment for run, moment in self._not_before.items() if run in open_runs}
        for run in open_runs:
            if run in self._tasks:
                waits_for_room = run.lease_ends <= at and self._spool.full  # which only its end can make
                if waits_for_room and not self._tasks[run].cancelling():
                    self._tasks[run].cancel()
            elif run.lease_ends <= at:
                await self._settle(run)
            elif self._may_begin(run):
                self._tasks[run] = asyncio.create_task(self._work_off(run))

    def _may_begin(self, run: SpooledRun) -> bool:
        """Runs that fill the spool together, none of them finished, would wait for room until their leases end."""
        beside = sum(other.order.vantage == run.order.vantage for other in self._tasks)
        waits = self._not_before.get(run, 0.0) > self._loop.time()
        room = self._spool.room_for([*self._tasks, run]) if self._tasks else not self._spool.full
        return not (self._stopping or waits) and room and beside < AT_ONCE

    async def _settle(self, run: SpooledRun) -> None:
        """Its lease has ended and nobody is at work on it: what there is goes home, late."""
        if run.measured:
            await asyncio.to_thread(self._spool.finish, run, run.test)
            self._finished()
        else:
            self._spool.forget(run)

    async def _work_off(self, run: SpooledRun) -> None:
        self._not_before[run] = self._loop.time() + PAUSE  # whatever ends it
        try:
            test = await self._measure(run)
            await asyncio.to_thread(self._spool.finish, run, test)
            self._not_before.pop(run, None)
            self._finished()
        except* OSError as errors:
            log.error("run %d of %s cannot be kept: %s", run.order.run, run.order.vantage, errors.exceptions[0])
        finally:
            del self._tasks[run]

    async def _measure(self, run: SpooledRun) -> SelfTest | None:
        """What is still to be visited, each visit kept before it gives up its place."""
        world, already = self._worlds[run.order.vantage], bool(run.measured)
        for url in [url for url, _ in run.rest if not _is_name(url)]:  # or the others would be half a batch for ever
            await asyncio.wrap_future(self._spool.append(run, unfinished(url, world)))
        rest = run.rest
        if not rest and run.test is not None:
            return run.test

        async def proven(test: SelfTest) -> None:
            if not (already and test.failed):
                await asyncio.to_thread(self._spool.prove, run, test)

        async def done(measurement: Measurement) -> None:
            try:
                appended = self._spool.append(run, measurement)
            except ValueError:  # a mistake of ours that one site brings out must not cost the others theirs
                log.exception("the visit to %s cannot be written", measurement.url)
                appended = self._spool.append(run, unfinished(measurement.url, world))
            writing = asyncio.wrap_future(appended)
            try:
                await asyncio.shield(writing)
            except asyncio.CancelledError:
                await writing  # whoever cancelled us may rely on it
                raise

        test, _ = await measure_run(rest, world, places=self._places, proven=proven, done=done)
        return run.test if already and test.failed else test  # what was measured before was measured by a fit vantage

    async def _leave(self, vantage: str, run: int) -> None:
        await self._cancel([task for kept, task in self._tasks.items() if _is_of(kept, vantage, run)])

    async def _stop(self, grace: float) -> None:
        self._stopping = True
        self._places.shut()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._places.empty.wait(), grace)
        await self._cancel(list(self._tasks.values()))

    async def _cancel(self, tasks: list[asyncio.Task[None]]) -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _is_of(kept: SpooledRun, vantage: str, run: int) -> bool:
    return (kept.order.vantage, kept.order.run) == (vantage, run)


def _is_name(url: str) -> bool:
    try:
        parse(url)
    except BadName as bad:
        log.error("%r is not visited: %s", url, bad.message)
        return False
    return True
