"""The pages of acts, authorities, grounds, events, and how to read it all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any

from django import forms
from django.conf import settings
from django.core.paginator import Page, Paginator
from django.db.models import Count, OuterRef, Prefetch, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import path, reverse
from django.utils import timezone
from django.utils.text import Truncator
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from checks import waves
from checks.models import Ruleset, Verdict
from checks.verdict import state
from checks.verdict.rules import RULES, RULESETS
from registry import appeals, claims, clocks, offers, requests, status, veil
from registry.models import (
    Act,
    ActRole,
    Appeal,
    Authority,
    Document,
    Event,
    Ground,
    InformationRequest,
    Lineage,
    Restriction,
    RestrictionRole,
    Statement,
)
from registry.models.field_source import of_fields
from registry.models.resource import name_order
from registry.models.restriction import hidden
from registry.veil import Veil
from registry.web.names import alphabetical, by_key, sort_choices
from registry.web.requests import by_due, lines

ROWS = 50  # of a list on one page
WORDS = ("scope_ordered", "note", "text")  # columns of an act that a text is looked for in, if they may be shown
FIRST = 20  # acts of an authority before "all acts"
FIRST_STATEMENTS = 10
EXCERPT = 700  # characters of an act's text on its own page
TEXT_PAGE = 6000  # characters of it on one page of the text
STANDING = Q(restrictions__public=True, restrictions__withdrawn="")  # of what restrictions are counted for
TABLES = (
    "resources",
    "restrictions",
    "acts",
    "documents",
    "appeals",
    "authorities",
    "statements",
    "notices",
    "figures",
    "errata",
    "events",
    "listings",
    "snapshots",
    "requests",
    "deadlines",
    "holidays",
    "categories",
    "alarms",
    "networks",
    "episodes",
)


class ActFilter(forms.Form):
    q = forms.CharField(label=_("Number or words"), max_length=200, required=False)
    type = forms.ChoiceField(label=_("Type"), choices=lambda: [("", _("any")), *Act.Type.choices], required=False)
    authority = forms.ModelChoiceField(
        Authority.objects.standing(), label=_("Authority"), to_field_name="code", empty_label=_("any"), required=False
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        sort_choices(self.fields["authority"])

    def leaves(self, withheld: Veil) -> QuerySet[Act]:
        """The acts that the filter leaves; none while it is not understood. By what is blacked out none is found."""
        if not self.is_valid():
            return Act.objects.none()
        rows, asked = Act.objects.standing().with_display(), self.cleaned_data
        if words := asked["q"]:
            found = reduce(or_, (Q(**{f"{column}__icontains": words}) for column in WORDS))
            rows = rows.filter(Q(number__icontains=words) | found & Q(hidden=False))
            if withheld.holds(words):
                rows = rows.filter(pk__in=[row.pk for row in rows if _shows(row, words, withheld)])
        if asked["type"]:
            rows = rows.filter(type=asked["type"])
        if asked["authority"]:
            rows = rows.filter(pk__in=asked["authority"].acts.values("pk"))
        return rows


def _shows(row: Act, words: str, withheld: Veil) -> bool:
    texts = (row.number, *(getattr(row, column) for column in WORDS))
    return any(words.casefold() in withheld.black(text).casefold() for text in texts)


def acts(request: HttpRequest) -> HttpResponse:
    asked = ActFilter(request.GET, auto_id="filter-%s")
    rows = _with_counts(asked.leaves(veil.of(request))).prefetch_related("roles__authority")
    page = Paginator(rows, ROWS).get_page(request.GET.get("page"))
    lineage = Authority.objects.standing().lineage()
    lines = [(row, _parts(row, lineage)) for row in page]
    context = {"form": asked, "page": page, "lines": lines}
    return render(request, "registry/acts.html", context, status=200 if asked.is_valid() else 400)


def act(request: HttpRequest, key: str) -> HttpResponse:
    everything = Act.objects.with_display().prefetch_related(
        "roles__authority",
        "sources",
        Prefetch("documents", Document.objects.standing().with_display()),
        of_fields(),
        hidden(),
    )
    row = by_key(everything, key, request)
    page = _restrictions(request, row.restrictions.standing())
    at = timezone.now()
    challenge = None if row.withdrawn else clocks.challenge(row, clocks.read(at=at), at=at)
    context = {
        "act": row,
        "challenge": challenge,
        "parts": _parts(row, Authority.objects.standing().lineage()),
        "course": () if row.withdrawn else appeals.course_of_act(row),
        "excerpt": Truncator(row.text).chars(EXCERPT),
        "longer": len(row.text) > EXCERPT,
        "page": page,
        "lines": _lines(page),
        "sort": request.GET.get("sort"),
    }
    for name in ("file", "absolute"):
        if deadline := getattr(challenge, name, None):
            context[f"{name}_length"] = clocks.length_in_words(deadline)
    return render(request, "registry/act.html", context)


def act_text(request: HttpRequest, key: str) -> HttpResponse:
    """The words of an act, a few thousand characters a page."""
    row = by_key(Act.objects.with_display().filter(hidden=False).exclude(text=""), key, request)
    page = Paginator(_pieces(row.text), 1).get_page(request.GET.get("page"))
    return render(request, "registry/act_text.html", {"act": row, "page": page})


def _pieces(text: str) -> list[str]:
    """The text in parts of at most TEXT_PAGE characters, cut at the end of a line or of a word where there is one."""
    pieces = []
    while len(text) > TEXT_PAGE:
        cut = max(text.rfind(mark, TEXT_PAGE // 2, TEXT_PAGE) for mark in ("\n", " "))
        cut = cut + 1 if cut > 0 else TEXT_PAGE
        pieces.append(text[:cut])
        text = text[cut:]
    return [*pieces, text]


@dataclass(frozen=True)
class Part:
    """What one body did in an act, under the name that it had then."""

    role: str
    recorded: Authority
    then: tuple[Authority, ...]  # empty: nobody is known who existed on that date
    today: tuple[Authority, ...]  # who it is now, where that is another


def _parts(row: Act, lineage: Lineage) -> list[Part]:
    today = timezone.localdate().isoformat()
    return [
        Part(
            role=str(one.get_role_display()),
            recorded=one.authority,
            then=lineage.on(one.authority, row.date),
            today=() if one.authority.existed(today) else lineage.on(one.authority, today),
        )
        for one in row.roles.all()
    ]


def authorities(request: HttpRequest) -> HttpResponse:
    said = Statement.objects.standing().filter(authority=OuterRef("pk")).order_by().values("authority")
    rows = Authority.objects.standing().annotate(
        act_count=Count("acts", filter=Q(acts__withdrawn=""), distinct=True),
        statement_count=Coalesce(Subquery(said.annotate(number=Count("pk")).values("number")), 0),
    )
    page = Paginator(sorted(rows, key=lambda one: (alphabetical(one.name), one.pk)), ROWS).get_page(
        request.GET.get("page")
    )
    return render(request, "registry/authorities.html", {"page": page})


def authority(request: HttpRequest, code: str) -> HttpResponse:
    row = get_object_or_404(Authority.objects.prefetch_related("sources"), code=code)
    roles = RestrictionRole.objects.filter(authority=row, restriction__public=True, restriction__withdrawn="")
    its_acts = row.acts.standing().distinct()
    page = _restrictions(request, Restriction.objects.filter(pk__in=roles.values("restriction")))
    shown: dict[int, list[str]] = defaultdict(list)
    for one in roles.filter(restriction__in=page.object_list):
        shown[one.restriction_id].append(str(one.get_role_display()))
    said = row.statements.standing()
    stances = _counted(said, "stance", Statement.Stance.choices)
    context = {
        "authority": row,
        "chain": () if row.withdrawn else Authority.objects.standing().lineage().chain(row),
        "acts": _with_counts(its_acts).prefetch_related(
            Prefetch("roles", ActRole.objects.filter(authority=row), to_attr="its_roles")
        )[:FIRST],
        "act_count": its_acts.count(),
        "act_roles": _counted(row.roles.filter(act__withdrawn=""), "role", ActRole.Role.choices),
        "appeals": _counted(row.appeals.standing(), "outcome", Appeal.Outcome.choices),
        "stances": stances,
        "events": row.events.standing(),
        "statements": _statements(said)[:FIRST_STATEMENTS],
        "statement_count": sum(number for _label, number in stances),
        "page": page,
        "roles": shown,
        "restriction_roles": _counted(roles, "role", RestrictionRole.Role.choices),
        "lines": _lines(page, {pk: ", ".join(parts) for pk, parts in shown.items()}),
        **_requests(row),
    }
    return render(request, "registry/authority.html", context)


def _counted(rows: QuerySet[Any], column: str, choices: Iterable[tuple[str, Any]]) -> list[tuple[str, int]]:
    """How many rows there are of each choice, with its words; those of which there are none are left out."""
    found = dict(rows.order_by().values_list(column).annotate(number=Count("pk")))
    return [(str(label), found[value]) for value, label in choices if value in found]


def _requests(row: Authority) -> dict[str, Any]:
    """What it was asked, and how it answers."""
    asked = sorted(
        lines(InformationRequest.objects.standing().filter(authority=row).whole(), at=timezone.now()), key=by_due
    )
    record = requests.record_of(one.standing for one in asked)
    took = clocks.days_in_words(record.median_days, record.unit) if record.median_days is not None else ""
    return {"requests": asked[:FIRST], "record": record, "took": took}


def grounds(request: HttpRequest) -> HttpResponse:
    standing = Count("restrictions", filter=STANDING, distinct=True)
    rows = Ground.objects.standing().annotate(restriction_count=standing).order_by("-restriction_count", "code")
    return render(request, "registry/grounds.html", {"grounds": rows})


class EventFilter(forms.Form):
    type = forms.ChoiceField(label=_("Type"), choices=lambda: [("", _("any")), *Event.Type.choices], required=False)
    year = forms.IntegerField(label=_("Year"), min_value=1990, max_value=2100, required=False)

    def leaves(self) -> QuerySet[Event]:
        if not self.is_valid():
            return Event.objects.none()
        rows, asked = Event.objects.standing(), self.cleaned_data
        if asked["type"]:
            rows = rows.filter(type=asked["type"])
        return rows.filter(began__startswith=str(asked["year"])) if asked["year"] else rows


def events(request: HttpRequest) -> HttpResponse:
    asked = EventFilter(request.GET, auto_id="filter-%s")
    standing = Count("restrictions__resource", filter=STANDING, distinct=True)
    rows = asked.leaves().annotate(resource_count=standing).prefetch_related("regions").order_by("-began", "id")
    context = {"form": asked, "page": Paginator(rows, ROWS).get_page(request.GET.get("page"))}
    return render(request, "registry/events.html", context, status=200 if asked.is_valid() else 400)


def event(request: HttpRequest, key: str) -> HttpResponse:
    everything = Event.objects.prefetch_related("authorities", "regions", "networks", "sources", of_fields(), hidden())
    row = by_key(everything.select_related("wave"), key, request)
    page = _restrictions(request, row.restrictions.standing())
    about = Statement.objects.standing().filter(Q(event=row) | Q(restriction__event=row))
    disagreeing = [] if row.withdrawn else claims.statements_about([("event", row.pk, "")])
    found = _statuses([*page, *(one.restriction for one in disagreeing if one.restriction)])
    stretches = [offers.stretch(one) for one in row.intervals]
    context = {
        "event": row,
        "fact": offers.fact(row),
        "statements": _statements(about)[:FIRST_STATEMENTS],
        "statement_count": about.count(),
        "contradictions": claims.contradictions(disagreeing, found),
        "page": page,
        "lines": [Line(one, found[one.resource_id].situation) for one in page],
        "stretches": stretches,
        "key_is_shown": not veil.of(request).in_key(row.key),
        "rests_on_ooni": row.wave is not None and waves.rests_on_ooni(row.wave),
    }
    return render(request, "registry/event.html", context)


@dataclass(frozen=True)
class PublishedRule:
    """One rule as readers see it; `example.org` stands for the site."""

    id: str
    verdict: str
    mechanism: str
    sentence: str


def method(request: HttpRequest) -> HttpResponse:
    floor = {
        "measurements": state.FLOOR_MEASUREMENTS,
        "runs": state.FLOOR_RUNS,
        "percent": state.MAJORITY_PERCENT,
        "hours": int(state.WINDOW.total_seconds()) // 3600,
        "periods": state.WINDOW_PERIODS,
        "sustained": state.SUSTAINED_MEASUREMENTS,
        "days": state.SUSTAINED_SPAN.days,
        "vantages": state.SUSTAINED_VANTAGES,
    }
    return render(request, "registry/method.html", {"floor": floor})


def rules(request: HttpRequest) -> HttpResponse:
    """The rules of the current ruleset, in their order."""
    language, ruleset = get_language() or "en", Ruleset.objects.current()
    published = [
        PublishedRule(
            rule.id,
            str(Verdict.Value(rule.verdict).label),
            rule.mechanism if isinstance(rule.mechanism, str) else "",
            str(getattr(rule, f"sentence_{language}")).format(host="example.org"),
        )
        for rule in RULESETS.get(ruleset, RULES)
    ]
    return render(request, "registry/rules.html", {"rules": published, "ruleset": ruleset})


def data(request: HttpRequest) -> HttpResponse:
    tables = [(table, reverse(f"{table}-list")) for table in TABLES]
    return render(request, "registry/data.html", {"site": settings.SITE_URL.rstrip("/"), "tables": tables})


def source(request: HttpRequest) -> HttpResponse:
    return render(request, "registry/source.html", {"source_url": settings.SOURCE_URL})


@dataclass(frozen=True)
class Line:
    """A restriction, and where its resource stands now."""

    restriction: Restriction
    situation: status.Situation
    part: str = ""  # of one authority in it


def _lines(page: Iterable[Restriction], parts: Mapping[int, str] | None = None) -> list[Line]:
    rows = list(page)
    found = _statuses(rows)
    return [Line(row, found[row.resource_id].situation, (parts or {}).get(row.pk, "")) for row in rows]


def _statuses(restrictions: Iterable[Restriction]) -> dict[int, status.Status]:
    """The statuses of their resources, by id."""
    resources = {row.resource_id: row.resource for row in restrictions}
    return {one.resource.pk: one for one in status.of_many(list(resources.values()), at=timezone.now())}


def _restrictions(request: HttpRequest, rows: QuerySet[Restriction]) -> Page[Restriction]:
    """By name, or the newest first where the reader asks for that."""
    asked = request.GET.get("sort")
    by_name = (*name_order("resource__"), "began", "id")
    ordered = rows.select_related("resource").order_by(*(("-began", "-id") if asked == "-began" else by_name))
    return Paginator(ordered, ROWS).get_page(request.GET.get("page"))


def _statements(rows: QuerySet[Statement]) -> QuerySet[Statement]:
    """Newest first."""
    shown = rows.select_related("authority", "event", "source", "restriction__resource")
    return shown.order_by("-date", "-id").prefetch_related(hidden("event__"))


def _with_counts(rows: QuerySet[Act]) -> QuerySet[Act]:
    resources = Count("restrictions__resource", filter=STANDING, distinct=True)
    return rows.annotate(resource_count=resources).order_by("-date", "number", "id")


urlpatterns = [
    path("acts/", acts, name="acts"),
    path("acts/<slug:key>/", act, name="act"),
    path("acts/<slug:key>/text/", act_text, name="act_text"),
    path("authorities/", authorities, name="authorities"),
    path("authorities/<slug:code>/", authority, name="authority"),
    path("grounds/", grounds, name="grounds"),
    path("events/", events, name="events"),
    path("events/<slug:key>/", event, name="event"),
    path("method/", method, name="method"),
    path("method/rules/", rules, name="rules"),
    path("data/", data, name="data"),
    path("source/", source, name="source"),
]
