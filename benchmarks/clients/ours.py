"""Our engine: `python -m benchmarks.clients.ours JOB.json asyncio|uvloop`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks import sites
from benchmarks.clients.loops import runner
from benchmarks.job import Job, Sight, finish, tally, wait_for_start
from checks.engine.batch import measure_all
from checks.engine.loop import new_event_loop
from checks.engine.records import Measurement
from checks.engine.world import World


async def measure(job: Job) -> list[Measurement]:
    world = World.load(Path(job.world))
    await measure_all(_targets(job, job.warm_up), world, in_flight=job.in_flight, follow=False)
    wait_for_start()
    return await measure_all(_targets(job, job.names), world, in_flight=job.in_flight, follow=False)


def sights(job: Job, measurements: Sequence[Measurement]) -> Iterator[Sight]:
    for name, measurement in zip(job.names, measurements, strict=True):
        yield Sight(name, measurement.failure or _gap(measurement), measurement.overloaded)


def _targets(job: Job, names: Sequence[str]) -> list[tuple[str, tuple[str, ...]]]:
    return [(f"https://{name}/", (sites.control_address(name),) if job.control else ()) for name in names]


def _gap(measurement: Measurement) -> str | None:
    """What a full record lacks. A cheap visit that kept less would be no visit."""
    chains = [handshake.chain for handshake in measurement.handshakes]
    if not chains or not all(chains):
        return "no chain in the record"
    if not any(exchange.title for exchange in measurement.exchanges):
        return "no page in the record"
    if any(query.raw is None for query in measurement.queries if query.rcode):
        return "no raw DNS reply in the record"
    return None


if __name__ == "__main__":
    the_job = Job.load()
    own = sys.argv[2] == "uvloop"  # as the engine's command and the probe run it
    with asyncio.Runner(loop_factory=new_event_loop) if own else runner(sys.argv[2]) as running:
        finish(tally(sights(the_job, running.run(measure(the_job)))))
