"""Judging again what is stored, under another ruleset, and what that changes. Verdicts are added, none is touched.

How far it came is derived from the rows: what has no verdict under the ruleset is what is left to do. `rebuild` alone
puts verdicts right: those that are lost or spoilt, under the ruleset that states rest on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Subquery, prefetch_related_objects

from checks import archived, counting, judging, runs, storing
from checks.models import Archive, Cell, Episode, Measurement, Network, Recount, Ruleset, Run, State, Target, Verdict
from checks.verdict import rules
from checks.verdict import state as rules_of_state

BATCH = 200  # judged and written in one transaction
STRETCH = 5000  # ids read at once, to ask what is left of them
TARGETS = 200  # of which all cells are asked for at once
CELLS = 200  # of which the state is worked out under both rulesets, on one page


class NotApplicable(ValueError):
    """A ruleset that this code does not have; the message says which it has."""


class NotRejudged(ValueError):
    """A ruleset under which measurements that states and episodes rest on were not judged yet."""


def check(name: str) -> str:
    if name not in rules.RULESETS:
        known = ", ".join(sorted(rules.RULESETS))
        raise NotApplicable(f"this version of the software has no ruleset {name!r}, only {known}")
    return name


def begin(name: str, *, at: datetime) -> Ruleset:
    """From now on new measurements are judged under it too, until another is made current. Raises NotApplicable."""
    check(name)
    current = judging.rulesets(at=at)[0]  # whatever was current until now stays so
    ruleset, _ = Ruleset.objects.get_or_create(name=name, defaults={"begun_at": at})
    if name != current and ruleset.made_current_at:  # one of former times: the log has its history
        Ruleset.objects.filter(pk=ruleset.pk).update(made_current_at=None)
    return ruleset


@dataclass(frozen=True, slots=True)
class Step:
    passed: int  # measurements looked at
    judged: int  # of them, those that had no verdict under the ruleset, or a spoilt one


def to_judge(since: datetime | None = None) -> QuerySet[Measurement]:
    """Of controls there are no verdicts."""
    rows = Measurement.objects.filter(control=False, closing=True)
    return rows.filter(started_at__gte=since) if since else rows


def number(since: datetime | None) -> int:
    """Of measurements that `rejudge` goes through. Raises archived.Unfit as it does."""
    return to_judge(since).count() + sum(map(archived.number_judged, _gone(since)))


def rejudge(ruleset: Ruleset, *, since: datetime | None, at: datetime) -> Iterator[Step]:
    """Goes through the measurements by id, a batch at a time; stop it wherever you like, and begin it again.

    Under the ruleset that states rest on, the cells of what had no verdict are to be counted anew.
    Raises archived.Unfit where a file of the archive is missing or damaged, before anything is judged by it.
    """
    for archive in _gone(since):
        yield from _rejudge_archived(archive, ruleset, at)
    rows = to_judge(since).order_by("pk")
    stretch = list(rows.values_list("pk", flat=True)[:STRETCH])
    while stretch:
        done = set(
            Verdict.objects.filter(
                ruleset=ruleset.name, measurement__gte=stretch[0], measurement__lte=stretch[-1]
            ).values_list("measurement", flat=True)
        )
        left = [pk for pk in stretch if pk not in done]
        if len(left) < len(stretch):
            yield Step(len(stretch) - len(left), 0)
        for number in range(0, len(left), BATCH):
            batch = left[number : number + BATCH]
            rows_of = Measurement.objects.filter(pk__in=batch).select_related("run__round").order_by("pk")
            _judge(list(rows_of), ruleset, at)
            yield Step(len(batch), len(batch))
        stretch = list(rows.filter(pk__gt=stretch[-1]).values_list("pk", flat=True)[:STRETCH])


def _gone(since: datetime | None) -> QuerySet[Archive]:
    """Whole months."""
    gone = Archive.objects.gone().order_by("month")
    return gone.filter(month__gte=since.date().replace(day=1)) if since else gone


def _rejudge_archived(archive: Archive, ruleset: Ruleset, at: datetime) -> Iterator[Step]:
    for some in _batches(archive):
        has = Verdict.objects.filter(ruleset=ruleset.name, measurement__in=[one.pk for one in some])
        done = set(has.values_list("measurement", flat=True))
        if left := [one for one in some if one.pk not in done]:
            _judge(left, ruleset, at, _beside_which(left))
        yield Step(len(some), len(left))


def _batches(archive: Archive) -> Iterator[list[Measurement]]:
    """A month that left the database; verdicts are written by it, so no byte of it may be another."""
    archived.check(archive)
    found = archived.judged(archive)
    while some := list(islice(found, BATCH)):
        yield some


def _beside_which(measurements: Sequence[Measurement]) -> dict[UUID, list[Measurement]]:
    """Measurements of the archive were judged: the controls that their verdicts name, all with what judging needs."""
    controls = judging.controls_of(measurements)
    beside = [one for ones in controls.values() for one in ones]
    prefetch_related_objects([*measurements, *beside], "run__round", "target")
    return controls


def _judge(
    measurements: Sequence[Measurement],
    ruleset: Ruleset,
    at: datetime,
    controls: Mapping[UUID, Sequence[Measurement]] | None = None,
) -> None:
    verdicts = judging.verdicts(measurements, [ruleset.name], controls)
    with transaction.atomic():
        Verdict.objects.bulk_create(verdicts, ignore_conflicts=True)
        if ruleset.name == Ruleset.objects.current():
            Recount.objects.ask(
                ((m.target_id, m.network_id) for m in measurements if m.run.round.plan_id is not None), at=at
            )


# --- building everything anew -------------------------------------------------------------------------


def rebuild(*, since: datetime | None, at: datetime) -> Iterator[Step]:
    """Judge every measurement anew under the ruleset that states rest on, put right what is missing or says otherwise,
    and then ask for every cell to be counted anew. Stop it wherever you like: what was put right is asked for already.

    A verdict stays as it is where nothing can come to it any more: a control of it is gone, other fingerprints were in
    force, or it is lost, its measurement is in the archive and no verdict of another ruleset tells the controls.
    Raises archived.Unfit as `rejudge` does.
    """
    ruleset = judging.rulesets(at=at)[0]
    for archive in _gone(since):
        for some in _batches(archive):
            yield Step(len(some), _put_right(some, ruleset, at, _beside_which(some)))
    rows = to_judge(since).order_by("pk")
    batch = list(rows.values_list("pk", flat=True)[:BATCH])
    while batch:
        yield Step(len(batch), _put_right_stored(batch, ruleset, at))
        batch = list(rows.filter(pk__gt=batch[-1]).values_list("pk", flat=True)[:BATCH])
    _ask_for_all(at)


@transaction.atomic
def _put_right_stored(batch: list[UUID], ruleset: str, at: datetime) -> int:
    rows = Measurement.objects.filter(pk__in=batch).order_by("pk")
    of_these = Run.objects.filter(pk__in=rows.order_by().values("run"))
    list(of_these.select_for_update().order_by("pk"))  # nobody judges them meanwhile
    return _put_right(rows.select_related("run__round"), ruleset, at)


@transaction.atomic
def _put_right(
    measurements: Iterable[Measurement],
    ruleset: str,
    at: datetime,
    controls: Mapping[UUID, Sequence[Measurement]] | None = None,
) -> int:
    """How many verdicts were written. `controls`: as `judging.verdicts` takes them."""
    rows = {one.pk: one for one in measurements}
    there = list(Verdict.objects.filter(measurement__in=rows))
    said = {one.measurement: one for one in there if one.ruleset == ruleset}
    kept = _lacking_controls(there, controls)
    kept |= {pk for pk, one in said.items() if one.fingerprints != judging.references().revision}
    kept |= set() if controls is None else rows.keys() - controls.keys()
    made = judging.verdicts([row for pk, row in rows.items() if pk not in kept], [ruleset], controls)
    wrong = [one for one in made if one.measurement not in said or _said(one) != _said(said[one.measurement])]
    storing.write(wrong, unique=["measurement", "ruleset"], update=_SAID)
    planned = [one for one in wrong if rows[one.measurement].run.round.plan_id is not None]
    Recount.objects.ask(((one.target_id, one.network_id) for one in planned), at=at)
    return len(wrong)


def _lacking_controls(verdicts: Iterable[Verdict], controls: Mapping[UUID, Sequence[Measurement]] | None) -> set[UUID]:
    """The measurements on which a verdict names a control that is not among these, or not in the database."""
    named = {UUID(pk) for one in verdicts for pk in one.controls}
    if controls is None:
        here = set(Measurement.objects.filter(pk__in=named).values_list("pk", flat=True))
    else:
        here = {one.pk for ones in controls.values() for one in ones}
    return {one.measurement for one in verdicts if not here.issuperset(map(UUID, one.controls))}


_SAID = [field.name for field in Verdict._meta.concrete_fields if field.name not in ("id", "measurement", "ruleset")]


def _said(verdict: Verdict) -> list[Any]:
    return [getattr(verdict, field.attname) for field in Verdict._meta.concrete_fields if field.name in _SAID]


def _ask_for_all(at: datetime) -> None:
    """Of each cell that there is or should be."""
    Cell.objects.filter(measured_at__gt=at + runs.CLOCK_SKEW).update(measured_at=None)  # no count would look past it
    targets = Target.objects.order_by("pk").values_list("pk", flat=True)
    some = list(targets[:TARGETS])
    while some:
        cells, *others = (
            rows.filter(target__in=some).order_by().values_list("target", "network")
            for rows in (Cell.objects.all(), Episode.objects.all(), Verdict.objects.published())
        )
        Recount.objects.ask(cells.union(*others), at=at)
        some = list(targets.filter(pk__gt=some[-1])[:TARGETS])


# --- what a ruleset changes ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Comparison:
    """A ruleset beside the one that states rest on: counts over all measurements that were judged under both."""

    judged: int  # under both
    verdicts: tuple[tuple[str, str, int], ...]  # old, new, how many; also what stayed
    rules: tuple[tuple[str, str, int], ...]  # old, new, how many; only what changed
    networks: tuple[tuple[Network, int, int], ...]  # how many were judged under both, and how many verdicts changed


def _beside(ruleset: Ruleset) -> QuerySet[Any]:
    """The ruleset's verdicts, each with the current one on the same measurement as `old` and `old_rule`."""
    current = Verdict.objects.filter(measurement=OuterRef("measurement"), ruleset=Ruleset.objects.current())
    return (
        Verdict.objects.published()
        .filter(ruleset=ruleset.name)
        .annotate(
            old=Subquery(current.values("verdict")[:1]),
            old_mechanism=Subquery(current.values("mechanism")[:1]),
            old_rule=Subquery(current.values("rule")[:1]),
        )
        .exclude(old=None)
    )


def compare(ruleset: Ruleset) -> Comparison:
    """One pass over the verdicts; on a million of them it takes seconds."""
    groups = (
        _beside(ruleset).order_by().values("network", "old", "verdict", "old_rule", "rule").annotate(count=Count("pk"))
    )
    verdicts: Counter[tuple[str, str]] = Counter()
    changed_rules: Counter[tuple[str, str]] = Counter()
    judged: Counter[int] = Counter()
    changed: Counter[int] = Counter()
    for group in groups:
        verdicts[group["old"], group["verdict"]] += group["count"]
        judged[group["network"]] += group["count"]
        if group["old"] != group["verdict"]:
            changed[group["network"]] += group["count"]
        if group["old_rule"] != group["rule"]:
            changed_rules[group["old_rule"], group["rule"]] += group["count"]
    networks = Network.objects.filter(pk__in=judged).order_by("asn")
    return Comparison(
        judged=sum(judged.values()),
        verdicts=tuple((old, new, count) for (old, new), count in sorted(verdicts.items())),
        rules=tuple((old, new, count) for (old, new), count in changed_rules.most_common()),
        networks=tuple((network, judged[network.pk], changed[network.pk]) for network in networks),
    )


def differing(ruleset: Ruleset) -> QuerySet[Any]:
    """The ruleset's verdicts that are not those of the current one, by verdict, mechanism or rule; newest first."""
    same = Q(verdict=F("old"), mechanism=F("old_mechanism"), rule=F("old_rule"))
    return _beside(ruleset).exclude(same).select_related("target", "network").order_by("-measurement")


@dataclass(frozen=True, slots=True)
class CellChange:
    target: Target
    network: Network
    old: State
    new: State


def changed_cells(ruleset: Ruleset, *, at: datetime) -> tuple[list[CellChange], bool]:
    """The cells whose state would be another, and whether there are more with differing verdicts than were tried."""
    recent = differing(ruleset).filter(at__gte=at - rules_of_state.SUSTAINED_MEMORY).order_by()
    pairs = list(recent.values_list("target", "network").distinct().order_by("target", "network")[: CELLS + 1])
    targets = Target.objects.in_bulk([target for target, _ in pairs])
    networks = Network.objects.in_bulk([network for _, network in pairs])
    current, found = Ruleset.objects.current(), []
    for target, network in pairs[:CELLS]:
        old, new = (
            counting.state_under(name, targets[target], networks[network], at=at) for name in (current, ruleset.name)
        )
        if old != new:
            found.append(CellChange(targets[target], networks[network], old, new))
    return found, len(pairs) > CELLS


# --- making it current --------------------------------------------------------------------------------


def left(ruleset: Ruleset) -> int:
    """Measurements judged under the current ruleset and not under this one."""
    judged = Verdict.objects.filter(measurement=OuterRef("measurement"), ruleset=ruleset.name)
    return Verdict.objects.published().current().filter(~Exists(judged)).count()


@transaction.atomic
def make_current(ruleset: Ruleset, *, by: str, reason: str, at: datetime) -> Ruleset:
    """Let public states rest on it, and ask for every cell to be counted anew.

    Raises NotApplicable, or NotRejudged: episodes are counted from the first verdict on, and what was not judged under
    it would be gone from history.
    """
    check(ruleset.name)
    if missing := left(ruleset):
        raise NotRejudged(f"{missing} measurements have no verdict under {ruleset}: rejudge first, without --since")
    Ruleset.objects.filter(pk=ruleset.pk).update(made_current_at=at, by=by, reason=reason)
    last = 0
    while cells := list(
        Cell.objects.filter(pk__gt=last).order_by("pk").values_list("pk", "target", "network")[:STRETCH]
    ):
        Recount.objects.ask(((target, network) for _, target, network in cells), at=at)
        last = cells[-1][0]
    ruleset.refresh_from_db()
    return ruleset
