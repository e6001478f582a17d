"""A worker is kept running: it is started again when it dies or does nothing any more, and stopped with its keeper."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.probe.probes import until

COUNTS = "open('starts', 'a').write(str(os.getpid()) + '\\n')"
WAITS = f"import os, time; {COUNTS}; time.sleep(600)"
OBEYS = f"""
import os, signal, time
def told(*_):
    open('told', 'w').write('x')
    raise SystemExit(0)
signal.signal(signal.SIGTERM, told)
{COUNTS}
time.sleep(600)
"""


class Kept:
    def __init__(self, folder: Path, process: subprocess.Popen[bytes]) -> None:
        self.folder, self.process = folder, process

    @property
    def starts(self) -> list[int]:
        path = self.folder / "starts"
        return [int(line) for line in path.read_text().split()] if path.exists() else []

    def started(self, times: int) -> int:
        until(lambda: len(self.starts) >= times, f"start {times}")
        return self.starts[-1]


@contextmanager
def kept(folder: Path, program: str, *options: str) -> Iterator[Kept]:
    command = [sys.executable, "-m", "checks.probe.supervising", *options, sys.executable, "-c", program]
    environment = {**os.environ, "PYTHONPATH": os.getcwd()}
    with subprocess.Popen(command, cwd=folder, env=environment, stdin=subprocess.PIPE) as process:
        try:
            yield Kept(folder, process)
        finally:
            if process.poll() is None:
                process.terminate()


def is_alive(pid: int) -> bool:
    try:
        return b"\0-c\0" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def test_a_worker_that_ends_unasked_is_started_again(tmp_path: Path) -> None:
    with kept(tmp_path, f"import os; {COUNTS}") as running:
        running.started(2)


def test_a_worker_that_is_killed_is_started_again(tmp_path: Path) -> None:
    with kept(tmp_path, WAITS) as running:
        os.kill(running.started(1), signal.SIGKILL)
        running.started(2)


def test_a_worker_that_makes_no_progress_is_started_again_and_one_that_does_is_left_alone(tmp_path: Path) -> None:
    touches = "f = open('progress', 'w')\nwhile True: os.utime('progress'); time.sleep(0.1)"
    with kept(tmp_path, WAITS, "--progress", "progress", "--stale", "1") as running:
        running.started(2)
    (tmp_path / "starts").unlink()
    program = f"import os, time\n{COUNTS}\n{touches}"
    with kept(tmp_path, program, "--progress", "progress", "--stale", "1") as running:
        running.started(1)
        time.sleep(3)  # thrice as long as one that does nothing has
        assert len(running.starts) == 1


def test_sigterm_is_passed_on_and_is_no_failure(tmp_path: Path) -> None:
    with kept(tmp_path, OBEYS) as running:
        worker = running.started(1)
        running.process.terminate()
        assert running.process.wait(timeout=30) == 0
    assert (tmp_path / "told").exists()
    assert not is_alive(worker)


def test_ctrl_c_reaches_the_worker_once_and_as_sigterm(tmp_path: Path) -> None:
    with kept(tmp_path, OBEYS) as running:
        worker = running.started(1)
        assert os.getpgid(worker) != os.getpgid(running.process.pid)
        running.process.send_signal(signal.SIGINT)
        assert running.process.wait(timeout=30) == 0
    assert (tmp_path / "told").exists()


def test_it_ends_with_standard_input_where_it_is_asked_to(tmp_path: Path) -> None:
    with kept(tmp_path, WAITS, "--stop-with-stdin") as running:
        worker = running.started(1)
        assert running.process.stdin
        running.process.stdin.close()
        assert running.process.wait(timeout=10) == 0
    assert not is_alive(worker)


def test_no_worker_outlives_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    with kept(tmp_path, OBEYS) as running:
        worker = running.started(1)
        running.process.kill()
        until(lambda: not is_alive(worker), "the worker ends")
    assert (tmp_path / "told").exists()


def test_it_needs_next_to_no_memory(tmp_path: Path) -> None:
    with kept(tmp_path, WAITS) as running:
        running.started(1)
        status = Path(f"/proc/{running.process.pid}/status").read_text()
    [size] = [int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:")]
    assert size < 25_000  # kB
