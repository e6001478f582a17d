"""The pages of acts, authorities, grounds, events, and how to read it all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any

from django import forms
from django.conf import settings
from django.core.paginator import Page, Paginator
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from checks import waves
from checks.models import Ruleset, Verdict
from checks.verdict import state
from checks.verdict.rules import RULES, RULESETS
from registry import offers, status
from registry.models import Act, Authority, Event, Ground, Resource, Restriction, Statement
from registry.models.restriction import hidden
from registry.web.names import alphabetical, sort_choices

ROWS = 50  # of a list on one page
WORDS = ("scope_ordered", "note")  # columns of an act that a text is looked for in
FIRST = 20  # acts of an authority before "all acts"
TABLES = (
    "resources",
    "restrictions",
    "acts",
    "authorities",
    "statements",
    "events",
    "listings",
    "categories",
    "alarms",
    "networks",
    "episodes",
)


class ActFilter(forms.Form):
    q = forms.CharField(label=_("Number or words"), max_length=200, required=False)
    type = forms.ChoiceField(label=_("Type"), choices=lambda: [("", _("any")), *Act.Type.choices], required=False)
    authority = forms.ModelChoiceField(
        Authority.objects.all(), label=_("Authority"), to_field_name="code", empty_label=_("any"), required=False
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        sort_choices(self.fields["authority"])

    def leaves(self) -> QuerySet[Act]:
        """The acts that the filter leaves; none while it is not understood."""
        if not self.is_valid():
            return Act.objects.none()
        rows, asked = Act.objects.all(), self.cleaned_data
        if words := asked["q"]:
            hidden_words = Restriction.objects.exclude(resource__display=Resource.Display.FULL).exclude(acts=None)
            said = reduce(or_, (Q(**{f"{column}__icontains": words}) for column in WORDS))
            rows = rows.filter(Q(number__icontains=words) | said & ~Q(pk__in=hidden_words.values("acts")))
        if asked["type"]:
            rows = rows.filter(type=asked["type"])
        if asked["authority"]:
            rows = rows.filter(pk__in=asked["authority"].acts.values("pk"))
        return rows


def acts(request: HttpRequest) -> HttpResponse:
    asked = ActFilter(request.GET, auto_id="filter-%s")
    rows = _with_counts(asked.leaves()).prefetch_related("roles__authority")
    context = {"form": asked, "page": Paginator(rows, ROWS).get_page(request.GET.get("page"))}
    return render(request, "registry/acts.html", context, status=200 if asked.is_valid() else 400)


def act(request: HttpRequest, key: str) -> HttpResponse:
    row = get_object_or_404(Act.objects.prefetch_related("roles__authority", "sources", hidden()), key=key)
    page = _restrictions(request, row.restrictions.public())
    return render(request, "registry/act.html", {"act": row, "page": page, "lines": _lines(page)})


def authorities(request: HttpRequest) -> HttpResponse:
    rows = Authority.objects.annotate(
        act_count=Count("acts", distinct=True), statement_count=Count("statements", distinct=True)
    )
    page = Paginator(sorted(rows, key=lambda one: (alphabetical(one.name), one.pk)), ROWS).get_page(
        request.GET.get("page")
    )
    return render(request, "registry/authorities.html", {"page": page})


def authority(request: HttpRequest, code: str) -> HttpResponse:
    row = get_object_or_404(Authority.objects.prefetch_related("predecessors", "successors", "sources"), code=code)
    page = _restrictions(request, row.restrictions.public())
    its_acts = row.acts.distinct()
    context = {
        "authority": row,
        "acts": _with_counts(its_acts)[:FIRST],
        "act_count": its_acts.count(),
        "events": row.events.all(),
        "statements": _statements(row.statements.all()),
        "page": page,
        "lines": _lines(page),
    }
    return render(request, "registry/authority.html", context)


def grounds(request: HttpRequest) -> HttpResponse:
    public = Count("restrictions", filter=Q(restrictions__public=True), distinct=True)
    rows = Ground.objects.annotate(restriction_count=public).order_by("-restriction_count", "code")
    return render(request, "registry/grounds.html", {"grounds": rows})


def events(request: HttpRequest) -> HttpResponse:
    page = Paginator(Event.objects.prefetch_related("regions"), ROWS).get_page(request.GET.get("page"))
    return render(request, "registry/events.html", {"page": page})


def event(request: HttpRequest, key: str) -> HttpResponse:
    everything = Event.objects.prefetch_related("authorities", "regions", "networks", "sources", hidden())
    row = get_object_or_404(everything.select_related("wave"), key=key)
    page = _restrictions(request, row.restrictions.public())
    about = Statement.objects.filter(Q(event=row) | Q(restriction__event=row))
    stretches = [offers.stretch(one) for one in row.intervals]
    context = {
        "event": row,
        "fact": offers.fact(row),
        "statements": _statements(about),
        "page": page,
        "lines": _lines(page),
        "stretches": stretches,
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
    language, ruleset = get_language() or "en", Ruleset.objects.current()
    rules = [
        PublishedRule(
            rule.id,
            str(Verdict.Value(rule.verdict).label),
            rule.mechanism if isinstance(rule.mechanism, str) else "",
            str(getattr(rule, f"sentence_{language}")).format(host="example.org"),
        )
        for rule in RULESETS.get(ruleset, RULES)
    ]
    context = {
        "rules": rules,
        "ruleset": ruleset,
        "floor": {
            "measurements": state.FLOOR_MEASUREMENTS,
            "runs": state.FLOOR_RUNS,
            "percent": state.MAJORITY_PERCENT,
            "hours": int(state.WINDOW.total_seconds()) // 3600,
            "periods": state.WINDOW_PERIODS,
            "sustained": state.SUSTAINED_MEASUREMENTS,
            "days": state.SUSTAINED_SPAN.days,
            "vantages": state.SUSTAINED_VANTAGES,
        },
    }
    return render(request, "registry/method.html", context)


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


def _lines(page: Iterable[Restriction]) -> list[Line]:
    rows = list(page)
    resources = {row.resource_id: row.resource for row in rows}
    found = status.of_many(list(resources.values()), at=timezone.now())
    situations = {one.resource.pk: one.situation for one in found}
    return [Line(row, situations[row.resource_id]) for row in rows]


def _restrictions(request: HttpRequest, rows: QuerySet[Restriction]) -> Page[Restriction]:
    ordered = rows.select_related("resource").order_by("resource__slug", "began", "id")
    return Paginator(ordered, ROWS).get_page(request.GET.get("page"))


def _statements(rows: QuerySet[Statement]) -> QuerySet[Statement]:
    """Newest first. One about a restriction that is not public is not public either."""
    shown = rows.exclude(restriction__public=False).order_by("-date", "-id")
    rows = shown.select_related("authority", "event", "source", "restriction__resource")
    return rows.prefetch_related(hidden("event__"))


def _with_counts(rows: QuerySet[Act]) -> QuerySet[Act]:
    resources = Count("restrictions__resource", filter=Q(restrictions__public=True), distinct=True)
    return rows.annotate(resource_count=resources).order_by("-date", "number", "id")


urlpatterns = [
    path("acts/", acts, name="acts"),
    path("acts/<slug:key>/", act, name="act"),
    path("authorities/", authorities, name="authorities"),
    path("authorities/<slug:code>/", authority, name="authority"),
    path("grounds/", grounds, name="grounds"),
    path("events/", events, name="events"),
    path("events/<slug:key>/", event, name="event"),
    path("method/", method, name="method"),
    path("data/", data, name="data"),
    path("source/", source, name="source"),
]
