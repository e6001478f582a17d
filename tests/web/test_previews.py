"""What a proposal would make of the public page is looked at before it is agreed to, and nothing of it stays."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from registry import editing, proposals
from registry.models import Act, Authority, Display, Event, LogEntry, Proposal, Restriction, Statement, Trial
from registry.proposals import Operation
from tests import make
from tests.web.test_queue import an_editor, at_the_desk

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk() -> Client:
    return at_the_desk(an_editor("ann", *(f"change_{one._meta.model_name}" for one in editing.EDITABLE)))


def propose(operation: Operation, record: Any, fields: Any = None) -> Proposal:
    return proposals.propose(operation, record, fields or {}, by=an_editor("ben"), reason="A letter says so.")


def look(desk: Client, row: Proposal, language: str = "en") -> Any:
    return desk.get(f"/desk/proposals/{row.pk}/preview/?language={language}")


@pytest.mark.parametrize(
    ("language", "banner", "word"),
    [
        ("kk", "Алдын ала қарау: мұның ешқайсысы әлі жарияланған жоқ.", "Актілер"),
        ("ru", "Предпросмотр: ничего из этого ещё не опубликовано.", "Акты"),
        ("en", "Preview: nothing of this is public yet.", "Acts"),
    ],
)
def test_an_act_that_is_not_there_yet_is_shown_as_its_page_will_be(
    desk: Client, guarded: None, language: str, banner: str, word: str
) -> None:
    row = propose(Operation.CREATE, Act, {"key": "act-9", "type": "order", "number": "77-QZ", "date": "2026-01"})
    assert f"/desk/proposals/{row.pk}/preview/" in desk.get(f"/desk/proposals/{row.pk}/").content.decode()
    answer = look(desk, row, language)
    page = answer.content.decode()
    assert answer.status_code == 200
    assert "no-store" in answer.headers["Cache-Control"]
    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
    assert f'<html lang="{language}">' in page
    assert banner in page
    assert word in page
    assert "77-QZ" in page
    assert not Act.objects.exists()
    assert not LogEntry.objects.exists()
    assert not Trial.objects.exists()
    row.refresh_from_db()
    assert row.state == "waiting"
    assert desk.get("/en/acts/act-9/").status_code == 404


def test_every_kind_of_change_is_shown_on_the_page_on_which_it_will_stand(desk: Client) -> None:
    act, body, event = make.act("1"), make.authority(), make.event()
    basis = make.restriction(make.resource("orda.kz"), act)
    said = make.statement(basis, words="We did nothing.")
    gone = make.withdrawn(make.act("2"))
    source = make.source("The Gazette of Nowhere")
    for operation, record, fields, expected in (
        (Operation.CORRECT, act, {"number": "88-QZ"}, "88-QZ"),
        (Operation.CORRECT, basis, {"fact": "The QZ fact."}, "The QZ fact."),
        (Operation.WITHDRAW, basis, {}, "A letter says so."),
        (Operation.WITHDRAW, act, {}, "A letter says so."),
        (Operation.RESTORE, gone, {}, "2"),
        (Operation.CORRECT, body, {"name_en": "Ministry of QZ"}, "Ministry of QZ"),
        (Operation.CORRECT, event, {"name_en": "The QZ shutdown"}, "The QZ shutdown"),
        (Operation.CORRECT, said, {"words": "We did QZ."}, "We did QZ."),
        (Operation.CREATE, Restriction, {"resource": basis.resource_id, "fact": "A second QZ."}, "A second QZ."),
        (Operation.CREATE, Authority, {"code": "qz", **dict.fromkeys(("name_kk", "name_ru", "name_en"), "QZ")}, "QZ"),
        (Operation.CREATE, type(basis.field_sources.model()), {"act": act.key, "field": "date", "source": source.pk},
         "The Gazette of Nowhere"),
    ):  # fmt: skip
        row = proposals.propose(operation, record, fields, by=editor_of(), reason="A letter says so.")
        answer = look(desk, row)
        assert answer.status_code == 200, (operation, record)
        assert expected in answer.content.decode(), (operation, record)
    assert not LogEntry.objects.exists()
    act.refresh_from_db()
    assert (act.number, act.withdrawn) == ("1", "")
    assert not Event.objects.filter(name_en="The QZ shutdown").exists()
    assert Statement.objects.get().words == "We did nothing."


def editor_of() -> Any:
    return an_editor(f"editor-{Proposal.objects.count()}")


def test_what_may_not_be_named_is_not_named_in_a_preview_either(desk: Client) -> None:
    make.resource("qzxv.kz", display=Display.WITHHELD)
    row = propose(Operation.CORRECT, make.event(), {"fact": "Also qzxv.kz fell silent."})
    page = look(desk, row).content.decode()
    assert "fell silent" in page
    assert "qzxv" not in page


def test_only_who_may_decide_sees_it_and_only_while_it_waits(desk: Client) -> None:
    act = make.act("1")
    row = propose(Operation.CORRECT, act, {"number": "2"})
    stranger = at_the_desk(an_editor("cyd", "view_act"))
    assert look(stranger, row).status_code == 403
    assert look(Client(), row).status_code == 302
    assert look(desk, row, "xx").status_code == 200
    proposals.refuse(row, by=an_editor("dan"), reason="It is of another site.")
    refused = look(desk, row)
    assert refused.status_code == 409
    assert "Only what waits" in refused.content.decode()


def test_what_cannot_be_done_any_more_or_has_no_page_says_so(desk: Client) -> None:
    act, source = make.act("1"), make.source("The Gazette")
    row = propose(Operation.CORRECT, act, {"number": "2"})
    outdated = editing.correct(act, {"note": "x"}, by="editor-9", reason="Found.", seen=editing.state_of(act))
    assert outdated
    assert look(desk, row).status_code == 409
    nowhere = proposals.propose(
        Operation.CORRECT, source, {"archived_on": "2026-01-01", "archive_url": "https://archive.org/1"},
        by=an_editor("eva"), reason="A copy.",
    )  # fmt: skip
    answer = look(desk, nowhere)
    assert answer.status_code == 409
    assert "It has no public page of its own." in re.sub(r"\s+", " ", answer.content.decode())
