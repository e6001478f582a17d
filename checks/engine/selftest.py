"""What a vantage proves about itself before a run: clock, open names, blocked names, no portal, IPv6, its own network.

A moved probe, a VPN, a dead uplink or a hotel's portal look like censorship of everything, or of nothing. ORG's Blocked
refuses to run without such a test; OONI's ts-010 is where the portal's comes from.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from statistics import median

from checks.engine.connect import connect
from checks.engine.flow import Flow
from checks.engine.names import parse
from checks.engine.records import Exchange, Measurement, SelfTest
from checks.engine.resolve import Lookup
from checks.engine.stopwatch import Stopwatch
from checks.engine.visit import visit
from checks.engine.world import ISP, World

CLOCK_LIMIT = 60.0  # seconds
ALLOWED_SHARE = 0.8  # of the must-allow names: one of them may be down itself


async def self_test(world: World, flow: Flow) -> SelfTest:
    """Try what `world.preconditions` names, all at once. Raises BadName when a name in them is none."""
    conditions = world.preconditions
    started = datetime.now(UTC)
    allowed, blocked, captive, invented, ipv6, echo = await asyncio.gather(
        _visits(conditions.must_allow, world, flow),
        _visits(conditions.must_block, world, flow),
        _captive(conditions.portal, world, flow),
        _invented(world, flow) if conditions.must_allow else _nothing(),
        _ipv6(conditions.ipv6_hosts, world),
        _echo(conditions.echo, world, flow),
    )
    offset = echo.clock_offset if echo.clock_offset is not None else _offset_by_dates(allowed)
    opened = [_opened(measurement) for measurement in allowed]
    failed = {
        "clock": offset is not None and abs(offset) > CLOCK_LIMIT,
        "must_allow": bool(opened) and sum(opened) < ALLOWED_SHARE * len(opened),
        "captive_portal": captive is True,
        "asn": None not in (conditions.asn, echo.asn) and conditions.asn != echo.asn,
    }
    return SelfTest(
        started=started.isoformat(),
        clock_offset=offset,
        must_allow=tuple(zip(conditions.must_allow, opened, strict=True)),
        must_block=tuple((name, _opened(m)) for name, m in zip(conditions.must_block, blocked, strict=True)),
        captive_portal=captive,
        invented_names=invented,
        ipv6=ipv6,
        asn=echo.asn,
        failed=tuple(name for name, true in failed.items() if true),
        suspect=any(_opened(measurement) for measurement in blocked),
    )


@dataclass(frozen=True, slots=True)
class _Echo:
    clock_offset: float | None = None
    asn: int | None = None


async def _visits(names: Sequence[str], world: World, flow: Flow) -> list[Measurement]:
    return list(await asyncio.gather(*(visit(parse(name), world, flow) for name in names)))


def _opened(measurement: Measurement) -> bool:
    """Whether the name itself answered, which over https means with its own certificate."""
    return any(exchange.failure is None for exchange in measurement.exchanges if exchange.hop == 0)


async def _nothing() -> None:
    return None


async def _captive(portal: str | None, world: World, flow: Flow) -> bool | None:
    """Whether somebody else answers for a page that is known to be empty. No answer at all says nothing."""
    if portal is None:
        return None
    exchanges = (await visit(parse(portal), world, flow)).exchanges
    if not exchanges or exchanges[0].status is None:
        return None
    return exchanges[0].status != 204 or bool(exchanges[0].body_length)


async def _invented(world: World, flow: Flow) -> bool | None:
    """Whether the network's resolver has an address for a name of 80 random bits."""
    lookup = Lookup(0, f"{secrets.token_hex(10)}.com", world, Stopwatch(world.deadlines.visit), flow)
    async with asyncio.TaskGroup() as background:
        await lookup.run(background)
    said = [query for query in lookup.queries if query.role == ISP and query.rcode is not None]
    return any(query.addresses for query in said) if said else None


async def _ipv6(hosts: Sequence[str], world: World) -> bool | None:
    """Whether any of some hosts that are known to accept IPv6 does so."""
    if not hosts:
        return None
    watch = Stopwatch(world.deadlines.visit)
    attempts = await asyncio.gather(*(connect(0, host, 443, world, watch) for host in hosts))
    for _, plain in attempts:
        if plain is not None:
            plain.abort()
    return any(plain is not None for _, plain in attempts)


async def _echo(url: str | None, world: World, flow: Flow) -> _Echo:
    """What time the control has, and which AS it sees us come from."""
    if url is None:
        return _Echo()
    measurement = await visit(parse(url), world, flow)
    for exchange in measurement.exchanges:
        if exchange.failure is None and exchange.status == 200:
            try:
                said = json.loads(exchange.body or "")
                theirs, asn = datetime.fromtimestamp(float(said["time"]), UTC), said.get("asn")
            except (ValueError, KeyError, TypeError, OverflowError, OSError, RecursionError):
                return _Echo()
            ours = _middle(measurement, exchange)
            return _Echo(
                round((ours - theirs).total_seconds(), 3), asn if type(asn) is int and 0 < asn < 2**32 else None
            )
    return _Echo()


def _middle(measurement: Measurement, exchange: Exchange) -> datetime:
    """Our clock half-way between a request and its response."""
    return datetime.fromisoformat(measurement.started) + timedelta(seconds=(exchange.t0 + exchange.t) / 2)


def _offset_by_dates(measurements: Sequence[Measurement]) -> float | None:
    """Our clock beside the Date headers of pages with a valid certificate: good to a second or two."""
    offsets = []
    for measurement in measurements:
        for exchange in measurement.exchanges:
            date = {key.lower(): value for key, value in exchange.headers}.get("date")
            if date is None or exchange.failure or not exchange.url.startswith("https:"):
                continue
            try:
                theirs = parsedate_to_datetime(date)
            except (ValueError, OverflowError):
                continue
            if theirs.tzinfo is not None:
                offsets.append((_middle(measurement, exchange) - theirs).total_seconds())
    return round(median(offsets), 3) if offsets else None
