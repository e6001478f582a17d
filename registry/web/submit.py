"""The report form, its receipt, and what became of a report.

No account, no cookie, no address kept, and no script: these pages answer anybody once and forget them.
"""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Count, F, OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils import timezone
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from checks.engine.names import LENGTH_LIMIT, BadName, parse
from checks.models import AddressRange, Network, Verdict
from checks.verdict.rules import BY_ID
from registry import discretion, problem_reports, submissions
from registry.models import Display, Region, Report
from registry.models.resource import readable, unicode_host
from registry.web.guards import ECHO, Guarded, Note, asked, forgotten, grouped
from registry.web.names import explain, sort_choices
from registry.web.problem import answer


class ReportForm(Guarded):
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

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        networks: Any = self.fields["network"]
        networks.queryset = _operators()
        for name in ("network", "region"):
            sort_choices(self.fields[name])

    def clean_name(self) -> str:
        try:
            return parse(self.cleaned_data["name"]).url
        except BadName as error:
            raise ValidationError(explain(error), code=error.code) from None


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


@forgotten
@require_http_methods(["GET", "HEAD", "POST"])
def report(request: HttpRequest) -> HttpResponse:
    at = timezone.now()
    initial = {"name": request.GET.get("q", "")[:LENGTH_LIMIT]}
    fields = asked(request, ReportForm, "registry/report.html", at=at, initial=initial)
    if isinstance(fields, HttpResponse):
        return fields
    receipt = submissions.receive(
        fields["name"], note=fields["note"], network=fields["network"], region=fields["region"], at=at
    )
    return render(request, "registry/report_sent.html", {"name": shown(receipt.report), "code": grouped(receipt.code)})


@forgotten
@require_http_methods(["GET", "HEAD", "POST"])
def receipt(request: HttpRequest) -> HttpResponse:
    """By POST only: a code in an address would stay in the browser's history and in logs on the way."""
    if request.method != "POST":
        return render(request, "registry/receipt.html", {"form": ReceiptForm(label_suffix="")})
    code = request.POST.get("code", "")[:ECHO]
    form = ReceiptForm({"code": code}, label_suffix="")
    if not form.is_valid():
        return render(request, "registry/receipt.html", {"form": form}, status=400)
    context: dict[str, Any] = {"form": form, "asked": True}
    if found := submissions.find(code):
        context |= {"report": found, **_checks(found)}
    elif problem := problem_reports.find(code):
        context |= {"problem": problem, **answer(problem, request)}
    return render(request, "registry/receipt.html", context)


def _checks(report: Report) -> dict[str, Any]:
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


urlpatterns = [
    path("report/", report, name="report"),
    path("receipt/", receipt, name="receipt"),
]
