"""A running probe as its host has it, an internet that it measures, and the register's side of its queue."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from celery import Celery

from checks.engine.records import Measurement
from checks.probe.batch import Batch
from checks.probe.config import make_key
from checks.probe.messages import Sealed
from tests.servers import SITE, Servers, say

NAME = "here"
PATIENCE = 60.0  # seconds for what takes one on an idle machine
PAGE = b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n<title>Hello</title>"


class Sites(threading.Thread):
    """Every name under .kz over http, in a thread of their own: `/quick/…` answers, `/slow/…` when it is let go."""

    def __init__(self, world: Path) -> None:
        super().__init__(daemon=True)
        self.visits: Counter[str] = Counter()  # requests by host, as the sites saw them
        self._world, self._ready = world, threading.Event()
        self._loop = asyncio.new_event_loop()
        self._let_go = asyncio.Event()
        self._end = asyncio.Event()

    def __enter__(self) -> Sites:
        self.start()
        assert self._ready.wait(PATIENCE)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self.join()

    def run(self) -> None:
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    def let_go(self) -> None:
        """What is held, and all that comes later, is answered."""
        self._loop.call_soon_threadsafe(self._let_go.set)

    async def _serve(self) -> None:
        async with Servers() as net:
            await net.name(SITE)
            await net.tcp(self._answer, 80)
            net.world(fetch=100.0, visit=200.0).save(self._world)
            self._ready.set()
            await self._end.wait()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        host = next(line[6:].decode() for line in request.split(b"\r\n") if line.lower().startswith(b"host: "))
        self.visits[host] += 1
        if request.startswith(b"GET /slow"):
            await self._let_go.wait()
        await say(PAGE)(reader, writer)


def quick(*numbers: int) -> list[str]:
    return [f"http://quick{number}.kz/quick" for number in numbers]


def slow(*numbers: int) -> list[str]:
    return [f"http://slow{number}.kz/slow" for number in numbers]


def hosts(urls: Sequence[str]) -> list[str]:
    return [url.split("/")[2] for url in urls]


class Register:
    """What the centre does to one vantage's queues: orders and receipts out, batches in."""

    def __init__(self, url: str, public_key: str, *, name: str = NAME) -> None:
        self._app = Celery("register", broker=url, set_as_current=False)
        self._key, self._name = public_key, name

    def order(self, run: int, urls: Sequence[str], *, attempt: int = 1, lease: float = 300.0) -> None:
        self._send("measure", run, attempt, items=[(url, []) for url in urls], lease=lease)

    def receipt(self, run: int, *, attempt: int = 1, keep: bool = False, reason: str = "") -> None:
        self._send("receipt", run, attempt, keep=keep, reason=reason)

    def batch(self, *, timeout: float = PATIENCE) -> Batch:
        """The next one, checked as the register does."""
        with self._app.connection() as connection:
            queue = connection.SimpleQueue(f"{self._name}:results")
            message = queue.get(timeout=timeout)
            message.ack()
            kwargs = message.payload[1]
            queue.close()
        assert kwargs["vantage"] == self._name
        sealed = Sealed(base64.b64decode(kwargs["body"]), base64.b64decode(kwargs["signature"]))
        return Batch.unsealed(sealed, self._key)

    def _send(self, task: str, run: int, attempt: int, **more: Any) -> None:
        kwargs = {"vantage": self._name, "run": run, "attempt": attempt, **more}
        self._app.send_task(task, kwargs=kwargs, queue=f"{self._name}:probe")


class Probe:
    """`python -m checks.probe` with a configuration of its own, in a folder of its own."""

    def __init__(self, folder: Path, **document: Any) -> None:
        self.folder = folder
        self.public_key = make_key(folder / "here.key")
        vantage = {"name": NAME, "key": "here.key", "world": "world.json"}
        self.config = folder / "probe.json"
        self.config.write_text(json.dumps({"vantages": [vantage], **document}))
        self.said = folder / "said.txt"
        self.process: subprocess.Popen[bytes] | None = None

    @contextmanager
    def running(self) -> Iterator[Probe]:
        with self.said.open("ab") as said:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "checks.probe", "--config", str(self.config), "--stop-with-stdin"],
                stdin=subprocess.PIPE,
                stdout=said,
                stderr=said,
            )
        try:
            yield self
        finally:
            assert self.process.stdin
            self.process.stdin.close()
            self.process.wait(timeout=40)

    def stop(self) -> tuple[int, float]:
        """Exit code after SIGTERM, and how long it took."""
        assert self.process
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60), time.monotonic() - began

    def kill(self) -> None:
        """kill -9 of the process that measures; its supervisor lives."""
        [worker] = self.workers()
        os.kill(worker, signal.SIGKILL)

    def workers(self) -> list[int]:
        return workers(self.config)

    def status(self) -> str:
        command = [sys.executable, "-m", "checks.probe", "--status", "--config", str(self.config)]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60).stdout.strip()

    def runs(self) -> list[str]:
        """Names of what is in the spool."""
        return sorted(place.name for place in (self.folder / "spool").glob("*/*"))

    def lines(self, run: str) -> int:
        path = self.folder / "spool" / NAME / run / "visits.jsonl"
        return path.read_bytes().count(b"\n") if path.exists() else 0


def workers(config: Path) -> list[int]:
    """The processes that measure with this configuration, without their supervisors."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes().split(b"\0")
        except OSError:
            continue  # it has ended meanwhile
        if str(config).encode() in words and b"--work" in words and b"--progress" not in words:
            found.append(int(entry.parent.name))
    return found


def until(true: Callable[[], bool], what: str, *, seconds: float = PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(0.05)  # another process: nothing tells us


def urls(measured: Sequence[Measurement]) -> list[str]:
    return sorted(measurement.url for measurement in measured)
