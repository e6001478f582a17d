"""How much is in flight at once. An overloaded prober manufactures censorship, so the loop watches its own lag.

Names and connections come first: they are cheap, and whoever waits for a black hole must start early. Handshakes
and pages pass a gate of their own. Both gates open while the loop comes on time and close when it comes late; waiting
at one never counts against a deadline.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

LAG_AIM = 0.05  # seconds: what the gates are steered to
LAG_LIMIT = 0.25  # seconds: less is harmless, because a step takes a handful of the loop's turns
LATE_SHARE = 0.1  # of a step: one in which our loop was late for longer says nothing of the network's speed
LONG_STEP = 1.0  # seconds: shorter ones tell no slowness, and no deadline is as short
PATIENCE = 5.0  # round trips that an answer may take; a handshake takes one, and a busy server another
_SHORTEST_TRIP = 0.05  # seconds: below, a server's own work counts for more than the way to it
_ANSWERS = 32  # that are looked at together
_BEAT = 0.05
_REMEMBERED = 4096  # beats: some minutes, longer than any step
_LOSS_ROUND = 1.0  # seconds: what is lost in so short a time was sent at once


class Gate:
    """A semaphore whose size follows the loop's lag. First come, first served."""

    def __init__(self, size: int, *, growth: float, floor: int = 16, ceiling: int = 2000) -> None:
        self._size, self._growth, self._floor, self._ceiling = float(size), growth, floor, ceiling
        self._inside = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def size(self) -> int:
        return int(self._size)

    async def __aenter__(self) -> None:
        if self._inside < self.size and not self._waiting:
            self._inside += 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn  # whoever wakes us has counted us in
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                await self.__aexit__()
            raise

    async def __aexit__(self, *_: object) -> None:
        self._inside -= 1
        self._wake()

    def lose(self) -> None:
        """What was let in was too much for somebody else: close by half, and open slowly from now on."""
        self._size = max(self._floor, self._size / 2)
        self._growth = min(self._growth, 1.02)

    def steer(self, lag: float) -> None:
        """Close by a third when the loop is late; open by `growth` when it is not and somebody waits."""
        if lag > LAG_AIM:
            self._size = max(self._floor, self._size * 2 / 3)
        elif self._waiting:
            self._size = min(self._ceiling, self._size * self._growth)
            self._wake()

    def _wake(self) -> None:
        while self._waiting and self._inside < self.size:
            turn = self._waiting.popleft()
            if not turn.done():
                self._inside += 1
                turn.set_result(None)


class Flow:
    """The gates of one event loop, and how late that loop came."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.lookups = Gate(64, growth=1.25)  # a lookup costs a tenth of a handshake
        self.secured = Gate(64, growth=1.05)  # from the ClientHello to the end of the page
        self._slow: deque[bool] = deque(maxlen=_ANSWERS)  # whether each of the last answers took too many round trips
        self._crowded = self._closed = float("-inf")
        self.worst = 0.0  # seconds, of the whole run
        self._due = self._loop.time() + _BEAT
        self._late: list[tuple[float, float]] = []  # when a late beat was due, and when it came
        self._last_loss = float("-inf")

    def lost_question(self) -> None:
        """A resolver answered only when it was asked again: it, or the line, drops what we send.

        Home routers take some 150 questions at a time. Many lost at once are one loss.
        """
        now = self._loop.time()
        if now - self._last_loss > _LOSS_ROUND:
            self.lookups.lose()
        self._last_loss = now

    def answered(self, connect: float, answer: float) -> None:
        """How long a peer took for TCP, and then for its first answer.

        When most answers take many round trips, what we have in flight waits in a queue that they share: the line's, a
        middlebox's or ours. No site is slow then, and more of it would end in time-outs that nobody made but us.
        """
        now = self._loop.time()
        self._slow.append(answer > PATIENCE * max(connect, _SHORTEST_TRIP))
        if len(self._slow) == _ANSWERS and sum(self._slow) > _ANSWERS / 2:
            self._crowded = now
            if now - self._closed > max(_LOSS_ROUND, answer):  # what was in flight then has been answered since
                self.secured.lose()
                self._closed = now

    def lost_since(self, moment: float) -> bool:
        """Whether questions were lost at any time since `moment` (loop time), so that silence proves nothing."""
        return self._last_loss >= moment

    def late(self, begin: float, end: float) -> float:
        """Seconds between two moments (loop time) for which the loop was later than LAG_LIMIT."""
        spans = self._late[bisect_left(self._late, begin, key=lambda span: span[1]) :]
        now = self._loop.time()
        if now - self._due > LAG_LIMIT:
            spans.append((self._due, now))  # late right now, and its beat has not come yet
        return sum(max(0.0, min(end, woke) - max(begin, due)) for due, woke in spans)

    def overloaded(self, begin: float, end: float, *, timed_out: bool = True) -> bool:
        """Whether a step between these moments lasted long because of us: our loop, or what we had in flight.

        Of a crowd only time-outs are held against us: a censor that slows many names down looks the same, and the
        second look compares with a name on the same address.
        """
        if end - begin < LONG_STEP:
            return False
        return (timed_out and begin <= self._crowded) or self.late(begin, end) > LATE_SHARE * (end - begin)

    async def _beat(self) -> None:
        while True:
            self._due = self._loop.time() + _BEAT
            await asyncio.sleep(_BEAT)
            lag = self._loop.time() - self._due
            self.worst = max(self.worst, lag)
            if lag > LAG_LIMIT:
                self._late.append((self._due, self._loop.time()))
                del self._late[:-_REMEMBERED]
            self.lookups.steer(lag)
            self.secured.steer(lag)


@asynccontextmanager
async def flowing() -> AsyncIterator[Flow]:
    """A flow that watches the loop for as long as the block runs."""
    flow = Flow()
    beating = asyncio.create_task(flow._beat())
    try:
        yield flow
    finally:
        beating.cancel()
        with suppress(asyncio.CancelledError):
            await beating
