"""Every scenario that network namespaces can hold, by the real engine inside them: seen as on the other storey."""

import asyncio
import json
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from checks.engine.records import Measurement
from checks.engine.world import World
from checks.lab.namespaces import NAMED, inside
from checks.lab.scenarios import BY_NAME, CONTROL, NAMESPACES, SCENARIOS
from tests.lab.seeing import (
    about_the_vantage,
    as_expected,
    as_seen,
    cases,
    expected_fitness,
    fitness,
    look_at_itself,
    measure_scenario,
    patient_first,
)

pytestmark = pytest.mark.usefixtures("namespaces")

HERE = patient_first(scenario for scenario in SCENARIOS if NAMESPACES in scenario.storeys)
AT_ONCE = 8


def ours(pid: int) -> list[str]:
    return [path.name for path in NAMED.iterdir() if path.name.startswith(f"tizilim-lab-{pid}-")]


@pytest.fixture(scope="module")
def directory(namespaces, run_lab):
    yield from run_lab("--namespaces")


@pytest.fixture(scope="module")
def few_at_once(directory):
    """Each look in a thread of its own, and the thread in the scenario's namespace."""
    listed = json.loads((directory / "lab.json").read_text())["vantages"]
    namespace = {vantage["name"]: vantage["namespace"] for vantage in listed}

    def look_at_all(look, scenarios) -> list:
        def look_at(scenario):
            with inside(namespace[scenario.name]):
                return asyncio.run(look(scenario, directory))

        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(look_at, scenarios))

    return look_at_all


@pytest.fixture(scope="module")
def visits(few_at_once) -> dict[str, Measurement]:
    """One measurement of every scenario, followed up where it is anomalous."""
    return {s.name: visit for s, visit in zip(HERE, few_at_once(measure_scenario, HERE), strict=True)}


@pytest.mark.parametrize("name", cases(HERE))
def test_a_scenario_is_seen_as_its_data_say(visits, name):
    assert as_seen(BY_NAME[name], visits[name]) == as_expected(BY_NAME[name], visits[name])


def test_a_vantage_finds_out_what_is_wrong_with_itself(few_at_once):
    scenarios = about_the_vantage(HERE)
    found = zip(scenarios, few_at_once(look_at_itself, scenarios), strict=True)
    assert {s.name: fitness(test) for s, test in found} == {s.name: expected_fitness(s) for s in scenarios}


def test_nothing_is_mapped_to_loopback(directory):
    assert {World.load(path).addresses for path in directory.glob("*.world.json")} == {None}


def test_no_namespace_is_left_when_the_lab_ends(start_lab, tmp_path):
    with start_lab(tmp_path, "--namespaces", "--scenario", "sni-drop") as process:
        assert len(ours(process.pid)) == len(["net", *2 * [CONTROL, "sni-drop"]])
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0
    assert ours(process.pid) == []


def test_the_next_lab_removes_what_a_killed_one_left(start_lab, tmp_path):
    with start_lab(tmp_path, "--namespaces", "--scenario", "sni-drop") as killed:
        killed.kill()
    assert ours(killed.pid) != []
    with start_lab(tmp_path, "--namespaces", "--scenario", "open") as process:
        process.stdin.close()
        assert process.wait(timeout=10) == 0
    assert ours(killed.pid) == []


def test_this_thread_is_back_where_it_was():
    def here() -> str:
        return os.readlink(Path("/proc/thread-self/ns/net"))

    before = here()
    with pytest.raises(FileNotFoundError), inside("tizilim-nowhere"):
        pass
    assert here() == before
