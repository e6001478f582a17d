"""Dates in English: 22 November 2026."""

DATE_FORMAT = "j F Y"
DATETIME_FORMAT = "j F Y, H:i"
YEAR_MONTH_FORMAT = "F Y"
YEAR_FORMAT = "Y"  # our own: of a date of which no more is known
MONTH_DAY_FORMAT = "j F"
