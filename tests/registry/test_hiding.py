"""Hiding in an emergency: by one at once, for 72 hours; for longer by two; within bounds, and always told."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from registry import documents, hiding, log, tasks, veil
from registry.editing import NotPossible
from registry.ledger.tree import canonical, commitment
from registry.models import Display, Hiding, LogEntry
from registry.models.hiding import TERM
from tests import make

pytestmark = pytest.mark.django_db

WORDS = "Ержан Қалиев"
WHY = "Strangers asked for her at her door."
SECOND = timedelta(seconds=1)


@pytest.fixture
def ann() -> User:
    return User.objects.create(username="ann")


@pytest.fixture
def ben() -> User:
    return User.objects.create(username="ben")


def hide(by: User, words: str = WORDS, **fields: object) -> Hiding:
    return hiding.hide(words=words, **{"kind": "danger", "reason": WHY, **fields}, by=by)  # type: ignore[arg-type]


def told() -> list[dict[str, object]]:
    return [json.loads(one.payload) for one in LogEntry.objects.order_by("pk")]


def hidden(words: str = WORDS) -> bool:
    return veil.read().spells(words)


def test_one_person_hides_at_once_and_everybody_sees_that_she_did(ann: User) -> None:
    row = hide(ann)
    assert hidden()
    (entry,) = told()
    assert (entry["operation"], entry["by"], entry["reason"]) == ("hide", f"editor-{ann.pk}", WHY)
    assert entry["after"] == {"kind": "danger", "until": f"{row.begun_at + TERM:%Y-%m-%dT%HZ}"}
    assert entry["withheld"] == ["words"]
    assert WORDS not in LogEntry.objects.get().payload


def test_the_words_are_committed_to_and_can_be_proved(ann: User) -> None:
    hide(ann)
    private = LogEntry.objects.get().private_part
    assert json.loads(private.content) == {"after": {"words": WORDS}}
    kept = canonical(json.loads(private.content))
    assert told()[0]["private"] == commitment(bytes.fromhex(private.salt), kept).hex()


def test_a_reason_that_says_the_words_is_not_told(ann: User, ben: User) -> None:
    row = hide(ann, reason=f"{WORDS} is in danger.")
    hiding.confirm(row, by=ben)
    hiding.lift(row, by=ann, reason=f"{WORDS} has left.")
    hiding.lift(row, by=ben, reason="She has.")
    assert [one["reason"] for one in told()] == ["", "", ""]
    assert not any(WORDS in one.payload for one in LogEntry.objects.all())


@pytest.mark.parametrize(("ago", "holds"), [(TERM - SECOND * 60, True), (TERM, False), (TERM * 2, False)])
def test_nothing_has_to_run_for_it_to_end(ago: timedelta, holds: bool) -> None:
    make.hiding(WORDS, ago=ago)
    paper = make.document()
    make.hiding(document=paper, ago=ago)
    assert hidden() is holds
    assert type(paper).objects.with_display().get().hidden_now is holds


def test_its_end_is_told_by_the_hourly_task_and_once(ann: User) -> None:
    row = make.hiding(WORDS, ago=TERM, by=ann)
    make.hiding("Айгүл Сапарова", ago=TERM - SECOND * 60)
    tasks.log_ends_of_hidings()
    tasks.log_ends_of_hidings()
    (entry,) = told()
    assert (entry["operation"], entry["by"], entry["subject"]) == ("end_hiding", "clock", f"hiding/{row.pk}")
    row.refresh_from_db()
    assert (row.ended_at, row.ended_by) == (row.begun_at + TERM, None)


def test_what_another_person_confirms_holds_until_two_lift_it(ann: User, ben: User) -> None:
    row = hide(ann)
    hiding.confirm(row, by=ben)
    with pytest.raises(NotPossible):
        hiding.confirm(row, by=User.objects.create(username="cem"))
    assert hiding.log_ends(at=timezone.now() + TERM * 100) == 0
    assert Hiding.objects.in_force(timezone.now() + TERM * 100).exists()
    assert not hiding.lift(row, by=ben, reason="It is over.")
    assert hidden()
    with pytest.raises(NotPossible):
        hiding.lift(row, by=ben, reason="It is over, I say.")
    assert hiding.lift(row, by=ann, reason="I think so too.")
    assert not hidden()
    both = f"editor-{ann.pk}+editor-{ben.pk}"
    assert [(one["operation"], one["by"]) for one in told()][1:] == [
        ("confirm_hiding", both),
        ("lift_hiding", f"editor-{ben.pk}+editor-{ann.pk}"),
    ]
    with pytest.raises(NotPossible):
        hiding.lift(row, by=ann, reason="Once more.")


def test_nobody_confirms_her_own(ann: User) -> None:
    row = hide(ann)
    with pytest.raises(hiding.OwnHiding):
        hiding.confirm(row, by=ann)
    with pytest.raises(DatabaseError), transaction.atomic():
        Hiding.objects.filter(pk=row.pk).update(confirmed_by=ann)
    row.refresh_from_db()
    assert row.confirmed_by is None
    assert len(told()) == 1


def test_what_one_person_hid_any_other_lifts_at_once(ann: User, ben: User) -> None:
    row = hide(ann)
    assert hiding.lift(row, by=ben, reason="It is a ministry's address.")
    assert not hidden()
    with pytest.raises(NotPossible):
        hiding.confirm(row, by=ben)


def test_what_ended_is_confirmed_and_lifted_by_nobody(ben: User) -> None:
    row = make.hiding(WORDS, ago=TERM)
    with pytest.raises(NotPossible):
        hiding.confirm(row, by=ben)
    with pytest.raises(NotPossible):
        hiding.lift(row, by=ben, reason="It ended.")
    assert not LogEntry.objects.exists()


def test_who_hid_it_in_vain_does_not_hide_it_again(ann: User, ben: User) -> None:
    make.hiding(WORDS, ago=TERM, by=ann)
    for words in (WORDS, WORDS.upper(), "Ержан Қали", f"{WORDS} 1985"):
        with pytest.raises(NotPossible):
            hide(ann, words)
    hide(ann, "Айгүл Сапарова")
    row = hide(ben)
    with pytest.raises(NotPossible):
        hide(ann)
    hiding.lift(row, by=ben, reason="By mistake.")
    with pytest.raises(NotPossible):
        hide(ben)


def test_how_much_is_hidden_at_a_time_is_bounded(ann: User, ben: User) -> None:
    for number in range(hiding.OF_ONE):
        hide(ann, f"Person {number:09}")
    with pytest.raises(NotPossible):
        hide(ann)
    row = hide(ben)
    for number in range(hiding.IN_FORCE - hiding.OF_ONE - 1):
        make.hiding(f"Another {number:09}")
    hiding.lift(row, by=ann, reason="To make room.")
    hide(User.objects.create(username="cem"))
    with pytest.raises(NotPossible):
        hide(User.objects.create(username="dan"), "Айгүл Сапарова")


@pytest.mark.parametrize(
    "words",
    [
        "",
        "   ",
        "abcde",
        "a-b.c d e",
        "2026-11-27",
        "12345678",
        ".*.*.*.*.*",
        "Қа\u0000лиев Ержан",
        "Қа\u202eлиев Ержан",
        "Қалиев\ud800 Ержан",
        "x" * 2_000_000,
        " " * 2_000_000,
        "restriction",
        "style sheet",
        "Show all changes",
        "updated",
        "November",
        "Қараша",
        "Ministry of Culture",
        "министерство культуры",
        "KAZAKHTELECOM-AS",
        "orda.kz",
        "ORDA.KZ",
        "Kavkaz Center",
        "the-long-path",
        "beeline",
        "Sites Acts",
        "Ресурсы Акты",
        "null, began",
        "kind adminis trative",
        "restriction/4711",
        "editor-4711",
        "2026-11-27T16",
        "ab" * 32,
        "AS9198",
    ],
)
def test_what_the_register_could_not_do_without_is_not_hidden(ann: User, words: str) -> None:
    make.authority(name_ru="Министерство культуры и информации")
    make.network(9198, name="KAZAKHTELECOM-AS", brand="Beeline Kazakhstan")
    for name in ("orda.kz", "kavkazcenter.com", "https://example.kz/the-long-path"):
        make.resource(name)
    with pytest.raises(ValidationError) as refused:
        hide(ann, words)
    assert list(refused.value.message_dict) == ["words"]
    assert not Hiding.objects.exists()


def test_what_is_not_shown_of_a_name_is_hidden_elsewhere_too(ann: User) -> None:
    make.resource("https://example.kz/erzhan-qaliev", display=Display.DOMAIN_ONLY)
    make.resource("qaliev-shop.kz", display=Display.WITHHELD)
    hide(ann, "Erzhan Qaliev")
    hide(ann, "Qaliev shop")
    with pytest.raises(ValidationError):
        hide(ann, "example.kz")


def test_what_stands_in_hundreds_of_places_is_not_hidden(ann: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hiding, "PLACES", 2)
    for words, times in (("of the Caspian shore", 2), ("of the Karaganda steppe", 3)):
        for number in range(times):
            note = {"note": f"{number}: {words}"}
            log.append("correct", make.act(), after=note, reason="A letter.", by="editor-1")
    hide(ann, "of the Caspian shore")
    with pytest.raises(ValidationError):
        hide(ann, "of the Karaganda steppe")


@pytest.mark.parametrize("words", ["N12345678", "8 701 234 56 78", "Phone 87012345678", "777 ABC 02", "Абай 12, кв. 5"])
def test_numbers_of_people_are_hidden_whatever_stands_before_them(ann: User, words: str) -> None:
    hide(ann, words)
    assert hidden(words)


@pytest.mark.parametrize("words", ["(a+)+$|[Ержан]{6}", "Abai <b>street</b> 7", "O'Brien & Sons \\1", "100% Қалиев _"])
def test_signs_of_patterns_and_of_markup_are_signs_like_others(ann: User, words: str) -> None:
    hide(ann, words)
    assert hidden(f"He is {words}.")
    assert not hidden("aaaaaaaaaa")
    assert not hidden("Abai street 7")


def test_it_is_of_words_or_of_a_document_and_has_a_kind(ann: User) -> None:
    paper = make.document()
    for fields in ({"document": paper}, {"words": ""}, {"kind": "boredom"}, {"reason": "x" * 3000}):
        with pytest.raises(ValidationError):
            hide(ann, **{"words": WORDS, **fields})  # type: ignore[arg-type]
    with pytest.raises(log.NoReason):
        hide(ann, reason=" . ")
    for given in ({"words": WORDS, "document": paper}, {"words": ""}):
        with pytest.raises(DatabaseError), transaction.atomic():
            make.hiding(**given)
    assert not LogEntry.objects.exists()


def test_a_document_is_named_in_the_log_and_served_no_more(ann: User) -> None:
    paper = make.document(key="order-7")
    make.act().documents.add(paper)
    row = hide(ann, "", document=paper)
    assert told()[0]["after"] == {
        "document": "order-7",
        "kind": "danger",
        "until": f"{row.begun_at + TERM:%Y-%m-%dT%HZ}",
    }
    with pytest.raises(NotPossible):
        hide(ann, "", document=paper)
    paper.sha256 = "ab" * 32
    paper.save()
    assert documents.hidden_for_now("ab" * 32)
    hiding.lift(row, by=ann, reason="It is another paper.")
    assert not documents.hidden_for_now("ab" * 32)


@pytest.mark.parametrize(
    "change",
    [
        "words = 'another'",
        "words = ''",
        "kind = 'personal_data'",
        "reason = 'another'",
        "by_id = by_id + 1",
        "begun_at = '2030-01-01 00:00:00+00:00'",
    ],
)
def test_the_database_lets_nobody_change_what_is_hidden(ann: User, ben: User, change: str) -> None:
    row = hide(ann)
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE registry_hiding SET {change} WHERE id = {row.pk}")
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM registry_hiding")


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL knows no REPLACE, and no way round a CHECK")
def test_no_replace_and_no_missing_check_gets_past_it(ann: User) -> None:
    row = hide(ann)
    columns = "id, kind, words, reason, begun_at, by_id, lifting_reason"
    again = f"{row.pk}, 'danger', 'another', 'r', '2030-01-01', {ann.pk}, ''"
    for statement in (
        f"REPLACE INTO registry_hiding ({columns}) VALUES ({again})",
        f"UPDATE OR REPLACE registry_hiding SET id = id + 1 WHERE id = {row.pk}",
        f"UPDATE registry_hiding SET confirmed_by_id = {ann.pk}",
    ):
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA ignore_check_constraints = ON")
            with pytest.raises(DatabaseError):
                cursor.execute(statement)
            cursor.execute("PRAGMA ignore_check_constraints = OFF")
    row.refresh_from_db()
    assert (row.words, row.confirmed_by) == (WORDS, None)


def test_the_database_lets_two_lift_what_two_hid_and_nobody_bring_it_back(ann: User, ben: User) -> None:
    row = hide(ann)
    hiding.confirm(row, by=ben)
    rows, now = Hiding.objects.filter(pk=row.pk), timezone.now()

    def refused(**fields: object) -> bool:
        try:
            with transaction.atomic():
                rows.update(**fields)
        except DatabaseError:
            return True
        return False

    assert refused(confirmed_by=None)
    assert refused(ended_at=now)
    assert refused(ended_at=now, ended_by=ann)
    assert refused(ended_at=now, ended_by=ann, lifting_by=ben)
    hiding.lift(row, by=ann, reason="It is over.")
    assert refused(ended_at=now)
    assert refused(ended_at=now, ended_by=ann)
    hiding.lift(row, by=ben, reason="It is over.")
    assert refused(ended_at=None)
    assert refused(ended_at=now + TERM)
    assert not refused(words="")  # what nobody needs any more may be forgotten
    with pytest.raises(DatabaseError), transaction.atomic():
        make.hiding(WORDS, by=ann, confirmed_by=ben)
