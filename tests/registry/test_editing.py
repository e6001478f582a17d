"""Editing the record: whole or not at all, told in the log as it was done, and refused in words that say what to do."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import translation
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from registry import displays, editing, log, packs
from registry.editing import Changed, NotPossible, correct, create, fields_of, restore, state_of, withdraw
from registry.ledger.__main__ import verify
from registry.models import (
    Act,
    Appeal,
    Authority,
    Display,
    Document,
    Erratum,
    Event,
    FieldSource,
    Ground,
    LogEntry,
    Notice,
    OfficialFigure,
    Resource,
    Restriction,
    Source,
    Statement,
)
from registry.models.withdrawal import Withdrawable
from tests import make

pytestmark = pytest.mark.django_db

ROOT = Path(__file__).resolve().parents[2]
BY: dict[str, Any] = {"by": "editor-1", "reason": "A letter says so."}


def edit(record: Any, **fields: Any) -> bool:
    """A correction by an editor who has just looked at it."""
    return correct(record, fields, seen=state_of(record), **BY)


def told(record: Any) -> dict[str, Any]:
    """The payload of its last entry."""
    payload: dict[str, Any] = json.loads(LogEntry.objects.filter(subject=log.subject_of(record)).latest("pk").payload)
    return payload


def wrong(act: Callable[[], Any]) -> dict[str, list[str]]:
    """What is wrong, by field; and that nothing was written."""
    before = (LogEntry.objects.count(), *(model._base_manager.count() for model in editing.EDITABLE))
    with translation.override("en"), pytest.raises(ValidationError) as refused:
        act()
    assert before == (LogEntry.objects.count(), *(model._base_manager.count() for model in editing.EDITABLE))
    found: dict[str, list[str]] = refused.value.message_dict
    return found


def one_of_each() -> dict[type[Withdrawable], Any]:
    """What a new record of each table needs, in the order in which one needs the other."""
    one, make_source = make.resource(), make.source()
    make.authority("court-of-almaty")
    names = {"name_kk": "Атауы", "name_ru": "Название", "name_en": "Name"}
    counts = {"counts_kk": "сайт", "counts_ru": "сайтов", "counts_en": "sites"}
    return {
        Source: {"title": "A letter", "date": "2026-02"},
        Authority: {"code": "court-9", **names, "valid_from": "1996", "sources": [make_source.pk]},
        Ground: {"code": "drugs", **names, "law_ref": "art. 41-1"},
        Document: {"key": "paper", "title": "A paper", "url": "https://papers.example.org/1.pdf", "size": 100},
        Act: {"key": "act-9", "number": "9", "date": "2026-01", "decided": ["court-9"], "documents": ["paper"]},
        Event: {"key": "wave-9", "type": "wave", **names, "began": "2026-01-04T07Z", "authorities": ["court-9"]},
        Restriction: {
            "resource": one.pk,
            "kind": "court",
            "kind_reason": "A court decided.",
            "acts": ["act-9"],
            "event": "wave-9",
            "grounds": ["drugs"],
            "executed": ["court-9"],
            "authorities": ["court-of-almaty"],
        },
        Statement: {"key": "said", "event": "wave-9", "speaker": "a minister", "stance": "denies", "source": 1},
        Appeal: {"key": "appeal-9", "act": "act-9", "body": "court-9", "outcome": "pending", "filed": "2026-02"},
        Notice: {"key": "notice-9", "type": "threat", "about": "TikTok", "fact": "He spoke of it.", "source": 1},
        OfficialFigure: {"key": "figure-9", "value": 94, "unit": "resources", **counts, "ground": "drugs", "source": 1},
        FieldSource: {"act": "act-9", "field": "date", "source": 1},
        Erratum: {"since": "2026", "righted_on": "2026-02-03", "wrong_ru": "Не та дата.", "righted_ru": "Та дата."},
    }


def with_source(fields: dict[str, Any]) -> dict[str, Any]:
    return fields | ({"source": Source.objects.order_by("pk").first().pk} if "source" in fields else {})  # type: ignore[union-attr]


def test_every_table_can_be_made_corrected_withdrawn_and_restored() -> None:
    changes = {
        Source: {"archive_url": "https://archive.example.org/1", "sha256": "0" * 64},
        Authority: {"name_en": "Another"}, Ground: {"law_ref": ""}, Document: {"title": "Another"},
        Act: {"number": "10", "decided": [], "initiated": ["court-of-almaty"]}, Event: {"ended": "2026-02"},
        Restriction: {"status": "lifted", "ended": "2026-02-01"}, Statement: {"stance": "silent"},
        Appeal: {"outcome": "upheld", "decided": "2026-03"}, Notice: {"ended": "2026"}, OfficialFigure: {"value": 95},
        FieldSource: {"field": "number"}, Erratum: {"wrong_kk": "Күні басқа.", "righted_kk": "Күні дұрыс."},
    }  # fmt: skip
    made = {}
    for model, fields in one_of_each().items():
        made[model] = record = create(model, with_source(fields), **BY)
        given = with_source(fields)
        assert {name: fields_of(record)[name] for name in given} == given, model
        assert told(record)["operation"] == "create"
        before = fields_of(record)
        assert edit(record, **changes[model])
        assert told(record)["before"] == {name: before[name] for name in changes[model]}
        assert told(record)["after"] == changes[model]
    assert set(made) == set(editing.EDITABLE)
    for model, record in reversed(made.items()):
        withdraw(record, **BY)
        assert record.withdrawn == BY["reason"], model
        assert not model._default_manager.standing().filter(pk=record.pk).exists()  # type: ignore[attr-defined]
    for record in made.values():
        restore(record, **BY)
        assert (record.withdrawn, record.withdrawn_on) == ("", None)
        assert told(record)["operation"] == "restore"
        assert told(record)["before"]["withdrawn"] == BY["reason"]


def test_a_new_record_tells_what_is_not_empty() -> None:
    make.resource()
    row = create(Restriction, {"resource": Resource.objects.get().pk, "fact": "Closed."}, **BY)
    assert told(row)["after"] == {
        "resource": row.resource_id, "kind": "unknown", "status": "unknown", "fact": "Closed.", "confidence": "low",
        "began_not_later_than": False, "ended_not_later_than": False, "conflicting": False,
    }  # fmt: skip


def test_what_is_so_already_is_no_change_and_no_entry() -> None:
    row = make.act("9", by=make.authority())
    assert not edit(row, number=" 9 ", decided=["mki"], sources=[])
    assert not LogEntry.objects.exists()


def test_links_are_told_by_keys_and_codes_in_one_order() -> None:
    row = make.restriction(make.resource())
    acts = sorted(make.act(str(number)).key for number in range(3))
    edit(row, acts=list(reversed(acts)), grounds=[make.ground().code], networks=[make.network(9198).asn])
    assert told(row)["after"] == {"acts": acts, "grounds": ["fraud"], "networks": [9198]}


def test_a_role_is_corrected_and_the_others_stay() -> None:
    make.authority("other")
    row = make.restriction(make.resource())
    edit(row, initiated=["other"], authorities=["other", make.authority().code])
    edit(row, authorities=[])
    assert [(one.role, one.authority.code) for one in row.roles.all()] == [("initiated", "other")]


# --- who looked at what


def test_a_record_that_somebody_changed_meanwhile_is_to_be_looked_at_again() -> None:
    row = make.act("9")
    seen = state_of(row)
    edit(row, number="10")
    with translation.override("en"), pytest.raises(Changed, match="Look at it again"):
        correct(Act.objects.get(), {"number": "11"}, seen=seen, **BY)
    assert Act.objects.get().number == "10"
    assert LogEntry.objects.count() == 1


@pytest.mark.parametrize("change", ["link", "role", "withdrawal"])
def test_a_link_a_role_and_a_withdrawal_are_changes_too(change: str) -> None:
    row, body = make.act("9"), make.authority()
    seen = state_of(row)
    if change == "link":
        row.documents.add(make.document())
    elif change == "role":
        row.roles.create(authority=body, role="decided")
    else:
        withdraw(row, **BY)
    with pytest.raises(Changed):
        correct(row, {"number": "11"}, seen=seen, **BY)


def test_a_record_that_is_gone_is_said_to_be_gone() -> None:
    row = make.source("Gone")
    seen = state_of(row)
    Source.objects.all().delete()
    with translation.override("en"), pytest.raises(Changed, match="no longer there"):
        correct(row, {}, seen=seen, **BY)


# --- what is refused


@pytest.mark.parametrize(
    ("model", "fields", "expected"),
    [
        (Restriction, {"kind": "production"}, {"kind_reason": ["Say why it is of this kind."]}),
        (Restriction, {"kind": "production", "kind_reason": " \n "}, {"kind_reason": ["Say why it is of this kind."]}),
        (Restriction, {"began": "2026-02", "ended": "2026-01"}, {"ended": ["It ends before it begins."]}),
        (Restriction, {"acts": ["act-77"]}, {"acts": ["The register has no “act-77”."]}),
        (Restriction, {"acts": [{"key": 1}]}, {"acts": ["The register has no “{'key': 1}”."]}),
        (Restriction, {"sources": [True]}, {"sources": ["The register has no “True”."]}),
        (Restriction, {"sources": [10**30]}, {"sources": [f"The register has no “{10**30}”."]}),
        (Restriction, {"acts": "act-1"}, {"acts": ["Name at most 500."]}),
        (Restriction, {"sources": list(range(501))}, {"sources": ["Name at most 500."]}),
        (Restriction, {"resource": None}, {"resource": ["Fill this in."]}),
        (Restriction, {"public": False}, {"public": ["This cannot be changed."]}),
        (Restriction, {"withdrawn": "x"}, {"withdrawn": ["This cannot be changed."]}),
        (Restriction, {"pack_key": "kz-1"}, {"pack_key": ["This cannot be changed."]}),
        (Restriction, {"conflicting": "yes"}, {"conflicting": ["This is no value for it."]}),
        (Restriction, {"fact": None}, {"fact": ["This is no value for it."]}),
        (Restriction, {"fact": "a\0b"}, {"fact": ["There is a character in it that no text may have."]}),
        (Restriction, {"fact": "a\ud800b"}, {"fact": ["There is a character in it that no text may have."]}),
        (Restriction, {"fact": "x" * 20_001}, {"fact": ["Shorten it to 20000 characters."]}),
        (Restriction, {"began": "soon"}, {"began": None}),
        (Restriction, {"kind": "illegal"}, {"kind": None}),
        (Act, {"key": "taken"}, {"key": ["Another entry has it already; choose another."]}),
        (Act, {"key": "not a key"}, {"key": None}),
        (Act, {"key": "new", "text": "Жабылсын"}, {"language": ["Say in which language the text is."]}),
        (OfficialFigure, {"value": 2**60}, {"value": [f"Write at most {2**53 - 1}."]}),
        (OfficialFigure, {"value": "94"}, {"value": ["This is no value for it."]}),
        (Source, {}, {"url": ["A source is an address, or a title with its date."]}),
        (Source, {"title": "Orda.kz", "date": "2026-01-05"}, {"url": ["The register has this source already."]}),
        (FieldSource, {"act": "taken", "field": "colour"}, {"field": None}),
        (FieldSource, {"field": "date"}, {"restriction": ["It is of either one restriction, one act or one event."]}),
    ],
)
def test_what_is_wrong_is_told_by_its_field_and_nothing_is_written(
    model: type[Withdrawable], fields: dict[str, Any], expected: dict[str, Any]
) -> None:
    make.act("1", key="taken")
    source = make.source()
    given: dict[Any, dict[str, Any]] = {
        Restriction: {"resource": make.resource().pk},
        OfficialFigure: {"key": "f", "unit": "acts", "source": source.pk}
        | {f"counts_{one}": "x" for one in ("kk", "ru", "en")},
        FieldSource: {"source": source.pk},
    }
    found = wrong(lambda: create(model, given.get(model, {}) | fields, **BY))
    assert found.keys() == expected.keys()
    for name, words in expected.items():
        assert words is None or found[name] == words


def test_several_mistakes_are_told_together() -> None:
    assert wrong(lambda: create(Act, {"type": "edict", "date": "soon", "sources": [7]}, **BY)).keys() == {
        "key", "type", "date", "sources",
    }  # fmt: skip


@pytest.mark.parametrize("reason", ["", "  \n", "\u200b", "…"])
def test_every_act_has_a_reason(reason: str) -> None:
    row = make.act()
    for act in (
        lambda: create(Act, {"key": "x"}, by="editor-1", reason=reason),
        lambda: correct(row, {"number": "2"}, by="editor-1", reason=reason, seen=state_of(row)),
        lambda: withdraw(row, by="editor-1", reason=reason),
        lambda: restore(row, by="editor-1", reason=reason),
    ):
        with pytest.raises(log.NoReason):
            act()
    assert not LogEntry.objects.exists()


@pytest.mark.parametrize("why", ["", "\u200b", "–"])
def test_no_restriction_is_outside_the_law_for_a_reason_that_nobody_can_read(why: str) -> None:
    row = make.restriction(make.resource())
    with pytest.raises(ValidationError) as refused:
        correct(row, {"kind": "production", "kind_reason": why}, by="editor-1", reason="seen", seen=state_of(row))
    assert list(refused.value.message_dict) == ["kind_reason"]
    assert Restriction.objects.get().kind == Restriction.Kind.UNKNOWN


@pytest.mark.parametrize("reason", ["x" * 2001, "2" * 2**21, "Ask a@example.org", "Called +7 701 234 56 78", "a\0b"])
def test_a_reason_is_short_and_names_nobody(reason: str) -> None:
    row = make.act()
    assert wrong(lambda: withdraw(row, by="editor-1", reason=reason)).keys() == {"reason"}
    assert wrong(lambda: create(Act, {"key": "x"}, by="editor-1", reason=reason)).keys() == {"reason"}


def test_a_person_is_named_by_no_number_in_a_text_but_an_address_may_have_digits() -> None:
    row = make.act("9")
    assert wrong(lambda: edit(row, note="of 850101300123")).keys() == {"note"}
    source = create(Source, {"url": "https://news.example.org/850101300123"}, **BY)
    assert edit(row, sources=[source.pk])


def test_a_text_that_was_there_before_stands_in_the_way_of_no_other_correction() -> None:
    row = make.act("9", note="of 850101300123")
    assert edit(row, number="10")


def test_another_kind_needs_another_reason_and_the_log_keeps_both() -> None:
    row = make.restriction(make.resource(), kind="court", kind_reason="A court decided.")
    assert wrong(lambda: edit(row, kind="production")).keys() == {"kind_reason"}
    assert wrong(lambda: edit(row, kind="production", kind_reason="")).keys() == {"kind_reason"}
    assert edit(row, kind="production", kind_reason="Nobody admits it; an operator spoke of works.")
    assert told(row)["before"] == {"kind": "court", "kind_reason": "A court decided."}
    assert edit(row, kind="unknown")


@pytest.mark.parametrize("name", ["key", "resource", "code"])
def test_what_a_record_is_known_by_is_never_changed(name: str) -> None:
    rows = {"key": make.act(), "resource": make.restriction(make.resource()), "code": make.authority()}
    value: Any = make.resource("other.kz").pk if name == "resource" else "other"
    assert wrong(lambda: edit(rows[name], **{name: value})) == {name: ["This cannot be changed."]}


def test_nothing_comes_before_itself() -> None:
    act = make.act()
    first = make.appeal(act)
    second = make.appeal(act, previous=first)
    assert wrong(lambda: edit(first, previous=second.key)).keys() == {"previous"}
    assert wrong(lambda: edit(first, previous=first.key)).keys() == {"previous"}
    old, new = make.authority("old"), make.authority("new")
    new.predecessors.add(old)
    assert wrong(lambda: edit(old, predecessors=["new"])).keys() == {"predecessors"}
    assert wrong(lambda: edit(old, predecessors=["old"])).keys() == {"predecessors"}


# --- withdrawals


def test_what_was_withdrawn_is_restored_before_it_is_corrected() -> None:
    row = make.act("9")
    withdraw(row, **BY)
    with pytest.raises(NotPossible):
        edit(row, number="10")
    with pytest.raises(NotPossible):
        withdraw(row, **BY)
    restore(row, **BY)
    with pytest.raises(NotPossible):
        restore(row, **BY)
    assert [entry.operation for entry in LogEntry.objects.all()] == ["withdraw", "restore"]


def test_nothing_new_rests_on_what_was_withdrawn_and_what_rested_on_it_can_be_corrected() -> None:
    act = make.act()
    row, other = make.restriction(make.resource(), act), make.restriction(make.resource("other.kz"))
    withdraw(act, **BY)
    assert edit(row, status="lifted")
    assert wrong(lambda: edit(other, acts=[act.key])) == {"acts": [f"“{act.key}” was withdrawn."]}
    assert list(row.acts.all()) == [act]


@pytest.mark.parametrize("what", ["authority", "ground", "source"])
def test_what_others_are_made_of_is_withdrawn_once_nothing_names_it(what: str) -> None:
    part: Any = {"authority": make.authority, "ground": make.ground, "source": make.source}[what]()
    row = make.restriction(make.resource())
    roles: dict[str, Any] = {"authority": {"decided": ["mki"]}, "ground": {"grounds": ["fraud"]}}
    edit(row, **roles.get(what, {"sources": [part.pk]}))
    with pytest.raises(NotPossible, match=f"restriction/{row.pk}"):
        withdraw(part, **BY)
    withdraw(row, **BY)
    withdraw(part, **BY)
    with pytest.raises(NotPossible, match=f"{what}/{part.pk}"):
        restore(row, **BY)
    restore(part, **BY)
    restore(row, **BY)


def test_a_body_that_another_comes_after_stands() -> None:
    old, new = make.authority("old"), make.authority("new")
    new.predecessors.add(old)
    with pytest.raises(NotPossible, match=f"authority/{new.pk}"):
        withdraw(old, **BY)
    withdraw(new, **BY)


def test_what_was_not_public_is_not_made_so() -> None:
    row = make.restriction(make.resource(), public=False)
    said = make.statement(row)
    withdraw(row, **BY)
    restore(row, **BY)
    edit(row, status="lifted")
    edit(said, stance="silent")
    assert not row.public
    assert not LogEntry.objects.exists()
    assert not Restriction.objects.public().exists()


def test_a_statement_that_becomes_public_is_told_whole() -> None:
    said = make.statement(make.restriction(make.resource(), public=False), words="No.")
    shown = make.restriction(make.resource("other.kz"))
    edit(said, restriction=shown.pk)
    assert told(said)["before"] == {}
    assert told(said)["after"]["words"] == "No."


def test_a_statement_that_is_public_no_more_is_told_by_the_names_of_its_fields() -> None:
    said = make.statement(make.restriction(make.resource()), words="No.")
    hidden = make.restriction(make.resource("other.kz"), public=False)
    edit(said, restriction=hidden.pk, words="It is of another.")
    entry = told(said)
    assert (entry["before"], entry["after"], entry["withheld"]) == ({}, {}, ["restriction", "words"])
    assert log.told_so_far(said) == {"restriction": hidden.pk, "words": "It is of another."}
    edit(said, speaker="somebody else")
    assert LogEntry.objects.count() == 1


def test_a_country_pack_leaves_it_as_the_editor_left_it() -> None:
    packs.load("kz", ROOT)
    row = Act.objects.order_by("pk").first()
    assert row
    withdraw(row, **BY)
    assert packs.load("kz", ROOT)["acts"]["changed"] == 0
    row.refresh_from_db()
    assert row.withdrawn


# --- how much is shown


def test_a_ground_that_hides_a_name_hides_it_before_the_log_is_told() -> None:
    one = make.resource("qzxv.kz")
    make.ground("drugs", Display.WITHHELD)
    row = create(Restriction, {"resource": one.pk, "fact": "qzxv.kz was closed.", "grounds": ["drugs"]}, **BY)
    one.refresh_from_db()
    assert one.display == Display.WITHHELD
    assert "qzxv" not in "".join(LogEntry.objects.values_list("payload", flat=True))
    assert told(row)["withheld"] == ["fact", "resource"] or told(row)["withheld"] == ["fact"]
    assert log.told_so_far(row)["fact"] == "qzxv.kz was closed."
    edit(row, grounds=[])
    one.refresh_from_db()
    assert one.display == Display.FULL


def test_a_withdrawal_shows_no_more_of_a_name() -> None:
    one = make.resource("qzxv.kz")
    make.ground("drugs", Display.WITHHELD)
    row = create(Restriction, {"resource": one.pk, "grounds": ["drugs"]}, **BY)
    withdraw(row, by="editor-1", reason="qzxv.kz was never closed.")
    displays.refresh(by="editor-1", reason="Looked again.")
    one.refresh_from_db()
    assert one.display == Display.WITHHELD
    assert told(row)["reason"] == ""
    assert "qzxv" not in "".join(LogEntry.objects.values_list("payload", flat=True))
    restore(row, **BY)


def test_a_ground_that_comes_to_hide_names_hides_those_it_was_used_for() -> None:
    ground, one = make.ground("drugs"), make.resource("qzxv.kz")
    row = make.restriction(one)
    row.grounds.add(ground)
    edit(ground, display="withheld")
    one.refresh_from_db()
    assert one.display == Display.WITHHELD


def test_words_about_something_else_name_no_withheld_site_in_the_log() -> None:
    make.resource("qzxv.kz", display=Display.WITHHELD)
    source = create(Source, {"url": "https://news.example.org/qzxv.kz", "title": "A list", "date": "2026"}, **BY)
    act = make.act("9")
    edit(act, note="It names qzxv.kz too.")
    withdraw(act, by="editor-1", reason="It is of qzxv.kz.")
    assert "qzxv" not in "".join(LogEntry.objects.values_list("payload", flat=True))
    assert "url" in json.loads(LogEntry.objects.get(subject=f"source/{source.pk}").payload)["withheld"]


def test_what_is_told_of_one_field_does_not_hang_on_what_another_says() -> None:
    make.resource("qzxv.kz", display=Display.WITHHELD)
    act = make.act("9", note="It names qzxv.kz too.")
    edit(act, scope_ordered="The page alone.")
    assert told(act)["after"] == {"scope_ordered": "The page alone."}


def test_what_would_be_logged_is_shown_and_nothing_is_done() -> None:
    row = make.act("9")
    told = editing.preview(lambda: edit(row, number="10"), by="editor-1")
    assert [(one["before"], one["after"]) for one in told] == [({"number": "9"}, {"number": "10"})]
    assert Act.objects.get().number == "9"
    assert not LogEntry.objects.exists()


# --- whatever editors do, in whatever order

words = st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=20)
days = st.sampled_from(["", "2026", "2026-01", "2026-01-04"])
RIGHT: dict[str, st.SearchStrategy[Any]] = {
    "kind": st.sampled_from(["court", "production", "unknown"]), "kind_reason": words, "fact": words,
    "began": days, "ended": days, "status": st.sampled_from(["lifted", "in_force"]), "conflicting": st.booleans(),
    "acts": st.lists(st.sampled_from(["a", "b", "c"]), max_size=4), "event": st.none(),
    "initiated": st.lists(st.sampled_from(["one", "two"]), max_size=3),
    "grounds": st.lists(st.sampled_from(["drugs", "fraud"]), max_size=2),
}  # fmt: skip
WRONG: dict[str, st.SearchStrategy[Any]] = {
    "kind": st.just("none"), "began": st.sampled_from(["soon", "2027"]), "acts": st.just(["a", "nothing"]),
    "initiated": st.just(["one", "three"]), "public": st.booleans(), "fact": st.just("x" * 20_001),
}  # fmt: skip
right = st.fixed_dictionaries({}, optional=RIGHT)
wrong_somewhere = st.tuples(
    right, st.sampled_from(sorted(WRONG)).flatmap(lambda name: st.tuples(st.just(name), WRONG[name]))
)
changes = st.one_of(right, right, wrong_somewhere.map(lambda both: both[0] | dict([both[1]])))
EMPTY: dict[str, Any] = {"withdrawn": "", "withdrawn_on": None}


class Editors(RuleBasedStateMachine):
    """Restrictions that are made, corrected, withdrawn and restored, rightly and wrongly."""

    def __init__(self) -> None:
        super().__init__()
        self.block = transaction.atomic()
        self.block.__enter__()
        self.one = make.resource(f"site-{Resource.objects.count()}.kz")
        for key in ("a", "b", "c"):
            Act.objects.get_or_create(key=key)
        for code in ("one", "two"):
            make.authority(code)
        make.ground("drugs", Display.WITHHELD)
        make.ground("fraud")
        self.rows: list[Restriction] = []

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.block.__exit__(None, None, None)

    def attempt(self, act: Callable[[], Any]) -> None:
        before = self.everything()
        try:
            act()
        except (ValidationError, NotPossible):
            assert self.everything() == before

    def everything(self) -> Any:
        rows = Restriction.objects.order_by("pk")
        return [(row.pk, row.withdrawn, fields_of(row)) for row in rows], LogEntry.objects.count()

    @rule(fields=changes)
    def make_one(self, fields: dict[str, Any]) -> None:
        def act() -> None:
            self.rows.append(create(Restriction, {"resource": self.one.pk, **fields}, **BY))

        self.attempt(act)

    @rule(fields=changes, number=st.integers(0, 5), stale=st.booleans())
    def correct_one(self, fields: dict[str, Any], number: int, stale: bool) -> None:
        if self.rows:
            row = self.rows[number % len(self.rows)]
            seen = "0" * 64 if stale else state_of(row)
            self.attempt(lambda: correct(row, fields, seen=seen, **BY))

    @rule(number=st.integers(0, 5), back=st.booleans(), reason=words)
    def mark_one(self, number: int, back: bool, reason: str) -> None:
        if self.rows and not log.says_nothing(reason):
            row = self.rows[number % len(self.rows)]
            self.attempt(lambda: (restore if back else withdraw)(row, by="editor-2", reason=reason))

    @rule(key=st.sampled_from(["a", "b"]), back=st.booleans())
    def mark_an_act(self, key: str, back: bool) -> None:
        self.attempt(lambda: (restore if back else withdraw)(Act.objects.get(key=key), **BY))

    @invariant()
    def every_record_is_what_its_entries_tell(self) -> None:
        for row in Restriction.objects.filter(pk__in=[row.pk for row in self.rows]):
            marked = {"withdrawn": row.withdrawn, "withdrawn_on": row.withdrawn_on and row.withdrawn_on.isoformat()}
            empty = EMPTY | {name: [] if isinstance(value, list) else "" for name, value in fields_of(row).items()}
            empty |= {"event": None}
            assert empty | log.told_so_far(row) == fields_of(row) | marked

    @invariant()
    def the_log_holds_together(self) -> None:
        rows = LogEntry.objects.order_by("pk").values_list("pk", "payload", "leaf")
        verify([json.dumps({"index": pk, "payload": payload, "leaf": leaf}) for pk, payload, leaf in rows])


def test_whatever_editors_do_the_record_is_what_the_log_tells() -> None:
    bounds = settings(max_examples=25, stateful_step_count=12, deadline=None)
    run_state_machine_as_test(Editors, settings=bounds)
