"""Small measurements to judge: `visit()` is one that opened, and each helper bends one step of it."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count
from typing import Any

from checks.engine.records import (
    BASELINE,
    KNOWN_GOOD,
    REPEAT,
    SNI_SWAP,
    Answer,
    Certificate,
    Connect,
    Exchange,
    Handshake,
    Measurement,
    Query,
)

HOST = "site.kz"
AT = "93.184.216.41"
ELSEWHERE = "93.184.218.10"
NEUTRAL_AT = "93.184.218.20"
BOGON = "10.10.34.34"
BLOCK_ADDRESS = "93.184.218.99"  # a fingerprint of the tests knows it
STARTED = datetime(2026, 11, 23, 12, tzinfo=UTC)
PAGE = {"status": 200, "title": "The page", "body": "Words of the page", "body_sha256": "aa", "body_length": 3000}

_numbers = count(1)


def query(*addresses: str, role: str = "isp", failure: str | None = None, host: str = HOST, **more: Any) -> Query:
    transport = "https" if role == "doh" else "udp"
    answers = tuple(Answer("A", address, 60) for address in addresses)
    resolver = f"resolver of {role}"
    fields = {"hop": 0, "type": "A", "resolver": resolver, "transport": transport, "t0": 0.0, "t": 0.1, **more}
    return Query(name=host, role=role, failure=failure, answers=answers, **fields)


def connect(address: str = AT, failure: str | None = None, port: int = 443, **more: Any) -> Connect:
    return Connect(**{"hop": 0, "address": address, "port": port, "t0": 0.2, "t": 0.3, "failure": failure, **more})


def certificate(sha256: str = "11", subject: str = f"CN={HOST}", issuer: str = "CN=Honest CA") -> Certificate:
    return Certificate(sha256, subject, issuer, "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z", "")


def handshake(address: str = AT, failure: str | None = None, took: float = 0.1, **more: Any) -> Handshake:
    fields = {"hop": 0, "port": 443, "server_name": HOST, "t0": 0.3, "t": 0.3 + took, "chain": (certificate(),), **more}
    return Handshake(address=address, failure=failure, **fields)


def swap(failure: str | None = None) -> Handshake:
    return handshake(failure=failure, server_name="www.example.com", purpose=SNI_SWAP, chain=())


def again(*failures: str | None) -> tuple[Handshake, ...]:
    """The suspected name in the second look, once for each failure."""
    return tuple(handshake(failure=failure, purpose=REPEAT, chain=()) for failure in failures)


def neutral(failure: str | None = None) -> Handshake:
    """The neutral name at its own address."""
    return handshake(NEUTRAL_AT, failure, server_name="www.example.com", purpose=KNOWN_GOOD, chain=())


def baseline(took: float = 0.1) -> Handshake:
    return handshake(took=took, server_name="www.example.com", purpose=BASELINE)


def exchange(address: str = AT, failure: str | None = None, url: str = f"https://{HOST}/", **more: Any) -> Exchange:
    fields: dict[str, Any] = {"hop": 0, "port": 443, "t0": 0.5, "t": 0.6, **({} if failure else PAGE), **more}
    return Exchange(address=address, url=url, failure=failure, **fields)


def transfer(seconds: float, length: int = 200_000, **more: Any) -> Exchange:
    """A page of so many bytes that took so long from its first byte."""
    return exchange(first_byte=1.0, t=1.0 + seconds, wire_length=length, **more)


def visit(**fields: Any) -> Measurement:
    """An https visit that opened; give the steps that went otherwise. DoH and the ISP's resolver agree."""
    steps: dict[str, Any] = {
        "queries": (query(AT), query(AT, role="doh")),
        "connects": (connect(),),
        "handshakes": (handshake(),),
        "exchanges": (exchange(),),
    }
    fixed = {
        "id": f"m{next(_numbers)}",
        "url": f"https://{HOST}/",
        "started": STARTED.isoformat(),
        "runtime": 1.0,
        "software": "tizilim-engine/0.1.0",
        "trust_store": "certifi 2026.10.18",
        "world": "real",
        "imitated": False,
    }
    return Measurement(**{**fixed, **steps, **fields})


def unresolved(failure: str, **fields: Any) -> Measurement:
    """The network's resolver failed; DoH did not. Nothing was dialled."""
    queries = (query(failure=failure), query(AT, role="doh"))
    return visit(
        **{"queries": queries, "connects": (), "handshakes": (), "exchanges": (), "failure": failure, **fields}
    )


def unconnected(failure: str, **fields: Any) -> Measurement:
    return visit(connects=(connect(failure=failure),), handshakes=(), exchanges=(), failure=failure, **fields)


def unsecured(failure: str, *more: Handshake, **fields: Any) -> Measurement:
    """The handshake failed; `more` are handshakes of the second pass."""
    chain = fields.pop("chain", ())
    failed = handshake(failure=failure, chain=chain)
    return visit(handshakes=(failed, *more), exchanges=(), failure=failure, **fields)


def plain(**fields: Any) -> Measurement:
    """A cleartext visit that opened."""
    return visit(
        **{
            "url": f"http://{HOST}/",
            "connects": (connect(port=80),),
            "handshakes": (),
            "exchanges": (plain_exchange(),),
            **fields,
        }
    )


def plain_exchange(address: str = AT, failure: str | None = None, **more: Any) -> Exchange:
    return exchange(address, failure, **{"url": f"http://{HOST}/", "port": 80, **more})


def unfetched(failure: str, *more: Exchange, **fields: Any) -> Measurement:
    """The page failed; `more` are exchanges of the second pass."""
    return plain(exchanges=(plain_exchange(failure=failure), *more), failure=failure, **fields)


def misled(*steps: Handshake, address: str = ELSEWHERE, **fields: Any) -> Measurement:
    """The network's resolver gave an address that nobody else gets."""
    queries = (query(address), query(AT, role="doh"))
    return visit(
        **{"queries": queries, "connects": (connect(address),), "handshakes": steps, "exchanges": (), **fields}
    )
