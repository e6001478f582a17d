"""The country's clocks: its deadlines by version of the law, and its days off, read once and asked many times.

Nothing that is computed here is stored: another table of holidays, or another version of a law, gives other days at
once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from functools import cache

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from holidays import country_holidays

from registry import dates, deadlines
from registry.deadlines import Calendar, Due, Period, Unit
from registry.models import Act, Deadline, Holiday

ADMINISTRATIVE = (Act.Type.ORDER, Act.Type.SUBMISSION, Act.Type.KNB_DECISION)
YEARS_BACK, YEARS_AHEAD = 20, 3  # for which the library is asked

# The library's names in its English, so that our catalogue has them in three languages.
_NAMES = {
    "New Year's Day": _("New Year's Day"),
    "Orthodox Christmas": _("Orthodox Christmas"),
    "International Women's Day": _("International Women's Day"),
    "Nowruz Holiday": _("Nauryz"),
    "Kazakhstan's People Solidarity Holiday": _("Day of Unity of the People of Kazakhstan"),
    "Defender of the Fatherland Day": _("Defender of the Fatherland Day"),
    "Victory Day": _("Victory Day"),
    "Capital Day": _("Capital Day"),
    "Constitution Day": _("Constitution Day"),
    "Republic Day": _("Republic Day"),
    "First President Day": _("First President Day"),
    "Independence Day": _("Independence Day"),
    "Eid al-Adha": _("first day of Kurban Ait"),
}
_MOVED = re.compile(r"Day off \(substituted from (\d+)/(\d+)/(\d+)\)")


@dataclass(frozen=True)
class Clocks:
    """Everything that a due day is computed from."""

    deadlines: tuple[Deadline, ...]
    calendar: Calendar
    zone: tzinfo

    def version(self, procedure: str, step: str, *, on: date) -> Deadline | None:
        """The version of the law that held on that day, as far as we know: the newest that had begun by then."""
        found = [row for row in self.deadlines if (row.procedure, row.step) == (procedure, step) and _held(row, on)]
        return max(found, key=lambda row: row.valid_from, default=None)

    def due(self, deadline: Deadline, start: date | datetime) -> Due:
        """Raises deadlines.NeedsHour, deadlines.OutOfRange."""
        return deadlines.due(period(deadline), start, self.calendar, self.zone)

    def due_on(self, day: date) -> Due:
        """A last day that somebody named: the end of exactly that day."""
        return deadlines.due(Period(0, Unit.AT_ONCE), day, self.calendar, self.zone)


def period(deadline: Deadline) -> Period:
    return Period(deadline.length, Unit(deadline.unit))


def read(*, at: datetime) -> Clocks:
    """The country's clocks in two queries. `at` says for which years days off are wanted."""
    return of(Deadline.objects.select_related("source"), Holiday.objects.all(), at=at)


def of(deadlines: Iterable[Deadline], holidays: Iterable[Holiday], *, at: datetime) -> Clocks:
    """What the library knows of the country's days off, and over it what the pack says of a day."""
    year = timezone.localdate(at).year
    library = _library(settings.COUNTRY, year - YEARS_BACK, year + YEARS_AHEAD)
    return Clocks(tuple(deadlines), _overridden(library, holidays), timezone.get_default_timezone())


@dataclass(frozen=True)
class Challenge:
    """Until when an act can be challenged: from learning of it, and at the latest from its adoption."""

    file: Deadline | None
    absolute: Deadline | None
    last: Due | None  # the absolute limit; None where the act's day or the law of that day is not known
    passed: bool
    if_learned_today: Due | None  # never behind the absolute limit; None where that is not known


def challenge(act: Act, law: Clocks, *, at: datetime) -> Challenge | None:
    """None of what is no administrative act: the register has no periods for appeals against court decisions."""
    if act.type not in ADMINISTRATIVE:
        return None
    today = timezone.localdate(at)
    file = law.version(Deadline.Procedure.CHALLENGE, Deadline.Step.FILE, on=today)
    absolute = last = None
    passed = False
    if act.date:
        adopted = dates.last_day(act.date)
        absolute = law.version(Deadline.Procedure.CHALLENGE, Deadline.Step.ABSOLUTE, on=adopted)
        if absolute:
            due = law.due(absolute, adopted)
            passed, last = due.day < today, due if len(act.date) == 10 else None
    learned = law.due(file, today) if file and last and not passed else None
    if learned and last and learned.day > last.day:
        learned = last
    return Challenge(file, absolute, last, passed, learned)


def length_in_words(deadline: Deadline) -> str:
    """ "15 working days"."""
    match deadline.unit:
        case Unit.HOUR:
            text = ngettext("%(number)d hour", "%(number)d hours", deadline.length)
        case Unit.DAY:
            text = ngettext("%(number)d calendar day", "%(number)d calendar days", deadline.length)
        case Unit.WORKING_DAY:
            text = ngettext("%(number)d working day", "%(number)d working days", deadline.length)
        case Unit.MONTH:
            text = ngettext("%(number)d month", "%(number)d months", deadline.length)
        case Unit.YEAR:
            text = ngettext("%(number)d year", "%(number)d years", deadline.length)
        case _:
            return str(_("at once"))
    return text % {"number": deadline.length}


def days_in_words(number: int, unit: str) -> str:
    """ "5 working days", of a period that was counted in them; else "5 days"."""
    if unit == Unit.WORKING_DAY:
        return ngettext("%(number)d working day", "%(number)d working days", number) % {"number": number}
    return ngettext("%(number)d day", "%(number)d days", number) % {"number": number}


def _held(row: Deadline, on: date) -> bool:
    """Had this version begun, and not been replaced? One whose beginning is not known had."""
    began = not row.valid_from or dates.first_day(row.valid_from) <= on
    return began and (not row.valid_to or dates.first_day(row.valid_to) > on)


def _overridden(library: Calendar, rows: Iterable[Holiday]) -> Calendar:
    off, worked = dict(library.off), dict(library.worked)
    for row in rows:
        off.pop(row.date, None)
        worked.pop(row.date, None)
        (off if row.kind == Holiday.Kind.OFF else worked)[row.date] = row.name
    return Calendar(off, worked, library.weekend)


@cache
def _library(country: str, first: int, last: int) -> Calendar:
    try:
        known = country_holidays(country, years=range(first, last + 1), language="en_US")
    except NotImplementedError:  # a country that the library does not have: only its pack tells days off
        return Calendar()
    worked = dict.fromkeys(sorted(known.weekend_workdays), _("worked in the place of another day"))
    off = {day: DayOff(text) for day, text in known.items()}
    return Calendar(off, worked, frozenset(int(day) for day in known.weekend))


@dataclass(frozen=True)
class DayOff:
    """A day off of the library, as text in the reader's language. A name that we have not keeps the library's."""

    known_as: str  # "Capital Day (observed)", of two holidays on one day with a semicolon

    def __str__(self) -> str:
        return "; ".join(_name(part.strip()) for part in self.known_as.split(";"))


def _name(text: str) -> str:
    if moved := _MOVED.fullmatch(text):
        month, day, year = moved.groups()
        return str(_("day off moved here from %(day)s")) % {"day": dates.shown(f"{year}-{month}-{day}")}
    base, _bracket, mark = text.partition(" (")
    name = str(_NAMES.get(base, base))
    if "estimated" in mark:
        return str(_("%(name)s (estimated day)")) % {"name": name}
    return str(_("%(name)s (moved from the weekend)")) % {"name": name} if mark else name
