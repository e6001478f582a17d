"""Vantages with real keys, and measurements that the lab's servers gave."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from uuid_utils.compat import uuid7

from checks import planning
from checks.engine.records import Answer, Connect, Exchange, Handshake, Measurement, Query, SelfTest
from checks.models import Network, Plan, Vantage
from checks.probe import messages
from checks.probe.batch import Batch
from checks.probe.messages import Sealed
from tests import make

ADDRESS = "93.184.216.41"
CONTROL_ASN = 64496
AT = datetime.now(UTC)
URL = "https://orda.kz/"


@dataclass(frozen=True)
class Probe:
    """A vantage and the key that only its machine has."""

    vantage: Vantage
    key: Ed25519PrivateKey

    def sealed(
        self,
        run: int,
        *measured: Measurement,
        attempt: int = 1,
        vantage: str = "",
        sent: datetime | None = None,
        test: SelfTest | None = None,
    ) -> Sealed:
        """A batch as it travels, sent as soon as it was measured."""
        moment = datetime.fromisoformat(measured[0].started) if measured else datetime.now(UTC)
        batch = Batch(vantage or self.vantage.name, run, attempt, sent or moment, messages.nonce(), measured, test)
        return batch.sealed(self.key)


@pytest.fixture
def probe(db: None) -> Callable[..., Probe]:
    def admitted(name: str, asn: int = 64497, role: str = "access", **fields: object) -> Probe:
        key = Ed25519PrivateKey.generate()
        public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()
        kind = Network.Kind.ACCESS if role == "access" else Network.Kind.HOSTING
        network = make.network(asn, watched=False, kind=kind)
        agreed = {"consent_on": "2026-01-01", "consent_version": "1"}
        vantage = Vantage.objects.create(
            name=name, network=network, role=role, public_key=public, **{**agreed, **fields}
        )
        return Probe(vantage, key)

    return admitted


def id_at(at: datetime) -> UUID:
    """One that was made then."""
    return uuid7(int(at.timestamp()), at.microsecond * 1000)


def visit(url: str, *, at: datetime, failure: str | None = None, imitated: bool = False) -> Measurement:
    """A visit that loads, or whose TLS handshake ends with `failure` after DNS and TCP went well."""
    host = url.split("/")[2]
    query = Query(
        0, host, "A", "93.184.217.1:53", "isp", "udp", 0.0, 0.01, rcode="NOERROR", answers=(Answer("A", ADDRESS, 60),)
    )
    loaded = Exchange(0, ADDRESS, 443, url, 0.1, 0.2, status=200, title="A page", body_length=3000, body="A page")
    return Measurement(
        id=str(id_at(at)),
        url=url,
        started=at.isoformat(),
        runtime=1.0,
        software="test",
        trust_store="test",
        world="test",
        imitated=imitated,
        queries=(query,),
        connects=(Connect(0, ADDRESS, 443, 0.01, 0.02),),
        handshakes=(
            Handshake(0, ADDRESS, 443, host, 0.02, 0.1, failure=failure, version=None if failure else "TLSv1.3"),
        ),
        exchanges=() if failure else (loaded,),
        failure=failure,
    )


@pytest.fixture
def here(probe: Callable[..., Probe]) -> Probe:
    return probe("here")


@pytest.fixture
def control(probe: Callable[..., Probe]) -> Probe:
    return probe("control", CONTROL_ASN, "control")


@pytest.fixture
def plan(here: Probe, control: Probe) -> Plan:
    plan = Plan.objects.create(name="hourly", period=timedelta(hours=1), due_at=AT)
    Plan.objects.create(name=planning.CHANGES, period=timedelta(hours=1), due_at=AT, enabled=False)
    plan.targets.add(make.target(URL))
    plan.vantages.add(here.vantage)
    return plan
