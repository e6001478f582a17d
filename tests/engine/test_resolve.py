import asyncio
import base64
import struct

import dns.flags
import dns.message
import dns.rcode
import pytest

from checks.engine.flow import Flow
from checks.engine.records import BY_DOH, Query
from checks.engine.resolve import Lookup
from checks.engine.stopwatch import Stopwatch
from checks.engine.world import DOH, PUBLIC, Resolver, World
from tests.servers import RESOLVER, SITE, Servers, after_request, answer, authority, page, say, silence, truncated

PUBLIC_RESOLVER = Resolver(PUBLIC, RESOLVER)
DOH_RESOLVER = Resolver(DOH, SITE, 443, "https://dns.site.kz/dns-query")


async def looked_up(world: World) -> Lookup:
    lookup = Lookup(0, "site.kz", world, Stopwatch(world.deadlines.visit), Flow())
    async with asyncio.TaskGroup() as background:
        await lookup.run(background)
    return lookup


async def ask(world: World) -> list[Query]:
    """What the lookup of one name recorded about A."""
    return [query for query in (await looked_up(world)).queries if query.type == "A"]


async def test_an_answer_is_kept_with_its_bytes():
    async with Servers() as net:
        await net.name(SITE)
        [query] = await ask(net.world())
    assert (query.failure, query.rcode, query.addresses) == (None, "NOERROR", (SITE,))
    assert dns.message.from_wire(base64.b64decode(query.raw)).answer[0][0].to_text() == SITE


async def test_a_bogon_answer_is_a_fact_and_no_failure():
    async with Servers() as net:
        await net.name("10.10.34.35")
        [query] = await ask(net.world())
    assert (query.failure, query.addresses) == (None, ("10.10.34.35",))


@pytest.mark.parametrize(
    ("rcode", "failure"),
    [
        (dns.rcode.NXDOMAIN, "dns_nxdomain_error"),
        (dns.rcode.NOERROR, "dns_no_answer"),
        (dns.rcode.SERVFAIL, "dns_servfail_error"),
        (dns.rcode.REFUSED, "dns_refused_error"),
        (dns.rcode.NOTIMP, "dns_server_misbehaving"),
    ],
)
async def test_a_reply_without_addresses_is_named_by_its_code(rcode, failure):
    async with Servers() as net:
        await net.dns(lambda query: [answer(query, rcode=rcode)])
        [query] = await ask(net.world())
    assert (query.failure, query.rcode) == (failure, dns.rcode.to_text(rcode))


async def test_a_resolver_that_says_nothing_is_a_timeout():
    async with Servers() as net:
        await net.dns(lambda query: [])
        [query] = await ask(net.world(dns=0.3))
    assert query.failure == "generic_timeout_error"


async def test_a_closed_resolver_is_refused():
    async with Servers() as net:
        net.closed("udp", 53, RESOLVER)
        [query] = await ask(net.world())
    assert query.failure == "connection_refused"


async def test_a_resolver_off_the_map_is_unreachable():
    async with Servers() as net:
        [query] = await ask(net.world())
    assert query.failure == "network_unreachable"


async def test_a_lost_question_is_asked_again():
    asked = []

    def forget_the_first(query: dns.message.Message) -> list[bytes]:
        asked.append(query.question)
        return [answer(query, SITE)] if asked.count(query.question) > 1 else []

    async with Servers() as net:
        await net.dns(forget_the_first)
        [query] = await ask(net.world())
    assert query.addresses == (SITE,)


async def test_a_resolver_that_drops_what_is_too_much_for_it_is_asked_less_and_again():
    """Like a home router's: it answers half of what it is asked, and one name never before the first deadline."""
    asked: list[str] = []

    def overloaded(query: dns.message.Message) -> list[bytes]:
        name = query.question[0].name.to_text()
        asked.append(name)
        patience = 8 if name == "lost.kz." else 2  # questions about it that are dropped, two at a time
        return [answer(query, SITE)] if asked.count(name) > patience else []

    async with Servers() as net:
        await net.dns(overloaded)
        world, flow = net.world(dns=4.0), Flow()
        before = flow.lookups.size
        lookups = [Lookup(0, host, world, Stopwatch(30), flow) for host in ("lost.kz", "site.kz")]
        async with asyncio.TaskGroup() as background:
            await asyncio.gather(*(lookup.run(background) for lookup in lookups))
    assert [q.addresses for lookup in lookups for q in lookup.queries if q.type == "A"] == [(SITE,), (SITE,)]
    assert flow.lookups.size < before


async def test_silence_about_one_name_where_nothing_else_is_lost_is_a_timeout_at_once():
    asked = 0

    def silent(query: dns.message.Message) -> list[bytes]:
        nonlocal asked
        asked += 1
        return []

    async with Servers() as net:
        await net.dns(silent)
        [query] = await ask(net.world(dns=1.5))
    assert (query.failure, asked) == ("generic_timeout_error", 4)


def with_other_id(wire: bytes) -> bytes:
    return struct.pack("!H", struct.unpack_from("!H", wire)[0] ^ 1) + wire[2:]


def about_another_name(query: dns.message.Message) -> bytes:
    other = dns.message.make_query("other.kz", query.question[0].rdtype, id=query.id)
    return answer(other, "93.184.216.99")


@pytest.mark.parametrize(
    ("stray", "failure"),
    [
        (lambda query: with_other_id(answer(query, "93.184.216.99")), "dns_reply_with_wrong_query_id"),
        (about_another_name, "dns_server_misbehaving"),
        (lambda query: query.to_wire(), "dns_server_misbehaving"),
        (lambda query: struct.pack("!H", query.id) + b"garbage", "dns_server_misbehaving"),
    ],
)
async def test_a_reply_that_does_not_fit_is_noted_and_outlived(stray, failure):
    async with Servers() as net:
        await net.dns(lambda query: [stray(query), answer(query, SITE)])
        noted, good = await ask(net.world())
    assert (noted.failure, noted.answers) == (failure, ())
    assert noted.raw is not None
    assert good.addresses == (SITE,)


async def test_a_flood_of_strays_fills_no_record():
    async with Servers() as net:
        await net.dns(lambda query: [b"x"] * 100 + [answer(query, SITE)])
        queries = await ask(net.world())
    assert len(queries) < 20
    assert queries[-1].addresses == (SITE,)


async def test_a_second_different_reply_of_a_public_resolver_is_kept_as_late():
    async with Servers() as net:
        await net.dns(lambda query: [answer(query, "93.184.216.99"), answer(query, SITE)])
        first, second = await ask(net.world(PUBLIC_RESOLVER))
    assert (first.addresses, first.late) == (("93.184.216.99",), False)
    assert (second.addresses, second.late) == ((SITE,), True)


async def test_the_same_reply_twice_says_nothing_new():
    async with Servers() as net:
        await net.dns(lambda query: [answer(query, SITE, "93.184.216.35"), answer(query, "93.184.216.35", SITE)])
        assert len(await ask(net.world(PUBLIC_RESOLVER))) == 1


async def over_tcp(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    (length,) = struct.unpack("!H", await reader.readexactly(2))
    reply = answer(dns.message.from_wire(await reader.readexactly(length)), SITE)
    writer.write(struct.pack("!H", len(reply)) + reply)
    await writer.drain()


async def test_a_truncated_reply_is_asked_for_again_over_tcp():
    async with Servers() as net:
        await net.dns(lambda query: [truncated(query)])
        await net.tcp(over_tcp, 53, RESOLVER)
        [query] = await ask(net.world())
    assert (query.transport, query.addresses) == ("tcp", (SITE,))


@pytest.mark.parametrize(
    ("server", "failure"),
    [
        (silence, "generic_timeout_error"),
        (after_request(say(b"\0\x20half")), "eof_error"),
        (after_request(say(b"\0\x05xxxxx")), "dns_server_misbehaving"),
        (after_request(say(b"\0\x0d" + b"x" * 13)), "dns_reply_with_wrong_query_id"),
    ],
)
async def test_a_failure_over_tcp_is_the_failure_of_the_question(server, failure):
    async with Servers() as net:
        await net.dns(lambda query: [truncated(query)])
        await net.tcp(server, 53, RESOLVER)
        [query] = await ask(net.world(dns=0.5))
    assert (query.transport, query.failure) == ("tcp", failure)


def doh(connections: list[int], *headers: str, hangs_up: bool = False):
    """A DoH server that notes how many questions each connection brought."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(0)
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"POST /dns-query HTTP/1.1\r\nHost: dns.site.kz\r\n")
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
            reply = answer(dns.message.from_wire(await reader.readexactly(length)), SITE)
            connections[-1] += 1
            writer.write("\r\n".join(["HTTP/1.1 200 OK", f"Content-Length: {len(reply)}", *headers]).encode())
            writer.write(b"\r\n\r\n" + reply)
            await writer.drain()
            if headers or hangs_up:
                return

    return serve


@pytest.mark.parametrize(("headers", "questions"), [([], [2]), (["Connection: close"], [1, 1])])
async def test_doh_is_asked_over_https_on_as_few_connections_as_the_server_allows(headers, questions):
    connections: list[int] = []
    async with Servers() as net:
        await net.web(doh(connections, *headers), "dns.site.kz")
        [query] = await ask(net.world(DOH_RESOLVER))
    assert (query.role, query.transport, query.addresses) == ("doh", "https", (SITE,))
    assert query.resolver == DOH_RESOLVER.url
    assert connections == questions


async def test_a_doh_server_that_hangs_up_between_two_questions_is_called_again():
    connections: list[int] = []
    async with Servers() as net:
        await net.web(doh(connections, hangs_up=True), "dns.site.kz")
        lookup = await looked_up(net.world(DOH_RESOLVER))
    assert [(q.type, q.failure) for q in lookup.queries] == [("A", None), ("AAAA", "dns_no_answer")]
    assert connections == [1, 1]


async def test_a_doh_server_must_prove_its_name_and_what_it_showed_is_kept():
    async with Servers() as net:
        await net.web(doh([]), "other.kz")
        lookup = await looked_up(net.world(DOH_RESOLVER))
    assert {(q.failure, q.answers) for q in lookup.queries} == {("ssl_invalid_hostname", ())}
    [handshake] = lookup.handshakes
    assert (handshake.purpose, handshake.server_name) == (BY_DOH, "dns.site.kz")
    assert handshake.failure == "ssl_invalid_hostname"
    assert handshake.chain


@pytest.mark.parametrize(
    ("server", "failure"),
    [
        (page(status="500 Sorry"), "http_unexpected_status_code"),
        (page(b"\0\0garbage"), "dns_server_misbehaving"),
        (silence, "generic_timeout_error"),
    ],
)
async def test_a_doh_server_that_misbehaves_is_named(server, failure):
    async with Servers() as net:
        await net.tcp(server, 443, SITE, authority().context("dns.site.kz"))
        [query] = await ask(net.world(DOH_RESOLVER, dns=1))
    assert query.failure == failure


async def test_a_forged_reply_that_calls_itself_truncated_is_kept_beside_the_true_one():
    def replies(query: dns.message.Message) -> list[bytes]:
        forged = dns.message.from_wire(answer(query, "93.184.216.99"))
        forged.flags |= dns.flags.TC
        return [forged.to_wire(), answer(query, SITE)]

    async with Servers() as net:
        await net.dns(replies)
        queries = await ask(net.world(PUBLIC_RESOLVER))
    by_udp = [(q.addresses, q.late) for q in queries if q.transport == "udp"]
    assert by_udp == [(("93.184.216.99",), False), ((SITE,), True)]


async def test_what_is_no_reply_is_noted_after_the_answer_too():
    async with Servers() as net:
        await net.dns(lambda query: [answer(query, SITE), b"\0\0garbage"])
        queries = await ask(net.world(PUBLIC_RESOLVER))
    assert (queries[0].failure, queries[0].rcode) == (None, "NOERROR")
    assert ("dns_server_misbehaving", None) in [(q.failure, q.rcode) for q in queries]
