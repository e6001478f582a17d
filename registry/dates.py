"""Dates as exact as the source: "2019-05-09T07Z", "2014-10-21", "2007-10" or "2010" (ISO 8601, reduced precision).

One text column keeps time and precision together, and sorts. A date of lower precision stands
at the first day it may mean. An hour is in UTC, and pages show it in the country's time.
"""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

_SHAPE = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?")
_HOUR = re.compile(r"\d{4}-\d{2}-\d{2}T(?:[01]\d|2[0-3])Z")


def check_partial_date(text: str) -> None:
    """Raise ValidationError unless `text` is a year, a month or a day that exists."""
    try:
        if _SHAPE.fullmatch(text) is None:
            raise ValueError
        first_day(text)
    except ValueError:
        raise ValidationError(
            gettext_lazy("%(text)s is no date: write 2014-10-21, 2014-10 or 2014."),
            code="partial_date",
            params={"text": text},
        ) from None


def check_partial_time(text: str) -> None:
    """Raise ValidationError unless `text` is a partial date, or an hour of a day in UTC."""
    try:
        if _HOUR.fullmatch(text):
            first_day(text)
            return
    except (ValueError, OverflowError):  # the last hour of 9999 is no hour here
        pass
    try:
        check_partial_date(text)
    except ValidationError:
        raise ValidationError(
            gettext_lazy("%(text)s is no date: write 2014-10-21, 2014-10, 2014, or an hour in UTC, 2014-10-21T07Z."),
            code="partial_date",
            params={"text": text},
        ) from None


def is_hour(text: str) -> bool:
    return "T" in text


def moment(text: str) -> datetime:
    """The hour that a text with one means, in the country's time."""
    return timezone.localtime(datetime.strptime(text, "%Y-%m-%dT%HZ").replace(tzinfo=UTC))


def first_day(text: str) -> date:
    """The first day that a partial date may mean; of an hour, the day in the country."""
    if is_hour(text):
        return moment(text).date()
    parts = [int(part) for part in text.split("-")]
    return date(*[*parts, 1, 1][:3])


def last_day(text: str) -> date:
    """The last day that a partial date may mean."""
    first = first_day(text)
    if len(text) == 4:
        return date(first.year, 12, 31)
    if len(text) == 7:
        return first.replace(day=monthrange(first.year, first.month)[1])
    return first


def has_come(text: str, day: date) -> bool:
    """Has a known date come by the end of that day in the country? One of low precision counts from its first day."""
    return bool(text) and first_day(text) <= day


def is_before(one: str, other: str) -> bool:
    """Is the one before the other, whichever days they may mean? What is not known is before nothing."""
    return bool(one and other) and last_day(one) < first_day(other)


def come_by(column: str, day: date) -> models.Q:
    """Rows in whose column stands a known date that `has_come`."""
    midnight = datetime.combine(day + timedelta(days=1), time(), timezone.get_current_timezone()).astimezone(UTC)
    by_day = {f"{column}__gt": "", f"{column}__lte": day.isoformat()}
    by_hour = {f"{column}__contains": "T", f"{column}__lt": f"{midnight:%Y-%m-%dT%HZ}"}
    return models.Q(**by_day) | models.Q(**by_hour)


def shown(text: str) -> str:
    """The date in the reader's language, no more exact than it is known."""
    if not text:
        return ""
    if is_hour(text):
        at = moment(text)
        return _("%(day)s, about %(hour)s") % {"day": date_format(at, "DATE_FORMAT"), "hour": f"{at:%H:%M}"}
    style = {4: "YEAR_FORMAT", 7: "YEAR_MONTH_FORMAT", 10: "DATE_FORMAT"}[len(text)]
    return date_format(first_day(text), style)


def bounded(text: str, *, not_before: str = "", not_later_than: bool = False) -> str:
    """A date with what is known of its bounds, in the reader's language; empty where nothing is known."""
    words = {"first": shown(not_before), "last": shown(text)}
    if text and not_before:
        return _("between %(first)s and %(last)s") % words
    if not_before:
        return _("not earlier than %(first)s") % words
    return _("not later than %(last)s") % words if text and not_later_than else words["last"]


class PartialDateField(models.CharField):  # type: ignore[type-arg]  # not subscriptable when run
    """A partial date; the empty string is "not known"."""

    accepts = staticmethod(check_partial_date)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 10)
        kwargs.setdefault("blank", True)
        kwargs.setdefault("default", "")
        super().__init__(*args, **kwargs)
        self.validators = [*self.validators, self.accepts]


class PartialTimeField(PartialDateField):
    """A partial date that may be as exact as an hour."""

    accepts = staticmethod(check_partial_time)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 14)
        super().__init__(*args, **kwargs)


def to_the_hour(moment: datetime) -> datetime:
    """When a place that measures was in touch: more exactly it would tell who lends it, to whoever watches its line."""
    return moment.replace(minute=0, second=0, microsecond=0)
