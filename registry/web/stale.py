"""The page of blocks that go beyond their order, or outlive it."""

from __future__ import annotations

from dataclasses import dataclass

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path

from checks.models import Network
from registry import alarms
from registry.models import Alarm

ROWS = 10  # of each section on one page
NETWORKS = 8  # named in one row


@dataclass(frozen=True)
class Line:
    alarm: Alarm
    sentence: str
    networks: tuple[Network, ...]
    more: int  # networks that the row does not name


def stale(request: HttpRequest) -> HttpResponse:
    """Two sections; `beyond` and `outlived` number their pages."""
    rows = (
        Alarm.objects.standing().filter(closed_on=None).select_related("resource", "act").order_by("-opened_on", "-pk")
    )
    sections = (
        Paginator(rows.filter(kind=Alarm.Kind.COLLATERAL), ROWS),
        Paginator(rows.exclude(kind=Alarm.Kind.COLLATERAL), ROWS),
    )
    page = max(sections, key=lambda one: one.num_pages).get_page(request.GET.get("page"))
    beyond, outlived = ([*one.page(page.number)] if page.number <= one.num_pages else [] for one in sections)
    numbers = {asn for row in (*beyond, *outlived) for asn in row.networks}
    known = {network.asn: network for network in Network.objects.filter(asn__in=numbers)}

    def line(row: Alarm) -> Line:
        named = tuple(known[asn] for asn in row.networks if asn in known)[:NETWORKS]
        return Line(row, alarms.sentence(row), named, len(row.networks) - len(named))

    context = {
        "beyond": [line(row) for row in beyond],
        "outlived": [line(row) for row in outlived],
        "counts": [one.count for one in sections],
        "page": page,
    }
    return render(request, "registry/stale.html", context)


urlpatterns = [path("stale/", stale, name="stale")]
