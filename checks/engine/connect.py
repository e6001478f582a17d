"""TCP: one connection attempt, and the plain byte stream it leaves."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Protocol

from checks.engine import guard
from checks.engine.failures import NETWORK_ERRORS, name_failure
from checks.engine.records import VISIT, Connect
from checks.engine.stopwatch import Stopwatch
from checks.engine.world import World

READ_SIZE = 65536


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


class Plain:
    """A connected TCP socket as a Stream."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._loop = asyncio.get_running_loop()

    async def send(self, data: bytes) -> None:
        await self._loop.sock_sendall(self._sock, data)

    async def receive(self) -> bytes:
        return await receive(self._sock, READ_SIZE)

    def abort(self) -> None:
        abort(self._sock)


async def receive(sock: socket.socket, size: int) -> bytes:
    """What is there, or the next that comes; b"" at the peer's end."""
    try:
        data = sock.recv(size)
    except BlockingIOError:
        return await asyncio.get_running_loop().sock_recv(sock, size)
    await asyncio.sleep(0)  # while data waits nothing else would run: a flood would outrun every deadline
    return data


def abort(sock: socket.socket) -> None:
    if sock.fileno() != -1:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()


async def open_stream(address: str, port: int, world: World) -> Plain:
    """Dial a configured server or an address that the guard has passed. Raises OSError."""
    target = world.dial("tcp", address, port)
    sock = socket.socket(family(target[0]), socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(sock, target)
    except BaseException:
        abort(sock)
        raise
    return Plain(sock)


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
