"""Reports and candidates: names that are taken into the register, joined with what it has, or not wanted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from checks.engine.names import BadName, parse
from registry import candidates, labels, leases, log, moderation, search, status, submissions
from registry.admin.candidates import AcceptForm
from registry.admin.decisions import DecisionForm, MergeForm, resources_meant
from registry.admin.reports import control_words
from registry.admin.signing_in import agreed, ask_again
from registry.desk import holding
from registry.desk.work import KINDS
from registry.models import Candidate, Category, Report, Resource
from registry.models.resource import readable

RESEMBLING = 6  # resources that are offered
TOLD = 5  # addresses, and restrictions, of one resource

Row = Report | Candidate


class TakingForm(AcceptForm, MergeForm):
    """The fields of all three decisions, so that whatever was typed is kept, whichever is made."""

    category = forms.ModelChoiceField(
        Category.objects.all(), label=_("Category"), to_field_name="code", required=False, empty_label="–"
    )
    field_order = ["reason", "into", "category", "display"]

    def __init__(self, data: Any, *, joins: bool = False, initial: Any = None) -> None:
        super().__init__(data, initial=initial)
        self.fields["into"].required = joins
        self.fields["display"].required = not joins

    def clean_into(self) -> Resource | None:  # type: ignore[override]  # it is asked for where one is joined
        return super().clean_into() if self.fields["into"].required else None


@dataclass(frozen=True)
class Decisions:
    """What may be done with one kind of names, each by a function of the core."""

    accept: Callable[..., Any]
    reject: Callable[..., Any]
    join: Callable[..., Any]

    def of(self, do: str, fields: Mapping[str, Any]) -> Callable[..., Any]:
        match do:
            case "accept":
                category = fields["category"].code if fields["category"] else ""
                return partial(self.accept, category=category, display=fields["display"])
            case "join":
                return partial(self.join, into=fields["into"])
        return self.reject


DECISIONS: Mapping[type[Row], Decisions] = {
    Report: Decisions(moderation.accept, moderation.reject, moderation.merge),
    Candidate: Decisions(candidates.accept, candidates.dismiss, candidates.join),
}


def report(request: HttpRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(Report.objects.select_related("network", "region", "resource", "target"), pk=pk)
    control = submissions.control(row)
    context = {
        "name": row.name,
        "verdicts": submissions.verdicts(row),
        "control": control_words(control.failure if control else None),
        "decided": [(one.get_state_display(), one.by, one.reason) for one in row.decisions.select_related("by")],
        "also": Report.objects.filter(target=row.target).exclude(pk=row.pk).count(),
    }
    return _page(request, "reports", row, context)


def candidate(request: HttpRequest, pk: int) -> HttpResponse:
    rows = KINDS["candidates"].rows().select_related("resource", "decided_by")
    row = get_object_or_404(rows, pk=pk)
    context = {
        "name": row.url,
        "mentions": row.mentions.all(),
        "decided": [(row.get_state_display(), row.decided_by, row.reason)] if row.decided_by else [],
        "category": candidates.category_of(row),
    }
    return _page(request, "candidates", row, context)


def _page(request: HttpRequest, kind: str, row: Row, context: dict[str, Any]) -> HttpResponse:
    work, subject, do = KINDS[kind], log.subject_of(row), request.POST.get("do", "")
    if not (work.may_decide if request.method == "POST" else work.may_see)(request.user):
        raise PermissionDenied
    typed = {"category": context.get("category", ""), **request.POST.dict()}
    form: DecisionForm = TakingForm(None, initial=typed)
    code_form = ask_again(request)
    wrong = ""
    try:
        if do and not holding.act(request, work, row):
            form = TakingForm(request.POST, joins=do == "join")
            if agreed(code_form) and form.is_valid():
                decision = DECISIONS[type(row)].of(do, form.cleaned_data)
                by = holding.person(request)
                with leases.deciding(subject, by=by, at=timezone.now()):
                    decision(row, by=by, reason=form.cleaned_data["reason"])
                told = gettext("%(name)s is decided.") % {"name": readable(context["name"])}
                messages.success(request, format_html('<a href="{}">{}</a>', request.path, told))
                return redirect(f"desk:{kind}")
    except moderation.NotWaiting:
        wrong = gettext("It was decided already: someone was faster.")
        row.refresh_from_db()
    except (leases.Held, log.NoReason) as refused:
        wrong = str(refused)
    alike = search.resembling(parse(context["name"]), limit=RESEMBLING)
    chosen = _chosen(request.POST.get("into") or request.GET.get("with", ""), alike)
    if chosen and not form.is_bound and not typed.get("into"):
        form.initial["into"] = str(chosen.pk)
    context |= {
        "work": work,
        "title": readable(context["name"]),
        "row": row,
        "waiting": row.state == row.State.NEW,
        "form": form,
        "wrong": wrong,
        "code_form": code_form,
        "hold": holding.of(request, subject),
        "may_decide": work.may_decide(request.user),
        "alike": alike,
        "chosen": chosen,
        "compared": _compared(context["name"], context.get("category", ""), chosen) if chosen else [],
    }
    return render(request, "desk/taking_in.html", context, status=409 if wrong else 400 if form.errors else 200)


def _chosen(text: str, alike: list[Resource]) -> Resource | None:
    """What is shown beside it: what was asked for, else what resembles it most."""
    if not text:
        return alike[0] if alike else None
    found = resources_meant(text) if "\0" not in text else []  # PostgreSQL refuses it even in a question
    return found[0] if len(found) == 1 else None


def _compared(name: str, category: str, one: Resource) -> list[tuple[str, str, list[str]]]:
    """What a row of the comparison is about, and both sides."""
    found = status.of(one, at=timezone.now())
    restrictions = [
        ", ".join(filter(None, (row.get_kind_display(), row.get_status_display(), row.began_shown)))
        for row in found.restrictions[:TOLD]
    ]
    targets = [target.url for target in one.targets.all()[:TOLD]]
    nothing = "–"
    return [
        (gettext("Address"), name, [one.name]),
        (gettext("Type"), _type_of(name), [one.get_type_display()]),
        (gettext("Category"), _category(category) or nothing, [_category(one.category) or nothing]),
        (gettext("How much of the name is shown"), nothing, [one.get_display_display()]),
        (gettext("Addresses that are measured"), name, targets or [nothing]),
        (gettext("Restrictions"), nothing, restrictions or [nothing]),
        (gettext("What is known"), nothing, [found.sentence()]),
    ]


def _category(code: str) -> str:
    named = {"category": code}
    return labels.value("resource", "category", code, labels.Records(labels.references("resource", named)))


def _type_of(name: str) -> str:
    try:
        return str(Resource.Type(parse(name).kind).label)
    except (BadName, ValueError):
        return "–"
