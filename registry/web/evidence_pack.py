"""Evidence for a court: the printable page of a resource, and the pack of files that it sums up."""

from __future__ import annotations

from collections.abc import Collection
from math import ceil
from typing import Any
from urllib.parse import unquote

from django.db.models import Q, QuerySet, prefetch_related_objects
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import path
from django.utils import timezone
from django.utils.cache import get_conditional_response
from django.utils.translation import get_language, gettext
from django.views.decorators.http import require_safe
from rest_framework.request import Request
from rest_framework.views import APIView

from checks.models import Measurement
from registry import evidence, veil
from registry.api import serializers, views
from registry.api.throttles import Exports
from registry.models import Authority, Resource
from registry.models.restriction import hidden
from registry.web.register import asked_for

SHEET, PACK = "evidence/", "evidence.zip"  # below the address of a resource


@require_safe
def sheet(request: HttpRequest, **by: Any) -> HttpResponseBase:
    one = asked_for(**by)
    if elsewhere := _elsewhere(request, one, SHEET):
        return elsewhere
    found = evidence.gather(one, at=timezone.now(), entries=evidence.ON_PAPER)
    return render(request, "registry/evidence/sheet.html", evidence.page(found, rows=evidence.ON_PAPER))


@require_safe
def pack(request: HttpRequest, **by: Any) -> HttpResponseBase:
    """Sent while it is read. Whoever has it already is told so."""
    one = asked_for(**by)
    if elsewhere := _elsewhere(request, one, PACK):
        return elsewhere
    budget = Exports()  # one with the API's whole tables
    if not budget.allow_request(Request(request), APIView()):
        return _too_many(budget.wait())
    found = evidence.gather(one, at=timezone.now())
    veiled = veil.of(request)

    def draw(told: dict[str, Any]) -> str:
        return render_to_string("registry/evidence/offline.html", told, request)

    gone = serializers.gone(one.id for one in found.witnesses)
    made = evidence.pack(found, _told(found, veiled), _measurements(), gone, get_language() or "en", veiled, draw)
    headers = {
        "Content-Disposition": f'attachment; filename="{made.name}.zip"',
        "Cache-Control": "public, no-cache",  # what may be shown can change: ask each time
        "ETag": f'"{made.tag}"',
    }
    if unchanged := get_conditional_response(request, etag=headers["ETag"]):
        unchanged["ETag"] = headers["ETag"]
        return unchanged
    if request.method == "HEAD":
        return HttpResponse(content_type="application/zip", headers=headers)
    return StreamingHttpResponse(
        evidence.zipped(made.files(), made.name), content_type="application/zip", headers=headers
    )


def _too_many(wait: float | None) -> HttpResponse:
    text = gettext("Many packs were asked for from where you are. Try again later.")
    return HttpResponse(
        f"{text}\n", status=429, content_type="text/plain; charset=utf-8", headers={"Retry-After": str(ceil(wait or 0))}
    )


def _elsewhere(request: HttpRequest, one: Resource, end: str) -> HttpResponse | None:
    """What is not shown in full has its number alone; all else its name."""
    right = f"{one.get_absolute_url()}{end}"
    return redirect(right) if request.path != unquote(right) else None


def _measurements() -> QuerySet[Measurement]:
    return serializers.with_display(Measurement.objects.published())


def _told(found: evidence.Evidence, veiled: veil.Veil) -> dict[str, Any]:
    """What the API says of it."""
    context = {"lang": "en", "veil": veiled}

    def rows(view: type[Any], ids: Collection[int] | QuerySet[Any, Any]) -> list[Any]:
        found = view().prepare(list(view.queryset.filter(pk__in=ids).order_by("pk")))
        return list(view.serializer_class(found, many=True, context=context).data)

    prefetch_related_objects(found.status.acts, hidden())
    ids = {name: [row.pk for row in rows] for name, rows in found.beside.items()}
    restrictions = [row.pk for row in found.status.restrictions]
    acts = [act.pk for act in found.status.acts]
    mine = Q(restrictions__in=restrictions) | Q(acts__in=acts)
    return {
        "resource": serializers.ResourceDetail(found.status, context=context).data,
        "acts": rows(views.Acts, acts),
        "statements": rows(views.Statements, [row.pk for row in found.status.statements]),
        "episodes": rows(views.Episodes, [row.pk for row in found.episodes]),
        "verdicts": rows(views.Verdicts, [row.pk for row in found.verdicts]),
        "events": rows(views.Events, [row.event_id for row in found.status.restrictions if row.event_id]),
        "authorities": rows(views.Authorities, Authority.objects.filter(mine).values("pk")),
        **{
            table: rows(view, ids[table])
            for table, view in {
                "listings": views.Listings,
                "appeals": views.Appeals,
                "documents": views.Documents,
                "notices": views.Notices,
                "errata": views.Errata,
                "requests": views.Requests,
            }.items()
        },
    }


urlpatterns = [
    path("resources/<int:number>/evidence/", sheet, name="evidence_by_number"),
    path("resources/<spelled:slug>/evidence/", sheet, name="evidence"),
    path("resources/<int:number>/evidence.zip", pack, name="evidence_pack_by_number"),
    path("resources/<spelled:slug>/evidence.zip", pack, name="evidence_pack"),
]
