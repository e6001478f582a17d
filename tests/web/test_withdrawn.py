"""What was withdrawn stands at its own address and, marked, in the API: no other page has it, and no count."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from checks.models import State
from registry import alarms, claims, consistency, editing, status
from registry.api.urls import router
from registry.models import ActRole, FieldSource, Ground, OfficialFigure, Resource, Source, Standing
from registry.models.withdrawal import Withdrawable
from registry.status import Legal, Said
from tests import make
from tests.web.test_every_page import walk

pytestmark = pytest.mark.django_db

TAKEN = "zqxw"  # stands in every word of what was withdrawn
ABOUT = "qwzx"  # stands in what is about it, and falls with it
WHY = "It was of another site."
TABLES = [
    name.removeprefix("v1/") for name, view, _ in router.registry if "standing" in view.filterset_class.base_filters
]


@pytest.fixture
def _no_throttle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("registry.api.views.Door.throttle_classes", [])
    monkeypatch.setattr("registry.api.views.Table.get_throttles", lambda self: [])


@pytest.fixture
def one() -> Resource:
    """A site with one record of each kind that stands, and one of each kind that was withdrawn."""
    one = make.resource("orda.kz")
    body, other = make.authority(), make.authority(f"{TAKEN}-body", f"Body {TAKEN}")
    act = make.act("1", by=body)
    taken_act = make.act(f"2-{TAKEN}", key=f"{TAKEN}-act", by=other, text=TAKEN, language="kk", note=TAKEN)
    event = make.event("blocking", name="A wave", began="2026-01-04")
    taken_event = make.event(f"{TAKEN}-wave", name=f"Wave {TAKEN}", fact=TAKEN)
    told = make.restriction(one, act, taken_act, kind="court", event=event)
    without_event = make.restriction(one, act, kind="court", event=taken_event, conflicting=True)
    taken = make.restriction(one, act, kind="production", kind_reason=TAKEN, fact=TAKEN, event=event)
    make.statement(told, words="We block nothing.", date="2026-01-05", authority=body)
    make.statement(taken, words=ABOUT, key=f"about-restriction-{ABOUT}", stance="admits")
    make.statement(taken_event, words=ABOUT, key=f"about-event-{ABOUT}", stance="admits", authority=body)
    make.statement(without_event, words="Nor that.", stance="denies")
    said = make.statement(told, words=TAKEN, speaker=TAKEN, key=f"{TAKEN}-statement", stance="admits", authority=body)
    make.appeal(act, "reversed", result=taken_act, decided="2026-02-01", body=body)
    make.appeal(taken_act, note=ABOUT, key=f"about-act-{ABOUT}", body=body)
    make.appeal(act, restriction=taken, note=ABOUT, key=f"about-one-{ABOUT}")
    appealed = make.appeal(act, "upheld", note=TAKEN, key=f"{TAKEN}-appeal", filed="2026-02-02", body=body)
    paper = make.document(f"Paper {TAKEN}", key=f"{TAKEN}-paper", url=f"https://papers.example.org/{TAKEN}")
    act.documents.add(paper, make.document())
    warned = make.notice(TAKEN, resource=one, fact=TAKEN, key=f"{TAKEN}-notice", authority=body)
    make.notice(resource=one)
    make.figure(7)
    counted = make.figure(41234, speaker=TAKEN, key=f"{TAKEN}-figure")
    ground = make.ground(f"{TAKEN}-ground", law_ref=TAKEN)
    told.grounds.add(make.ground())
    taken.grounds.add(ground)
    supported = FieldSource.objects.create(restriction=told, field="began", source=make.source(f"Field {TAKEN}"))
    read = make.source(f"Read {TAKEN}", url=f"https://news.example.org/{TAKEN}")
    told.sources.add(make.source(), read)  # as a country pack may have it
    make.request(None, ("sent", "2026-02-02"), event=taken_event, addressee=ABOUT)
    make.request(one, ("sent", "2026-02-02"), authority=body)
    make.alarm(one, kind="collateral", act=taken_act, pages=2)
    make.erratum(one)
    mistaken = make.erratum(one, wrong_en=TAKEN)
    for record in (
        taken,
        taken_act,
        taken_event,
        said,
        appealed,
        paper,
        warned,
        counted,
        other,
        ground,
        supported,
        read,
        mistaken,
    ):
        make.withdrawn(record, WHY)
    network = make.network()
    make.cell(one, network, State.BLOCKED)
    make.episode(one, network, State.BLOCKED)
    status.count(at=make.AT)
    return one


@pytest.mark.walk
@pytest.mark.usefixtures("one", "_no_throttle")
@pytest.mark.parametrize("language", ["kk", "ru", "en"])
def test_no_page_that_links_lead_to_has_it(client: Client, language: str) -> None:
    pages = walk(client, f"/{language}/")
    pages["calendar"] = client.get(f"/requests.ics?lang={language}")
    assert len(pages) > 30
    found = [
        f"{address}: …{page[max(0, at - 150) : at + 30]}…"
        for address, answer in pages.items()
        for page in [address + answer.content.decode()]
        for token in (TAKEN, ABOUT)
        if (at := page.find(token)) >= 0
    ]
    assert found == []


@pytest.mark.usefixtures("one")
@pytest.mark.parametrize(
    "path",
    ["acts/", "events/", "authorities/", "grounds/", "statements/", "figures/", "notices/", "resources/orda.kz/"],
)
def test_every_list_has_it_as_long_as_it_stands(client: Client, path: str) -> None:
    for model in Withdrawable.__subclasses__():
        model._default_manager.update(withdrawn="", withdrawn_on=None)
    assert TAKEN in client.get(f"/en/{path}").content.decode()


@pytest.mark.usefixtures("one")
@pytest.mark.parametrize(
    "path", ["acts/zqxw-act/", "acts/zqxw-act/text/", "events/zqxw-wave/", "authorities/zqxw-body/"]
)
def test_its_own_page_stays_and_says_first_that_it_was_withdrawn(client: Client, path: str) -> None:
    answer = client.get(f"/en/{path}")
    page = answer.content.decode()
    assert answer.status_code == 200
    assert TAKEN in page
    assert f"Withdrawn on 3 February 2026:</strong> {WHY}" in page
    assert page.index("Withdrawn on") < page.index('class="lead"' if 'class="lead"' in page else "<dl")


def counted(one: Resource) -> str:
    """The record's side of where it stands, as the table counts it."""
    status.count(at=make.AT)
    return Standing.objects.get(pk=one.pk).legal


def test_the_answer_is_what_stands(one: Resource) -> None:
    found = status.of(one, at=make.AT)
    assert (found.legal, found.said) == (Legal.REVERSED, Said.DENIES)  # what upheld the act was withdrawn
    assert [act.number for act in found.acts] == ["1"]
    assert [row.kind for row in found.restrictions] == ["court", "court"]
    assert sorted(bool(row.event) for row in found.restrictions) == [False, True]
    assert counted(one) == Legal.REVERSED


def test_the_page_of_its_resource_says_among_the_changes_that_a_restriction_was_withdrawn(client: Client) -> None:
    row = make.restriction(make.resource(), fact="It was closed.")
    editing.withdraw(row, by="editor-1", reason="It was of another site.")
    page = client.get("/en/resources/orda.kz/").content.decode()
    assert WHY in page[page.index("editor-1") - 500 :]
    assert "It was closed." not in page


def test_without_its_only_act_a_restriction_stays_and_no_act_is_known() -> None:
    one, act = make.resource(), make.act()
    make.restriction(one, act)
    make.withdrawn(act)
    assert status.of(one, at=make.AT).legal == counted(one) == Legal.NO_ACT


def test_a_resource_whose_only_restriction_was_withdrawn_has_none() -> None:
    one = make.resource()
    make.withdrawn(make.restriction(one, make.act()))
    assert status.of(one, at=make.AT).legal == counted(one) == Legal.NONE
    assert not one.restrictions.in_force(on=make.AT.date())


def test_what_was_withdrawn_contradicts_nobody_and_is_not_counted(one: Resource) -> None:
    about = claims.contradicted()
    assert not [row for row in claims.statements_about(about) if row.stance == "admits"]
    figure = OfficialFigure.objects.standing().get()
    ours = claims.own_counts([figure])[figure.pk]
    assert (ours.resources, ours.acts) == (1, 1)
    make.withdrawn(one.restrictions.standing().get(event__key="blocking"))
    make.withdrawn(one.restrictions.standing().get())
    assert claims.own_counts([figure])[figure.pk].resources == 0


def test_an_act_that_was_withdrawn_names_no_page_beside_which_a_domain_fell() -> None:
    page, act = make.resource("https://shop.kz/price"), make.act()
    make.restriction(page, act)
    network = make.network()
    make.cell(make.target("https://shop.kz/"), network, State.BLOCKED)
    assert [one.act for one in alarms.find(at=make.AT)] == [act.pk]
    make.withdrawn(act)
    assert alarms.find(at=make.AT) == []


def test_editors_are_told_of_no_doubt_about_it() -> None:
    gone = make.authority(valid_to="2019")
    act = make.act(by=gone, date="2026-01-04")
    row = make.restriction(make.resource(), status="in_force", ended="2026-01-05")
    assert len(list(consistency.doubts(on=make.AT.date()))) == 2
    make.withdrawn(act)
    make.withdrawn(row)
    assert list(consistency.doubts(on=make.AT.date())) == []


@pytest.mark.usefixtures("one", "_no_throttle")
def test_the_api_keeps_it_with_its_mark(client: Client) -> None:
    for table in TABLES:
        rows = client.get(f"/api/v1/{table}").json()["results"]
        marked = [row for row in rows if row["withdrawn_on"]]
        assert [row["withdrawn"] for row in marked] == [WHY], table
        assert marked[0]["withdrawn_on"] == "2026-02-03"
        assert TAKEN in json.dumps(marked), table
        csv = b"".join(client.get(f"/api/v1/{table}?format=csv").streaming_content).decode()  # type: ignore[attr-defined]
        assert f"{WHY},2026-02-03" in csv
        one = client.get(f"/api/v1/{table}/{marked[0]['id']}").json()
        assert one["withdrawn"] == WHY


@pytest.mark.usefixtures("one", "_no_throttle")
@pytest.mark.parametrize("table", TABLES)
def test_the_api_gives_what_stands_alone_where_it_is_asked_to(client: Client, table: str) -> None:
    everything = client.get(f"/api/v1/{table}").json()["results"]
    standing = client.get(f"/api/v1/{table}?standing=true").json()["results"]
    fallen = client.get(f"/api/v1/{table}?standing=false").json()["results"]
    assert standing
    assert not [row for row in standing if row["withdrawn_on"] or ABOUT in json.dumps(row)]
    assert sorted(row["id"] for row in [*standing, *fallen]) == sorted(row["id"] for row in everything)


@pytest.mark.usefixtures("_no_throttle")
def test_what_stands_names_in_the_api_nothing_that_was_withdrawn(client: Client, one: Resource) -> None:
    taken: dict[str, Any] = {}
    for table in ("restrictions", "appeals", "events", "acts"):
        for row in client.get(f"/api/v1/{table}?standing=true").json()["results"]:
            taken[f"{table}/{row['id']}"] = {name: row.get(name) for name in ("acts", "event", "result", "documents")}
    taken["resource"] = client.get(f"/api/v1/resources/{one.pk}").json()["acts"]
    assert TAKEN not in json.dumps(taken)


def test_nothing_is_deleted(one: Resource) -> None:
    assert one.restrictions.count() == 3
    assert ActRole.objects.filter(authority__code=f"{TAKEN}-body").exists()
    assert Ground.objects.filter(code=f"{TAKEN}-ground").exists()
    assert Source.objects.filter(title=f"Read {TAKEN}").exists()
