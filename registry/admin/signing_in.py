"""Signing in at the desk with a password and a code; how long that lasts, and when the code is asked for anew."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Any, cast

from django import forms
from django.conf import settings
from django.contrib import admin
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.models import User
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from rest_framework.request import Request
from rest_framework.views import APIView

from registry import accounts
from registry.api.throttles import Logins, LoginsOf

FRESH = timedelta(minutes=15)  # so long after a code its giver may publish
IDLE = timedelta(seconds=settings.SESSION_COOKIE_AGE)  # then a session ends that nobody uses
LONGEST = timedelta(hours=12)  # then every session ends
STEP = timedelta(minutes=1)  # a session in use is not written more often

# What a session holds: seconds since 1970
_SIGNED_IN = "signed_in_at"
_CODE_GIVEN = "code_given_at"


class _CodeInput(forms.PasswordInput):
    """Shown while it is typed, as codes are, and never sent back with the page."""

    input_type = "text"


def _code_field(help_text: Any = "") -> forms.CharField:
    attrs = {"autocomplete": "one-time-code", "autocapitalize": "none", "spellcheck": "false"}
    return forms.CharField(
        label=_("Code"),
        help_text=help_text,
        max_length=32,
        error_messages={"required": _("Write the code.")},
        widget=_CodeInput(attrs=attrs),
    )


class LoginForm(AdminAuthenticationForm):
    """Counts attempts, and not only failed ones. Nothing it says tells which of the three was wrong."""

    code = _code_field(_("Six digits that your authenticator shows, or a recovery code. Each works once."))
    error_messages = {
        **AdminAuthenticationForm.error_messages,
        "invalid_login": _(
            "The name, the password or the code is not right. A code works once, and after wrong ones you have to wait."
        ),
    }

    def clean(self) -> dict[str, Any]:
        request = cast(HttpRequest, self.request)  # a form of the login page always has one
        _refuse_too_many(request)
        if self.errors:  # an answer to a form that is not whole would tell whether the password was right
            return self.cleaned_data
        super().clean()
        user = cast(Any, self.get_user())
        device = accounts.take_code(user, self.cleaned_data["code"])
        if device is None:
            self.user_cache = None
            raise self.get_invalid_login_error()
        user.otp_device = device
        _begin(request.session, timezone.now())
        return self.cleaned_data


def _refuse_too_many(request: HttpRequest) -> None:
    counted = Request(request)
    waits = [budget.wait() for budget in (Logins(), LoginsOf()) if not budget.allow_request(counted, APIView())]
    if waits:
        minutes = ceil(max(wait or 60 for wait in waits) / 60)
        raise forms.ValidationError(
            ngettext(
                "Too many attempts to sign in came from your network. Try again in a minute.",
                "Too many attempts to sign in came from your network. Try again in %(minutes)d minutes.",
                minutes,
            ),
            code="throttled",
            params={"minutes": minutes},
        )


def may_enter(request: HttpRequest) -> bool:
    """Only who gave a password and a code sees anything of the desk. To look at it keeps a session from ending."""
    user: Any = request.user
    if not (user.is_active and user.is_staff and getattr(user, "otp_device", None)):
        return False
    _go_on(request.session, timezone.now())
    return True


def _begin(session: SessionBase, at: datetime) -> None:
    """Whoever signs in begins a new one; those that ended are cleared away."""
    session.flush()
    session.clear_expired()
    session[_SIGNED_IN] = session[_CODE_GIVEN] = at.timestamp()
    session.set_expiry(at + IDLE)


def _go_on(session: SessionBase, at: datetime) -> None:
    end = min(at + IDLE, _moment(session, _SIGNED_IN) + LONGEST)
    if end - session.get_expiry_date() > STEP:
        session.set_expiry(end)


def _moment(session: SessionBase, name: str) -> datetime:
    return datetime.fromtimestamp(session.get(name, 0), tz=UTC)


# --- before an act that publishes


class CodeForm(forms.Form):
    """Asks for the code anew. A good one makes the session fresh, under a new key: a stolen one ends."""

    one_time_code = _code_field()  # not `code`: tables of the record have such a column

    def __init__(self, request: HttpRequest) -> None:
        super().__init__(request.POST if "one_time_code" in request.POST else None)
        self.request = request
        why = _(
            "Six digits that your authenticator shows, or a recovery code. It is asked for because the last one was"
            " given more than %(minutes)d minutes ago. Nothing that you wrote is lost."
        )
        self.fields["one_time_code"].help_text = why % {"minutes": FRESH // timedelta(minutes=1)}

    def clean_one_time_code(self) -> str:
        code: str = self.cleaned_data["one_time_code"]
        if accounts.take_code(cast(User, self.request.user), code) is None:
            raise forms.ValidationError(
                _("This code is not right. A code works once, and after wrong ones you have to wait.")
            )
        self.request.session[_CODE_GIVEN] = timezone.now().timestamp()
        self.request.session.cycle_key()
        return code


def is_fresh(request: HttpRequest) -> bool:
    """Whether a code was given in this session a short while ago."""
    age = timezone.now() - _moment(request.session, _CODE_GIVEN)
    return timedelta() <= age < FRESH


def ask_again(request: HttpRequest) -> CodeForm | None:
    """None where the session is fresh. Else a form to be valid before the act is done; the page shows it beside its own
    as `code_form`, with `admin/registry/_code.html`. It is bound once its field was sent."""
    return None if is_fresh(request) else CodeForm(request)


def agreed(code_form: CodeForm | None) -> bool:
    """Ask this before the page's own form: a code that was typed is then never typed in vain."""
    return code_form is None or code_form.is_valid()


admin.site.login_form = LoginForm
admin.site.has_permission = may_enter  # type: ignore[method-assign]  # a site of our own would be found too late
