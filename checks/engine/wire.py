"""DNS messages: the question as we ask it, and what a datagram says to it.

Ordinary replies are read here, because dnspython's objects cost as much as a TLS handshake;
everything that is not ordinary is left to dnspython, whose word then counts. `tests/fuzz` holds
that both say the same of the same bytes.
"""

from __future__ import annotations

import os
import re
import struct
from dataclasses import dataclass
from functools import cached_property
from socket import AF_INET6, inet_ntoa, inet_ntop

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdataclass
import dns.rdatatype

from checks.engine.failures import Failure
from checks.engine.records import Answer

TYPES = ("A", "AAAA")

_A, _NS, _CNAME, _SOA, _AAAA = 1, 2, 5, 6, 28
_NUMBERS = {"A": _A, "AAAA": _AAAA}
_KEPT = {_A: "A", _CNAME: "CNAME", _AAAA: "AAAA"}
_RCODES = {0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED"}
_FAILURES = {
    "NXDOMAIN": Failure.DNS_NXDOMAIN,
    "SERVFAIL": Failure.DNS_SERVFAIL,
    "REFUSED": Failure.DNS_REFUSED,
}
_HEADER = struct.Struct("!6H")
_RECORD = struct.Struct("!HHIH")
_PLAIN = re.compile(rb"[A-Za-z0-9_-]+")  # a label whose text is its bytes
_LONGEST_NAME = 255  # octets on the wire, RFC 1035 §3.1
_POINTERS = 8  # in one name; dnspython refuses more than sixteen
_RECORDS = 128  # in one reply: more are nothing that a name of a site has, and would keep dnspython busy for seconds
_HEADER_SIZE = 12
_TTL_LIMIT = 2**31 - 1  # RFC 2181 §8


@dataclass(frozen=True)
class Question:
    """One question about one name. Who wants to forge its reply must guess `id` and the case of every letter."""

    name: str
    kind: str  # A | AAAA
    id: int
    wire: bytes  # the question section

    @classmethod
    def new(cls, name: str, kind: str, *, mixed: bool = True, id: int | None = None) -> Question:
        """A question with a random id, in letters of random case (draft-vixie-dnsext-dns0x20)."""
        labels = name.encode("ascii").split(b".")
        section = b"".join(bytes((len(label),)) + label for label in labels) + b"\0"
        if mixed:
            noise = os.urandom(len(section))
            section = bytes(_swapped(byte, random) for byte, random in zip(section, noise, strict=True))
        number = int.from_bytes(os.urandom(2)) if id is None else id
        return cls(name, kind, number, section + struct.pack("!HH", _NUMBERS[kind], 1))

    @property
    def mixed(self) -> bool:
        return self.wire != self.wire.lower()

    @property
    def message(self) -> bytes:
        """As it is sent: recursion desired, nothing else."""
        return _HEADER.pack(self.id, 0x0100, 1, 0, 0, 0) + self.wire

    @cached_property
    def parsed(self) -> dns.message.Message:
        return dns.message.from_wire(self.message)


@dataclass(frozen=True, slots=True)
class Reply:
    """What a message that fits the question says. `answers` are in its order, each record once."""

    rcode: str
    truncated: bool
    answers: tuple[Answer, ...]
    same_case: bool  # the question came back letter for letter; a forger on another path cannot do that

    def failure(self, kind: str) -> Failure | None:
        """Why this brings no address of the kind that was asked for; None when it does."""
        if self.rcode != "NOERROR":
            return _FAILURES.get(self.rcode, Failure.DNS_MISBEHAVING)
        return None if any(answer.type == kind for answer in self.answers) else Failure.DNS_NO_ANSWER


def read(raw: bytes, question: Question) -> Reply | Failure:
    """The reply, or why these bytes are none to our question."""
    if len(raw) >= _HEADER_SIZE and int.from_bytes(raw[:2]) != question.id:
        return Failure.DNS_WRONG_ID if question.id else Failure.DNS_MISBEHAVING  # over https nobody guesses an id
    return _read_ordinary(raw, question) or read_any(raw, question)


def read_ordinary(raw: bytes, question: Question) -> Reply | Failure:
    """The same without dnspython: what is not ordinary is no reply."""
    if len(raw) < _HEADER_SIZE or int.from_bytes(raw[:2]) != question.id:
        return Failure.DNS_MISBEHAVING
    return _read_ordinary(raw, question) or Failure.DNS_MISBEHAVING


def read_any(raw: bytes, question: Question) -> Reply | Failure:
    """The same, by dnspython alone."""
    if len(raw) >= _HEADER_SIZE and sum(_HEADER.unpack_from(raw)[2:]) > _RECORDS:
        return Failure.DNS_MISBEHAVING
    try:
        message = dns.message.from_wire(raw)
    except (dns.exception.DNSException, ValueError):  # dnspython lets a few ValueErrors of hostile rdata through
        return Failure.DNS_MISBEHAVING
    if not question.parsed.is_response(message):
        return Failure.DNS_MISBEHAVING
    answers = tuple(
        Answer(_KEPT[int(rrset.rdtype)], record.to_text().removesuffix("."), rrset.ttl)
        for rrset in message.answer
        if rrset.rdtype in _KEPT and rrset.rdclass == dns.rdataclass.IN
        for record in rrset
    )
    same_case = not message.question or raw[12 : 12 + len(question.wire)] == question.wire
    return Reply(dns.rcode.to_text(message.rcode()), bool(message.flags & dns.flags.TC), answers, same_case)


class _Extraordinary(Exception):
    """Something that only dnspython shall judge."""


def _read_ordinary(raw: bytes, question: Question) -> Reply | None:
    """A response of class IN with our very question and records of the commonest types; None for all else."""
    end = 12 + len(question.wire)
    if raw[12:end] != question.wire:
        return None
    _, flags, questions, *counts = _HEADER.unpack_from(raw)
    rcode = _RCODES.get(flags & 0xF)
    if flags & 0xF800 != 0x8000 or questions != 1 or rcode is None or sum(counts) > _RECORDS:  # opcode QUERY
        return None
    kept: dict[tuple[bytes, int], dict[str, int]] = {}  # owner and type → value → TTL
    try:
        for section, count in enumerate(counts):
            for _ in range(count):
                end = _read_record(raw, end, kept if section == 0 else {})
    except (_Extraordinary, IndexError, struct.error):
        return None
    if end != len(raw):
        return None
    answers = tuple(
        Answer(_KEPT[type_], value, min(values.values())) for (_, type_), values in kept.items() for value in values
    )
    return Reply(rcode, bool(flags & 0x0200), answers, same_case=True)


def _read_record(raw: bytes, start: int, kept: dict[tuple[bytes, int], dict[str, int]]) -> int:
    """Add the record at `start` to `kept` if a page could ever need it; where the next one begins."""
    owner, at = _name(raw, start)
    type_: int
    type_, class_, ttl, length = _RECORD.unpack_from(raw, at)
    begin = at + _RECORD.size
    end: int = begin + length
    if class_ != 1 or ttl > _TTL_LIMIT or end > len(raw):
        raise _Extraordinary
    if type_ == _A and length == 4:
        value = inet_ntoa(raw[begin:end])
    elif type_ == _AAAA and length == 16:
        value = inet_ntop(AF_INET6, raw[begin:end])
    elif type_ in (_CNAME, _NS):
        target, ends = _name(raw, begin)
        if ends != end:
            raise _Extraordinary
        value = target.decode("ascii")
    elif type_ == _SOA:
        _, at = _name(raw, begin)
        _, at = _name(raw, at)
        if at + 20 != end:
            raise _Extraordinary
        return end
    else:
        raise _Extraordinary
    if type_ in _KEPT:
        values = kept.setdefault((owner.lower(), type_), {})
        if type_ == _CNAME and values:
            raise _Extraordinary  # two of them is one too many
        values[value] = min(ttl, values.get(value, ttl))
    return end


def _name(raw: bytes, start: int) -> tuple[bytes, int]:
    """The name at `start` with dots, and where what follows it begins.

    A pointer leads to before the name and what it leads to ends there (RFC 1035 §4.1.4).
    """
    labels: list[bytes] = []
    at, begun, limit, follows, length, pointers = start, start, len(raw), 0, 1, 0
    while size := raw[at]:
        if size >= 0xC0:
            follows = follows or at + 2
            target = (size & 0x3F) << 8 | raw[at + 1]
            pointers += 1
            if target >= begun or at + 2 > limit or pointers > _POINTERS:
                raise _Extraordinary
            at, begun, limit = target, target, begun
            continue
        label = raw[at + 1 : at + 1 + size]
        at += size + 1
        length += size + 1
        if size > 63 or length > _LONGEST_NAME or at >= limit or not _PLAIN.fullmatch(label):
            raise _Extraordinary
        labels.append(label)
    if not labels:
        raise _Extraordinary  # the root owns nothing that we ask for
    return b".".join(labels), follows or at + 1


def _swapped(byte: int, random: int) -> int:
    """A letter in the other case, every second time."""
    return byte ^ 0x20 if random & 1 and (0x41 <= byte <= 0x5A or 0x61 <= byte <= 0x7A) else byte
