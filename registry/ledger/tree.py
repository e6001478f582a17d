"""Leaf and tree hashes of RFC 6962, section 2.1, over canonical JSON (RFC 8785)."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from typing import Any

import rfc8785


def canonical(payload: dict[str, Any]) -> bytes:
    """The one spelling of a payload. Raises ValueError for what JSON cannot say exactly."""
    return rfc8785.dumps(payload)


def leaf_hash(data: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + data).digest()


def commitment(salt: bytes, content: bytes) -> bytes:
    """What stands in a leaf for words that are not public: without the salt nobody can try guesses on it.

    HMAC-SHA-256 (RFC 2104) with the salt as its key. Whoever is given both can check them; erased, they are gone.
    """
    return hmac.digest(salt, content, "sha256")


def root(leaves: Sequence[bytes]) -> bytes:
    """The tree head over leaf hashes, oldest first; of no leaves, the hash of nothing."""
    if not leaves:
        return hashlib.sha256().digest()
    # Perfect subtrees, largest first, as in a binary counter: linear in the number of leaves.
    subtrees: list[tuple[int, bytes]] = []
    for leaf in leaves:
        height, node = 0, leaf
        while subtrees and subtrees[-1][0] == height:
            node = _parent(subtrees.pop()[1], node)
            height += 1
        subtrees.append((height, node))
    node = subtrees.pop()[1]
    while subtrees:
        node = _parent(subtrees.pop()[1], node)
    return node


def _parent(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()
