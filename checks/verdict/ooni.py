"""OONI's web_connectivity measurements (df-000, tests 0.4 and 0.5) as records of ours: the probe's and its helper's.

Nothing in such a file is trusted to have a form: what has another is left out, as if it had not been measured.
The test helper is one control. It tells what it resolved, connected to and shook hands with at the first hop,
and of its page only how it ended; `_way` says which redirects it is taken to have followed.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import html
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton
from typing import Any
from urllib.parse import urljoin, urlsplit

from cryptography import x509

from checks.engine import names
from checks.engine.failures import Failure
from checks.engine.guard import is_bogon
from checks.engine.pages import REDIRECTS, charset_of, title_of
from checks.engine.records import (
    BASELINE,
    BY_DOH,
    KNOWN_GOOD,
    NEUTRAL,
    NO_SNI,
    REPEAT,
    SNI_SWAP,
    VALIDATE,
    VISIT,
    Answer,
    Certificate,
    Connect,
    Exchange,
    Handshake,
    Measurement,
    Query,
)
from checks.verdict.facts import HOPS_LIMIT, UNNAMED, Setting, likeness

TESTS = ("web_connectivity", "tizilim_visit")  # the second is what our own engine exports
HELPER_LIMIT = 1 << 24  # bytes; the helper reads no further
NOWHERE = "invalid:"  # a redirect to what is no URL
_PURPOSES = frozenset({BY_DOH, VALIDATE, SNI_SWAP, REPEAT, BASELINE, NO_SNI, NEUTRAL, KNOWN_GOOD})
_SYSTEM = frozenset({"getaddrinfo", "system", "golang_net_resolver", "netgo"})
_ENCRYPTED = frozenset({"doh", "doh3", "dot", "doq"})

# What is no name of df-007 of today: names of the old helper, of Android's resolver, of older probes.
_LEGACY: dict[str, str] = {
    "dns_name_error": Failure.DNS_NXDOMAIN,
    "dns_lookup_error": Failure.DNS_NXDOMAIN,
    "dns_server_failure": Failure.DNS_SERVFAIL,
    "dns_temporary_failure": Failure.DNS_SERVFAIL,
    "dns_non_recoverable_failure": Failure.DNS_SERVFAIL,
    "android_dns_cache_no_data": Failure.DNS_NO_ANSWER,
    "connection_refused_error": Failure.CONNECTION_REFUSED,
    "connect_error": Failure.HOST_UNREACHABLE,
    "tcp_timed_out_error": Failure.TIMEOUT,
    "deferred_timeout_error": Failure.TIMEOUT,
    "response_never_received": Failure.EOF,
    "connection_lost_error": Failure.EOF,
    "http_invalid_redirect_url": Failure.HTTP_INVALID_REDIRECT,
}
_KNOWN = frozenset(failure.value for failure in Failure)
_REFUSED = frozenset({Failure.CONNECTION_REFUSED, Failure.HOST_UNREACHABLE, Failure.NETWORK_UNREACHABLE})
_NAT64 = inet_pton(AF_INET6, "64:ff9b::")[:12]  # RFC 6052
_AS = re.compile(r"AS([0-9]{1,10})")
_COUNTRY = re.compile(r"[A-Z]{2}")


@dataclass(frozen=True, slots=True)
class Import:
    input: str  # as the file has it; the measurement's URL is in our form
    measurement: Measurement
    controls: tuple[Measurement, ...]  # the helper's, or none
    setting: Setting
    asn: int | None  # of the probe


def _is_ours(document: dict[str, Any]) -> bool:
    return document.get("test_name") == TESTS[1]


def is_ooni(document: Any) -> bool:
    """Whether this looks like df-000, which our own records do not."""
    return isinstance(document, dict) and "test_keys" in document and ("test_name" in document or "input" in document)


def read(document: Any) -> Import:
    """Raises ValueError where there is nothing to judge."""
    if not isinstance(document, dict):
        raise ValueError("a measurement is a JSON object, and this is none")
    test, keys = document.get("test_name", TESTS[0]), document.get("test_keys")
    if test not in TESTS:
        raise ValueError(f"the test {str(test)[:40]!r} is not judged, only {TESTS[0]}")
    if not isinstance(keys, dict):
        raise ValueError("a measurement of OONI without test_keys")
    if not isinstance(document.get("input"), str):
        raise ValueError("a measurement of OONI without input: it does not say what was measured")
    probe = _probe(document, keys)
    helper = _helper(probe, keys)
    return Import(
        input=document["input"],
        measurement=probe,
        controls=(helper,) if helper else (),
        setting=Setting(_country(document), _networks(keys), _consistent(probe, keys), lone_control=True),
        asn=_as_number(document.get("probe_asn")),
    )


# --- the probe ------------------------------------------------------------------------------------


def _probe(document: dict[str, Any], keys: dict[str, Any]) -> Measurement:
    requests = list(reversed(_objects(keys.get("requests"))))  # newest first in the file
    fetched = list(_exchanges(requests, keys))
    if _is_ours(document):
        fetched = [_with_speed(exchange, keys) for exchange in fetched]
    url = next((e.url for e in fetched if e.hop == 0), None) or _url(document["input"])
    hops = {0: url}
    for exchange in fetched:
        hops.setdefault(exchange.hop, exchange.url)
        if exchange.location:
            hops.setdefault(exchange.hop + 1, exchange.location)
    of_system = "isp" if _is_of_network(document) else "other"
    listed = {_name(query.get("hostname")) for query in _objects(keys.get("queries"))}
    untold = {e.hop for e in fetched if e.hop > 0 and not e.address and _host(e.url) not in listed}
    queries = (*_queries(keys, hops, of_system), *_unlisted(fetched, untold, of_system))
    connects = [*_connects(keys, hops), *_events(keys, hops, queries)]
    handshakes = list(_handshakes(keys, hops, connects))
    exchanges = []
    for exchange in fetched:
        step = _placed(exchange, queries, connects, handshakes, untold=exchange.hop in untold)
        if isinstance(step, Exchange):
            exchanges.append(step)
        elif isinstance(step, Handshake):
            handshakes.append(step)
        elif isinstance(step, Connect):
            connects.append(step)
    for exchange in exchanges:
        _imply(exchange, connects, handshakes)
    sixes = [connect for connect in connects if ":" in connect.address]
    noted = _object(document.get("annotations")) if _is_ours(document) else {}
    imitated = noted.get("imitated") == "true"
    return Measurement(
        id=_id(document),
        url=url,
        started=_started(document),
        runtime=_number(document.get("test_runtime")),
        software=f"{_word(document.get('software_name'))}/{_word(document.get('software_version'))}",
        trust_store="OONI's",
        world="imitated" if imitated else "real",
        imitated=imitated,
        queries=queries,
        connects=tuple(connects),
        handshakes=tuple(handshakes),
        exchanges=tuple(exchanges),
        failure=_ended(queries, connects, handshakes, exchanges, keys),
        overloaded=noted.get("overloaded") == "true",
        # A line on which every IPv6 address failed has no working IPv6, as far as anybody can tell.
        ipv6=any(not connect.failure for connect in sixes) if sixes else None,
    )


def _ended(
    queries: Sequence[Query],
    connects: Sequence[Connect],
    handshakes: Sequence[Handshake],
    exchanges: Sequence[Exchange],
    keys: dict[str, Any],
) -> str | None:
    """None: with a page. Else what stopped the visit at the last hop that it came to, as far in as it came there."""
    if any(e.status is not None and not e.failure and not e.location for e in exchanges):
        return None
    steps: tuple[Sequence[Connect | Handshake | Exchange], ...] = (exchanges, handshakes, connects)
    hop = max((step.hop for stage in (queries, *steps) for step in stage), default=0)
    for stage in steps:
        failures = [step.failure for step in stage if step.hop == hop and step.failure]
        if failures:
            return next((one for one in failures[::-1] if one != Failure.UNKNOWN), failures[-1])
    if named := _failure(keys.get("http_experiment_failure")):
        return named
    asked = [q for q in queries if q.hop == hop and not q.late]
    asked = [q for q in asked if q.role in ("isp", "other")] or asked  # whose addresses the visit went to
    addresses = {address for q in asked for address in q.addresses}
    if addresses and all(is_bogon(address) for address in addresses):
        return Failure.DNS_BOGON
    if not addresses and (failed := [q.failure for q in asked if q.failure]):
        return failed[-1]
    return Failure.HTTP_REQUEST_FAILED  # nothing that is kept says more


def _is_of_network(document: dict[str, Any]) -> bool:
    """Whether the system's resolver is the network's own, as far as anybody can tell. Many devices ask another one."""
    own, asked = _as_number(document.get("probe_asn")), _as_number(document.get("resolver_asn"))
    return own is None or asked is None or own == asked


def _queries(keys: dict[str, Any], hops: Mapping[int, str], of_system: str) -> Iterator[Query]:
    late = _objects(keys.get("x_dns_duplicate_responses")) + _objects(keys.get("x_dns_late_replies"))
    for query, is_late in [*((q, False) for q in _objects(keys.get("queries"))), *((q, True) for q in late)]:
        name = _name(query.get("hostname"))
        answers = tuple(_answers(query.get("answers")))
        failure = _failure(query.get("failure"))
        tags, engine = _tags(query), str(query.get("engine") or "system")
        if failure == Failure.DNS_BOGON and answers:
            failure = None  # a bogon is an answer; what it means is for the rules
        if failure == Failure.DNS_MISBEHAVING and engine in _SYSTEM:
            failure = Failure.DNS_SERVFAIL  # getaddrinfo does not tell more
        if not name or not (failure or any(answer.type != "CNAME" for answer in answers)):
            continue  # scrubbed, or missing: nothing is known, not even that there was no answer
        role = "isp" if "isp" in tags else "doh" if engine in _ENCRYPTED else "public"
        role = of_system if engine in _SYSTEM and role == "public" else role
        yield Query(
            hop=_hop(tags, hops, name),
            name=name,
            type=_word(query.get("query_type")) or "A",
            resolver=_word(query.get("resolver_address")) or engine,
            role=role,
            transport="https" if role == "doh" else "udp",
            t0=_number(query.get("t0")),
            t=_number(query.get("t")),
            failure=failure,
            answers=answers,
            late=is_late or "late" in tags,
        )


def _unlisted(fetched: Sequence[Exchange], untold: set[int], of_system: str) -> Iterator[Query]:
    """0.4 lists no questions behind a redirect, but a page that failed tells it where the name was not found."""
    for e in fetched:
        if e.hop in untold and e.failure and e.failure.startswith("dns_") and not _address(_host(e.url)):
            yield Query(e.hop, _host(e.url), "A", "system", of_system, "udp", e.t0, e.t, e.failure)


def _answers(value: Any) -> Iterator[Answer]:
    for answer in _objects(value):
        address = _address(answer.get("ipv4")) or _address(answer.get("ipv6"))
        if address:
            yield Answer("AAAA" if ":" in address else "A", address, 0)
        elif name := _name(answer.get("hostname")):
            yield Answer("CNAME", name, 0)


def _connects(keys: dict[str, Any], hops: Mapping[int, str]) -> Iterator[Connect]:
    for connect in _objects(keys.get("tcp_connect")):
        address, port, tags = _address(connect.get("ip")), _port(connect.get("port")), _tags(connect)
        if address and port:
            status = _object(connect.get("status"))
            failure = _failure(status.get("failure")) or (Failure.UNKNOWN if status.get("success") is False else None)
            hop = _hop(tags, hops, None)
            t0, t = _number(connect.get("t0")), _number(connect.get("t"))
            yield Connect(hop, address, port, t0, t, failure, _purpose(tags, hops.get(hop), port))


def _events(keys: dict[str, Any], hops: Mapping[int, str], queries: Sequence[Query]) -> Iterator[Connect]:
    """0.4 lists connections of the first hop only; those of redirects are among its network events."""
    hop_of = {address: query.hop for query in queries if query.hop > 0 for address in query.addresses}
    if not hop_of:
        return
    listed = {(_address(c.get("ip")), _port(c.get("port"))) for c in _objects(keys.get("tcp_connect"))}
    for event in _objects(keys.get("network_events")):
        address, port = _endpoint(event.get("address"))
        if event.get("operation") == "connect" and address in hop_of and (address, port) not in listed:
            t0, t, hop = _number(event.get("t0")), _number(event.get("t")), hop_of[address]
            purpose = _purpose([], hops.get(hop), port)
            yield Connect(hop, address, port, t0, t, _failure(event.get("failure")), purpose)


def _handshakes(keys: dict[str, Any], hops: Mapping[int, str], connects: Sequence[Connect]) -> Iterator[Handshake]:
    for handshake in _objects(keys.get("tls_handshakes")):
        server_name, tags = _name(handshake.get("server_name")), _tags(handshake)
        failure = _failure(handshake.get("failure"))
        if handshake.get("no_tls_verify") and not failure:
            continue  # proves nothing
        hop = _hop(tags, hops, server_name, secure=True)
        address, port = _endpoint(handshake.get("address"))
        if not address:  # older probes do not say where: known only if there is but one
            places = {(c.address, c.port) for c in connects if c.hop == hop and not c.failure}
            address, port = places.pop() if len(places) == 1 else ("", 0)
        if address and server_name:
            yield Handshake(
                hop,
                address,
                port,
                server_name,
                _number(handshake.get("t0")),
                _number(handshake.get("t")),
                failure,
                chain=tuple(_chain(handshake.get("peer_certificates"))) if failure else (),
                purpose=_purpose(tags, hops.get(hop), port),
            )


def _exchanges(requests: Sequence[dict[str, Any]], keys: dict[str, Any]) -> Iterator[Exchange]:
    """Oldest first. Without a tag, a request follows the one before it where that was redirected."""
    hop, redirected = 0, False
    for request in requests:
        url = _url(_object(request.get("request")).get("url"))
        if not url.startswith(("http://", "https://")) or _object(_object(request.get("request")).get("tor")).get(
            "is_tor"
        ):
            continue
        tags = _tags(request)
        hop = _hop(tags, {}, None, otherwise=hop + redirected)
        address, port = _endpoint(request.get("address"))
        failure = _failure(request.get("failure"))
        purpose = next((tag for tag in tags if tag in _PURPOSES), VISIT)
        page = _page(url, _object(request.get("response")), keys)
        if failure:
            page.pop("location", None)
        redirected = page.get("location") is not None
        t0, t = _number(request.get("t0")), _number(request.get("t"))
        yield Exchange(hop, address, port or _usual_port(url), url, t0, t, failure, purpose=purpose, **page)


def _with_speed(exchange: Exchange, keys: dict[str, Any]) -> Exchange:
    """Our export has one event for all the bytes of a page, which ends when the page does."""
    for event in _objects(keys.get("network_events")):
        is_its = _endpoint(event.get("address")) == (exchange.address, exchange.port) and event.get("t") == exchange.t
        length = event.get("num_bytes")
        if is_its and event.get("operation") == "bytes_received_cumulative" and isinstance(length, int):
            return replace(exchange, first_byte=_number(event.get("t0")), wire_length=length)
    return exchange


def _page(url: str, response: dict[str, Any], keys: dict[str, Any]) -> dict[str, Any]:
    """The fields of an exchange that tell of its response."""
    status = response.get("code")
    if not isinstance(status, int) or isinstance(status, bool) or not 100 <= status < 1000:
        return {}
    headers = tuple(_headers(response))
    target = next((value for name, value in headers if name.lower() == "location"), None)
    raw = _bytes(response.get("body"))
    return {
        "status": status,
        "headers": headers,
        "location": _url(_join(url, target)) if target and status in REDIRECTS else None,
        "body_truncated": response.get("body_is_truncated") is True,
        **(_compared_by_probe(keys) if raw is None else _body(raw, headers)),
    }


def _body(raw: bytes, headers: Sequence[tuple[str, str]]) -> dict[str, Any]:
    text = _text(raw, headers)
    return {
        "title": title_of(text),
        "body_sha256": hashlib.sha256(raw).hexdigest() if raw else None,
        "body_length": len(raw),
        "body": text,
    }


def _compared_by_probe(keys: dict[str, Any]) -> dict[str, Any]:
    """The body was left out of the file: of what the probe found when it compared, the same facts follow."""
    theirs = _object(_object(keys.get("control")).get("http_request"))
    proportion, length = _number(keys.get("body_proportion")), theirs.get("body_length")
    title = theirs.get("title") if keys.get("title_match") is True else None
    return {
        "title": title if isinstance(title, str) and title else None,
        "body_length": round(proportion * length) if isinstance(length, int) and 0 < proportion <= 1 else None,
    }


def _placed(
    exchange: Exchange,
    queries: Sequence[Query],
    connects: Sequence[Connect],
    handshakes: Sequence[Handshake],
    *,
    untold: bool,
) -> Exchange | Handshake | Connect | None:
    """The exchange with its address, or the step that it did not get beyond, or None if that step is listed.

    `untold`: the document does not say where the host of this hop is, and so it stays unknown.
    """
    host, failure, port = _host(exchange.url), exchange.failure, exchange.port
    if exchange.address and (failure is None or exchange.status is not None):
        return exchange
    secure = exchange.url.startswith("https:")
    known = [h for h in handshakes if h.server_name == host and h.hop == exchange.hop]
    made = [h.address for h in known if not h.failure]
    reached = [c.address for c in connects if c.hop == exchange.hop and c.port == port and not c.failure]
    asked = [q for q in queries if q.name == host and not q.failure and q.role in ("isp", "other")]
    given = [address for q in asked for address in q.addresses]
    tried = [c.address for c in connects if c.hop == exchange.hop and c.port == port]
    candidates = (exchange.address, *(made if secure else ()), *reached, *given, *tried)
    address = host if _address(host) else next(filter(None, candidates), "")
    exchange = exchange if exchange.address == address else replace(exchange, address=address)
    if failure is None or exchange.status is not None:
        return exchange if address or untold else None
    if failure.startswith("dns_") or not (address or untold):
        return None
    if tried and not reached:
        return None
    if failure in _REFUSED and not reached:
        return Connect(exchange.hop, address, port, exchange.t0, exchange.t, failure)
    if secure and not made:
        if known:
            return None
        return Handshake(exchange.hop, address, port, host, exchange.t0, exchange.t, failure)
    return exchange


def _imply(exchange: Exchange, connects: list[Connect], handshakes: list[Handshake]) -> None:
    """Whoever was answered had connected, and over https had verified: 0.4 does not list all of it."""
    hop, address, port, host = exchange.hop, exchange.address, exchange.port, _host(exchange.url)
    t0, purpose = exchange.t0, exchange.purpose
    if address and not any((c.hop, c.address, c.port) == (hop, address, port) for c in connects):
        connects.append(Connect(hop, address, port, t0, t0, purpose=purpose))
    secure = exchange.url.startswith("https:") and exchange.status is not None
    if secure and not any((h.hop, h.address, h.server_name) == (hop, address, host) for h in handshakes):
        handshakes.append(Handshake(hop, address, port, host, t0, t0, purpose=purpose))


# --- the test helper ------------------------------------------------------------------------------


def _helper(probe: Measurement, keys: dict[str, Any]) -> Measurement | None:
    control = _object(keys.get("control"))
    if keys.get("control_failure") or not (control.get("dns") or control.get("http_request")):
        return None
    end = _end(probe, _object(control.get("http_request")))
    host = _host(probe.url)
    queries = list(_resolved(_object(control.get("dns")), host))
    exchanges = list(_way(probe, end)) if end else []
    if end and end.failure == Failure.DNS_NXDOMAIN and exchanges[-1].hop > 0:
        where = exchanges[-1]
        queries.append(_helper_query(where.hop, _host(where.url), Failure.DNS_NXDOMAIN))
    return Measurement(
        id=f"{probe.id}/control",
        url=probe.url,
        started=probe.started,
        runtime=0.0,
        software="oohelperd",
        trust_store=probe.trust_store,
        world=probe.world,
        imitated=probe.imitated,
        queries=tuple(queries),
        connects=tuple(_tried(control.get("tcp_connect"), probe)),
        handshakes=tuple(_shaken(control.get("tls_handshake"), probe)),
        exchanges=tuple(exchanges),
        failure=end.failure if end else None,
    )


def _resolved(dns: dict[str, Any], host: str) -> Iterator[Query]:
    addresses, failure = dns.get("addrs"), _failure(dns.get("failure"))
    answers = [Answer("A", a, 0) for a in addresses if _address(a)] if isinstance(addresses, list) else []
    if answers:
        yield _helper_query(0, host, None, tuple(answers))
    elif failure or isinstance(addresses, list):  # old helpers list aliases too
        yield _helper_query(0, host, failure or Failure.DNS_NO_ANSWER)  # the helper calls that no failure


def _helper_query(hop: int, host: str, failure: str | None, answers: tuple[Answer, ...] = ()) -> Query:
    return Query(hop, host, "A", "test helper", "isp", "https", 0.0, 0.0, failure, answers=answers)


def _tried(value: Any, probe: Measurement) -> Iterator[Connect]:
    for endpoint, outcome in _object(value).items():
        address, port = _endpoint(endpoint)
        if address:
            yield Connect(0, address, port, 0.0, 0.0, _outcome(outcome), _purpose([], probe.url, port))


def _shaken(value: Any, probe: Measurement) -> Iterator[Handshake]:
    for endpoint, outcome in _object(value).items():
        address, port = _endpoint(endpoint)
        server_name = _name(_object(outcome).get("server_name")) or _host(probe.url)
        if address:
            failure, purpose = _outcome(outcome), _purpose([], probe.url, port)
            yield Handshake(0, address, port, server_name, 0.0, 0.0, failure, purpose=purpose)


def _outcome(value: Any) -> str | None:
    outcome = _object(value)
    return _failure(outcome.get("failure")) or (None if outcome.get("status") is True else Failure.UNKNOWN)


def _end(probe: Measurement, http: dict[str, Any]) -> Exchange | None:
    """How the helper's page ended, at a place to be found out; None when the file does not tell."""
    failure, status = _failure(http.get("failure")), http.get("status_code")
    if failure:
        return Exchange(0, "", 0, probe.url, 0.0, 0.0, UNNAMED if failure == Failure.UNKNOWN else failure)
    if not isinstance(status, int) or status < 100:
        return None
    length, title = http.get("body_length"), http.get("title")
    length = length if isinstance(length, int) and length >= 0 else None
    return Exchange(
        *(0, "", 0, probe.url, 0.0, 0.0),
        status=status,
        headers=tuple(_headers(http)),
        title=" ".join(html.unescape(title).split()) or None if isinstance(title, str) else None,
        body_length=length,
        body_truncated=length is not None and length >= HELPER_LIMIT,
    )


def _way(probe: Measurement, end: Exchange) -> Iterator[Exchange]:
    """The helper follows redirects and tells only its end. It is taken to have gone the probe's way.

    But a redirect in cleartext may have been written by somebody on the probe's way: the helper is taken to have
    followed it to another site only where it came to the very page, by body or title, that the probe came to.
    """
    redirects = {e.hop: e for e in reversed(probe.exchanges) if e.location and not e.failure}
    last = next((e for e in reversed(probe.exchanges) if not e.failure and not e.location), None)
    together = last is not None and not end.failure and likeness(last, end) in ("identical", "same")
    hop, url = 0, probe.url
    while hop in redirects and (location := redirects[hop].location):
        if not together and url.startswith("http:") and not _same_site(url, location):
            break
        yield Exchange(hop, "", 0, url, 0.0, 0.0, location=location)
        hop, url = hop + 1, location
    yield replace(end, hop=hop, url=url) if hop else end


def _same_site(one: str, other: str) -> bool:
    return _host(one).removeprefix("www.") == _host(other).removeprefix("www.")


# --- beside the records ---------------------------------------------------------------------------


def _networks(keys: dict[str, Any]) -> dict[str, int]:
    found = {}
    late = ("queries", "x_dns_duplicate_responses", "x_dns_late_replies")
    for query in [query for name in late for query in _objects(keys.get(name))]:
        for answer in _objects(query.get("answers")):
            address = _address(answer.get("ipv4")) or _address(answer.get("ipv6"))
            if address and isinstance(answer.get("asn"), int):
                found[address] = answer["asn"]
    control = _object(keys.get("control"))
    for address, about in _object(control.get("ip_info")).items():
        if isinstance(_object(about).get("asn"), int):
            found.setdefault(address, _object(about)["asn"])
    return found


def _consistent(probe: Measurement, keys: dict[str, Any]) -> str | None:
    """0.4 does not say whose its helper's addresses are, only that the probe found one network in common."""
    return _host(probe.url) if keys.get("dns_consistency") == "consistent" else None


def _country(document: dict[str, Any]) -> str | None:
    code = document.get("probe_cc")
    return code if isinstance(code, str) and _COUNTRY.fullmatch(code) and code != "ZZ" else None


def _as_number(value: Any) -> int | None:
    found = _AS.fullmatch(value) if isinstance(value, str) else None
    return int(found[1]) or None if found else None


def _id(document: dict[str, Any]) -> str:
    """OONI's own id is not always in the file; report and input together are one measurement."""
    for name in ("measurement_uid", "id"):
        if isinstance(document.get(name), str) and document[name]:
            return f"ooni:{document[name]}"
    parts = "\n".join(str(document.get(name)) for name in ("report_id", "input", "measurement_start_time", "probe_asn"))
    return f"ooni:{hashlib.sha256(parts.encode('utf-8', 'replace')).hexdigest()[:24]}"


def _started(document: dict[str, Any]) -> str:
    for name in ("measurement_start_time", "test_start_time"):
        try:
            begun = datetime.fromisoformat(document[name])
            return (begun if begun.tzinfo else begun.replace(tzinfo=UTC)).astimezone(UTC).isoformat()
        except (KeyError, TypeError, ValueError, OverflowError):
            continue
    raise ValueError("a measurement of OONI that does not say when it was made")


# --- values that may be anything ------------------------------------------------------------------


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _objects(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _word(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) and -1e9 < value < 1e9 else 0.0


def _tags(step: dict[str, Any]) -> list[str]:
    tags = step.get("tags")
    return [tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else []


def _failure(value: Any) -> str | None:
    """In names of ours; None and false are success."""
    if value is None or value is False or value == "":
        return None
    if not isinstance(value, str):
        return Failure.UNKNOWN
    if value in _KNOWN:
        return value
    if value in _LEGACY:
        return _LEGACY[value]
    if "redirects" in value:
        return Failure.HTTP_UNEXPECTED_REDIRECT
    return Failure.SSL_FAILED_HANDSHAKE if value.startswith("ssl_") else Failure.UNKNOWN


def _hop(
    tags: Sequence[str], hops: Mapping[int, str], host: str | None, *, secure: bool = False, otherwise: int = 0
) -> int:
    """By its tag, else the first hop of that host (for TLS rather one in https), else the first."""
    for tag in tags:
        if tag.startswith("depth=") and tag[6:].isdecimal():
            return min(int(tag[6:8]), HOPS_LIMIT)
    alike = [number for number, url in sorted(hops.items()) if host and _host(url) == host]
    if secure:
        alike = [number for number in alike if hops[number].startswith("https:")] or alike
    return alike[0] if alike else otherwise


def _purpose(tags: Sequence[str], url: str | None, port: int) -> str:
    """Beside a page in cleartext OONI tries TLS too, as we do: to see whose address it is."""
    given = next((tag for tag in tags if tag in _PURPOSES), None)
    return given or (VISIT if url is None or port == _usual_port(url) else VALIDATE)


def _address(value: Any) -> str:
    """The address as text, or nothing: some are scrubbed."""
    return _parsed_address(value) if isinstance(value, str) else ""


@lru_cache(maxsize=4096)
def _parsed_address(text: str) -> str:
    family = AF_INET6 if ":" in text else AF_INET
    try:
        packed = inet_pton(family, text)
    except (OSError, ValueError):
        return ""
    if packed.startswith(_NAT64):  # what a network without IPv4 makes of an IPv4 address
        return inet_ntop(AF_INET, packed[len(_NAT64) :])
    return inet_ntop(family, packed)


def _port(value: Any) -> int:
    number = int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else value
    return number if isinstance(number, int) and 0 < number < 65536 else 0


def _endpoint(value: Any) -> tuple[str, int]:
    host, _, port = value.rpartition(":") if isinstance(value, str) else ("", "", "")
    address, number = _address(host.strip("[]")), _port(port)
    return (address, number) if address and number else ("", 0)


def _name(value: Any) -> str:
    return value.rstrip(".").lower() if isinstance(value, str) else ""


def _url(value: Any) -> str:
    return _parsed_url(value) if isinstance(value, str) else ""


@lru_cache(maxsize=4096)
def _parsed_url(text: str) -> str:
    """In the form of `names.parse` if it has one: hosts in A-labels, as they are asked for."""
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return NOWHERE
    if text.isascii() and parts.scheme in ("http", "https") and parts.hostname and parts.path:
        return text
    try:
        return names.parse(text).url
    except ValueError:
        return text


def _join(url: str, target: str) -> str:
    try:
        joined = urljoin(url, target)
        return joined if urlsplit(joined).hostname else NOWHERE
    except ValueError:
        return NOWHERE


@lru_cache(maxsize=4096)
def _host(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").rstrip(".").lower()
    except ValueError:
        return ""


@lru_cache(maxsize=4096)
def _usual_port(url: str) -> int:
    try:
        parts = urlsplit(url)
        return parts.port or names.DEFAULT_PORTS.get(parts.scheme, 443)
    except ValueError:
        return 443


def _headers(holder: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """`headers_list` where it is: a map loses repetitions. Values are strings or binary objects."""
    listed = holder.get("headers_list")
    if isinstance(listed, list) and listed:
        pairs = [tuple(pair) for pair in listed if isinstance(pair, list) and len(pair) == 2]
    else:
        pairs = list(_object(holder.get("headers")).items())
    for name, value in pairs:
        raw = value if isinstance(value, str) else _bytes(value)
        if isinstance(name, str) and raw is not None:
            yield name, raw if isinstance(raw, str) else raw.decode("utf-8", "replace")


def _bytes(value: Any) -> bytes | None:
    """Of a string, or of {"format": "base64", "data": …}; None for what is neither."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace")
    data = _object(value).get("data")
    if not isinstance(data, str):
        return None
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        return None


def _text(raw: bytes, headers: Sequence[tuple[str, str]]) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        kind = next((value for name, value in headers if name.lower() == "content-type"), "")
        return raw.decode(charset_of(kind, raw), "replace")


def _chain(value: Any) -> Iterator[Certificate]:
    for certificate in _objects(value):
        if der := _bytes(certificate):
            yield _certificate(der)


@lru_cache(maxsize=1024)
def _certificate(der: bytes) -> Certificate:
    """One that cannot be parsed has its hash and no names."""
    sha256 = hashlib.sha256(der).hexdigest()
    try:
        parsed = x509.load_der_x509_certificate(der)
        said = parsed.subject.rfc4514_string(), parsed.issuer.rfc4514_string()
        dates = parsed.not_valid_before_utc.isoformat(), parsed.not_valid_after_utc.isoformat()
    except Exception:  # it is whatever a stranger sent, and the parser raises much more than ValueError for it
        said, dates = ("", ""), ("", "")
    return Certificate(sha256, *said, *dates, "")
