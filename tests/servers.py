"""Real loopback servers that misbehave, behind public-looking addresses, and a World that leads to them."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from functools import cache
from ipaddress import ip_address
from typing import Self

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from checks.engine.world import ISP, Deadlines, Resolver, World

SITE = "93.184.216.34"
RESOLVER = "93.184.217.53"

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Replies = Callable[[dns.message.Message], list[bytes]]


class Servers:
    """Servers of one test; all of them close when the block ends."""

    def __init__(self) -> None:
        self._stack = AsyncExitStack()
        self._addresses: dict[str, tuple[str, int]] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    def world(self, *resolvers: Resolver, neutral_name: str = "www.example.com", **deadlines: float) -> World:
        """A lab world. Deadlines are long where a test does not shorten them: nobody asserts times."""
        given = {"late_dns": 0.2, "followup_after": 0.0, **deadlines}
        return World(
            "test",
            imitated=True,
            resolvers=resolvers or (Resolver(ISP, RESOLVER),),
            addresses=self._addresses,
            trust=authority().pem,
            neutral_name=neutral_name,
            deadlines=Deadlines(**given),
        )

    async def tcp(self, handler: Handler, port: int, address: str = SITE, tls: ssl.SSLContext | None = None) -> None:
        """Serve connections with `handler`, which ends them; one still open at the end is cancelled."""
        tasks: set[asyncio.Task[None]] = set()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await handler(reader, writer)
            except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
                pass  # the engine hangs up whenever it has seen enough
            finally:
                writer.transport.abort()

        def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.create_task(serve(reader, writer))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        async def close() -> None:
            server.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
        self._stack.push_async_callback(close)
        self._map("tcp", address, port, server.sockets[0].getsockname())

    async def web(self, handler: Handler, name: str = "site.kz", address: str = SITE) -> None:
        """An https server with a certificate for `name`."""
        await self.tcp(handler, 443, address, authority().context(name))

    async def dns(self, replies: Replies, address: str = RESOLVER) -> None:
        """A UDP resolver; what it says is a list of datagrams, sent one after another."""
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: _Dns(replies), ("127.0.0.1", 0))
        self._stack.callback(transport.close)
        self._map("udp", address, 53, transport.get_extra_info("sockname"))

    async def name(self, *addresses: str) -> None:
        """A resolver that has these addresses for every name."""
        await self.dns(lambda query: [answer(query, *addresses)])

    def closed(self, transport: str, port: int, address: str = SITE) -> None:
        """A port where nobody listens."""
        kind = socket.SOCK_STREAM if transport == "tcp" else socket.SOCK_DGRAM
        with socket.socket(socket.AF_INET, kind) as free:
            free.bind(("127.0.0.1", 0))
            self._map(transport, address, port, free.getsockname())

    def full(self, port: int, address: str = SITE) -> None:
        """A port whose queue is full, so that the kernel drops every further SYN."""
        listener = self._stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(2):
            client = self._stack.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        self._map("tcp", address, port, listener.getsockname())

    def real(self, transport: str, port: int, address: str = SITE) -> tuple[str, int]:
        """Where on loopback the server of this address is."""
        return self._addresses[f"{transport}/{address}:{port}"]

    def _map(self, transport: str, address: str, port: int, real: tuple[str, int]) -> None:
        shown = f"[{address}]" if ":" in address else address
        self._addresses[f"{transport}/{shown}:{port}"] = (real[0], real[1])


class _Dns(asyncio.DatagramProtocol):
    def __init__(self, replies: Replies) -> None:
        self._replies = replies

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        for reply in self._replies(dns.message.from_wire(data)):
            self._transport.sendto(reply, addr)


def answer(query: dns.message.Message, *addresses: str, rcode: dns.rcode.Rcode = dns.rcode.NOERROR) -> bytes:
    """A reply with those of the addresses that fit the question."""
    reply = dns.message.make_response(query)
    reply.set_rcode(rcode)
    question = query.question[0]
    kind = dns.rdatatype.to_text(question.rdtype)
    fitting = [a for a in addresses if (kind == "AAAA") == (":" in a)]
    if fitting:
        reply.answer.append(dns.rrset.from_text_list(question.name, 60, "IN", kind, fitting))
    return reply.to_wire()


def truncated(query: dns.message.Message) -> bytes:
    reply = dns.message.make_response(query)
    reply.flags |= dns.flags.TC
    return reply.to_wire()


def page(body: bytes = b"<title>Hello</title>", status: str = "200 OK", *headers: str) -> Handler:
    """Answer any request with this."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
        await say("\r\n".join(head).encode() + b"\r\n\r\n" + body)(reader, writer)

    return handler


def redirect(location: str) -> Handler:
    return page(b"", "302 Found", f"Location: {location}")


def say(data: bytes) -> Handler:
    """Send this and end properly."""

    async def handler(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    return handler


def after_request(then: Handler) -> Handler:
    """Read the beginning of what the client says, then do this."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65536)
        await then(reader, writer)

    return handler


async def reset(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Cut the connection with an RST."""
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """End the connection with a FIN."""
    writer.close()


async def silence(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
    """Say nothing until the test ends."""
    await asyncio.Event().wait()


def censor(name: str, act: Handler, inner: tuple[str, int]) -> Handler:
    """Pass connections on to `inner`, but do this to those whose first bytes hold `name`."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hello = await reader.read(65536)
        if name.encode() in hello:
            await act(reader, writer)
        inner_reader, inner_writer = await asyncio.open_connection(*inner)
        inner_writer.write(hello)
        try:
            await asyncio.gather(_pipe(reader, inner_writer), _pipe(inner_reader, writer))
        finally:
            inner_writer.transport.abort()

    return handler


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


class Authority:
    """A root of its own and what it signs, or what nobody signs."""

    def __init__(self) -> None:
        self._root_key, self._key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        self._now = datetime.now(UTC)
        self._name = _common_name("Root of the tests")
        self._root = self._sign(self._name, self._root_key.public_key(), self._name, self._root_key, ca=True)

    @property
    def pem(self) -> str:
        return self._root.public_bytes(serialization.Encoding.PEM).decode("ascii")

    def certificate(self, name: str, *, days: tuple[int, int] = (-30, 30), signed: bool = True) -> x509.Certificate:
        """A server's certificate, valid between these days from now."""
        subject = _common_name(name)
        issuer, issuer_key = (self._name, self._root_key) if signed else (subject, self._key)
        return self._sign(subject, self._key.public_key(), issuer, issuer_key, san=name, days=days)

    def context(
        self,
        name: str,
        *,
        days: tuple[int, int] = (-30, 30),
        signed: bool = True,
        padding: int = 0,
        altered: tuple[bytes, bytes] = (b"", b""),
    ) -> ssl.SSLContext:
        """What a TLS server shows that has such a certificate, and so many useless ones after it.

        With the bytes that are `altered` it need no longer be one.
        """
        der = self.certificate(name, days=days, signed=signed).public_bytes(serialization.Encoding.DER)
        leaf = ssl.DER_cert_to_PEM_cert(der.replace(*altered, 1) if altered[0] else der).encode("ascii")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_alpn_protocols(["http/1.1"])
        private = self._key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        with tempfile.NamedTemporaryFile() as file:
            file.write(leaf * (1 + padding) + private)
            file.flush()
            context.load_cert_chain(file.name)
        return context

    def _sign(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePublicKey,
        issuer: x509.Name,
        issuer_key: ec.EllipticCurvePrivateKey,
        *,
        ca: bool = False,
        san: str | None = None,
        days: tuple[int, int] = (-30, 30),
    ) -> x509.Certificate:
        begin, end = (self._now + timedelta(days=day) for day in days)
        builder = (
            x509.CertificateBuilder(issuer, subject, key, x509.random_serial_number(), begin, end)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        )
        if san is not None:
            builder = builder.add_extension(x509.SubjectAlternativeName([_general_name(san)]), critical=False)
        return builder.sign(issuer_key, hashes.SHA256())


@cache
def authority() -> Authority:
    return Authority()


def _common_name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)
