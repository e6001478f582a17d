"""The page of the places that measure: how each is, and to nobody more exactly than to the hour."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path

from checks.health import Condition, condition_of
from checks.models import Trouble, Vantage
from registry.dates import to_the_hour
from registry.models import Region


@dataclass(frozen=True)
class Shown:
    vantage: Vantage
    region: Region | None

    @property
    def troubles(self) -> list[Trouble]:
        return list(self.vantage.troubles.all())

    @property
    def condition(self) -> Condition:
        return condition_of({one.kind for one in self.troubles})

    @property
    def since(self) -> datetime | None:
        """Of whoever is quiet, the hour in which something last came; of others, that in which it was found."""
        if self.condition == Condition.QUIET:
            return self.seen
        return min((to_the_hour(one.opened_at) for one in self.troubles), default=None)

    @property
    def seen(self) -> datetime | None:
        return to_the_hour(self.vantage.seen_at) if self.vantage.seen_at else None


def with_troubles(rows: QuerySet[Vantage]) -> QuerySet[Vantage]:
    return rows.prefetch_related(Prefetch("troubles", Trouble.objects.running()))


def vantages(request: HttpRequest) -> HttpResponse:
    admitted = Vantage.objects.filter(state=Vantage.State.ADMITTED).select_related("network")
    rows = admitted if settings.DEMO else admitted.filter(network__imitated=False)
    regions = {one.iso: one for one in Region.objects.all()}
    shown = [
        Shown(one, regions.get(one.region)) for one in with_troubles(rows).order_by("role", "network__asn", "name")
    ]
    return render(request, "registry/vantages.html", {"shown": shown})


urlpatterns = [path("vantages/", vantages, name="vantages")]
