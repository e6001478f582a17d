"""Probe locations: what admitting one writes. `registry.moderation` decides whether."""

from __future__ import annotations

import re
from dataclasses import dataclass

from checks.models import Network, Plan, Vantage

RESERVED = "ooni-"
_KEY = re.compile(r"[0-9a-f]{64}")


class NotAdmitted(ValueError):
    """The message says what to change."""


@dataclass(frozen=True, slots=True)
class Admission:
    """Who measures where. `key` is the public half that `python -m checks.probe --make-key` printed."""

    name: str
    asn: int
    role: str
    key: str
    region: str = ""
    takes_unreviewed: bool = False


def admit(admission: Admission) -> Vantage:
    """Make or renew a vantage and put it on every plan. Raises NotAdmitted."""
    network = Network.objects.filter(asn=admission.asn).first()
    if network is None:
        raise NotAdmitted(f"AS{admission.asn} is no known network: load the country pack, or add the network first")
    if not _KEY.fullmatch(admission.key):
        raise NotAdmitted("the key must be the 64 hexadecimal digits that `python -m checks.probe --make-key` printed")
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,59}", admission.name):
        raise NotAdmitted(f"{admission.name!r} is no vantage name: use small letters, digits and '-'")
    if admission.name.startswith(RESERVED):
        raise NotAdmitted(f"names that begin with {RESERVED!r} are kept for what is imported: choose another")
    if other := Vantage.objects.filter(public_key=admission.key).exclude(name=admission.name).first():
        raise NotAdmitted(f"this key is that of {other}: each vantage needs its own, see `python -m checks.probe`")
    vantage, _ = Vantage.objects.update_or_create(
        name=admission.name,
        defaults={
            "network": network,
            "role": admission.role,
            "state": Vantage.State.ADMITTED,
            "public_key": admission.key,
            "region": admission.region,
            "takes_unreviewed": admission.takes_unreviewed,
        },
    )
    if vantage.role == Vantage.Role.ACCESS:
        for plan in Plan.objects.all():
            plan.vantages.add(vantage)
    return vantage
