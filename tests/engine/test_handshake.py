import base64
import hashlib

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL

from checks.engine.connect import connect
from checks.engine.handshake import _context, is_named, shake
from checks.engine.records import Connect, Handshake
from checks.engine.stopwatch import Stopwatch
from checks.engine.world import World
from tests.servers import SITE, Servers, after_request, authority, hang_up, page, reset, say, silence


async def try_connect(world: World) -> Connect:
    connected, plain = await connect(0, SITE, 443, world, Stopwatch(30))
    if plain is not None:
        plain.abort()
    return connected


async def try_shake(world: World, server_name: str = "site.kz", limit: float = 30) -> Handshake:
    watch = Stopwatch(limit)
    connected, plain = await connect(0, SITE, 443, world, watch)
    assert connected.failure is None
    handshake, secure = await shake(0, SITE, 443, plain, server_name, world, watch)
    assert (secure is None) == (handshake.failure is not None)
    if secure is not None:
        secure.abort()
    return handshake


async def test_a_closed_port_is_refused():
    async with Servers() as net:
        net.closed("tcp", 443)
        assert (await try_connect(net.world())).failure == "connection_refused"


async def test_a_port_that_does_not_answer_is_a_timeout():
    async with Servers() as net:
        net.full(443)
        assert (await try_connect(net.world(connect=0.3))).failure == "generic_timeout_error"


async def test_an_address_off_the_map_is_unreachable():
    async with Servers() as net:
        assert (await try_connect(net.world())).failure == "network_unreachable"


async def test_a_good_handshake_keeps_version_cipher_alpn_and_chain():
    async with Servers() as net:
        await net.web(page())
        handshake = await try_shake(net.world())
    assert (handshake.failure, handshake.version, handshake.alpn) == (None, "TLSv1.3", "http/1.1")
    assert handshake.cipher
    [leaf] = handshake.chain
    assert (leaf.subject, leaf.issuer) == ("CN=site.kz", "CN=Root of the tests")
    assert leaf.sha256 == hashlib.sha256(base64.b64decode(leaf.der)).hexdigest()
    assert leaf.not_before < leaf.not_after


@pytest.mark.parametrize(
    ("server", "failure"),
    [
        (after_request(reset), "connection_reset"),
        (after_request(silence), "generic_timeout_error"),
        (after_request(hang_up), "eof_error"),
        (after_request(say(b"\x16\x03\x03\x00\x40half a hello")), "eof_error"),
        (after_request(say(b"HTTP/1.1 400 Bad Request\r\n\r\n")), "ssl_failed_handshake"),
        (after_request(say(b"\x15\x03\x03\x00\x02\x02\x28")), "ssl_failed_handshake"),  # a fatal alert
    ],
)
async def test_a_handshake_that_is_cut_is_named_by_how_it_was_cut(server, failure):
    async with Servers() as net:
        await net.tcp(server, 443)
        handshake = await try_shake(net.world(handshake=1))
    assert (handshake.failure, handshake.chain, handshake.version) == (failure, (), None)


@pytest.mark.parametrize(
    ("context", "failure"),
    [
        (lambda: authority().context("site.kz", signed=False), "ssl_unknown_authority"),
        (lambda: authority().context("site.kz", days=(-30, -1)), "ssl_invalid_certificate"),
        (lambda: authority().context("site.kz", days=(1, 30)), "ssl_invalid_certificate"),
        (lambda: authority().context("other.kz"), "ssl_invalid_hostname"),
        (lambda: authority().context("site.kz", days=(-30, -1), signed=False), "ssl_unknown_authority"),
    ],
)
async def test_a_bad_certificate_is_named_and_its_chain_and_cipher_are_kept(context, failure):
    async with Servers() as net:
        await net.tcp(silence, 443, tls=context())
        handshake = await try_shake(net.world())
    assert handshake.failure == failure
    assert handshake.cipher
    [leaf] = handshake.chain
    assert leaf.issuer


async def test_an_address_is_proved_by_a_certificate_for_the_address():
    async with Servers() as net:
        await net.tcp(silence, 443, tls=authority().context(SITE))
        assert (await try_shake(net.world(), SITE)).failure is None
        assert (await try_shake(net.world(), "93.184.216.35")).failure == "ssl_invalid_hostname"


async def test_a_step_cut_by_our_own_deadline_says_nothing_about_the_network():
    async with Servers() as net:
        await net.tcp(silence, 443)
        assert (await try_shake(net.world(), limit=0.3)).failure == "interrupted"


@pytest.mark.parametrize(
    ("san", "host", "named"),
    [
        ("*.site.kz", "www.site.kz", True),
        ("*.site.kz", "site.kz", False),
        ("*.site.kz", "a.b.site.kz", False),
        ("w*.site.kz", "www.site.kz", False),
        ("*.kz", "site.kz", False),
        ("SITE.kz", "site.KZ", True),
    ],
)
def test_a_star_stands_for_one_whole_first_label(san, host, named):
    assert is_named(authority().certificate(san).public_bytes(Encoding.DER), host) is named


def test_the_common_name_proves_nothing():
    root = x509.load_pem_x509_certificate(authority().pem.encode())
    assert not is_named(root.public_bytes(Encoding.DER), "Root of the tests")


def test_the_client_hello_fits_into_one_segment():
    """A filter that reads one packet must see the name as it sees it from most clients."""
    connection = SSL.Connection(_context(None), None)
    connection.set_tlsext_host_name(b"a" * 60 + b".example.kz")
    connection.set_connect_state()
    with pytest.raises(SSL.WantReadError):
        connection.do_handshake()
    assert len(connection.bio_read(65536)) < 1200


def test_an_address_is_not_named_by_what_is_only_spelt_like_it():
    """A dNSName of digits and dots proves no address (RFC 9525 §6.5)."""
    der = authority().certificate("abcdefghij.kz").public_bytes(Encoding.DER)
    assert is_named(der, "abcdefghij.kz")
    assert not is_named(der.replace(b"abcdefghij.kz", SITE.encode("ascii")), SITE)
    assert is_named(authority().certificate(SITE).public_bytes(Encoding.DER), SITE)
