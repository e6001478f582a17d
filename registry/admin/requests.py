"""Information requests at the desk: drafting one, recording what became of it, and what is due."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.http import urlencode
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from checks.admin import ReadOnly
from registry import clocks, moderation, requests
from registry.admin.decisions import WIDE, DecisionForm
from registry.admin.signing_in import agreed, ask_again
from registry.dates import check_partial_date
from registry.models import (
    Authority,
    Deadline,
    Event,
    Holiday,
    InformationRequest,
    RequestStep,
    Resource,
    Restriction,
)
from registry.models.request import GROUNDS

About = Resource | Restriction | Event
KINDS: dict[str, type[About]] = {"resource": Resource, "restriction": Restriction, "event": Event}


def about_of(text: str) -> About | None:
    """`resource/12`, `restriction/7` or `event/3`."""
    kind, _slash, number = text.partition("/")
    if kind not in KINDS or not (number.isascii() and number.isdigit() and len(number) < 19):
        return None
    found: About | None = KINDS[kind]._default_manager.filter(pk=int(number)).first()
    return found


class DraftForm(DecisionForm):
    about = forms.CharField(
        label=_("About"), help_text=_("resource/12, restriction/7 or event/3, by the number that the desk shows.")
    )
    asks = forms.ChoiceField(
        label=_("It asks"),
        choices=lambda: [choice for choice in InformationRequest.Asks.choices if choice[0] != "other"],
    )
    authority = forms.ModelChoiceField(Authority.objects.all(), label=_("Authority"), required=False)
    addressee = forms.CharField(
        label=_("Or an operator, by its name"), max_length=300, required=False, widget=forms.TextInput(attrs=WIDE)
    )
    procedure = forms.ChoiceField(
        label=_("On what ground"), choices=lambda: [(one.value, one.label) for one in GROUNDS]
    )
    language = forms.ChoiceField(label=_("Language"), choices=InformationRequest.Language.choices)
    field_order = ["about", "asks", "authority", "addressee", "procedure", "language", "reason"]

    def clean_about(self) -> About:
        found = about_of(self.cleaned_data["about"].strip())
        if found is None:
            raise forms.ValidationError(_("The register has no such resource, restriction or event."))
        return found


class StepForm(DecisionForm):
    kind = forms.ChoiceField(
        label=_("What happened"),
        choices=lambda: [choice for choice in RequestStep.Kind.choices if choice[0] != RequestStep.Kind.DRAFTED],
    )
    date = forms.CharField(
        label=_("Day"), help_text=_("2026-11-26; a clock needs the day."), validators=[check_partial_date]
    )
    until = forms.CharField(label=_("New last day, of an extension"), required=False, validators=[check_partial_date])
    reply = forms.ChoiceField(
        label=_("Class of the reply"), choices=lambda: [("", "–"), *RequestStep.Reply.choices], required=False
    )
    outcome = forms.ChoiceField(
        label=_("Outcome of a complaint or claim"),
        choices=lambda: [("", "–"), *RequestStep.Outcome.choices],
        required=False,
    )
    authority = forms.ModelChoiceField(
        Authority.objects.all(), label=_("Other body: to whom, or which decided"), required=False
    )
    note = forms.CharField(
        label=_("Note"),
        help_text=_("Everybody can read it. Name no person."),
        max_length=2000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, **WIDE}),
    )
    document_url = forms.URLField(
        label=_("Document, its address"), max_length=2000, required=False, assume_scheme="https"
    )
    document_sha256 = forms.RegexField("^[0-9a-f]{64}$", label=_("Document, its SHA-256"), required=False, strip=True)
    field_order = [
        *("kind", "date", "reply", "until", "outcome", "authority", "note", "document_url", "document_sha256"),
        "reason",
    ]


@admin.register(InformationRequest)
class InformationRequestAdmin(ReadOnly):
    list_display = ["key", "to", "about_what", "asks", "procedure", "withdrawn"]
    list_filter = ["asks", "procedure", "public"]
    search_fields = ["=key", "addressee", "number"]
    fields = [
        *("key", "to", "about_what", "asks", "procedure", "language", "number", "standing", "due", "next_step"),
        *("text", "note", "withdrawn", "steps"),
    ]
    readonly_fields = ["to", "about_what", "standing", "due", "next_step", "steps"]
    change_form_template = "admin/registry/informationrequest/change_form.html"
    change_list_template = "admin/registry/informationrequest/change_list.html"

    def has_decide_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("registry.change_informationrequest")

    def get_queryset(self, request: HttpRequest) -> QuerySet[InformationRequest]:
        return InformationRequest.objects.whole()

    @admin.display(description=_("asked"))
    def to(self, row: InformationRequest) -> str:
        return row.to

    @admin.display(description=_("about"))
    def about_what(self, row: InformationRequest) -> str:
        return row.about.display_name if row.about else str(row.event)

    @admin.display(description=_("state"))
    def standing(self, row: InformationRequest) -> str:
        return requests.sentence(_standing(row))

    @admin.display(description=_("due"))
    def due(self, row: InformationRequest) -> str:
        found = _standing(row).due
        return found.day.isoformat() if found else ""

    @admin.display(description=_("next legal step"))
    def next_step(self, row: InformationRequest) -> str:
        step = _standing(row).next
        if step is None:
            return ""
        until = f" {step.due.day.isoformat()}" if step.due else ""
        return f"{step.words}{until} {step.deadline.article if step.deadline else ''}".strip()

    @admin.display(description=_("steps"))
    def steps(self, row: InformationRequest) -> str:
        told = [(step.date, step.get_kind_display(), step.get_reply_display(), step.note) for step in row.steps.all()]
        return format_html_join("", "<p>{} {} {} {}</p>", told)

    def get_urls(self) -> list[URLPattern]:
        doors = [
            path("draft/", self.admin_site.admin_view(self.draft), name="registry_informationrequest_draft"),
            path("due/", self.admin_site.admin_view(self.what_is_due), name="registry_informationrequest_due"),
            path("<int:pk>/step/", self.admin_site.admin_view(self.step), name="registry_informationrequest_step"),
            path(
                "<int:pk>/withdraw/",
                self.admin_site.admin_view(self.withdraw),
                name="registry_informationrequest_withdraw",
            ),
        ]
        return [*doors, *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        return super().changelist_view(
            request, {**(extra_context or {}), "may_decide": self.has_decide_permission(request)}
        )

    def change_view(self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None) -> Any:
        context = {**(extra_context or {}), "may_decide": self.has_decide_permission(request)}
        return super().change_view(request, object_id, form_url, context)

    def draft(self, request: HttpRequest) -> HttpResponse:
        """Asks what, of whom and on what ground; the text comes from the template."""

        def act(by: str, fields: dict[str, Any]) -> InformationRequest:
            reason = fields.pop("reason")
            return requests.draft(requests.Draft(**fields), by=by, reason=reason, at=timezone.now())

        form = DraftForm(request.POST or None, initial={"about": request.GET.get("about", "")})
        return self._decide(request, form, gettext("Draft a request"), None, act)

    def step(self, request: HttpRequest, pk: int) -> HttpResponse:
        row = get_object_or_404(InformationRequest, pk=pk)

        def act(by: str, fields: dict[str, Any]) -> InformationRequest:
            reason = fields.pop("reason")
            requests.record_step(row, requests.NewStep(**fields), by=by, reason=reason, at=timezone.now())
            return row

        return self._decide(request, StepForm(request.POST or None), gettext("Record a step"), row, act)

    def withdraw(self, request: HttpRequest, pk: int) -> HttpResponse:
        row = get_object_or_404(InformationRequest, pk=pk)

        def act(by: str, fields: dict[str, Any]) -> InformationRequest:
            requests.withdraw(row, by=by, reason=fields["reason"])
            return row

        return self._decide(request, DecisionForm(request.POST or None), gettext("Withdraw the request"), row, act)

    def _decide(
        self,
        request: HttpRequest,
        form: DecisionForm,
        title: str,
        row: InformationRequest | None,
        act: Callable[[str, dict[str, Any]], InformationRequest],
    ) -> HttpResponse:
        if not self.has_decide_permission(request):
            raise PermissionDenied
        code_form = ask_again(request)
        if request.method == "POST" and agreed(code_form) and form.is_valid():
            try:
                done = act(moderation.key_id(cast(User, request.user)), dict(form.cleaned_data))
            except (requests.NotPossible, requests.PersonalData) as refused:
                form.add_error(None, str(refused))
            except ValidationError as refused:
                form.add_error(None, refused)
            else:
                messages.success(request, gettext("It is recorded."))
                return redirect("admin:registry_informationrequest_change", done.pk)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": title,
            "row": row,
            "form": form,
            "code_form": code_form,
        }
        return TemplateResponse(request, "admin/registry/informationrequest/decide.html", context)

    def what_is_due(self, request: HttpRequest) -> HttpResponse:
        """What waits or is overdue, and next steps whose time runs; the earliest day first."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        at = timezone.now()
        law = clocks.read(at=at)
        rows = []
        for one in InformationRequest.objects.filter(withdrawn="").whole():
            found = requests.standing(one, law, at=at)
            if found.due and found.state in (requests.State.WAITING, requests.State.OVERDUE):
                rows.append((found.due.day, one, requests.sentence(found)))
            if found.next and found.next.due and not found.next.passed:
                rows.append((found.next.due.day, one, str(found.next.words)))
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": gettext("What is due"),
            "rows": sorted(rows, key=lambda row: (row[0], row[1].pk)),
        }
        return TemplateResponse(request, "admin/registry/informationrequest/due.html", context)


def _standing(row: InformationRequest) -> requests.Standing:
    at = timezone.now()
    return requests.standing(row, clocks.read(at=at), at=at)


@admin.action(description=_("Draft a request about it"))
def draft_request(model: Any, request: HttpRequest, rows: QuerySet[Any]) -> HttpResponse | None:
    """From the list of resources or restrictions: the form, filled in with the one that was chosen."""
    if len(rows) != 1:
        messages.error(request, gettext("Choose exactly one."))
        return None
    [row] = rows
    query = urlencode({"about": f"{row._meta.model_name}/{row.pk}"})
    return HttpResponseRedirect(f"{reverse('admin:registry_informationrequest_draft')}?{query}")


@admin.register(Deadline)
class DeadlineAdmin(ReadOnly):
    list_display = ["key", "procedure", "step", "period", "valid_from", "valid_to", "unverified"]
    list_filter = ["procedure", "unverified"]

    @admin.display(description=_("period"))
    def period(self, row: Deadline) -> str:
        return format_html("{}", clocks.length_in_words(row))


@admin.register(Holiday)
class HolidayAdmin(ReadOnly):
    list_display = ["date", "kind", "name_kk", "name_ru", "name_en"]
    list_filter = ["kind"]
