"""What a cell's verdicts come to over time: where an episode begins and ends, and how exactly that is known."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.verdict import episodes
from checks.verdict.episodes import Change, Checkpoint, Episode, History, Series, replay
from checks.verdict.rules import Verdict
from checks.verdict.state import CellVerdict, State, memory_of

NOW = datetime(2026, 1, 5, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
SAYS: dict[str, tuple[str, str | None]] = {
    "A": ("accessible", None),
    "B": ("blocked", "tls.reset"),
    "S": ("blocked", "tls.reset.sni"),  # a descendant
    "N": ("blocked", "dns.nxdomain"),
    "I": ("blocked", "dns.injection.bogon"),
    "H": ("blocked", "http.blockpage"),
    "U": ("blocked", "ip.unreachable"),
    "T": ("blocked", "tls.throttle.sni"),
    "D": ("down", None),
    "?": ("inconclusive", None),
}


def one(letter: str, at: datetime, **fields: Any) -> CellVerdict:
    value, mechanism = SAYS[letter]
    known = {
        "run": f"run {at.isoformat()}",
        "vantage": "b-1",
        "mechanism": mechanism,
        "rule": "some_rule",
        "artefact": False,
        "confirmed": False,
        "measurement": at.isoformat(),
    }
    return CellVerdict(at=at, verdict=Verdict(value), **{**known, **fields})


def said(letters: str, *, since: datetime = NOW, step: timedelta = HOUR, **fields: Any) -> list[CellVerdict]:
    """One run a step, a letter each; where there is a space, nobody measured."""
    return [one(letter, since + n * step, **fields) for n, letter in enumerate(letters) if letter != " "]


def told(verdicts: Sequence[CellVerdict], until: datetime | None = None, period: timedelta = HOUR) -> History:
    return replay(verdicts, until=until or max(v.at for v in verdicts), plan_period=period)


def seen(letters: str, **fields: Any) -> tuple[Episode, ...]:
    return told(said(letters, **fields)).episodes


def words(found: Iterable[Episode]) -> list[tuple[str, int]]:
    """What changed, and at which letter."""
    return [(str(one.change), (one.began_at - NOW) // HOUR) for one in found]


def states(found: Iterable[Episode]) -> list[str]:
    return [str(one.state) for one in found]


# --- two rounds and the floor


def test_nothing_measured_is_no_episode():
    assert replay([], until=NOW, plan_period=HOUR).episodes == ()


def test_before_the_floor_there_is_too_little_data():
    assert states(seen("BB")) == ["insufficient"]


def test_three_rounds_are_a_state_that_began_with_the_first_of_them():
    [found] = seen("BBB")
    assert (found.state, found.change, found.mechanism) == (State.LIKELY_BLOCKED, Change.FIRST, "tls.reset")
    assert (found.began_at, found.decided_at, found.seen_at) == (NOW, NOW + 2 * HOUR, NOW + 2 * HOUR)
    assert (found.not_before, found.ended_at) == (None, None)
    assert len(found.witnesses) == 3


def test_one_run_alone_is_no_state_however_much_it_measured():
    assert states(seen("BBBBB", run="the same")) == ["insufficient"]


def test_what_came_before_the_first_agreement_was_too_little_data():
    assert words(seen("ABBB")) == [("first", 0), ("first", 1)]
    assert states(seen("ABBB")) == ["insufficient", "likely_blocked"]


@pytest.mark.parametrize("letters", ["AAAB", "AAABB", "AAABBA", "AAAABAAB"])
def test_until_two_rounds_agree_and_the_floor_is_met_the_running_state_is_held(letters):
    assert states(seen(letters)) == ["accessible"]


def test_a_change_lies_between_the_last_measurement_that_said_otherwise_and_the_first_that_said_so():
    before, after = seen("AAAA?BBB")
    assert (after.change, after.state) == (Change.BLOCK, State.LIKELY_BLOCKED)
    assert (after.not_before, after.began_at, after.decided_at) == (NOW + 3 * HOUR, NOW + 5 * HOUR, NOW + 7 * HOUR)
    assert (before.seen_at, before.ended_at) == (NOW + 3 * HOUR, NOW + 5 * HOUR)


def test_old_verdicts_do_not_turn_an_unblock_into_a_contradiction():
    assert words(seen("B" * 40 + "AAA")) == [("first", 0), ("unblock", 40)]


def test_an_odd_verdict_within_a_change_does_not_stop_it():
    assert words(seen("A" * 40 + "BBABB")) == [("first", 0), ("block", 40)]
    assert words(seen("A" * 40 + "BBAB")) == [("first", 0)]  # three of four are less than 80 %


def test_two_agreeing_verdicts_of_one_run_are_one_round():
    twice = [one("B", NOW + 3 * HOUR, run="r"), one("B", NOW + 4 * HOUR, run="r"), one("B", NOW + 5 * HOUR, run="r")]
    assert states(told(said("AAA") + twice).episodes) == ["accessible"]


# --- flapping


def test_a_state_that_comes_and_goes_every_round_is_contradictory():
    found = seen("AAAABABABAB")
    assert states(found) == ["accessible", "contradictory"]
    assert found[-1].change is Change.CONTRADICTORY
    assert len(set(found[-1].witnesses)) == 5


def test_contradictory_needs_two_rounds_that_come_to_it():
    assert states(seen("AAAABAB")) == ["accessible"]  # five of seven: the first round that comes to it
    found = seen("AAAABABAB")
    assert states(found) == ["accessible", "contradictory"]
    assert (found[1].began_at, found[1].not_before) == (NOW + 6 * HOUR, NOW + 5 * HOUR)
    assert found[1].decided_at == NOW + 8 * HOUR  # A in between is no second doubt


def test_two_by_two_is_contradictory_as_soon_as_it_is_a_fifth_of_the_window():
    assert states(seen("A" * 40 + "BBAABBAA")) == ["accessible"]
    assert states(seen("AAAABBAABBAABB")) == ["accessible", "contradictory"]


def test_three_by_three_is_four_changes_because_each_three_meet_the_floor():
    assert words(seen("AAABBBAAABBB")) == [("first", 0), ("block", 3), ("unblock", 6), ("relapse", 9)]


def test_out_of_a_contradiction_leads_what_eight_rounds_in_a_row_say():
    assert states(seen("AAAABABABA" + "B" * 7)) == ["accessible", "contradictory"]
    found = seen("AAAABABABA" + "B" * 8)
    assert [(one.state, one.change) for one in found[1:]] == [
        (State.CONTRADICTORY, Change.CONTRADICTORY),
        (State.LIKELY_BLOCKED, Change.BLOCK),
    ]
    assert (found[2].began_at, found[2].decided_at) == (NOW + 10 * HOUR, NOW + 17 * HOUR)


def test_of_what_is_rarely_measured_a_whole_window_that_says_the_same_ends_a_contradiction():
    found = told(said("AAAABABABA" + "B" * 4, step=DAY), period=DAY).episodes
    assert states(found) == ["accessible", "contradictory", "likely_blocked"]
    assert (found[2].began_at, found[2].decided_at) == (NOW + 10 * DAY, NOW + 13 * DAY)


def test_two_odd_rounds_of_a_daily_series_leave_what_was_before():
    assert states(told(said("AAAABBAAAA", step=DAY), period=DAY).episodes) == ["accessible"]
    assert states(told(said("AAAABAAAA", step=DAY), period=DAY).episodes) == ["accessible"]


@pytest.mark.parametrize(("step", "most", "share"), [(HOUR, 40, 0.8), (6 * HOUR, 12, 0.7), (DAY, 12, 0.3)])
@pytest.mark.parametrize("seed", [1, 7, 11])
def test_a_coin_toss_is_contradictory_and_few_episodes(step, most, share, seed):
    toss = Random(seed)
    verdicts = said("".join(toss.choice("AB") for _ in range(60 * DAY // step)), step=step)
    found = told(verdicts, period=step).episodes
    ends = [*(one.began_at for one in found[1:]), verdicts[-1].at]
    unclear = sum((end - e.began_at for e, end in zip(found, ends, strict=True) if e.state == "contradictory"), 0 * DAY)
    assert len(found) <= most
    assert unclear > share * (verdicts[-1].at - NOW)


# --- several vantages in one round


def rounds(*letters: str, step: timedelta = HOUR) -> list[CellVerdict]:
    """Each a round: a letter for each vantage, eleven minutes apart."""
    return [
        one(
            letter, at := NOW + n * step + k * 11 * MINUTE, vantage=f"b-{k}", run=f"run {n} of {k}", measurement=f"{at}"
        )
        for n, said_by_each in enumerate(letters)
        for k, letter in enumerate(said_by_each)
        if letter != " "
    ]


@pytest.mark.parametrize("bad", ["BAAA", "ABAA", "AAAB"])
def test_of_four_vantages_one_that_is_blocked_throughout_is_one_contradiction(bad):
    assert states(told(rounds(*[bad] * 100)).episodes) == ["insufficient", "contradictory"]
    found = told(rounds(*["AAAA"] * 60, *[bad] * 100)).episodes
    assert states(found) == ["accessible", "contradictory"]


@pytest.mark.parametrize("bad", ["BAAAA", "AABAA", "AAAAB"])
def test_of_five_vantages_one_that_is_blocked_leaves_the_majority(bad):
    assert states(told(rounds(*["AAAAA"] * 60, *[bad] * 100)).episodes) == ["accessible"]


@pytest.mark.parametrize("odd", ["BBB", "BBA", "ABB", "B A"])
def test_one_round_is_no_change_however_many_vantages_measured_it(odd):
    daily = rounds(*["AAA"] * 6, odd, *["AAA"] * 6, step=DAY)
    assert states(told(daily, period=DAY).episodes) == ["accessible"]


def test_two_rounds_of_several_vantages_are_a_change():
    before, after = told(rounds(*["AAA"] * 6, "BBB", "BBB", step=DAY), period=DAY).episodes
    assert (after.change, after.not_before, after.began_at) == (Change.BLOCK, before.seen_at, NOW + 6 * DAY)
    assert after.decided_at == NOW + 7 * DAY  # the first of the second round: three measurements, two rounds


def test_what_a_vantage_measures_again_within_a_slot_is_a_round_of_its_own():
    again = said("BBB", since=NOW + 6 * DAY, step=20 * MINUTE)
    assert states(told([*said("AAAAAA", step=DAY), *again], period=DAY).episodes) == ["accessible", "likely_blocked"]


def test_who_is_absent_from_a_round_does_not_keep_it_open_for_ever():
    assert states(told(rounds(*["AAAA"] * 60, *["BA  "] * 50)).episodes) == ["accessible", "contradictory"]


def test_evenings_of_blocking_in_a_dense_series_are_an_episode_each():
    evenings = [*["AAAA"] * 18, *["BBBB"] * 6] * 5
    found = told(rounds(*evenings)).episodes
    assert states(found) == ["accessible", "likely_blocked"] * 5
    assert words(found)[1:4] == [("block", 18), ("unblock", 24), ("relapse", 42)]


# --- too little data


def test_a_whole_window_of_silence_ends_what_was_known():
    verdicts = said("BBB")
    assert states(told(verdicts, NOW + 50 * HOUR).episodes) == ["likely_blocked"]
    before, lost = told(verdicts, NOW + 50 * HOUR + MINUTE).episodes
    assert (lost.state, lost.change, lost.witnesses) == (State.INSUFFICIENT, Change.LOST, ())
    assert (lost.not_before, lost.began_at) == (NOW + 2 * HOUR, NOW + 50 * HOUR)
    assert (before.seen_at, before.ended_at) == (NOW + 2 * HOUR, NOW + 50 * HOUR)


def test_of_what_is_rarely_measured_the_silence_is_longer():
    verdicts = said("BBB", step=DAY)
    assert states(told(verdicts, NOW + 5 * DAY, DAY).episodes) == ["likely_blocked"]
    assert states(told(verdicts, NOW + 5 * DAY + MINUTE, DAY).episodes) == ["likely_blocked", "insufficient"]


def test_inconclusive_measurements_break_no_silence():
    assert states(seen("BBB" + "?" * 49)) == ["likely_blocked", "insufficient"]


def test_fewer_conclusive_measurements_than_the_floor_count_at_once():
    found = told(said("BBB?", step=DAY), period=DAY).episodes
    assert states(found) == ["likely_blocked"]
    found = told(said("BBB?  ?", step=DAY / 2), period=HOUR).episodes  # a window of two days holds two of them
    assert states(found) == ["likely_blocked", "insufficient"]
    assert found[1].began_at == NOW + 3 * DAY


def test_a_state_that_is_held_is_not_lost_before_silence_says_so():
    hours = zip("AAABB?", (0, 1, 40, 41, 60, 88.5), strict=True)  # the last window holds two conclusive ones
    verdicts = [one(letter, NOW + hour * HOUR) for letter, hour in hours]
    assert states(told(verdicts).episodes) == ["accessible"]
    assert words(told([*verdicts, one("B", NOW + 89 * HOUR)]).episodes) == [("first", 0), ("block", 41)]
    assert states(told(verdicts, NOW + 109 * HOUR).episodes) == ["accessible", "insufficient"]


def test_what_was_known_before_too_little_data_counts_again_and_begins_anew():
    verdicts = [one(letter, NOW + hours * HOUR) for letter, hours in [*zip("BBB?B", (0, 20, 21, 49, 50), strict=True)]]
    found = told(verdicts).episodes
    assert [(one.state, one.change) for one in found] == [
        (State.LIKELY_BLOCKED, Change.FIRST),
        (State.INSUFFICIENT, Change.LOST),
        (State.LIKELY_BLOCKED, Change.RESUMED),
    ]
    assert (found[1].began_at, found[1].not_before) == (NOW + 49 * HOUR, NOW + 21 * HOUR)
    assert (found[2].began_at, found[2].not_before) == (NOW + 50 * HOUR, None)  # nobody says it was open meanwhile


def test_a_change_that_nobody_saw_lies_somewhere_in_the_silence():
    found = told(said("AAA" + " " * 997 + "BBB")).episodes
    assert states(found) == ["accessible", "insufficient", "likely_blocked"]
    assert found[2].change is Change.BLOCK
    assert (found[2].not_before, found[2].began_at) == (NOW + 2 * HOUR, NOW + 1000 * HOUR)


# --- the words for a change


@pytest.mark.parametrize(
    ("letters", "change"),
    [
        ("AAABBB", Change.BLOCK),
        ("BBBAAA", Change.UNBLOCK),
        ("BBBAAABBB", Change.RELAPSE),
        ("DDDBBB", Change.BLOCK),
        ("AAADDD", Change.DOWN),
        ("AAADDDAAA", Change.RECOVERY),
        ("BBBDDDAAA", Change.UNBLOCK),
        ("BBBDDDBBB", Change.RESUMED),
        ("BBBDDDNNN", Change.MECHANISM),
        ("AAABBBAAADDDBBB", Change.RELAPSE),
        ("BBBNNN", Change.MECHANISM),
        ("AAA" + " " * 100 + "AAA", Change.RESUMED),
        ("DDD" + " " * 100 + "DDD", Change.RESUMED),
    ],
)
def test_a_change_has_its_word(letters, change):
    assert seen(letters)[-1].change is change


# --- degree and mechanism


def test_the_degree_rises_and_falls_within_one_episode():
    proof = [one("B", NOW + 3 * HOUR, confirmed=True)]
    rising = told(said("BBB") + proof).episodes
    assert [(e.state, e.began_at) for e in rising] == [(State.BLOCKED, NOW)]
    later = said("B" * 60, since=NOW + 4 * HOUR)
    falling = told(said("BBB") + proof + later).episodes
    assert [(e.state, e.began_at) for e in falling] == [(State.LIKELY_BLOCKED, NOW)]


def test_slowed_down_in_three_runs_is_throttled_and_one_stretch_with_what_follows_from_it():
    assert states(seen("TTT")) == ["throttled"]


@pytest.mark.parametrize("letters", ["BBBSSSS", "SSSBBBB"])
def test_a_more_exact_name_of_the_same_mechanism_is_no_change(letters):
    [found] = seen(letters)
    assert found.mechanism in ("tls.reset", "tls.reset.sni")


def test_another_mechanism_is_an_episode_of_its_own():
    before, after = seen("SSSSNNN")
    assert (before.mechanism, after.mechanism) == ("tls.reset.sni", "dns.nxdomain")
    assert (after.not_before, after.began_at) == (NOW + 3 * HOUR, NOW + 4 * HOUR)
    assert (after.change, after.state) == (Change.MECHANISM, State.LIKELY_BLOCKED)


@pytest.mark.parametrize("letters", ["BBBNNB", "BBBN", "BBBNINI", "BBBNBNBNBN", "BBBNNBBNNBBNNBB"])
def test_mechanisms_that_take_turns_are_one_episode(letters):
    assert [(e.mechanism, e.began_at) for e in seen(letters)] == [("tls.reset", NOW)]


def test_mechanisms_do_not_split_the_vote_on_a_block():
    assert words(seen("AAABNB")) == [("first", 0), ("block", 3)]


# --- series that are sampled at least hourly


def hourly(text: str, each: int = 4) -> list[CellVerdict]:
    """Each letter for `each` runs within one hour; a digit before it says how many of them say so, the others A."""
    verdicts = []
    hour = -1
    number = each
    for letter in text:
        if letter.isdigit():
            number = int(letter)
            continue
        hour += 1
        for n in range(each):
            verdicts.append(one(letter if n < number else "A", NOW + hour * HOUR + n * 15 * MINUTE))
        number = each
    return verdicts


def test_of_a_dense_series_two_hours_must_agree_and_not_two_runs():
    quiet = "A" * 24
    assert words(told(hourly(quiet + "3B" + "A" * 3)).episodes) == [("first", 0)]
    assert words(told(hourly(quiet + "BB")).episodes) == [("first", 0), ("block", 24)]


@pytest.mark.parametrize(
    ("sampled", "dense"),
    [("x" * 19, False), ("x" * 20, True), ("xx    " + "x" * 18, True), ("xx     " + "x" * 18, False)],
)
def test_a_series_is_dense_from_twenty_sampled_hours_of_the_last_24_on(sampled, dense):
    hours = [NOW + n * HOUR for n, sign in enumerate(sampled) if sign == "x"]
    quiet = [v for hour in hours for v in said("AA", since=hour, step=20 * MINUTE)]
    row = said("BBB", since=hours[-1] + 41 * MINUTE, step=5 * MINUTE)
    assert (states(told(quiet + row).episodes) == ["accessible"]) is dense


def test_a_change_within_an_hour_begins_with_the_unbroken_row_before_the_hours_that_agree():
    quiet = [v for n in range(24) for v in said("A" * 10, since=NOW + n * HOUR, step=5 * MINUTE)]
    found = told(quiet + said("AAABB" + "B" * 12, since=NOW + 24 * HOUR + 10 * MINUTE, step=10 * MINUTE)).episodes
    assert (found[1].not_before, found[1].began_at) == (NOW + 24.5 * HOUR, NOW + 24 * HOUR + 40 * MINUTE)


def test_what_is_not_dense_has_no_cusum():
    assert told(said("A" * 24, step=2 * HOUR)).last.series == {}
    assert told(said("A" * 24)).last.series != {}


def test_cusum_finds_what_no_two_hours_agree_on_and_its_onset():
    """Every other hour is split, so that no two in a row have a majority; nine of ten say blocked all the same."""
    quiet = [v for n in range(24) for v in said("A" * 10, since=NOW + n * HOUR, step=5 * MINUTE)]
    for hours, found in ((9, ["accessible"]), (10, ["accessible", "likely_blocked"])):
        turns = [
            v
            for n in range(hours)
            for v in said("AB" if n % 2 else "B" * 8, since=NOW + (24 + n) * HOUR, step=5 * MINUTE)
        ]
        assert states(told(quiet + turns).episodes) == found
    alone = [replace(v, run="the same") for v in turns]
    assert states(told(quiet + alone).episodes) == ["accessible"]
    assert told(quiet + turns).episodes[1].began_at == NOW + 24 * HOUR


def test_cusum_knows_nothing_of_what_was_before_the_last_change():
    """The hour in which a change was decided counts from there on."""
    quiet = said("A" * 24 + "B")
    decided = said("BBBAA", since=NOW + 25 * HOUR, step=10 * MINUTE)
    found = told(quiet + decided + said("?", since=NOW + 26 * HOUR))
    assert found.marks[-1].at == NOW + 25 * HOUR + 10 * MINUTE
    assert found.last.series["tls"] == Series(pytest.approx(0.35), NOW + 25 * HOUR, NOW + 25 * HOUR)


def counted(values: Iterable[float], *, on: bool = False) -> Series:
    series = Series()
    for n, value in enumerate(values):
        series = series.counted(value, NOW + n * HOUR, on=on)
    return series


def test_cusum_alarms_after_six_hours_of_blocking_and_ten_of_its_end():
    assert counted([1] * 5).statistic < episodes.THRESHOLD <= counted([1] * 6).statistic
    off = [counted([0] * hours, on=True).statistic for hours in (9, 11)]
    assert off[0] < episodes.THRESHOLD <= off[1]


def test_cusum_forgets_what_is_no_more_than_noise_and_its_onset_is_where_it_left_zero():
    assert counted([0.3] * 100).statistic == 0
    series = counted([1, 0, 0, 0, 1, 1])
    assert series.onset == NOW + 4 * HOUR
    assert counted([1, 0, 0]).onset is None


@pytest.mark.parametrize(("gap", "left"), [(24, 1.0), (48, 0.5), (96, 0.25)])
def test_after_a_gap_cusum_decays_with_a_half_life_of_two_days(gap, left):
    before = counted([1, 1])
    after = before.counted(episodes.DRIFT, NOW + HOUR + gap * HOUR, on=False)
    assert after.statistic == pytest.approx(left * before.statistic)


@pytest.mark.parametrize(
    ("letter", "values"),
    [
        ("A", {"down": 0, "dns": 0, "tcp": 0, "tls": 0, "http": 0}),
        ("N", {"down": 0, "dns": 1, "tcp": None, "tls": None, "http": None}),
        ("U", {"down": 0, "dns": 0, "tcp": 1, "tls": None, "http": None}),
        ("B", {"down": 0, "dns": 0, "tcp": 0, "tls": 1, "http": None}),
        ("H", {"down": 0, "dns": 0, "tcp": 0, "tls": 0, "http": 1}),
        ("D", {"down": 1, "dns": None, "tcp": None, "tls": None, "http": None}),
        ("?", dict.fromkeys(episodes.STAGES)),
    ],
)
def test_what_lies_behind_a_blocked_stage_is_masked_and_not_zero(letter, values):
    assert {stage: episodes._value(one(letter, NOW), stage) for stage in episodes.STAGES} == values


# --- a replay is a replay


def same(found: History) -> tuple[Any, ...]:
    return found.episodes, [mark.as_json() for mark in found.marks], found.last.as_json(), found.now.as_json()


def resumed(verdicts: Sequence[CellVerdict], until: datetime, period: timedelta, start: Checkpoint) -> History:
    assert start.at
    memory = [v for v in verdicts if start.at - memory_of(period) <= v.at <= start.at]
    stored = Checkpoint.from_json(json.loads(json.dumps(start.as_json())))
    return replay(verdicts, until=until, plan_period=period, start=stored, memory=memory)


stretches = st.lists(
    st.tuples(
        st.sampled_from(["A", "B", "AB", "BN", "N", "?", "D", "AAB", "BBA", "S", "A?", " "]),
        st.integers(1, 30),
        st.sampled_from([20 * MINUTE, HOUR, 7 * HOUR, DAY]),
    ),
    min_size=1,
    max_size=6,
)


def laid_out(parts: list[tuple[str, int, timedelta]]) -> list[CellVerdict]:
    verdicts, at = [], NOW
    for letters, count, step in parts:
        for n in range(count):
            letter = letters[n % len(letters)]
            if letter != " ":
                artefact = n % 7 == 3
                fields = {
                    "vantage": f"b-{n % 2}",
                    "run": f"run {at - (at - NOW) % (40 * MINUTE)}",
                    "artefact": artefact,
                }
                verdicts.append(one(letter, at, **fields))
            if n % 5 == 0:  # two of one moment
                verdicts.append(one(letters[0].strip() or "A", at, run=f"other {at}", measurement=f"other {at}"))
            at += step
    return verdicts


@settings(deadline=None)
@given(stretches, st.sampled_from([HOUR, DAY, 7 * DAY]), st.randoms(use_true_random=False), st.integers(0, 100))
def test_a_replay_from_any_checkpoint_comes_to_what_a_replay_from_the_start_does(parts, period, random, quiet):
    verdicts = laid_out(parts)
    until = max(v.at for v in verdicts) + quiet * HOUR
    whole = replay(verdicts, until=until, plan_period=period)
    halfway = random.choice(verdicts).at
    starts = [*whole.marks, replay(verdicts, until=halfway, plan_period=period).last]
    for start in starts:
        again = resumed(verdicts, until, period, start)
        number = len(again.episodes)
        assert again.episodes == whole.episodes[-number:]
        assert again.now.as_json() == whole.now.as_json()
        if start.at <= whole.last.at:
            assert again.last.as_json() == whole.last.as_json()


@settings(deadline=None)
@given(stretches, st.sampled_from([HOUR, DAY]), st.randoms(use_true_random=False), st.floats(0, 1))
def test_grown_one_measurement_at_a_time_in_any_order_episodes_are_the_same(parts, period, random, lateness):
    verdicts = laid_out(parts)[:60]
    late = random.sample(verdicts, int(lateness * len(verdicts)))
    found: list[Episode] = []
    marks: list[Checkpoint] = []
    arrived: list[CellVerdict] = []
    for v in [*(v for v in verdicts if v not in late), *late]:
        arrived.append(v)
        until = max(one.at for one in arrived) + random.choice([0 * HOUR, 5 * DAY])
        marks = [mark for mark in marks if mark.at and mark.at < v.at]
        if marks:
            start = max(marks, key=lambda mark: mark.at)
            grown = resumed(arrived, until, period, start)
            found = [one for one in found if one.began_at < start.running.began_at]
        else:
            grown, found = replay(arrived, until=until, plan_period=period), []
        found += grown.episodes
        marks += [*grown.marks, grown.last]
    assert found == list(replay(verdicts, until=until, plan_period=period).episodes)


@settings(deadline=None)
@given(stretches, st.sampled_from([HOUR, DAY]), st.randoms(use_true_random=False))
def test_the_order_in_which_verdicts_are_passed_means_nothing(parts, period, random):
    verdicts = laid_out(parts)
    shuffled = random.sample(verdicts, len(verdicts))
    assert same(told(shuffled, period=period)) == same(told(verdicts, period=period))


@settings(deadline=None)
@given(stretches, st.sampled_from([HOUR, DAY, 7 * DAY]), st.integers(0, 100))
def test_episodes_follow_each_other_without_gap_and_their_bounds_are_in_order(parts, period, quiet):
    verdicts = laid_out(parts)
    until = max(v.at for v in verdicts) + quiet * HOUR
    found = replay(verdicts, until=until, plan_period=period).episodes
    for earlier, later in pairwise(found):
        assert earlier.ended_at == later.began_at
        assert earlier.began_at <= earlier.seen_at <= later.began_at
        assert earlier.began_at < later.began_at
        assert (earlier.state, later.state) != (State.INSUFFICIENT, State.INSUFFICIENT)
    for each in found:
        assert each.not_before is None or each.not_before <= each.began_at
        assert each.began_at <= each.decided_at
    assert found[-1].ended_at is None


def test_a_checkpoint_of_another_version_is_none():
    mark = told(said("BBB")).last
    assert Checkpoint.from_json(mark.as_json()) == mark
    assert Checkpoint.from_json({**mark.as_json(), "format": 0}) is None
