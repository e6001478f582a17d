"""The pages of networks, the matrix, episodes and single measurements."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode, urlsplit
from uuid import UUID

from django import forms
from django.conf import settings
from django.core.paginator import Paginator
from django.db.models import Case, Exists, F, Max, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.functions import TruncHour
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import path
from django.utils import timezone
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _

from checks import archived
from checks.engine.records import Exchange, SelfTest
from checks.engine.records import Measurement as Record
from checks.engine.world import ISP
from checks.judging import together
from checks.models import Cell, Episode, Measurement, Network, Ruleset, Run, State, Target, Vantage, Verdict
from checks.verdict import facts
from checks.verdict.rules import BY_ID
from registry import discretion, search, status
from registry.api.serializers import gone, with_display
from registry.dates import to_the_hour
from registry.models import Confidence, Resource
from registry.models.resource import readable, unicode_host
from registry.web.names import ByName

ROWS = 50  # of a list on one page
EPISODES = 30  # their rows are long, and a page must stay small
TESTS = 10  # self-tests on a network's page
FIELDS = 200  # of the matrix on one page: its networks times its sites
EXPLORER = "https://explorer.ooni.org/measurement/"
FOUND = 500  # resources of the matrix that one text may find


def watched() -> QuerySet[Network]:
    """The access networks where somebody measures. Those of the lab count in a demo only."""
    return _access_networks().filter(Exists(Vantage.objects.watching().filter(network=OuterRef("pk"))))


def _access_networks() -> QuerySet[Network]:
    rows = Network.objects.filter(kind=Network.Kind.ACCESS)
    return rows if settings.DEMO else rows.filter(imitated=False)


@dataclass(frozen=True)
class Shown:
    """A row of evidence with what may be shown of its site: a name, and its page where that gives nothing away."""

    row: Any
    name: str
    resource: Resource | None
    full: bool  # the record may be shown as well


def _public(rows: QuerySet[Any]) -> QuerySet[Any]:
    """An address that only a stranger reported is not shown at all."""
    shown = with_display(rows).filter(unreviewed=False)
    return shown.select_related("target", "network").prefetch_related("target__coverage__resource")


def _shown(row: Any) -> Shown:
    covering = [one.resource for one in row.target.coverage.all()]
    if row.withheld:
        hidden = next((one for one in covering if one.display == Resource.Display.WITHHELD), None)
        name = hidden.display_name if hidden else gettext("name withheld")
        return Shown(row, name, hidden, full=False)
    if row.domain_only:
        limited = next(one for one in covering if one.display == Resource.Display.DOMAIN_ONLY)
        return Shown(row, unicode_host(row.target.host), limited, full=False)
    return Shown(row, _address(row.target), covering[0] if covering else None, full=True)


def _address(target: Target) -> str:
    """The address as people read it: a whole site by its name alone."""
    whole = target.url == f"https://{target.host}/"
    return unicode_host(target.host) if whole else readable(target.url)


class NetworkFilter(forms.Form):
    state = forms.ChoiceField(label=_("State"), choices=lambda: [("", _("any")), *State.choices], required=False)


class EpisodeFilter(NetworkFilter):
    network = forms.ModelChoiceField(
        Network.objects.none(), label=_("Network"), to_field_name="asn", empty_label=_("any"), required=False
    )
    change = forms.ChoiceField(
        label=_("What changed"), choices=lambda: [("", _("any")), *Episode.Change.choices], required=False
    )
    resource = forms.ModelChoiceField(Resource.objects.all(), widget=forms.HiddenInput, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        networks: Any = self.fields["network"]
        networks.queryset = watched()


class MatrixFilter(NetworkFilter):
    q = forms.CharField(label=_("Name"), max_length=200, required=False)
    field_order = ("q", "state")


def networks(request: HttpRequest) -> HttpResponse:
    # The newest by id: the last round that came home, without a look at all that ever did.
    recorded = Run.objects.filter(
        vantage__network=OuterRef("pk"),
        vantage__source=Vantage.Source.OWN,
        recorded_at__isnull=False,
        round__plan__isnull=False,
    ).order_by("-pk")
    rows = (
        watched()
        .annotate(
            seen_at=Max("vantages__seen_at", filter=Q(vantages__role=Vantage.Role.ACCESS)),
            last_round=TruncHour(Subquery(recorded.values("recorded_at")[:1])),
        )
        .order_by("asn")
    )
    without = _access_networks().count() - len(rows)
    return render(request, "registry/networks.html", {"networks": rows, "without": without})


@dataclass(frozen=True)
class Tested:
    """What a vantage found out about itself before a run."""

    run: Run
    test: SelfTest

    @property
    def hour(self) -> datetime:
        return to_the_hour(self.run.recorded_at or self.run.due_at)

    @property
    def opened(self) -> int:
        return sum(opened for _, opened in self.test.must_allow)


def network(request: HttpRequest, asn: int) -> HttpResponse:
    row = get_object_or_404(Network, asn=asn)
    asked = NetworkFilter(request.GET, auto_id="filter-%s")
    cells = _public(Cell.objects.filter(network=row) if asked.is_valid() else Cell.objects.none())
    wanted = asked.cleaned_data["state"] if asked.is_valid() else ""
    if wanted and row.silent_since:  # then no state is known, whatever was measured last
        cells = cells if wanted == State.INSUFFICIENT else cells.none()
    elif wanted:
        cells = cells.filter(state=wanted)
    letters = Case(When(withheld=True, then=Value("")), default=F("target__host"))  # its place would tell them
    page = Paginator(cells.order_by("withheld", letters, "target_id"), ROWS).get_page(request.GET.get("page"))
    vantages = row.vantages.filter(role=Vantage.Role.ACCESS, state=Vantage.State.ADMITTED)
    tested = Run.objects.published().filter(vantage__network=row, self_test__isnull=False).select_related("vantage")
    context = {
        "network": row,
        "form": asked,
        "page": page,
        "lines": [_shown(cell) for cell in page],
        "vantages": vantages,
        "imported": row.vantages.filter(role=Vantage.Role.ACCESS, state=Vantage.State.IMPORTED).exists(),
        "tests": sorted(
            (Tested(run, SelfTest.from_json(run.self_test or {})) for run in tested.order_by("-pk")[:TESTS]),
            key=lambda one: one.run.recorded_at or one.run.due_at,
            reverse=True,
        ),
    }
    return render(request, "registry/network.html", context, status=200 if asked.is_valid() else 400)


@dataclass(frozen=True)
class MatrixRow:
    resource: Resource
    fields: tuple[status.NetworkState | None, ...]  # one a network, in their order; None is "not measured"


def matrix(request: HttpRequest) -> HttpResponse:
    asked = MatrixFilter(request.GET, auto_id="filter-%s")
    columns = list(watched())
    rows = _measured(**asked.cleaned_data) if asked.is_valid() else []
    sites = min(ROWS, max(10, FIELDS // max(1, len(columns))))
    page = Paginator(rows, sites).get_page(request.GET.get("page"))
    found = status.of_many(list(page.object_list), at=timezone.now())
    context = {
        "form": asked,
        "page": page,
        "networks": columns,
        "rows": [_across(one, columns) for one in found],
        "states": list(State),
    }
    return render(request, "registry/matrix.html", context, status=200 if asked.is_valid() else 400)


def _measured(q: str = "", state: str = "") -> ByName | list[Resource]:
    """Resources that some network was asked about."""
    measured = Resource.objects.filter(pk__in=status.in_state(state))
    if not q:
        return ByName(measured)
    found = search.find(q, limit=FOUND)
    among = set(measured.filter(pk__in=[one.pk for one in found]).values_list("pk", flat=True))
    return [one for one in found if one.pk in among]


def _across(one: status.Status, columns: Iterable[Network]) -> MatrixRow:
    states = {state.network.pk: state for state in one.networks}
    return MatrixRow(one.resource, tuple(states.get(network.pk) for network in columns))


def episodes(request: HttpRequest) -> HttpResponse:
    asked = EpisodeFilter(request.GET, auto_id="filter-%s")
    rows = Episode.objects.none()
    if asked.is_valid():
        rows = _public(_told_episodes()).filter(network__in=watched()).order_by("-began_at", "-id")
        if asked.cleaned_data["state"]:
            rows = rows.filter(state=asked.cleaned_data["state"])
        if asked.cleaned_data["change"]:
            rows = rows.filter(change=asked.cleaned_data["change"])
        if asked.cleaned_data["network"]:
            rows = rows.filter(network=asked.cleaned_data["network"])
        if asked.cleaned_data["resource"]:
            rows = rows.filter(target__coverage__resource=asked.cleaned_data["resource"])
    page = Paginator(rows, EPISODES).get_page(request.GET.get("page"))
    of = asked.cleaned_data.get("resource")
    context = {"form": asked, "page": page, "lines": [_shown(row) for row in page], "of": of}
    return render(request, "registry/episodes.html", context, status=200 if asked.is_valid() else 400)


def _told_episodes() -> QuerySet[Episode]:
    return Episode.objects.select_related("dispute").defer("checkpoint")


def public_episodes() -> QuerySet[Any]:
    """Those that have a page."""
    return _public(_told_episodes()).filter(network__in=_access_networks())


def episode(request: HttpRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(public_episodes(), pk=pk)
    context = {"episode": row, "shown": _shown(row), "disputed": status.disputed(row)}
    return render(request, "registry/episode.html", context)


@dataclass(frozen=True)
class Told:
    """A verdict with the sentence of its rule; "" where this version no longer knows the rule."""

    verdict: Verdict
    sentence: str

    @property
    def confidence(self) -> str:
        return str(Confidence(self.verdict.confidence).label)


def public_measurements() -> QuerySet[Any]:
    """Those that have a page."""
    return _public(Measurement.objects.published()).select_related("vantage", "run")


def public_measurement(pk: UUID) -> Any:
    """One of them, wherever it is kept. Raises Http404."""
    if row := public_measurements().filter(pk=pk).first():
        return row
    row = gone([pk]).get(pk)
    if row is None or row.unreviewed:
        raise Http404
    return row


def measurement(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = public_measurement(pk)
    shown = _shown(row)
    current = Ruleset.objects.current()
    verdicts = sorted(Verdict.objects.filter(measurement=row.pk), key=lambda one: (one.ruleset != current, one.ruleset))
    wanted = {UUID(one) for verdict in verdicts for one in verdict.controls}
    stored = Measurement.objects.select_related("vantage", "network", "run", "target")
    found = archived.wherever(wanted, stored)
    controls = [found[one] for one in sorted(found)]
    record = row.record
    if shown.full and discretion.names_any(record, discretion.withheld_hosts()):  # it led there
        shown = replace(shown, full=False)
    origin = row.origin or {}
    name_of = _names(record, controls) if shown.full else lambda verdict: shown.name
    context = {
        "measurement": row,
        "shown": shown,
        "record": record if shown.full else None,
        "exchanges": [(one, _from_elsewhere(one, record)) for one in record.exchanges] if shown.full else [],
        "told": [Told(one, _sentence(one, name_of(one))) for one in verdicts],
        "controls": controls,
        "cell": Cell.objects.filter(target=row.target_id, network=row.network_id).defer("checkpoint").first(),
        "current": current,
        "theirs": f"{EXPLORER}{quote(origin['report'])}?{urlencode({'input': origin['input']})}"
        if shown.full and origin.get("report")
        else "",
    }
    return render(request, "registry/measurement.html", context)


def _names(record: Record, controls: Iterable[Measurement]) -> Callable[[Verdict], str]:
    """Of each verdict, the host that it is about: after a redirect that need not be the one asked for."""
    found = {str(one.pk): one for one in controls}

    def host(verdict: Verdict) -> str:
        drawn = facts.of(record, together(found[one] for one in verdict.controls if one in found))
        return unicode_host(drawn.hop_host)

    return host


def _from_elsewhere(exchange: Exchange, record: Record) -> bool:
    """Did a page come from an address that other resolvers gave, and the network's own did not?"""
    host = urlsplit(exchange.url).hostname
    asked = [query for query in record.queries if query.name.rstrip(".").lower() == host]
    own = [query for query in asked if query.role == ISP]
    by_others = {address for query in asked if query.role != ISP for address in query.addresses}
    by_own = {address for query in own for address in query.addresses}
    return bool(own) and exchange.failure is None and exchange.address in by_others - by_own


def _sentence(verdict: Verdict, host: str) -> str:
    rule = BY_ID.get(verdict.rule)
    if rule is None:
        return gettext("This version of the software no longer knows the rule.")
    return str(getattr(rule, f"sentence_{get_language() or 'en'}")).format(host=host)


urlpatterns = [
    path("networks/", networks, name="networks"),
    path("networks/<int:asn>/", network, name="network"),
    path("matrix/", matrix, name="matrix"),
    path("episodes/", episodes, name="episodes"),
    path("episodes/<int:pk>/", episode, name="episode"),
    path("measurements/<uuid:pk>/", measurement, name="measurement"),
]
