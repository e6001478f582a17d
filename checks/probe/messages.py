"""What a probe signs: JSON, compressed, under its Ed25519 key; a number used once and the moment keep it from being
played again.

The signature covers the bytes as sent, under a prefix that names the kind of message, so that it can be checked before
anything is parsed, and no kind passes for another.
"""

from __future__ import annotations

import re
import secrets
import zlib
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Annotated, Any, TypeVar

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

T = TypeVar("T")
Moment = Annotated[datetime, msgspec.Meta(tz=True)]
_Count = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,59}")  # of a vantage
BATCH, CLAIM, ENROL = "batch", "claim", "enrol"
_LIMITS = {BATCH: 64 * 1024 * 1024, CLAIM: 4096, ENROL: 4096}  # bytes of JSON; 500 visits take a fifth of the first


class BadMessage(ValueError):
    """Not what this vantage signed, or not what was agreed; the message says what is wrong."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """As it travels: the body and the signature over it."""

    body: bytes
    signature: bytes


def nonce() -> str:
    return secrets.token_hex(16)


def seal(kind: str, document: Any, key: Ed25519PrivateKey) -> Sealed:
    """`document`: a dataclass of plain values, or what `json` takes."""
    body = zlib.compress(msgspec.json.encode(document))
    return Sealed(body, key.sign(_prefix(kind) + body))


def unseal(kind: str, sealed: Sealed, public_key: str, form: type[T]) -> T:
    """Check the signature, then the size, then every field's type. Raises BadMessage."""
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key)).verify(
            sealed.signature, _prefix(kind) + sealed.body
        )
    except (InvalidSignature, ValueError) as error:
        raise BadMessage("the signature is not this vantage's") from error
    return read(kind, sealed.body, form)


def read(kind: str, body: bytes, form: type[T]) -> T:
    """What a body says, whoever signed it. Raises BadMessage."""
    try:
        return msgspec.json.decode(_inflate(body, _LIMITS[kind]), type=form)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadMessage(f"not a {kind}: {error}") from error


def _prefix(kind: str) -> bytes:
    return f"tizilim-{kind}-v2\n".encode("ascii")


def _inflate(body: bytes, limit: int) -> bytes:
    stream = zlib.decompressobj()
    try:
        data = stream.decompress(body, limit)
    except zlib.error as error:
        raise BadMessage(f"not compressed as agreed: {error}") from error
    if stream.unconsumed_tail or not stream.eof:
        raise BadMessage(f"larger than {limit} bytes, or cut short")
    return data


@dataclass(frozen=True, slots=True)
class Order:
    """What a vantage is asked to do. The lease ends so many seconds after it was given out."""

    vantage: str
    run: int
    attempt: int
    items: tuple[tuple[str, tuple[str, ...]], ...]  # URL, and addresses to visit besides its own
    lease: float


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a batch. Until one says that it need not be kept, the probe keeps it and sends it again."""

    vantage: str
    run: int
    attempt: int
    keep: bool
    reason: str = ""  # of one that was not taken


@dataclass(frozen=True, slots=True)
class Said:
    """What a probe tells of itself along with what it sends. Its own words: shown, and never counted."""

    software: Annotated[str, msgspec.Meta(max_length=100, pattern="^[^\\x00]*$")] = ""  # a database takes no NUL
    waiting: _Count = 0  # finished runs in the spool that have no receipt
    running: _Count = 0  # runs at work

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Claim:
    """A vantage at the HTTPS door asks for work."""

    vantage: str
    sent: Moment
    nonce: str
    room: int  # runs that it can take now
    said: Said = field(default_factory=Said)
    format: int = 2


@dataclass(frozen=True, slots=True)
class Orders:
    """What the door answers: work, and how many seconds to wait before asking again."""

    orders: tuple[Order, ...]
    wait: float


@dataclass(frozen=True, slots=True)
class Enrol:
    """Whoever was invited hands in the public half of a key; the signature shows that it has the other."""

    token: str
    vantage: str  # as its host has it from the invitation
    public_key: str
    sent: Moment


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What the invitation was for. Until two people have admitted it, a claim is refused."""

    vantage: str
    asn: int
    role: str
