"""TLS: one handshake whose chain and cipher are kept also when verification fails.

OpenSSL runs over memory BIOs; its verify callback notes the first error and goes on, so one
connection tells both what the peer showed and what is wrong with it.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from ipaddress import ip_address
from typing import cast

import certifi
from cryptography import x509
from OpenSSL import SSL, crypto

from checks.engine.connect import READ_SIZE, Plain
from checks.engine.failures import NETWORK_ERRORS, Failure, name_failure
from checks.engine.records import VISIT, Certificate, Handshake
from checks.engine.stopwatch import Stopwatch
from checks.engine.world import World

# X509_V_ERR_* of openssl/x509_vfy.h: not yet valid, expired, and their malformed kin. Everything
# else that a chain can be accused of means that no root of ours vouches for it.
_INVALID = frozenset({9, 10, 13, 14, 23, 26, 66, 67, 68})


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
                return await self._flush()

    def abort(self) -> None:
        self._plain.abort()

    async def _flush(self) -> None:
        while True:
            try:
                data = self._connection.bio_read(READ_SIZE)
            except SSL.WantReadError:
                return
            await self._plain.send(data)

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
) -> tuple[Handshake, Secure | None]:
    """One handshake on a fresh connection. The stream is given only when the peer proved its name."""
    verify_errors: list[int] = []
    connection = _connection(world.trust, server_name, verify_errors)
    secure = Secure(plain, connection)
    t0 = watch.read()
    failure: Failure | None
    try:
        async with watch.within(world.deadlines.handshake):
            await secure.shake_hands()
        failure = _judge_certificate(connection, server_name, verify_errors)
    except NETWORK_ERRORS as error:
        failure = name_failure(error)
    except BaseException:
        plain.abort()
        raise
    if failure is not None:
        plain.abort()
    return _record(hop, address, port, server_name, t0, watch.read(), failure, connection, purpose), (
        secure if failure is None else None
    )


def is_named(leaf: x509.Certificate, server_name: str) -> bool:
    """Whether the certificate is for this host (RFC 9525): its SAN only, `*` only as the whole first label."""
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):  # ValueError: a SAN that cannot be parsed names nobody
        return False
    if _is_ip(server_name):
        return ip_address(server_name) in names.get_values_for_type(x509.IPAddress)
    host = server_name.lower()
    parent = host.partition(".")[2]
    patterns = [name.lower().removesuffix(".") for name in names.get_values_for_type(x509.DNSName)]
    return host in patterns or ("." in parent and f"*.{parent}" in patterns)


def _connection(trust: str | None, server_name: str, verify_errors: list[int]) -> SSL.Connection:
    connection = SSL.Connection(_context(trust), None)
    connection.set_app_data(verify_errors)
    if not _is_ip(server_name):  # RFC 6066 §3: no literal addresses
        connection.set_tlsext_host_name(server_name.encode("ascii"))
    connection.set_connect_state()
    return connection


@cache
def _context(trust: str | None) -> SSL.Context:
    """One per process and trust store: parsing the roots costs more than twenty handshakes."""
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_alpn_protos([b"http/1.1"])
    context.set_verify(SSL.VERIFY_PEER, _note_error)
    if trust is None:
        context.load_verify_locations(certifi.where())
    else:
        store = cast(crypto.X509Store, context.get_cert_store())
        for root in x509.load_pem_x509_certificates(trust.encode("ascii")):
            store.add_cert(crypto.X509.from_cryptography(root))
    return context


def _note_error(connection: SSL.Connection, _certificate: crypto.X509, error: int, _depth: int, _ok: int) -> bool:
    if error:
        connection.get_app_data().append(error)
    return True


def _judge_certificate(connection: SSL.Connection, server_name: str, verify_errors: list[int]) -> Failure | None:
    if verify_errors:
        return Failure.SSL_INVALID_CERTIFICATE if verify_errors[0] in _INVALID else Failure.SSL_UNKNOWN_AUTHORITY
    leaf = connection.get_peer_certificate(as_cryptography=True)
    if leaf is None or not is_named(leaf, server_name):
        return Failure.SSL_INVALID_HOSTNAME
    return None


def _record(
    hop: int,
    address: str,
    port: int,
    server_name: str,
    t0: float,
    t: float,
    failure: Failure | None,
    connection: SSL.Connection,
    purpose: str,
) -> Handshake:
    chain = tuple(
        _certificate(crypto.dump_certificate(crypto.FILETYPE_ASN1, sent))
        for sent in connection.get_peer_cert_chain() or ()
    )
    cipher = connection.get_cipher_name()
    alpn = connection.get_alpn_proto_negotiated().decode("ascii", "replace")
    return Handshake(
        hop,
        address,
        port,
        server_name,
        t0,
        t,
        failure,
        version=connection.get_protocol_version_name() if cipher else None,
        cipher=cipher,
        alpn=alpn or None,
        chain=chain,
        purpose=purpose,
    )


def _certificate(der: bytes) -> Certificate:
    """What one certificate says; one that cannot be parsed is kept with empty names."""
    sha256, encoded = hashlib.sha256(der).hexdigest(), base64.b64encode(der).decode("ascii")
    try:
        parsed = x509.load_der_x509_certificate(der)
        names = parsed.subject.rfc4514_string(), parsed.issuer.rfc4514_string()
        dates = parsed.not_valid_before_utc.isoformat(), parsed.not_valid_after_utc.isoformat()
    except ValueError:
        return Certificate(sha256, "", "", "", "", encoded)
    return Certificate(sha256, *names, *dates, encoded)


def _is_ip(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
