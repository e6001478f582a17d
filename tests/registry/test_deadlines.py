"""How a period of the law is counted: from days and calendars alone, without a database."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.deadlines import Calendar, NeedsHour, OutOfRange, Period, Unit, days_late, days_left, days_of, due

ALMATY = ZoneInfo("Asia/Almaty")
PLAIN = Calendar()
DAY = timedelta(days=1)


def last(length: int, unit: str, start: str, calendar: Calendar = PLAIN) -> str:
    return due(Period(length, Unit(unit)), date.fromisoformat(start), calendar, ALMATY).day.isoformat()


@pytest.mark.parametrize(
    ("length", "unit", "start", "ends"),
    [
        (1, "working_day", "2026-03-02", "2026-03-03"),  # it begins on the day after
        (5, "working_day", "2026-03-02", "2026-03-09"),  # over a weekend
        (5, "working_day", "2026-03-07", "2026-03-13"),  # received on a Saturday
        (15, "day", "2026-03-02", "2026-03-17"),
        (5, "day", "2026-03-02", "2026-03-09"),  # ends on a Saturday, goes on to Monday
        (1, "month", "2026-01-31", "2026-03-02"),  # 28 February is a Saturday
        (1, "month", "2027-01-31", "2027-03-01"),  # 28 February is a Sunday
        (1, "month", "2026-03-15", "2026-04-15"),
        (3, "month", "2026-11-30", "2027-03-01"),
        (1, "year", "2024-02-29", "2025-02-28"),  # the last day of a month that has no 29th
        (0, "at_once", "2026-03-07", "2026-03-07"),
    ],
)
def test_a_period_ends_on_the_day_that_the_rules_say(length: int, unit: str, start: str, ends: str) -> None:
    assert last(length, unit, start) == ends


def test_days_off_are_left_out_and_moved_days_are_worked() -> None:
    calendar = Calendar(
        off={date(2026, 3, 9): "moved", date(2026, 3, 10): "off"}, worked={date(2026, 3, 14): "instead"}
    )
    assert last(5, "working_day", "2026-03-06", calendar) == "2026-03-16"
    assert last(4, "working_day", "2026-03-06", calendar) == "2026-03-14"
    assert last(3, "day", "2026-03-06", calendar) == "2026-03-11"


def test_hours_run_on_over_the_night_and_need_the_hour() -> None:
    start = datetime(2026, 3, 6, 23, 30, tzinfo=ALMATY)
    found = due(Period(2, Unit.HOUR), start, PLAIN, ALMATY)
    assert (found.day, found.at - start) == (date(2026, 3, 7), timedelta(hours=2))
    with pytest.raises(NeedsHour):
        due(Period(2, Unit.HOUR), date(2026, 3, 6), PLAIN, ALMATY)


def test_hours_stay_hours_when_the_country_changes_its_time() -> None:
    """On 1 March 2024 Kazakhstan went from UTC+6 to UTC+5 at midnight."""
    start = datetime(2024, 2, 29, 23, 30, tzinfo=ALMATY)
    assert due(Period(2, Unit.HOUR), start, PLAIN, ALMATY).at.astimezone(UTC) == start.astimezone(UTC) + timedelta(
        hours=2
    )


def test_an_event_belongs_to_the_day_that_it_is_in_the_country() -> None:
    evening = datetime(2026, 3, 2, 20, tzinfo=UTC)  # the 3rd in Almaty
    assert due(Period(1, Unit.WORKING_DAY), evening, PLAIN, ALMATY).day == date(2026, 3, 4)


def test_it_is_late_from_the_end_of_the_last_day() -> None:
    found = due(Period(1, Unit.DAY), date(2026, 3, 2), PLAIN, ALMATY)
    assert found.at == datetime(2026, 3, 4, tzinfo=ALMATY)


def test_a_day_beyond_any_calendar_is_refused() -> None:
    for year in (1, 9999):
        with pytest.raises(OutOfRange):
            due(Period(1, Unit.YEAR), date(year, 6, 1), PLAIN, ALMATY)


def test_what_is_late_is_counted_as_the_period_was() -> None:
    friday, tuesday = date(2026, 3, 6), date(2026, 3, 10)
    assert days_late(friday, tuesday, Unit.WORKING_DAY, PLAIN) == 2
    assert days_late(friday, tuesday, Unit.DAY, PLAIN) == 4
    assert days_late(tuesday, friday, Unit.DAY, PLAIN) == 0
    assert days_left(tuesday, friday, Unit.WORKING_DAY, PLAIN) == 2


days = st.dates(date(1995, 1, 1), date(2060, 1, 1))
lengths = st.integers(1, 60)
by_day = st.sampled_from([Unit.DAY, Unit.WORKING_DAY, Unit.MONTH, Unit.YEAR])


@st.composite
def calendars(draw: st.DrawFn, around: date) -> Calendar:
    near = st.integers(-10, 200).map(lambda number: around + number * DAY)
    off = draw(st.sets(near, max_size=25))
    worked = {day for day in draw(st.sets(near, max_size=10)) if day.weekday() > 4} - off
    return Calendar(dict.fromkeys(off, "off"), dict.fromkeys(worked, "worked"))


@given(st.data(), days, lengths, by_day)
def test_the_last_day_is_always_worked_and_stands_behind_the_event(
    data: st.DataObject, start: date, length: int, unit: Unit
) -> None:
    calendar = data.draw(calendars(start))
    found = due(Period(length, unit), start, calendar, ALMATY)
    assert calendar.is_working(found.day)
    assert found.day > start
    assert found.moved_from is None or found.moved_from < found.day


@given(st.data(), days, lengths, by_day)
def test_who_begins_later_or_has_longer_never_ends_earlier(
    data: st.DataObject, start: date, length: int, unit: Unit
) -> None:
    calendar = data.draw(calendars(start))
    found = due(Period(length, unit), start, calendar, ALMATY).day
    assert due(Period(length, unit), start + DAY, calendar, ALMATY).day >= found
    assert due(Period(length + 1, unit), start, calendar, ALMATY).day >= found


@given(st.data(), days, st.integers(1, 30))
def test_one_more_day_off_never_brings_the_end_forward(data: st.DataObject, start: date, length: int) -> None:
    calendar = data.draw(calendars(start))
    more = Calendar({**calendar.off, start + 3 * DAY: "one more"}, {
        day: why for day, why in calendar.worked.items() if day != start + 3 * DAY
    })  # fmt: skip
    period = Period(length, Unit.WORKING_DAY)
    assert due(period, start, more, ALMATY).day >= due(period, start, calendar, ALMATY).day


@given(st.data(), days, st.integers(1, 40), st.sampled_from([Unit.DAY, Unit.WORKING_DAY]))
def test_the_days_listed_are_those_that_were_counted(data: st.DataObject, start: date, length: int, unit: Unit) -> None:
    calendar = data.draw(calendars(start))
    period = Period(length, unit)
    listed = list(days_of(period, start, calendar))
    assert [one.number for one in listed if one.number] == list(range(1, length + 1))
    assert listed[-1].day == due(period, start, calendar, ALMATY).day
    assert [one.day for one in listed] == [start + number * DAY for number in range(1, len(listed) + 1)]
    assert days_late(start, listed[-1].day, unit, calendar) >= length


@given(st.datetimes(datetime(1995, 1, 1), datetime(2060, 1, 1)), st.integers(1, 200))
def test_hours_are_exact_whatever_the_day(moment: datetime, length: int) -> None:
    start = moment.replace(tzinfo=UTC)
    assert due(Period(length, Unit.HOUR), start, PLAIN, ALMATY).at - start == timedelta(hours=length)
