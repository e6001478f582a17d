"""prometheus-blackbox-exporter, and who asks it for probes. Only the exporter's own cost counts.

It reads its trust store anew at every probe, so it is given the bench's root alone, which comes to the same as a store
that was kept. It asks for the A record only.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import tempfile
from collections.abc import Sequence

from benchmarks.clients.loops import runner
from benchmarks.job import Job, Sight, finish, tally, wait_for_start

_ADDRESS = ("127.0.0.1", 9115)  # of the namespace that we run in
_MODULE = """
modules:
  https:
    prober: http
    timeout: {deadline}s
    http:
      preferred_ip_protocol: ip4
      tls_config: {{ca_file: {root}}}
"""
_PROBE = (
    "GET /probe?target=https://{name}/&module=https HTTP/1.1\r\n"
    "Host: exporter\r\nX-Prometheus-Scrape-Timeout-Seconds: {longer}\r\n\r\n"
)
_STARTED_WITHIN = 100  # tenths of a second


class Driver:
    """One connection to the exporter for each probe in flight, made before the first one."""

    def __init__(self, job: Job) -> None:
        self._longer = job.deadline + 0.5  # the exporter itself takes half a second off
        self._in_flight = job.in_flight
        self._connections: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()

    async def connect(self) -> None:
        for _ in range(self._in_flight):
            self._connections.put_nowait(await asyncio.open_connection(*_ADDRESS))

    async def visit_all(self, names: Sequence[str]) -> list[Sight]:
        return await asyncio.gather(*map(self._visit, names))

    async def _visit(self, name: str) -> Sight:
        reader, writer = await self._connections.get()
        writer.write(_PROBE.format(name=name, longer=self._longer).encode())
        succeeded = b"\nprobe_success 1" in await _response(reader)
        self._connections.put_nowait((reader, writer))
        return Sight(name, None if succeeded else "probe_success 0")


async def _response(reader: asyncio.StreamReader) -> bytes:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    if b"content-length:" in head:
        return await reader.readexactly(int(head.split(b"content-length:")[1].split(b"\r\n")[0]))
    body = b""
    while size := int(await reader.readuntil(b"\r\n"), 16):
        body += await reader.readexactly(size + 2)
    await reader.readexactly(2)
    return body


async def _until_it_listens() -> None:
    for _ in range(_STARTED_WITHIN):
        try:
            _, writer = await asyncio.open_connection(*_ADDRESS)
        except ConnectionError:
            await asyncio.sleep(0.1)
        else:
            writer.close()
            return
    raise TimeoutError("prometheus-blackbox-exporter does not listen")


async def measure(job: Job, exporter: int) -> list[Sight]:
    await _until_it_listens()
    driver = Driver(job)
    await driver.connect()
    await driver.visit_all(job.warm_up)
    wait_for_start(exporter)
    return await driver.visit_all(job.names)


def main(job: Job) -> None:
    listen = f"--web.listen-address={_ADDRESS[0]}:{_ADDRESS[1]}"
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as modules, runner("asyncio") as running:
        modules.write(_MODULE.format(deadline=job.deadline, root=job.root))
        modules.flush()
        command = ["prometheus-blackbox-exporter", f"--config.file={modules.name}", listen, "--log.level=error"]
        exporter = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ)
        try:
            finish(tally(running.run(measure(job, exporter.pid))))
        finally:
            exporter.kill()
            exporter.wait()


if __name__ == "__main__":
    main(Job.load())
