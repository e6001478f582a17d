"""What the log says, and what it must not: no visitor, and nothing of what one asked for."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

VISITS = """
import django, logging
django.setup()
from django.test import Client
client = Client(raise_request_exception=False, HTTP_HOST="localhost")
for path in ("/en/secret-page?q=secret-question", "/api/v1/secret-page?q=secret-question"):
    assert client.get(path).status_code == 404
assert client.get("/en/method/?q=secret-question", HTTP_HOST="secret-host.kz").status_code == 400
assert client.post("/desk/login/", {f"a{n}": "secret" for n in range(2000)}).status_code == 400
logging.getLogger("django.server").error("GET /en/look-up/?q=secret-question from 203.0.113.9")
logging.getLogger("kombu.connection").warning("no host name")
logging.getLogger("django").info("a detail")
logging.getLogger("checks").OURS("our own words")
"""


@pytest.fixture(scope="module", autouse=True)
def _database(migrated: Path) -> Iterator[None]:
    """Every answer is looked through for withheld names, so there must be a register to read them from."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DJANGO_SETTINGS_MODULE", "config.settings")
        patch.setenv("DATABASE_URL", f"sqlite:///{migrated}")
        yield


def log(level: str = "", *, ours: str = "warning") -> str:
    environment = {key: value for key, value in os.environ.items() if key != "TIZILIM_LOG_LEVEL"}
    environment |= {"DJANGO_SETTINGS_MODULE": "config.settings"} | ({"TIZILIM_LOG_LEVEL": level} if level else {})
    program = [sys.executable, "-c", VISITS.replace("OURS", ours)]
    done = subprocess.run(program, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stderr


def test_no_line_tells_what_was_asked_for_or_who_asked() -> None:
    said = log()
    assert said.endswith("WARNING checks: our own words\n")
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("level", "ours", "lines"), [("ERROR", "warning", 0), ("ERROR", "error", 1), ("INFO", "info", 2)]
)
def test_the_level_binds_whoever_speaks(level: str, ours: str, lines: int) -> None:
    assert log(level, ours=ours).count("\n") == lines
