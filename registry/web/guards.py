"""What stands before every form that anybody may send: no account, no cookie, no address kept, and no script."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.core.signing import BadSignature, Signer
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django.views.decorators.cache import cache_control
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_post_parameters
from rest_framework.request import Request
from rest_framework.views import APIView

from registry.api.throttles import Reports

# A form that comes back faster than a hand can send it was sent by a program. Whoever follows a link with the
# name filled in, or lets the browser fill it in, needs about two seconds at the least; who is faster yet is
# asked to send the same form again, and loses nothing.
FASTEST = timedelta(seconds=2)
SLOWEST = timedelta(hours=2)
ECHO = 6_000  # characters of one field that come back with a form that was refused

_signer = Signer(salt="registry.report")
View = Callable[[HttpRequest], HttpResponse]


class Note(forms.CharField):
    """Browsers count a new line as one character and send two."""

    def to_python(self, value: Any) -> str:
        return str(super().to_python(value)).replace("\r\n", "\n")


class Guarded(forms.Form):
    """A form that a person has looked at for a moment."""

    # Nobody sees this one; programs that fill in every field do.
    website = forms.CharField(
        label=_("Leave this empty"),
        required=False,
        widget=forms.TextInput(attrs={"tabindex": "-1", "autocomplete": "off"}),
    )
    opened = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, at: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.label_suffix = ""
        self.at = at

    def clean_website(self) -> str:
        if self.cleaned_data["website"]:
            raise ValidationError(_("The field that must stay empty was filled in. Empty it and send the form again."))
        return ""

    def clean(self) -> dict[str, Any]:
        opened = read_moment(self.cleaned_data.get("opened", ""))
        if opened is None or self.at - opened > SLOWEST:
            raise ValidationError(
                _("This form was open for too long. All that you wrote is still here: send it again."), code="too_late"
            )
        if self.at - opened < FASTEST:
            raise ValidationError(
                _("This came faster than a person types. All that you wrote is still here: send it again."),
                code="too_early",
            )
        return self.cleaned_data


def signed_moment(at: datetime) -> str:
    """When a form was opened. It says nothing about who opened it."""
    return _signer.sign(str(int(at.timestamp())))


def read_moment(text: str) -> datetime | None:
    try:
        return datetime.fromtimestamp(int(_signer.unsign(text)), UTC)
    except BadSignature:
        return None


def forgotten(view: View) -> View:
    """No cache keeps the page and no error report its fields. Nobody is signed in here, so there is no session
    that another site could abuse; a CSRF token would cost the reader a cookie. The signed moment stands in for it.
    """
    for wrap in (csrf_exempt, sensitive_post_parameters(), cache_control(no_store=True)):
        view = wrap(view)
    return view


def asked(
    request: HttpRequest,
    form: Callable[..., Guarded],
    template: str,
    *,
    at: datetime,
    initial: Mapping[str, Any],
    context: Mapping[str, Any] | None = None,
    status: int = 200,
) -> dict[str, Any] | HttpResponse:
    """What somebody sent by a form, or the page to answer with until it may be taken."""
    told = dict(context or {})
    foreign = request.method == "POST" and _comes_from_elsewhere(request)
    if request.method != "POST" or foreign:
        told |= {"form": form(at=at, initial={**initial, "opened": signed_moment(at)}), "foreign": foreign}
        return render(request, template, told, status=403 if foreign else status)
    posted = request.POST.copy()
    sent = form(posted, at=at)
    told["form"] = sent
    if not sent.is_valid():
        if sent.has_error(NON_FIELD_ERRORS, "too_late"):
            posted["opened"] = signed_moment(at)
        for name in sent.fields:
            posted[name] = posted.get(name, "")[:ECHO]
        return render(request, template, told, status=400)
    budget = Reports()  # one budget with the API's; only what would be kept is counted
    if not budget.allow_request(Request(request), APIView()):
        return _too_many(request, sent, template, told, budget.wait())
    return sent.cleaned_data


def grouped(code: str) -> str:
    """A receipt's code in groups of four, as it is written down and read out."""
    return " ".join(code[start : start + 4] for start in range(0, len(code), 4))


def _comes_from_elsewhere(request: HttpRequest) -> bool:
    """Did another site's page make the browser send this? Its visitor would report what that page likes.

    Our own pages ask for no referrer, so an honest form may have the origin "null".
    """
    if site := request.headers.get("Sec-Fetch-Site"):
        return site not in ("same-origin", "none")
    origin = request.headers.get("Origin", "null")
    return origin != "null" and urlsplit(origin).netloc != request.get_host()


def _too_many(
    request: HttpRequest, form: Guarded, template: str, told: Mapping[str, Any], wait: float | None
) -> HttpResponse:
    minutes = ceil((wait or 60) / 60)
    form.add_error(
        None,
        ngettext(
            "Many reports came from your network within an hour. Keep this page open and send it again in a minute.",
            "Many reports came from your network within an hour. "
            "Keep this page open and send it again in %(minutes)d minutes.",
            minutes,
        )
        % {"minutes": minutes},
    )
    response = render(request, template, told, status=429)
    response["Retry-After"] = str(minutes * 60)
    return response
