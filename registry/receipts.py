"""The code by which somebody finds again what they sent in. It is shown once; only its hash is kept."""

from __future__ import annotations

import hashlib
import hmac
import secrets

from django.conf import settings

# Crockford's base 32: no I, L, O or U, so that a code survives being read out and written down.
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CODE_LENGTH = 26  # 130 bits


def new_code() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(CODE_LENGTH))


def hash_of(code: str) -> str:
    """What is kept of a code, however it is written; "" of what is none.

    Spaces, dashes, case and look-alike letters do not matter.
    """
    read = code.upper().translate(str.maketrans("ILO", "110", " -\t\r\n"))
    if len(read) != CODE_LENGTH or not set(read) <= set(_ALPHABET):
        return ""
    key = hashlib.sha256(b"tizilim receipt\n" + settings.SECRET_KEY.encode()).digest()
    return hmac.new(key, read.encode(), hashlib.sha256).hexdigest()
