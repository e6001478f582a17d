"""Dates as exact as the source: "2014-10-21", "2007-10" or "2010" (ISO 8601, reduced precision).

One text column keeps day and precision together, and sorts. A date of lower precision stands
at the first day it may mean.
"""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import date
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _

_SHAPE = re.compile(r"(\d{4})(?:-(\d{2}))?(?:-(\d{2}))?")


def check_partial_date(text: str) -> None:
    """Raise ValidationError unless `text` is a year, a month or a day that exists."""
    shape = _SHAPE.fullmatch(text)
    try:
        if shape is None:
            raise ValueError
        first_day(text)
    except ValueError:
        raise ValidationError(
            _("%(text)s is no date: write 2014-10-21, 2014-10 or 2014."), code="partial_date", params={"text": text}
        ) from None


def first_day(text: str) -> date:
    """The first day that a partial date may mean."""
    parts = [int(part) for part in text.split("-")]
    return date(*[*parts, 1, 1][:3])


def last_day(text: str) -> date:
    """The last day that a partial date may mean."""
    first = first_day(text)
    if len(text) == 10:
        return first
    month = first.month if len(text) == 7 else 12
    return date(first.year, month, monthrange(first.year, month)[1])


def shown(text: str) -> str:
    """The date in the reader's language, no more exact than it is known."""
    if not text:
        return ""
    style = {4: "Y", 7: "YEAR_MONTH_FORMAT", 10: "DATE_FORMAT"}[len(text)]
    return date_format(first_day(text), style)


class PartialDateField(models.CharField):  # type: ignore[type-arg]  # not subscriptable when run
    """A partial date; the empty string is "not known"."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 10)
        kwargs.setdefault("blank", True)
        kwargs.setdefault("default", "")
        super().__init__(*args, **kwargs)
        self.validators = [*self.validators, check_partial_date]
