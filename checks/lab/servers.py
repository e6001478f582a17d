"""What serves at each address of the imitated internet, and the worlds that lead there; the same on both storeys."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, partial
from pathlib import Path

from checks.engine.world import ISP, PUBLIC_RESOLVERS, Preconditions, Resolver, World
from checks.lab import web
from checks.lab.certificates import Authority
from checks.lab.connections import serve_plain, serve_secure
from checks.lab.listeners import Place, Serve
from checks.lab.networks import BLOCK_PAGE, EVERY, INTERCEPTOR, Act, Network, OnServerName, Rule
from checks.lab.resolvers import Sites
from checks.lab.sites import ECHO, FURNITURE, NEUTRAL, OPEN, PORTAL, Certificate, Site

DOH_NAME = "cloudflare-dns.com"

ClientOf = Callable[[socket.socket], Network]  # whose customer is at the other end


def standing(networks: Iterable[Network]) -> Sites:
    """All sites that clients in these networks may come across."""
    sites = (*(site for network in networks for site in network.sites), *FURNITURE, BLOCK_PAGE)
    return {site.name: site for site in sites}


class Servers:
    """The sites' own servers and DNS over HTTPS. `rules` are what a listener itself imitates of a network."""

    def __init__(self, sites: Sites) -> None:
        self._root = Authority("Imitated root certificate")
        self._foreign = Authority("Imitated root that nobody trusts")
        self._contexts = {site.name: self._context(site) for site in sites.values() if site.certificate}
        self._doh = self._root.context(DOH_NAME)
        self.intercept: Callable[[str], ssl.SSLContext] = cache(Authority(INTERCEPTOR).context)

    def site(self, site: Site, port: int, rules: Sequence[Rule], client_of: ClientOf) -> Serve | None:
        """What answers at this port of the site's addresses; None: nobody."""
        own = self._contexts.get(site.name)
        if site.gone or (port in site.secure_ports and own is None):
            return None
        if site.slow:
            rules = (*rules, OnServerName(EVERY, Act.SLOW))

        async def serve(sock: socket.socket) -> None:
            if own is None or port not in site.secure_ports:
                await serve_plain(sock, rules=rules, answer=partial(web.visit, site, "http", client_of(sock)))
            else:
                await self._secure(sock, own, rules, partial(web.visit, site, "https", client_of(sock)))

        return serve

    def dns_over_https(self, sites: Sites, rules: Sequence[Rule]) -> Serve:
        return lambda sock: self._secure(sock, self._doh, rules, partial(web.dns_over_https, sites))

    async def _secure(
        self, sock: socket.socket, own: ssl.SSLContext, rules: Sequence[Rule], answer: web.Answerer
    ) -> None:
        neutral = self._contexts[NEUTRAL.name]
        await serve_secure(sock, rules=rules, own=own, neutral=neutral, intercept=self.intercept, answer=answer)

    def world(self, network: Network, places: Mapping[str, Place] | None) -> World:
        return World(
            name=network.name,
            imitated=True,
            resolvers=(Resolver(ISP, network.resolver), *PUBLIC_RESOLVERS),
            addresses=places,
            trust=self._root.pem,
            neutral_name=NEUTRAL.name,
            deadlines=network.deadlines,
            preconditions=Preconditions(
                must_allow=(NEUTRAL.name, OPEN.name),
                must_block=network.must_block,
                portal=PORTAL.url,
                ipv6_hosts=tuple(address for address in OPEN.addresses if ":" in address),
                echo=ECHO.url,
                asn=network.asn,
            ),
        )

    def _context(self, site: Site) -> ssl.SSLContext:
        authority = self._foreign if site.certificate is Certificate.FOREIGN else self._root
        name = NEUTRAL.name if site.certificate is Certificate.OTHER_NAME else site.name
        return authority.context(name, expired=site.certificate is Certificate.EXPIRED)


def describe(directory: Path, networks: Iterable[Network], namespaces: Mapping[str, str] | None = None) -> None:
    """Write lab.json: which vantages there are, where, and which sites they may visit."""
    networks = tuple(networks)
    vantages = [
        {
            "name": vantage.name,
            "network": network.name,
            "asn": network.asn,
            "role": network.role,
            "world": world_file(vantage.name),
            "takes_unreviewed": vantage.takes_unreviewed,
            **({"namespace": namespaces[vantage.name]} if namespaces else {}),
        }
        for network in networks
        for vantage in network.vantages
    ]
    sites = {site.name: site.url for network in networks for site in network.sites}
    listed = {"vantages": vantages, "sites": [{"name": name, "url": url} for name, url in sites.items()]}
    partial_file = directory / "lab.partial"
    partial_file.write_text(json.dumps(listed, indent=1), encoding="utf-8")
    partial_file.replace(directory / "lab.json")


def world_file(vantage: str) -> str:
    return f"{vantage}.world.json"
