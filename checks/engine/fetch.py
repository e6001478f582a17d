"""The page: one GET on a connection made before, and what is kept of its response."""

from __future__ import annotations

import hashlib
from itertools import accumulate
from typing import Any
from urllib.parse import urljoin

from checks.engine.connect import Stream
from checks.engine.failures import NETWORK_ERRORS, Failure, name_failure
from checks.engine.http import Headers, Response, request
from checks.engine.names import Name
from checks.engine.pages import REDIRECTS, charset_of, title_of
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
    title = title_of(text)
    return {
        "location": _location(url, response),
        "title": None if title is None else title[:TITLE_KEPT],
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
    charset = charset_of(response.header("content-type") or "", response.body)
    return response.body.decode(charset, "replace").replace("\0", "\ufffd")
