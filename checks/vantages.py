"""Probe locations: what inviting, admitting and revoking one writes. `registry.moderation` decides whether."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from checks import runs
from checks.models import CONSENTS, Cell, Enrolment, Measurement, Network, Plan, Recount, Run, Vantage, Verdict
from checks.probe import messages
from checks.probe.messages import BadMessage, Enrol, Sealed

RESERVED = "ooni-"
INVITED = timedelta(days=7)  # for which a token can be used
_KEY = re.compile(r"[0-9a-f]{64}")
_MAY_REST_ON_IT = timedelta(hours=1)  # a control's run and a run that was judged beside it came home no further apart


class NotAdmitted(ValueError):
    """The message says what to change."""


@dataclass(frozen=True, slots=True)
class Admission:
    """Who measures where. `key` is the public half of what the probe made; empty while it is only invited."""

    name: str
    asn: int
    role: str
    key: str = ""
    region: str = ""
    takes_unreviewed: bool = False
    way: str = Vantage.Way.QUEUE
    consent_on: str = ""  # ISO 8601; of an access vantage its host's, in writing
    consent_version: str = ""
    excluded_categories: list[str] = field(default_factory=list)


def checked(admission: Admission, *, at: datetime) -> Network:
    """The network of what can be admitted, but for its key. Raises NotAdmitted."""
    network = Network.objects.filter(asn=admission.asn).first()
    if network is None:
        raise NotAdmitted(f"AS{admission.asn} is no known network: load the country pack, or add the network first")
    if not messages.NAME.fullmatch(admission.name):
        raise NotAdmitted(f"{admission.name!r} is no vantage name: use small letters, digits and '-'")
    if admission.name.startswith(RESERVED):
        raise NotAdmitted(f"names that begin with {RESERVED!r} are kept for what is imported: choose another")
    needed = admission.role == Vantage.Role.ACCESS and not network.imitated
    if needed or admission.consent_on or admission.consent_version:
        _check_consent(admission, timezone.localdate(at))
    return network


def _check_consent(admission: Admission, today: date) -> None:
    known = ", ".join(sorted(CONSENTS))
    if admission.consent_version not in CONSENTS:
        raise NotAdmitted(
            f"a host must have agreed to what we measure, in version {known} of the text (docs/probes.md)"
        )
    try:
        day = date.fromisoformat(admission.consent_on)
    except ValueError:
        raise NotAdmitted("say on which day the host agreed, for example 2026-11-27") from None
    if day > today:
        raise NotAdmitted(f"nobody has agreed on {day} yet, for today is {today}: say on which day the host did")


def admit(admission: Admission, *, at: datetime) -> Vantage:
    """Make or renew a vantage and put it on every plan. Raises NotAdmitted."""
    network = checked(admission, at=at)
    if not _KEY.fullmatch(admission.key):
        raise NotAdmitted("the key must be the 64 hexadecimal digits that `python -m checks.probe --make-key` printed")
    if other := Vantage.objects.filter(public_key=admission.key).exclude(name=admission.name).first():
        raise NotAdmitted(f"this key is that of {other}: each vantage needs its own, see `python -m checks.probe`")
    vantage, _ = Vantage.objects.update_or_create(
        name=admission.name,
        defaults={
            "network": network,
            "role": admission.role,
            "state": Vantage.State.ADMITTED,
            "way": admission.way,
            "public_key": admission.key,
            "region": admission.region,
            "takes_unreviewed": admission.takes_unreviewed,
            "consent_on": admission.consent_on or None,
            "consent_version": admission.consent_version,
            "excluded_categories": sorted(admission.excluded_categories),
            "revoked_at": None,
        },
    )
    if vantage.role == Vantage.Role.ACCESS:
        for plan in Plan.objects.all():
            plan.vantages.add(vantage)
    return vantage


# --- invitations


def invite(admission: Admission, *, at: datetime) -> str:
    """A token with which one key can be handed in, within a week. Its hash is kept. Raises NotAdmitted."""
    checked(admission, at=at)
    _check_free(admission.name)
    token = secrets.token_urlsafe(24)
    Enrolment.objects.create(token_sha256=_hash(token), admission=asdict(admission), made_at=at, until=at + INVITED)
    return token


def hand_in(sealed: Sealed, key: str, *, at: datetime) -> Admission:
    """Use up a token, within the caller's transaction: the admission that it stands for, with the probe's key.

    Whoever used it may say it again, for the answer may be lost: with the same key it stands for the same.
    Raises NotAdmitted; the token is then as good as before.
    """
    try:
        said = messages.unseal(messages.ENROL, sealed, key, Enrol)
    except BadMessage as error:
        raise NotAdmitted(str(error)) from error
    if said.public_key != key or not _KEY.fullmatch(key):
        raise NotAdmitted("the key must be 64 hexadecimal digits, and the one that signed")
    if abs(said.sent - at) > runs.CLOCK_SKEW:
        raise NotAdmitted(f"it is {at.isoformat()} here and {said.sent.isoformat()} at the probe: set its clock")
    found = Enrolment.objects.filter(token_sha256=_hash(said.token), until__gt=at)
    invitation = found.first()
    if invitation is None:
        raise NotAdmitted("this token is too old, or was never given out: ask for another")
    admission = Admission(**{**invitation.admission, "key": key})
    if said.vantage != admission.name:
        raise NotAdmitted(
            f"this token is for {admission.name!r}, not for {said.vantage!r}: say --name {admission.name}"
        )
    _check_free(admission.name, key)
    if not found.filter(used_at=None).update(used_at=at, admission=asdict(admission)):
        invitation.refresh_from_db()  # somebody was faster: we, a moment ago?
        if invitation.admission["key"] != key:
            raise NotAdmitted("this token was used with another key: ask for another token")
    return admission


def _check_free(name: str, key: str = "") -> None:
    """An invitation takes no admitted vantage's place but with its own `key`."""
    if Vantage.objects.filter(name=name, state=Vantage.State.ADMITTED).exclude(public_key=key).exists():
        raise NotAdmitted(
            f"{name!r} is admitted already: choose another name, or renew its key with `manage.py admit_vantage`"
        )


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


# --- revoking


@transaction.atomic
def revoke(vantage: Vantage, *, at: datetime) -> None:
    """Ask nothing more of a vantage and let nothing rest on it: what it measured stays, and is not counted.

    Cells that its verdicts made are counted anew; of a control, the runs that were judged beside it are judged again.
    """
    Vantage.objects.filter(pk=vantage.pk).update(state=Vantage.State.REVOKED, revoked_at=at)
    for run in Run.objects.open().filter(vantage=vantage):
        Run.objects.filter(pk=run.pk).update(
            state=Run.State.FAILED, lease_until=None, failure="the vantage was revoked"
        )
        runs.release(run.round_id, {})
    cells = Verdict.objects.published().filter(vantage=vantage).order_by().values_list("target", "network").distinct()
    Recount.objects.ask(cells, at=at)
    if vantage.role == Vantage.Role.CONTROL:
        judged_beside(vantage).update(judged_at=None)


def judged_beside(control: Vantage) -> QuerySet[Run]:
    """Runs that may have been judged with what this control measured."""
    beside = Run.objects.filter(
        vantage=control,
        recorded_at__gte=OuterRef("recorded_at") - _MAY_REST_ON_IT,
        recorded_at__lte=OuterRef("recorded_at") + _MAY_REST_ON_IT,
    )
    judged = Run.objects.filter(state=Run.State.RECORDED, judged_at__isnull=False, vantage__source="own")
    return judged.filter(Exists(beside), vantage__role=Vantage.Role.ACCESS)


@dataclass(frozen=True, slots=True)
class Resting:
    """What rests on a vantage, and would no more if it were revoked."""

    measurements: int
    cells: int  # whose state now counts a measurement of it
    runs: int  # of a control: judged beside it, and to be judged again


def resting_on(vantage: Vantage) -> Resting:
    return Resting(
        measurements=Measurement.objects.published().filter(vantage=vantage).count(),
        cells=Cell.objects.filter(network=vantage.network, places__has_key=vantage.name).count(),
        runs=judged_beside(vantage).count() if vantage.role == Vantage.Role.CONTROL else 0,
    )
