"""The process that reads a hostile file can do nothing but compute and answer, even for who has taken it over."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

from registry.papers import confining, limits, reader
from registry.papers.rebuilding import HOME, rebuild
from tests.papers import build

needs_filter = pytest.mark.skipif(sys.platform != "linux", reason="the filter of system calls is Linux's")

# What whoever took the process over would do next. The modules are there; only the calls are refused.
ATTEMPTS = {
    "read a file": "open('/etc/passwd')",
    "write a file": "open('/tmp/tizilim-taken-over', 'w')",
    "look at the parent's settings": "open(f'/proc/{os.getppid()}/environ')",
    "list a folder": "os.listdir('/')",
    "connect": "socket.create_connection(('127.0.0.1', 1))",
    "ask a resolver": "socket.socket(socket.AF_INET, socket.SOCK_DGRAM)",
    "talk to a service on this machine": "socket.socket(socket.AF_UNIX)",
    "fork": "os.fork()",
    "start a program": "os.execv('/bin/true', ['true'])",
    "end the parent": "os.kill(os.getppid(), 0)",
    "start a thread": "threading.Thread(target=print).start()",
    "raise its limits": "resource.setrlimit(resource.RLIMIT_AS, (-1, -1))",
    "become somebody else": "os.setuid(12345)",
}
PROGRAM = """
import os, resource, socket, threading
from registry.papers import confining
assert confining.lock_up() is True
try:
    {attempt}
except (OSError, RuntimeError, ValueError) as error:
    print("refused", error)
else:
    print("done")
"""


def run(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", program], cwd=HOME, capture_output=True, text=True, timeout=60)


@needs_filter
@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_who_has_taken_it_over_cannot(attempt: str) -> None:
    assert run(PROGRAM.format(attempt=ATTEMPTS[attempt])).stdout.startswith("refused")


@needs_filter
def test_without_the_lock_each_of_these_could_be_tried() -> None:
    free = PROGRAM.replace("assert confining.lock_up() is True", "")
    for attempt in ("read a file", "list a folder", "ask a resolver", "end the parent", "start a thread"):
        assert "done" in run(free.format(attempt=ATTEMPTS[attempt])).stdout


@needs_filter
def test_calls_by_another_abi_end_the_process() -> None:
    if os.uname().machine != "x86_64":
        pytest.skip("x32 is an ABI of x86-64")
    program = (
        "import ctypes\nfrom registry.papers import confining\nconfining.lock_up()\n"
        "ctypes.CDLL(None).syscall(0x40000000 + 39)\nprint('done')"
    )
    ended = run(program)
    assert ended.returncode < 0
    assert ended.stdout == ""


def test_memory_time_and_output_are_bounded() -> None:
    program = "from registry.papers import confining\nconfining.set_limits()\n{attempt}\nprint('done')"
    assert "MemoryError" in run(program.format(attempt=f"bytearray({limits.MEMORY})")).stderr
    busy = "confining.CPU_SECONDS = 2\nconfining.set_limits()\nwhile True: pass"
    assert run(program.format(attempt=busy)).returncode == -signal.SIGXCPU
    asked = "import resource\nassert resource.getrlimit(resource.RLIMIT_CPU)[1] <= 20"
    assert run(program.format(attempt=asked)).stdout == "done\n"


def test_limits_that_are_lower_already_stay() -> None:
    program = (
        "import resource\nresource.setrlimit(resource.RLIMIT_CPU, (3, 3))\n"
        "from registry.papers import confining\nconfining.set_limits()\nprint(resource.getrlimit(resource.RLIMIT_CPU))"
    )
    assert run(program).stdout == "(2, 3)\n"


@needs_filter
def test_a_real_paper_is_read_by_a_process_that_is_locked_up() -> None:
    job = json.dumps({"marks": []}).encode() + b"\n" + build.pdf(build.words())
    command = [sys.executable, "-m", reader.__name__]
    ended = subprocess.run(command, input=job, cwd=HOME, capture_output=True, timeout=60, check=True)
    assert json.loads(ended.stdout.partition(b"\n")[0])["confined"] is True


def test_the_process_is_told_no_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://tizilim:password@127.0.0.1/tizilim")
    seen = []
    ran = subprocess.run

    def watched(*arguments: object, **options: object) -> object:
        seen.append(options["env"])
        return ran(*arguments, **options)

    monkeypatch.setattr(subprocess, "run", watched)
    rebuild(build.pdf(build.words()))
    assert seen == [{}]


def test_both_machines_are_allowed_the_same() -> None:
    allowed = confining._ALLOWED
    assert set(allowed["x86_64"]) == set(allowed["aarch64"])
    for calls in allowed.values():
        assert len(set(calls.values())) == len(calls)
