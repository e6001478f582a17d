"""HTTP/1.1: one request and its bounded response.

A response whose head comes in one piece, with a length or none, is read here; everything else is left to h11, whose
state machine costs a fifth of a visit. `tests/fuzz.py` holds that both say the same of the same bytes.
"""

from __future__ import annotations

import asyncio
import re
import zlib
from dataclasses import dataclass, field

import h11

from checks.engine.connect import Stream

HEAD_LIMIT = 64 * 1024  # bytes of status line and headers
BODY_LIMIT = 1024 * 1024  # bytes, after decoding
WIRE_LIMIT = HEAD_LIMIT + BODY_LIMIT  # bytes as sent: a million chunks of one byte are no page

# RFC 9110 §5.5: a name, and a value of visible characters; white space round it is not part of it.
_FIELD = r"([-!#$%&'*+.^_`|~0-9A-Za-z]++):[ \t]*+([\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?)?[ \t]*+\r\n"
_FIELDS = re.compile(_FIELD)
_HEAD = re.compile(rf"HTTP/1\.[01] ([2-5][0-9][0-9])(?: [\x20-\x7e]*)?\r\n((?:{_FIELD})*+)")
# A header that begins with so many blanks is no header, and h11's own expression takes the square of their number.
_BLANKS = re.compile(rb"\n[!-9;-~]{1,256}:[ \t]{4096}")
_BLANKS_REACH = 4096 + 300
_END = b"\r\n\r\n"
_LENGTH = re.compile(r"[0-9]{1,12}")
_FRAMING = frozenset({"content-length", "transfer-encoding"})
_BODILESS = frozenset({204, 304})
_ANY = zlib.MAX_WBITS | 32  # wbits: a gzip or a zlib header
_GZIP = b"\x1f\x8b"

Headers = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class Response:
    """What has arrived so far; a failure half-way leaves the rest of it standing."""

    status: int | None = None
    headers: Headers = ()
    body: bytearray = field(default_factory=bytearray)
    truncated: bool = False
    began: float | None = None  # the loop's time at its first byte
    wire_length: int = 0  # bytes as they came
    _first: dict[str, str] = field(default_factory=dict)

    def header(self, name: str) -> str | None:
        """The first header of this (lower-case) name."""
        if not self._first:
            self._first = {key.lower(): value for key, value in reversed(self.headers)}
        return self._first.get(name)


async def request(
    stream: Stream,
    method: str,
    authority: str,
    target: str,
    headers: Headers,
    response: Response,
    *,
    content: bytes = b"",
) -> None:
    """Send one request and fill `response`. Raises what `failures` names; sets no deadline."""
    fields = (("Host", authority), *headers, *((("Content-Length", str(len(content))),) if content else ()))
    await stream.send(_message(method, target, fields) + content)
    incoming = _Incoming(stream, response)
    data = await incoming.receive()
    if head := _read_head(data):
        await _take_body(head, data, incoming, response)
    else:
        await _by_h11(h11.Request(method=method, target=target, headers=list(fields)), data, incoming, response)


def _message(method: str, target: str, fields: Headers) -> bytes:
    """A request as it is sent. Raises ValueError for what would be two lines."""
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in fields), "", ""]
    message = "\r\n".join(lines).encode("ascii")
    if message.count(b"\n") != len(lines) - 1 or message.count(b"\r") != len(lines) - 1:
        raise ValueError("a line of the request has a line break in it")
    return message


class _Incoming:
    """What the peer sends; `response` learns when its first byte came and how many there were."""

    def __init__(self, stream: Stream, response: Response) -> None:
        self._stream, self._response = stream, response

    async def receive(self) -> bytes:
        data = await self._stream.receive()
        if data and self._response.began is None:
            self._response.began = asyncio.get_running_loop().time()
        self._response.wire_length += len(data)
        return data


@dataclass(frozen=True, slots=True)
class _Head:
    status: int
    headers: Headers
    begin: int  # where the body begins
    length: int | None  # of the body; None: it ends with the connection


def _read_head(data: bytes) -> _Head | None:
    """The whole head of an ordinary response; None for all else, which h11 shall judge."""
    end = data.find(_END, 0, HEAD_LIMIT) + 2
    head = _HEAD.fullmatch(data[: max(end, 0)].decode("latin-1"))
    if head is None:
        return None
    status, headers = int(head[1]), tuple(_FIELDS.findall(head[2]))
    framing = [(key, value) for name, value in headers if (key := name.lower()) in _FRAMING]
    if not framing:
        length: int | None = 0 if status in _BODILESS else None
    elif status in _BODILESS:
        return None
    elif len(framing) == 1 and framing[0][0] == "content-length" and _LENGTH.fullmatch(framing[0][1]):
        length = int(framing[0][1])
    else:
        return None
    return _Head(status, headers, end + 2, length)


async def _take_body(head: _Head, data: bytes, incoming: _Incoming, response: Response) -> None:
    response.status, response.headers = head.status, head.headers
    decode = _Decoder(response.header("content-encoding"))
    data, left = data[head.begin :], head.length
    while left != 0:
        part = data if left is None else data[:left]
        left = None if left is None else left - len(part)
        if part:
            response.body += decode(part, BODY_LIMIT - len(response.body))
        if decode.over or (response.wire_length >= WIRE_LIMIT and left != 0):
            response.truncated = True
            return
        if left == 0:
            return
        data = await incoming.receive()
        if not data:
            if left is None:
                return
            raise EOFError("closed before the response was complete")


async def _by_h11(asked: h11.Request, data: bytes, incoming: _Incoming, response: Response) -> None:
    """The same by h11, from the bytes that came first on."""
    http = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEAD_LIMIT)
    http.send(asked)
    if content_length := dict(asked.headers).get(b"content-length"):
        http.send(h11.Data(data=bytes(int(content_length))))  # it was sent before; h11 only counts it
    http.send(h11.EndOfMessage())
    begins_well = data.startswith(b"HTTP/"[: len(data)])
    tail = _give(http, b"", data)
    decode = _Decoder(None)
    while True:
        try:
            event = http.next_event()
        except h11.RemoteProtocolError as error:
            if http.trailing_data[1] and begins_well:  # the peer closed inside a message that was right so far
                raise EOFError("closed before the response was complete") from error
            raise
        if event is h11.NEED_DATA:
            tail = _give(http, tail, await incoming.receive())
        elif isinstance(event, h11.Response):
            response.status = event.status_code
            response.headers = tuple(
                (key.decode("latin-1"), value.decode("latin-1")) for key, value in event.headers.raw_items()
            )
            decode = _Decoder(response.header("content-encoding"))
        elif isinstance(event, h11.Data):
            response.body += decode(bytes(event.data), BODY_LIMIT - len(response.body))
            if decode.over or response.wire_length >= WIRE_LIMIT:
                response.truncated = True
                return
        elif isinstance(event, h11.InformationalResponse) and response.wire_length > HEAD_LIMIT:
            raise h11.RemoteProtocolError("interim responses without end")
        elif isinstance(event, h11.EndOfMessage | h11.ConnectionClosed):
            return


def _give(http: h11.Connection, tail: bytes, data: bytes) -> bytes:
    """Hand bytes to h11 unless they would keep it busy for seconds; what the next ones must be seen together with."""
    if _BLANKS.search(tail + data):
        raise h11.RemoteProtocolError("a header of nothing but blanks")
    http.receive_data(data)
    return (tail + data)[-_BLANKS_REACH:]


class _Decoder:
    """Undoes one gzip or deflate layer, never into more than is asked for; any other coding stays as it is.

    What is compressed and ends early is kept as far as it goes, and what follows its end is not read, as browsers do;
    another member of a gzip file (RFC 1952 §2.2) is.
    """

    def __init__(self, coding: str | None) -> None:
        known = (coding or "").strip().lower() in ("gzip", "x-gzip", "deflate")
        self._inflate = zlib.decompressobj(_ANY) if known else None
        self._fresh = True
        self.over = False  # there is more than was asked for

    def __call__(self, data: bytes, room: int) -> bytes:
        found = self._decoded(data, room + 1)  # one more tells whether there is more; and 0 would mean all there is
        self.over = len(found) > room
        return found[:room]

    def _decoded(self, data: bytes, limit: int) -> bytes:
        if self._inflate is None:
            return data[:limit]
        try:
            found = self._inflate.decompress(data, max_length=limit)
        except zlib.error:
            if not self._fresh:
                raise
            self._inflate = zlib.decompressobj(-zlib.MAX_WBITS)  # “deflate” without the header it should have
            found = self._inflate.decompress(data, max_length=limit)
        self._fresh = False
        while self._inflate.eof and self._inflate.unused_data.startswith(_GZIP) and len(found) < limit:
            rest = self._inflate.unused_data
            self._inflate = zlib.decompressobj(_ANY)
            found += self._inflate.decompress(rest, max_length=limit - len(found))
        return found
