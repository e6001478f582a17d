"""From verdicts on one target in one network to its public state. What becomes of it over time: `episodes.py`."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from checks.verdict.rules import Verdict

WINDOW = timedelta(hours=48)
WINDOW_PERIODS = 3
FLOOR_MEASUREMENTS = 3
FLOOR_RUNS = 2
MAJORITY_PERCENT = 80
THROTTLED_RUNS = 3
THROTTLE = ("tls.throttle", "http.throttle")  # how a mechanism begins
# The same mechanism seen for days is proof without an artefact. It needs a longer memory than the window.
SUSTAINED_MEMORY = timedelta(days=14)
SUSTAINED_MEASUREMENTS = 10
SUSTAINED_SPAN = timedelta(days=3)
SUSTAINED_VANTAGES = 2
SAYS_MEASUREMENTS = 2  # conclusive ones, of which a vantage says something by itself
WITNESSES = 5
FEWER_PERCENT = 50  # of the usual volume: less is told
USUAL_FLOOR = 3  # measurements a window; of a volume below this nobody can tell a drop


class State(StrEnum):
    BLOCKED = "blocked"
    LIKELY_BLOCKED = "likely_blocked"
    THROTTLED = "throttled"
    CONTRADICTORY = "contradictory"
    DOWN = "down"
    ACCESSIBLE = "accessible"
    INSUFFICIENT = "insufficient"


@dataclass(frozen=True, slots=True)
class CellVerdict:
    """One verdict as the cell (target × network) needs it. `run`, `vantage` and `measurement` are ids."""

    at: datetime
    run: str
    vantage: str
    verdict: Verdict
    mechanism: str | None
    rule: str
    artefact: bool
    confirmed: bool
    measurement: str


@dataclass(frozen=True, slots=True)
class CellState:
    """`n_runs` and `n_vantages` count conclusive ones; `since` and `until` are the winning class's first and last."""

    state: State
    mechanism: str | None
    counts: Mapping[Verdict, int]
    rules: Mapping[str, int]  # how many verdicts each rule gave
    counted_from: datetime  # what the counts are of: from here until now
    n_measurements: int
    n_conclusive: int
    n_runs: int
    n_vantages: int
    since: datetime | None
    until: datetime | None
    witnesses: tuple[str, ...]  # ids of the measurements that decide it
    by_vantage: Mapping[str, Mapping[Verdict, int]]  # which vantage saw what
    split: bool  # one vantage says that it is blocked, another that it opens


def class_of(state: State) -> State:
    """Blocked, likely blocked and throttled are degrees of one class."""
    return State.BLOCKED if state in (State.LIKELY_BLOCKED, State.THROTTLED) else state


def window_of(plan_period: timedelta) -> timedelta:
    """How far back a state looks; of what is rarely measured, further."""
    return max(WINDOW, WINDOW_PERIODS * plan_period)


def memory_of(plan_period: timedelta) -> timedelta:
    """How far back anything looks that is decided now."""
    return max(SUSTAINED_MEMORY, 2 * window_of(plan_period))


def state_of(
    verdicts: Sequence[CellVerdict], *, now: datetime, plan_period: timedelta, since: datetime | None = None
) -> CellState:
    """The state at `now`. Pass the verdicts of the last `memory_of`; those before `since` do not count."""
    opened = now - window_of(plan_period)
    counted_from = opened if since is None else max(opened, since)
    recent = [v for v in verdicts if counted_from <= v.at <= now]
    conclusive = [v for v in recent if v.verdict is not Verdict.INCONCLUSIVE]
    winners = _winners(conclusive)
    mechanism = _mechanism(winners)
    if not _above_floor(conclusive):
        state, winners, mechanism = State.INSUFFICIENT, [], None
        witnesses = _newest(recent)
    elif not winners:
        state = State.CONTRADICTORY
        witnesses = _newest_of_each(conclusive)
    elif winners[0].verdict is Verdict.BLOCKED:
        remembered = now - SUSTAINED_MEMORY if since is None else max(now - SUSTAINED_MEMORY, since)
        state = _degree(winners, [v for v in verdicts if remembered <= v.at <= now], mechanism)
        witnesses = _witnesses(winners)
    else:
        state = State(winners[0].verdict.value)
        witnesses = _witnesses(winners)
    by_vantage: defaultdict[str, Counter[Verdict]] = defaultdict(Counter)
    for v in recent:
        by_vantage[v.vantage][v.verdict] += 1
    return CellState(
        state=state,
        mechanism=mechanism,
        counts=Counter(v.verdict for v in recent),
        rules=Counter(v.rule for v in recent),
        counted_from=counted_from,
        n_measurements=len(recent),
        n_conclusive=len(conclusive),
        n_runs=len({v.run for v in conclusive}),
        n_vantages=len({v.vantage for v in conclusive}),
        since=min((v.at for v in winners), default=None),
        until=max((v.at for v in winners), default=None),
        witnesses=witnesses,
        by_vantage=by_vantage,
        split={Verdict.BLOCKED, Verdict.ACCESSIBLE} <= {said_by(counts) for counts in by_vantage.values()},
    )


def said_by(counts: Mapping[Any, int]) -> Verdict | None:
    """What one vantage says of a cell by itself, from its verdicts by class; None: nothing that can be held to it."""
    conclusive = {Verdict(verdict): count for verdict, count in counts.items() if verdict != Verdict.INCONCLUSIVE}
    total = sum(conclusive.values())
    if total < SAYS_MEASUREMENTS:
        return None
    verdict, most = max(conclusive.items(), key=lambda pair: pair[1])
    return verdict if 100 * most >= MAJORITY_PERCENT * total else None


def usual_volume(verdicts: Sequence[CellVerdict], *, now: datetime, plan_period: timedelta) -> int | None:
    """How many measurements a window used to have in the time before this one; None where nobody can tell.

    Who was measured for less than a window before this one has no habit yet.
    """
    window = window_of(plan_period)
    before = [v.at for v in verdicts if now - memory_of(plan_period) <= v.at < now - window]
    if not before or (span := now - window - min(before)) < window:
        return None
    usual = round(len(before) * (window / span))
    return usual if usual >= USUAL_FLOOR else None


def is_fewer(measurements: int, usual: int | None) -> bool:
    return usual is not None and 100 * measurements < FEWER_PERCENT * usual


def _above_floor(conclusive: Sequence[CellVerdict]) -> bool:
    return len(conclusive) >= FLOOR_MEASUREMENTS and len({v.run for v in conclusive}) >= FLOOR_RUNS


def _winners(conclusive: Sequence[CellVerdict]) -> list[CellVerdict]:
    """The verdicts of the class that holds the majority; classes first, mechanisms later, or the vote splits."""
    for verdict in Verdict:
        members = [v for v in conclusive if v.verdict is verdict]
        if members and 100 * len(members) >= MAJORITY_PERCENT * len(conclusive):
            return members
    return []


def _mechanism(winners: Sequence[CellVerdict]) -> str | None:
    """The most frequent; of equals the deepest, then the first by name."""
    counts = Counter(v.mechanism for v in winners if v.mechanism)
    return min(counts, key=lambda m: (-counts[m], -m.count("."), m), default=None)


def _degree(winners: Sequence[CellVerdict], remembered: Sequence[CellVerdict], mechanism: str | None) -> State:
    throttled = [v for v in winners if v.mechanism and v.mechanism.startswith(THROTTLE)]
    if mechanism is not None and mechanism.startswith(THROTTLE):
        return State.THROTTLED if len({v.run for v in throttled}) >= THROTTLED_RUNS else State.LIKELY_BLOCKED
    if any(v.artefact or v.confirmed for v in winners):
        return State.BLOCKED
    alike = [v for v in remembered if v.verdict is Verdict.BLOCKED and v.mechanism == mechanism]
    return State.BLOCKED if _sustained(alike) else State.LIKELY_BLOCKED


def _sustained(alike: Sequence[CellVerdict]) -> bool:
    """A verdict without an artefact always had a good control: the rules see to that."""
    return (
        len(alike) >= SUSTAINED_MEASUREMENTS
        and max(v.at for v in alike) - min(v.at for v in alike) >= SUSTAINED_SPAN
        and len({v.vantage for v in alike}) >= SUSTAINED_VANTAGES
    )


def _witnesses(winners: Sequence[CellVerdict]) -> tuple[str, ...]:
    """Of the winning class: artefacts and confirmations first, then the newest."""
    ranked = sorted(winners, key=lambda v: v.at, reverse=True)
    ranked.sort(key=lambda v: not (v.artefact or v.confirmed))
    return tuple(v.measurement for v in ranked[:WITNESSES])


def _newest(verdicts: Sequence[CellVerdict]) -> tuple[str, ...]:
    return tuple(v.measurement for v in sorted(verdicts, key=lambda v: v.at, reverse=True)[:WITNESSES])


def _newest_of_each(conclusive: Sequence[CellVerdict]) -> tuple[str, ...]:
    """A contradiction is witnessed by all of its sides, in turn: the newest of each, then the next."""
    ranked = sorted(conclusive, key=lambda v: v.at, reverse=True)
    seen: Counter[Verdict] = Counter()
    turns = []
    for v in ranked:
        turns.append((seen[v.verdict], v))
        seen[v.verdict] += 1
    return tuple(v.measurement for _, v in sorted(turns, key=lambda turn: turn[0])[:WITNESSES])
