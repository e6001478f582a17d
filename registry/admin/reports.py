"""Reports of the public wait here for a decision."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from checks.models import Measurement, Verdict
from registry import labels, leases, log, moderation, submissions
from registry.admin.decisions import DecidesOnMany, DecisionForm, MergeForm
from registry.models import Report


@admin.register(Report)
class ReportAdmin(DecidesOnMany):
    forms = {"accept": DecisionForm, "reject": DecisionForm, "merge": MergeForm}
    titles = {
        "accept": _("Take these reports into the register"),
        "reject": _("Reject these reports"),
        "merge": _("Join these reports with a known resource"),
    }
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
        controls = Measurement.objects.filter(target=OuterRef("target"), control=True, run__follows_up=False)
        control = controls.order_by("-started_at")
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
        return control_words(report.control_failure)

    @admin.display(description=_("checks"))
    def checks(self, report: Any) -> str:
        lines = [f"{one.network}: {one.get_verdict_display()} {one.mechanism}" for one in submissions.verdicts(report)]
        return format_html_join("", "<p>{}</p>", [(line,) for line in [*lines, control_words(report.control_failure)]])

    @admin.display(description=_("decisions"))
    def decisions(self, report: Report) -> str:
        made = report.decisions.select_related("by")
        return format_html_join(
            "", "<p>{}, {}: {}</p>", [(one.get_state_display(), one.by, one.reason) for one in made]
        )

    @admin.action(description=_("Accept: take them into the register"), permissions=["decide"])
    def accept(self, request: HttpRequest, reports: QuerySet[Report]) -> HttpResponse:
        return self.to_decision("accept", reports)

    @admin.action(description=_("Reject"), permissions=["decide"])
    def reject(self, request: HttpRequest, reports: QuerySet[Report]) -> HttpResponse:
        return self.to_decision("reject", reports)

    @admin.action(description=_("Join with a known resource"), permissions=["decide"])
    def merge(self, request: HttpRequest, reports: QuerySet[Report]) -> HttpResponse:
        return self.to_decision("merge", reports)

    def change_view(self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None) -> Any:
        context = {**(extra_context or {}), "may_decide": self.has_decide_permission(request)}
        return super().change_view(request, object_id, form_url, context)

    def decide_on(self, request: HttpRequest, act: str, rows: QuerySet[Any], fields: dict[str, Any]) -> None:
        decisions: dict[str, Callable[..., Any]] = {"accept": moderation.accept, "reject": moderation.reject}
        decision = partial(moderation.merge, into=fields["into"]) if act == "merge" else decisions[act]
        by = cast(User, request.user)  # nobody else has the permission
        decided = 0
        for report in rows:
            try:
                with leases.deciding(log.subject_of(report), by=by, at=timezone.now()):
                    decision(report, by=by, reason=fields["reason"])
                decided += 1
            except leases.Held as held:
                messages.warning(request, f"{report.name}: {held}")
            except moderation.NotWaiting:
                late = gettext("The report on %(name)s was decided already: someone was faster.")
                messages.warning(request, late % {"name": report.name})
            except moderation.NoReason:
                messages.error(request, gettext("Write the reason for this decision."))
        if decided:
            done = ngettext("%(count)d report was decided.", "%(count)d reports were decided.", decided)
            messages.success(request, done % {"count": decided})


def control_words(failure: str | None) -> str:
    """None: nothing came back. "": it opened."""
    if failure is None:
        return gettext("not checked yet")
    if failure:
        return gettext("the control did not open it: %(failure)s") % {"failure": labels.failure(failure)}
    return gettext("the control opened it")
