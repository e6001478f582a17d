"""From verdicts on one target in one network to its public state, and from states to episodes (DESIGN.md §5)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from checks.verdict.rules import Verdict

WINDOW = timedelta(hours=48)
WINDOW_PERIODS = 3
FLOOR_MEASUREMENTS = 3
FLOOR_RUNS = 2
MAJORITY_PERCENT = 80
THROTTLED_RUNS = 3
THROTTLE = "tls.throttle"
# The same mechanism seen for days is proof without an artefact. It needs a longer memory than the window.
SUSTAINED_MEMORY = timedelta(days=14)
SUSTAINED_MEASUREMENTS = 10
SUSTAINED_SPAN = timedelta(days=3)
SUSTAINED_VANTAGES = 2
WITNESSES = 5


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
    n_measurements: int
    n_conclusive: int
    n_runs: int
    n_vantages: int
    since: datetime | None
    until: datetime | None
    witnesses: tuple[str, ...]  # ids of measurements of the winning class: artefacts first, then the newest


def state_of(verdicts: Sequence[CellVerdict], *, now: datetime, plan_period: timedelta) -> CellState:
    """The state at `now`. Pass the verdicts of the last `SUSTAINED_MEMORY`, or of the window when that is longer."""
    past = [v for v in verdicts if v.at <= now]
    recent = [v for v in past if v.at >= now - max(WINDOW, WINDOW_PERIODS * plan_period)]
    conclusive = [v for v in recent if v.verdict is not Verdict.INCONCLUSIVE]
    winners = _winners(conclusive)
    mechanism = _mechanism(winners)
    if not _above_floor(conclusive):
        state, winners, mechanism = State.INSUFFICIENT, [], None
    elif not winners:
        state = State.CONTRADICTORY
    elif winners[0].verdict is Verdict.BLOCKED:
        remembered = [v for v in past if v.at >= now - SUSTAINED_MEMORY]
        state = _degree(winners, remembered, mechanism)
    else:
        state = State(winners[0].verdict.value)
    return CellState(
        state=state,
        mechanism=mechanism,
        counts=Counter(v.verdict for v in recent),
        n_measurements=len(recent),
        n_conclusive=len(conclusive),
        n_runs=len({v.run for v in conclusive}),
        n_vantages=len({v.vantage for v in conclusive}),
        since=min((v.at for v in winners), default=None),
        until=max((v.at for v in winners), default=None),
        witnesses=_witnesses(winners),
    )


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
    ranked = sorted(winners, key=lambda v: v.at, reverse=True)
    ranked.sort(key=lambda v: not (v.artefact or v.confirmed))
    return tuple(v.measurement for v in ranked[:WITNESSES])


@dataclass(frozen=True, slots=True)
class EpisodeState:
    """The running episode of a cell. A new `since` means: the old one ended then, and this one began."""

    state: State
    since: datetime
    candidate: State | None = None  # another state, seen in the latest round only
    candidate_since: datetime | None = None


def advance(previous: EpisodeState | None, state: State, at: datetime) -> EpisodeState:
    """Take one round's state in; rounds come in order of time.

    A state changes after two consecutive conclusive rounds. `insufficient` counts at once, and so does
    what follows it: the floor of `state_of` has already asked for several rounds.
    """
    if previous is None:
        return EpisodeState(state, at)
    if state is previous.state:
        return EpisodeState(state, previous.since)
    if State.INSUFFICIENT in (state, previous.state):
        return EpisodeState(state, at)
    if state is previous.candidate and previous.candidate_since is not None:
        return EpisodeState(state, previous.candidate_since)
    return EpisodeState(previous.state, previous.since, candidate=state, candidate_since=at)
