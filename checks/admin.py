"""The evidence at the editors' desk: to be read. Machines write it; only plans have two settings."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from checks.models import (
    AddressRange,
    Cell,
    Import,
    Measurement,
    Network,
    Plan,
    Recount,
    Round,
    Run,
    Target,
    Vantage,
    Verdict,
)


class ReadOnly(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic when it runs
    """Rows that the desk shows and nobody changes there: what changes them are acts that log it."""

    list_per_page = 25
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(Network)
class NetworkAdmin(ReadOnly):
    list_display = ["asn", "name", "brand", "kind", "country", "imitated"]
    list_filter = ["kind", "imitated"]
    search_fields = ["=asn", "name", "brand"]


@admin.register(AddressRange)
class AddressRangeAdmin(ReadOnly):
    list_display = ["first", "last", "asn", "name"]
    search_fields = ["=asn", "name"]


@admin.register(Vantage)
class VantageAdmin(ReadOnly):
    list_display = ["name", "network", "region", "role", "state", "source", "takes_unreviewed", "seen_at"]
    list_filter = ["role", "state", "source"]
    list_select_related = ["network"]


@admin.register(Target)
class TargetAdmin(ReadOnly):
    list_display = ["url", "category"]
    search_fields = ["url"]


@admin.register(Plan)
class PlanAdmin(ReadOnly):
    """How often, and whether at all, an administrator says. What is measured follows from the editors' decisions."""

    list_display = ["name", "period", "due_at", "enabled"]
    fields = ["name", "period", "enabled", "due_at", "measured"]
    readonly_fields = ["name", "due_at", "measured"]

    @admin.display(description=_("measured"))
    def measured(self, plan: Plan) -> str:
        return gettext("targets: %(targets)d; vantages: %(vantages)d") % {
            "targets": plan.targets.count(),
            "vantages": plan.vantages.count(),
        }

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.has_perm("checks.change_plan")


@admin.register(Round)
class RoundAdmin(ReadOnly):
    list_display = ["slot", "vantage", "plan", "batch"]
    list_select_related = ["vantage", "plan"]


@admin.register(Run)
class RunAdmin(ReadOnly):
    list_display = ["id", "vantage", "round", "state", "attempt", "lease_until", "recorded_at", "judged_at"]
    list_filter = ["state"]
    list_select_related = ["vantage", "round__vantage"]
    ordering = ["-id"]


@admin.register(Measurement)
class MeasurementAdmin(ReadOnly):
    list_display = ["id", "target", "network", "control", "started_at", "failure", "imitated"]
    list_filter = ["control", "imitated"]
    list_select_related = ["target", "network"]

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("document")


@admin.register(Verdict)
class VerdictAdmin(ReadOnly):
    list_display = ["target", "network", "at", "verdict", "mechanism", "rule", "ruleset"]
    list_filter = ["verdict", "ruleset", "imitated"]
    list_select_related = ["target", "network"]


@admin.register(Cell)
class CellAdmin(ReadOnly):
    list_display = ["target", "network", "state", "mechanism", "conclusive", "measured_at"]
    list_filter = ["state"]
    list_select_related = ["target", "network"]


class EpisodeAdmin(ReadOnly):
    """The registry registers it, with what editors may say of an episode."""

    list_display = ["target", "network", "state", "mechanism", "change", "began_at", "ended_at"]
    list_filter = ["state", "change"]
    list_select_related = ["target", "network"]


@admin.register(Recount)
class RecountAdmin(ReadOnly):
    list_display = ["target", "network", "asked_at"]
    list_select_related = ["target", "network"]


@admin.register(Import)
class ImportAdmin(ReadOnly):
    list_display = ["file", "began_at", "ended_at", "whole", "taken", "known", "refused_in_all"]
    list_filter = ["whole"]
    search_fields = ["file", "=sha256"]
    fields = ["file", "sha256", "began_at", "ended_at", "whole", "taken", "known", "reasons", "first_refused"]
    readonly_fields = ["reasons", "first_refused"]

    @admin.display(description=_("refused"))
    def refused_in_all(self, manifest: Import) -> int:
        return sum(manifest.refused.values())

    @admin.display(description=_("refused, by reason"))
    def reasons(self, manifest: Import) -> str:
        counted = sorted(manifest.refused.items(), key=lambda reason: -reason[1])
        return format_html_join("", "<p>{}: {}</p>", [(count, reason) for reason, count in counted])

    @admin.display(description=_("the first refused"))
    def first_refused(self, manifest: Import) -> str:
        return format_html_join("", "<p><bdi>{}</bdi>: {}</p>", manifest.examples)
