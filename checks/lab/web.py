"""What the lab's web servers answer: the sites' pages, its echo and DNS over HTTPS."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import h11

from checks.lab import resolvers
from checks.lab.networks import Act, ClockAhead, Network, ThroughTunnel
from checks.lab.sites import ECHO, NEUTRAL, Page, Site
from checks.lab.streams import Stream

BODY_LIMIT = 2**16
SLICES = 10  # in which a paced body leaves, per second


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


Answerer = Callable[[Request], Response | Act]  # an act that ends the connection instead


def page(content: Page, name: str) -> Response:
    if content.status == 204:
        return Response(204)
    headers = ("Content-Type", "text/html; charset=utf-8"), *content.headers
    return Response(content.status, content.html(name).encode(), headers)


def redirect(location: str, *, status: int = 301) -> Response:
    return Response(status, headers=(("Location", location),))


def visit(site: Site, scheme: str, client: Network, request: Request) -> Response:
    """The site's own server. The neutral site is at home at every address, with a page as long as the site's own."""
    if request.host == NEUTRAL.name != site.name:
        return page(Page(NEUTRAL.title, site.paragraphs), NEUTRAL.name)
    if site.name == ECHO.name:
        return echo(client)
    url = f"{scheme}://{site.name}{request.target}"
    location = site.redirects.get(url)
    if location is None and scheme == "http" and site.url.startswith("https:"):
        location = f"https://{site.name}{request.target}"
    return redirect(location) if location else page(site.page(access=client.role == "access"), site.name)


def echo(client: Network) -> Response:
    """The time, and the AS that the client is seen in."""
    ahead = sum(rule.seconds for rule in client.rules if isinstance(rule, ClockAhead))
    asn = next((rule.asn for rule in client.rules if isinstance(rule, ThroughTunnel)), client.asn)
    body = json.dumps({"time": time.time() - ahead, "asn": asn}).encode()
    return Response(200, body, (("Content-Type", "application/json"),))


def dns_over_https(sites: resolvers.Sites, request: Request) -> Response:
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
    return Response(200, resolvers.honest(query, sites).to_wire(), (("Content-Type", "application/dns-message"),))


async def serve(stream: Stream, answer: Answerer, *, pace: int | None = None) -> Act | None:
    """Answer the requests of one connection, at `pace` bytes a second. Returns the act that ends it, if any.

    Raises h11.RemoteProtocolError for what is no HTTP.
    """
    connection = h11.Connection(h11.SERVER)
    while (request := await _read(stream, connection)) is not None:
        response = answer(request)
        if isinstance(response, Act):
            return response
        # RFC 9110 §8.6: a response with status 204 has no Content-Length.
        length = [("Content-Length", str(len(response.body)))] if response.status != 204 else []
        head = h11.Response(status_code=response.status, headers=[*response.headers, *length, ("Server", "imitated")])
        body = b"" if request.method == "HEAD" else response.body
        sent = b"".join(connection.send(event) or b"" for event in (head, h11.Data(body), h11.EndOfMessage()))
        await _write(stream, sent, pace)
        if connection.our_state is not h11.DONE or connection.their_state is not h11.DONE:
            break
        connection.start_next_cycle()
    return None


async def _write(stream: Stream, data: bytes, pace: int | None) -> None:
    size = pace // SLICES if pace else len(data)
    for start in range(0, len(data), size):
        if pace:
            await asyncio.sleep(1 / SLICES)
        await stream.write(data[start : start + size])


async def _read(stream: Stream, connection: h11.Connection) -> Request | None:
    """The next request, whole; None when the client has none."""
    head: h11.Request | None = None
    body = b""
    while len(body) <= BODY_LIMIT:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await stream.read())
        elif isinstance(event, h11.Request):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage) and head is not None:
            named = host(dict(head.headers).get(b"host", b""))
            return Request(head.method.decode("ascii"), head.target.decode("latin-1"), named, body)
        else:
            return None
    return None


def host(field: bytes) -> str:
    """The host in the value of a Host header, without its port."""
    return field.decode("latin-1").strip().lower().partition(":")[0]
