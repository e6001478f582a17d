"""What people said, beside what others said, and beside what was counted or measured. It is quoted, and not judged."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Count, Q

from checks.models import State
from registry.dates import last_day
from registry.models import Act, Appeal, Event, OfficialFigure, Resource, Restriction, Statement
from registry.status import UNREACHABLE, Observed, Status

ADMITS, DENIES = Statement.Stance.ADMITS, Statement.Stance.DENIES
FAILING = frozenset({Observed.BLOCKED, Observed.THROTTLED})

Subject = tuple[str, int, str]  # what statements are about; those about one thing can contradict each other


@dataclass(frozen=True)
class Contradiction:
    """What was said of one thing on one side, and what was said or measured of it on the other."""

    event: Event | None
    resources: tuple[Resource, ...]
    admits: tuple[Statement, ...]
    denies: tuple[Statement, ...]
    both: tuple[str, ...]  # those who said the one and the other
    measured: tuple[Status, ...]  # of resources whose restriction is denied, and which do not open now
    reported: tuple[Restriction, ...]  # denied, though sources tell of a block outside the law


def contradictions(statements: Iterable[Statement], statuses: Mapping[int, Status]) -> list[Contradiction]:
    """Where one admits what another denies, one says both, or what is denied is measured or reported; newest first.

    `statuses` are of the resources, by id. Statements come with their restriction, its resource and event.
    """
    about: dict[Subject, list[Statement]] = defaultdict(list)
    for one in statements:
        if one.stance in (ADMITS, DENIES):
            about[subject(one)].append(one)
    found = [_contradiction(rows, statuses) for rows in about.values()]
    kept = [one for one in found if one.denies and (one.admits or one.measured or one.reported)]
    return sorted(kept, key=lambda one: max(row.date for row in (*one.admits, *one.denies)), reverse=True)


def subject(statement: Statement) -> Subject:
    """An event with its restrictions; or one restriction, with those that tell the same episode differently."""
    row = statement.restriction
    its_event = row.its_event if row else None
    event = statement.event_id or (its_event.pk if its_event else None)
    if row is None:
        return _subject(event, 0, 0, "")
    return _subject(event, row.pk, row.resource_id if row.conflicting else 0, row.began)


def _subject(event: int | None, restriction: int, conflicting: int, began: str | None) -> Subject:
    if event:
        return "event", event, ""
    if conflicting:
        return "resource", conflicting, (began or "")[:4]
    return "restriction", restriction, ""


def _contradiction(rows: Sequence[Statement], statuses: Mapping[int, Status]) -> Contradiction:
    ordered = sorted(rows, key=lambda row: (row.date, row.pk))
    admits = tuple(row for row in ordered if row.stance == ADMITS)
    denies = tuple(row for row in ordered if row.stance == DENIES)
    resources = {row.restriction.resource_id: row.restriction.resource for row in ordered if row.restriction}
    measured = {}
    for row in denies:
        status = statuses.get(row.restriction.resource_id) if row.restriction else None
        if status and status.observed in FAILING and row in status.current_denials:
            measured[status.resource.pk] = status
    event = next((row.event or (row.restriction.its_event if row.restriction else None) for row in ordered), None)
    both = {_speaker(row): row for row in admits}.keys() & {_speaker(row) for row in denies}
    speakers = dict.fromkeys(str(row.authority or row.speaker) for row in ordered if _speaker(row) in both)
    reported = {
        row.restriction.pk: row.restriction for row in denies if row.restriction and is_reported(row.restriction)
    }
    return Contradiction(
        event,
        tuple(resources.values()),
        admits,
        denies,
        tuple(speakers),
        tuple(measured.values()),
        tuple(reported.values()),
    )


def is_reported(row: Restriction) -> bool:
    """Sources tell what they saw, and an editor called it a block outside the law: who denies it contradicts them."""
    return row.kind == Restriction.Kind.PRODUCTION and bool(row.fact)


def _speaker(row: Statement) -> tuple[int, str]:
    return (row.authority_id, "") if row.authority_id else (0, row.speaker.casefold())


def contradicted() -> list[Subject]:
    """What may be contradicted, newest first: read from narrow columns, so that a page loads its own rows alone."""
    stances: dict[Subject, set[str]] = defaultdict(set)
    newest: dict[Subject, str] = defaultdict(str)
    opposed = set()  # by what is measured, or by what sources report
    failing = Statement.objects.standing().filter(
        stance=DENIES, restriction__resource__targets__cells__state__in=[*UNREACHABLE, State.THROTTLED]
    )
    reported = Statement.objects.standing().filter(
        ~Q(restriction__fact=""), stance=DENIES, restriction__kind=Restriction.Kind.PRODUCTION
    )
    opposed_ids = {pk for (pk,) in failing.order_by().values_list("pk").union(reported.order_by().values_list("pk"))}
    rows = Statement.objects.standing().filter(stance__in=(ADMITS, DENIES)).order_by()
    for pk, stance, date, event, restriction, events, withdrawn, conflicting, resource, began in rows.values_list(
        "pk", "stance", "date", "event", "restriction", "restriction__event", "restriction__event__withdrawn",
        "restriction__conflicting", "restriction__resource", "restriction__began",
    ):  # fmt: skip
        about = _subject(
            event or (None if withdrawn else events), restriction or 0, resource if conflicting else 0, began
        )
        stances[about].add(stance)
        newest[about] = max(newest[about], date)
        if pk in opposed_ids:
            opposed.add(about)
    found = [about for about, said in stances.items() if said == {ADMITS, DENIES} or about in opposed]
    return sorted(found, key=lambda about: (newest[about], about), reverse=True)


def statements_about(subjects: Collection[Subject]) -> list[Statement]:
    """Every admission and denial about these."""
    asked = Q(pk=None)
    for kind, pk, year in subjects:
        match kind:
            case "event":
                asked |= Q(event=pk) | Q(restriction__event=pk)
            case "resource":
                alone = Q(restriction__event=None) | ~Q(restriction__event__withdrawn="")
                asked |= alone & Q(
                    restriction__resource=pk, restriction__conflicting=True, restriction__began__startswith=year
                )
            case _:
                asked |= Q(restriction=pk)
    return list(Statement.objects.standing().with_basis().filter(asked, stance__in=(ADMITS, DENIES)))


@dataclass(frozen=True)
class OwnCount:
    """What the register holds for the time, the ground and the kind of an official figure."""

    resources: int
    urls: int  # of them, single pages
    acts: int


_COURT = (Act.Type.COURT_DECISION, Act.Type.INTERIM_MEASURE)
_ORDERS = (Act.Type.ORDER, Act.Type.SUBMISSION, Act.Type.KNB_DECISION)


def own_counts(figures: Sequence[OfficialFigure]) -> dict[int, OwnCount]:
    """Our own counts beside each figure, by its id, in two queries.

    Resources: with a public restriction that began in its time. Acts: of its time, but not those that decided appeals.
    """
    counts, acts = {}, {}
    for row in figures:
        asked = _in_time("began", row)
        if row.kind:
            asked &= Q(kind=row.kind)
        if row.ground_id:
            asked &= Q(pk__in=Restriction.grounds.through.objects.filter(ground=row.ground_id).values("restriction"))
        counts[f"r{row.pk}"] = Count("resource", distinct=True, filter=asked)
        counts[f"u{row.pk}"] = Count("resource", distinct=True, filter=asked & Q(resource__type=Resource.Type.URL))
        acts[f"a{row.pk}"] = Count("pk", distinct=True, filter=_acts_of(row))
    if not figures:
        return {}
    found = Restriction.objects.standing().order_by().aggregate(**counts)
    came_of_appeals = Appeal.objects.standing().exclude(result=None).values("result")
    deciding = Act.objects.standing().filter(type__in=(*_COURT, *_ORDERS)).exclude(pk__in=came_of_appeals)
    found |= deciding.order_by().aggregate(**acts)
    return {row.pk: OwnCount(found[f"r{row.pk}"], found[f"u{row.pk}"], found[f"a{row.pk}"]) for row in figures}


def _acts_of(row: OfficialFigure) -> Q:
    asked = _in_time("date", row)
    if row.kind:
        asked &= Q(type__in=_COURT if row.kind == Restriction.Kind.COURT else _ORDERS)
    if row.ground_id:
        basis = Restriction.objects.standing().filter(grounds=row.ground_id).order_by()
        asked &= Q(pk__in=basis.values("acts"))
    return asked


def _in_time(column: str, row: OfficialFigure) -> Q:
    """A known date in the figure's time, as exactly as both are known; where it has no time, whatever date."""
    asked = Q(**{f"{column}__gte": row.period_from}) if row.period_from else Q()
    if row.period_to:
        asked &= Q(**{f"{column}__gt": "", f"{column}__lt": _after(row.period_to)})
    elif row.period_from:
        asked &= ~Q(**{column: ""})
    return asked


def _after(text: str) -> str:
    """The next year, month or day: every date within `text` sorts before it."""
    return (last_day(text) + timedelta(days=1)).isoformat()[: len(text)]
