"""The imitated networks: what each interferes with, as data, and what a visit must see there.

AS numbers are from the range for documentation (RFC 5398). `expected` is the ground truth: a
site that a network does not name is seen as its own server is, by `DEFAULT`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from checks.engine.world import Deadlines
from checks.lab.sites import SITES, Certificate, Site

BLOCK_PAGE_ADDRESS = "93.184.218.10"  # where A's resolver sends the people it stops
BLOCK_PAGE = Site(
    "http://block.example.net/", (BLOCK_PAGE_ADDRESS,), "Imitated block page", Certificate.FOREIGN, paragraphs=1
)
BOGON_ADDRESS = "10.10.34.34"
LOGIN = Site("http://login.example.net/", ("93.184.218.11",), "Imitated login page", certificate=None)
INTERCEPTOR = "Imitated interception root"  # the name of the authority that signs for INTERCEPT
DEADLINES = Deadlines(dns=2, late_dns=0.3, connect=3, handshake=3, fetch=5, visit=20, followup_after=1)


class Act(StrEnum):
    """What a network does to a connection."""

    DROP = "drop"  # swallow everything, answer nothing
    RESET = "reset"  # send RST once the client has said something
    REFUSE = "refuse"  # RST in answer to SYN
    UNREACHABLE = "unreachable"  # ICMP "host unreachable" in answer to SYN
    CLOSE = "close"  # FIN
    SLOW = "slow"  # hold back the handshake for SLOWED seconds
    THROTTLE = "throttle"  # let PACE bytes a second through
    INTERCEPT = "intercept"  # show a certificate of INTERCEPTOR's
    PAGE = "page"  # answer with a block page in the site's stead
    LOGIN = "login"  # lead everybody to the login page, as a captive portal does


@dataclass(frozen=True, slots=True)
class _About:
    """A rule about one name and all names below it; below EVERY, the root, are all."""

    name: str

    def covers(self, name: str) -> bool:
        name = name.rstrip(".").lower()
        return self.name == EVERY or name == self.name or name.endswith("." + self.name)


@dataclass(frozen=True, slots=True)
class LieAbout(_About):
    """The network's own resolver gives `address` for the name; without one it answers `rcode`, or not at all."""

    address: str | None = None
    rcode: str | None = "NXDOMAIN"  # NOERROR: an empty answer


@dataclass(frozen=True, slots=True)
class Invent:
    """The network's own resolver gives `address` for every name that does not exist."""

    address: str


@dataclass(frozen=True, slots=True)
class InjectReply(_About):
    """A forged reply with `address` overtakes that of any resolver outside, over UDP."""

    address: str


@dataclass(frozen=True, slots=True)
class InterceptDns:
    """Whoever asks a resolver outside on port 53 is answered by the network's own."""


@dataclass(frozen=True, slots=True)
class OnConnect(_About):
    """DROP, RESET, REFUSE or UNREACHABLE for connections to the name's addresses."""

    act: Act


@dataclass(frozen=True, slots=True)
class OnServerName(_About):
    """DROP, RESET, CLOSE, SLOW, THROTTLE or INTERCEPT a connection when its ClientHello names the site."""

    act: Act


@dataclass(frozen=True, slots=True)
class OnHost(_About):
    """DROP, RESET, PAGE or LOGIN for a cleartext request whose Host header names the site."""

    act: Act


@dataclass(frozen=True, slots=True)
class Residual(_About):
    """DROP by server name, and after it every packet to the same address for `seconds`."""

    seconds: int


@dataclass(frozen=True, slots=True)
class BrokenIPv6:
    """There is no route for IPv6; or there is one, and the gateway it leads to is dead."""

    gateway: bool = False


@dataclass(frozen=True, slots=True)
class NoUplink:
    """The line is dead: no route leads anywhere."""


@dataclass(frozen=True, slots=True)
class ClockAhead:
    """The vantage's own clock is `seconds` ahead. Imitated by the time that the lab's echo tells it."""

    seconds: float


@dataclass(frozen=True, slots=True)
class ThroughTunnel:
    """The vantage reaches the world through a tunnel, and is seen in the network `asn`."""

    asn: int


Rule = (
    LieAbout
    | Invent
    | InjectReply
    | InterceptDns
    | OnConnect
    | OnServerName
    | OnHost
    | Residual
    | BrokenIPv6
    | NoUplink
    | ClockAhead
    | ThroughTunnel
)
EVERY = ""
SLOWED = 1.5  # seconds
PACE = 48 * 2**10  # bytes a second


def act_on(kind: type[OnConnect | OnServerName | OnHost], name: str, rules: Sequence[Rule]) -> Act | None:
    """What the first rule of this kind about the name does; None when there is none."""
    return next((rule.act for rule in rules if isinstance(rule, kind) and rule.covers(name)), None)


@dataclass(frozen=True, slots=True)
class Seen:
    """Where a visit to a site comes to its end, by the addresses that the network's resolver gives.

    `failure` is the name that the engine records at that step; None at `exchange` is a final
    response, of status 200 unless `status` says otherwise, and None at `query` an answer that must
    not be dialled.
    """

    step: Literal["query", "connect", "handshake", "exchange"]
    failure: str | None = None
    title: str | None = None
    status: int | None = None


@dataclass(frozen=True, slots=True)
class Vantage:
    """A probe location; its own rules come on top of its network's."""

    name: str
    rules: tuple[Rule, ...] = ()
    expected: Mapping[str, Seen] = field(default_factory=dict)
    takes_unreviewed: bool = False


@dataclass(frozen=True, slots=True)
class Network:
    name: str
    asn: int
    resolver: str  # address of the resolver that its customers are given
    vantages: tuple[Vantage, ...]
    role: Literal["control", "access"] = "access"
    rules: tuple[Rule, ...] = ()
    expected: Mapping[str, Seen] = field(default_factory=dict)
    sites: tuple[Site, ...] = SITES
    must_block: tuple[str, ...] = ()
    deadlines: Deadlines = DEADLINES


_CERTIFICATE_FAILURES = {
    Certificate.EXPIRED: "ssl_invalid_certificate",
    Certificate.OTHER_NAME: "ssl_invalid_hostname",
    Certificate.FOREIGN: "ssl_unknown_authority",
}


def as_it_is(site: Site) -> Seen:
    """What a visit must see where no network interferes."""
    if not site.addresses:
        return Seen("query", "dns_nxdomain_error")
    if site.gone:
        return Seen("connect", "connection_refused")
    if site.url.startswith("https:") and site.certificate in _CERTIFICATE_FAILURES:
        return Seen("handshake", _CERTIFICATE_FAILURES[site.certificate])
    return Seen("exchange", title=site.title, status=None if site.status == 200 else site.status)


DEFAULT = {site.name: as_it_is(site) for site in SITES}

_TIMEOUT = Seen("handshake", "generic_timeout_error")
_RESET = Seen("handshake", "connection_reset")

NETWORKS = (
    Network(
        name="Imitated control network",
        asn=64496,
        resolver="93.184.217.1",
        role="control",
        vantages=(Vantage("control-1", takes_unreviewed=True), Vantage("control-2", takes_unreviewed=True)),
    ),
    Network(
        name="Imitated network A",
        asn=64497,
        resolver="93.184.217.2",
        vantages=(Vantage("a-1"),),
        rules=(
            LieAbout("orda.kz"),
            LieAbout("respublika.kz.media", BLOCK_PAGE_ADDRESS),
            LieAbout("meduza.io", BOGON_ADDRESS),
            InjectReply("meduza.io", BOGON_ADDRESS),
            OnConnect("kraken.com", Act.REFUSE),
        ),
        expected={
            "orda.kz": Seen("query", "dns_nxdomain_error"),
            "respublika.kz.media": Seen("handshake", "ssl_unknown_authority"),
            "meduza.io": Seen("query"),
            "kraken.com": Seen("connect", "connection_refused"),
        },
    ),
    Network(
        name="Imitated network B",
        asn=64498,
        resolver="93.184.217.3",
        # The filter for who.int works at one place only, so that the network contradicts itself.
        vantages=(
            Vantage("b-1", takes_unreviewed=True),
            Vantage("b-2", rules=(OnServerName("who.int", Act.DROP),), expected={"who.int": _TIMEOUT}),
        ),
        rules=(
            OnServerName("orda.kz", Act.DROP),
            OnServerName("kraken.com", Act.DROP),
            OnServerName("respublika.kz.media", Act.DROP),
            OnServerName("meduza.io", Act.DROP),
            OnServerName("azattyq.org", Act.SLOW),
        ),
        expected={
            "orda.kz": _TIMEOUT,
            "kraken.com": _TIMEOUT,
            "respublika.kz.media": _TIMEOUT,
            "meduza.io": _TIMEOUT,
        },
    ),
    Network(
        name="Imitated network C",
        asn=64499,
        resolver="93.184.217.4",
        vantages=(Vantage("c-1"),),
        rules=(
            OnServerName("orda.kz", Act.RESET),
            OnServerName("respublika.kz.media", Act.RESET),
            OnServerName("meduza.io", Act.RESET),
            OnServerName("exclusive.kz", Act.RESET),
            OnConnect("kraken.com", Act.DROP),
            OnHost("vlasti.info", Act.PAGE),
            OnHost("newspot.ru", Act.RESET),
        ),
        expected={
            "orda.kz": _RESET,
            "respublika.kz.media": _RESET,
            "meduza.io": _RESET,
            "exclusive.kz": _RESET,
            "kraken.com": Seen("connect", "generic_timeout_error"),
            "vlasti.info": Seen("exchange", title=BLOCK_PAGE.title),
            "www.newspot.ru": Seen("exchange", "connection_reset"),
        },
    ),
    Network(name="Imitated network D", asn=64500, resolver="93.184.217.5", vantages=(Vantage("d-1"),)),
)


def expected(network: Network, vantage: Vantage) -> dict[str, Seen]:
    """What a visit from there must see, by site name."""
    return {**DEFAULT, **network.expected, **vantage.expected}
