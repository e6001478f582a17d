"""Candidates wait here for a decision, with the lists that have them; snapshots are shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext, ngettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from checks.admin import ReadOnly
from registry import candidates, dates, leases, log, moderation
from registry.admin.decisions import DecidesOnMany, DecisionForm, MergeForm
from registry.models import Candidate, Mention, Resource, Snapshot


class AcceptForm(DecisionForm):
    display = forms.ChoiceField(
        label=_("How much of the name is shown"),
        help_text=_("What must not be advertised, such as drugs, suicide or the abuse of children, is withheld."),
        choices=Resource.Display.choices,
        initial=Resource.Display.FULL,
    )
    field_order = ["display", "reason"]


class ListFilter(admin.SimpleListFilter):
    title = _("list")
    parameter_name = "list"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        names = Snapshot.objects.order_by("list").values_list("list", flat=True).distinct()
        return [(name, name) for name in names]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Candidate]) -> QuerySet[Candidate]:
        if not self.value():
            return queryset
        return queryset.filter(pk__in=Mention.objects.filter(list=self.value()).values("candidate"))


class StandsFilter(admin.SimpleListFilter):
    """A list may have dropped a name that still waits."""

    title = _("in a list")
    parameter_name = "stands"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", _("some list has it now")), ("no", _("no list has it any more"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Candidate]) -> QuerySet[Candidate]:
        standing = Mention.objects.filter(gone=None).values("candidate")
        match self.value():
            case "yes":
                return queryset.filter(pk__in=standing)
            case "no":
                return queryset.exclude(pk__in=standing)
        return queryset


@admin.register(Candidate)
class CandidateAdmin(DecidesOnMany):
    forms = {"accept": AcceptForm, "dismiss": DecisionForm, "join": MergeForm}
    titles = {
        "accept": _("Take these candidates into the register"),
        "dismiss": _("Dismiss these candidates"),
        "join": _("Join these candidates with a known resource"),
    }
    list_display = ["url", "lists", "categories", "state"]
    list_filter = ["state", ListFilter, StandsFilter]
    search_fields = ["url"]
    ordering = ["-id"]
    actions = ["accept", "dismiss", "join"]
    fields = ["address", "mentioned", "state", "resource", "reason", "decided_by", "decided_on"]
    readonly_fields = ["address", "mentioned"]

    def has_decide_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("registry.change_candidate")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request).prefetch_related("mentions__first", "mentions__gone")
        return rows

    @admin.display(description=_("lists"))
    def lists(self, candidate: Candidate) -> str:
        return ", ".join(one.list for one in candidate.mentions.all()) or "–"

    @admin.display(description=_("category"))
    def categories(self, candidate: Candidate) -> str:
        words = dict.fromkeys(one.category for one in candidate.mentions.all() if one.category)
        return "; ".join(words)[:200] or "–"

    @admin.display(description=pgettext_lazy("heading", "address"))
    def address(self, candidate: Candidate) -> str:
        return format_html("<bdi>{}</bdi>", candidate.url)

    @admin.display(description=_("lists"))
    def mentioned(self, candidate: Candidate) -> str:
        """Each list with the days between which it had the name."""
        rows = [
            (
                one.list,
                dates.shown(one.first.taken_on),  # a partial date is a text, which no date_format takes
                dates.shown(one.gone.taken_on) if one.gone else gettext("it has it now"),
                " ".join(filter(None, (one.category, one.note))),
            )
            for one in candidate.mentions.all()
        ]
        return format_html_join("", "<p>{}: {} – {}. <bdi>{}</bdi></p>", rows) or "–"

    @admin.action(description=_("Accept: take them into the register"), permissions=["decide"])
    def accept(self, request: HttpRequest, rows: QuerySet[Candidate]) -> HttpResponse:
        return self.to_decision("accept", rows)

    @admin.action(description=_("Dismiss"), permissions=["decide"])
    def dismiss(self, request: HttpRequest, rows: QuerySet[Candidate]) -> HttpResponse:
        return self.to_decision("dismiss", rows)

    @admin.action(description=_("Join with a known resource"), permissions=["decide"])
    def join(self, request: HttpRequest, rows: QuerySet[Candidate]) -> HttpResponse:
        return self.to_decision("join", rows)

    def decide_on(self, request: HttpRequest, act: str, rows: QuerySet[Any], fields: dict[str, Any]) -> None:
        decide: dict[str, Callable[..., Any]] = {
            "accept": candidates.accept,
            "dismiss": candidates.dismiss,
            "join": candidates.join,
        }
        given = {name: value for name, value in fields.items() if name in ("display", "into")}
        by = cast(User, request.user)  # nobody else has the permission
        decided = 0
        for row in rows:
            try:
                with leases.deciding(log.subject_of(row), by=by, at=timezone.now()):
                    decide[act](row, by=by, reason=fields["reason"], **given)
                decided += 1
            except leases.Held as held:
                messages.warning(request, f"{row.url}: {held}")
            except moderation.NotWaiting:
                late = gettext("The candidate %(name)s was decided already: someone was faster.")
                messages.warning(request, late % {"name": row.url})
            except moderation.NoReason:
                messages.error(request, gettext("Write the reason for this decision."))
        if decided:
            done = ngettext("%(count)d candidate was decided.", "%(count)d candidates were decided.", decided)
            messages.success(request, done % {"count": decided})


@admin.register(Snapshot)
class SnapshotAdmin(ReadOnly):
    list_display = ["taken_on", "list", "read", "added", "removed", "changed", "unchanged", "refused"]
    list_filter = ["list"]
    list_select_related = ["source"]
    view_on_site = False  # only the state register has pages
    fields = ["list", "taken_on", "source", "sha256", "size", "recorded_at", "previous"]
