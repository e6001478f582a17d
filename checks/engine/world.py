"""The one seam between the engine and the network it measures.

A real vantage uses `World.real()`. The lab writes a world file: its resolvers, the loopback
port behind each public-looking address, and the root certificate to trust there.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Self

import dns.resolver

from checks.engine import guard

COUNTRIES = Path(__file__).resolve().parent.parent / "countries"
PORTAL = "http://connectivitycheck.gstatic.com/generate_204"  # what Android asks; answers 204 and nothing
IPV6_HOSTS = ("2001:4860:4860::8888", "2606:4700:4700::1111")  # public resolvers that accept TCP on 443

ISP, PUBLIC, DOH = "isp", "public", "doh"


def endpoint(address: str, port: int) -> str:
    """Address and port as one text, IPv6 in brackets."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


@dataclass(frozen=True, slots=True)
class Resolver:
    """One DNS server; `url` is set for DoH, where `address` and `port` say whom to dial."""

    role: str
    address: str
    port: int = 53
    url: str | None = None

    @classmethod
    def checked(cls, role: str, address: str, port: int, url: str | None = None) -> Self:
        """Raises ValueError for what is no IP address or no port."""
        if not isinstance(port, int) or not 1 <= port <= 65535:
            raise ValueError(f"{port!r} is no port")
        return cls(role, str(ip_address(address)), port, url)

    @property
    def label(self) -> str:
        return self.url or endpoint(self.address, self.port)


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Seconds for each stage, counted from its first packet, and for the whole visit."""

    dns: float = 5.0
    late_dns: float = 2.0  # how long a UDP socket listens on for a second, different reply
    connect: float = 10.0
    handshake: float = 10.0
    fetch: float = 15.0
    visit: float = 60.0
    followup_after: float = 60.0  # pause before the second pass; residual blocking must have ended


@dataclass(frozen=True, slots=True)
class Preconditions:
    """What a vantage must show of itself before a run. What is empty or None is not tried."""

    must_allow: tuple[str, ...] = ()  # names that open on every network of the country
    must_block: tuple[str, ...] = ()  # names that its access networks are known to block
    portal: str | None = None  # http URL that answers 204 with no body, unless a captive portal answers instead
    ipv6_hosts: tuple[str, ...] = ()  # IPv6 addresses that accept TCP on port 443
    echo: str | None = None  # URL where the control says its time and the AS that it sees us come from
    asn: int | None = None  # the AS that the vantage is admitted for

    @classmethod
    def of(cls, country: str, *, control: bool = False, echo: str | None = None, asn: int | None = None) -> Self:
        """What a country's pack says. A control stands where nothing is blocked. Raises ValueError for no such pack."""
        pack = COUNTRIES / country
        try:
            allowed, blocked = (_names(pack / f"must_{what}.txt") for what in ("allow", "block"))
        except OSError as error:
            raise ValueError(f"there is no pack of the country {country!r}: {error}") from error
        return cls(allowed, () if control else blocked, PORTAL, IPV6_HOSTS, echo, asn)


def _names(path: Path) -> tuple[str, ...]:
    """The names of a list, one a line, without its comments."""
    lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    return tuple(line for line in lines if line and not line.startswith("#"))


PUBLIC_RESOLVERS = (
    Resolver(PUBLIC, "8.8.8.8"),
    Resolver(DOH, "1.1.1.1", 443, "https://cloudflare-dns.com/dns-query"),
)


@dataclass(frozen=True, slots=True)
class World:
    """Resolvers, dialer, trust store and deadlines of one vantage.

    `addresses` is None in the real world. In an imitated one it maps "tcp/93.184.216.34:443" or
    "udp/8.8.8.8:53" to the loopback address and port that stand for it; what is not in the map
    cannot be reached, so that a lab never touches the network.
    """

    name: str
    imitated: bool
    resolvers: tuple[Resolver, ...]
    addresses: Mapping[str, tuple[str, int]] | None = None
    trust: str | None = None  # PEM of the roots to trust instead of certifi's
    neutral_name: str = "www.example.com"  # the server name that follow-ups swap in
    deadlines: Deadlines = field(default_factory=Deadlines)
    preconditions: Preconditions = field(default_factory=Preconditions)
    ipv6: bool | None = None  # whether the line carries IPv6, as the self-test of this run found

    @classmethod
    def real(cls, country: str | None = None) -> Self:
        """This machine's own network: the resolvers of /etc/resolv.conf, a public one and DoH.

        With a country, also what its pack says that a vantage there must show. Raises ValueError where there is none.
        """
        try:
            configured = dns.resolver.Resolver().nameservers
        except dns.resolver.NoResolverConfiguration:
            configured = []
        isp = tuple(Resolver(ISP, str(address)) for address in configured)
        conditions = Preconditions.of(country) if country else Preconditions()
        return cls(name="real", imitated=False, resolvers=isp + PUBLIC_RESOLVERS, preconditions=conditions)

    def dial(self, transport: str, address: str, port: int) -> tuple[str, int]:
        """Where a packet for `address` really goes. Raises OSError (ENETUNREACH) off the lab's map."""
        if self.addresses is None:
            return address, port
        try:
            host, real_port = self.addresses[f"{transport}/{endpoint(address, port)}"]
        except KeyError:
            raise OSError(errno.ENETUNREACH, os.strerror(errno.ENETUNREACH)) from None
        return host, real_port

    def save(self, path: Path) -> None:
        """Write the world file; readers never see half of it."""
        document = asdict(self)
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(document, indent=1), encoding="utf-8")
        partial.replace(path)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a world file. Raises ValueError with the file's name when it is not one."""
        try:
            fields = json.loads(path.read_text(encoding="utf-8"))
            fields["resolvers"] = tuple(Resolver.checked(**r) for r in fields["resolvers"])
            fields["deadlines"] = Deadlines(**{key: _seconds(key, value) for key, value in fields["deadlines"].items()})
            fields["preconditions"] = _preconditions(fields.get("preconditions", {}))
            if fields["addresses"] is not None:
                fields["addresses"] = {key: _place(key, *place) for key, place in fields["addresses"].items()}
                fields["imitated"] = True  # whatever the file says
            return cls(**fields)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ValueError(f"{path} is no world file: {error}") from error


def _seconds(name: str, value: object) -> float:
    if not isinstance(value, int | float) or not 0 <= value < float("inf"):
        raise ValueError(f"the deadline {name!r} is no number of seconds: {value!r}")
    return float(value)


def _place(name: str, host: object, port: object) -> tuple[str, int]:
    if not isinstance(port, int) or not 1 <= port <= 65535:
        raise ValueError(f"{name!r} leads to no port: {port!r}")
    return str(ip_address(str(host))), port


def _preconditions(given: dict[str, Any]) -> Preconditions:
    lists = {key: _texts(key, given.get(key, ())) for key in ("must_allow", "must_block", "ipv6_hosts")}
    for key in ("portal", "echo"):
        if given.get(key) is not None and not str(given[key]).startswith(("http://", "https://")):
            raise ValueError(f"{key!r} is no URL: {given[key]!r}")
    for host in lists["ipv6_hosts"]:
        if reason := guard.refuse(host):
            raise ValueError(f"{host!r} in 'ipv6_hosts' is no public address ({reason})")
    return Preconditions(**{**given, **lists})


def _texts(name: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(one, str) for one in value):
        raise ValueError(f"{name!r} is no list of names: {value!r}")
    return tuple(value)
