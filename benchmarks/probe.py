"""`python -m benchmarks.probe`: what a probe costs beside the bare engine, in one run. docs/benchmarks.md tells more.

Sites, resolver and the register's side of the queue are another process; none of it counts.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import median

import dns.message
from celery import Celery

from benchmarks import costs, report
from benchmarks.servers import ROOT
from checks.engine.batch import measure_run
from checks.engine.loop import new_event_loop, raise_file_limit
from checks.engine.records import Measurement
from checks.engine.world import DOH, PUBLIC, Preconditions, Resolver, World
from checks.probe import folder_queue
from checks.probe.batch import Batch
from checks.probe.config import make_key
from checks.probe.messages import Order, Receipt, Sealed
from checks.probe.work import AT_ONCE
from tests.servers import SITE, Servers, answer, authority, page

IN_FLIGHT = 200
MEMORY, SHARE = 150, 0.25  # MB; of the bare engine's CPU per visit: the goals
_PAGE = b"<title>Hello</title>" + random.Random(1).randbytes(2900).hex().encode()[:2900]
_SLOW = 2.0  # seconds that a site takes, so that as many as may are in flight
_PATIENCE = 600.0
_PUBLIC, _DOH = Resolver(PUBLIC, "8.8.8.8"), Resolver(DOH, "1.1.1.1", 443, "https://doh.kz/dns-query")
SIZES = (800, 400, 200, 100, 50, 25)  # sites in one run
PROVING = 23  # visits of a self-test: of Kazakhstan’s 21 names, the portal and the echo


@dataclass(frozen=True)
class Sized:
    cpu: float  # ms a visit, self-tests included
    travels: float  # bytes a visit, as they are sent
    lasts: float  # seconds of one run


async def serve(world: Path) -> None:
    """Every name under .kz over https, on port 443 at once and on port 8443 slowly, until standard input closes.

    Of the world, one resolver is in it; in `full.json` beside it there are a public one and one over DoH, too.
    """
    body = page(_PAGE)

    async def slowly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(_SLOW)
        await body(reader, writer)

    async with Servers() as net:
        await net.name(SITE)
        context = authority().context("*.bench.kz")
        await net.tcp(body, 443, tls=context)
        await net.tcp(slowly, 8443, tls=context)
        net.world().save(world)
        await net.dns(lambda query: [answer(query, SITE)], _PUBLIC.address)
        await net.tcp(_doh, 443, _DOH.address, tls=authority().context("doh.kz"))
        net.world(*net.world().resolvers, _PUBLIC, _DOH).save(world.with_name("full.json"))
        print("ready", flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


async def _doh(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Questions one after another, on a connection that stays."""
    while True:
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
        said = answer(dns.message.from_wire(await reader.readexactly(length)), SITE)
        kind = b"HTTP/1.1 200 OK\r\nContent-Type: application/dns-message\r\n"
        writer.write(kind + b"Content-Length: %d\r\n\r\n" % len(said) + said)
        await writer.drain()


async def bare(world: World, runs: list[list[str]]) -> int:
    """The engine alone, as many runs at once as a probe has: measures, and keeps nothing."""
    places, at_once = asyncio.Semaphore(IN_FLIGHT), asyncio.Semaphore(AT_ONCE)

    async def one(urls: list[str]) -> int:
        async with at_once:
            _, measured = await measure_run([(url, ()) for url in urls], world, places=places)
            return len(measured)

    return sum(await asyncio.gather(*(one(urls) for urls in runs)))


class Register:
    """The other side of the probe's queue."""

    def __init__(self, folder: Path) -> None:
        self._app = Celery("register", broker="filesystem://", set_as_current=False)
        self.options = folder_queue.options(folder / "broker") | {"polling_interval": 0.1}
        self._app.conf.broker_transport_options = self.options
        self.travelled = 0

    def measure(self, key: str, runs: list[list[str]], first: int) -> list[Measurement]:
        """Order the runs and wait until all are home; each gets its receipt. `travelled`: their bytes as they came."""
        self.travelled = 0
        for number, urls in enumerate(runs, first):
            order = Order("here", number, 1, tuple((url, ()) for url in urls), _PATIENCE)
            self._app.send_task("measure", kwargs=asdict(order), queue="here:probe")
        measured: list[Measurement] = []
        with self._app.connection() as connection:
            queue = connection.SimpleQueue("here:results")
            for _ in runs:
                message = queue.get(timeout=_PATIENCE)
                message.ack()
                kwargs = message.payload[1]
                sealed = Sealed(base64.b64decode(kwargs["body"]), base64.b64decode(kwargs["signature"]))
                self.travelled += len(sealed.body)
                batch = Batch.unsealed(sealed, key)
                measured += batch.measurements
                receipt = Receipt("here", batch.run, batch.attempt, keep=False)
                self._app.send_task("receipt", kwargs=asdict(receipt), queue="here:probe")
        return measured


def names(count: int, port: int = 443) -> list[str]:
    suffix = "" if port == 443 else f":{port}"
    return [f"https://n{number}.bench.kz{suffix}/" for number in range(count)]


@contextmanager
def started(*words: str) -> Iterator[subprocess.Popen[str]]:
    """A process of ours; it ends when its standard input closes."""
    command = [sys.executable, "-m", *words]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            assert process.stdin
            process.stdin.close()


@contextmanager
def served(world: Path) -> Iterator[None]:
    """The sites, and their world in a file."""
    with started("benchmarks.probe", "--serve", str(world)) as sites:
        assert sites.stdout
        assert sites.stdout.readline() == "ready\n"
        yield


def family(pid: int) -> list[int]:
    return list(costs._tree(pid))


def memory(pid: int) -> float:
    """MB that a process and its children have had resident at most, added up."""
    return sum(costs.peak_memory(one) for one in family(pid)) / 1e6


def batches(urls: list[str], size: int = 200) -> list[list[str]]:
    return [urls[start : start + size] for start in range(0, len(urls), size)]


def a_round(folder: Path, targets: int, slow: int) -> dict[str, float]:
    """CPU per visit of the bare engine and of the probe, and the probe's memory; the same targets for both."""
    runs = batches(names(targets))
    with served(folder / "world.json"):
        return {**_bare(folder, runs), **_probe(folder, runs, slow)}


def _bare(folder: Path, runs: list[list[str]]) -> dict[str, float]:
    (folder / "runs.json").write_text(json.dumps(runs))
    with started("benchmarks.probe", "--bare", str(folder)) as engine:
        assert engine.stdout
        assert engine.stdout.readline() == "warm\n"
        before, began = costs.cpu(engine.pid), time.monotonic()
        assert engine.stdin
        engine.stdin.write("go\n")
        engine.stdin.flush()
        visits = int(engine.stdout.readline())
        wall = time.monotonic() - began
        spent = costs.cpu(engine.pid) - before
        return {"engine": 1000 * spent / visits, "engine MB": memory(engine.pid), "engine per s": visits / wall}


@contextmanager
def a_probe(folder: Path, register: Register) -> Iterator[tuple[int, str]]:
    """A probe of that register, which has made 200 visits: its process and its public key."""
    key = make_key(folder / "here.key")
    document = {
        "broker": "filesystem://",
        "broker_options": register.options,
        "in_flight": IN_FLIGHT,
        "vantages": [{"name": "here", "key": "here.key", "world": "world.json"}],
    }
    (folder / "probe.json").write_text(json.dumps(document))
    with started("checks.probe", "--config", str(folder / "probe.json"), "--stop-with-stdin") as probe:
        register.measure(key, [names(200)], 1)
        yield probe.pid, key


def _timed(pid: int, measure: Callable[[], list[Measurement]]) -> tuple[list[Measurement], float, float]:
    """What it measured, and the seconds of that process's CPU and of the clock."""
    before, began = costs.cpu(pid), time.monotonic()
    measured = measure()
    return measured, costs.cpu(pid) - before, time.monotonic() - began


def _probe(folder: Path, runs: list[list[str]], slow: int) -> dict[str, float]:
    register = Register(folder)
    with a_probe(folder, register) as (pid, key):
        measured, spent, wall = _timed(pid, lambda: register.measure(key, runs, 2))
        failed = sum(measurement.failure is not None for measurement in measured)
        in_flight = _most_at_once(register.measure(key, batches(names(slow, 8443)), 1000))
        return {
            "probe": 1000 * spent / len(measured),
            "probe per s": len(measured) / wall,
            "probe MB": memory(pid),
            "in flight": in_flight,
            "failed": failed,
        }


def by_size(folder: Path, targets: int) -> dict[int, Sized]:
    """What a visit costs a probe by the size of its run, each run with its self-test, the largest first."""
    register, found, number = Register(folder), {}, 2
    with served(folder / "world.json"):
        world = World.load(folder / "world.json")
        proving = tuple(f"https://proof{one}.bench.kz/" for one in range(PROVING))
        replace(world, preconditions=Preconditions(must_allow=proving)).save(folder / "world.json")
        with a_probe(folder, register) as (pid, key):
            for size in SIZES:
                runs = batches(names(targets), size)
                measured, spent, wall = _timed(pid, partial(register.measure, key, runs, number))
                number += len(runs)
                each = len(measured)
                found[size] = Sized(1000 * spent / each, register.travelled / each, wall / each * size * AT_ONCE)
    return found


def _most_at_once(measured: list[Measurement]) -> int:
    """Visits that were in flight together at most."""
    ends = []
    for measurement in measured:
        began = datetime.fromisoformat(measurement.started).timestamp()
        ends += [(began, 1), (began + measurement.runtime, -1)]
    now = most = 0
    for _, step in sorted(ends):
        now += step
        most = max(most, now)
    return most


def _run_bare(folder: Path) -> None:
    world = World.load(folder / "world.json")
    runs = json.loads((folder / "runs.json").read_text())
    raise_file_limit()
    loop = new_event_loop()
    loop.run_until_complete(bare(world, [names(200)]))
    print("warm", flush=True)
    sys.stdin.readline()
    print(loop.run_until_complete(bare(world, runs)), flush=True)
    sys.stdin.read()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.probe", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, help="medians are of so many (3)")
    parser.add_argument("--targets", type=int, default=2000, help="visits of each round (2000)")
    parser.add_argument("--sizes", action="store_true", help="by how many sites there are in one run, instead")
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--bare", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        raise_file_limit()
        asyncio.run(serve(options.serve))
        return 0
    if options.bare:
        _run_bare(options.bare)
        return 0
    machine = report.machine(datetime.now(UTC))
    if options.sizes:
        _tell_sizes(machine, options.rounds, options.targets)
        return 0
    rounds = []
    for number in range(options.rounds):
        with tempfile.TemporaryDirectory(prefix="tizilim-bench-") as folder:
            rounds.append(a_round(Path(folder), options.targets, slow=800))
        print(f"round {number + 1}: {rounds[-1]}", file=sys.stderr, flush=True)
    found = {name: median(one[name] for one in rounds) for name in rounds[0]}
    share = median(one["probe"] / one["engine"] - 1 for one in rounds)
    print("\n".join(f"{key}: {value}" for key, value in machine.items()))
    print(f"load after: {os.getloadavg()[0]:.1f}")
    print(f"\n{'':24}CPU ms/visit   per s     MB")
    for who in ("engine", "probe"):
        print(f"  {who:22}{found[who]:12.3f}{found[f'{who} per s']:8.0f}{found[f'{who} MB']:7.0f}")
    print(f"  failed visits: {found['failed']:.0f}")
    print(f"  CPU that task, spool and sealing add to a visit: {share:+.1%} <= {SHARE:.0%}  {_goal(share <= SHARE)}")
    flight, size = found["in flight"], found["probe MB"]
    reached = size <= MEMORY and flight >= IN_FLIGHT * 0.95
    print(f"  memory with {flight:.0f} visits in flight: {size:.0f} MB <= {MEMORY}  {_goal(reached)}")
    return 0


def _tell_sizes(machine: dict[str, object], rounds: int, targets: int) -> None:
    found: list[dict[int, Sized]] = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(prefix="tizilim-bench-") as folder:
            found.append(by_size(Path(folder), targets))
    print("\n".join(f"{key}: {value}" for key, value in machine.items()))
    print("\nsites in a run   CPU ms/visit  beside 200  bytes/visit  seconds of a run")
    for size in SIZES:
        cpu, travels, lasts = (
            median(getattr(one[size], name) for one in found) for name in ("cpu", "travels", "lasts")
        )
        beside = median(one[size].cpu / one[200].cpu for one in found)
        print(f"{size:14}{cpu:15.3f}{beside:12.2f}{travels:13.0f}{lasts:18.1f}")


def _goal(reached: bool) -> str:
    return "reached" if reached else "not reached"


if __name__ == "__main__":
    sys.exit(main())
