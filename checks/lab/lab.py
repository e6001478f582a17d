"""The lab on loopback: for each vantage, listeners that know whom they serve and what they stand for."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from checks.engine.world import DOH, PUBLIC_RESOLVERS, endpoint
from checks.lab import resolvers
from checks.lab.connections import serve_reset
from checks.lab.listeners import ANYWHERE, Listeners, Place
from checks.lab.networks import NETWORKS, Act, BrokenIPv6, Network, NoUplink, OnConnect, act_on
from checks.lab.servers import Servers, describe, standing, world_file
from checks.lab.sites import Site


class Lab:
    """`async with Lab(directory)` runs it all; the world files and lab.json are in `directory` by then.

    lab.json: {"vantages": [{"name", "network", "asn", "role", "world", "takes_unreviewed"}],
    "sites": [{"name", "url"}]}; `world` is the name of a file beside it. docs/lab.md describes both.
    """

    def __init__(self, directory: Path, networks: Sequence[Network] = NETWORKS) -> None:
        self.directory = directory
        self._networks = networks
        self._servers = Servers(standing(networks))
        self._listeners = Listeners(_bind)

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._listeners.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._listeners.close()

    async def _start(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        # Where a connection ends that does not come about.
        self._ends = {
            Act.DROP: await self._listeners.silent(),
            Act.REFUSE: self._listeners.refusing(),
            Act.RESET: self._listeners.tcp(ANYWHERE, serve_reset),
        }
        for network in self._networks:
            for vantage in network.vantages:
                places = await self._places(replace(network, rules=(*network.rules, *vantage.rules)))
                self._servers.world(network, places).save(self.directory / world_file(vantage.name))
        describe(self.directory, self._networks)

    async def _places(self, network: Network) -> dict[str, Place]:
        """Listeners for one vantage, by what they stand for. What is not among them cannot be reached."""
        if any(isinstance(rule, NoUplink) for rule in network.rules):
            return {}
        sites = standing([network])
        places = {
            _key("tcp", address, port): self._site(site, port, network)
            for site in sites.values()
            for address in (*site.addresses, *site.mirrors)
            for port in {80, *site.secure_ports}
        }
        if any(isinstance(rule, BrokenIPv6) for rule in network.rules):
            places = {key: place for key, place in places.items() if "[" not in key}
        return places | await self._resolvers(network, sites)

    def _site(self, site: Site, port: int, network: Network) -> Place:
        act = act_on(OnConnect, site.name, network.rules)
        serve = self._servers.site(site, port, network.rules, lambda _: network)
        if act or serve is None:
            return self._ends[act or Act.REFUSE]
        return self._listeners.tcp(ANYWHERE, serve)

    async def _resolvers(self, network: Network, sites: resolvers.Sites) -> dict[str, Place]:
        rules = network.rules
        isp = partial(resolvers.isp, sites=sites, rules=rules)
        outside = partial(resolvers.outside, sites=sites, rules=rules)
        places = await self._resolver(network.resolver, 53, isp, lambda query: [isp(query)])
        for public in PUBLIC_RESOLVERS:
            if public.role == DOH:
                place = self._listeners.tcp(ANYWHERE, self._servers.dns_over_https(sites, rules))
                places[_key("tcp", public.address, public.port)] = place
            else:
                places |= await self._resolver(
                    public.address,
                    public.port,
                    outside,
                    lambda query: [*resolvers.forged(query, rules), outside(query)],
                )
        return places

    async def _resolver(
        self, address: str, port: int, over_tcp: resolvers.Answer, over_udp: resolvers.Answerer
    ) -> dict[str, Place]:
        return {
            _key("tcp", address, port): self._listeners.tcp(ANYWHERE, partial(resolvers.serve_tcp, answer=over_tcp)),
            _key("udp", address, port): await self._listeners.udp(ANYWHERE, over_udp),
        }


def _bind(kind: socket.SocketKind, place: Place) -> socket.socket:
    sock = socket.socket(type=kind)
    sock.setblocking(False)
    sock.bind(place)
    return sock


def _key(transport: str, address: str, port: int) -> str:
    """How `World.addresses` names an address."""
    return f"{transport}/{endpoint(address, port)}"
