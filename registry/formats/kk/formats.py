"""Dates in Kazakh: 2026 ж. 22 қараша, and no line ends before its “ж.” or after the day."""

from django.utils.translation import gettext_lazy, ngettext_lazy, pgettext_lazy

DATE_FORMAT = "Y\u00a0ж. j\u00a0E"
DATETIME_FORMAT = "Y\u00a0ж. j\u00a0E, H:i"
YEAR_MONTH_FORMAT = "Y\u00a0ж. E"
YEAR_FORMAT = "Y\u00a0ж."  # our own: of a date of which no more is known
MONTH_DAY_FORMAT = "j\u00a0E"
DECIMAL_SEPARATOR = ","  # Django knows no Kazakh formats

# Django writes Kazakh months with a capital. Our own catalogue writes these, of a date, without one.
MONTHS_OF_A_DATE = (
    pgettext_lazy("alt. month", "January"),
    pgettext_lazy("alt. month", "February"),
    pgettext_lazy("alt. month", "March"),
    pgettext_lazy("alt. month", "April"),
    pgettext_lazy("alt. month", "May"),
    pgettext_lazy("alt. month", "June"),
    pgettext_lazy("alt. month", "July"),
    pgettext_lazy("alt. month", "August"),
    pgettext_lazy("alt. month", "September"),
    pgettext_lazy("alt. month", "October"),
    pgettext_lazy("alt. month", "November"),
    pgettext_lazy("alt. month", "December"),
)

# What Django has no Kazakh for, or misspells, of the texts that our forms and the desk show. Our catalogue comes last.
TEXTS_OF_DJANGO = (
    ngettext_lazy(
        "Ensure this value has at most %(limit_value)d character (it has %(show_value)d).",
        "Ensure this value has at most %(limit_value)d characters (it has %(show_value)d).",
        "limit_value",
    ),
    gettext_lazy("Null characters are not allowed."),
    gettext_lazy("Select a valid choice. %(value)s is not one of the available choices."),
    gettext_lazy("Select a valid choice. That choice is not one of the available choices."),
    ngettext_lazy("%(total_count)s selected", "All %(total_count)s selected", "total_count"),
    gettext_lazy("0 of %(cnt)s selected"),
    gettext_lazy("%(app)s administration"),
    gettext_lazy("Add link"),
    gettext_lazy("Administration"),
    gettext_lazy("Authentication and Authorization"),
    gettext_lazy("Breadcrumbs"),
    gettext_lazy("Change"),
    gettext_lazy("Change %s"),
    gettext_lazy("Change or view list link"),
    gettext_lazy("Clear all filters"),
    gettext_lazy("Close"),
    gettext_lazy("Empty"),
    gettext_lazy("Filter"),
    gettext_lazy("Hide counts"),
    gettext_lazy("Model name"),
    gettext_lazy("Models in the %(name)s application"),
    gettext_lazy("My actions"),
    gettext_lazy("None available"),
    gettext_lazy("Not empty"),
    gettext_lazy("Recent actions"),
    gettext_lazy("Run the selected action"),
    gettext_lazy("Select %s to change"),
    gettext_lazy("Select %s to view"),
    gettext_lazy("Select all objects on this page for an action"),
    gettext_lazy("Select this object for an action - {}"),
    gettext_lazy("Show counts"),
    gettext_lazy("Skip to main content"),
    gettext_lazy("Thanks for spending some quality time with the web site today."),
    gettext_lazy("Toggle theme (current theme: auto)"),
    gettext_lazy("Toggle theme (current theme: dark)"),
    gettext_lazy("Toggle theme (current theme: light)"),
    gettext_lazy("View"),
    gettext_lazy("View %s"),
    gettext_lazy("View site"),
)
