"""Every site, from every vantage, by the real engine: seen as `checks.lab.networks` says that it must be."""

import asyncio
from urllib.parse import urlsplit

import pytest

from checks.engine.batch import measure_all
from checks.engine.records import BASELINE, REPEAT, SNI_SWAP, VISIT, Measurement
from checks.engine.world import PUBLIC, World
from checks.lab.networks import BOGON_ADDRESS, NETWORKS, SLOWED, expected
from checks.lab.scenarios import TIMEOUT
from checks.lab.sites import BY_NAME, SITES
from tests.lab.seeing import TRIES, seen

VANTAGES = {vantage.name: (network, vantage) for network in NETWORKS for vantage in network.vantages}


@pytest.fixture(scope="module")
def visits(lab_directory) -> dict[tuple[str, str], Measurement]:
    """One measurement, followed up where it is anomalous, by vantage and site."""

    async def measure_from(vantage: str) -> dict[tuple[str, str], Measurement]:
        world = World.load(lab_directory / f"{vantage}.world.json")
        measured: dict[tuple[str, str], Measurement] = {}
        spoilt = list(SITES)
        for _ in range(TRIES):
            visits = await measure_all([(site.url, ()) for site in spoilt], world, in_flight=4)
            measured |= {(vantage, site.name): visit for site, visit in zip(spoilt, visits, strict=True)}
            spoilt = [site for site in spoilt if is_spoilt(measured[vantage, site.name], vantage, site.name)]
        return measured

    async def measure_everywhere() -> list[dict[tuple[str, str], Measurement]]:
        return await asyncio.gather(*map(measure_from, VANTAGES))

    return {key: visit for measured in asyncio.run(measure_everywhere()) for key, visit in measured.items()}


def is_spoilt(visit: Measurement, vantage: str, site: str) -> bool:
    """Our lateness shows in timeouts where nobody is silent. What it spoilt proves nothing, and is measured again."""
    late = [q for q in visit.queries if q.failure == TIMEOUT] or seen(visit) != expected(*VANTAGES[vantage])[site]
    return visit.overloaded and bool(late)


def took(steps, purpose) -> list[float]:
    return [step.t - step.t0 for step in steps if step.purpose == purpose]


@pytest.mark.parametrize("vantage", VANTAGES)
def test_every_site_is_seen_as_its_network_shows_it(visits, vantage):
    assert {site: seen(visits[vantage, site]) for site in BY_NAME} == expected(*VANTAGES[vantage])


def test_every_measurement_of_the_lab_is_marked_imitated(visits):
    assert all(visit.imitated for visit in visits.values())


@pytest.mark.parametrize(("vantage", "site"), [("b-1", "orda.kz"), ("b-2", "who.int"), ("c-1", "exclusive.kz")])
def test_only_the_blocked_server_name_is_cut_at_the_same_address(visits, vantage, site):
    handshakes = visits[vantage, site].handshakes
    assert {h.failure for h in handshakes if h.purpose == SNI_SWAP} == {None}
    assert None not in {h.failure for h in handshakes if h.purpose == REPEAT}


@pytest.mark.parametrize("vantage", ["b-1", "b-2"])
def test_a_throttled_site_is_slow_and_the_neutral_name_at_its_address_is_not(visits, vantage):
    visit = visits[vantage, "azattyq.org"]
    assert visit.failure is None
    assert min(took(visit.handshakes, VISIT) + took(visit.handshakes, REPEAT)) >= SLOWED
    assert min(took(visit.handshakes, BASELINE)) < SLOWED


def test_a_forged_reply_comes_before_the_genuine_one(visits):
    first, late = [q for q in visits["a-1", "meduza.io"].queries if q.hop == 0 and q.role == PUBLIC and q.type == "A"]
    assert (first.addresses, first.late) == ((BOGON_ADDRESS,), False)
    assert (late.addresses, late.late) == (BY_NAME["meduza.io"].addresses, True)


def test_a_site_can_lead_from_http_to_https_and_on_to_a_path(visits):
    visit = visits["d-1", "vlast.kz"]
    urls = [exchange.url for exchange in visit.exchanges]
    assert [urlsplit(url).scheme for url in urls] == ["http", "https", "https"]
    assert urlsplit(urls[-1]).path == "/novosti/"


def test_a_site_answers_at_each_of_its_addresses(visits):
    connects = visits["d-1", "linkedin.com"].connects
    assert {c.address for c in connects if not c.failure} == set(BY_NAME["linkedin.com"].addresses)


def test_dns_over_https_is_honest_in_every_network(visits):
    for (_, site), visit in visits.items():
        told = {address for q in visit.queries if q.role == "doh" for address in q.addresses}
        assert told == set(BY_NAME[site].addresses)
