"""Benches in small, so that they cannot rot: all their parts work, and nothing is said of how fast."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import _skip

ROOT = Path(__file__).resolve().parent.parent


def bench(name: str, *arguments: str) -> str:
    """What it printed, whether its goals are reached or not."""
    command = [sys.executable, "-m", f"benchmarks.{name}", *arguments]
    ours = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}  # the tests' own
    done = subprocess.run(command, cwd=ROOT, env=ours, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode in (0, 1), done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    return done.stdout


@pytest.mark.redis
def test_what_a_task_costs_is_measured_at_the_probe_and_at_the_centre() -> None:
    if shutil.which("redis-server") is None:
        _skip("no redis-server on the PATH")
    printed = bench("tasks", "--turns", "1", "--targets", "40", "--size", "20")
    rows = re.findall(r"^  (bare|full) visit, (filesystem|redis) +([\d.]+)", printed, re.MULTILINE)
    assert [(visit, broker) for visit, broker, _ in rows] == [
        *(("bare", "filesystem"), ("bare", "redis"), ("full", "filesystem"), ("full", "redis"))
    ]
    assert all(float(check) > 0 for _, _, check in rows)
    assert re.search(r"task overhead: [\d.]+% of a check.s CPU <= 3%", printed)


@pytest.mark.postgres
def test_more_recorders_readers_vantages_and_registers_lose_and_double_nothing() -> None:
    printed = bench("scale", "--sites", "30", "--networks", "2", "--pages", "24", "--visits", "50", "--most", "2")
    rows = re.findall(r"^  (\w[^\d\n]*?) +(\d|1 \+ 1) +[\d,]+ +[\d.]+", printed, re.MULTILINE)
    grown = [(part, count) for part in ("recorders", "web: workers", "vantages") for count in "12"]
    assert {*grown, ("each batch thrice", "3"), ("web: with a copy", "2"), ("registers", "1 + 1")} <= set(rows)
    assert "lost, doubled or mixed up: nothing  reached" in printed
    assert int(re.findall(r"(\d+)% of PostgreSQL.s transactions are the copy", printed)[0]) > 50


@pytest.mark.postgres
def test_pages_scans_and_files_tell_the_same_numbers_and_all_timelines_are_recounted() -> None:
    printed = bench("store", "--rows", "40000")
    rows = re.findall(r"^  ([a-z][^\d\n]*(?:7 days)?) +[\d,.]+ +[\d,.]+ +[\d,.]+(.*)", printed, re.MULTILINE)
    assert [("page" in rest, "no goal" in rest) for _, rest in rows] == [
        *[(True, False)] * 4,
        *[(True, True)] * 3,
        *[(False, False)] * 4,
    ]
    assert re.search(r"400 cells and \d{3} episodes counted from their first verdicts", printed)
    assert printed.count("not judged: a goal is of 10,000,000 rows") == 2
