"""DNS: every resolver of the world is asked for A and AAAA, each on its own, all at once.

`wire` writes and reads the messages; the sockets are ours. What comes back is kept as it came:
a bogon, a lie and a second reply are facts, and only `Query.failure` says that no address came.
"""

from __future__ import annotations

import asyncio
import base64
import socket
import struct
from urllib.parse import urlsplit

from checks.engine.connect import Incoming, Plain, Stream, family, open_stream
from checks.engine.failures import NETWORK_ERRORS, Failed, Failure, name_failure
from checks.engine.flow import Flow
from checks.engine.handshake import shake
from checks.engine.http import Response, request
from checks.engine.records import BY_DOH, Handshake, Query
from checks.engine.stopwatch import Stopwatch
from checks.engine.wire import TYPES, Question, Reply, read, read_ordinary
from checks.engine.world import DOH, PUBLIC, Resolver, World

RESEND_PAUSES = (1.0, 1.0, 2.0)  # seconds: asked again after 1, 2 and 4. UDP loses packets, and a loss is no censorship
STRAY_LIMIT = 8  # wrong replies kept for one lookup at one resolver, so that a flood fills no record
MESSAGE_LIMIT = 65535  # bytes, RFC 1035 §4.2.2: https would let more through
RAW_KEPT = 4096  # bytes of a reply
STRAY_KEPT = 512  # bytes of what is none
ANSWERS_KEPT = 64
_DATAGRAM = 8192  # bytes: without EDNS a reply has 512 at most, and what is longer than this is none


class Lookup:
    """The questions about one host of one hop; `queries` grows while late replies come in.

    `handshakes` are those with resolvers that are asked by https.
    """

    def __init__(self, hop: int, host: str, world: World, watch: Stopwatch, flow: Flow) -> None:
        self.queries: list[Query] = []
        self.handshakes: list[Handshake] = []
        self.host, self.world, self.watch, self.flow = host, world, watch, flow
        self._hop = hop

    async def run(self, background: asyncio.TaskGroup) -> None:
        """Ask everyone. Listening for second replies goes on in `background` when this returns."""
        async with self.watch.turn(self.flow.lookups):
            if len(self.world.resolvers) == 1:
                return await self._ask(self.world.resolvers[0], background)
            async with asyncio.TaskGroup() as group:
                for resolver in self.world.resolvers:
                    group.create_task(self._ask(resolver, background))
        return None

    async def _ask(self, resolver: Resolver, background: asyncio.TaskGroup) -> None:
        if resolver.role == DOH:
            return await self._ask_doh(resolver)
        return await _Datagrams(self, resolver).ask(background)

    async def ask_tcp(self, resolver: Resolver, question: Question) -> None:
        t0 = self.watch.read()
        stream: Plain | None = None
        try:
            async with self.watch.within(self.world.deadlines.dns):
                stream = await open_stream(resolver.address, resolver.port, self.world)
                message = question.message
                await stream.send(struct.pack("!H", len(message)) + message)
                raw = await _receive_framed(stream)
            self._keep_or_fail(resolver, question, "tcp", t0, raw)
        except NETWORK_ERRORS as error:
            self.fail(resolver, question.kind, "tcp", t0, name_failure(error))
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
                t0 = self.watch.read()
                try:
                    async with self.watch.within(self.world.deadlines.dns):
                        stream = await self._ask_kept(resolver, kind, t0, stream)
                except NETWORK_ERRORS as error:
                    # The other question would only wait for the same: a blocked DoH server costs one deadline.
                    for unanswered in TYPES[number:]:
                        self.fail(resolver, unanswered, "https", t0, name_failure(error))
                    return
        finally:
            if stream is not None:
                stream.abort()

    async def _ask_kept(self, resolver: Resolver, kind: str, t0: float, kept: Stream | None) -> Stream | None:
        """One question, once more on a new connection if the kept one was closed: a server may (RFC 9112 §9.5)."""
        if kept is not None:
            try:
                return await self._post(resolver, kind, t0, kept)
            except (EOFError, ConnectionError):
                pass  # it was aborted, and the question is asked again
        return await self._post(resolver, kind, t0, await self._open_doh(resolver))

    async def _open_doh(self, resolver: Resolver) -> Stream:
        host = urlsplit(resolver.url or "").hostname or ""
        plain = await open_stream(resolver.address, resolver.port, self.world)
        handshake, secure = await shake(
            self._hop, resolver.address, resolver.port, plain, host, self.world, self.watch, purpose=BY_DOH
        )
        self.handshakes.append(handshake)
        if secure is None:
            raise Failed(Failure(handshake.failure or Failure.UNKNOWN))
        return secure

    async def _post(self, resolver: Resolver, kind: str, t0: float, stream: Stream) -> Stream | None:
        """One question; gives the stream back when the server will take another on it."""
        question = Question.new(self.host, kind, id=0)  # 0: RFC 8484 §4.1
        url = urlsplit(resolver.url or "")
        response = Response()
        try:
            await request(stream, "POST", url.netloc, url.path or "/", _DOH_HEADERS, response, content=question.message)
        except BaseException:
            stream.abort()
            raise
        if response.status == 200:
            self._keep_or_fail(resolver, question, "https", t0, bytes(response.body))
        else:
            self.fail(resolver, kind, "https", t0, Failure.HTTP_UNEXPECTED_STATUS)
        if "close" in (response.header("connection") or "").lower():
            stream.abort()
            return None
        return stream

    def _keep_or_fail(self, resolver: Resolver, question: Question, transport: str, t0: float, raw: bytes) -> None:
        reply = read(raw, question) if len(raw) <= MESSAGE_LIMIT else Failure.DNS_MISBEHAVING
        if isinstance(reply, Reply):
            self.keep(resolver, question.kind, transport, t0, reply, raw)
        else:
            self.fail(resolver, question.kind, transport, t0, reply, raw)

    def fail(
        self, resolver: Resolver, kind: str, transport: str, t0: float, failure: Failure, raw: bytes | None = None
    ) -> None:
        self._note(resolver, kind, transport, t0, failure, None, raw)

    def keep(
        self,
        resolver: Resolver,
        kind: str,
        transport: str,
        t0: float,
        reply: Reply,
        raw: bytes,
        *,
        late: bool = False,
    ) -> None:
        self._note(resolver, kind, transport, t0, reply.failure(kind), reply, raw, late=late)

    def _note(
        self,
        resolver: Resolver,
        kind: str,
        transport: str,
        t0: float,
        failure: Failure | None,
        reply: Reply | None,
        raw: bytes | None,
        *,
        late: bool = False,
    ) -> None:
        self.queries.append(
            Query(
                self._hop,
                self.host,
                kind,
                resolver.label,
                resolver.role,
                transport,
                t0,
                self.watch.read(),
                failure,
                reply.rcode if reply else None,
                reply.answers[:ANSWERS_KEPT] if reply else (),
                late,
                base64.b64encode(raw[: RAW_KEPT if reply else STRAY_KEPT]).decode("ascii") if raw is not None else None,
            )
        )


class _Datagrams:
    """The questions of one lookup to one resolver, over one UDP socket."""

    def __init__(self, lookup: Lookup, resolver: Resolver) -> None:
        self._lookup, self._resolver = lookup, resolver
        # Only a public resolver is far enough away for a forger to race it. A network's own is asked as its
        # customers ask it: a filter that compares letter for letter must not miss us.
        mixed = resolver.role == PUBLIC
        self._open = {kind: Question.new(lookup.host, kind, mixed=mixed) for kind in TYPES}
        self._said: dict[str, list[frozenset[str]]] = {kind: [] for kind in TYPES}
        self._answered: dict[str, Question] = {}
        self._truncated: dict[str, Question] = {}
        self._strays = 0
        self._resent = False
        self._t0 = 0.0

    async def ask(self, background: asyncio.TaskGroup) -> None:
        watch, deadlines = self._lookup.watch, self._lookup.world.deadlines
        self._t0 = watch.read()
        line: _Line | None = None
        began = asyncio.get_running_loop().time()
        try:
            line = _Line(self._lookup.world.dial("udp", self._resolver.address, self._resolver.port))
            try:
                async with watch.within(deadlines.dns):
                    await self._until_answered(line)
            except TimeoutError:
                if not self._lookup.flow.lost_since(began):
                    raise
                # Others lost theirs on the way, too: silence means something only when it is asked into quietly.
                self._t0 = watch.read()
                async with watch.within(deadlines.dns):
                    await self._until_answered(line)
        except BaseException as error:
            if not isinstance(error, NETWORK_ERRORS):
                if line is not None:
                    line.close()
                raise
            for kind in self._open:
                self._lookup.fail(self._resolver, kind, "udp", self._t0, name_failure(error))
        if line is not None and self._resolver.role == PUBLIC and (self._answered or self._truncated):
            # A forged reply comes first and the true one after it: only who listens on sees both.
            background.create_task(self._listen_on(line))
        elif line is not None:
            line.close()
        for question in self._truncated.values():
            await self._lookup.ask_tcp(self._resolver, question)

    async def _until_answered(self, line: _Line) -> None:
        """Take what comes, asking again while a question is open."""
        watch, deadlines = self._lookup.watch, self._lookup.world.deadlines
        for number, pause in enumerate((*RESEND_PAUSES, deadlines.dns)):
            self._resent = number > 0
            for question in self._open.values():
                line.send(question.message)
            try:
                async with watch.within(pause):
                    while self._open:
                        self._take(await line.receive(), line)
                        if self._open and (raw := line.received()) is not None:
                            self._take(raw, line)
                return
            except TimeoutError:
                continue
        raise TimeoutError

    def _take(self, raw: bytes, line: _Line) -> None:
        """One datagram: the reply to an open question, one more to an answered one, or a stray."""
        for kind, question in self._open.items():
            reply = self._read(raw, question)
            if isinstance(reply, Reply):
                if (
                    not reply.same_case and question.mixed
                ):  # forged, or by a server that knows no better: ask as everybody does
                    self._stray(kind, Failure.DNS_MISBEHAVING, raw)
                    self._open[kind] = Question.new(self._lookup.host, kind, mixed=False)
                    line.send(self._open[kind].message)
                elif reply.truncated:
                    self._truncated[kind] = self._open.pop(kind)  # what it lists is not all, and is asked for by TCP
                    if reply.answers:
                        self._say(kind, reply, raw, late=False)
                else:
                    self._answered[kind] = self._open.pop(kind)
                    self._say(kind, reply, raw, late=False)
                if self._resent:
                    self._lookup.flow.lost_question()
                return
        if not self._is_repeated(raw):
            kind = self._meant(raw)
            failure = self._read(raw, self._open[kind])
            self._stray(kind, failure if isinstance(failure, Failure) else Failure.DNS_MISBEHAVING, raw)

    def _is_repeated(self, raw: bytes) -> bool:
        """One more reply to an answered question: kept when it says something else, since one of them is forged."""
        for kind, question in (*self._answered.items(), *self._truncated.items()):
            reply = self._read(raw, question)
            if isinstance(reply, Reply):
                self._say(kind, reply, raw, late=True)
                return True
        return False

    def _read(self, raw: bytes, question: Question) -> Reply | Failure:
        """Where so many strays came, what costs more to read than an ordinary reply is one more of them."""
        return read(raw, question) if self._strays < STRAY_LIMIT else read_ordinary(raw, question)

    def _meant(self, raw: bytes) -> str:
        """The open question that a stray is about; if that cannot be told, the first."""
        asked = raw[12:].lower()
        questions = {**self._open, **self._answered, **self._truncated}
        return next((k for k, q in questions.items() if asked.startswith(q.wire.lower())), next(iter(questions)))

    def _say(self, kind: str, reply: Reply, raw: bytes, *, late: bool) -> None:
        """Keep a reply, unless the same was said before."""
        sense = frozenset([reply.rcode, *(answer.value for answer in reply.answers)])
        if sense not in self._said[kind] and len(self._said[kind]) <= STRAY_LIMIT:
            self._said[kind].append(sense)
            self._lookup.keep(self._resolver, kind, "udp", self._t0, reply, raw, late=late)

    def _stray(self, kind: str, failure: Failure, raw: bytes) -> None:
        self._strays += 1
        if self._strays <= STRAY_LIMIT:
            self._lookup.fail(self._resolver, kind, "udp", self._t0, failure, raw)

    async def _listen_on(self, line: _Line) -> None:
        try:
            async with self._lookup.watch.within(self._lookup.world.deadlines.late_dns):
                while True:
                    raw = await line.receive()
                    if not self._is_repeated(raw):
                        self._stray(self._meant(raw), Failure.DNS_MISBEHAVING, raw)
        except NETWORK_ERRORS:
            pass  # silence is what this socket expects
        finally:
            line.close()


class _Line:
    """A connected UDP socket: the kernel passes on only what the resolver's own address and port sent."""

    def __init__(self, target: tuple[str, int]) -> None:
        self._sock = socket.socket(family(target[0]), socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        try:
            self._sock.connect(target)
        except OSError:
            self._sock.close()
            raise
        self._incoming = Incoming(self._sock)

    def send(self, data: bytes) -> None:
        self._sock.send(data)

    async def receive(self) -> bytes:
        return await self._incoming.receive(_DATAGRAM)

    def received(self) -> bytes | None:
        """What is there already, without a turn of the loop, if anything is. Both replies often come together."""
        try:
            return self._sock.recv(_DATAGRAM)
        except BlockingIOError:
            return None

    def close(self) -> None:
        self._incoming.ignore()
        self._sock.close()


_DOH_HEADERS = (
    ("Content-Type", "application/dns-message"),
    ("Accept", "application/dns-message"),
)


async def _receive_framed(stream: Stream) -> bytes:
    """One message with its two bytes of length (RFC 1035 §4.2.2)."""
    received = b""
    while len(received) < 2 or len(received) < 2 + struct.unpack_from("!H", received)[0]:
        data = await stream.receive()
        if not data:
            raise EOFError("closed before the reply was complete")
        received += data
    return received[2 : 2 + struct.unpack_from("!H", received)[0]]
