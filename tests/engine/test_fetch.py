import asyncio
import gzip
import hashlib
import zlib

import pytest

from checks.engine.fetch import BODY_KEPT
from checks.engine.http import BODY_LIMIT
from checks.engine.records import Exchange
from checks.engine.visit import measure
from tests.servers import SITE, Servers, after_request, hang_up, page, redirect, reset, say, silence


async def fetch(server, **deadlines: float) -> Exchange:
    """The one exchange of a visit to http://SITE/page, with this server behind the address."""
    async with Servers() as net:
        await net.tcp(server, 80)
        measurement = await measure(f"http://{SITE}/page", net.world(**deadlines))
    [exchange] = measurement.exchanges
    assert measurement.failure == exchange.failure
    return exchange


async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A good head, then one byte of body at a time, for ever."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    while True:
        writer.write(b".")
        await writer.drain()
        await asyncio.sleep(0.01)


def endless(beginning: bytes, part: bytes):
    async def server(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(beginning)
        while True:
            writer.write(part)
            await writer.drain()

    return after_request(server)


async def test_a_page_is_kept_with_its_hash_title_and_beginning():
    body = b"<html><TITLE lang=kk>\n Hello &amp; welcome </TITLE>" + b"." * 2 * BODY_KEPT
    exchange = await fetch(page(body, "200 OK", "X-One: 1", "X-One: 2"))
    assert (exchange.failure, exchange.status, exchange.title) == (None, 200, "Hello & welcome")
    assert exchange.headers == (("Content-Length", str(len(body))), ("X-One", "1"), ("X-One", "2"))
    assert (exchange.body_sha256, exchange.body_length) == (hashlib.sha256(body).hexdigest(), len(body))
    assert exchange.body == body[:BODY_KEPT].decode()
    assert not exchange.body_truncated


async def test_the_request_names_the_site_and_sends_no_cookie():
    requests = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await reader.readuntil(b"\r\n\r\n"))
        await say(b"HTTP/1.1 204 No Content\r\nSet-Cookie: a=b\r\n\r\n")(reader, writer)

    assert (await fetch(listen)).status == 204
    assert requests[0].startswith(b"GET /page HTTP/1.1\r\nHost: 93.184.216.34\r\n")
    assert b"cookie" not in requests[0].lower()


@pytest.mark.parametrize(
    ("server", "failure"),
    [
        (after_request(reset), "connection_reset"),
        (after_request(hang_up), "eof_error"),
        (after_request(say(b"HTTP/1.1 200 OK\r\nContent-")), "eof_error"),
        (after_request(say(b"SSH-2.0-OpenSSH_9.2p1\r\n\r\n")), "http_request_failed"),
        (endless(b"HTTP/1.1 200 OK\r\n", b"X-Header: value\r\n"), "http_request_failed"),
        (endless(b"HTTP/1.1 200 OK\r\nX-Header: ", b"value" * 100), "http_request_failed"),
        (endless(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"), "http_request_failed"),
    ],
)
async def test_a_response_without_a_head_is_named_by_how_it_broke(server, failure):
    exchange = await fetch(server)
    assert (exchange.failure, exchange.status, exchange.body) == (failure, None, None)


async def test_a_server_that_never_answers_is_a_timeout():
    exchange = await fetch(after_request(silence), fetch=0.3)
    assert (exchange.failure, exchange.status) == ("generic_timeout_error", None)


@pytest.mark.parametrize(
    ("server", "failure"),
    [
        (after_request(drip), "generic_timeout_error"),
        (after_request(say(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")), "eof_error"),
        (page(b"no gzip at all", "200 OK", "Content-Encoding: gzip"), "http_request_failed"),
    ],
)
async def test_a_body_that_breaks_keeps_the_head(server, failure):
    exchange = await fetch(server, fetch=1)
    assert (exchange.failure, exchange.status) == (failure, 200)


@pytest.mark.parametrize(
    ("coding", "encode"),
    [("gzip", gzip.compress), ("deflate", zlib.compress), ("deflate", lambda body: zlib.compress(body, wbits=-15))],
)
async def test_a_compressed_page_is_read(coding, encode):
    exchange = await fetch(page(encode(b"<title>Hello</title>"), "200 OK", f"Content-Encoding: {coding}"))
    assert (exchange.failure, exchange.title, exchange.body_length) == (None, "Hello", 20)


async def test_a_bomb_is_read_up_to_the_limit():
    bomb = gzip.compress(bytes(200 * BODY_LIMIT))
    assert len(bomb) < BODY_LIMIT
    exchange = await fetch(page(bomb, "200 OK", "Content-Encoding: gzip"))
    assert (exchange.failure, exchange.body_length, exchange.body_truncated) == (None, BODY_LIMIT, True)


@pytest.mark.parametrize(("more", "truncated"), [(0, False), (1, True)])
@pytest.mark.parametrize(("coding", "encode"), [("identity", bytes), ("gzip", gzip.compress)])
async def test_a_page_of_exactly_the_limit_is_whole(coding, encode, more, truncated):
    body = encode(b"." * (BODY_LIMIT + more))
    exchange = await fetch(page(body, "200 OK", f"Content-Encoding: {coding}"))
    assert (exchange.failure, exchange.body_length, exchange.body_truncated) == (None, BODY_LIMIT, truncated)


async def test_a_gzip_file_of_several_members_is_one_page():
    body = gzip.compress(b"<title>Hel") + gzip.compress(b"") + gzip.compress(b"lo</title>")
    exchange = await fetch(page(body, "200 OK", "Content-Encoding: gzip"))
    assert (exchange.failure, exchange.title, exchange.body_length) == (None, "Hello", 20)


async def test_members_without_end_are_read_up_to_the_limit():
    members = gzip.compress(b".") * (BODY_LIMIT // 21)
    exchange = await fetch(page(members, "200 OK", "Content-Encoding: gzip"))
    assert (exchange.failure, exchange.body_length) == (None, BODY_LIMIT // 21)


@pytest.mark.parametrize("tail", [b"", b"\0" * 5, b"no gzip"])
async def test_what_follows_a_compressed_page_is_not_read_and_what_is_missing_is_no_failure(tail):
    for body in (gzip.compress(b"<title>Hello</title>") + tail, gzip.compress(b"<title>Hello</title>")[:-4]):
        exchange = await fetch(page(body, "200 OK", "Content-Encoding: gzip"))
        assert (exchange.failure, exchange.title) == (None, "Hello")


async def test_a_page_of_endless_crumbs_is_read_up_to_the_limit():
    exchange = await fetch(endless(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n.\r\n" * 4096))
    assert (exchange.failure, exchange.body_truncated) == (None, True)
    assert exchange.body_length < BODY_LIMIT


async def test_an_endless_page_is_read_up_to_the_limit():
    exchange = await fetch(endless(b"HTTP/1.1 200 OK\r\n\r\n", b"." * 65536))
    assert (exchange.failure, exchange.body_length, exchange.body_truncated) == (None, BODY_LIMIT, True)


@pytest.mark.parametrize(
    ("declared", "body", "title"),
    [
        ("text/html; charset=windows-1251", "<title>Привет</title>".encode("windows-1251"), "Привет"),
        ("text/html", '<meta charset="koi8-r"><title>Привет</title>'.encode("koi8-r"), "Привет"),
        ("text/html; charset=utf-7", b"<title>+AGE-</title>", "+AGE-"),
        ("text/html; charset=idna", "<title>Тізілім</title>".encode(), "Тізілім"),
        ("text/html", b"<title>a\xff\0b</title>", "a\ufffd\ufffdb"),
    ],
)
async def test_text_is_read_by_a_charset_of_ours_only(declared, body, title):
    assert (await fetch(page(body, "200 OK", f"Content-Type: {declared}"))).title == title


@pytest.mark.parametrize(
    ("location", "absolute"),
    [
        ("/other", f"http://{SITE}/other"),
        ("//site.kz:99/", "http://site.kz:99/"),
        ("http://[::zz]/", "http://[::zz]/"),
    ],
)
async def test_a_redirect_is_noted_with_its_absolute_target(location, absolute):
    async with Servers() as net:
        await net.tcp(redirect(location), 80)
        measurement = await measure(f"http://{SITE}/page", net.world())
    assert measurement.exchanges[0].location == absolute
