"""The course of an act: what was decided, what was done against it, and what came of that, in order of time."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from django.db.models import Q

from registry.dates import is_before
from registry.models import Act, Appeal, Resource, Restriction

STEPS = 12  # from act to appeal to act: more than there are instances
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
    shown: bool = True  # may its note be shown? Not where it is about a resource that is not shown in full


def courses(restrictions: Sequence[Restriction]) -> dict[int, tuple[Step, ...]]:
    """The course of each restriction that has one, by its id. Read them `with_basis`."""
    acts = {act.pk for row in restrictions for act in row.acts.all()}
    found = _reached(acts, [row.pk for row in restrictions])
    told = {row.pk: _course_of_restriction(row, found) for row in restrictions}
    return _with_display({pk: steps for pk, steps in told.items() if _is_course(steps)})


def course_of_act(act: Act) -> tuple[Step, ...]:
    """The course that an act is part of; empty where it stands alone."""
    public = Restriction.objects.public()
    acts = {act.pk: act}
    if act.type == Act.Type.INTERIM_MEASURE:  # a decision follows it
        acts |= {row.pk: row for row in Act.objects.filter(restrictions__in=public.filter(acts=act)).distinct()}
    found = _reached(acts, [])
    for appeal in found:
        acts[appeal.act_id] = appeal.act
        if appeal.result:
            acts[appeal.result.pk] = appeal.result
    interim = Act.objects.filter(type=Act.Type.INTERIM_MEASURE, restrictions__in=public.filter(acts__in=acts))
    acts |= {row.pk: row for row in interim.distinct()}
    ended = public.filter(acts__in=acts).exclude(ended="").select_related("resource").distinct().order_by("ended", "id")
    steps = _in_order(acts.values(), found, ended[:ENDS])
    return _with_display({act.pk: steps})[act.pk] if _is_course(steps) else ()


def _with_display(courses: Mapping[int, Sequence[Step]]) -> dict[int, tuple[Step, ...]]:
    acts = {pk for steps in courses.values() for step in steps if (pk := _act_of(step))}
    hidden = set(Act.objects.with_display().filter(pk__in=acts, hidden=True).values_list("pk", flat=True))

    def shown(step: Step) -> bool:
        its_own = step.appeal.restriction if step.appeal else None
        full = its_own is None or its_own.resource.display == Resource.Display.FULL
        return full and _act_of(step) not in hidden

    return {pk: tuple(replace(step, shown=shown(step)) for step in steps) for pk, steps in courses.items()}


def _act_of(step: Step) -> int | None:
    return step.act.pk if step.act else step.appeal.act_id if step.appeal else None


def _reached(acts: Collection[int], restrictions: Collection[int]) -> list[Appeal]:
    """The appeals against these acts, those that brought them about, and so on from what came of them."""
    found: dict[int, Appeal] = {}
    known = set(acts)
    rows = Appeal.objects.public().select_related("act", "result", "body", "restriction__resource")
    asked = Q(act__in=known) | Q(result__in=known) | Q(restriction__in=restrictions)
    for _step in range(STEPS):
        new = {appeal.pk: appeal for appeal in rows.filter(asked).prefetch_related("sources") if appeal.pk not in found}
        found |= new
        further = {pk for one in new.values() for pk in (one.act_id, one.result_id) if pk} - known
        if not further:
            break
        known |= further
        asked = Q(act__in=further) | Q(result__in=further)
    return sorted(found.values(), key=lambda one: (one.when == "", one.when, one.pk))


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
                if one.result:
                    acts.setdefault(one.result.pk, one.result)
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


def fallen(restrictions: Sequence[Restriction]) -> dict[int, Act]:
    """By its id, of each restriction whose acts were all reversed the newest of them. Read them with their acts.

    Where it is not known which decision was the last, or another act may keep the restriction, it is not among them.
    """
    found = _reached({act.pk for row in restrictions for act in row.acts.all()}, [])
    told: dict[int, Act] = {}
    for row in restrictions:
        about = [one for one in found if one.restriction_id in (None, row.pk)]
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
