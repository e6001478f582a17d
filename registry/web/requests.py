"""The pages of information requests, and the calendar of what is due."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.conf import settings
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils import timezone, translation
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _
from icalendar import Calendar, Event

from registry import clocks, discretion, requests
from registry.models import Authority, InformationRequest
from registry.requests import Standing, State
from registry.web.names import by_key, key_of, sort_choices

ROWS = 50  # on one page
LANGUAGES = ("kk", "ru", "en")
NO_DAY = date.max


@dataclass(frozen=True)
class Line:
    """A request, and where it stands."""

    request: InformationRequest
    standing: Standing
    sentence: str

    @property
    def to(self) -> str:
        """Whom it asks, unless that names what must not be advertised."""
        return discretion.told(self.request.to, self.request.touches)


def lines(rows: Iterable[InformationRequest], *, at: datetime, law: clocks.Clocks | None = None) -> list[Line]:
    """In three queries, however many there are."""
    law = law or clocks.read(at=at)
    found = [(row, requests.standing(row, law, at=at)) for row in rows]
    return [Line(row, standing, requests.sentence(standing)) for row, standing in found]


def by_due(line: Line) -> tuple[bool, date, int]:
    """What waits stands first, the earliest day before all."""
    due = line.standing.due
    waits = line.standing.state in (State.OVERDUE, State.WAITING)
    return (not waits, due.day if due and waits else NO_DAY, -line.request.pk)


class Filters(forms.Form):
    state = forms.ChoiceField(label=_("State"), choices=lambda: [("", _("any")), *State.choices], required=False)
    authority = forms.ModelChoiceField(
        Authority.objects.filter(requests__isnull=False).distinct(),
        label=_("Authority"),
        to_field_name="code",
        empty_label=_("any"),
        required=False,
    )
    sort = forms.ChoiceField(
        label=_("Sorted by"), choices=[("", _("day it is due")), ("-id", _("newest"))], required=False
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        sort_choices(self.fields["authority"])


def request_list(request: HttpRequest) -> HttpResponse:
    form = Filters(request.GET, auto_id="filter-%s")
    every = lines(InformationRequest.objects.public().whole(), at=timezone.now())
    shown: list[Line] = []
    if form.is_valid():
        asked = form.cleaned_data
        shown = [one for one in every if asked["state"] in ("", one.standing.state)]
        if asked["authority"]:
            shown = [one for one in shown if one.request.authority_id == asked["authority"].pk]
        shown.sort(key=(lambda one: -one.request.pk) if asked["sort"] == "-id" else by_due)
    counts = Counter(one.standing.state for one in every)
    context = {
        "form": form,
        "page": Paginator(shown, ROWS).get_page(request.GET.get("page")),
        "counts": [(state, counts[state]) for state in State if counts[state]],
        "total": len(every),
    }
    return render(request, "registry/requests.html", context, status=200 if form.is_valid() else 400)


def request_page(request: HttpRequest, key: str) -> HttpResponse:
    row = by_key(InformationRequest.objects.public().whole(), key, request)
    [line] = lines([row], at=timezone.now())
    standing = line.standing
    context = {
        "line": line,
        "one": row,
        "about": row.about or row.event,
        "standing": standing,
        "steps": row.steps.all(),
        "length": clocks.length_in_words(standing.deadline) if standing.deadline else "",
        "took": clocks.days_in_words(standing.took, standing.unit) if standing.took is not None else "",
        "next_left": clocks.days_in_words(standing.next.left, standing.next.deadline.unit)
        if standing.next and standing.next.deadline
        else "",
        "next_length": clocks.length_in_words(standing.next.deadline)
        if standing.next and standing.next.deadline
        else "",
    }
    return render(request, "registry/request.html", context)


def calendar(request: HttpRequest) -> HttpResponse:
    """`/requests.ics?lang=kk`: what is due, a day an event (RFC 5545). Ids stay, so a calendar updates what it has."""
    asked = request.GET.get("lang", settings.LANGUAGE_CODE)
    with translation.override(asked if asked in LANGUAGES else settings.LANGUAGE_CODE):
        rows = lines(InformationRequest.objects.public().whole(), at=timezone.now())
        body = _calendar([(line, key_of(line.request, request)) for line in rows], timezone.now())
    return HttpResponse(
        body,
        content_type="text/calendar; charset=utf-8",
        headers={"Content-Disposition": 'inline; filename="requests.ics"'},
    )


def _calendar(found: Iterable[tuple[Line, str]], at: datetime) -> bytes:
    """Each request with what stands in its address."""
    made = Calendar()
    made.add("prodid", "-//Tizilim//requests//EN")
    made.add("version", "2.0")
    made.add("method", "PUBLISH")
    made.add("x-wr-calname", gettext("Tizilim: what is due"))
    for line, key in sorted(found, key=lambda one: by_due(one[0])):
        for name, summary, day, text in _due(line):
            made.add_component(_event(line.request, key, name, summary, day, text, at))
    body: bytes = made.to_ical()
    return body


def _due(line: Line) -> Iterable[tuple[str, str, date, str]]:
    """Every day on which something of this request is due: its id, what it is called, the day, and more words."""
    standing, to = line.standing, line.to
    if standing.due and standing.state in (State.WAITING, State.OVERDUE):
        article = standing.deadline.article if standing.deadline else ""
        yield "reply", gettext("Reply due: %(to)s") % {"to": to}, standing.due.day, f"{line.sentence} {article}"
    step = standing.next
    if step and step.due and step.deadline and not step.passed:
        summary = gettext("Last day: %(step)s (%(to)s)") % {"step": step.deadline.name, "to": to}
        yield "next", summary, step.due.day, f"{step.words} {step.deadline.article}"


def _event(row: InformationRequest, key: str, name: str, summary: str, day: date, text: str, at: datetime) -> Event:
    site = settings.SITE_URL.rstrip("/")
    made = Event()
    made.add("uid", f"{key}-{name}@{urlsplit(site).hostname}")
    made.add("dtstamp", at.astimezone(UTC).replace(microsecond=0))
    made.add("dtstart", day)
    made.add("dtend", day + timedelta(days=1))
    made.add("summary", summary)
    about = row.about
    made.add("description", f"{about.display_name if about else row.event}. {text}".strip())
    made.add("url", f"{site}/{get_language()}/requests/{key}/")
    made.add("transp", "TRANSPARENT")
    return made


urlpatterns = [
    path("requests/", request_list, name="requests"),
    path("requests/<slug:key>/", request_page, name="request"),
]
