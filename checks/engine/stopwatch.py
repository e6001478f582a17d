"""Time inside one measurement: seconds since it began, and the deadlines of its steps."""

from __future__ import annotations

import asyncio
from types import TracebackType

from checks.engine.failures import Interrupted
from checks.engine.flow import Gate


class Stopwatch:
    """Counts from the beginning of a measurement; nothing it times outlives the measurement's own deadline."""

    def __init__(self, limit: float, *, already: float = 0.0) -> None:
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time() - already
        self._end = self._loop.time() + limit
        self._waiting, self._waits_since = 0, 0.0

    @property
    def began(self) -> float:
        """The loop's time at the beginning."""
        return self._began

    def read(self) -> float:
        return round(self._loop.time() - self._began, 6)

    def at(self, moment: float) -> float:
        """A moment of the loop's time, in seconds since the measurement began."""
        return round(moment - self._began, 6)

    def within(self, seconds: float) -> _Step:
        """A deadline that starts now, at a step's first packet: `async with watch.within(5):`.

        Raises TimeoutError when the step had all its seconds, and Interrupted when the measurement
        ended before: such a step says nothing about the network.
        """
        own = self._loop.time() + seconds
        return _Step(self._loop, min(own, self._end), cut_short=self._end < own)

    def turn(self, gate: Gate) -> _Turn:
        """A place behind the gate; waiting for it moves the measurement's own deadline on."""
        return _Turn(self, gate)

    def wait(self) -> None:
        self._waiting += 1
        if self._waiting == 1:
            self._waits_since = self._loop.time()

    def go_on(self) -> None:
        """The deadline moves by the time in which anybody waited, however many did."""
        self._waiting -= 1
        if self._waiting == 0:
            self._end += self._loop.time() - self._waits_since


# Classes, not generators: a visit passes several of these, and a generator costs four times as much.


class _Step:
    """`asyncio.timeout_at` in half its time, with Interrupted for a deadline that is the measurement's."""

    __slots__ = ("_cancels", "_cut_short", "_expired", "_loop", "_task", "_timer", "_when")

    def __init__(self, loop: asyncio.AbstractEventLoop, when: float, *, cut_short: bool) -> None:
        self._loop, self._when, self._cut_short = loop, when, cut_short
        self._expired = False

    async def __aenter__(self) -> None:
        task = asyncio.current_task(self._loop)
        if task is None:
            raise RuntimeError("a deadline needs a task that it can end")
        self._task, self._cancels = task, task.cancelling()
        self._timer = self._loop.call_at(self._when, self._expire)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._timer.cancel()
        # When others cancelled the task, too, the cancellation goes on.
        if self._expired and self._task.uncancel() <= self._cancels and kind is asyncio.CancelledError:
            raise (Interrupted if self._cut_short else TimeoutError) from error

    def _expire(self) -> None:
        self._expired = True
        self._task.cancel()


class _Turn:
    __slots__ = ("_gate", "_watch")

    def __init__(self, watch: Stopwatch, gate: Gate) -> None:
        self._watch, self._gate = watch, gate

    async def __aenter__(self) -> float:
        """Seconds that it had to wait."""
        asked = self._watch.read()
        self._watch.wait()
        try:
            await self._gate.__aenter__()
        finally:
            self._watch.go_on()
        return self._watch.read() - asked

    async def __aexit__(self, *_: object) -> None:
        await self._gate.__aexit__()
