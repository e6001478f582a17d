"""Waves as rows: once each, carried on by what comes later, and what an editor decided stays."""

from __future__ import annotations

import io
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from checks import waves
from checks.models import Episode, Network, Round, Run, State, Vantage, Wave
from checks.tasks import find_waves
from checks.verdict.rules import RULESET
from tests import make
from tests.verdict import make as seen

pytestmark = pytest.mark.django_db

AT, HOUR, DAY = make.AT, timedelta(hours=1), timedelta(days=1)
NETWORKS = (9198, 29355, 21299)


def history(site: int, asn: int, *steps: tuple[str, datetime], since: datetime = AT - 60 * DAY, **fields: Any) -> None:
    """The episodes of a site on a network, hourly measured: open since long, then each step in turn."""
    of, on = make.target(f"site-{site}.kz"), make.network(asn)
    turns = [(State.ACCESSIBLE.value, since), *steps]
    for (state, began), (_, ended) in zip(turns, [*turns[1:], ("", None)], strict=True):
        until = ended or AT + 9 * DAY
        last = until - HOUR if ended else AT + DAY
        make.episode(of, on, state, began=began, ended_at=ended, seen_at=last, **fields)


def cut(sites: Iterable[int], networks: Iterable[int] = NETWORKS, *steps: tuple[str, datetime], **fields: Any) -> None:
    for asn in networks:
        for site in sites:
            history(site, asn, *(steps or [(State.LIKELY_BLOCKED.value, AT)]), **fields)


def refresh(at: datetime = AT + HOUR) -> None:
    waves.refresh(at=at)


def everything() -> list[tuple[Any, ...]]:
    links = [Wave.networks.through, Wave.targets.through]
    return [*Wave.objects.order_by("pk").values_list(), *(row for link in links for row in link.objects.values_list())]


def runs(by: Vantage, *unanswered: datetime, since: datetime, until: datetime) -> None:
    """One round an hour, its own run and its control's; some of the vantage's were given up."""
    control = Vantage.objects.filter(role=Vantage.Role.CONTROL).first()
    at = since
    while at <= until:
        round_ = Round.objects.create(plan=make.plan(), vantage=by, slot=at)
        lost = at in unanswered
        for vantage, gone in ((by, lost), (control, False)):
            if vantage:
                state = Run.State.FAILED if gone else Run.State.RECORDED
                recorded = None if gone else at + timedelta(minutes=4)
                Run.objects.create(
                    round=round_, vantage=vantage, targets=[], state=state, due_at=round_.slot, recorded_at=recorded
                )
        at += HOUR


def silence(asns: Iterable[int], hours: Iterable[int], *, control: bool = True, until: int = 9) -> None:
    """Networks, one vantage each, from which nothing came in these hours."""
    if control:
        make.vantage(make.network(64496, watched=False, kind="hosting"), role="control")
    for asn in asns:
        vantage = make.network(asn).vantages.get()
        runs(vantage, *(AT + n * HOUR for n in hours), since=AT - 2 * DAY, until=AT + until * HOUR)


def test_what_changed_together_is_one_row_with_its_denominators() -> None:
    cut(range(6))
    for site in range(6, 20):
        history(site, 9198)
    history(0, 41798)
    refresh()
    wave = Wave.objects.get()
    assert (wave.kind, wave.direction, wave.state) == ("both", "block", "new")
    assert set(wave.networks.values_list("asn", flat=True)) == set(NETWORKS)
    assert (wave.networks_measured, wave.hosts, wave.hosts_measured, wave.changes) == (4, 6, 20, 18)
    assert wave.targets.count() == 6
    assert wave.intervals == [
        {"not_before": (AT - HOUR).isoformat(), "began": AT.isoformat(), "ended_not_before": None, "ended": None}
    ]
    assert (wave.began_at, wave.changed_at, wave.seen_at) == (AT, AT, AT + DAY)


def test_the_same_evidence_again_changes_nothing() -> None:
    cut(range(6), NETWORKS, ("blocked", AT), ("accessible", AT + 5 * HOUR), ("blocked", AT + 9 * HOUR))
    silence((48503, 41798), range(2, 8))
    refresh(AT + 10 * HOUR)
    before = everything()
    refresh(AT + 30 * HOUR)
    assert everything() == before
    assert len(before) > 10


def test_growing_evidence_extends_the_same_row() -> None:
    cut(range(6))
    refresh()
    first = Wave.objects.get()
    for episode in Episode.objects.filter(state="likely_blocked"):
        Episode.objects.filter(pk=episode.pk).update(ended_at=AT + 4 * HOUR, seen_at=AT + 3 * HOUR)
        make.episode(episode.target, episode.network, "accessible", began=AT + 4 * HOUR)
    refresh(AT + 5 * HOUR)
    wave = Wave.objects.get()
    assert wave.pk == first.pk
    assert wave.intervals[0]["ended"] == (AT + 4 * HOUR).isoformat()
    assert (wave.began_at, wave.changed_at) == (AT, AT + 4 * HOUR)
    cut(range(6, 12), NETWORKS, ("blocked", AT + 20 * HOUR))
    refresh(AT + 21 * HOUR)
    wave.refresh_from_db()
    assert Wave.objects.count() == 1
    assert (len(wave.intervals), wave.hosts) == (2, 12)


def told() -> list[Any]:
    """All that a wave says but when it was found."""
    columns = [field.name for field in Wave._meta.fields if field.name not in ("id", "found_at")]
    return [
        (*(getattr(wave, name) for name in columns), set(wave.networks.all()), set(wave.targets.all()))
        for wave in Wave.objects.order_by("began_at", "direction")
    ]


def test_found_hour_by_hour_or_all_at_once_waves_are_the_same() -> None:
    """Two stretches on three networks, then a silence, then sites that nobody cut open again."""
    steps = [(site, asn, hour) for asn in NETWORKS for site in range(6) for hour in (0, 4, 9, 13)]
    steps += [(site, 9198, 30) for site in range(20, 26)]
    for site, asn in {(site, asn) for site, asn, _ in steps}:
        old = "accessible" if site < 20 else "blocked"
        make.episode(make.target(f"site-{site}.kz"), make.network(asn), old, began=AT - 60 * DAY, seen_at=AT - HOUR)
    silence(NETWORKS, range(16, 22), until=40)
    rounds = {run.pk: run.round.slot for run in Run.objects.select_related("round")}
    late = {pk: Run.objects.get(pk=pk).state for pk, slot in rounds.items() if slot >= AT}
    Run.objects.filter(pk__in=late).update(state=Run.State.READY)
    for hour in range(41):
        now = AT + hour * HOUR
        for pk in (pk for pk in late if rounds[pk] == now):
            Run.objects.filter(pk=pk).update(state=late[pk])
        for site, asn, _ in (step for step in steps if step[2] == hour):
            of, on = make.target(f"site-{site}.kz"), make.network(asn)
            last = Episode.objects.get(target=of, network=on, ended_at=None)
            Episode.objects.filter(pk=last.pk).update(ended_at=now, seen_at=now - HOUR)
            make.episode(of, on, "blocked" if last.state == "accessible" else "accessible", began=now, seen_at=now)
        refresh(now + timedelta(minutes=9))
    grown = told()
    Wave.objects.all().delete()
    refresh(AT + 41 * HOUR)
    assert told() == grown
    assert sorted(Wave.objects.values_list("direction", flat=True)) == ["block", "silence", "unblock"]


def test_the_end_of_an_old_wave_is_seen() -> None:
    cut(range(6), since=AT - 300 * DAY)
    refresh()
    refresh(AT + 200 * DAY)
    assert Wave.objects.get().intervals[0]["ended"] is None
    for episode in Episode.objects.filter(state="likely_blocked"):
        Episode.objects.filter(pk=episode.pk).update(ended_at=AT + 200 * DAY, seen_at=AT + 199 * DAY)
        make.episode(episode.target, episode.network, "accessible", began=AT + 200 * DAY)
    refresh(AT + 201 * DAY)
    wave = Wave.objects.get(direction="block")
    assert wave.intervals[0]["ended"] == (AT + 200 * DAY).isoformat()
    assert not Wave.objects.filter(direction="unblock").exists()


def test_what_came_too_late_for_news_makes_no_wave() -> None:
    cut(range(6), since=AT - 300 * DAY)
    refresh(AT + 31 * DAY)
    assert not Wave.objects.exists()


def found_in(*arguments: str) -> str:
    said = io.StringIO()
    call_command("find_waves", *arguments, stdout=said)
    return said.getvalue()


def test_waves_of_a_past_that_was_imported_are_found_on_request_and_once() -> None:
    then = AT - 2000 * DAY
    cut(range(6), NETWORKS, ("blocked", then), ("accessible", then + 5 * HOUR), since=then - 60 * DAY)
    refresh()
    assert not Wave.objects.exists()
    span = ("--since", f"{then - 9 * DAY:%Y-%m-%d}", "--until", f"{then + 9 * DAY:%Y-%m-%d}")
    assert found_in(*span) == "1 waves found that were not known, 0 that were\n"
    before = everything()
    wave = Wave.objects.get()
    assert (wave.began_at, wave.hosts, wave.networks.count(), wave.state) == (then, 6, 3, "new")
    assert wave.intervals[0]["ended"] == (then + 5 * HOUR).isoformat()
    assert found_in(*span) == "0 waves found that were not known, 1 that were\n"
    refresh()
    assert everything() == before


def test_a_span_leaves_alone_what_began_outside_of_it() -> None:
    cut(range(6), since=AT - 300 * DAY)
    refresh()
    before = everything()
    assert found_in("--since", f"{AT - 200 * DAY:%Y-%m-%d}", "--until", f"{AT - 100 * DAY:%Y-%m-%d}")[0] == "0"
    assert everything() == before
    with pytest.raises(CommandError, match="--until is not after --since"):
        found_in("--since", "2026-01-02", "--until", "2026-01-02")


FAR = ("0001-01-01", "0001-01-01T00:00+05:00", "1969-12-31", "9999-12-31T23:59-05:00", "9000-01-01")


@pytest.mark.parametrize("day", FAR)
@pytest.mark.parametrize("command", [("find_waves",), ("rejudge", "--ruleset", RULESET)])
def test_a_date_that_no_measurement_can_have_is_refused(command: tuple[str, ...], day: str) -> None:
    with pytest.raises(CommandError, match="is not between 1970-01-01 and 9000-01-01"):
        call_command(*command, "--since", day)


def test_the_whole_past_and_the_far_future_can_be_asked_for() -> None:
    assert found_in("--since", "1970-01-01", "--until", "8999-12-31T12:00-05:00")[0] == "0"
    with pytest.raises(CommandError, match="--until is not after --since"):
        found_in("--since", "8999-12-31")


def test_what_the_evidence_no_longer_shows_is_gone_unless_an_editor_decided() -> None:
    for state, left in (("dismissed", 1), ("new", 0)):
        cut(range(6))
        refresh()
        Wave.objects.update(state=state)
        Episode.objects.all().delete()
        refresh()
        assert Wave.objects.count() == left, state


def test_a_wave_whose_first_part_was_none_takes_the_row_of_what_is_left() -> None:
    cut(range(6))
    cut(range(6, 12), NETWORKS, ("blocked", AT + 30 * HOUR))
    refresh(AT + 31 * HOUR)
    first, second = Wave.objects.order_by("began_at")
    Wave.objects.filter(pk=second.pk).update(state="dismissed")
    Episode.objects.filter(target__host__in=[f"site-{site}.kz" for site in range(6)]).delete()
    refresh(AT + 32 * HOUR)
    assert [(wave.pk, wave.state, wave.hosts) for wave in Wave.objects.all()] == [(second.pk, "dismissed", 6)]
    assert first.pk != second.pk


def test_a_decision_is_kept_and_its_wave_is_not_offered_again() -> None:
    cut(range(6))
    refresh()
    Wave.objects.update(state="dismissed")
    cut(range(6, 12), NETWORKS, ("blocked", AT + 3 * HOUR))
    refresh(AT + 4 * HOUR)
    wave = Wave.objects.get()
    assert (wave.state, wave.hosts) == ("dismissed", 12)


def test_a_plan_that_grew_or_a_network_with_too_little_data_makes_no_wave() -> None:
    for site in range(9):
        make.episode(make.target(f"new-{site}.kz"), make.network(), "blocked")
        history(site, 9198, ("insufficient", AT - 3 * DAY), ("blocked", AT))
    refresh()
    assert not Wave.objects.exists()


def test_a_contradiction_between_open_and_shut_hides_no_change() -> None:
    cut(range(6), (9198,), ("contradictory", AT - 3 * HOUR), ("blocked", AT))
    refresh()
    assert Wave.objects.get().intervals[0]["not_before"] == (AT - 4 * HOUR).isoformat()


@pytest.mark.parametrize(("first", "count"), [(AT - 4 * HOUR, 0), (AT - 6 * HOUR, 1)])
def test_the_first_rounds_of_a_vantage_make_no_wave(first: datetime, count: int) -> None:
    vantage = make.vantage(make.network())
    runs(vantage, since=first, until=AT)
    witness = make.measurement(seen.visit(), make.target("site-1.kz"), by=Run.objects.latest("pk"))
    cut(range(6), (9198,), witnesses=[str(witness.pk)])
    refresh()
    assert Wave.objects.count() == count


@pytest.mark.parametrize(("others", "count"), [(0, 0), (60, 1)])
def test_one_site_on_three_networks_is_a_wave_where_it_is_one_of_many(others: int, count: int) -> None:
    for number in range(others):
        make.cell(make.target(f"other-{number}.kz"), make.network(), State.ACCESSIBLE)
    cut(range(1))
    refresh()
    assert [wave.kind for wave in Wave.objects.all()] == ["networks"] * count


def test_hosting_networks_make_no_wave() -> None:
    make.network(24940, kind=Network.Kind.HOSTING)
    cut(range(9), (24940,))
    refresh()
    assert not Wave.objects.exists()


# --- silence


def test_networks_that_fall_silent_while_the_control_delivers_are_offered() -> None:
    make.vantage(make.network(41798, watched=False))
    silence((9198, 29355), range(6))
    runs(make.network(41798).vantages.get(), since=AT - 2 * DAY, until=AT + 9 * HOUR)
    refresh(AT + 10 * HOUR)
    wave = Wave.objects.get()
    assert (wave.kind, wave.direction, wave.vantages) == ("silence", "silence", 2)
    assert (wave.networks.count(), wave.networks_measured) == (2, 3)
    assert wave.intervals == [
        {
            "not_before": (AT - HOUR).isoformat(),
            "began": AT.isoformat(),
            "ended_not_before": (AT + 5 * HOUR).isoformat(),
            "ended": (AT + 6 * HOUR).isoformat(),
        }
    ]


@pytest.mark.parametrize("alone", [True, False])
def test_neither_one_silent_place_nor_a_register_without_controls_sees_a_silence(alone: bool) -> None:
    silence((9198,) if alone else (9198, 29355), range(6), control=alone)
    refresh(AT + 10 * HOUR)
    assert not Wave.objects.exists()


def test_a_result_that_came_home_late_was_no_silence() -> None:
    silence((9198, 29355), range(4))
    late = Run.objects.get(vantage__network__asn=9198, round__slot=AT + 2 * HOUR)
    make.measurement(seen.visit(), make.target(), by=late)
    refresh(AT + 10 * HOUR)
    assert not Wave.objects.exists()


def test_runs_that_may_still_come_home_are_no_silence() -> None:
    silence((9198, 29355), range(6))
    Run.objects.filter(state=Run.State.FAILED).update(state=Run.State.READY)
    refresh(AT + 10 * HOUR)
    assert not Wave.objects.exists()


def silent_since(asn: int = 9198) -> datetime | None:
    return Network.objects.get(asn=asn).silent_since


def test_a_network_is_marked_as_silent_until_it_delivers_again() -> None:
    silence((9198,), range(4), until=3)
    refresh(AT + 4 * HOUR)
    assert silent_since() == AT - HOUR + timedelta(minutes=4)
    assert not Wave.objects.exists()  # one place: no candidate, and nothing is known of the network all the same
    runs(make.network().vantages.get(), since=AT + 4 * HOUR, until=AT + 4 * HOUR)
    refresh(AT + 5 * HOUR)
    assert silent_since() is None


def test_two_lost_rounds_are_no_silence() -> None:
    silence((9198,), range(2), until=1)
    refresh(AT + 4 * HOUR)
    assert silent_since() is None


def test_a_network_that_never_delivered_did_not_fall_silent() -> None:
    silence((9198,), range(-48, 4), until=3)
    refresh(AT + 4 * HOUR)
    assert silent_since() is None


def test_reports_of_oonis_probes_keep_no_silent_network_alive() -> None:
    silence((9198,), range(4), until=3)
    reported = make.vantage(make.network(), source=Vantage.Source.OONI, state="imported", public_key=None)
    runs(reported, since=AT - 2 * DAY, until=AT + 3 * HOUR)
    refresh(AT + 4 * HOUR)
    assert silent_since() == AT - HOUR + timedelta(minutes=4)


def test_oonis_helpers_are_no_control_that_delivers_while_everything_of_ours_is_down() -> None:
    hosting = make.network(64496, watched=False, kind="hosting")
    make.vantage(hosting, role=Vantage.Role.CONTROL, source=Vantage.Source.OONI, state="imported", public_key=None)
    silence((9198, 29355), range(6), control=False)
    refresh(AT + 10 * HOUR)
    assert not Wave.objects.exists()


def test_networks_that_only_oonis_probes_measure_do_not_count_as_asked() -> None:
    silence((9198, 29355), range(6))
    runs(
        make.vantage(make.network(41798, watched=False), source=Vantage.Source.OONI, state="imported", public_key=None),
        since=AT - 2 * DAY,
        until=AT,
    )
    refresh(AT + 10 * HOUR)
    assert Wave.objects.get().networks_measured == 2


def test_the_task_finds_what_is_there(settings: Any) -> None:
    assert settings.CELERY_BEAT_SCHEDULE["find_waves"]["task"] == find_waves.name
    find_waves()
    assert not Wave.objects.exists()
