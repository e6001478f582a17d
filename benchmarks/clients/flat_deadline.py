"""What an asyncio client becomes that gives every visit one flat deadline and starts all of them at once."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence

import dns.asyncresolver
import dns.exception

from benchmarks.clients.loops import best, runner
from benchmarks.job import Job, Sight, finish, tally, wait_for_start

_REQUEST = "GET / HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n"


class Client:
    def __init__(self, job: Job) -> None:
        self._deadline = job.deadline
        self._trust = ssl.create_default_context(cafile=job.trust)
        self._resolver = dns.asyncresolver.Resolver(configure=False)
        self._resolver.nameservers = [job.resolver]
        self._resolver.lifetime = job.deadline

    async def visit(self, name: str) -> Sight:
        try:
            async with asyncio.timeout(self._deadline):
                page = await self._page(name)
        except (OSError, dns.exception.DNSException) as error:
            return Sight(name, type(error).__name__)
        return Sight(name, None if b"<title>" in page else "no page")

    async def visit_all(self, names: Sequence[str], in_flight: int) -> list[Sight]:
        free = asyncio.Semaphore(in_flight)

        async def one(name: str) -> Sight:
            async with free:
                return await self.visit(name)

        return await asyncio.gather(*map(one, names))

    async def _page(self, name: str) -> bytes:
        address = await self._resolver.resolve(name, "A")
        await self._resolver.resolve(name, "AAAA", raise_on_no_answer=False)
        reader, writer = await asyncio.open_connection(address[0].to_text(), 443, ssl=self._trust, server_hostname=name)
        try:
            writer.write(_REQUEST.format(name=name).encode())
            return await reader.read()
        finally:
            writer.transport.abort()


async def measure(job: Job) -> list[Sight]:
    client = Client(job)
    await client.visit_all(job.warm_up, job.in_flight)
    wait_for_start()
    return await client.visit_all(job.names, job.in_flight)


if __name__ == "__main__":
    the_job = Job.load()
    with runner(best()) as running:
        finish(tally(running.run(measure(the_job))))
