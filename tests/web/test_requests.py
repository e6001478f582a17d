"""The pages of requests and deadlines, the calendar of what is due, and what they say elsewhere."""

from __future__ import annotations

import re
from datetime import date, timedelta
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from icalendar import Calendar

from checks.models import State
from registry import log
from registry.models import Act, Deadline, InformationRequest, Resource, Restriction, RestrictionRole
from tests import make

pytestmark = pytest.mark.django_db

TODAY = timezone.localdate()


@pytest.fixture(autouse=True)
def law() -> None:
    make.deadline()
    make.deadline(3, "month", "complaint", "file", starts_with="learned")
    make.deadline(1, "month", "challenge", "file", starts_with="learned", valid_from="2021-07-01")
    make.deadline(1, "year", "challenge", "absolute", starts_with="adopted", valid_from="2021-07-01")


def page(client: Client, address: str, status: int = 200) -> str:
    answer = client.get(address)
    assert answer.status_code == status, address
    return unescape(answer.content.decode())


def ago(days: int) -> str:
    return (TODAY - timedelta(days=days)).isoformat()


def a_waiting_and_an_overdue_one() -> tuple[InformationRequest, InformationRequest]:
    body = make.authority()
    return (
        make.request(make.resource("waiting.kz"), ("sent", ago(2)), ("received", ago(1)), authority=body),
        make.request(make.resource("late.kz"), ("received", ago(80)), authority=body),
    )


def test_the_list_shows_what_is_due_first_and_filters_by_state_and_body(client: Client) -> None:
    waiting, late = a_waiting_and_an_overdue_one()
    make.request(make.resource("done.kz"), {"kind": "answered", "date": ago(3), "reply": "full"})
    every = page(client, "/en/requests/")
    assert re.findall(r"<bdi>(\w+)\.kz", every) == ["late", "waiting", "done"]
    assert "3 requests" in every
    assert re.findall(r"<bdi>(\w+)\.kz", page(client, "/en/requests/?state=overdue")) == ["late"]
    assert re.findall(r"<bdi>(\w+)\.kz", page(client, "/en/requests/?authority=mki&sort=-id")) == ["late", "waiting"]
    assert "No request fits" in page(client, "/en/requests/?state=appealed")
    assert page(client, "/en/requests/?state=odd", 400)
    assert waiting.key < late.key


def test_without_requests_the_list_says_so(client: Client) -> None:
    assert "No request is in the register yet." in page(client, "/en/requests/")


def test_a_request_answers_first_and_cites_the_article(client: Client) -> None:
    waiting, late = a_waiting_and_an_overdue_one()
    lead = re.search(r'<p class="lead">([^<]+)', page(client, f"/en/requests/{waiting.key}/"))[1]
    assert re.fullmatch(r"Waiting for the reply: it is due on .+, \d+ working days left\.", lead)
    told = page(client, f"/en/requests/{late.key}/")
    assert re.search(r'<p class="lead">Overdue by \d+ working days', told)
    assert "Code, art. 76" in told
    assert "Complain about the silence" in told


@pytest.mark.parametrize(
    ("language", "words"), [("kk", "Жауап мерзімі бұзылды"), ("ru", "Ответ просрочен на"), ("en", "Overdue by")]
)
def test_each_language_says_it(client: Client, language: str, words: str) -> None:
    _, late = a_waiting_and_an_overdue_one()
    assert words in page(client, f"/{language}/requests/{late.key}/")


def test_words_about_a_name_that_is_not_shown_are_not_shown(client: Client) -> None:
    hidden = make.resource("hidden.kz", display=Resource.Display.WITHHELD)
    one = make.request(hidden, {"kind": "sent", "date": ago(2), "note": "about hidden.kz"}, text="Why hidden.kz?")
    for address in (f"/en/requests/{one.key}/", "/en/requests/", "/requests.ics?lang=en", f"/api/v1/requests/{one.pk}"):
        assert "hidden.kz" not in page(client, address)


def test_a_request_about_a_restriction_that_is_not_public_is_not_public(client: Client) -> None:
    one = make.request(restriction=make.restriction(make.resource(), public=False))
    two = make.request(public=False)
    for row in (one, two):
        page(client, f"/en/requests/{row.key}/", 404)
        page(client, f"/api/v1/requests/{row.pk}", 404)
        assert row.key not in page(client, "/en/requests/")
    Restriction.objects.update(public=True)
    page(client, f"/en/requests/{one.key}/")


def test_a_withdrawn_request_keeps_its_address_and_says_why(client: Client) -> None:
    one = make.request(text="The text.", withdrawn="Sent twice.")
    told = page(client, f"/en/requests/{one.key}/")
    assert "Sent twice." in told
    assert "The text." not in told


def test_the_list_asks_the_database_as_often_however_long_it_is(client: Client) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            page(client, "/en/requests/")
        return len(asked)

    for number in range(3):
        make.request(make.resource(f"a{number}.kz"), ("sent", ago(2)), authority=make.authority())
    few = queries()
    for number in range(30):
        make.request(make.resource(f"b{number}.kz"), ("sent", ago(2)), authority=make.authority())
    assert queries() == few


def events(client: Client, language: str = "en") -> list[Any]:
    answer = client.get(f"/requests.ics?lang={language}")
    assert answer["Content-Type"].startswith("text/calendar")
    assert b"\r\n" in answer.content
    assert max(len(line) for line in answer.content.split(b"\r\n")) <= 75
    return list(Calendar.from_ical(answer.content).walk("VEVENT"))


def test_the_calendar_has_an_event_for_each_day_that_something_is_due(client: Client) -> None:
    waiting, late = a_waiting_and_an_overdue_one()
    make.request(make.resource("done.kz"), {"kind": "answered", "date": ago(3), "reply": "full"})
    found = {str(one["uid"]): one for one in events(client)}
    host = "127.0.0.1"
    assert set(found) == {f"{late.key}-reply@{host}", f"{late.key}-next@{host}", f"{waiting.key}-reply@{host}"}
    one = found[f"{late.key}-reply@{host}"]
    assert one["dtend"].dt - one["dtstart"].dt == timedelta(days=1)
    assert isinstance(one["dtstart"].dt, date)
    assert one["dtstamp"].dt.utcoffset() == timedelta()
    assert f"/en/requests/{late.key}/" in str(one["url"])
    assert {str(one["uid"]) for one in events(client)} == set(found)  # the same ids each time


def test_the_calendar_speaks_the_language_that_is_asked(client: Client) -> None:
    a_waiting_and_an_overdue_one()
    assert {str(one["summary"]).split(":")[0] for one in events(client, "ru")} == {"Срок ответа", "Последний день"}
    assert str(events(client, "odd")[0]["summary"]).startswith("Жауап мерзімі")


def test_a_body_shows_how_it_answers(client: Client) -> None:
    body = make.authority()
    make.request(None, ("received", ago(90)), {"kind": "answered", "date": ago(3), "reply": "formal"}, authority=body)
    told = page(client, "/en/authorities/mki/")
    assert "1 request: answered 1, overdue 0." in told
    assert "Answered late: 1 of 1" in told


def test_a_silence_is_called_an_answer_nowhere(client: Client) -> None:
    asked = make.request(None, ("sent", "2015-08"), {"kind": "answered", "date": "2015-09", "reply": "none"})
    step = asked.steps.get(reply="none")
    log.append("create", step, after={}, reason="A source tells it.", by="editor-1")
    request = page(client, f"/en/requests/{asked.key}/")
    assert "<strong>No reply came</strong>, September 2015" in request
    assert "Answered" not in request
    assert "no reply came, September 2015" in page(client, f"/en/history/requeststep/{step.pk}/").partition("<h1>")[2]


def test_a_resource_tells_what_was_asked_and_until_when_what_can_be_done(client: Client) -> None:
    one = make.resource()
    act = make.act("7", type="order", date=ago(100))
    make.restriction(one, act, kind="administrative")
    asked = make.request(one, ("received", ago(1)))
    told = page(client, "/en/resources/orda.kz/")
    assert f"/en/requests/{asked.key}/" in told
    assert "must answer within 15 working days (Code, art. 76)" in told
    assert "The absolute limit is 1 year" in told
    assert re.search(r"not later than \d+ \w+ \d{4}, no matter when it became known", told)


def test_without_a_law_no_period_is_named(client: Client) -> None:
    Deadline.objects.all().delete()
    make.restriction(make.resource(), make.act(type="order"), kind="administrative")
    told = page(client, "/en/resources/orda.kz/")
    assert "for the act and its reasons" in told
    assert "must answer within" not in told


@pytest.mark.parametrize("by", [None, "the act", "the restriction"])
def test_a_body_named_above_is_to_be_asked_only_where_one_is_named(client: Client, by: str | None) -> None:
    act = make.act(by=make.authority() if by == "the act" else None)
    restriction = make.restriction(make.resource(), act, authority_as_written="authorised body")
    if by == "the restriction":
        RestrictionRole.objects.create(restriction=restriction, authority=make.authority(), role="decided")
    told = page(client, "/en/resources/orda.kz/")
    assert ("Ask the body named above" in told) == bool(by)
    assert ("Ask the ministry in charge for the act and its reasons." in told) == (not by)


@pytest.mark.parametrize(
    ("day", "words"),
    [
        (ago(800), "the absolute limit passed on"),
        (ago(10), "no matter when it became known"),
        ("2020-07-14", "does not have the limit of the law of that time"),
        ("", "the day of the act is not known"),
    ],
)
def test_an_act_shows_until_when_it_can_be_challenged(client: Client, day: str, words: str) -> None:
    act = make.act("7", type="order", date=day)
    told = page(client, f"/en/acts/{act.key}/")
    assert words in told
    assert "knows of no notice" in told


def test_a_courts_decision_has_no_such_period(client: Client) -> None:
    assert "Until when it can be challenged" not in page(client, f"/en/acts/{make.act().key}/")


def test_what_to_do_speaks_of_challenging_only_where_an_administrative_act_is_named(client: Client) -> None:
    court, order, ended = make.resource("court.kz"), make.resource("order.kz"), make.resource("ended.kz")
    make.restriction(court, make.act(), status="in_force", kind="court")
    make.restriction(order, make.act(type=Act.Type.ORDER), status="in_force", kind="administrative")
    make.restriction(ended, make.act(), status="lifted", kind="court", ended="2026-02-01")
    challenged = "An administrative act can be challenged in court"
    assert challenged in page(client, "/en/resources/order.kz/")
    of_court = page(client, "/en/resources/court.kz/")
    assert challenged not in of_court
    assert "no periods for appeals against court decisions" in of_court
    assert "whether the restriction was ended" in page(client, "/en/resources/ended.kz/")


@pytest.mark.parametrize("state", [None, State.ACCESSIBLE, State.DOWN, State.BLOCKED])
def test_why_an_ended_block_goes_on_is_asked_only_where_one_is_seen(client: Client, state: State | None) -> None:
    ended = make.resource()
    make.restriction(ended, make.act(), status="lifted", kind="court", ended="2026-02-01")
    if state:
        make.cell(ended, make.network(), state)
    told = page(client, "/en/resources/orda.kz/")
    assert "in writing whether the restriction was ended" in told
    assert ("and why the site does not open" in told) == (state == State.BLOCKED)
