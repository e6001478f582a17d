"""Reports of the public wait here for a decision."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html_join
from django.utils.http import urlencode
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from checks.admin import ReadOnly
from checks.engine.names import BadName, parse
from checks.models import Measurement, Verdict
from registry import moderation, search, submissions
from registry.admin.decisions import AT_ONCE, DecisionForm, ids
from registry.models import (
    Report,
    Resource,
)

CANDIDATES = 6  # resources offered where a text fits several


class MergeForm(DecisionForm):
    into = forms.CharField(
        label=_("Join with"),
        help_text=_("The number, the address or the name of a resource of the register."),
        max_length=2048,
        widget=forms.TextInput(attrs={"class": "vTextField"}),
    )
    field_order = ["into", "reason"]

    def clean_into(self) -> Resource:
        text = self.cleaned_data["into"]
        found = resources_meant(text)
        if not found:
            raise forms.ValidationError(_("The register has no resource of this number or name."))
        if len(found) > 1:
            offered = "; ".join(f"{one.pk}: {one.display_name}" for one in found)
            raise forms.ValidationError(
                _("Several resources fit. Write the number of one: %(offered)s."), params={"offered": offered}
            )
        return found[0]


def resources_meant(text: str) -> list[Resource]:
    """The one resource of a number or an exact name; else those whose name has these letters."""
    exact = Q(slug=text) | Q(name=text)
    if text.isascii() and text.isdigit() and len(text) < 19:
        exact |= Q(pk=int(text))
    try:
        name = parse(text)
        exact |= Q(name__in=[name.url, name.host])
    except BadName:
        pass  # apps and services have free names
    found = Resource.objects.filter(exact).order_by("pk")[:CANDIDATES]
    return list(found) or search.find(text, limit=CANDIDATES)


@admin.register(Report)
class ReportAdmin(ReadOnly):
    list_display = ["name", "received_on", "state", "first_check", "network"]
    list_filter = ["state"]
    list_select_related = ["network"]
    search_fields = ["name"]
    ordering = ["-received_on", "-id"]
    actions = ["accept", "reject", "merge"]
    fields = ["name", "note", "network", "region", "received_on", "state", "resource", "checks", "decisions"]
    readonly_fields = ["checks", "decisions"]

    def has_decide_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("registry.change_report")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        judged = Verdict.objects.current().filter(target=OuterRef("target")).order_by("-at", "-id")
        control = Measurement.objects.filter(target=OuterRef("target"), control=True).order_by("-started_at")
        checked: QuerySet[Any] = (
            super()
            .get_queryset(request)
            .annotate(
                judged=Subquery(judged.values("verdict")[:1]), control_failure=Subquery(control.values("failure")[:1])
            )
        )
        return checked

    @admin.display(description=_("first check"))
    def first_check(self, report: Any) -> str:
        """The latest verdict; before there is one, what the control saw."""
        if report.judged:
            return str(Verdict.Value(report.judged).label)
        return _control_words(report.control_failure)

    @admin.display(description=_("checks"))
    def checks(self, report: Any) -> str:
        lines = [f"{one.network}: {one.get_verdict_display()} {one.mechanism}" for one in submissions.verdicts(report)]
        return format_html_join("", "<p>{}</p>", [(line,) for line in [*lines, _control_words(report.control_failure)]])

    @admin.display(description=_("decisions"))
    def decisions(self, report: Report) -> str:
        made = report.decisions.select_related("by")
        return format_html_join(
            "", "<p>{}, {}: {}</p>", [(one.get_state_display(), one.by, one.reason) for one in made]
        )

    @admin.action(description=_("Accept: take them into the register"), permissions=["decide"])
    def accept(self, request: HttpRequest, reports: QuerySet[Report]) -> HttpResponse:
        return _to_decision("accept", reports)

    @admin.action(description=_("Reject"), permissions=["decide"])
    def reject(self, request: HttpRequest, reports: QuerySet[Report]) -> HttpResponse:
        return _to_decision("reject", reports)

    @admin.action(description=_("Join with a known resource"), permissions=["decide"])
    def merge(self, request: HttpRequest, reports: QuerySet[Report]) -> HttpResponse:
        return _to_decision("merge", reports)

    def change_view(self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None) -> Any:
        context = {**(extra_context or {}), "may_decide": self.has_decide_permission(request)}
        return super().change_view(request, object_id, form_url, context)

    def get_urls(self) -> list[URLPattern]:
        decide = path("decide/<str:act>/", self.admin_site.admin_view(self.decide), name="registry_report_decide")
        return [decide, *super().get_urls()]

    def decide(self, request: HttpRequest, act: str) -> HttpResponse:
        """Asks for the reason, then decides on each report by itself: one decided meanwhile stops no other."""
        if not self.has_decide_permission(request):
            raise PermissionDenied
        if act not in _DECISIONS:
            raise Http404
        reports = Report.objects.filter(pk__in=ids(request)[:AT_ONCE])
        form_class = MergeForm if act == "merge" else DecisionForm
        form = form_class(request.POST if request.method == "POST" else None)
        if form.is_valid():
            _decide(request, act, reports, form.cleaned_data)
            return redirect("admin:registry_report_changelist")
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _TITLES[act],
            "rows": [(report.name, report.get_state_display()) for report in reports],
            "reports": reports,
            "form": form,
        }
        return TemplateResponse(request, "admin/registry/decide.html", context)


_TITLES = {
    "accept": _("Take these reports into the register"),
    "reject": _("Reject these reports"),
    "merge": _("Join these reports with a known resource"),
}

_DECISIONS = ("accept", "reject", "merge")


def _to_decision(act: str, reports: QuerySet[Report]) -> HttpResponseRedirect:
    query = urlencode({"id": list(reports.values_list("pk", flat=True)[:AT_ONCE])}, doseq=True)
    return HttpResponseRedirect(f"{reverse('admin:registry_report_decide', args=[act])}?{query}")


def _decide(request: HttpRequest, act: str, reports: Iterable[Report], fields: dict[str, Any]) -> None:
    decisions: dict[str, Callable[..., Any]] = {"accept": moderation.accept, "reject": moderation.reject}
    decision = partial(moderation.merge, into=fields["into"]) if act == "merge" else decisions[act]
    by = cast(User, request.user)  # nobody else has the permission
    decided = 0
    for report in reports:
        try:
            decision(report, by=by, reason=fields["reason"])
            decided += 1
        except moderation.NotWaiting:
            late = gettext("The report on %(name)s was decided already: someone was faster.")
            messages.warning(request, late % {"name": report.name})
        except moderation.NoReason:
            messages.error(request, gettext("Write the reason for this decision."))
    if decided:
        done = ngettext("%(count)d report was decided.", "%(count)d reports were decided.", decided)
        messages.success(request, done % {"count": decided})


def _control_words(failure: str | None) -> str:
    """None: nothing came back. "": it opened."""
    if failure is None:
        return gettext("not checked yet")
    if failure:
        return gettext("the control did not open it: %(failure)s") % {"failure": failure}
    return gettext("the control opened it")
