"""Every scenario that loopback can imitate, by the real engine: seen as its data say."""

import asyncio
import re
from pathlib import Path

import pytest

from checks.engine.batch import measure_all
from checks.engine.guard import refuse
from checks.engine.names import parse
from checks.engine.records import REPEAT, SNI_SWAP, Measurement
from checks.engine.world import World
from checks.lab.networks import Seen
from checks.lab.scenarios import BY_NAME, CONTROL, LOOPBACK, RESET, SCENARIOS, STOREYS, TIMEOUT
from tests.lab.seeing import (
    about_the_vantage,
    as_expected,
    as_seen,
    attempts,
    cases,
    expected_fitness,
    fitness,
    look_at_itself,
    measure_scenario,
    patient_first,
    seen,
)

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "lab.md"
CUTS = [Seen("handshake", failure) for failure in (TIMEOUT, RESET, "eof_error")]
HERE = patient_first(scenario for scenario in SCENARIOS if LOOPBACK in scenario.storeys)
AT_ONCE = 8  # scenarios; more would make this process late, and lateness looks like censorship


@pytest.fixture(scope="module")
def directory(run_lab):
    yield from run_lab("--scenario")


@pytest.fixture(scope="module")
def visits(directory) -> dict[str, Measurement]:
    """One measurement of every scenario, followed up where it is anomalous."""
    return {s.name: visit for s, visit in zip(HERE, few_at_once(measure_scenario, HERE, directory), strict=True)}


@pytest.fixture(scope="module")
def control(directory) -> dict[str, Measurement]:
    world = World.load(directory / f"{CONTROL}.world.json")
    urls = [(scenario.url, ()) for scenario in HERE]
    visits = asyncio.run(measure_all(urls, world, in_flight=AT_ONCE, follow=False))
    return {scenario.name: visit for scenario, visit in zip(HERE, visits, strict=True)}


def few_at_once(look, scenarios, directory) -> list:
    async def look_at_all() -> list:
        free = asyncio.Semaphore(AT_ONCE)

        async def look_at(scenario):
            async with free:
                return await look(scenario, directory)

        return await asyncio.gather(*map(look_at, scenarios))

    return asyncio.run(look_at_all())


@pytest.mark.parametrize("name", cases(HERE))
def test_a_scenario_is_seen_as_its_data_say(visits, name):
    assert as_seen(BY_NAME[name], visits[name]) == as_expected(BY_NAME[name], visits[name])


def test_the_control_sees_every_site_as_it_is(control):
    expected = {scenario.name: scenario.expected_by_control for scenario in HERE}
    assert {name: seen(visit) for name, visit in control.items()} == expected


def test_a_vantage_finds_out_what_is_wrong_with_itself(directory):
    scenarios = about_the_vantage(HERE)
    found = zip(scenarios, few_at_once(look_at_itself, scenarios, directory), strict=True)
    assert {s.name: fitness(test) for s, test in found} == {s.name: expected_fitness(s) for s in scenarios}


@pytest.mark.parametrize("name", [s.name for s in HERE if s.expected in CUTS])
def test_a_cut_handshake_is_looked_at_again(visits, name):
    assert {SNI_SWAP, REPEAT} <= set(attempts(visits[name]))


def test_every_measurement_is_marked_imitated(visits, control):
    assert all(visit.imitated for visit in (*visits.values(), *control.values()))


def test_every_url_and_address_may_be_visited():
    for scenario in SCENARIOS:
        parse(scenario.url)
        for site in scenario.sites:
            assert [a for a in (*site.addresses, *site.mirrors) if refuse(a)] == []


def test_no_two_scenarios_share_a_name_or_an_address():
    sites = [site for scenario in SCENARIOS for site in scenario.sites]
    addresses = [address for site in sites for address in (*site.addresses, *site.mirrors)]
    assert len({scenario.name for scenario in SCENARIOS}) == len(SCENARIOS)
    assert len({site.name for site in sites}) == len(sites)
    assert len(set(addresses)) == len(addresses)


def test_every_scenario_runs_somewhere_and_says_why_not_elsewhere():
    for scenario in SCENARIOS:
        assert scenario.storeys
        assert set(scenario.not_on) <= set(STOREYS)
        assert all(scenario.not_on.values())


def test_the_document_lists_every_scenario():
    rows = [f"| `{s.name}` | {s.does} | {', '.join(s.storeys)} |" for s in SCENARIOS]
    listed = re.findall(r"^\| `[a-z0-9-]+` \| .*$", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    assert listed == rows
