"""Records in few bytes: whole again, whoever packed them."""

from __future__ import annotations

import base64
import subprocess
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from checks import packing
from checks.engine.records import Certificate, Measurement
from tests.verdict import make as facts

DER = b"\x30\x82" + bytes(range(256)) * 6
DICTIONARIES = Path(packing.__file__).parent / "dictionaries"


def certificate(der: bytes = DER) -> Certificate:
    return replace(facts.certificate(sha256(der).hexdigest()), der=base64.b64encode(der).decode())


def visit(*chain: Certificate) -> Measurement:
    return facts.visit(handshakes=(facts.handshake(chain=chain), facts.handshake(chain=())))


@given(st.lists(st.binary(max_size=300), max_size=4), st.text(max_size=50))
def test_a_record_with_its_certificates_comes_out_as_it_went_in(ders: list[bytes], title: str) -> None:
    record = replace(visit(*map(certificate, ders)), failure=title)
    packed, apart = packing.pack(record), packing.certificates([record])
    assert packing.whole(packing.unpack(packed), apart) == packing.unpack(zlib.compress(record.as_bytes()))
    assert set(apart.values()) == {der for der in ders if der}


def test_what_was_packed_before_is_read() -> None:
    record = visit(certificate())
    assert packing.unpack(zlib.compress(record.as_bytes(), 6)) == record


def test_certificates_cost_a_record_nothing() -> None:
    with_ = visit(certificate())
    without = replace(with_, handshakes=visit(replace(certificate(), der="")).handshakes)
    assert len(packing.pack(with_)) == len(packing.pack(without)) < 0.6 * len(zlib.compress(without.as_bytes()))


def test_a_certificate_that_was_not_kept_stays_unknown() -> None:
    record = visit(replace(certificate(), der=""))
    assert packing.certificates([record]) == {}
    assert packing.whole(record, {}) == record


@pytest.mark.parametrize("der", [base64.b64encode(b"another").decode(), "no base64"])
def test_a_certificate_that_is_not_what_its_record_says_is_none(der: str) -> None:
    with pytest.raises(ValueError, match=r"certificate|base64"):
        packing.certificates([visit(replace(certificate(), der=der))])


def test_several_threads_pack_at_once() -> None:
    records = [replace(visit(), url=f"https://{number}.kz/") for number in range(400)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(packing.unpack, pool.map(packing.pack, records))) == records


def test_no_dictionary_was_changed() -> None:
    """Nothing that was packed with it could be read any more."""
    sums = {one.name: sha256(one.read_bytes()).hexdigest() for one in DICTIONARIES.glob("*.zdict")}
    assert sums == {"0001.zdict": "7526bce7c2e57abc3e8764e0cd40ec53c117b64f1762fe7f716d58976b5b2dcb"}


def test_what_cannot_be_read_is_told() -> None:
    samples = [replace(visit(), url=f"https://{number}.kz/").as_bytes() for number in range(300)]
    other = zstandard.train_dictionary(4096, samples)
    foreign = zstandard.ZstdCompressor(dict_data=other).compress(samples[0])
    with pytest.raises(ValueError, match=f"dictionary {other.dict_id()}, which this version does not have"):
        packing.unpack(foreign)
    for spoilt in (b"", b"nonsense", packing.pack(visit())[:-9]):
        with pytest.raises(ValueError, match=r"cannot be unpacked|does not have"):
            packing.unpack(spoilt)


def test_a_dictionary_is_trained_of_records_and_replaces_none(tmp_path: Path) -> None:
    lines = b"\n".join(replace(visit(), url=f"https://{number}.kz/").as_bytes() for number in range(300))
    into = tmp_path / "0002.zdict"
    command = [sys.executable, "-m", "checks.packing", str(into)]
    for expected in (0, 1):
        done = subprocess.run(command, input=lines, capture_output=True, check=False)
        assert done.returncode == expected
    assert zstandard.ZstdCompressionDict(into.read_bytes()).dict_id()
    assert b"must not be there yet" in done.stderr
