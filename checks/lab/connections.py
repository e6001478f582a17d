"""One accepted connection: the network's rules act on what it shows, and a web server answers the rest.

On loopback one listener is both, the filter and the site's server (`serve_…`). Between namespaces the
filter is a proxy of its own, which carries on what it does not stop (`pass_…`).
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from checks.lab import client_hello, web
from checks.lab.networks import BLOCK_PAGE, LOGIN, PACE, SLOWED, Act, OnHost, OnServerName, Rule, act_on
from checks.lab.sites import NEUTRAL
from checks.lab.streams import opened, peek, reset_on_close, splice, swallow

HEAD_LIMIT = 2**14

Intercept = Callable[[str], ssl.SSLContext]  # what shows a forged certificate for a name
Onward = Callable[[], Awaitable[socket.socket]]  # a connection to where the client wanted to go


async def serve_secure(
    sock: socket.socket,
    *,
    rules: Sequence[Rule],
    own: ssl.SSLContext,
    neutral: ssl.SSLContext,
    intercept: Intercept,
    answer: web.Answerer,
) -> None:
    """TLS, once the filter has read the server name from the ClientHello: TCP has succeeded by then."""
    name, act = await _read_hello(sock, rules)
    if await _stops(sock, act):
        return
    context = intercept(name) if act is Act.INTERCEPT else neutral if name == NEUTRAL.name else own
    async with opened(sock, context) as stream:
        await web.serve(stream, answer, pace=PACE if act is Act.THROTTLE else None)


async def serve_plain(sock: socket.socket, *, rules: Sequence[Rule], answer: web.Answerer) -> None:
    """Cleartext HTTP, filtered by the Host header."""
    async with opened(sock) as stream:
        act = await web.serve(stream, partial(_answer_filtered, answer, rules))
    await _stops(sock, act)


async def serve_reset(sock: socket.socket) -> None:
    """RST to the first byte."""
    await peek(sock, 1, 1)
    reset_on_close(sock)


async def pass_secure(sock: socket.socket, *, rules: Sequence[Rule], intercept: Intercept, onward: Onward) -> None:
    name, act = await _read_hello(sock, rules)
    if await _stops(sock, act):
        return
    if act is Act.INTERCEPT:
        async with opened(sock, intercept(name)):
            return  # nobody asks for a page after such a certificate
    with await onward() as other:
        await splice(sock, other)


async def pass_plain(sock: socket.socket, *, rules: Sequence[Rule], onward: Onward) -> None:
    if _act_on_host(await _host(sock), rules):
        await serve_plain(sock, rules=rules, answer=lambda request: Act.RESET)
    else:
        with await onward() as other:
            await splice(sock, other)


async def _read_hello(sock: socket.socket, rules: Sequence[Rule]) -> tuple[str, Act | None]:
    name = client_hello.server_name(await client_hello.peek(sock)) or ""
    return name, act_on(OnServerName, name, rules)


async def _stops(sock: socket.socket, act: Act | None) -> bool:
    """Whether the act was the end of the connection."""
    if act is Act.DROP:
        await swallow(sock)
    elif act is Act.RESET:
        reset_on_close(sock)
    elif act is Act.CLOSE:
        sock.recv(client_hello.RECORD_LIMIT)  # what is left unread would turn FIN into RST
    else:
        await asyncio.sleep(SLOWED if act is Act.SLOW else 0)
        return False
    return True


def _act_on_host(host: str, rules: Sequence[Rule]) -> Act | None:
    act = act_on(OnHost, host, rules)
    return None if act is Act.LOGIN and host == LOGIN.name else act


def _answer_filtered(answer: web.Answerer, rules: Sequence[Rule], request: web.Request) -> web.Response | Act:
    act = _act_on_host(request.host, rules)
    if act is Act.PAGE:
        return web.page(BLOCK_PAGE.page(), BLOCK_PAGE.name)
    if act is Act.LOGIN:
        return web.redirect(LOGIN.url, status=302)
    return act or answer(request)


async def _host(sock: socket.socket) -> str:
    """The host that a cleartext request names, left in the socket."""
    head, before = b"", -1
    while b"\r\n\r\n" not in head and before < len(head) < HEAD_LIMIT:
        before = len(head)
        head = await peek(sock, before + 1, HEAD_LIMIT)
    fields = (line.partition(b":") for line in head.split(b"\r\n")[1:])
    return next((web.host(value) for name, _, value in fields if name.lower() == b"host"), "")
