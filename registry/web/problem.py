"""The form for what is wrong on a page, and what became of it."""

from __future__ import annotations

from functools import partial
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from registry import discretion, problem_reports, veil
from registry.models import ProblemReport
from registry.problem_reports import About, SaysNothing
from registry.requests import PersonalData
from registry.web import about
from registry.web.guards import Guarded, Note, asked, forgotten, grouped

_TOO_LONG = _("This is too long; write at most %(limit_value)d characters.")


class WebAddress(forms.URLField):
    default_validators = [problem_reports.SOURCE]


class ProblemForm(Guarded):
    kind = forms.ChoiceField(
        label=_("What is wrong?"),
        choices=[("", _("Choose what fits best")), *ProblemReport.Kind.choices],
        error_messages=dict.fromkeys(("required", "invalid_choice"), _("Choose what fits best.")),
    )
    text = Note(
        label=_("In your words"),
        help_text=_("What stands there, and what is so. Only the editors read this. Leave out numbers of persons."),
        max_length=problem_reports.TEXT_LIMIT,
        error_messages={"required": _("Write what is wrong."), "max_length": _TOO_LONG},
        widget=forms.Textarea(attrs={"rows": 6}),
    )
    source_url = WebAddress(
        label=_("Where can we read it? (optional)"),
        help_text=_("The address of a document, a decision or an article."),
        required=False,
        assume_scheme="https",
        max_length=problem_reports.SOURCE_LIMIT,
        error_messages={"max_length": _TOO_LONG},
        widget=forms.TextInput(
            attrs={"inputmode": "url", "autocapitalize": "none", "autocorrect": "off", "spellcheck": "false"}
        ),
    )

    def __init__(self, *args: Any, unknown: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.unknown = unknown

    def clean_text(self) -> str:
        return _checked(problem_reports.check_text, self.cleaned_data["text"])

    def clean_source_url(self) -> str:
        return _checked(problem_reports.check_source, self.cleaned_data["source_url"])

    def clean(self) -> dict[str, Any]:
        if self.unknown:
            raise ValidationError(_("The page that this was about is no more. Say in your words which one you mean."))
        return super().clean()


def _checked(check: Any, text: str) -> str:
    try:
        check(text)
    except (SaysNothing, PersonalData) as refused:
        raise ValidationError(str(refused)) from None
    return text


@forgotten
@require_http_methods(["GET", "HEAD", "POST"])
def problem(request: HttpRequest) -> HttpResponse:
    """`about` is the address of a page, or a record as the log names it; without it, the sender says in words."""
    at = timezone.now()
    given = (request.POST if request.method == "POST" else request.GET).get("about", "")[: about.LIMIT]
    found = about.read(given, request) if given else About()
    fields = asked(
        request,
        partial(ProblemForm, unknown=found is None),
        "registry/problem.html",
        at=at,
        initial={},
        context={"about": found, "named": about.named(found, request) if found else None, "unknown": found is None},
        status=404 if found is None else 200,
    )
    if isinstance(fields, HttpResponse):
        return fields
    receipt = problem_reports.receive(
        found or About(), fields["kind"], fields["text"], source_url=fields["source_url"], at=at
    )
    return render(request, "registry/problem_sent.html", {"code": grouped(receipt.code)})


def answer(problem: ProblemReport, request: HttpRequest) -> dict[str, Any]:
    """What a receipt tells: what it was about, and the editor's reply, no more than the register shows today."""
    on = About(problem.subject, problem.page)
    hidden = discretion.of_subjects([problem.subject]).get(problem.subject, ())
    reply = veil.of(request).black(discretion.told(problem.reply, hidden), markup=True)
    return {"named": about.named(on, request), "reply": reply}


urlpatterns = [path("problem/", problem, name="problem")]
