"""Appeals, documents, notices, official figures and sources of fields, as the desk lists them: read only."""

from __future__ import annotations

from django.contrib import admin

from checks.admin import ReadOnly
from registry.models import Appeal, Document, FieldSource, Notice, OfficialFigure


@admin.register(Appeal)
class AppealAdmin(ReadOnly):
    list_display = ["key", "act", "stage", "body", "filed", "decided", "outcome", "confidence"]
    list_filter = ["stage", "outcome", "confidence"]
    list_select_related = ["act", "body"]
    search_fields = ["key", "act__key", "act__number"]


@admin.register(Document)
class DocumentAdmin(ReadOnly):
    list_display = ["key", "title", "language", "media_type", "size", "sha256"]
    list_filter = ["language"]
    search_fields = ["key", "title", "=sha256"]
    readonly_fields = ["url"]  # a form field of it would have to guess a scheme


@admin.register(Notice)
class NoticeAdmin(ReadOnly):
    list_display = ["key", "type", "about", "authority", "date", "ended", "confidence"]
    list_filter = ["type", "confidence"]
    list_select_related = ["authority"]
    search_fields = ["key", "about"]


@admin.register(OfficialFigure)
class OfficialFigureAdmin(ReadOnly):
    list_display = ["key", "value", "qualifier", "unit", "period_from", "period_to", "authority"]
    list_filter = ["unit", "qualifier"]
    list_select_related = ["authority"]
    search_fields = ["key", "counts_en"]


@admin.register(FieldSource)
class FieldSourceAdmin(ReadOnly):
    list_display = ["field", "restriction", "act", "event", "source"]
    list_select_related = ["restriction__resource", "act", "event", "source"]
    search_fields = ["=field", "source__url", "source__title"]
