"""What each table looks like to a researcher. Field names are the columns' names; docs/data.md says what they mean."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.db.models import Exists, OuterRef, Prefetch, QuerySet, Value, prefetch_related_objects
from django.db.models.functions import StrIndex, Substr
from django.utils import timezone, translation
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from checks import archived
from checks.engine.ooni import export
from checks.engine.records import Measurement as Record
from checks.health import Condition, condition_of
from checks.models import Archive, Episode, Measurement, Network, Plan, Run, State, Target, Trouble, Vantage, Verdict
from registry import alarms, claims, discretion, problem_reports, requests, status, submissions
from registry.dates import to_the_hour
from registry.models import (
    Act,
    ActRole,
    Alarm,
    Appeal,
    Authority,
    Category,
    Coverage,
    Deadline,
    Document,
    Erratum,
    Event,
    FieldSource,
    Holiday,
    InformationRequest,
    Listing,
    Notice,
    OfficialFigure,
    ProblemReport,
    Region,
    Report,
    RequestStep,
    Resource,
    Restriction,
    RestrictionRole,
    Snapshot,
    Source,
    Statement,
)
from registry.models.field_source import of_fields
from registry.models.resource import unicode_host
from registry.requests import PersonalData

ABOUT_LIMIT = 4000  # characters of an address of a page
BULK_LIMIT = 1000  # names in one look-up
LABELS = 4  # of a measured host that may stand before a withheld one
NAME_LIMIT = 4096  # characters; what is longer than a name may be is still told so by its own reason


class Problem(serializers.Serializer[Any]):
    """An error, RFC 9457."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    code = serializers.CharField(help_text="Stable; one of the codes on the reference page.")
    detail = serializers.CharField()
    reason = serializers.CharField(required=False, help_text="Of bad_name: why the name was refused.")
    errors = serializers.ListField(  # type: ignore[assignment]  # RFC 9457's word, not the serializer's own
        child=serializers.DictField(child=serializers.CharField()),
        required=False,
        help_text="Of invalid: field, code and message of each.",
    )


class KeyField(serializers.CharField):
    """A record's key; empty where it spells a withheld name. The door gives the `veil`."""

    def to_representation(self, value: Any) -> str:
        return _key(value, self.context)


class _KeyOf(serializers.SlugRelatedField[Any]):
    def to_representation(self, obj: Any) -> str:
        return _key(super().to_representation(obj), self.context)


def _key(key: str, context: Mapping[str, Any]) -> str:
    return "" if context["veil"].in_key(key) else key


class _StandingField(_KeyOf):
    """A row that was withdrawn is nobody's event, result or previous step any more."""

    def get_attribute(self, instance: Any) -> Any:
        found = super().get_attribute(instance)
        return None if getattr(found, "withdrawn", "") else found


WITHDRAWN = ["withdrawn", "withdrawn_on"]  # why, and when; null: it stands


def _by(column: str, *, allow_null: bool = False) -> Any:
    """The row that a foreign key points at, by this column."""
    field = _KeyOf if column == "key" else serializers.SlugRelatedField
    return field(slug_field=column, read_only=True, allow_null=allow_null)


def _all_by(column: str) -> Any:
    field = _KeyOf if column == "key" else serializers.SlugRelatedField
    return field(slug_field=column, many=True, read_only=True)


class SourceField(serializers.ModelSerializer[Source]):
    class Meta:
        model = Source
        fields = ["id", "url", "title", "date", "archive_url", "archived_on", "sha256"]


class FieldSourceField(serializers.ModelSerializer[FieldSource]):
    source = SourceField(read_only=True)  # type: ignore[assignment]  # the column, not the field's own `source`

    class Meta:
        model = FieldSource
        fields = ["field", "source"]


class ActRoleField(serializers.ModelSerializer[ActRole]):
    authority = _by("code")

    class Meta:
        model = ActRole
        fields = ["authority", "role"]


class ActRow(serializers.ModelSerializer[Act]):
    """Read it `with_display`: where that was forgotten, its words are not shown."""

    key = KeyField(read_only=True)
    scope_ordered = serializers.SerializerMethodField()
    text = serializers.SerializerMethodField(help_text="Null where it covers a resource that is not shown in full.")
    note = serializers.SerializerMethodField()
    roles = ActRoleField(many=True, read_only=True)
    documents = _all_by("key")
    sources = SourceField(many=True, read_only=True)
    field_sources = FieldSourceField(many=True, read_only=True)

    class Meta:
        model = Act
        fields = [
            "id", "key", "type", "number", "date", "scope_ordered", "text", "language", "note", "confidence", "roles",
            "documents", "sources", "field_sources", *WITHDRAWN,
        ]  # fmt: skip

    def get_scope_ordered(self, row: Any) -> str | None:
        return None if getattr(row, "hidden", True) else row.scope_ordered

    def get_text(self, row: Any) -> str | None:
        return None if getattr(row, "hidden", True) else row.text

    def get_note(self, row: Any) -> str | None:
        return None if getattr(row, "hidden", True) else row.note

    def to_representation(self, row: Any) -> dict[str, Any]:
        """The view gives each act its `unshown` too (registry.models.restriction.hidden)."""
        data: dict[str, Any] = super().to_representation(row)
        return _quiet(data, _unshown(row))


def _unshown(about: Any) -> list[Resource]:
    """What is not shown in full of what an act or an event is about."""
    return [one.resource for one in about.unshown]


def _quiet(data: dict[str, Any], resources: Iterable[Resource]) -> dict[str, Any]:
    """A row about all of these resources."""
    for one in resources:
        data = discretion.public(data, one)
    return data


class MarkRow(serializers.Serializer[Any]):
    """A rectangle, in fractions of the page as it is shown, from its top left."""

    page = serializers.IntegerField()
    left = serializers.FloatField()
    top = serializers.FloatField()
    right = serializers.FloatField()
    bottom = serializers.FloatField()


class DocumentRow(serializers.ModelSerializer[Document]):
    key = KeyField(read_only=True)
    url = serializers.SerializerMethodField(
        help_text="Null where it is of a resource that is not shown in full, where a copy of ours was withdrawn, and "
        "where it is hidden in an emergency."
    )
    redactions = MarkRow(many=True, read_only=True, help_text="What is blackened in a copy of ours.")
    acts = _all_by("key")
    appeals = _all_by("key")

    class Meta:
        model = Document
        fields = [
            "id", "key", "title", "language", "media_type", "size", "pages", "sha256", "url", "taken_on",
            "original_hash", "redactions", "acts", "appeals", *WITHDRAWN,
        ]  # fmt: skip

    def get_url(self, row: Any) -> str | None:
        return None if row.hidden or row.hidden_now else row.address or None

    def to_representation(self, row: Any) -> dict[str, Any]:
        data: dict[str, Any] = super().to_representation(row)
        appeals = list(row.appeals.all())
        about = [one for act in (*row.acts.all(), *(step.act for step in appeals)) for one in _unshown(act)]
        return _quiet(data, [*about, *(step.restriction.resource for step in appeals if step.restriction)])


class AppealRow(serializers.ModelSerializer[Appeal]):
    key = KeyField(read_only=True)
    act = _by("key")
    previous = _StandingField(slug_field="key", read_only=True, allow_null=True)
    body = _by("code", allow_null=True)
    result = _StandingField(slug_field="key", read_only=True, allow_null=True)
    note = serializers.SerializerMethodField(help_text="Null where it is of a resource that is not shown in full.")
    documents = _all_by("key")
    sources = SourceField(many=True, read_only=True)

    class Meta:
        model = Appeal
        fields = [
            "id", "key", "act", "restriction", "previous", "stage", "body", "filed", "decided", "outcome", "result",
            "note", "confidence", "documents", "sources", *WITHDRAWN,
        ]  # fmt: skip

    def get_note(self, row: Any) -> str | None:
        return None if row.hidden else row.note

    def to_representation(self, row: Any) -> dict[str, Any]:
        data: dict[str, Any] = super().to_representation(row)
        return _quiet(data, [*_unshown(row.act), *([row.restriction.resource] if row.restriction else [])])


class AuthorityRow(serializers.ModelSerializer[Authority]):
    predecessors = _all_by("code")
    sources = SourceField(many=True, read_only=True)

    class Meta:
        model = Authority
        fields = [
            "id", "code", "name_kk", "name_ru", "name_en", "role", "valid_from", "valid_to", "predecessors", "sources",
            *WITHDRAWN,
        ]  # fmt: skip


class StatementRow(serializers.ModelSerializer[Statement]):
    key = KeyField(read_only=True)
    authority = _by("code", allow_null=True)
    event = _by("key", allow_null=True)
    source = SourceField(read_only=True)  # type: ignore[assignment]  # the column, not the field's own `source`

    class Meta:
        model = Statement
        fields = [
            "id", "key", "restriction", "event", "authority", "speaker", "stance", "date", "words", "source",
            *WITHDRAWN,
        ]  # fmt: skip

    def to_representation(self, row: Any) -> dict[str, Any]:
        data = super().to_representation(row)
        if row.restriction:
            return discretion.public(data, row.restriction.resource)
        hushed: dict[str, Any] = discretion.hushed(data, _unshown(row.event))
        return hushed


class NoticeRow(serializers.ModelSerializer[Notice]):
    key = KeyField(read_only=True)
    about = serializers.SerializerMethodField(help_text="Null where the name is not shown in full.")
    authority = _by("code", allow_null=True)
    fact = serializers.SerializerMethodField()
    source = SourceField(read_only=True)  # type: ignore[assignment]  # the column, not the field's own `source`

    class Meta:
        model = Notice
        fields = [
            "id", "key", "type", "about", "resource", "authority", "speaker", "bound", "alternative", "date", "ended",
            "fact", "confidence", "source", *WITHDRAWN,
        ]  # fmt: skip

    def get_about(self, row: Notice) -> str | None:
        return row.about if _shown_in_full(row.resource) else None

    def get_fact(self, row: Notice) -> str | None:
        return row.fact if _shown_in_full(row.resource) else None

    def to_representation(self, row: Notice) -> dict[str, Any]:
        data: dict[str, Any] = super().to_representation(row)
        return discretion.public(data, row.resource) if row.resource else data


def _shown_in_full(resource: Resource | None) -> bool:
    return resource is None or resource.display == Resource.Display.FULL


class OwnCountField(serializers.Serializer[claims.OwnCount]):
    resources = serializers.IntegerField(help_text="With a public restriction that began in the time of the figure.")
    urls = serializers.IntegerField(help_text="Of them, single pages.")
    acts = serializers.IntegerField(help_text="Dated in that time; decisions on appeals left out.")


class FigureRow(serializers.ModelSerializer[OfficialFigure]):
    """The view gives each row our own counts as `ours`."""

    key = KeyField(read_only=True)
    ground = _by("code", allow_null=True)
    authority = _by("code", allow_null=True)
    source = SourceField(read_only=True)  # type: ignore[assignment]  # the column, not the field's own `source`
    ours = OwnCountField(read_only=True)

    class Meta:
        model = OfficialFigure
        fields = [
            "id", "key", "value", "qualifier", "unit", "counts_kk", "counts_ru", "counts_en", "period_from",
            "period_to", "ground", "kind", "authority", "speaker", "source", "ours", *WITHDRAWN,
        ]  # fmt: skip


class ErratumRow(serializers.ModelSerializer[Erratum]):
    """The view gives each row `hidden`: the resources not shown in full that its record is about."""

    class Meta:
        model = Erratum
        fields = [
            "id", "subject", "since", "righted_on", "wrong_kk", "wrong_ru", "wrong_en", "righted_kk", "righted_ru",
            "righted_en", "entry", *WITHDRAWN,
        ]  # fmt: skip

    def to_representation(self, row: Any) -> dict[str, Any]:
        return _quiet(super().to_representation(row), row.hidden)


class RestrictionRoleField(serializers.ModelSerializer[RestrictionRole]):
    authority = _by("code")

    class Meta:
        model = RestrictionRole
        fields = ["authority", "role"]


class RestrictionRow(serializers.ModelSerializer[Restriction]):
    roles = RestrictionRoleField(many=True, read_only=True)
    field_sources = FieldSourceField(many=True, read_only=True)
    acts = _all_by("key")
    authorities = serializers.SerializerMethodField(help_text="Codes, each once, whatever its part.")
    grounds = _all_by("code")
    regions = _all_by("iso")
    networks = _all_by("asn")
    event = _StandingField(slug_field="key", read_only=True, allow_null=True)
    sources = SourceField(many=True, read_only=True)

    class Meta:
        model = Restriction
        fields = [
            "id", "resource", "kind", "kind_reason", "status", "began", "began_not_later_than", "began_not_before",
            "ended", "ended_not_later_than", "ended_not_before", "acts", "authorities", "roles",
            "authority_as_written", "grounds", "regions", "networks", "networks_as_written", "scope_ordered",
            "scope_observed", "fact", "confidence", "conflicting", "event", "sources", "field_sources", *WITHDRAWN,
        ]  # fmt: skip

    def get_authorities(self, row: Restriction) -> list[str]:
        return list(dict.fromkeys(role.authority.code for role in row.roles.all()))

    def to_representation(self, row: Restriction) -> dict[str, Any]:
        return discretion.public(super().to_representation(row), row.resource)


class IntervalField(serializers.Serializer[Any]):
    not_before = serializers.DateTimeField(help_text="The last measurement before it began")
    began = serializers.DateTimeField(help_text="The first measurement that shows it")
    ended_not_before = serializers.DateTimeField(allow_null=True)
    ended = serializers.DateTimeField(allow_null=True, help_text="Null: no end was seen")


class EventRow(serializers.ModelSerializer[Event]):
    key = KeyField(read_only=True)
    intervals = IntervalField(many=True, read_only=True)
    authorities = _all_by("code")
    regions = _all_by("iso")
    networks = _all_by("asn")
    sources = SourceField(many=True, read_only=True)
    field_sources = FieldSourceField(many=True, read_only=True)

    class Meta:
        model = Event
        fields = [
            "id", "key", "type", "name_kk", "name_ru", "name_en", "began", "ended", "intervals", "fact",
            "authority_as_written", "authorities", "confidence", "regions", "networks", "sources", "field_sources",
            *WITHDRAWN,
        ]  # fmt: skip

    def to_representation(self, row: Any) -> dict[str, Any]:
        hushed: dict[str, Any] = discretion.hushed(super().to_representation(row), _unshown(row))
        return hushed


class ListingRow(serializers.ModelSerializer[Listing]):
    title = serializers.SerializerMethodField(help_text="What the register calls it; null where it is not shown.")
    address = serializers.SerializerMethodField(
        help_text="As the register writes it; only its domain, or null, where no more may be shown."
    )
    first_seen = serializers.CharField(source="snapshot", read_only=True)
    last_seen = serializers.CharField(read_only=True)
    gone = serializers.CharField(source="gone_on", read_only=True, help_text="Empty: the newest snapshot shows it")
    source = SourceField(read_only=True)  # type: ignore[assignment]  # the column, not the field's own `source`

    class Meta:
        model = Listing
        fields = [
            "id", "resource", "register_id", "title", "address", "category", "court", "act_ref", "act_date", "snapshot",
            "first_seen", "last_seen", "gone", "previous", "source",
        ]  # fmt: skip

    def get_title(self, row: Listing) -> str | None:
        return row.title if row.is_shown_in_full else None

    def get_address(self, row: Listing) -> str | None:
        return row.shown_address or None

    def to_representation(self, row: Listing) -> dict[str, Any]:
        data: dict[str, Any] = super().to_representation(row)
        return discretion.public(data, row.resource) if row.resource else data


class SnapshotRow(serializers.ModelSerializer[Snapshot]):
    entries = serializers.IntegerField(read_only=True)
    source = SourceField(read_only=True)  # type: ignore[assignment]  # the column, not the field's own `source`

    class Meta:
        model = Snapshot
        fields = [
            "id", "taken_on", "previous", "sha256", "size", "read", "entries", "added", "removed", "changed",
            "unchanged", "refused", "source",
        ]  # fmt: skip


class DeadlineRow(serializers.ModelSerializer[Deadline]):
    source = SourceField(read_only=True, allow_null=True)  # type: ignore[assignment]  # the column

    class Meta:
        model = Deadline
        fields = [
            "id", "key", "procedure", "step", "length", "unit", "starts_with", "article_kk", "article_ru", "article_en",
            "valid_from", "valid_from_not_later_than", "valid_to", "name_kk", "name_ru", "name_en", "confidence",
            "unverified", "note_kk", "note_ru", "note_en", "source",
        ]  # fmt: skip


class HolidayRow(serializers.ModelSerializer[Holiday]):
    source = SourceField(read_only=True)  # type: ignore[assignment]  # the column

    class Meta:
        model = Holiday
        fields = ["id", "date", "kind", "name_kk", "name_ru", "name_en", "source"]


class RequestStepField(serializers.ModelSerializer[RequestStep]):
    authority = _by("code", allow_null=True)
    source = SourceField(read_only=True, allow_null=True)  # type: ignore[assignment]  # the column

    class Meta:
        model = RequestStep
        fields = [
            "kind", "date", "until", "reply", "outcome", "authority", "note", "document_url", "document_sha256",
            "source",
        ]  # fmt: skip

    def to_representation(self, row: RequestStep) -> dict[str, Any]:
        """Words and documents about a resource that is not shown in full are left out."""
        told: dict[str, Any] = super().to_representation(row)
        hidden = {} if row.request.shown_in_full else {"note": "", "document_url": ""}
        return told | hidden


class RequestRow(serializers.ModelSerializer[InformationRequest]):
    """The view gives each row its `standing`."""

    key = KeyField(read_only=True)
    authority = _by("code", allow_null=True)
    event = _by("key", allow_null=True)
    text = serializers.SerializerMethodField(help_text="Null where its resource is not shown in full.")
    note = serializers.SerializerMethodField(help_text="Null where its resource is not shown in full.")
    state = serializers.ChoiceField(choices=requests.State.choices, source="standing.state")
    deadline = serializers.CharField(
        source="standing.deadline.key", default=None, allow_null=True, help_text="Key of the deadline it rests on"
    )
    due = serializers.DateField(
        source="standing.due.day",
        default=None,
        allow_null=True,
        help_text="Last day of the reply; null: not computable",
    )
    late = serializers.IntegerField(source="standing.late", help_text="Days overdue, or late when it was answered")
    late_in = serializers.CharField(source="standing.unit", help_text="working_day or day: what `late` counts")
    reply = serializers.CharField(source="standing.reply", help_text="Class of the reply")
    steps = RequestStepField(many=True, read_only=True)
    source = SourceField(read_only=True, allow_null=True)  # type: ignore[assignment]  # the column

    class Meta:
        model = InformationRequest
        fields = [
            "id", "key", "authority", "addressee", "resource", "restriction", "event", "asks", "procedure", "language",
            "number", "text", "note", "withdrawn", "state", "deadline", "due", "late", "late_in", "reply", "steps",
            "source",
        ]  # fmt: skip

    def to_representation(self, row: InformationRequest) -> dict[str, Any]:
        data: dict[str, Any] = super().to_representation(row)
        return discretion.public(data, row.about) if row.about else discretion.hushed(data, row.touches)

    def get_text(self, row: InformationRequest) -> str | None:
        return row.text if row.shown_in_full and not row.withdrawn else None

    def get_note(self, row: InformationRequest) -> str | None:
        return row.note if row.shown_in_full else None


class NetworkRow(serializers.ModelSerializer[Network]):
    class Meta:
        model = Network
        fields = ["id", "asn", "name", "brand", "kind", "country", "silent_since", "imitated"]


class ArchiveRow(serializers.ModelSerializer[Archive]):
    class Meta:
        model = Archive
        fields = ["id", "month", "rows", "bytes", "sha256", "proof", "written_at", "dropped_at"]


class VantageRow(serializers.ModelSerializer[Vantage]):
    """No address and no key: only which network, which region, and whether it works."""

    network = serializers.IntegerField(source="network.asn", read_only=True)
    seen_on = serializers.SerializerMethodField()
    health = serializers.SerializerMethodField()
    troubles = serializers.SerializerMethodField()
    imitated = serializers.BooleanField(source="network.imitated", read_only=True)

    class Meta:
        model = Vantage
        fields = [
            *("id", "name", "network", "region", "role", "state", "source", "seen_on", "health", "troubles", "imitated")
        ]

    @extend_schema_field(serializers.DateField(allow_null=True))
    def get_seen_on(self, row: Vantage) -> str | None:
        return row.seen_at.date().isoformat() if row.seen_at else None

    @extend_schema_field(
        serializers.ChoiceField(
            choices=Condition.choices, allow_null=True, help_text="Null: it is not asked to measure. Hourly."
        )
    )
    def get_health(self, row: Vantage) -> str | None:
        admitted = row.state == Vantage.State.ADMITTED
        return condition_of({one.kind for one in row.troubles.all()}).value if admitted else None

    @extend_schema_field(serializers.ListField(child=serializers.ChoiceField(choices=Trouble.Kind.choices)))
    def get_troubles(self, row: Vantage) -> list[str]:
        return sorted(one.kind for one in row.troubles.all())


class EchoAnswer(serializers.Serializer[Any]):
    time = serializers.FloatField(help_text="Seconds since 1970-01-01, UTC")
    asn = serializers.IntegerField(allow_null=True, help_text="Null where our address ranges do not hold the caller's")


class Hour(serializers.DateTimeField):
    def to_representation(self, value: datetime | str) -> str:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        hour: str = super().to_representation(to_the_hour(moment))
        return hour


class SelfTestField(serializers.Serializer[Any]):
    """What a vantage found out about itself; null where it was not tried, or nothing could be told."""

    started = Hour(help_text="To the hour")
    clock_offset = serializers.FloatField(allow_null=True, help_text="Seconds that its clock is ahead of the control's")
    must_allow = serializers.ListField(
        help_text="Pairs of a name that opens everywhere (empty: withheld), and whether it opened"
    )
    must_block = serializers.ListField(
        help_text="Pairs of a name known to be blocked (empty: withheld), and whether it opened"
    )
    captive_portal = serializers.BooleanField(allow_null=True, help_text="Somebody answers in the place of others.")
    invented_names = serializers.BooleanField(allow_null=True, help_text="Its resolver knows a name nobody can have.")
    ipv6 = serializers.BooleanField(allow_null=True)
    asn = serializers.IntegerField(allow_null=True, help_text="The network that the control sees it come from")
    failed = serializers.ListField(
        child=serializers.ChoiceField(choices=["clock", "must_allow", "captive_portal", "asn"]),
        help_text="Not empty: the vantage was silent for this run.",
    )
    suspect = serializers.BooleanField(help_text="A name known to be blocked opened.")
    lag = serializers.FloatField(allow_null=True, help_text="Seconds that its event loop came late, at worst")


class RunRow(serializers.ModelSerializer[Run]):
    vantage = serializers.CharField(source="vantage.name", read_only=True)
    network = serializers.IntegerField(source="vantage.network.asn", read_only=True)
    role = serializers.ChoiceField(source="vantage.role", choices=Vantage.Role.choices, read_only=True)
    targets = serializers.SerializerMethodField(help_text="How many addresses it was to visit")
    recorded_at = Hour(read_only=True, allow_null=True, help_text="To the hour")
    self_test = SelfTestField(read_only=True, allow_null=True)
    imitated = serializers.BooleanField(source="vantage.network.imitated", read_only=True)

    class Meta:
        model = Run
        fields = [
            "id",
            "round",
            "vantage",
            "network",
            "role",
            "attempt",
            "recorded_at",
            "targets",
            "self_test",
            "imitated",
        ]

    def get_targets(self, row: Run) -> int:
        return len(row.targets)

    def to_representation(self, row: Run) -> dict[str, Any]:
        data: dict[str, Any] = super().to_representation(row)
        for names in ("must_allow", "must_block"):
            if test := data["self_test"]:
                veil = self.context["veil"]
                test[names] = [["" if veil.spells(name) else name, opened] for name, opened in test[names]]
        return data


def with_display(rows: QuerySet[Any], target: str = "target") -> QuerySet[Any]:
    """Annotates what may be shown of each row's target.

    An address that the public reported and no editor has taken into the register is not shown either.
    """
    covering = Coverage.objects.filter(target=OuterRef(target))
    reported = Report.objects.filter(target=OuterRef(target))
    planned = Plan.targets.through.objects.filter(target=OuterRef(target))
    unreviewed = Exists(reported) & ~Exists(covering) & ~Exists(planned)
    # Any address of a withheld site, or below it, names it, whatever it was measured for.
    host = "host" if target == "pk" else f"{target}__host"
    above = {f"above_{number}": _above("above_" + str(number - 1) if number else host) for number in range(LABELS)}
    named = [OuterRef(one) for one in (host, *above)]
    site = Exists(Resource.objects.withheld_sites().filter(host__in=named))
    shown: QuerySet[Any] = rows.alias(**above).annotate(
        unreviewed=unreviewed,
        withheld=Exists(covering.filter(resource__display=Resource.Display.WITHHELD)) | site | unreviewed,
        domain_only=Exists(covering.filter(resource__display=Resource.Display.DOMAIN_ONLY)),
    )
    return shown


def gone(ids: Iterable[UUID]) -> dict[UUID, Any]:
    """Measurements that their table has let go, from wherever they are, annotated `with_display` like the others."""
    wanted = set(ids)
    stored = Measurement.objects.filter(pk__in=wanted).values_list("pk", flat=True)
    found = archived.find(wanted - set(stored))
    rows = found.values()
    targets = with_display(Target.objects.filter(pk__in={row.target_id for row in rows}), "pk").in_bulk()
    for row in rows:
        row.target = targets[row.target_id]
        for name in ("unreviewed", "withheld", "domain_only"):
            setattr(row, name, getattr(row.target, name))
    return found


def _above(host: str) -> Substr:
    """The host without its first label; one without a dot as it is."""
    return Substr(host, StrIndex(host, Value(".")) + 1)


def _shown(url: str, row: Any) -> str | None:
    if row.withheld:
        return None
    if row.domain_only:
        parts = urlsplit(url)
        return f"{parts.scheme}://{parts.netloc}/"
    return url


class TargetRow(serializers.ModelSerializer[Target]):
    url = serializers.SerializerMethodField(help_text="Null where the name is withheld.")
    resources = serializers.SerializerMethodField(help_text="Ids of the resources it stands for.")

    class Meta:
        model = Target
        fields = ["id", "url", "category", "resources"]

    def get_url(self, row: Target) -> str | None:
        return _shown(row.url, row)

    def get_resources(self, row: Target) -> list[int]:
        return [one.resource_id for one in row.coverage.all()]


class _Evidence(serializers.ModelSerializer[Any]):
    """Rows about one target on one network."""

    target = serializers.IntegerField(source="target_id", read_only=True)
    url = serializers.SerializerMethodField(help_text="Null where the name is withheld.")
    network = serializers.IntegerField(source="network.asn", read_only=True)

    def get_url(self, row: Any) -> str | None:
        return _shown(row.target.url, row)


class _Measured(_Evidence):
    """Of one vantage, ours or somebody else's."""

    vantage = serializers.CharField(source="vantage.name", read_only=True)
    source = serializers.ChoiceField(  # type: ignore[assignment]  # a field of this name, not where a field is from
        choices=Vantage.Source.choices,
        source="vantage.source",
        read_only=True,
        help_text="Whose probe it was; what is OONI's is under CC BY-NC-SA 4.0.",
    )


class MeasurementRow(_Measured):
    class Meta:
        model = Measurement
        fields = [
            "id", "target", "url", "network", "vantage", "source", "control", "run", "attempt", "started_at", "failure",
            "imitated",
        ]  # fmt: skip


class SettingField(serializers.Serializer[Any]):
    """What was known beside the records when an imported measurement was judged."""

    country = serializers.CharField(allow_null=True, help_text="Of the probe, ISO 3166")
    networks = serializers.DictField(child=serializers.IntegerField(), help_text="AS numbers of addresses")
    consistent = serializers.CharField(
        allow_null=True, help_text="The host whose addresses OONI found to be of one network with the control's"
    )
    lone_control = serializers.BooleanField(help_text="There is never more than one control.")


class MeasurementDetail(MeasurementRow):
    """The whole of it, as `python -m checks.verdict` takes it. The view gives each row its `controls_read`."""

    setting = serializers.SerializerMethodField(help_text="Of an imported measurement; null of our own.")

    record = serializers.SerializerMethodField(help_text="Every fact of the visit; null where the name is withheld.")
    controls = serializers.SerializerMethodField(
        help_text="The records of the controls that its newest verdict rests on; null where the name is withheld."
    )

    class Meta(MeasurementRow.Meta):
        fields = [*MeasurementRow.Meta.fields, "record", "controls", "setting"]

    def get_record(self, row: Any) -> dict[str, Any] | None:
        return None if row.withheld or row.domain_only or self._leads(row.record) else row.whole.as_json()

    def _leads(self, record: Record) -> bool:
        """Does the visit name a site that is withheld, as one that redirects there does?"""
        return discretion.names_any(record, self._hosts)

    @cached_property
    def _hosts(self) -> frozenset[str]:
        """Once for all rows of an answer."""
        return discretion.withheld_hosts()

    def get_controls(self, row: Any) -> list[dict[str, Any]] | None:
        if row.withheld or row.domain_only:
            return None
        if self._leads(row.record) or any(self._leads(control.record) for control in row.controls_read):
            return None
        return [control.whole.as_json() for control in row.controls_read]

    @extend_schema_field(SettingField(allow_null=True))
    def get_setting(self, row: Any) -> dict[str, Any] | None:
        setting = (row.origin or {}).get("setting")
        return None if row.withheld or row.domain_only or not setting else setting


class MeasurementOfOONI(serializers.BaseSerializer[Measurement]):
    """A measurement of ours as one document of OONI's data format."""

    fields: tuple[str, ...] = ()

    def to_representation(self, row: Measurement) -> dict[str, Any]:
        network = row.network
        return export(row.whole, asn=network.asn, network=network.name, country=network.country)


class VerdictRow(_Measured):
    notes = serializers.ListField(child=serializers.CharField(), read_only=True)
    controls = serializers.ListField(child=serializers.CharField(), read_only=True)

    class Meta:
        model = Verdict
        fields = [
            "id", "measurement", "target", "url", "network", "vantage", "source", "run", "at", "verdict", "mechanism",
            "rule", "ruleset", "confidence", "artefact", "confirmed", "notes", "controls", "fingerprints",
            "trust_store", "imitated",
        ]  # fmt: skip


class EpisodeRow(_Evidence):
    change = serializers.ChoiceField(
        choices=Episode.Change.choices, read_only=True, help_text="What its beginning was."
    )
    not_before = serializers.DateTimeField(
        read_only=True, allow_null=True, help_text="The last measurement before it that said otherwise."
    )
    began_at = serializers.DateTimeField(read_only=True, help_text="The first measurement that said so.")
    decided_at = serializers.DateTimeField(
        read_only=True, allow_null=True, help_text="The measurement at which the evidence was enough."
    )
    seen_at = serializers.DateTimeField(
        read_only=True, help_text="The last measurement that agreed: it did not end before."
    )
    ended_at = serializers.DateTimeField(
        read_only=True, allow_null=True, help_text="Where the next one began: it had ended by then. Null: it goes on."
    )
    disputed = serializers.SerializerMethodField(help_text="Why editors doubt it; null if they do not.")
    witnesses = serializers.ListField(child=serializers.CharField(), read_only=True)
    imitated = serializers.BooleanField(source="network.imitated", read_only=True)

    class Meta:
        model = Episode
        fields = [
            "id", "target", "url", "network", "state", "mechanism", "change", "not_before", "began_at", "decided_at",
            "seen_at", "ended_at", "disputed", "witnesses", "imitated",
        ]  # fmt: skip

    def get_disputed(self, row: Any) -> str | None:
        if row.withheld or row.domain_only:  # an editor's words may name it
            return str(_("not shown here: it would give the address away")) if status.disputed(row) else None
        return status.disputed(row) or None


class NetworkStateField(serializers.Serializer[status.NetworkState]):
    network = serializers.IntegerField(source="network.asn", help_text="Number of the autonomous system")
    name = serializers.CharField(source="network.name")
    state = serializers.ChoiceField(choices=State.choices)
    mechanism = serializers.CharField()
    since = serializers.DateTimeField(allow_null=True)
    since_at_least = serializers.BooleanField(help_text="Nobody saw it begin: it was so at least since then.")
    not_before = serializers.DateTimeField(
        allow_null=True, help_text="The last measurement before `since` that said otherwise."
    )
    episode = serializers.IntegerField(allow_null=True, help_text="Id of the episode that runs")
    disputed = serializers.CharField(allow_blank=True, help_text="Why editors doubt it; empty if they do not.")
    undecided = serializers.BooleanField(
        help_text="Two rounds agree on another state, for which the evidence is not enough yet."
    )
    measured_at = serializers.DateTimeField(allow_null=True)
    measurements = serializers.IntegerField()
    conclusive = serializers.IntegerField()
    runs = serializers.IntegerField()
    vantages = serializers.IntegerField()
    places = serializers.DictField(
        child=serializers.DictField(child=serializers.IntegerField()),
        help_text="Which vantage saw what: measurements by verdict, by its name",
    )
    split = serializers.BooleanField(
        help_text="The vantages disagree: one finds it blocked by itself, another finds it open."
    )
    verdicts = serializers.DictField(child=serializers.IntegerField(), help_text="Measurements by verdict")
    rules = serializers.DictField(child=serializers.IntegerField(), help_text="Measurements by the rule that decided")
    counted_from = serializers.DateTimeField(allow_null=True, help_text="What is counted began at or after this.")
    counted_until = serializers.DateTimeField(allow_null=True)
    usual = serializers.IntegerField(
        allow_null=True, help_text="Measurements that as long a time used to have; null: nobody can tell."
    )
    fewer = serializers.BooleanField(help_text="The last measurements are less than half of what is usual.")
    witnesses = serializers.ListField(child=serializers.CharField())
    partly = serializers.BooleanField(help_text="Another target of the resource is in another state.")
    imitated = serializers.BooleanField()


class CountsField(serializers.Serializer[status.Counts]):
    sufficient = serializers.IntegerField()
    blocked = serializers.IntegerField()
    likely = serializers.IntegerField()
    throttled = serializers.IntegerField()
    contradictory = serializers.IntegerField()
    down = serializers.IntegerField()
    accessible = serializers.IntegerField()
    insufficient = serializers.IntegerField()
    not_measured = serializers.IntegerField()


class ResourceRow(serializers.Serializer[status.Status]):
    """A resource with what is known of it now."""

    id = serializers.IntegerField(source="resource.pk")
    type = serializers.ChoiceField(choices=Resource.Type.choices, source="resource.type")
    name = serializers.SerializerMethodField(help_text="Null where the name is withheld.")
    display = serializers.ChoiceField(choices=Resource.Display.choices, source="resource.display")
    category = serializers.CharField(source="resource.category", help_text="Citizen Lab code")
    languages = serializers.ListField(
        child=serializers.CharField(), source="resource.languages", help_text="Of the site, ISO 639."
    )
    condition = serializers.ChoiceField(
        choices=Resource.Condition.choices,
        source="resource.condition",
        allow_blank=True,
        help_text="What became of the site itself; empty: nothing is known.",
    )
    condition_since = serializers.CharField(source="resource.condition_since", help_text="A partial date")
    service = serializers.SerializerMethodField(help_text="Id; null where one of the two is withheld.")
    sentence = serializers.SerializerMethodField(help_text="The answer, in the language of `lang`.")
    situation = serializers.ChoiceField(choices=status.Situation.choices)
    legal = serializers.ChoiceField(choices=status.Legal.choices)
    listed = serializers.ChoiceField(choices=status.Listed.choices, help_text="What the state register says.")
    listed_on = serializers.CharField(
        source="listing.on", allow_blank=True, help_text="In its snapshot of that day; of `was` the last that had it."
    )
    said = serializers.ChoiceField(choices=status.Said.choices, help_text="What those who should know say of it.")
    observed = serializers.ChoiceField(choices=status.Observed.choices)
    confidence = serializers.ChoiceField(choices=status.Sure.choices, help_text="How far the sentence may be relied on")
    confidence_reasons = serializers.SerializerMethodField(help_text="Why, in the language of `lang`.")
    would_change = serializers.SerializerMethodField(help_text="What would change it, in the language of `lang`.")
    since = serializers.DateTimeField(allow_null=True)
    since_at_least = serializers.BooleanField(help_text="Nobody saw it begin: it was so at least since then.")
    counts = CountsField()
    networks = NetworkStateField(many=True)
    imitated = serializers.BooleanField()

    def get_service(self, row: status.Status) -> int | None:
        """What a withheld service groups is withheld too (registry.displays)."""
        return None if row.resource.display == Resource.Display.WITHHELD else row.resource.service_id

    def get_name(self, row: status.Status) -> str | None:
        hidden = row.resource.display == Resource.Display.WITHHELD
        return None if hidden else row.resource.display_name

    def to_representation(self, row: status.Status) -> dict[str, Any]:
        data = super().to_representation(row)
        for state in data["networks"]:
            state["disputed"] = discretion.told(state["disputed"], [row.resource])
        return data

    def get_sentence(self, row: status.Status) -> str:
        with translation.override(self.context.get("lang", "en")):
            return row.sentence()

    def get_confidence_reasons(self, row: status.Status) -> list[str]:
        with translation.override(self.context.get("lang", "en")):
            return row.confidence_reasons()

    def get_would_change(self, row: status.Status) -> list[str]:
        with translation.override(self.context.get("lang", "en")):
            return row.would_change()


class ResourceDetail(ResourceRow):
    restrictions = RestrictionRow(many=True)
    acts = ActRow(many=True)
    statements = StatementRow(many=True)

    def to_representation(self, row: status.Status) -> dict[str, Any]:
        prefetch_related_objects(row.acts, "sources", Prefetch("documents", Document.objects.standing()), of_fields())
        shown: dict[str, Any] = super().to_representation(row)
        return shown


class CategoryRow(serializers.ModelSerializer[Category]):
    class Meta:
        model = Category
        fields = ["id", "code", "name_kk", "name_ru", "name_en", "display"]


class AlarmRow(serializers.ModelSerializer[Alarm]):
    act = _by("key", allow_null=True)
    networks = serializers.ListField(
        child=serializers.IntegerField(), read_only=True, help_text="Numbers of the networks where it is unreachable."
    )
    sentence = serializers.SerializerMethodField(help_text="In the language of `lang`.")

    class Meta:
        model = Alarm
        fields = [
            "id", "kind", "resource", "act", "pages", "networks", "measured", "since", "since_at_least", "sentence",
            "opened_on", "seen_on", "closed_on",
        ]  # fmt: skip

    def get_sentence(self, row: Alarm) -> str:
        with translation.override(self.context.get("lang", "en")):
            return alarms.sentence(row)


class NameField(serializers.Serializer[Any]):
    url = serializers.CharField()
    host = serializers.CharField()
    display_host = serializers.CharField()
    registrable = serializers.CharField(allow_null=True)
    kind = serializers.ChoiceField(choices=["domain", "url", "ip"])


class ReasonField(serializers.Serializer[Any]):
    code = serializers.CharField()
    message = serializers.CharField()


class Answer(serializers.Serializer[Any]):
    """What the register knows of one name. `networks` is what was measured of exactly this address."""

    query = serializers.CharField()
    name = NameField(allow_null=True)
    error = ReasonField(allow_null=True, help_text="Why this is no name; in a bulk look-up only.")
    resources = ResourceDetail(many=True)
    networks = NetworkStateField(many=True)
    imitated = serializers.BooleanField()


class BulkQuestion(serializers.Serializer[Any]):
    q = serializers.ListField(child=serializers.CharField(max_length=NAME_LIMIT), max_length=BULK_LIMIT, min_length=1)


class BulkAnswer(serializers.Serializer[Any]):
    imitated = serializers.BooleanField()
    results = Answer(many=True)


class NewReport(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=NAME_LIMIT, help_text="A domain or an address.")
    note = serializers.CharField(
        max_length=submissions.NOTE_LIMIT, required=False, allow_blank=True, default="", help_text="For the editors."
    )
    network = serializers.SlugRelatedField(
        slug_field="asn", queryset=Network.objects.all(), required=False, allow_null=True, default=None
    )
    region = serializers.SlugRelatedField(
        slug_field="iso", queryset=Region.objects.all(), required=False, allow_null=True, default=None
    )


class FirstCheck(serializers.Serializer[Verdict]):
    """One verdict on a reported name."""

    asn = serializers.IntegerField(source="network.asn")
    on = serializers.SerializerMethodField(help_text="The day; another reporter's minute is nobody's business.")
    verdict = serializers.ChoiceField(choices=Verdict.Value.choices)
    mechanism = serializers.CharField(allow_blank=True)
    rule = serializers.CharField()
    imitated = serializers.BooleanField()

    @extend_schema_field(serializers.DateField())
    def get_on(self, verdict: Verdict) -> str:
        return timezone.localdate(verdict.at).isoformat()


class ReportState(serializers.Serializer[Report]):
    name = serializers.SerializerMethodField(help_text="Null where the register withholds the name.")
    received_on = serializers.DateField()
    state = serializers.ChoiceField(choices=Report.State.choices)
    resource = serializers.IntegerField(source="resource_id", allow_null=True)
    first_check = serializers.SerializerMethodField()

    def get_name(self, report: Report) -> str | None:
        match discretion.of_report(report):
            case Resource.Display.WITHHELD:
                return None
            case Resource.Display.DOMAIN_ONLY:
                return unicode_host(report.target.host)
        return report.name

    @extend_schema_field(FirstCheck(many=True))
    def get_first_check(self, report: Report) -> list[dict[str, Any]]:
        """What the vantages that take unreviewed names have seen so far; empty until the first result is in."""
        verdicts = Verdict.objects.current().filter(target=report.target).select_related("network").order_by("at")
        return [dict(FirstCheck(verdict).data) for verdict in verdicts]


class NewReceipt(ReportState):
    receipt = serializers.CharField(help_text="Shown once and not kept: whoever has it can follow the report.")


class NewProblem(serializers.Serializer[Any]):
    about = serializers.CharField(
        max_length=ABOUT_LIMIT,
        required=False,
        allow_blank=True,
        default="",
        help_text="The address of a page of the site, or a record as the log names it: restriction/12.",
    )
    kind = serializers.ChoiceField(choices=ProblemReport.Kind.choices)
    text = serializers.CharField(max_length=problem_reports.TEXT_LIMIT, help_text="For the editors.")
    source_url = serializers.CharField(
        max_length=problem_reports.SOURCE_LIMIT,
        required=False,
        allow_blank=True,
        default="",
        validators=[problem_reports.SOURCE],
        help_text="Where it can be read.",
    )

    def validate_text(self, text: str) -> str:
        return _without_numbers(problem_reports.check_text, text)

    def validate_source_url(self, url: str) -> str:
        return _without_numbers(problem_reports.check_source, url)


def _without_numbers(check: Callable[[str], None], text: str) -> str:
    try:
        check(text)
    except PersonalData as refused:
        raise serializers.ValidationError(str(refused), code="personal") from refused
    except problem_reports.SaysNothing as refused:
        raise serializers.ValidationError(str(refused), code="blank") from refused
    return text


class ProblemState(serializers.ModelSerializer[ProblemReport]):
    about = serializers.SerializerMethodField(help_text="A record as the log names it, or the path of a page.")
    reply = serializers.SerializerMethodField(help_text="Of the editor; empty: none.")

    class Meta:
        model = ProblemReport
        fields = ["about", "kind", "received_on", "state", "reply", "decided_on"]

    def get_about(self, row: ProblemReport) -> str:
        return row.subject or row.page

    def get_reply(self, row: ProblemReport) -> str:
        return discretion.told(row.reply, discretion.of_subjects([row.subject]).get(row.subject, ()))


class NewProblemReceipt(ProblemState):
    receipt = serializers.CharField(help_text="Shown once and not kept: whoever has it can follow the report.")

    class Meta(ProblemState.Meta):
        fields = [*ProblemState.Meta.fields, "receipt"]


class LogLine(serializers.Serializer[Any]):
    index = serializers.IntegerField()
    payload = serializers.CharField(
        allow_null=True, help_text="Canonical JSON, RFC 8785; null where it would give an address away."
    )
    leaf = serializers.CharField(help_text="RFC 6962 leaf hash of the payload, hexadecimal.")


class CrossFieldRow(serializers.Serializer[status.CrossField]):
    legal = serializers.ChoiceField(choices=status.Legal.choices)
    listed = serializers.ChoiceField(choices=status.Listed.choices)
    observed = serializers.ChoiceField(choices=status.Observed.choices)
    situation = serializers.ChoiceField(choices=status.Situation.choices)
    count = serializers.IntegerField()


class Stats(serializers.Serializer[Any]):
    """How many resources stand where in the table of record and evidence."""

    resources = serializers.IntegerField()
    candidates = serializers.IntegerField(help_text="Names in lists that wait for an editor; which ones is not public.")
    counted_at = serializers.DateTimeField(allow_null=True, help_text="As of when; null: not counted yet.")
    imitated = serializers.BooleanField()
    cross = CrossFieldRow(many=True)
