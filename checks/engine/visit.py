"""One visit to one URL: DNS, then for each address TCP, TLS and one GET, hop by hop along redirects.

Everything seen is kept, nothing is concluded. A failed step is a result; a mistake of ours is raised.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from urllib.parse import urlsplit

import certifi
from uuid_utils.compat import uuid7

from checks.engine import guard
from checks.engine.connect import Plain, Stream, dialled
from checks.engine.failures import Failure
from checks.engine.fetch import get
from checks.engine.flow import Flow, flowing
from checks.engine.handshake import shake
from checks.engine.names import DEFAULT_PORTS, HOST_LIMIT, BadName, Name, parse, parse_location
from checks.engine.records import VALIDATE, VISIT, Connect, Exchange, Handshake, Measurement, Query, Refusal
from checks.engine.resolve import Lookup
from checks.engine.stopwatch import Stopwatch
from checks.engine.world import ISP, World

SOFTWARE = "tizilim-engine/0.1.0"
REDIRECT_LIMIT = 10
V4_CAP, V6_CAP = 4, 2  # addresses dialled per source of addresses


async def measure(url: str, world: World, *, extra_addresses: Sequence[str] = ()) -> Measurement:
    """Visit `url` once. `extra_addresses` (a control's) are dialled too, at the first hop. Raises BadName."""
    name = parse(url)
    async with flowing() as flow:
        return await visit(name, world, flow, extra_addresses)


async def visit(name: Name, world: World, flow: Flow, extra_addresses: Sequence[str] = ()) -> Measurement:
    """The same for callers with many visits in one flow."""
    started = datetime.now(UTC)
    course = _Visit(world, Stopwatch(world.deadlines.visit), flow)
    async with asyncio.TaskGroup() as background:
        failure = await course.follow(name, extra_addresses, background)
    queries = [query for lookup in course.lookups for query in lookup.queries]
    handshakes = [*course.handshakes, *(handshake for lookup in course.lookups for handshake in lookup.handshakes)]
    return Measurement(
        id=str(uuid7()),
        url=name.url,
        started=started.isoformat(),
        runtime=course.watch.read(),
        software=SOFTWARE,
        trust_store=_trust_store(world),
        world=world.name,
        imitated=world.imitated,
        queries=tuple(queries),
        connects=tuple(course.connects),
        handshakes=tuple(handshakes),
        exchanges=tuple(course.exchanges),
        refusals=tuple(course.refusals),
        failure=failure,
        ipv6=world.ipv6,
        overloaded=was_overloaded(flow, course.watch, [*queries, *course.connects, *handshakes, *course.exchanges]),
    )


def unfinished(url: str, world: World) -> Measurement:
    """A visit that ended in a mistake of ours, or never began: nothing is known of the site."""
    return Measurement(
        id=str(uuid7()),
        url=url,
        started=datetime.now(UTC).isoformat(),
        runtime=0.0,
        software=SOFTWARE,
        trust_store=_trust_store(world),
        world=world.name,
        imitated=world.imitated,
        failure=Failure.UNKNOWN,
        ipv6=world.ipv6,
    )


def _trust_store(world: World) -> str:
    return f"certifi {certifi.__version__}" if world.trust is None else f"world {world.name}"


def was_overloaded(flow: Flow, watch: Stopwatch, steps: Iterable[Query | Connect | Handshake | Exchange]) -> bool:
    """Whether any step lasted long because our own loop was late, or timed out in a queue of ours."""
    return any(
        flow.overloaded(watch.began + step.t0, watch.began + step.t, timed_out=step.failure == Failure.TIMEOUT)
        for step in steps
    )


class _Visit:
    """What one visit has seen so far."""

    def __init__(self, world: World, watch: Stopwatch, flow: Flow) -> None:
        self.world, self.watch, self.flow = world, watch, flow
        self.lookups: list[Lookup] = []
        self.connects: list[Connect] = []
        self.handshakes: list[Handshake] = []
        self.exchanges: list[Exchange] = []
        self.refusals: list[Refusal] = []

    async def follow(self, name: Name, extra: Sequence[str], background: asyncio.TaskGroup) -> Failure | str | None:
        """Go from hop to hop. Returns what ended the visit, None for a final response."""
        seen: set[str] = set()
        for hop in range(REDIRECT_LIMIT + 1):
            seen.add(name.url)
            exchange = await self._hop(hop, name, extra, background)
            if exchange is None:
                return self._why_no_exchange(hop)
            if exchange.failure is not None or exchange.location is None:
                return exchange.failure
            try:
                name = parse_location(exchange.location)
            except BadName as bad:
                self.refusals.append(Refusal(hop + 1, _host_of(exchange.location), bad.message))
                # Where we alone do not go, the site has answered all the same.
                return None if bad.code == "bad_port" else Failure.HTTP_INVALID_REDIRECT
            if name.url in seen:
                return Failure.HTTP_UNEXPECTED_REDIRECT
            extra = ()
        return Failure.HTTP_UNEXPECTED_REDIRECT

    async def _hop(self, hop: int, name: Name, extra: Sequence[str], background: asyncio.TaskGroup) -> Exchange | None:
        """One host: the first address that proves itself is asked for the page.

        The other addresses are tried to their end in the background.
        """
        fetching = asyncio.Lock()
        addresses = await self._addresses(hop, name, extra, background)
        if name.scheme == "http" and not name.is_ip:
            for address in addresses:
                background.create_task(self._validate(hop, address, name))
        if len(addresses) == 1:
            return await self._attempt(hop, addresses[0], name, fetching)
        attempts = [background.create_task(self._attempt(hop, address, name, fetching)) for address in addresses]
        for attempt in asyncio.as_completed(attempts):
            if exchange := await attempt:
                return exchange
        return None

    async def _addresses(self, hop: int, name: Name, extra: Sequence[str], background: asyncio.TaskGroup) -> list[str]:
        """Whom to dial, IPv4 first. What the guard refuses is only recorded."""
        if name.is_ip:
            sources: list[Iterable[str]] = [[name.host]]
        else:
            lookup = Lookup(hop, name.host, self.world, self.watch, self.flow)
            self.lookups.append(lookup)
            await lookup.run(background)
            sources = [
                [a for q in lookup.queries if q.resolver == resolver.label for a in q.addresses]
                for resolver in self.world.resolvers
            ]
        chosen: dict[str, None] = {}
        refused: dict[str, str] = {}
        for source in [*sources, extra]:
            public = []
            for address in dict.fromkeys(source):
                if reason := guard.refuse(address):
                    refused[address] = reason
                else:
                    public.append(address)
            chosen.update(dict.fromkeys([a for a in public if ":" not in a][:V4_CAP]))
            chosen.update(dict.fromkeys([a for a in public if ":" in a][:V6_CAP]))
        self.refusals.extend(Refusal(hop, address, reason) for address, reason in refused.items())
        return sorted(chosen, key=lambda address: ":" in address)

    async def _attempt(self, hop: int, address: str, name: Name, fetching: asyncio.Lock) -> Exchange | None:
        """TCP, for https TLS, and for whoever gets there first the page."""
        dial = dialled(hop, address, name.port, self.world, self.watch, self.flow.secured, self.connects)
        async with dial as plain:
            return await self._converse(hop, address, name, plain, fetching) if plain else None

    async def _validate(self, hop: int, address: str, name: Name) -> None:
        """TLS on the usual port beside a cleartext visit: a valid certificate tells that the resolver did not lie."""
        port, gate = DEFAULT_PORTS["https"], self.flow.secured
        dial = dialled(hop, address, port, self.world, self.watch, gate, self.connects, purpose=VALIDATE)
        async with dial as plain:
            if plain is not None:
                handshake, _ = await shake(
                    hop, address, port, plain, name.host, self.world, self.watch, purpose=VALIDATE
                )
                self.handshakes.append(handshake)

    async def _converse(
        self, hop: int, address: str, name: Name, plain: Plain, fetching: asyncio.Lock
    ) -> Exchange | None:
        """What is said on one connection."""
        stream: Stream | None = plain
        if name.scheme == "https":
            handshake, stream = await shake(hop, address, name.port, plain, name.host, self.world, self.watch)
            self.handshakes.append(handshake)
            if handshake.version is not None:
                trip = min(c.t - c.t0 for c in self.connects if (c.hop, c.address) == (hop, address))
                self.flow.answered(trip, handshake.t - handshake.t0)
        if stream is None or fetching.locked():
            return None
        await fetching.acquire()
        exchange = await get(stream, hop, address, name.port, name, self.watch, self.world.deadlines.fetch)
        self.exchanges.append(exchange)
        return exchange

    def _why_no_exchange(self, hop: int) -> Failure | str:
        """The deepest step that failed at this hop, of IPv4 before IPv6; a resolver's word comes last."""
        kinds: tuple[Sequence[Handshake | Connect], ...] = (self.handshakes, self.connects)
        for steps in kinds:
            failed = [step for step in steps if step.hop == hop and step.purpose == VISIT and step.failure is not None]
            for step in sorted(failed, key=lambda step: ":" in step.address):
                return step.failure or Failure.UNKNOWN
        queries: list[Query] = self.lookups[-1].queries if self.lookups else []
        if any(query.failure is None for query in queries) or not queries:
            return Failure.DNS_BOGON
        own = [query for query in queries if query.role == ISP] or queries
        # A stray is no resolver's word; of what it said itself the last counts, and A before AAAA.
        said = [query for query in own if query.rcode is not None or query.raw is None] or own
        return max(said, key=lambda query: (query.type == "A", query.t)).failure or Failure.UNKNOWN


def _host_of(url: str) -> str:
    try:
        return (urlsplit(url).hostname or url)[:HOST_LIMIT]
    except ValueError:
        return url[:HOST_LIMIT]
