"""`python -m benchmarks.runs`: how fast batches are verified, recorded, judged and counted, and how large they stay.

What the lab's networks see is measured once, and comes home again and again: a sweep a day over many sites.
The last sweeps are timed, received by as many processes as there are cores; PostgreSQL has the same cores.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from benchmarks import report
from benchmarks.rejudge import at_postgresql
from benchmarks.servers import ROOT
from checks.engine.batch import measure_all
from checks.engine.records import Measurement
from checks.engine.world import World

RATE = 3000.0  # measurements a second: the goals
INSERTING, BYTES = 3.0, 0.25  # times as fast as bulk_create; of a row with JSONB
AGAIN = "again"  # the folder of what comes a second time
TIMED = 2  # sweeps, after the others


@dataclass(frozen=True, slots=True)
class Result:
    """`cpu`: ms of the receivers a measurement; PostgreSQL's own is beside it."""

    processes: int
    measurements: int
    rate: float  # a second
    cpu: float
    copy: float  # rows a second
    bulk_create: float
    ours: float  # bytes a measurement
    jsonb: float


def main() -> int:
    options = _options()
    now = datetime.now(UTC)
    machine = report.machine(now)
    with (
        tempfile.TemporaryDirectory(prefix="tizilim-bench-", dir=options.folder) as folder,
        at_postgresql(folder, options.postgresql) as url,
    ):
        result = _measure(url, Path(folder), options)
    print("\n".join(f"{key}: {value}" for key, value in machine.items()))
    goals = [
        (f"verified, recorded, judged, counted: {result.rate:,.0f}/s >= {RATE:,.0f}", result.rate >= RATE),
        (
            f"stored, beside bulk_create: x {result.copy / result.bulk_create:.1f} >= {INSERTING}",
            result.copy >= INSERTING * result.bulk_create,
        ),
        (
            f"bytes, beside a row with JSONB: x {result.ours / result.jsonb:.2f} <= {BYTES}",
            result.ours <= BYTES * result.jsonb,
        ),
    ]
    print(
        f"\n{result.measurements:,} measurements, {result.processes} receivers: {result.rate:,.0f}/s, "
        f"{result.cpu:.2f} ms of CPU each\nstored: {result.copy:,.0f} rows/s by COPY, {result.bulk_create:,.0f} by "
        f"bulk_create\nbytes: {result.ours:,.0f} with all indexes, {result.jsonb:,.0f} with JSONB"
    )
    for text, reached in goals:
        print(f"  {text}  {'reached' if reached else 'not reached'}")
    report.keep("runs", now, {"machine": machine, "result": msgspec.to_builtins(result)})
    return 0 if all(reached for _, reached in goals) else 1


def _measure(url: str, folder: Path, options: argparse.Namespace) -> Result:
    environment = {**os.environ, "DATABASE_URL": url, "TIZILIM_VAR": str(folder), "TIZILIM_DEMO": "1"}
    subprocess.run([sys.executable, "manage.py", "migrate", "--verbosity", "0"], cwd=ROOT, env=environment, check=True)
    visit(folder)
    print("the lab was visited", flush=True)
    shell(environment, f"prepare({str(folder)!r}, {options.sites}, {options.networks}, {options.sweeps})")
    took = []
    for sweep in range(options.sweeps):
        took.append(receive(environment, parts(folder / f"sweep-{sweep}", options.processes)))
        print(f"sweep {sweep + 1} of {options.sweeps}: {took[-1][0]:.1f} s", flush=True)
    each = 2 * options.sites * options.networks  # with the control's
    seconds, cpu = (sum(one[n] for one in took[-TIMED:]) for n in (0, 1))
    rates = json.loads(shell(environment, "compare()"))
    sizes = json.loads(shell(environment, "sizes()"))
    return Result(options.processes, each * TIMED, each * TIMED / seconds, 1000 * cpu / each / TIMED, **rates, **sizes)


def receive(environment: dict[str, str], calls: Sequence[str]) -> tuple[float, float]:
    """Each call of `arriving` in a process of its own: the seconds of the slowest, and those of CPU of all."""
    with ExitStack() as stack:
        receivers = [
            stack.enter_context(
                subprocess.Popen(
                    _command(call),
                    cwd=ROOT,
                    env=environment,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            for call in calls
        ]
        for one in receivers:
            assert one.stdout
            if one.stdout.readline() != "ready\n":
                raise SystemExit("a receiver ended before it began")
        told = [json.loads(one.communicate()[0] or "null") for one in _all_told(receivers)]
    if None in told:
        raise SystemExit("a receiver failed")
    return max(seconds for seconds, _ in told), sum(cpu for _, cpu in told)


def parts(folder: Path, processes: int) -> list[str]:
    """Of a sweep, what each of so many receives."""
    return [f"receive({str(folder)!r}, {part}, {processes})" for part in range(processes)]


def _all_told(receivers: list[subprocess.Popen[str]]) -> list[subprocess.Popen[str]]:
    for one in receivers:
        assert one.stdin
        one.stdin.write("\n")
        one.stdin.flush()
    return receivers


def visit(folder: Path) -> None:
    """What one control and each access network of the lab see of its sites, into documents.json."""
    lab = subprocess.Popen(
        [sys.executable, "-m", "checks.lab", "--directory", str(folder / "lab")],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with lab:
        assert lab.stdout
        lab.stdout.readline()
        told = json.loads((folder / "lab" / "lab.json").read_text())
        urls = [site["url"] for site in told["sites"]]
        worlds = {
            one["name"]: World.load(folder / "lab" / one["world"])
            for one in told["vantages"]
            if one["name"] == "control-1" or one["role"] == "access"
        }
        seen = asyncio.run(_seen(urls, worlds))
        (folder / "documents.json").write_bytes(msgspec.json.encode(seen))
        assert lab.stdin
        lab.stdin.close()


async def _seen(urls: Sequence[str], worlds: Mapping[str, World]) -> dict[str, dict[str, Measurement]]:
    """Vantage → URL → what it saw there: all at once, for most of it is waiting for what does not come."""
    measured = await asyncio.gather(*(measure_all([(url, ()) for url in urls], world) for world in worlds.values()))
    return {name: {one.url: one for one in seen} for name, seen in zip(worlds, measured, strict=True)}


def _command(call: str) -> list[str]:
    return [
        *(sys.executable, "manage.py", "shell", "--no-imports", "-c"),
        f"from benchmarks import arriving; arriving.{call}",
    ]


def shell(environment: dict[str, str], call: str) -> str:
    done = subprocess.run(_command(call), cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{call} ended with {done.returncode}")
    return done.stdout


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.runs", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sites", type=int, default=1000)
    parser.add_argument("--networks", type=int, default=10)
    parser.add_argument("--sweeps", type=int, default=6, help="the last two are timed")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--postgresql", metavar="URL", help="an empty database, in the place of one from the wheel")
    parser.add_argument("--folder", help="where the database is made (the system's folder for such)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
