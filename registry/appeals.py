"""The course of an act: what was decided, what was done against it, and what came of that, in order of time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db.models import Q, QuerySet
from django.db.models.expressions import RawSQL

from registry.dates import is_before
from registry.gathering import keep, together
from registry.models import Act, Appeal, Resource, Restriction

ENDS = 5  # restrictions of one act whose end is told

_Outcome = Appeal.Outcome
_WITHOUT_EFFECT = frozenset({_Outcome.RETURNED, _Outcome.WITHDRAWN})  # what was challenged is as it was
_OPEN = frozenset({_Outcome.PENDING, _Outcome.UNKNOWN})  # nobody knows when it was decided, if it was


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
    return _reached({act.pk for row in restrictions for act in row.acts.all()}, [row.pk for row in restrictions])


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
    found = _reached(acts, [])
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


def _reached(acts: Collection[int], restrictions: Collection[int]) -> list[Appeal]:
    """The appeals against these acts, those that brought them about, and so on from what came of them."""
    if not acts and not restrictions:
        return []
    linked = _linked(acts, restrictions)
    of_acts = Q(act__in=linked) | Q(result__in=linked)
    rows = Appeal.objects.standing().filter(of_acts | Q(restriction__in=restrictions))
    about = Restriction.objects.filter(appeals__in=rows).order_by()
    found = together(
        appeals=(rows.with_display(), ("act", "result", "body", "restriction")),
        resources=(Resource.objects.filter(pk__in=about.values("resource")), ()),
        sources=(Appeal.sources.through.objects.filter(appeal__in=rows), ("source",)),
    )
    resources = {row.pk: row for row in found["resources"]}
    sources = defaultdict(list)
    for link in found["sources"]:
        sources[link.appeal_id].append(link.source)
    for one in found["appeals"]:
        if one.restriction:
            one.restriction.resource = resources[one.restriction.resource_id]
        one.act.hidden = one.hidden
        keep(one, "sources", sorted(sources[one.pk], key=lambda source: (source.date, source.pk)))
    return sorted(found["appeals"], key=lambda one: (one.when == "", one.when, one.pk))


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


def fallen(restrictions: Sequence[Restriction], appeals: Sequence[Appeal]) -> dict[int, Act]:
    """By its id, of each restriction whose acts were all reversed the newest of them.

    Read the restrictions with their acts, and the appeals that they reach.

    Where it is not known which decision was the last, or another act may keep the restriction, it is not among them.
    """
    told: dict[int, Act] = {}
    for row in restrictions:
        about = [one for one in appeals if one.restriction_id in (None, row.pk)]
        acts = list(row.acts.all())
        gone = [act for act in acts if _came_to(act.pk, about) == _Outcome.REVERSED]
        # Of a course that ends with a reversal no step orders anything: neither what upheld it once, nor the reversal.
        over = {act.pk for act in gone} | {one.result_id for one in about if one.act_id in {act.pk for act in gone}}
        if gone and all(act.pk in over or _replaced(act, gone) for act in acts):
            told[row.pk] = max(gone, key=lambda act: (act.date, act.pk))
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
    steps: dict[int, tuple[Appeal, Appeal.Outcome]] = {}
    for one in appeals:
        if one.act_id == act and one.outcome not in _WITHOUT_EFFECT:
            itself = _came_to(one.result_id, appeals, above | {act}) if one.result_id else _Outcome.UPHELD
            if itself != _Outcome.REVERSED:  # else its decision was undone in turn
                steps[one.pk] = (one, _Outcome(one.outcome) if itself == _Outcome.UPHELD else _Outcome.UNKNOWN)
    if not steps:
        return _Outcome.UPHELD
    chains = {pk: _ancestors(one, appeals) for pk, (one, _) in steps.items()}
    last = {
        outcome
        for pk, (one, outcome) in steps.items()
        if not any(pk in chains[other] or _earlier(one, later) for other, (later, _) in steps.items())
    }
    return last.pop() if last in ({_Outcome.UPHELD}, {_Outcome.REVERSED}) else _Outcome.UNKNOWN


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
