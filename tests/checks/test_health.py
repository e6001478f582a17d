"""How a probe location is told to be: quiet, behind or odd, since when, and when that is over."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import translation

from checks import health, tasks
from checks.engine.records import SelfTest
from checks.health import Condition, Health, Kind
from checks.models import Round, Run, Tick, Trouble, Vantage, Verdict
from tests import make
from tests.verdict import make as facts

pytestmark = pytest.mark.django_db

AT = make.AT
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
READY, PLANNED, FAILED = Run.State.READY, Run.State.PLANNED, Run.State.FAILED


@pytest.fixture
def place() -> Vantage:
    return make.vantage(make.network(9198, watched=False), name="astana-1", seen_at=AT - 3 * HOUR)


def asked(by: Vantage, *, ago: timedelta = 3 * HOUR, **fields: Any) -> Run:
    fields = {"state": READY, "due_at": AT - ago, "attempt": 2, "lease_until": AT - ago / 2, **fields}
    run = make.run(by, **fields)
    Round.objects.filter(pk=run.round_id).update(slot=AT - ago - run.pk * timedelta(microseconds=1))
    return run


def came(by: Vantage, *, ago: timedelta = HOUR, late: timedelta = HOUR, test: dict[str, Any] | None = None) -> Run:
    told = SelfTest(**{"started": AT.isoformat(), **test}).as_json() if test is not None else None
    return asked(by, ago=ago + late, state=Run.State.RECORDED, recorded_at=AT - ago, lease_until=None, self_test=told)


def of(place: Vantage) -> Health:
    return health.of([Vantage.objects.get(pk=place.pk)], at=AT)[0]


def kinds(place: Vantage, *running: str) -> set[str]:
    return {str(kind) for kind in of(place).troubles(running)}


# --- quiet, behind


@pytest.mark.parametrize(
    ("fields", "quiet"),
    [
        ({}, True),
        ({"attempt": 1}, True),
        ({"state": FAILED, "attempt": 3, "lease_until": None}, False),  # it was seen after that was due
        ({"state": FAILED, "attempt": 3, "lease_until": None, "ago": 2.5 * HOUR}, True),
        ({"attempt": 1, "lease_until": AT + MINUTE}, False),  # it may be at work
        ({"attempt": 0, "lease_until": None}, False),  # nobody asked it yet
        ({"state": Run.State.WAITING, "attempt": 0, "lease_until": None}, False),  # its control is asked
        ({"ago": HOUR}, False),  # not long enough
    ],
)
def test_quiet_is_who_was_asked_and_sent_nothing_for_two_hours(
    place: Vantage, fields: dict[str, Any], quiet: bool
) -> None:
    asked(place, **{"ago": 4 * HOUR, **fields})
    assert ("quiet" in kinds(place)) is quiet


def test_who_sent_something_meanwhile_is_not_quiet(place: Vantage) -> None:
    asked(place, ago=5 * HOUR)
    Vantage.objects.update(seen_at=AT - HOUR)
    assert kinds(place) == set()


def test_who_never_came_is_quiet_since_ever(place: Vantage) -> None:
    Vantage.objects.update(seen_at=None)
    asked(place)
    health.refresh(at=AT)
    assert Trouble.objects.get().since is None


def test_a_place_at_the_door_is_quiet_when_it_does_not_come_for_its_work(place: Vantage) -> None:
    asked(place, state=PLANNED, attempt=0, lease_until=None)
    assert kinds(place) == set()  # by the queue it is the centre that hands out what is due
    Vantage.objects.update(way=Vantage.Way.DOOR)
    assert kinds(place) == {"quiet"}


def test_behind_is_who_has_not_begun_for_six_hours_what_is_due(place: Vantage) -> None:
    Vantage.objects.update(seen_at=AT - MINUTE)
    for hours in (5, 7):
        asked(place, ago=hours * HOUR, attempt=0, lease_until=None)
    found = of(place)
    assert (found.backlog, found.oldest_due, found.is_quiet) == (2, AT - 7 * HOUR, False)
    assert kinds(place) == {"behind"}
    Run.objects.filter(due_at=AT - 7 * HOUR).update(lease_until=AT + HOUR)  # somebody is at work on it
    assert kinds(place) == set()


def test_a_control_is_behind_with_what_its_probe_has_claimed_alone(place: Vantage) -> None:
    Vantage.objects.update(role=Vantage.Role.CONTROL)
    waiting = asked(place, ago=7 * HOUR, state=PLANNED, attempt=0, lease_until=None)
    assert (of(place).backlog, kinds(place)) == (0, set())
    Run.objects.filter(pk=waiting.pk).update(state=READY)
    assert (of(place).backlog, kinds(place)) == (1, {"behind"})


def test_first_checks_say_nothing(place: Vantage) -> None:
    """Their times are those of reports."""
    run = asked(place, ago=9 * HOUR)
    assert kinds(place) == {"quiet"}
    Round.objects.filter(pk=run.round_id).update(plan=None)
    found = of(place)
    assert (found.backlog, found.vain_since, found.troubles()) == (0, None, {})


# --- odd


@pytest.mark.parametrize(
    ("tests", "kind"),
    [
        ([{"failed": ("must_allow",)}] * 3, {"self_test"}),
        ([{"failed": ("must_allow",)}] * 2, set()),
        ([{}, *[{"failed": ("must_allow",)}] * 3], set()),  # the newest stands first
        ([{"failed": ("clock",), "clock_offset": -90.2}] * 2, {"clock"}),
        ([{"failed": ("clock",)}] * 3, {"clock"}),
        ([{"failed": ("clock", "asn")}] * 3, {"clock", "self_test"}),
        ([{"suspect": True}] * 3, {"must_block"}),
        ([{"suspect": True}] * 2 + [{}], set()),
    ],
)
def test_odd_is_whose_self_tests_say_so_several_times_in_a_row(
    place: Vantage, tests: list[dict[str, Any]], kind: set[str]
) -> None:
    for hours, test in enumerate(tests, start=1):
        came(place, ago=hours * HOUR, test=test)
    assert kinds(place) == kind


def seen_by(places: dict[str, str], sites: int) -> None:
    network = make.network(9198, watched=False)
    for number in range(sites):
        seen = {name: {what: 3} for name, what in places.items()}
        make.cell(make.target(f"s{number}.kz"), network, vantages=len(places), places=seen)


def test_odd_is_who_sees_otherwise_than_most_others_on_its_network(place: Vantage) -> None:
    other = make.vantage(place.network, name="astana-2")
    seen_by({"astana-1": "blocked", "astana-2": "accessible", "ooni-as9198": "accessible"}, 10)
    assert (of(place).compared, of(place).agreeing_share, kinds(place)) == (10, 0.0, {"disagrees"})
    assert (of(other).compared, kinds(other)) == (0, set())  # of the others each says another thing


def test_of_two_that_disagree_both_are_odd_for_nobody_knows_who_is_right(place: Vantage) -> None:
    other = make.vantage(place.network, name="astana-2")
    seen_by({"astana-1": "blocked", "astana-2": "accessible"}, 9)
    assert kinds(place) | kinds(other) == set()  # too few sites
    make.cell(
        make.target("one-more.kz"), place.network, vantages=2,
        places={"astana-1": {"blocked": 2}, "astana-2": {"accessible": 2}},
    )  # fmt: skip
    assert kinds(place) == kinds(other) == {"disagrees"}


def test_who_says_down_or_too_little_is_compared_with_nobody(place: Vantage) -> None:
    seen_by({"astana-1": "down", "astana-2": "accessible"}, 12)
    assert of(place).compared == 0


def verdicts(place: Vantage, unclear: int, clear: int, *, ago: timedelta) -> None:
    row = make.measurement(facts.unsecured("connection_reset"), make.target(), by=came(place, ago=ago))
    for number in range(unclear + clear):
        value = Verdict.Value.INCONCLUSIVE if number < unclear else Verdict.Value.ACCESSIBLE
        made = make.verdict(row, value)
        Verdict.objects.filter(pk=made.pk).update(measurement=f"0195a0b2-0000-7000-8000-{made.pk:012x}")


@pytest.mark.parametrize(
    ("before", "now", "running", "odd"),
    [
        ((2, 18), (15, 5), (), True),
        ((0, 0), (15, 5), (), True),  # from its first day on
        ((12, 8), (15, 5), (), False),  # as much as it was
        ((12, 8), (15, 5), ("inconclusive",), True),  # that it lasts is no end of it
        ((2, 18), (9, 11), ("inconclusive",), False),
        ((2, 18), (10, 4), (), False),  # too few
    ],
)
def test_odd_is_of_whom_half_is_inconclusive_all_at_once(
    place: Vantage, before: tuple[int, int], now: tuple[int, int], running: tuple[str, ...], odd: bool
) -> None:
    if sum(before):
        verdicts(place, *before, ago=30 * HOUR)
    verdicts(place, *now, ago=2 * HOUR)
    assert ("inconclusive" in kinds(place, *running)) is odd
    assert of(place).inconclusive_share == now[0] / sum(now)


# --- the numbers


def test_lag_is_the_median_of_the_last_day_and_failed_runs_are_a_share(place: Vantage) -> None:
    for late in (1, 2, 9):
        came(place, ago=5 * HOUR, late=late * HOUR)
    came(place, ago=25 * HOUR, late=99 * HOUR)
    asked(place, ago=6 * HOUR, state=FAILED, attempt=3, lease_until=None)
    found = of(place)
    assert (found.lag, found.recorded, found.failed, found.failed_share) == (2 * HOUR, 3, 1, 0.25)


@pytest.mark.parametrize(("failed", "home", "odd"), [(2, 2, True), (3, 0, False), (2, 3, False)])
def test_odd_is_of_whom_half_of_the_runs_fail_though_it_is_heard_of(
    place: Vantage, failed: int, home: int, odd: bool
) -> None:
    Vantage.objects.update(seen_at=AT - MINUTE)
    for hours in range(failed):
        asked(place, ago=(hours + 2) * HOUR, state=FAILED, attempt=3, lease_until=None)
    for hours in range(home):
        came(place, ago=(hours + 2) * HOUR)
    assert kinds(place) == ({"failing"} if odd else set())
    Vantage.objects.update(seen_at=AT - 9 * HOUR)
    assert kinds(place) == {"quiet"}


def test_thirty_vantages_take_as_many_queries_as_one(place: Vantage, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(7):
        health.of([place], at=AT)
    many = [make.vantage(place.network) for _ in range(29)]
    for one in many:
        came(one, test={})
        asked(one)
    with django_assert_num_queries(7):
        first = health.of([place, *many], at=AT)
    assert first == health.of([place, *many], at=AT)  # of one moment always the same


# --- as rows


def test_a_trouble_opens_once_is_renewed_and_ends_by_itself(place: Vantage) -> None:
    run = asked(place)
    assert health.refresh(at=AT) == {"opened": 1}
    assert health.refresh(at=AT + HOUR) == {"still": 1}
    row = Trouble.objects.get()
    assert (row.kind, row.since, row.opened_at, row.seen_at, row.closed_at) == (
        "quiet", AT - 3 * HOUR, AT, AT + HOUR, None,
    )  # fmt: skip
    Run.objects.filter(pk=run.pk).update(state=Run.State.RECORDED)
    assert health.refresh(at=AT + 2 * HOUR) == {"closed": 1}
    assert health.refresh(at=AT + 3 * HOUR) == {}
    assert Trouble.objects.get().closed_at == AT + 2 * HOUR
    Run.objects.filter(pk=run.pk).update(state=READY)
    assert health.refresh(at=AT + 4 * HOUR) == {"opened": 1}


def test_of_a_revoked_vantage_nothing_is_told_any_more(place: Vantage) -> None:
    asked(place)
    health.refresh(at=AT)
    Vantage.objects.update(state=Vantage.State.REVOKED)
    assert health.refresh(at=AT) == {"closed": 1}


def test_every_kind_has_a_sentence_in_every_language(place: Vantage) -> None:
    told = {"runs": 3, "failed": 4, "ended": 5, "seconds": 90, "compared": 10, "differing": 4, "percent": 70}
    for language in ("kk", "ru", "en"):
        with translation.override(language):
            texts = {health.sentence(Trouble(vantage=place, kind=kind, told=told, since=AT)) for kind in Kind}
            texts.add(health.sentence(Trouble(vantage=place, kind="quiet")))
        assert len(texts) == len(Kind) + 1
        assert not any("%" in text.replace("70 %", "").replace("70%", "") for text in texts)


@pytest.mark.parametrize(
    ("found", "condition"),
    [
        ([], Condition.FINE), (["behind"], Condition.BEHIND), (["behind", "clock"], Condition.ODD),
        (["disagrees", "quiet"], Condition.QUIET),
    ],
)  # fmt: skip
def test_one_word_says_the_worst(found: list[str], condition: Condition) -> None:
    assert health.condition_of(found) == condition


def test_beat_looks_for_troubles_and_leaves_a_sign_of_its_tick(place: Vantage) -> None:
    Vantage.objects.update(seen_at=None)
    asked(place)
    tasks.find_troubles()
    assert Trouble.objects.get().kind == "quiet"
    Run.objects.update(state=Run.State.RECORDED)
    tasks.dispatch()
    before = Tick.objects.get(name="dispatch").at
    tasks.dispatch()
    assert Tick.objects.get(name="dispatch").at > before
