"""What is read of a page's text, by the engine and of other tools' records alike."""

from __future__ import annotations

import html
import re

REDIRECTS = frozenset({301, 302, 303, 307, 308})

# A server chooses among these; any other codec of ours is none of its business.
_CHARSETS = frozenset({"utf-8", "windows-1251", "windows-1252", "koi8-r", "iso-8859-1", "iso-8859-5", "us-ascii"})
_CHARSET = re.compile(r"charset\s{0,9}=\s{0,9}[\"']?([A-Za-z0-9_-]{1,40})")
_TITLE = re.compile(r"<title\b[^<>]{0,200}>([^<]{0,2000})", re.IGNORECASE)
_BEGINNING = 1024  # bytes in which a page may say its charset itself


def title_of(text: str) -> str | None:
    """The title, its white space made single; None where there is none."""
    found = _TITLE.search(text)
    return " ".join(html.unescape(found[1]).split()) if found else None


def charset_of(content_type: str, body: bytes | bytearray) -> str:
    """What the header says, else the page itself; UTF-8 for anything else."""
    found = _CHARSET.search(content_type) or _CHARSET.search(bytes(body[:_BEGINNING]).decode("ascii", "replace"))
    charset = found[1].lower() if found else ""
    return charset if charset in _CHARSETS else "utf-8"
