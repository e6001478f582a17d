"""Sockets that listen, and the tasks that serve them; all end together."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import ExitStack, suppress
from functools import partial
from typing import Any

import h11

from checks.lab import resolvers

BACKLOG = 1024
ACCEPT_AGAIN_AFTER = 0.1  # seconds, when we are out of file descriptors

log = logging.getLogger(__name__)

Place = tuple[str, int]
ANYWHERE: Place = ("127.0.0.1", 0)  # any free port of loopback
Serve = Callable[[socket.socket], Awaitable[None]]
Bind = Callable[[socket.SocketKind, Place], socket.socket]  # a non-blocking socket, bound to this place


class Listeners:
    """Whoever opens listeners closes them; `bind` makes their sockets."""

    def __init__(self, bind: Bind) -> None:
        self._make_bound = bind
        self._tasks: set[asyncio.Task[None]] = set()
        self._sockets = ExitStack()

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._sockets.close()

    def tcp(self, place: Place, serve: Serve) -> Place:
        listener = self._bind(socket.SOCK_STREAM, place)
        listener.listen(BACKLOG)
        self.spawn(self._accept(listener, serve))
        return _where(listener)

    async def udp(self, place: Place, answer: resolvers.Answerer, *, distance: float = 0) -> Place:
        sock = self._bind(socket.SOCK_DGRAM, place)
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            partial(resolvers.Datagrams, answer, distance=distance), sock=sock
        )
        self._sockets.callback(transport.close)
        return _where(sock)

    def refusing(self) -> Place:
        """A loopback port that stays taken and answers every SYN with RST, since nobody listens."""
        return _where(self._bind(socket.SOCK_STREAM, ANYWHERE))

    async def silent(self) -> Place:
        """A loopback port that leaves every SYN unanswered: its queue holds one connection, and that is ours."""
        listener = self._bind(socket.SOCK_STREAM, ANYWHERE)
        listener.listen(0)
        filler = self._sockets.enter_context(socket.socket())
        filler.setblocking(False)
        await asyncio.get_running_loop().sock_connect(filler, _where(listener))
        return _where(listener)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _bind(self, kind: socket.SocketKind, place: Place) -> socket.socket:
        return self._sockets.enter_context(self._make_bound(kind, place))

    async def _accept(self, listener: socket.socket, serve: Serve) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                sock, _ = await loop.sock_accept(listener)
            except OSError:
                log.exception("cannot accept a connection")
                await asyncio.sleep(ACCEPT_AGAIN_AFTER)
            else:
                self.spawn(self._serve(sock, serve))

    async def _serve(self, sock: socket.socket, serve: Serve) -> None:
        # That clients hang up, distrust our certificates or talk nonsense is their business.
        with sock, suppress(OSError, h11.RemoteProtocolError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await serve(sock)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("the lab has a mistake", exc_info=error)


def _where(sock: socket.socket) -> Place:
    host, port = sock.getsockname()[:2]
    return host, port
