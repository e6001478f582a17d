"""What is done with an accepted socket: read and write, look without reading, carry on, swallow, reset."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Protocol, TypeVar

READ_SIZE = 2**16

T = TypeVar("T")


class Stream(Protocol):
    """Bytes from and to one client."""

    async def read(self) -> bytes:
        """At least one byte, or b"" when the client has closed."""
        ...

    async def write(self, data: bytes) -> None: ...


@asynccontextmanager
async def opened(sock: socket.socket, context: ssl.SSLContext | None = None) -> AsyncIterator[Stream]:
    """A stream over the socket, after the TLS handshake if there is a context. Closing the socket is not its business.

    Raises OSError (ssl.SSLError among them) when the handshake fails.
    """
    if context is None:
        yield _Plain(sock)
        return
    secure = _Secure(sock, context)
    await secure.shake_hands()
    yield secure
    await secure.say_goodbye()


class _Plain:
    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._loop = asyncio.get_running_loop()

    async def read(self) -> bytes:
        return await self._loop.sock_recv(self._sock, READ_SIZE)

    async def write(self, data: bytes) -> None:
        await self._loop.sock_sendall(self._sock, data)


class _Secure:
    """TLS over memory. asyncio's own stumbles when a client cuts a connection on which much waits to be sent."""

    def __init__(self, sock: socket.socket, context: ssl.SSLContext) -> None:
        self._plain = _Plain(sock)
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)

    async def shake_hands(self) -> None:
        await self._step(self._tls.do_handshake)

    async def read(self) -> bytes:
        try:
            return await self._step(lambda: self._tls.read(READ_SIZE))
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return b""

    async def write(self, data: bytes) -> None:
        await self._step(lambda: self._tls.write(data))  # memory takes it all at once

    async def say_goodbye(self) -> None:
        with suppress(ssl.SSLError):  # that there is no goodbye in return
            self._tls.unwrap()
        await self._flush()

    async def _step(self, step: Callable[[], T]) -> T:
        while True:
            try:
                return step()
            except ssl.SSLWantReadError:
                await self._flush()
                if data := await self._plain.read():
                    self._incoming.write(data)
                else:
                    self._incoming.write_eof()
            finally:
                await self._flush()  # also the alert that says what was wrong

    async def _flush(self) -> None:
        if self._outgoing.pending:
            await self._plain.write(self._outgoing.read())


async def peek(sock: socket.socket, at_least: int, at_most: int) -> bytes:
    """What has arrived on a non-blocking socket, and stays in it; shorter than asked for when the peer closed."""
    # The kernel wakes us only when so many bytes wait: no busy loop over half a record.
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, at_least)
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(sock, readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(sock)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)
    return sock.recv(at_most, socket.MSG_PEEK)


async def splice(sock: socket.socket, other: socket.socket) -> None:
    """Carry bytes both ways, until both sides have closed or one is cut."""
    ways = [asyncio.create_task(_carry(*way)) for way in ((sock, other), (other, sock))]
    try:
        await asyncio.gather(*ways)
    finally:
        for way in ways:
            way.cancel()


async def _carry(source: socket.socket, target: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    while data := await loop.sock_recv(source, READ_SIZE):
        await loop.sock_sendall(target, data)
    target.shutdown(socket.SHUT_WR)


async def swallow(sock: socket.socket) -> None:
    """Read and answer nothing, until the client gives up."""
    while await asyncio.get_running_loop().sock_recv(sock, READ_SIZE):
        pass


def reset_on_close(sock: socket.socket) -> None:
    """Closing the socket will send RST instead of FIN."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
