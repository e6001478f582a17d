"""What readers say is wrong: kept without an identity, decided once, found again by its receipt."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import User
from django.core import serializers

from registry import problem_reports, receipts, submissions
from registry.log import NoReason
from registry.models import LogEntry, ProblemReport
from registry.models.problem import urgency
from registry.moderation import NotWaiting
from registry.problem_reports import About
from registry.requests import PersonalData
from tests import make

pytestmark = pytest.mark.django_db

ON = About(subject="restriction/12")


def receive(text: str = "It began a year earlier.", *, kind: str = "wrong", **fields: str) -> problem_reports.Receipt:
    return problem_reports.receive(ON, kind, text, at=make.AT, **fields)


def test_it_is_found_by_its_code_however_that_is_written_and_the_code_is_stored_nowhere() -> None:
    kept = receive()
    code = kept.code
    assert len(code) == receipts.CODE_LENGTH
    for written in (code, code.lower().replace("0", "o").replace("1", "l"), f" {code[:5]}-{code[5:]}\n"):
        assert problem_reports.find(written) == kept.problem
    assert code not in serializers.serialize("json", ProblemReport.objects.all())
    assert receive().code != code


@pytest.mark.parametrize("code", ["", "x", "0" * 26, "U" * 26, "\0" * 26, "٣" * 26, "0" * 10_000])
def test_what_is_no_code_finds_nothing(code: str) -> None:
    receive()
    assert problem_reports.find(code) is None


def test_a_receipt_of_a_report_is_none_of_a_problem_report_nor_the_other_way_round() -> None:
    report, problem = submissions.receive("orda.kz", at=make.AT), receive()
    assert problem_reports.find(report.code) is None
    assert submissions.find(problem.code) is None


def test_of_the_time_only_the_day_is_kept_as_it_is_in_the_country() -> None:
    at = datetime(2026, 3, 1, 20, 30, tzinfo=UTC)
    assert problem_reports.receive(ON, "other", "Late.", at=at).problem.received_on == make.day("2026-03-02")


@pytest.mark.parametrize("number", ["880101300127", "+7 701 123 45 67", "a.b@example.org"])
def test_numbers_of_persons_are_refused_in_the_words_and_in_a_reply(number: str) -> None:
    editor = User.objects.create_user("editor")
    with pytest.raises(PersonalData):
        receive(f"The order shows {number}.")
    assert not ProblemReport.objects.exists()
    problem = receive().problem
    with pytest.raises(PersonalData):
        problem_reports.put_right(problem, by=editor, reason="It was so.", reply=f"{number} is gone.")
    problem.refresh_from_db()
    assert problem.state == "new"


def test_the_address_of_a_source_may_have_other_numbers_but_no_persons() -> None:
    url = "https://news.example.org/@editor/202601041234?a=1"
    assert receive(source_url=url).problem.source_url == url
    with pytest.raises(PersonalData):
        receive(source_url="https://wa.example.org/+77011234567")


def test_what_may_hurt_somebody_is_read_first_then_what_waits_then_the_rest() -> None:
    editor = User.objects.create_user("editor")
    kinds = ("danger", "wrong", "personal_data", "other", "danger")
    made = [receive(kind=kind).problem for kind in kinds]
    problem_reports.refuse(made[4], by=editor, reason="It names nobody.")
    assert [one.pk for one in ProblemReport.objects.order_by(*urgency())] == [made[at].pk for at in (2, 0, 3, 1, 4)]
    assert [one.is_urgent for one in made] == [True, False, True, False, True]


@pytest.mark.parametrize("act", [problem_reports.put_right, problem_reports.refuse])
def test_a_decision_has_its_reason_and_its_day_and_is_not_in_the_log(act) -> None:
    editor, problem = User.objects.create_user("editor"), receive().problem
    for reason in ("", " ", "…", "\u200b"):
        with pytest.raises(NoReason):
            act(problem, by=editor, reason=reason)
    act(problem, by=editor, reason="The letter says so.", reply=" Thank you. ")
    assert problem.state == act.__name__.replace("refuse", "refused")
    assert (problem.decided_by, problem.reason, problem.reply) == (editor, "The letter says so.", "Thank you.")
    assert problem.decided_on is not None
    with pytest.raises(NotWaiting):
        problem_reports.refuse(problem, by=editor, reason="Another reason.")
    problem.refresh_from_db()
    assert problem.reason == "The letter says so."
    assert not LogEntry.objects.exists()
