"""A batch: the measurements of one attempt at one run, on their way home."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Self

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from checks.engine.records import Measurement, SelfTest
from checks.probe import messages
from checks.probe.messages import BadMessage, Moment, Said, Sealed

FORMAT = 2
VISIT_LIMIT = 256 * 1024  # characters of evidence in one visit; an ordinary one has some 30,000


@dataclass(frozen=True, slots=True)
class Batch:
    """None of `measurements` when the vantage failed its self-test. Each sealing has its own `sent` and `nonce`."""

    vantage: str
    run: int
    attempt: int
    sent: Moment
    nonce: str
    measurements: tuple[Measurement, ...]
    self_test: SelfTest | None = None
    said: Said = field(default_factory=Said)
    format: int = FORMAT

    def sealed(self, key: Ed25519PrivateKey) -> Sealed:
        return messages.seal(messages.BATCH, replace(self, measurements=tuple(map(fitting, self.measurements))), key)

    def sealed_with(self, lines: Iterable[bytes], key: Ed25519PrivateKey) -> Sealed:
        """With the lines of a spool in the place of its measurements, as they stand there."""
        visits: Any = tuple(map(msgspec.Raw, lines))
        return messages.seal(messages.BATCH, replace(self, measurements=visits), key)

    @classmethod
    def unsealed(cls, sealed: Sealed, public_key: str) -> Self:
        """Raises BadMessage; nothing is parsed before the signature holds."""
        batch = messages.unseal(messages.BATCH, sealed, public_key, cls)
        if batch.format != FORMAT:
            raise BadMessage(f"format {batch.format} is not {FORMAT}: bring the probe's software up to date")
        return batch


def fitting(measurement: Measurement, limit: int = VISIT_LIMIT) -> Measurement:
    """Without its texts and bytes if they are too many: one hostile site must not cost the whole batch its place."""
    texts = [*(query.raw for query in measurement.queries), *(exchange.body for exchange in measurement.exchanges)]
    texts += [certificate.der for handshake in measurement.handshakes for certificate in handshake.chain]
    texts += [value for exchange in measurement.exchanges for header in exchange.headers for value in header]
    if sum(len(text or "") for text in texts) <= limit:
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


def written(measurement: Measurement, limit: int = VISIT_LIMIT) -> bytes:
    """One line of a spool."""
    return msgspec.json.encode(fitting(measurement, limit)) + b"\n"


def read_back(line: bytes) -> Measurement:
    """Raises ValueError for a line that was cut off."""
    try:
        return msgspec.json.decode(line, type=Measurement)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ValueError(f"not a visit: {error}") from error
