"""Waves: what changed together, and what fell silent together. Two days of Kazakhstan's history are replayed."""

from __future__ import annotations

import random
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from math import exp

import pytest

from checks.verdict import waves
from checks.verdict.state import State
from checks.verdict.waves import Change, Direction, Interval, Kind, Measured, Slot, Span, Wave

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
AT = datetime(2026, 3, 1, 7, tzinfo=UTC)

KAZAKHTELECOM, KCELL, KAR_TEL, TELE2, TRANSTELECOM = 9198, 29355, 21299, 48503, 41798
CONTROL = 64496


def change(
    site: int,
    network: int = KAZAKHTELECOM,
    at: datetime = AT,
    way: str = "block",
    period: timedelta = HOUR,
    **more: int,
) -> Change:
    """A site changed between the round before `at` and that of `at`."""
    by = frozenset({more["vantage"]}) if "vantage" in more else frozenset()
    host = f"site-{more.get('host', site)}.kz"
    return Change(site, host, network, Direction(way), Span(at - period, at), "tls.timeout.sni", by)


def changes(sites: Iterable[int], **fields: object) -> list[Change]:
    """Of one network, in the round of `at`, a minute apart."""
    at = fields.pop("at", AT)
    assert isinstance(at, datetime)
    return [change(site, at=at + n * MINUTE, **fields) for n, site in enumerate(sites)]  # type: ignore[arg-type]


def slots(
    network: int,
    *silent: tuple[datetime, datetime],
    vantage: int = 0,
    begin: datetime = AT - 5 * DAY,
    end: datetime = AT + 5 * DAY,
    period: timedelta = HOUR,
    control: bool = False,
) -> list[Slot]:
    """A vantage's rounds; in a silence, from its first unanswered round up to the next answered one, none came."""
    made, at = [], begin
    while at <= end:
        answered = not any(first <= at < again for first, again in silent)
        made.append(Slot(vantage or network, network, control, at, answered))
        at += period
    return made


def control(*silent: tuple[datetime, datetime], **fields: object) -> list[Slot]:
    return slots(CONTROL, *silent, control=True, **fields)  # type: ignore[arg-type]


def found(
    changes: Iterable[Change] = (), slots: Iterable[Slot] = (), *, since: datetime = datetime(2018, 1, 1, tzinfo=UTC)
) -> list[Wave]:
    """In a register of 400 sites whose networks have been measured since then."""
    changes = list(changes)
    return waves.find(changes, slots, Measured(400, dict.fromkeys((one.network for one in changes), since)))


def hours(wave: Wave) -> list[tuple[datetime, datetime | None]]:
    """The intervals as they were seen to begin and end."""
    return [(one.began.at, one.ended.at if one.ended else None) for one in wave.intervals]


# --- what is a wave


def test_five_sites_at_once_on_one_network_are_a_wave_and_four_are_none():
    [wave] = found(changes(range(5)))
    assert (wave.kind, wave.direction, wave.changes) == (Kind.TARGETS, Direction.BLOCK, 5)
    assert wave.networks == {KAZAKHTELECOM}
    assert wave.intervals == (Interval(Span(AT - HOUR, AT), None),)
    assert found(changes(range(4))) == []


def test_five_addresses_of_one_site_are_one_site():
    assert found(change(number, host=1) for number in range(9)) == []


def test_five_sites_over_two_hours_are_no_wave():
    assert found(change(n, at=AT + n * 30 * MINUTE) for n in range(5)) == []


@pytest.mark.parametrize(("count", "kinds"), [(3, [Kind.NETWORKS]), (2, [])])
def test_one_site_on_three_networks_at_once_is_a_wave(count, kinds):
    networks = (KAZAKHTELECOM, KCELL, KAR_TEL)[:count]
    assert [wave.kind for wave in found(change(1, network) for network in networks)] == kinds


def test_many_sites_on_many_networks_are_one_wave_though_each_network_cut_others():
    cut = [
        one
        for n, network in enumerate((KAZAKHTELECOM, KCELL, KAR_TEL))
        for one in changes(range(6 * n, 6 * n + 6), network=network)
    ]
    [wave] = found(cut)
    assert (wave.kind, len(wave.hosts), len(wave.networks)) == (Kind.BOTH, 18, 3)


def test_what_is_cut_and_what_is_lifted_are_not_added_up():
    assert found([*changes(range(3)), *changes(range(3, 6), way="unblock")]) == []


def test_sites_that_open_again_together_are_a_wave_of_their_own_where_no_wave_cut_them():
    [wave] = found(changes(range(6), way="unblock"))
    assert wave.direction is Direction.UNBLOCK
    assert hours(wave) == [(AT, AT + 5 * MINUTE)]


def test_a_daily_plan_says_only_between_which_rounds_a_wave_began():
    [wave] = found(changes(range(5), period=DAY))
    assert wave.intervals[0].began == Span(AT - DAY, AT)


# --- what is none


def test_a_network_that_is_always_noisy_needs_more_for_a_wave():
    noise = [one for day in range(1, 15) for one in changes(range(3), at=AT - day * DAY)]
    assert found([*noise, *changes(range(9))]) == []
    [wave] = found([*noise, *changes(range(12))])
    assert wave.changes == 12


def test_as_many_as_the_fortnight_has_seen_already_are_no_wave():
    usual = [change(n, at=AT - n * 8 * HOUR) for n in range(1, 30)]
    once = [change(100 + n, at=AT - 9 * DAY + HOUR, host=n // 2) for n in range(8)]  # eight addresses of four sites
    assert found([*usual, *changes(range(8))])
    assert found([*usual, *once, *changes(range(8))]) == []


def test_in_a_network_s_first_fortnight_it_takes_ten():
    assert found(changes(range(9)), since=AT - 13 * DAY) == []
    assert found(changes(range(10)), since=AT - 13 * DAY)
    assert found(changes(range(5)), since=AT - 14 * DAY)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("period", [HOUR, DAY])
def test_independent_noise_makes_no_wave(seed, period):
    """The first two months of thirty networks, on each of which two of four hundred sites change a day."""
    chance = random.Random(seed)
    rounds = int(60 * DAY / period)
    noise = []
    for network in range(30):
        for number in range(rounds):
            at = AT + number * period
            per_round = 2.0 * (period / DAY)
            for _ in range(_poisson(per_round, chance)):
                way = chance.choice(["block", "unblock"])
                moment = at + chance.randrange(50) * MINUTE
                noise.append(change(chance.randrange(400), network, moment, way, period))
    assert len(noise) > 3000
    assert found(noise, since=AT) == []


def _poisson(mean: float, chance: random.Random) -> int:
    count, left = 0, chance.expovariate(1.0)
    while left < mean:
        count, left = count + 1, left + chance.expovariate(1.0)
    return count


def test_the_tail_of_the_chance_is_that_of_poisson():
    assert waves.tail(0, 0.4) == 1.0
    assert waves.tail(1, 0.4) == pytest.approx(1 - exp(-0.4))
    assert waves.tail(20_000, 0.4) == 0.0
    assert waves.tail(5, 0.4) == pytest.approx(6.12e-5, rel=0.01)
    assert waves.tail(4, 0.4) > waves.CHANCE > waves.tail(5, 0.4)


STEPS = [
    (State.ACCESSIBLE, State.BLOCKED, Direction.BLOCK),
    (State.ACCESSIBLE, State.THROTTLED, Direction.BLOCK),
    (State.LIKELY_BLOCKED, State.ACCESSIBLE, Direction.UNBLOCK),
    (State.INSUFFICIENT, State.BLOCKED, None),  # the plan grew, or first rounds: nobody saw it open
    (State.BLOCKED, State.INSUFFICIENT, None),
    (State.DOWN, State.BLOCKED, None),
    (State.ACCESSIBLE, State.DOWN, None),
    (State.LIKELY_BLOCKED, State.BLOCKED, None),
]


@pytest.mark.parametrize(("old", "new", "direction"), STEPS)
def test_only_a_step_from_open_to_shut_or_back_is_a_change(old, new, direction):
    assert waves.direction_of(old, new) is direction


def test_first_rounds_of_a_vantage_are_no_wave():
    cut = [change(n, vantage=7) for n in range(9)]
    assert found(cut, slots(KAZAKHTELECOM, vantage=7, begin=AT - 4 * HOUR)) == []
    assert found(cut, slots(KAZAKHTELECOM, vantage=7, begin=AT - 5 * HOUR))


def test_a_new_vantage_beside_an_old_one_that_sees_the_same_is_no_doubt():
    both = [Change(n, f"{n}.kz", 1, Direction.BLOCK, Span(AT - HOUR, AT), "", frozenset({7, 8})) for n in range(9)]
    assert found(both, [*slots(1, vantage=7, begin=AT), *slots(1, vantage=8)])


def test_what_changed_while_a_vantage_was_silent_is_no_wave():
    silent = (AT - 5 * HOUR, AT)
    cut = changes(range(9), at=AT + 3 * MINUTE, period=6 * HOUR)
    assert found(cut, slots(KAZAKHTELECOM, silent)) == []
    assert found(cut, slots(KAZAKHTELECOM))


def test_what_was_seen_before_a_silence_stays_a_wave():
    cut = changes(range(9), at=AT + 3 * MINUTE)
    [wave] = found(cut, slots(KAZAKHTELECOM, (AT + HOUR, AT + 9 * HOUR)))
    assert wave.direction is Direction.BLOCK


# --- intervals


def on_and_off(*moments: int) -> list[Change]:
    """Six sites on three networks, cut and lifted in turn in these hours."""
    ways = ("block", "unblock")
    made = []
    for turn, hour in enumerate(moments):
        for network in (KAZAKHTELECOM, KCELL, KAR_TEL):
            made += changes(range(6), network=network, at=AT + hour * HOUR, way=ways[turn % 2])
    return made


def test_cut_again_within_a_day_is_the_same_wave():
    [wave] = found(on_and_off(0, 4, 27, 30))
    assert [(int((b - AT) / HOUR), int((e - AT) / HOUR)) for b, e in hours(wave) if e] == [(0, 4), (27, 30)]


def test_cut_again_after_more_than_a_day_is_another():
    assert len(found(on_and_off(0, 4, 29, 30))) == 2


def test_cut_again_elsewhere_is_another():
    elsewhere = [one for network in (1, 2, 3) for one in changes(range(6), network=network, at=AT + 6 * HOUR)]
    assert len(found([*on_and_off(0, 4), *elsewhere])) == 2


def test_an_interval_ends_when_more_than_half_open_again():
    half = changes(range(3), way="unblock", at=AT + 5 * HOUR)
    [wave] = found([*changes(range(6)), *half])
    assert hours(wave) == [(AT, None)]
    [wave] = found([*changes(range(6)), *half, change(5, way="unblock", at=AT + 7 * HOUR)])
    assert wave.intervals[0].ended == Span(AT + 6 * HOUR, AT + 7 * HOUR)
    assert wave.changed_at == AT + 7 * HOUR


def test_more_that_is_cut_while_it_is_on_extends_the_same_interval():
    [wave] = found([*changes(range(6)), *changes(range(6, 12), at=AT + 3 * HOUR)])
    assert (len(wave.intervals), wave.changes, wave.changed_at) == (1, 12, AT + 3 * HOUR + 5 * MINUTE)


# --- silence


def test_two_networks_that_fall_silent_within_the_hour_while_a_control_delivers_are_a_silence():
    silent = (AT, AT + 6 * HOUR)
    both = [*slots(KAZAKHTELECOM, silent), *slots(KCELL, silent), *slots(KAR_TEL)]
    [wave] = found((), [*both, *control()])
    assert (wave.kind, wave.direction) == (Kind.SILENCE, Direction.SILENCE)
    assert wave.networks == {KAZAKHTELECOM, KCELL}
    assert wave.regular == {KAZAKHTELECOM, KCELL, KAR_TEL}
    assert wave.intervals == (Interval(Span(AT - HOUR, AT), Span(AT + 5 * HOUR, AT + 6 * HOUR)),)


@pytest.mark.parametrize("places", [1, 2])
def test_one_silent_place_is_no_silence_nor_are_two_of_one_network(places):
    silent = (AT, AT + 9 * HOUR)
    power_cut = [one for number in range(places) for one in slots(KAZAKHTELECOM, silent, vantage=number + 1)]
    assert found((), [*power_cut, *slots(KCELL), *control()]) == []


def test_three_silent_places_of_one_network_are_one_unless_a_fourth_delivers():
    three = [one for number in (1, 2, 3) for one in slots(KAZAKHTELECOM, (AT, AT + 9 * HOUR), vantage=number)]
    [wave] = found((), [*three, *control()])
    assert wave.vantages == {1, 2, 3}
    assert found((), [*three, *slots(KAZAKHTELECOM, vantage=4), *control()]) == []


def everybody(*silent: tuple[datetime, datetime], **fields: object) -> list[Slot]:
    networks = (KAZAKHTELECOM, KCELL, KAR_TEL, TELE2, TRANSTELECOM)
    return [one for network in networks for one in slots(network, *silent, **fields)]  # type: ignore[arg-type]


def test_our_own_failure_is_no_silence():
    silent = (AT, AT + 9 * HOUR)
    assert found((), [*everybody(silent), *control(silent)]) == []  # the queue is down
    assert found((), everybody(silent)) == []  # no control tells whether we worked
    assert (
        found((), [one for one in [*everybody(), *control()] if not silent[0] <= one.at < silent[1]]) == []
    )  # no beat
    assert found((), [*everybody(silent), *control()])


@pytest.mark.parametrize(("length", "count"), [(2, 0), (3, 1)])
def test_a_silence_lasts_three_rounds(length, count):
    assert len(found((), [*everybody((AT, AT + length * HOUR)), *control()])) == count


def test_of_rounds_by_the_minute_a_silence_lasts_an_hour():
    often = {"period": 10 * MINUTE, "begin": AT - DAY, "end": AT + DAY}
    for length, count in ((50, 0), (70, 1)):
        quick = [*everybody((AT, AT + length * MINUTE), **often), *control(**often)]
        assert len(found((), quick)) == count, length


def test_who_never_delivered_regularly_does_not_fall_silent():
    weak = [(AT - n * 2 * HOUR, AT - n * 2 * HOUR + HOUR) for n in range(1, 60)]
    assert found((), [*everybody((AT, AT + 9 * HOUR), *weak), *control()]) == []
    assert found((), [*everybody((AT, AT + 9 * HOUR), begin=AT - 4 * HOUR), *control()]) == []


def test_networks_that_fall_silent_hours_apart_are_no_silence_together():
    apart = [*slots(KAZAKHTELECOM, (AT, AT + 9 * HOUR)), *slots(KCELL, (AT + 3 * HOUR, AT + 9 * HOUR))]
    assert found((), [*apart, *control()]) == []


def test_a_silence_that_goes_on_has_no_end():
    [wave] = found((), [*everybody((AT, AT + 9 * DAY)), *control()])
    assert hours(wave) == [(AT, None)]


# --- history, replayed


def moment(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+00:00")


def test_9_may_2019_is_one_wave_of_many_sites_and_networks_with_its_intervals():
    """Gone at most large providers by 07:00 UTC, a set at each, back by 14:00; imagined: an hour of it again later."""
    sets = {KAZAKHTELECOM: range(12), KCELL: range(4, 14), KAR_TEL: range(6), TRANSTELECOM: range(8, 15)}
    seen = []
    for network, sites in sets.items():
        for hour, way in (("06:20", "block"), ("13:50", "unblock"), ("17:00", "block"), ("18:00", "unblock")):
            seen += changes(sites, network=network, at=moment(f"2019-05-09 {hour}"), way=way, period=30 * MINUTE)
    noise = [change(50 + n, KAZAKHTELECOM, moment("2019-05-09 00:00") - n * DAY) for n in range(14)]
    [wave] = found([*noise, *seen], everybody(begin=moment("2019-05-01 00:05"), end=moment("2019-05-12 00:05")))
    assert (wave.kind, wave.direction, wave.networks) == (Kind.BOTH, Direction.BLOCK, sets.keys())
    assert len(wave.hosts) == 15
    assert [began.hour for began, _ in hours(wave)] == [6, 17]
    assert [ended.hour for _, ended in hours(wave) if ended] == [13, 18]


JANUARY_WINDOWS = [  # hours of access, made after what net4people 99 tells: 3.5 to 7.5 hours a day
    ("2022-01-05 23:00", "2022-01-06 03:00"),
    ("2022-01-06 14:00", "2022-01-06 20:00"),
    ("2022-01-07 07:00", "2022-01-07 12:00"),
    ("2022-01-08 04:00", "2022-01-08 11:00"),
    ("2022-01-09 04:00", "2022-01-09 11:00"),
]


def test_january_2022_is_messengers_cut_and_then_one_silence_with_windows():
    """From 4 January messengers were cut; from 10:30 UTC of the 5th nothing came but for hours a day, to the 10th."""
    edges = [moment("2022-01-05 11:00"), *(moment(edge) for window in JANUARY_WINDOWS for edge in window)]
    silent = list(zip(edges[::2], [*edges[1::2], moment("2022-01-10 06:00")], strict=True))
    span = {"begin": moment("2021-12-25 00:00"), "end": moment("2022-01-15 00:00")}
    messengers = [
        change(site, network, moment("2022-01-04 17:05"))
        for site in range(3)
        for network in (9198, 29355, 21299, 48503)
    ]
    # After the silence other sites are shut: whether they were cut in it, nobody saw.
    after = [
        one
        for network in (9198, 29355)
        for one in changes(range(20, 30), network=network, at=moment("2022-01-10 06:04"), period=19 * HOUR)
    ]
    cut, shutdown = found([*messengers, *after], [*everybody(*silent, **span), *control(**span)])
    assert (cut.kind, cut.direction, len(cut.networks)) == (Kind.NETWORKS, Direction.BLOCK, 4)
    assert cut.intervals[0].began == Span(moment("2022-01-04 16:05"), moment("2022-01-04 17:05"))
    assert (shutdown.kind, len(shutdown.networks), len(shutdown.regular)) == (Kind.SILENCE, 5, 5)
    assert hours(shutdown) == silent
    assert shutdown.intervals[0].began == Span(moment("2022-01-05 10:00"), moment("2022-01-05 11:00"))


def test_the_order_in_which_things_are_told_changes_nothing():
    told = [*on_and_off(0, 4, 20, 22)]
    asked = [*everybody((AT + 60 * HOUR, AT + 70 * HOUR)), *control()]
    first = found(told, asked)
    random.Random(1).shuffle(told)
    random.Random(2).shuffle(asked)
    assert found(told, asked) == first
    assert len(first) == 2
