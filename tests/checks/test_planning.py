"""What is due when: spread over the period, alike for the same seed, honouring hosts, fair to every vantage."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from django.conf import LazySettings

from checks import planning, runs
from checks.models import Plan, Priority, Round, Run, Target, Vantage
from tests import make
from tests.checks.conftest import CONTROL_ASN, Probe

pytestmark = pytest.mark.django_db

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def control(probe: Callable[..., Probe]) -> Probe:
    return probe("control", CONTROL_ASN, "control")


@pytest.fixture
def daily(probe: Callable[..., Probe], control: Probe) -> Plan:
    """A thousand sites and a hundred pages of one more, from two vantages."""
    probe("one")
    probe("two", 64498)
    plan = Plan.objects.create(name="daily", period=DAY, due_at=AT)
    sites = [Target(url=f"https://site{n}.kz/", host=f"site{n}.kz") for n in range(1000)]
    pages = [Target(url=f"https://news.kz/{n}", host="news.kz") for n in range(100)]
    plan.targets.set(Target.objects.bulk_create([*sites, *pages]))
    plan.vantages.set(Vantage.objects.filter(role="access"))
    return plan


def of_probes() -> list[Run]:
    return list(Run.objects.filter(vantage__role="access").select_related("vantage", "round").order_by("pk"))


def test_a_sweep_visits_every_target_once_from_every_vantage(daily: Plan) -> None:
    planning.dispatch(AT)
    visits = Counter((run.vantage.name, target) for run in of_probes() for target in run.targets)
    assert len(visits) == 2 * 1100
    assert set(visits.values()) == {1}


def test_its_runs_are_spread_over_the_period(daily: Plan, settings: LazySettings) -> None:
    settings.SPREAD = 1.0
    planning.dispatch(AT)
    for name in ("one", "two"):
        due = sorted(run.due_at - AT for run in of_probes() if run.vantage.name == name)
        assert due[0] >= timedelta(0)
        assert due[-1] < DAY
        assert all(later - sooner > DAY / len(due) / 4 for sooner, later in pairwise(due))


def test_from_sweep_to_sweep_a_site_is_visited_a_period_later_within_a_tenth(
    daily: Plan, settings: LazySettings
) -> None:
    settings.SPREAD = 1.0
    planning.dispatch(AT)
    Run.objects.update(state=Run.State.RECORDED)
    planning.dispatch(AT + DAY)
    when: dict[tuple[str, int], list[datetime]] = {}
    for run in of_probes():
        for target in run.targets:
            when.setdefault((run.vantage.name, target), []).append(run.due_at)
    apart = {later - sooner for sooner, later in when.values()}
    assert all(0.9 * DAY <= one <= 1.1 * DAY for one in apart)
    assert len(apart) > 2  # and not to the minute: whoever watches for us cannot set a clock by it


def test_the_pages_of_one_host_stand_as_far_apart_as_they_can(daily: Plan) -> None:
    planning.dispatch(AT)
    news = set(Target.objects.filter(host="news.kz").values_list("pk", flat=True))
    [first, *_rest] = [run for run in of_probes() if run.vantage.name == "one" and run.round.batch == 0]
    assert len(news & set(first.targets)) <= 1


def test_two_vantages_visit_a_site_at_different_times(daily: Plan, settings: LazySettings) -> None:
    settings.SPREAD = 1.0
    planning.dispatch(AT)
    when: dict[int, list[datetime]] = {}
    for run in of_probes():
        for target in run.targets:
            when.setdefault(target, []).append(run.due_at)
    together = sum(abs(one - other) < timedelta(minutes=10) for one, other in when.values())
    assert together < len(when) / 2


def test_the_same_clock_and_seed_make_the_same_rounds(daily: Plan, settings: LazySettings) -> None:
    settings.SPREAD = 1.0

    def made() -> list[tuple[str, int, datetime, list[int]]]:
        Round.objects.all().delete()
        Plan.objects.update(due_at=AT)
        planning.dispatch(AT)
        return sorted((run.vantage.name, run.round.batch, run.due_at, run.targets) for run in of_probes())

    settings.PLANNING_SEED = "one"
    assert made() == made()
    first = made()
    settings.PLANNING_SEED = "another"
    assert made() != first


def test_whoever_is_behind_with_a_batch_gets_no_second_one_of_it(daily: Plan) -> None:
    planning.dispatch(AT)
    done = Run.objects.filter(vantage__name="one", round__batch=0)
    Run.objects.filter(round__in=done.values("round")).update(state=Run.State.RECORDED)
    planning.dispatch(AT + DAY)
    later = Run.objects.filter(round__slot=AT + DAY, vantage__name="one")
    assert [run.round.batch for run in later] == [0]


@pytest.mark.parametrize(
    ("fields", "asked"),
    [
        ({}, True),
        ({"consent_on": None}, False),
        ({"consent_version": "0"}, False),  # it agreed to something else than what we measure now
        ({"state": "revoked"}, False),
    ],
)
def test_only_a_host_that_agreed_is_asked(
    probe: Callable[..., Probe], control: Probe, fields: dict[str, object], asked: bool
) -> None:
    here = probe("here", **fields)
    planning.measure_regularly(make.target("orda.kz")).vantages.add(here.vantage)
    Plan.objects.update(due_at=AT)
    planning.dispatch(AT)
    assert Run.objects.filter(vantage=here.vantage).exists() is asked


def test_what_was_planned_before_a_consent_was_taken_back_is_not_asked(probe: Callable[..., Probe]) -> None:
    here = probe("here")
    planning.measure_regularly(make.target("orda.kz")).vantages.add(here.vantage)
    Plan.objects.update(due_at=AT)
    planning.dispatch(AT)
    Vantage.objects.filter(pk=here.vantage.pk).update(consent_version="0")
    assert runs.take(AT + timedelta(days=1)) == []
    [run] = Run.objects.filter(vantage=here.vantage)
    assert (run.state, run.failure) == (Run.State.FAILED, "its host has not agreed to what is measured now")
    assert planning.retest(run, [make.target("orda.kz")], at=AT, delays=[timedelta(0)]) == []


def test_what_was_planned_before_a_category_was_excluded_is_not_asked(probe: Callable[..., Probe]) -> None:
    here, kept, excluded = probe("here"), make.target("orda.kz"), make.target("vpn.kz", category="ANON")
    planning.measure_regularly(kept, excluded).vantages.add(here.vantage)
    alone = make.target("proxy.kz", category="ANON")
    runs.create(here.vantage, [alone], runs.Planned(planning.plan_named("tail"), AT, 7, AT, Priority.TAIL))
    Plan.objects.update(due_at=AT)
    planning.dispatch(AT)
    Vantage.objects.filter(pk=here.vantage.pk).update(excluded_categories=["ANON"])
    later = AT + timedelta(days=8)
    asked = [url for _, order in [*runs.take(later), *runs.take(later)] for url, _ in order.items]
    assert asked == [kept.url]
    failed = Run.objects.get(state=Run.State.FAILED)
    assert (failed.targets, failed.failure) == ([alone.pk], "its host excludes what was planned")
    again = planning.retest(Run.objects.exclude(pk=failed.pk).get(), [kept, excluded], at=AT, delays=[timedelta(0)])
    assert [run.targets for round_ in again for run in round_.runs.all()] == [[kept.pk]]


def test_an_imitated_network_has_no_host_to_ask(probe: Callable[..., Probe], control: Probe) -> None:
    here = probe("here", consent_on=None)
    type(here.vantage.network).objects.update(imitated=True)
    assert list(planning.may_be_asked(Vantage.objects.all())) == [here.vantage]


def test_a_reported_name_does_not_go_where_its_category_is_excluded(
    probe: Callable[..., Probe], control: Probe
) -> None:
    probe("here", takes_unreviewed=True, excluded_categories=["GMB"])
    planning.first_check(make.target("casino.kz", category="GMB"), AT)
    assert {run.vantage.name for run in Run.objects.all()} == {"control"}


def test_what_is_urgent_goes_first_and_nobody_gets_more_than_a_share(daily: Plan) -> None:
    planning.dispatch(AT)
    urgent = make.target("urgent.kz")
    one = Vantage.objects.get(name="one")
    runs.create(one, [urgent], runs.Planned(daily, AT, 99, AT, Priority.CHANGED))
    runs.take(AT)
    claimed = Run.objects.filter(vantage=one, state=Run.State.WAITING)
    assert claimed.count() == runs.WINDOW[Vantage.Role.ACCESS]
    assert [urgent.pk] in [run.targets for run in claimed]


def test_a_control_measures_when_its_probe_is_asked_and_not_before(daily: Plan, settings: LazySettings) -> None:
    settings.SPREAD = 1.0
    planning.dispatch(AT)
    assert set(Run.objects.values_list("state", flat=True)) == {Run.State.PLANNED}
    first = min(run.due_at for run in of_probes())
    assert runs.take(first - timedelta(seconds=1)) == []
    [(vantage, order)] = runs.take(first)
    assert vantage.role == Vantage.Role.CONTROL
    waiting = Run.objects.get(state=Run.State.WAITING)
    assert waiting.round_id == Run.objects.get(pk=order.run).round_id


def test_a_vantage_takes_no_more_than_it_has_room_for(daily: Plan) -> None:
    planning.dispatch(AT)
    assert runs.take_for(Vantage.objects.get(name="one"), AT, room=0) == []
    assert not Run.objects.filter(state=Run.State.WAITING).exists()


def test_two_dispatchers_take_each_run_once(daily: Plan) -> None:
    planning.dispatch(AT)
    one = Vantage.objects.get(name="control")
    runs.take(AT)
    Run.objects.update(lease_until=None, attempt=0)
    stale = list(Run.objects.free(AT).filter(vantage=one))
    first = runs.take_for(one, AT)
    assert first
    for run in stale[: len(first)]:  # a second dispatcher read them before the first wrote
        assert not Run.objects.free(AT).filter(pk=run.pk, attempt=run.attempt).exists()


def test_watched_targets_are_measured_hourly_until_then(daily: Plan) -> None:
    target = Target.objects.get(host="site7.kz")
    planning.watch([target.pk], until=AT + timedelta(hours=2))
    planning.watch([target.pk], until=AT + timedelta(hours=1))  # an earlier end takes nothing back
    planning.plan_named(planning.CHANGES)
    Plan.objects.filter(name=planning.CHANGES).update(due_at=AT)
    for hour in range(4):
        planning.dispatch(AT + timedelta(hours=hour))
        Run.objects.update(state=Run.State.RECORDED)
    hourly = Run.objects.filter(round__plan__name=planning.CHANGES, vantage__name="one")
    assert [(run.targets, run.priority) for run in hourly] == [([target.pk], Priority.CHANGED)] * 2


def test_a_long_tail_is_measured_weekly(daily: Plan) -> None:
    plan = planning.measure_regularly(make.target("tail.kz"), plan=planning.TAIL)
    assert (plan.period, plan.priority) == (timedelta(days=7), Priority.TAIL)


def test_re_tests_come_after_minutes_once_and_from_the_same_vantage(daily: Plan) -> None:
    planning.dispatch(AT)
    run = next(run for run in of_probes() if run.vantage.name == "one")
    target = Target.objects.get(pk=run.targets[0])
    delays = [timedelta(minutes=minutes) for minutes in (5, 20, 60)]
    assert len(planning.retest(run, [target], at=AT, delays=delays)) == 3
    again = Run.objects.filter(round__plan__name=planning.RETEST, vantage__name="one").order_by("due_at")
    assert [one.due_at - AT for one in again] == delays
    assert {tuple(one.targets) for one in again} == {(target.pk,)}
    assert planning.retest(run, [target], at=AT, delays=delays) == []  # it has some waiting
    Run.objects.update(state=Run.State.RECORDED)
    assert planning.retest(again[0], [target], at=AT, delays=delays) == []  # and re-tests have none
