"""Editors' accounts: what each role may do, and how a second factor is made, replaced and taken away."""

from __future__ import annotations

import base64
import re
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, Permission, User
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django_otp.oath import totp
from django_otp.plugins.otp_static.models import StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from registry import accounts
from registry.accounts import Role
from tests import make

pytestmark = pytest.mark.django_db

ROOT = Path(__file__).resolve().parent.parent.parent


def run(command: str, *arguments: str) -> str:
    said = StringIO()
    call_command(command, *arguments, stdout=said)
    return said.getvalue()


def found(pattern: str, text: str) -> str:
    match = re.search(pattern, text, re.MULTILINE)
    assert match, text
    return match.group(1)


def comes_in(name: str, password: str, code: str) -> bool:
    client = Client()
    fields = {"username": name, "password": password, "code": code}
    client.post("/desk/login/", fields, REMOTE_ADDR=make.address())
    return client.get("/desk/").status_code == 200


def code_of(secret: str) -> str:
    """As an authenticator makes it that knows the secret alone."""
    TOTPDevice.objects.update(last_t=-1)
    return f"{totp(base64.b32decode(secret)):06d}"


# --- commands


def test_what_make_editor_prints_is_enough_to_come_in(capsys: pytest.CaptureFixture[str]) -> None:
    said = run("make_editor", "dana", "--role", "legal", "--role", "reporter")
    password = found(r"^password: (\S{20,})$", said)
    secret = found(r"^secret of the one-time codes: ([A-Z2-7]{32})$", said)
    uri = urlsplit(found(r"^for an authenticator: (otpauth://totp/Tizilim%3Adana\?\S+)$", said))
    codes = re.findall(r"^  ([a-z2-7]{4}-[a-z2-7]{4})$", said, re.MULTILINE)
    assert parse_qs(uri.query)["secret"] == [secret]
    assert "█" in said
    assert len(set(codes)) == accounts.RECOVERY_CODES
    assert comes_in("dana", password, code_of(secret))
    assert comes_in("dana", password, codes[9])
    assert not comes_in("dana", password, codes[9])
    editor = User.objects.get(username="dana")
    assert {group.name for group in editor.groups.all()} == {"legal", "reporter"}
    assert not editor.is_superuser


def test_a_name_that_is_taken_or_is_none_is_refused(client: Client) -> None:
    run("make_editor", "dana", "--role", "legal")
    for name, why in (("dana", "already"), ("DANA", "already"), *((one, "no name") for one in ("a b", "", "x" * 151))):
        with pytest.raises(CommandError, match=why):
            run("make_editor", name, "--role", "legal")
    with pytest.raises(CommandError, match="boss"):
        run("make_editor", "other", "--role", "boss")
    assert User.objects.count() == 1


def test_a_lost_factor_is_replaced_and_nothing_of_the_old_one_works() -> None:
    said = run("make_editor", "dana", "--role", "legal")
    password, old = found(r"^password: (\S+)$", said), found(r"codes: (\S+)$", said)
    old_recovery = found(r"^  (\S{4}-\S{4})$", said)
    said = run("renew_factor", "dana")
    assert "sessions ended: 0" in said
    assert "password:" not in said
    new = found(r"codes: (\S+)$", said)
    assert new != old
    assert StaticToken.objects.count() == accounts.RECOVERY_CODES
    assert not comes_in("dana", password, old_recovery)
    assert comes_in("dana", password, code_of(new))
    assert not comes_in("dana", password, code_of(old))


def test_a_closed_account_lets_nobody_in_and_gets_no_new_factor() -> None:
    editor = make.editor()
    client = make.signed_in(Client(), editor)
    assert "editor is closed; sessions ended: 1" in run("close_editor", "editor")
    assert client.get("/desk/").status_code == 302
    assert not comes_in("editor", make.PASSWORD, make.code_of(editor))
    with pytest.raises(CommandError, match="closed"):
        run("renew_factor", "editor")


@pytest.mark.parametrize("command", ["renew_factor", "close_editor", "give_roles"])
def test_an_account_that_does_not_exist_is_told(command: str) -> None:
    with pytest.raises(CommandError, match="no account 'nobody'"):
        run(command, "nobody", *(["--role", "legal"] if command == "give_roles" else []))


def test_roles_are_given_and_the_others_are_taken_away(client: Client) -> None:
    make.editor()
    run("give_roles", "editor", "--role", "measurement")
    run("give_roles", "editor", "--role", "reporter", "--role", "legal")
    assert {group.name for group in User.objects.get().groups.all()} == {"legal", "reporter"}


# --- who may what


def test_migrate_makes_the_roles_and_mends_them() -> None:
    Group.objects.all().delete()
    run("migrate", "--verbosity", "0")
    first = {role: set(Group.objects.get(name=role).permissions.all()) for role in Role}
    assert all(first.values())
    Group.objects.get(name="reporter").permissions.set(Permission.objects.filter(codename="change_act"))
    run("migrate", "--verbosity", "0")
    assert {role: set(Group.objects.get(name=role).permissions.all()) for role in Role} == first


def may(site: admin.ModelAdmin[Any], request: Any) -> str:
    """What the desk lets somebody do with a table, in the words of the documents."""
    asked = ("has_decide_permission", "has_edit_permission", "has_change_permission")
    if any(getattr(site, name)(request) for name in asked if hasattr(site, name)):
        return "decides"
    return "reads" if site.has_view_permission(request) else "–"


def told(page: str) -> dict[str, dict[str, str]]:
    """Role → table → word, as docs/running.md has it; rest under "all others"."""
    text = (ROOT / page).read_text(encoding="utf-8")
    head, rows = text[text.index("| tables |") :].split("\n|---", 1)
    roles = [cell.strip() for cell in head.strip("| \n").split("|")[1:]]
    table: dict[str, dict[str, str]] = {role: {} for role in roles}
    for line in rows.splitlines()[1:]:
        if not line.startswith("|"):
            break
        tables, *words = [cell.strip() for cell in line.strip("|").split("|")]
        for name in re.findall(r"`(\w+)`", tables) or [tables]:
            for role, word in zip(roles, words, strict=True):
                table[role][name] = word
    return table


@pytest.mark.parametrize("role", Role)
def test_the_documents_tell_what_each_role_may(rf: Any, role: Role) -> None:
    editor = make.editor()
    accounts.give_roles(editor, [role])
    request = rf.get("/desk/")
    request.user = User.objects.get(pk=editor.pk)
    documented = told("docs/running.md")[role]
    others = documented.pop("all others")
    real = {model.__name__: may(site, request) for model, site in admin.site._registry.items()}
    assert set(documented) <= set(real)
    assert real == {name: documented.get(name, others) for name in real}


def test_a_role_opens_its_tables_and_no_others(client: Client) -> None:
    cache.clear()
    editor = make.editor()
    accounts.give_roles(editor, [Role.LEGAL])
    desk = make.signed_in(client, editor)
    answers = {
        name: desk.get(reverse(f"admin:registry_{name}_changelist")).status_code
        for name in ("act", "report", "candidate", "informationrequest")
    }
    assert answers == {"act": 200, "report": 403, "candidate": 403, "informationrequest": 200}
    assert desk.get("/desk/registry/act/new/").status_code == 200
    assert desk.get("/desk/registry/report/decide/accept/?id=1").status_code == 403
    assert desk.get("/desk/auth/user/").status_code == 403
