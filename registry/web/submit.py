"""The report form, its receipt, and what became of a report.

No account, no cookie, no address kept, and no script: these pages answer anybody once and forget them.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.core.signing import BadSignature, Signer
from django.db.models import Count, F, OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils import timezone
from django.utils.translation import get_language, gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import cache_control
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods
from rest_framework.request import Request
from rest_framework.views import APIView

from checks.engine.names import LENGTH_LIMIT, BadName, parse
from checks.models import AddressRange, Network, Verdict
from checks.verdict.rules import BY_ID
from registry import discretion, submissions
from registry.api.throttles import Reports
from registry.models import Display, Region, Report
from registry.models.resource import readable, unicode_host
from registry.web.names import explain, sort_choices

# A form that comes back faster than a hand can send it was sent by a program. Whoever follows a link with the
# name filled in, or lets the browser fill it in, needs about two seconds at the least; who is faster yet is
# asked to send the same form again, and loses nothing.
FASTEST = timedelta(seconds=2)
SLOWEST = timedelta(hours=2)

_signer = Signer(salt="registry.report")
View = Callable[[HttpRequest], HttpResponse]


class Note(forms.CharField):
    """Browsers count a new line as one character and send two."""

    def to_python(self, value: Any) -> str:
        return str(super().to_python(value)).replace("\r\n", "\n")


class ReportForm(forms.Form):
    name = forms.CharField(
        label=_("Which site does not open?"),
        help_text=_("Its address or its domain, such as orda.kz. No more is needed."),
        max_length=LENGTH_LIMIT,
        error_messages={
            "required": _("Write the address of the site that does not open."),
            "max_length": _("This is too long for an address; write only the domain."),
        },
        widget=forms.TextInput(
            attrs={"inputmode": "url", "autocapitalize": "none", "autocorrect": "off", "spellcheck": "false"}
        ),
    )
    network = forms.ModelChoiceField(
        Network.objects.none(),
        label=_("On which network? (optional)"),
        help_text=_("Your internet provider or mobile operator."),
        required=False,
        empty_label=_("I do not know, or I would rather not say"),
    )
    region = forms.ModelChoiceField(
        Region.objects.all(),
        label=_("In which region? (optional)"),
        required=False,
        empty_label=_("I would rather not say"),
    )
    note = Note(
        label=_("What do you see? (optional)"),
        help_text=_("Only the editors read this. Leave out names, telephone numbers and anything else about a person."),
        max_length=submissions.NOTE_LIMIT,
        required=False,
        error_messages={"max_length": _("This is too long; write at most %(limit_value)d characters.")},
        widget=forms.Textarea(attrs={"rows": 4}),
    )
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
        networks: Any = self.fields["network"]
        networks.queryset = _operators()
        for name in ("network", "region"):
            sort_choices(self.fields[name])

    def clean_name(self) -> str:
        try:
            return parse(self.cleaned_data["name"]).url
        except BadName as error:
            raise ValidationError(explain(error), code=error.code) from None

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


def _operators() -> QuerySet[Network]:
    """Each operator once, by the one of its access networks that announces most: nobody knows numbers."""
    ranges = AddressRange.objects.filter(asn=OuterRef("asn")).order_by().values("asn").annotate(n=Count("pk"))
    rows = Network.objects.filter(kind=Network.Kind.ACCESS).annotate(ranges=Subquery(ranges.values("n")))
    main: dict[str, int] = {}
    for row in rows.order_by(F("ranges").desc(nulls_last=True), "asn"):
        main.setdefault(row.brand or row.name, row.pk)
    return Network.objects.filter(pk__in=main.values())


class ReceiptForm(forms.Form):
    code = forms.CharField(
        label=_("Receipt code"),
        help_text=_("26 letters and digits. Spaces do not matter, nor do capital and small letters."),
        max_length=100,
        error_messages={
            "required": _("Write the code that you were shown."),
            "max_length": _("This is longer than a code; write the code alone."),
        },
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"}),
    )


def signed_moment(at: datetime) -> str:
    """When a form was opened. It says nothing about who opened it."""
    return _signer.sign(str(int(at.timestamp())))


def read_moment(text: str) -> datetime | None:
    try:
        return datetime.fromtimestamp(int(_signer.unsign(text)), UTC)
    except BadSignature:
        return None


def _forgotten(view: View) -> View:
    """No cache keeps the page and no error report its fields. Nobody is signed in here, so there is no session
    that another site could abuse; a CSRF token would cost the reader a cookie. The signed moment stands in for it.
    """
    for wrap in (csrf_exempt, sensitive_post_parameters(), cache_control(no_store=True)):
        view = wrap(view)
    return view


@_forgotten
@require_http_methods(["GET", "HEAD", "POST"])
def report(request: HttpRequest) -> HttpResponse:
    at = timezone.now()
    foreign = request.method == "POST" and _comes_from_elsewhere(request)
    if request.method != "POST" or foreign:
        first = {"name": request.GET.get("q", "")[:LENGTH_LIMIT], "opened": signed_moment(at)}
        context = {"form": ReportForm(at=at, initial=first), "foreign": foreign}
        return render(request, "registry/report.html", context, status=403 if foreign else 200)
    posted = request.POST.copy()
    form = ReportForm(posted, at=at)
    if not form.is_valid():
        if form.has_error(NON_FIELD_ERRORS, "too_late"):
            posted["opened"] = signed_moment(at)
        return render(request, "registry/report.html", {"form": form}, status=400)
    budget = Reports()  # one budget with the API's reports; only what would be kept is counted
    if not budget.allow_request(Request(request), APIView()):
        return _too_many(request, form, budget.wait())
    fields = form.cleaned_data
    receipt = submissions.receive(
        fields["name"], note=fields["note"], network=fields["network"], region=fields["region"], at=at
    )
    return render(request, "registry/report_sent.html", {"name": shown(receipt.report), "code": grouped(receipt.code)})


def _comes_from_elsewhere(request: HttpRequest) -> bool:
    """Did another site's page make the browser send this? Its visitor would report what that page likes.

    Our own pages ask for no referrer, so an honest form may have the origin "null".
    """
    if site := request.headers.get("Sec-Fetch-Site"):
        return site not in ("same-origin", "none")
    origin = request.headers.get("Origin", "null")
    return origin != "null" and urlsplit(origin).netloc != request.get_host()


def _too_many(request: HttpRequest, form: ReportForm, wait: float | None) -> HttpResponse:
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
    response = render(request, "registry/report.html", {"form": form}, status=429)
    response["Retry-After"] = str(minutes * 60)
    return response


@_forgotten
@require_http_methods(["GET", "HEAD", "POST"])
def receipt(request: HttpRequest) -> HttpResponse:
    """By POST only: a code in an address would stay in the browser's history and in logs on the way."""
    if request.method != "POST":
        return render(request, "registry/receipt.html", {"form": ReceiptForm(label_suffix="")})
    form = ReceiptForm(request.POST, label_suffix="")
    if not form.is_valid():
        return render(request, "registry/receipt.html", {"form": form}, status=400)
    found = submissions.find(form.cleaned_data["code"])
    context = {"form": form, "asked": True, "report": found} | (_about(found) if found else {})
    return render(request, "registry/receipt.html", context)


def _about(report: Report) -> dict[str, Any]:
    name = shown(report)
    withheld = discretion.of_report(report) == Display.WITHHELD
    host = name if withheld else unicode_host(report.target.host)
    results = [(one, sentence(one, host)) for one in submissions.verdicts(report)]
    return {"name": name, "results": results, "control": submissions.control(report)}


def sentence(verdict: Verdict, host: str) -> str:
    """The rule's sentence about the reported host, in the reader's language."""
    text = getattr(BY_ID[verdict.rule], f"sentence_{get_language()}")
    return str(text).format(host=host)


def shown(report: Report) -> str:
    """What was reported, as people read it, and no more than the register shows."""
    match discretion.of_report(report):
        case Display.WITHHELD:
            one = report.resource
            return one.display_name if one and one.display == Display.WITHHELD else gettext("name withheld")
        case Display.DOMAIN_ONLY:
            return unicode_host(report.target.host)
    name = parse(report.name)
    return name.display_host if name.kind == "domain" else readable(report.name)


def grouped(code: str) -> str:
    """A code in groups of four, as it is written down and read out."""
    return " ".join(code[start : start + 4] for start in range(0, len(code), 4))


urlpatterns = [
    path("report/", report, name="report"),
    path("receipt/", receipt, name="receipt"),
]
