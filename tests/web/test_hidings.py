"""What is hidden in an emergency stands nowhere public, and the desk hides, confirms and lifts it."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from registry import editing, hiding, log, veil
from registry.ledger.__main__ import verify
from registry.models import Document, Hiding, LogEntry, Original, PublicCopy
from registry.models.hiding import TERM
from tests import make
from tests.web.test_nothing_leaks import _no_throttle, fill, leaks

__all__ = ["_no_throttle"]

pytestmark = pytest.mark.django_db

WORDS, PART = "Qzxvan Petroff", "petroff"
WHY = "Strangers asked for her at her door."
NEW = "/desk/hidings/new/"


def person(name: str, *permissions: str) -> Client:
    client = make.signed_in(Client(), make.editor(*permissions, name=name))
    client.cookies["django_language"] = "en"
    return client


def hide(words: str = WORDS, **fields: Any) -> Hiding:
    by = User.objects.get_or_create(username="editor")[0]
    return hiding.hide(**{"words": words, "kind": "danger", "reason": WHY, "by": by, **fields})


def text(client: Client, address: str, code: int = 200) -> str:
    answer = client.get(address)
    assert answer.status_code == code, address
    return (b"".join(answer.streaming_content) if answer.streaming else answer.content).decode()  # type: ignore[attr-defined]


# --- words


@pytest.mark.walk
def test_hidden_words_stand_on_no_page_in_no_table_export_feed_log_or_pack(client: Client) -> None:
    User.objects.create_user("editor")
    fill(make.resource("orda.kz"), WORDS)
    seen = leaks(client, PART, languages=["ru"])
    for part in ("/ru/acts/", "/api/v1/statements?format=csv", "history, ru", "log: ", "evidence.zip/"):
        assert any(part in place for place in seen), part  # the walk would see it
    hide(reason=f"{WORDS} is in danger.")
    assert leaks(client, PART) == []


def test_after_72_hours_they_are_shown_again(client: Client) -> None:
    make.restriction(make.resource(), make.act(), fact=f"{WORDS} ran the site.")
    make.hiding(WORDS, ago=TERM - timedelta(minutes=1))
    assert WORDS not in text(client, "/en/resources/orda.kz/")
    assert text(client, "/api/v1/restrictions").count(veil.BLACK) == 2
    Hiding.objects.update(ended_at=make.AT)
    make.hiding(WORDS, ago=TERM)
    for address in ("/en/resources/orda.kz/", "/api/v1/restrictions", "/api/v1/restrictions?format=jsonl"):
        assert WORDS in text(client, address)


def test_nothing_that_a_reader_asks_lifts_the_black(client: Client) -> None:
    make.restriction(make.resource(), make.act(number="7", scope_ordered=f"Close the site of {WORDS}."))
    hide()
    for address in (
        "/en/acts/?q={}",
        "/en/acts/?q=Close&x={}",
        "/en/acts/?x={}",
        "/en/look-up/?q=orda.kz/{}",
        "/en/resources/?q={}",
        "/en/resources/orda.kz/?q={}",
        "/api/v1/lookup?q=orda.kz/{}",
        "/api/v1/acts?x={}",
    ):
        answer = client.get(address.format("qzxvan+petroff")).content.decode()
        assert "Petroff" not in answer, address
        assert f"of {WORDS}" not in answer, address
    found = text(client, "/en/acts/?q=qzxvan+petroff")
    assert found == text(client, "/en/acts/?q=qzxvan+petraff").replace("petraff", "petroff")
    bulk = client.post("/api/v1/lookup", json.dumps({"q": ["orda.kz"]}), content_type="application/json")
    assert PART not in bulk.content.decode().casefold()
    assert veil.BLACK in bulk.content.decode()


def test_an_answer_that_was_kept_from_before_is_not_said_to_be_the_same(client: Client) -> None:
    make.restriction(make.resource(), make.act(), fact=f"{WORDS} ran the site.")
    for address in ("/api/v1/restrictions", "/en/resources/orda.kz/evidence.zip"):

        def ask(kept: str) -> Any:
            return client.get(address, HTTP_IF_NONE_MATCH=kept)  # noqa: B023

        before = ask("").headers["ETag"]
        assert ask(before).status_code == 304
        row = hide()
        now = ask(before)
        assert now.status_code == 200
        assert ask(now.headers["ETag"]).status_code == 304
        hiding.lift(row, by=row.by, reason="It is over.")
        assert ask(now.headers["ETag"]).status_code == 200
        assert ask(before).status_code == 304
        row = hiding.hide(words=WORDS, kind="danger", reason=WHY, by=User.objects.create(username=address))
        hiding.lift(row, by=row.by, reason="It is over.")
        User.objects.filter(username="editor").update(username=f"former {address}")


def test_no_page_asks_for_them_in_a_query_of_their_own(client: Client) -> None:
    make.restriction(make.resource(), make.act(), fact=f"{WORDS} ran the site.")
    for address in ("/en/resources/orda.kz/", "/en/", "/api/v1/acts"):
        counts = []
        for _ in range(2):
            with CaptureQueriesContext(connection) as asked:
                client.get(address)
            counts.append(len(asked))
            make.hiding(f"{WORDS} {address}")
        assert counts[0] == counts[1]


@pytest.mark.parametrize(
    "words", ["(q+)+$ .*Petroff", "<b>Qzxvan</b> Petroff", "Qzxvan & “Petroff” \\d", "100% Qzxvan %d"]
)
def test_signs_of_patterns_and_of_markup_are_hidden_as_they_stand(client: Client, words: str) -> None:
    fact = f"Of {words}; and the <b>rest</b> (q+)."
    make.restriction(make.resource(), make.act(), fact=fact)
    hide(words)
    page, row = text(client, "/en/resources/orda.kz/"), json.loads(text(client, "/api/v1/restrictions"))
    told = row["results"][0]["fact"]
    assert (told.startswith("Of "), told.endswith("; and the <b>rest</b> (q+).")) == (True, True)
    for part in re.findall(r"Qzxvan|Petroff", words):
        assert part not in page + told
    assert "and the &lt;b&gt;rest&lt;/b&gt; (q+)." in page


def test_a_long_text_is_read_in_little_time(client: Client) -> None:
    make.restriction(make.resource(), make.act(), fact=f"{'(q' * 200_000} {WORDS} {'Qzxvan ' * 100_000}")
    hide()
    told = json.loads(text(client, "/api/v1/restrictions"))["results"][0]["fact"]
    assert (told.count(veil.BLACK), told.count("Qzxvan")) == (2, 100_000)


# --- what everybody sees of it


def test_the_history_tells_that_something_is_hidden_by_whom_and_until_when(client: Client) -> None:
    row = hide()
    hiding.confirm(row, by=User.objects.create(username="ben"))
    listed = text(client, "/en/history/?kind=hiding")
    one = text(client, f"/en/history/hiding/{row.pk}/")
    for page in (listed, one):
        assert "idden by an editor in an emergency" in page
        assert "nother editor confirmed that it is hidden" in page
        assert "nds by itself, unless another editor confirms it" in page
        assert f"<code>editor-{row.by_id}</code>" in page
        assert "danger to somebody" in page
        assert PART not in page.casefold()
    for language in ("kk", "ru"):
        assert text(client, f"/{language}/history/hiding/{row.pk}/")


def test_the_log_verifies_while_it_is_hidden_and_after(client: Client) -> None:
    told = log.append("create", make.act(), after={"note": f"Of {WORDS}."}, reason="A letter.", by="editor-1")
    row = hide()
    for shown in (False, True):
        lines = text(client, "/api/v1/log/")
        assert (PART in lines.casefold()) is shown
        entries = [json.loads(line) for line in lines.splitlines()]
        assert [one["payload"] is None for one in entries] == [not shown, *[False] * (len(entries) - 1)]
        assert entries[0]["leaf"] == told.leaf
        assert verify(lines.splitlines())[0] == len(entries)
        if not shown:
            hiding.lift(row, by=row.by, reason=f"{WORDS} is safe.")


# --- a paper


@pytest.fixture
def paper() -> Document:
    sha256 = hashlib.sha256(b"%PDF").hexdigest()
    made = make.document("The order", key="order-7", original_hash="cd" * 32, sha256=sha256, url=f"/documents/{sha256}")
    original = Original.objects.create(
        document=made, hash="cd" * 32, size=4, box=b"box", keys=[], taken_on=make.AT.date(), taken_by="editor-1"
    )
    PublicCopy.objects.create(
        original=original, sha256=sha256, media_type="application/pdf", size=4, pages=1, data=b"%PDF",
        made_on=make.AT.date(),
    )  # fmt: skip
    act = make.act(key="act-7")
    act.documents.add(made)
    make.restriction(make.resource(), act)
    return made


def test_a_hidden_paper_is_served_to_nobody_and_its_page_says_so(client: Client, paper: Document) -> None:
    kept = client.get(paper.url).headers["ETag"]
    row = hide("", document=paper)
    for headers in ({}, {"HTTP_IF_NONE_MATCH": kept}):
        gone = client.get(paper.url, **headers)  # type: ignore[arg-type]
        assert (gone.status_code, gone.headers["Cache-Control"]) == (404, "no-store")
        assert b"%PDF" not in gone.content
    page = text(client, "/en/acts/act-7/")
    assert "hidden for now" in page
    assert f'href="{paper.url}"' not in page
    assert "hidden for now" in text(client, "/en/resources/orda.kz/evidence/")
    table = json.loads(text(client, "/api/v1/documents"))["results"][0]
    assert (table["url"], table["sha256"]) == (None, paper.sha256)
    assert "order-7" in LogEntry.objects.get().payload
    assert "The order" in text(client, f"/en/history/hiding/{row.pk}/")
    hiding.lift(row, by=row.by, reason="It is another paper.")
    assert client.get(paper.url).content == b"%PDF"


def test_a_paper_is_served_again_after_72_hours(client: Client, paper: Document) -> None:
    make.hiding(document=paper, ago=TERM)
    assert client.get(paper.url).content == b"%PDF"
    assert f'href="{paper.url}"' in text(client, "/en/acts/act-7/")


# --- the desk


def test_who_may_not_hide_sees_nothing_of_it() -> None:
    row = make.hiding(WORDS)
    addresses = (NEW, "/desk/hidings/", f"/desk/hidings/{row.pk}/")
    for client, code in ((Client(), 302), (person("other"), 403)):
        for address in addresses:
            assert client.get(address).status_code == code
            assert client.post(address, {"do": "lift", "reason": WHY, "words": WORDS}).status_code == code
    assert Hiding.objects.in_force(make.timezone.now()).count() == 1


def test_one_hides_at_the_desk_another_confirms_and_two_lift() -> None:
    ann, ben = person("ann", "add_hiding"), person("ben", "add_hiding")
    made = ann.post(NEW, {"words": WORDS, "kind": "danger", "reason": WHY}, follow=True)
    address = made.redirect_chain[-1][0]
    assert address == reverse("desk:hiding", args=[Hiding.objects.get().pk])
    assert "another person has to confirm it" in made.content.decode()
    assert 'value="confirm"' not in made.content.decode()
    assert "You hid it yourself" in ann.post(address, {"do": "confirm"}).content.decode()
    assert WORDS not in ann.get("/desk/hidings/").content.decode()
    assert WORDS in ann.get("/desk/hidings/?state=hidden").content.decode()
    assert WORDS in ben.get("/desk/hidings/").content.decode()
    assert "It stays hidden." in ben.post(address, {"do": "confirm"}, follow=True).content.decode()
    lift = {"do": "lift", "reason": WHY}
    assert "Write the reason" in ben.post(address, lift | {"reason": " "}).content.decode()
    assert "when another person agrees" in ben.post(address, lift, follow=True).content.decode()
    assert WORDS in ann.get("/desk/hidings/").content.decode()
    assert "It is shown again." in ann.post(address, lift, follow=True).content.decode()
    assert "It is not hidden any more." in ann.post(address, lift).content.decode()
    assert WORDS in ben.get("/desk/hidings/?state=shown").content.decode()
    assert ann.post(address, {"do": "dance"}).status_code == 409


def test_confirming_and_lifting_ask_for_a_fresh_code_and_hiding_does_not() -> None:
    ann, ben = make.stale(person("ann", "add_hiding")), make.stale(person("ben", "add_hiding"))
    assert ann.post(NEW, {"words": WORDS, "kind": "danger", "reason": WHY}).status_code == 302
    address = reverse("desk:hiding", args=[Hiding.objects.get().pk])
    for do in ("confirm", "lift"):
        asked = ben.post(address, {"do": do, "reason": WHY}).content.decode()
        assert 'name="one_time_code"' in asked
        assert WHY in asked
    row = Hiding.objects.get()
    assert (row.confirmed_by, row.ended_at) == (None, None)
    code = make.code_of(User.objects.get(username="ben"))
    assert ben.post(address, {"do": "confirm", "one_time_code": code}).status_code == 302
    assert Hiding.objects.get().confirmed_by == User.objects.get(username="ben")


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"words": ""},
        {"words": "restriction"},
        {"words": "x" * 2_000_000},
        {"words": "Қа\u0000лиев Ержан"},
        {"words": "<b>a</b>"},
        {"document": "no-such-key"},
        {"document": "a\u0000b"},
        {"words": WORDS, "kind": "boredom"},
        {"words": WORDS, "reason": " . "},
    ],
)
def test_what_cannot_be_hidden_is_refused_in_words_and_stays_in_the_form(fields: dict[str, str]) -> None:
    answer = person("ann", "add_hiding").post(NEW, {"kind": "danger", "reason": WHY, **fields})
    assert answer.status_code == 400
    page = answer.content.decode()
    assert "This was not sent yet" in page
    assert all(f'id="{anchor}"' in page for anchor in re.findall(r'<li><a href="#([^"]*)"', page))
    assert not Hiding.objects.exists()
    assert not LogEntry.objects.exists()


def test_the_page_of_a_record_at_the_desk_leads_there(paper: Document) -> None:
    client = person("ann", "add_hiding", "view_document", "view_act", "view_resource")
    act = paper.acts.get()
    for row, address in ((paper, f"{NEW}?document=order-7"), (act, NEW), (act.restrictions.get().resource, NEW)):
        page = client.get(reverse(f"admin:registry_{row._meta.model_name}_change", args=[row.pk])).content.decode()  # type: ignore[attr-defined]
        assert f'href="{address}"' in page
    form = client.get(f"{NEW}?document=order-7").content.decode()
    assert 'value="order-7"' in form
    made = client.post(NEW, {"document": "order-7", "kind": "personal_data", "reason": WHY}, follow=True)
    assert "The order" in made.content.decode()
    assert editing.is_public(paper)
