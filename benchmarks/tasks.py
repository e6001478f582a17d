"""`python -m benchmarks.tasks`: what Celery and its broker cost beside a check, at the probe and at the centre.

The same probe makes the same visits in turns, once told by Celery and once told by hand: spool, sealing and receipts
are in both. What comes on top is the task's: order, batch and receipt, a message each, sent, received and worked.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from itertools import product
from pathlib import Path
from statistics import median

from celery.worker import state
from kombu import Queue

from benchmarks import report
from benchmarks.probe import Register, batches, family, names, served, started
from benchmarks.servers import process
from checks.engine.loop import raise_file_limit
from checks.probe.batch import Batch
from checks.probe.config import Config, ProbeVantage, make_key
from checks.probe.errands import Errands
from checks.probe.messages import Order, Receipt, Sealed
from checks.probe.worker import Probe, application
from tests.conftest import await_port, free_port

SHARE = 0.03  # of a check's CPU: the goal
WORLDS = {"bare": "world.json", "full": "full.json"}  # with one resolver, and with a public one and DoH as well
JUDGED = "full"  # what a register orders
Turn = tuple[float, float, float]  # seconds of CPU: of the checks, and of Celery at the probe and at the centre
_LEASE, _PATIENCE = 600.0, 60.0  # seconds


def main() -> int:
    options = _options()
    if options.by_hand:
        path, key = options.by_hand
        return _by_hand(Path(path), key)
    if options.centre:
        path, key = options.centre
        return _centre(Path(path), key)
    brokers = ["filesystem", *(["redis"] if shutil.which("redis-server") else [])]
    runs = batches(names(options.targets), options.size)
    shares = {}
    print("\n".join(f"{key}: {value}" for key, value in report.machine(datetime.now(UTC)).items()))
    print(f"\nCPU ms/visit, {options.size} visits a run     a check  at the probe  at the centre   together")
    for visit, broker in product(WORLDS, brokers):
        with tempfile.TemporaryDirectory(prefix="tizilim-bench-") as folder:
            turns = _turns(Path(folder), WORLDS[visit], broker, runs, options.turns)
        check, probe, centre = (1000 * median(column) / options.targets for column in zip(*turns, strict=True))
        shares[visit, broker] = median((probe + centre) / check for check, probe, centre in turns)
        told = f"{visit} visit, {broker}"
        print(f"  {told:26}{check:10.3f}{probe:14.3f}{centre:15.3f}{shares[visit, broker]:11.1%}", flush=True)
    if "redis" not in brokers:
        print("  redis: not judged, no redis-server on the PATH")
    worst = max(share for (visit, _), share in shares.items() if visit == JUDGED)
    reached = "reached" if worst <= SHARE else "not reached"
    print(f"  task overhead: {worst:.1%} of a check's CPU <= {SHARE:.0%}  {reached}")
    return 0 if worst <= SHARE else 1


def _turns(folder: Path, world: str, broker: str, runs: list[list[str]], turns: int) -> list[Turn]:
    with ExitStack() as stack:
        stack.enter_context(served(folder / "world.json"))
        at = stack.enter_context(_broker(folder, broker))
        key = make_key(folder / "here.key")
        for name in ("hand", "celery"):
            document = {**at, "state": name, "vantages": [{"name": "here", "key": "here.key", "world": world}]}
            (folder / f"{name}.json").write_text(json.dumps(document))
        alone = stack.enter_context(started("benchmarks.tasks", "--by-hand", str(folder / "hand.json"), key))
        told = str(folder / "celery.json")
        probe = stack.enter_context(started("checks.probe", "--config", told, "--stop-with-stdin"))
        centre = stack.enter_context(started("benchmarks.tasks", "--centre", told, key))
        found = []
        for turn in range(turns + 1):
            first = 1 + turn * len(runs)
            by_hand, by_celery = (
                partial(_side, alone, [alone], runs, first),
                partial(_side, centre, [probe, centre], runs, first),
            )
            if turn % 2:
                [(check, beside)], told_by = by_hand(), by_celery()
            else:
                told_by, [(check, beside)] = by_celery(), by_hand()
            (_, at_probe), (at_centre, _) = told_by
            if turn:  # the first one warms up
                found.append((check, at_probe - beside, at_centre))
        return found


def _side(
    who: subprocess.Popen[str], counted: list[subprocess.Popen[str]], runs: list[list[str]], first: int
) -> list[tuple[float, float]]:
    """Seconds of CPU of those that are counted, of the last without what it cost to open what came: of all threads,
    and of all but the busiest, which in a probe makes the visits. Theirs vary more than a message costs."""
    before = [_threads(one.pid) for one in counted]
    assert who.stdin
    assert who.stdout
    who.stdin.write(json.dumps([first, runs]) + "\n")
    who.stdin.flush()
    visits, opening = json.loads(who.stdout.readline())
    if visits != sum(len(urls) for urls in runs):
        raise SystemExit(f"{visits} visits came home, of {sum(len(urls) for urls in runs)}")
    found = []
    for one, begun in zip(counted, before, strict=True):
        spent = [cpu - begun.get(thread, 0.0) for thread, cpu in _threads(one.pid).items()]
        apart = opening if one is counted[-1] else 0.0
        found.append((sum(spent) - apart, sum(spent) - apart - max(spent)))
    return found


def _threads(process: int) -> dict[str, float]:
    """Seconds of CPU of each thread of a process and its children, to the nanosecond."""
    paths = [path for pid in family(process) for path in Path(f"/proc/{pid}/task").glob("*/schedstat")]
    return {str(path): int(path.read_text().split()[0]) / 1e9 for path in paths}


@contextmanager
def _broker(folder: Path, broker: str) -> Iterator[dict[str, object]]:
    """What a probe's configuration says of it."""
    if broker == "filesystem":
        yield {"broker": "filesystem://", "broker_options": Register(folder).options}
        return
    port = free_port()
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    with process(command, folder / "redis.log") as server:
        await_port(port, server, 30)
        yield {"broker": f"redis://127.0.0.1:{port}/0"}


class _Opened:
    """What came home: how many visits, and the seconds of CPU that opening them took, which are no task's."""

    def __init__(self, key: str) -> None:
        self._key, self._visits, self._cpu, self._home = key, 0, 0.0, threading.Semaphore(0)

    def open(self, sealed: Sealed) -> Receipt:
        began = time.thread_time()
        batch = Batch.unsealed(sealed, self._key)
        self._visits += len(batch.measurements)
        self._cpu += time.thread_time() - began
        self._home.release()
        return Receipt(batch.vantage, batch.run, batch.attempt, keep=False)

    def answer(self, send: Callable[[Order], object]) -> None:
        """For each line of standard input send its orders, and say what came of them."""
        for line in sys.stdin:
            first, runs = json.loads(line)
            self._visits, self._cpu = 0, 0.0
            for number, urls in enumerate(runs, first):
                send(Order("here", number, 1, tuple((url, ()) for url in urls), _LEASE))
            for _ in runs:
                if not self._home.acquire(timeout=_PATIENCE):
                    os._exit(1)  # a worker is still in the main thread
            print(json.dumps([self._visits, self._cpu]), flush=True)


class _Hand:
    """A way home that ends here: what is sealed has its receipt at once."""

    def __init__(self, opened: _Opened) -> None:
        self._opened = opened

    def waits(self, vantage: ProbeVantage) -> bool:
        return False

    def send(self, vantage: ProbeVantage, batch: Sealed) -> Receipt | None:
        return self._opened.open(batch)


def _by_hand(path: Path, key: str) -> int:
    """A probe without a worker: whoever stands at its standard input tells it what to measure."""
    raise_file_limit()
    config = Config.load(path)
    probe, opened = Probe(config), _Opened(key)
    probe.errands = Errands(config, probe.spool, probe.work, _Hand(opened), enqueue=lambda order: None)
    probe.errands.start()
    opened.answer(lambda order: probe.measure(**asdict(order)))
    probe.stop()
    return 0


def _centre(path: Path, key: str) -> int:
    """A worker that sends orders, opens what comes home, and sends receipts."""
    config, opened = Config.load(path), _Opened(key)
    app = application(config)
    app.conf.task_queues = [Queue(config.results("here"))]

    def send(name: str, message: Order | Receipt) -> None:
        app.send_task(name, kwargs=asdict(message), queue=config.orders("here"))

    @app.task(name="record")  # type: ignore[untyped-decorator,unused-ignore]
    def record(vantage: str, body: str, signature: str) -> None:
        send("receipt", opened.open(Sealed(base64.b64decode(body), base64.b64decode(signature))))

    def answer() -> None:
        opened.answer(lambda order: send("measure", order))
        setattr(state, "should_stop", 0)  # noqa: B010 (typed None there)

    app.WorkController(
        pool="threads",
        concurrency=2,
        ready_callback=lambda _: threading.Thread(target=answer, daemon=True).start(),
        without_heartbeat=True,
        without_mingle=True,
        without_gossip=True,
    ).start()
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tasks", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--turns", type=int, default=9, help="medians are of so many (9)")
    parser.add_argument("--targets", type=int, default=1000, help="visits of each turn (1000)")
    parser.add_argument("--size", type=int, default=200, help="sites in a run (200)")
    parser.add_argument("--by-hand", nargs=2, metavar=("CONFIG", "KEY"), help=argparse.SUPPRESS)
    parser.add_argument("--centre", nargs=2, metavar=("CONFIG", "KEY"), help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
