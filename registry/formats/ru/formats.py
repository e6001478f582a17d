"""Dates in Russian: 22 ноября 2026 г., and no line ends before its “г.” or after the day."""

from django.utils.translation import gettext_lazy

DATE_FORMAT = "j\u00a0E Y\u00a0г."
DATETIME_FORMAT = "j\u00a0E Y\u00a0г., H:i"
YEAR_MONTH_FORMAT = "F Y\u00a0г."
YEAR_FORMAT = "Y\u00a0г."  # our own: of a date of which no more is known
MONTH_DAY_FORMAT = "j\u00a0E"

# Django writes Russian months that stand alone with a capital. Our own catalogue writes them without one.
MONTHS_ALONE = (
    gettext_lazy("January"),
    gettext_lazy("February"),
    gettext_lazy("March"),
    gettext_lazy("April"),
    gettext_lazy("May"),
    gettext_lazy("June"),
    gettext_lazy("July"),
    gettext_lazy("August"),
    gettext_lazy("September"),
    gettext_lazy("October"),
    gettext_lazy("November"),
    gettext_lazy("December"),
)
