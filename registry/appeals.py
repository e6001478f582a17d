"""The course of an act: what was decided, what was done against it, and what came of that, in order of time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db.models import Q, QuerySet
from django.db.models.expressions import RawSQL

from registry.dates import is_before
from registry.gathering import Tables, keep, together
from registry.models import Act, Appeal, Resource, Restriction

ENDS = 5  # restrictions of one act whose end is told

_Outcome = Appeal.Outcome
_WITHOUT_EFFECT = frozenset({_Outcome.RETURNED, _Outcome.WITHDRAWN})  # what was challenged is as it was
_OPEN = frozenset({_Outcome.PENDING, _Outcome.UNKNOWN})  # nobody knows when it was decided, if it was
_Steps = dict[int, tuple[Appeal, Appeal.Outcome]]  # each appeal by its id, with what it came to


@dataclass(frozen=True)
class Step:
    """One of the three is set: an act, an appeal with its outcome, or a restriction that ended."""

    date: str
    act: Act | None = None
    appeal: Appeal | None = None
    ended: Restriction | None = None

    @property
    def shown(self) -> bool:
        """May its note be shown? Not where it is about a resource that is not shown in full."""
        told: Any = self.act or self.appeal  # read `with_display`
        return told is None or not told.hidden


def reached(restrictions: Sequence[Restriction]) -> list[Appeal]:
    """The appeals that the courses of these restrictions are made of, in one query. Read them with their acts."""
    return made_of(together(**tables(restrictions)))


def tables(restrictions: Sequence[Restriction]) -> Tables:
    """What those appeals are made of, to be read together with something else."""
    return _tables({act.pk for row in restrictions for act in row.acts.all()}, [row.pk for row in restrictions])


def courses(restrictions: Sequence[Restriction], appeals: Sequence[Appeal]) -> dict[int, tuple[Step, ...]]:
    """The course of each restriction that has one, by its id. Read them `with_basis`, and the appeals they reach."""
    told = {row.pk: _course_of_restriction(row, appeals) for row in restrictions}
    return {pk: steps for pk, steps in told.items() if _is_course(steps)}


def course_of_act(act: Act) -> tuple[Step, ...]:
    """The course that an act is part of; empty where it stands alone. Read the act `with_display`."""
    restrictions, standing = Restriction.objects.standing(), Act.objects.standing().with_display()
    acts = {act.pk: act}
    if act.type == Act.Type.INTERIM_MEASURE:  # a decision follows it
        acts |= {row.pk: row for row in standing.filter(restrictions__in=restrictions.filter(acts=act)).distinct()}
    found = made_of(together(**_tables(acts, [])))
    for appeal in found:
        acts[appeal.act_id] = appeal.act
        if appeal.its_result:
            acts[appeal.its_result.pk] = appeal.its_result
    beside = restrictions.filter(acts__in=acts)
    interim = standing.filter(type=Act.Type.INTERIM_MEASURE, restrictions__in=beside)
    acts |= {row.pk: row for row in interim.distinct()}
    ended = beside.exclude(ended="").select_related("resource").distinct().order_by("ended", "id")
    steps = _in_order(acts.values(), found, ended[:ENDS])
    return steps if _is_course(steps) else ()


def _tables(acts: Collection[int], restrictions: Collection[int]) -> Tables:
    """The appeals against these acts, those that brought them about, and so on from what came of them."""
    if not acts and not restrictions:
        return {}
    linked = _linked(acts, restrictions)
    of_acts = Q(act__in=linked) | Q(result__in=linked)
    rows = Appeal.objects.standing().filter(of_acts | Q(restriction__in=restrictions))
    about = Restriction.objects.filter(appeals__in=rows).order_by()
    return {
        "appeals": (rows.with_display(), ("act", "result", "body", "restriction")),
        "resources_of_appeals": (Resource.objects.filter(pk__in=about.values("resource")), ()),
        "sources_of_appeals": (Appeal.sources.through.objects.filter(appeal__in=rows), ("source",)),
    }


def made_of(found: Mapping[str, Sequence[Any]]) -> list[Appeal]:
    """The appeals that these rows tell of, in order of time."""
    rows = list(found.get("appeals", ()))
    resources = {row.pk: row for row in found.get("resources_of_appeals", ())}
    sources = defaultdict(list)
    for link in found.get("sources_of_appeals", ()):
        sources[link.appeal_id].append(link.source)
    for one in rows:
        if one.restriction:
            one.restriction.resource = resources[one.restriction.resource_id]
        one.act.hidden = one.hidden
        keep(one, "sources", sorted(sources[one.pk], key=lambda source: (source.date, source.pk)))
    return sorted(rows, key=lambda one: (one.when == "", one.when, one.pk))


def _linked(acts: Collection[int], restrictions: Collection[int]) -> RawSQL:
    """The ids of these acts, and of those from which or to which appeals lead from them, over any number of steps."""
    standing = Appeal.objects.standing().order_by()
    with_result = standing.filter(result__withdrawn="")
    about = standing.filter(restriction__in=restrictions)
    starts = [Act.objects.filter(pk__in=acts).order_by().values_list("pk"), about.values_list("act")]
    starts.append(with_result.filter(restriction__in=restrictions).values_list("result"))
    steps = [with_result.values_list("act", "result"), with_result.values_list("result", "act")]
    begun, asked = _joined(" UNION ", starts)
    step, walked = _joined(" UNION ALL ", steps)
    return RawSQL(  # noqa: S611 (nothing but SQL that Django wrote is put into it)
        f"WITH RECURSIVE step (one, other) AS ({step}), reached (act) AS ("  # noqa: S608
        f"{begun} UNION SELECT step.other FROM step JOIN reached ON step.one = reached.act) SELECT act FROM reached",
        (*walked, *asked),
    )


def _joined(by: str, queries: Iterable[QuerySet[Any, Any]]) -> tuple[str, list[Any]]:
    """Those of the queries that can find anything, in SQL, and their parameters."""
    parts: list[str] = []
    parameters: list[Any] = []
    for query in queries:
        with suppress(EmptyResultSet):
            sql, its_own = query.query.sql_with_params()
            parts.append(sql)
            parameters += its_own
    return by.join(parts), parameters


def _course_of_restriction(row: Restriction, appeals: Iterable[Appeal]) -> tuple[Step, ...]:
    acts = {act.pk: act for act in row.acts.all()}
    mine: dict[int, Appeal] = {}
    grown = True
    while grown:
        grown = False
        for one in appeals:
            about = one.restriction_id == row.pk or (
                one.restriction_id is None and (one.act_id in acts or one.result_id in acts)
            )
            if about and one.pk not in mine:
                mine[one.pk] = one
                acts.setdefault(one.act_id, one.act)
                if one.its_result:
                    acts.setdefault(one.its_result.pk, one.its_result)
                grown = True
    return _in_order(acts.values(), mine.values(), [row] if row.ended else [])


def _in_order(acts: Iterable[Act], appeals: Iterable[Appeal], ended: Iterable[Restriction]) -> tuple[Step, ...]:
    """An act that an appeal brought about is told with the appeal. What has no date comes last."""
    appeals = list(appeals)
    brought_about = {one.result_id for one in appeals}
    steps = [Step(act.date, act=act) for act in acts if act.pk not in brought_about]
    steps += [Step(one.when, appeal=one) for one in appeals]
    steps += [Step(row.ended, ended=row) for row in ended]
    return tuple(sorted(steps, key=lambda step: (step.date == "", step.date)))


def _is_course(steps: Sequence[Step]) -> bool:
    """One act alone, or several side by side, lead nowhere."""
    acts = [step.act for step in steps if step.act]
    interim = any(act.type == Act.Type.INTERIM_MEASURE for act in acts) and len(acts) > 1
    return interim or any(step.appeal for step in steps)


# --- what of it still stands


def fallen(restrictions: Sequence[Restriction], appeals: Sequence[Appeal]) -> dict[int, tuple[Appeal, ...]]:
    """By its id, of each restriction whose acts were all reversed, the appeals that did it: one an act.

    Read the restrictions with their acts, and the appeals that they reach.

    Where it is not known which decision was the last, or another act may keep the restriction, it is not among them.
    """
    told: dict[int, tuple[Appeal, ...]] = {}
    for row in restrictions:
        about = [one for one in appeals if one.restriction_id in (None, row.pk)]
        acts = list(row.acts.all())
        gone = [act for act in acts if _came_to(act.pk, about) == _Outcome.REVERSED]
        # Of a course that ends with a reversal no step orders anything: neither what upheld it once, nor the reversal.
        over = {act.pk for act in gone} | {one.result_id for one in about if one.act_id in {act.pk for act in gone}}
        if gone and all(act.pk in over or _replaced(act, gone) for act in acts):
            told[row.pk] = tuple(_reversal(act, about) for act in gone)
    return told


def _replaced(act: Act, by: Iterable[Act]) -> bool:
    """An interim measure holds until the decision."""
    return act.type == Act.Type.INTERIM_MEASURE and any(
        one.type == Act.Type.COURT_DECISION and is_before(act.date, one.date) for one in by
    )


def _came_to(act: int, appeals: Collection[Appeal], above: frozenset[int] = frozenset()) -> Appeal.Outcome:
    """What became of an act in the end: it stands (`upheld`, also where nobody challenged it), is `reversed`, or
    `unknown`, where nobody can tell which word was the last."""
    if act in above:  # the appeals go round in a circle
        return _Outcome.UNKNOWN
    steps = _steps(act, appeals, above)
    if not steps:
        return _Outcome.UPHELD
    last = {outcome for _, outcome in _last(steps, appeals)}
    return last.pop() if last in ({_Outcome.UPHELD}, {_Outcome.REVERSED}) else _Outcome.UNKNOWN


def _reversal(act: Act, appeals: Collection[Appeal]) -> Appeal:
    """What reversed an act that came to be so; of several that end its course alike the one with the latest date."""
    last = [one for one, _ in _last(_steps(act.pk, appeals), appeals)]
    return max(last, key=lambda one: (one.decided, one.pk))


def _steps(act: int, appeals: Collection[Appeal], above: frozenset[int] = frozenset()) -> _Steps:
    """What has effect on an act."""
    steps: _Steps = {}
    for one in appeals:
        if one.act_id == act and one.outcome not in _WITHOUT_EFFECT:
            itself = _came_to(one.result_id, appeals, above | {act}) if one.result_id else _Outcome.UPHELD
            if itself != _Outcome.REVERSED:  # else its decision was undone in turn
                steps[one.pk] = (one, _Outcome(one.outcome) if itself == _Outcome.UPHELD else _Outcome.UNKNOWN)
    return steps


def _last(steps: _Steps, appeals: Collection[Appeal]) -> list[tuple[Appeal, Appeal.Outcome]]:
    """Those that none of the others is known to have followed."""
    chains = {pk: _ancestors(one, appeals) for pk, (one, _) in steps.items()}
    return [
        (one, outcome)
        for pk, (one, outcome) in steps.items()
        if not any(pk in chains[other] or _earlier(one, later) for other, (later, _) in steps.items())
    ]


def _ancestors(appeal: Appeal, appeals: Iterable[Appeal]) -> set[int]:
    previous = {one.pk: one.previous_id for one in appeals}
    found: set[int] = set()
    at = appeal.previous_id
    while at is not None and at not in found:
        found.add(at)
        at = previous.get(at)
    return found


def _earlier(one: Appeal, other: Appeal) -> bool:
    return one.outcome not in _OPEN and is_before(one.decided, other.decided)
