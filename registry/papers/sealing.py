"""Seals an original so that whoever sealed it cannot open it: only who holds the private keys can, and all of them.

A lock is X25519 with a key made for this one sealing, HKDF-SHA-256, and ChaCha20-Poly1305. With several keys the
box of one lies in the box of the next, so that nobody opens it alone.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_MAGIC = b"tizilim-sealed-1\n"
_KEY, _SALT = 32, 32
_NONCE = bytes(12)  # the key is used once


class BadKey(ValueError):
    """It is no key."""


class NotOpened(ValueError):
    """The box is broken, or a key is not its own."""


@dataclass(frozen=True)
class Sealed:
    box: bytes
    # SHA-256 of the salt and the original. Without the salt, which lies in the box, nobody can try out what a
    # blackened place may have held; whoever opens the box can show everybody that this was the original.
    commitment: str


@dataclass(frozen=True)
class Opened:
    data: bytes
    salt: bytes

    @property
    def commitment(self) -> str:
        return _commitment(self.salt, self.data)


def make_key(path: Path) -> str:
    """Writes the private half, readable by its owner only, and answers the public one. Raises FileExistsError."""
    key = X25519PrivateKey.generate()
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(f"{key.private_bytes_raw().hex()}\n")
    return key.public_key().public_bytes_raw().hex()


def public_key(text: str) -> X25519PublicKey:
    """Of 64 hexadecimal digits. Raises BadKey."""
    try:
        return X25519PublicKey.from_public_bytes(bytes.fromhex(text))
    except ValueError as error:
        raise BadKey(f"{text[:80]!r} is no public key: those are 64 hexadecimal digits") from error


def seal(data: bytes, keys: Sequence[str]) -> Sealed:
    """Raises BadKey, also where there is none."""
    if not keys:
        raise BadKey("there is no key to seal with")
    salt = secrets.token_bytes(_SALT)
    box = salt + data
    for key in keys:
        box = _locked(box, public_key(key))
    return Sealed(box, _commitment(salt, data))


def unseal(box: bytes, private_keys: Sequence[str]) -> Opened:
    """With all keys, in any order. Raises NotOpened."""
    left = [_private(text) for text in private_keys]
    if not box.startswith(_MAGIC):
        raise NotOpened("this is no sealed original")
    while box.startswith(_MAGIC):
        fitting = [key for key in left if key.public_key().public_bytes_raw() == box[len(_MAGIC) :][:_KEY]]
        if not fitting:
            raise NotOpened(f"needs the key whose public half is {box[len(_MAGIC) :][:_KEY].hex()}")
        left.remove(fitting[0])
        box = _unlocked(box, fitting[0])
    return Opened(data=box[_SALT:], salt=box[:_SALT])


def _private(text: str) -> X25519PrivateKey:
    try:
        return X25519PrivateKey.from_private_bytes(bytes.fromhex(text.strip()))
    except ValueError as error:
        raise NotOpened("this is no private key: those are 64 hexadecimal digits") from error


def _locked(data: bytes, key: X25519PublicKey) -> bytes:
    once = X25519PrivateKey.generate()
    head = _MAGIC + key.public_bytes_raw() + once.public_key().public_bytes_raw()
    return head + ChaCha20Poly1305(_derived(once.exchange(key), head)).encrypt(_NONCE, data, head)


def _unlocked(box: bytes, key: X25519PrivateKey) -> bytes:
    size = len(_MAGIC) + 2 * _KEY
    head, body = box[:size], box[size:]
    try:
        shared = key.exchange(X25519PublicKey.from_public_bytes(head[-_KEY:]))
        return ChaCha20Poly1305(_derived(shared, head)).decrypt(_NONCE, body, head)
    except (InvalidTag, ValueError) as error:
        raise NotOpened("the box is broken") from error


def _derived(shared: bytes, head: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=head).derive(shared)


def _commitment(salt: bytes, data: bytes) -> str:
    return hashlib.sha256(salt + data).hexdigest()
