"""A batch of measurements on its way home: JSON, compressed, signed by the probe's Ed25519 key.

The signature covers the bytes as sent, under a prefix that no other message carries, so that it
can be checked before anything is parsed.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from checks.engine.records import Measurement, SelfTest

FORMAT = 1
SIZE_LIMIT = 64 * 1024 * 1024  # bytes of JSON; 500 visits with their evidence take a fifth of it
VISIT_LIMIT = 256 * 1024  # characters of evidence in one visit; an ordinary one has some 30,000
_PREFIX = b"tizilim-batch-v1\n"


class BadBatch(ValueError):
    """Not a batch that this vantage signed; the message says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Batch:
    """The measurements of one attempt at one run; none when the vantage failed its self-test."""

    vantage: str
    run: int
    attempt: int
    sent: datetime
    measurements: tuple[Measurement, ...]
    self_test: SelfTest | None = None


def seal(batch: Batch, key: Ed25519PrivateKey) -> tuple[bytes, bytes]:
    """The body and its signature."""
    document = {
        "format": FORMAT,
        "vantage": batch.vantage,
        "run": batch.run,
        "attempt": batch.attempt,
        "sent": batch.sent.isoformat(),
        "measurements": [_fitting(m).as_json() for m in batch.measurements],
        "self_test": batch.self_test.as_json() if batch.self_test else None,
    }
    body = zlib.compress(json.dumps(document, separators=(",", ":")).encode())
    return body, key.sign(_PREFIX + body)


def _fitting(measurement: Measurement) -> Measurement:
    """Without its texts and bytes if they are too many: one hostile site must not cost the whole batch its place."""
    texts = [*(query.raw for query in measurement.queries), *(exchange.body for exchange in measurement.exchanges)]
    texts += [certificate.der for handshake in measurement.handshakes for certificate in handshake.chain]
    texts += [value for exchange in measurement.exchanges for header in exchange.headers for value in header]
    if sum(len(text or "") for text in texts) <= VISIT_LIMIT:
        return measurement
    return replace(
        measurement,
        queries=tuple(replace(query, raw=None, answers=query.answers[:8]) for query in measurement.queries),
        handshakes=tuple(
            replace(handshake, chain=tuple(replace(one, der="") for one in handshake.chain[:1]))
            for handshake in measurement.handshakes
        ),
        exchanges=tuple(replace(exchange, body=None, headers=()) for exchange in measurement.exchanges),
    )


def unseal(body: bytes, signature: bytes, public_key: str) -> Batch:
    """Check and read a batch. Raises BadBatch; nothing is parsed before the signature holds."""
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key)).verify(signature, _PREFIX + body)
    except (InvalidSignature, ValueError) as error:
        raise BadBatch("the signature is not this vantage's") from error
    return _read(_inflate(body))


def _inflate(body: bytes) -> bytes:
    stream = zlib.decompressobj()
    try:
        data = stream.decompress(body, SIZE_LIMIT)
    except zlib.error as error:
        raise BadBatch(f"not compressed as agreed: {error}") from error
    if stream.unconsumed_tail or not stream.eof:
        raise BadBatch(f"larger than {SIZE_LIMIT} bytes, or cut short")
    return data


def _read(data: bytes) -> Batch:
    try:
        document = json.loads(data)
        if document["format"] != FORMAT:
            raise BadBatch(f"format {document['format']!r} is not {FORMAT}")
        return Batch(
            vantage=str(document["vantage"]),
            run=int(document["run"]),
            attempt=int(document["attempt"]),
            sent=datetime.fromisoformat(document["sent"]),
            measurements=tuple(measurements_of(document["measurements"])),
            self_test=SelfTest.from_json(document["self_test"]) if document.get("self_test") else None,
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BadBatch(f"not a batch: {error}") from error


def measurements_of(documents: Sequence[dict[str, object]]) -> list[Measurement]:
    return [Measurement.from_json(document) for document in documents]
