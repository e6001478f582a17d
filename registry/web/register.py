"""The pages of the register: front page, look-up, list of resources, one resource."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.core.paginator import Paginator
from django.db.models import BigIntegerField, CharField, Exists, F, Max, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Cast, Concat
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path
from django.utils import timezone
from django.utils.translation import get_language, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from checks.engine.names import LENGTH_LIMIT, BadName
from checks.models import Episode, Network, Run, State, Vantage
from registry import alarms, appeals, claims, clocks, discretion, history, labels, log, search, status, veil
from registry.deadlines import Due
from registry.gathering import keep, together
from registry.models import (
    Act,
    Alarm,
    Category,
    Deadline,
    Erratum,
    FormerAddress,
    Holiday,
    InformationRequest,
    Listing,
    LogEntry,
    RequestStep,
    Resource,
    Restriction,
)
from registry.models.resource import ResourceQuerySet, name_order, readable
from registry.registers.entries import url_of
from registry.status import CrossTable, Legal, Listed, Observed, Situation, Status
from registry.web.names import ByName, explain
from registry.web.requests import Line, by_due, lines

FREE_NAMES = 50  # shown of what only resembles the text looked up
FOUND_BY_TEXT = 1000  # rows that a text may leave in the list
ON_A_PAGE = 40
CHANGES = 50  # of the log, on one page
PAGE_LIMIT = 30_000  # bytes of a resource's page
ACTS = 5  # whose limits are told on a resource's page
ERRATA = 3  # of one record, told on its page
FIRST_ROUNDS = 3  # the floor of evidence needs as many
REGISTERED = (Listed.NOW, Listed.WAS)  # there are entries to show
SAID_ANYWAY = (Alarm.Kind.GONE, Alarm.Kind.REVERSED)  # alarms that a resource's page has no need of


def front(request: HttpRequest) -> HttpResponse:
    table = status.cross_table()
    rows = [row for row in table.rows if row.total]
    context = {
        "columns": table.columns,
        "rows": rows,
        "total": table.total,
        "counted_at": table.counted_at,
        "unexplained": table.situations.get(Situation.UNEXPLAINED, 0),
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
            if not found and not answer.withheld:
                listed = Listing.objects.current().filter(url=url_of(answer.name)).exclude(first=None)
                listed = listed.exclude(resource__display=Resource.Display.WITHHELD)
                context["listing"] = listed.with_days().first()
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
    listed = forms.ChoiceField(required=False, choices=[("", ""), *Listed.choices], widget=forms.HiddenInput)
    observed = forms.ChoiceField(required=False, choices=[("", ""), *Observed.choices], widget=forms.HiddenInput)
    sort = forms.ChoiceField(
        label=_("Sorted by"),
        required=False,
        choices=[("", _("name")), ("-began", _("newest restriction")), ("-created", _("newest in the register"))],
    )

    def __init__(self, data: Any, table: CrossTable) -> None:
        super().__init__(data)
        self._offer("situation", Situation.choices, table.situations)
        self._offer("kind", Restriction.Kind.choices, table.kinds)
        self._offer("type", Resource.Type.choices, table.types)

    def _offer(self, field: str, choices: Iterable[tuple[str, Any]], counts: Mapping[str, int]) -> None:
        """Each choice with the number of resources behind it, as they were last counted."""
        offered = [(value, f"{label} ({counts.get(value, 0)})") for value, label in choices]
        self.fields[field].choices = [("", pgettext_lazy("no filter", "all")), *offered]  # type: ignore[attr-defined]

    def rows(self) -> QuerySet[Resource] | ByName:
        self.is_valid()
        chosen = self.cleaned_data
        rows = Resource.objects.all()
        if chosen.get("type"):
            rows = rows.filter(type=chosen["type"])
        if chosen.get("kind"):
            rows = rows.filter(pk__in=Restriction.objects.standing().filter(kind=chosen["kind"]).values("resource"))
        if chosen.get("q"):
            rows = rows.filter(pk__in=[one.pk for one in search.find(chosen["q"], limit=FOUND_BY_TEXT)])
        for field in ("situation", "legal", "listed", "observed"):
            if chosen.get(field):
                rows = rows.filter(**{f"standing__{field}": chosen[field]})
        return self._sorted(rows)

    def _sorted(self, rows: ResourceQuerySet) -> QuerySet[Resource] | ByName:
        match self.cleaned_data.get("sort"):
            case "-began":
                began = Max("restrictions__began", filter=Q(restrictions__public=True, restrictions__withdrawn=""))
                return rows.annotate(began=began).order_by(F("began").desc(nulls_last=True), *name_order())
            case "-created":
                return rows.order_by("-created_at", *name_order())
        return ByName(rows)

    def narrowed(self) -> list[str]:
        """The field of the cross table that a link of the front page led to, in words."""
        return [
            str(dict(self.fields[name].choices)[self.cleaned_data[name]])  # type: ignore[attr-defined]
            for name in ("legal", "listed", "observed")
            if self.cleaned_data.get(name)
        ]


def resources(request: HttpRequest) -> HttpResponse:
    at = timezone.now()
    table = status.cross_table()
    filters = Filters(request.GET, table)
    page = Paginator(filters.rows(), ON_A_PAGE).get_page(request.GET.get("page"))
    found = status.of_many(list(page.object_list), at=at)
    context = {
        "filters": filters,
        "page": page,
        "found": found,
        "narrowed": filters.narrowed(),
        "counted_at": table.counted_at,
    }
    return render(request, "registry/resources.html", context)


def _resources() -> QuerySet[Resource]:
    """With the service and the category's name in the reader's language."""
    category = Category.objects.filter(code=OuterRef("category")).values(f"name_{get_language()}")
    return Resource.objects.select_related("service").annotate(category_name=Subquery(category[:1]))


def resource_by_number(request: HttpRequest, number: int) -> HttpResponse:
    """The address of what is not shown in full; of all else, a way to the address by name."""
    if number > BigIntegerField.MAX_BIGINT:
        raise Http404
    one = _resources().filter(pk=number).first()
    if one is None:
        former = get_object_or_404(FormerAddress.objects.select_related("resource"), number=number)
        return redirect(former.resource, permanent=True)
    return redirect(one) if one.display == Resource.Display.FULL else _resource(request, one)


def resource(request: HttpRequest, slug: str) -> HttpResponse:
    """By name. A name that may not be shown is answered as one that the register does not have."""
    one = _resources().filter(slug=slug).first()
    if one is None:
        former = get_object_or_404(FormerAddress.objects.select_related("resource"), slug=slug)
        if not may_be_asked_for(former.resource, former.type):
            raise Http404
        return redirect(former.resource, permanent=True)
    if not may_be_asked_for(one, one.type):
        raise Http404
    return _resource(request, one) if one.display == Resource.Display.FULL else redirect(one)


def may_be_asked_for(one: Resource, type: str) -> bool:
    """By a name of this type. Of one whose domain alone is shown, by no name of a page."""
    limited = one.display == Resource.Display.DOMAIN_ONLY and type != Resource.Type.URL
    return limited or one.display == Resource.Display.FULL


def asked_for(number: int | None = None, slug: str = "") -> Resource:
    """By its number or its name, or by those of an entry that was merged into it."""
    if number is not None and number > BigIntegerField.MAX_BIGINT:
        raise Http404
    own, former = ({"slug": slug}, {"slug": slug}) if number is None else ({"pk": number}, {"number": number})
    found = Resource.objects.filter(**own).first()
    type = found.type if found else ""
    if found is None:
        merged = get_object_or_404(FormerAddress.objects.select_related("resource"), **former)
        found, type = merged.resource, merged.type
    if number is None and not may_be_asked_for(found, type):
        raise Http404
    return found


def _resource(request: HttpRequest, one: Resource) -> HttpResponse:
    at = timezone.now()
    group = one.mirrors.not_withheld().order_by("slug")
    found, *mirrors = status.of_many([one, *group[:ON_A_PAGE]], at=at)
    beside = _beside(found)
    shown_in_full = one.display == Resource.Display.FULL
    hidden = () if shown_in_full else (one, *(discretion.as_it_was(former, one) for former in beside["former"]))
    entries = [history.entry(row, hidden, veil.of(request)) for row in beside["entries"]]
    law = clocks.of(beside["deadlines"], beside["holidays"], at=at)
    context = {
        "resource": one,
        "courses": appeals.courses(found.restrictions, appeals.reached(found.restrictions)),
        "contradictions": claims.contradictions(found.statements, {one.pk: found}),
        "alarms": _alarms(beside["alarms"], one),
        "notices": beside["notices"],
        "errata": beside["errata"][:ERRATA],
        "status": found,
        "shown_in_full": shown_in_full,
        "mirrors": mirrors,
        "more_mirrors": group.count() - ON_A_PAGE if len(mirrors) == ON_A_PAGE else 0,
        "listings": beside["listings"],
        "classifications": _classifications(entries, found.restrictions) if shown_in_full else (),
        "to_do": _to_do(found, law, at),
        "requests": _asked(beside["requests"], beside["steps"], found, law, at),
        "cited_at": f"{settings.SITE_URL}{request.path}",
        "at": at,
    }
    for bounds in BOUNDS:
        told = {
            "bounds": bounds,
            "timeline": _timeline(found, at, bounds),
            "changes": [_change(entry) for entry in entries[: -bounds.changes - 1 : -1]],
            "more_changes": len(entries) > bounds.changes,
        }
        page = render(request, "registry/resource.html", context | told)
        if len(page.content) < PAGE_LIMIT:
            break
    return page


@dataclass(frozen=True)
class Bounds:
    """How much of each a resource's page tells; the rest is a link away."""

    networks: int = 12
    cards: int = 4  # restrictions
    acts: int = 12  # of one of them, and its sources
    steps: int = 40  # of its course, the newest
    statements: int = 12
    contradictions: int = 3
    said: int = 4  # on one side of a contradiction
    notices: int = 6
    listings: int = 12
    requests: int = 10
    changes: int = 50
    episodes: int = 100  # drawn in the timeline: more would not be seen
    newest: int = 10  # of them, told in words


# Tried in turn until the page is small enough.
BOUNDS = (
    Bounds(),
    Bounds(9, 4, 5, 8, 6, 2, 3, 3, 6, 5, 10, 48, 5),
    Bounds(7, 2, 3, 2, 4, 1, 2, 2, 4, 5, 10, 24, 5),
)


def _beside(found: Status) -> dict[str, list[Any]]:
    """What a resource's page tells beside its status, in one query."""
    one = found.resource
    about = Q(resource=one) | Q(restriction__resource=one)
    asked = InformationRequest.objects.standing().filter(about)
    on_its_page = [log.subject_of(row) for row in (*found.acts, *found.statements)]
    return together(
        alarms=(one.alarms.standing().filter(closed_on=None).exclude(kind__in=SAID_ANYWAY), ()),
        notices=(one.notices.standing(), ("authority", "source")),
        listings=(one.listings.with_days(), ("source",)),
        requests=(asked, ("authority",)),
        steps=(RequestStep.objects.filter(request__in=asked), ("authority", "source")),
        entries=(LogEntry.objects.filter(pk__in=_newest_changes(found)), ()),
        former=(one.former_addresses.all(), ()),
        errata=(Erratum.objects.standing().filter(_of_its_own(found) | Q(subject__in=on_its_page)), ()),
        deadlines=(Deadline.objects.all(), ("source",)),
        holidays=(Holiday.objects.all(), ()),
    )


def _alarms(rows: Iterable[Alarm], of: Resource) -> list[str]:
    """Where its block goes beyond its order or outlives it, but for what the page says anyway."""
    for row in rows:
        row.resource = of
    return [alarms.sentence(row) for row in sorted(rows, key=lambda row: row.pk)]


@dataclass(frozen=True)
class ToDo:
    """What the law of today gives a reader time for. A period that the register does not have is left out."""

    reply: Deadline | None
    reply_due: Due | None  # of a request that is received today
    challenge: Deadline | None
    absolute: Deadline | None
    acts: tuple[tuple[Act, clocks.Challenge], ...]
    names_body: bool  # whom to ask for the act that the answer rests on

    @property
    def reply_length(self) -> str:
        return clocks.length_in_words(self.reply) if self.reply else ""

    @property
    def challenge_length(self) -> str:
        return clocks.length_in_words(self.challenge) if self.challenge else ""

    @property
    def absolute_length(self) -> str:
        return clocks.length_in_words(self.absolute) if self.absolute else ""


def _to_do(found: Status, law: clocks.Clocks, at: datetime) -> ToDo:
    today = timezone.localdate(at)
    reply = law.version(Deadline.Procedure.REQUEST, Deadline.Step.REPLY, on=today)
    challenge = law.version(Deadline.Procedure.CHALLENGE, Deadline.Step.FILE, on=today)
    challenges = ((act, clocks.challenge(act, law, at=at)) for act in found.current_acts[:ACTS])
    told = tuple((act, one) for act, one in challenges if one)
    return ToDo(
        reply,
        law.due(reply, today) if reply else None,
        challenge,
        law.version(Deadline.Procedure.CHALLENGE, Deadline.Step.ABSOLUTE, on=today),
        told,
        any(row.roles.all() for row in found.deciding) or any(act.roles.all() for act in found.deciding_acts),
    )


def _asked(
    rows: list[InformationRequest], steps: Iterable[RequestStep], found: Status, law: clocks.Clocks, at: datetime
) -> list[Line]:
    """The requests about a resource with where they stand, those that wait first."""
    of = defaultdict(list)
    for step in steps:
        of[step.request_id].append(step)
    restrictions = {row.pk: row for row in found.restrictions}
    for row in rows:
        row.resource = found.resource if row.resource_id else None
        row.restriction = restrictions.get(row.restriction_id) if row.restriction_id else None
        keep(row, "steps", of[row.pk])
        for step in of[row.pk]:
            step.request = row
    return sorted(lines(rows, at=at, law=law), key=by_due)


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
    newest: tuple[tuple[Network, Episode], ...]  # in words


def _timeline(found: Status, at: datetime, bounds: Bounds) -> Timeline | None:
    """The episodes behind the states of a resource, on the networks that count, from the first of them until now."""
    networks = [one.network for one in found.networks[: bounds.networks]]
    near = {network.pk for network in networks}
    episodes = [one for one in found.episodes if one.network_id in near][-bounds.episodes :]
    if not episodes:
        return None
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
    known = {network.pk: network for network in networks}
    told = [(known[one.network_id], one) for one in reversed(episodes) if one.network_id in known]
    states = tuple(state for state in State if any(one.state == state for one in episodes))
    return Timeline(began, at, rows, states, tuple(told[: bounds.newest]))


def _newest_changes(found: Status) -> QuerySet[LogEntry, int]:
    """Ids of what the log says of the resource, its restrictions, also withdrawn ones, and its episodes that run; one
    more than are told, to know that there are more."""
    return LogEntry.objects.filter(_of_its_own(found)).order_by("-id").values_list("pk", flat=True)[: CHANGES + 1]


def _of_its_own(found: Status) -> Q:
    """What the log names as the resource, as a restriction of it, or as an episode that runs."""
    subjects = [f"resource/{found.resource.pk}"]
    subjects += [f"episode/{one.episode}" for one in found.networks if one.episode]
    merged = found.resource.former_addresses.values(subject=Concat(Value("resource/"), Cast("number", CharField())))
    its = log.subjects_of(found.resource.restrictions.public())
    return Q(subject__in=subjects) | Q(subject__in=merged) | Q(subject__in=its)


@dataclass(frozen=True)
class Change:
    """One entry of the log, as the page of a resource tells it."""

    number: int
    at: datetime
    operation: str
    subject: str
    reason: str
    by: str


def _change(entry: history.Entry) -> Change:
    return Change(
        number=entry.index,
        at=entry.at,
        operation=labels.operation(entry.operation),
        subject=labels.table(entry.model),
        reason=labels.reason(entry.reason),
        by=entry.by,
    )


@dataclass(frozen=True)
class Classified:
    """What kind of blocking a restriction was taken for, from one entry of the log on."""

    restriction: Restriction
    kind: str
    reason: str  # for the kind
    changed: str  # why it was changed
    at: datetime
    by: str


def _classifications(entries: Iterable[history.Entry], restrictions: Iterable[Restriction]) -> list[list[Classified]]:
    """Of each restriction whose kind, or the reason for it, is another than it was first: all that it was taken for."""
    rows = {row.pk: row for row in restrictions}
    found: dict[int, list[Classified]] = defaultdict(list)
    fields: dict[int, dict[str, Any]] = defaultdict(dict)
    for one in entries:
        if one.model != "restriction" or one.pk not in rows:
            continue
        told = {name: value for name, value in one.after.items() if name in ("kind", "kind_reason")}
        if told and told != {name: fields[one.pk].get(name) for name in told}:
            so_far = fields[one.pk]
            so_far |= told
            kind = dict(Restriction.Kind.choices).get(so_far.get("kind", ""), "")
            reason = so_far.get("kind_reason", "")
            found[one.pk].append(Classified(rows[one.pk], str(kind), reason, labels.reason(one.reason), one.at, one.by))
    return [several for several in found.values() if len(several) > 1]


urlpatterns = [
    path("", front, name="front"),
    path("look-up/", look_up, name="look_up"),
    path("resources/", resources, name="resources"),
    path("resources/<int:number>/", resource_by_number, name="resource_by_number"),
    path("resources/<spelled:slug>/", resource, name="resource"),
]
