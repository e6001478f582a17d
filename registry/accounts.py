"""Editors' accounts: what each role may do, and the second factor without which nobody does anything at the desk.

Accounts and factors are made, replaced and closed on the server alone: neither a stolen password nor a stolen session
enrols anybody.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.models import Group, Permission, User
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import Q
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _
from django_otp.models import Device
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from checks.models import Parked, Plan, Ruleset, Wave
from registry.editing import EDITABLE
from registry.models import Candidate, Dispute, Hiding, InformationRequest, ProblemReport, Report, Resource

RECOVERY_CODES = 10
DIGITS = 6  # of a one-time code
KEPT = 16  # characters of a recovery code's hash: 64 bits, behind a key that no dump has

# --- roles


class Role(models.TextChoices):
    """What an editor is here for. The values are the names of Django's groups."""

    REPORTER = "reporter", _("reporter-facing editor")
    LEGAL = "legal", _("legal editor")
    MEASUREMENT = "measurement", _("measurement editor")
    ADMINISTRATOR = "administrator", _("administrator")


# Whoever may change a table decides on its rows, by the acts that the desk has for it.
DECIDES_ON: Mapping[Role, tuple[type[models.Model], ...]] = {
    Role.REPORTER: (Report, Candidate, ProblemReport),
    Role.LEGAL: (*EDITABLE, Resource, InformationRequest),
    Role.MEASUREMENT: (Wave, Ruleset, Dispute),
    Role.ADMINISTRATOR: (Plan, Parked),  # and on what the others decide on
}
# Not public, and nobody's business who does not decide on them. All else may be read by every editor.
OWN: tuple[type[models.Model], ...] = (Report, Candidate, ProblemReport, Parked)


@transaction.atomic
def make_roles() -> None:
    """Let the groups have the permissions that this version gives them, and no others. May run again."""
    for role in Role:
        group, _made = Group.objects.get_or_create(name=role.value)
        group.permissions.set(_permissions(role))


def _permissions(role: Role) -> Iterable[Permission]:
    decides = [one for other in Role if role in (other, Role.ADMINISTRATOR) for one in DECIDES_ON[other]]
    tables: list[type[models.Model]] = [
        one for name in ("registry", "checks") for one in apps.get_app_config(name).get_models()
    ]
    reads = [one for one in tables if one in decides or one not in OWN]
    if role == Role.ADMINISTRATOR:
        reads.append(User)
    return Permission.objects.filter(
        Q(content_type__in=_types(reads), codename__startswith="view_")
        | Q(content_type__in=_types(decides), codename__startswith="change_")
        | Q(content_type__in=_types([Hiding]), codename="add_hiding")  # whoever sees first that somebody is in danger
    )


def _types(tables: Iterable[type[models.Model]]) -> list[ContentType]:
    return [*ContentType.objects.get_for_models(*tables).values()]


# --- accounts


class NotDone(ValueError):
    """The account cannot be made or changed so; the text says why."""


@dataclass(frozen=True)
class Factor:
    """What its owner is told once. The register keeps the secret, and of the recovery codes only hashes."""

    secret: str
    uri: str
    recovery_codes: tuple[str, ...]


@transaction.atomic
def make(name: str, roles: Iterable[str]) -> tuple[str, Factor]:
    """An account for the desk: its password, and its second factor. Raises NotDone."""
    if User.objects.filter(username__iexact=name).exists():
        raise NotDone(f"there is an account {name!r} already")
    password = secrets.token_urlsafe(15)
    editor = User(username=name, is_staff=True)
    editor.set_password(password)
    try:
        editor.full_clean()
    except ValidationError:
        raise NotDone(f"{name!r} is no name: at most 150 letters, digits and signs of @.+-_") from None
    editor.save()
    give_roles(editor, roles)
    return password, _new_factor(editor)


@transaction.atomic
def give_roles(editor: User, roles: Iterable[str]) -> None:
    """These and no others."""
    make_roles()
    editor.groups.set(Group.objects.filter(name__in=[Role(role).value for role in roles]))


@transaction.atomic
def renew_factor(editor: User) -> tuple[Factor, int]:
    """A new factor in the place of a lost one; also how many sessions were ended. Raises NotDone."""
    if not editor.is_active:
        raise NotDone(f"the account {editor.username!r} is closed")
    TOTPDevice.objects.filter(user=editor).delete()
    StaticDevice.objects.filter(user=editor).delete()
    return _new_factor(editor), end_sessions(editor)


@transaction.atomic
def close(editor: User) -> int:
    """Nobody signs in with it again, but what it decided stays its own. How many sessions were ended."""
    User.objects.filter(pk=editor.pk).update(is_active=False)
    return end_sessions(editor)


def end_sessions(editor: User) -> int:
    hers = [one.pk for one in Session.objects.all() if one.get_decoded().get(SESSION_KEY) == str(editor.pk)]
    ended, _by_table = Session.objects.filter(pk__in=hers).delete()
    return ended


# --- the second factor


def _new_factor(editor: User) -> Factor:
    authenticator = TOTPDevice.objects.create(user=editor, name="authenticator")
    box = StaticDevice.objects.create(user=editor, name="recovery codes")
    codes = [base64.b32encode(secrets.token_bytes(5)).decode().lower() for _number in range(RECOVERY_CODES)]
    for code in codes:
        box.token_set.create(token=_hash(code))
    secret = base64.b32encode(authenticator.bin_key).decode()
    return Factor(secret, authenticator.config_url, tuple(f"{code[:4]}-{code[4:]}" for code in codes))


def take_code(editor: User, code: str) -> Device | None:
    """The device that a code is of, and then the code is used up. Wrong ones make the device wait ever longer.

    Ask only for somebody whose password is known to be right: else a stranger could keep her out.
    """
    code = "".join(code.split()).replace("-", "").lower()
    one_time = len(code) == DIGITS and code.isascii() and code.isdecimal()
    kind: Any = TOTPDevice if one_time else StaticDevice
    with transaction.atomic():
        for device in kind.objects.select_for_update().filter(user=editor, confirmed=True):
            if device.verify_token(code if one_time else _hash(code)):
                return device
    return None


def _hash(code: str) -> str:
    return salted_hmac("registry.accounts", code, algorithm="sha256").hexdigest()[:KEPT]
