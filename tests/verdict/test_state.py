"""The public state of a cell."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from checks.verdict.rules import Verdict
from checks.verdict.state import CellState, CellVerdict, State, is_fewer, said_by, state_of, usual_volume

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


@pytest.mark.parametrize("mechanism", ["tls.throttle.sni", "http.throttle.host"])
@pytest.mark.parametrize(("runs", "state"), [(2, State.LIKELY_BLOCKED), (3, State.THROTTLED)])
def test_throttling_needs_three_runs(runs, state, mechanism):
    slow = [one(n, mechanism=mechanism, run=f"run {n % runs}") for n in range(1, 7)]
    assert seen(*slow).state is state


def test_a_state_shows_its_denominators_and_its_witnesses():
    state = seen(one(1), one(2, confirmed=True), one(3, vantage="b-2"), one(4), one(5, "inconclusive"))
    assert (state.n_measurements, state.n_conclusive, state.n_runs, state.n_vantages) == (5, 4, 4, 2)
    assert state.counts == {Verdict.BLOCKED: 4, Verdict.INCONCLUSIVE: 1}
    assert (state.since, state.until) == (NOW - 4 * HOUR, NOW - HOUR)
    assert state.witnesses == ("m2", "m1", "m3", "m4")


def test_verdicts_from_the_future_do_not_count():
    assert seen(one(-1), one(-2), one(-3)).state is State.INSUFFICIENT


def test_a_state_shows_the_rules_that_led_to_it_and_the_window():
    state = seen(one(1), one(2, rule="tls_reset"), one(3), one(4, "inconclusive", rule="no_control"))
    assert state.rules == {"tls_timeout": 2, "tls_reset": 1, "no_control": 1}
    assert state.counted_from == NOW - 2 * DAY


def test_what_was_before_a_change_does_not_count():
    old = [one(n, "accessible") for n in range(4, 20)]
    state = state_of([*old, one(1), one(2), one(3)], now=NOW, plan_period=HOUR, since=NOW - 3 * HOUR)
    assert (state.state, state.n_measurements, state.counted_from) == (State.LIKELY_BLOCKED, 3, NOW - 3 * HOUR)


def test_proof_by_repetition_counts_from_the_change_on():
    two = [*days(4, 2, vantage="b-1"), *days(4, 1, vantage="b-2")]
    state = state_of(two, now=NOW, plan_period=HOUR, since=NOW - 2 * DAY)
    assert state.state is State.LIKELY_BLOCKED


def test_a_contradiction_is_witnessed_by_all_its_sides():
    state = seen(one(1), one(2), one(3), one(4), one(5, "accessible"), one(6, "down"))
    assert (state.state, state.witnesses) == (State.CONTRADICTORY, ("m1", "m5", "m6", "m2", "m3"))


def test_too_little_data_is_witnessed_by_what_there_is():
    assert seen(one(1, "inconclusive"), one(2)).witnesses == ("m1", "m2")


def test_the_usual_volume_is_that_of_a_window_before_this_one():
    hourly = [one(n) for n in range(24 * 14)]
    assert usual_volume(hourly, now=NOW, plan_period=HOUR) == 48
    assert usual_volume(hourly[: 24 * 4 - 1], now=NOW, plan_period=HOUR) is None  # no whole window before this one
    assert usual_volume(hourly[: 24 * 4 + 2], now=NOW, plan_period=HOUR) == 48
    assert usual_volume([one(n * 24) for n in range(14)], now=NOW, plan_period=DAY) == 3
    assert usual_volume([one(n * 48) for n in range(14)], now=NOW, plan_period=HOUR) is None  # two say no habit
    assert usual_volume([], now=NOW, plan_period=HOUR) is None


@pytest.mark.parametrize(
    ("measurements", "usual", "fewer"), [(23, 48, True), (24, 48, False), (0, 3, True), (1, 3, True), (0, None, False)]
)
def test_less_than_half_the_usual_volume_is_a_drop(measurements, usual, fewer):
    assert is_fewer(measurements, usual) is fewer


@pytest.mark.parametrize(
    ("counts", "says"),
    [
        ({"blocked": 2}, "blocked"),
        ({"blocked": 1}, None),
        ({"blocked": 1, "inconclusive": 9}, None),
        ({"blocked": 4, "accessible": 1}, "blocked"),
        ({"blocked": 3, "accessible": 1}, None),
        ({"inconclusive": 5}, None),
        ({}, None),
    ],
)
def test_a_place_says_by_itself_what_two_measurements_and_four_of_five_agree_on(counts, says):
    assert said_by(counts) == says


@pytest.mark.parametrize(
    ("theirs", "split"),
    [(["accessible"] * 2, True), (["accessible"], False), (["down"] * 2, False), (["blocked"] * 2, False), ([], False)],
)
def test_places_disagree_where_one_finds_it_blocked_and_another_open(theirs, split):
    state = seen(*(one(n) for n in range(8)), *(one(n, what, vantage="b-2") for n, what in enumerate(theirs)))
    assert state.split is split
    assert state.by_vantage["b-1"] == {Verdict.BLOCKED: 8}
    assert sum(state.by_vantage.get("b-2", {}).values()) == len(theirs)
