"""`python -m benchmarks.record`: the pages over a register of 100,000 resources, and an import of the state register.

Fills a database of its own with a hundredth of the rows, asks for every page, then with all of them and asks again.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import report
from benchmarks.rejudge import ABSENT, DATABASES, at_database
from benchmarks.servers import ROOT

QUERIES = 12
JUDGED = ("resource", "cross table (front page)", "search: a name", "search: its letters", "search: letters of many")
SLOW = 1000.0  # ms: what is slower is pointed at
ROWS_A_SECOND = 2000.0  # of the state register, on PostgreSQL
SHARE = 100  # the small register has so many times fewer rows
COMMAND = "import_state_register"


@dataclass(slots=True)
class Result:
    """One database."""

    database: str
    pages: dict[str, dict[str, Any]] = field(default_factory=dict)  # by name, with all rows
    few: dict[str, dict[str, Any]] = field(default_factory=dict)  # and with a hundredth
    counting: list[float] = field(default_factory=list)  # seconds: from nothing, and again
    imported: float | None = None  # rows a second
    why_not: str = ""


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
            results.append(_measure(database, url, Path(folder), options))
    print("\n".join(f"{key}: {value}" for key, value in machine.items()))
    reached = [_told(one) for one in results]
    report.keep("record", now, {"machine": machine, "results": [asdict(one) for one in results]})
    return 0 if all(reached) else 1


def _measure(database: str, url: str, folder: Path, options: argparse.Namespace) -> Result:
    environment = {**os.environ, "DATABASE_URL": url, "TIZILIM_VAR": str(folder), "TIZILIM_DEMO": ""}
    _run(environment, "migrate", "--verbosity", "0")
    result = Result(database)
    whole = (options.resources, options.acts, options.episodes)
    for numbers, pages in ((tuple(one // SHARE for one in whole), result.few), (whole, result.pages)):
        began = time.monotonic()
        _shell(environment, f"filled.fill{numbers}")
        print(f"{database}: {numbers[0]:,} resources are stored ({time.monotonic() - began:.0f} s)", flush=True)
        result.counting = json.loads(_shell(environment, "filled.count()"))
        for line in _shell(environment, "filled.measure()").splitlines():
            page = json.loads(line)
            pages[page["name"]] = page
    _import(result, environment, folder, options.listings)
    return result


def _import(result: Result, environment: dict[str, str], folder: Path, rows: int) -> None:
    """The command as an operator would run it, its start included."""
    if COMMAND not in _run(environment, "help", "--commands").split():
        result.why_not = f"there is no command {COMMAND} yet"
        return
    path = folder / "register.json"
    _shell(environment, f"filled.write_register({str(path)!r}, {rows})")
    before = json.loads(_shell(environment, "filled.listings()"))
    began = time.monotonic()
    _run(environment, COMMAND, str(path), "--apply")
    seconds = time.monotonic() - began
    stored = json.loads(_shell(environment, "filled.listings()")) - before
    result.imported = stored / seconds
    result.why_not = "" if stored == rows else f"{stored:,} of {rows:,} rows were stored"


def _told(one: Result) -> bool:
    """Prints one database's figures; is every figure reached?"""
    print(f"\n{one.database}\n{'':30}queries       ms  with 1/{SHARE}     x    kB")
    for name, page in one.pages.items():
        few = one.few[name]["median"]
        marks = " slow" if page["median"] > SLOW else ""
        marks += " reads measurements" if page["measurements"] else ""
        print(
            f"  {name:28}{page['queries']:7}  {page['median']:7.0f}  {few:8.0f}  {page['median'] / few:4.1f}"
            f"  {page['bytes'] / 1024:4.0f}{marks}"
        )
    first, again = one.counting
    print(f"  counting where all stand: {first:.1f} s, and {again:.1f} s when nothing has changed")
    most = max(one.pages[name]["queries"] for name in JUDGED)
    scanned = [name for name, page in one.pages.items() if page["measurements"]]
    goals = [
        (f"queries of resource, search, cross table: {most} <= {QUERIES}", most <= QUERIES),
        (f"pages that read measurements: {len(scanned)} = 0", not scanned),
    ]
    if one.database == "postgresql" and one.imported is not None:
        goals.append((f"import: {one.imported:,.0f} rows/s >= {ROWS_A_SECOND:,.0f}", one.imported >= ROWS_A_SECOND))
    elif one.imported is not None:
        print(f"  import: {one.imported:,.0f} rows/s")
    for text, reached in goals:
        print(f"  {text}  {'reached' if reached else 'not reached'}")
    if one.why_not:
        print(f"  import: {one.why_not}")
    return all(reached for _, reached in goals) and not (one.imported is not None and one.why_not)


def _shell(environment: dict[str, str], call: str) -> str:
    return _run(environment, "shell", "--no-imports", "-c", f"from benchmarks import filled; {call}")


def _run(environment: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"manage.py {arguments[0]} ended with {done.returncode}")
    return done.stdout


def _options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.record", description=__doc__)
    parser.add_argument("--resources", type=int, default=100_000)
    parser.add_argument("--acts", type=int, default=20_000)
    parser.add_argument("--episodes", type=int, default=1_000_000)
    parser.add_argument("--listings", type=int, default=20_000, help="rows of the state register to import")
    parser.add_argument("--database", action="append", choices=DATABASES, help="only this one")
    parser.add_argument("--postgresql", metavar="URL", help="an empty database, in the place of one from the wheel")
    parser.add_argument("--folder", help="where the database is made (the system's folder for such)")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
