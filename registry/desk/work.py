"""What waits at the desk: one class for each kind of work. Another kind is another class, and its place in `KINDS`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from django.db import models
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.text import Truncator, capfirst
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from checks.models import Trouble
from registry import alarms, dates, labels
from registry.labels import Records, Reference
from registry.models import Alarm, Candidate, Hiding, ProblemReport, Proposal, Report
from registry.models.problem import urgency
from registry.models.proposal import ANY
from registry.models.resource import readable
from registry.proposals import OF_MANY

Words = str | Promise
# Fields that name a record, the one that says most first.
NAMING = ("title", "key", "number", "name", "code", "resource", "country", "act", "quote", "url")


class Told(NamedTuple):
    """One piece of work, in one line."""

    row: Any
    what: str
    since: str
    state: str


class Work:
    """`name` stands in addresses; `states` are what may be asked for, the first of them what waits."""

    name: str
    title: Words
    none: Words  # where nothing waits
    table: type[models.Model]
    states: Sequence[tuple[str, Words]]
    searched: tuple[str, ...]  # columns in which a text is looked for
    by_name = "pk"
    first: tuple[Any, ...] = ("pk",)  # in which order they are worked off

    @property
    def one(self) -> str:
        """The name of its table, and of the page of one row."""
        return str(self.table._meta.model_name)

    def may_see(self, person: Any) -> bool:
        return bool(person.has_perm(f"registry.view_{self.one}") or self.may_decide(person))

    def may_decide(self, person: Any) -> bool:
        return bool(person.has_perm(f"registry.change_{self.one}"))

    def waits(self, row: Any) -> bool:
        """What does not is not claimed."""
        return bool(row.state in (Report.State.NEW, Proposal.State.WAITING))

    def rows(self) -> QuerySet[Any]:
        """With all that a line tells."""
        rows: QuerySet[Any] = self.table._default_manager.all()
        return rows

    def in_state(self, state: str, person: Any) -> QuerySet[Any]:
        return self.rows().filter(state=state) if state else self.rows()

    def with_text(self, rows: QuerySet[Any], text: str) -> QuerySet[Any]:
        found = Q()
        for column in self.searched:
            found |= Q(**{f"{column}__icontains": text})
        return rows.filter(found)

    def told(self, rows: Iterable[Any]) -> list[Told]:
        raise NotImplementedError


class Proposals(Work):
    name, title, none = "proposals", _("Proposals"), _("No proposal waits for you.")
    table = Proposal
    searched = ("content", "author__username")
    by_name = "record_type"
    states = (
        ("for_me", _("waiting for you")),
        *((one.value, one.label) for one in Proposal.State if one != Proposal.State.CARRYING),
    )

    def may_see(self, person: Any) -> bool:
        return True

    def may_decide(self, person: Any) -> bool:
        return bool(_changed_by(person) or _done_by(person))

    def rows(self) -> QuerySet[Any]:
        return Proposal.objects.select_related("author").defer("content")

    def in_state(self, state: str, person: Any) -> QuerySet[Any]:
        if state != "for_me":
            return super().in_state(state, person)
        own = Q(record_type__in=_changed_by(person)) | Q(operation__in=_done_by(person))
        waiting = self.rows().filter(own, state=Proposal.State.WAITING)
        return waiting.exclude(author=person).exclude(approvals__approver=person)

    def told(self, rows: Iterable[Any]) -> list[Told]:
        rows = list(rows)
        about = {row.pk: Reference(row.record_type, "pk", str(row.record_id or row.made_id or 0)) for row in rows}
        records = Records(one for one in about.values() if one.table in labels.TABLES)
        new = Proposal.objects.in_bulk([row.pk for row in rows if not records.get(about[row.pk])])

        def what(row: Proposal) -> str:
            record = records.get(about[row.pk])
            name = labels.called(record) if record else name_of_new(new[row.pk])
            table = labels.table(row.record_type) if row.record_type != ANY else ""
            return ": ".join(filter(None, (capfirst(row.get_operation_display()), table, name)))

        return [Told(row, what(row), _moment(row.proposed_at), row.get_state_display()) for row in rows]


def name_of_new(row: Proposal) -> str:
    """What that is called which no table of the record holds: the first of its fields by which one would know it."""
    fields = row.told["fields"]
    if row.operation == Proposal.Operation.ADMIT:
        return str(fields["name"])  # its key tells nobody which place it is
    if row.operation == Proposal.Operation.REVOKE:
        return str(fields["vantage"])
    name = next((one for one in NAMING if fields.get(one)), "")
    records = Records(labels.references(row.record_type, fields))
    return labels.value(row.record_type, name, fields[name], records) if name else ""


def _changed_by(person: Any) -> list[str]:
    """The tables that a person may propose changes of."""
    return [name for name in labels.TABLES if person.has_perm(f"registry.change_{name}")]


def _done_by(person: Any) -> list[str]:
    """The operations on more than one table that a person may propose."""
    return [one.value for one, permission in OF_MANY.items() if person.has_perm(permission)]


class Reports(Work):
    name, title, none = "reports", _("Reports"), _("No report waits for a decision.")
    table = Report
    searched = ("name",)
    by_name = "name"
    states = tuple((one.value, one.label) for one in Report.State)

    def told(self, rows: Iterable[Any]) -> list[Told]:
        return [Told(row, readable(row.name), _day(row.received_on), row.get_state_display()) for row in rows]


class Candidates(Work):
    name, title, none = "candidates", _("Candidates"), _("No candidate waits for a decision.")
    table = Candidate
    searched = ("url", "mentions__list")
    by_name = "url"
    states = tuple((one.value, one.label) for one in Candidate.State)

    def rows(self) -> QuerySet[Any]:
        return Candidate.objects.prefetch_related("mentions__first", "mentions__gone")

    def with_text(self, rows: QuerySet[Any], text: str) -> QuerySet[Any]:
        return super().with_text(rows, text).distinct()

    def told(self, rows: Iterable[Any]) -> list[Told]:
        return [Told(row, readable(row.url), _first_day(row), row.get_state_display()) for row in rows]


def _first_day(row: Candidate) -> str:
    return dates.shown(min((one.first.taken_on for one in row.mentions.all()), default=""))


class Alarms(Work):
    name, title, none = "alarms", _("Alarms"), _("No alarm is open.")
    table = Alarm
    searched = ("resource__search", "act__number")
    by_name = "resource__slug"
    states = (("open", pgettext_lazy("of alarms", "open")), ("closed", pgettext_lazy("of alarms", "closed")))

    def may_decide(self, person: Any) -> bool:
        """An alarm closes by itself: who may correct the record may take care of it."""
        return bool(person.has_perm("registry.change_restriction"))

    def waits(self, row: Any) -> bool:
        return row.closed_on is None

    def rows(self) -> QuerySet[Any]:
        return Alarm.objects.select_related("resource", "act")

    def in_state(self, state: str, person: Any) -> QuerySet[Any]:
        rows = self.rows()
        match state:
            case "open":
                return rows.filter(pk__in=Alarm.objects.standing().filter(closed_on=None))
            case "closed":
                return rows.exclude(closed_on=None)
        return rows

    def told(self, rows: Iterable[Any]) -> list[Told]:
        words = {value: str(label) for value, label in self.states}

        def told(row: Alarm) -> Told:
            what = f"{alarms.name(row)}: {row.get_kind_display()}"
            return Told(row, what, _day(row.opened_on), words["closed" if row.closed_on else "open"])

        return [told(row) for row in rows]


class Troubles(Work):
    """Alarms about probe locations. They end by themselves too."""

    name, title, none = "troubles", _("Alarms about places that measure"), _("Nothing is wrong with any of them.")
    table = Trouble
    searched = ("vantage__name", "vantage__network__name", "vantage__network__brand")
    by_name = "vantage__name"
    states = (("open", pgettext_lazy("of alarms", "open")), ("closed", pgettext_lazy("of alarms", "closed")))

    def may_see(self, person: Any) -> bool:
        return bool(person.has_perm("checks.view_vantage") or self.may_decide(person))

    def may_decide(self, person: Any) -> bool:
        return bool(person.has_perm(OF_MANY[Proposal.Operation.REVOKE]))

    def waits(self, row: Any) -> bool:
        return row.closed_at is None

    def rows(self) -> QuerySet[Any]:
        return Trouble.objects.select_related("vantage__network")

    def in_state(self, state: str, person: Any) -> QuerySet[Any]:
        return self.rows().filter(closed_at__isnull=state == "open") if state else self.rows()

    def told(self, rows: Iterable[Any]) -> list[Told]:
        words = {value: str(label) for value, label in self.states}
        return [
            Told(row, str(row), _moment(row.opened_at), words["closed" if row.closed_at else "open"]) for row in rows
        ]


class Problems(Work):
    name, title, none = "problems", _("Problem reports"), _("No problem report waits for a decision.")
    table = ProblemReport
    searched = ("text", "subject", "page")
    by_name = "kind"
    first = urgency()
    states = tuple((one.value, one.label) for one in ProblemReport.State)

    def told(self, rows: Iterable[Any]) -> list[Told]:
        rows = list(rows)
        about = {row.pk: Reference(row.subject.partition("/")[0], "pk", row.subject.partition("/")[2]) for row in rows}
        records = Records(one for one in about.values() if one.table in labels.TABLES)

        def what(row: ProblemReport) -> str:
            record = records.get(about[row.pk])
            name = f"{labels.table(about[row.pk].table)} {labels.called(record)}" if record else row.subject or row.page
            first = gettext("read first") if row.is_urgent else ""
            text = Truncator(row.text).chars(80)
            return capfirst(": ".join(filter(None, (first, row.get_kind_display(), name, text))))

        return [Told(row, what(row), _day(row.received_on), row.get_state_display()) for row in rows]


class Hidings(Work):
    """Nobody claims one: in an emergency whoever looks first decides."""

    name, title, none = "hidings", _("Hidden in an emergency"), _("Nothing that was hidden waits for you.")
    table = Hiding
    searched = ("words", "document__key", "by__username")
    by_name = "words"
    states = (("for_me", _("waiting for you")), ("hidden", _("hidden now")), ("shown", _("shown again")))

    def may_see(self, person: Any) -> bool:
        return bool(person.has_perm("registry.add_hiding"))

    def may_decide(self, person: Any) -> bool:
        return False

    def waits(self, row: Any) -> bool:
        return False

    def rows(self) -> QuerySet[Any]:
        return Hiding.objects.select_related("document", "by", "confirmed_by")

    def in_state(self, state: str, person: Any) -> QuerySet[Any]:
        if not state:
            return self.rows()
        now = Hiding.objects.in_force(timezone.now())
        if state == "shown":
            return self.rows().exclude(pk__in=now.values("pk"))
        if state == "for_me":
            to_lift = Q(lifting_by__isnull=False) & ~Q(lifting_by=person)
            now = now.filter(Q(confirmed_by=None) & ~Q(by=person) | to_lift)
        return self.rows().filter(pk__in=now.values("pk"))

    def told(self, rows: Iterable[Any]) -> list[Told]:
        at = timezone.now()
        return [
            Told(row, row.words or str(row.document or "–"), _moment(row.begun_at), hidden_until(row, at))
            for row in rows
        ]


def hidden_until(row: Hiding, at: datetime) -> str:
    if row.confirmed_by and not row.ended_at:
        return gettext("hidden until it is lifted")
    end = row.ended_at or row.until or at
    told = gettext("hidden until %(time)s") if end > at else gettext("shown again since %(time)s")
    return told % {"time": _moment(end)}


def _day(day: date) -> str:
    return date_format(day, "DATE_FORMAT")


def _moment(at: datetime) -> str:
    return date_format(timezone.localtime(at), "DATETIME_FORMAT")


KINDS: Mapping[str, Work] = {
    one.name: one for one in (Proposals(), Problems(), Reports(), Candidates(), Alarms(), Troubles(), Hidings())
}
