"""Which rows: one FilterSet a table. Parameters that nobody knows are refused, for a typo must not widen an answer."""

# mypy: allow-subclassing-any
from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import django_filters as filters
from django.core.exceptions import ValidationError as BadValue
from django.db.models import BigIntegerField, QuerySet
from django.utils import timezone
from django_filters.fields import IsoDateTimeField
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.views import APIView

from checks.models import Archive, Episode, Measurement, Network, Run, Target, Vantage, Verdict
from registry import status, veil
from registry.dates import check_partial_date, to_the_hour
from registry.models import (
    Act,
    Alarm,
    Appeal,
    Authority,
    Category,
    Deadline,
    Document,
    Erratum,
    Event,
    Holiday,
    InformationRequest,
    Listing,
    Notice,
    OfficialFigure,
    Resource,
    Restriction,
    Snapshot,
    Statement,
)

EVERYWHERE = frozenset({"cursor", "limit", "format", "lang"})


class StrictBackend(DjangoFilterBackend):
    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: APIView) -> QuerySet[Any]:
        known = EVERYWHERE | set(self.get_filterset_class(view, queryset).base_filters)
        if unknown := sorted(set(request.query_params) - known):
            raise ValidationError(dict.fromkeys(unknown, "There is no such parameter."))
        rows: QuerySet[Any] = super().filter_queryset(request, queryset, view)
        return rows


def _code(field: str, help_text: str, *, many: bool = False) -> filters.CharFilter:
    return filters.CharFilter(field_name=field, label=help_text, distinct=many)


class _KeyFilter(filters.CharFilter):
    """A key that spells a withheld name finds nothing: else it would say that the guess was right."""

    def filter(self, rows: QuerySet[Any], value: str) -> QuerySet[Any]:
        if value and veil.of(self.parent.request._request).in_key(value):
            return rows.none()
        found: QuerySet[Any] = super().filter(rows, value)
        return found


def _key(field: str, help_text: str, *, many: bool = False) -> filters.CharFilter:
    return _KeyFilter(field_name=field, label=help_text, distinct=many)


def _number(field: str, help_text: str, *, many: bool = False) -> filters.NumberFilter:
    return filters.NumberFilter(
        field_name=field,
        label=help_text,
        distinct=many,
        min_value=0,
        max_value=BigIntegerField.MAX_BIGINT,
        decimal_places=0,
    )


def _network() -> filters.NumberFilter:
    return _number("network__asn", "Number of the autonomous system")


def _day(field: str, lookup: str) -> filters.CharFilter:
    """Dates of the record are texts of ISO 8601 with reduced precision, and sort as such."""
    word = "On or after" if lookup == "gte" else "Before"
    return filters.CharFilter(
        field_name=field,
        lookup_expr=lookup,
        label=f"{word} 2014-10-21, 2014-10 or 2014",
        validators=[check_partial_date],
    )


class _MomentField(IsoDateTimeField):
    def clean(self, value: Any) -> datetime | None:
        """In UTC: PostgreSQL takes no offset beyond 15:59, and Python no moment beyond the year 9999."""
        try:
            moment: datetime | None = super().clean(value)
            return moment and moment.astimezone(UTC)
        except (OverflowError, ValueError) as error:
            raise BadValue("There is no such moment.") from error


class _Moment(filters.IsoDateTimeFilter):
    field_class = _MomentField


class _Hour(_Moment):
    """What is told to the hour is not found by the minute either."""

    def filter(self, qs: QuerySet[Any], value: datetime | None) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().filter(qs, value and to_the_hour(value))
        return rows


def _moment(field: str, lookup: str) -> filters.IsoDateTimeFilter:
    word = "At or after" if lookup == "gte" else "Before"
    return _Moment(field_name=field, lookup_expr=lookup, label=f"{word} this moment, ISO 8601")


def _standing(field: str, choices: list[tuple[str, Any]]) -> filters.ChoiceFilter:
    return filters.ChoiceFilter(
        field_name=f"standing__{field}", choices=choices, label="As last counted: `counted_at` of the statistics"
    )


class Resources(filters.FilterSet):
    situation = _standing("situation", status.Situation.choices)
    legal = _standing("legal", status.Legal.choices)
    listed = _standing("listed", status.Listed.choices)
    observed = _standing("observed", status.Observed.choices)

    host = filters.CharFilter(method="by_address", label="A-label host; a withheld name is not found by it")
    service = filters.ModelChoiceFilter(
        queryset=Resource.objects.all(), method="of_service", label="Id of the service that groups it; not if withheld"
    )
    slug = filters.CharFilter(method="by_address", label="As in a page's address; of names that are shown in full")

    class Meta:
        model = Resource
        fields = ["type", "category", "display", "condition", "host", "slug", "service"]

    def of_service(self, rows: QuerySet[Resource], name: str, value: Resource) -> QuerySet[Resource]:
        return rows.exclude(display=Resource.Display.WITHHELD).filter(service=value)

    def by_address(self, rows: QuerySet[Resource], name: str, value: str) -> QuerySet[Resource]:
        shown = rows.exclude(display=Resource.Display.WITHHELD)
        if name == "slug":
            shown = rows.filter(display=Resource.Display.FULL)
        return shown.filter(**{name: value})


class Withdrawable(filters.FilterSet):
    """Of tables whose rows can be withdrawn."""

    standing = filters.BooleanFilter(method="only_standing", label="Neither withdrawn nor about what was withdrawn")

    def only_standing(self, rows: QuerySet[Any], name: str, value: bool) -> QuerySet[Any]:
        standing = self._meta.model._default_manager.standing().values("pk")
        return rows.filter(pk__in=standing) if value else rows.exclude(pk__in=standing)


class Alarms(filters.FilterSet):
    act = _key("act__key", "Key of an act")
    open = filters.BooleanFilter(field_name="closed_on", lookup_expr="isnull", label="Still so")

    class Meta:
        model = Alarm
        fields = ["kind", "resource"]


class Categories(filters.FilterSet):
    class Meta:
        model = Category
        fields = ["code", "display"]


class Restrictions(Withdrawable):
    act = _key("acts__key", "Key of an act it rests on", many=True)
    authority = _code("authorities__code", "Code of an authority", many=True)
    ground = _code("grounds__code", "Code of a ground", many=True)
    event = _key("event__key", "Key of an event")
    began_after = _day("began", "gte")
    began_before = _day("began", "lt")
    in_force = filters.BooleanFilter(method="only_in_force", label="Not known to have ended by today")

    class Meta:
        model = Restriction
        fields = ["resource", "kind", "status", "confidence"]

    def only_in_force(self, rows: QuerySet[Restriction], name: str, value: bool) -> QuerySet[Restriction]:
        current = Restriction.objects.in_force(on=timezone.localdate()).values("pk")
        return rows.filter(pk__in=current) if value else rows.exclude(pk__in=current)


class Acts(Withdrawable):
    authority = _code("roles__authority__code", "Code of an authority that had a part in it", many=True)
    resource = _number("restrictions__resource", "Id of a resource", many=True)
    after = _day("date", "gte")
    before = _day("date", "lt")

    class Meta:
        model = Act
        fields = ["type", "number", "confidence"]


class Documents(Withdrawable):
    act = _key("acts__key", "Key of an act", many=True)
    appeal = _key("appeals__key", "Key of an appeal", many=True)
    key = _key("key", "Its key")

    class Meta:
        model = Document
        fields = ["key", "language", "sha256"]


class Appeals(Withdrawable):
    act = _key("act__key", "Key of the act that is challenged")
    result = _key("result__key", "Key of the act that came of it")
    body = _code("body__code", "Code of the body that it is before")
    resource = _number("restriction__resource", "Id of the resource that it is about")
    after = _day("decided", "gte")
    before = _day("decided", "lt")

    class Meta:
        model = Appeal
        fields = ["stage", "outcome", "restriction", "confidence"]


class Authorities(Withdrawable):
    class Meta:
        model = Authority
        fields = ["code"]


class Archives(filters.FilterSet):
    class Meta:
        model = Archive
        fields = ["month"]


class Networks(filters.FilterSet):
    class Meta:
        model = Network
        fields = ["asn", "kind", "country"]


class Vantages(filters.FilterSet):
    network = _network()

    class Meta:
        model = Vantage
        fields = ["role", "state", "region", "source"]


class Runs(filters.FilterSet):
    network = _number("vantage__network__asn", "Number of an autonomous system")
    vantage = _code("vantage__name", "Name of a vantage")
    after = _Hour(field_name="recorded_at", lookup_expr="gte", label="In or after the hour of this moment, ISO 8601")
    before = _Hour(field_name="recorded_at", lookup_expr="lt", label="Before the hour of this moment, ISO 8601")

    class Meta:
        model = Run
        fields: list[str] = []


class Targets(filters.FilterSet):
    resource = _number("coverage__resource", "Id of a resource", many=True)

    class Meta:
        model = Target
        fields = ["host", "category"]


class Measurements(filters.FilterSet):
    network = _network()
    vantage = _code("vantage__name", "Name of a vantage")
    source = filters.ChoiceFilter(
        field_name="vantage__source", choices=Vantage.Source.choices, label="Whose probe it was"
    )
    target = _number("target", "Id of a target")
    run = _number("run", "Id of a run")
    after = _moment("started_at", "gte")
    before = _moment("started_at", "lt")
    records = filters.ChoiceFilter(
        choices=[("1", "yes"), ("ooni", "in OONI's data format")],
        method="with_records",
        label="1: each row with its record and its controls, as in the detail. ooni: in the place of each row, our own "
        "measurement in OONI's data format. JSON lines only",
    )

    class Meta:
        model = Measurement
        fields = ["control", "failure"]

    def with_records(self, rows: QuerySet[Measurement], name: str, value: str) -> QuerySet[Measurement]:
        rows = rows.defer(None)
        return in_ooni_format(rows) if value == "ooni" else rows


def in_ooni_format(rows: QuerySet[Any]) -> QuerySet[Any]:
    """Those that may be shown whole. What came from OONI is at OONI, in its own words."""
    return rows.filter(vantage__source=Vantage.Source.OWN, withheld=False, domain_only=False)


class Verdicts(filters.FilterSet):
    network = _network()
    vantage = _code("vantage__name", "Name of a vantage")
    source = filters.ChoiceFilter(
        field_name="vantage__source", choices=Vantage.Source.choices, label="Whose probe it was"
    )
    target = _number("target", "Id of a target")
    after = _moment("at", "gte")
    before = _moment("at", "lt")

    class Meta:
        model = Verdict
        fields = ["verdict", "mechanism", "rule", "ruleset", "measurement"]


class Episodes(filters.FilterSet):
    network = _network()
    target = _number("target", "Id of a target")
    open = filters.BooleanFilter(field_name="ended_at", lookup_expr="isnull", label="Still so")
    disputed = filters.BooleanFilter(field_name="dispute", lookup_expr="isnull", exclude=True, label="Editors doubt it")
    after = _moment("began_at", "gte")
    before = _moment("began_at", "lt")

    class Meta:
        model = Episode
        fields = ["state", "mechanism", "change"]


class Listings(filters.FilterSet):
    snapshot_after = _day("snapshot", "gte")
    snapshot_before = _day("snapshot", "lt")
    added_in = _number("first", "Id of the snapshot that was the first to show it")
    gone_in = _number("gone", "Id of the snapshot in which it was gone, or had changed")
    listed = filters.BooleanFilter(method="only_current", label="Listed now, as far as is known")

    class Meta:
        model = Listing
        fields = ["resource", "register_id"]

    def only_current(self, rows: QuerySet[Listing], name: str, value: bool) -> QuerySet[Listing]:
        current = Listing.objects.current().values("pk")
        return rows.filter(pk__in=current) if value else rows.exclude(pk__in=current)


class Snapshots(filters.FilterSet):
    after = _day("taken_on", "gte")
    before = _day("taken_on", "lt")

    class Meta:
        model = Snapshot
        fields = ["sha256"]


class Statements(Withdrawable):
    event = _key("event__key", "Key of an event")
    authority = _code("authority__code", "Code of an authority")
    after = _day("date", "gte")
    before = _day("date", "lt")

    class Meta:
        model = Statement
        fields = ["restriction", "stance"]


class Notices(Withdrawable):
    authority = _code("authority__code", "Code of an authority")
    after = _day("date", "gte")
    before = _day("date", "lt")

    class Meta:
        model = Notice
        fields = ["type", "resource", "confidence"]


class Figures(Withdrawable):
    authority = _code("authority__code", "Code of an authority")
    ground = _code("ground__code", "Code of a ground")
    after = _day("period_to", "gte")
    before = _day("period_to", "lt")

    class Meta:
        model = OfficialFigure
        fields = ["unit", "qualifier", "kind"]


class Errata(Withdrawable):
    after = _day("righted_on", "gte")
    before = _day("righted_on", "lt")

    class Meta:
        model = Erratum
        fields = ["subject"]


class Requests(filters.FilterSet):
    authority = _code("authority__code", "Code of an authority")
    event = _key("event__key", "Key of an event")

    class Meta:
        model = InformationRequest
        fields = ["resource", "restriction", "asks", "procedure"]


class Deadlines(filters.FilterSet):
    class Meta:
        model = Deadline
        fields = ["procedure", "step", "unit", "unverified"]


class Holidays(filters.FilterSet):
    class Meta:
        model = Holiday
        fields = ["kind"]


class Events(Withdrawable):
    region = _code("regions__iso", "Region, ISO 3166-2", many=True)
    network = _number("networks__asn", "Number of the autonomous system", many=True)
    after = _day("began", "gte")
    before = _day("began", "lt")

    class Meta:
        model = Event
        fields = ["type"]
