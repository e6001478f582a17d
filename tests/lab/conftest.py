import subprocess
import sys
from pathlib import Path

import pytest

from checks.lab.namespaces import why_not_here
from tests.conftest import _skip


def start(directory: Path, *options: str) -> subprocess.Popen:
    """The lab as the demo runs it: a process of its own that ends when its standard input closes."""
    process = subprocess.Popen(
        [sys.executable, "-m", "checks.lab", "--directory", directory, *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout.readline() == f"ready {directory}\n"
    return process


@pytest.fixture(scope="session")
def start_lab():
    return start


@pytest.fixture(scope="session")
def run_lab(tmp_path_factory):
    """Start a lab for as long as a fixture lives; it must end well, and without a word about itself."""

    def run(*options: str):
        directory = tmp_path_factory.mktemp("lab")
        with start(directory, *options) as process:
            yield directory
            process.stdin.close()
            assert process.stdout.read() == ""
            assert process.wait(timeout=10) == 0

    return run


@pytest.fixture(scope="session")
def lab_directory(run_lab):
    yield from run_lab()


@pytest.fixture(scope="session")
def namespaces():
    """Nothing but the right to skip: what needs network namespaces asks for it."""
    if reason := why_not_here():
        _skip(f"no network namespaces: {reason}")
