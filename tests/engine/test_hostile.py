"""Servers that mean harm. Each visit ends by a deadline or a cap of its own, with the name of what happened."""

import asyncio
import gzip
import json
import os
import struct
import tracemalloc
import zlib
from dataclasses import replace

import dns.message
import dns.rrset
import pytest

from checks.engine.batch import measure_all
from checks.engine.flow import flowing
from checks.engine.http import BODY_LIMIT
from checks.engine.names import parse
from checks.engine.records import Measurement
from checks.engine.visit import measure
from checks.engine.visit import visit as one_visit
from checks.engine.world import PUBLIC, Resolver
from tests.servers import RESOLVER, SITE, Servers, after_request, answer, authority, page, reset, say, silence

MEMORY = 24 * 1024 * 1024  # bytes that one visit may hold at its worst, whatever the server does


async def visit(server, url: str = f"http://{SITE}/", port: int = 80, **deadlines: float) -> Measurement:
    """A visit to this server, which must end by itself and within its memory."""
    async with Servers() as net:
        await net.name(SITE)
        await net.tcp(server, port)
        tracemalloc.start()
        try:
            async with asyncio.timeout(60):
                measurement = await measure(url, net.world(**{"handshake": 1, "fetch": 1, **deadlines}))
            assert tracemalloc.get_traced_memory()[1] < MEMORY
        finally:
            tracemalloc.stop()
    return measurement


def flood(*parts: bytes, pause: float | None = None):
    """The first parts once, the last for ever."""

    async def server(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for part in parts[:-1]:
            writer.write(part)
        while True:
            writer.write(parts[-1])
            await writer.drain()
            if pause is not None:
                await asyncio.sleep(pause)

    return after_request(server)


HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    ("server", "failure"),
    [
        (flood(HEAD, b"X: ", b"y", pause=0.01), "generic_timeout_error"),  # a header a byte at a time
        (flood(HEAD, b"X: y\r\n", pause=0.01), "generic_timeout_error"),  # endless headers, slowly
        (flood(HEAD, b"X: y\r\n" * 1000), "http_request_failed"),  # and fast
        (flood(HEAD, b"X: ", b"y" * 65536), "http_request_failed"),
        (flood(b"HTTP/1.1 100 Continue\r\n\r\n"), "http_request_failed"),
        (flood(b"\0" * 65536), "http_request_failed"),
        (flood(b"\xff\xfe" * 1000), "http_request_failed"),
        (after_request(say(HEAD + b"Bad\0Header: x\r\n\r\n")), "http_request_failed"),
        (after_request(say(HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello")), "http_request_failed"),
        (after_request(say(HEAD + b"Content-Length: -1\r\n\r\n")), "http_request_failed"),
        (after_request(say(HEAD + b"Content-Length: 99999999999999999999999\r\n\r\nx")), "http_request_failed"),
        (after_request(say(HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n")), "http_request_failed"),
        (
            after_request(say(HEAD + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffffffff\r\nx")),
            "http_request_failed",
        ),
        (after_request(silence), "generic_timeout_error"),
    ],
)
async def test_a_hostile_http_server_is_named_by_what_it_did(server, failure):
    patience = 1 if failure == "generic_timeout_error" else 20
    assert (await visit(server, fetch=patience)).failure == failure


@pytest.mark.parametrize(
    "server",
    [
        flood(HEAD + b"\r\n", b"x" * 65536),  # a body without an end
        flood(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n" * 5000),
        page(gzip.compress(bytes(300 * BODY_LIMIT)), "200 OK", "Content-Encoding: gzip"),
        page(zlib.compress(bytes(300 * BODY_LIMIT)), "200 OK", "Content-Encoding: deflate"),
        page(gzip.compress(gzip.compress(bytes(300 * BODY_LIMIT))), "200 OK", "Content-Encoding: gzip, gzip"),
    ],
)
async def test_a_body_without_measure_is_read_up_to_the_limit(server):
    measurement = await visit(server, fetch=20)
    [exchange] = measurement.exchanges
    assert exchange.failure is None
    assert exchange.body_length <= BODY_LIMIT
    assert exchange.wire_length < 3 * BODY_LIMIT


async def test_a_body_that_drips_ends_with_its_deadline_and_keeps_the_head():
    measurement = await visit(flood(HEAD + b"\r\n", b".", pause=0.01))
    assert (measurement.failure, measurement.exchanges[0].status) == ("generic_timeout_error", 200)


@pytest.mark.parametrize(
    ("body", "title"),
    [
        (b"<title>\xff\xfe\xfa bad \xc3\x28</title>", "\ufffd\ufffd\ufffd bad \ufffd("),
        (b"<title>nul\0inside</title>", "nul\ufffdinside"),
        (b"<title>" * 5000, ""),
        (b"<title" + b" a" * 100_000 + b">x</title>", None),
        (b"<meta charset=utf-7><title>+ADw-script+AD4-</title>", "+ADw-script+AD4-"),
        (b"<title>\xe2\x80\xae&#0;&#xD800;&#99999999999;</title>", "\u202e\ufffd\ufffd\ufffd"),
    ],
)
async def test_text_that_is_no_text_is_kept_as_text(body, title):
    [exchange] = (await visit(page(body))).exchanges
    assert (exchange.failure, exchange.title) == (None, title)
    exchange.body.encode("utf-8")
    assert "\0" not in exchange.body


def record(content: bytes, kind: int = 0x16) -> bytes:
    return struct.pack("!BHH", kind, 0x0303, len(content)) + content


@pytest.mark.parametrize(
    ("server", "failure"),
    [
        (after_request(say(b"SSH-2.0-OpenSSH\r\n")), "ssl_failed_handshake"),
        (after_request(say(b"HTTP/1.1 400 Bad Request\r\n\r\n")), "ssl_failed_handshake"),
        (after_request(say(record(b"\x02\xff\xff\xff"))), "ssl_failed_handshake"),  # a message of 16 MiB
        (after_request(say(record(b"\x02\0\0\x02\x03\x03"))), "ssl_failed_handshake"),
        (after_request(say(record(b"\2\x28", 0x15))), "ssl_failed_handshake"),  # alert: handshake failure
        (after_request(say(struct.pack("!BHH", 0x16, 0x0303, 0xFFFF) + b"x" * 0xFFFF)), "ssl_failed_handshake"),
        (flood(record(b"\x02\xff\xff\xff"), record(b"x" * 16000)), "ssl_failed_handshake"),
        (flood(b"\x16", b"\x03", b"\x03", pause=0.05), "generic_timeout_error"),
        (flood(record(b"\0\0\0\0"), pause=0.005), "generic_timeout_error"),
        (silence, "generic_timeout_error"),
    ],
)
async def test_tls_that_is_none_ends_the_handshake(server, failure):
    measurement = await visit(server, "https://site.kz/", 443)
    assert [handshake.failure for handshake in measurement.handshakes] == [failure]
    assert measurement.failure == failure


async def test_random_bytes_never_make_a_handshake():
    for _ in range(6):
        noise = os.urandom(500)
        measurement = await visit(after_request(say(b"\x16\x03\x03" + noise)), "https://site.kz/", 443, handshake=0.5)
        assert measurement.failure in ("ssl_failed_handshake", "eof_error", "generic_timeout_error")


@pytest.mark.parametrize(("length", "failure"), [(50, None), (400, "ssl_failed_handshake")])
async def test_a_huge_chain_is_refused_before_it_is_read(length, failure):
    async with Servers() as net:
        await net.name(SITE)
        await net.tcp(page(), 443, tls=authority().context("site.kz", padding=length))
        measurement = await measure("site.kz", net.world())
    assert measurement.failure == failure


async def test_a_flood_of_replies_ends_with_the_late_window():
    async with Servers() as net:
        await net.dns(lambda query: [answer(query, f"93.184.{n // 250}.{n % 250 + 1}") for n in range(300)])
        measurement = await measure("site.kz", net.world(Resolver(PUBLIC, RESOLVER), connect=0.1))
    assert len(measurement.queries) < 40


async def test_a_name_that_leads_inside_by_cname_is_not_followed_there():
    def inside(query):
        reply = dns.message.make_response(query)
        reply.answer.append(dns.rrset.from_text(query.question[0].name, 60, "IN", "CNAME", "intranet.site.kz."))
        if query.question[0].rdtype == 1:
            reply.answer.append(dns.rrset.from_text("intranet.site.kz.", 60, "IN", "A", "192.168.1.1"))
        return [reply.to_wire()]

    async with Servers() as net:
        await net.dns(inside)
        measurement = await measure("site.kz", net.world())
    assert [(r.address, r.reason) for r in measurement.refusals] == [("192.168.1.1", "private")]
    assert (measurement.connects, measurement.failure) == ((), "dns_bogon_error")


async def test_the_address_that_was_checked_is_the_one_that_is_dialled():
    """A resolver that changes its mind between look-up and connection is asked only once."""
    asked = 0

    def rebind(query):
        nonlocal asked
        asked += query.question[0].rdtype == 1
        return [answer(query, SITE if asked <= 1 else "127.0.0.1")]

    async with Servers() as net:
        await net.dns(rebind)
        await net.web(page())
        measurement = await measure("site.kz", net.world())
    assert asked == 1
    assert [c.address for c in measurement.connects] == [SITE]


@pytest.mark.parametrize(
    "address", ["64:ff9b::a00:1", "::ffff:10.0.0.1", "2002:a00:1::1", "fe80::1", "fd00::1", "ff02::1"]
)
async def test_a_private_address_in_another_dress_is_not_dialled(address):
    async with Servers() as net:
        await net.name(address)
        measurement = await measure("site.kz", net.world())
    assert measurement.connects == ()
    assert [r.address for r in measurement.refusals] == [address]


@pytest.mark.parametrize("where", ["head", "trailer"])
async def test_a_header_of_blanks_does_not_keep_the_loop_busy(where):
    blanks = b"X:" + b" " * 60_000 + b"\0\r\n\r\n"
    chunked = HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n" + blanks
    measurement = await visit(after_request(say(HEAD + blanks if where == "head" else chunked)), fetch=20)
    assert measurement.failure == "http_request_failed"
    assert not measurement.overloaded


async def test_a_server_that_hangs_up_on_the_silent_is_not_met_with_our_own_silence():
    """The gate is shut for longer than the server waits; it is dialled anew, and says what it has to say."""

    async def impatient(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(0.5):
                await reader.readuntil(b"\r\n\r\n")
        except TimeoutError:
            return await reset(reader, writer)
        return await say(b"HTTP/1.1 204 No Content\r\n\r\n")(reader, writer)

    async with Servers() as net, flowing() as flow:
        await net.tcp(impatient, 80)
        flow.secured._size = 0.0
        asyncio.get_running_loop().call_later(1.5, setattr, flow.secured, "_size", 64.0)
        asyncio.get_running_loop().call_later(1.6, flow.secured._wake)
        measurement = await visit_in(flow, net)
    assert (measurement.failure, len(measurement.connects)) == (None, 2)


async def visit_in(flow, net) -> Measurement:
    return await one_visit(parse(f"http://{SITE}/"), net.world(), flow)


async def test_what_a_record_keeps_of_a_flood_is_little():
    async def headers(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + b"".join(b"X-%d: %s\r\n" % (n, b"y" * 900) for n in range(60)) + b"\r\n")
        writer.close()

    async with Servers() as net:
        await net.dns(lambda query: [b"z" * 8000] * 20 + [answer(query, SITE)])
        await net.tcp(after_request(headers), 80)
        measurement = await measure("http://site.kz/", net.world())
    assert measurement.failure is None
    assert len(json.dumps(measurement.as_json())) < 60_000


@pytest.mark.parametrize(
    "altered",
    [
        (b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x04"),  # a version that there is not
        (b"\x82\x07site.kz", b"\xa3\x07site.kz"),  # a name that is an X.400 address
        (b"\x0c\x07site.kz", b"\x03\x07\x00ite.kz"),  # a subject that is a string of bits
    ],
)
async def test_a_certificate_that_no_parser_likes_costs_no_other_site_its_visit(altered):
    async with Servers() as net:
        await net.name(SITE)
        await net.tcp(page(), 443, tls=authority().context("site.kz", signed=False, altered=altered))
        await net.tcp(page(), 80)
        hostile, healthy = await measure_all([("https://site.kz/", ()), ("http://other.kz/", ())], net.world())
    assert (hostile.failure, healthy.failure) == ("ssl_unknown_authority", None)
    assert hostile.handshakes[0].chain[0].der
    assert Measurement.from_json(json.loads(json.dumps(hostile.as_json()))) == hostile


class Torn(dict[str, tuple[str, int]]):
    """An address map in which one place breaks whoever looks it up."""

    def __getitem__(self, key: str) -> tuple[str, int]:
        if key == f"tcp/{SITE}:8080":
            raise RuntimeError("torn")
        return super().__getitem__(key)


async def test_a_mistake_of_ours_is_one_unknown_failure_and_the_other_visits_go_on(caplog):
    async with Servers() as net:
        await net.name(SITE)
        await net.tcp(page(), 80)
        world = net.world()
        world = replace(world, addresses=Torn(world.addresses))
        broken, healthy = await measure_all([("http://site.kz:8080/", ()), ("http://other.kz/", ())], world)
    assert (broken.failure, broken.queries, healthy.failure) == ("unknown_failure", (), None)
    assert "RuntimeError: torn" in caplog.text


async def test_a_flood_of_garbage_is_outlived():
    async with Servers() as net:
        await net.dns(lambda query: [query.to_wire()[:2] + b"garbage"] * 30 + [answer(query, SITE)])
        await net.tcp(page(), 80)
        measurement = await measure("http://site.kz/", net.world())
    assert measurement.failure is None
    assert len(measurement.queries) < 30


@pytest.mark.parametrize("records", [600, 5000])
async def test_a_reply_that_would_keep_us_busy_is_none(records):
    """A thousand aliases, each of a hundred labels that take two bytes."""

    def replies(query: dns.message.Message) -> list[bytes]:
        labels = b"\1a" * 100 + b"\xc0\x0c"
        raw = query.to_wire()
        raw = raw[:2] + b"\x85\x80\0\1" + records.to_bytes(2) + b"\0\0\0\0" + raw[12:]
        at = len(raw) + 12
        first = b"\xc0\x0c\0\5\0\1\0\0\0\x3c" + len(labels).to_bytes(2) + labels
        pointer = (0xC000 | at).to_bytes(2)
        more = pointer + b"\0\5\0\1\0\0\0\x3c\0\2" + pointer
        return [(raw + first + more * (records - 1))[:8000]]

    async with Servers() as net:
        await net.dns(replies)
        measurement = await measure("http://site.kz/", net.world(dns=1))
    assert {q.failure for q in measurement.queries} <= {"dns_server_misbehaving", "generic_timeout_error"}
