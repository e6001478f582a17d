"""What a vantage proves about itself before a run."""

import asyncio
import json
import time
from dataclasses import replace

import pytest

from checks.engine.batch import measure_run
from checks.engine.records import Measurement, SelfTest
from checks.engine.world import ISP, Preconditions, Resolver, World
from tests.servers import RESOLVER, SITE, Servers, after_request, answer, authority, page, redirect, reset, silence

NOWHERE = "93.184.216.99"
NAMES = ("one.kz", "two.kz", "three.kz", "four.kz", "five.kz")


def resolve(query):
    """Everything but what nobody can have."""
    known = query.question[0].name.to_text().endswith(".kz.")
    return [answer(query, SITE)] if known else [answer(query, rcode=3)]


async def run(net: Servers, world: World | None = None, **conditions) -> SelfTest:
    tested = replace(world or net.world(), preconditions=Preconditions(**conditions))
    test, _ = await measure_run([], tested)
    return test


def echo(offset: float = 0.0, asn: object = 64496):
    return page(json.dumps({"time": time.time() + offset, "asn": asn}).encode())


async def test_a_vantage_of_which_nothing_is_asked_is_fit():
    async with Servers() as net:
        await net.dns(resolve)
        test = await run(net)
    assert (test.failed, test.suspect, test.clock_offset, test.captive_portal, test.ipv6) == (
        (),
        False,
        None,
        None,
        None,
    )


async def test_names_that_must_open_are_tried_and_told_one_by_one():
    async with Servers() as net:
        await net.dns(resolve)
        await net.web(page(), "one.kz")
        test = await run(net, must_allow=("one.kz", "two.kz"))
    assert test.must_allow == (("one.kz", True), ("two.kz", False))
    assert test.failed == ("must_allow",)


async def test_one_of_five_may_be_down_itself():
    async with Servers() as net:
        await net.dns(lambda query: [answer(query, NOWHERE if b"five" in query.to_wire() else SITE)])
        await net.tcp(page(), 80)
        await net.tcp(page(), 443, tls=authority().context("*.kz"))
        urls = tuple(f"http://{name}/" for name in NAMES)
        test = await run(net, must_allow=urls)
    assert [opened for _, opened in test.must_allow] == [True, True, True, True, False]
    assert test.failed == ()


async def test_a_blocked_name_that_opens_makes_suspect_and_not_silent():
    async with Servers() as net:
        await net.dns(resolve)
        await net.web(page(), "one.kz")
        test = await run(net, must_block=("one.kz",))
    assert (test.must_block, test.suspect, test.failed) == ((("one.kz", True),), True, ())


@pytest.mark.parametrize(
    ("server", "captive"),
    [
        (page(b"", "204 No Content"), False),
        (page(b"<title>Sign in</title>"), True),
        (redirect("http://portal.kz/"), True),
        (silence, None),
    ],
)
async def test_whoever_answers_for_the_empty_page_is_a_portal(server, captive):
    async with Servers() as net:
        await net.dns(resolve)
        await net.tcp(server, 80)
        test = await run(net, net.world(fetch=0.5), portal="http://empty.kz/")
    assert test.captive_portal is captive
    assert test.failed == (("captive_portal",) if captive else ())


@pytest.mark.parametrize(("offset", "failed"), [(0, ()), (-3600, ("clock",)), (3600, ("clock",))])
async def test_the_clock_is_compared_with_the_controls(offset, failed):
    async with Servers() as net:
        await net.dns(resolve)
        await net.web(echo(offset), "echo.kz")
        test = await run(net, echo="https://echo.kz/")
    assert test.clock_offset == pytest.approx(-offset, abs=30)
    assert test.failed == failed


async def test_without_a_control_pages_tell_the_time():
    async with Servers() as net:
        await net.dns(resolve)
        await net.web(page(b"", "200 OK", "Date: Tue, 03 Mar 2020 12:00:00 GMT"), "one.kz")
        test = await run(net, must_allow=("one.kz",))
    assert test.clock_offset is not None
    assert test.failed == ("clock",)


@pytest.mark.parametrize(("asn", "failed"), [(64496, ()), (64511, ("asn",)), (None, ()), ("AS1", ()), ({}, ())])
async def test_a_vantage_in_another_network_than_its_own_is_silent(asn, failed):
    async with Servers() as net:
        await net.dns(resolve)
        await net.web(echo(asn=asn), "echo.kz")
        test = await run(net, echo="https://echo.kz/", asn=64496)
    assert test.failed == failed


@pytest.mark.parametrize("said", [b"", b"[]", b"{}", b'{"time": "soon"}', b'{"time": 1e99}', b"\xff"])
async def test_an_echo_that_says_nothing_tells_nothing(said):
    async with Servers() as net:
        await net.dns(resolve)
        await net.web(page(said), "echo.kz")
        test = await run(net, echo="https://echo.kz/", asn=64496)
    assert (test.clock_offset, test.asn, test.failed) == (None, None, ())


async def test_a_resolver_that_invents_names_is_told():
    async with Servers() as net:
        await net.name(SITE)
        await net.web(page(), "one.kz")
        assert (await run(net, must_allow=("one.kz",))).invented_names is True


async def test_a_resolver_that_denies_what_nobody_has_invents_none():
    async with Servers() as net:
        await net.dns(resolve)
        await net.web(page(), "one.kz")
        assert (await run(net, must_allow=("one.kz",))).invented_names is False


async def test_a_line_without_ipv6_is_told_and_its_measurements_know():
    async with Servers() as net:
        await net.dns(resolve)
        await net.web(page())
        world = replace(net.world(), preconditions=Preconditions(ipv6_hosts=("2606:2800:220::1",)))
        test, [measurement] = await measure_run([("site.kz", ())], world)
    assert (test.ipv6, measurement.ipv6) == (False, False)


async def test_a_vantage_that_fails_measures_nothing():
    async with Servers() as net:
        await net.dns(resolve)
        await net.web(page())
        world = replace(net.world(), preconditions=Preconditions(must_allow=("one.kz",)))
        test, measured = await measure_run([("site.kz", ())], world)
    assert (test.failed, measured) == (("must_allow",), [])


async def test_a_run_tells_how_late_its_loop_came():
    async with Servers() as net:
        await net.dns(resolve)
        test = await run(net, net.world(Resolver(ISP, RESOLVER)))
    assert test.lag is not None
    assert test.lag >= 0


async def test_each_visit_is_kept_before_it_gives_up_its_place_to_the_next():
    told: list[str] = []
    places = asyncio.Semaphore(1)

    async def done(measurement: Measurement) -> None:
        told.append(measurement.url)
        await asyncio.sleep(0.05)
        assert places.locked()
        told.append("kept")

    async def proven(test: SelfTest) -> None:
        told.append(f"proven {test.failed}")

    async with Servers() as net:
        await net.dns(resolve)
        await net.tcp(page(), 80)
        jobs = [("http://one.kz/", ()), ("http://two.kz/", ())]
        _, none = await measure_run(jobs, net.world(), places=places, proven=proven, done=done)
    assert none == []
    assert told[0] == "proven ()"
    assert sorted(told[1::2]) == ["http://one.kz/", "http://two.kz/"]
    assert told[2::2] == ["kept", "kept"]


async def test_a_run_that_is_cancelled_has_kept_what_was_finished_also_of_an_anomaly_that_waits():
    kept: list[Measurement] = []
    first = asyncio.Event()

    async def done(measurement: Measurement) -> None:
        kept.append(measurement)
        first.set()

    async with Servers() as net:
        await net.dns(resolve)
        await net.tcp(page(), 80)
        await net.tcp(after_request(reset), 443)
        await net.tcp(silence, 8080)
        jobs = [("http://one.kz/", ()), ("https://two.kz/", ()), ("http://three.kz:8080/", ())]
        run = asyncio.create_task(measure_run(jobs, net.world(followup_after=600.0), done=done))
        await first.wait()
        await asyncio.sleep(1)  # the reset is seen in no time, and then waits for its second look
        run.cancel()
        await asyncio.gather(run, return_exceptions=True)
    assert sorted((m.url, m.failure) for m in kept) == [
        ("http://one.kz/", None),
        ("https://two.kz/", "connection_reset"),
    ]


def test_a_self_test_survives_its_json_form():
    test = SelfTest("2026-03-01T12:00:00+00:00", 0.5, (("one.kz", True),), failed=("asn",), lag=0.1)
    assert SelfTest.from_json(json.loads(json.dumps(test.as_json()))) == test


@pytest.mark.parametrize("wrong", [{}, {"started": 5}, {"started": "2026-03-01", "must_allow": 5}, {"started": "x"}])
def test_what_is_no_self_test_is_refused(wrong):
    with pytest.raises(ValueError):
        SelfTest.from_json(wrong)


def test_on_a_real_network_the_countrys_pack_says_what_must_open():
    conditions = World.real("kz").preconditions
    assert "egov.kz" in conditions.must_allow
    assert conditions.must_block
    assert conditions.portal
    assert Preconditions.of("kz", control=True).must_block == ()


def test_a_country_without_a_pack_is_named():
    with pytest.raises(ValueError, match="there is no pack of the country 'xx'"):
        World.real("xx")


@pytest.mark.parametrize("asn", [True, -5, 10**4000, 2**32])
async def test_a_number_that_is_no_as_number_is_not_taken_for_one(asn):
    async with Servers() as net:
        await net.dns(resolve)
        await net.web(echo(asn=asn), "echo.kz")
        test = await run(net, echo="https://echo.kz/", asn=64496)
    assert (test.asn, test.failed) == (None, ())


async def test_a_date_beyond_all_dates_tells_no_time():
    async with Servers() as net:
        await net.dns(resolve)
        await net.web(page(b"", "200 OK", "Date: Tue, 03 Mar 2020 12:00:00 +99999999999999999999"), "one.kz")
        test = await run(net, must_allow=("one.kz",))
    assert (test.clock_offset, test.failed) == (None, ())
