import subprocess
import sys
from pathlib import Path

import pytest


def start(directory: Path) -> subprocess.Popen:
    """The lab as the demo runs it: a process of its own that ends when its standard input closes."""
    process = subprocess.Popen(
        [sys.executable, "-m", "checks.lab", "--directory", directory],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == f"ready {directory}\n"
    return process


@pytest.fixture(scope="session")
def start_lab():
    return start


@pytest.fixture(scope="session")
def lab_directory(tmp_path_factory):
    directory = tmp_path_factory.mktemp("lab")
    with start(directory) as process:
        yield directory
        process.stdin.close()
        assert process.wait(timeout=10) == 0
