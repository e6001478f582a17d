"""The pages of the state register over time: its snapshots, and what each added, removed and changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from registry import dates, discretion, status
from registry.models import STATE_REGISTER, Candidate, Listing, Snapshot
from registry.status import CrossTable, Listed, Observed

ROWS = 30  # of a list on one page
POINTS = 1000  # snapshots in the plot: a few years of days; more would not be seen
SHOWN = 100  # characters of a register's words


@dataclass(frozen=True)
class Quadrants:
    """Resources of ours: is it listed, and does it open? `other`: not measured, or not clear."""

    listed: Listed
    blocked: int
    opens: int
    other: int


@dataclass(frozen=True)
class Plot:
    """Entries over time; x in thousandths of the span, y in hundredths of the most there ever were."""

    points: str
    first: Snapshot
    last: Snapshot
    most: int


@dataclass(frozen=True)
class Change:
    """A field before and after; both are empty where they may not be shown."""

    field: str
    before: str
    after: str


@dataclass(frozen=True)
class Line:
    listing: Listing
    changes: tuple[Change, ...]


def state_register(request: HttpRequest) -> HttpResponse:
    rows = Snapshot.objects.of(STATE_REGISTER).select_related("source")
    page = Paginator(rows, ROWS).get_page(request.GET.get("page"))
    newest = rows.first()
    standing = Listing.objects.filter(first__isnull=False, gone=None)
    context = {
        "page": page,
        "newest": newest,
        "plot": _plot(list(rows[:POINTS])[::-1]),
        "quadrants": _quadrants(status.cross_table()),
        "without": standing.filter(resource=None).count() if newest else 0,
        "waiting": Candidate.objects.filter(state=Candidate.State.NEW).count(),
        "blocked": Observed.BLOCKED,
        "opens": Observed.ACCESSIBLE,
    }
    return render(request, "registry/state_register.html", context)


def _quadrants(table: CrossTable) -> tuple[Quadrants, ...]:
    """As they were last counted."""
    made = []
    for listed in Listed:
        fields = [one for row in table.rows if row.listed == listed for one in row.fields]
        counts: Counter[Observed] = Counter()
        for one in fields:
            counts[one.observed] += one.count
        blocked, opens = counts[Observed.BLOCKED], counts[Observed.ACCESSIBLE]
        if counts.total():
            made.append(Quadrants(listed, blocked, opens, counts.total() - blocked - opens))
    return tuple(made)


def _plot(snapshots: Sequence[Snapshot]) -> Plot | None:
    """Oldest first. Of one snapshot there is nothing to draw."""
    if len(snapshots) < 2:
        return None
    days = [date.fromisoformat(one.taken_on) for one in snapshots]
    span = max((days[-1] - days[0]).days, 1)
    most = max(max(one.entries for one in snapshots), 1)
    points = (
        f"{round(1000 * (day - days[0]).days / span)},{100 - round(95 * one.entries / most, 1):g}"
        for day, one in zip(days, snapshots, strict=True)
    )
    return Plot(" ".join(points), snapshots[0], snapshots[-1], most)


def snapshot(request: HttpRequest, pk: int) -> HttpResponse:
    one = get_object_or_404(
        Snapshot.objects.filter(list=STATE_REGISTER).select_related("source", "previous", "next"), pk=pk
    )
    counts = {"added": one.added, "removed": one.removed, "changed": one.changed}
    wanted = request.GET.get("show", "")
    show = wanted if wanted in counts else next((name for name, count in counts.items() if count), "added")
    page = Paginator(_rows(one, show), ROWS).get_page(request.GET.get("page"))
    context = {
        "snapshot": one,
        "next": getattr(one, "next", None),
        "tabs": [(name, label, counts[name]) for name, label in _TABS.items()],
        "show": show,
        "page": page,
        "lines": [Line(listing, _changes(listing) if show == "changed" else ()) for listing in page],
        "letters": SHOWN,
    }
    return render(request, "registry/state_register_snapshot.html", context)


def of_day(request: HttpRequest, day: str) -> HttpResponse:
    """The last snapshot of a day, by an address that can be written by hand."""
    rows = Snapshot.objects.of(STATE_REGISTER).filter(taken_on=day)
    if not rows:
        raise Http404
    return redirect(rows[0])


_TABS = {"added": _("added"), "removed": _("removed"), "changed": _("changed")}


def _rows(one: Snapshot, show: str) -> QuerySet[Listing]:
    rows = Listing.objects.with_display().select_related("resource", "previous").order_by("pk")
    match show:
        case "added":
            return rows.filter(first=one, previous=None)
        case "changed":
            return rows.filter(first=one, previous__isnull=False)
    return rows.filter(gone=one, next=None)


_FIELDS = {
    "address": pgettext_lazy("heading", "address"),
    "title": _("title"),
    "category": _("category"),
    "court": pgettext_lazy("heading", "court"),
    "act_ref": _("act"),
    "act_date": _("date of the act"),
}


def _changes(listing: Listing) -> tuple[Change, ...]:
    """What a new version says otherwise. Of what may not be shown, only that it changed."""
    before = listing.previous
    if before is None:
        return ()
    return tuple(
        Change(
            str(label),
            _words(before, name) if _may_show(listing, name) else "",
            _words(listing, name) if _may_show(listing, name) else "",
        )
        for name, label in _FIELDS.items()
        if getattr(before, name) != getattr(listing, name)
    )


def _may_show(listing: Listing, name: str) -> bool:
    return listing.is_shown_in_full or name not in ("address", "title")


def _words(listing: Listing, name: str) -> str:
    text: Any = getattr(listing, name)
    words = dates.shown(text) if name == "act_date" else str(text)
    return discretion.told(words, [listing.resource] if listing.resource else []) or "–"


urlpatterns = [
    path("state-register/", state_register, name="state_register"),
    path("state-register/<int:pk>/", snapshot, name="state_register_snapshot"),
    path("state-register/<slug:day>/", of_day, name="state_register_of_day"),
]
