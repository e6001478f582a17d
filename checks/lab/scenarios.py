"""Named scenarios, as data: what one network does to one site, and what must therefore be seen.

What stands here comes from the method and its sources (docs/method.md), not from what our engine happens to
say. A scenario has a network and sites of its own, so any number of them run side by side.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from checks.engine.records import BASELINE, KNOWN_GOOD, NEUTRAL, NO_SNI, REPEAT, SNI_SWAP, VISIT
from checks.engine.world import DOH, ISP, PUBLIC, Deadlines
from checks.lab.networks import (
    BLOCK_PAGE,
    BLOCK_PAGE_ADDRESS,
    BOGON_ADDRESS,
    DEADLINES,
    EVERY,
    INTERCEPTOR,
    LOGIN,
    NETWORKS,
    Act,
    BrokenIPv6,
    ClockAhead,
    InjectReply,
    InterceptDns,
    Invent,
    LieAbout,
    Network,
    NoUplink,
    OnConnect,
    OnHost,
    OnServerName,
    Residual,
    Rule,
    Seen,
    ThroughTunnel,
    Vantage,
    as_it_is,
)
from checks.lab.servers import DOH_NAME
from checks.lab.sites import Certificate, Page, Site

LOOPBACK, NAMESPACES = "loopback", "namespaces"
STOREYS = (LOOPBACK, NAMESPACES)

CONTROL = "control"  # the vantage that nobody interferes with
ASN = 65536  # of every scenario's network; for documentation (RFC 5398)
RESOLVER = "93.184.217.20"
PATIENCE = replace(DEADLINES, dns=3, late_dns=1, fetch=8, visit=40)

TIMEOUT, RESET, REFUSED = "generic_timeout_error", "connection_reset", "connection_refused"


@dataclass(frozen=True, slots=True)
class Scenario:
    """`sites[0]` is visited. What a field leaves out must be seen as it is without a censor."""

    name: str
    does: str
    sites: tuple[Site, ...]
    rules: tuple[Rule, ...] = ()
    seen: Seen | None = None
    seen_by_control: Seen | None = None
    typed: str | None = None  # the URL as somebody types it, where that is not the site's own
    told: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # role of a resolver -> addresses, or failures
    tcp: Mapping[str, str | None] = field(default_factory=dict)  # address -> failure of the connection
    proven: Mapping[str, str | None] = field(default_factory=dict)  # the same of TLS beside a cleartext visit
    issuer: str | None = None  # common name in the certificate that the visit met
    # The second look: purpose -> outcome of its attempts. None: there was an answer, be it with another's certificate.
    again: Mapping[str, str | None] = field(default_factory=dict)
    later: Mapping[str, str | None] = field(default_factory=dict)  # where that differs for all attempts but the first
    slow: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # step -> purposes that are always slow
    unfit: frozenset[str] = frozenset()  # what the vantage must find wrong with itself
    suspect: bool = False  # a name that is known to be blocked opens
    invents: bool = False  # names that do not exist have addresses
    ipv6: bool = True
    must_block: tuple[str, ...] = ()
    deadlines: Deadlines = PATIENCE
    not_on: Mapping[str, str] = field(default_factory=dict)  # storey -> why it cannot run there

    @property
    def site(self) -> Site:
        return self.sites[0]

    @property
    def url(self) -> str:
        return self.typed or self.site.url

    @property
    def storeys(self) -> tuple[str, ...]:
        return tuple(storey for storey in STOREYS if storey not in self.not_on)

    @property
    def expected(self) -> Seen:
        return self.seen or as_it_is(self.site)

    @property
    def expected_by_control(self) -> Seen:
        return self.seen_by_control or as_it_is(self.site)

    def told_by(self, role: str) -> tuple[str, ...]:
        """What the resolvers of this role say to a question for A, reply by reply."""
        truth = tuple(address for address in self.site.addresses if ":" not in address)
        return self.told.get(role, truth or ("dns_nxdomain_error",))

    @property
    def network(self) -> Network:
        return Network(
            name=f"Scenario {self.name}",
            asn=ASN,
            resolver=RESOLVER,
            vantages=(Vantage(self.name),),
            rules=self.rules,
            sites=self.sites,
            must_block=self.must_block,
            deadlines=self.deadlines,
        )


def control_network(scenarios: Iterable[Scenario]) -> Network:
    sites = tuple(site for scenario in scenarios for site in scenario.sites)
    return replace(NETWORKS[0], vantages=(Vantage(CONTROL),), sites=sites, deadlines=PATIENCE)


def _site(name: str, number: int, rest: str = "/") -> Site:
    return Site(f"https://{name}.kz{rest}", (f"93.184.219.{number}",), f"Imitated {name}")


def _plain(name: str, number: int) -> Site:
    return Site(f"http://{name}.kz/", (f"93.184.219.{number}",), f"Imitated {name}", certificate=None)


def _by_name(failure: str | None) -> dict[str, str | None]:
    """The second look at what acts on the server name, wherever the connection leads."""
    return {REPEAT: failure, NEUTRAL: failure, SNI_SWAP: None, BASELINE: None, NO_SNI: None, KNOWN_GOOD: None}


def _at_address(failure: str, **otherwise: str | None) -> dict[str, str | None]:
    """The second look at what stands at, or before, one address, whatever the server name."""
    here = dict.fromkeys((REPEAT, SNI_SWAP, BASELINE, NO_SNI), failure)
    return {**here, NEUTRAL: None, KNOWN_GOOD: None, **otherwise}


_ICMP = "no loopback port answers with ICMP"
_PACKETS = "it takes a filter that sees packets before TCP does"
_UNREACHABLE_GATEWAY = "there is no gateway on loopback"

_V6 = "2606:2800:220:1::219"

SCENARIOS = (
    # Names
    Scenario(
        "dns-nxdomain",
        "The network's resolver says that the name does not exist.",
        (_site("dns-nxdomain", 1),),
        (LieAbout("dns-nxdomain.kz"),),
        Seen("query", "dns_nxdomain_error"),
        told={ISP: ("dns_nxdomain_error",)},
    ),
    Scenario(
        "dns-servfail",
        "The network's resolver answers SERVFAIL.",
        (_site("dns-servfail", 2),),
        (LieAbout("dns-servfail.kz", rcode="SERVFAIL"),),
        Seen("query", "dns_servfail_error"),
        told={ISP: ("dns_servfail_error",)},
    ),
    Scenario(
        "dns-refused",
        "The network's resolver refuses to answer.",
        (_site("dns-refused", 3),),
        (LieAbout("dns-refused.kz", rcode="REFUSED"),),
        Seen("query", "dns_refused_error"),
        told={ISP: ("dns_refused_error",)},
    ),
    Scenario(
        "dns-empty",
        "The network's resolver knows the name, but no address.",
        (_site("dns-empty", 4),),
        (LieAbout("dns-empty.kz", rcode="NOERROR"),),
        Seen("query", "dns_no_answer"),
        told={ISP: ("dns_no_answer",)},
    ),
    Scenario(
        "dns-silence",
        "The network's resolver leaves questions about the name unanswered.",
        (_site("dns-silence", 5),),
        (LieAbout("dns-silence.kz", rcode=None),),
        Seen("query", TIMEOUT),
        told={ISP: (TIMEOUT,)},
    ),
    Scenario(
        "dns-block-page",
        "The network's resolver gives the address of a block page.",
        (_plain("dns-block-page", 6),),
        (LieAbout("dns-block-page.kz", BLOCK_PAGE_ADDRESS),),
        Seen("exchange", title=BLOCK_PAGE.title),
        told={ISP: (BLOCK_PAGE_ADDRESS,)},
        proven={BLOCK_PAGE_ADDRESS: "ssl_unknown_authority"},
    ),
    Scenario(
        "dns-bogon",
        "The network's resolver gives an address that belongs to nobody.",
        (_site("dns-bogon", 7),),
        (LieAbout("dns-bogon.kz", BOGON_ADDRESS),),
        Seen("query"),
        told={ISP: (BOGON_ADDRESS,)},
    ),
    Scenario(
        "dns-injection",
        "A forged reply overtakes that of any resolver outside; the genuine one comes after it.",
        (_site("dns-injection", 8),),
        (InjectReply("dns-injection.kz", BLOCK_PAGE_ADDRESS),),
        told={PUBLIC: (BLOCK_PAGE_ADDRESS, "93.184.219.8")},
        again={REPEAT: "ssl_unknown_authority", SNI_SWAP: None, NO_SNI: "ssl_unknown_authority"},
    ),
    Scenario(
        "dns-interception",
        "Whoever asks a resolver outside is answered by the network's own, and that lies.",
        (_plain("dns-interception", 9),),
        (InterceptDns(), LieAbout("dns-interception.kz", BLOCK_PAGE_ADDRESS)),
        Seen("exchange", title=BLOCK_PAGE.title),
        told={ISP: (BLOCK_PAGE_ADDRESS,), PUBLIC: (BLOCK_PAGE_ADDRESS,)},
    ),
    Scenario(
        "doh-blocked",
        "The server of DNS over HTTPS is cut off; the site is not.",
        (_site("doh-blocked", 10),),
        (OnServerName(DOH_NAME, Act.DROP),),
        told={DOH: (TIMEOUT,)},
    ),
    Scenario(
        "dns-geography",
        "The network's resolver gives an address nearer by, which serves the site with a valid certificate.",
        (replace(_site("dns-geography", 11), mirrors=("93.184.220.11",)),),
        (LieAbout("dns-geography.kz", "93.184.220.11"),),
        told={ISP: ("93.184.220.11",)},
        tcp={"93.184.219.11": None, "93.184.220.11": None},
    ),
    Scenario(
        "dns-to-proxy",
        "The network's resolver gives the address of a proxy, which carries all to the genuine site.",
        (replace(_plain("dns-to-proxy", 12), mirrors=("93.184.220.12",), certificate=Certificate.VALID),),
        (LieAbout("dns-to-proxy.kz", "93.184.220.12"),),
        told={ISP: ("93.184.220.12",)},
        proven={"93.184.219.12": None, "93.184.220.12": None},
    ),
    Scenario(
        "dns-invention",
        "The network's resolver leads whoever asks for a name that does not exist to a page of its own.",
        (replace(_plain("dns-invention", 14), addresses=()),),
        (Invent(BLOCK_PAGE_ADDRESS),),
        Seen("exchange", title=BLOCK_PAGE.title),
        told={ISP: (BLOCK_PAGE_ADDRESS,)},
        invents=True,
    ),
    Scenario(
        "dns-ghost",
        "The name is gone for everybody, and the network still sends people to its block page.",
        (replace(_site("dns-ghost", 13), addresses=()),),
        (LieAbout("dns-ghost.kz", BLOCK_PAGE_ADDRESS),),
        Seen("handshake", "ssl_unknown_authority"),
        told={ISP: (BLOCK_PAGE_ADDRESS,)},
        again=_at_address("ssl_unknown_authority", **{SNI_SWAP: None, BASELINE: None}),
    ),
    # Addresses
    Scenario(
        "address-drop",
        "Packets to the site's address vanish.",
        (_site("address-drop", 21),),
        (OnConnect("address-drop.kz", Act.DROP),),
        Seen("connect", TIMEOUT),
        again=_at_address(TIMEOUT),
    ),
    Scenario(
        "address-refuse",
        "Connections to the site's address are refused in its name.",
        (_site("address-refuse", 22),),
        (OnConnect("address-refuse.kz", Act.REFUSE),),
        Seen("connect", REFUSED),
        again=_at_address(REFUSED),
    ),
    Scenario(
        "address-reset",
        "Connections to the site's address are cut at the first byte, whatever it says.",
        (_site("address-reset", 23),),
        (OnConnect("address-reset.kz", Act.RESET),),
        Seen("handshake", RESET),
        again=_at_address(RESET),
    ),
    Scenario(
        "address-unreachable",
        "The site's address is reported unreachable (ICMP).",
        (_site("address-unreachable", 24),),
        (OnConnect("address-unreachable.kz", Act.UNREACHABLE),),
        Seen("connect", "host_unreachable"),
        again=_at_address("host_unreachable"),
        not_on={LOOPBACK: _ICMP},
    ),
    Scenario(
        "ipv6-no-route",
        "IPv6 has addresses and no route.",
        (replace(_site("ipv6-no-route", 25), addresses=("93.184.219.25", f"{_V6}:25")),),
        (BrokenIPv6(),),
        tcp={"93.184.219.25": None, f"{_V6}:25": "network_unreachable"},
        ipv6=False,
    ),
    Scenario(
        "ipv6-dead-gateway",
        "IPv6 has a route, and the gateway it leads to is dead.",
        (replace(_site("ipv6-dead-gateway", 26), addresses=("93.184.219.26", f"{_V6}:26")),),
        (BrokenIPv6(gateway=True),),
        tcp={"93.184.219.26": None, f"{_V6}:26": "host_unreachable"},
        ipv6=False,
        not_on={LOOPBACK: _UNREACHABLE_GATEWAY},
    ),
    Scenario(
        "dead-uplink",
        "The line is dead.",
        (_site("dead-uplink", 27),),
        (NoUplink(),),
        Seen("query", "network_unreachable"),
        told=dict.fromkeys((ISP, PUBLIC, DOH), ("network_unreachable",)),
        unfit=frozenset({"must_allow"}),
        ipv6=False,
    ),
    # Server names
    Scenario(
        "sni-drop",
        "A connection whose ClientHello names the site falls silent: what Kazakhstan does most.",
        (_site("sni-drop", 31),),
        (OnServerName("sni-drop.kz", Act.DROP),),
        Seen("handshake", TIMEOUT),
        again=_by_name(TIMEOUT),
        must_block=("sni-drop.kz",),
    ),
    Scenario(
        "sni-reset",
        "A connection whose ClientHello names the site is reset.",
        (_site("sni-reset", 32),),
        (OnServerName("sni-reset.kz", Act.RESET),),
        Seen("handshake", RESET),
        again=_by_name(RESET),
        must_block=("sni-reset.kz",),
    ),
    Scenario(
        "sni-close",
        "A connection whose ClientHello names the site is closed in an orderly way.",
        (_site("sni-close", 33),),
        (OnServerName("sni-close.kz", Act.CLOSE),),
        Seen("handshake", "eof_error"),
        again=_by_name("eof_error"),
    ),
    Scenario(
        "hello-drop",
        "Every ClientHello vanishes, whatever it names.",
        (_site("hello-drop", 34),),
        (OnServerName(EVERY, Act.DROP),),
        Seen("handshake", TIMEOUT),
        told={DOH: (TIMEOUT,)},
        again=_at_address(TIMEOUT, **{NEUTRAL: TIMEOUT, KNOWN_GOOD: TIMEOUT}),
        deadlines=replace(PATIENCE, handshake=2),
        unfit=frozenset({"must_allow"}),
    ),
    Scenario(
        "tls-interception",
        "Somebody between answers in the site's name, with a certificate of an authority of its own.",
        (_site("tls-interception", 35),),
        (OnServerName("tls-interception.kz", Act.INTERCEPT),),
        Seen("handshake", "ssl_unknown_authority"),
        issuer=INTERCEPTOR,
        again=_by_name("ssl_unknown_authority"),
    ),
    Scenario(
        "sni-slow",
        "A handshake that names the site is held back.",
        (_site("sni-slow", 36),),
        (OnServerName("sni-slow.kz", Act.SLOW),),
        again=_by_name(None),
        slow={"handshake": (VISIT, REPEAT, NEUTRAL)},
    ),
    Scenario(
        "sni-throttle",
        "Whatever is sent on a connection that names the site arrives slowly.",
        (replace(_site("sni-throttle", 37), paragraphs=750),),
        (OnServerName("sni-throttle.kz", Act.THROTTLE),),
        again=_by_name(None),
        slow={"exchange": (VISIT, REPEAT)},
    ),
    Scenario(
        "sni-residual",
        "A connection that names the site falls silent, and so does all else between the two for a while.",
        (_site("sni-residual", 38),),
        # Longer than an attempt with the name and one after it; over when the second look begins.
        (Residual("sni-residual.kz", seconds=5),),
        Seen("handshake", TIMEOUT),
        again=_by_name(TIMEOUT),
        later={SNI_SWAP: TIMEOUT, KNOWN_GOOD: TIMEOUT},
        deadlines=replace(PATIENCE, connect=2, handshake=2, followup_after=4),
        not_on={LOOPBACK: _PACKETS},
    ),
    # Cleartext pages
    Scenario(
        "http-block-page",
        "A request that names the site is answered with a block page.",
        (_plain("http-block-page", 41),),
        (OnHost("http-block-page.kz", Act.PAGE),),
        Seen("exchange", title=BLOCK_PAGE.title),
    ),
    Scenario(
        "http-reset",
        "A request that names the site is reset.",
        (_plain("http-reset", 42),),
        (OnHost("http-reset.kz", Act.RESET),),
        Seen("exchange", RESET),
        again=_by_name(RESET),
    ),
    Scenario(
        "http-silence",
        "A request that names the site is never answered.",
        (_plain("http-silence", 43),),
        (OnHost("http-silence.kz", Act.DROP),),
        Seen("exchange", TIMEOUT),
        again=_by_name(TIMEOUT),
        deadlines=replace(PATIENCE, fetch=3),
    ),
    Scenario(
        "captive-portal",
        "Nobody gets out before a login: cleartext leads to the login page, all TLS is cut.",
        (_plain("captive-portal", 44), LOGIN),
        (OnHost(EVERY, Act.LOGIN), OnServerName(EVERY, Act.RESET)),
        Seen("exchange", title=LOGIN.title),
        told={DOH: (RESET,)},
        unfit=frozenset({"must_allow", "captive_portal"}),
    ),
    # No censorship, and easily taken for it
    Scenario("open", "Nobody interferes.", (_site("open", 51),)),
    Scenario(
        "must-block-opens",
        "A name that the network is known to block opens.",
        (_site("must-block-opens", 52),),
        must_block=("must-block-opens.kz",),
        suspect=True,
    ),
    Scenario(
        "site-forbids-country",
        "The site itself tells people of this country that it may not serve them (451).",
        (
            replace(
                _site("site-forbids-country", 53),
                in_access_networks=Page("Unavailable for legal reasons", 2, status=451),
            ),
        ),
        seen=Seen("exchange", title="Unavailable for legal reasons", status=451),
    ),
    Scenario(
        "site-challenges-403",
        "The site's own protection wants proof that a person visits (403).",
        (
            replace(
                _site("site-challenges-403", 54),
                in_access_networks=Page("Just a moment...", 2, status=403, headers=(("cf-mitigated", "challenge"),)),
            ),
        ),
        seen=Seen("exchange", title="Just a moment...", status=403),
    ),
    Scenario(
        "site-challenges-503",
        "The same in cleartext, with status 503.",
        (
            replace(
                _plain("site-challenges-503", 55), in_access_networks=Page("DDoS protection by Imitated", 2, status=503)
            ),
        ),
        seen=Seen("exchange", title="DDoS protection by Imitated", status=503),
    ),
    Scenario(
        "control-is-banned",
        "The site turns the control's data centre away, and serves everybody else.",
        (
            replace(
                _site("control-is-banned", 56),
                title="Access denied",
                status=403,
                in_access_networks=Page("Imitated control-is-banned"),
            ),
        ),
        seen=Seen("exchange", title="Imitated control-is-banned"),
    ),
    Scenario(
        "page-differs",
        "The site shows each country another page.",
        (replace(_plain("page-differs", 57), in_access_networks=Page("Imitated home page of Kazakhstan", 60)),),
        seen=Seen("exchange", title="Imitated home page of Kazakhstan"),
    ),
    Scenario(
        "page-about-blocking",
        "The site's own page says what block pages say.",
        (replace(_plain("page-about-blocking", 58), title=f"How the {BLOCK_PAGE.title} came about"),),
    ),
    Scenario(
        "certificate-expired",
        "The site's certificate has expired, for everybody.",
        (replace(_site("certificate-expired", 61), certificate=Certificate.EXPIRED),),
        again=_at_address("ssl_invalid_certificate", **{SNI_SWAP: None, BASELINE: None}),
    ),
    Scenario(
        "certificate-of-another",
        "The site shows a certificate for another name, to everybody.",
        (replace(_site("certificate-of-another", 62), certificate=Certificate.OTHER_NAME),),
        again=_at_address("ssl_invalid_hostname", **{SNI_SWAP: None, BASELINE: None, NO_SNI: None}),
    ),
    Scenario(
        "certificate-untrusted",
        "The site's certificate is by an authority that nobody trusts, for everybody.",
        (replace(_site("certificate-untrusted", 63), certificate=Certificate.FOREIGN),),
        again=_at_address("ssl_unknown_authority", **{SNI_SWAP: None, BASELINE: None}),
    ),
    Scenario(
        "site-refuses",
        "The site's server is down, for everybody.",
        (replace(_site("site-refuses", 64), gone=True),),
        again=_at_address(REFUSED),
    ),
    Scenario("name-gone", "The name exists for nobody.", (replace(_site("name-gone", 65), addresses=()),)),
    Scenario(
        "site-slow",
        "The site's server is slow, to everybody and under every name.",
        (replace(_site("site-slow", 66), slow=True),),
        again=_by_name(None),
        slow={"handshake": (VISIT, REPEAT, BASELINE, SNI_SWAP, NO_SNI)},
    ),
    # The shapes of a URL
    Scenario(
        "redirect-to-blocked",
        "A site that opens leads to one whose name is dropped.",
        (
            replace(
                _site("redirect-to-blocked", 71),
                redirects={"https://redirect-to-blocked.kz/": "https://redirect-target.kz/"},
            ),
            _site("redirect-target", 72),
        ),
        (OnServerName("redirect-target.kz", Act.DROP),),
        Seen("handshake", TIMEOUT),
        seen_by_control=Seen("exchange", title="Imitated redirect-target"),
        again=_by_name(TIMEOUT),
    ),
    Scenario(
        "ip-literal",
        "The URL has an address in place of a name.",
        (Site("https://93.184.219.73/", ("93.184.219.73",), "Imitated address"),),
    ),
    Scenario(
        "idn",
        "A name in Cyrillic is reset, by the form in which it travels.",
        (Site("https://xn----7sbbd2ce9an8ex3bjk.kz/", ("93.184.219.74",), "Imitated мысал-бұғат"),),
        (OnServerName("xn----7sbbd2ce9an8ex3bjk.kz", Act.RESET),),
        Seen("handshake", RESET),
        typed="https://Мысал-бұғат.kz/",
        again=_by_name(RESET),
    ),
    Scenario(
        "port-8443",
        "The site is at a port of its own, and its name is reset there too.",
        (_site("port-8443", 75, ":8443/"),),
        (OnServerName("port-8443.kz", Act.RESET),),
        Seen("handshake", RESET),
        again=_by_name(RESET),
    ),
    # The vantage
    Scenario(
        "clock-ahead",
        "The vantage's clock is an hour ahead.",
        (_site("clock-ahead", 81),),
        (ClockAhead(3600),),
        unfit=frozenset({"clock"}),
    ),
    Scenario(
        "tunnel",
        "The vantage sits behind a tunnel, and so in another network than it was admitted for.",
        (_site("tunnel", 82),),
        (ThroughTunnel(65551),),
        unfit=frozenset({"asn"}),
    ),
)

BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}
