"""The record, as the desk lists it. What changes a row is an act that logs it, with a reason."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from checks.admin import ReadOnly
from registry import labels
from registry.admin.corrections import WITHDRAWN, Edited
from registry.admin.requests import draft_request
from registry.models import (
    Act,
    Authority,
    Event,
    Ground,
    Listing,
    LogEntry,
    Region,
    Restriction,
    Source,
    Statement,
)


@admin.register(Restriction)
class RestrictionAdmin(Edited):
    list_display = ["resource", "kind", "status", "began", "ended", "confidence", "public", "withdrawn_on"]
    list_filter = ["kind", "status", "confidence", "public", WITHDRAWN]
    list_select_related = ["resource"]
    search_fields = ["resource__search"]
    actions = [draft_request]


@admin.register(Act)
class ActAdmin(Edited):
    list_display = ["key", "type", "number", "date", "confidence", "withdrawn_on"]
    list_filter = ["type", WITHDRAWN]
    search_fields = ["key", "number"]


@admin.register(Authority)
class AuthorityAdmin(Edited):
    list_display = ["code", "name_en", "valid_from", "valid_to", "withdrawn_on"]
    list_filter = [WITHDRAWN]
    search_fields = ["code", "name_kk", "name_ru", "name_en"]


@admin.register(Ground)
class GroundAdmin(Edited):
    list_display = ["code", "name_en", "withdrawn_on"]
    list_filter = [WITHDRAWN]


@admin.register(Region)
class RegionAdmin(ReadOnly):
    list_display = ["iso", "name_kk", "name_ru", "name_en"]


@admin.register(Event)
class EventAdmin(Edited):
    list_display = ["key", "type", "began", "ended", "name_en", "withdrawn_on"]
    list_filter = ["type", WITHDRAWN]


@admin.register(Listing)
class ListingAdmin(ReadOnly):
    list_display = ["register_id", "address", "resource", "snapshot", "gone"]
    list_display_links = ["register_id", "address"]
    list_select_related = ["resource", "gone"]
    search_fields = ["address", "=register_id"]


@admin.register(Statement)
class StatementAdmin(Edited):
    list_display = ["key", "speaker", "stance", "date", "withdrawn_on"]
    list_filter = ["stance", WITHDRAWN]


@admin.register(Source)
class SourceAdmin(Edited):
    list_display = ["title", "url", "date", "withdrawn_on"]
    list_filter = [WITHDRAWN]
    list_display_links = ["title", "date"]
    search_fields = ["title", "url"]
    readonly_fields = ["url", "archive_url"]  # a form field of them would have to guess a scheme


@admin.register(LogEntry)
class LogEntryAdmin(ReadOnly):
    list_display = ["id", "at", "done", "subject", "hand", "leaf"]
    fields = ["at", "done", "subject", "hand", "payload", "leaf", "previous"]
    search_fields = ["=subject", "=leaf"]
    ordering = ["-id"]

    @admin.display(description=_("What was done"), ordering="operation")
    def done(self, entry: LogEntry) -> str:
        return labels.operation(entry.operation)

    @admin.display(description=_("By whose hand"), ordering="role")
    def hand(self, entry: LogEntry) -> str:
        return labels.hand(entry.role) if entry.role else "–"  # an old one tells the key alone
