"""Dates as exact as their source, down to the hour, with their bounds."""

from __future__ import annotations

from datetime import date

import pytest
from django.core.exceptions import ValidationError
from django.utils import translation

from registry import dates
from registry.models import Restriction
from tests import make


@pytest.mark.parametrize(
    ("language", "told"),
    [
        ("en", "9 May 2019, about 13:00"),
        ("ru", "9\u00a0мая 2019\u00a0г., около 13:00"),
        ("kk", "2019\u00a0ж. 9\u00a0мамыр, шамамен 13:00"),
    ],
)
def test_an_hour_is_shown_in_the_countrys_time_of_that_year(language: str, told: str) -> None:
    with translation.override(language):
        assert dates.shown("2019-05-09T07Z") == told


@pytest.mark.parametrize(
    "text", ["9999-12-31T23Z", "2019-05-09T24Z", "2019-05-09T07", "2019-05T07Z", "2019-02-30T07Z", "2019-05-09T07:30Z"]
)
def test_what_is_no_hour_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        dates.check_partial_time(text)


def test_an_hour_is_refused_where_only_a_day_is_asked_for() -> None:
    dates.check_partial_time("2019-05-09T07Z")
    with pytest.raises(ValidationError):
        dates.check_partial_date("2019-05-09T07Z")


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2019", "2019-01-01", "2019-12-31"),
        ("2019-12", "2019-12-01", "2019-12-31"),
        ("2020-02", "2020-02-01", "2020-02-29"),
        ("9999-12", "9999-12-01", "9999-12-31"),
        ("2019-05-09", "2019-05-09", "2019-05-09"),
        ("2019-05-09T20Z", "2019-05-10", "2019-05-10"),
    ],
)
def test_a_date_means_a_span_of_days_in_the_country(text: str, first: str, last: str) -> None:
    assert (dates.first_day(text).isoformat(), dates.last_day(text).isoformat()) == (first, last)


@pytest.mark.parametrize(
    ("end", "told"),
    [
        ({"text": "2022-01-05"}, "5 January 2022"),
        ({"text": "2022-01-05", "not_later_than": True}, "not later than 5 January 2022"),
        ({"text": "", "not_before": "2022-01"}, "not earlier than January 2022"),
        ({"text": "2022-01-05", "not_before": "2022-01-03"}, "between 3 January 2022 and 5 January 2022"),
        ({"text": "", "not_later_than": True}, ""),
    ],
)
def test_both_bounds_of_an_end_are_told(end: dict[str, object], told: str) -> None:
    with translation.override("en"):
        assert dates.bounded(**end) == told


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("began", "ended", "day", "in_force"),
    [
        ("2019-05-09T07Z", "", "2019-05-08", False),
        ("2019-05-09T07Z", "", "2019-05-09", True),
        ("2019-05-09T19Z", "", "2019-05-09", False),  # past midnight in Almaty
        ("2019-05-09T19Z", "", "2019-05-10", True),
        ("2019-05-08", "2019-05-09T07Z", "2019-05-08", True),
        ("2019-05-08", "2019-05-09T07Z", "2019-05-09", False),
        ("2019-05-08", "2019-05-09T19Z", "2019-05-09", True),
        ("2019", "", "2019-05-09", True),
    ],
)
def test_what_is_in_force_on_a_day_is_asked_by_the_hour(began: str, ended: str, day: str, in_force: bool) -> None:
    make.restriction(make.resource(), began=began, ended=ended)
    found = Restriction.objects.in_force(on=date.fromisoformat(day))
    assert found.exists() is in_force
    assert dates.has_come(began, date.fromisoformat(day)) is (in_force or bool(ended))


@pytest.mark.django_db
@pytest.mark.parametrize("status", ["lifted", "expired"])
def test_a_restriction_that_is_over_without_a_date_is_not_in_force(status: str) -> None:
    make.restriction(make.resource(), status=status)
    assert not Restriction.objects.in_force(on=date(2026, 3, 1)).exists()


@pytest.mark.parametrize(("language", "told"), [("kk", "2014\u00a0ж."), ("ru", "2014\u00a0г."), ("en", "2014")])
def test_a_year_is_told_as_a_date(language: str, told: str) -> None:
    with translation.override(language):
        assert dates.shown("2014") == told
