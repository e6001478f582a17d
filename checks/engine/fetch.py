"""HTTP: one request and its bounded response, on a connection made before."""

from __future__ import annotations

import asyncio
import hashlib
import html
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import urljoin

import h11

from checks.engine.connect import Stream
from checks.engine.failures import NETWORK_ERRORS, Failure, name_failure
from checks.engine.names import Name
from checks.engine.records import VISIT, Exchange
from checks.engine.stopwatch import Stopwatch

HEAD_LIMIT = 64 * 1024  # bytes of status line and headers
BODY_LIMIT = 1024 * 1024  # bytes, after decoding
WIRE_LIMIT = HEAD_LIMIT + BODY_LIMIT  # bytes as sent: a million chunks of one byte are no page
BODY_KEPT = 8192  # characters
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


@dataclass(slots=True)
class Response:
    """What has arrived so far; a failure half-way leaves the rest of it standing."""

    status: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    body: bytearray = field(default_factory=bytearray)
    truncated: bool = False
    began: float | None = None  # the loop's time at its first byte
    wire_length: int = 0  # bytes as they came

    def header(self, name: str) -> str | None:
        """The first header of this (lower-case) name."""
        return next((value for key, value in self.headers if key.lower() == name), None)


async def request(
    stream: Stream,
    method: str,
    authority: str,
    target: str,
    headers: Sequence[tuple[str, str]],
    response: Response,
    *,
    content: bytes = b"",
) -> None:
    """Send one request and fill `response`. Raises what `failures` names; sets no deadline."""
    http = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEAD_LIMIT)
    length = [("Content-Length", str(len(content)))] if content else []
    head = h11.Request(method=method, target=target, headers=[("Host", authority), *headers, *length])
    sent = [http.send(head), http.send(h11.Data(data=content)) if content else b"", http.send(h11.EndOfMessage())]
    await stream.send(b"".join(part or b"" for part in sent))
    incoming = _Incoming(http, stream, response)
    decode = _Decoder(None)
    while True:
        event = await incoming.next_event()
        if isinstance(event, h11.Response):
            response.status = event.status_code
            response.headers = tuple(
                (key.decode("latin-1"), value.decode("latin-1")) for key, value in event.headers.raw_items()
            )
            decode = _Decoder(response.header("content-encoding"))
        elif isinstance(event, h11.Data):
            response.body += decode(bytes(event.data), BODY_LIMIT - len(response.body))
            if len(response.body) >= BODY_LIMIT or response.wire_length >= WIRE_LIMIT:
                response.truncated = True
                return
        elif isinstance(event, h11.InformationalResponse) and response.wire_length > HEAD_LIMIT:
            raise h11.RemoteProtocolError("interim responses without end")
        elif isinstance(event, h11.EndOfMessage | h11.ConnectionClosed):
            return


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
    exchange = Exchange(
        hop,
        address,
        port,
        name.url,
        t0,
        watch.read(),
        failure,
        response.status,
        response.headers,
        first_byte=None if response.began is None else watch.at(response.began),
        wire_length=response.wire_length or None,
        purpose=purpose,
    )
    return exchange if response.status is None else _with_page(exchange, response)


class _Incoming:
    """The events of one response; `response` learns when its first byte came and how many there were."""

    def __init__(self, http: h11.Connection, stream: Stream, response: Response) -> None:
        self._http, self._stream, self._response = http, stream, response

    async def next_event(self) -> object:
        while True:
            try:
                event = self._http.next_event()
            except h11.RemoteProtocolError as error:
                if self._http.trailing_data[1]:  # the peer closed inside a message that was right so far
                    raise EOFError("closed before the response was complete") from error
                raise
            if event is not h11.NEED_DATA:
                return event
            data = await self._stream.receive()
            if self._response.began is None:
                self._response.began = asyncio.get_running_loop().time()
            self._response.wire_length += len(data)
            self._http.receive_data(data)


class _Decoder:
    """Undoes one gzip or deflate layer, never into more than is asked for; any other coding stays as it is."""

    def __init__(self, coding: str | None) -> None:
        known = (coding or "").strip().lower() in ("gzip", "x-gzip", "deflate")
        self._inflate = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32) if known else None  # | 32: gzip or zlib header
        self._fresh = True

    def __call__(self, data: bytes, room: int) -> bytes:
        if self._inflate is None:
            return data[:room]
        try:
            return self._inflate.decompress(data, max_length=room)
        except zlib.error:
            if not self._fresh:
                raise
            self._inflate = zlib.decompressobj(wbits=-zlib.MAX_WBITS)  # “deflate” without the header it should have
            return self._inflate.decompress(data, max_length=room)
        finally:
            self._fresh = False


def _with_page(exchange: Exchange, response: Response) -> Exchange:
    text = _text(response)
    title = _TITLE.search(text)
    return replace(
        exchange,
        location=_location(exchange.url, response),
        title=" ".join(html.unescape(title[1]).split())[:TITLE_KEPT] if title else None,
        body_sha256=hashlib.sha256(response.body).hexdigest(),
        body_length=len(response.body),
        body_truncated=response.truncated,
        body=text[:BODY_KEPT],
    )


def _location(url: str, response: Response) -> str | None:
    target = response.header("location") if response.status in REDIRECTS else None
    if target is None:
        return None
    try:
        return urljoin(url, target.encode("latin-1").decode("utf-8", "replace"))
    except ValueError:
        return target  # no URL at all: kept as it came


def _text(response: Response) -> str:
    """The body as text. NUL becomes U+FFFD, because PostgreSQL takes no NUL."""
    beginning = bytes(response.body[:1024]).decode("ascii", "replace")
    declared = _CHARSET.search(response.header("content-type") or "") or _CHARSET.search(beginning)
    charset = declared[1].lower() if declared else "utf-8"
    return response.body.decode(charset if charset in _CHARSETS else "utf-8", "replace").replace("\0", "\ufffd")
