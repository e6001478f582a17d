"""The second look at an anomaly: is it the server name, the address, or the line? Is it cut, or slow?

On the suspect's address a neutral server name and the suspected one are tried in turn. An answer to the neutral name,
even with a certificate that is not its own (`ssl_invalid_hostname`), shows that the address speaks TLS to us; a failure
of the suspected name beside it shows that the name is what is cut. No name at all is tried too, and the suspected name
at an address that has nothing to do with it. OONI ts-024 and Censored Planet's Hyperquack interleave for the same
reason: a loss hits both alike. The order shows residual blocking: a neutral name that was answered before the suspected
name was sent, and is not right after it.

A page that was cut or slow is fetched again, in turn with the neutral name's; an address that did not accept a
connection is tried again, and the neutral name's own address beside it.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

from checks.engine import guard
from checks.engine.connect import Stream, connect, dialled
from checks.engine.failures import Failure
from checks.engine.fetch import get
from checks.engine.flow import Flow
from checks.engine.handshake import shake
from checks.engine.names import DEFAULT_PORTS, BadName, Name, parse, parse_location
from checks.engine.records import (
    BASELINE,
    KNOWN_GOOD,
    NEUTRAL,
    NO_SNI,
    REPEAT,
    SNI_SWAP,
    VISIT,
    Connect,
    Exchange,
    Handshake,
    Measurement,
)
from checks.engine.resolve import Lookup
from checks.engine.stopwatch import Stopwatch
from checks.engine.visit import was_overloaded
from checks.engine.world import DOH, World

REPEATS = 3
ADDRESS_CAP = 2  # suspects of one measurement that are looked at again
LOOKS = 4  # second looks of one batch at one address, a minute apart; further suspects there do without
SLOW_HANDSHAKE = 1.0  # seconds: one that took this long
SLOW_RATIO = 5.0  # and this many times the TCP connect on the same address may be throttled
SLOW_RATE = 64 * 1024  # bytes/s: a page that came slower than this
SLOW_LENGTH = 32 * 1024  # bytes: and of which so much came, or that stopped half-way

_CUT = frozenset({Failure.CONNECTION_RESET, Failure.TIMEOUT, Failure.EOF})
_CLOSED = _CUT | {Failure.CONNECTION_REFUSED, Failure.HOST_UNREACHABLE, Failure.NETWORK_UNREACHABLE}

What = Literal[
    "name", "address", "speed", "page"
]  # cut in the handshake, cut before it, slow in it, cut or slow after it


@dataclass(frozen=True, slots=True)
class _Suspect:
    """One place of a measurement that deserves a second look."""

    what: What
    hop: int
    address: str
    port: int
    url: str  # whose host is suspected


def is_anomalous(measurement: Measurement) -> bool:
    return next(_suspects(measurement), None) is not None


class SecondLook:
    """The second looks of one batch: one visit at a time per destination address."""

    def __init__(self, world: World, flow: Flow) -> None:
        self._world, self._flow = world, flow
        self._busy: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._neutral: asyncio.Task[str | None] | None = None
        self._looks: Counter[str] = Counter()
        self._left: dict[str, float] = {}  # when a suspected name was last sent to an address (loop time)

    async def at(self, measurement: Measurement) -> Measurement:
        """The same measurement with what the second look saw; unchanged when nothing is suspect.

        The caller waits `world.deadlines.followup_after` first. Times go on from the visit's beginning.
        """
        suspects = list(_suspects(measurement))[:ADDRESS_CAP]
        if not suspects:
            return measurement
        age = (datetime.now(UTC) - datetime.fromisoformat(measurement.started)).total_seconds()
        look = _Look(self._world, self._flow, age)
        for suspect in suspects:
            async with self._turn(suspect.address) as free:
                if free:
                    await look.at(suspect)
        if any(suspect.what in ("name", "address") for suspect in suspects):
            await self._elsewhere(look, suspects[0])
        return replace(
            measurement,
            connects=(*measurement.connects, *look.connects),
            handshakes=(*measurement.handshakes, *look.handshakes),
            exchanges=(*measurement.exchanges, *look.exchanges),
            overloaded=measurement.overloaded or look.overloaded(),
        )

    async def _elsewhere(self, look: _Look, suspect: _Suspect) -> None:
        """The suspected name at the neutral name's address, between two visits with the neutral name itself."""
        if self._neutral is None:
            self._neutral = asyncio.create_task(self._neutral_address())
        address = await self._neutral
        if address is None:
            return
        async with self._turn(address) as free:
            if free:
                await look.known_good(suspect.hop, address)
                if suspect.what == "name":
                    await look.neutral(suspect, address)
                    await look.known_good(suspect.hop, address)

    @asynccontextmanager
    async def _turn(self, address: str) -> AsyncIterator[bool]:
        """Alone at an address, after what was sent there last can have no effect any more; False when it had enough.

        A suspected name may block its address for a minute: whoever looks there next would see the censor's memory.
        """
        if self._looks[address] >= LOOKS:
            yield False
            return
        self._looks[address] += 1
        async with self._busy[address]:
            if address in self._left:
                quiet = self._left[address] + self._world.deadlines.followup_after
                await asyncio.sleep(max(0.0, quiet - asyncio.get_running_loop().time()))
            yield True
            self._left[address] = asyncio.get_running_loop().time()

    async def _neutral_address(self) -> str | None:
        """Where the neutral name lives, by DoH if it answers: once a batch."""
        lookup = Lookup(0, self._world.neutral_name, self._world, Stopwatch(30.0), self._flow)
        async with asyncio.TaskGroup() as background:
            await lookup.run(background)
        by_trust = sorted(lookup.queries, key=lambda query: query.role != DOH)
        found = (a for q in by_trust if q.type == "A" and not q.failure for a in q.addresses)
        return next((address for address in found if guard.refuse(address) is None), None)


class _Look:
    """What one second look has seen so far."""

    def __init__(self, world: World, flow: Flow, age: float) -> None:
        self._world, self._flow = world, flow
        self._watch = Stopwatch(float("inf"), already=age)
        self.connects: list[Connect] = []
        self.handshakes: list[Handshake] = []
        self.exchanges: list[Exchange] = []

    def overloaded(self) -> bool:
        return was_overloaded(self._flow, self._watch, [*self.connects, *self.handshakes, *self.exchanges])

    async def at(self, suspect: _Suspect) -> None:
        name, neutral = parse_location(suspect.url), replace(parse(self._world.neutral_name), port=suspect.port)
        if suspect.what == "address":
            for _ in range(REPEATS):
                await self._connect(suspect, suspect.address, REPEAT)
        elif suspect.what == "name":
            await self._shake(suspect, suspect.address, neutral.host, SNI_SWAP)
            await self._shake(suspect, suspect.address, "", NO_SNI)  # before the suspected name taints the address
            await self._shake(suspect, suspect.address, name.host, REPEAT)
            for _ in range(REPEATS - 1):
                await self._shake(suspect, suspect.address, neutral.host, SNI_SWAP)
                await self._shake(suspect, suspect.address, name.host, REPEAT)
        elif suspect.what == "speed":
            for _ in range(REPEATS):
                await self._shake(suspect, suspect.address, neutral.host, BASELINE)
                await self._shake(suspect, suspect.address, name.host, REPEAT)
        else:
            neutral = replace(neutral, scheme=name.scheme)
            for _ in range(REPEATS):
                await self._fetch(suspect, neutral, BASELINE)
                await self._fetch(suspect, name, REPEAT)

    async def neutral(self, suspect: _Suspect, address: str) -> None:
        """On the neutral name's own port: at the suspect's nobody need be at home."""
        place = replace(suspect, port=DEFAULT_PORTS["https"])
        await self._shake(place, address, parse_location(suspect.url).host, NEUTRAL)

    async def known_good(self, hop: int, address: str) -> None:
        place = _Suspect("name", hop, address, DEFAULT_PORTS["https"], "")
        await self._shake(place, address, self._world.neutral_name, KNOWN_GOOD)

    async def _connect(self, suspect: _Suspect, address: str, purpose: str) -> None:
        connected, plain = await connect(suspect.hop, address, suspect.port, self._world, self._watch, purpose=purpose)
        self.connects.append(connected)
        if plain is not None:
            plain.abort()

    async def _shake(self, suspect: _Suspect, address: str, server_name: str, purpose: str) -> None:
        await self._visit(suspect, address, server_name, purpose, page=None)

    async def _fetch(self, suspect: _Suspect, name: Name, purpose: str) -> None:
        await self._visit(suspect, suspect.address, name.host if name.scheme == "https" else None, purpose, page=name)

    async def _visit(
        self, suspect: _Suspect, address: str, server_name: str | None, purpose: str, *, page: Name | None
    ) -> None:
        """TCP; TLS unless the server name is None; the page if one is wanted, whoever the peer proves to be."""
        hop, port, world, watch = suspect.hop, suspect.port, self._world, self._watch
        dial = dialled(hop, address, port, world, watch, self._flow.secured, self.connects, purpose=purpose)
        async with dial as plain:
            if plain is None:
                return
            stream: Stream = plain
            if server_name is not None:
                handshake, secure = await shake(
                    hop, address, port, plain, server_name, world, watch, purpose=purpose, proven=page is None
                )
                self.handshakes.append(handshake)
                if secure is None:
                    return
                stream = secure
            if page is None:
                stream.abort()
            else:
                self.exchanges.append(
                    await get(stream, hop, address, port, page, watch, world.deadlines.fetch, purpose=purpose)
                )


def _suspects(measurement: Measurement) -> Iterator[_Suspect]:
    """Each place that deserves a second look, the surest first."""
    urls = _urls(measurement)
    for handshake in measurement.handshakes:
        if handshake.purpose != VISIT or handshake.hop not in urls:
            continue
        place = (handshake.hop, handshake.address, handshake.port, urls[handshake.hop])
        if handshake.failure in _CUT:
            yield _Suspect("name", *place)
        elif handshake.failure is None and _is_slow(handshake, measurement):
            yield _Suspect("speed", *place)
    for exchange in measurement.exchanges:
        if exchange.purpose == VISIT and (exchange.failure in _CUT or _is_slow_page(exchange)):
            yield _Suspect("page", exchange.hop, exchange.address, exchange.port, exchange.url)
    for connected in measurement.connects:
        cut = measurement.failure and connected.failure in _CLOSED and connected.purpose == VISIT
        routed = ":" not in connected.address or measurement.ipv6  # without IPv6 all of it fails
        if cut and routed and connected.hop in urls:
            yield _Suspect("address", connected.hop, connected.address, connected.port, urls[connected.hop])


def _urls(measurement: Measurement) -> dict[int, str]:
    """What was visited at each hop, as far as redirects tell."""
    urls = {0: measurement.url}
    for exchange in measurement.exchanges:
        if exchange.purpose == VISIT and exchange.location and not exchange.failure:
            try:
                urls[exchange.hop + 1] = parse_location(exchange.location).url
            except BadName:
                continue
    return urls


def _is_slow(handshake: Handshake, measurement: Measurement) -> bool:
    took = handshake.t - handshake.t0
    return took >= SLOW_HANDSHAKE and any(
        took >= SLOW_RATIO * (connected.t - connected.t0)
        for connected in measurement.connects
        if (connected.hop, connected.address, connected.port) == (handshake.hop, handshake.address, handshake.port)
        and connected.purpose == VISIT
        and connected.failure is None
    )


def _is_slow_page(exchange: Exchange) -> bool:
    if exchange.failure or exchange.first_byte is None or exchange.wire_length is None:
        return False
    took = exchange.t - exchange.first_byte
    return exchange.wire_length >= SLOW_LENGTH and exchange.wire_length < SLOW_RATE * took
