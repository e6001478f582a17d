"""What the lab's web servers answer: the sites' pages and DNS over HTTPS."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import h11

from checks.lab import resolvers
from checks.lab.sites import NEUTRAL, Site

BODY_LIMIT = 2**16


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    target: str
    host: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


Answerer = Callable[[Request], Response | None]  # None: cut the connection


def page(site: Site) -> Response:
    return Response(200, site.page().encode(), (("Content-Type", "text/html; charset=utf-8"),))


def visit(site: Site, scheme: str, request: Request) -> Response:
    """The site's own server; the neutral site is at home at every address."""
    if request.host == NEUTRAL.name:
        site = NEUTRAL
    url = f"{scheme}://{site.name}{request.target}"
    location = site.redirects.get(url)
    if location is None and scheme == "http" and site.url.startswith("https:"):
        location = f"https://{site.name}{request.target}"
    return Response(301, headers=(("Location", location),)) if location else page(site)


def dns_over_https(request: Request) -> Response:
    """RFC 8484: an honest resolver, by GET and POST."""
    target = urlsplit(request.target)
    if target.path != "/dns-query" or request.method not in ("GET", "POST"):
        return Response(404)
    wire = request.body
    if request.method == "GET":
        encoded = parse_qs(target.query).get("dns", [""])[0]
        try:
            wire = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
        except (binascii.Error, ValueError):
            return Response(400)
    query = resolvers.read_query(wire)
    if query is None:
        return Response(400)
    return Response(200, resolvers.honest(query).to_wire(), (("Content-Type", "application/dns-message"),))


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: Answerer) -> bool:
    """Answer the requests of one connection. False when `answer` wants it cut.

    Raises h11.RemoteProtocolError for what is no HTTP.
    """
    connection = h11.Connection(h11.SERVER)
    while (request := await _read(reader, connection)) is not None:
        response = answer(request)
        if response is None:
            return False
        headers = [*response.headers, ("Content-Length", str(len(response.body))), ("Server", "imitated")]
        body = b"" if request.method == "HEAD" else response.body
        for event in (h11.Response(status_code=response.status, headers=headers), h11.Data(body), h11.EndOfMessage()):
            writer.write(connection.send(event) or b"")
        await writer.drain()
        if connection.our_state is not h11.DONE or connection.their_state is not h11.DONE:
            break
        connection.start_next_cycle()
    return True


async def _read(reader: asyncio.StreamReader, connection: h11.Connection) -> Request | None:
    """The next request, whole; None when the client has none."""
    head: h11.Request | None = None
    body = b""
    while len(body) <= BODY_LIMIT:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(BODY_LIMIT))
        elif isinstance(event, h11.Request):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage) and head is not None:
            host = dict(head.headers).get(b"host", b"").decode("latin-1").lower().partition(":")[0]
            return Request(head.method.decode("ascii"), head.target.decode("latin-1"), host, body)
        else:
            return None
    return None
