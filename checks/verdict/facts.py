"""From raw observations to one normal form that rules can read: what happened at the decisive step, and to whom.

The decisive hop is the first one that did not load by the way the network's own customers take (its
resolver's addresses), else the last. A failed redirect is charged to that hop's host. Every field names
its own ignorance: "not_measured", "no_control" and "none" are three values.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import lru_cache
from ipaddress import ip_address
from itertools import pairwise
from typing import Literal
from urllib.parse import urlsplit

from checks.engine.failures import Failure
from checks.engine.guard import is_bogon
from checks.engine.records import (
    BASELINE,
    BY_DOH,
    KNOWN_GOOD,
    REPEAT,
    SNI_SWAP,
    VALIDATE,
    VISIT,
    Connect,
    Exchange,
    Handshake,
    Measurement,
    Query,
)
from checks.verdict.fingerprints import PageMatch, References

PAIRING = timedelta(minutes=10)  # DESIGN.md §4: a control older than this says nothing about now
THROTTLE_RATIO = 5.0  # research: handshakes of throttled sites took 2-4 s beside a baseline of 0.2-0.4 s
THROTTLE_SECONDS = 1.0
THROTTLE_LENGTH = 16 * 1024  # bytes: of less, the speed is the line's round trip
LENGTH_RATIO = 0.7  # OONI ts-017; Jones et al., IMC 2014: finds 95 % of block pages
CHALLENGES = frozenset({403, 451, 503})  # what servers answer when they, not the network, turn a visitor away
HOPS_LIMIT = 20
HTTPS = 443
UNTOLD = ""  # an address that nobody noted
UNNAMED = "unnamed_failure"  # of a control that failed and does not say how (OONI's helper names few failures)

_Observation = Connect | Handshake | Exchange

Probe = Literal["fit", "overloaded", "failed"]
Dns = Literal[
    "literal",  # the URL names an address: there was nothing to ask
    "not_measured",  # the network's own resolver was not asked
    "by_another",  # it was not, and the resolver that the device asks gave an address that would be consistent
    "consistent",  # an address that a control got too, or that holds a valid certificate for the name
    "untold",  # an address that the document does not tell (OONI's 0.4, behind a redirect)
    "uncontested",  # an address of which no control tells anything, and none says that there is no such name
    "bogon",
    "bogon_alike",  # only bogons, and a control got them too
    "two_replies",  # two replies to one query, of two networks, or the first of them refuted
    "unmatched_refuted",  # an address no control got, and whoever lives there is not the site
    "unmatched_unchecked",  # an address no control got, and nobody could ask who lives there
    "nxdomain",
    "servfail",
    "refused",
    "timeout",
    "no_answer",
    "failed",  # any other failure of the resolver
]
Step = Literal["dns", "tcp", "tls", "http", "response", "none"]
FailureClass = Literal["none", "timeout", "reset", "refused", "eof", "unreachable", "certificate", "other"]
Pair = Literal["ok", "failed_alike", "failed_otherwise", "split", "not_measured", "no_control"]
Swap = Literal["answered", "failed", "not_measured"]
Repeated = Literal[
    "not_measured",
    "failed",  # each time
    "mixed",  # most times: some filters miss some connections
    "succeeded",  # half the times, or more
]
Line = Literal["answers", "dead", "not_measured"]
Throttle = Literal["not_measured", "no", "slow_control_fast", "slow_control_slow", "slow_no_control"]
Slowed = Literal["nothing", "handshake", "page"]
Response = Literal["none", "secure", "cleartext", "elsewhere"]
Likeness = Literal[
    "identical",  # the same body
    "same",  # the same title
    "alike",  # another server's page may have as much in common: a header, or the length
    "differs",
]
Page = Likeness | Literal["not_measured", "no_control"]
Leaf = Literal["same", "other", "not_measured"]
Refused = Literal["nothing", "authority", "name", "dates"]  # what was wrong with a refused certificate

_RESOLVER_FAILURES: dict[str, Dns] = {  # the order says which counts when several resolvers fail differently
    Failure.DNS_NXDOMAIN: "nxdomain",
    Failure.DNS_REFUSED: "refused",
    Failure.DNS_SERVFAIL: "servfail",
    Failure.DNS_NO_ANSWER: "no_answer",
    Failure.TIMEOUT: "timeout",
}
_NAME_FAILURES = frozenset(_RESOLVER_FAILURES) - {Failure.TIMEOUT}
_NO_SUCH_NAME = frozenset({Failure.DNS_NXDOMAIN, Failure.DNS_NO_ANSWER})
_CLASSES: dict[str, FailureClass] = {
    Failure.TIMEOUT: "timeout",
    Failure.CONNECTION_RESET: "reset",
    Failure.NETWORK_RESET: "reset",
    Failure.CONNECTION_REFUSED: "refused",
    Failure.EOF: "eof",
    Failure.HOST_UNREACHABLE: "unreachable",
    Failure.NETWORK_UNREACHABLE: "unreachable",
    Failure.SSL_INVALID_HOSTNAME: "certificate",
    Failure.SSL_UNKNOWN_AUTHORITY: "certificate",
    Failure.SSL_INVALID_CERTIFICATE: "certificate",
}
_REFUSED: dict[str, Refused] = {
    Failure.SSL_UNKNOWN_AUTHORITY: "authority",
    Failure.SSL_INVALID_HOSTNAME: "name",
    Failure.SSL_INVALID_CERTIFICATE: "dates",
}
# Headers that any server may send; two pages that share another one come from one server (OONI's headers_match).
_COMMON_HEADERS = frozenset({
    "accept-ranges", "access-control-allow-origin", "age", "alt-svc", "cache-control", "connection",
    "content-encoding", "content-language", "content-length", "content-security-policy", "content-type", "date", "etag",
    "expires", "keep-alive", "last-modified", "link", "location", "p3p", "pragma", "referrer-policy", "server",
    "set-cookie", "strict-transport-security", "transfer-encoding", "upgrade", "vary", "via", "x-cache",
    "x-content-type-options", "x-frame-options", "x-powered-by", "x-ua-compatible", "x-xss-protection",
})  # fmt: skip
_SILENCE = frozenset({Failure.TIMEOUT, Failure.CONNECTION_RESET})
_DEAD = frozenset({Failure.TIMEOUT, Failure.NETWORK_UNREACHABLE, Failure.HOST_UNREACHABLE, Failure.NETWORK_DOWN})
DNS_ODD = ("bogon", "two_replies", "unmatched_refuted", "unmatched_unchecked")
_TRUSTED = ("literal", "by_another", "consistent", "untold", "uncontested")
_OURS = (Failure.UNKNOWN, Failure.INTERRUPTED, Failure.NETWORK_DOWN)  # say something about the probe only
_LIKENESS: tuple[Likeness, ...] = ("identical", "same", "alike", "differs")
_PAIR_ORDER: tuple[Pair, ...] = ("ok", "split", "failed_alike", "failed_otherwise", "not_measured", "no_control")


@dataclass(frozen=True, slots=True)
class Facts:
    hop: int
    hop_host: str
    hop_secure: bool  # https
    probe: Probe
    controls: tuple[str, ...]  # ids of the control measurements that were usable
    dns: Dns
    dns_resolving: int  # controls that resolve the name: control vantages, and DoH in the measurement as one
    dns_failing: int  # controls whose resolvers say that it does not exist or has no address, or answer with a failure
    dns_absent: int  # of these, the ones that say so: a failure is also what a name shows that answers only at home
    dns_quorum: int  # so many must resolve it before a resolver's failure is held against the network
    dns_local: bool  # the bogons are such as a filter on the device or at home gives: 0.0.0.0, or loopback
    dns_known_address: bool  # the resolver's answer, which no control got, is where block pages live
    step: Step
    failure: FailureClass
    pair: Pair  # what the controls met at the same step, on the same address and server name
    leaf: Leaf  # is a refused certificate the very one that the control accepted?
    refused: Refused
    self_signed: bool
    swap: Swap
    repeated: Repeated  # how the same step went in the second look
    line: Line  # whether a name that is good everywhere answered in the second look
    throttle: Throttle
    slowed: Slowed  # what `throttle` is about
    begun: bool  # the response that failed had begun
    flowing: bool  # and enough of it came that a slow line would explain it
    residual: bool  # a neutral name was answered, and no longer once the suspected name had been cut
    response: Response
    status: int | None
    page: Page
    blockpage: PageMatch
    interception: bool
    hijacked: bool  # the name was answered alike by resolvers that have nothing in common, and by nobody else so
    forged: bool  # some resolver's answer was forged, whether or not the site opened

    @property
    def has_control(self) -> bool:
        return bool(self.controls)

    @property
    def dns_trusted(self) -> bool:
        return self.dns in _TRUSTED

    @property
    def is_ghost(self) -> bool:
        """The network answers for a name that exists for no control."""
        return self.dns in DNS_ODD and self.dns_absent > 0 and self.dns_resolving == 0

    @property
    def dns_resolved_by_controls(self) -> bool:
        return self.dns_resolving >= self.dns_quorum and self.dns_resolving > self.dns_failing


@dataclass(frozen=True, slots=True)
class _Hop:
    number: int
    url: str

    @property
    def host(self) -> str:
        return _host(self.url)

    @property
    def secure(self) -> bool:
        return urlsplit(self.url).scheme == "https"


@dataclass(frozen=True, slots=True)
class _Failed:
    """One failed attempt at the decisive step, beside what the controls met there."""

    failure: str
    pair: Pair
    step: _Observation

    @property
    def handshake(self) -> Handshake | None:
        return self.step if isinstance(self.step, Handshake) else None


@dataclass(frozen=True, slots=True)
class Setting:
    """What is known beside the records: where the vantage is, whose addresses are, how many controls there can be."""

    country: str | None = None  # ISO 3166, of the vantage
    networks: Mapping[str, int] = field(default_factory=dict)  # address → AS number
    consistent: str | None = None  # the host whose addresses are known to be of one network with a control's
    lone_control: bool = False  # by its method there is never more than one (OONI's test helper)


UNKNOWN = Setting()


def of(
    measurement: Measurement,
    controls: Sequence[Measurement],
    references: References | None = None,
    setting: Setting = UNKNOWN,
) -> Facts:
    """The normal form of one measurement beside those of its controls that are usable."""
    references = references or References()
    looked = measurement  # with its second look, which says what no visit can
    measurement = _visit_only(measurement)
    single = {control.id: control for control in controls}  # one that is named twice is no second opinion
    usable = [_visit_only(control) for control in single.values() if _usable(control, measurement)]
    hops = list(_hops(measurement))
    hop, dns = _decisive(measurement, usable, hops, setting)
    throttle, slowed, slow_hop = _throttle(looked, usable)
    if slow_hop is not None:
        hop = next((h for h in hops if h.number == slow_hop), hop)
    loaded = _loads(measurement, hop, dns)
    step, attempts = _attempts(measurement, usable, hop, dns)
    worst = min(attempts, key=lambda a: (_PAIR_ORDER.index(a.pair), _swap(looked, a) != "answered"), default=None)
    final = _final(measurement)
    resolving, failing, absent = _dns_controls(measurement, usable, hop.host)
    hijacked = {host for host in {h.host for h in hops} if _hijacked(measurement, usable, host, setting)}
    return Facts(
        hop=hop.number,
        hop_host=hop.host,
        hop_secure=hop.secure,
        probe=_probe(measurement, attempts, certain=loaded and not throttle.startswith("slow")),
        controls=tuple(control.id for control in usable),
        dns=dns,
        dns_resolving=resolving,
        dns_failing=failing,
        dns_absent=absent,
        dns_quorum=_quorum(measurement, usable, hop, setting),
        dns_local=_local(measurement, hop.host),
        dns_known_address=_known_address(measurement, usable, hop, references, setting),
        step="response" if loaded else step,
        failure=_class(worst.failure) if worst and not loaded else "none",
        pair=worst.pair if worst else "not_measured" if usable else "no_control",
        leaf=_leaf(worst, usable),
        refused=_REFUSED.get(worst.failure, "nothing") if worst and worst.handshake else "nothing",
        self_signed=_self_signed(worst),
        swap=_swap(looked, worst),
        repeated=_repeated(looked, attempts),
        line=_line(looked),
        throttle=throttle,
        slowed=slowed,
        begun=worst is not None and isinstance(worst.step, Exchange) and worst.step.status is not None,
        flowing=any(isinstance(a.step, Exchange) and _came(a.step) >= THROTTLE_LENGTH for a in attempts),
        residual=_residual(looked),
        response=_response(measurement, usable, hops, final) if loaded else "none",
        status=final.status if final else None,
        page=_page(final, usable),
        blockpage=_blockpage(measurement, usable, hops, references, setting),
        interception=_interception(measurement, usable, hop, references),
        hijacked=hop.host in hijacked,
        forged=bool(hijacked) or _forged(measurement, usable, hops, setting),
    )


# --- which measurement, which hop ---------------------------------------------------------------


def _usable(control: Measurement, measurement: Measurement) -> bool:
    begun = datetime.fromisoformat(measurement.started)
    apart = (
        timedelta() if control.started == measurement.started else abs(datetime.fromisoformat(control.started) - begun)
    )
    return (
        control.id != measurement.id
        and control.url == measurement.url
        and control.imitated == measurement.imitated
        and apart <= PAIRING
        and not control.overloaded
        and not _is_ours(control.failure)
    )


def _is_ours(failure: str | None) -> bool:
    return failure is not None and failure.startswith(_OURS)


def _visit_only(measurement: Measurement) -> Measurement:
    """Without the connections and pages of its second look, and without handshakes that were not with the site.

    The second look's own handshakes say themselves what they were for.
    """
    connects = tuple(c for c in measurement.connects if c.purpose in (VISIT, VALIDATE))
    handshakes = tuple(h for h in measurement.handshakes if h.purpose != BY_DOH)
    exchanges = tuple(e for e in measurement.exchanges if e.purpose == VISIT)
    kept = (connects, handshakes, exchanges)
    if sum(map(len, kept)) == sum(map(len, (measurement.connects, measurement.handshakes, measurement.exchanges))):
        return measurement
    return replace(measurement, connects=connects, handshakes=handshakes, exchanges=exchanges)


def _probe(measurement: Measurement, attempts: Sequence[_Failed], *, certain: bool) -> Probe:
    """A page that opened at an unfit probe did open; whatever went wrong there may be our own doing."""
    if certain:
        return "fit"
    if measurement.overloaded:
        return "overloaded"
    ours = _is_ours(measurement.failure) or (bool(attempts) and all(_is_ours(a.failure) for a in attempts))
    return "failed" if ours or _is_offline(measurement) else "fit"


def _is_offline(measurement: Measurement) -> bool:
    """Nobody answered anything, and resolvers that have nothing in common were asked: the line was down."""
    return (
        len({query.role for query in measurement.queries}) > 1
        and all(query.failure in _DEAD for query in measurement.queries)
        and all(connect.failure for connect in measurement.connects)
    )


def _hops(measurement: Measurement) -> Iterator[_Hop]:
    hop = _Hop(0, measurement.url)
    yield hop
    while hop.number < HOPS_LIMIT:
        followed = (e.location for e in measurement.exchanges if e.hop == hop.number and not e.failure and e.location)
        location = next(followed, None)
        if location is None:
            return
        hop = _Hop(hop.number + 1, location)
        yield hop


def _decisive(
    measurement: Measurement, controls: Sequence[Measurement], hops: Sequence[_Hop], setting: Setting
) -> tuple[_Hop, Dns]:
    dns: Dns = "not_measured"
    for hop in hops:
        dns = "untold" if _is_untold(measurement, hop) else _dns(measurement, controls, hop.host, setting)
        if not _loads(measurement, hop, dns):
            break
    return hop, dns


def _loads(measurement: Measurement, hop: _Hop, dns: Dns) -> bool:
    """Whether the hop answered by the network's own way; DoH or a control's address opening it proves nothing."""
    ours = {UNTOLD} if dns == "untold" else _given(measurement, hop.host)
    answered = {e.address for e in measurement.exchanges if e.hop == hop.number and not e.failure}
    if hop.secure:
        valid = proved(measurement, hop.host)
        return bool(answered & valid) and (dns == "literal" or bool(ours & valid))
    connected = {
        c.address for c in measurement.connects if c.hop == hop.number and c.purpose == VISIT and not c.failure
    }
    reached = ours & (connected if dns in ("by_another", "consistent") else answered)
    return bool(answered) and (dns == "literal" or bool(reached))


def _final(measurement: Measurement) -> Exchange | None:
    finals = [e for e in measurement.exchanges if not e.failure and not e.location and e.status is not None]
    return max(finals, key=lambda e: e.hop, default=None)


# --- names --------------------------------------------------------------------------------------


def _dns(measurement: Measurement, controls: Sequence[Measurement], host: str, setting: Setting) -> Dns:
    if _is_address(host):
        return "literal"
    asked = _asked(measurement, host)
    if not asked:
        return "not_measured"
    got = {address for q in asked if not q.failure for address in q.addresses}
    dns = _answer(measurement, controls, host, got, setting) if got else _no_answer(asked)
    if asked[0].role == "isp":
        return dns
    # What another network's resolver says is no fault of this one. Where its answer leads, the visit went.
    resolving, failing, _ = _dns_controls(measurement, controls, host)
    if dns in ("consistent", "uncontested"):
        return "by_another"
    return dns if dns == "bogon_alike" or (not got and failing and not resolving) else "not_measured"


def _is_untold(measurement: Measurement, hop: _Hop) -> bool:
    steps: list[_Observation] = [*measurement.connects, *measurement.handshakes, *measurement.exchanges]
    return hop.number > 0 and any(step.hop == hop.number and step.address == UNTOLD for step in steps)


def _asked(measurement: Measurement, host: str) -> list[Query]:
    """The questions whose answers the visit followed: to the network's own resolver, else to the device's."""
    queries = [q for q in _queries(measurement, host) if not q.late]
    return [q for q in queries if q.role == "isp"] or [q for q in queries if q.role == "other"]


def _given(measurement: Measurement, host: str) -> set[str]:
    return {address for q in _asked(measurement, host) if not q.failure for address in q.addresses}


def _no_answer(asked: Sequence[Query]) -> Dns:
    """IPv4 speaks first: that a name has no AAAA is nobody's fault."""
    failures = {q.failure for q in asked if q.type == "A"} or {q.failure for q in asked}
    failures = {Failure.DNS_NO_ANSWER if failure is None else failure for failure in failures}
    return next((name for failure, name in _RESOLVER_FAILURES.items() if failure in failures), "failed")


def _answer(
    measurement: Measurement, controls: Sequence[Measurement], host: str, got: set[str], setting: Setting
) -> Dns:
    if got & proved(measurement, host).union(*(proved(control, host) for control in controls)):
        return "consistent"
    known = _known_addresses(measurement, controls, host)
    bogons = all(_is_bogon(address) for address in got)
    if got & known:
        return "bogon_alike" if bogons else "consistent"
    if not bogons and ((known and setting.consistent == host) or _share_network(got, known, setting)):
        return "consistent"
    if bogons and (known or any(_opened(control, host) for control in controls)):
        return "bogon"
    refuted = any(_refuted(measurement, controls, host, address) for address in got)
    if _two_replies(measurement, host, ("isp",), setting, refuted=refuted):
        return "two_replies"
    if controls and not bogons and not known and not _dns_controls(measurement, controls, host)[1]:
        return "uncontested"
    return "unmatched_refuted" if refuted else "unmatched_unchecked"


def _share_network(some: set[str], others: set[str], setting: Setting) -> bool:
    """OONI's rule of consistency for what no handshake proved: the same operator announces both."""
    theirs = {setting.networks.get(address) for address in others} - {None, 0}
    return any(setting.networks.get(address) in theirs for address in some)


def _refuted(measurement: Measurement, controls: Sequence[Measurement], host: str, address: str) -> bool:
    """A wrong certificate to us, or no handshake to a control. Our own timeout there proves nothing (SNI filters).

    Nor does a certificate that is only out of date, nor a control's timeout where we got none either. That nobody
    can shake hands for a site in cleartext, us included, means something only if its other addresses do.
    """
    speaks_tls = proved(measurement, host).union(*(proved(control, host) for control in controls))
    purposes = (VISIT, VALIDATE) if speaks_tls else (VISIT,)
    own = [s for s in _steps(measurement, (VISIT, VALIDATE)) if s.address == address and s.port == HTTPS]
    checked = [s for s in own if isinstance(s, Handshake) and s.purpose in purposes and s.server_name == host]
    if any(_is_anothers(s.failure) for s in checked):
        return True
    theirs = [s for c in controls for s in _steps(c, purposes) if s.address == address and s.port == HTTPS]
    nothing = {None, Failure.SSL_INVALID_CERTIFICATE}
    if any(step.failure == Failure.TIMEOUT for step in own):
        nothing.add(Failure.TIMEOUT)
    return any(step.failure not in nothing for step in theirs)


def _is_anothers(failure: str | None) -> bool:
    return _class(failure) == "certificate" and failure != Failure.SSL_INVALID_CERTIFICATE


def _steps(measurement: Measurement, purposes: Sequence[str]) -> list[Connect | Handshake]:
    steps: list[Connect | Handshake] = [*measurement.connects, *measurement.handshakes]
    return [step for step in steps if step.purpose in purposes]


def _queries(measurement: Measurement, host: str) -> list[Query]:
    return [q for q in measurement.queries if q.name == host or q.name.rstrip(".").lower() == host]


def _addresses(measurement: Measurement, host: str, *roles: str) -> set[str]:
    return {
        answer.value
        for q in _queries(measurement, host)
        if not q.failure and not q.late and (not roles or q.role in roles)
        for answer in q.answers
        if answer.type != "CNAME"
    }


def _known_addresses(measurement: Measurement, controls: Sequence[Measurement], host: str) -> set[str]:
    """What a control got. Our own public resolver is left out: its answer may be forged on the way."""
    return _addresses(measurement, host, "doh").union(*(_addresses(control, host) for control in controls))


def _dns_controls(measurement: Measurement, controls: Sequence[Measurement], host: str) -> tuple[int, int, int]:
    """(resolving, failing, of these absent): each control vantage as one, DoH or an untampered public resolver of ours
    as one.
    """
    opinions = [
        "resolves" if _opened(control, host) else _opinion(control, host, ("isp", "public", "doh"))
        for control in controls
    ]
    own = _opinion(measurement, host, ("doh",))
    if own == "none" and not _late_replies(measurement, host, ("public",)):
        known = _known_addresses(measurement, controls, host) | proved(measurement, host)
        own = "resolves" if _addresses(measurement, host, "public") & known else "none"
    counts = Counter([*opinions, own])
    return counts["resolves"], counts["fails"] + counts["absent"], counts["absent"]


def _quorum(measurement: Measurement, controls: Sequence[Measurement], hop: _Hop, setting: Setting) -> int:
    """Two must agree. Where a method has but one control, the site itself stands for the second: it opened for the
    control, or proved itself to us at an address that another resolver gave.
    """
    there = any(_opened(control, hop.host) for control in controls) or bool(proved(measurement, hop.host))
    return 1 if setting.lone_control and there else 2


def _opened(control: Measurement, host: str) -> bool:
    """Whoever got a page under a name has resolved it, even if it does not tell to what."""
    return any(not e.failure and _host(e.url) == host and not _is_inferred(e) for e in control.exchanges)


def _is_inferred(exchange: Exchange) -> bool:
    """OONI's helper does not tell which redirects it followed: beyond the first hop its way is a guess."""
    return exchange.hop > 0 and not exchange.address


def _known_address(
    measurement: Measurement, controls: Sequence[Measurement], hop: _Hop, references: References, setting: Setting
) -> bool:
    """An address that a control got too is the site's, whatever a list says of it."""
    listed = [
        query
        for query in _queries(measurement, hop.host)
        if query.role == "isp" and not query.late and references.address(query, setting.country)
    ]
    known = _known_addresses(measurement, controls, hop.host) if listed else set()
    return any(not known.intersection(query.addresses) for query in listed)


def _opinion(
    measurement: Measurement, host: str, roles: Sequence[str]
) -> Literal["resolves", "absent", "fails", "none"]:
    if any(not _is_bogon(address) for address in _addresses(measurement, host, *roles)):
        return "resolves"
    asked = [q for q in _queries(measurement, host) if q.role in roles and q.type == "A"]
    if any(q.failure in _NO_SUCH_NAME for q in asked):
        return "absent"
    return "fails" if any(q.failure in _NAME_FAILURES for q in asked) else "none"


def _late_replies(measurement: Measurement, host: str, roles: Sequence[str]) -> list[tuple[Query, Query]]:
    """Both replies to one query, where they have no address in common."""
    if not any(q.late for q in measurement.queries):
        return []
    asked = [q for q in _queries(measurement, host) if q.role in roles]
    return [
        (first, late)
        for late in asked
        if late.late
        for first in asked
        if not first.late
        and (first.resolver, first.type, first.hop) == (late.resolver, late.type, late.hop)
        and first.addresses
        and late.addresses
        and not set(first.addresses) & set(late.addresses)
    ]


def _two_replies(
    measurement: Measurement, host: str, roles: Sequence[str], setting: Setting, *, refuted: bool = False
) -> bool:
    """A server that gives its addresses in turn may answer a question that came twice with others of its own."""
    return any(
        refuted or _are_apart(set(first.addresses), set(late.addresses), setting)
        for first, late in _late_replies(measurement, host, roles)
    )


def _are_apart(some: set[str], others: set[str], setting: Setting) -> bool:
    """Of networks that are known, and none of which is common; a bogon is of none."""
    told = all(setting.networks.get(address) or _is_bogon(address) for address in some | others)
    return told and not _share_network(some, others, setting)


def _local(measurement: Measurement, host: str) -> bool:
    """A filter on the device, in the router or in a hosts file answers so too."""
    got = [ip_address(address) for address in _addresses(measurement, host, "isp")]
    return bool(got) and all(address.is_unspecified or address.is_loopback for address in got)


def _forged(measurement: Measurement, controls: Sequence[Measurement], hops: Sequence[_Hop], setting: Setting) -> bool:
    for host in {hop.host for hop in hops}:
        if _two_replies(measurement, host, ("isp", "public"), setting):
            return True
        known = _known_addresses(measurement, controls, host)
        got = _addresses(measurement, host, "isp", "public")
        if known and any(_is_bogon(address) for address in got - known):
            return True
    return False


def _hijacked(measurement: Measurement, controls: Sequence[Measurement], host: str, setting: Setting) -> bool:
    """The network's resolver and a public one give the same address, where nobody else finds the site.

    One of them alone may know a copy nearby (a CDN), or sell names that do not exist; both do not so alike. Where
    a valid certificate shows that the copy is the site's, only DoH on the same line can say that it is not given here.
    """
    ours = _addresses(measurement, host, "isp")
    if not _addresses(measurement, host, "doh"):
        ours -= proved(measurement, host).union(*(proved(control, host) for control in controls))
    if not ours & _addresses(measurement, host, "public"):
        return False
    known = _known_addresses(measurement, controls, host)
    if ours & known:
        return False
    if not known:
        resolving, _, absent = _dns_controls(measurement, controls, host)
        return absent > 0 and resolving == 0
    told = all(setting.networks.get(address) for address in ours | known)
    return told and not _share_network(ours, known, setting)


# --- connections --------------------------------------------------------------------------------


def _attempts(
    measurement: Measurement, controls: Sequence[Measurement], hop: _Hop, dns: Dns
) -> tuple[Step, list[_Failed]]:
    """The deepest step that failed at this hop on the network's own addresses, one entry per attempt."""
    if dns not in (*_TRUSTED, "unmatched_refuted", "unmatched_unchecked", "two_replies"):
        return ("none" if dns == "not_measured" else "dns"), []
    mine = {UNTOLD} if dns == "untold" else {hop.host} if dns == "literal" else _given(measurement, hop.host)

    def here(steps: Iterable[_Observation]) -> list[_Observation]:
        return [s for s in steps if s.hop == hop.number and s.address in mine]

    def compared(steps: Iterable[_Observation]) -> list[_Failed]:
        return [_compare(controls, hop, s, s.failure, trusted) for s in steps if s.failure]

    trusted = dns in _TRUSTED
    exchanges = here(measurement.exchanges)
    handshakes = here(h for h in measurement.handshakes if h.purpose == VISIT)
    connects = here(c for c in measurement.connects if c.purpose == VISIT and _counts(c, measurement))
    if any(e.failure for e in exchanges):
        return "http", compared(exchanges)
    if handshakes and all(h.failure for h in handshakes):
        return "tls", compared(handshakes)
    if connects and all(c.failure for c in connects):
        return "tcp", compared(connects)
    return "none", []


def _compare(controls: Sequence[Measurement], hop: _Hop, own: _Observation, failure: str, trusted: bool) -> _Failed:
    """On an address that may not be the site's, a control's failure to connect says nothing about the site."""
    outcomes = [_like(control, own) or _end(control, hop, own) if trusted else [] for control in controls]
    return _Failed(failure, _pair(controls, hop, failure, outcomes), own)


def _counts(connect: Connect, by: Measurement) -> bool:
    """Without a route, IPv6 fails for everything: that is the line, not the site (ooni/probe#2456)."""
    return ":" not in connect.address or (by.ipv6 is not False and _class(connect.failure) != "unreachable")


def _like(control: Measurement, own: _Observation) -> list[str | None]:
    """How the same step ended for a control. One that could not even connect there failed in the handshake too."""
    if isinstance(own, Exchange):
        return [e.failure for e in control.exchanges if e.url == own.url]
    if isinstance(own, Handshake) and (seen := _same(control, own)):
        return [h.failure for h in seen]
    connects = [c for c in control.connects if (c.address, c.port) == (own.address, own.port)]
    failures = [c.failure for c in connects if _counts(c, control)]
    return [f for f in failures if f] if isinstance(own, Handshake) else failures


def _end(control: Measurement, hop: _Hop, own: _Observation) -> list[str | None]:
    """How the visit went of a control that tells of no such step at this hop (OONI's helper beyond the first).

    A guess that it followed a redirect to another site does not say that anybody is at home at that address.
    """
    told: Sequence[_Observation] = control.connects if isinstance(own, Connect) else control.handshakes
    if isinstance(own, Exchange) or any(step.hop == hop.number for step in told):
        return []
    here = [e for e in control.exchanges if e.hop == hop.number and _host(e.url) == hop.host]
    if isinstance(own, Connect) and not _same_site(_host(control.url), hop.host):
        here = [e for e in here if e.failure or not _is_inferred(e)]
    return [e.failure for e in here]


def _same(control: Measurement, own: Handshake) -> list[Handshake]:
    return [
        h
        for h in control.handshakes
        if (h.address, h.port, h.server_name) == (own.address, own.port, own.server_name)
        and h.purpose in (VISIT, VALIDATE)
    ]


def _pair(controls: Sequence[Measurement], hop: _Hop, failure: str, outcomes: Sequence[Sequence[str | None]]) -> Pair:
    """The controls' majority. One that did not try this address counts only if its own visit to the host failed."""
    if not controls:
        return "no_control"
    votes: Counter[Pair] = Counter()
    for control, seen in zip(controls, outcomes, strict=True):
        if not seen and control.failure and _last_host(control) == hop.host:
            seen = [control.failure]
        seen = [f for f in seen if not _is_ours(f)]
        if None in seen:
            votes["ok"] += 1
        elif seen:
            certificates = {_class(f) == "certificate" for f in (failure, *seen) if f != UNNAMED}
            votes["failed_alike" if len(certificates) == 1 else "failed_otherwise"] += 1
    if not votes:
        return "not_measured"
    failed = votes.total() - votes["ok"]
    if votes["ok"] == failed:
        return "split"
    if votes["ok"] > failed:
        return "ok"
    return "failed_alike" if votes["failed_alike"] >= votes["failed_otherwise"] else "failed_otherwise"


def _last_host(measurement: Measurement) -> str:
    return list(_hops(measurement))[-1].host


def _swap(measurement: Measurement, attempt: _Failed | None) -> Swap:
    """Another name on the same address: another server name in TLS, another Host in cleartext."""
    if attempt is None:
        return "not_measured"
    if attempt.handshake is not None:
        address = attempt.handshake.address
        looks = [h for h in measurement.handshakes if h.purpose == SNI_SWAP and h.address == address]
        answers = [_spoke(h) for h in looks if not _is_ours(h.failure)]
    else:
        pages = [e for e in measurement.exchanges if e.purpose == BASELINE and e.url.startswith("http:")]
        answers = [not e.failure for e in pages if not _is_ours(e.failure)]
    if not answers:
        return "not_measured"
    return "answered" if any(answers) else "failed"


def _repeated(measurement: Measurement, attempts: Sequence[_Failed]) -> Repeated:
    """A site that came back at one of its addresses is not kept away by its name, nor by the line."""
    tallies = [tally for attempt in attempts if (tally := _tries(measurement, attempt.step))]
    if not tallies:
        return "not_measured"
    if any(2 * sum(tally) >= len(tally) for tally in tallies):
        return "succeeded"
    return "mixed" if any(map(any, tallies)) else "failed"


def _tries(measurement: Measurement, own: _Observation) -> list[bool]:
    """Whether each repetition of a step succeeded; one that got no further than an earlier step failed.

    One that ended by our own doing repeats nothing. A handshake with the name that succeeded at another hop, or beside
    the page, is a repetition too, and its failure none: nobody made it to confirm.
    """
    place = own.address, own.port
    steps: list[_Observation] = [*measurement.connects, *measurement.handshakes, *measurement.exchanges]
    again = [s for s in steps if s.purpose == REPEAT and s.address == own.address and not _is_ours(s.failure)]
    connects = [not c.failure for c in again if isinstance(c, Connect) and (c.address, c.port) == place]
    if isinstance(own, Connect):
        return connects
    unconnected = [went for went in connects if not went]
    shakes = [not h.failure for h in again if isinstance(h, Handshake) and (h.address, h.port) == place]
    if isinstance(own, Handshake):
        elsewhere = (h for h in _same(measurement, own) if not h.failure and h.hop != own.hop)
        return [*unconnected, *shakes, *(True for _ in elsewhere)]
    fetched = [not e.failure for e in again if isinstance(e, Exchange) and e.url == own.url]
    unsecured = [went for went in shakes if not went]
    return [*unconnected, *unsecured, *fetched]


def _line(measurement: Measurement) -> Line:
    """Dead is a line on which a name that is good everywhere got no answer, nor any other name of the second look."""
    steps: list[_Observation] = [*measurement.connects, *measurement.handshakes, *measurement.exchanges]
    steps = [step for step in steps if not (step.failure or "").startswith((Failure.UNKNOWN, Failure.INTERRUPTED))]
    if not any(step.purpose == KNOWN_GOOD for step in steps):
        return "not_measured"
    again = [step for step in steps if step.purpose in (KNOWN_GOOD, SNI_SWAP, BASELINE, REPEAT)]
    shaken = {step.address for step in again if isinstance(step, Handshake)}  # where a connection alone is no answer
    answered = [
        _spoke(step) if isinstance(step, Handshake) else not step.failure
        for step in again
        if not (isinstance(step, Connect) and step.address in shaken)
    ]
    return "answers" if any(answered) else "dead"


def _spoke(handshake: Handshake) -> bool:
    """A server spoke TLS to us, whatever its certificate (OONI ts-024)."""
    return not handshake.failure or bool(handshake.chain) or _class(handshake.failure) == "certificate"


def _residual(measurement: Measurement) -> bool:
    """The first neutral name was answered; the one right after a repetition of the suspected name fell silent."""
    tries: dict[str, list[tuple[float, str, str | None]]] = {}  # address → when, purpose, failure (None: it spoke)
    for connect in measurement.connects:
        if connect.failure and connect.purpose in (SNI_SWAP, REPEAT):
            tries.setdefault(connect.address, []).append((connect.t0, connect.purpose, connect.failure))
    for shake in measurement.handshakes:
        if shake.purpose in (SNI_SWAP, REPEAT):
            failure = None if _spoke(shake) else shake.failure
            tries.setdefault(shake.address, []).append((shake.t0, shake.purpose, failure))
    return any(_falls_silent(sorted(attempts, key=lambda attempt: attempt[0])) for attempts in tries.values())


def _falls_silent(attempts: Sequence[tuple[float, str, str | None]]) -> bool:
    first = next((failure for _, purpose, failure in attempts if purpose == SNI_SWAP), "none was made")
    return first is None and any(
        before == REPEAT and after == SNI_SWAP and failure in _SILENCE
        for (_, before, _), (_, after, failure) in pairwise(attempts)
    )


def _leaf(attempt: _Failed | None, controls: Sequence[Measurement]) -> Leaf:
    own = attempt.handshake if attempt else None
    theirs = {h.chain[0].sha256 for c in controls for h in (_same(c, own) if own else ()) if h.chain}
    if own is None or not own.chain or not theirs:
        return "not_measured"
    return "same" if own.chain[0].sha256 in theirs else "other"


def _self_signed(attempt: _Failed | None) -> bool:
    chain = attempt.handshake.chain if attempt and attempt.handshake else ()
    return len(chain) == 1 and bool(chain[0].subject) and chain[0].subject == chain[0].issuer


def _throttle(measurement: Measurement, controls: Sequence[Measurement]) -> tuple[Throttle, Slowed, int | None]:
    """How slow the name is beside a neutral one on its address, in what, and at which hop."""
    state, slowed, hop = _slow_handshake(measurement, controls)
    if state in ("not_measured", "no"):
        by_page, page_hop = _slow_page(measurement, controls)
        if by_page not in ("not_measured", "no") or state == "not_measured":
            return by_page, "page" if by_page.startswith("slow") else "nothing", page_hop
    return state, slowed, hop


def _slow_handshake(measurement: Measurement, controls: Sequence[Measurement]) -> tuple[Throttle, Slowed, int | None]:
    """The name's fastest handshake beside the slowest of the baseline names on that address."""
    state: Throttle = "not_measured"
    for own in (h for h in measurement.handshakes if h.purpose == VISIT and not h.failure):
        baselines = [
            h.t - h.t0
            for h in measurement.handshakes
            if h.purpose == BASELINE and h.address == own.address and _spoke(h)
        ]
        if not baselines:
            continue
        took = min(h.t - h.t0 for h in measurement.handshakes if not h.failure and _is_named(h, own))
        if took < THROTTLE_SECONDS or took < THROTTLE_RATIO * max(baselines):
            state = "no" if state == "not_measured" else state
            continue
        theirs = [h.t - h.t0 for control in controls for h in _same(control, own) if not h.failure]
        if not theirs:
            state = "slow_no_control"
        elif min(theirs) < THROTTLE_SECONDS:
            return "slow_control_fast", "handshake", own.hop
        else:
            state = "slow_control_slow"
    return state, "handshake" if state.startswith("slow") else "nothing", None


def _is_named(handshake: Handshake, own: Handshake) -> bool:
    """The same name on the same address, in the visit or in the second look."""
    return handshake.purpose in (VISIT, REPEAT) and (
        (handshake.address, handshake.port, handshake.server_name) == (own.address, own.port, own.server_name)
    )


def _slow_page(measurement: Measurement, controls: Sequence[Measurement]) -> tuple[Throttle, int | None]:
    """The page's fastest transfer beside the slowest of the neutral name's on that address."""
    state: Throttle = "not_measured"
    for own in (e for e in measurement.exchanges if e.purpose == VISIT):
        here = [e for e in measurement.exchanges if (e.hop, e.address) == (own.hop, own.address)]
        speeds = [_speed(e) for e in here if e.purpose in (VISIT, REPEAT) and e.url == own.url]
        baselines = [speed for e in here if e.purpose == BASELINE and (speed := _speed(e)) is not None]
        fastest = max((speed for speed in speeds if speed is not None), default=None)
        if not baselines or fastest is None:
            continue
        if THROTTLE_RATIO * fastest > min(baselines):
            state = "no" if state == "not_measured" else state
            continue
        theirs = [speed for c in controls for e in c.exchanges if e.url == own.url and (speed := _speed(e)) is not None]
        if not theirs:
            state = "slow_no_control"
        elif max(theirs) >= THROTTLE_RATIO * fastest:
            return "slow_control_fast", own.hop
        else:
            state = "slow_control_slow"
    return state, None


def _came(exchange: Exchange) -> int:
    return exchange.wire_length or exchange.body_length or 0


def _speed(exchange: Exchange) -> float | None:
    """Bytes per second from the first byte on; None for what is too short to have a speed, or ended by itself."""
    if exchange.failure not in (None, Failure.TIMEOUT) or exchange.first_byte is None:
        return None
    took = exchange.t - exchange.first_byte
    length = exchange.wire_length or 0
    return length / took if length >= THROTTLE_LENGTH and took > 0 else None


# --- pages and certificates -----------------------------------------------------------------------


def _response(
    measurement: Measurement, controls: Sequence[Measurement], hops: Sequence[_Hop], final: Exchange | None
) -> Response:
    if final is None or final.hop != hops[-1].number:
        return "none"
    if _diverted(measurement, controls, hops) is not None:
        return "elsewhere"
    return "secure" if hops[-1].secure else "cleartext"


def _diverted(measurement: Measurement, controls: Sequence[Measurement], hops: Sequence[_Hop]) -> int | None:
    """The first hop that a cleartext redirect led to another site to which no control was sent."""
    theirs = {_host(e.location) for c in controls for e in c.exchanges if e.location}
    for hop, following in pairwise(hops):
        if not hop.secure and not _same_site(hop.host, following.host) and following.host not in theirs:
            return following.number
    return None


def _blockpage(
    measurement: Measurement,
    controls: Sequence[Measurement],
    hops: Sequence[_Hop],
    references: References,
    setting: Setting,
) -> PageMatch:
    """Fingerprints count where no valid certificate vouches for the page, and not if the site itself shows it."""
    diverted = _diverted(measurement, controls, hops)
    unvouched = [
        e
        for e in measurement.exchanges
        if not e.failure and (urlsplit(e.url).scheme != "https" or (diverted is not None and e.hop >= diverted))
    ]
    theirs = [e for control in controls for e in control.exchanges if not e.failure]
    found = {
        match
        for e in unvouched
        if (match := references.page(e, setting.country, imitated=measurement.imitated)) != "none"
        and not any(_is_page_of(e, t) and (match == "known" or _are_as_long(e, t)) for t in theirs)
    }
    found -= {references.page(e, setting.country, imitated=measurement.imitated) for e in theirs}
    return next(match for match in ("known", "vague", "words", "none") if match in {*found, "none"})


def _is_page_of(own: Exchange, theirs: Exchange) -> bool:
    """A control that keeps no body (OONI's) shows by its title that the site's own page has such words; of what is no
    proof, by its length too.
    """
    return theirs.body is None and bool(own.title) and own.title == theirs.title and own.status == theirs.status


def _interception(measurement: Measurement, controls: Sequence[Measurement], hop: _Hop, references: References) -> bool:
    """A site that itself uses such a certificate shows it to the control too."""

    def seen(by: Measurement) -> bool:
        return any(
            references.intercepts(h.chain)
            for h in by.handshakes
            if h.purpose == VISIT and h.failure and h.server_name == hop.host
        )

    return seen(measurement) and not any(seen(control) for control in controls)


def _page(final: Exchange | None, controls: Sequence[Measurement]) -> Page:
    if not controls:
        return "no_control"
    theirs = [page for control in controls if (page := _final(control)) is not None]
    if final is None or not theirs:
        return "not_measured"
    return min((likeness(final, other) for other in theirs), key=_LIKENESS.index)


def likeness(one: Exchange, other: Exchange) -> Likeness:
    """OONI's "not a diff": the same status, and a like body, title, length or headers; and how much that tells."""
    if one.status != other.status:
        return "differs"
    if one.body_sha256 and one.body_sha256 == other.body_sha256:
        return "identical"
    if one.title and other.title and one.title.split() == other.title.split():
        return "same"
    if _uncommon(one) & _uncommon(other):
        return "alike"
    if one.title and other.title:  # two titles overrule two lengths
        return "differs"
    return "alike" if _are_as_long(one, other) else "differs"


def _are_as_long(one: Exchange, other: Exchange) -> bool:
    if one.body_length == other.body_length == 0:
        return True
    lengths = sorted((one.body_length or 0, other.body_length or 0))
    if one.body_truncated or other.body_truncated:  # a notice is never as long as that
        return one.body_truncated and other.body_truncated
    return lengths[0] > LENGTH_RATIO * lengths[1]


def _uncommon(exchange: Exchange) -> set[str]:
    return {name.lower() for name, _ in exchange.headers} - _COMMON_HEADERS


# --- small words ------------------------------------------------------------------------------------


def proved(measurement: Measurement, host: str) -> set[str]:
    """Addresses that proved to be the site, by a valid certificate for the name."""
    return {
        h.address
        for h in measurement.handshakes
        if not h.failure and h.server_name == host and h.purpose in (VISIT, VALIDATE)
    }


def _class(failure: str | None) -> FailureClass:
    return "none" if failure is None else _CLASSES.get(failure, "other")


@lru_cache(maxsize=4096)
def _host(url: str) -> str:
    return (urlsplit(url).hostname or "").rstrip(".").lower()


_is_bogon = lru_cache(maxsize=4096)(is_bogon)


@lru_cache(maxsize=4096)
def _is_address(host: str) -> bool:
    if ":" not in host and not host[-1:].isdigit():
        return False  # what nearly every host is, and an exception costs more
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _same_site(one: str, other: str) -> bool:
    one, other = one.removeprefix("www."), other.removeprefix("www.")
    return one == other or one.endswith("." + other) or other.endswith("." + one)
