"""Measurements by month: where each comes to lie, and that each is kept once."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from uuid import UUID

import pytest
from django.db import IntegrityError, connection, connections, transaction

from checks import partitions, planning, runs, storing, tasks
from checks.models import Measurement, Plan, Run
from tests import make
from tests.checks.conftest import AT, URL, Probe, id_at, visit
from tests.checks.test_runs import bring_home, measure, refusal, taken

pytestmark = pytest.mark.django_db
on_postgresql = pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite keeps one table")

LONG_AGO, FIRST = datetime(2024, 1, 31, 23, 59, 59, 999000, UTC), datetime(2024, 2, 1, tzinfo=UTC)


def where(row: Measurement) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tableoid::regclass::text FROM checks_measurement WHERE id = %s", [row.pk])
        return str(cursor.fetchone()[0])


def stored(at: datetime, **fields: object) -> Measurement:
    return make.measurement(visit(URL, at=at), make.target(URL), id=id_at(at), started_at=at, **fields)


def test_the_last_and_the_first_millisecond_of_a_month_are_on_two_sides_of_its_bound() -> None:
    begin, end = partitions.bounds(date(2024, 2, 1))
    assert id_at(LONG_AGO) < begin < id_at(FIRST) < end
    assert [partitions.month_of(id_at(at)) for at in (LONG_AGO, FIRST)] == [date(2024, 1, 1), date(2024, 2, 1)]
    assert partitions.after(date(2024, 11, 1), 2) == date(2025, 1, 1)
    assert partitions.after(date(2024, 1, 1), -1) == date(2023, 12, 1)
    with pytest.raises(ValueError, match="calendar"):
        partitions.month_of(UUID(int=2**128 - 1))


@on_postgresql
def test_a_measurement_lies_in_its_month_and_what_is_of_none_with_the_rest() -> None:
    partitions.make_ahead(AT)
    assert where(stored(AT)) == partitions.name(partitions.first_day(AT))
    assert where(stored(LONG_AGO)) == partitions.OTHER


@on_postgresql
def test_partitions_are_made_ahead_by_beat_however_often_it_asks() -> None:
    for _ in range(2):
        tasks.dispatch()
    months = [partitions.after(partitions.first_day(AT), number) for number in range(4)]
    assert [partitions.exists(month) for month in months] == [True, True, True, False]


@on_postgresql
def test_a_partition_that_is_made_late_takes_over_what_came_before_it() -> None:
    late, other = stored(FIRST), stored(LONG_AGO)
    partitions.make_ahead(FIRST)
    assert [where(late), where(other)] == ["checks_measurement_2024_02", partitions.OTHER]
    assert Measurement.objects.get(pk=late.pk).record == late.record


def apart(work: Callable[[], None]) -> None:
    """In a connection of its own, which commits."""
    try:
        work()
    finally:
        connections.close_all()


def unmake() -> None:
    with connection.cursor() as cursor:
        for month in (2, 3, 4):
            cursor.execute(f"DROP TABLE IF EXISTS {partitions.name(date(2024, month, 1))}")


@on_postgresql
def test_many_that_make_partitions_at_once_make_each_once() -> None:
    with ThreadPoolExecutor(4) as threads:
        try:
            list(threads.map(apart, [partial(partitions.make_ahead, FIRST)] * 4))
            assert all(partitions.exists(date(2024, month, 1)) for month in (2, 3, 4))
        finally:
            threads.submit(apart, unmake).result()


@pytest.mark.parametrize("at", [AT, LONG_AGO])
def test_a_second_row_of_an_attempt_is_left_out_wherever_it_would_lie(at: datetime) -> None:
    row = stored(at)
    again = Measurement.objects.get(pk=row.pk)
    again.pk = id_at(at)
    storing.insert([again, row])
    assert list(Measurement.objects.all()) == [row]
    with pytest.raises(IntegrityError), transaction.atomic():
        again.save(force_insert=True)


def test_what_an_attempt_brought_is_not_stored_again_under_an_id_of_another_month(plan: Plan, control: Probe) -> None:
    planning.dispatch(AT)
    [order] = taken(AT)
    row = stored(LONG_AGO, by=Run.objects.get(pk=order.run))
    bring_home(control, control.sealed(order.run, visit(URL, at=AT)), at=AT)
    assert list(Measurement.objects.filter(run=order.run)) == [row]


@pytest.mark.parametrize(
    "off", [timedelta(days=-40), timedelta(minutes=-11), timedelta(minutes=11), timedelta(days=40)]
)
def test_a_probe_does_not_choose_the_month_in_which_it_is_kept(plan: Plan, control: Probe, off: timedelta) -> None:
    planning.dispatch(AT)
    [order] = taken(AT)
    elsewhere = replace(visit(URL, at=AT), id=str(id_at(AT + off)))
    assert "was not made when the visit was" in refusal("control", control.sealed(order.run, elsewhere))
    assert not Measurement.objects.exists()


def test_the_furthest_id_that_there_is_is_refused_with_a_reason(plan: Plan, control: Probe) -> None:
    planning.dispatch(AT)
    [order] = taken(AT)
    elsewhere = replace(visit(URL, at=AT), id=str(UUID(int=2**128 - 1)))
    assert "was not made when the visit was" in refusal("control", control.sealed(order.run, elsewhere))


def test_a_visit_of_minutes_has_an_id_of_its_end(plan: Plan, control: Probe) -> None:
    planning.dispatch(AT)
    [order] = taken(AT)
    slow = replace(visit(URL, at=AT), id=str(id_at(AT + runs.CLOCK_SKEW / 2)))
    bring_home(control, control.sealed(order.run, slow), at=AT)
    assert str(Measurement.objects.get().pk) == slow.id


def test_nothing_points_at_a_measurement() -> None:
    assert not Measurement._meta.related_objects
    with connection.cursor() as cursor:
        assert not connection.introspection.get_relations(cursor, partitions.TABLE)


@on_postgresql
def test_a_table_of_former_times_becomes_partitions_with_every_row(plan: Plan, control: Probe) -> None:
    planning.dispatch(AT)
    measure(control, AT)
    before = [
        *Measurement.objects.order_by("pk"),
        stored(AT - timedelta(days=60)),
        stored(FIRST, origin={"report": ""}),
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE flat (LIKE checks_measurement INCLUDING DEFAULTS INCLUDING INDEXES);"
            "INSERT INTO flat SELECT * FROM checks_measurement; DROP TABLE checks_measurement CASCADE;"
            "ALTER TABLE flat RENAME TO checks_measurement;"
            "CREATE INDEX checks_meas_of_former ON checks_measurement (started_at)"
        )
    migration = importlib.import_module("checks.migrations.0016_measurements_by_month")
    with connection.schema_editor() as editor:
        migration.part(None, editor)
    assert {row.pk for row in before} == set(Measurement.objects.values_list("pk", flat=True))
    months = [partitions.after(partitions.first_day(AT), number) for number in range(-1, 3)]
    assert all(partitions.exists(month) for month in months)
    assert where(before[-1]) == partitions.OTHER  # an import makes no months
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, partitions.TABLE)
    assert found["checks_measurement_pkey"]["columns"] == ["id"]
    assert found["checks_meas_of_former"]["columns"] == ["started_at"]
