"""The calculator of deadlines, with Kazakhstan's deadlines and holidays."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from tests.web.test_requests import page

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("kz")]


@pytest.mark.parametrize(
    ("language", "until", "holiday"),
    [
        ("kk", "2026\u00a0ж. 20\u00a0мамыр", "Жеңіс күні"),
        ("ru", "20\u00a0мая 2026", "День Победы"),
        ("en", "20 May 2026", "Victory Day"),
    ],
)
def test_the_calculator_names_the_days_that_it_left_out(
    client: Client, language: str, until: str, holiday: str
) -> None:
    told = page(client, f"/{language}/deadlines/?deadline=kz-request-reply&start=2026-04-24")
    assert until in re.search(r'<h2 id="answer">([^<]+)', told)[1]
    assert holiday in told
    assert told.count("<tr>") == 27  # a head, and every day from 25 April to 20 May


def test_hours_are_counted_from_the_hour(client: Client) -> None:
    told = page(client, "/en/deadlines/?deadline=kz-order-obey&start=2026-03-06&hour=23%3A30")
    assert re.search(r'<h2 id="answer">Until 7 March 2026,? 01:30', told)
    assert "Give the hour too" in page(client, "/en/deadlines/?deadline=kz-order-obey&start=2026-03-06", 400)


def test_another_version_of_the_law_is_said_to_be_one(client: Client) -> None:
    told = "another version of the law was in force"
    old = page(client, "/en/deadlines/?deadline=kz-order-obey-2014&start=2026-03-06&hour=01:00")
    assert told in old
    assert told not in page(client, "/en/deadlines/?deadline=kz-order-obey&start=2026-03-06&hour=01:00")


@pytest.mark.parametrize(
    "query", ["deadline=odd&start=2026-03-06", "start=2026-13-01", "deadline=x%00", "start=0001-01-01"]
)
def test_what_is_no_deadline_or_no_day_is_refused_kindly(client: Client, query: str) -> None:
    assert 'class="error"' in page(client, f"/en/deadlines/?{query}", 400)


@pytest.mark.parametrize("language", ["kk", "ru", "en"])
def test_every_deadline_is_listed_and_what_is_not_verified_says_so(client: Client, language: str) -> None:
    answer = client.get(f"/{language}/deadlines/?deadline=kz-challenge-file&start=2026-03-06")
    words = {"kk": "заңмен салыстырылмаған", "ru": "не сверено с законом", "en": "not verified in the law"}
    assert answer.content.decode().count(words[language]) == 3
    assert len(answer.content) < 30_000
