"""From recorded measurements to verdicts, cells and episodes. Judging twice changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from uuid import UUID

from django.db import transaction

from checks.engine import records
from checks.models import Cell, Episode, Measurement, Network, Recount, Ruleset, Run, State, Target, Vantage, Verdict
from checks.runs import PAIRING, moment_kept
from checks.verdict import facts, rules
from checks.verdict import state as rules_of_state
from checks.verdict.fingerprints import References
from checks.verdict.judge import Judgement, conclude
from checks.verdict.state import CellState, CellVerdict, EpisodeState

COUNTRY = "kz"
DEFAULT_PERIOD = timedelta(days=1)
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
        measurements = list(run.measurements.select_related("target", "network", "run__round"))
        Verdict.objects.bulk_create(verdicts(measurements, rulesets(at=at)), ignore_conflicts=True)
        for target in {m.target for m in measurements if run.round.plan_id}:
            refresh(target, run.vantage.network, at=at, plan_period=_period(target))


def judge_leftovers(*, at: datetime) -> None:
    """Judge the runs that were recorded by a process that died before it judged them."""
    for run in Run.objects.unjudged().select_related("vantage__network", "round"):
        judge_run(run, at=at)


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
        record = measurement.record
        drawn = facts.of(record, controls[measurement.pk], references(), measurement.setting)
        for ruleset in under:
            judgement = conclude(drawn, record.trust_store, references().revision, ruleset)
            made.append(_verdict(measurement, judgement))
    return made


def _verdict(measurement: Measurement, judgement: Judgement) -> Verdict:
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
        controls=list(judgement.controls),
        fingerprints=judgement.fingerprints,
        trust_store=judgement.trust_store,
        imitated=measurement.imitated,
    )


def _controls(measurements: Sequence[Measurement]) -> dict[UUID, list[records.Measurement]]:
    """Of each its controls: the nearest measurement of each control vantage, within the pairing time; each vantage
    is one witness. An imported measurement has the one that it came with, which is nobody else's.
    """
    chosen = _nearest([m for m in measurements if m.origin is None])
    for measurement in measurements:
        if measurement.origin is not None:
            chosen[measurement.pk] = [UUID(measurement.own_control)] if measurement.own_control else []
    wanted = {pk for pks in chosen.values() for pk in pks}
    found = {control.pk: control.record for control in Measurement.objects.filter(pk__in=wanted)}
    return {pk: [found[control] for control in pks if control in found] for pk, pks in chosen.items()}


def _nearest(measurements: Sequence[Measurement]) -> dict[UUID, list[UUID]]:
    """A published verdict rests on no first check, which is not published and will be forgotten."""
    if not measurements:
        return {}
    times = [m.started_at for m in measurements]
    near: dict[int, list[_Control]] = {}
    rows = Measurement.objects.filter(
        control=True,
        vantage__source=Vantage.Source.OWN,
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
        refresh(cell.target, cell.network, at=at, plan_period=_period(cell.target))


def recount(*, at: datetime) -> Iterator[Recount]:
    """Count anew, one after the other, the cells whose verdicts changed all at once. Whoever takes one has counted it;
    stop whenever you like: the others still wait.
    """
    while waiting := list(Recount.objects.select_related("target", "network")[:AT_ONCE]):
        for one in waiting:
            with transaction.atomic():
                if Recount.objects.filter(pk=one.pk).delete()[0]:
                    refresh(one.target, one.network, at=at, plan_period=_period(one.target))
            yield one


def _period(target: Target) -> timedelta:
    """How often a target is planned; the window of a rarely measured one is longer."""
    shortest = target.plans.filter(enabled=True).order_by("period").first()
    return shortest.period if shortest else DEFAULT_PERIOD


@transaction.atomic
def refresh(target: Target, network: Network, *, at: datetime, plan_period: timedelta) -> None:
    """Count a cell anew from its verdicts, and carry its episode on or begin the next."""
    cell, _ = Cell.objects.select_for_update().get_or_create(target=target, network=network)
    memory = max(rules_of_state.SUSTAINED_MEMORY, rules_of_state.WINDOW_PERIODS * plan_period)
    verdicts = Verdict.objects.published().filter(
        target=target, network=network, ruleset=Ruleset.objects.current(), at__range=(at - memory, at)
    )
    now = rules_of_state.state_of([_as_counted(v) for v in verdicts], now=at, plan_period=plan_period)
    last = max((v.at for v in verdicts), default=None)
    running = _carry_on(cell, now, last or at)
    Cell.objects.filter(pk=cell.pk).update(
        state=running.state,
        candidate=running.candidate or "",
        candidate_since=running.candidate_since,
        mechanism=now.mechanism or "",
        counts={str(verdict): count for verdict, count in now.counts.items()},
        measurements=now.n_measurements,
        conclusive=now.n_conclusive,
        runs=now.n_runs,
        vantages=now.n_vantages,
        witnesses=list(now.witnesses),
        measured_at=last,
    )


def state_under(ruleset: str, target: Target, network: Network, *, at: datetime) -> State:
    """What the state would be if it were counted from one ruleset's verdicts. Changes nothing."""
    period = _period(target)
    memory = max(rules_of_state.SUSTAINED_MEMORY, rules_of_state.WINDOW_PERIODS * period)
    verdicts = Verdict.objects.published().filter(
        target=target, network=network, ruleset=ruleset, at__range=(at - memory, at)
    )
    counted = rules_of_state.state_of([_as_counted(v) for v in verdicts], now=at, plan_period=period)
    return State(counted.state)


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


def _carry_on(cell: Cell, now: CellState, last: datetime) -> EpisodeState:
    """Write the episode that runs after this round: the one before, or a new one since the state changed.

    Its times are those of measurements, `last` being the newest: a batch that comes home late moves no history.
    """
    open_ = Episode.objects.filter(target=cell.target_id, network=cell.network_id, ended_at=None).first()
    seen_at = now.until or last
    advanced = rules_of_state.advance(_running(open_, cell), now.state, last)
    if open_ and advanced.state == open_.state and advanced.since == open_.began_at:
        if now.state == open_.state:
            Episode.objects.filter(pk=open_.pk).update(
                seen_at=seen_at, mechanism=now.mechanism or open_.mechanism, witnesses=list(now.witnesses)
            )
        return advanced
    began_at = advanced.since
    if now.since and (open_ is None or open_.state == State.INSUFFICIENT):
        began_at = now.since  # the floor asks for several rounds: what they agree on was so since the first of them
    if open_:
        began_at = max(began_at, open_.began_at)
        if open_.state == State.INSUFFICIENT and began_at == open_.began_at:
            open_.delete()  # too little data, for no time at all
        else:
            Episode.objects.filter(pk=open_.pk).update(ended_at=began_at, seen_at=min(open_.seen_at, began_at))
    Episode.objects.create(
        target_id=cell.target_id,
        network_id=cell.network_id,
        state=advanced.state,
        mechanism=now.mechanism or "",
        began_at=began_at,
        seen_at=seen_at,
        witnesses=list(now.witnesses),
    )
    return advanced


def _running(episode: Episode | None, cell: Cell) -> EpisodeState | None:
    if episode is None:
        return None
    return EpisodeState(
        state=rules_of_state.State(episode.state),
        since=episode.began_at,
        candidate=rules_of_state.State(cell.candidate) if cell.candidate else None,
        candidate_since=cell.candidate_since,
    )
