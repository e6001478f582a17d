"""`python -m benchmarks.store`: counting over ten million measurements: from cells, from PostgreSQL, from Parquet.

Fills a database of its own, in the partitions of a register, and writes the same rows as the archive has them, a file a
month. Everything that is compared is asked in turns, answers the same, and was asked once before.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import duckdb
import psycopg

from benchmarks import report
from benchmarks.rejudge import at_postgresql
from benchmarks.servers import ROOT

ROWS = 10_000_000  # of the goals
NETWORKS, ROUNDS = 20, 100
COUNTS, ANALYTICS = 30.0, 10.0  # times as fast: the goals
TURNS = 5
MEMORY = "2GB"  # of DuckDB

_DAY = "CAST(make_timestamp(epoch_us(started_at)) AS date)"  # of UTC; DuckDB's time zones are an extension
_DECIDED = "count(*) FILTER (WHERE verdict = 'blocked'), count(*) FILTER (WHERE verdict <> 'inconclusive')"
# What, to Parquet, and the same to PostgreSQL.
_ANALYTICS = (
    (
        "verdicts of each network",
        "SELECT network, verdict, count(*) FROM history GROUP BY 1, 2 ORDER BY 1, 2",
        "SELECT network_id, verdict, count(*) FROM checks_verdict GROUP BY 1, 2 ORDER BY 1, 2",
    ),
    (
        "the same, of the last 7 days",
        "SELECT network, verdict, count(*) FROM history WHERE started_at >= {since} GROUP BY 1, 2 ORDER BY 1, 2",
        "SELECT network_id, verdict, count(*) FROM checks_verdict WHERE at >= {since} GROUP BY 1, 2 ORDER BY 1, 2",
    ),
    (
        "blocked share of each day",
        f"SELECT {_DAY}, {_DECIDED} FROM history GROUP BY 1 ORDER BY 1",
        f"SELECT CAST(at AT TIME ZONE 'UTC' AS date), {_DECIDED} FROM checks_verdict GROUP BY 1 ORDER BY 1",
    ),
    (
        "how visits of each network ended",
        "SELECT network, failure, count(*) FROM history GROUP BY 1, 2 ORDER BY 1, 2",
        "SELECT network_id, failure, count(*) FROM checks_measurement GROUP BY 1, 2 ORDER BY 1, 2",
    ),
)


@dataclass(frozen=True, slots=True)
class Compared:
    """Medians, in ms. `page`: all of it, with what is drawn; without a `goal` it is reported."""

    what: str
    fast: float
    slow: float
    goal: float | None
    page: float | None = None

    @property
    def times(self) -> float:
        return self.slow / self.fast


@dataclass(frozen=True, slots=True)
class Result:
    rows: int
    sizes: dict[str, int]  # bytes with all indexes: of measurements, verdicts, cells, episodes; and of Parquet
    counts: tuple[Compared, ...]
    analytics: tuple[Compared, ...]
    cells: int
    episodes: int  # after the recount
    recounted: float  # seconds


def main() -> int:
    options = _options()
    now = datetime.now(UTC)
    machine = report.machine(now)
    with (
        tempfile.TemporaryDirectory(prefix="tizilim-bench-", dir=options.folder) as folder,
        at_postgresql(folder, options.postgresql) as url,
    ):
        result, versions = _measure(url, Path(folder), options)
    machine |= versions
    print("\n".join(f"{key}: {value}" for key, value in machine.items()))
    reached = _told(result, options.processes)
    report.keep("store", now, {"machine": machine, "result": asdict(result)})
    return 0 if reached else 1


def _measure(url: str, folder: Path, options: argparse.Namespace) -> tuple[Result, dict[str, object]]:
    environment = {**os.environ, "DATABASE_URL": url, "TIZILIM_VAR": str(folder), "TIZILIM_DEMO": ""}

    def start(*command: str) -> subprocess.Popen[str]:
        told = [sys.executable, "manage.py", *command]
        return subprocess.Popen(told, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)

    def run(*calls: str) -> str:
        """Of `benchmarks.history`, all at once."""
        running = [
            start("shell", "--no-imports", "-c", f"from benchmarks import history; history.{one}") for one in calls
        ]
        printed = [one.communicate()[0] for one in running]
        if any(one.returncode for one in running):
            raise SystemExit(f"{', '.join(calls)}: failed")
        return "".join(printed)

    if start("migrate", "--verbosity", "0").wait():
        raise SystemExit("manage.py migrate: failed")
    run(f"fill({max(options.rows // (NETWORKS * ROUNDS), 1)}, {NETWORKS}, {ROUNDS})")
    print("measurements and verdicts are stored", flush=True)
    run(f"write({str(folder)!r})")
    print("and written as Parquet", flush=True)
    pages = [json.loads(line) for line in run("ask()").splitlines()]
    counts = tuple(
        Compared(one["what"], one["fast"], one["slow"], COUNTS if one["of_all"] else None, one["page"]) for one in pages
    )
    print("pages are asked", flush=True)
    config = {"threads": os.cpu_count() or 1, "memory_limit": MEMORY}
    with psycopg.connect(url, autocommit=True) as database, duckdb.connect(config=config) as files:
        files.execute(f"CREATE VIEW history AS SELECT * FROM read_parquet('{folder}/measurements-*.parquet')")
        files.execute("SET parquet_metadata_cache = true")  # as one who asks more than once does
        [(last,)] = database.execute("SELECT max(at) FROM checks_verdict")
        since = f"TIMESTAMPTZ '{(last - timedelta(days=7)).astimezone(UTC).isoformat()}'"
        asked = ((what, *(text.format(since=since) for text in texts)) for what, *texts in _ANALYTICS)
        analytics = tuple(_compared(one, files.execute, database.execute) for one in asked)
        sizes = dict(database.execute(_SIZES).fetchall())
        sizes["Parquet"] = sum(path.stat().st_size for path in folder.glob("*.parquet"))
        print("files are asked", flush=True)
        began = time.monotonic()
        run(*(f"recount({part}, {options.processes})" for part in range(options.processes)))
        recounted = time.monotonic() - began
        [numbers] = database.execute(_NUMBERS)
        [(server,)] = database.execute("SHOW server_version")
    versions: dict[str, object] = {"postgresql": server, "duckdb": duckdb.__version__}
    rows, cells, episodes = numbers
    return Result(rows, sizes, counts, analytics, cells, episodes, recounted), versions


_SIZES = """
SELECT name, pg_total_relation_size('checks_' || name) + coalesce(sum(pg_total_relation_size(inhrelid)), 0)::bigint
FROM unnest(ARRAY['measurement', 'verdict', 'cell', 'episode']) name
LEFT JOIN pg_inherits ON inhparent = ('checks_' || name)::regclass GROUP BY name
"""
_NUMBERS = """
SELECT (SELECT count(*) FROM checks_verdict), (SELECT count(*) FROM checks_cell), (SELECT count(*) FROM checks_episode)
"""


def _compared(question: Sequence[str], *asks: Callable[[str], Any]) -> Compared:
    what, *texts = question
    asked = tuple(zip(asks, texts, strict=True))
    one, other = (ask(text).fetchall() for ask, text in asked)
    if not one or one != other:
        raise SystemExit(f"{what}: {one[:3]} … is not {other[:3]} …")
    took: list[list[float]] = [[], []]
    for _ in range(TURNS):
        for (ask, text), times in zip(asked, took, strict=True):
            began = time.perf_counter()
            ask(text).fetchall()
            times.append(1000 * (time.perf_counter() - began))
    return Compared(what, median(took[0]), median(took[1]), ANALYTICS)


# --- what is told


def _told(one: Result, processes: int) -> bool:
    each = ", ".join(f"{name} {size / one.rows:,.1f}" for name, size in one.sizes.items())
    print(f"\n{one.rows:,} measurements with their verdicts; bytes of each, with all indexes: {each}")
    _table("Counts", ("cells", "scan"), one.counts)
    _table("Analytics", ("Parquet", "PostgreSQL"), one.analytics)
    rate = one.rows / one.recounted
    print(
        f"\nTimelines, by {processes} processes: {one.cells:,} cells and {one.episodes:,} episodes counted from "
        f"their first verdicts: {one.recounted:,.0f} s, {rate:,.0f} verdicts/s"
    )
    reached = True
    for what, found in (("counts", one.counts), ("analytics", one.analytics)):
        goal, least = min((each.goal, each.times) for each in found if each.goal)
        outcome = "reached" if least >= goal else "not reached"
        if one.rows < ROWS:
            outcome = f"not judged: a goal is of {ROWS:,} rows"
        print(f"  {what}, the slowest: x {least:.1f} >= {goal:g}  {outcome}")
        reached = reached and outcome != "not reached"
    return reached


def _table(title: str, sides: tuple[str, str], found: Sequence[Compared]) -> None:
    print(f"\n{title + ', ms':42}{sides[0]:>10}  {sides[1]:>10}       x")
    for one in found:
        rest = f"  whole page {one.page:,.0f}" if one.page else ""
        rest += "" if one.goal else "; a scan by an index, no goal"
        print(f"  {one.what:40}{one.fast:10,.1f}  {one.slow:10,.1f}  {one.times:6,.1f}{rest}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.store", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=ROWS, help="measurements; 2000 are those of one site (10000000)")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="that recount")
    parser.add_argument("--postgresql", metavar="URL", help="an empty database, in the place of one from the wheel")
    parser.add_argument("--folder", help="where the database is made (the system's folder for such; 25 GB)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
