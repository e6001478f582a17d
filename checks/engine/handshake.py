"""TLS: one handshake whose chain and cipher are kept also when verification fails.

OpenSSL runs over memory BIOs; it verifies, keeps the first error and goes on, so one connection
tells both what the peer showed and what is wrong with it.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from ipaddress import ip_address
from typing import Any, cast

import certifi
from cryptography import x509
from OpenSSL import SSL, crypto

from checks.engine.connect import READ_SIZE, Plain
from checks.engine.failures import NETWORK_ERRORS, Failure, name_failure
from checks.engine.names import is_address
from checks.engine.records import VISIT, Certificate, Handshake
from checks.engine.stopwatch import Stopwatch
from checks.engine.world import World

# X509_V_ERR_* of openssl/x509_vfy.h: not yet valid, expired, and their malformed kin. Everything
# else that a chain can be accused of means that no root of ours vouches for it.
_INVALID = frozenset({9, 10, 13, 14, 23, 26, 66, 67, 68})


# pyOpenSSL 26.0 has no methods for some functions of OpenSSL that we call by these, or slow ones.
_LIBRARY: Any = vars(SSL)["_lib"]
_FFI: Any = vars(SSL)["_ffi"]

GROUPS = b"X25519:P-256:P-384:P-521"
CHAIN_KEPT = 10  # certificates
CIPHER_SUITES = b"TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384"  # as browsers order them


class Secure:
    """TLS over a plain stream, as a Stream."""

    def __init__(self, plain: Plain, connection: SSL.Connection) -> None:
        self._plain = plain
        self._connection = connection

    async def send(self, data: bytes) -> None:
        self._connection.sendall(data)  # memory takes it all at once
        await self._flush()

    async def receive(self) -> bytes:
        while True:
            try:
                return self._connection.recv(READ_SIZE)
            except SSL.WantReadError:
                await self._fill()
            except (SSL.ZeroReturnError, SSL.SysCallError):
                return b""  # the framing of HTTP says whether this end came too early

    async def shake_hands(self) -> None:
        while True:
            try:
                self._connection.do_handshake()
            except SSL.WantReadError:
                await self._flush()
                await self._fill()
            except SSL.SysCallError as error:
                raise EOFError("closed during the handshake") from error
            else:
                return  # our last message waits for the request and goes out with it

    def abort(self) -> None:
        self._plain.abort()

    async def _flush(self) -> None:
        while True:
            try:
                data = self._connection.bio_read(READ_SIZE)
            except SSL.WantReadError:
                return
            await self._plain.send(data)
            if len(data) < READ_SIZE:
                return

    async def _fill(self) -> None:
        if data := await self._plain.receive():
            self._connection.bio_write(data)
        else:
            self._connection.bio_shutdown()


async def shake(
    hop: int,
    address: str,
    port: int,
    plain: Plain,
    server_name: str,
    world: World,
    watch: Stopwatch,
    *,
    purpose: str = VISIT,
    proven: bool = True,
) -> tuple[Handshake, Secure | None]:
    """One handshake on a fresh connection; with an empty server name it names nobody.

    The stream is given when the peer proved its name, or anyhow when it need not be `proven`.
    """
    connection = _connection(world.trust, server_name)
    secure = Secure(plain, connection)
    t0 = watch.read()
    failure: Failure | None = None
    try:
        async with watch.within(world.deadlines.handshake):
            await secure.shake_hands()
    except NETWORK_ERRORS as error:
        failure = name_failure(error)
    except BaseException:
        plain.abort()
        raise
    t = watch.read()
    chain = _chain(connection)
    done = failure is None
    failure = failure or _judge_certificate(chain, server_name, _verification(connection))
    usable = done and (failure is None or not proven)
    if not usable:
        plain.abort()
    cipher = connection.get_cipher_name()
    handshake = Handshake(
        hop,
        address,
        port,
        server_name,
        t0,
        t,
        failure,
        version=connection.get_protocol_version_name() if cipher else None,
        cipher=cipher,
        alpn=connection.get_alpn_proto_negotiated().decode("ascii", "replace") or None,
        chain=tuple(_read(der).record for der in chain[:CHAIN_KEPT]),
        purpose=purpose,
    )
    return handshake, secure if usable else None


def is_named(leaf: bytes, server_name: str) -> bool:
    """Whether a certificate (DER) is for this host (RFC 9525): its SAN only, `*` only as the whole first label."""
    read = _read(leaf)
    if is_address(server_name):
        return str(ip_address(server_name)) in read.addresses
    host = server_name.lower()
    parent = host.partition(".")[2]
    return host in read.hosts or ("." in parent and f"*.{parent}" in read.hosts)


def _connection(trust: str | None, server_name: str) -> SSL.Connection:
    connection = SSL.Connection(_context(trust), None)
    if server_name and not is_address(server_name):  # RFC 6066 §3: no literal addresses
        connection.set_tlsext_host_name(server_name.encode("ascii"))
    connection.set_connect_state()
    return connection


def prepare(trust: str | None) -> None:
    """Read the trust store while there are files left to open. Raises ValueError where it is none."""
    _context(trust)


@cache
def _context(trust: str | None) -> SSL.Context:
    """One per process and trust store: parsing the roots costs more than twenty handshakes."""
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_alpn_protos([b"http/1.1"])
    context.set_tls13_ciphersuites(CIPHER_SUITES)
    _set_groups(context)
    context.set_verify(SSL.VERIFY_NONE)  # a client verifies all the same, and goes on whatever it finds
    if trust is None:
        context.load_verify_locations(certifi.where())
    else:
        store = cast(crypto.X509Store, context.get_cert_store())
        for root in x509.load_pem_x509_certificates(trust.encode("ascii")):
            store.add_cert(crypto.X509.from_cryptography(root))
    return context


def _set_groups(context: SSL.Context) -> None:
    """Classic key shares only: a post-quantum one makes a ClientHello of two segments, which filters may not read.

    What a filter does to those is another question; ours is whether it blocks the name.
    """
    if _LIBRARY.SSL_CTX_set1_curves_list(context._context, GROUPS) != 1:
        raise RuntimeError("OpenSSL does not know our key exchange groups")


def _verification(connection: SSL.Connection) -> int:
    """X509_V_ERR_*: what was wrong with the chain first, 0 for nothing."""
    return int(_LIBRARY.SSL_get_verify_result(connection._ssl))


def _judge_certificate(chain: Sequence[bytes], server_name: str, error: int) -> Failure | None:
    if error:
        return Failure.SSL_INVALID_CERTIFICATE if error in _INVALID else Failure.SSL_UNKNOWN_AUTHORITY
    return None if chain and is_named(chain[0], server_name) else Failure.SSL_INVALID_HOSTNAME


def _chain(connection: SSL.Connection) -> list[bytes]:
    """The certificates as the peer sent them, DER. By `get_peer_cert_chain` this takes twice as long."""
    sent = _LIBRARY.SSL_get_peer_cert_chain(connection._ssl)
    if sent == _FFI.NULL:
        return []
    return [_der(_LIBRARY.sk_X509_value(sent, number)) for number in range(_LIBRARY.sk_X509_num(sent))]


def _der(certificate: Any) -> bytes:
    memory = _LIBRARY.BIO_new(_LIBRARY.BIO_s_mem())
    try:
        if _LIBRARY.i2d_X509_bio(memory, certificate) != 1:
            raise RuntimeError("OpenSSL cannot write a certificate that it has read")
        begin = _FFI.new("char **")
        length = _LIBRARY.BIO_get_mem_data(memory, begin)
        return bytes(_FFI.buffer(begin[0], length))
    finally:
        _LIBRARY.BIO_free(memory)


@dataclass(frozen=True, slots=True)
class _Read:
    """One certificate: as it is recorded, and whom it is for: hosts in lower case, and addresses as text."""

    record: Certificate
    hosts: frozenset[str] = frozenset()
    addresses: frozenset[str] = frozenset()


@lru_cache(maxsize=1024)
def _read(der: bytes) -> _Read:
    """What one certificate says; one that cannot be parsed is kept with empty names, and names nobody.

    It is whatever a stranger chose to send, and the parser raises much more than ValueError for it.
    """
    sha256, encoded = hashlib.sha256(der).hexdigest(), base64.b64encode(der).decode("ascii")
    try:
        parsed = x509.load_der_x509_certificate(der)
        names = parsed.subject.rfc4514_string(), parsed.issuer.rfc4514_string()
        dates = parsed.not_valid_before_utc.isoformat(), parsed.not_valid_after_utc.isoformat()
    except Exception:
        return _Read(Certificate(sha256, "", "", "", "", encoded))
    record = Certificate(sha256, *names, *dates, encoded)
    try:
        named = parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        hosts = frozenset(name.lower().removesuffix(".") for name in named.get_values_for_type(x509.DNSName))
        return _Read(record, hosts, frozenset(map(str, named.get_values_for_type(x509.IPAddress))))
    except Exception:  # without such a list, or with one that no parser likes, it names nobody
        return _Read(record)
