import asyncio

import pytest

from checks.engine.batch import measure_all
from checks.engine.followup import follow_up, is_anomalous
from checks.engine.names import BadName
from checks.engine.records import BASELINE, REPEAT, SNI_SWAP, VISIT, Measurement
from checks.engine.visit import measure
from tests.servers import SITE, Servers, after_request, authority, censor, hang_up, page, reset, say, silence

INNER = "93.184.216.200"


async def slow_down(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
    await asyncio.sleep(1.1)  # the censor's own doing: a handshake over a second is what is tested


async def visit_behind(act, certificate: str = "site.kz", **deadlines: float) -> Measurement:
    """A visit to https://site.kz and its follow-up, with this censor of its name before it."""
    async with Servers() as net:
        await net.name(SITE)
        await net.tcp(page(), 443, INNER, authority().context(certificate))
        await net.tcp(censor("site.kz", act, net.real("tcp", 443, INNER)), 443)
        world = net.world(**deadlines)
        return await follow_up(await measure("site.kz", world), world)


@pytest.mark.parametrize(
    ("act", "failure"), [(reset, "connection_reset"), (silence, "generic_timeout_error"), (hang_up, "eof_error")]
)
async def test_a_cut_handshake_is_tried_again_with_a_neutral_name_in_turn(act, failure):
    measurement = await visit_behind(act, "www.example.com", handshake=1)
    assert [(h.purpose, h.server_name, h.failure) for h in measurement.handshakes] == [
        (VISIT, "site.kz", failure),
        (SNI_SWAP, "www.example.com", None),
        (REPEAT, "site.kz", failure),
        (SNI_SWAP, "www.example.com", None),
        (REPEAT, "site.kz", failure),
    ]
    assert [c.failure for c in measurement.connects] == [None] * 5
    assert measurement.failure == failure


async def test_a_swap_answered_with_another_certificate_is_an_answer_and_says_so():
    measurement = await visit_behind(reset, "site.kz")
    swap = measurement.handshakes[1]
    assert (swap.purpose, swap.failure) == (SNI_SWAP, "ssl_invalid_hostname")
    assert swap.chain


async def test_a_slow_handshake_is_compared_with_a_baseline():
    measurement = await visit_behind(slow_down, "site.kz")
    assert measurement.failure is None
    assert [h.purpose for h in measurement.handshakes] == [VISIT, BASELINE, REPEAT, BASELINE, REPEAT]
    visited, baseline = measurement.handshakes[:2]
    assert baseline.t - baseline.t0 < visited.t - visited.t0


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
            assert await follow_up(measurement, net.world()) == measurement


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
    assert len(measurements[0].handshakes) == 5
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
