"""A batch on its way: no hostile site may cost the others their place in it."""

from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from checks.engine.records import Certificate, Exchange, Handshake, Measurement
from checks.probe import messages
from checks.probe.batch import VISIT_LIMIT, Batch


def visit(length: int) -> Measurement:
    """A visit whose page and certificate hold so many characters."""
    chain = (Certificate("aa", "CN=site.kz", "CN=CA", "", "", "d" * length),)
    handshake = Handshake(0, "93.184.216.34", 443, "site.kz", 0.1, 0.2, chain=chain)
    page = Exchange(0, "93.184.216.34", 443, "https://site.kz/", 0.2, 0.3, status=200, title="T", body="b" * length)
    return Measurement(
        "1", "https://site.kz/", "2026-03-01T12:00:00+00:00", 1.0, "x", "x", "real", False,
        handshakes=(handshake,), exchanges=(page,),
    )  # fmt: skip


def sent(*measurements: Measurement) -> tuple[Measurement, ...]:
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()
    batch = Batch("v", 1, 1, datetime.now(UTC), messages.nonce(), measurements)
    return Batch.unsealed(batch.sealed(key), public).measurements


def test_an_ordinary_visit_travels_whole():
    assert sent(visit(1000)) == (visit(1000),)


def test_a_visit_that_is_too_large_travels_without_its_texts_and_the_others_with_theirs():
    large, ordinary = sent(visit(VISIT_LIMIT), visit(1000))
    assert ordinary == visit(1000)
    assert (large.exchanges[0].body, large.handshakes[0].chain[0].der) == (None, "")
    assert (large.exchanges[0].status, large.exchanges[0].title) == (200, "T")
    assert large.handshakes[0].chain[0].issuer == "CN=CA"


def test_five_hundred_hostile_visits_fit_into_one_batch():
    assert len(sent(*[visit(4 * VISIT_LIMIT)] * 500)) == 500
