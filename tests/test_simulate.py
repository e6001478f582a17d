"""A country on paper: it multiplies, says what is too small first, and the docs carry what it prints."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.simulate import BUSY, Costs, Country, drivers, first_limit, loads, stored, text, visits

ROOT = Path(__file__).resolve().parent.parent
USUAL, COSTS = Country(), Costs()


def test_twice_the_targets_need_twice_of_all() -> None:
    twice = replace(USUAL, targets=2 * USUAL.targets)
    for one, other in zip(loads(USUAL, COSTS), loads(twice, COSTS), strict=True):
        assert other.full == pytest.approx(2 * one.full), one.what


def test_more_vantages_on_a_network_load_the_centre_and_no_probe() -> None:
    more = {one.what: one.full for one in loads(replace(USUAL, vantages=3), COSTS)}
    for one in loads(USUAL, COSTS):
        assert more[one.what] == pytest.approx(one.full if one.what.startswith("a probe") else 3 * one.full), one.what


def test_what_the_disk_is_for_adds_up_and_a_plain_case_is_right() -> None:
    assert sum(size for _, size in drivers(USUAL, COSTS)) == pytest.approx(stored(USUAL, COSTS))
    plain = Country(targets=10, networks=2, again=0.0, days=3, kept=5)
    assert visits(plain) == 20
    costs = Costs(stored=100.0, judged=10.0, archived=1.0)
    assert stored(plain, costs) == 2 * 20 * 3 * (100 + 1) + 20 * 3 * 10  # no more days are kept than there are


def test_the_first_limit_is_where_the_fullest_is_half_full() -> None:
    fullest, times = first_limit(USUAL, COSTS)
    there = replace(USUAL, targets=round(USUAL.targets * times))
    assert fullest.what == "a disk of 1 TB"
    assert max(one.full for one in loads(there, COSTS)) == pytest.approx(BUSY, rel=1e-3)
    fullest, _ = first_limit(USUAL, replace(COSTS, centre_cpu=1.0))
    assert fullest.what == "a recorder's core"


def test_the_docs_carry_what_it_prints() -> None:
    printed = "\n".join(text(USUAL, COSTS))
    assert printed in (ROOT / "docs" / "running.md").read_text(encoding="utf-8")


def test_what_is_no_country_is_refused() -> None:
    command = [sys.executable, "-m", "benchmarks.simulate", "--networks", "0"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "at least one target, network" in done.stderr
