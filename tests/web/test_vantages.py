"""Probe locations: the public page, the API, and the desk's pages of their health, their sweeps and what failed."""

from __future__ import annotations

import html
import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.test import Client
from django.utils import timezone
from playwright.sync_api import sync_playwright

from checks import health, intake, parking, planning, storing
from checks.models import Cell, Measurement, Parked, Round, Run, Trouble, Vantage
from registry import accounts, proposals
from registry.models import LogEntry, Proposal
from registry.proposals import Operation
from tests import make
from tests.checks.conftest import Probe, probe, visit
from tests.conftest import CHROMIUM_FLAGS
from tests.verdict import make as facts
from tests.web.test_every_page import RULES
from tests.web.test_queue import an_editor, at_the_desk, text_of

__all__ = ["probe"]

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
SEEN = datetime(2026, 3, 1, 8, 47, 13, tzinfo=UTC)
URL = "https://orda.kz/"


@pytest.fixture
def place() -> Vantage:
    return make.vantage(make.network(9198, watched=False), name="astana-1", seen_at=SEEN, public_key="ab" * 32)


@pytest.fixture
def desk() -> Client:
    return at_the_desk(an_editor("ann", "view_vantage", "change_ruleset"))


def quiet(place: Vantage, at: datetime = make.AT) -> Trouble:
    make.run(place, state=Run.State.READY, due_at=at - 3 * HOUR, attempt=2, lease_until=at - HOUR)
    health.refresh(at=at)
    return Trouble.objects.get()


def page(client: Client, path: str) -> str:
    answer = client.get(f"/en/{path}")
    assert answer.status_code == 200
    return answer.content.decode()


# --- everybody


def test_the_page_says_in_a_word_how_each_place_is_and_no_time_but_to_the_hour(client: Client, place: Vantage) -> None:
    told = page(client, "vantages/")
    assert "<strong>fine</strong>" in told
    assert "astana-1" in told
    quiet(place)
    told = page(client, "vantages/")
    assert "<strong>quiet</strong> since 1 March 2026, 13:00" in told  # 08:47 UTC in Almaty
    assert "13:47" not in told + page(client, "networks/")
    assert "abab" not in told


def test_the_page_tells_what_is_odd_and_since_the_hour_in_which_it_was_found(client: Client, place: Vantage) -> None:
    for kind in ("clock", "behind"):
        Trouble.objects.create(vantage=place, kind=kind, opened_at=SEEN, seen_at=SEEN)
    told = page(client, "vantages/")
    assert "<strong>odd</strong> since 1 March 2026, 13:00" in told
    assert "its clock is off" in told
    Trouble.objects.update(closed_at=SEEN)
    assert "<strong>fine</strong>" in page(client, "vantages/")


def test_only_places_that_are_asked_to_measure_are_on_the_page(client: Client, settings: Any, place: Vantage) -> None:
    make.vantage(place.network, name="ooni-as9198", source="ooni", state="imported", public_key=None)
    make.vantage(place.network, name="gone", state="revoked")
    make.vantage(make.network(64512, watched=False, imitated=True), name="imitated")
    told = page(client, "vantages/")
    assert [name for name in ("ooni-as9198", "gone", "imitated") if f"<bdi>{name}" in told] == []
    settings.DEMO = True
    assert "<bdi>imitated" in page(client, "vantages/")


def test_networks_and_method_lead_to_it(client: Client, place: Vantage) -> None:
    for path in ("networks/", "networks/9198/", "method/"):
        assert 'href="/en/vantages/"' in page(client, path)


@pytest.mark.parametrize("language", ["kk", "ru", "en"])
def test_it_opens_while_nobody_measures(client: Client, language: str) -> None:
    assert 'class="empty"' in client.get(f"/{language}/vantages/").content.decode()


def test_the_page_takes_as_many_queries_for_many_as_for_one(
    client: Client, place: Vantage, django_assert_max_num_queries: Any
) -> None:
    for count in (0, 20):
        for _ in range(count):
            Trouble.objects.create(vantage=make.vantage(place.network), kind="clock", opened_at=SEEN, seen_at=SEEN)
        with django_assert_max_num_queries(8):
            client.get("/en/vantages/")


def test_the_api_tells_the_same(client: Client, place: Vantage) -> None:
    make.vantage(place.network, name="gone", state="revoked")
    quiet(place)
    rows = {one["name"]: one for one in client.get("/api/v1/vantages").json()["results"]}
    assert (rows["astana-1"]["health"], rows["astana-1"]["troubles"]) == ("quiet", ["quiet"])
    assert (rows["gone"]["health"], rows["gone"]["troubles"]) == (None, [])


# --- the desk


def test_the_desk_tells_to_the_minute_sorts_and_finds_what_needs_attention(desk: Client, place: Vantage) -> None:
    make.vantage(place.network, name="zz-well", seen_at=timezone.now())
    quiet(place, timezone.now())

    def names(query: str = "") -> list[str]:
        answer = desk.get(f"/desk/vantages/{query}")
        assert answer.status_code == 200
        return [line.vantage.name for line in answer.context["page"]]

    assert names() == ["astana-1", "zz-well"]
    assert names("?sort=seen") == ["astana-1", "zz-well"]
    assert names("?attention=on") == ["astana-1"]
    for sort in ("name", "backlog", "lag", "failed", "inconclusive", "agreeing"):
        assert len(names(f"?sort={sort}")) == 2
    assert desk.get("/desk/vantages/?sort=odd").status_code == 400
    text = text_of(desk.get("/desk/vantages/"))
    assert "13:47" in text
    assert "quiet : nothing comes from it, though it is asked" in text


def test_an_alarm_stands_in_the_queue_is_claimed_and_ends_by_itself(desk: Client, place: Vantage) -> None:
    row = quiet(place)
    shown = desk.get("/desk/troubles/")
    [(one, address, *_rest)] = shown.context["lines"]
    assert one.what == "astana-1: nothing comes from it, though it is asked"
    assert "Nothing has come from it since 1 March 2026, 13:47, though it was asked." in text_of(desk.get(address))
    assert desk.post(address, {"do": "claim"}).status_code == 200
    assert "You hold it until" in text_of(desk.get(address))
    Run.objects.update(state=Run.State.RECORDED)
    health.refresh(at=make.AT + HOUR)
    assert "Nothing is wrong with any of them." in text_of(desk.get("/desk/troubles/"))
    assert "closed by itself" in text_of(desk.get(address))
    assert f"/desk/troubles/{row.pk}/" in desk.get(f"/desk/vantages/{place.pk}/").content.decode()


def test_the_desk_tells_what_a_host_agreed_to_and_when_that_is_not_enough(desk: Client, place: Vantage) -> None:
    address, told = f"/desk/vantages/{place.pk}/", {"consent_on": date(2026, 11, 20), "consent_version": "1"}
    Vantage.objects.filter(pk=place.pk).update(**told, excluded_categories=["GMB", "XED"])
    said = text_of(desk.get(address))
    assert "version 1, on 20 November 2026" in said
    assert "Categories that its host excluded GMB, XED Visits names that no editor has seen no" in said
    assert "asked nothing" not in said
    Vantage.objects.filter(pk=place.pk).update(consent_version="0")
    assert "It is asked nothing: its host has not agreed to what is measured now." in text_of(desk.get(address))


def test_who_may_not_see_places_finds_none_of_their_pages(place: Vantage) -> None:
    row = quiet(place)
    other = at_the_desk(an_editor("ben", "change_report"))
    for path in ("vantages/", f"vantages/{place.pk}/", "troubles/", f"troubles/{row.pk}/", "sweeps/", "parked/"):
        assert other.get(f"/desk/{path}").status_code == 403, path
    assert "/desk/vantages/" not in other.get("/desk/").content.decode()


def test_who_may_only_look_proposes_nothing(place: Vantage) -> None:
    looks = at_the_desk(an_editor("ben", "view_vantage"))
    address = f"/desk/vantages/{place.pk}/"
    assert "Propose to revoke it" not in text_of(looks.get(address))
    assert looks.post(address, {"typed": "astana-1", "reason": "It lies."}).status_code == 403


def test_two_people_revoke_a_place_and_see_what_rests_on_it(desk: Client, place: Vantage, guarded: None) -> None:
    row = make.measurement(facts.unsecured("connection_reset"), make.resource(), by=make.run(place))
    make.verdict(row)
    make.cell(row.target, place.network, places={"astana-1": {"blocked": 1}})
    make.cell(make.target("other.kz"), place.network, places={"astana-2": {"blocked": 1}})
    address = f"/desk/vantages/{place.pk}/"
    assert "Measurements 1 Sites on its network whose state counts it now 1" in text_of(desk.get(address))
    wrong = desk.post(address, {"typed": "astana", "reason": "It lies."})
    assert (wrong.status_code, Proposal.objects.count()) == (400, 0)
    made = desk.post(address, {"typed": "astana-1", "reason": "It lies."})
    proposal = Proposal.objects.get(operation=Operation.REVOKE)
    assert made.headers["Location"] == f"/desk/proposals/{proposal.pk}/"
    assert "It is proposed to revoke it." in text_of(desk.get(address))
    assert Vantage.objects.get().state == Vantage.State.ADMITTED

    second = at_the_desk(an_editor("ben", "view_vantage", "change_ruleset"))
    there = f"/desk/proposals/{proposal.pk}/"
    assert "Measurements 1 Sites on its network whose state counts it now 1" in text_of(second.get(there))
    assert "What is proposed Vantage astana-1" in text_of(second.get(there))
    assert "Revoke a probe location: astana-1" in text_of(second.get("/desk/proposals/"))
    agree = {"do": "approve", "sha256": proposal.sha256}
    assert second.post(there, {**agree, "typed": "astana-2"}).status_code == 409
    assert second.post(there, {**agree, "typed": "astana-1"}).status_code == 302
    assert Vantage.objects.get().state == Vantage.State.REVOKED
    assert "It lies." in LogEntry.objects.get(operation="revoke").payload
    assert Measurement.objects.exists()
    assert "Propose to revoke it" not in text_of(desk.get(address))


def test_of_a_control_the_runs_that_were_judged_beside_it_are_told(desk: Client, place: Vantage) -> None:
    control = make.vantage(make.network(24940, watched=False), name="control-1", role="control")
    make.run(control, recorded_at=make.AT)
    make.run(place, recorded_at=make.AT + HOUR / 2, judged_at=make.AT + HOUR)
    make.run(place, recorded_at=make.AT + 2 * HOUR, judged_at=make.AT + 2 * HOUR)
    assert "will be judged again 1" in text_of(desk.get(f"/desk/vantages/{control.pk}/"))
    assert "will be judged again" not in text_of(desk.get(f"/desk/vantages/{place.pk}/"))


def test_to_propose_it_asks_for_a_code_anew(desk: Client, place: Vantage) -> None:
    make.stale(desk)
    asked = {"typed": "astana-1", "reason": "It lies."}
    assert desk.post(f"/desk/vantages/{place.pk}/", asked).status_code == 200
    assert not Proposal.objects.exists()


def test_the_desk_shows_how_far_the_sweeps_are_without_a_script(desk: Client, place: Vantage) -> None:
    assert "Nothing is planned." in text_of(desk.get("/desk/sweeps/"))
    make.run(place, state=Run.State.READY, due_at=make.AT)
    answer = desk.get("/desk/sweeps/")
    assert "daily astana-1 0 0 1 0 0 0 1 1 March 2026, 17:00" in text_of(answer)
    assert 'href="/desk/sweeps/">Look again' in answer.content.decode()
    assert "http-equiv" not in answer.content.decode()


def test_the_registers_own_plans_are_named_in_words_and_others_as_they_are_called(desk: Client, place: Vantage) -> None:
    for plan in (*(planning.plan_named(name) for name in ("changes", "registry", "tail", "retest")), make.plan("tv")):
        swept = Round.objects.create(plan=plan, vantage=place, slot=make.AT)
        Run.objects.create(round=swept, vantage=place, targets=[], state=Run.State.READY, due_at=make.AT)
    desk.cookies["django_language"] = "ru"
    rows = re.findall(r'<th scope="row">([^<]*)</th>', desk.get("/desk/sweeps/").content.decode())
    assert set(rows) == {"проверка изменений", "регулярная", "редкая", "повторная", "tv"}


# --- parked work


@pytest.fixture
def administrator() -> Client:
    accounts.make_roles()
    person = an_editor("root", "view_vantage")
    accounts.give_roles(person, [accounts.Role.ADMINISTRATOR])
    return at_the_desk(person)


def broken(*_: object, **__: object) -> None:
    raise ValueError("a mistake of ours")


def put_aside(here: Probe, monkeypatch: pytest.MonkeyPatch, at: datetime) -> Run:
    run = make.run(
        here.vantage, state=Run.State.READY, attempt=1, lease_until=at + HOUR, due_at=at, targets=[make.target(URL).pk]
    )
    Round.objects.filter(pk=run.round_id).update(slot=at - HOUR)
    with monkeypatch.context() as patched:
        patched.setattr(storing, "insert", broken)
        for _ in range(5):
            intake.receive("here", here.sealed(run.pk, visit(URL, at=at)), at=at)
    return run


def test_an_administrator_sees_what_failed_and_has_a_batch_recorded_however_old_it_is(
    administrator: Client, probe: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    long_ago = timezone.now() - 50 * HOUR
    run = put_aside(probe("here"), monkeypatch, long_ago)
    row = Parked.objects.get()
    shown = administrator.get("/desk/parked/")
    assert f"here/{run.pk}/1" in text_of(shown)
    assert "ValueError: a mistake of ours" in html.unescape(shown.content.decode())
    assert re.search(r"<details><summary>Traceback</summary>", shown.content.decode())
    with monkeypatch.context() as patched:
        patched.setattr(storing, "insert", broken)
        again = administrator.post("/desk/parked/", {"row": row.pk}, follow=True)
    assert "It failed again" in text_of(again)
    assert Parked.objects.aside().get().body == row.body  # its probe was told to forget it
    again = administrator.post("/desk/parked/", {"row": row.pk}, follow=True)
    assert "It is work again." in text_of(again)
    assert not Parked.objects.exists()
    assert Run.objects.get().state == Run.State.RECORDED
    assert Cell.objects.exists()


def test_what_could_not_be_judged_is_work_again(administrator: Client) -> None:
    for number, failures in enumerate((5, 2)):
        Parked.objects.create(
            kind=Parked.Kind.JUDGE, key=str(number), failures=failures, failed_at=make.AT, traceback="T"
        )
    assert text_of(administrator.get("/desk/parked/")).count("Try again") == 1
    pk = Parked.objects.aside().get().pk
    administrator.post("/desk/parked/", {"row": pk})
    assert parking.aside(Parked.Kind.JUDGE) == set()
    for odd in (str(pk), "x", "9" * 30):
        assert administrator.post("/desk/parked/", {"row": odd}).status_code == 404


def test_nobody_but_an_administrator_sees_parked_work(desk: Client) -> None:
    accounts.make_roles()
    for role in ("reporter", "legal", "measurement"):
        person = an_editor(role, "view_vantage")
        accounts.give_roles(person, [role])
        client = at_the_desk(person)
        assert client.get("/desk/parked/").status_code == 403
        assert client.post("/desk/parked/", {"row": 1}).status_code == 403
        assert "Parked work" not in text_of(client.get("/desk/vantages/"))
    assert proposals.OF_MANY[Operation.REVOKE] == "checks.change_ruleset"


# --- in a browser


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("language", "scheme"), [("kk", "light"), ("ru", "dark"), ("en", "light")])
def test_the_desks_pages_are_open_to_everybody_and_sweeps_are_told_anew(
    live_server: Any, chromium: str, place: Vantage, language: str, scheme: Any
) -> None:
    row = quiet(place, timezone.now())
    Parked.objects.create(kind="judge", key="7", failures=5, failed_at=make.AT, traceback="Traceback " + "x" * 300)
    person = an_editor("ann", "view_vantage", "change_ruleset", "change_parked")
    cookies = {"sessionid": at_the_desk(person).cookies["sessionid"].value, "django_language": language}
    found: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
        tab = browser.new_page(color_scheme=scheme)
        tab.context.add_cookies(
            [{"name": name, "value": value, "url": live_server.url} for name, value in cookies.items()]
        )
        tab.on("pageerror", lambda error: found.append(str(error)))
        here = ("vantages/", f"vantages/{place.pk}/", "troubles/", f"troubles/{row.pk}/", "parked/", "sweeps/")
        for where in here:
            tab.goto(f"{live_server.url}/desk/{where}")
            answer = Axe().run(tab, options={"runOnly": sorted(RULES)})
            found.extend(f"{where}: {one['id']} {one['nodes'][0]['html']}" for one in answer.response["violations"])
            for width in (360, 1280):
                tab.set_viewport_size({"width": width, "height": 800})
                if tab.evaluate("document.documentElement.scrollWidth > innerWidth"):
                    found.append(f"{where} is wider than {width} px")
        assert tab.locator("tbody tr").count() == 1
        make.run(make.vantage(name="another"), state=Run.State.READY)
        tab.wait_for_selector("text=another", timeout=20_000)
        browser.close()
    assert not found
