"""The medians of the rounds, a row for each client in each part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.races import Outcome


@dataclass(frozen=True)
class Row:
    part: str
    client: str
    rounds: int  # that came to an end
    visits: int
    cpu: float  # milliseconds per visit, start-up excluded
    cpu_range: tuple[float, float]  # of the rounds
    cpu_with_start: float | None  # milliseconds per visit, start-up and its visits included
    start: float | None  # seconds of CPU before the first visit
    wall: float  # seconds
    memory: float | None  # MB
    # Of each of these the worst round counts: what happens in one round of three happens.
    false: int
    false_unflagged: int
    flagged: int
    holes: int
    holes_flagged: int
    impossible: int
    lost: int
    failures: dict[str, int]
    error: str | None  # why a round did not come to an end

    @property
    def per_cpu_second(self) -> float:
        return 1000 / self.cpu if self.cpu else 0.0

    @property
    def per_second(self) -> float:
        return self.visits / self.wall if self.wall else 0.0


def rows(outcomes: Sequence[Outcome]) -> list[Row]:
    grouped: dict[tuple[str, str], list[Outcome]] = {}
    for outcome in outcomes:
        grouped.setdefault((outcome.part, outcome.client), []).append(outcome)
    return [_row(part, client, runs) for (part, client), runs in grouped.items()]


def _row(part: str, client: str, runs: Sequence[Outcome]) -> Row:
    done = [(run, run.tally) for run in runs if run.tally is not None]
    each = [1000 * run.cpu / run.visits for run, _ in done] or [0.0]
    whole = [1000 * (run.cpu + run.before) / (run.visits + run.warm_up) for run, _ in done if run.before is not None]
    worst = max((tally for _, tally in done), key=lambda tally: tally.false, default=None)
    return Row(
        part=part,
        client=client,
        rounds=len(done),
        visits=round(median([run.visits for run, _ in done])) if done else 0,
        cpu=median(each),
        cpu_range=(min(each), max(each)),
        cpu_with_start=median(whole) if whole else None,
        start=_start(done),
        wall=median([run.wall for run, _ in done]) if done else 0.0,
        memory=_memory([run.memory for run, _ in done if run.memory is not None]),
        false=max((tally.false for _, tally in done), default=0),
        false_unflagged=max((tally.false_unflagged for _, tally in done), default=0),
        flagged=max((tally.flagged for _, tally in done), default=0),
        holes=min((tally.holes for _, tally in done), default=0),
        holes_flagged=max((tally.holes_flagged for _, tally in done), default=0),
        impossible=max((tally.impossible for _, tally in done), default=0),
        lost=max((run.lost for run, _ in done), default=0),
        failures=worst.failures if worst else {},
        error=next((run.error for run in runs if run.error), None),
    )


def _start(done: Sequence[tuple[Outcome, object]]) -> float | None:
    """The CPU before the first visit: what was used until the start, less the first visits at the later price."""
    found = [
        run.before - run.warm_up * run.cpu / run.visits for run, _ in done if run.before is not None and run.visits
    ]
    return max(0.0, median(found)) if found else None


def _memory(peaks: Sequence[int]) -> float | None:
    return median(peaks) / 1e6 if peaks else None
