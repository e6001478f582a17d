"""Many visits at once: bounded, one at a time per destination host, and a second pass for anomalies."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace

from checks.engine.flow import Flow, flowing
from checks.engine.followup import SecondLook, is_anomalous
from checks.engine.handshake import prepare
from checks.engine.names import Name, parse
from checks.engine.records import Measurement, SelfTest
from checks.engine.selftest import self_test
from checks.engine.visit import unfinished, visit
from checks.engine.world import World

log = logging.getLogger(__name__)

Places = AbstractAsyncContextManager[object]  # entered by many at once, such as a semaphore


async def measure_all(
    urls_with_extra: Sequence[tuple[str, Sequence[str]]],
    world: World,
    *,
    in_flight: int = 50,
    done: Callable[[Measurement], None] | None = None,
    follow: bool = True,
) -> list[Measurement]:
    """Measure each (url, extra addresses); the results stand in the same order, `done` gets each as it is final.

    An anomaly is followed up `followup_after` seconds after its visit, when residual blocking has
    ended; nothing waits in the place of another visit. Raises BadName before anything is measured.
    """
    jobs = [(parse(url), extra) for url, extra in urls_with_extra]
    prepare(world.trust)
    measured: dict[int, Measurement] = {}

    async def keep(number: int, measurement: Measurement) -> None:
        measured[number] = measurement
        if done is not None:
            done(measurement)

    async with flowing() as flow:
        await _measure(jobs, world, flow, asyncio.Semaphore(in_flight), keep, follow)
    return [measured[number] for number in range(len(jobs))]


async def measure_run(
    urls_with_extra: Sequence[tuple[str, Sequence[str]]],
    world: World,
    *,
    places: Places | None = None,
    proven: Callable[[SelfTest], Awaitable[None]] | None = None,
    done: Callable[[Measurement], Awaitable[None]] | None = None,
) -> tuple[SelfTest, list[Measurement]]:
    """Test the vantage, then measure; a vantage that fails its test measures nothing. Raises BadName.

    `places`: whoever is inside is in flight; runs may share them. `proven` is awaited with the test before the first
    visit, `done` with each visit as it is final and before it gives up its place, also when the run is cancelled.
    Whoever passes `done` keeps the visits, and the list is empty: of a large run it would be most of the memory.
    """
    jobs = [(parse(url), extra) for url, extra in urls_with_extra]
    prepare(world.trust)
    measured: dict[int, Measurement] = {}

    async def keep(number: int, measurement: Measurement) -> None:
        if done is not None:
            await done(measurement)
        else:
            measured[number] = measurement

    async with flowing() as flow:
        test = await self_test(world, flow)
        if proven is not None:
            await proven(test)
        if not test.failed:
            fit = replace(world, ipv6=test.ipv6)
            await _measure(jobs, fit, flow, places or asyncio.Semaphore(50), keep, follow=True)
        return replace(test, lag=round(flow.worst, 3)), [measured[number] for number in sorted(measured)]


async def _measure(
    jobs: Sequence[tuple[Name, Sequence[str]]],
    world: World,
    flow: Flow,
    places: Places,
    done: Callable[[int, Measurement], Awaitable[None]],
    follow: bool,
) -> None:
    hosts: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
    look = SecondLook(world, flow)

    async def one(number: int, name: Name, extra: Sequence[str]) -> None:
        async with hosts[name.host], places:
            measurement = await _survived(name, visit(name, world, flow, extra), unfinished(name.url, world))
            if not (follow and is_anomalous(measurement)):
                await done(number, measurement)
                return
        told = False
        try:
            await asyncio.sleep(world.deadlines.followup_after)
            async with hosts[name.host], places:
                measurement = await _survived(name, look.at(measurement), measurement)
                told = True
                await done(number, measurement)
        finally:
            if not told:  # whoever stops during the second look has the first
                await done(number, measurement)

    async with asyncio.TaskGroup() as group:
        for number, (name, extra) in enumerate(jobs):
            group.create_task(one(number, name, extra))


async def _survived(name: Name, work: Awaitable[Measurement], otherwise: Measurement) -> Measurement:
    """A mistake of ours that one site brings out must not cost the others theirs."""
    try:
        return await work
    except Exception:
        log.exception("measuring %s ended in a mistake of ours", name.url)
        return otherwise
