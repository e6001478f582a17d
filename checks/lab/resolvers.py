"""The lab's DNS: an honest view of the sites, a network's lies about it, and servers on UDP and TCP."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Mapping, Sequence
from ipaddress import ip_address

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
from dns.message import Message
from dns.rdatatype import RdataType

from checks.lab.networks import InjectReply, InterceptDns, Invent, LieAbout, Rule
from checks.lab.sites import Site

TTL = 60
GENUINE_AFTER = 0.1  # seconds by which a forged reply overtakes the genuine one

Sites = Mapping[str, Site]  # by name
Answer = Callable[[Message], Message | None]  # None: silence
Answerer = Callable[[Message], Sequence[Message | None]]  # the replies to one query, in the order in which they arrive


def honest(query: Message, sites: Sites) -> Message:
    site = sites.get(_name(query))
    return _reply(query, site.addresses if site else ())


def isp(query: Message, sites: Sites, rules: Sequence[Rule]) -> Message | None:
    """What the network's own resolver says: the truth, unless a rule makes it lie or keep silent."""
    for rule in rules:
        if isinstance(rule, LieAbout) and rule.covers(_name(query)):
            if not rule.address and not rule.rcode:
                return None
            return _reply(query, (rule.address,)) if rule.address else _reply(query, (), rule.rcode)
        if isinstance(rule, Invent) and honest(query, sites).rcode() == dns.rcode.NXDOMAIN:
            return _reply(query, (rule.address,))
    return honest(query, sites)


def outside(query: Message, sites: Sites, rules: Sequence[Rule]) -> Message | None:
    """What arrives over TCP from a resolver outside."""
    intercepted = any(isinstance(rule, InterceptDns) for rule in rules)
    return isp(query, sites, rules) if intercepted else honest(query, sites)


def forged(query: Message, rules: Sequence[Rule]) -> list[Message]:
    """What overtakes the reply of a resolver outside, over UDP."""
    return [
        _reply(query, (rule.address,))
        for rule in rules
        if isinstance(rule, InjectReply) and rule.covers(_name(query)) and query.question[0].rdtype == RdataType.A
    ]


def _name(query: Message) -> str:
    return query.question[0].name.to_text(omit_final_dot=True).lower()


def _reply(query: Message, addresses: Sequence[str], rcode: str | None = None) -> Message:
    """The addresses of the family that was asked for; by default a name without any address does not exist."""
    question = query.question[0]
    reply = dns.message.make_response(query, recursion_available=True)
    reply.set_rcode(dns.rcode.from_text(rcode or ("NOERROR" if addresses else "NXDOMAIN")))
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
    """A DNS server on UDP. Its first reply to a query waits for `distance` seconds."""

    def __init__(self, answer: Answerer, *, distance: float = 0) -> None:
        self._answer = answer
        self._distance = distance

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        query = read_query(data)
        if query is None:
            return
        loop = asyncio.get_running_loop()
        for place, reply in enumerate(self._answer(query)):
            if reply is not None:
                after = self._distance + place * GENUINE_AFTER
                loop.call_later(after, self._send, reply.to_wire(), addr)

    def _send(self, wire: bytes, addr: tuple[str, int]) -> None:
        if not self._transport.is_closing():
            self._transport.sendto(wire, addr)


async def serve_tcp(sock: socket.socket, answer: Answer) -> None:
    """DNS on one TCP connection (RFC 7766: each message after its length), until the client closes it."""
    loop = asyncio.get_running_loop()
    received = b""
    while data := await loop.sock_recv(sock, 2**16):
        received += data
        while len(received) >= 2 and len(received) >= (end := 2 + int.from_bytes(received[:2])):
            query, received = read_query(received[2:end]), received[end:]
            reply = query and answer(query)
            if reply is None:
                return
            wire = reply.to_wire()
            await loop.sock_sendall(sock, len(wire).to_bytes(2) + wire)
