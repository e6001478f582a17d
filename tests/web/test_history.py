"""The pages of every change: all of them, one record's, the feed, and what they may not say."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation
from django.utils.formats import date_format
from django.utils.text import capfirst

from registry import describing, displays, editing, history, labels, log, merging, moderation, packs, veil
from registry.ledger.tree import canonical, leaf_hash
from registry.models import Act, Display, FieldSource, LogEntry, Resource, Restriction, Source
from tests import make

pytestmark = pytest.mark.django_db

LANGUAGES = ("kk", "ru", "en")
LIMIT = 30_000  # bytes of one page
QUERIES = 12
BY = {"by": "editor-1", "reason": "A source says so."}


def text(client: Client, path: str, code: int = 200) -> str:
    answer = client.get(path)
    assert answer.status_code == code, path
    assert len(answer.content) < LIMIT, path
    return answer.content.decode()


def changed(row: Any, reason: str = "A source says so.", by: str = "editor-1", **fields: Any) -> LogEntry:
    """A correction, as the desk makes it."""
    before = {name: getattr(row, name) for name in fields}
    for name, value in fields.items():
        setattr(row, name, value)
    row.save()
    return log.append("correct", row, before=before, after=fields, reason=reason, by=by, at=make.AT)


def of_version_1(row: Any, previous: str = "", **fields: str) -> LogEntry:
    """An entry as it was written before entries told what was there before."""
    payload = canonical({
        "v": 1, "at": make.AT.isoformat(), "operation": "change" if previous else "create",
        "subject": log.subject_of(row), "fields": fields, "reason": "country pack kz", "by": "pack:kz",
        "previous": previous,
    })  # fmt: skip
    return LogEntry.objects.create(
        at=make.AT,
        operation="change" if previous else "create",
        subject=log.subject_of(row),
        payload=payload.decode(),
        leaf=leaf_hash(payload).hex(),
    )


def restriction(name: str = "orda.kz", **fields: Any) -> Restriction:
    row = make.restriction(make.resource(name), make.act(by=make.authority()), **fields)
    log.append("create", row, after={"kind": row.kind, "resource": name}, **BY)
    return row


def record(row: Any, language: str = "en") -> str:
    return f"/{language}/history/{log.subject_of(row)}/"


@pytest.mark.parametrize("language", LANGUAGES)
def test_all_changes_open_empty_and_with_rows(client: Client, language: str) -> None:
    assert 'class="empty"' in text(client, f"/{language}/history/")
    entry = changed(restriction(), status="lifted")
    page = text(client, f"/{language}/history/")
    assert f"№ {entry.pk}" in page
    assert f'href="{record(Restriction.objects.get(), language)}"' in page


def test_all_changes_stand_newest_first_with_what_was_before(client: Client) -> None:
    row = restriction()
    changed(row, kind="court", kind_reason="The decision is published.", ended="2026-05")
    page = text(client, "/en/history/")
    assert page.index("corrected</strong>") < page.index("recorded</strong>")
    assert "<del>kind not known</del> → <ins>court</ins>" in page
    assert '<span class="soft">nothing</span> → <ins>May 2026</ins>' in page
    assert "Restriction: <bdi>orda.kz</bdi>" in page
    assert "an editor (<code>editor-1</code>)" in page
    assert "1 March 2026, about 17:00" in page  # of the hour in the country


FILTERS = {
    "kind=act": ["an act"],
    "kind=actrole": [],
    "operation=correct": ["a correction"],
    "role=pack": ["a pack"],
    "after=2026-03-02": ["an act"],
    "before=2026-02-28": ["a pack"],
    "after=2026-03-01&before=2026-03-01&role=editor": ["a correction"],
    "after=2026-03-01&before=2026-03-01&operation=create": [],
}


@pytest.mark.parametrize("asked", FILTERS)
def test_all_changes_are_filtered_by_record_operation_hand_and_day(client: Client, asked: str) -> None:
    row = make.restriction(make.resource())
    log.append("create", row, after={}, reason="a pack", by="pack:kz", at=make.AT - timedelta(days=2))
    log.append("correct", row, after={}, reason="a correction", by="editor-1", at=make.AT)
    log.append("create", make.act(), after={}, reason="an act", by="editor-2", at=make.AT + timedelta(days=2))
    page = text(client, f"/en/history/?{asked}")
    assert re.findall(r"Why: ([^<]+)</p>", page) == FILTERS[asked]
    assert ("No change fits" in page) is (not FILTERS[asked])


def test_a_day_that_is_none_is_said(client: Client) -> None:
    log.append("create", make.act(), after={}, **BY)
    page = text(client, "/en/history/?after=yesterday", 400)
    assert 'class="error"' in page
    assert "A source says so." not in page


def test_whoever_asks_by_hand_is_told_which_entries_do_not_say_it(client: Client) -> None:
    hint = "first version do not keep apart"
    assert hint not in text(client, "/en/history/?role=pack")
    of_version_1(make.act(), number="2-1204")
    assert hint in text(client, "/en/history/?role=pack")
    assert hint not in text(client, "/en/history/")


def test_pages_lead_through_every_change_and_back(client: Client) -> None:
    row = make.act()
    numbers = [log.append("correct", row, after={"number": str(n)}, **BY).pk for n in range(45)]
    address, seen, turned = "/en/history/", [], []
    while address:
        page = text(client, address)
        seen += [int(n) for n in re.findall(r"№ (\d+) ·", page)]
        turned.append(re.findall(r"№ (\d+) ·", page))
        older = re.search(r'rel="next" href="([^"]+)"', page)
        address = f"/en/history/{older[1]}" if older else ""
    assert seen == numbers[::-1]
    back = re.search(r'rel="prev" href="([^"]+)"', page)
    assert back
    assert re.findall(r"№ (\d+) ·", text(client, f"/en/history/{back[1]}")) == turned[1]


def test_a_record_is_told_from_its_first_entry_to_its_last(client: Client) -> None:
    row = restriction()
    kept = changed(row, kind="court", kind_reason="It was published.", began_not_later_than=True)
    page = text(client, record(row))
    assert page.index(">Recorded</h2>") < page.index(">Corrected</h2>")
    assert "2 entries about it" in page
    assert "<del>kind not known</del></td>" in page
    assert "<ins>court</ins></td>" in page
    assert "<del>no</del></td>" in page
    assert "<ins>yes</ins></td>" in page
    assert kept.leaf in page
    assert f"№ {kept.pk}" in page
    assert 'href="/en/resources/orda.kz/"' in page
    assert f"subject=restriction/{row.pk}" in page


def test_bodies_grounds_and_networks_are_told_by_their_names(client: Client) -> None:
    row = restriction()
    make.ground("fraud", name_en="Fraud")
    make.network(9198, brand="Kazakhtelecom")
    act = Act.objects.get()
    fields = {"initiated": "mki", "grounds": "fraud", "networks": "9198", "acts": act.key}
    log.append("change", row, after=fields, **BY)
    log.append("correct", row, before={"acts": []}, after={"acts": [act.pk], "networks": [9198]}, **BY)
    page = text(client, record(row))
    for name in ("Ministry of Culture and Information", "Fraud", "Kazakhtelecom (AS9198)"):
        assert f"<td>{name}</td>" in page
    assert page.count(f"{act}<") == 2
    assert "mki" not in page


def test_an_entry_that_did_not_say_what_was_before_is_compared_with_the_one_before_it(client: Client) -> None:
    row = make.act()
    first = of_version_1(row, number="1", note="As it was.")
    of_version_1(row, first.leaf, number="2", note="As it was.")
    page = text(client, record(row))
    assert "<del>1</del></td>" in page
    assert "<ins>2</ins></td>" in page
    assert page.count("As it was.") == 1
    assert "country pack kz" in page


def test_a_new_record_tells_no_flag_that_is_down_and_a_correction_does(client: Client) -> None:
    row = restriction()
    down = {"began_not_later_than": False, "conflicting": "False", "withdrawn": False}
    log.append("create", row, after={**down, "ended_not_later_than": True, "public": False}, **BY)
    told = re.findall(r'<th scope="row">(.*?)</th>', text(client, record(row)))
    with translation.override("en"):
        names = (*down, "ended_not_later_than", "public")
        named = {name: capfirst(labels.field("restriction", name)) for name in names}
    assert [name for name, words in named.items() if words in told] == ["ended_not_later_than", "public"]
    changed(row, conflicting=True)
    changed(row, conflicting=False)
    assert "<ins>no</ins>" in text(client, record(row))


def test_parts_of_a_record_belong_to_its_history(client: Client) -> None:
    row = restriction()
    part = FieldSource.objects.create(restriction=row, field="began", source=make.source())
    log.append("create", part, after={"field": "began"}, **BY)
    page = text(client, record(row))
    assert "Source of a field" in page
    assert "2 entries about it" in page


def test_what_was_merged_is_a_part_of_the_history_of_what_it_became(client: Client) -> None:
    old, new = make.resource("old.kz"), make.resource("new.kz")
    for one in (old, new):
        log.append("create", one, after={"name": one.name}, **BY)
    address = record(old)
    merging.merge(old, new, **BY)
    assert client.get(address).status_code == 301
    assert client.get(address).headers["Location"] == record(new)
    page = text(client, record(new))
    assert "<td>old.kz</td>" in page  # its own first entry, and by which name it was merged
    assert "Merged with another entry" in page
    assert "4 entries about it" in page


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_became_withheld_is_told_as_not_shown(client: Client, language: str) -> None:
    one = make.resource("qzxv-shop.kz")
    log.append("create", one, after={"type": "domain", "name": one.name}, reason="seen at qzxv-shop.kz", by="editor-1")
    basis = make.restriction(one, kind="court", kind_reason="It sells drugs.")
    changed(basis, fact="qzxv-shop.kz was closed", status="lifted")
    displays.choose(one, Display.WITHHELD, by="editor-1", reason="qzxv-shop.kz sells drugs")
    pages = [text(client, f"/{language}/history/"), text(client, record(one, language))]
    pages += [text(client, record(basis, language)), text(client, f"/history.atom?lang={language}")]
    assert not any("qzxv" in page for page in pages)
    with translation.override(language):
        assert str(labels.field("resource", "name")) in pages[1]  # of what is not shown, the name of its field
        assert str(Restriction.Status.LIFTED.label) in pages[2]


def test_a_history_is_there_for_public_records_only(client: Client) -> None:
    report = make.resource()
    assert "The log has no change of this entry." in text(client, record(report))
    for path in ("resource/999", "report/1", "nothing/1", f"act/{2**64}", "candidate/1"):
        assert client.get(f"/en/history/{path}/").status_code == 404, path
    hidden = make.restriction(make.resource(), public=False)
    for row in (hidden, make.statement(hidden), make.request(None, restriction=hidden)):
        assert client.get(record(row)).status_code == 404


def test_what_became_of_a_record_that_is_public_no_more_is_not_told(client: Client) -> None:
    said = make.statement(restriction(), words="No.", speaker="a minister")
    hidden = make.restriction(make.resource("qzqz.kz"), public=False)
    moved = {"restriction": hidden.pk, "speaker": "qzqz", "words": "Of qzqz.kz, no."}
    assert editing.correct(said, moved, seen=editing.state_of(said), by="editor-1", reason="A letter says so.")
    for page in (text(client, "/en/history/"), text(client, record(said))):
        assert "A letter says so." in page
        assert "qzqz" not in page
        assert "it is not public or would give an address away: restriction, who said it, words" in page
    assert "qzqz" not in b"".join(client.get("/api/v1/log/").streaming_content).decode()  # type: ignore[attr-defined]


def test_pages_of_the_history_take_few_queries_and_stay_small(client: Client) -> None:
    long = "Ұзақ сөз. " * 200
    for number in range(6):
        row = restriction(f"site{number}.kz")
        for kind in ("court", "administrative", "production"):
            words = f"{kind}: {long}"
            changed(row, words, kind=kind, kind_reason=words, fact=words, scope_ordered=words, scope_observed=words)
        log.append("create", make.statement(row), after={"words": long, "speaker": long[:200]}, **BY)
    for one in (
        make.authority(),
        make.act(),
        make.document(),
        make.event(),
        make.figure(),
        make.request(),
        make.notice(),
    ):
        log.append("create", one, after={"note": long}, **BY)
    for path in ("/kk/history/", "/kk/history/?kind=restriction", record(row, "kk"), record(Resource.objects.first())):
        with CaptureQueriesContext(connection) as asked:
            text(client, path)
        assert len(asked) <= QUERIES, path
        assert not any(re.search(r"payload\W+(LIKE|::)", one["sql"]) for one in asked)
    assert "?page=2" in text(client, record(row, "kk"))


def test_the_newest_changes_are_a_feed(client: Client) -> None:
    row = restriction()
    for number in range(60):
        kept = changed(row, ended=f"2027-{number % 12 + 1:02}", kind="court", kind_reason=f"A newspaper, {number}.")
    answer = client.get("/history.atom?lang=ru")
    assert answer.headers["Content-Type"].startswith("application/atom+xml")
    feed = ElementTree.fromstring(answer.content)
    atom = "{http://www.w3.org/2005/Atom}"
    entries = feed.findall(f"{atom}entry")
    assert len(entries) == 50
    assert feed.get("{http://www.w3.org/XML/1998/namespace}lang") == "ru"
    assert entries[0].findtext(f"{atom}id") == f"tag:127.0.0.1,2026:log/{kept.pk}"
    link = entries[0].find(f"{atom}link")
    assert link is not None
    assert link.get("href") == f"{settings.SITE_URL}{record(row, 'ru')}"
    assert "orda.kz" in str(entries[0].findtext(f"{atom}title"))
    assert client.get("/history.atom?lang=xx").status_code == 200


def test_the_page_of_a_resource_tells_how_its_classification_changed(client: Client) -> None:
    row = restriction()
    heading = "How its classification changed"
    assert heading not in text(client, "/en/resources/orda.kz/")
    changed(row, "The paper quotes the court.", kind="court", kind_reason="A decision is quoted.")
    page = text(client, "/en/resources/orda.kz/")
    told = page[page.index(heading) : page.index("History of this entry</h2>")]
    assert told.index("kind not known") < told.index("<strong>court</strong>")
    for words in ("A decision is quoted.", "The paper quotes the court.", "editor-1", "1 March 2026"):
        assert words in told
    displays.choose(row.resource, Display.DOMAIN_ONLY, by="editor-1", reason="It sells drugs.")
    assert heading not in text(client, f"/en/resources/{row.resource_id}/")


def test_pages_of_records_lead_to_their_history(client: Client) -> None:
    row = restriction()
    body, act, event = make.authority(), Act.objects.get(), make.event()
    appeal = make.appeal(act)
    said, figure, notice = make.statement(row), make.figure(), make.notice()
    asked = make.request(row.resource, ("sent", "2026-02-02"))
    pages = {
        f"/en/acts/{act.key}/": (act, appeal),
        f"/en/authorities/{body.code}/": (body,),
        f"/en/events/{event.key}/": (event,),
        "/en/statements/": (said,),
        "/en/figures/": (figure,),
        "/en/notices/": (notice,),
        asked.get_absolute_url(): (asked,),
        "/en/resources/orda.kz/": (row,),
    }
    log.append("describe", row.resource, after={}, **BY)
    assert f'href="{record(row.resource)}"' in text(client, "/en/resources/orda.kz/")
    with translation.override("en"):
        for path, rows in pages.items():
            page = text(client, path.replace("/kk/", "/en/"))
            for one in rows:
                assert f'href="{record(one)}"' in page, path
                text(client, record(one))
    assert 'href="/en/history/"' in text(client, "/en/data/")


def test_what_editors_do_has_its_words() -> None:
    sources = (path.read_text() for path in Path("registry").rglob("*.py"))
    done = {code for source in sources for code in re.findall(r'log\.append\(\s*"(\w+)"', source)}
    assert done
    assert done <= set(labels.OPERATIONS)


def test_numbers_are_told_as_what_they_stand_for(client: Client) -> None:
    """A number is an id, but of a network: there it is its own."""
    one, service = make.resource("orda.kz"), make.resource("A service", type="service")
    describing.describe(one, service=service, languages=["kk"], condition="dead", condition_since="2024-05", **BY)
    page = text(client, record(one))
    for words in ("A service", "the site is gone", "May 2024", "Қазақша"):
        assert f"<ins>{words}</ins>" in page
    episode = make.episode(one, make.network(9198, brand="Kazakhtelecom"))
    moderation.dispute(episode, by=User.objects.create_user("editor"), reason="The probe moved.")
    page = text(client, record(episode))
    assert "<td>Kazakhtelecom (AS9198)</td>" in page
    assert "<td>blocked</td>" in page


def test_every_field_and_code_of_the_country_pack_is_told_by_its_name() -> None:
    packs.load("kz", settings.BASE_DIR)
    entries = history.read(list(LogEntry.objects.all()), veil.read())
    asked = {one for entry in entries for one in labels.references(entry.model, entry.after)}
    records = labels.Records(asked)
    assert len(asked) > 200
    unnamed = {one.column for one in asked if records.get(one) is None}
    assert unnamed == {"pack_key"}  # of the few cases that are events themselves
    with translation.override("kk"):
        told = {(entry.model, name): labels.field(entry.model, name) for entry in entries for name in entry.after}
        tables = {entry.model: labels.table(entry.model) for entry in entries}
        for entry in entries:
            for name, value in entry.after.items():
                assert bool(labels.value(entry.model, name, value, records)) is bool(value), (entry, name)
    assert {code for code, words in (told | tables).items() if not re.search("[А-яәіңғүұқөһ]", words)} == set()


def test_the_history_of_a_withdrawn_record_says_so_first(client: Client) -> None:
    row = restriction()
    editing.withdraw(row, by="editor-1", reason="It was of another site.")
    page = text(client, record(row))
    day = date_format(timezone.localdate(), "j F Y")
    assert f"Withdrawn on {day}:</strong> It was of another site." in page
    assert page.index("Withdrawn on") < page.index("The log has")
    assert page.count(f"<ins>{day}</ins>") == 1  # a day in words


def test_the_history_of_a_withdrawn_record_of_a_withheld_name_does_not_tell_why(client: Client) -> None:
    row = restriction("secret.kz")
    editing.withdraw(row, by="editor-1", reason="It was of secret.kz.")
    Resource.objects.filter(pk=row.resource_id).update(display=Display.WITHHELD)
    page = text(client, record(row))
    assert "Withdrawn on" in page
    assert "secret" not in page


def test_the_history_tells_of_every_table_that_can_be_edited(client: Client) -> None:
    assert {str(model._meta.model_name) for model in editing.EDITABLE} - set(labels.TABLES) == set()
    row = editing.create(Source, {"title": "A letter", "date": "2026-02"}, by="editor-1", reason="An editor has it.")
    for page in ("/en/history/", f"/en/history/source/{row.pk}/", "/history.atom?lang=en"):
        assert "A letter" in text(client, page), page


@pytest.mark.parametrize(("language", "said"), [("kk", "келіскендер"), ("ru", "согласовали"), ("en", "agreed by")])
def test_who_agreed_to_a_country_pack_is_told_in_the_readers_language(client: Client, language: str, said: str) -> None:
    reason = f"country pack kz, SHA-256 {'0' * 64}, agreed by editor-1+editor-2"
    log.append("create", make.act(), after={}, reason=reason, by="pack:kz")
    page = client.get(f"/{language}/history/").content.decode()
    assert f"{'0' * 64}, {said}" in page
    assert "editor-1+editor-2" in page
    assert ("agreed by" in page) is (language == "en")


def test_of_two_who_agreed_the_parts_of_both_are_named() -> None:
    with translation.override("en"):
        assert labels.hand("operator+editor") == "the operator of the register + an editor"
