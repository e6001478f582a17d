"""The researchers' doors: read a query, ask the register, answer."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Prefetch, QuerySet, prefetch_related_objects
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.urls import Resolver404, resolve, reverse
from django.utils import timezone, translation
from django.utils.decorators import method_decorator
from django.views.decorators.http import conditional_page
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import NotAcceptable, NotFound, ValidationError
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from checks import judging
from checks.engine.names import BadName, Name, parse
from checks.models import AddressRange, Archive, Episode, Measurement, Network, Run, Target, Trouble, Vantage, Verdict
from registry import claims, clocks, discretion, log, problem_reports, requests, search, status, submissions, veil
from registry.api import filters, serializers, throttles
from registry.api.exports import CSVRenderer, JSONLinesRenderer
from registry.api.problems import MEDIA_TYPE, NoSuchName
from registry.models import (
    STATE_REGISTER,
    Act,
    Alarm,
    Appeal,
    Authority,
    Candidate,
    Category,
    Deadline,
    Document,
    Erratum,
    Event,
    FormerAddress,
    Holiday,
    InformationRequest,
    Listing,
    LogEntry,
    Notice,
    OfficialFigure,
    Resource,
    Restriction,
    Snapshot,
    Statement,
)
from registry.models.field_source import of_fields
from registry.models.log import SUBJECT
from registry.models.restriction import hidden
from registry.web import about

CHUNK = 500  # entries of the log read at once
FOUND_BY_TEXT = 10  # resources in the answer to a free name
LANGUAGES = ("en", "ru", "kk")

LANG = OpenApiParameter("lang", str, enum=LANGUAGES, description="Language of the sentences; English unless told.")


class Negotiation(DefaultContentNegotiation):
    """Says which formats there are where one is asked for that is none of them."""

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        try:
            return super().select_renderer(request, renderers, format_suffix)
        except (NotAcceptable, Http404) as error:
            choices = ", ".join(f"{one.format} ({one.media_type})" for one in renderers)
            raise NotAcceptable(f"There is no such format here. Ask for one of these: {choices}.") from error


class Schema(AutoSchema):
    """Says of every operation that its errors are problems."""

    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        operation = super().get_operation(*args, **kwargs)
        if operation:
            problem = self.resolve_serializer(serializers.Problem, "response").ref
            operation["responses"]["default"] = {
                "description": "An error, RFC 9457",
                "content": {MEDIA_TYPE: {"schema": problem}},
            }
        return operation


@method_decorator(conditional_page, name="dispatch")
class Door(APIView):
    """What all answers share: English unless `lang` asks otherwise, ETag, the mark of a demo, open to any page."""

    schema = Schema()
    throttle_classes: Sequence[type[BaseThrottle]] = [throttles.Reads]
    content_negotiation_class = Negotiation
    caching = "public, no-cache"  # keep it, but ask each time whether it is still so

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:
        translation.activate("en")
        return super().initialize_request(request, *args, **kwargs)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        response["Cache-Control"] = self.caching
        response["Access-Control-Allow-Origin"] = "*"
        if settings.DEMO:
            response["X-Tizilim-Imitated"] = "1"
        return response

    def language(self) -> str:
        lang = self.request.query_params.get("lang", "en")
        if lang not in LANGUAGES:
            raise ValidationError({"lang": f"Write one of {', '.join(LANGUAGES)}."})
        return str(lang)

    def get_serializer_context(self) -> dict[str, Any]:
        veiled = veil.of(self.request._request)
        return {"request": self.request, "view": self, "lang": self.language(), "veil": veiled}


class Echo(Door):
    """A control's clock, and the network it sees its caller come from."""

    caching = "no-store"

    @extend_schema(operation_id="echo", responses=serializers.EchoAnswer)
    def get(self, request: Request) -> Response:
        """What time it is, and your AS number as far as we know it: a probe compares both. Nothing is kept."""
        address = throttles.Reads().get_ident(request)
        try:
            held = AddressRange.objects.holding(address or "").first()
        except ValueError:  # a unix socket has no address
            held = None
        return Response({"time": time.time(), "asn": held.asn if held else None})


class Nothing(Door):
    """Any address that is none. One that only has a slash too many leads to the right one."""

    schema = None  # type: ignore[assignment]  # not in the schema

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        path = request.path.rstrip("/")
        if path != request.path and _leads_somewhere(path):
            query = request.META.get("QUERY_STRING", "")
            return HttpResponse(status=308, headers={"Location": f"{path}?{query}" if query else path})
        return super().dispatch(request, *args, **kwargs)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        raise NotFound


def _leads_somewhere(path: str) -> bool:
    try:
        return getattr(resolve(path).func, "cls", None) is not Nothing
    except Resolver404:
        return False


class Table(Door, mixins.RetrieveModelMixin, mixins.ListModelMixin, viewsets.GenericViewSet[Any]):
    """One table: pages of JSON, or the whole of what the filters leave as CSV or JSON lines."""

    filter_backends = [filters.StrictBackend]
    detail_class: type[Any] | None = None
    newest_first = False
    chunk = 500  # rows of an export read at once
    lookup_value_converter = "int"

    def get_serializer_class(self) -> type[Any]:
        wanted = self.detail_class if self.action == "retrieve" else None
        return wanted or super().get_serializer_class()

    def get_renderers(self) -> list[BaseRenderer]:
        kinds = [JSONRenderer, JSONLinesRenderer, CSVRenderer] if self.action == "list" else [JSONRenderer]
        return [kind() for kind in kinds]

    def get_throttles(self) -> list[BaseThrottle]:
        exported = self.action == "list" and self.request.accepted_renderer.format != "json"
        return [throttles.Exports()] if exported else super().get_throttles()

    def prepare(self, rows: list[Any]) -> list[Any]:
        """What the serializer is given for these rows."""
        return rows

    def get_object(self) -> Any:
        return self.prepare([super().get_object()])[0]

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Any:
        rows = self.filter_queryset(self.get_queryset())
        self.language()
        if request.accepted_renderer.format != "json":
            return self._stream(rows)
        page = self.prepare(self.paginate_queryset(rows) or [])
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    def _stream(self, rows: QuerySet[Any]) -> StreamingHttpResponse:
        renderer: Any = self.request.accepted_renderer  # one of the two that stream
        columns = list(self.get_serializer_class()().fields)
        return StreamingHttpResponse(
            renderer.lines(self._all(rows.order_by("pk")), columns),
            content_type=f"{renderer.media_type}; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="{self.basename}.{renderer.format}"'},
        )

    def _all(self, rows: QuerySet[Any]) -> Iterator[dict[str, Any]]:
        """Every row, a chunk at a time by id: no transaction stays open while a slow reader reads."""
        chunk = list(rows[: self.chunk])
        while chunk:
            yield from self.get_serializer(self.prepare(chunk), many=True).data
            chunk = list(rows.filter(pk__gt=chunk[-1].pk)[: self.chunk])


@extend_schema_view(list=extend_schema(parameters=[LANG]), retrieve=extend_schema(parameters=[LANG]))
class Resources(Table):
    """Resources, each with its status: what the record says crossed with what the networks do."""

    queryset = Resource.objects.all()
    serializer_class = serializers.ResourceRow
    detail_class = serializers.ResourceDetail
    filterset_class = filters.Resources

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """One that was merged leads to the one that it became."""
        if former := FormerAddress.objects.filter(number=kwargs["pk"]).first():
            there = reverse("resources-detail", args=[former.resource_id])
            query = request.META.get("QUERY_STRING", "")
            return Response(status=308, headers={"Location": f"{there}?{query}" if query else there})
        return super().retrieve(request, *args, **kwargs)

    def prepare(self, rows: list[Any]) -> list[Any]:
        found = status.of_many(rows, at=timezone.now())
        return _with_hidden(found) if self.action == "retrieve" else found


@extend_schema_view(list=extend_schema(parameters=[LANG]), retrieve=extend_schema(parameters=[LANG]))
class Alarms(Table):
    """Alarms: blocks that go beyond their order, or outlive it; those that were closed too.

    One that rests on a record which was withdrawn is left out.
    """

    queryset = Alarm.objects.standing().select_related("resource", "act")
    serializer_class = serializers.AlarmRow
    filterset_class = filters.Alarms


class Categories(Table):
    """Categories: what sites are about, and how much of their names the register shows."""

    queryset = Category.objects.all()
    serializer_class = serializers.CategoryRow
    filterset_class = filters.Categories


class Restrictions(Table):
    """Restrictions: one episode each of one resource being restricted. Conflicting sources are separate rows."""

    queryset = Restriction.objects.public().with_basis()
    serializer_class = serializers.RestrictionRow
    filterset_class = filters.Restrictions


class Acts(Table):
    """Acts: orders, submissions, court decisions, laws."""

    queryset = Act.objects.with_display().prefetch_related(
        "roles__authority", Prefetch("documents", Document.objects.standing()), "sources", of_fields(), hidden()
    )
    serializer_class = serializers.ActRow
    filterset_class = filters.Acts


class Documents(Table):
    """Documents: papers of acts and appeals, with the address and the hash of a copy."""

    queryset = (
        Document.objects.public()
        .with_display()
        .prefetch_related(
            "acts",
            hidden("acts__"),
            Prefetch("appeals", Appeal.objects.public().select_related("act", "restriction__resource")),
            hidden("appeals__act__"),
        )
    )
    serializer_class = serializers.DocumentRow
    filterset_class = filters.Documents


class Appeals(Table):
    """Appeals: what was done against an act, before whom, and what came of it."""

    queryset = (
        Appeal.objects.public()
        .with_display()
        .select_related("act", "previous", "body", "result", "restriction__resource")
        .prefetch_related(Prefetch("documents", Document.objects.standing()), "sources", hidden("act__"))
    )
    serializer_class = serializers.AppealRow
    filterset_class = filters.Appeals


class Authorities(Table):
    """Authorities under the names they had, with their predecessors."""

    queryset = Authority.objects.prefetch_related("predecessors", "sources")
    serializer_class = serializers.AuthorityRow
    filterset_class = filters.Authorities


class Statements(Table):
    """Statements: who admitted, denied or kept silent, and where that was read."""

    queryset = (
        Statement.objects.public()
        .select_related("authority", "event", "source", "restriction__resource")
        .prefetch_related(hidden("event__"))
    )
    serializer_class = serializers.StatementRow
    filterset_class = filters.Statements


class Notices(Table):
    """Notices: threats to block, and bans of use inside a body. None of them is a block."""

    queryset = Notice.objects.select_related("resource", "authority", "source")
    serializer_class = serializers.NoticeRow
    filterset_class = filters.Notices


class Figures(Table):
    """Official figures: numbers that officials gave, as claims, each with our own counts beside it."""

    queryset = OfficialFigure.objects.select_related("ground", "authority", "source")
    serializer_class = serializers.FigureRow
    filterset_class = filters.Figures

    def prepare(self, rows: list[Any]) -> list[Any]:
        ours = claims.own_counts(rows)
        for row in rows:
            row.ours = ours[row.pk]
        return rows


class Errata(Table):
    """Errata: what was wrong in the register, since when, and how it was put right."""

    queryset = Erratum.objects.all()
    serializer_class = serializers.ErratumRow
    filterset_class = filters.Errata

    def prepare(self, rows: list[Any]) -> list[Any]:
        hidden = discretion.of_subjects(row.subject for row in rows)
        for row in rows:
            row.hidden = hidden.get(row.subject, ())
        return rows


class Events(Table):
    """Events: shutdowns, interceptions and waves that hit networks rather than one resource."""

    queryset = Event.objects.prefetch_related("authorities", "regions", "networks", "sources", of_fields(), hidden())
    serializer_class = serializers.EventRow
    filterset_class = filters.Events


class Listings(Table):
    """Listings: entries of the state register, each version once. Listed is not the same as blocked."""

    queryset = Listing.objects.with_days().with_display().select_related("resource", "source")
    serializer_class = serializers.ListingRow
    filterset_class = filters.Listings


class Snapshots(Table):
    """Snapshots: the state register as it was on one day, with what it added, removed and changed."""

    queryset = Snapshot.objects.filter(list=STATE_REGISTER).select_related("source")
    serializer_class = serializers.SnapshotRow
    filterset_class = filters.Snapshots


class Requests(Table):
    """Information requests: what was asked of whom, when the reply is due by the law, and what came of it."""

    queryset = InformationRequest.objects.public().whole()
    serializer_class = serializers.RequestRow
    filterset_class = filters.Requests

    def prepare(self, rows: list[Any]) -> list[Any]:
        at = timezone.now()
        law = clocks.read(at=at)
        for row in rows:
            row.standing = requests.standing(row, law, at=at)
            for step in row.steps.all():
                step.request = row
        return rows


class Deadlines(Table):
    """Deadlines: how long the law gives for a step, by version of the law."""

    queryset = Deadline.objects.select_related("source")
    serializer_class = serializers.DeadlineRow
    filterset_class = filters.Deadlines


class Holidays(Table):
    """Days off, and days worked in their place, that our own table tells; the rest are those of the open library."""

    queryset = Holiday.objects.select_related("source")
    serializer_class = serializers.HolidayRow
    filterset_class = filters.Holidays


class Networks(Table):
    """Networks, by autonomous system."""

    queryset = Network.objects.all()
    serializer_class = serializers.NetworkRow
    filterset_class = filters.Networks


class Vantages(Table):
    """Vantages: the locations that measure. Neither addresses nor keys are published."""

    queryset = Vantage.objects.select_related("network").prefetch_related(
        Prefetch("troubles", Trouble.objects.running())
    )
    serializer_class = serializers.VantageRow
    filterset_class = filters.Vantages


class Runs(Table):
    """Runs: what a vantage was asked to visit at once, and what it proved about itself first; newest first."""

    queryset = Run.objects.published().select_related("vantage__network")
    serializer_class = serializers.RunRow
    filterset_class = filters.Runs
    newest_first = True


class Targets(Table):
    """Targets: the addresses that are visited. A withheld one is left out: a filter by host would name it."""

    queryset = serializers.with_display(Target.objects.prefetch_related("coverage"), "pk").filter(withheld=False)
    serializer_class = serializers.TargetRow
    filterset_class = filters.Targets


class Measurements(Table):
    """Measurements: facts only, newest first. The detail holds the whole record of the visit, and of its controls."""

    queryset = serializers.with_display(Measurement.objects.published().select_related("target", "network", "vantage"))
    serializer_class = serializers.MeasurementRow
    detail_class = serializers.MeasurementDetail
    filterset_class = filters.Measurements
    newest_first = True
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[Measurement]:
        rows: QuerySet[Measurement] = super().get_queryset()
        return rows.defer("document") if self.action == "list" else rows

    def _wanted(self) -> str:
        """Are records wanted with the rows, or in their place?"""
        whole = {"retrieve": "1", "ooni": "ooni"}.get(self.action)
        return whole or self.request.query_params.get("records", "")

    def get_serializer_class(self) -> type[Any]:
        wanted = {"1": serializers.MeasurementDetail, "ooni": serializers.MeasurementOfOONI}
        return wanted.get(self._wanted(), serializers.MeasurementRow)

    def prepare(self, rows: list[Any]) -> list[Any]:
        if self._wanted() == "1":
            controls = judging.controls_of(rows)
            for row in rows:
                row.controls_read = controls.get(row.pk, [])
            Measurement.complete([*rows, *(control for row in rows for control in row.controls_read)])
        if self._wanted() == "ooni":
            hosts = discretion.withheld_hosts()
            rows = [row for row in rows if not discretion.names_any(row.record, hosts)]
            Measurement.complete(rows)
        return rows

    def get_object(self) -> Any:
        """One that its table has let go is read from the archive."""
        try:
            return super().get_object()
        except Http404:
            return self.prepare(self._archived())[0]

    def _archived(self) -> list[Any]:
        """Raises Http404 where there is none."""
        if found := serializers.gone([self.kwargs["pk"]]):
            return list(found.values())
        raise Http404

    @extend_schema(operation_id="measurements_ooni", responses=OpenApiTypes.OBJECT)
    @action(detail=True, filterset_class=None, filter_backends=[])
    def ooni(self, request: Request, pk: UUID) -> Response:
        """One measurement of ours in OONI's data format (df-000); software and test are named as ours."""
        if unknown := sorted(set(request.query_params) - filters.EVERYWHERE):
            raise ValidationError(dict.fromkeys(unknown, "There is no such parameter."))
        row = filters.in_ooni_format(self.get_queryset()).filter(pk=pk).first()
        if row is None:
            [row] = self._archived()
        if row.withheld or row.domain_only or not self.prepare([row]):
            raise NotFound
        return Response(self.get_serializer(row).data)

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Any:
        if self._wanted():
            if request.accepted_renderer.format != JSONLinesRenderer.format:
                raise ValidationError({"records": "Records come as JSON lines only: add format=jsonl."})
            self.chunk = 50  # a record is some hundred times as large as a row
        return super().list(request, *args, **kwargs)


class Verdicts(Table):
    """Verdicts: what one measurement means under one rule of one ruleset, newest first."""

    queryset = serializers.with_display(Verdict.objects.published().select_related("target", "network", "vantage"))
    serializer_class = serializers.VerdictRow
    filterset_class = filters.Verdicts
    newest_first = True


class Episodes(Table):
    """Episodes: stretches of time in which a target on a network was in one state, newest first."""

    queryset = serializers.with_display(
        Episode.objects.select_related("target", "network", "dispute").defer("checkpoint")
    )
    serializer_class = serializers.EpisodeRow
    filterset_class = filters.Episodes
    newest_first = True


class Archives(Table):
    """Archives: months of measurements that are in a file, and the sums by which it was proved."""

    queryset = Archive.objects.all()
    serializer_class = serializers.ArchiveRow
    filterset_class = filters.Archives


@dataclass(frozen=True)
class _Answer:
    query: str
    name: Name | None = None
    error: BadName | None = None
    resources: Sequence[status.Status] = ()
    networks: Sequence[status.NetworkState] = ()

    @property
    def imitated(self) -> bool:
        return bool(settings.DEMO)


class LookUp(Door):
    """What the register knows of a name."""

    caching = "no-store"  # what somebody looked up is nobody's business

    @extend_schema(
        operation_id="lookup",
        parameters=[
            LANG,
            OpenApiParameter("q", str, required=True, description="A domain, a URL, an address or an app's name."),
        ],
        responses=serializers.Answer,
    )
    def get(self, request: Request) -> Response:
        """Look one name up: a domain, a URL, an address, or the free name of an app or a service."""
        return Response(
            serializers.Answer(_look_up(request.query_params.get("q", "")), context=self.get_serializer_context()).data
        )

    @extend_schema(
        operation_id="lookup_bulk",
        parameters=[LANG],
        request=serializers.BulkQuestion,
        responses=serializers.BulkAnswer,
    )
    def post(self, request: Request) -> Response:
        """Look up to a thousand domains, URLs or addresses up; the results stand in the order of `q`."""
        question = serializers.BulkQuestion(data=request.data)
        question.is_valid(raise_exception=True)
        answer = {"imitated": settings.DEMO, "results": _look_up_many(question.validated_data["q"])}
        return Response(serializers.BulkAnswer(answer, context=self.get_serializer_context()).data)


def _look_up(text: str) -> _Answer:
    try:
        found = search.look_up(text, at=timezone.now())
    except BadName as error:
        resources = search.find(text, limit=FOUND_BY_TEXT)
        if not resources:
            raise NoSuchName(error) from error
        return _Answer(text, resources=_with_hidden(status.of_many(resources, at=timezone.now())))
    return _Answer(text, found.name, resources=_with_hidden(found.resources), networks=found.target_networks)


def _with_hidden(statuses: Sequence[status.Status]) -> list[status.Status]:
    """Statuses whose acts know which of their resources are not shown in full."""
    prefetch_related_objects([act for one in statuses for act in one.acts], hidden())
    return list(statuses)


def _look_up_many(texts: Sequence[str]) -> list[_Answer]:
    read = [_read(text) for text in texts]
    names = list(dict.fromkeys(name for name in read if isinstance(name, Name)))
    found = {one.name: one for one in search.look_up_many(names, at=timezone.now())}
    _with_hidden([status for one in found.values() for status in one.resources])
    return [
        _Answer(text, error=name)
        if isinstance(name, BadName)
        else _Answer(text, name, resources=found[name].resources, networks=found[name].target_networks)
        for text, name in zip(texts, read, strict=True)
    ]


def _read(text: str) -> Name | BadName:
    try:
        return parse(text)
    except BadName as error:
        return error


class Reports(Door):
    """Reports by the public. No account; neither address nor browser is kept, and of the time only the day."""

    throttle_classes = [throttles.Reports]
    caching = "no-store"

    @extend_schema(
        operation_id="reports_create", request=serializers.NewReport, responses={201: serializers.NewReceipt}
    )
    def post(self, request: Request) -> Response:
        """Report a site that does not open. The receipt is shown once; an editor looks at every report."""
        report = serializers.NewReport(data=request.data)
        report.is_valid(raise_exception=True)
        fields = dict(report.validated_data)
        try:
            receipt = submissions.receive(fields.pop("name"), **fields, at=timezone.now())
        except BadName as error:
            raise NoSuchName(error) from error
        return Response(serializers.ReportState(receipt.report).data | {"receipt": receipt.code}, status=201)


class ReportByReceipt(Door):
    """What became of one report."""

    caching = "no-store"

    @extend_schema(operation_id="reports_retrieve", responses=serializers.ReportState)
    def get(self, request: Request, receipt: str) -> Response:
        """Follow a report by its receipt."""
        report = submissions.find(receipt)
        if report is None:
            raise Http404
        return Response(serializers.ReportState(report).data)


class Problems(Door):
    """What is wrong on a page, as readers see it. No account; of the time only the day is kept."""

    throttle_classes = [throttles.Reports]
    caching = "no-store"

    @extend_schema(
        operation_id="problems_create",
        request=serializers.NewProblem,
        responses={201: serializers.NewProblemReceipt},
    )
    def post(self, request: Request) -> Response:
        """Say what is wrong on a page. The receipt is shown once; an editor reads every problem report."""
        problem = serializers.NewProblem(data=request.data)
        problem.is_valid(raise_exception=True)
        fields = dict(problem.validated_data)
        address = fields.pop("about")
        found = about.read(address, request._request) if address else problem_reports.About()
        if found is None:
            raise ValidationError({"about": "There is no such page and no such record."})
        receipt = problem_reports.receive(found, **fields, at=timezone.now())
        return Response(serializers.ProblemState(receipt.problem).data | {"receipt": receipt.code}, status=201)


class ProblemByReceipt(Door):
    """What became of one problem report."""

    caching = "no-store"

    @extend_schema(operation_id="problems_retrieve", responses=serializers.ProblemState)
    def get(self, request: Request, receipt: str) -> Response:
        """Follow a problem report by its receipt."""
        problem = problem_reports.find(receipt)
        if problem is None:
            raise Http404
        return Response(serializers.ProblemState(problem).data)


class Log(Door):
    """The log of every public change."""

    renderer_classes = [JSONLinesRenderer]
    throttle_classes = [throttles.Exports]

    @extend_schema(
        operation_id="log",
        parameters=[
            OpenApiParameter("after", OpenApiTypes.INT, description="Only entries after this index."),
            OpenApiParameter("subject", description="Only entries of this record: restriction/12."),
        ],
        responses={(200, JSONLinesRenderer.media_type): serializers.LogLine},
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        """The log, one entry a line: `python -m registry.ledger verify FILE` checks it."""
        after = request.query_params.get("after", "0")
        if not (after.isascii() and after.isdigit() and len(after) <= 18):
            raise ValidationError({"after": "Write the index of an entry."})
        subject = request.query_params.get("subject")
        if subject is not None and not SUBJECT.fullmatch(subject):
            raise ValidationError({"subject": "Write a record as payloads name it, such as restriction/12."})
        rows = LogEntry.objects.filter(subject=subject) if subject else LogEntry.objects.all()
        lines = JSONLinesRenderer().lines(_log_entries(rows, int(after)), ["index", "payload", "leaf"])
        return StreamingHttpResponse(lines, content_type=f"{JSONLinesRenderer.media_type}; charset=utf-8")


def _log_entries(rows: QuerySet[LogEntry], after: int) -> Iterator[dict[str, Any]]:
    withheld = veil.read()
    while chunk := list(rows.filter(pk__gt=after).order_by("pk")[:CHUNK]):
        yield from log.told(chunk, withheld)
        after = chunk[-1].pk


class Stats(Door):
    """Counts of resources."""

    @extend_schema(operation_id="stats", responses=serializers.Stats)
    def get(self, request: Request) -> Response:
        """The table of record and evidence, in numbers of resources; fields without any are left out."""
        table = status.cross_table()
        cross = [one for row in table.rows for one in row.fields if one.count]
        waiting = Candidate.objects.filter(state=Candidate.State.NEW).count()
        counts = {
            "resources": table.total,
            "counted_at": table.counted_at,
            "candidates": waiting,
            "imitated": table.imitated,
            "cross": cross,
        }
        return Response(serializers.Stats(counts).data)
