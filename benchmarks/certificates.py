"""The bench's certificates: a root, one intermediate, and for each site a leaf of its own.

Own leaves, because a client that remembers certificates must not gain from a bench where all are the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import certifi
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Authority:
    name: x509.Name
    key: EllipticCurvePrivateKey


def write(directory: Path, names: Iterable[str]) -> None:
    """`root.pem`, `bundle.pem` (certifi's roots and ours), `leaf.key`, and `leaves/<name>.pem` with its chain."""
    leaves = directory / "leaves"
    leaves.mkdir()
    root = Authority(_name("Bench root"), generate_private_key(SECP256R1()))
    middle = Authority(_name("Bench intermediate"), generate_private_key(SECP256R1()))
    root_pem = _authority_certificate(root, root)
    middle_pem = _authority_certificate(middle, root)
    (directory / "root.pem").write_bytes(root_pem)
    (directory / "bundle.pem").write_bytes(Path(certifi.where()).read_bytes() + root_pem)
    key = generate_private_key(SECP256R1())
    (directory / "leaf.key").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    )
    for name in names:
        (leaves / f"{name}.pem").write_bytes(_leaf(name, key, middle) + middle_pem)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(subject: x509.Name, key: EllipticCurvePrivateKey, issuer: Authority) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _DAY)
        .not_valid_after(now + 7 * _DAY)
    )


def _authority_certificate(subject: Authority, issuer: Authority) -> bytes:
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    return (
        _builder(subject.name, subject.key, issuer)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .sign(issuer.key, SHA256())
        .public_bytes(Encoding.PEM)
    )


def _leaf(host: str, key: EllipticCurvePrivateKey, issuer: Authority) -> bytes:
    return (
        _builder(_name(host), key, issuer)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(issuer.key, SHA256())
        .public_bytes(Encoding.PEM)
    )
