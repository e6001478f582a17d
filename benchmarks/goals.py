"""The goals of the engine, each a ratio with a bound."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks import parts
from benchmarks.line import ROUND_TRIP
from benchmarks.rows import Row

WALL = parts.DEADLINE + ROUND_TRIP  # what no sweep with a black hole can be faster than: one answer, one deadline


@dataclass(frozen=True)
class Figures:
    """Finds a client's row. Raises Absent when there is none to judge by."""

    found: Sequence[Row]

    def row(self, part: str, client: str) -> Row:
        for row in self.found:
            if (row.part, row.client) == (part, client) and row.rounds:
                return row
        raise Absent(f"there is no run of “{client}” in “{part}”")


class Absent(Exception):
    pass


@dataclass(frozen=True)
class Goal:
    text: str
    value: Callable[[Figures], float]
    at_least: float | None = None
    at_most: float | None = None  # neither: only reported


@dataclass(frozen=True)
class Judgement:
    text: str
    value: float | None
    bound: str
    outcome: str  # reached | not reached | not judged | reported
    reason: str | None = None


def _ratio(part: str, ours: str, other: str) -> Callable[[Figures], float]:
    """Our CPU per visit as a multiple of the other's."""
    return lambda figures: figures.row(part, ours).cpu / figures.row(part, other).cpu


def _times_less(part: str, ours: str, other: str) -> Callable[[Figures], float]:
    return lambda figures: figures.row(part, other).cpu / figures.row(part, ours).cpu


def _memory(figures: Figures) -> float:
    ours, other = figures.row(parts.SWEEP, parts.TWO), figures.row(parts.SWEEP, parts.EXPORTER)
    return (ours.memory or 0.0) / (other.memory or 1.0)


def _wall(figures: Figures) -> float:
    return figures.row(parts.SWEEP, parts.TWO).wall / WALL


def _unflagged(part: str, client: str) -> Callable[[Figures], float]:
    return lambda figures: figures.row(part, client).false_unflagged


_EXPORTER = _times_less(parts.BARE, parts.OURS, parts.EXPORTER)
GOALS = (
    Goal("visits per CPU second, as a multiple of the blackbox exporter's", _EXPORTER, at_least=1.0),
    Goal("the same, stretch goal", _EXPORTER, at_least=1.6),
    Goal(
        "visits per CPU second, as a multiple of dnspython + requests in 32 threads",
        _times_less(parts.BARE, parts.OURS, parts.REQUESTS),
        at_least=5.0,
    ),
    Goal(
        "the same, with one root in requests' trust store instead of all",
        _times_less(parts.BARE, parts.OURS, parts.REQUESTS_ROOT),
    ),
    Goal(
        "CPU per visit, as a multiple of openssl s_time's handshake + GET",
        _ratio(parts.BARE, parts.OURS, parts.OPENSSL),
        at_most=1.25,
    ),
    Goal("CPU per visit, as a multiple of Go's", _ratio(parts.BARE, parts.OURS, parts.GO)),
    Goal(
        "CPU of a full visit, as a multiple of a bare one",
        lambda figures: figures.row(parts.FULL, parts.OURS).cpu / figures.row(parts.BARE, parts.OURS).cpu,
    ),
    Goal(
        "CPU of DNS, how many times less than dnspython's asynchronous resolver",
        _times_less(parts.LOOKUPS, parts.OURS_LOOKUP, parts.DNSPYTHON),
    ),
    Goal(f"sweep: wall as a multiple of the {WALL:.1f} s that a black hole takes", _wall, at_most=1.2),
    Goal("sweep: memory, as a multiple of the blackbox exporter's", _memory, at_most=0.25),
    Goal("sweep: false failures that are not flagged", _unflagged(parts.SWEEP, parts.TWO), at_most=0),
    Goal("overload, more targets: false failures not flagged", _unflagged(parts.OVERLOAD, parts.MORE), at_most=0),
    Goal("overload, CPU hogs: false failures not flagged", _unflagged(parts.OVERLOAD, parts.HOGS), at_most=0),
)


def judge(found: Sequence[Row]) -> list[Judgement]:
    return [_judge(goal, Figures(found)) for goal in GOALS]


def _judge(goal: Goal, figures: Figures) -> Judgement:
    bound = f">= {goal.at_least:g}" if goal.at_least is not None else ""
    bound = f"<= {goal.at_most:g}" if goal.at_most is not None else bound
    try:
        value = goal.value(figures)
    except Absent as absent:
        return Judgement(goal.text, None, bound, "not judged", str(absent))
    if goal.at_least is None and goal.at_most is None:
        return Judgement(goal.text, value, bound, "reported")
    low = goal.at_least is not None and value < goal.at_least
    high = goal.at_most is not None and value > goal.at_most
    return Judgement(goal.text, value, bound, "not reached" if low or high else "reached")
