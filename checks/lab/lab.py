"""Runs the imitated internet: for each vantage, listeners that know whom they serve and what they stand for."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import h11
from dns.message import Message

from checks.engine.world import DOH, ISP, PUBLIC_RESOLVERS, Deadlines, Resolver, World
from checks.lab import resolvers, web
from checks.lab.certificates import Authority
from checks.lab.connections import serve_plain, serve_secure
from checks.lab.networks import BLOCK_PAGE, NETWORKS, Act, Network, OnConnect, Rule, Vantage, act_on
from checks.lab.sites import NEUTRAL, SITES, Certificate, Site

LOOPBACK = "127.0.0.1"
BACKLOG = 1024
ACCEPT_AGAIN_AFTER = 0.1  # seconds, when we are out of file descriptors
DOH_NAME = "cloudflare-dns.com"
DEADLINES = Deadlines(dns=2, late_dns=0.3, connect=3, handshake=3, fetch=5, visit=20, followup_after=1)

log = logging.getLogger(__name__)

Place = tuple[str, int]
Serve = Callable[[socket.socket], Awaitable[None]]


class Lab:
    """`async with Lab(directory)` runs it all; the world files and lab.json are in `directory` by then.

    lab.json: {"vantages": [{"name", "network", "asn", "role", "world", "takes_unreviewed"}],
    "sites": [{"name", "url"}]}; `world` is the name of a file beside it.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._root = Authority("Imitated root certificate")
        self._foreign = Authority("Imitated root that nobody trusts")
        self._neutral = self._root.context(NEUTRAL.name)
        self._doh = self._root.context(DOH_NAME)
        self._tasks: set[asyncio.Task[None]] = set()
        self._sockets = ExitStack()

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._stop()

    async def _start(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        self._refusing = self._refuse()
        self._silent = await self._stay_silent()
        self._contexts = {site.name: self._context(site) for site in (*SITES, BLOCK_PAGE) if site.certificate}
        vantages = []
        for network in NETWORKS:
            for vantage in network.vantages:
                file = f"{vantage.name}.world.json"
                (await self._world(network, vantage)).save(self.directory / file)
                vantages.append(
                    {
                        "name": vantage.name,
                        "network": network.name,
                        "asn": network.asn,
                        "role": network.role,
                        "world": file,
                        "takes_unreviewed": vantage.takes_unreviewed,
                    }
                )
        sites = [{"name": site.name, "url": site.url} for site in SITES]
        partial_file = self.directory / "lab.partial"
        partial_file.write_text(json.dumps({"vantages": vantages, "sites": sites}, indent=1), encoding="utf-8")
        partial_file.replace(self.directory / "lab.json")

    async def _stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._sockets.close()

    async def _world(self, network: Network, vantage: Vantage) -> World:
        """Listeners for one vantage, and the world that leads to them."""
        rules = (*network.rules, *vantage.rules)
        places: dict[str, Place] = {}
        for site in (*SITES, BLOCK_PAGE):
            for address in site.addresses:
                places[_key("tcp", address, 443)] = self._secure_site(site, rules)
                places[_key("tcp", address, 80)] = self._plain_site(site, rules)
        own_resolver = Resolver(ISP, network.resolver)
        for resolver in (own_resolver, *PUBLIC_RESOLVERS):
            tcp = _key("tcp", resolver.address, resolver.port)
            if resolver.role == DOH:
                places[tcp] = self._secure(self._doh, web.dns_over_https, rules)
                continue
            from_isp = resolver is own_resolver
            over_tcp = partial(resolvers.isp, rules=rules) if from_isp else resolvers.honest
            over_udp = partial(_alone, over_tcp) if from_isp else partial(resolvers.injected, rules=rules)
            places[tcp] = self._listen(partial(resolvers.serve_tcp, answer=over_tcp))
            places[_key("udp", resolver.address, resolver.port)] = await self._listen_udp(over_udp)
        return World(
            name=network.name,
            imitated=True,
            resolvers=(own_resolver, *PUBLIC_RESOLVERS),
            addresses=places,
            trust=self._root.pem,
            neutral_name=NEUTRAL.name,
            deadlines=DEADLINES,
        )

    def _context(self, site: Site) -> ssl.SSLContext:
        authority = self._foreign if site.certificate is Certificate.FOREIGN else self._root
        return authority.context(site.name, expired=site.certificate is Certificate.EXPIRED)

    def _secure_site(self, site: Site, rules: Sequence[Rule]) -> Place:
        own = self._contexts.get(site.name)
        return self._stopped(site, rules) or (
            self._secure(own, partial(web.visit, site, "https"), rules) if own else self._refusing
        )

    def _plain_site(self, site: Site, rules: Sequence[Rule]) -> Place:
        answer = partial(web.visit, site, "http")
        return self._stopped(site, rules) or self._listen(partial(serve_plain, rules=rules, answer=answer))

    def _stopped(self, site: Site, rules: Sequence[Rule]) -> Place | None:
        """Where a connection to the site's address ends when it does not come about."""
        act = act_on(OnConnect, site.name, rules)
        if act is Act.DROP:
            return self._silent
        return self._refusing if site.gone or act is Act.REFUSE else None

    def _secure(self, own: ssl.SSLContext, answer: web.Answerer, rules: Sequence[Rule]) -> Place:
        return self._listen(partial(serve_secure, rules=rules, own=own, neutral=self._neutral, answer=answer))

    def _listen(self, serve: Serve) -> Place:
        listener = self._bind()
        listener.listen(BACKLOG)
        self._spawn(self._accept(listener, serve))
        return _place(listener)

    async def _listen_udp(self, answer: resolvers.Answerer) -> Place:
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            partial(resolvers.Datagrams, answer), local_addr=(LOOPBACK, 0)
        )
        self._sockets.callback(transport.close)
        return _place(transport.get_extra_info("socket"))

    def _refuse(self) -> Place:
        """A port that stays taken and answers every SYN with RST, since nobody listens."""
        return _place(self._bind())

    async def _stay_silent(self) -> Place:
        """A port that leaves every SYN unanswered: its queue holds one connection, and that is ours."""
        listener = self._bind()
        listener.listen(0)
        filler = self._sockets.enter_context(socket.socket())
        filler.setblocking(False)
        await asyncio.get_running_loop().sock_connect(filler, _place(listener))
        return _place(listener)

    def _bind(self) -> socket.socket:
        # Named as TCP, so that asyncio turns Nagle's algorithm off for what is accepted.
        sock = self._sockets.enter_context(socket.socket(proto=socket.IPPROTO_TCP))
        sock.setblocking(False)
        sock.bind((LOOPBACK, 0))
        return sock

    async def _accept(self, listener: socket.socket, serve: Serve) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                sock, _ = await loop.sock_accept(listener)
            except OSError:
                log.exception("cannot accept a connection")
                await asyncio.sleep(ACCEPT_AGAIN_AFTER)
            else:
                self._spawn(self._serve(sock, serve))

    async def _serve(self, sock: socket.socket, serve: Serve) -> None:
        # That clients hang up, distrust our certificates or talk nonsense is their business.
        with sock, suppress(OSError, asyncio.IncompleteReadError, h11.RemoteProtocolError):
            await serve(sock)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("the lab has a mistake", exc_info=error)


def _key(transport: str, address: str, port: int) -> str:
    """How `World.addresses` names an address."""
    return f"{transport}/[{address}]:{port}" if ":" in address else f"{transport}/{address}:{port}"


def _place(sock: socket.socket) -> Place:
    host, port = sock.getsockname()
    return host, port


def _alone(answer: Callable[[Message], Message], query: Message) -> Sequence[Message]:
    return (answer(query),)
