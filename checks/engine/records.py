"""What one visit to one URL saw: facts only, one frozen record with many observations.

The JSON form is `Measurement.as_json`; `docs/data.md` describes it field by field.
Times `t0` and `t` are seconds since the measurement began. Failures are names of
`checks.engine.failures.Failure`; `None` means that the step succeeded.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Self

import msgspec

FORMAT = 1

VISIT = "visit"  # an ordinary step of the visit
BY_DOH = "doh"  # the handshake with a resolver that is asked by https
VALIDATE = "validate"  # TLS beside a cleartext visit: does the address prove to be the site's?
# The second look at an anomaly (`followup.py`):
SNI_SWAP = "sni_swap"  # same address, a neutral server name
REPEAT = "repeat"  # same address, the suspected server name again, in turn with one of these two
BASELINE = "baseline"  # same address, a neutral server name: what speed to expect there
NO_SNI = "no_sni"  # same address, no server name
NEUTRAL = "neutral_address"  # the suspected server name at an address that has nothing to do with it
KNOWN_GOOD = "known_good"  # the neutral name at its own address, in turn with NEUTRAL


@dataclass(frozen=True, slots=True)
class Answer:
    """One resource record: `type` is A, AAAA or CNAME, `value` its text."""

    type: str
    value: str
    ttl: int


@dataclass(frozen=True, slots=True)
class Query:
    """One DNS question and one reply to it; a second, late reply is a Query of its own."""

    hop: int
    name: str
    type: str
    resolver: str  # "address:port", or the URL of a DoH server
    role: str  # isp | public | doh; other: of another network, and the device asks it (OONI's only)
    transport: str  # udp | tcp | https
    t0: float
    t: float
    failure: str | None = None
    rcode: str | None = None
    answers: tuple[Answer, ...] = ()
    late: bool = False
    raw: str | None = None  # the reply as it came, base64

    @property
    def addresses(self) -> tuple[str, ...]:
        return tuple(a.value for a in self.answers if a.type in ("A", "AAAA"))


@dataclass(frozen=True, slots=True)
class Connect:
    """One TCP connection attempt."""

    hop: int
    address: str
    port: int
    t0: float
    t: float
    failure: str | None = None
    purpose: str = VISIT


@dataclass(frozen=True, slots=True)
class Certificate:
    """One certificate of the chain as the peer sent it; names by RFC 4514."""

    sha256: str
    subject: str
    issuer: str
    not_before: str
    not_after: str
    der: str  # base64


@dataclass(frozen=True, slots=True)
class Handshake:
    """One TLS handshake; `chain` is kept also when verification failed."""

    hop: int
    address: str
    port: int
    server_name: str
    t0: float
    t: float
    failure: str | None = None
    version: str | None = None
    cipher: str | None = None
    alpn: str | None = None
    chain: tuple[Certificate, ...] = ()
    purpose: str = VISIT


@dataclass(frozen=True, slots=True)
class Exchange:
    """One HTTP request and its response, on the connection made before."""

    hop: int
    address: str
    port: int
    url: str
    t0: float
    t: float
    failure: str | None = None
    status: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    location: str | None = None  # where a redirect points, made absolute
    title: str | None = None
    body_sha256: str | None = None
    body_length: int | None = None  # bytes read, after content decoding
    body_truncated: bool = False
    body: str | None = None  # the first BODY_KEPT characters, for fingerprints
    first_byte: float | None = None  # when the response began
    wire_length: int | None = None  # bytes of the response as they came: with the times, its speed
    purpose: str = VISIT


@dataclass(frozen=True, slots=True)
class Refusal:
    """An address the guard did not let us dial: an observation, not a failure of the network."""

    hop: int
    address: str
    reason: str


@dataclass(frozen=True, slots=True)
class Measurement:
    """One visit. `imitated` says that the world was a lab and nothing of this is a finding."""

    id: str  # UUIDv7
    url: str
    started: str  # ISO 8601, UTC
    runtime: float
    software: str  # "tizilim-engine/0.1.0"
    trust_store: str  # "certifi 2026.10.18", or "world NAME"
    world: str  # "real", or the imitated network's name
    imitated: bool
    queries: tuple[Query, ...] = ()
    connects: tuple[Connect, ...] = ()
    handshakes: tuple[Handshake, ...] = ()
    exchanges: tuple[Exchange, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    failure: str | None = None  # what ended the visit, None when a final response came
    overloaded: bool = False  # a step lasted long while our own event loop was late: its slowness proves nothing
    ipv6: bool | None = None  # whether IPv6 works at the vantage at all; None: not tried
    format: int = FORMAT

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def as_bytes(self) -> bytes:
        """The JSON form in UTF-8. Half of a surrogate pair, which an imported record may have, becomes "?"."""
        try:
            return msgspec.json.encode(self)
        except UnicodeEncodeError:
            return json.dumps(self.as_json(), ensure_ascii=False).encode(errors="replace")

    @classmethod
    def from_bytes(cls, document: bytes) -> Self:
        """Read what `as_bytes` wrote, six times as fast as `from_json`. Raises ValueError for anything else."""
        try:
            read = msgspec.json.decode(document, type=cls)
        except msgspec.MsgspecError:
            return cls.from_json(json.loads(document))  # which says where, or knows better
        if read.format != FORMAT:
            raise ValueError(f"format {read.format!r} is not {FORMAT}")
        return read

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """Read what `as_json` wrote. Raises ValueError for anything else, saying where."""
        try:
            if document["format"] != FORMAT:
                raise ValueError(f"format {document['format']!r} is not {FORMAT}")
            datetime.fromisoformat(document["started"])
            fields = dict(document)
            fields["queries"] = tuple(
                Query(**{**q, "answers": tuple(Answer(**a) for a in q["answers"])}) for q in document["queries"]
            )
            fields["connects"] = tuple(Connect(**c) for c in document["connects"])
            fields["handshakes"] = tuple(
                Handshake(**{**h, "chain": tuple(Certificate(**c) for c in h["chain"])}) for h in document["handshakes"]
            )
            fields["exchanges"] = tuple(
                Exchange(**{**e, "headers": tuple((str(k), str(v)) for k, v in e["headers"])})
                for e in document["exchanges"]
            )
            fields["refusals"] = tuple(Refusal(**r) for r in document["refusals"])
            return cls(**fields)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not a measurement: {error!r}") from error


@dataclass(frozen=True, slots=True)
class SelfTest:
    """What a vantage found out about itself before and during a run. None: not tried, or nothing could be told."""

    started: str  # ISO 8601, UTC
    clock_offset: float | None = None  # seconds that our clock is ahead of the control's
    must_allow: tuple[tuple[str, bool], ...] = ()  # name, and whether it opened
    must_block: tuple[tuple[str, bool], ...] = ()
    captive_portal: bool | None = None  # somebody answers in the place of others
    invented_names: bool | None = None  # the resolver has an address for a name that nobody can have
    ipv6: bool | None = None
    asn: int | None = None  # of the address that the control saw us come from; the address is not kept
    failed: tuple[str, ...] = ()  # clock | must_allow | captive_portal | asn: the vantage is silent for this run
    suspect: bool = False  # a must-block name opened: one unblocking must not silence a country
    lag: float | None = None  # seconds that our event loop came late in the run, at worst

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """Read what `as_json` wrote. Raises ValueError for anything else."""
        try:
            datetime.fromisoformat(document["started"])
            fields = dict(document)
            for name in ("must_allow", "must_block"):
                fields[name] = tuple((str(host), bool(opened)) for host, opened in document.get(name, ()))
            fields["failed"] = tuple(str(name) for name in document.get("failed", ()))
            return cls(**fields)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not a self-test: {error!r}") from error
