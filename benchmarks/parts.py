"""What is measured: four parts, and in each the clients that run side by side."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks import sites, tools
from benchmarks.clients import loops
from benchmarks.internet import Internet
from benchmarks.job import Job
from benchmarks.races import Client, Race
from checks.engine.world import ISP, PUBLIC_RESOLVERS, Deadlines, Resolver, World

BARE, LOOKUPS, FULL, SWEEP, OVERLOAD = "bare", "lookups", "full", "sweep", "overload"
PARTS = (BARE, LOOKUPS, FULL, SWEEP, OVERLOAD)
NEED_LINE = frozenset({SWEEP, OVERLOAD})

DEADLINE = 10.0  # seconds
OVERLOAD_FACTOR = 3


@dataclass(frozen=True)
class Size:
    """How many visits. `requests` gets fewer: it is slow, and a median needs no more."""

    warm_up: int
    bare: int
    requests: int
    lookups: int
    full: int
    sweep: int


ORDINARY = Size(warm_up=200, bare=3000, requests=600, lookups=9000, full=1500, sweep=5000)
QUICK = Size(warm_up=50, bare=600, requests=150, lookups=1800, full=300, sweep=1000)

_IN_FLIGHT = 100
_FULL_IN_FLIGHT = 1000  # such a visit listens for two seconds more
_THREADS = 32

OURS_PLAIN, OURS_UVLOOP = "ours, asyncio", "ours, uvloop"
OURS = {"asyncio": OURS_PLAIN, "uvloop": OURS_UVLOOP}[loops.best()]  # which is judged
OURS_LOOKUP, DNSPYTHON = "ours", "dnspython async"
TWO, HOGS, MORE = "ours, 2 processes", "ours, beside CPU hogs", f"ours, {OVERLOAD_FACTOR} x the targets"
EXPORTER, GO, OPENSSL, FLAT = "blackbox exporter", "Go", "openssl s_time", "asyncio, flat deadline"
GO_MORE = f"Go, {OVERLOAD_FACTOR} x the targets"
REQUESTS, REQUESTS_ROOT = "requests, 32 threads", "requests, one root"


def names(size: Size) -> tuple[str, ...]:
    """Every name that some client will visit."""
    targets = sites.mixed(OVERLOAD_FACTOR * size.sweep) + sites.mixed(size.sweep)
    return tuple(dict.fromkeys(sites.healthy(size.warm_up + max(size.bare, size.lookups)) + targets))


def races(
    chosen: Collection[str], size: Size, internet: Internet, absent: Collection[str], *, first: int = 0
) -> list[Race]:
    """One round. `first` says which client of each part begins, so that in turn each does."""
    make: dict[str, Callable[[Size, Internet], list[Race]]] = {
        BARE: _bare,
        LOOKUPS: _lookups,
        FULL: _full,
        SWEEP: _sweep,
        OVERLOAD: _overload,
    }
    found: list[Race] = []
    for part in PARTS:
        if part in chosen:
            able = [race for race in make[part](size, internet) if race.client.tool not in absent]
            begin = first % len(able) if able else 0
            found += able[begin:] + able[:begin]
    return found


def build_go(internet: Internet) -> None:
    source = Path(__file__).with_name("clients") / "peer.go"
    subprocess.run(["go", "build", "-o", internet.path("peer"), str(source)], check=True)


def _python(label: str, module: str, *words: str, processes: int = 1, tool: str | None = None) -> Client:
    return Client(label, (sys.executable, "-m", f"benchmarks.clients.{module}", "JOB", *words), processes, tool)


def _ours(label: str, loop: str, processes: int = 1) -> Client:
    return _python(label, "ours", loop, processes=processes, tool=tools.UVLOOP if loop == "uvloop" else None)


def _go(internet: Internet, label: str = GO, processes: int = 1) -> Client:
    return Client(label, (internet.path("peer"), "JOB"), processes, tools.GO)


def _blackbox() -> Client:
    return _python(EXPORTER, "blackbox", tool=tools.EXPORTER)


def _world(
    name: str, internet: Internet, resolvers: tuple[Resolver, ...] = (), deadlines: Deadlines | None = None
) -> str:
    """A world file: this vantage's own resolver first. No map of addresses: the namespaces are the map."""
    path = internet.directory / f"{name}.world.json"
    World(
        name="bench",
        imitated=True,
        resolvers=(Resolver(ISP, sites.RESOLVER), *resolvers),
        trust=Path(internet.path("bundle.pem")).read_text(),
        deadlines=deadlines or Deadlines(),
    ).save(path)
    return str(path)


def _job(internet: Internet, size: Size, count: int, world: str) -> Job:
    return Job(
        warm_up=sites.healthy(size.warm_up),
        names=sites.healthy(count, size.warm_up),
        in_flight=_IN_FLIGHT,
        deadline=DEADLINE,
        resolver=sites.RESOLVER,
        trust=internet.path("bundle.pem"),
        root=internet.path("root.pem"),
        world=world,
    )


def _bare(size: Size, internet: Internet) -> list[Race]:
    """One resolver, one address; nothing between client and servers but the kernel."""
    job = _job(internet, size, size.bare, _world(BARE, internet))
    fewer = replace(_job(internet, size, size.requests, job.world), in_flight=_THREADS)
    return [
        Race(BARE, _ours(OURS_UVLOOP, "uvloop"), job),
        Race(BARE, _blackbox(), job),
        Race(BARE, _ours(OURS_PLAIN, "asyncio"), job),
        Race(BARE, _go(internet), job),
        Race(BARE, _python(REQUESTS, "requests_threads", "trust"), fewer),
        Race(BARE, _python(REQUESTS_ROOT, "requests_threads", "root"), fewer),
        Race(BARE, _python(OPENSSL, "openssl", tool=tools.OPENSSL), job),
    ]


def _lookups(size: Size, internet: Internet) -> list[Race]:
    """DNS alone: two questions for each name."""
    job = _job(internet, size, size.lookups, _world(LOOKUPS, internet))
    return [
        Race(LOOKUPS, _python(OURS_LOOKUP, "lookups", "ours"), job),
        Race(LOOKUPS, _python(DNSPYTHON, "lookups", "dnspython"), job),
    ]


def _full(size: Size, internet: Internet) -> list[Race]:
    """All resolvers with late listening, DoH, and a control's address beside the resolvers'."""
    job = _job(internet, size, size.full, _world(FULL, internet, PUBLIC_RESOLVERS))
    return [Race(FULL, _ours(OURS, loops.best()), replace(job, in_flight=_FULL_IN_FLIGHT, control=True))]


def _sweep_job(size: Size, internet: Internet, count: int) -> Job:
    """All targets at once. Nothing is warmed up: the wall is what counts."""
    patient = Deadlines(dns=DEADLINE, connect=DEADLINE, handshake=DEADLINE, fetch=DEADLINE)
    job = _job(internet, size, 0, _world(SWEEP, internet, deadlines=patient))
    return replace(job, warm_up=(), names=sites.mixed(count), in_flight=count)


def _sweep(size: Size, internet: Internet) -> list[Race]:
    """One in ten targets a black hole, 200 ms to everything."""
    job = _sweep_job(size, internet, size.sweep)
    return [
        Race(SWEEP, _ours(TWO, loops.best(), processes=2), job, far=True),
        Race(SWEEP, _blackbox(), job, far=True),
        Race(SWEEP, _go(internet), job, far=True),
        Race(SWEEP, _python(FLAT, "flat_deadline"), job, far=True),
    ]


def _overload(size: Size, internet: Internet) -> list[Race]:
    """More than the machine can do inside the deadlines: more targets at once, or others that take its cores."""
    job, more = (_sweep_job(size, internet, size.sweep * factor) for factor in (1, OVERLOAD_FACTOR))
    return [
        Race(OVERLOAD, _ours(MORE, loops.best(), processes=2), more, far=True),
        Race(
            OVERLOAD,
            _ours(HOGS, loops.best(), processes=2),
            job,
            far=True,
            hogs=OVERLOAD_FACTOR * (os.cpu_count() or 1),
        ),
        # Two processes, because one may not open the sockets that Go needs for so many.
        Race(OVERLOAD, _go(internet, GO_MORE, processes=2), more, far=True),
    ]
