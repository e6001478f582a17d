"""TCP: one connection attempt, and the plain byte stream it leaves."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

from checks.engine import guard
from checks.engine.failures import NETWORK_ERRORS, name_failure
from checks.engine.flow import Gate
from checks.engine.records import VISIT, Connect
from checks.engine.stopwatch import Stopwatch
from checks.engine.world import World

IDLE_LIMIT = 1.0  # seconds that a connection may wait for its first word; servers give some five
READ_SIZE = 16384  # bytes: a TLS record at most; larger buffers cost more than the calls that they save


class Stream(Protocol):
    """Bytes to and from one peer."""

    async def send(self, data: bytes) -> None: ...

    async def receive(self) -> bytes:
        """At least one byte, or b"" at the peer's end. Raises what `failures` names."""
        ...

    def abort(self) -> None:
        """Close with a reset, so that our kernel resends nothing.

        Retransmissions of a dead connection would trigger residual blocking again and taint later tests.
        """
        ...


class Incoming:
    """What arrives at a connected, non-blocking socket.

    The loop watches it from the first wait to the end; to register it anew for each wait, as `loop.sock_recv` does,
    costs as much as all else that a visit does in Python.
    """

    __slots__ = ("_loop", "_number", "_sock", "_waiter", "_watched")

    def __init__(self, sock: socket.socket) -> None:
        self._sock, self._number = sock, sock.fileno()
        self._loop = asyncio.get_running_loop()
        self._waiter: asyncio.Future[None] | None = None
        self._watched = False

    async def receive(self, size: int) -> bytes:
        """The next that comes; b"" at the peer's end.

        It waits for the loop also when something is there: a flood must not outrun every deadline.
        """
        while True:
            if not self._watched:
                self._loop.add_reader(self._number, self._wake)
                self._watched = True
            self._waiter = self._loop.create_future()
            try:
                await self._waiter
                return self._sock.recv(size)
            except BlockingIOError:
                continue
            finally:
                self._waiter = None

    def _wake(self) -> None:
        if self._waiter is None:
            self.ignore()  # nobody wants it now, and the loop would call us without end
        elif not self._waiter.done():
            self._waiter.set_result(None)

    def ignore(self) -> None:
        """Watch no longer. Must be called before the socket is closed."""
        if self._watched:
            self._loop.remove_reader(self._number)
            self._watched = False


class Plain:
    """A connected TCP socket as a Stream."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._incoming = Incoming(sock)

    async def send(self, data: bytes) -> None:
        try:
            sent = self._sock.send(data)
        except BlockingIOError:
            sent = 0
        if sent < len(data):
            self._incoming.ignore()
            await asyncio.get_running_loop().sock_sendall(self._sock, data[sent:])

    async def receive(self) -> bytes:
        return await self._incoming.receive(READ_SIZE)

    def abort(self) -> None:
        self._incoming.ignore()
        abort(self._sock)


def abort(sock: socket.socket) -> None:
    if sock.fileno() != -1:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()


async def open_stream(address: str, port: int, world: World) -> Plain:
    """Dial a configured server or an address that the guard has passed. Raises OSError."""
    target = world.dial("tcp", address, port)
    sock = socket.socket(family(target[0]), socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        await _connected(sock, target)
    except BaseException:
        abort(sock)
        raise
    return Plain(sock)


async def _connected(sock: socket.socket, target: tuple[str, int]) -> None:
    """Connect a non-blocking socket to an address; nothing is looked up. Raises OSError."""
    try:
        sock.connect(target)
    except BlockingIOError:
        loop = asyncio.get_running_loop()
        writable: asyncio.Future[None] = loop.create_future()
        number = sock.fileno()
        loop.add_writer(number, _settle, writable)
        try:
            await writable
        finally:
            loop.remove_writer(number)
        if error := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise OSError(error, os.strerror(error)) from None


def _settle(writable: asyncio.Future[None]) -> None:
    if not writable.done():
        writable.set_result(None)


@asynccontextmanager
async def dialled(
    hop: int,
    address: str,
    port: int,
    world: World,
    watch: Stopwatch,
    gate: Gate,
    noted: list[Connect],
    *,
    purpose: str = VISIT,
) -> AsyncIterator[Plain | None]:
    """A connection and its turn at the gate; None when there is none.

    One that had to wait for long is dialled anew: a server that hears nothing hangs up, and it would be our doing.
    """
    connected, plain = await connect(hop, address, port, world, watch, purpose=purpose)
    noted.append(connected)
    if plain is None:
        yield None
        return
    try:
        async with watch.turn(gate) as waited:
            if waited > IDLE_LIMIT:
                plain.abort()
                connected, plain = await connect(hop, address, port, world, watch, purpose=purpose)
                noted.append(connected)
            yield plain
    finally:
        if plain is not None:
            plain.abort()


async def connect(
    hop: int, address: str, port: int, world: World, watch: Stopwatch, *, purpose: str = VISIT
) -> tuple[Connect, Plain | None]:
    """One attempt. Whoever calls has asked the guard; raises guard.Refused (a mistake of ours) otherwise."""
    if reason := guard.refuse(address):
        raise guard.Refused(f"{address}: {reason}")
    t0 = watch.read()
    stream, failure = None, None
    try:
        async with watch.within(world.deadlines.connect):
            stream = await open_stream(address, port, world)
    except NETWORK_ERRORS as error:
        failure = name_failure(error)
    return Connect(hop, address, port, t0, watch.read(), failure, purpose), stream


def family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET
