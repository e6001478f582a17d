"""Many visits at once: bounded, one at a time per destination host, and a second pass for anomalies."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence

from checks.engine.flow import flowing
from checks.engine.followup import follow_up, is_anomalous
from checks.engine.names import Name, parse
from checks.engine.records import Measurement
from checks.engine.visit import visit
from checks.engine.world import World


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
    names = [parse(url) for url, _ in urls_with_extra]
    free = asyncio.Semaphore(in_flight)
    hosts: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
    async with flowing() as flow, asyncio.TaskGroup() as group:

        async def one(name: Name, extra: Sequence[str]) -> Measurement:
            async with hosts[name.host], free:
                measurement = await visit(name, world, flow, extra)
            if follow and is_anomalous(measurement):
                await asyncio.sleep(world.deadlines.followup_after)
                async with hosts[name.host], free:
                    measurement = await follow_up(measurement, world)
            if done is not None:
                done(measurement)
            return measurement

        tasks = [group.create_task(one(name, extra)) for name, (_, extra) in zip(names, urls_with_extra, strict=True)]
    return [task.result() for task in tasks]
