"""A measurement in OONI's data format (df-000 and the formats of its parts), for tools that read OONI's.

It says that the software is ours and names a test of our own: our visits differ from web_connectivity's
(several resolvers, every address, second looks), and whoever pools them must know.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import dns.rcode

from checks.engine.fetch import HEADERS
from checks.engine.names import parse_location
from checks.engine.records import VISIT, Answer, Connect, Exchange, Handshake, Measurement, Query
from checks.engine.world import DOH, ISP, endpoint

DATA_FORMAT = "0.2.0"
TEST_NAME = "tizilim_visit"
TEST_VERSION = "0.1.0"
_TIME = "%Y-%m-%d %H:%M:%S"
_ENGINES = {"udp": "udp", "tcp": "tcp", "https": "doh"}


def export(measurement: Measurement, *, asn: int | None = None, network: str = "", country: str = "") -> dict[str, Any]:
    """One document of df-000. Without them, the network is AS0 and the country ZZ: OONI's words for untold."""
    started = datetime.fromisoformat(measurement.started).astimezone(UTC).strftime(_TIME)
    isp = next((query.resolver for query in measurement.queries if query.role == ISP), "")
    name, _, version = measurement.software.partition("/")
    return {
        "annotations": {
            "id": measurement.id,
            "imitated": "true" if measurement.imitated else "false",
            "overloaded": "true" if measurement.overloaded else "false",
            "trust_store": measurement.trust_store,
        },
        "data_format_version": DATA_FORMAT,
        "extensions": {"dnst": 0, "httpt": 0, "netevents": 0, "tcpconnect": 0, "tlshandshake": 0},
        "input": measurement.url,
        "measurement_start_time": started,
        "probe_asn": f"AS{asn or 0}",
        "probe_cc": country or "ZZ",
        "probe_ip": "127.0.0.1",
        "probe_network_name": network,
        "report_id": "",
        "resolver_ip": isp.rpartition(":")[0].strip("[]"),
        "software_name": name,
        "software_version": version,
        "test_helpers": {},
        "test_keys": {
            "agent": "agent",  # redirects are followed by hand
            "failure": measurement.failure,
            "network_events": [*map(_dialled, measurement.connects), *_received(measurement.exchanges)],
            "queries": [_query(query) for query in measurement.queries],
            "requests": [_request(measurement, e) for e in sorted(measurement.exchanges, key=lambda e: -e.t0)],
            "socksproxy": None,
            "tcp_connect": [_connect(connect) for connect in measurement.connects],
            "tls_handshakes": [_handshake(handshake) for handshake in measurement.handshakes],
        },
        "test_name": TEST_NAME,
        "test_runtime": measurement.runtime,
        "test_start_time": started,
        "test_version": TEST_VERSION,
    }


def _query(query: Query) -> dict[str, Any]:
    document: dict[str, Any] = {
        "answers": [_answer(answer) for answer in query.answers] or None,
        "engine": _ENGINES[query.transport],
        "failure": query.failure,
        "hostname": query.name,
        "query_type": query.type,
        "resolver_address": query.resolver,
        "t0": query.t0,
        "t": query.t,
        "tags": [_depth(query.hop), *_roles(query)],
    }
    if query.raw is not None:
        document["raw_response"] = query.raw
    if query.rcode is not None:
        document["rcode"] = int(dns.rcode.from_text(query.rcode))
    return document


def _roles(query: Query) -> list[str]:
    roles = [] if query.role == DOH else [query.role]
    return [*roles, "late"] if query.late else roles


def _answer(answer: Answer) -> dict[str, Any]:
    field = {"A": "ipv4", "AAAA": "ipv6"}.get(answer.type, "hostname")
    return {"answer_type": answer.type, field: answer.value, "ttl": answer.ttl}


def _connect(connect: Connect) -> dict[str, Any]:
    return {
        "ip": connect.address,
        "port": connect.port,
        "status": {"failure": connect.failure, "success": connect.failure is None},
        "t0": connect.t0,
        "t": connect.t,
        "tags": _tags(connect),
    }


def _dialled(connect: Connect) -> dict[str, Any]:
    return {
        "address": endpoint(connect.address, connect.port),
        "failure": connect.failure,
        "operation": "connect",
        "proto": "tcp",
        "t0": connect.t0,
        "t": connect.t,
        "tags": _tags(connect),
    }


def _received(exchanges: Sequence[Exchange]) -> Iterator[dict[str, Any]]:
    """How fast a page came: one event for all of it, where df-008 has one for each read."""
    for exchange in exchanges:
        if exchange.wire_length is not None and exchange.first_byte is not None:
            yield {
                "address": endpoint(exchange.address, exchange.port),
                "failure": exchange.failure,
                "num_bytes": exchange.wire_length,
                "operation": "bytes_received_cumulative",
                "proto": "tcp",
                "t0": exchange.first_byte,
                "t": exchange.t,
                "tags": _tags(exchange),
            }


def _handshake(handshake: Handshake) -> dict[str, Any]:
    return {
        "address": endpoint(handshake.address, handshake.port),
        "cipher_suite": handshake.cipher or "",
        "failure": handshake.failure,
        "negotiated_protocol": handshake.alpn or "",
        "network": "tcp",
        "no_tls_verify": False,
        "peer_certificates": [{"data": certificate.der, "format": "base64"} for certificate in handshake.chain],
        "server_name": handshake.server_name,
        "t0": handshake.t0,
        "t": handshake.t,
        "tags": _tags(handshake),
        "tls_version": handshake.version or "",
    }


def _request(measurement: Measurement, exchange: Exchange) -> dict[str, Any]:
    sent = [("Host", parse_location(exchange.url).authority), *HEADERS]
    secured = (
        h.alpn for h in measurement.handshakes if _place(h) == _place(exchange) and h.purpose == exchange.purpose
    )
    return {
        "address": endpoint(exchange.address, exchange.port),
        "alpn": next(secured, None) or "",
        "failure": exchange.failure,
        "network": "tcp",
        "request": {
            "body": "",
            "body_is_truncated": False,
            "method": "GET",
            "tor": {"exit_ip": None, "exit_name": None, "is_tor": False},
            "url": exchange.url,
            "x_transport": "tcp",
            **_headers(sent),
        },
        "response": {
            "body": exchange.body or "",
            "body_is_truncated": exchange.body_truncated or _is_shortened(exchange),
            "code": exchange.status or 0,
            **_headers(exchange.headers),
        },
        "t0": exchange.t0,
        "t": exchange.t,
        "tags": _tags(exchange),
    }


def _is_shortened(exchange: Exchange) -> bool:
    """We keep the beginning of a page only."""
    return exchange.body is not None and (exchange.body_length or 0) > len(exchange.body.encode())


def _headers(pairs: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Both forms; of several headers with one name the map has the first."""
    return {"headers": dict(reversed([*pairs])), "headers_list": [list(pair) for pair in pairs]}


def _tags(step: Connect | Handshake | Exchange) -> list[str]:
    return [_depth(step.hop)] if step.purpose == VISIT else [_depth(step.hop), step.purpose]


def _depth(hop: int) -> str:
    return f"depth={hop}"


def _place(step: Handshake | Exchange) -> tuple[int, str, int]:
    return step.hop, step.address, step.port
