import asyncio
import gc
import json
import time
from dataclasses import replace

import pytest

from checks.engine import ooni
from checks.engine.names import BadName
from checks.engine.records import VALIDATE, VISIT, Measurement
from checks.engine.visit import REDIRECT_LIMIT, measure
from checks.engine.world import ISP, PUBLIC, Resolver
from tests.servers import RESOLVER, SITE, Servers, after_request, answer, page, redirect, reset, say, silence

OTHER = "93.184.216.35"
V6 = "2606:2800:220::34"


async def test_a_good_visit_has_every_step_and_no_failure():
    async with Servers() as net:
        await net.name(SITE)
        await net.web(page())
        measurement = await measure("site.kz", net.world())
    assert measurement.failure is None
    assert (measurement.url, measurement.world, measurement.imitated) == ("https://site.kz/", "test", True)
    assert measurement.trust_store == "world test"
    assert [q.failure for q in measurement.queries] == [None, "dns_no_answer"]
    assert [(c.address, c.port, c.failure) for c in measurement.connects] == [(SITE, 443, None)]
    assert [(h.server_name, h.failure) for h in measurement.handshakes] == [("site.kz", None)]
    assert [(e.status, e.title) for e in measurement.exchanges] == [(200, "Hello")]
    assert not measurement.overloaded


async def test_a_measurement_survives_its_json_form():
    async with Servers() as net:
        await net.name(SITE, "10.0.0.1")
        await net.web(page())
        measurement = await measure("site.kz", net.world())
    assert Measurement.from_json(json.loads(json.dumps(measurement.as_json()))) == measurement
    assert Measurement.from_bytes(measurement.as_bytes()) == measurement
    assert json.loads(measurement.as_bytes()) == json.loads(json.dumps(measurement.as_json()))
    torn = replace(measurement, url="http://site.kz/\ud800")  # as an imported document may have it
    assert Measurement.from_bytes(torn.as_bytes()) == replace(measurement, url="http://site.kz/?")
    assert Measurement.from_bytes(json.dumps(torn.as_json()).encode()) == torn  # as it was stored before
    with pytest.raises(ValueError, match="format 7 is not 1"):
        Measurement.from_bytes(replace(measurement, format=7).as_bytes())


async def test_times_run_forward_from_the_beginning():
    async with Servers() as net:
        await net.name(SITE)
        await net.web(page())
        m = await measure("site.kz", net.world())
    steps = [*m.queries, *m.connects, *m.handshakes, *m.exchanges]
    assert all(0 <= step.t0 <= step.t <= m.runtime for step in steps)
    assert m.connects[0].t <= m.handshakes[0].t0 <= m.handshakes[0].t <= m.exchanges[0].t0


async def test_what_is_no_url_is_not_measured():
    async with Servers() as net:
        with pytest.raises(BadName):
            await measure("https://localhost/", net.world())


@pytest.mark.parametrize(
    ("url", "prepare", "failure"),
    [
        ("site.kz", lambda net: net.dns(lambda query: [answer(query, rcode=3)]), "dns_nxdomain_error"),
        (SITE, lambda net: asyncio.to_thread(net.closed, "tcp", 443), "connection_refused"),
        (SITE, lambda net: net.tcp(after_request(reset), 443), "connection_reset"),
        (SITE, lambda net: net.web(page(), "other.kz"), "ssl_invalid_hostname"),
        (f"http://{SITE}", lambda net: net.tcp(after_request(reset), 80), "connection_reset"),
    ],
)
async def test_a_visit_ends_with_the_deepest_failure(url, prepare, failure):
    async with Servers() as net:
        await prepare(net)
        measurement = await measure(url, net.world())
    assert measurement.failure == failure


async def test_a_missing_ipv6_does_not_hide_how_ipv4_failed():
    async with Servers() as net:
        await net.name(SITE, V6)
        net.full(443)
        measurement = await measure("site.kz", net.world(connect=0.3))
    assert {c.address: c.failure for c in measurement.connects} == {
        V6: "network_unreachable",
        SITE: "generic_timeout_error",
    }
    assert measurement.failure == "generic_timeout_error"


async def test_a_cancelled_visit_closes_its_sockets(recwarn):
    async with Servers() as net:
        await net.dns(lambda query: [])
        await net.tcp(silence, 443)
        world = net.world(Resolver(ISP, RESOLVER))
        for url in ("site.kz", SITE):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(measure(url, world), 0.2)
    gc.collect()
    assert [w for w in recwarn if w.category is ResourceWarning] == []


async def test_every_address_is_tried_and_the_first_good_one_fetches():
    async with Servers() as net:
        await net.name(SITE, OTHER, V6)
        await net.tcp(after_request(reset), 443, SITE)
        await net.web(page(), address=OTHER)
        measurement = await measure("site.kz", net.world())
    assert {c.address: c.failure for c in measurement.connects} == {SITE: None, OTHER: None, V6: "network_unreachable"}
    assert {h.address: h.failure for h in measurement.handshakes} == {SITE: "connection_reset", OTHER: None}
    assert [e.address for e in measurement.exchanges] == [OTHER]
    assert measurement.failure is None


async def test_the_addresses_of_the_control_are_tried_too_at_the_first_hop():
    async with Servers() as net:
        await net.dns(lambda query: [answer(query, rcode=3)])
        await net.web(redirect("https://www.site.kz/"), address=OTHER)
        measurement = await measure("site.kz", net.world(), extra_addresses=[OTHER, "10.0.0.1"])
    assert [(c.hop, c.address) for c in measurement.connects] == [(0, OTHER)]
    assert [(r.hop, r.address, r.reason) for r in measurement.refusals] == [(0, "10.0.0.1", "private")]
    assert measurement.failure == "dns_nxdomain_error"


async def test_a_source_of_many_addresses_is_capped():
    many = [f"93.184.216.{n}" for n in range(34, 54)] + [f"2606:2800:220::{n}" for n in range(1, 9)]
    async with Servers() as net:
        await net.name(*many)
        measurement = await measure("site.kz", net.world())
    dialled = [c.address for c in measurement.connects]
    assert (len([a for a in dialled if ":" not in a]), len([a for a in dialled if ":" in a])) == (4, 2)


async def test_each_resolver_is_a_source_of_its_own():
    async with Servers() as net:
        await net.dns(lambda query: [answer(query, "93.184.216.99")])
        await net.dns(lambda query: [answer(query, SITE)], "8.8.8.8")
        await net.web(page())
        measurement = await measure("site.kz", net.world(Resolver(ISP, RESOLVER), Resolver(PUBLIC, "8.8.8.8")))
    assert {c.address: c.failure for c in measurement.connects} == {"93.184.216.99": "network_unreachable", SITE: None}
    assert measurement.failure is None


async def test_a_bogon_answer_is_recorded_and_not_dialled():
    async with Servers() as net:
        await net.name("10.10.34.35")
        measurement = await measure("site.kz", net.world())
    assert [(r.address, r.reason) for r in measurement.refusals] == [("10.10.34.35", "private")]
    assert (measurement.connects, measurement.failure) == ((), "dns_bogon_error")


async def test_redirects_are_followed_hop_by_hop():
    async with Servers() as net:
        await net.name(SITE)
        await net.tcp(redirect("https://site.kz/news"), 80)
        await net.web(page())
        measurement = await measure("http://site.kz/", net.world())
    assert [(e.hop, e.url, e.status) for e in measurement.exchanges] == [
        (0, "http://site.kz/", 302),
        (1, "https://site.kz/news", 200),
    ]
    assert {q.hop for q in measurement.queries} == {0, 1}
    assert measurement.failure is None


@pytest.mark.parametrize(
    ("location", "address"),
    [
        ("http://127.0.0.1:8080/", "127.0.0.1"),
        ("http://169.254.169.254/latest/meta-data/", "169.254.169.254"),
        ("http://[::ffff:10.0.0.1]/", "::ffff:10.0.0.1"),
        ("http://localhost/", "localhost"),
    ],
)
async def test_a_redirect_to_a_private_address_is_refused_and_recorded(location, address):
    async with Servers() as net:
        await net.tcp(redirect(location), 80)
        measurement = await measure(f"http://{SITE}/", net.world())
    assert [(r.hop, r.address) for r in measurement.refusals] == [(1, address)]
    assert len(measurement.connects) == 1
    assert measurement.failure == "http_invalid_redirect_location_host"


async def test_a_redirect_to_a_name_with_a_private_address_is_refused_and_recorded():
    def inside(query):
        return [answer(query, "10.0.0.7" if "inside" in query.question[0].name.to_text() else SITE)]

    async with Servers() as net:
        await net.dns(inside)
        await net.tcp(redirect("http://inside.site.kz/"), 80)
        measurement = await measure("http://site.kz/", net.world())
    assert [(r.hop, r.address) for r in measurement.refusals] == [(1, "10.0.0.7")]
    assert {c.hop for c in measurement.connects} == {0}


async def test_tls_beside_a_cleartext_visit_tells_whose_the_address_is():
    async with Servers() as net:
        await net.name(SITE)
        await net.tcp(page(), 80)
        await net.web(page())
        measurement = await measure("http://site.kz/", net.world())
    assert [(h.purpose, h.server_name, h.failure) for h in measurement.handshakes] == [(VALIDATE, "site.kz", None)]
    assert {(c.purpose, c.port) for c in measurement.connects} == {(VISIT, 80), (VALIDATE, 443)}
    assert [e.url for e in measurement.exchanges] == ["http://site.kz/"]


async def test_a_cleartext_site_without_tls_has_no_failure():
    async with Servers() as net:
        await net.name(SITE)
        await net.tcp(page(), 80)
        measurement = await measure("http://site.kz/", net.world())
    assert [(c.port, c.failure) for c in measurement.connects if c.purpose == VALIDATE] == [
        (443, "network_unreachable")
    ]
    assert measurement.failure is None


@pytest.mark.parametrize("location", ["ftp://site.kz/", "http://0x7f.1/", "http://[::zz]/", "http://" + "a" * 9000])
async def test_a_redirect_to_what_is_no_url_ends_the_visit(location):
    async with Servers() as net:
        await net.tcp(redirect(location), 80)
        measurement = await measure(f"http://{SITE}/", net.world())
    assert measurement.failure == "http_invalid_redirect_location_host"
    [refusal] = measurement.refusals
    assert (refusal.hop, bool(refusal.reason), len(refusal.address) < 300) == (1, True, True)


async def test_a_redirect_to_a_port_that_we_do_not_visit_is_an_answer_of_the_site():
    async with Servers() as net:
        await net.tcp(redirect("http://site.kz:22/"), 80)
        measurement = await measure(f"http://{SITE}/", net.world())
    assert (measurement.failure, measurement.exchanges[0].status) == (None, 302)
    assert measurement.refusals[0].reason.startswith("The port must be one of")


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("/foo bar?q=a b", f"http://{SITE}/foo%20bar?q=a%20b"),
        ("\\\\" + SITE + "\\x", f"http://{SITE}/x"),
        (f"http://user:word@{SITE}/y", f"http://{SITE}/y"),
        ("/" + "s" * 3000, f"http://{SITE}/" + "s" * 3000),
    ],
)
async def test_a_redirect_is_followed_as_browsers_read_it(location, url):
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 302 Found\r\nLocation: {location}" if asked.startswith(b"GET / ") else "HTTP/1.1 200 OK"
        await say(f"{head}\r\nContent-Length: 0\r\n\r\n".encode())(reader, writer)

    async with Servers() as net:
        await net.tcp(serve, 80)
        measurement = await measure(f"http://{SITE}/", net.world())
    assert (measurement.failure, measurement.exchanges[-1].url) == (None, url)
    assert ooni.export(measurement)["input"] == f"http://{SITE}/"


async def test_a_circle_of_redirects_ends():
    async with Servers() as net:
        await net.tcp(redirect("/"), 80)
        measurement = await measure(f"http://{SITE}/", net.world())
    assert (len(measurement.exchanges), measurement.failure) == (1, "http_unexpected_redirect_url")


async def test_a_long_chain_of_redirects_ends():
    async def onward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = (await reader.readuntil(b"\r\n")).split()[1].decode()
        await redirect(f"{path}x")(reader, writer)

    async with Servers() as net:
        await net.tcp(onward, 80)
        measurement = await measure(f"http://{SITE}/", net.world())
    assert len(measurement.exchanges) == REDIRECT_LIMIT + 1
    assert measurement.failure == "http_unexpected_redirect_url"


async def test_a_visit_that_runs_out_of_time_is_interrupted_and_keeps_what_it_saw():
    async with Servers() as net:
        await net.name(SITE)
        await net.tcp(silence, 443)
        measurement = await measure("site.kz", net.world(visit=0.5))
    assert [h.failure for h in measurement.handshakes] == ["interrupted"]
    assert measurement.failure == "interrupted"


async def test_a_visit_on_a_machine_that_lags_is_marked():
    async def block_the_loop(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        time.sleep(1.2)  # noqa: ASYNC251
        await page()(reader, writer)

    async with Servers() as net:
        await net.tcp(block_the_loop, 80)
        measurement = await measure(f"http://{SITE}/", net.world())
    assert measurement.failure is None
    assert measurement.overloaded


async def test_a_visit_ends_with_what_the_resolver_said_of_ipv4_whatever_came_first():
    def servfail_for_a(query):
        is_a = query.question[0].rdtype == 1
        return [b"stray" * 9, answer(query, rcode=2 if is_a else 0)]

    async with Servers() as net:
        await net.dns(servfail_for_a)
        measurement = await measure("site.kz", net.world())
    assert measurement.failure == "dns_servfail_error"
