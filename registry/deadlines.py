"""How a period of the law is counted. Pure: periods, days and the calendar come as arguments; no database, no clock.

The rules, in the order in which `due` applies them:

1. A period of days, months or years begins on the day after the event that starts it.
2. Working days are counted over days off; calendar days, months and years are not.
3. A month, or a year, ends on the day of the same number; where the month has no such day, on its last one.
4. Where the last day is no working day, the period ends on the next working day.
5. Hours begin with the event and run on, over nights and days off.
6. "At once" is the event's own day.

Rule 3 is that of art. 12-1 of the Law On Administrative Procedures (107-II of 2000, until July 2021). For the others we
follow the usual reading of the Civil Code (art. 172-175), which was not verified in a text of the law; the page of the
deadlines says so.
"""

from __future__ import annotations

import calendar as months
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, tzinfo
from enum import StrEnum

LENGTH_LIMIT = 1000  # of one period, in its unit
DAY = timedelta(days=1)


class Unit(StrEnum):
    AT_ONCE = "at_once"
    HOUR = "hour"
    DAY = "day"
    WORKING_DAY = "working_day"
    MONTH = "month"
    YEAR = "year"


class NeedsHour(ValueError):
    """A period of hours cannot be counted from a day."""

    def __init__(self) -> None:
        super().__init__("Give the hour too: this period is counted in hours.")


class OutOfRange(ValueError):
    """The period ends beyond what a calendar can say."""

    def __init__(self) -> None:
        super().__init__("Give a day between the years 1900 and 2900.")


@dataclass(frozen=True)
class Period:
    length: int
    unit: Unit


@dataclass(frozen=True)
class Calendar:
    """Monday to Friday are worked, but for days off; and so are the Saturdays and Sundays worked in their place."""

    off: Mapping[date, object] = field(default_factory=dict)  # a day off, and its name as str() gives it
    worked: Mapping[date, object] = field(default_factory=dict)  # a day of the weekend that is worked, and why
    weekend: frozenset[int] = frozenset({5, 6})  # as date.weekday() counts

    def is_working(self, day: date) -> bool:
        if day in self.worked:
            return True
        return day not in self.off and day.weekday() not in self.weekend

    def next_working(self, day: date) -> date:
        """That day, or the first working day after it."""
        while not self.is_working(day):
            day += DAY
        return day

    def working_days(self, after: date, until: date) -> int:
        """How many there are behind the one day, up to and with the other; none if they stand the other way round."""
        return sum(self.is_working(day) for day in _days(after, until))


@dataclass(frozen=True)
class Due:
    """The last day, and the moment after which it is late: of hours exactly, else the end of that day."""

    day: date
    at: datetime
    moved_from: date | None = None  # where the period ended before rule 4


@dataclass(frozen=True)
class Counted:
    """One day of a period: its number in it, or 0 where it does not count."""

    day: date
    number: int
    off: str  # the name of a day off; of a Saturday or Sunday empty
    worked: str  # why a Saturday or Sunday is worked


def due(period: Period, start: date | datetime, calendar: Calendar, zone: tzinfo) -> Due:
    """When the period ends that this event started. Raises NeedsHour, OutOfRange."""
    day = _local_day(start, zone)
    if not 1900 <= day.year <= 2900 or not 0 <= period.length <= LENGTH_LIMIT:
        raise OutOfRange
    if period.unit == Unit.HOUR:
        if not isinstance(start, datetime):
            raise NeedsHour
        # Over UTC, so that a change of the country's time makes no hour longer.
        at = datetime.fromtimestamp(start.timestamp() + period.length * 3600, tz=zone)
        return Due(at.date(), at)
    last = _last_day(period, day, calendar)
    ends = last if period.unit in (Unit.AT_ONCE, Unit.WORKING_DAY) else calendar.next_working(last)
    return Due(ends, _end_of(ends, zone), last if ends != last else None)


def days_of(period: Period, start: date, calendar: Calendar) -> Iterator[Counted]:
    """Every day of a period of days or working days, the days after it that rule 4 adds included."""
    last = _last_day(period, start, calendar)
    number = 0
    for day in _days(start, calendar.next_working(last)):
        counts = day <= last and (period.unit != Unit.WORKING_DAY or calendar.is_working(day))
        number += counts
        yield Counted(day, number if counts else 0, str(calendar.off.get(day, "")), str(calendar.worked.get(day, "")))


def days_late(last: date, on: date, unit: Unit, calendar: Calendar) -> int:
    """By how many days something is late, counted as the period was: in working days, or in calendar days."""
    if unit == Unit.WORKING_DAY:
        return calendar.working_days(last, on)
    return max((on - last).days, 0)


def days_left(last: date, on: date, unit: Unit, calendar: Calendar) -> int:
    """How many are left behind this day. On the last day it is 0."""
    return days_late(on, last, unit, calendar)


def plus_months(day: date, number: int) -> date:
    """The day of the same number so many months later, or the last one of that month."""
    year, month = divmod(day.year * 12 + day.month - 1 + number, 12)
    return date(year, month + 1, min(day.day, months.monthrange(year, month + 1)[1]))


def _last_day(period: Period, start: date, calendar: Calendar) -> date:
    """Before rule 4."""
    match period.unit:
        case Unit.AT_ONCE:
            return start
        case Unit.DAY:
            return start + timedelta(days=period.length)
        case Unit.MONTH:
            return plus_months(start, period.length)
        case Unit.YEAR:
            return plus_months(start, period.length * 12)
        case Unit.WORKING_DAY:
            day = start
            for _ in range(period.length):
                day = calendar.next_working(day + DAY)
            return day
    raise NeedsHour


def _days(after: date, until: date) -> Iterator[date]:
    return (after + timedelta(days=number) for number in range(1, (until - after).days + 1))


def _local_day(start: date | datetime, zone: tzinfo) -> date:
    return start.astimezone(zone).date() if isinstance(start, datetime) else start


def _end_of(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(day + DAY, time(), tzinfo=zone)
