"""The record at the desk: every table can be added to, corrected, withdrawn and restored, after a look at the log."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import sync_playwright

from registry import editing, proposals
from registry.models import Act, Display, Document, LogEntry, Proposal, Resource, Restriction, Source, Statement
from registry.models.withdrawal import Withdrawable
from registry.proposals import Operation
from tests import make
from tests.conftest import CHROMIUM_FLAGS
from tests.web.test_every_page import RULES

pytestmark = pytest.mark.django_db

MODELS = [model._meta.model_name or "" for model in editing.EDITABLE]

WHY = {"reason": "A letter says so."}


@pytest.fixture
def desk(client: Client) -> Client:
    able = [f"{can}_{model}" for model in MODELS for can in ("view", "change")]
    make.signed_in(client, make.editor(*able))
    client.cookies["django_language"] = "en"
    return client


def address(act: str, row: Any) -> str:
    model = row if isinstance(row, type) else type(row)
    name = f"admin:registry_{model._meta.model_name}_{act}"
    return reverse(name) if act in ("new", "changelist") else reverse(name, args=[row.pk])


def shown(page: str) -> dict[str, Any]:
    """What the form of a page would send if nobody touched it."""
    sent: dict[str, Any] = {}
    for tag in re.findall(r"<input [^>]+>", page):
        found = {name: html.unescape(value) for name, value in re.findall(r'(\w+)="([^"]*)"', tag)}
        if found.get("type") in ("checkbox",):
            if " checked" in tag:
                sent.setdefault(found["name"], []).append(found.get("value", "on"))
        elif "name" in found and found.get("type") != "submit":
            sent[found["name"]] = found.get("value", "")
    for name, text in re.findall(r'<textarea name="(\w+)"[^>]*>\n?(.*?)</textarea>', page, re.DOTALL):
        sent[name] = html.unescape(text).replace("\n", "\r\n")  # as browsers do
    for name, options in re.findall(r'<select name="(\w+)"[^>]*>(.*?)</select>', page, re.DOTALL):
        sent[name] = [html.unescape(one) for one in re.findall(r'value="([^"]*)" selected', options)] or [""]
    sent.pop("csrfmiddlewaretoken", None)
    return sent


def send(desk: Client, where: str, **fields: Any) -> Any:
    """Fill the form in, look at what the log will tell, propose it, and let another editor agree."""
    sent = shown(desk.get(where).content.decode()) | WHY | fields
    before = LogEntry.objects.count()
    looked = desk.post(where, sent).content.decode()
    assert LogEntry.objects.count() == before
    assert 'name="confirm"' in looked, re.findall(r'class="errors".*?</ul>', looked, re.DOTALL)
    return agree(desk.post(where, shown(looked) | {"confirm": "Propose it"}))


def agree(proposed: Any, **fields: str) -> Any:
    """Another editor looks at what was proposed, types its name where she is asked to, and agrees."""
    assert proposed.status_code == 302
    second = User.objects.get_or_create(username="second", is_superuser=True, is_staff=True)[0]
    other = make.signed_in(Client(), second)
    other.cookies["django_language"] = "en"
    page = other.get(proposed.headers["Location"]).content.decode()
    asked = re.search(r'<label for="typed">Type (.*?)</label>', page)
    sent = shown(page) | {"do": "approve", "typed": asked[1] if asked else ""}
    return other.post(proposed.headers["Location"], sent | fields, follow=True)


def one_of_each() -> dict[type[Withdrawable], Any]:
    act = make.act(by=make.authority(), text="Жабылсын.\nБүгін.", language="kk", note="one\n\ntwo")
    act.documents.add(make.document())
    row = make.restriction(make.resource(), act, kind="court", kind_reason="A court.", event=make.event())
    row.grounds.add(make.ground())
    row.sources.add(make.source())
    row.networks.add(make.network())
    row.roles.create(authority=make.authority(), role="unknown")
    make.appeal(act, restriction=row, body=make.authority())
    make.statement(row)
    make.notice(resource=row.resource)
    make.figure(ground=make.ground())
    row.field_sources.create(field="began", source=make.source())
    make.erratum(row)
    return {model: model._default_manager.get() for model in editing.EDITABLE}


def test_a_form_that_nobody_touched_changes_nothing_in_any_table(desk: Client) -> None:
    for model, row in one_of_each().items():
        where = address("correct", row)
        answer = desk.post(where, shown(desk.get(where).content.decode()) | WHY)
        assert "Nothing would change" in answer.content.decode(), model
    assert not LogEntry.objects.exists()


def test_the_form_of_a_paper_that_we_took_in_asks_for_nothing_of_its_copy(desk: Client) -> None:
    paper = make.document(original_hash="ab" * 32, url=f"/documents/{'cd' * 32}", sha256="cd" * 32)
    where = address("correct", paper)
    asked = shown(desk.get(where).content.decode())
    assert {"title", "language"} <= set(asked)
    assert not {*Document.OF_THE_COPY, "pages", "taken_on", "original_hash", "redactions"} & set(asked)
    send(desk, where, title="The order of the court")
    paper.refresh_from_db()
    assert (paper.title, paper.sha256, paper.url) == ("The order of the court", "cd" * 32, f"/documents/{'cd' * 32}")


@pytest.mark.parametrize("language", ["kk", "ru", "en"])
def test_every_page_of_the_desk_that_edits_opens_in_each_language(desk: Client, language: str) -> None:
    desk.cookies["django_language"] = language
    for model, row in one_of_each().items():
        for act in ("new", "correct", "withdraw", "restore", "change", "changelist"):
            answer = desk.get(address(act, model if act in ("new", "changelist") else row))
            assert answer.status_code == 200, (model, act)
            assert f'lang="{language}"' in answer.content.decode()


def test_a_restriction_is_added_with_its_links_and_told_in_the_log(desk: Client) -> None:
    one, act, source = make.resource(), make.act(), make.source(url="https://news.example.org/1")
    make.authority()
    make.ground()
    answer = send(
        desk,
        f"{address('new', Restriction)}?resource={one.pk}",
        kind="production",
        kind_reason="Nobody admits it.",
        began="2026-01-04",
        acts=act.key,
        sources=f"https://news.example.org/1\r\n{source.pk}",
        decided="mki",
        grounds=["fraud"],
    )
    row = Restriction.objects.get()
    assert answer.redirect_chain[-1][0] == f"/desk/proposals/{Proposal.objects.get().pk}/"
    assert f'href="{address("change", row)}"' in answer.content.decode()
    assert (row.resource, row.kind, list(row.acts.all()), list(row.sources.all())) == (
        one, "production", [act], [source],
    )  # fmt: skip
    assert [(part.role, part.authority.code) for part in row.roles.all()] == [("decided", "mki")]
    assert LogEntry.objects.get(subject=f"restriction/{row.pk}").operation == "create"


def test_a_correction_is_shown_before_it_is_done(desk: Client) -> None:
    row = make.act("1")
    where = address("correct", row)
    sent = shown(desk.get(where).content.decode()) | WHY | {"number": "2-b"}
    page = desk.post(where, sent).content.decode()
    assert re.search(r"<del>1</del></td><td[^>]*><ins>2-b</ins>", page)
    assert Act.objects.get().number == "1"
    confirmed = shown(page) | {"confirm": "Propose it"}
    again = desk.post(where, confirmed | {"number": "3"}).content.decode()
    assert "<ins>3</ins>" in again  # what is confirmed is what was shown
    assert Act.objects.get().number == "1"
    proposed = desk.post(where, confirmed)
    assert Act.objects.get().number == "1"
    agree(proposed)
    assert Act.objects.get().number == "2-b"


def test_mistakes_stand_beside_their_fields(desk: Client) -> None:
    page = desk.post(
        address("new", Statement), {**WHY, "speaker": "x", "source": "77", "date": "soon"}
    ).content.decode()
    rows = {
        found[1]: row
        for row in page.split('<div class="field')
        if 'class="error"' in row and (found := re.search(r' name="(\w+)"', row))
    }
    assert rows.keys() == {"key", "stance", "source", "date"}
    assert "Fill this in." in rows["key"]
    assert "The register has no “77”." in rows["source"]
    assert not Statement.objects.exists()


def test_who_looked_before_somebody_else_changed_it_is_told_to_look_again(desk: Client) -> None:
    row = make.act("1")
    where = address("correct", row)
    sent = shown(desk.get(where).content.decode()) | WHY | {"number": "2"}
    editing.correct(row, {"note": "x"}, by="editor-9", reason="Found.", seen=editing.state_of(row))
    page = desk.post(where, sent).content.decode()
    assert "Look at it again before you decide." in page
    assert f'<a href="{where}">Look at it again</a>' in page
    assert 'name="confirm"' not in page


def test_it_is_withdrawn_and_restored_with_a_reason(desk: Client) -> None:
    row = make.notice()
    send(desk, address("withdraw", row), reason="It was another firm.", typed=row.key)
    row.refresh_from_db()
    assert row.withdrawn == "It was another firm."
    page = desk.get(address("change", row)).content.decode()
    assert "It was another firm." in page
    assert address("restore", row) in page
    assert address("correct", row) not in page
    send(desk, address("restore", row))
    row.refresh_from_db()
    assert row.withdrawn == ""
    assert [entry.operation for entry in LogEntry.objects.all()] == ["withdraw", "restore"]


def test_what_still_rests_on_it_is_named(desk: Client) -> None:
    body = make.authority()
    act = make.act(by=body)
    page = desk.post(address("withdraw", body), {**WHY, "typed": body.code}).content.decode()
    assert f"act/{act.pk}" in page
    assert not LogEntry.objects.exists()


def test_the_preview_says_what_is_kept_back(desk: Client) -> None:
    one = make.resource("qzxv.kz", display=Display.WITHHELD)
    row = make.restriction(one)
    where = address("correct", row)
    sent = shown(desk.get(where).content.decode()) | WHY | {"fact": "It was closed."}
    page = desk.post(where, sent).content.decode()
    section = page[page.index('role="status"') : page.index("</section>")]
    assert "It was closed." not in section
    assert "Kept back" in section


def test_a_ground_that_hides_the_name_is_told_in_the_preview(desk: Client) -> None:
    row = make.restriction(make.resource("qzxv.kz"))
    make.ground("drugs", Display.WITHHELD)
    where = address("correct", row)
    sent = shown(desk.get(where).content.decode()) | WHY | {"grounds": ["drugs"]}
    page = desk.post(where, sent).content.decode()
    assert "How much of the name is shown changes with it:" in page
    assert "<ins>the name is withheld</ins>" in page
    assert Resource.objects.get().display == Display.FULL


def test_what_takes_something_away_asks_for_its_name(desk: Client) -> None:
    row = make.notice()
    page = desk.post(address("withdraw", row), {**WHY, "typed": "another"}).content.decode()
    assert f"Type exactly {row.key}" in page
    asked = {**WHY, "typed": row.key}
    looked = shown(desk.post(address("withdraw", row), asked).content.decode())
    answer = agree(desk.post(address("withdraw", row), looked | {"confirm": "Propose it"}), typed="another")
    assert answer.status_code == 409
    row.refresh_from_db()
    assert not row.withdrawn


def test_an_act_that_is_there_already_is_offered_to_be_joined(desk: Client) -> None:
    act = make.act("9-A", date="2026-01")
    sent = {**WHY, "key": "act-9", "type": "order", "number": "9-a", "date": "2026-01", "confidence": "low"}
    page = desk.post(address("new", Act), sent).content.decode()
    assert "This may be an act that is there already." in page
    assert f'href="{address("change", act)}"' in page
    ann, ben = (make.editor("view_act", "change_act", name=name) for name in ("ann", "ben"))
    fields = {key: sent[key] for key in ("type", "number", "date")}
    first, second = (
        proposals.propose(Operation.CREATE, Act, {**fields, "key": key}, by=ann, reason="A letter.")
        for key in ("act-9", "act-10")
    )
    make.signed_in(desk, ben)
    page = desk.get(f"/desk/proposals/{second.pk}/").content.decode()
    assert "This may be an act that is there already." in page
    assert f'href="{address("change", act)}"' in page
    assert f'href="/desk/proposals/{first.pk}/">act-9</a>' in page
    assert f'href="/desk/proposals/{second.pk}/"' not in page


@pytest.mark.parametrize("act", ["new", "correct", "withdraw", "restore"])
def test_without_permission_nobody_edits(client: Client, act: str) -> None:
    row = make.act("1")
    make.signed_in(client, make.editor("view_act", "change_notice"))
    where = address(act, Act if act == "new" else row)
    assert client.get(where).status_code == client.post(where, {**WHY, "number": "2"}).status_code == 403
    for page in (address("changelist", Act), address("change", row)):
        assert f'href="{where}"' not in client.get(page).content.decode()
    client.logout()
    assert client.get(where).status_code == 302


def test_an_address_of_a_source_that_nobody_has_is_said_to_be_unknown(desk: Client) -> None:
    row = make.act("1")
    where = address("correct", row)
    sent = shown(desk.get(where).content.decode()) | WHY | {"sources": "https://nobody.example.org/"}
    assert "The register has no “https://nobody.example.org/”." in desk.post(where, sent).content.decode()
    send(desk, address("new", Source), url="https://nobody.example.org/")
    send(desk, where, sources="https://nobody.example.org/")
    assert row.sources.get().url == "https://nobody.example.org/"


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("language", ["kk", "ru", "en"])
def test_the_form_is_open_to_everybody_and_works_from_the_keyboard(
    live_server: Any, chromium: str, desk: Client, language: str
) -> None:
    """Only looked at, not recorded: what the log holds, no test in a browser takes back."""
    row = make.restriction(make.resource(), make.act(), kind="court", kind_reason="A court.", fact="Closed.")
    found: list[str] = []

    def complain(message: Any) -> None:
        found.append(message.text)

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
        page = browser.new_page()
        cookies = {"sessionid": desk.cookies["sessionid"].value, "django_language": language}
        page.context.add_cookies(
            [{"name": name, "value": value, "url": live_server.url} for name, value in cookies.items()]
        )
        page.on("console", complain)
        page.goto(f"{live_server.url}{address('correct', row)}")
        page.focus("#id_fact")
        page.keyboard.press("End")
        page.keyboard.type(" Again.")
        page.fill("#id_reason", "A letter says so.")
        page.focus("main form > p button[type=submit]")
        page.keyboard.press("Enter")
        page.wait_for_selector("button[name=confirm]")
        assert page.inner_text("ins") == "Closed. Again."
        page.remove_listener("console", complain)  # axe itself breaks the policy
        answer = Axe().run(page, options={"runOnly": sorted(RULES)})
        found += [f"{one['id']} {one['nodes'][0]['html']}" for one in answer.response["violations"]]
        for width in (360, 1280):
            page.set_viewport_size({"width": width, "height": 800})
            if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                found.append(f"wider than {width} px")
        browser.close()
    assert not found


def test_a_preview_speaks_of_a_record_as_it_is_and_in_words(desk: Client) -> None:
    row = make.notice(about="TikTok")
    looked = desk.post(address("withdraw", row), {"reason": "It was another firm.", "typed": row.key}).content.decode()
    assert f"<p><bdi>{row}</bdi></p>" in looked  # not yet withdrawn
    assert f"<ins>{timezone.localdate():%-d %B %Y}</ins>" in looked
    basis = make.restriction(make.resource(), kind="court", kind_reason="A court.")
    where = address("correct", basis)
    sent = shown(desk.get(where).content.decode()) | WHY | {"kind": "unknown", "kind_reason": ""}
    looked = desk.post(where, sent).content.decode()
    assert re.search(r"<del>court</del></td><td[^>]*><ins>kind not known</ins></td>", looked)
    assert f"<p><bdi>{basis}</bdi></p>" in looked
