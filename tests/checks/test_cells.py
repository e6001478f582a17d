"""Cells and episodes as rows: grown by what comes home in any order, they are what a count from the start makes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from checks import counting
from checks.models import Cell, Episode, Network, Recount, State, Target, Vantage, Verdict
from checks.verdict import rules
from registry.models import Dispute
from tests import make

pytestmark = pytest.mark.django_db

AT = datetime(2026, 1, 5, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SAYS = {
    "A": ("accessible", ""),
    "B": ("blocked", "tls.reset"),
    "N": ("blocked", "dns.nxdomain"),
    "?": ("inconclusive", ""),
}
_number = count(1)


class Grown:
    """One target on one network, and the verdicts that come home for it."""

    def __init__(self, period: timedelta = HOUR) -> None:
        self.target: Target = make.target(f"site-{next(_number)}.kz")
        self.network: Network = make.network()
        self.vantage: Vantage = self.network.vantages.get()
        make.plan(f"every {period}", period).targets.add(self.target)
        self.at = AT

    def comes_home(self, letter: str, started: datetime) -> None:
        self.at = max(self.at, started)
        self.record(letter, started)
        self.refresh(since=started)

    def record(self, letter: str, started: datetime) -> None:
        value, mechanism = SAYS[letter]
        number = next(_number)
        Verdict.objects.create(
            measurement=f"0195a0b2-0000-7000-8000-{number:012x}",
            run=make.run(self.vantage),
            target=self.target,
            network=self.network,
            vantage=self.vantage,
            at=started,
            verdict=value,
            mechanism=mechanism,
            rule="tls_reset" if value == "blocked" else "tls_valid",
            ruleset=rules.RULESET,
            confidence="high",
            imitated=False,
        )

    def refresh(self, since: datetime | None = None) -> None:
        counting.refresh(self.network.pk, {self.target.pk: since}, at=self.at)

    @property
    def cell(self) -> Cell:
        return Cell.objects.get(target=self.target)

    @property
    def episodes(self) -> Sequence[Episode]:
        return list(Episode.objects.filter(target=self.target).order_by("began_at"))

    def told(self) -> list[dict[str, Any]]:
        rows = Episode.objects.filter(target=self.target).order_by("began_at")
        return [{k: v for k, v in row.items() if k not in ("id", "target_id", "network_id")} for row in rows.values()]

    def says(self, letters: str, step: timedelta = HOUR) -> None:
        for n, letter in enumerate(letters):
            self.comes_home(letter, AT + n * step)


verdicts = st.lists(st.tuples(st.sampled_from("AAABBBN?"), st.integers(0, 120), st.booleans()), min_size=4, max_size=24)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(verdicts, st.sampled_from([HOUR, DAY]), st.randoms(use_true_random=False))
def test_grown_in_any_order_a_cell_is_what_a_count_from_the_start_makes(db, found, period, random):
    grown = Grown(period)
    ordered = sorted(((letter, AT + hours * HOUR) for letter, hours, _ in found), key=lambda pair: pair[1])
    late = [pair for pair, (_, _, is_late) in zip(ordered, found, strict=True) if is_late]
    for pair in [*(pair for pair in ordered if pair not in late), *random.sample(late, len(late))]:
        grown.comes_home(*pair)
        if random.random() < 0.2:
            grown.at += random.choice([HOUR, 3 * DAY])  # the clock goes on, and silence is noticed
            grown.refresh(since=grown.at)
    grown.at += 10 * DAY
    grown.refresh(since=grown.at)
    episodes, cell = grown.told(), Cell.objects.filter(target=grown.target).values().get()
    grown.refresh()
    assert grown.told() == episodes
    assert Cell.objects.filter(target=grown.target).values().get() == cell
    Episode.objects.filter(target=grown.target).delete()
    Cell.objects.filter(target=grown.target).delete()
    grown.refresh()
    assert grown.told() == episodes


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(verdicts, min_size=2, max_size=4), st.randoms(use_true_random=False))
def test_many_cells_counted_at_once_are_what_each_is_alone(db, found, random):
    together, alone = ([Grown(DAY) for _ in found] for _ in range(2))
    moments = sorted({hours for one in found for _, hours, _ in one})
    late = set(random.sample(moments, len(moments) // 4))
    for hours in [*(moment for moment in moments if moment not in late), *late]:
        since, at = {}, AT + hours * HOUR
        for many, one, rows in zip(together, alone, found, strict=True):
            for letter in [letter for letter, moment, _ in rows if moment == hours]:
                many.record(letter, at)
                one.record(letter, at)
                since[many.target.pk] = at
                many.at = one.at = max(one.at, at)
            if many.target.pk in since:
                one.refresh(since=at)
        counting.refresh(together[0].network.pk, since, at=max(one.at for one in alone))
    for many, one in zip(together, alone, strict=True):
        one.at = many.at = AT + 200 * HOUR
        one.refresh(since=one.at)
    counting.refresh(together[0].network.pk, {one.target.pk: one.at for one in together}, at=AT + 200 * HOUR)
    for many, one in zip(together, alone, strict=True):
        assert [_without_ids(row) for row in many.told()] == [_without_ids(row) for row in one.told()]
        assert (many.cell.state, many.cell.counts, many.cell.places) == (
            one.cell.state,
            one.cell.counts,
            one.cell.places,
        )


def _without_ids(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in ("witnesses", "checkpoint")}


def test_an_episode_has_the_measurements_that_bound_it():
    grown = Grown()
    grown.says("AAABBB")
    before, after = grown.episodes
    assert (before.state, before.change, before.seen_at, before.ended_at) == (
        State.ACCESSIBLE,
        Episode.Change.FIRST,
        AT + 2 * HOUR,
        AT + 3 * HOUR,
    )
    assert (after.state, after.change) == (State.LIKELY_BLOCKED, Episode.Change.BLOCK)
    assert (after.not_before, after.began_at, after.decided_at) == (AT + 2 * HOUR, AT + 3 * HOUR, AT + 5 * HOUR)


def test_a_late_measurement_moves_the_beginning_and_the_row_stays_the_same():
    grown = Grown()
    grown.says("AAA")
    for hours in (5, 6, 7):
        grown.comes_home("B", AT + hours * HOUR)
    before = grown.episodes
    grown.comes_home("B", AT + 4 * HOUR)
    grown.comes_home("A", AT + 3 * HOUR)
    after = grown.episodes
    assert [row.pk for row in after] == [row.pk for row in before]
    assert (after[1].not_before, after[1].began_at) == (AT + 3 * HOUR, AT + 4 * HOUR)


def test_a_late_measurement_may_undo_a_change_with_all_that_followed():
    grown = Grown()
    grown.says("AAA")
    for hours in (5, 7, 9):
        grown.comes_home("B", AT + hours * HOUR)
    assert [row.state for row in grown.episodes] == [State.ACCESSIBLE, State.LIKELY_BLOCKED]
    for hours in (4, 6, 8, *range(10, 18)):
        grown.comes_home("A", AT + hours * HOUR)
    assert [row.state for row in grown.episodes] == [State.ACCESSIBLE, State.CONTRADICTORY, State.ACCESSIBLE]


def test_a_count_that_was_begun_long_ago_takes_nothing_back():
    grown = Grown()
    grown.says("AAABBBBB")
    block = grown.episodes[1]
    Dispute.objects.create(episode=block, reason="The probe moved house.", marked_on=AT.date())
    Recount.objects.ask([(grown.target.pk, grown.network.pk)], at=AT)
    assert len(list(counting.recount(at=AT + 3 * HOUR))) == 1
    assert grown.cell.state == State.LIKELY_BLOCKED
    assert (grown.episodes[1].pk, grown.episodes[1].seen_at) == (block.pk, AT + 7 * HOUR)
    assert Dispute.objects.get().episode == block


def test_an_ordinary_measurement_counts_on_from_where_the_cell_stood(django_assert_max_num_queries):
    grown = Grown()
    grown.says("AAA" + "B" * 10)
    closed = grown.episodes[0]
    Verdict.objects.filter(at__lt=AT + 2 * HOUR).delete()  # history that a count from the start would miss
    grown.comes_home("B", AT + 13 * HOUR)
    assert grown.episodes[0] == closed
    assert grown.episodes[1].seen_at == AT + 13 * HOUR
    with django_assert_max_num_queries(12):
        grown.refresh(since=AT + 13 * HOUR)


def test_many_cells_cost_as_many_queries_as_one(django_assert_max_num_queries):
    cells = [Grown() for _ in range(30)]
    for one in cells:
        one.says("AAA")
        one.record("A", AT + 3 * HOUR)
    since = {one.target.pk: AT + 3 * HOUR for one in cells}
    with django_assert_max_num_queries(14):
        states = counting.refresh(cells[0].network.pk, since, at=AT + 3 * HOUR)
    assert set(states.values()) == {State.ACCESSIBLE}
    assert {one.cell.measurements for one in cells} == {4}


def test_another_ruleset_or_another_window_counts_from_the_start():
    grown = Grown()
    grown.says("AAABBB")
    for stored in ({"ruleset": "older"}, {"window": 1.0}, {"mark": {"format": 0}}):
        Cell.objects.update(checkpoint={**grown.cell.checkpoint, **stored})
        Episode.objects.update(checkpoint=None, state=State.DOWN)
        grown.comes_home("B", grown.at + HOUR)
        assert [row.state for row in grown.episodes] == [State.ACCESSIBLE, State.LIKELY_BLOCKED]


def test_a_cell_shows_rules_window_and_what_is_on_its_way():
    grown = Grown()
    grown.says("AAAABB")
    cell = grown.cell
    assert (cell.state, cell.candidate, cell.candidate_since) == (State.ACCESSIBLE, "blocked", AT + 4 * HOUR)
    assert cell.counts == {"accessible": 4, "blocked": 2}
    assert cell.rules == {"tls_valid": 4, "tls_reset": 2}
    assert (cell.counted_from, cell.counted_until) == (AT, AT + 5 * HOUR)
    grown.comes_home("B", AT + 6 * HOUR)
    assert (grown.cell.state, grown.cell.candidate, grown.cell.counted_from) == (
        State.LIKELY_BLOCKED,
        "",
        AT + 4 * HOUR,
    )


def test_a_cell_shows_which_place_saw_what_and_that_they_disagree():
    grown = Grown()
    grown.says("BBBBBBBB")
    here = grown.vantage
    assert (grown.cell.places, grown.cell.split) == ({here.name: {"blocked": 8}}, False)
    grown.vantage = make.vantage(grown.network, name="a-second-place")
    grown.comes_home("A", grown.at + HOUR)
    grown.comes_home("A", grown.at + HOUR)
    assert grown.cell.places == {"a-second-place": {"accessible": 2}, here.name: {"blocked": 8}}
    assert grown.cell.split
    assert grown.cell.state == State.LIKELY_BLOCKED


def test_a_cell_shows_a_drop_in_volume():
    grown = Grown()
    for hours in range(24 * 5):
        grown.record("A", AT + hours * HOUR)
    grown.at = AT + 5 * DAY
    grown.refresh()
    assert (grown.cell.usual, grown.cell.fewer) == (48, False)
    grown.at += 25 * HOUR
    grown.refresh(since=grown.at)
    assert (grown.cell.usual, grown.cell.fewer) == (48, True)


def test_a_dispute_stays_as_long_as_its_episode_does():
    grown = Grown()
    grown.says("AAA")
    for hours in (5, 6, 7):
        grown.comes_home("B", AT + hours * HOUR)
    Dispute.objects.create(episode=grown.episodes[1], reason="The probe moved house.", marked_on=AT.date())
    grown.comes_home("B", AT + 4 * HOUR)
    grown.refresh()
    verdicts = Verdict.objects.filter(target=grown.target)
    assert verdicts.filter(verdict="blocked").count() == 4
    assert Dispute.objects.get().episode == grown.episodes[1]
    verdicts.filter(verdict="blocked").delete()
    grown.refresh()
    assert [row.state for row in grown.episodes] == [State.ACCESSIBLE]
    assert not Dispute.objects.exists()


def test_the_states_of_one_network_are_found_by_an_index() -> None:
    """That it is there: which one is taken for a handful of rows is the database's to say."""
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, Cell._meta.db_table)
    assert ["network_id", "state"] in [one["columns"] for one in found.values() if one["index"]]
