"""The page: one GET on a connection made before, and what is kept of its response."""

from __future__ import annotations

import hashlib
import html
import re
from itertools import accumulate
from typing import Any
from urllib.parse import urljoin

from checks.engine.connect import Stream
from checks.engine.failures import NETWORK_ERRORS, Failure, name_failure
from checks.engine.http import Headers, Response, request
from checks.engine.names import Name
from checks.engine.records import VISIT, Exchange
from checks.engine.stopwatch import Stopwatch

BODY_KEPT = 8192  # characters
HEADERS_KEPT = 16 * 1024  # characters
TITLE_KEPT = 300  # characters

# Probe and control send the same, or a difference between two pages would be our own.
HEADERS = (
    ("User-Agent", "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"),
    ("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    ("Accept-Language", "en-US,en;q=0.5"),
    ("Accept-Encoding", "gzip, deflate"),
    ("Connection", "close"),
)
REDIRECTS = frozenset({301, 302, 303, 307, 308})

# A server chooses among these; any other codec of ours is none of its business.
_CHARSETS = frozenset({"utf-8", "windows-1251", "windows-1252", "koi8-r", "iso-8859-1", "iso-8859-5", "us-ascii"})
_CHARSET = re.compile(r"charset\s{0,9}=\s{0,9}[\"']?([A-Za-z0-9_-]{1,40})")
_TITLE = re.compile(r"<title\b[^<>]{0,200}>([^<]{0,2000})", re.IGNORECASE)


async def get(
    stream: Stream,
    hop: int,
    address: str,
    port: int,
    name: Name,
    watch: Stopwatch,
    seconds: float,
    *,
    purpose: str = VISIT,
) -> Exchange:
    """GET the page of `name`; a redirect is only noted as `location`."""
    response = Response()
    t0 = watch.read()
    failure: Failure | None = None
    try:
        async with watch.within(seconds):
            await request(stream, "GET", name.authority, name.path, HEADERS, response)
    except NETWORK_ERRORS as error:
        failure = name_failure(error)
    finally:
        stream.abort()
    page = {} if response.status is None else _page(name.url, response)
    return Exchange(
        hop,
        address,
        port,
        name.url,
        t0,
        watch.read(),
        failure,
        response.status,
        _kept(response.headers),
        first_byte=None if response.began is None else watch.at(response.began),
        wire_length=response.wire_length or None,
        purpose=purpose,
        **page,
    )


def _kept(headers: Headers) -> Headers:
    """The first of them, HEADERS_KEPT characters in all."""
    ends = accumulate(len(name) + len(value) for name, value in headers)
    return tuple(header for header, end in zip(headers, ends, strict=True) if end <= HEADERS_KEPT)


def _page(url: str, response: Response) -> dict[str, Any]:
    """The fields of an exchange that tell of its page."""
    text = _text(response)
    title = _TITLE.search(text)
    return {
        "location": _location(url, response),
        "title": " ".join(html.unescape(title[1]).split())[:TITLE_KEPT] if title else None,
        "body_sha256": hashlib.sha256(response.body).hexdigest(),
        "body_length": len(response.body),
        "body_truncated": response.truncated,
        "body": text[:BODY_KEPT],
    }


def _location(url: str, response: Response) -> str | None:
    target = response.header("location") if response.status in REDIRECTS else None
    if target is None:
        return None
    place, mark, query = target.encode("latin-1").decode("utf-8", "replace").partition("?")
    try:
        return urljoin(url, place.replace("\\", "/") + mark + query)  # a backslash is a slash to browsers
    except ValueError:
        return target  # no URL at all: kept as it came


def _text(response: Response) -> str:
    """The body as text. NUL becomes U+FFFD, because PostgreSQL takes no NUL."""
    beginning = bytes(response.body[:1024]).decode("ascii", "replace")
    declared = _CHARSET.search(response.header("content-type") or "") or _CHARSET.search(beginning)
    charset = declared[1].lower() if declared else "utf-8"
    return response.body.decode(charset if charset in _CHARSETS else "utf-8", "replace").replace("\0", "\ufffd")
