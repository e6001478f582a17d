"""The public state of a cell, and when an episode changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from checks.verdict.rules import Verdict
from checks.verdict.state import CellState, CellVerdict, EpisodeState, State, advance, state_of

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def one(number: int, verdict: str = "blocked", **fields: Any) -> CellVerdict:
    """The verdict of `number` hours ago, in a run of its own, from one vantage."""
    blocked = verdict == "blocked"
    known = {
        "at": NOW - number * HOUR,
        "run": f"run {number}",
        "vantage": "b-1",
        "mechanism": "tls.timeout" if blocked else None,
        "rule": "tls_timeout" if blocked else "tls_valid",
        "artefact": False,
        "confirmed": False,
        "measurement": f"m{number}",
    }
    return CellVerdict(verdict=Verdict(verdict), **{**known, **fields})


def seen(*verdicts: CellVerdict, period: timedelta = HOUR) -> CellState:
    return state_of(verdicts, now=NOW, plan_period=period)


def days(count: int, per_day: int, **fields: Any) -> list[CellVerdict]:
    return [one(24 * day + hour, **fields) for day in range(count) for hour in range(per_day)]


def test_nothing_measured_is_insufficient_not_accessible():
    assert seen().state is State.INSUFFICIENT


@pytest.mark.parametrize(("count", "state"), [(2, State.INSUFFICIENT), (3, State.ACCESSIBLE)])
def test_a_state_needs_three_conclusive_measurements(count, state):
    doubtful = [one(n, "inconclusive") for n in range(10, 20)]
    assert seen(*(one(n, "accessible") for n in range(count)), *doubtful).state is state


def test_a_state_needs_two_runs():
    assert seen(*(one(n, "accessible", run="the same") for n in range(5))).state is State.INSUFFICIENT


@pytest.mark.parametrize(
    ("accessible", "down", "state"),
    [(4, 1, State.ACCESSIBLE), (79, 21, State.CONTRADICTORY), (80, 20, State.ACCESSIBLE), (1, 2, State.CONTRADICTORY)],
)
def test_a_state_needs_eighty_percent_in_one_class(accessible, down, state):
    minute = timedelta(minutes=1)
    verdicts = ["accessible"] * accessible + ["down"] * down
    assert seen(*(one(n, v, at=NOW - n * minute) for n, v in enumerate(verdicts))).state is state


def test_mechanisms_do_not_split_the_vote_of_their_class():
    verdicts = [one(1), one(2, mechanism="tls.reset"), one(3, mechanism="dns.nxdomain"), one(4, mechanism="tls.reset")]
    assert (seen(*verdicts).state, seen(*verdicts).mechanism) == (State.LIKELY_BLOCKED, "tls.reset")


def test_verdicts_older_than_the_window_do_not_count():
    assert seen(one(47, "down"), one(48, "down"), one(49, "down")).state is State.INSUFFICIENT
    assert seen(one(47, "down"), one(48, "down"), one(49, "down"), period=DAY).state is State.DOWN


@pytest.mark.parametrize("proof", [{"artefact": True}, {"confirmed": True}])
def test_one_vantage_makes_blocked_by_an_artefact_or_a_confirmation(proof):
    assert seen(one(1), one(2), one(3, **proof)).state is State.BLOCKED


def test_anything_less_is_likely_blocked():
    assert seen(one(1), one(2), one(3)).state is State.LIKELY_BLOCKED


def test_ten_alike_over_three_days_from_two_vantages_are_blocked():
    two = [*days(4, 2, vantage="b-1"), *days(4, 1, vantage="b-2")]
    assert seen(*two).state is State.BLOCKED
    assert seen(*days(4, 3, vantage="b-1")).state is State.LIKELY_BLOCKED
    assert seen(*days(3, 4), *days(3, 4, vantage="b-2")).state is State.LIKELY_BLOCKED
    assert seen(*two[:4], *two[8:]).state is State.LIKELY_BLOCKED
    assert seen(*two[:8], *days(4, 1, vantage="b-2", mechanism="tcp.timeout")).state is State.LIKELY_BLOCKED


@pytest.mark.parametrize(("runs", "state"), [(2, State.LIKELY_BLOCKED), (3, State.THROTTLED)])
def test_throttling_needs_three_runs(runs, state):
    slow = [one(n, mechanism="tls.throttle.sni", run=f"run {n % runs}") for n in range(1, 7)]
    assert seen(*slow).state is state


def test_a_state_shows_its_denominators_and_its_witnesses():
    state = seen(one(1), one(2, confirmed=True), one(3, vantage="b-2"), one(4), one(5, "inconclusive"))
    assert (state.n_measurements, state.n_conclusive, state.n_runs, state.n_vantages) == (5, 4, 4, 2)
    assert state.counts == {Verdict.BLOCKED: 4, Verdict.INCONCLUSIVE: 1}
    assert (state.since, state.until) == (NOW - 4 * HOUR, NOW - HOUR)
    assert state.witnesses == ("m2", "m1", "m3", "m4")


def test_verdicts_from_the_future_do_not_count():
    assert seen(one(-1), one(-2), one(-3)).state is State.INSUFFICIENT


# --- episodes


def episode(*states: State) -> EpisodeState | None:
    """One round an hour, beginning at NOW."""
    current = None
    for number, state in enumerate(states):
        current = advance(current, state, NOW + number * HOUR)
    return current


def test_an_episode_changes_at_the_second_round_and_begins_at_the_first():
    assert episode(State.ACCESSIBLE, State.BLOCKED).state is State.ACCESSIBLE
    assert episode(State.ACCESSIBLE, State.BLOCKED, State.BLOCKED) == EpisodeState(State.BLOCKED, NOW + HOUR)


def test_one_odd_round_changes_nothing():
    assert episode(State.ACCESSIBLE, State.BLOCKED, State.ACCESSIBLE, State.BLOCKED).state is State.ACCESSIBLE


def test_two_rounds_that_disagree_change_nothing():
    assert episode(State.ACCESSIBLE, State.BLOCKED, State.DOWN) == EpisodeState(
        State.ACCESSIBLE, NOW, State.DOWN, NOW + 2 * HOUR
    )


def test_missing_data_ends_an_episode_at_once():
    assert episode(State.BLOCKED, State.INSUFFICIENT) == EpisodeState(State.INSUFFICIENT, NOW + HOUR)
    assert episode(State.INSUFFICIENT, State.BLOCKED) == EpisodeState(State.BLOCKED, NOW + HOUR)
