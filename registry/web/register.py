"""The pages of the register: front page, look-up, list of resources, one resource."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce
from operator import or_
from typing import Any

from django import forms
from django.conf import settings
from django.core.paginator import Paginator
from django.db.models import CharField, Exists, F, Max, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Cast, Concat
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path
from django.utils import timezone
from django.utils.translation import get_language, gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from checks.engine.names import LENGTH_LIMIT, BadName
from checks.models import Episode, Network, Run, State, Vantage
from registry import displays, search, status
from registry.models import Category, FormerAddress, LogEntry, Resource, Restriction
from registry.models.resource import readable
from registry.status import Legal, Observed, Place, Situation, Status
from registry.web.names import explain

FREE_NAMES = 50  # shown of what only resembles the text looked up
FOUND_BY_TEXT = 1000  # rows that a text may leave in the list
ON_A_PAGE = 40
EPISODES = 300  # drawn in one timeline: more would not be seen
BIGGEST = 2**63 - 1  # number that a database keeps
CHANGES = 50  # of the log, on one page
FIRST_ROUNDS = 3  # the floor of evidence needs as many


def front(request: HttpRequest) -> HttpResponse:
    at = timezone.now()
    table = status.cross_table(at=at)
    rows = [row for row in table.rows if row.total]
    context = {
        "columns": table.columns,
        "rows": rows,
        "total": table.total,
        "unexplained": sum(f.count for row in rows for f in row.fields if f.situation == Situation.UNEXPLAINED),
        "networks": _watched_networks(),
        "progress": _progress() if settings.DEMO else None,
    }
    return render(request, "registry/front.html", context)


def _watched_networks() -> QuerySet[Network]:
    """Access networks where somebody measures, and when one of our own probes last brought measurements home."""
    watching = Vantage.objects.watching().filter(network=OuterRef("pk"))
    rows = Network.objects.filter(Exists(watching), kind=Network.Kind.ACCESS)
    if not settings.DEMO:
        rows = rows.filter(imitated=False)
    planned = Q(vantages__runs__round__plan__isnull=False)  # the moment of a first check is a reporter's
    planned &= Q(vantages__role=Vantage.Role.ACCESS, vantages__source=Vantage.Source.OWN)
    return rows.annotate(last=Max("vantages__runs__recorded_at", filter=planned)).order_by("asn")


@dataclass(frozen=True)
class Progress:
    """How far the first rounds of a demo are."""

    rounds: int
    finished: int  # runs
    total: int

    @property
    def under_way(self) -> bool:
        return self.finished < self.total or 0 < self.rounds < FIRST_ROUNDS


def _progress() -> Progress:
    runs = Run.objects.exclude(round__plan=None)
    judged = Q(judged_at__isnull=False) | Q(vantage__role=Vantage.Role.CONTROL)
    finished = runs.filter(Q(state=Run.State.FAILED) | Q(state=Run.State.RECORDED) & judged)
    rounds = runs.values("round__slot").distinct().count()
    return Progress(rounds, finished.count(), runs.count())


def look_up(request: HttpRequest) -> HttpResponse:
    """One match leads to its page; several are listed; none is told without claiming that the site is open."""
    text = request.GET.get("q", "")[:LENGTH_LIMIT].strip()
    context: dict[str, Any] = {"q": text}
    if text:
        found: tuple[Status, ...] = ()
        try:
            answer = search.look_up(text, at=timezone.now())
        except BadName as bad:
            context["error"] = explain(bad)
        else:
            found = answer.resources
            context |= {"name": answer.name, "networks": answer.target_networks, "shown": readable(answer.name.url)}
            if len(found) == 1 and _tells_all(found[0], answer):
                return redirect(found[0].resource)
        resembling = [] if found else search.find(text, limit=FREE_NAMES)
        if len(resembling) == 1 and "name" not in context:
            return redirect(resembling[0])
        found = found or tuple(status.of_many(resembling, at=timezone.now()))
        context |= {"found": found, "resembling": bool(resembling)}
    return render(request, "registry/look_up.html", context)


def _tells_all(one: Status, answer: search.LookUp) -> bool:
    """Does the resource's page answer? Not if it is only a page of the site asked for, or shows another address."""
    if one.resource.type == Resource.Type.URL and one.resource.name != answer.name.url:
        return False
    shown = {(network.network, network.target) for network in one.networks}
    return all((network.network, network.target) in shown for network in answer.target_networks)


class Filters(forms.Form):
    """The list's query string. Every field is optional; what is no choice is said and leaves the list as it is."""

    q = forms.CharField(label=_("Name contains"), required=False, max_length=LENGTH_LIMIT)
    situation = forms.ChoiceField(label=_("Situation"), required=False)
    kind = forms.ChoiceField(label=_("Kind of blocking"), required=False)
    type = forms.ChoiceField(label=pgettext_lazy("of a resource", "Type"), required=False)
    legal = forms.ChoiceField(required=False, choices=[("", ""), *Legal.choices], widget=forms.HiddenInput)
    listed = forms.ChoiceField(
        required=False, choices=[("", ""), ("yes", _("listed")), ("no", _("unlisted"))], widget=forms.HiddenInput
    )
    observed = forms.ChoiceField(required=False, choices=[("", ""), *Observed.choices], widget=forms.HiddenInput)
    sort = forms.ChoiceField(
        label=_("Sorted by"),
        required=False,
        choices=[("", _("name")), ("-began", _("newest restriction")), ("-created", _("newest in the register"))],
    )

    def __init__(self, data: Any, places: dict[int, Place]) -> None:
        super().__init__(data)
        self.places = places
        situations = Counter(status.SITUATIONS[legal][observed] for legal, _listed, observed in places.values())
        kinds = Counter(dict(_count_kinds()))
        types = Counter(Resource.objects.order_by().values_list("type", flat=True))
        self._offer("situation", Situation.choices, situations)
        self._offer("kind", Restriction.Kind.choices, kinds)
        self._offer("type", Resource.Type.choices, types)

    def _offer(self, field: str, choices: Iterable[tuple[str, Any]], counts: Counter[Any]) -> None:
        """Each choice with the number of resources behind it."""
        offered = [(value, f"{label} ({counts[value]})") for value, label in choices]
        self.fields[field].choices = [("", pgettext_lazy("no filter", "all")), *offered]  # type: ignore[attr-defined]

    def rows(self) -> QuerySet[Resource]:
        self.is_valid()
        chosen = self.cleaned_data
        rows = Resource.objects.all()
        if chosen.get("type"):
            rows = rows.filter(type=chosen["type"])
        if chosen.get("kind"):
            rows = rows.filter(pk__in=Restriction.objects.public().filter(kind=chosen["kind"]).values("resource"))
        if chosen.get("q"):
            rows = rows.filter(pk__in=[one.pk for one in search.find(chosen["q"], limit=FOUND_BY_TEXT)])
        if any(chosen.get(field) for field in ("situation", "legal", "listed", "observed")):
            rows = rows.filter(pk__in=[pk for pk, place in self.places.items() if self._fits(place)])
        return self._sorted(rows)

    def _fits(self, place: Place) -> bool:
        legal, listed, observed = place
        chosen = self.cleaned_data
        found = {
            "situation": status.SITUATIONS[legal][observed],
            "legal": legal,
            "listed": "yes" if listed else "no",
            "observed": observed,
        }
        return all(chosen.get(field) in (None, "", value) for field, value in found.items())

    def _sorted(self, rows: QuerySet[Resource]) -> QuerySet[Resource]:
        match self.cleaned_data.get("sort"):
            case "-began":
                began = Max("restrictions__began", filter=Q(restrictions__public=True))
                return rows.annotate(began=began).order_by(F("began").desc(nulls_last=True), "slug")
            case "-created":
                return rows.order_by("-created_at", "slug")
        return rows.order_by("slug")

    def narrowed(self) -> list[str]:
        """The field of the cross table that a link of the front page led to, in words."""
        return [
            str(dict(self.fields[name].choices)[self.cleaned_data[name]])  # type: ignore[attr-defined]
            for name in ("legal", "listed", "observed")
            if self.cleaned_data.get(name)
        ]


def _count_kinds() -> Iterable[tuple[str, int]]:
    pairs = Restriction.objects.public().order_by().values_list("kind", "resource").distinct()
    return Counter(kind for kind, _resource in pairs).items()


def resources(request: HttpRequest) -> HttpResponse:
    at = timezone.now()
    filters = Filters(request.GET, status.places(at=at))
    page = Paginator(filters.rows(), ON_A_PAGE).get_page(request.GET.get("page"))
    found = status.of_many(list(page.object_list), at=at)
    context = {"filters": filters, "page": page, "found": found, "narrowed": filters.narrowed()}
    return render(request, "registry/resources.html", context)


def _resources() -> QuerySet[Resource]:
    """With the service and the category's name in the reader's language."""
    category = Category.objects.filter(code=OuterRef("category")).values(f"name_{get_language()}")
    return Resource.objects.select_related("service").annotate(category_name=Subquery(category[:1]))


def resource_by_number(request: HttpRequest, number: int) -> HttpResponse:
    """The address of what is not shown in full; of all else, a way to the address by name."""
    if number > BIGGEST:
        raise Http404
    one = _resources().filter(pk=number).first()
    if one is None:
        former = get_object_or_404(FormerAddress.objects.select_related("resource"), number=number)
        return redirect(former.resource, permanent=True)
    return redirect(one) if one.display == Resource.Display.FULL else _resource(request, one)


def resource(request: HttpRequest, slug: str) -> HttpResponse:
    one = _resources().filter(slug=slug).first()
    if one is None:
        former = get_object_or_404(FormerAddress.objects.select_related("resource"), slug=slug)
        return redirect(former.resource, permanent=True)
    return _resource(request, one) if one.display == Resource.Display.FULL else redirect(one)


def _resource(request: HttpRequest, one: Resource) -> HttpResponse:
    at = timezone.now()
    group = one.mirrors.order_by("slug")
    found, *mirrors = status.of_many([one, *group[:ON_A_PAGE]], at=at)
    context = {
        "resource": one,
        "status": found,
        "shown_in_full": one.display == Resource.Display.FULL,
        "mirrors": mirrors,
        "more_mirrors": group.count() - ON_A_PAGE if len(mirrors) == ON_A_PAGE else 0,
        "listings": one.listings.select_related("source")[:ON_A_PAGE],
        "timeline": _timeline(found.networks, at),
        "changes": _changes(found),
        "cited_at": f"{settings.SITE_URL}{request.path}",
        "at": at,
    }
    return render(request, "registry/resource.html", context)


@dataclass(frozen=True)
class Stretch:
    """One episode as a bar; x and width in thousandths of the timeline."""

    episode: Episode
    x: int
    width: int


@dataclass(frozen=True)
class Timeline:
    began: datetime
    ended: datetime
    rows: tuple[tuple[Network, tuple[Stretch, ...]], ...]
    states: tuple[State, ...]  # for the legend


def _timeline(states: Sequence[status.NetworkState], at: datetime) -> Timeline | None:
    """The episodes behind the states of a resource, on the networks that count, from the first of them until now."""
    networks = [one.network for one in states]
    newest = Episode.objects.filter(
        reduce(or_, (Q(network=one.network, target=one.target) for one in states), Q(pk=None))
    ).defer("checkpoint")[:EPISODES]
    if not newest:
        return None
    episodes = sorted(newest, key=lambda episode: (episode.began_at, episode.pk))
    began = episodes[0].began_at
    span = max(at - began, timedelta(seconds=1))
    bars: dict[int, list[Stretch]] = defaultdict(list)
    silent = {network.pk: network.silent_since for network in networks}  # no bar says what nobody saw
    for episode in episodes:
        x = round(1000 * (episode.began_at - began) / span)
        until = episode.ended_at or max(silent[episode.network_id] or at, episode.began_at)
        end = round(1000 * (until - began) / span)
        bars[episode.network_id].append(Stretch(episode, x, max(end - x, 4)))
    rows = tuple((network, tuple(bars[network.pk])) for network in networks if network.pk in bars)
    return Timeline(began, at, rows, tuple(state for state in State if any(e.state == state for e in episodes)))


@dataclass(frozen=True)
class Change:
    """One entry of the log, as a page tells it."""

    number: int
    at: datetime
    operation: str
    subject: str
    reason: str
    by: str


_OPERATIONS = {
    "create": _("recorded"),
    "update": _("changed"),
    "cover": _("another address joined"),
    "withdraw": _("withdrawn"),
    "display": _("shown otherwise"),
    "choose_display": _("an editor chose how much is shown"),
    "categorise": _("put into a category"),
    "describe": _("described"),
    "merge": _("merged with another entry"),
    "dispute": _("disputed"),
    "settle": _("no longer disputed"),
}
_SUBJECTS = {"resource": _("the entry"), "restriction": _("a restriction"), "episode": _("an episode")}


def _changes(found: Status) -> list[Change]:
    """What the log says of the resource, its restrictions and its episodes that run, newest first."""
    subjects = [f"resource/{found.resource.pk}", *(f"restriction/{row.pk}" for row in found.restrictions)]
    subjects += [f"episode/{one.episode}" for one in found.networks if one.episode]
    merged = found.resource.former_addresses.values(subject=Concat(Value("resource/"), Cast("number", CharField())))
    entries = LogEntry.objects.filter(Q(subject__in=subjects) | Q(subject__in=merged)).order_by("-id")[:CHANGES]
    return [_change(entry, json.loads(entry.payload), found.resource) for entry in entries]


def _change(entry: LogEntry, payload: dict[str, Any], about: Resource) -> Change:
    model = entry.subject.partition("/")[0]
    return Change(
        number=entry.pk,
        at=entry.at,
        operation=str(_OPERATIONS.get(entry.operation, entry.operation)),
        subject=str(_SUBJECTS.get(model, model)),
        reason=displays.told(_reason(str(payload.get("reason", ""))), [about]),
        by=str(payload.get("by", "")),
    )


def _reason(text: str) -> str:
    """A program's reason in the reader's language; an editor's stands as it was written."""
    pack = text.removeprefix("country pack ")
    return text if pack == text else gettext("country pack %(country)s") % {"country": pack}


urlpatterns = [
    path("", front, name="front"),
    path("look-up/", look_up, name="look_up"),
    path("resources/", resources, name="resources"),
    path("resources/<int:number>/", resource_by_number, name="resource_by_number"),
    path("resources/<str:slug>/", resource, name="resource"),
]
