"""What was wrong in the register, since when, and how it was put right: as a page and as a feed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path, reverse
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import get_language, gettext

from registry import dates, discretion
from registry.labels import OWN_NAMES
from registry.models import Erratum
from registry.models.erratum import Told
from registry.models.log import SUBJECT
from registry.web import about, feeds
from registry.web.about import Named

ROWS = 15
NEWEST = 50  # in the feed


@dataclass(frozen=True)
class Line:
    erratum: Erratum
    named: Named | None  # None: it is about no one record
    told: Told | None  # None: its record is not shown in full, and the words may name it
    corrected: str  # the history with the entry that put it right; empty: none is known

    @property
    def foreign(self) -> str:
        """The language of the words, by its own name, where it is not the reader's."""
        return OWN_NAMES[self.told.language] if self.told and self.told.language != get_language() else ""


def lines(rows: Iterable[Erratum], request: HttpRequest) -> list[Line]:
    errata = list(rows)
    subjects = [row.subject for row in errata]
    hidden, names = discretion.of_subjects(subjects), about.of_subjects(subjects, request)
    return [
        Line(
            row,
            names.get(row.subject),
            None if hidden.get(row.subject) else row.told,
            _history(row.entry.subject) if row.entry else "",
        )
        for row in errata
    ]


def _history(subject: str) -> str:
    model, _slash, pk = subject.partition("/")
    return reverse("record_history", args=[model, pk])


def errata(request: HttpRequest) -> HttpResponse:
    """The newest first; `record=restriction/12` leaves those of one record."""
    record = request.GET.get("record", "")
    known = not record or SUBJECT.fullmatch(record) is not None
    rows = Erratum.objects.standing().select_related("entry")
    if record:
        rows = rows.filter(subject=record) if known else rows.none()
    page = Paginator(rows, ROWS).get_page(request.GET.get("page"))
    context = {
        "record": record,
        "named": about.of_subjects([record], request).get(record) if record and known else None,
        "page": page,
        "lines": lines(page, request),
    }
    return render(request, "registry/errata.html", context, status=200 if known else 400)


def feed(request: HttpRequest) -> HttpResponse:
    """`/errata.atom?lang=kk`: the newest errata."""
    return feeds.in_language(request, Newest)


class Newest(feeds.Told):
    page, name = "errata", "errata_feed"

    def title(self) -> str:
        return gettext("Tizilim: errata")

    def subtitle(self) -> str:
        return gettext("What was wrong in the register, since when, and how it was put right.")

    def get_object(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpRequest:
        return request

    def items(self, request: HttpRequest) -> Sequence[Line]:
        return lines(Erratum.objects.standing().select_related("entry")[:NEWEST], request)

    def item_title(self, item: Line) -> str:
        day = dates.shown(item.erratum.righted_on)
        return f"{day}. {capfirst(item.named.what)}: {item.named.name}" if item.named else day

    def item_description(self, item: Line) -> str:
        if item.told is None:
            return gettext("not shown here: it would give the address away")
        return f"{item.told.wrong} → {item.told.righted}"

    def item_link(self, item: Line) -> str:
        return feeds.whole(_history(f"erratum/{item.erratum.pk}"))

    def item_guid(self, item: Line) -> str:
        return feeds.tag(f"erratum/{item.erratum.pk}")

    def item_pubdate(self, item: Line) -> datetime:
        day = dates.first_day(item.erratum.righted_on)
        return timezone.make_aware(datetime.combine(day, time()))

    item_updateddate = item_pubdate


urlpatterns = [path("errata/", errata, name="errata")]
