"""From recorded measurements to verdicts, cells and episodes. Judging twice changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.db import transaction

from checks import archived, counting, parking, planning, storing
from checks.engine import records
from checks.models import Measurement, Parked, Ruleset, Run, State, Target, Vantage, Verdict
from checks.runs import PAIRING, moment_kept
from checks.verdict import facts, rules
from checks.verdict import state as rules_of_state
from checks.verdict.fingerprints import References
from checks.verdict.judge import Judgement, conclude

COUNTRY = "kz"
NO_CONTROL = "no_control"  # the rule of a measurement that nothing was measured beside


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
        measurements = list(run.measurements.filter(closing=True))
        under = rulesets(at=at)
        made = verdicts(measurements, under)
        if (former := Verdict.objects.filter(run=run)).exists():  # judged again, for a control of it was revoked
            former.filter(measurement__in=[one.pk for one in measurements]).delete()  # not what is in the archive
        storing.insert(made)
        if run.round.plan_id is not None:
            _count(run, measurements, [one for one in made if one.ruleset == under[0]], at)


def _count(run: Run, measurements: Sequence[Measurement], judged: Sequence[Verdict], at: datetime) -> None:
    """Carry on the cells of a run, and have measured again what looked different than before or had no control."""
    states = counting.refresh(run.vantage.network_id, {one.target_id: one.started_at for one in measurements}, at=at)
    verdict_on = {one.target_id: one for one in judged}
    different, uncontrolled = [], []
    for measurement in measurements:
        verdict = verdict_on[measurement.target_id]
        if _differs(states[measurement.target_id], Verdict.Value(verdict.verdict)):
            different.append(measurement.target_id)
        elif verdict.rule == NO_CONTROL:
            uncontrolled.append(measurement.target_id)
    delays = [timedelta(minutes=minutes) for minutes in settings.RETESTS]
    for targets, after in ((different, delays), (uncontrolled, delays[:1])):
        planning.retest(run, list(Target.objects.filter(pk__in=targets)), at=at, delays=after)


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


def verdicts(
    measurements: Sequence[Measurement],
    under: Iterable[str],
    controls: Mapping[UUID, Sequence[Measurement]] | None = None,
) -> list[Verdict]:
    """Not saved yet. Needs `run__round` of each measurement.

    `controls`: beside which each is judged, with `run` and `target`; else the nearest that the database has.
    """
    under, made = tuple(under), []
    controls = _controls(measurements) if controls is None else controls
    for measurement in measurements:
        record, beside = measurement.record, controls.get(measurement.pk, ())
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
    found = Measurement.objects.prefetch_related("run").in_bulk(wanted)
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
    """A published verdict rests on no first check, which is not published and will be forgotten. Whoever judges again
    what was judged sees the controls that were there then, so that it comes to the same.
    """
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
    ).values_list("target", "pk", "vantage", "imitated", "run__round__plan", "started_at", "run__recorded_at")
    for target, pk, vantage, imitated, plan, started_at, recorded_at in rows:
        near.setdefault(target, []).append(_Control(pk, vantage, imitated, plan is not None, started_at, recorded_at))
    return {m.pk: _nearest_to(m, near.get(m.target_id, [])) for m in measurements}


@dataclass(frozen=True, slots=True)
class _Control:
    pk: UUID
    vantage: int
    imitated: bool
    planned: bool
    started_at: datetime
    recorded_at: datetime | None


def _nearest_to(measurement: Measurement, controls: Iterable[_Control]) -> list[UUID]:
    def apart(control: _Control) -> timedelta:
        return abs(control.started_at - measurement.started_at)

    planned = measurement.run.round.plan_id is not None
    judged_at = measurement.run.judged_at
    alike = [c for c in controls if c.imitated == measurement.imitated and c.planned == planned]
    there = [c for c in alike if judged_at is None or (c.recorded_at and c.recorded_at <= judged_at)]
    nearest: dict[int, UUID] = {}
    for control in sorted((c for c in there if apart(c) <= PAIRING), key=lambda c: (apart(c), c.pk)):
        nearest.setdefault(control.vantage, control.pk)
    return list(nearest.values())


def controls_of(measurements: Iterable[Measurement]) -> dict[UUID, list[Measurement]]:
    """The control measurements that the newest verdict on each measurement rests on."""
    verdicts = Verdict.objects.filter(measurement__in=[m.pk for m in measurements]).order_by("pk")
    newest = {verdict.measurement: verdict.controls for verdict in verdicts}
    wanted = {UUID(control) for controls in newest.values() for control in controls}
    found = {str(pk): control for pk, control in archived.wherever(wanted, Measurement.objects.all()).items()}
    return {pk: [found[control] for control in controls if control in found] for pk, controls in newest.items()}
