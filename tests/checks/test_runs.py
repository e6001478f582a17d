"""Rounds and runs: who holds one, and what a batch that comes home may do."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256

import pytest
from django.conf import LazySettings
from django.db import IntegrityError
from django.utils import timezone

from checks import counting, intake, judging, parking, planning, runs, storing, tasks, vantages
from checks.engine.records import SelfTest
from checks.models import (
    Cell,
    Certificate,
    Episode,
    Measurement,
    Parked,
    Plan,
    Round,
    Run,
    State,
    Target,
    Vantage,
    Verdict,
)
from checks.probe.messages import Order, Sealed
from checks.runs import Refused
from tests import make
from tests.checks.conftest import AT, URL, Probe, id_at, visit
from tests.verdict import make as facts

pytestmark = pytest.mark.django_db


def taken(at: datetime) -> list[Order]:
    return [order for _, order in runs.take(at)]


def leased(order: Order) -> timedelta:
    return timedelta(seconds=order.lease)


def bring_home(probe: Probe, sealed: Sealed, *, at: datetime) -> Run:
    """Receive a batch that is taken, and return its run."""
    receipt = intake.receive(probe.vantage.name, sealed, at=at)
    assert (receipt.keep, receipt.reason) == (False, "")
    return Run.objects.get(pk=receipt.run)


def refusal(vantage: str, sealed: Sealed, *, at: datetime = AT) -> str:
    """Why a batch is not taken."""
    try:
        return intake.receive(vantage, sealed, at=at).reason
    except Refused as error:
        return str(error)


def measure(probe: Probe, at: datetime, failure: str | None = None) -> Run:
    """Take the one free run of a probe and bring it home."""
    [order] = taken(at)
    assert order.vantage == probe.vantage.name
    measured = visit(URL, at=at, failure=failure)
    return bring_home(probe, probe.sealed(order.run, measured, attempt=order.attempt), at=at)


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
    [order] = taken(AT)
    assert (order.vantage, order.items) == ("here", ((URL, ("93.184.216.41",)),))


def test_a_run_is_given_to_one_taker_until_its_lease_ends(plan: Plan) -> None:
    planning.dispatch(AT)
    [first] = taken(AT)
    assert taken(AT) == []
    [again] = taken(AT + leased(first))
    assert (again.run, again.attempt) == (first.run, 2)


OTHER = "https://second.example.org/"


def test_half_a_batch_closes_nothing_and_the_next_attempt_brings_only_the_rest(
    plan: Plan, here: Probe, control: Probe
) -> None:
    plan.targets.add(make.target(OTHER))
    planning.dispatch(AT)
    [order] = taken(AT)
    half = visit(URL, at=AT)
    run = bring_home(control, control.sealed(order.run, half), at=AT + leased(order))
    assert (run.state, Measurement.objects.get().closing) == (Run.State.READY, False)
    [again] = taken(AT + leased(order))
    assert (again.attempt, [url for url, _ in again.items]) == (2, [OTHER])
    at = AT + leased(order)
    run = bring_home(control, control.sealed(order.run, visit(OTHER, at=at), attempt=2), at=at)
    assert run.state == Run.State.RECORDED
    assert Measurement.objects.filter(closing=True).count() == 2
    [probes] = taken(at)
    assert [addresses for _, addresses in probes.items] == [("93.184.216.41",)] * 2  # those of both halves


def test_what_is_too_old_to_pair_is_visited_again_and_the_newest_counts(plan: Plan, control: Probe) -> None:
    plan.targets.add(make.target(OTHER))
    planning.dispatch(AT)
    [order] = taken(AT)
    bring_home(control, control.sealed(order.run, visit(URL, at=AT)), at=AT)
    late = AT + runs.PAIRING + leased(order)
    [again] = taken(late)
    assert [url for url, _ in again.items] == [URL, OTHER]
    both = [visit(url, at=late) for url in (URL, OTHER)]
    bring_home(control, control.sealed(order.run, *both, attempt=2), at=late)
    assert {str(row.pk) for row in Measurement.objects.filter(closing=True)} == {one.id for one in both}
    assert Measurement.objects.count() == 3


def test_a_run_of_which_a_half_never_came_fails_and_nothing_of_it_is_judged(
    plan: Plan, here: Probe, control: Probe
) -> None:
    plan.targets.add(make.target(OTHER))
    planning.dispatch(AT)
    [order] = taken(AT)
    bring_home(control, control.sealed(order.run, *(visit(url, at=AT) for url in (URL, OTHER))), at=AT)
    at = AT
    for _ in range(Run.ATTEMPTS):
        [order] = taken(at)
        measured = visit(URL, at=at, failure="connection_reset")
        bring_home(here, here.sealed(order.run, measured, attempt=order.attempt), at=at)
        at += leased(order)
    assert runs.give_up(at) == 1
    assert Run.objects.get(pk=order.run).state == Run.State.FAILED
    assert not Verdict.objects.exists()


def test_a_control_that_never_answers_lets_its_probe_go_without_one(plan: Plan, here: Probe) -> None:
    planning.dispatch(AT)
    at = AT
    for _ in range(Run.ATTEMPTS):
        [order] = taken(at)
        at += leased(order)
    assert runs.give_up(at) == 1
    measure(here, at, "connection_reset")
    assert Verdict.objects.get().verdict == "inconclusive"


def test_a_batch_is_recorded_once_however_often_it_comes(plan: Plan, control: Probe) -> None:
    planning.dispatch(AT)
    [order] = taken(AT)
    measured = visit(URL, at=AT)
    for _ in range(3):
        bring_home(control, control.sealed(order.run, measured), at=AT)
    assert Measurement.objects.count() == 1


def test_a_late_result_of_an_old_attempt_is_kept_and_closes_nothing(plan: Plan, control: Probe) -> None:
    planning.dispatch(AT)
    [order] = taken(AT)
    taken(AT + leased(order))
    run = bring_home(control, control.sealed(order.run, visit(URL, at=AT), attempt=1), at=AT)
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
    [order] = taken(AT)
    forged = visit(URL, at=AT, imitated=True)
    assert "imitated" in refusal("control", control.sealed(order.run, forged))
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
    [order] = taken(AT)
    batch = control.sealed(order.run, visit(URL, at=AT), **change)
    assert reason in refusal("control", batch)
    assert not Measurement.objects.exists()


def test_a_probe_cannot_write_for_another(plan: Plan, here: Probe, control: Probe) -> None:
    planning.dispatch(AT)
    [order] = taken(AT)
    assert "not one of here" in refusal("here", here.sealed(order.run, visit(URL, at=AT)))
    assert "signature" in refusal("control", here.sealed(order.run, visit(URL, at=AT), vantage="control"))


def test_a_url_that_was_not_asked_for_and_a_clock_that_is_wrong_are_refused(plan: Plan, control: Probe) -> None:
    planning.dispatch(AT)
    [order] = taken(AT)
    for measured, reason in [
        (visit("https://other.kz/", at=AT), "not asked for"),
        (visit(URL, at=AT + timedelta(hours=1)), "clock"),
    ]:
        assert reason in refusal("control", control.sealed(order.run, measured, sent=AT))


def test_a_revoked_probe_is_not_heard(plan: Plan, control: Probe) -> None:
    planning.dispatch(AT)
    [order] = taken(AT)
    Vantage.objects.filter(pk=control.vantage.pk).update(state=Vantage.State.REVOKED)
    assert "no admitted vantage" in refusal("control", control.sealed(order.run, visit(URL, at=AT)))


def test_a_certificate_that_is_not_the_one_it_says_is_refused_and_a_right_one_is_kept_once(
    plan: Plan, control: Probe
) -> None:
    planning.dispatch(AT)
    [order] = taken(AT)
    right = replace(facts.certificate(sha256(b"DER").hexdigest()), der=base64.b64encode(b"DER").decode())
    wrong = replace(right, sha256=sha256(b"another").hexdigest())
    for one in (wrong, right):
        shaken = (facts.handshake(chain=(one,)), facts.handshake(chain=(one,)))
        sealed = control.sealed(order.run, replace(visit(URL, at=AT), handshakes=shaken))
        if one is wrong:
            assert "not the one it says" in refusal("control", sealed)
            assert not Certificate.objects.exists()
        else:
            bring_home(control, sealed, at=AT)
    [kept] = Certificate.objects.all()
    assert (kept.pk, bytes(kept.der)) == (right.sha256, b"DER")
    [row] = Measurement.objects.all()
    assert [one.chain[0].der for one in row.record.handshakes] == ["", ""]
    assert [one.chain[0] for one in row.whole.handshakes] == [right, right]


@pytest.mark.parametrize("body", ["", "not base64!", "AAAA", "x" * 100])
def test_junk_in_the_queue_is_refused_and_not_a_crash(control: Probe, body: str) -> None:
    with pytest.raises(Refused):
        intake.receive("control", intake.from_text(body, "AAAA"), at=AT)


def test_a_cell_that_nobody_measures_any_more_says_so(plan: Plan, here: Probe, control: Probe) -> None:
    for hours in range(3):
        whole_round(here, control, AT + timedelta(hours=hours), None)
    counting.expire(at=AT + timedelta(days=4))
    assert Cell.objects.get().state == State.INSUFFICIENT
    assert Episode.objects.get(ended_at=None).state == State.INSUFFICIENT


def test_a_batch_that_comes_home_late_moves_no_history(plan: Plan, here: Probe, control: Probe) -> None:
    for hours in range(3):
        planning.dispatch(AT + timedelta(hours=hours))
        measure(control, AT + timedelta(hours=hours))
        [order] = taken(AT + timedelta(hours=hours))
        measured = visit(URL, at=AT + timedelta(hours=hours), failure="connection_reset")
        late = AT + timedelta(hours=hours, minutes=4)
        bring_home(here, here.sealed(order.run, measured), at=late)
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
        [order] = taken(at)
        at += leased(order)
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
    [order] = taken(at)
    test = SelfTest(at.isoformat(), **found)
    body = probe.sealed(order.run, visit(URL, at=at), attempt=order.attempt, test=test)
    return bring_home(probe, body, at=at)


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


def test_what_looks_different_is_measured_again_within_the_hour_and_watched_for_a_day(
    plan: Plan, here: Probe, control: Probe, settings: LazySettings
) -> None:
    for hours in range(3):
        whole_round(here, control, AT + timedelta(hours=hours), None)
    settings.RETESTS = [5.0, 20.0, 60.0]
    at = AT + timedelta(hours=60)  # what was open has left the window
    whole_round(here, control, at, "connection_reset")
    again = Run.objects.filter(round__plan__name=planning.RETEST, vantage=here.vantage).order_by("due_at")
    assert [run.due_at - at for run in again] == [timedelta(minutes=minutes) for minutes in (5, 20, 60)]
    for run in again:
        measure(control, run.due_at)
        measure(here, run.due_at, "connection_reset")
    assert Cell.objects.get().state == State.LIKELY_BLOCKED
    assert Target.objects.get(url=URL).watched_until > at
    assert not Run.objects.open().exists()


@pytest.mark.parametrize(
    ("state", "verdict", "differs"),
    [
        (State.ACCESSIBLE, "blocked", True),
        (State.LIKELY_BLOCKED, "blocked", False),
        (State.BLOCKED, "accessible", True),
        (State.BLOCKED, "inconclusive", False),
        (State.INSUFFICIENT, "accessible", False),
        (State.INSUFFICIENT, "blocked", True),
        (State.DOWN, "down", False),
    ],
)
def test_only_what_the_state_does_not_say_is_news(state: State, verdict: str, differs: bool) -> None:
    assert judging._differs(state, Verdict.Value(verdict)) is differs


def test_what_had_no_control_is_planned_again_once(
    plan: Plan, here: Probe, control: Probe, settings: LazySettings
) -> None:
    settings.RETESTS = [5.0, 20.0, 60.0]
    planning.dispatch(AT)
    at = AT
    for _ in range(Run.ATTEMPTS):
        [order] = taken(at)  # the control, which never answers
        at += leased(order)
    runs.give_up(at)
    measure(here, at, "connection_reset")
    [again] = Run.objects.filter(round__plan__name=planning.RETEST, vantage=here.vantage)
    assert again.due_at - at == timedelta(minutes=5)


# --- what counts for a run


def test_a_newer_attempt_that_brings_the_same_visits_closes_with_them(plan: Plan, here: Probe, control: Probe) -> None:
    """A probe that was stopped in the middle of a run sends what it had, and then all of it under the next attempt."""
    plan.targets.add(make.target("https://second.kz/"))
    planning.dispatch(AT)
    [order] = taken(AT)
    first, second = visit(URL, at=AT), visit("https://second.kz/", at=AT)
    later = AT + leased(order)
    [again] = taken(later)
    bring_home(control, control.sealed(order.run, first, attempt=1, sent=later), at=later)
    assert not Measurement.objects.filter(closing=True).exists()
    bring_home(control, control.sealed(again.run, first, second, attempt=2, sent=later), at=later)
    assert set(Measurement.objects.values_list("target__url", "closing")) == {(URL, True), (second.url, True)}


def test_a_late_result_is_one_more_measurement_and_counts_nowhere(plan: Plan, here: Probe, control: Probe) -> None:
    planning.dispatch(AT)
    measure(control, AT)
    [order] = taken(AT)
    later = AT + leased(order)
    [again] = taken(later)
    bring_home(here, here.sealed(again.run, visit(URL, at=later, failure="connection_reset"), attempt=2), at=later)
    run = bring_home(here, here.sealed(order.run, visit(URL, at=AT), sent=later), at=later)
    assert run.measurements.count() == 2
    assert run.measurements.get(closing=True).attempt == 2
    assert Verdict.objects.count() == Cell.objects.get().measurements == 1


@pytest.mark.parametrize("closing", [True, False])
def test_the_database_lets_one_measurement_close_a_visit(plan: Plan, control: Probe, closing: bool) -> None:
    planning.dispatch(AT)
    measure(control, AT)
    row = Measurement.objects.get()
    row.pk, row.closing, row.attempt = id_at(AT), closing, 1 if not closing else 2
    with pytest.raises(IntegrityError):
        row.save(force_insert=True)


def test_two_visits_of_one_target_in_a_batch_are_one(plan: Plan, control: Probe) -> None:
    planning.dispatch(AT)
    [order] = taken(AT)
    bring_home(control, control.sealed(order.run, visit(URL, at=AT), visit(URL, at=AT)), at=AT)
    assert Measurement.objects.count() == 1


# --- replay and clocks


def test_a_message_that_comes_again_is_a_replay_and_changes_nothing(plan: Plan, control: Probe) -> None:
    planning.dispatch(AT)
    [order] = taken(AT)
    sealed = control.sealed(order.run, visit(URL, at=AT))
    bring_home(control, sealed, at=AT)
    assert "replay" in refusal("control", sealed)
    assert Measurement.objects.count() == 1


def test_an_old_message_is_refused_by_its_date_when_its_number_is_forgotten(plan: Plan, control: Probe) -> None:
    planning.dispatch(AT)
    [order] = taken(AT)
    sealed = control.sealed(order.run, visit(URL, at=AT))
    bring_home(control, sealed, at=AT)
    later = AT + timedelta(minutes=21)
    assert runs.forget_nonces(later) == 1
    receipt = intake.receive("control", sealed, at=later)
    assert "set the clock" in receipt.reason
    assert receipt.keep


@pytest.mark.parametrize("minutes", [-11, 11])
def test_a_probe_whose_clock_is_wrong_keeps_its_batch(plan: Plan, control: Probe, minutes: int) -> None:
    planning.dispatch(AT)
    [order] = taken(AT)
    sent = AT + timedelta(minutes=minutes)
    receipt = intake.receive("control", control.sealed(order.run, visit(URL, at=AT), sent=sent), at=AT)
    assert (receipt.keep, "set the clock" in receipt.reason) == (True, True)
    assert not Measurement.objects.exists()


# --- work that fails


def test_a_batch_that_cannot_be_recorded_is_put_aside_after_five_times_and_the_rest_goes_on(
    plan: Plan, here: Probe, control: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    planning.dispatch(AT)
    [order] = taken(AT)
    poison = visit(URL, at=AT)

    def broken(rows: object) -> None:
        raise ValueError("a mistake of ours")

    with monkeypatch.context() as patched:
        patched.setattr(storing, "insert", broken)
        receipts = [intake.receive("control", control.sealed(order.run, poison), at=AT) for _ in range(5)]
    assert [receipt.keep for receipt in receipts] == [True] * 4 + [False]
    aside = Parked.objects.aside().get()
    assert "a mistake of ours" in aside.traceback
    assert Run.objects.get(pk=order.run).state == Run.State.READY
    parking.try_again(aside)
    sealed = intake.from_text(aside.body["body"], aside.body["signature"])
    bring_home(control, sealed, at=AT)  # nothing of it was lost
    assert not Parked.objects.exists()


def test_a_run_that_cannot_be_judged_keeps_no_other_from_it(
    plan: Plan, here: Probe, control: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = judging.verdicts

    def broken(measurements: list[Measurement], under: list[str]) -> list[Verdict]:
        if any(m.run.round.slot == AT for m in measurements):
            raise ValueError("a mistake of ours")
        return real(measurements, under)

    monkeypatch.setattr(judging, "verdicts", broken)
    for hours in range(2):
        whole_round(here, control, AT + timedelta(hours=hours), None)
    for _ in range(6):
        tasks.dispatch()
    assert Parked.objects.aside().get().kind == Parked.Kind.JUDGE
    assert Run.objects.unjudged().count() == 1
    assert Verdict.objects.count() == 1
    parking.try_again(Parked.objects.get())
    monkeypatch.setattr(judging, "verdicts", real)
    list(judging.leftovers(at=AT))
    assert Verdict.objects.count() == 2


# --- revoking


def test_what_a_revoked_probe_measured_stays_and_is_not_counted(
    plan: Plan, probe: Callable[..., Probe], here: Probe, control: Probe
) -> None:
    liar = probe("liar")
    plan.vantages.add(liar.vantage)
    for hours in range(3):
        at = AT + timedelta(hours=hours)
        planning.dispatch(at)
        for _ in range(2):
            for vantage, order in runs.take(at):
                failure = "connection_reset" if vantage.name == "liar" else None
                whose = {"liar": liar, "here": here, "control": control}[vantage.name]
                bring_home(whose, whose.sealed(order.run, visit(URL, at=at, failure=failure)), at=at)
    assert Cell.objects.get().state == State.CONTRADICTORY
    vantages.revoke(liar.vantage, at=AT + timedelta(hours=3))
    list(counting.recount(at=AT + timedelta(hours=3)))
    assert Cell.objects.get().state == State.ACCESSIBLE
    assert Measurement.objects.filter(vantage=liar.vantage).count() == 3


def test_what_was_judged_beside_a_revoked_control_is_judged_again(plan: Plan, here: Probe, control: Probe) -> None:
    for hours in range(3):
        whole_round(here, control, AT + timedelta(hours=hours), "connection_reset")
    assert Cell.objects.get().state == State.LIKELY_BLOCKED
    vantages.revoke(control.vantage, at=AT + timedelta(hours=3))
    assert Run.objects.unjudged().count() == 3
    list(judging.leftovers(at=AT + timedelta(hours=3)))
    assert set(Verdict.objects.values_list("rule", flat=True)) == {"no_control"}
    assert Cell.objects.get().state == State.INSUFFICIENT


def test_the_runs_of_a_revoked_probe_end_and_its_control_holds_nobody(plan: Plan, here: Probe, control: Probe) -> None:
    planning.dispatch(AT)
    [order] = taken(AT)
    vantages.revoke(control.vantage, at=AT)
    assert Run.objects.get(pk=order.run).failure == "the vantage was revoked"
    measure(here, AT)
    vantages.revoke(here.vantage, at=AT)
    planning.dispatch(AT + timedelta(hours=1))
    assert not Run.objects.open().exists()
