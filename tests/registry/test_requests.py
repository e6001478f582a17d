"""Information requests: drafted, sent, due, late, answered, and what the law gives time for next."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import translation

from registry import clocks, packs, requests
from registry.models import InformationRequest, LogEntry, RequestStep, Resource
from registry.requests import Draft, NewStep, NotPossible, PersonalData, State
from tests import make

pytestmark = pytest.mark.django_db

AT = datetime(2026, 3, 24, 12, tzinfo=UTC)
Kind = RequestStep.Kind


@pytest.fixture(autouse=True)
def law() -> None:
    make.deadline()
    make.deadline(1, "month", step="extension", starts_with="reply_due")
    make.deadline(3, "month", "complaint", "file", starts_with="learned")
    make.deadline(1, "month", "challenge", "file_after_complaint", starts_with="complaint_decided")
    for row in ("2026-03-23", "2026-03-24", "2026-03-25"):
        make.holiday(row, "worked" if row == "2026-03-24" else "off")


def standing(one: InformationRequest, at: datetime = AT) -> requests.Standing:
    [whole] = InformationRequest.objects.filter(pk=one.pk).whole()
    return requests.standing(whole, clocks.read(at=at), at=at)


def day(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}T12:00:00+05:00")


def test_a_request_waits_until_its_last_day_and_is_overdue_on_the_next() -> None:
    one = make.request(None, ("sent", "2026-03-31"), ("received", "2026-04-01"))
    found = standing(one, day("2026-04-15"))
    assert (found.state, found.due.day, found.left) == (State.WAITING, date(2026, 4, 22), 5)
    assert standing(one, day("2026-04-22")).state == State.WAITING
    late = standing(one, day("2026-04-24"))
    assert (late.state, late.late) == (State.OVERDUE, 2)
    with translation.override("en"):
        assert requests.sentence(late) == "Overdue by 2 working days: the reply was due on 22 April 2026."
    assert late.next.due.day == date(2026, 7, 22)  # three months from the day on which it became late


def test_without_the_day_of_receipt_it_is_counted_from_the_sending_and_said_so() -> None:
    found = standing(make.request(None, ("sent", "2026-04-01")), day("2026-04-02"))
    assert (found.due.day, found.assumed, found.counted_from) == (date(2026, 4, 22), True, "2026-04-01")


@pytest.mark.parametrize("steps", [[("sent", "2026-04")], [("sent", "")]])
def test_a_day_that_is_not_known_starts_no_clock(steps: Any) -> None:
    assert standing(make.request(None, *steps)).state == State.UNCOUNTED


def test_a_law_that_the_register_does_not_have_starts_no_clock() -> None:
    one = make.request(None, ("sent", "2026-03-02"), procedure="media_request")
    assert (standing(one).state, standing(one).due) == (State.UNCOUNTED, None)


def test_an_extension_goes_to_the_day_that_was_named_or_as_far_as_the_law_allows() -> None:
    steps = [("received", "2026-04-01"), {"kind": "extended", "date": "2026-04-20", "until": "2026-05-16"}]
    assert standing(make.request(None, *steps)).due.day == date(2026, 5, 16)
    assert standing(make.request(None, steps[0], ("extended", "2026-04-20"))).due.day == date(2026, 5, 22)


def test_forwarding_starts_the_time_of_the_other_body() -> None:
    one = make.request(None, ("received", "2026-04-01"), ("forwarded", "2026-04-06"))
    assert standing(one).due.day == date(2026, 4, 27)


def test_an_answer_may_come_late_and_the_time_it_took_is_counted_as_the_law_counts() -> None:
    answer = {"kind": "answered", "date": "2026-04-28", "reply": "formal"}
    found = standing(make.request(None, ("received", "2026-04-01"), answer))
    assert (found.state, found.late, found.took, found.answered_late) == (State.ANSWERED, 4, 19, True)
    with translation.override("en"):
        assert "4 working days late" in requests.sentence(found)
    assert found.next.due.day == date(2026, 7, 28)


@pytest.mark.parametrize(
    ("steps", "state", "words", "until"),
    [
        ([("drafted", "2026-03-02")], State.DRAFTED, "Send it", None),
        ([{"kind": "answered", "date": "2026-03-20", "reply": "full"}], State.ANSWERED, "Nothing", None),
        ([{"kind": "answered", "date": "2026-03-20", "reply": "partial"}], State.ANSWERED, "Complain", "2026-06-22"),
        ([{"kind": "answered", "date": "2026-03-20", "reply": "refusal"}], State.ANSWERED, "Complain", "2026-06-22"),
        ([{"kind": "answered", "date": "2026-03-20", "reply": "redirected"}], State.ANSWERED, "Ask the body", None),
        ([("answered", "2026-03-20")], State.ANSWERED, "Read whether", "2026-06-22"),
        ([{"kind": "answered", "date": "", "reply": "none"}], State.NO_REPLY, "Complain about the silence", None),
        ([("complained", "2026-03-20")], State.COMPLAINED, "Wait for the decision", None),
        ([{"kind": "decided", "date": "2026-03-20", "outcome": "dismissed"}], State.DECIDED, "Go to", "2026-04-20"),
        ([{"kind": "decided", "date": "2026-03-20", "outcome": "granted"}], State.DECIDED, "Nothing", None),
        ([("appealed", "2026-03-20")], State.APPEALED, "Wait for the court", None),
        ([("appealed", "2026-03-20"), ("decided", "2026-03-23")], State.DECIDED, "The court has decided", None),
    ],
)
def test_the_next_legal_step_follows_from_the_steps(steps: Any, state: State, words: str, until: str | None) -> None:
    found = standing(make.request(None, *steps))
    assert found.state == state
    assert found.next is not None
    with translation.override("en"):
        assert str(found.next.words).startswith(words)
    assert (found.next.due and found.next.due.day.isoformat()) == until


def test_every_state_and_every_class_has_its_next_step_and_its_sentence() -> None:
    for state in State:
        for reply in ("", *RequestStep.Reply.values):
            assert requests.sentence(requests.Standing(state, reply=reply, unit="day"))
    known = {state for state, _detail in requests._NEXT}
    assert known == set(State) - {State.WITHDRAWN}


def test_a_month_alone_tells_that_the_time_has_passed_but_no_last_day() -> None:
    silent = {"kind": "answered", "date": "2015-09", "reply": "none"}
    found = standing(make.request(None, silent, procedure=""))
    assert (found.next.due, found.next.passed) == (None, True)


def test_a_table_of_holidays_that_changes_moves_what_is_due() -> None:
    one = make.request(None, ("received", "2026-04-01"))
    before = standing(one).due.day
    make.holiday("2026-04-22")
    assert (before, standing(one).due.day) == (date(2026, 4, 22), date(2026, 4, 23))


# --- acts


def draft(about: Any = None, **fields: Any) -> InformationRequest:
    fields = {"asks": "whether_act", "procedure": "request", "language": "ru", "addressee": "Kazakhtelecom", **fields}
    return requests.draft(Draft(about=about or make.resource(), **fields), by="editor-1", reason="why", at=AT)


@pytest.mark.parametrize("asks", ["whether_act", "act", "operator"])
@pytest.mark.parametrize("language", ["kk", "ru"])
def test_the_text_is_drafted_in_both_languages_with_blanks_for_whoever_asks(language: str, asks: str) -> None:
    one = draft(authority=make.authority("mci", "Ministry & Co"), language=language, asks=asks, addressee="")
    assert one.text.startswith("Ministry & Co\n")
    assert "orda.kz" in one.text
    assert ("[подпись]" if language == "ru" else "[қолы]") in one.text
    assert "{" not in one.text
    if asks != "operator":
        assert ("15 рабочих дней" if language == "ru" else "15 жұмыс күні") in one.text
    assert [step.kind for step in one.steps.all()] == ["drafted"]


def test_what_is_not_verified_in_the_law_stands_in_no_letter() -> None:
    make.deadline(15, "day", "access_request", unverified=True, source=None)
    assert "art." not in draft(procedure="access_request").text


def test_a_request_says_nothing_of_a_name_that_is_not_shown() -> None:
    hidden = make.resource("hidden.kz", display=Resource.Display.WITHHELD)
    one = draft(hidden)
    told = " ".join(LogEntry.objects.filter(subject=f"informationrequest/{one.pk}").values_list("payload", flat=True))
    assert "hidden" not in one.text + one.key + told
    requests.record_step(one, NewStep("sent", "2026-03-24", note="about hidden.kz"), by="editor-1", reason="r", at=AT)
    assert "hidden.kz" not in LogEntry.objects.order_by("-id").first().payload


@pytest.mark.parametrize(
    "text",
    [
        "write to aigul@example.org",
        "ИИН 880101300123",
        "ИИН 900101 300126",
        "call +7 (701) 123-45-67",
        "8 701 123 45 67",
    ],
)
def test_personal_data_never_enters_the_record(text: str) -> None:
    one = draft()
    with pytest.raises(PersonalData):
        draft(text=text)
    with pytest.raises(PersonalData):
        requests.record_step(one, NewStep("sent", "2026-03-24", note=text), by="editor-1", reason="r", at=AT)
    with pytest.raises(PersonalData):
        requests.withdraw(one, by="editor-1", reason=text)
    assert one.steps.count() == 1
    draft(text="Предписание № 25-01-25/4 от 05.01.2021")  # numbers of acts are no telephones


def test_a_step_is_logged_with_its_reason_and_moves_the_state() -> None:
    one, later = draft(), day("2026-03-30")
    for kind, on in (("sent", "2026-03-26"), ("received", "2026-03-27")):
        requests.record_step(one, NewStep(kind, on), by="editor-7", reason="a receipt", at=later)
    assert standing(one, later).state == State.WAITING
    entry = LogEntry.objects.order_by("-id").first()
    assert (entry.operation, entry.subject) == ("step", f"informationrequest/{one.pk}")
    assert '"by":"editor-7"' in entry.payload


@pytest.mark.parametrize(
    ("new", "told"),
    [
        (NewStep("answered", "2026-03-24"), "Record first what comes before it"),
        (NewStep("drafted", "2026-03-24"), "drafted and sent once"),
        (NewStep("sent", ""), "Give the day"),
        (NewStep("sent", "2026-03-25"), "has not come yet"),
        (NewStep("sent", "2026-03-01"), "cannot have happened before"),
    ],
)
def test_what_cannot_have_happened_is_refused_and_leaves_nothing(new: NewStep, told: str) -> None:
    one = draft()
    before = LogEntry.objects.count()
    with translation.override("en"), pytest.raises(NotPossible, match=told):
        requests.record_step(one, new, by="editor-1", reason="r", at=AT)
    assert (one.steps.count(), LogEntry.objects.count()) == (1, before)


def test_a_reply_has_a_class_and_nothing_else_has_one() -> None:
    one = draft()
    with pytest.raises(ValidationError):
        requests.record_step(one, NewStep("sent", "2026-03-24", reply="full"), by="editor-1", reason="r", at=AT)
    with pytest.raises(IntegrityError), transaction.atomic():
        make.request(None, {"kind": "sent", "reply": "full"})


def test_a_withdrawn_request_stays_with_its_reason_and_moves_no_more() -> None:
    one = draft()
    requests.withdraw(one, by="editor-1", reason="sent twice")
    assert (standing(one).state, one.withdrawn) == (State.WITHDRAWN, "sent twice")
    with pytest.raises(NotPossible):
        requests.withdraw(one, by="editor-1", reason="again")
    with pytest.raises(NotPossible):
        requests.record_step(one, NewStep("sent", "2026-03-24"), by="editor-1", reason="r", at=AT)


def test_a_reason_and_somebody_to_ask_are_needed() -> None:
    with pytest.raises(NotPossible):
        draft(addressee="")
    with pytest.raises(NotPossible):
        requests.draft(
            Draft(make.resource(), "act", "request", "kk", addressee="Beeline"), by="editor-1", reason=" ", at=AT
        )
    assert not InformationRequest.objects.exists()


@pytest.mark.parametrize("text", ["", "Why is it closed?"])
@pytest.mark.parametrize("language", ["en", "", "zz"])
def test_a_language_that_no_body_must_read_is_refused_with_those_that_there_are(language: str, text: str) -> None:
    with translation.override("en"), pytest.raises(NotPossible, match="Kazakh or in Russian"):
        draft(language=language, text=text)
    assert not InformationRequest.objects.exists()


def test_two_requests_of_one_day_have_two_addresses() -> None:
    assert [draft().key, draft().key] == ["2026-03-24-1", "2026-03-24-2"]


def test_the_record_of_a_body_counts_late_answers_among_those_whose_days_are_known() -> None:
    def answered(on: str) -> InformationRequest:
        return make.request(None, ("received", "2026-04-01"), {"kind": "answered", "date": on, "reply": "full"})

    rows = [answered("2026-04-10"), answered("2026-04-28"), make.request(None, ("answered", "2026")), make.request()]
    rows.append(make.request(None, ("received", "2026-01-12")))
    record = requests.record_of(standing(row, day("2026-05-05")) for row in rows)
    assert (record.requests, record.answered, record.timed, record.late, record.overdue) == (5, 3, 2, 1, 1)


def test_requests_that_the_pack_tells_of_are_there_with_their_sources() -> None:
    packs.load("kz", settings.BASE_DIR)
    found = {row.key: standing(row) for row in InformationRequest.objects.whole()}
    assert {key: (one.state, one.reply) for key, one in found.items()} == {
        "kz-dialog-661114": (State.ANSWERED, "full"),
        "kz-dialog-491464": (State.ANSWERED, ""),
        "kz-2015-ratel-kazakhtelecom": (State.NO_REPLY, "none"),
        "kz-2015-ratel-knb": (State.NO_REPLY, "none"),
        "kz-2015-ratel-prosecutor": (State.NO_REPLY, "none"),
    }
    assert all(row.source and step.source for row in InformationRequest.objects.all() for step in row.steps.all())
