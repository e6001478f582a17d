"""Scenarios in OONI's data format, all ours. `python -m tests.verdict.scenarios` writes the golden files.

Each is what one network would have shown a probe of web_connectivity; its name says what is to be understood.
"""

from __future__ import annotations

import base64
import io
import json
from contextlib import redirect_stdout
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding

from checks.verdict.__main__ import main

HERE = Path(__file__).resolve().parent
DOCUMENTS, VERDICTS = HERE / "golden" / "ooni.jsonl", HERE / "golden" / "verdicts.jsonl"
FOLDER = HERE / "fingerprints"

SITE, AT, SIX, ODD, OWN_AS = "site.kz", "93.184.216.41", "2606:2800:220:1::41", "93.184.218.10", "93.184.216.77"
NAT64 = "64:ff9b::5db8:d829"  # AT, as a network without IPv4 gives it
SHORT, SHORT_AT = "s.kz", "93.184.217.5"
RESET, TIMEOUT, EOF = "connection_reset", "generic_timeout_error", "eof_error"
ASNS = {AT: 15133, SIX: 15133, OWN_AS: 15133, SHORT_AT: 3356, ODD: 9198, "93.184.218.99": 9198}
PAGE = "<title>The page</title>" + "<p>Words of the page, and more of them.</p>" * 5
NOTICE = "<title>Access denied</title><p>Access to this site has been blocked by order of the court.</p>"
Steps = dict[str, list[dict[str, Any]]]
Json = dict[str, Any]


# --- the parts of a document ----------------------------------------------------------------------


def asked(
    *addresses: str, host: str = SITE, engine: str = "getaddrinfo", failure: str | None = None, hop: int = 0
) -> Json:
    answers = [
        {"answer_type": "AAAA" if ":" in a else "A", "ipv6" if ":" in a else "ipv4": a, "asn": ASNS.get(a, 0)}
        for a in addresses
    ]
    kind = "ANY" if engine == "getaddrinfo" else "A"
    return {
        "hostname": host, "query_type": kind, "engine": engine, "resolver_address": "", "failure": failure,
        "answers": answers or None, "t0": 0.0, "t": 0.1, "tags": [f"depth={hop}"],
    }  # fmt: skip


def everywhere(*addresses: str, host: str = SITE, failure: str | None = None) -> list[Json]:
    """The network's resolver, a public one and DoH agree."""
    return [asked(*addresses, host=host, failure=failure, engine=engine) for engine in ("getaddrinfo", "udp", "doh")]


def dialled(address: str = AT, port: int = 443, failure: str | None = None, hop: int = 0) -> Json:
    status = {"success": failure is None, "failure": failure}
    return {"ip": address, "port": port, "status": status, "t0": 0.1, "t": 0.2, "tags": [f"depth={hop}"]}


def shaken(address: str = AT, host: str = SITE, failure: str | None = None, hop: int = 0, chain: Any = ()) -> Json:
    return {
        "address": f"{address}:443", "server_name": host, "failure": failure, "no_tls_verify": False,
        "peer_certificates": [{"format": "base64", "data": der} for der in chain], "t0": 0.2, "t": 0.3,
        "tags": [f"depth={hop}"],
    }  # fmt: skip


def got(
    url: str = f"https://{SITE}/",
    body: Any = PAGE,
    status: int = 200,
    failure: str | None = None,
    address: str = AT,
    hop: int = 0,
    **headers: Any,
) -> Json:
    port = 443 if url.startswith("https") else 80
    failed = failure is not None and status == 200
    response = {
        "code": 0 if failed else status, "headers": headers, "body": "" if failed else body, "body_is_truncated": False,
    }  # fmt: skip
    return {
        "request": {"method": "GET", "url": url, "headers": {}}, "response": response, "failure": failure,
        "address": f"{address}:{port}", "t0": 0.3, "t": 0.4, "tags": [f"depth={hop}"],
    }  # fmt: skip


def helped(
    *addresses: str,
    dns: str | None = None,
    tcp: dict[str, str | None] | None = None,
    tls: dict[str, str | None] | None = None,
    failure: str | None = None,
    status: int = 200,
    title: str = "The page",
    length: int = len(PAGE),
    host: str = SITE,
) -> Json:
    """What the test helper found; `tcp` and `tls` are failures by endpoint."""
    tcp = {f"{a}:443": None for a in addresses} if tcp is None else tcp
    tls = {endpoint: None for endpoint, failed in tcp.items() if not failed} if tls is None else tls
    http = {"failure": failure, "status_code": status, "title": title, "body_length": length, "headers": {}}
    if failure:
        http = {**http, "status_code": -1, "title": "", "body_length": -1}
    return {
        "dns": {"failure": dns, "addrs": list(addresses)},
        "tcp_connect": {e: {"status": f is None, "failure": f} for e, f in tcp.items()},
        "tls_handshake": {e: {"server_name": host, "status": f is None, "failure": f} for e, f in tls.items()},
        "http_request": http,
        "ip_info": {a: {"asn": ASNS.get(a, 0), "flags": 11} for a in addresses},
    }


HELPED = helped(AT)


def steps(queries: Any, connects: Any = (), handshakes: Any = (), requests: Any = ()) -> Json:
    """Requests oldest first, as they happened; the file has them newest first."""
    return {
        "queries": list(queries), "tcp_connect": list(connects), "tls_handshakes": list(handshakes),
        "requests": list(reversed(requests)),
    }  # fmt: skip


def document(keys: Json, control: Json | None = HELPED, url: str = f"https://{SITE}/", **more: Any) -> Json:
    keys = {**keys, "control": control, "control_failure": None if control else "connection_reset"}
    return {
        "data_format_version": "0.2.0", "test_name": "web_connectivity", "test_version": "0.5.28", "input": url,
        "measurement_start_time": "2026-11-20 10:00:00", "test_start_time": "2026-11-20 09:59:00", "test_runtime": 1.5,
        "probe_asn": "AS9198", "probe_cc": "KZ", "probe_ip": "127.0.0.1", "report_id": "", "software_name": "ours",
        "software_version": "1", **more, "test_keys": keys,
    }  # fmt: skip


_FOUR_HAS = {
    "queries": ("hostname", "query_type", "engine", "resolver_address", "failure", "answers", "t"),
    "tcp_connect": ("ip", "port", "status", "t"),
    "tls_handshakes": ("address", "server_name", "failure", "no_tls_verify", "peer_certificates", "t"),
    "requests": ("request", "response", "failure", "t"),
}


def four(whole: Json, **more: Any) -> Json:
    """The same as test 0.4 would have told it: no tags, only the system's resolver, no TLS by the helper. Behind a
    redirect it tells of pages only.
    """
    keys = dict(whole["test_keys"])
    for name in ("queries", "tcp_connect", "tls_handshakes"):
        keys[name] = [step for step in keys[name] if step["tags"] == ["depth=0"]]
    keys["queries"] = [
        {**q, "engine": "system", "query_type": "A"} for q in keys["queries"] if q["engine"] == "getaddrinfo"
    ]
    for name, kept in _FOUR_HAS.items():
        keys[name] = [{key: value for key, value in step.items() if key in kept} for step in keys[name]]
    keys["tcp_connect"] = [
        c for c in keys["tcp_connect"] if c["port"] == (80 if whole["input"][:5] == "http:" else 443)
    ]
    if keys["control"]:
        keys["control"] = {k: v for k, v in keys["control"].items() if k not in ("tls_handshake", "ip_info")}
    return {**whole, "test_version": "0.4.3", **more, "test_keys": keys}


def opened(**more: Any) -> Json:
    return steps(everywhere(AT), [dialled()], [shaken()], [got(**more)])


def plain(*requests: Json, queries: Any = None, connects: Any = None) -> Json:
    return steps(everywhere(AT) if queries is None else queries, connects or [dialled(port=80)], (), requests)


def cleartext(keys: Json, **control: Any) -> Json:
    at = control.pop("addresses", (AT,))
    found = helped(*at, **{"tcp": {f"{AT}:80": None}, **control})
    return document(keys, found, url=f"http://{SITE}/")


def insecure(failure: str, chain: Any = ()) -> Json:
    return steps(everywhere(AT), [dialled()], [shaken(failure=failure, chain=chain)])


def without_name(failure: str, **others: Any) -> Json:
    asked_others = [asked(AT, engine="udp"), asked(AT, engine="doh")]
    return steps([asked(failure=failure), *others.get("queries", asked_others)])


def certificate(subject: str, issuer: str, ends: int = 2030) -> str:
    key = Ed25519PrivateKey.from_private_bytes(b"\x01" * 32)  # the same bytes every time
    built = (
        x509.CertificateBuilder()
        .subject_name(x509.Name.from_rfc4514_string(subject))
        .issuer_name(x509.Name.from_rfc4514_string(issuer))
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(ends, 1, 1, tzinfo=UTC))
        .serial_number(1)
        .public_key(key.public_key())
    )
    return base64.b64encode(built.sign(key, None).public_bytes(Encoding.DER)).decode()


LEAF = f"CN={SITE}"
INTERCEPTED = [certificate(LEAF, "CN=75 days,O=ISCA,C=KZ", 2021)]
BY_HASH = [certificate(LEAF, "CN=Nobody knows"), certificate("CN=Root of the tests", "CN=Root of the tests")]


def redirected(*there: Any, failure: str | None = None, then: Any = (), connects: Any = ()) -> Json:
    """A short address that leads to the site."""
    return steps(
        [*everywhere(SHORT_AT, host=SHORT), asked(AT, hop=1), asked(AT, engine="udp", hop=1)],
        [dialled(SHORT_AT), *(connects or [dialled(hop=1)])],
        [shaken(SHORT_AT, SHORT), *there],
        [got(f"https://{SHORT}/1", "", 302, address=SHORT_AT, Location=f"https://{SITE}/"), *then],
    )


def by_short(keys: Json, **control: Any) -> Json:
    return document(keys, helped(SHORT_AT, host=SHORT, **control), url=f"https://{SHORT}/1")


def away(location: str, host: str, page: str = NOTICE, **helper: Any) -> Json:
    """A cleartext redirect to somewhere else."""
    url = f"http://{SITE}/"
    keys = plain(
        got(url, "", 302, Location=location),
        got(location, page, address=ODD, hop=1),
        queries=[*everywhere(AT), asked(ODD, host=host, hop=1)],
        connects=[dialled(port=80), dialled(ODD, 80, hop=1)],
    )
    return cleartext(keys, **helper)


def away_securely(location: str, host: str) -> Json:
    """To somewhere else with a valid certificate, and a page of the helper's length that has no title."""
    keys = steps(
        [*everywhere(AT), asked(ODD, host=host, hop=1)],
        [dialled(port=80), dialled(ODD, hop=1)],
        [shaken(ODD, host, hop=1)],
        [got(f"http://{SITE}/", "", 302, Location=location), got(location, "x" * len(PAGE), address=ODD, hop=1)],
    )
    return cleartext(keys)


def away_nowhere(location: str, host: str) -> Json:
    keys = plain(
        got(f"http://{SITE}/", "", 302, Location=location),
        queries=[*everywhere(AT), asked("10.0.0.1", host=host, hop=1)],
    )
    return cleartext(keys)


_OLD_STATUS = {"success": True, "blocked": False, "failure": False}
_CONSISTENT = {"dns_consistency": "consistent"}
_URL = f"http://{SITE}/"
_ODD_DNS = [asked(ODD), asked(AT, engine="udp"), asked(AT, engine="doh")]
_WINDOWS = base64.b64encode("<title>Доступ к сайту ограничен по решению суда</title>".encode("windows-1251")).decode()

SCENARIOS: dict[str, Json] = {
    # --- what opens
    "an https site opens": document(opened()),
    "an https site opens and the helper failed": document(opened(), None),
    "0.4: an https site opens": four(document(opened())),
    "0.4: a cleartext site shows the helper's page": four(cleartext(plain(got(_URL)))),
    "0.4: tcp_connect says failure=false as old probes did": four(
        cleartext(plain(got(_URL), connects=[{**dialled(port=80), "status": _OLD_STATUS}]))
    ),
    "a body was left out and the probe had found it alike": {
        **(alike := cleartext(plain(got(_URL, None)))),
        "test_keys": {**alike["test_keys"], "body_proportion": 1.0, "title_match": True},
    },
    "the page has another length and the same title": cleartext(plain(got(_URL, PAGE * 3))),
    "a server turns a visitor away with 451 over TLS": document(opened(status=451, body="Not for you")),
    "geo-DNS gives another network's address with a valid certificate": document(
        steps(_ODD_DNS, [dialled(ODD)], [shaken(ODD)], [got(address=ODD)])
    ),
    "IPv6 is not routed and IPv4 opens": document(
        steps(everywhere(AT, SIX), [dialled(SIX, failure="network_unreachable"), dialled()], [shaken()], [got()])
    ),
    "one of two addresses is scrubbed": document(
        steps(everywhere("[scrubbed]", AT), [dialled("[scrubbed]"), dialled()], [shaken()], [got()])
    ),
    "two replies came to a public resolver's question and the site opened": {
        **(doubled := document(opened())),
        "test_keys": {**doubled["test_keys"], "x_dns_duplicate_responses": [asked(ODD, engine="udp")]},
    },
    "one address fails oddly and the next one opens": document(
        steps(
            everywhere(AT, OWN_AS),
            [dialled(), dialled(OWN_AS)],
            [shaken(), shaken(OWN_AS)],
            [got(), got(address=OWN_AS, failure="unknown_failure: x")],
        )
    ),
    "a version that is a number and times without zone": document(opened(), test_version=5, test_runtime="long"),
    "a short address leads to the site": by_short(redirected(shaken(hop=1), then=[got(hop=1)])),
    # --- what is down
    "no name anywhere": document(
        steps(everywhere(failure="dns_nxdomain_error")), helped(dns="dns_name_error", failure="dns_lookup_error")
    ),
    "the name points to loopback for everybody": document(
        steps(everywhere("127.0.0.1")), helped("127.0.0.1", tcp={}, failure="unknown_error")
    ),
    "the certificate is out of date for the helper too": document(
        insecure("ssl_invalid_certificate"),
        helped(AT, tls={f"{AT}:443": "ssl_invalid_certificate"}, failure="unknown_error"),
    ),
    "0.4: TLS fails and the helper only says that it failed": four(
        document(insecure("ssl_invalid_certificate"), helped(AT, failure="unknown_error"))
    ),
    "IPv6 times out, and IPv4 is refused to both": document(
        steps(everywhere(AT, SIX), [dialled(SIX, failure=TIMEOUT), dialled(failure="connection_refused")]),
        helped(AT, SIX, tcp={f"{AT}:443": "connection_refused_error", f"[{SIX}]:443": None}, failure="connect_error"),
    ),
    "a redirect's end fails for the helper too": by_short(redirected(shaken(failure=TIMEOUT, hop=1)), failure=TIMEOUT),
    "the provider sells names that do not exist": document(
        steps([asked(ODD), asked(engine="udp", failure="dns_nxdomain_error")]),
        helped(dns="dns_name_error", tcp={}, failure="dns_lookup_error"),
    ),
    # --- names
    "NXDOMAIN here only": document(without_name("dns_nxdomain_error")),
    "0.4: NXDOMAIN here only": four(document(without_name("dns_nxdomain_error"))),
    "the system's resolver misbehaves": document(without_name("dns_server_misbehaving")),
    "the resolver is silent": document(without_name(TIMEOUT)),
    "Android has no data for the name": document(without_name("android_dns_cache_no_data")),
    "a private address here only": document(steps([asked("10.10.34.35"), *everywhere(AT)[1:]])),
    "a resolver that is another network's gives nobody's address": document(
        steps([asked("0.0.0.0"), *everywhere(AT)[1:]]), resolver_asn="AS13335"
    ),
    "a resolver that is another network's, and the site opens": document(opened(), resolver_asn="AS13335"),
    "a resolver that is another network's, and TLS is cut": document(insecure(RESET), resolver_asn="AS13335"),
    "a resolver that is another network's, and the name is nowhere": document(
        steps(everywhere(failure="dns_nxdomain_error")),
        helped(dns="dns_name_error", failure="dns_lookup_error"),
        resolver_asn="AS13335",
    ),
    "a resolver of the network's gives nobody's address": document(
        steps([asked("0.0.0.0"), *everywhere(AT)[1:]]), resolver_asn="AS9198"
    ),
    "forged address with another's certificate": document(
        steps(_ODD_DNS, [dialled(ODD)], [shaken(ODD, failure="ssl_invalid_hostname")]),
        helped(
            AT,
            tcp={f"{AT}:443": None, f"{ODD}:443": None},
            tls={f"{AT}:443": None, f"{ODD}:443": "ssl_invalid_hostname"},
        ),
    ),
    "forged address with a notice": cleartext(plain(got(_URL, NOTICE, address=ODD), queries=_ODD_DNS)),
    "an address that is known for block pages": document(steps([asked("93.184.218.99"), *everywhere(AT)[1:]])),
    "another address, and nobody knows whose": document(steps(_ODD_DNS, [dialled(ODD, failure=TIMEOUT)])),
    "a dead name that resolvers on this path still answer for": document(
        steps([asked(ODD), asked(ODD, engine="udp"), asked(engine="doh", failure="dns_nxdomain_error")]),
        helped(dns="dns_name_error", tcp={}, failure="dns_lookup_error"),
    ),
    "a name that answers only at home": document(
        steps([asked(AT), asked(AT, engine="udp")], [dialled(port=80)], (), [got(_URL)]),
        helped(dns="dns_servfail_error", tcp={}, failure="dns_servfail_error"),
        url=_URL,
    ),
    "a copy nearby in cleartext, where no address of the site speaks TLS": document(
        steps(
            _ODD_DNS,
            [dialled(ODD, 80), dialled(ODD)],
            [shaken(ODD, failure="ssl_invalid_hostname")],
            [got(_URL, "<p>The news of today.</p>" * 50, address=ODD)],
        ),
        helped(AT, tcp={f"{AT}:80": None, f"{AT}:443": None}, tls={f"{AT}:443": "ssl_invalid_hostname"}),
        url=_URL,
    ),
    "a network without IPv4, and TLS is cut": document(
        steps([asked(NAT64), *everywhere(AT)[1:]], [dialled(NAT64)], [shaken(f"[{NAT64}]", failure=RESET)])
    ),
    "NXDOMAIN and the helper failed": document(without_name("dns_nxdomain_error"), None),
    # --- connections
    "TCP times out": document(steps(everywhere(AT), [dialled(failure=TIMEOUT)])),
    "the host is unreachable": document(steps(everywhere(AT), [dialled(failure="host_unreachable")])),
    "TLS times out": document(insecure(TIMEOUT)),
    "TLS is closed": document(insecure(EOF)),
    "0.4: TLS times out": four(document(insecure(TIMEOUT))),
    "0.4: TLS times out at another address of the same network": four(
        document({**steps([asked(OWN_AS)], [dialled(OWN_AS)], [shaken(OWN_AS, failure=TIMEOUT)]), **_CONSISTENT}),
    ),
    "a site sends to its own https, which is cut": cleartext(
        steps(
            everywhere(AT),
            [dialled(port=80), dialled(), dialled(hop=1)],
            [shaken(failure=RESET), shaken(failure=RESET, hop=1)],
            [got(_URL, "", 301, Location=f"https://{SITE}/")],
        ),
        tcp={f"{AT}:80": None, f"{AT}:443": None},
        tls={f"{AT}:443": None},
        failure="unknown_error",
    ),
    "a site sends to its own https, which is cut once and opens once": cleartext(
        steps(
            everywhere(AT),
            [dialled(port=80), dialled(), dialled(hop=1)],
            [shaken(), shaken(failure=RESET, hop=1)],
            [got(_URL, "", 301, Location=f"https://{SITE}/")],
        ),
        tcp={f"{AT}:80": None, f"{AT}:443": None},
    ),
    "TLS fails at the end of a redirect": by_short(redirected(shaken(failure=RESET, hop=1))),
    "0.4: TLS fails at the end of a redirect": four(
        by_short(redirected(shaken(failure=RESET, hop=1), then=[got(failure=RESET, hop=1)]))
    ),
    "0.4: the end of a redirect opens": four(by_short(redirected(shaken(hop=1), then=[got(hop=1)]))),
    "0.4: a name behind a redirect is not found": four(
        by_short(redirected(then=[got(failure="dns_nxdomain_error", hop=1)]))
    ),
    "0.4: a redirect to a known block page": four(away("http://silence.example.net/?site.kz", "silence.example.net")),
    "intercepted by a known authority, by its name": document(insecure("ssl_unknown_authority", INTERCEPTED)),
    # Its hash is in golden/interception_roots.csv.
    "intercepted by a known authority, by its hash": document(insecure("ssl_invalid_certificate", BY_HASH), None),
    "a certificate signed by itself, here only": document(insecure("ssl_unknown_authority", [certificate(LEAF, LEAF)])),
    "a certificate is out of date here only: whose clock": document(insecure("ssl_invalid_certificate")),
    "cut after a valid handshake": document(
        steps(everywhere(AT), [dialled()], [shaken()], [got(failure=RESET)]),
    ),
    "a large page over a slow line": document(
        steps(everywhere(AT), [dialled()], [shaken()], [got(failure=TIMEOUT, status=203, body=PAGE * 80)]),
        helped(AT, length=16 << 20),
    ),
    "a page that began and never ended": document(
        steps(everywhere(AT), [dialled()], [shaken()], [got(failure=TIMEOUT, status=203)]),
    ),
    # --- cleartext
    "cut when the page was asked for": cleartext(plain(got(_URL, failure=RESET))),
    "0.4: silence when the page was asked for": four(cleartext(plain(got(_URL, failure=TIMEOUT)))),
    "a known block page": cleartext(plain(got(_URL, "<title>Forbidden by the Ministry of Silence</title>"))),
    "a known block page by a pattern in its body": cleartext(plain(got(_URL, "Order no. 17 of the Ministry"))),
    "a redirect to a known block page": away("http://silence.example.net/?site.kz", "silence.example.net"),
    "a redirect to who knows where": away("http://elsewhere.kz/", "elsewhere.kz", "<title>Hello</title>"),
    "a redirect to an imitation in https of the same length": away_securely("https://elsewhere.kz/", "elsewhere.kz"),
    "a portal at a private address catches whoever asks": away_nowhere("http://login.wifi.kz/", "login.wifi.kz"),
    "a site sends to where everybody has something private": document(
        steps(
            [*everywhere(AT), asked("10.0.0.8", host="intra.kz", hop=1)],
            [dialled()],
            [shaken()],
            [got(status=302, body="", Location="http://intra.kz/")],
        )
    ),
    "a site sends to a name that is dead here": document(
        steps(
            [*everywhere(AT), asked(host="kz.site.net", hop=1, failure="dns_nxdomain_error")],
            [dialled()],
            [shaken()],
            [got(status=302, body="", Location="https://kz.site.net/")],
        )
    ),
    "a redirect's name does not exist here, and the address that another resolver gives proves itself": by_short(
        steps(
            [
                *everywhere(SHORT_AT, host=SHORT),
                asked(hop=1, failure="dns_nxdomain_error"),
                asked(AT, engine="udp", hop=1),
            ],
            [dialled(SHORT_AT), dialled(hop=1)],
            [shaken(SHORT_AT, SHORT), shaken(hop=1)],
            [got(f"https://{SHORT}/1", "", 302, address=SHORT_AT, Location=f"https://{SITE}/"), got(hop=1)],
        )
    ),
    "a site sends to an address that refuses": document(
        steps(
            [*everywhere(AT), asked(ODD, host="kz.site.net", hop=1)],
            [dialled(), dialled(ODD, failure="connection_refused", hop=1)],
            [shaken()],
            [got(status=302, body="", Location="https://kz.site.net/")],
        )
    ),
    "a notice of the length of the page": cleartext(
        plain(got(_URL, "Доступ к сайту ограничен по решению суда. " * 3)), title=""
    ),
    "a notice with the title of the page": cleartext(
        plain(got(_URL, "<title>The page</title>Access to this site has been blocked by order of the court")),
    ),
    "another page of the same length": cleartext(plain(got(_URL, "Words and words. " * 14)), title=""),
    "a server is asked too often": cleartext(
        plain(got(_URL, "<title>Error</title>Access denied by order of the administrator", 429))
    ),
    "a false positive": cleartext(
        plain(got(_URL, "<title>Forbidden by the Ministry of Silence</title> in a museum of forbidden sites"))
    ),
    "a product's page in a country where it is not expected": cleartext(
        plain(got(_URL, "Filtered by Example Shield", 403))
    ),
    "a product's page in the country where it is expected": {
        **cleartext(plain(got(_URL, "Filtered by Example Shield", 403))), "probe_cc": "XX",
    },
    "a notice in an old charset, headers as binary objects": cleartext(
        plain(
            got(
                _URL,
                {"format": "base64", "data": _WINDOWS},
                Server={"format": "base64", "data": "/w=="},
                **{"Content-Type": "text/html; charset=windows-1251"},
            )
        )
    ),
    "a challenge": cleartext(plain(got(_URL, "<title>Just a moment...</title> Access denied", 403))),
    "a site that turns a country away": cleartext(
        plain(got(_URL, "<title>Sorry</title> Access denied: not available in your region"))
    ),
    "another page": cleartext(plain(got(_URL, "<title>Welcome back</title>" + "<p>news</p>" * 90))),
    "a page, and the helper got none": cleartext(plain(got(_URL)), failure="generic_timeout_error"),
    # --- what says nothing
    "every address is scrubbed": document(
        steps([asked("[scrubbed]")], [dialled("[scrubbed]", failure=TIMEOUT)], [], [])
    ),
    "nothing answers: the line is down": document(steps(everywhere(failure=TIMEOUT))),
    "the probe's own trouble": document(insecure("unknown_failure: too many open files")),
    "a probe that crashed": document({"queries": None, "tcp_connect": None, "tls_handshakes": None, "requests": None}),
}  # fmt: skip


def named() -> list[Json]:
    return [{**whole, "measurement_uid": name} for name, whole in SCENARIOS.items()]


def judged() -> str:
    said = io.StringIO()
    with redirect_stdout(said):
        main([str(DOCUMENTS), "--fingerprints", str(FOLDER), "--fingerprints", str(DOCUMENTS.parent)])
    return said.getvalue()


if __name__ == "__main__":
    DOCUMENTS.parent.mkdir(exist_ok=True)
    DOCUMENTS.write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in named()), encoding="utf-8")
    VERDICTS.write_text(judged(), encoding="utf-8")
