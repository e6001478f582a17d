"""Appeals, documents, notices, official figures and sources of fields, as the desk lists them."""

from __future__ import annotations

from django.contrib import admin

from registry.admin.corrections import WITHDRAWN, Edited
from registry.models import Appeal, Document, FieldSource, Notice, OfficialFigure


@admin.register(Appeal)
class AppealAdmin(Edited):
    list_display = ["key", "act", "stage", "body", "filed", "decided", "outcome", "confidence", "withdrawn_on"]
    list_filter = ["stage", "outcome", "confidence", WITHDRAWN]
    list_select_related = ["act", "body"]
    search_fields = ["key", "act__key", "act__number"]


@admin.register(Document)
class DocumentAdmin(Edited):
    list_display = ["key", "title", "language", "media_type", "size", "sha256", "withdrawn_on"]
    list_filter = ["language", WITHDRAWN]
    search_fields = ["key", "title", "=sha256"]
    readonly_fields = ["url"]  # a form field of it would have to guess a scheme


@admin.register(Notice)
class NoticeAdmin(Edited):
    list_display = ["key", "type", "about", "authority", "date", "ended", "confidence", "withdrawn_on"]
    list_filter = ["type", "confidence", WITHDRAWN]
    list_select_related = ["authority"]
    search_fields = ["key", "about"]


@admin.register(OfficialFigure)
class OfficialFigureAdmin(Edited):
    list_display = ["key", "value", "qualifier", "unit", "period_from", "period_to", "authority", "withdrawn_on"]
    list_filter = ["unit", "qualifier", WITHDRAWN]
    list_select_related = ["authority"]
    search_fields = ["key", "counts_en"]


@admin.register(FieldSource)
class FieldSourceAdmin(Edited):
    list_display = ["field", "restriction", "act", "event", "source", "withdrawn_on"]
    list_filter = [WITHDRAWN]
    list_select_related = ["restriction__resource", "act", "event", "source"]
    search_fields = ["=field", "source__url", "source__title"]
