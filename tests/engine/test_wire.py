"""DNS messages: ordinary ones are read here, and dnspython must say the same of the same bytes."""

import struct

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from checks.engine.failures import Failure
from checks.engine.wire import Question, Reply, _read_ordinary, read, read_any

NAME = "www.site.kz"


def ask(kind: str = "A", *, mixed: bool = False) -> Question:
    return Question.new(NAME, kind, mixed=mixed)


def reply_to(question: Question, *records: str, rcode: int = 0, authority: str = "", flags: int = 0) -> bytes:
    """A reply whose answers are written as in a zone file: "owner TTL IN TYPE data"."""
    message = dns.message.make_response(dns.message.from_wire(question.message), recursion_available=True)
    message.set_rcode(dns.rcode.Rcode(rcode))
    message.flags |= flags
    for section, lines in ((message.answer, records), (message.authority, [authority] if authority else [])):
        for line in lines:
            owner, ttl, _, kind, data = line.split(" ", 4)
            rrset = dns.rrset.from_text(f"{owner}.", int(ttl), "IN", kind, data)
            section.append(rrset)
    return message.to_wire()


def test_a_question_is_what_dnspython_would_ask():
    question = ask("AAAA")
    parsed = dns.message.from_wire(question.message)
    assert parsed.question == dns.message.make_query(NAME, "AAAA").question
    assert (parsed.id, parsed.flags) == (question.id, dns.flags.RD)


def test_mixed_letters_differ_from_question_to_question_and_mean_the_same():
    questions = [ask(mixed=True) for _ in range(20)]
    assert len({question.wire for question in questions}) > 10
    assert {question.wire.lower() for question in questions} == {ask().wire}
    assert any(question.mixed for question in questions)


@pytest.mark.parametrize(
    "records",
    [
        [],
        [f"{NAME} 60 IN A 93.184.216.34"],
        [f"{NAME} 60 IN A 93.184.216.34", f"{NAME} 30 IN A 93.184.216.35", f"{NAME} 60 IN A 93.184.216.34"],
        [f"{NAME} 60 IN CNAME a.cdn.example.com.", "a.cdn.example.com 5 IN A 93.184.216.36"],
        [f"{NAME.upper()} 60 IN A 93.184.216.34"],
    ],
)
@pytest.mark.parametrize("rcode", [0, 2, 3, 5])
@pytest.mark.parametrize("authority", ["", "site.kz 60 IN NS ns.site.kz.", "kz 60 IN SOA ns.kz. a.kz. 1 2 3 4 5"])
def test_an_ordinary_reply_is_read_without_dnspython_and_alike(records, rcode, authority):
    question = ask()
    raw = reply_to(question, *records, rcode=rcode, authority=authority)
    assert _read_ordinary(raw, question) is not None
    assert _read_ordinary(raw, question) == read_any(raw, question)


def test_an_ipv6_answer_and_a_truncated_one_are_ordinary():
    question = ask("AAAA")
    raw = reply_to(question, f"{NAME} 60 IN AAAA 2606:2800:220:1::49", flags=dns.flags.TC)
    reply = read(raw, question)
    assert isinstance(reply, Reply)
    assert reply.truncated
    assert reply == read_any(raw, question) == _read_ordinary(raw, question)


@pytest.mark.parametrize(
    "record",
    [
        f"{NAME} 60 IN TXT hello",
        f"{NAME} 60 IN HTTPS 1 . alpn=h2",
        f"{NAME} 60 IN MX 5 mail.site.kz.",
        "wei\\032rd.site.kz 60 IN A 93.184.216.34",
    ],
)
def test_what_is_not_ordinary_is_left_to_dnspython(record):
    question = ask()
    raw = reply_to(question, f"{NAME} 60 IN A 93.184.216.34", record)
    assert _read_ordinary(raw, question) is None
    reply = read(raw, question)
    assert isinstance(reply, Reply)
    assert reply.answers[0].value == "93.184.216.34"


def test_a_reply_in_other_letters_says_so():
    question = Question(NAME, "A", 7, ask().wire.replace(b"site", b"SiTe"))
    plain = Question(NAME, "A", 7, ask().wire)
    reply = read(reply_to(plain, f"{NAME} 60 IN A 93.184.216.34"), question)
    assert isinstance(reply, Reply)
    assert not reply.same_case


def test_a_short_refusal_without_a_question_is_a_reply():
    question = ask()
    reply = read(struct.pack("!6H", question.id, 0x8105, 0, 0, 0, 0), question)
    assert isinstance(reply, Reply)
    assert reply.failure("A") == Failure.DNS_REFUSED


@pytest.mark.parametrize(
    "spoil",
    [
        lambda raw: raw[:-1],
        lambda raw: raw + b"\0",
        lambda raw: raw[:2] + b"\x01" + raw[3:],  # a query, no response
        lambda raw: raw[:4] + b"\0\2" + raw[6:],  # two questions
        lambda raw: raw[:12] + b"\x0b" + raw[13:],
        lambda raw: raw.replace(b"\xc0\x0c", b"\xc0\xff"),  # a pointer forward
        lambda raw: raw.replace(b"\xc0\x0c", b"\xc0\x29"),  # to itself
    ],
)
def test_a_spoilt_reply_is_refused_by_both(spoil):
    question = ask()
    raw = spoil(reply_to(question, f"{NAME} 60 IN A 93.184.216.34"))
    assert _read_ordinary(raw, question) is None
    assert read(raw, question) == read_any(raw, question) == Failure.DNS_MISBEHAVING


_RECORDS = st.sampled_from(
    [
        f"{NAME} 60 IN A 93.184.216.34",
        f"{NAME} 0 IN A 10.0.0.1",
        f"{NAME} 9 IN CNAME other.kz.",
        "other.kz 2147483647 IN A 1.2.3.4",
        f"{NAME} 60 IN AAAA 2606::1",
        f"{NAME} 60 IN NS ns.kz.",
    ]
)


@given(
    records=st.lists(_RECORDS, max_size=5),
    rcode=st.integers(0, 15),
    edits=st.lists(st.tuples(st.integers(2, 400), st.integers(0, 255)), max_size=4),
    cut=st.integers(0, 12),
)
@example(records=[f"{NAME} 60 IN A 93.184.216.34"], rcode=0, edits=[], cut=0)
def test_of_any_bytes_both_say_the_same(records, rcode, edits, cut):
    """The ordinary reader may pass; whenever it speaks, dnspython agrees."""
    question = ask()
    raw = bytearray(reply_to(question, *records, rcode=rcode))
    for at, byte in edits:
        raw[at % len(raw) if at % len(raw) > 1 else 2] = byte
    raw = bytes(raw[: len(raw) - cut])
    ours = _read_ordinary(raw, question)
    if ours is not None:
        assert ours == read_any(raw, question)
    read(raw, question)


@given(st.binary(max_size=200))
def test_junk_never_raises(raw):
    question = ask()
    for datagram in (raw, question.id.to_bytes(2) + raw, question.message + raw):
        read(datagram, question)


@pytest.mark.parametrize("pointers", [3, 12, 64])
def test_of_a_chain_of_pointers_both_say_the_same(pointers):
    """An answer whose owner is a pointer to a pointer to … the question's name."""
    question = ask()
    answer = b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 60, 4) + bytes(4)
    raw = question.id.to_bytes(2) + struct.pack("!5H", 0x8180, 1, 1, 0, 0) + question.wire
    chain = len(raw)
    # The pointers stand in the data of a record that nobody keeps, each leading to the one before it.
    links = b"\xc0\x0c" + b"".join(struct.pack("!H", 0xC000 | chain + 12 + 2 * n) for n in range(pointers - 1))
    carrier = b"\xc0\x0c" + struct.pack("!HHIH", 16, 1, 60, len(links)) + links
    last = struct.pack("!H", 0xC000 | chain + 12 + 2 * (pointers - 1))
    raw = raw[:6] + b"\0\2" + raw[8:] + carrier + last + answer[2:]
    assert read(raw, question) == read_any(raw, question)


def test_a_reply_of_more_records_than_a_site_has_is_none():
    question = ask()
    raw = reply_to(question, *(f"{NAME} 60 IN A 93.184.{n // 250}.{n % 250}" for n in range(200)))
    assert [read(raw, question), read_any(raw, question)] == [Failure.DNS_MISBEHAVING] * 2
    raw = reply_to(question, *(f"{NAME} 60 IN A 93.184.{n // 250}.{n % 250}" for n in range(100)))
    assert len(read(raw, question).answers) == len(read_any(raw, question).answers) == 100
