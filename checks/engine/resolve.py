"""DNS: every resolver of the world is asked for A and AAAA, each on its own, all at once.

dnspython writes and reads the messages; the sockets are ours. What comes back is kept as it came:
a bogon, a lie and a second reply are facts, and only `Query.failure` says that no address came.
"""

from __future__ import annotations

import asyncio
import base64
import socket
import struct
from urllib.parse import urlsplit

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype

from checks.engine.connect import Plain, Stream, family, open_stream
from checks.engine.failures import NETWORK_ERRORS, Failed, Failure, name_failure
from checks.engine.fetch import Response, request
from checks.engine.handshake import shake
from checks.engine.records import Answer, Query
from checks.engine.stopwatch import Stopwatch
from checks.engine.world import DOH, PUBLIC, Resolver, World

TYPES = ("A", "AAAA")
RESEND_AFTER = (1.0, 2.0)  # seconds; UDP loses packets, and a loss is no censorship
STRAY_LIMIT = 8  # wrong replies kept for one question, so that a flood fills no record
_DATAGRAM = 65535
_KEPT_TYPES = (dns.rdatatype.A, dns.rdatatype.AAAA, dns.rdatatype.CNAME)

_RCODES = {
    dns.rcode.NXDOMAIN: Failure.DNS_NXDOMAIN,
    dns.rcode.SERVFAIL: Failure.DNS_SERVFAIL,
    dns.rcode.REFUSED: Failure.DNS_REFUSED,
}


class Lookup:
    """The questions about one host of one hop; `queries` grows while late replies come in."""

    def __init__(self, hop: int, host: str, world: World, watch: Stopwatch) -> None:
        self.queries: list[Query] = []
        self._hop, self._host, self._world, self._watch = hop, host, world, watch

    async def run(self, background: asyncio.TaskGroup) -> None:
        """Ask everyone. Listening for second replies goes on in `background` when this returns."""
        async with asyncio.TaskGroup() as group:
            for resolver in self._world.resolvers:
                if resolver.role == DOH:
                    group.create_task(self._ask_doh(resolver))
                    continue
                for kind in TYPES:
                    group.create_task(self._ask_udp(resolver, kind, background))

    async def _ask_udp(self, resolver: Resolver, kind: str, background: asyncio.TaskGroup) -> None:
        question = dns.message.make_query(self._host, kind)
        t0 = self._watch.read()
        sock: socket.socket | None = None
        try:
            async with self._watch.within(self._world.deadlines.dns):
                sock = self._open_udp(resolver)
                raw, reply = await self._receive_reply(sock, resolver, question, kind, t0)
        except BaseException as error:
            if sock is not None:
                sock.close()
            if not isinstance(error, NETWORK_ERRORS):
                raise
            return self._fail(resolver, kind, "udp", t0, name_failure(error))
        if reply.flags & dns.flags.TC:
            sock.close()
            return await self._ask_tcp(resolver, question, kind)
        self._keep(resolver, kind, "udp", t0, reply, raw)
        if resolver.role == PUBLIC:
            # A forged reply comes first and the true one after it: only who listens on sees both.
            background.create_task(self._listen_on(sock, resolver, question, kind, t0))
        else:
            sock.close()
        return None

    def _open_udp(self, resolver: Resolver) -> socket.socket:
        """A connected socket: the kernel passes on only what the resolver's own address and port sent."""
        target = self._world.dial("udp", resolver.address, resolver.port)
        sock = socket.socket(family(target[0]), socket.SOCK_DGRAM)
        try:
            sock.setblocking(False)
            sock.connect(target)
        except OSError:
            sock.close()
            raise
        return sock

    async def _receive_reply(
        self, sock: socket.socket, resolver: Resolver, question: dns.message.Message, kind: str, t0: float
    ) -> tuple[bytes, dns.message.Message]:
        """The first reply that fits, asking again while none comes."""
        loop = asyncio.get_running_loop()
        for pause in (*RESEND_AFTER, None):
            await loop.sock_sendall(sock, question.to_wire())
            try:
                async with asyncio.timeout(pause):
                    return await self._next_fitting(sock, resolver, question, kind, t0)
            except TimeoutError:
                continue
        raise TimeoutError

    async def _next_fitting(
        self, sock: socket.socket, resolver: Resolver, question: dns.message.Message, kind: str, t0: float
    ) -> tuple[bytes, dns.message.Message]:
        """What does not fit the question is noted and outlived."""
        strays = 0
        while True:
            raw = await _receive(sock)
            reply = _read(raw, question)
            if isinstance(reply, dns.message.Message):
                return raw, reply
            strays += 1
            if strays <= STRAY_LIMIT:
                self._fail(resolver, kind, "udp", t0, reply, raw)

    async def _listen_on(
        self, sock: socket.socket, resolver: Resolver, question: dns.message.Message, kind: str, t0: float
    ) -> None:
        """Keep what else is said to the same question; a mere repetition says nothing new."""
        label = resolver.label
        seen = {_sense(q) for q in self.queries if q.resolver == label and q.type == kind and q.transport == "udp"}
        try:
            async with self._watch.within(self._world.deadlines.late_dns):
                while len(seen) <= STRAY_LIMIT:
                    raw = await _receive(sock)
                    reply = _read(raw, question)
                    if not isinstance(reply, dns.message.Message):
                        continue
                    query = self._query(resolver, kind, "udp", t0, reply, raw, late=True)
                    if _sense(query) not in seen:
                        seen.add(_sense(query))
                        self.queries.append(query)
        except NETWORK_ERRORS:
            pass  # silence is what this socket expects
        finally:
            sock.close()

    async def _ask_tcp(self, resolver: Resolver, question: dns.message.Message, kind: str) -> None:
        t0 = self._watch.read()
        stream: Plain | None = None
        try:
            async with self._watch.within(self._world.deadlines.dns):
                stream = await open_stream(resolver.address, resolver.port, self._world)
                wire = question.to_wire()
                await stream.send(struct.pack("!H", len(wire)) + wire)
                raw = await _receive_framed(stream)
            self._keep_or_fail(resolver, kind, "tcp", t0, raw, question)
        except NETWORK_ERRORS as error:
            self._fail(resolver, kind, "tcp", t0, name_failure(error))
        finally:
            if stream is not None:
                stream.abort()

    async def _ask_doh(self, resolver: Resolver) -> None:
        """RFC 8484 POST, on one connection where the server keeps it.

        A failure here says something about DoH, never about the name.
        """
        stream: Stream | None = None
        try:
            for number, kind in enumerate(TYPES):
                t0 = self._watch.read()
                try:
                    async with self._watch.within(self._world.deadlines.dns):
                        stream = stream or await self._open_doh(resolver)
                        stream = await self._post(resolver, kind, t0, stream)
                except NETWORK_ERRORS as error:
                    # The other question would only wait for the same: a blocked DoH server costs one deadline.
                    for unanswered in TYPES[number:]:
                        self._fail(resolver, unanswered, "https", t0, name_failure(error))
                    return
        finally:
            if stream is not None:
                stream.abort()

    async def _open_doh(self, resolver: Resolver) -> Stream:
        host = urlsplit(resolver.url or "").hostname or ""
        plain = await open_stream(resolver.address, resolver.port, self._world)
        handshake, secure = await shake(
            self._hop, resolver.address, resolver.port, plain, host, self._world, self._watch
        )
        if secure is None:
            raise Failed(Failure(handshake.failure or Failure.UNKNOWN))
        return secure

    async def _post(self, resolver: Resolver, kind: str, t0: float, stream: Stream) -> Stream | None:
        """One question; gives the stream back when the server will take another on it."""
        question = dns.message.make_query(self._host, kind, id=0)  # 0: RFC 8484 §4.1
        url = urlsplit(resolver.url or "")
        response = Response()
        await request(stream, "POST", url.netloc, url.path or "/", _DOH_HEADERS, response, content=question.to_wire())
        if response.status == 200:
            self._keep_or_fail(resolver, kind, "https", t0, bytes(response.body), question)
        else:
            self._fail(resolver, kind, "https", t0, Failure.HTTP_UNEXPECTED_STATUS)
        if "close" in (response.header("connection") or "").lower():
            stream.abort()
            return None
        return stream

    def _keep_or_fail(
        self, resolver: Resolver, kind: str, transport: str, t0: float, raw: bytes, question: dns.message.Message
    ) -> None:
        reply = _read(raw, question)
        if isinstance(reply, dns.message.Message):
            self._keep(resolver, kind, transport, t0, reply, raw)
        else:
            self._fail(resolver, kind, transport, t0, reply, raw)

    def _keep(
        self, resolver: Resolver, kind: str, transport: str, t0: float, reply: dns.message.Message, raw: bytes
    ) -> None:
        self.queries.append(self._query(resolver, kind, transport, t0, reply, raw))

    def _fail(
        self, resolver: Resolver, kind: str, transport: str, t0: float, failure: str | None, raw: bytes | None = None
    ) -> None:
        self.queries.append(
            Query(
                self._hop,
                self._host,
                kind,
                resolver.label,
                resolver.role,
                transport,
                t0,
                self._watch.read(),
                failure,
                raw=base64.b64encode(raw).decode("ascii") if raw is not None else None,
            )
        )

    def _query(
        self,
        resolver: Resolver,
        kind: str,
        transport: str,
        t0: float,
        reply: dns.message.Message,
        raw: bytes,
        *,
        late: bool = False,
    ) -> Query:
        answers = _answers(reply)
        return Query(
            self._hop,
            self._host,
            kind,
            resolver.label,
            resolver.role,
            transport,
            t0,
            self._watch.read(),
            _failure(reply, kind, answers),
            dns.rcode.to_text(reply.rcode()),
            answers,
            late,
            base64.b64encode(raw).decode("ascii"),
        )


_DOH_HEADERS = (
    ("Content-Type", "application/dns-message"),
    ("Accept", "application/dns-message"),
)


async def _receive(sock: socket.socket) -> bytes:
    await asyncio.sleep(0)  # as in connect: a flood must not outrun the deadline
    return await asyncio.get_running_loop().sock_recv(sock, _DATAGRAM)


async def _receive_framed(stream: Stream) -> bytes:
    """One message with its two bytes of length (RFC 1035 §4.2.2)."""
    received = b""
    while len(received) < 2 or len(received) < 2 + struct.unpack_from("!H", received)[0]:
        data = await stream.receive()
        if not data:
            raise EOFError("closed before the reply was complete")
        received += data
    return received[2 : 2 + struct.unpack_from("!H", received)[0]]


def _read(raw: bytes, question: dns.message.Message) -> dns.message.Message | Failure:
    """The reply, or why this datagram is none to our question."""
    if len(raw) >= 2 and struct.unpack_from("!H", raw)[0] != question.id:
        return Failure.DNS_WRONG_ID
    try:
        reply = dns.message.from_wire(raw)
    except (dns.exception.DNSException, ValueError):  # dnspython lets a few ValueErrors of hostile rdata through
        return Failure.DNS_MISBEHAVING
    return reply if question.is_response(reply) else Failure.DNS_MISBEHAVING


def _answers(reply: dns.message.Message) -> tuple[Answer, ...]:
    return tuple(
        Answer(dns.rdatatype.to_text(rrset.rdtype), record.to_text().removesuffix("."), rrset.ttl)
        for rrset in reply.answer
        if rrset.rdtype in _KEPT_TYPES
        for record in rrset
    )


def _failure(reply: dns.message.Message, kind: str, answers: tuple[Answer, ...]) -> Failure | None:
    if reply.rcode() != dns.rcode.NOERROR:
        return _RCODES.get(reply.rcode(), Failure.DNS_MISBEHAVING)
    return None if any(answer.type == kind for answer in answers) else Failure.DNS_NO_ANSWER


def _sense(query: Query) -> tuple[str | None, frozenset[str]]:
    """What a reply says, whatever the order it says it in."""
    return query.rcode, frozenset(query.addresses)
