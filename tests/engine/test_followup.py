import asyncio
from datetime import datetime
from itertools import pairwise

import pytest

from checks.engine.batch import measure_all
from checks.engine.flow import flowing
from checks.engine.followup import LOOKS, SecondLook, is_anomalous
from checks.engine.names import BadName
from checks.engine.records import BASELINE, KNOWN_GOOD, NEUTRAL, NO_SNI, REPEAT, SNI_SWAP, VISIT, Measurement
from checks.engine.visit import measure
from checks.engine.world import DOH, ISP, Resolver, World
from tests.servers import (
    RESOLVER,
    SITE,
    Servers,
    after_request,
    answer,
    authority,
    censor,
    hang_up,
    page,
    reset,
    say,
    silence,
)

INNER = "93.184.216.200"
NEUTRAL_ADDRESS = "93.184.216.201"


async def slow_down(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
    await asyncio.sleep(1.1)  # the censor's own doing: a handshake over a second is what is tested


async def look_again(measurement: Measurement, world: World) -> Measurement:
    async with flowing() as flow:
        return await SecondLook(world, flow).at(measurement)


async def visit_behind(act, certificate: str = "site.kz", **deadlines: float) -> Measurement:
    """A visit to https://site.kz and its second look, with this censor of its name before it and nowhere else."""

    def resolve(query):
        neutral = query.question[0].name.to_text() == "www.example.com."
        return [answer(query, NEUTRAL_ADDRESS if neutral else SITE)]

    async with Servers() as net:
        await net.dns(resolve)
        await net.web(page(), "www.example.com", NEUTRAL_ADDRESS)
        await net.tcp(page(), 443, INNER, authority().context(certificate))
        await net.tcp(censor("site.kz", act, net.real("tcp", 443, INNER)), 443)
        world = net.world(**deadlines)
        return await look_again(await measure("site.kz", world), world)


@pytest.mark.parametrize(
    ("act", "failure"), [(reset, "connection_reset"), (silence, "generic_timeout_error"), (hang_up, "eof_error")]
)
async def test_a_cut_handshake_is_looked_at_from_every_side(act, failure):
    measurement = await visit_behind(act, "www.example.com", handshake=1)
    assert [(h.purpose, h.address, h.server_name, h.failure) for h in measurement.handshakes] == [
        (VISIT, SITE, "site.kz", failure),
        (SNI_SWAP, SITE, "www.example.com", None),
        (NO_SNI, SITE, "", "ssl_invalid_hostname"),
        (REPEAT, SITE, "site.kz", failure),
        (SNI_SWAP, SITE, "www.example.com", None),
        (REPEAT, SITE, "site.kz", failure),
        (SNI_SWAP, SITE, "www.example.com", None),
        (REPEAT, SITE, "site.kz", failure),
        (KNOWN_GOOD, NEUTRAL_ADDRESS, "www.example.com", None),
        (NEUTRAL, NEUTRAL_ADDRESS, "site.kz", "ssl_invalid_hostname"),
        (KNOWN_GOOD, NEUTRAL_ADDRESS, "www.example.com", None),
    ]
    assert {c.failure for c in measurement.connects} == {None}
    assert [(c.purpose, c.address) for c in measurement.connects] == [
        (h.purpose, h.address) for h in measurement.handshakes
    ]
    assert measurement.failure == failure


async def test_a_swap_answered_with_another_certificate_is_an_answer_and_says_so():
    measurement = await visit_behind(reset, "site.kz")
    swap = measurement.handshakes[1]
    assert (swap.purpose, swap.failure) == (SNI_SWAP, "ssl_invalid_hostname")
    assert swap.chain


async def test_a_slow_handshake_is_compared_with_a_baseline():
    measurement = await visit_behind(slow_down, "site.kz")
    assert measurement.failure is None
    assert [h.purpose for h in measurement.handshakes] == [VISIT, *[BASELINE, REPEAT] * 3]
    visited, baseline = measurement.handshakes[:2]
    assert baseline.t - baseline.t0 < visited.t - visited.t0


async def test_a_page_cut_by_its_host_is_asked_for_again_in_turn_with_the_neutral_host():
    async def cut_by_host(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        await (reset if b"Host: site.kz" in head else say(b"HTTP/1.1 204 No Content\r\n\r\n"))(reader, writer)

    async with Servers() as net:
        await net.name(SITE)
        await net.tcp(cut_by_host, 80)
        measurement = await look_again(await measure("http://site.kz/", net.world()), net.world())
    assert [(e.purpose, e.url, e.failure) for e in measurement.exchanges] == [
        (VISIT, "http://site.kz/", "connection_reset"),
        *[(BASELINE, "http://www.example.com/", None), (REPEAT, "http://site.kz/", "connection_reset")] * 3,
    ]


async def test_a_slow_page_is_measured_beside_the_neutral_page_at_the_same_address():
    async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 40000\r\n\r\n")
        for _ in range(4):
            await asyncio.sleep(0.25 if b"Host: site.kz" in head else 0)  # the censor's own doing
            writer.write(b"." * 10000)
            await writer.drain()
        writer.close()

    async with Servers() as net:
        await net.name(SITE)
        await net.web(trickle)
        measurement = await look_again(await measure("site.kz", net.world()), net.world())
    assert measurement.failure is None
    assert [e.purpose for e in measurement.exchanges] == [VISIT, *[BASELINE, REPEAT] * 3]
    assert [h.failure for h in measurement.handshakes if h.purpose == BASELINE] == ["ssl_invalid_hostname"] * 3

    def speed(exchange):
        return exchange.wire_length / (exchange.t - exchange.first_byte)

    visited, baseline = measurement.exchanges[:2]
    assert baseline.wire_length == visited.wire_length > 40000
    assert speed(baseline) > speed(visited)


async def test_an_address_that_does_not_answer_is_tried_again_and_so_is_a_known_good_one():
    def resolve(query):
        neutral = query.question[0].name.to_text() == "www.example.com."
        return [answer(query, NEUTRAL_ADDRESS if neutral else SITE)]

    async with Servers() as net:
        await net.dns(resolve)
        await net.web(page(), "www.example.com", NEUTRAL_ADDRESS)
        net.full(443)
        world = net.world(connect=0.3)
        measurement = await look_again(await measure("site.kz", world), world)
    assert [(c.purpose, c.address, c.failure) for c in measurement.connects] == [
        (VISIT, SITE, "generic_timeout_error"),
        *[(REPEAT, SITE, "generic_timeout_error")] * 3,
        (KNOWN_GOOD, NEUTRAL_ADDRESS, None),
    ]


async def test_a_line_without_the_neutral_name_does_without_it():
    async with Servers() as net:
        await net.dns(lambda query: [answer(query, rcode=3)])
        await net.tcp(after_request(reset), 443)
        world = net.world(Resolver(ISP, RESOLVER), Resolver(DOH, SITE, 443, "https://dns.site.kz/dns-query"))
        measurement = await look_again(await measure(f"https://{SITE}/", world), world)
    assert {h.purpose for h in measurement.handshakes} == {VISIT, SNI_SWAP, NO_SNI, REPEAT}


async def test_times_of_the_second_look_go_on_after_the_visit():
    measurement = await visit_behind(reset)
    times = [h.t0 for h in measurement.handshakes]
    assert times == sorted(times)


@pytest.mark.parametrize(
    ("server", "anomalous"), [(after_request(reset), True), (after_request(hang_up), True), (None, False)]
)
async def test_only_an_anomaly_is_followed_up(server, anomalous):
    async with Servers() as net:
        await net.name(SITE)
        await (net.tcp(server, 443) if server else net.web(page()))
        measurement = await measure("site.kz", net.world())
        assert is_anomalous(measurement) is anomalous
        if not anomalous:
            assert await look_again(measurement, net.world()) == measurement


async def test_a_bad_certificate_is_no_anomaly_of_the_server_name():
    async with Servers() as net:
        await net.name(SITE)
        await net.web(page(), "other.kz")
        assert not is_anomalous(await measure("site.kz", net.world()))


async def test_a_batch_keeps_its_order_and_follows_anomalies_up():
    finished: list[Measurement] = []
    async with Servers() as net:
        await net.name(SITE)
        await net.tcp(page(), 443, INNER, authority().context("site.kz"))
        await net.tcp(censor("cut.kz", reset, net.real("tcp", 443, INNER)), 443)
        jobs = [("cut.kz", ()), ("site.kz", ()), ("https://site.kz/news", [INNER])]
        measurements = await measure_all(jobs, net.world(), in_flight=2, done=finished.append)
    assert [m.url for m in measurements] == ["https://cut.kz/", "https://site.kz/", "https://site.kz/news"]
    assert {m.id for m in finished} == {m.id for m in measurements}
    assert {h.purpose for h in measurements[0].handshakes} > {VISIT, SNI_SWAP, REPEAT}
    assert [m.failure for m in measurements] == ["connection_reset", None, None]
    assert INNER in [c.address for c in measurements[2].connects]


async def test_a_host_gets_one_visit_at_a_time():
    now, most = 0, 0

    async def count(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(0)
        now -= 1
        await say(b"HTTP/1.1 204 No Content\r\n\r\n")(reader, writer)

    async with Servers() as net:
        await net.name(SITE)
        await net.tcp(count, 80)
        measurements = await measure_all([(f"http://site.kz/{n}", ()) for n in range(5)], net.world())
    assert [m.failure for m in measurements] == [None] * 5
    assert most == 1


async def test_a_batch_with_a_bad_name_is_refused_before_anything_is_measured():
    async with Servers() as net:
        with pytest.raises(BadName):
            await measure_all([("site.kz", ()), ("localhost", ())], net.world())


async def test_second_looks_at_one_address_keep_apart_and_are_few():
    """A censor that remembers must not be met by the next look."""
    hosts = [f"cut{number}.kz" for number in range(LOOKS + 2)]
    async with Servers() as net:
        await net.name(SITE)
        await net.tcp(after_request(reset), 443)
        world = net.world(followup_after=0.4)
        measurements = await measure_all([(host, ()) for host in hosts], world, in_flight=len(hosts))
    spans = []
    for measurement in measurements:
        began = datetime.fromisoformat(measurement.started).timestamp()
        again = [h for h in measurement.handshakes if h.purpose in (SNI_SWAP, NO_SNI, REPEAT)]
        if again:
            spans.append((began + again[0].t0, began + again[-1].t))
    assert len(spans) == LOOKS
    spans.sort()
    assert all(after[0] - before[1] > 0.3 for before, after in pairwise(spans))
