"""The lab's DNS: an honest view of the sites, a network's lies about it, and servers on UDP and TCP."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from ipaddress import ip_address

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
from dns.message import Message
from dns.rdatatype import RdataType

from checks.lab.networks import InjectReply, LieAbout, Rule
from checks.lab.sites import BY_NAME
from checks.lab.streams import streams

TTL = 60
GENUINE_AFTER = 0.1  # seconds by which a forged reply overtakes the genuine one

Answerer = Callable[[Message], Sequence[Message]]  # the replies to one query, in the order in which they arrive


def honest(query: Message) -> Message:
    site = BY_NAME.get(_name(query))
    return _reply(query, site.addresses if site else ())


def isp(query: Message, rules: Sequence[Rule]) -> Message:
    """What the network's own resolver says: the truth, unless a rule makes it lie."""
    for rule in rules:
        if isinstance(rule, LieAbout) and rule.covers(_name(query)):
            return _reply(query, (rule.address,) if rule.address else ())
    return honest(query)


def injected(query: Message, rules: Sequence[Rule]) -> list[Message]:
    """What arrives from a resolver outside: its genuine reply, overtaken by a forged one if a rule says so."""
    forged = [
        _reply(query, (rule.address,))
        for rule in rules
        if isinstance(rule, InjectReply) and rule.covers(_name(query)) and query.question[0].rdtype == RdataType.A
    ]
    return [*forged, honest(query)]


def _name(query: Message) -> str:
    return query.question[0].name.to_text(omit_final_dot=True).lower()


def _reply(query: Message, addresses: Sequence[str]) -> Message:
    """The addresses of the family that was asked for; a name without any address does not exist."""
    question = query.question[0]
    reply = dns.message.make_response(query, recursion_available=True)
    reply.set_rcode(dns.rcode.NOERROR if addresses else dns.rcode.NXDOMAIN)
    version = {RdataType.A: 4, RdataType.AAAA: 6}.get(question.rdtype)
    wanted = [address for address in addresses if ip_address(address).version == version]
    if wanted:
        reply.answer.append(dns.rrset.from_text_list(question.name, TTL, "IN", question.rdtype, wanted))
    return reply


def read_query(wire: bytes) -> Message | None:
    """A query with one question; None for anything else, which a server leaves unanswered."""
    try:
        message = dns.message.from_wire(wire)
    except (dns.exception.DNSException, ValueError):
        return None
    return message if len(message.question) == 1 and not message.flags & dns.flags.QR else None


class Datagrams(asyncio.DatagramProtocol):
    """A DNS server on UDP."""

    def __init__(self, answer: Answerer) -> None:
        self._answer = answer

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        query = read_query(data)
        if query is None:
            return
        loop = asyncio.get_running_loop()
        for place, reply in enumerate(self._answer(query)):
            loop.call_later(place * GENUINE_AFTER, self._transport.sendto, reply.to_wire(), addr)


async def serve_tcp(sock: socket.socket, answer: Callable[[Message], Message]) -> None:
    """DNS on one TCP connection (RFC 7766: each message after its length), until the client closes it."""
    async with streams(sock) as (reader, writer):
        while True:
            query = read_query(await reader.readexactly(int.from_bytes(await reader.readexactly(2))))
            if query is None:
                return
            wire = answer(query).to_wire()
            writer.write(len(wire).to_bytes(2) + wire)
            await writer.drain()
