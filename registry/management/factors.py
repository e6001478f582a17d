"""What the commands about accounts share: roles on the command line, and what is told of a second factor, once."""

from __future__ import annotations

from argparse import ArgumentParser
from io import StringIO

import segno
from django.contrib.auth.models import User
from django.core.management.base import CommandError

from registry.accounts import Factor, Role


def add_roles(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--role", action="append", required=True, choices=Role.values, help="what she is here for; may be said again"
    )


def account(name: str) -> User:
    """Raises CommandError."""
    found = User.objects.filter(username=name).first()
    if found is None:
        raise CommandError(f"there is no account {name!r}")
    return found


def told(factor: Factor) -> str:
    picture = StringIO()
    segno.make(factor.uri, micro=False).terminal(picture, border=2, compact=True)
    codes = "\n".join(f"  {code}" for code in factor.recovery_codes)
    return f"""secret of the one-time codes: {factor.secret}
for an authenticator: {factor.uri}
{picture.getvalue()}
recovery codes, each in the place of one code, should the authenticator be lost:
{codes}
This is shown once. Hand it over in person, and keep no copy."""
