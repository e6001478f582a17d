"""What readers say is wrong waits here for a decision; what was wrong and was put right is recorded here."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.text import Truncator
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from registry import moderation, problem_reports
from registry.admin.corrections import WITHDRAWN, Edited
from registry.admin.decisions import DecidesOnMany, DecisionForm
from registry.editing import EDITABLE
from registry.labels import TABLES
from registry.models import Erratum, ProblemReport
from registry.models.problem import urgency
from registry.problem_reports import About
from registry.requests import PersonalData, refuse_personal
from registry.web import about

BEGINNING = 100  # characters shown in a list


class AnswerForm(DecisionForm):
    reply = forms.CharField(
        label=_("Reply to the sender"),
        help_text=_("Whoever holds the receipt reads it. It may stay empty. Name no person."),
        required=False,
        max_length=problem_reports.TEXT_LIMIT,
        widget=forms.Textarea(attrs={"rows": 4, "class": "vLargeTextField"}),
    )
    field_order = ["reply", "reason"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].help_text = _("For the desk alone; it is not public.")

    def clean_reply(self) -> str:
        reply: str = self.cleaned_data["reply"]
        try:
            refuse_personal(reply)
        except PersonalData as refused:
            raise forms.ValidationError(str(refused)) from None
        return reply


@admin.register(ProblemReport)
class ProblemReportAdmin(DecidesOnMany):
    forms = {"put_right": AnswerForm, "refuse": AnswerForm}
    titles = {
        "put_right": _("These problems were put right"),
        "refuse": _("Leave these pages as they are"),
    }
    list_display = ["kind", "urgent", "about", "beginning", "received_on", "state"]
    list_filter = ["state", "kind"]
    search_fields = ["=subject", "page", "text"]
    actions = ["put_right", "refuse"]
    fields = [
        *("kind", "urgent", "about", "text", "source_url", "received_on", "state"),
        *("reply", "reason", "decided_by", "decided_on"),
    ]
    readonly_fields = ["urgent", "about"]

    def has_decide_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("registry.change_problemreport")

    def get_ordering(self, request: HttpRequest) -> Any:
        return urgency()

    @admin.display(description=_("read first"), boolean=True)
    def urgent(self, problem: ProblemReport) -> bool:
        return problem.is_urgent

    @admin.display(description=_("about"))
    def about(self, problem: ProblemReport) -> str:
        return problem.subject or problem.page or "–"

    @admin.display(description=_("in the sender's words"))
    def beginning(self, problem: ProblemReport) -> str:
        return Truncator(problem.text).chars(BEGINNING)

    @admin.action(description=_("It was put right"), permissions=["decide"])
    def put_right(self, request: HttpRequest, rows: QuerySet[ProblemReport]) -> HttpResponse:
        return self.to_decision("put_right", rows)

    @admin.action(description=_("Leave the page as it is"), permissions=["decide"])
    def refuse(self, request: HttpRequest, rows: QuerySet[ProblemReport]) -> HttpResponse:
        return self.to_decision("refuse", rows)

    def change_view(self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None) -> Any:
        problem = self.get_object(request, object_id)
        context = {**(extra_context or {}), "may_decide": self.has_decide_permission(request)}
        if problem is not None:
            on = About(problem.subject, problem.page)
            context |= {"named": about.named(on, request), "doors": doors_of(problem.subject)}
        return super().change_view(request, object_id, form_url, context)

    def decide_on(self, request: HttpRequest, act: str, rows: QuerySet[Any], fields: dict[str, Any]) -> None:
        decide = {"put_right": problem_reports.put_right, "refuse": problem_reports.refuse}[act]
        by = cast(User, request.user)  # nobody else has the permission
        decided = 0
        for row in rows:
            try:
                decide(row, by=by, reason=fields["reason"], reply=fields["reply"])
                decided += 1
            except moderation.NotWaiting:
                late = gettext("The problem report “%(name)s” was decided already: someone was faster.")
                messages.warning(request, late % {"name": row})
        if decided:
            done = ngettext("%(count)d problem report was decided.", "%(count)d problem reports were decided.", decided)
            messages.success(request, done % {"count": decided})


def doors_of(subject: str) -> list[tuple[str, str]]:
    """What an editor can open at the desk for a record: a title and an address each."""
    model, _slash, pk = subject.partition("/")
    if model not in TABLES:
        return []
    table, found = TABLES[model], []
    name = table._meta.label_lower.replace(".", "_")
    if admin.site.is_registered(table):
        found.append((gettext("The record at the desk"), f"admin:{name}_change", [pk]))
    if table in EDITABLE:
        found.append((gettext("Correct it"), f"admin:{name}_correct", [pk]))
    doors = [(title, reverse(door, args=args)) for title, door, args in found]
    erratum = f"{reverse('admin:registry_erratum_new')}?{urlencode({'subject': subject})}"
    return [*doors, (gettext("Record an erratum"), erratum)]


@admin.register(Erratum)
class ErratumAdmin(Edited):
    list_display = ["righted_on", "subject", "since", "beginning", "withdrawn_on"]
    list_filter = [WITHDRAWN]
    search_fields = ["=subject", "wrong_kk", "wrong_ru", "wrong_en"]

    @admin.display(description=_("what was wrong"))
    def beginning(self, erratum: Erratum) -> str:
        return Truncator(erratum.told.wrong).chars(BEGINNING)
