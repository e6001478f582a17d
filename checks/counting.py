"""From verdicts to cells and episodes, all cells at once that a run touched. Counting twice changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Min

from checks import parking, planning, storing
from checks.models import Cell, Episode, Network, Parked, Plan, Recount, Ruleset, State, Target, Vantage, Verdict
from checks.verdict import episodes, rules
from checks.verdict import state as rules_of_state
from checks.verdict.episodes import Checkpoint, History
from checks.verdict.state import CellVerdict

DEFAULT_PERIOD = timedelta(days=1)
FIRST_SEEN_OPEN = (State.INSUFFICIENT, State.ACCESSIBLE)  # is no change that anybody waits for
AT_ONCE = 100  # recounts read at once
_KEYS = ("id", "target", "network")
_COUNTED = [field.name for field in Cell._meta.concrete_fields if field.name not in _KEYS]


@dataclass(frozen=True, slots=True)
class _Asked:
    """A cell, locked, and from where it is counted on; `start` None: from its first verdict."""

    cell: Cell
    at: datetime
    period: timedelta
    basis: Mapping[str, Any]
    start: Checkpoint | None

    @property
    def begin(self) -> datetime | None:
        """The first verdict that is needed."""
        return self.start.at - rules_of_state.memory_of(self.period) if self.start and self.start.at else None


@transaction.atomic
def refresh(network: int, since: Mapping[int, datetime | None], *, at: datetime) -> dict[int, State]:
    """Count cells of one network anew from their verdicts, and carry their episodes on. Returns the state by target.

    A target whose state changed is measured hourly for a day (`planning.watch`).

    `since`, by target: no verdict before this is new; what was decided before it stands, and what came after is decided
    again. With None everything is, from the first verdict on. Whoever began long ago takes nothing back that came
    meanwhile.
    """
    if not since:
        return {}
    ruleset = Ruleset.objects.current()
    asked = _asked(ruleset, _locked(network, since), since, at)
    verdicts = _counted(ruleset, network, asked)
    histories = [(one, _replayed(one, verdicts[one.cell.target_id])) for one in asked]
    _write(network, histories)
    names, before = _names(verdicts.values()), {one.cell.target_id: State(one.cell.state) for one in asked}
    for one, history in histories:
        _fill(one, history, verdicts[one.cell.target_id], names)
    cells = [one.cell for one in asked]
    storing.write(cells, unique=["target", "network"], update=_COUNTED)
    now = {cell.target_id: State(cell.state) for cell in cells}
    planning.watch((pk for pk in now if _is_news(before[pk], now[pk])), until=at + planning.WATCHED)
    return now


def _is_news(before: State, now: State) -> bool:
    return now not in (before, State.INSUFFICIENT) and (before, now) != FIRST_SEEN_OPEN


def _replayed(one: _Asked, verdicts: Sequence[CellVerdict]) -> History:
    return episodes.replay(verdicts, until=one.at, plan_period=one.period, start=one.start, memory=verdicts)


def state_under(ruleset: str, target: Target, network: Network, *, at: datetime) -> State:
    """What the state would be if it were counted from one ruleset's verdicts. Changes nothing."""
    period = _periods([target.pk])[target.pk]
    unsaved = Cell(target=target, network=network)
    asked = _Asked(unsaved, at, period, _basis(ruleset, period), None)
    running = _replayed(asked, _counted(ruleset, network.pk, [asked])[target.pk]).now.running
    return State(running.state) if running else State.INSUFFICIENT


def expire(*, at: datetime) -> None:
    """Count anew the cells that nobody measured for a whole window: silence is `insufficient`, not the last state."""
    silent = Cell.objects.exclude(state=State.INSUFFICIENT).filter(measured_at__lt=at - rules_of_state.WINDOW)
    rows = silent.order_by("network", "target").values_list("network", "target")
    for network, pairs in groupby(rows, key=lambda row: row[0]):
        refresh(network, {target: at for _, target in pairs}, at=at)


def recount(*, at: datetime) -> Iterator[Recount]:
    """Count anew, one after the other, the cells whose verdicts changed all at once. Whoever takes one has counted it;
    stop whenever you like: the others still wait.
    """
    last = 0
    aside = parking.aside(Parked.Kind.COUNT)
    while waiting := list(Recount.objects.filter(pk__gt=last).order_by("pk")[:AT_ONCE]):
        last = waiting[-1].pk
        for one in waiting:
            if str(one.pk) in aside:
                continue
            with parking.parking(Parked.Kind.COUNT, one.pk, at=at):
                if Recount.objects.filter(pk=one.pk).delete()[0]:
                    refresh(one.network_id, {one.target_id: None}, at=at)
            yield one


# --- what is read


def _locked(network: int, targets: Iterable[int]) -> list[Cell]:
    """In one order everywhere: two workers that judge runs of one network wait for each other, and not for ever. Of
    each, what counting goes on from; the rest is written anew.
    """
    wanted = sorted(targets)
    rows = Cell.objects.select_for_update().filter(network=network, target__in=wanted).order_by("target_id")
    rows = rows.only(*_KEYS, "state", "measured_at", "checkpoint")
    cells = list(rows)
    if missing := sorted(set(wanted) - {cell.target_id for cell in cells}):
        Cell.objects.bulk_create([Cell(target_id=pk, network_id=network) for pk in missing], ignore_conflicts=True)
        cells = list(rows.all())
    return cells


def _asked(ruleset: str, cells: Sequence[Cell], since: Mapping[int, datetime | None], at: datetime) -> list[_Asked]:
    periods = _periods(since)
    bases = {target: _basis(ruleset, period) for target, period in periods.items()}
    starts = _starts(cells, since, bases)
    return [
        _Asked(
            cell,
            max(at, cell.measured_at or at),
            periods[cell.target_id],
            bases[cell.target_id],
            starts[cell.target_id],
        )
        for cell in cells
    ]


def _periods(targets: Iterable[int]) -> dict[int, timedelta]:
    """How often each target is planned; the window of a rarely measured one is longer."""
    planned = Plan.objects.filter(enabled=True, targets__in=list(targets))
    shortest = dict(planned.order_by().values_list("targets").annotate(Min("period")))
    return {target: shortest.get(target, DEFAULT_PERIOD) for target in targets}


def _basis(ruleset: str, plan_period: timedelta) -> dict[str, Any]:
    """What a checkpoint holds for. Under another ruleset or another plan, everything is counted from the start."""
    return {"ruleset": ruleset, "window": rules_of_state.window_of(plan_period).total_seconds()}


def _starts(
    cells: Sequence[Cell], since: Mapping[int, datetime | None], bases: Mapping[int, dict[str, Any]]
) -> dict[int, Checkpoint | None]:
    """Of each the latest point before its new verdicts from which to go on: where it stood, else its last change."""
    new = {cell.target_id: moment for cell in cells if (moment := since[cell.target_id]) is not None}
    found = {
        cell.target_id: _before(new[cell.target_id], cell.checkpoint, bases[cell.target_id])
        for cell in cells
        if cell.target_id in new
    }
    late = [target for target, start in found.items() if start is None]
    if late:
        decided = Episode.objects.filter(network=cells[0].network_id, target__in=late, decided_at__isnull=False)
        changes = list(decided.order_by("-decided_at").values_list("target", "decided_at", "checkpoint"))
        for target in late:
            mine = (stored for pk, at, stored in changes if pk == target and at and at < new[target])
            stored = next(mine, None)
            found[target] = _before(new[target], stored, bases[target])
    return {cell.target_id: found.get(cell.target_id) for cell in cells}


def _before(since: datetime, stored: dict[str, Any] | None, basis: Mapping[str, Any]) -> Checkpoint | None:
    """A stored checkpoint, if it holds and nothing new is older."""
    if not stored or any(stored[name] != value for name, value in basis.items()):
        return None
    mark = Checkpoint.from_json(stored["mark"])
    return mark if mark and mark.at and mark.at < since else None


def _counted(ruleset: str, network: int, asked: Sequence[_Asked]) -> dict[int, list[CellVerdict]]:
    """By target, the verdicts that its count asks for."""
    by_target = {one.cell.target_id: one for one in asked}
    found: dict[int, list[CellVerdict]] = {target: [] for target in by_target}
    whole = [one for one in asked if one.begin is None]
    begins = {one.cell.target_id: one.begin for one in asked if one.begin}
    rows = Verdict.objects.counted().filter(network=network, ruleset=ruleset)
    parts = [(rows, [one.cell.target_id for one in whole])] if whole else []
    parts += [(rows.filter(at__gte=min(begins.values())), list(begins))] if begins else []
    for part, targets in parts:
        for target, at, *row in part.filter(target__in=targets).values_list("target", "at", *_OF_VERDICT):
            if begins.get(target, at) <= at <= by_target[target].at:
                found[target].append(_as_counted(at, *row))
    return found


_OF_VERDICT = ("run", "vantage", "verdict", "mechanism", "rule", "artefact", "confirmed", "measurement")
_VALUES = {value.value: value for value in rules.Verdict}


def _as_counted(
    at: datetime,
    run: int,
    vantage: int,
    verdict: str,
    mechanism: str,
    rule: str,
    artefact: bool,
    confirmed: bool,
    measurement: UUID,
) -> CellVerdict:
    return CellVerdict(
        at=at,
        run=str(run),
        vantage=str(vantage),
        verdict=_VALUES[verdict],
        mechanism=mechanism or None,
        rule=rule,
        artefact=artefact,
        confirmed=confirmed,
        measurement=str(measurement),
    )


# --- what is written


def _fill(one: _Asked, history: History, verdicts: Sequence[CellVerdict], names: Mapping[str, str]) -> None:
    """The cell as it stands after a count, not saved yet."""
    cell, at, period = one.cell, one.at, one.period
    running, candidate = history.now.running, history.now.candidate
    counted = rules_of_state.state_of(verdicts, now=at, plan_period=period, since=history.now.cut)
    lately = sum(v.at >= at - rules_of_state.window_of(period) for v in verdicts)
    cell.state = State(running.state) if running else State.INSUFFICIENT
    cell.candidate = candidate.key.split()[0] if candidate else ""
    cell.candidate_since = candidate.since if candidate else None
    cell.mechanism = (running.mechanism if running else None) or ""
    cell.counts = {str(verdict): count for verdict, count in counted.counts.items()}
    cell.rules = dict(counted.rules)
    cell.counted_from, cell.counted_until = counted.counted_from, at
    cell.measurements, cell.conclusive = counted.n_measurements, counted.n_conclusive
    cell.runs, cell.vantages = counted.n_runs, counted.n_vantages
    cell.places = {
        names[vantage]: {str(verdict): count for verdict, count in counts.items()}
        for vantage, counts in sorted(counted.by_vantage.items(), key=lambda item: int(item[0]))
    }
    cell.split = counted.split
    cell.usual = rules_of_state.usual_volume(verdicts, now=at, plan_period=period)
    cell.fewer = rules_of_state.is_fewer(lately, cell.usual)
    cell.witnesses = list(running.witnesses) if running else []
    cell.measured_at = max((v.at for v in verdicts), default=cell.measured_at if one.start else None)
    cell.checkpoint = _stored(history.last, one.basis)


def _stored(mark: Checkpoint, basis: Mapping[str, Any]) -> dict[str, Any]:
    return {**basis, "mark": mark.as_json()}


def _names(verdicts: Iterable[Sequence[CellVerdict]]) -> dict[str, str]:
    """Of vantages, by id: what pages and tables tell."""
    wanted = {verdict.vantage for of_one in verdicts for verdict in of_one}
    return {str(pk): name for pk, name in Vantage.objects.filter(pk__in=wanted).values_list("pk", "name")}


def _write(network: int, histories: Sequence[tuple[_Asked, History]]) -> None:
    """Bring the rows of the episodes in line, and touch only those that differ: others may point at them."""
    rows = _rows(network, [one for one, _ in histories])
    gone: list[Episode] = []
    new: list[Episode] = []
    changed: dict[Episode, set[str]] = {}
    for one, history in histories:
        there = rows[one.cell.target_id]
        kept = _paired(list(history.episodes), there)
        gone += [row for row in there if row not in kept.values()]
        for episode, mark in zip(history.episodes, history.marks, strict=True):
            row = kept.get(episode) or Episode(target_id=one.cell.target_id, network_id=network)
            fields = _fields(episode)
            if mark.at == episode.decided_at:  # else it was decided before this replay began
                fields["checkpoint"] = _stored(mark, one.basis)
            differs = {name for name, value in fields.items() if getattr(row, name) != value}
            for name in differs:
                setattr(row, name, fields[name])
            if row.pk is None:
                new.append(row)
            elif differs:
                changed[row] = differs
    if gone:
        Episode.objects.filter(pk__in=[row.pk for row in gone]).delete()
    for is_open in (False, True):  # one at most is open at a time, in the midst of this, too
        alike = [row for row in changed if (row.ended_at is None) is is_open]
        storing.write(alike, unique=["id"], update=sorted(set().union(*(changed[row] for row in alike))))
    Episode.objects.bulk_create(sorted(new, key=lambda row: row.ended_at is None))


def _rows(network: int, asked: Sequence[_Asked]) -> dict[int, list[Episode]]:
    """By target, the episodes that a count may change: the one that it goes on from, and all after it."""
    found: dict[int, list[Episode]] = {one.cell.target_id: [] for one in asked}
    begins = {one.cell.target_id: one.start.running.began_at for one in asked if one.start and one.start.running}
    rows = Episode.objects.filter(network=network, target__in=list(found)).order_by("began_at")
    if len(begins) == len(found):
        rows = rows.filter(began_at__gte=min(begins.values()))
    for row in rows:
        if begins.get(row.target_id, row.began_at) <= row.began_at:
            found[row.target_id].append(row)
    return found


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
