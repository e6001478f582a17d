"""From recorded measurements to verdicts, cells and episodes. Judging twice changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from checks import parking, planning
from checks.engine import records
from checks.models import (
    Cell,
    Episode,
    Measurement,
    Network,
    Parked,
    Recount,
    Ruleset,
    Run,
    State,
    Target,
    Vantage,
    Verdict,
)
from checks.runs import PAIRING, moment_kept
from checks.verdict import episodes, facts, rules
from checks.verdict import state as rules_of_state
from checks.verdict.episodes import Checkpoint, History
from checks.verdict.fingerprints import References
from checks.verdict.judge import Judgement, conclude
from checks.verdict.state import CellVerdict

COUNTRY = "kz"
DEFAULT_PERIOD = timedelta(days=1)
NO_CONTROL = "no_control"  # the rule of a measurement that nothing was measured beside
FIRST_SEEN_OPEN = (State.INSUFFICIENT, State.ACCESSIBLE)  # is no change that anybody waits for
AT_ONCE = 100  # recounts read at once


class UnknownRuleset(Exception):
    """Public states rest on a ruleset that this code cannot apply."""


@cache
def references() -> References:
    """The country pack's fingerprints, read once a process."""
    return References.load(Path(__file__).resolve().parent / "countries" / COUNTRY)


def judge_run(run: Run, *, at: datetime) -> None:
    """Judge what a recorded probe run measured. A control's run is evidence for others and has no verdict.

    A first check changes no public state: its verdicts are for the receipt and the desk.
    """
    if run.state != Run.State.RECORDED or run.judged_at or run.vantage.role != run.vantage.Role.ACCESS:
        return
    with transaction.atomic():
        if not Run.objects.filter(pk=run.pk, judged_at=None).update(judged_at=moment_kept(run, at)):
            return  # someone was faster
        closing = run.measurements.filter(closing=True)
        measurements = list(closing.select_related("target", "network", "run__round__plan"))
        under = rulesets(at=at)
        made = verdicts(measurements, under)
        Verdict.objects.filter(run=run).delete()  # of a run that is judged again, for a control of it was revoked
        Verdict.objects.bulk_create(made, ignore_conflicts=True)
        if run.round.plan_id is not None:
            _count(run, measurements, [one for one in made if one.ruleset == under[0]], at)


def _count(run: Run, measurements: Sequence[Measurement], judged: Sequence[Verdict], at: datetime) -> None:
    """Carry on the cells of a run, and have measured again what looked different than before or had no control."""
    verdict_on = {one.target_id: one for one in judged}
    different, uncontrolled = [], []
    # In one order everywhere: two workers that judge runs of one network wait for each other, and not for ever.
    for measurement in sorted(measurements, key=lambda one: one.target_id):
        target, verdict = measurement.target, verdict_on[measurement.target_id]
        period = _period(target)
        cell = refresh(target, run.vantage.network, at=at, plan_period=period, since=measurement.started_at)
        if _differs(State(cell), Verdict.Value(verdict.verdict)):
            different.append(target)
        elif verdict.rule == NO_CONTROL:
            uncontrolled.append(target)
    delays = [timedelta(minutes=minutes) for minutes in settings.RETESTS]
    planning.retest(run, different, at=at, delays=delays)
    planning.retest(run, uncontrolled, at=at, delays=delays[:1])


def _differs(state: State, verdict: Verdict.Value) -> bool:
    """Whether a verdict is not what the public state says. Of a cell without a state, only interference is news."""
    if verdict == Verdict.Value.INCONCLUSIVE:
        return False
    if state == State.INSUFFICIENT:
        return verdict == Verdict.Value.BLOCKED
    return state == State.CONTRADICTORY or _CLASS[verdict] != rules_of_state.class_of(rules_of_state.State(state))


_CLASS = {
    Verdict.Value.ACCESSIBLE: rules_of_state.State.ACCESSIBLE,
    Verdict.Value.BLOCKED: rules_of_state.State.BLOCKED,
    Verdict.Value.DOWN: rules_of_state.State.DOWN,
}


def judge(runs: Iterable[Run], *, at: datetime) -> Iterator[Run]:
    """Judge one after the other; one that cannot be judged does not keep the others from it. Whoever is given a run
    has it judged, or aside.
    """
    aside = parking.aside(Parked.Kind.JUDGE)
    for run in runs:
        if str(run.pk) not in aside:
            with parking.parking(Parked.Kind.JUDGE, run.pk, at=at):
                judge_run(run, at=at)
        yield run


def leftovers(*, at: datetime) -> Iterator[Run]:
    """Judge, one after the other, the runs that were recorded by a process that died before it judged them, and those
    whose control was revoked. Stop whenever you like: the others still wait.
    """
    return judge(Run.objects.unjudged().select_related("vantage__network", "round").order_by("pk"), at=at)


def rulesets(*, at: datetime) -> list[str]:
    """Under which rulesets a new measurement is judged: the current one, and candidates that were begun.

    The first judgement of all makes its ruleset current, so that new code does not change states by itself.
    """
    current = Ruleset.objects.current()
    if current not in rules.RULESETS:
        known = ", ".join(rules.RULESETS)
        raise UnknownRuleset(f"public states rest on ruleset {current}, and this version of the software has {known}")
    Ruleset.objects.get_or_create(name=current, defaults={"begun_at": at, "made_current_at": at})
    begun = Ruleset.objects.candidates().values_list("name", flat=True)
    return [current, *(name for name in begun if name in rules.RULESETS)]


def verdicts(measurements: Sequence[Measurement], under: Iterable[str]) -> list[Verdict]:
    """Not saved yet. Needs `run__round` of each measurement."""
    under, made = tuple(under), []
    controls = _controls(measurements)
    for measurement in measurements:
        record, beside = measurement.record, controls[measurement.pk]
        drawn = facts.of(record, together(beside), references(), measurement.setting)
        for ruleset in under:
            judgement = conclude(drawn, record.trust_store, references().revision, ruleset)
            made.append(_verdict(measurement, judgement, [one.pk for one in beside if one.run.follows_up]))
    return made


def _verdict(measurement: Measurement, judgement: Judgement, follow_ups: Sequence[UUID]) -> Verdict:
    return Verdict(
        measurement=measurement.pk,
        run_id=measurement.run_id,
        target_id=measurement.target_id,
        network_id=measurement.network_id,
        vantage_id=measurement.vantage_id,
        at=measurement.started_at,
        verdict=judgement.verdict,
        mechanism=judgement.mechanism or "",
        rule=judgement.rule,
        ruleset=judgement.ruleset,
        confidence=judgement.confidence,
        artefact=judgement.artefact,
        confirmed=judgement.confirmed,
        notes=list(judgement.notes),
        controls=[*judgement.controls, *map(str, follow_ups)],
        fingerprints=judgement.fingerprints,
        trust_store=judgement.trust_store,
        imitated=measurement.imitated,
    )


def _controls(measurements: Sequence[Measurement]) -> dict[UUID, list[Measurement]]:
    """Of each its controls: the nearest measurement of each control vantage, within the pairing time; each vantage
    is one witness, with its follow-up. An imported measurement has the one that it came with, which is nobody else's.
    """
    own = [m for m in measurements if m.origin is None]
    chosen, follow_ups = _nearest(own), _follow_ups(own)
    for measurement in measurements:
        if measurement.origin is not None:
            chosen[measurement.pk] = [UUID(measurement.own_control)] if measurement.own_control else []
    wanted = {pk for pks in chosen.values() for pk in pks}
    found = Measurement.objects.select_related("run", "target").in_bulk(wanted)
    beside = {pk: [found[control] for control in pks if control in found] for pk, pks in chosen.items()}
    for pk, follow_up in follow_ups.items():
        if any(control.vantage_id == follow_up.vantage_id for control in beside[pk]):
            beside[pk].append(follow_up)
    return beside


def _follow_ups(measurements: Sequence[Measurement]) -> dict[UUID, Measurement]:
    """Of each what a control of its round saw at addresses that only the probe was given, within the pairing time."""
    rows = Measurement.objects.filter(
        run__round__in={m.run.round_id for m in measurements},
        run__follows_up=True,
        closing=True,
        vantage__state=Vantage.State.ADMITTED,
    ).select_related("run", "target")
    found = {(row.run.round_id, row.target_id): row for row in rows}
    of_each = [(m, found.get((m.run.round_id, m.target_id))) for m in measurements]
    return {m.pk: row for m, row in of_each if row and abs(row.started_at - m.started_at) <= PAIRING}


def together(controls: Iterable[Measurement]) -> list[records.Measurement]:
    """The records of controls, each with the follow-up of its vantage. Needs `run` and `target` of each."""
    rows = list(controls)
    follow_ups = {row.vantage_id: row for row in rows if row.run.follows_up}
    return [_with(follow_ups.get(row.vantage_id), row.record) for row in rows if not row.run.follows_up]


def _with(follow_up: Measurement | None, control: records.Measurement) -> records.Measurement:
    """A control, and how the addresses behave that its follow-up was sent to. Nothing else of that visit counts: it
    may have ended at an address that is not the site's.
    """
    if follow_up is None:
        return control
    seen, asked = follow_up.record, set(follow_up.run.addresses.get(follow_up.target.url, ()))
    return replace(
        control,
        connects=(*control.connects, *(step for step in seen.connects if step.address in asked)),
        handshakes=(*control.handshakes, *(step for step in seen.handshakes if step.address in asked)),
    )


def _nearest(measurements: Sequence[Measurement]) -> dict[UUID, list[UUID]]:
    """A published verdict rests on no first check, which is not published and will be forgotten."""
    if not measurements:
        return {}
    times = [m.started_at for m in measurements]
    near: dict[int, list[_Control]] = {}
    rows = Measurement.objects.filter(
        control=True,
        closing=True,
        run__follows_up=False,
        vantage__source=Vantage.Source.OWN,
        vantage__state=Vantage.State.ADMITTED,
        target__in={m.target_id for m in measurements},
        started_at__range=(min(times) - PAIRING, max(times) + PAIRING),
    ).values_list("target", "pk", "vantage", "imitated", "run__round__plan", "started_at")
    for target, pk, vantage, imitated, plan, started_at in rows:
        near.setdefault(target, []).append(_Control(pk, vantage, imitated, plan is not None, started_at))
    return {m.pk: _nearest_to(m, near.get(m.target_id, [])) for m in measurements}


@dataclass(frozen=True, slots=True)
class _Control:
    pk: UUID
    vantage: int
    imitated: bool
    planned: bool
    started_at: datetime


def _nearest_to(measurement: Measurement, controls: Iterable[_Control]) -> list[UUID]:
    def apart(control: _Control) -> timedelta:
        return abs(control.started_at - measurement.started_at)

    planned = measurement.run.round.plan_id is not None
    alike = [c for c in controls if c.imitated == measurement.imitated and c.planned == planned]
    nearest: dict[int, UUID] = {}
    for control in sorted((c for c in alike if apart(c) <= PAIRING), key=apart):
        nearest.setdefault(control.vantage, control.pk)
    return list(nearest.values())


def controls_of(measurements: Iterable[Measurement]) -> dict[UUID, list[Measurement]]:
    """The control measurements that the newest verdict on each measurement rests on."""
    verdicts = Verdict.objects.filter(measurement__in=[m.pk for m in measurements]).order_by("pk")
    newest = {verdict.measurement: verdict.controls for verdict in verdicts}
    wanted = {UUID(control) for controls in newest.values() for control in controls}
    found = {str(control.pk): control for control in Measurement.objects.filter(pk__in=wanted)}
    return {pk: [found[control] for control in controls if control in found] for pk, controls in newest.items()}


def expire(*, at: datetime) -> None:
    """Count anew the cells that nobody measured for a whole window: silence is `insufficient`, not the last state."""
    silent = Cell.objects.exclude(state=State.INSUFFICIENT).filter(measured_at__lt=at - rules_of_state.WINDOW)
    for cell in silent.select_related("target", "network"):
        refresh(cell.target, cell.network, at=at, plan_period=_period(cell.target), since=at)


def recount(*, at: datetime) -> Iterator[Recount]:
    """Count anew, one after the other, the cells whose verdicts changed all at once. Whoever takes one has counted it;
    stop whenever you like: the others still wait.
    """
    last = 0
    aside = parking.aside(Parked.Kind.COUNT)
    while waiting := list(
        Recount.objects.filter(pk__gt=last).select_related("target", "network").order_by("pk")[:AT_ONCE]
    ):
        last = waiting[-1].pk
        for one in waiting:
            if str(one.pk) in aside:
                continue
            with parking.parking(Parked.Kind.COUNT, one.pk, at=at):
                if Recount.objects.filter(pk=one.pk).delete()[0]:
                    refresh(one.target, one.network, at=at, plan_period=_period(one.target))
            yield one


def _period(target: Target) -> timedelta:
    """How often a target is planned; the window of a rarely measured one is longer."""
    shortest = target.plans.filter(enabled=True).order_by("period").first()
    return shortest.period if shortest else DEFAULT_PERIOD


@transaction.atomic
def refresh(
    target: Target, network: Network, *, at: datetime, plan_period: timedelta, since: datetime | None = None
) -> str:
    """Count a cell anew from its verdicts, and carry its episodes on. Returns its state.

    A target whose state changed is measured hourly for a day (`planning.watch`).

    `since`: no verdict before this is new; what was decided before it stands, and what came after is decided again.
    Without it everything is, from the first verdict on. Whoever began long ago takes nothing back that came meanwhile.
    """
    cell, _ = Cell.objects.select_for_update().get_or_create(target=target, network=network)
    at = max(at, cell.measured_at or at)
    basis = _basis(Ruleset.objects.current(), plan_period)
    start = _start(cell, since, basis)
    begin = start.at - rules_of_state.memory_of(plan_period) if start and start.at else None
    verdicts = _counted(basis["ruleset"], target, network, since=begin, until=at)
    history = episodes.replay(verdicts, until=at, plan_period=plan_period, start=start, memory=verdicts)
    _write(cell, history, start, basis)
    running, candidate = history.now.running, history.now.candidate
    counted = rules_of_state.state_of(verdicts, now=at, plan_period=plan_period, since=history.now.cut)
    usual = rules_of_state.usual_volume(verdicts, now=at, plan_period=plan_period)
    lately = sum(v.at >= at - rules_of_state.window_of(plan_period) for v in verdicts)
    state = running.state if running else State.INSUFFICIENT
    if cell.state != state and state != State.INSUFFICIENT and (cell.state, state) != FIRST_SEEN_OPEN:
        planning.watch([target.pk], until=at + planning.WATCHED)
    Cell.objects.filter(pk=cell.pk).update(
        state=state,
        candidate=candidate.key.split()[0] if candidate else "",
        candidate_since=candidate.since if candidate else None,
        mechanism=(running.mechanism if running else None) or "",
        counts={str(verdict): count for verdict, count in counted.counts.items()},
        rules=dict(counted.rules),
        counted_from=counted.counted_from,
        counted_until=at,
        measurements=counted.n_measurements,
        conclusive=counted.n_conclusive,
        runs=counted.n_runs,
        vantages=counted.n_vantages,
        places=_places(counted),
        split=counted.split,
        usual=usual,
        fewer=rules_of_state.is_fewer(lately, usual),
        witnesses=list(running.witnesses) if running else [],
        measured_at=max((v.at for v in verdicts), default=cell.measured_at),
        checkpoint=_stored(history.last, basis),
    )
    return str(state)


def _places(counted: rules_of_state.CellState) -> dict[str, dict[str, int]]:
    """By the names that pages and tables tell."""
    names = Vantage.objects.filter(pk__in=counted.by_vantage).values_list("pk", "name") if counted.by_vantage else ()
    return {name: {str(k): count for k, count in counted.by_vantage[str(pk)].items()} for pk, name in sorted(names)}


def state_under(ruleset: str, target: Target, network: Network, *, at: datetime) -> State:
    """What the state would be if it were counted from one ruleset's verdicts. Changes nothing."""
    verdicts = _counted(ruleset, target, network, since=None, until=at)
    running = episodes.replay(verdicts, until=at, plan_period=_period(target)).now.running
    return State(running.state) if running else State.INSUFFICIENT


def _counted(
    ruleset: str, target: Target, network: Network, *, since: datetime | None, until: datetime
) -> list[CellVerdict]:
    rows = Verdict.objects.counted().filter(target=target, network=network, ruleset=ruleset, at__lte=until)
    if since is not None:
        rows = rows.filter(at__gte=since)
    return [_as_counted(row) for row in rows.defer("notes", "controls")]


def _as_counted(verdict: Verdict) -> CellVerdict:
    return CellVerdict(
        at=verdict.at,
        run=str(verdict.run_id),
        vantage=str(verdict.vantage_id),
        verdict=rules.Verdict(verdict.verdict),
        mechanism=verdict.mechanism or None,
        rule=verdict.rule,
        artefact=verdict.artefact,
        confirmed=verdict.confirmed,
        measurement=str(verdict.measurement),
    )


def _basis(ruleset: str, plan_period: timedelta) -> dict[str, Any]:
    """What a checkpoint holds for. Under another ruleset or another plan, everything is counted from the start."""
    return {"ruleset": ruleset, "window": rules_of_state.window_of(plan_period).total_seconds()}


def _start(cell: Cell, since: datetime | None, basis: dict[str, Any]) -> Checkpoint | None:
    """The latest point before the new verdicts from which to go on: where the cell stood, else its last change."""
    if since is None:
        return None
    changes = _episodes_of(cell).filter(decided_at__lt=since).order_by("-decided_at")
    for stored in (cell.checkpoint, *changes.values_list("checkpoint", flat=True)[:1]):
        mark = _restored(stored, basis)
        if mark and mark.at and mark.at < since:
            return mark
    return None


def _stored(mark: Checkpoint, basis: dict[str, Any]) -> dict[str, Any]:
    return {**basis, "mark": mark.as_json()}


def _restored(stored: dict[str, Any] | None, basis: dict[str, Any]) -> Checkpoint | None:
    if not stored or any(stored[name] != value for name, value in basis.items()):
        return None
    return Checkpoint.from_json(stored["mark"])


def _episodes_of(cell: Cell) -> QuerySet[Episode]:
    return Episode.objects.filter(target=cell.target_id, network=cell.network_id)


def _write(cell: Cell, history: History, start: Checkpoint | None, basis: dict[str, Any]) -> None:
    """Bring the rows of the episodes in line, and touch only those that differ: others may point at them."""
    rows = _episodes_of(cell).order_by("began_at")
    if start and start.running:
        rows = rows.filter(began_at__gte=start.running.began_at)
    kept = _paired(list(history.episodes), list(rows))
    for row in rows:
        if row not in kept.values():
            row.delete()
    marks = dict(zip(history.episodes, history.marks, strict=True))
    for episode in sorted(history.episodes, key=lambda one: one.ended_at is None):  # one at most is open at a time
        row = kept.get(episode) or Episode(target_id=cell.target_id, network_id=cell.network_id)
        fields = _fields(episode)
        if marks[episode].at == episode.decided_at:  # else it was decided before this replay began
            fields["checkpoint"] = _stored(marks[episode], basis)
        if row.pk is None or any(getattr(row, name) != value for name, value in fields.items()):
            for name, value in fields.items():
                setattr(row, name, value)
            row.save()


def _fields(episode: episodes.Episode) -> dict[str, Any]:
    return {
        "state": episode.state.value,
        "mechanism": episode.mechanism or "",
        "change": episode.change.value,
        "not_before": episode.not_before,
        "began_at": episode.began_at,
        "decided_at": episode.decided_at,
        "seen_at": episode.seen_at,
        "ended_at": episode.ended_at,
        "witnesses": list(episode.witnesses),
    }


def _paired(found: list[episodes.Episode], rows: list[Episode]) -> dict[episodes.Episode, Episode]:
    """Which row each episode had: the one that began where it begins, else one of its class that it overlaps."""
    pairs: dict[episodes.Episode, Episode] = {}
    for is_same in (_begins_alike, _overlaps):
        for episode in found:
            free = [row for row in rows if row not in pairs.values()]
            same = next((row for row in free if is_same(episode, row)), None)
            if episode not in pairs and same:
                pairs[episode] = same
    return pairs


def _begins_alike(episode: episodes.Episode, row: Episode) -> bool:
    return _same_class(episode, row) and episode.began_at == row.began_at


def _overlaps(episode: episodes.Episode, row: Episode) -> bool:
    begins_in_time = row.ended_at is None or episode.began_at < row.ended_at
    return _same_class(episode, row) and begins_in_time and (not episode.ended_at or row.began_at < episode.ended_at)


def _same_class(episode: episodes.Episode, row: Episode) -> bool:
    return rules_of_state.class_of(episode.state) == rules_of_state.class_of(rules_of_state.State(row.state))
