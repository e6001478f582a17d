"""What df-000 and the formats of its parts ask of a document, as a JSON schema of our own (github.com/ooni/spec).

Where the formats leave a field open it may still hold only what they name: what is not in them is a mistake here.
"""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_FLAG: Schema = {"type": "boolean"}
_SECONDS: Schema = {"type": "number", "minimum": 0}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_FAILURE: Schema = {"type": ["string", "null"], "pattern": "^[a-z0-9_]+( .*)?$"}
_TAGS: Schema = {"type": "array", "items": _TEXT}
_ENDPOINT: Schema = {"type": "string", "pattern": r"^([0-9.]+|\[[0-9a-f:]+\]):[0-9]{1,5}$"}
_MOMENT: Schema = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$"}
_PORT: Schema = {"type": "integer", "minimum": 1, "maximum": 65535}


def _object(required: Schema, **optional: Schema) -> Schema:
    return {
        "type": "object",
        "properties": {**required, **optional},
        "required": sorted(required),
        "additionalProperties": False,
    }


def _list(item: Schema) -> Schema:
    return {"type": "array", "items": item}


_BINARY = _object({"format": {"const": "base64"}, "data": {"type": "string", "pattern": "^[A-Za-z0-9+/]*={0,2}$"}})
_MAYBE_BINARY: Schema = {"anyOf": [_TEXT, _BINARY]}
_HEADERS: Schema = {
    "headers": {"type": "object", "additionalProperties": _MAYBE_BINARY},
    "headers_list": _list(
        {"type": "array", "prefixItems": [_TEXT, _MAYBE_BINARY], "minItems": 2, "maxItems": 2, "items": False}
    ),
}
_STEP: Schema = {"failure": _FAILURE, "t0": _SECONDS, "t": _SECONDS}

REQUEST = _object(  # df-001
    {
        **_STEP,
        "request": _object(
            {
                "url": {"type": "string", "pattern": "^https?://"},
                "body": _MAYBE_BINARY,
                "method": _TEXT,
                "tor": _object(
                    {"exit_ip": {"type": "null"}, "exit_name": {"type": "null"}, "is_tor": {"const": False}}
                ),
                **_HEADERS,
            },
            body_is_truncated=_FLAG,
            x_transport={"enum": ["tcp", "udp"]},
        ),
        "response": _object({"body": _MAYBE_BINARY, "code": _COUNT, **_HEADERS}, body_is_truncated=_FLAG),
    },
    network={"enum": ["tcp", "udp"]},
    address=_ENDPOINT,
    alpn=_TEXT,
    tags=_TAGS,
    transaction_id=_COUNT,
)
_ANSWER = _object(  # df-002
    {"answer_type": _TEXT, "ttl": {"type": ["integer", "null"]}},
    asn=_COUNT,
    as_org_name=_TEXT,
    hostname=_TEXT,
    ipv4={"type": "string", "format": "ipv4"},
    ipv6={"type": "string", "format": "ipv6"},
)
QUERY = _object(
    {
        **_STEP,
        "answers": {"anyOf": [_list(_ANSWER), {"type": "null"}]},
        "hostname": _TEXT,
        "query_type": {"enum": ["A", "AAAA", "ANY"]},
        "resolver_address": _TEXT,
    },
    engine={"enum": ["unknown", "getaddrinfo", "golang_net_resolver", "udp", "tcp", "dot", "doh"]},
    raw_response={"type": "string", "pattern": "^[A-Za-z0-9+/]*={0,2}$"},
    rcode=_COUNT,
    tags=_TAGS,
    transaction_id=_COUNT,
)
CONNECT = _object(  # df-005
    {
        "ip": {"anyOf": [{"type": "string", "format": "ipv4"}, {"type": "string", "format": "ipv6"}]},
        "port": _PORT,
        "status": _object({"failure": _FAILURE, "success": _FLAG}),
        "t0": _SECONDS,
        "t": _SECONDS,
    },
    tags=_TAGS,
    transaction_id=_COUNT,
)
HANDSHAKE = _object(  # df-006
    {
        **_STEP,
        "address": _ENDPOINT,
        "cipher_suite": _TEXT,
        "negotiated_protocol": _TEXT,
        "no_tls_verify": _FLAG,
        "peer_certificates": _list(_BINARY),
        "tls_version": _TEXT,
    },
    network={"enum": ["tcp", "udp"]},
    server_name=_TEXT,
    tags=_TAGS,
    transaction_id=_COUNT,
)
EVENT = _object(  # df-008
    {
        **_STEP,
        "operation": {"enum": ["bytes_received_cumulative", "connect", "read", "read_from", "write", "write_to"]},
        "tags": _TAGS,
    },
    address=_ENDPOINT,
    num_bytes=_COUNT,
    proto={"enum": ["tcp", "udp"]},
    transaction_id=_COUNT,
)
DOCUMENT = _object(  # df-000; what only OONI's own pipeline writes is left out
    {
        "data_format_version": {"const": "0.2.0"},
        "input": {"type": ["string", "null"]},
        "measurement_start_time": _MOMENT,
        "probe_asn": {"type": "string", "pattern": "^AS[0-9]+$"},
        "probe_cc": {"type": "string", "pattern": "^[A-Z]{2}$"},
        "probe_ip": {"const": "127.0.0.1"},
        "report_id": _TEXT,
        "software_name": _TEXT,
        "software_version": _TEXT,
        "test_helpers": {"type": "object"},
        "test_keys": _object(
            {
                "agent": {"enum": ["agent", "redirect"]},
                "failure": _FAILURE,
                "network_events": _list(EVENT),
                "queries": _list(QUERY),
                "requests": _list(REQUEST),
                "tcp_connect": _list(CONNECT),
                "tls_handshakes": _list(HANDSHAKE),
            },
            socksproxy={"type": ["string", "null"]},
        ),
        "test_name": {"type": "string", "pattern": "^[a-z0-9_]+$"},
        "test_runtime": _SECONDS,
        "test_start_time": _MOMENT,
        "test_version": {"type": "string", "pattern": r"^\d+\.\d+\.\d+$"},
    },
    annotations={"type": "object", "additionalProperties": _TEXT},
    extensions={"type": "object", "additionalProperties": {"const": 0}},
    probe_network_name=_TEXT,
    resolver_asn=_TEXT,
    resolver_ip=_TEXT,
    resolver_network_name=_TEXT,
)
