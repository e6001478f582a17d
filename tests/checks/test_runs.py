"""Rounds and runs: who holds one, and what a batch that comes home may do."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from checks import intake, judging, planning, runs, tasks
from checks.engine.records import SelfTest
from checks.models import Cell, Episode, Measurement, Plan, Round, Run, State, Target, Vantage, Verdict
from checks.runs import Refused
from tests import make
from tests.checks.conftest import CONTROL_ASN, Probe, visit

pytestmark = pytest.mark.django_db

AT = datetime.now(UTC)
URL = "https://orda.kz/"


@pytest.fixture
def here(probe: Callable[..., Probe]) -> Probe:
    return probe("here")


@pytest.fixture
def control(probe: Callable[..., Probe]) -> Probe:
    return probe("control", CONTROL_ASN, "control")


@pytest.fixture
def plan(here: Probe, control: Probe) -> Plan:
    plan = Plan.objects.create(name="hourly", period=timedelta(hours=1), due_at=AT)
    plan.targets.add(make.target(URL))
    plan.vantages.add(here.vantage)
    return plan


def measure(probe: Probe, at: datetime, failure: str | None = None) -> Run:
    """Take the one free run of a probe and bring it home."""
    [order] = runs.take(at)
    assert order.queue == probe.vantage.queue
    measured = visit(URL, at=at, failure=failure)
    return intake.receive(probe.vantage.name, *probe.sealed(order.run, measured, attempt=order.attempt), at=at)


def whole_round(here: Probe, control: Probe, at: datetime, failure: str | None) -> None:
    planning.dispatch(at)
    measure(control, at)
    measure(here, at, failure)


def test_a_plan_that_is_due_makes_one_round_however_often_beat_asks(plan: Plan) -> None:
    stale = Plan.objects.get(pk=plan.pk)
    assert len(planning.dispatch(AT)) == 1
    assert planning.dispatch(AT) == []
    assert planning._make_rounds(stale, AT) == []  # a second beat that read the plan before the first wrote it
    assert Round.objects.count() == 1


def test_slots_missed_while_nobody_looked_are_not_made_up_for(plan: Plan) -> None:
    planning.dispatch(AT + timedelta(hours=5, minutes=30))
    plan.refresh_from_db()
    assert plan.due_at == AT + timedelta(hours=6)


def test_a_host_never_gets_a_category_that_it_excluded(plan: Plan, here: Probe) -> None:
    plan.targets.add(make.target("vpn.kz", category="ANON"))
    Vantage.objects.filter(pk=here.vantage.pk).update(excluded_categories=["ANON"])
    planning.dispatch(AT)
    [run] = Run.objects.filter(vantage=here.vantage)
    assert run.targets == [Target.objects.get(url=URL).pk]


def test_the_control_goes_first_and_its_addresses_travel_with_the_probes_run(
    plan: Plan, here: Probe, control: Probe
) -> None:
    planning.dispatch(AT)
    measure(control, AT)
    [order] = runs.take(AT)
    assert (order.vantage, order.items) == ("here", ((URL, ("93.184.216.41",)),))


def test_a_run_is_given_to_one_taker_until_its_lease_ends(plan: Plan) -> None:
    planning.dispatch(AT)
    [first] = runs.take(AT)
    assert runs.take(AT) == []
    [again] = runs.take(AT + first.lease)
    assert (again.run, again.attempt) == (first.run, 2)


def test_a_control_that_never_answers_lets_its_probe_go_without_one(plan: Plan, here: Probe) -> None:
    planning.dispatch(AT)
    at = AT
    for _ in range(Run.ATTEMPTS):
        [order] = runs.take(at)
        at += order.lease
    assert runs.give_up(at) == 1
    measure(here, at, "connection_reset")
    assert Verdict.objects.get().verdict == "inconclusive"


def test_a_batch_is_recorded_once_however_often_it_comes(plan: Plan, control: Probe) -> None:
    planning.dispatch(AT)
    [order] = runs.take(AT)
    batch = control.sealed(order.run, visit(URL, at=AT))
    for _ in range(3):
        intake.receive("control", *batch, at=AT)
    assert Measurement.objects.count() == 1


def test_a_late_result_of_an_old_attempt_is_kept_and_closes_nothing(plan: Plan, control: Probe) -> None:
    planning.dispatch(AT)
    [order] = runs.take(AT)
    runs.take(AT + order.lease)
    run = intake.receive("control", *control.sealed(order.run, visit(URL, at=AT), attempt=1), at=AT)
    assert Measurement.objects.count() == 1
    assert run.state == Run.State.READY


def test_three_rounds_of_resets_with_a_good_control_are_probably_a_block(
    plan: Plan, here: Probe, control: Probe
) -> None:
    for hours in range(3):
        assert Cell.objects.filter(state=State.LIKELY_BLOCKED).count() == 0
        whole_round(here, control, AT + timedelta(hours=hours), "connection_reset")
    assert Cell.objects.get().state == State.LIKELY_BLOCKED
    assert Episode.objects.get(ended_at=None).state == State.LIKELY_BLOCKED
    assert len(Cell.objects.get().witnesses) == 3


def test_a_state_changes_after_two_rounds_and_its_episode_ends_where_the_next_begins(
    plan: Plan, here: Probe, control: Probe
) -> None:
    for hours in range(3):
        whole_round(here, control, AT + timedelta(hours=hours), None)
    for hours in range(60, 64):  # the open rounds have left the window
        whole_round(here, control, AT + timedelta(hours=hours), "connection_reset")
    ended, running = Episode.objects.exclude(state=State.INSUFFICIENT).order_by("began_at")
    assert (ended.state, running.state) == (State.ACCESSIBLE, State.LIKELY_BLOCKED)
    assert ended.ended_at is not None
    assert ended.ended_at <= running.began_at
    assert running.ended_at is None


def test_an_imitated_measurement_never_enters_a_real_register(plan: Plan, control: Probe) -> None:
    planning.dispatch(AT)
    [order] = runs.take(AT)
    forged = visit(URL, at=AT, imitated=True)
    with pytest.raises(Refused, match="imitated"):
        intake.receive("control", *control.sealed(order.run, forged), at=AT)
    assert not Measurement.objects.exists()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"attempt": 2}, "never given out"),
        ({"vantage": "here"}, "signed for 'here'"),
    ],
)
def test_a_batch_that_does_not_fit_its_run_is_refused(
    plan: Plan, control: Probe, change: dict[str, object], reason: str
) -> None:
    planning.dispatch(AT)
    [order] = runs.take(AT)
    batch = control.sealed(order.run, visit(URL, at=AT), **change)
    with pytest.raises(Refused, match=reason):
        intake.receive("control", *batch, at=AT)
    assert not Measurement.objects.exists()


def test_a_probe_cannot_write_for_another(plan: Plan, here: Probe, control: Probe) -> None:
    planning.dispatch(AT)
    [order] = runs.take(AT)
    with pytest.raises(Refused, match="not one of here"):
        intake.receive("here", *here.sealed(order.run, visit(URL, at=AT)), at=AT)
    with pytest.raises(Refused, match="signature"):
        intake.receive("control", *here.sealed(order.run, visit(URL, at=AT), vantage="control"), at=AT)


def test_a_url_that_was_not_asked_for_and_a_clock_that_is_wrong_are_refused(plan: Plan, control: Probe) -> None:
    planning.dispatch(AT)
    [order] = runs.take(AT)
    for measured, reason in [
        (visit("https://other.kz/", at=AT), "not asked for"),
        (visit(URL, at=AT + timedelta(hours=1)), "clock"),
    ]:
        with pytest.raises(Refused, match=reason):
            intake.receive("control", *control.sealed(order.run, measured), at=AT)


def test_a_revoked_probe_is_not_heard(plan: Plan, control: Probe) -> None:
    planning.dispatch(AT)
    [order] = runs.take(AT)
    Vantage.objects.filter(pk=control.vantage.pk).update(state=Vantage.State.REVOKED)
    with pytest.raises(Refused, match="no admitted vantage"):
        intake.receive("control", *control.sealed(order.run, visit(URL, at=AT)), at=AT)


@pytest.mark.parametrize("body", ["", "not base64!", "AAAA", "x" * 100])
def test_junk_in_the_queue_is_refused_and_not_a_crash(control: Probe, body: str) -> None:
    with pytest.raises(Refused):
        intake.receive("control", body, "AAAA", at=AT)


def test_a_cell_that_nobody_measures_any_more_says_so(plan: Plan, here: Probe, control: Probe) -> None:
    for hours in range(3):
        whole_round(here, control, AT + timedelta(hours=hours), None)
    judging.expire(at=AT + timedelta(days=4))
    assert Cell.objects.get().state == State.INSUFFICIENT
    assert Episode.objects.get(ended_at=None).state == State.INSUFFICIENT


def test_a_batch_that_comes_home_late_moves_no_history(plan: Plan, here: Probe, control: Probe) -> None:
    for hours in range(3):
        planning.dispatch(AT + timedelta(hours=hours))
        measure(control, AT + timedelta(hours=hours))
        [order] = runs.take(AT + timedelta(hours=hours))
        measured = visit(URL, at=AT + timedelta(hours=hours), failure="connection_reset")
        late = AT + timedelta(hours=hours, minutes=4)
        intake.receive("here", *here.sealed(order.run, measured), at=late)
    episode = Episode.objects.get()
    assert episode.state == State.LIKELY_BLOCKED
    assert (episode.began_at, episode.seen_at) == (AT, AT + timedelta(hours=2))
    assert Cell.objects.get().measured_at == AT + timedelta(hours=2)


def test_a_strangers_name_goes_only_where_such_names_are_taken(probe: Callable[..., Probe], control: Probe) -> None:
    probe("closed")
    open_ = probe("open", 64498, takes_unreviewed=True)
    planning.first_check(make.target("reported.kz"), AT)
    assert {run.vantage for run in Run.objects.all()} == {open_.vantage, control.vantage}
    assert planning.first_check(make.target("reported.kz"), AT) == []  # a flood of reports is one check


@pytest.fixture
def first_check(probe: Callable[..., Probe], control: Probe) -> Target:
    """A reported name, checked and judged: blocked, as far as one look tells."""
    open_ = probe("open", 64498, takes_unreviewed=True)
    target = make.target(URL)
    planning.first_check(target, AT)
    measure(control, AT)
    measure(open_, AT, "connection_reset")
    return target


def test_a_first_check_is_judged_and_changes_no_public_state(first_check: Target) -> None:
    assert Verdict.objects.get(target=first_check).verdict == "blocked"
    assert not Cell.objects.exists()
    assert not Episode.objects.exists()


def test_of_a_first_check_rows_keep_only_the_day_where_they_need_no_more(first_check: Target) -> None:
    day = timezone.localtime(AT).replace(hour=0, minute=0, second=0, microsecond=0)
    assert set(Round.objects.values_list("slot", flat=True)) == {day}
    assert set(Run.objects.values_list("recorded_at", "lease_until")) == {(day, None)}
    assert set(Run.objects.values_list("judged_at", flat=True)) == {None, day}
    assert set(Vantage.objects.values_list("seen_at", flat=True)) == {day}


def test_a_run_that_never_came_home_keeps_no_moment(probe: Callable[..., Probe], control: Probe) -> None:
    planning.first_check(make.target(URL), AT)
    at = AT
    for _ in range(Run.ATTEMPTS):
        [order] = runs.take(at)
        at += order.lease
    runs.give_up(at)
    assert list(Run.objects.values_list("state", "lease_until")) == [(Run.State.FAILED, None)]


def test_what_is_published_rests_on_no_first_check(first_check: Target, plan: Plan, here: Probe) -> None:
    Vantage.objects.filter(role=Vantage.Role.CONTROL).update(state=Vantage.State.REVOKED)
    planning.dispatch(AT)
    measure(here, AT, "connection_reset")
    published = Verdict.objects.published().get()
    assert (published.rule, published.controls) == ("no_control", [])
    assert Cell.objects.get().measurements == 1


def test_after_a_week_a_first_check_is_forgotten_and_nothing_else_is(
    first_check: Target, plan: Plan, here: Probe, control: Probe
) -> None:
    whole_round(here, control, AT, None)
    assert planning.forget_first_checks(AT + timedelta(days=6)) == 0
    assert planning.forget_first_checks(AT + timedelta(days=7)) == 1
    assert [round_.plan for round_ in Round.objects.all()] == [plan]
    assert Run.objects.count() == Measurement.objects.count() == 2
    assert Verdict.objects.count() == 1


def test_beat_forgets_too(first_check: Target) -> None:
    Round.objects.update(slot=timezone.now() - timedelta(days=8))
    tasks.dispatch()
    assert not Measurement.objects.exists()


def bring(probe: Probe, at: datetime, **found: object) -> Run:
    """Take the one free run of a probe and bring it home with a measurement and this self-test."""
    [order] = runs.take(at)
    test = SelfTest(at.isoformat(), **found)
    body = probe.sealed(order.run, visit(URL, at=at), attempt=order.attempt, test=test)
    return intake.receive(probe.vantage.name, *body, at=at)


def test_what_a_vantage_found_out_about_itself_stays_with_its_run(plan: Plan, control: Probe) -> None:
    planning.dispatch(AT)
    run = bring(control, AT, clock_offset=1.5, must_allow=(("egov.kz", True),), ipv6=False, lag=0.1)
    assert SelfTest.from_json(run.self_test) == SelfTest(
        AT.isoformat(), clock_offset=1.5, must_allow=(("egov.kz", True),), ipv6=False, lag=0.1
    )
    assert run.measurements.count() == 1


def test_a_vantage_that_fails_its_self_test_is_silent_for_that_run(plan: Plan, here: Probe, control: Probe) -> None:
    planning.dispatch(AT)
    measure(control, AT)
    run = bring(here, AT, failed=("clock",))
    assert (run.state, run.measurements.count()) == (Run.State.RECORDED, 0)
    assert not Verdict.objects.exists()
    assert not Cell.objects.exclude(state=State.INSUFFICIENT).exists()


def test_a_control_that_fails_lends_no_addresses_and_lets_its_probe_go(plan: Plan, control: Probe) -> None:
    planning.dispatch(AT)
    bring(control, AT, failed=("captive_portal",))
    waiting = Run.objects.get(vantage__role=Vantage.Role.ACCESS)
    assert (waiting.state, waiting.addresses) == (Run.State.READY, {})


def test_a_vantage_that_the_control_sees_in_another_network_is_silent(plan: Plan, here: Probe, control: Probe) -> None:
    planning.dispatch(AT)
    measure(control, AT)
    run = bring(here, AT, asn=64511)
    assert run.self_test["failed"] == ["asn"]
    assert run.measurements.count() == 0


def test_a_vantage_that_the_control_sees_in_its_own_network_counts(plan: Plan, here: Probe, control: Probe) -> None:
    planning.dispatch(AT)
    measure(control, AT)
    assert bring(here, AT, asn=here.vantage.network.asn).measurements.count() == 1


def test_the_self_test_of_a_first_check_keeps_its_day_only(here: Probe) -> None:
    Vantage.objects.filter(pk=here.vantage.pk).update(takes_unreviewed=True)
    planning.first_check(make.target(URL), AT)
    run = bring(here, AT)
    assert datetime.fromisoformat(run.self_test["started"]) == run.round.slot
