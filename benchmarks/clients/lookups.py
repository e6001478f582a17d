"""DNS alone: A and AAAA of each name, by our engine's look-up or by dnspython's asynchronous resolver.

`python -m benchmarks.clients.lookups JOB.json ours|dnspython`
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import dns.asyncresolver
import dns.exception

from benchmarks.clients.loops import best, runner
from benchmarks.job import Job, Sight, finish, tally, wait_for_start
from checks.engine.flow import flowing
from checks.engine.resolve import Lookup
from checks.engine.stopwatch import Stopwatch
from checks.engine.world import World

Resolve = Callable[[str], Awaitable[Sight]]
VISIT_LIMIT = 60.0


async def with_ours(job: Job) -> list[Sight]:
    world = World.load(Path(job.world))
    async with flowing() as flow:

        async def resolve(name: str) -> Sight:
            lookup = Lookup(0, name, world, Stopwatch(VISIT_LIMIT), flow)
            async with asyncio.TaskGroup() as background:
                await lookup.run(background)
            found = [query.type for query in lookup.queries if query.failure is None]
            return Sight(name, None if found == ["A"] and len(lookup.queries) == 2 else "not two replies")

        return await _all(job, resolve)


async def with_dnspython(job: Job) -> list[Sight]:
    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers = [job.resolver]
    resolver.lifetime = job.deadline

    async def resolve(name: str) -> Sight:
        try:
            for kind in ("A", "AAAA"):
                await resolver.resolve(name, kind, raise_on_no_answer=False)
        except dns.exception.DNSException as error:
            return Sight(name, type(error).__name__)
        return Sight(name, None)

    return await _all(job, resolve)


async def _all(job: Job, resolve: Resolve) -> list[Sight]:
    free = asyncio.Semaphore(job.in_flight)

    async def one(name: str) -> Sight:
        async with free:
            return await resolve(name)

    async def every(names: Sequence[str]) -> list[Sight]:
        return await asyncio.gather(*map(one, names))

    await every(job.warm_up)
    wait_for_start()
    return await every(job.names)


if __name__ == "__main__":
    the_job = Job.load()
    with runner(best()) as running:
        finish(tally(running.run({"ours": with_ours, "dnspython": with_dnspython}[sys.argv[2]](the_job))))
