"""The record, as the desk lists it: read only."""

from __future__ import annotations

from django.contrib import admin

from checks.admin import ReadOnly
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
class RestrictionAdmin(ReadOnly):
    list_display = ["resource", "kind", "status", "began", "ended", "confidence", "public"]
    list_filter = ["kind", "status", "confidence", "public"]
    list_select_related = ["resource"]
    search_fields = ["resource__search"]
    actions = [draft_request]


@admin.register(Act)
class ActAdmin(ReadOnly):
    list_display = ["key", "type", "number", "date", "confidence"]
    list_filter = ["type"]
    search_fields = ["key", "number"]


@admin.register(Authority)
class AuthorityAdmin(ReadOnly):
    list_display = ["code", "name_en", "valid_from", "valid_to"]
    search_fields = ["code", "name_kk", "name_ru", "name_en"]


@admin.register(Ground)
class GroundAdmin(ReadOnly):
    list_display = ["code", "name_en"]


@admin.register(Region)
class RegionAdmin(ReadOnly):
    list_display = ["iso", "name_kk", "name_ru", "name_en"]


@admin.register(Event)
class EventAdmin(ReadOnly):
    list_display = ["key", "type", "began", "ended", "name_en"]
    list_filter = ["type"]


@admin.register(Listing)
class ListingAdmin(ReadOnly):
    list_display = ["register_id", "address", "resource", "snapshot", "gone"]
    list_display_links = ["register_id", "address"]
    list_select_related = ["resource", "gone"]
    search_fields = ["address", "=register_id"]


@admin.register(Statement)
class StatementAdmin(ReadOnly):
    list_display = ["key", "speaker", "stance", "date"]
    list_filter = ["stance"]


@admin.register(Source)
class SourceAdmin(ReadOnly):
    list_display = ["title", "url", "date"]
    list_display_links = ["title", "date"]
    search_fields = ["title", "url"]
    readonly_fields = ["url", "archive_url"]  # a form field of them would have to guess a scheme


@admin.register(LogEntry)
class LogEntryAdmin(ReadOnly):
    list_display = ["id", "at", "operation", "subject", "leaf"]
    search_fields = ["=subject", "=leaf"]
    ordering = ["-id"]
