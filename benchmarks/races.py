"""Runs one client, in as many processes as it has, and reads what that cost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import reduce
from operator import add
from typing import IO

from benchmarks import costs, line
from benchmarks.internet import Internet
from benchmarks.job import Job, Tally
from benchmarks.servers import ROOT

_LIMIT = 300.0  # seconds; a client that hangs must not hold up the others
_LEAVES_WITHIN = 10.0
_HOG = "import time\nend = time.monotonic() + 120\nwhile time.monotonic() < end: pass"


@dataclass(frozen=True)
class Client:
    label: str
    command: tuple[str, ...]  # "JOB" in it stands for the job's file
    processes: int = 1
    tool: str | None = None  # without which it cannot run


@dataclass(frozen=True)
class Race:
    """One client at one job. The targets are shared out among its processes."""

    part: str
    client: Client
    job: Job
    far: bool = False  # behind the line
    hogs: int = 0  # busy processes beside it


@dataclass(frozen=True)
class Outcome:
    part: str
    client: str
    wall: float = 0.0  # seconds
    cpu: float = 0.0  # seconds, without start-up
    before: float | None = None  # seconds of CPU until the start: imports, trust store, first visits
    warm_up: int = 0  # visits in it
    memory: int | None = None  # bytes at the peak, of all processes together
    load: float = 0.0  # of the machine during the last minute before, by whomever
    lost: int = 0  # packets that the line dropped meanwhile
    tally: Tally | None = None
    error: str | None = None  # why there is no tally

    @property
    def visits(self) -> int:
        return self.tally.visits if self.tally else 0


class _Failed(Exception):
    pass


def run(race: Race, internet: Internet) -> Outcome:
    try:
        with ExitStack() as stack:
            if race.hogs:
                stack.enter_context(_hogs(race.hogs))
            running = [stack.enter_context(_process(race, internet, part)) for part in range(race.client.processes)]
            timer = threading.Timer(_LIMIT, _kill_all, [running])
            stack.callback(timer.cancel)
            timer.start()
            return _measure(race, internet, running)
    except _Failed as failed:
        return Outcome(race.part, race.client.label, error=str(failed))


def _measure(race: Race, internet: Internet, running: Sequence[tuple[subprocess.Popen[str], IO[str]]]) -> Outcome:
    counted = [int(str(_hear(*process)["process"])) for process in running]
    before = sum(map(costs.cpu, counted))
    lost, load = _lost(internet), os.getloadavg()[0]
    began = time.monotonic()
    for process, _ in running:
        _answer(process)
    tallies = [Tally(**_hear(*process)) for process in running]  # type: ignore[arg-type]
    wall = time.monotonic() - began
    outcome = Outcome(
        race.part,
        race.client.label,
        wall=wall,
        cpu=sum(map(costs.cpu, counted)) - before,
        before=before,
        warm_up=len(race.job.warm_up) * race.client.processes,
        memory=sum(map(costs.peak_memory, counted)),
        load=load,
        lost=_lost(internet) - lost,
        tally=reduce(add, tallies) if len(tallies) > 1 else tallies[0],
    )
    own = tallies[0].cpu
    return outcome if own is None else replace(outcome, cpu=own, before=None, memory=None)


@contextmanager
def _process(race: Race, internet: Internet, part: int) -> Iterator[tuple[subprocess.Popen[str], IO[str]]]:
    where = internet.far if race.far and internet.far else internet.near
    path = internet.directory / f"job-{part}.json"
    replace(race.job, names=race.job.names[part :: race.client.processes]).save(path)
    command = [str(path) if word == "JOB" else word for word in race.client.command]
    with (internet.directory / f"client-{part}.err").open("w+") as errors:
        process = subprocess.Popen(
            where.command(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            cwd=ROOT,
            start_new_session=True,
        )
        try:
            yield process, errors
            process.communicate(timeout=_LEAVES_WITHIN)  # the end of its input lets it go
        except subprocess.TimeoutExpired:
            pass
        finally:
            _kill(process)


@contextmanager
def _hogs(count: int) -> Iterator[None]:
    hogs = [subprocess.Popen([sys.executable, "-c", _HOG]) for _ in range(count)]
    try:
        yield
    finally:
        for hog in hogs:
            hog.kill()
            hog.wait()


def _kill(process: subprocess.Popen[str]) -> None:
    """With all that it started, such as the exporter behind a driver."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _kill_all(running: Sequence[tuple[subprocess.Popen[str], IO[str]]]) -> None:
    for process, _ in running:
        _kill(process)


def _hear(process: subprocess.Popen[str], errors: IO[str]) -> dict[str, object]:
    """The next line of a client. Raises _Failed with its last words when it has gone."""
    said = process.stdout.readline() if process.stdout else ""
    if not said:
        process.wait()
        errors.seek(0)
        last = [line.strip() for line in errors if line.strip()]
        raise _Failed(last[-1] if last else f"it ended with {process.returncode}")
    heard: dict[str, object] = json.loads(said)
    return heard


def _answer(process: subprocess.Popen[str]) -> None:
    if process.stdin:
        process.stdin.write("\n")
        process.stdin.flush()


def _lost(internet: Internet) -> int:
    return line.lost(internet.near, internet.far) if internet.far else 0
