"""Errata: recorded by editors, told on their page, on the record's page, in a feed, by the API, and in the log."""

from __future__ import annotations

import json
import re
from typing import Any
from xml.etree import ElementTree

import pytest
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.test import Client
from django.utils import translation

from checks.models import State
from registry import displays, editing, log, merging
from registry.models import Display, Erratum, LogEntry
from tests import make

pytestmark = pytest.mark.django_db

LIMIT = 30_000  # bytes of one page
BY: dict[str, Any] = {"by": "editor-1", "reason": "A reader told us."}
WORDS: dict[str, Any] = {"righted_on": "2026-02-03", "wrong_en": "Another date.", "righted_en": "The right date."}


def create(**fields: Any) -> Erratum:
    return editing.create(Erratum, WORDS | fields, **BY)


def corrected(row: Any) -> LogEntry:
    return log.append("correct", row, before={"began": "2025"}, after={"began": "2026"}, reason="So.", by="editor-1")


def test_an_error_is_told_put_right_and_found_from_the_record(client: Client) -> None:
    """The way of an error: it is corrected with an entry of the log, and the erratum names that entry."""
    basis = make.restriction(make.resource("orda.kz"))
    entry = corrected(basis)
    erratum = create(subject=f"restriction/{basis.pk}", since="2025-01", entry=entry.pk)
    for page in ("/en/resources/orda.kz/", f"/en/history/restriction/{basis.pk}/"):
        told = client.get(page).content.decode()
        assert "An error on this page was put right on 3 February 2026." in told, page
        assert f'href="/en/errata/?record=restriction/{basis.pk}"' in told, page
    told = client.get(f"/en/errata/?record=restriction/{basis.pk}").content.decode()
    for words in ("Another date.", "The right date.", "January 2025", "3 February 2026", f"entry № {entry.pk}"):
        assert words in told
    assert f'href="/en/history/restriction/{basis.pk}/"' in told
    assert f'href="/en/history/erratum/{erratum.pk}/"' in told
    assert "Another date." in client.get(f"/en/history/erratum/{erratum.pk}/").content.decode()
    assert f"/history/erratum/{erratum.pk}/" in client.get("/history.atom?lang=en").content.decode()
    row = client.get(f"/api/v1/errata/{erratum.pk}").json()
    assert (row["subject"], row["since"], row["entry"]) == (f"restriction/{basis.pk}", "2025-01", entry.pk)


def test_what_a_record_is_stands_apart_from_its_name(client: Client) -> None:
    """Russian and Kazakh bend a word that follows another: “Акт решение суда” would be a mistake."""
    decided = make.act()
    make.erratum(decided)
    assert "Акт: <bdi>решение суда" in client.get("/ru/errata/").content.decode()
    assert "История: акт&nbsp;– <bdi>решение суда" in client.get(f"/ru/history/act/{decided.pk}/").content.decode()


def test_the_page_has_the_newest_first_in_parts_and_by_record(client: Client) -> None:
    assert "No erratum is in the register yet" in client.get("/en/errata/").content.decode()
    one = make.resource("orda.kz")
    for month in range(1, 13):
        for day in (1, 20):
            on = f"2025-{month:02}-{day:02}"
            make.erratum(one if month == 3 else None, righted_on=on, wrong_en=f"w {month}/{day}.")
    first, second = (client.get(f"/en/errata/?page={page}").content.decode() for page in (1, 2))
    told = re.findall(r"w (\d+)/(\d+)\.", first + second)
    assert told == [(str(month), str(day)) for month in range(12, 0, -1) for day in (20, 1)]
    assert len(first) < LIMIT
    its = client.get(f"/en/errata/?record=resource/{one.pk}").content.decode()
    assert re.findall(r"w (\d+)/", its) == ["3", "3"]
    assert "orda.kz" in its
    assert "No erratum is about this record" in client.get("/en/errata/?record=act/1").content.decode()


@pytest.mark.parametrize("record", ["x", "resource/x", "\0", "resource/1\0", "a" * 10_000, "resource/" + "9" * 30])
def test_what_is_no_record_is_refused(client: Client, record: str) -> None:
    assert client.get("/en/errata/", {"record": record}).status_code == 400


@pytest.mark.parametrize(("language", "words", "marked"), [("kk", "Қате күн.", ""), ("en", "Не та дата.", "Русский")])
def test_it_is_told_in_the_readers_language_or_in_another_that_is_marked(
    client: Client, language: str, words: str, marked: str
) -> None:
    texts = {"wrong_kk": "Қате күн.", "righted_kk": "Дұрыс күн.", "wrong_ru": "Не та дата.", "righted_ru": "Та дата."}
    make.erratum(wrong_en="", righted_en="", **texts)
    page = client.get(f"/{language}/errata/").content.decode()
    assert words in page
    assert f'<dd lang="{"ru" if marked else language}">{words}' in page
    assert ("Written in this language" in page) is bool(marked)
    feed = ElementTree.fromstring(client.get(f"/errata.atom?lang={language}").content)
    assert words in "".join(feed.itertext())


def test_what_was_withdrawn_is_listed_nowhere_and_says_so_in_its_history(client: Client) -> None:
    one = make.resource("orda.kz")
    log.append("create", one, after={"name": "orda.kz"}, reason="A letter.", by="editor-1")
    erratum = create(subject=f"resource/{one.pk}")
    editing.withdraw(erratum, by="editor-1", reason="It was no error.")
    for page in ("/en/errata/", "/en/resources/orda.kz/", "/errata.atom?lang=en"):
        told = client.get(page).content.decode()
        assert "Another date." not in told, page
        assert "was put right on" not in told, page
    assert "It was no error." in client.get(f"/en/history/erratum/{erratum.pk}/").content.decode()
    assert client.get("/api/v1/errata?standing=true").json()["results"] == []
    assert client.get("/api/v1/errata").json()["results"][0]["withdrawn"] == "It was no error."


def test_the_page_of_a_resource_asks_no_more_for_errata_of_all_that_stands_on_it(
    client: Client, django_assert_max_num_queries: Any
) -> None:
    one, old, act = make.resource("orda.kz"), make.resource("old.kz"), make.act(by=make.authority())
    basis, network = make.restriction(one, act), make.network()
    said, episode = make.statement(basis), make.episode(one, network, State.BLOCKED)
    make.cell(one, network, State.BLOCKED)
    number = old.pk
    merging.merge(old, one, by="editor-1", reason="The same.")
    for subject in (f"resource/{number}", *(log.subject_of(row) for row in (one, basis, act, said))):
        erratum = make.erratum(righted_on="2026-02-03")
        Erratum.objects.update(subject="")
        Erratum.objects.filter(pk=erratum.pk).update(subject=subject)
        assert "was put right on" in client.get("/en/resources/orda.kz/").content.decode(), subject
    assert episode
    for row in (one, basis, act, said):
        make.erratum(row)
    with django_assert_max_num_queries(12):
        page = client.get("/en/resources/orda.kz/").content.decode()
    assert page.count("was put right on") == 3


@pytest.mark.parametrize("kind", ["act", "authority", "event", "informationrequest", "network", "episode", "notice"])
def test_the_page_of_any_record_tells_its_errata(client: Client, kind: str) -> None:
    one = make.resource("orda.kz")
    rows = {
        "act": make.act(key="an-act"),
        "authority": make.authority("mki"),
        "event": make.event("a-wave"),
        "informationrequest": make.request(one),
        "network": make.network(9198),
        "notice": make.notice(),
    }
    row = make.episode(one, rows["network"], State.BLOCKED) if kind == "episode" else rows[kind]
    page = {
        "act": "acts/an-act/",
        "authority": "authorities/mki/",
        "event": "events/a-wave/",
        "informationrequest": f"requests/{rows['informationrequest'].key}/",
        "network": "networks/9198/",
        "episode": f"episodes/{row.pk}/",
        "notice": f"history/notice/{row.pk}/",
    }[kind]
    make.erratum(row)
    assert "An error on this page was put right on" in client.get(f"/en/{page}").content.decode()


def wrong(**fields: Any) -> set[str]:
    with translation.override("en"), pytest.raises(ValidationError) as refused:
        create(**fields)
    assert not Erratum.objects.exists()
    return set(refused.value.message_dict)


def test_an_erratum_that_says_too_little_or_what_cannot_be_is_refused() -> None:
    act = make.act()
    assert wrong(righted_on="") == {"righted_on"}
    assert wrong(wrong_en="", righted_en="") == {"wrong_ru"}
    assert wrong(wrong_kk="Қате.") == {"righted_kk"}
    assert wrong(righted_en="") == {"righted_en"}
    assert wrong(since="2026-02-04") == {"righted_on"}
    assert wrong(since="yesterday") == {"since"}
    assert wrong(subject="orda.kz") == {"subject"}
    assert wrong(subject=f"act/{act.pk}") == {"subject"}  # the log knows nothing of it
    assert wrong(subject="user/1") == {"subject"}
    assert wrong(entry=999) == {"entry"}
    assert wrong(wrong_en="IIN 880101300127") == {"wrong_en"}
    assert wrong(wrong_en="a\0b") == {"wrong_en"}
    log.append("create", act, after={"number": "1"}, reason="A letter.", by="editor-1")
    first = create(subject=f"act/{act.pk}", since="2026-02")
    with pytest.raises(ValidationError):
        create(subject=f"erratum/{first.pk}")


def test_of_what_is_withheld_the_words_are_told_nowhere_and_the_log_commits_to_them(client: Client) -> None:
    cache.clear()  # of what others asked the API for
    one = make.resource("qzxv-shop.kz")
    basis = make.restriction(one)
    log.append("create", basis, after={"kind": "court"}, reason="A letter.", by="editor-1")
    displays.choose(one, Display.WITHHELD, by="editor-1", reason="It sells drugs.")
    about = f"restriction/{basis.pk}"
    erratum = create(subject=about, wrong_en="The shop Q was called another.", righted_en="It is shop Q.")
    payload = json.loads(LogEntry.objects.latest("pk").payload)
    assert set(payload["withheld"]) == {"wrong_en", "righted_en"}
    assert payload["after"]["subject"] == f"restriction/{basis.pk}"
    pages = ("/en/errata/", "/errata.atom?lang=en", f"/en/resources/{one.pk}/", f"/en/history/erratum/{erratum.pk}/")
    for page in (*pages, "/api/v1/errata", "/api/v1/errata?format=csv", f"/api/v1/errata/{erratum.pk}"):
        answer = client.get(page)
        text = b"".join(answer.streaming_content) if answer.streaming else answer.content
        assert answer.status_code == 200, page
        assert b"shop Q" not in text, page
        assert b"qzxv" not in text, page
    for language, name in (("en", "name withheld"), ("ru", "название не показывается"), ("kk", "атауы жарияланбайды")):
        told = client.get(f"/{language}/errata/").content.decode()
        assert f": <bdi>{name} ({one.pk})</bdi></h2>" in told  # a name that is a sentence stands apart
    assert "was put right on" in client.get(f"/en/resources/{one.pk}/").content.decode()


def test_the_feed_is_whole_and_its_ids_are_the_same_in_every_language(client: Client) -> None:
    make.erratum(make.resource("orda.kz"))
    make.erratum(righted_on="2026")
    ids = set()
    for language in ("kk", "ru", "en", "xx"):
        answer = client.get(f"/errata.atom?lang={language}")
        assert answer.headers["Content-Type"].startswith("application/atom+xml")
        feed = ElementTree.fromstring(answer.content)
        entries = feed.findall("{*}entry")
        assert len(entries) == 2
        ids.add(tuple(one.findtext("{*}id") or "" for one in entries))
        for link in feed.iter("{http://www.w3.org/2005/Atom}link"):
            assert link.attrib["href"].startswith("http")
    assert len(ids) == 1
