"""What must not be advertised stands nowhere: every page, every table, every export, the log, the receipt."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from io import BytesIO
from typing import Any
from urllib.parse import quote, unquote
from zipfile import ZipFile

import pytest
from django.contrib.auth.models import User
from django.test import Client

from checks.engine.records import Measurement as Record
from checks.engine.records import SelfTest
from checks.models import Measurement, State, Target
from registry import describing, displays, log, merging, moderation, status, submissions, veil
from registry.api.urls import router
from registry.ledger.__main__ import verify
from registry.models import Act, Display, Event, FieldSource, InformationRequest, LogEntry, Resource
from registry.web.register import Filters
from tests import make
from tests.verdict.make import exchange
from tests.web.test_every_page import walk

pytestmark = pytest.mark.django_db

SECRET = "qzxv-shop"
PATH = "price-qzxv-list"


def record_of(url: str) -> Record:
    return Record("0195", url, "2026-03-01T11:00:00Z", 0.1, "tizilim-engine/0", "certifi", "real", False)


def fill(one: Resource, words: str) -> None:
    """Everything that may be recorded about a resource, and each text names it."""
    source = make.source(f"How {words} was closed", url=f"https://news.example.org/{words}")
    decided = make.act(by=make.authority(), scope_ordered=f"Close {words}", note=f"It is {words}")
    decided.sources.add(source)
    event = Event.objects.create(key="a-wave", type="wave", name_kk="Т", name_ru="В", name_en="Wave", fact=words)
    event.sources.add(source)
    basis = make.restriction(
        one, decided, kind="court", kind_reason=f"A court closed {words}", fact=f"{words} was closed",
        authority_as_written=f"Court of {words}", networks_as_written=f"all, for {words}", scope_ordered=words,
        scope_observed=words, event=event, conflicting=True,
    )  # fmt: skip
    basis.sources.add(source)
    make.statement(basis, words=f"We closed {words}.", source=source)
    make.listing(one, address=one.name, category=words, court=words, act_ref=words)
    for table, row in (("restriction", basis), ("resource", one), ("act", decided), ("event", event)):
        log.append("create", row, after={"fact": f"{table} {words}"}, reason=f"seen at {words}", by="editor-1")
    networks = [make.network(9198), make.network(13082)]
    below = f"https://deep.below.{one.host}/"
    for url in (one.targets.get().url, f"http://{one.host}/", f"https://www.{one.host}/elsewhere", below):
        target = make.target(url)
        for network in networks:
            made = make.measurement(record_of(url), target, by=make.run(network.vantages.get()))
            make.verdict(made)
            make.cell(target, network, State.BLOCKED, witnesses=[str(made.pk)])
            row = make.episode(target, network, State.BLOCKED, witnesses=[str(made.pk)])
            if target in one.targets.all():
                moderation.dispute(row, by=User.objects.get(), reason=f"{words} moved.")
    paper = make.document(title=f"Order on {words}", url=f"https://papers.example.org/{words}.pdf")
    decided.documents.add(paper)
    for about in (basis, None):
        step = make.appeal(decided, restriction=about, note=f"The owner of {words} was not told.")
        step.sources.add(source)
        step.documents.add(make.document(title=f"Appeal of {words}", url=f"https://papers.example.org/a/{words}.pdf"))
    Act.objects.filter(pk=decided.pk).update(text=f"{words} жабылсын.", language="kk")
    notice = make.notice(
        resource=one,
        about=words,
        fact=f"{words} may be closed",
        source=source,
        bound=f"staff of {words}",
        alternative=f"not {words}",
        speaker=f"the owner of {words}",
    )
    for field in ("fact", "acts"):
        FieldSource.objects.create(restriction=basis, field=field, source=source)
    FieldSource.objects.create(act=decided, field="number", source=source)
    FieldSource.objects.create(event=event, field="fact", source=source)
    make.statement(basis, stance="admits", speaker=f"owner of {words}", words=f"{words} is closed.", source=source)
    make.statement(basis, stance="denies", words=f"{words} is open.", source=source)
    for stance in ("admits", "denies"):
        make.statement(event, stance=stance, words=f"Of {words}: {stance}.", source=source)
    answered = {
        "kind": "answered",
        "date": "2026-03-02",
        "reply": "formal",
        "note": f"They say {words} is bad.",
        "document_url": f"https://papers.example.org/r/{words}.pdf",
        "source": source,
    }
    texts = {
        "text": f"Why is {words} closed?",
        "note": f"About {words}",
        "addressee": f"Who closed {words}",
        "source": source,
    }
    asked = [
        make.request(one, ("sent", "2026-02-02"), answered, **texts),
        make.request(None, ("sent", "2026-02-02"), answered, restriction=basis, **texts),
        make.request(None, ("sent", "2026-02-02"), answered, event=event, **texts),
    ]
    InformationRequest.objects.filter(pk=asked[0].pk).update(withdrawn=f"{words} opened again.")
    make.figure()
    for row in (one, basis, decided, event, step, notice, paper):
        make.erratum(row, wrong_en=f"{words} was called a shop.", righted_en=f"{words} is named right.")
    whole = one.name if one.type == "url" else f"https://{one.host}/"
    make.snapshot(
        make.entry(1, whole, name=f"Shop {words}", categoryname=f"About {words}", courtname=f"Court of {words}"),
        on="2025-03-17",
    )
    make.snapshot(make.entry(1, whole, name=f"{words} again"), on="2025-03-18")
    make.snapshot(make.entry(2, "https://another.kz/"), on="2025-03-19")
    rows = {
        "appeal": step,
        "document": paper,
        "notice": notice,
        "informationrequest": asked[0],
        "requeststep": asked[1].steps.first(),
        "fieldsource": FieldSource.objects.first(),
    }
    for table, row in rows.items():
        log.append("create", row, after={"note": f"{table} {words}"}, reason=f"seen at {words}", by="editor-1")
    status.count(at=make.AT)
    make.alarm(one)
    make.alarm(one, kind="collateral", act=decided, pages=2)
    make.resource("a service", type="service")
    Resource.objects.filter(pk=one.pk).update(service=Resource.objects.get(type="service"))
    key = re.sub(r"\W+", "-", words)
    keyed = (decided, event, *asked, *basis.statements.all(), *event.statements.all(), notice, paper, step)
    for number, row in enumerate(keyed):
        type(row).objects.filter(pk=row.pk).update(key=f"{number}-{key}")
    elsewhere(words)


def elsewhere(words: str) -> None:
    """What is about another site, and names this one all the same, in any spelling."""
    other = make.resource("other.kz")
    spelled = " ".join((words, f"www.{words}", quote(quote(words)), quote(words.replace(".", "%2E"), safe="%")))
    spelled += f" or {words.replace('.', ' dot ')} or {words.replace('.', ' [.] ')} or 1-{words} or {words}"
    spelled += "-ті" if "/" not in words else ""
    copy = quote(f"https://{words}/", safe="")
    titled = make.source(f"Other.kz and {spelled}", url=f"https://archive.example.org/?url={copy}")
    act = make.act(scope_ordered=f"Close other.kz as {words}", note=spelled)
    basis = make.restriction(other, act, fact=f"Closed with {spelled}", scope_observed=f"as {words}", kind="court")
    basis.sources.add(titled)
    make.statement(basis, speaker=f"owner of other.kz, not of {words}", words=spelled, source=titled)
    make.notice(about=f"{words} and others", fact=spelled, source=titled)
    make.event("another-wave", name=f"The wave after {words}", fact=spelled)
    for about in (other, None):
        make.erratum(about, wrong_ru=f"Спутали с {spelled}", righted_ru=f"Это не {words}", wrong_en="", righted_en="")
    log.append("create", other, after={"fact": f"closed with {spelled}"}, reason=f"see {words}", by="editor-1")
    test = SelfTest("2026-03-01T11:00:00Z", must_allow=((words, True),), must_block=((f"www.{words}", False),))
    make.run(make.vantage(), self_test=test.as_json(), recorded_at=make.AT)


LANGUAGES = ("kk", "ru", "en")


def everything_shown(client: Client, languages: Sequence[str] = LANGUAGES) -> dict[str, str]:
    """Every page of these languages and every answer of the API, by address."""
    shown = {}
    for language in languages:
        pages = walk(client, f"/{language}/")
        pages |= {f"{address} → ": answer for address, answer in pages.items() if answer.status_code in (301, 302)}
        for address, answer in pages.items():
            shown[address] = answer.content.decode() + str(answer.headers)
            if address.endswith("/evidence/") and "?" not in address:
                shown |= _pack(client, address.removesuffix("/") + ".zip")
        for feed in ("history", "errata"):
            shown[f"{feed}, {language}"] = _text(client.get(f"/{feed}.atom?lang={language}"))
    for prefix, _view, _name in router.registry:
        shown |= _table(client, f"/api/{prefix}")
    shown["calendar"] = _text(client.get("/requests.ics"))
    shown["log"] = _text(client.get("/api/v1/log/"))
    shown["stats"] = _text(client.get("/api/v1/stats"))
    return shown


def _table(client: Client, address: str) -> dict[str, str]:
    answer = client.get(address)
    found = {address: _text(answer)}
    for row in answer.json()["results"]:
        one = f"{address}/{row['id']}"
        found[one] = _text(client.get(one))
        assert found[one], one
    for format in ("csv", "jsonl"):
        found[f"{address}?format={format}"] = _text(client.get(f"{address}?format={format}"))
    if address.endswith("measurements"):
        found["records"] = _text(client.get(f"{address}?format=jsonl&records=1"))
        found["ooni"] = _text(client.get(f"{address}?format=jsonl&records=ooni"))
    return found


def _pack(client: Client, address: str) -> dict[str, str]:
    """Every file of an evidence pack, by its name."""
    answer = client.get(address)
    assert answer.status_code == 200, address
    with ZipFile(BytesIO(b"".join(answer.streaming_content))) as archive:
        assert "page.html" in {name.rpartition("/")[2] for name in archive.namelist()}
        return {f"{address}/{name}": archive.read(name).decode() + str(answer.headers) for name in archive.namelist()}


def _text(answer: Any) -> str:
    body = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return body.decode() + str(answer.headers)


def leaks(client: Client, *secrets: str, languages: Sequence[str] = LANGUAGES) -> list[str]:
    any_of = re.compile("|".join(map(re.escape, secrets)), re.IGNORECASE)
    return [
        f"{address}: …{text[max(0, at.start() - 80) : at.end() + 40]}…"
        for address, answer in everything_shown(client, languages).items()
        for text in {answer, unquote(unquote(answer))}
        if (at := any_of.search(address + text))
    ]


@pytest.fixture
def _editor() -> None:
    User.objects.create_user("editor")


@pytest.fixture(autouse=True)
def _no_throttle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("registry.api.views.Door.throttle_classes", [])
    monkeypatch.setattr("registry.api.views.Table.get_throttles", lambda self: [])
    monkeypatch.setattr("registry.api.views.Log.throttle_classes", [])
    monkeypatch.setattr("registry.api.throttles.Exports.rate", "10000/hour")


@pytest.mark.walk
@pytest.mark.usefixtures("_editor")
@pytest.mark.parametrize(
    ("through", "languages"), [("own choice", LANGUAGES), ("category", ["ru"]), ("ground", ["kk"])]
)
def test_a_withheld_name_stands_nowhere_even_where_it_was_logged_before(
    client: Client, through: str, languages: Sequence[str]
) -> None:
    one = make.resource(f"{SECRET}.kz")
    fill(one, f"{SECRET}.kz")
    if through == "own choice":  # the walk would see it, in packs too
        assert any("evidence.zip/" in place for place in leaks(client, SECRET, languages=["en"]))
    if through == "own choice":
        displays.choose(one, Display.WITHHELD, by="editor-1", reason="It sells drugs.")
    elif through == "category":
        make.category("ALDR", Display.WITHHELD)
        displays.categorise(one, "ALDR", by="editor-1", reason="It sells drugs.")
    else:
        one.restrictions.get().grounds.add(make.ground("drugs", Display.WITHHELD))
        displays.refresh([one.pk], by="editor-1", reason="A ground was added.")
    assert leaks(client, SECRET, languages=languages) == []
    page = client.get(f"/en/resources/{one.pk}/")
    assert page.status_code == 200
    assert f"name withheld ({one.pk})" in page.content.decode()


@pytest.mark.walk
@pytest.mark.usefixtures("_editor")
def test_of_a_page_whose_domain_alone_is_shown_the_path_stands_nowhere(client: Client) -> None:
    one = make.resource(f"https://shop.kz/{PATH}")
    fill(one, f"shop.kz/{PATH}")
    displays.choose(one, Display.DOMAIN_ONLY, by="editor-1", reason="The page offers drugs.")
    assert leaks(client, PATH, one.slug) == []
    assert "shop.kz" in client.get(f"/en/resources/{one.pk}/").content.decode()


@pytest.mark.walk
@pytest.mark.usefixtures("_editor")
def test_an_app_that_is_withheld_is_named_nowhere(client: Client) -> None:
    one = make.resource("Qzxv Market", type="app")
    basis = make.restriction(one, make.act(), fact="Qzxv Market was closed")
    basis.sources.add(make.source("Qzxv Market closed", url="https://news.example.org/qzxv-market"))
    displays.choose(one, Display.WITHHELD, by="editor-1", reason="It sells drugs.")
    assert leaks(client, "qzxv") == []


@pytest.mark.usefixtures("_editor")
def test_no_address_filter_and_no_search_finds_a_withheld_name(client: Client) -> None:
    one = make.resource(f"{SECRET}.kz", display=Display.WITHHELD)
    make.restriction(one, make.act(scope_ordered=f"Close {SECRET}.kz"))
    for question in (f"resources?host={SECRET}.kz", f"resources?slug={SECRET}.kz", f"targets?host={SECRET}.kz"):
        assert client.get(f"/api/v1/{question}").json()["results"] == []
    assert "/en/acts/act-" not in client.get(f"/en/acts/?q={SECRET}").content.decode()
    assert "No entry fits" in client.get(f"/en/resources/?q={SECRET}").content.decode()


NOBODY = "qzxv-shap"  # as long, and in no table


@pytest.mark.usefixtures("_editor")
@pytest.mark.parametrize(
    "question",
    [
        "/en/resources/{}.kz/",
        "/en/resources/old-{}.kz/",
        "/en/resources/{}.kz/evidence/",
        "/en/resources/old-{}.kz/evidence/",
        "/en/resources/{}.kz/evidence.zip",
        "/en/look-up/?q={}.kz",
        "/en/look-up/?q=https://www.{}.kz/a",
        "/en/look-up/?q=http://{}.kz",
        "/en/look-up/?q=https://shop.kz/{}",
        "/kk/resources/?q={}.kz",
        "/en/acts/?q={}.kz",
        "/en/acts/?q={}",
        "/en/matrix/?q={}.kz",
        "/api/v1/lookup?q={}.kz",
        "/api/v1/lookup?q=https://{}.kz/price",
        "/api/v1/lookup?q=a.b.{}.kz",
        "/api/v1/lookup?q=https://shop.kz/{}",
        "/api/v1/resources?host={}.kz",
        "/api/v1/resources?slug={}.kz",
        "/api/v1/targets?host=www.{}.kz",
    ],
)
def test_a_withheld_name_is_answered_like_one_that_nobody_knows(client: Client, question: str) -> None:
    one = make.resource(f"{SECRET}.kz")
    fill(one, f"{SECRET}.kz")
    make.resource("shop.kz")
    make.resource(f"https://shop.kz/{SECRET}", display=Display.WITHHELD)
    merging.merge(make.resource(f"old-{SECRET}.kz"), one, by="editor-1", reason="The same shop.")
    displays.choose(one, Display.WITHHELD, by="editor-1", reason="It sells drugs.")
    answer, other = client.get(question.format(SECRET)), client.get(question.format(NOBODY))
    assert answer.status_code == other.status_code
    assert answer.content.decode().replace(SECRET, NOBODY) == other.content.decode()


def test_no_place_in_a_list_tells_the_letters_of_a_withheld_name(client: Client) -> None:
    network, by = make.network(9198), make.act()
    for name in ("m.kz", "a.kz", "z.kz"):
        make.cell(make.resource(name, display=Display.WITHHELD if name == "a.kz" else ""), network, State.BLOCKED)
        make.restriction(Resource.objects.get(name=name), by)
    status.count(at=make.AT)
    for page in ("resources/", "resources/?sort=-created", "matrix/", "networks/9198/", f"acts/{by.key}/"):
        shown = client.get(f"/en/{page}").content.decode()
        names = re.findall(r"<bdi>(m\.kz|z\.kz|name withheld)", shown)
        assert names[-1] == "name withheld" or "created" in page, page
    Resource.objects.update(created_at=make.AT)
    assert [one.name for one in Filters({"sort": "-created"}, status.cross_table()).rows()] == ["m.kz", "z.kz", "a.kz"]
    assert [one.name for one in Filters({"sort": "-began"}, status.cross_table()).rows()] == ["m.kz", "z.kz", "a.kz"]


def test_nothing_ties_a_withheld_site_to_its_service(client: Client) -> None:
    service = make.resource("The Shop", type="service")
    mirrors = [make.resource(f"{name}.kz", display=shown) for name, shown in ((SECRET, "withheld"), ("mirror", ""))]
    by: Any = {"by": "editor-1", "reason": "One shop."}
    for one in mirrors:
        describing.describe(one, service=service, languages=[], condition="", condition_since="", **by)
    payloads = [json.loads(line)["payload"] for line in _text(client.get("/api/v1/log/")).splitlines()[:2]]
    assert json.loads(payloads[0])["withheld"] == ["service"]
    assert f'"service":{service.pk}' in payloads[1]
    rows = {row["id"]: row["service"] for row in client.get("/api/v1/resources").json()["results"]}
    assert [rows[one.pk] for one in mirrors] == [None, service.pk]
    found = client.get(f"/api/v1/resources?service={service.pk}").json()["results"]
    assert [row["id"] for row in found] == [mirrors[1].pk]
    page = client.get(service.get_absolute_url()).content.decode()
    assert "mirror.kz" in page
    assert "name withheld" not in page
    assert "The Shop" not in client.get(mirrors[0].get_absolute_url()).content.decode()


@pytest.mark.usefixtures("_editor")
def test_a_receipt_shows_no_more_than_the_register(client: Client) -> None:
    receipt = submissions.receive(f"https://{SECRET}.kz/a", at=make.AT)
    one = moderation.accept(receipt.report, by=User.objects.get(), reason="It does not open.")
    make.verdict(make.measurement(record_of(receipt.report.name), receipt.report.target))
    displays.choose(one, Display.WITHHELD, by="editor-1", reason="It sells drugs.")
    page = client.post("/en/receipt/", {"code": receipt.code}).content.decode()
    assert f"name withheld ({one.pk})" in page
    assert SECRET not in page
    assert client.get(f"/api/v1/reports/{receipt.code}").json()["name"] is None


@pytest.mark.usefixtures("_editor")
@pytest.mark.parametrize("name", [f"https://{SECRET}.kz/a", f"shop.{SECRET}.kz", f"http://{SECRET}.kz/"])
def test_a_receipt_that_waits_shows_no_more_either(client: Client, name: str) -> None:
    make.resource(f"{SECRET}.kz", display=Display.WITHHELD)
    receipt = submissions.receive(name, at=make.AT)
    make.verdict(make.measurement(record_of(receipt.report.name), receipt.report.target))
    page = client.post("/en/receipt/", {"code": receipt.code}).content.decode()
    assert "Your report waits" in page
    assert "name withheld" in page
    assert SECRET not in page
    assert client.get(f"/api/v1/reports/{receipt.code}").json()["name"] is None


def test_a_receipt_of_a_page_shows_its_domain_where_the_register_does(client: Client) -> None:
    make.resource(f"https://shop.kz/{PATH}", display=Display.DOMAIN_ONLY)
    receipt = submissions.receive(f"https://shop.kz/{PATH}", at=make.AT)
    page = client.post("/en/receipt/", {"code": receipt.code}).content.decode()
    assert "<bdi>shop.kz</bdi>" in page
    assert PATH not in page


def test_an_entry_of_the_state_register_without_a_resource_does_not_name_a_withheld_site(client: Client) -> None:
    make.resource(f"{SECRET}.kz", display=Display.WITHHELD)
    entries = (make.entry(1, f"https://{SECRET}.kz/other"), make.entry(2, "https://another.kz/page"))
    taken = make.snapshot(*entries, on="2025-03-17")
    assert [row["address"] for row in client.get("/api/v1/listings").json()["results"]] == [None, "another.kz"]
    page = client.get(f"/en/state-register/{taken.pk}/").content.decode()
    assert "another.kz" in page
    assert SECRET not in page
    assert "not shown" in page


@pytest.mark.usefixtures("_editor")
def test_a_record_whose_key_spells_a_withheld_name_has_a_number_for_its_address(client: Client) -> None:
    one = make.resource(f"{SECRET}.kz")
    fill(one, f"{SECRET}.kz")
    key = Act.objects.get(key__contains=SECRET).key
    assert client.get(f"/en/acts/{key}/").status_code == 200
    displays.choose(one, Display.WITHHELD, by="editor-1", reason="It sells drugs.")
    for kind, row in (
        ("acts", Act.objects.get(key__contains=SECRET)),
        ("events", Event.objects.get(key__contains=SECRET)),
        ("requests", InformationRequest.objects.filter(key__contains=SECRET)[0]),
    ):
        assert client.get(f"/en/{kind}/{row.key}/").status_code == 404
        assert client.get(f"/en/{kind}/no-{row.pk}/").status_code == 200
        assert f'href="/en/{kind}/no-{row.pk}/"' in client.get(f"/en/{kind}/").content.decode()
        assert client.get(f"/api/v1/{kind}/{row.pk}").json()["key"] == ""
    for question in (f"documents?act={key}", f"restrictions?act={key}", f"documents?key={key}"):
        assert client.get(f"/api/v1/{question}").json()["results"] == []


@pytest.mark.usefixtures("_editor")
def test_what_names_a_withheld_site_in_passing_is_still_told(client: Client) -> None:
    one = make.resource(f"{SECRET}.kz")
    fill(one, f"{SECRET}.kz")
    displays.choose(one, Display.WITHHELD, by="editor-1", reason="It sells drugs.")
    page = client.get("/en/resources/other.kz/").content.decode()
    assert f"Closed with {veil.BLACK}" in page
    other = Resource.objects.get(name="other.kz")
    [row] = client.get(f"/api/v1/restrictions?resource={other.pk}").json()["results"]
    assert row["scope_observed"] == f"as {veil.BLACK}"
    lines = b"".join(client.get("/api/v1/log/").streaming_content).decode().splitlines()
    written = LogEntry.objects.get(subject=f"resource/{other.pk}").pk
    assert [one["payload"] for one in map(json.loads, lines) if one["index"] == written] == [None]


@pytest.mark.usefixtures("_editor")
def test_the_log_still_verifies_where_an_old_entry_is_not_shown(client: Client) -> None:
    one = make.resource(f"{SECRET}.kz")
    fill(one, f"{SECRET}.kz")
    displays.choose(one, Display.WITHHELD, by="editor-1", reason="It sells drugs.")
    lines = b"".join(client.get("/api/v1/log/").streaming_content).decode().splitlines()
    assert any(json.loads(line)["payload"] is None for line in lines)
    assert verify(lines)[0] == len(lines)


def test_a_site_that_leads_to_a_withheld_one_does_not_name_it(client: Client) -> None:
    make.resource(f"{SECRET}.kz", display=Display.WITHHELD)
    there = f"https://{SECRET}.kz/"
    record = replace(record_of("https://short.kz/"), exchanges=(exchange("https://short.kz/", location=there),))
    made = make.measurement(record, make.resource("short.kz"))
    make.verdict(made)
    assert leaks(client, SECRET) == []
    assert client.get(f"/api/v1/measurements/{made.pk}").json()["record"] is None
    assert client.get(f"/api/v1/measurements/{made.pk}/ooni").status_code == 404
    assert "short.kz" in client.get(f"/en/measurements/{made.pk}/").content.decode()


def test_nothing_else_is_hidden_on_the_way(client: Client) -> None:
    make.resource(f"{SECRET}.kz", display=Display.WITHHELD)
    make.restriction(make.resource("orda.kz"), make.act(note="A note"), fact="It was closed.")
    page = client.get("/en/resources/orda.kz/").content.decode()
    assert "It was closed." in page
    assert Measurement.objects.count() == 0
    assert Target.objects.count() == 2
