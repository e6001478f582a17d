"""Many visits at once: bounded, one at a time per destination host, and a second pass for anomalies."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
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
    async with flowing() as flow:
        return await _measure(jobs, world, flow, in_flight, done, follow)


async def measure_run(
    urls_with_extra: Sequence[tuple[str, Sequence[str]]], world: World, *, in_flight: int = 50
) -> tuple[SelfTest, list[Measurement]]:
    """Test the vantage, then measure; a vantage that fails its test measures nothing. Raises BadName."""
    jobs = [(parse(url), extra) for url, extra in urls_with_extra]
    prepare(world.trust)
    async with flowing() as flow:
        test = await self_test(world, flow)
        measured: list[Measurement] = []
        if not test.failed:
            measured = await _measure(jobs, replace(world, ipv6=test.ipv6), flow, in_flight, None, follow=True)
        return replace(test, lag=round(flow.worst, 3)), measured


async def _measure(
    jobs: Sequence[tuple[Name, Sequence[str]]],
    world: World,
    flow: Flow,
    in_flight: int,
    done: Callable[[Measurement], None] | None,
    follow: bool,
) -> list[Measurement]:
    free = asyncio.Semaphore(in_flight)
    hosts: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
    look = SecondLook(world, flow)
    async with asyncio.TaskGroup() as group:

        async def one(name: Name, extra: Sequence[str]) -> Measurement:
            async with hosts[name.host], free:
                measurement = await _survived(name, visit(name, world, flow, extra), unfinished(name, world))
            try:
                if follow and is_anomalous(measurement):
                    await asyncio.sleep(world.deadlines.followup_after)
                    async with hosts[name.host], free:
                        measurement = await _survived(name, look.at(measurement), measurement)
            finally:  # whoever stops during the second look has the first
                if done is not None:
                    done(measurement)
            return measurement

        tasks = [group.create_task(one(name, extra)) for name, extra in jobs]
    return [task.result() for task in tasks]


async def _survived(name: Name, work: Awaitable[Measurement], otherwise: Measurement) -> Measurement:
    """A mistake of ours that one site brings out must not cost the others theirs."""
    try:
        return await work
    except Exception:
        log.exception("measuring %s ended in a mistake of ours", name.url)
        return otherwise
