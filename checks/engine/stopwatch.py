"""Time inside one measurement: seconds since it began, and the deadlines of its steps."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from checks.engine.failures import Interrupted

LAG_LIMIT = 0.25  # seconds; a loop that comes later than this cannot tell a slow network from itself
_BEAT = 0.1


class Stopwatch:
    """Counts from the beginning of a measurement; nothing it times outlives the measurement's own deadline."""

    def __init__(self, limit: float, *, already: float = 0.0) -> None:
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time() - already
        self._end = self._loop.time() + limit

    @property
    def began(self) -> float:
        """The loop's time at the beginning."""
        return self._began

    def read(self) -> float:
        return round(self._loop.time() - self._began, 6)

    @asynccontextmanager
    async def within(self, seconds: float) -> AsyncIterator[None]:
        """A deadline that starts now, at a step's first packet.

        Raises TimeoutError when the step had all its seconds, and Interrupted when the measurement
        ended before: such a step says nothing about the network.
        """
        own = self._loop.time() + seconds
        try:
            async with asyncio.timeout_at(min(own, self._end)) as deadline:
                yield
        except TimeoutError as error:
            if deadline.expired() and self._end < own:
                raise Interrupted from error
            raise


class Pulse:
    """Watches how late the event loop comes. An overloaded prober manufactures censorship."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._due = self._loop.time() + _BEAT
        self._last_lag = float("-inf")

    def lagged_since(self, moment: float) -> bool:
        """Whether the loop came more than LAG_LIMIT late at any time since `moment` (loop time)."""
        return self._last_lag >= moment or self._loop.time() - self._due > LAG_LIMIT

    async def _beat(self) -> None:
        while True:
            self._due = self._loop.time() + _BEAT
            await asyncio.sleep(_BEAT)
            if self._loop.time() - self._due > LAG_LIMIT:
                self._last_lag = self._loop.time()


@asynccontextmanager
async def pulse() -> AsyncIterator[Pulse]:
    """A pulse that beats for as long as the block runs."""
    watch = Pulse()
    beating = asyncio.create_task(watch._beat())
    try:
        yield watch
    finally:
        beating.cancel()
