"""One accepted connection: the network's rules act on what it shows, and a web server answers the rest."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Sequence

from checks.lab import client_hello, web
from checks.lab.networks import BLOCK_PAGE, SLOWED, Act, OnHost, OnServerName, Rule, act_on
from checks.lab.sites import NEUTRAL
from checks.lab.streams import reset_on_close, streams


async def serve_secure(
    sock: socket.socket,
    *,
    rules: Sequence[Rule],
    own: ssl.SSLContext,
    neutral: ssl.SSLContext,
    answer: web.Answerer,
) -> None:
    """TLS, once the filter has read the server name from the ClientHello: TCP has succeeded by then."""
    name = client_hello.server_name(await client_hello.peek(sock)) or ""
    act = act_on(OnServerName, name, rules)
    if act is Act.DROP:
        await _swallow(sock)
    elif act is Act.RESET:
        reset_on_close(sock)
    else:
        if act is Act.SLOW:
            await asyncio.sleep(SLOWED)
        async with streams(sock, neutral if name == NEUTRAL.name else own) as (reader, writer):
            await web.serve(reader, writer, answer)


async def serve_plain(sock: socket.socket, *, rules: Sequence[Rule], answer: web.Answerer) -> None:
    """Cleartext HTTP, filtered by the Host header."""

    def filtered(request: web.Request) -> web.Response | None:
        act = act_on(OnHost, request.host, rules)
        if act is Act.RESET:
            return None
        return web.page(BLOCK_PAGE) if act is Act.PAGE else answer(request)

    async with streams(sock) as (reader, writer):
        if not await web.serve(reader, writer, filtered):
            reset_on_close(sock)


async def _swallow(sock: socket.socket) -> None:
    """Read and answer nothing, until the client gives up."""
    loop = asyncio.get_running_loop()
    while await loop.sock_recv(sock, 2**16):
        pass
