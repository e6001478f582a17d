"""The form for what is wrong on a page, its receipt, its place at the desk, and the same by the API."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from checks.models import State
from registry import displays, log, merging, problem_reports
from registry.api import throttles
from registry.models import Display, ProblemReport
from registry.web.guards import SLOWEST, signed_moment
from tests import make
from tests.verdict import make as facts
from tests.web.test_submit import code_in, look_up, moment_in

pytestmark = pytest.mark.django_db

LIMIT = 30_000  # bytes of one page
UNKNOWN = "There is no page of ours at the address that you came with."


@pytest.fixture(autouse=True)
def _fresh_rates() -> None:
    cache.clear()


def send(client: Client, *, age: timedelta = timedelta(minutes=1), language: str = "en", **fields: Any) -> HttpResponse:
    opened = signed_moment(timezone.now() - age)
    given = {"kind": "wrong", "text": "It began a year earlier.", "about": "/en/matrix/", "opened": opened}
    return client.post(f"/{language}/problem/", given | fields)


def link_in(page: str) -> str:
    """The way from a page to the form."""
    found = re.findall(r'href="(/\w\w/problem/[^"]*)"', page)
    assert len(found) == 1, found
    return html.unescape(found[0])


def subject_of(client: Client, page: str) -> str:
    """What is kept by whoever follows the link of a page and sends the form."""
    form = client.get(link_in(client.get(page).content.decode()))
    assert form.status_code == 200, page
    about = re.search(r'name="about" value="([^"]*)"', form.content.decode())
    assert about
    assert send(client, about=html.unescape(about[1])).status_code == 200
    problem = ProblemReport.objects.latest("pk")
    return problem.subject or problem.page


@pytest.mark.parametrize("language", ["kk", "ru", "en"])
def test_every_page_of_a_record_leads_to_a_form_about_that_record(client: Client, language: str) -> None:
    one = make.resource("қазақ.kz")
    act = make.act(by=make.authority(), text="Жабылсын.", language="kk")
    event, network = make.event(), make.network()
    basis = make.restriction(one, act, kind="court", event=event)
    asked = make.request(one, ("sent", "2026-02-02"))
    episode = make.episode(one, network, State.BLOCKED)
    seen = make.measurement(facts.visit(), one.targets.get(), by=make.run(network.vantages.get()))
    snapshot = make.snapshot(make.entry(1, "https://listed.kz/"))
    notice, figure, said = make.notice(), make.figure(), make.statement(basis)
    paper, source = make.document(), make.source()
    pages = {
        one.get_absolute_url(): one,
        f"/resources/{one.slug}/evidence/": one,
        f"/acts/{act.key}/": act,
        f"/acts/{act.key}/text/": act,
        "/authorities/mki/": act.roles.get().authority,
        f"/events/{event.key}/": event,
        f"/requests/{asked.key}/": asked,
        f"/networks/{network.asn}/": network,
        f"/episodes/{episode.pk}/": episode,
        f"/measurements/{seen.pk}/": seen,
        f"/state-register/{snapshot.pk}/": snapshot,
        **{f"/history/{log.subject_of(row)}/": row for row in (basis, notice, figure, said, paper, source)},
    }
    for path, row in pages.items():
        address = f"/{language}{path.removeprefix('/kk')}"
        assert subject_of(client, address) == log.subject_of(row), address
        cache.clear()


@pytest.mark.parametrize("page", ["", "matrix/", "statements/", "method/rules/", "look-up/?q=orda.kz", "receipt/"])
def test_every_other_page_leads_there_from_its_foot(client: Client, page: str) -> None:
    text = client.get(f"/ru/{page}").content.decode()
    assert 'class="problem"' not in text
    assert subject_of(client, f"/ru/{page}") == f"/{page.split('?')[0]}"


def test_the_reference_of_the_api_leads_there_too(client: Client) -> None:
    assert subject_of(client, "/api/v1/") == "/api/v1/"


@pytest.mark.parametrize("language", ["kk", "ru", "en"])
def test_the_form_opens_without_a_cookie_is_kept_by_no_cache_and_is_small(client: Client, language: str) -> None:
    answer = client.get(f"/{language}/problem/", {"about": f"/{language}/matrix/"})
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert not answer.cookies
    assert len(answer.content) < LIMIT


@pytest.mark.parametrize(
    "about",
    [
        "/en/resources/nobody.kz/", "/en/no-such-page/", "/en/acts/none/", "/en/episodes/99/", "/de/matrix/", "/desk/",
        "/en/networks/99999999999999999999/", "/en/history/report/1/", "/en/history/user/1/", "restriction/999",
        "resource/99999999999999999999", "https://other.example/en/matrix/", "http://[/", "javascript:alert(1)", "\0",
        "/en/resources/\0/", "x" * 10_000, "/" * 5_000, "/en/state-register/whatever-i-like/", "/api/v1/resources",
        "/en/resources/%00/", "/healthz", "/errata.atom",
    ],
)  # fmt: skip
def test_an_address_that_is_no_page_is_said_plainly_and_nothing_of_it_is_kept(client: Client, about: str) -> None:
    answer = client.get("/en/problem/", {"about": about})
    assert answer.status_code == 404
    page = answer.content.decode()
    assert UNKNOWN in page
    assert 'name="about" value=""' in page
    refused = send(client, about=about, text="what I wrote")
    assert refused.status_code == 400
    assert "what I wrote" in refused.content.decode()
    assert "Say in your words which one you mean" in refused.content.decode()
    assert not ProblemReport.objects.exists()


def test_a_whole_address_is_understood_and_so_is_one_in_another_language(client: Client) -> None:
    one = make.resource("қазақ.kz")
    there = f"/kk/resources/{one.slug}/"
    for about in (there, quote(there), f"http://testserver{there}?page=2#x", f"resource/{one.pk}"):
        send(client, about=about)
        assert ProblemReport.objects.latest("pk").subject == f"resource/{one.pk}"


def test_an_entry_that_was_merged_is_the_one_that_it_became(client: Client) -> None:
    old, one = make.resource("old.kz"), make.resource("new.kz")
    number = old.pk
    merging.merge(old, one, by="editor-1", reason="The same.")
    for about in ("/en/resources/old.kz/", f"/en/resources/{number}/", f"resource/{number}"):
        send(client, about=about)
        assert ProblemReport.objects.latest("pk").subject == f"resource/{one.pk}"


def test_about_what_is_withheld_nothing_is_found_by_its_name_and_its_name_stands_nowhere(client: Client) -> None:
    one = make.resource("qzxv-shop.kz")
    act = make.act("order on qzxv-shop.kz")
    make.restriction(one, act)
    displays.choose(one, Display.WITHHELD, by="editor-1", reason="It sells drugs.")
    for path in ("resources/{}.kz/", "resources/{}.kz/evidence/"):
        known, nobody = (
            client.get("/en/problem/", {"about": f"/en/{path.format(name)}"}) for name in ("qzxv-shop", "qzxv-shap")
        )
        assert known.status_code == nobody.status_code == 404
        told = re.sub(r'value="\d+:[^"]+"', "", known.content.decode()).replace("qzxv-shop", "qzxv-shap")
        assert told == re.sub(r'value="\d+:[^"]+"', "", nobody.content.decode())
    for about in (f"/en/resources/{one.pk}/", f"resource/{one.pk}", f"/en/acts/{act.key}/"):
        form = client.get("/en/problem/", {"about": about})
        assert form.status_code == 200
        sent = send(client, about=about)
        problem = ProblemReport.objects.latest("pk")
        by = User.objects.create_user(f"editor-{problem.pk}")
        problem_reports.put_right(problem, by=by, reason="It was so.", reply="The date of qzxv-shop.kz is right now.")
        receipt = look_up(client, code_in(sent))
        refused = send(client, about=about, kind="")
        assert refused.status_code == 400
        told = client.get(f"/api/v1/problems/{code_in(sent).replace(' ', '')}")
        for answer in (form, sent, receipt, refused, told):
            assert "qzxv" not in answer.content.decode(), about
        assert str(one.pk) in receipt.content.decode() or "act" in about


def test_what_is_wrong_in_the_form_is_said_beside_the_field_and_nothing_is_lost(client: Client) -> None:
    for fields, field in (
        ({"kind": ""}, "kind"),
        ({"kind": "nonsense"}, "kind"),
        ({"text": ""}, "text"),
        ({"text": "\u200b"}, "text"),
        ({"text": "\u2800 …"}, "text"),
        ({"text": "a\0b"}, "text"),
        ({"text": "x" * 2001}, "text"),
        ({"text": "The IIN 880101300127 is there."}, "text"),
        ({"source_url": "ftp://example.org/"}, "source_url"),
        ({"source_url": "javascript:alert(1)"}, "source_url"),
        ({"source_url": "https://wa.example.org/+77011234567"}, "source_url"),
    ):
        answer = send(client, **fields)
        assert answer.status_code == 400, fields
        assert f'href="#id_{field}"' in answer.content.decode(), fields
        assert 'name="about" value="/en/matrix/"' in answer.content.decode()
    assert not ProblemReport.objects.exists()


def test_two_megabytes_are_refused_and_do_not_come_back(client: Client) -> None:
    for field in ("text", "source_url", "about", "kind", "website", "opened"):
        answer = send(client, **{field: "ж" * 1_000_000})
        assert answer.status_code == 400, field
        assert len(answer.content) < LIMIT, field
    assert len(look_up(client, "x" * 2_000_000).content) < LIMIT
    assert not ProblemReport.objects.exists()


@pytest.mark.parametrize("headers", [{"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}])
def test_a_form_that_another_site_sends_in_a_readers_name_is_refused(client: Client, headers: dict[str, str]) -> None:
    opened = signed_moment(timezone.now() - timedelta(minutes=1))
    fields = {"kind": "wrong", "text": "Delete it.", "about": "/en/matrix/", "opened": opened}
    assert client.post("/en/problem/", fields, headers=headers).status_code == 403
    assert not ProblemReport.objects.exists()


def test_a_form_that_is_too_old_too_fast_or_filled_in_by_a_program_is_asked_for_again(client: Client) -> None:
    late = send(client, age=SLOWEST + timedelta(minutes=1), text="what I wrote")
    assert "what I wrote" in late.content.decode()
    assert moment_in(late.content.decode()) >= int(timezone.now().timestamp()) - 5
    assert send(client, age=timedelta(seconds=-1)).status_code == 400
    assert send(client, website="https://buy.example").status_code == 400
    assert not ProblemReport.objects.exists()


def test_reports_and_problem_reports_of_one_address_share_a_budget(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttles.Reports, "THROTTLE_RATES", {"reports": "3/hour"})
    assert client.post("/api/v1/reports", {"name": "a.kz"}, content_type="application/json").status_code == 201
    body = {"kind": "wrong", "text": "It began earlier."}
    assert client.post("/api/v1/problems", body, content_type="application/json").status_code == 201
    assert send(client).status_code == 200
    for _ in range(20):
        flood = send(client, text="what I wrote")
        assert flood.status_code == 429
        assert int(flood.headers["Retry-After"]) > 0
        assert "what I wrote" in flood.content.decode()
        assert client.post("/api/v1/problems", body, content_type="application/json").status_code == 429
    assert ProblemReport.objects.count() == 2


@pytest.mark.parametrize("language", ["kk", "ru", "en"])
def test_a_receipt_tells_what_was_decided_and_the_reply(client: Client, language: str) -> None:
    one = make.resource("orda.kz")
    code = code_in(send(client, about=f"resource/{one.pk}", language=language))
    waiting = look_up(client, code, language).content.decode()
    assert f'href="/{language}/resources/orda.kz/"' in waiting
    assert "It began a year earlier" not in waiting
    by = User.objects.create_user("editor")
    problem_reports.put_right(
        ProblemReport.objects.get(), by=by, reason="The letter.", reply="Thank you.\n<b>So it is."
    )
    told = look_up(client, code, language)
    page = told.content.decode()
    assert page != waiting
    assert "Thank you.<br>&lt;b&gt;So it is." in page
    assert "The letter." not in page
    assert told.headers["Cache-Control"] == "no-store"
    assert len(told.content) < LIMIT


def test_the_api_takes_a_problem_report_and_follows_it_by_its_receipt(client: Client) -> None:
    one = make.resource("orda.kz")
    body = {"about": "/ru/resources/orda.kz/", "kind": "danger", "text": "It names her.", "source_url": "https://a.kz/"}
    answer = client.post("/api/v1/problems", body, content_type="application/json")
    assert answer.status_code == 201
    sent = answer.json()
    assert sent | {"receipt": "", "received_on": ""} == {
        "about": f"resource/{one.pk}", "kind": "danger", "received_on": "", "state": "new", "reply": "",
        "decided_on": None, "receipt": "",
    }  # fmt: skip
    by = User.objects.create_user("editor")
    problem_reports.refuse(ProblemReport.objects.get(), by=by, reason="It does not.", reply="It names a body.")
    told = client.get(f"/api/v1/problems/{sent['receipt']}").json()
    assert (told["state"], told["reply"], told["decided_on"]) == (
        "refused",
        "It names a body.",
        f"{timezone.localdate()}",
    )
    assert "It does not." not in str(told)
    assert client.get(f"/api/v1/problems/{'0' * 26}").status_code == 404
    assert client.get(f"/api/v1/reports/{sent['receipt']}").status_code == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"text": "a"}, "kind"),
        ({"kind": "x", "text": "a"}, "kind"),
        ({"kind": "wrong"}, "text"),
        ({"kind": "wrong", "text": ""}, "text"),
        ({"kind": "wrong", "text": "\u200b"}, "text"),
        ({"kind": "wrong", "text": "x" * 2001}, "text"),
        ({"kind": "wrong", "text": "880101300127"}, "text"),
        ({"kind": "wrong", "text": "a", "source_url": "javascript:1"}, "source_url"),
        ({"kind": "wrong", "text": "a", "about": "/en/resources/nobody.kz/"}, "about"),
        ({"kind": "wrong", "text": "a", "about": "restriction/1"}, "about"),
        ({"kind": "wrong", "text": "a", "about": "x" * 5000}, "about"),
        ({"kind": "wrong", "text": "a", "about": ["x"]}, "about"),
    ],
)
def test_what_the_api_refuses_it_refuses_by_field(client: Client, body: dict[str, Any], field: str) -> None:
    answer = client.post("/api/v1/problems", body, content_type="application/json")
    assert answer.status_code == 400
    assert answer.json()["code"] == "invalid"
    assert field in {one["field"] for one in answer.json()["errors"]}
    assert not ProblemReport.objects.exists()


def test_nul_and_two_megabytes_are_refused_by_the_api_as_problems(client: Client) -> None:
    for body, status in ((b'{"kind":"wrong","text":"a\\u0000"}', 400), (b'{"text":"' + b"x" * 2**21 + b'"}', 413)):
        answer = client.post("/api/v1/problems", body, content_type="application/json")
        assert answer.status_code == status
        assert answer.headers["Content-Type"] == "application/problem+json"


# --- at the desk


@pytest.fixture
def desk(client: Client) -> Client:
    can = ("view_problemreport", "change_problemreport", "view_erratum", "change_erratum")
    make.signed_in(client, make.editor(*can))
    client.cookies["django_language"] = "en"
    return client


DESK = "/desk/registry/problemreport/"


def test_the_desk_lists_what_may_hurt_somebody_on_top(desk: Client) -> None:
    for kind in ("danger", "wrong", "other"):
        make.problem(kind=kind, text=f"About {kind}.")
    page = desk.get(DESK).content.decode()
    assert re.findall(r"About (\w+)\.", page) == ["danger", "other", "wrong"]
    assert desk.get(f"{DESK}?kind__exact=other&state__exact=new").content.decode().count("About ") == 1


@pytest.mark.parametrize("language", ["kk", "ru", "en"])
def test_a_problem_report_leads_to_the_record_its_page_its_correction_and_an_erratum(
    desk: Client, language: str
) -> None:
    desk.cookies["django_language"] = language
    basis = make.restriction(make.resource("orda.kz"))
    problem = make.problem(basis)
    page = desk.get(reverse("admin:registry_problemreport_change", args=[problem.pk])).content.decode()
    for address in (
        f"/{language}/resources/orda.kz/",
        f"/desk/registry/restriction/{basis.pk}/change/",
        f"/desk/registry/restriction/{basis.pk}/correct/",
        f"/desk/registry/erratum/new/?subject=restriction%2F{basis.pk}",
        f"{DESK}decide/put_right/?id={problem.pk}",
        f"{DESK}decide/refuse/?id={problem.pk}",
    ):
        assert f'href="{address}"' in page, address
    assert (
        f'value="restriction/{basis.pk}"'
        in desk.get(f"/desk/registry/erratum/new/?subject=restriction/{basis.pk}").content.decode()
    )


@pytest.mark.parametrize("about", ["network", "measurement", "actrole", "nothing", "a page", "what is gone"])
def test_a_problem_report_about_anything_opens_at_the_desk(desk: Client, about: str) -> None:
    match about:
        case "network":
            problem = make.problem(make.network())
        case "measurement":
            run = make.run(make.vantage())
            problem = make.problem(make.measurement(facts.visit(), make.target(), by=run))
        case "actrole":
            problem = make.problem(make.act(by=make.authority()).roles.get())
        case "nothing":
            problem = make.problem()
        case "a page":
            problem = make.problem(page="/matrix/")
        case _:
            row = make.notice()
            problem = make.problem(row)
            row.delete()
    assert desk.get(reverse("admin:registry_problemreport_change", args=[problem.pk])).status_code == 200


def test_the_desk_decides_each_by_itself_and_says_who_was_late(desk: Client) -> None:
    first, second = make.problem(), make.problem()
    problem_reports.refuse(first, by=User.objects.get(), reason="It is not so.")
    where = f"{DESK}decide/put_right/?id={first.pk}&id={second.pk}"
    refused = desk.post(where, {"reason": "It was so.", "reply": "Call +7 701 123 45 67"}).content.decode()
    assert "Leave out" in refused
    page = desk.post(where, {"reason": "It was so.", "reply": "Thank you."}, follow=True).content.decode()
    assert "someone was faster" in page
    assert "1 problem report was decided." in page
    second.refresh_from_db()
    assert (second.state, second.reply) == ("put_right", "Thank you.")


def test_who_may_only_look_decides_nothing(client: Client) -> None:
    make.signed_in(client, make.editor("view_problemreport"))
    problem = make.problem()
    assert client.get(DESK).status_code == 200
    answer = client.post(f"{DESK}decide/put_right/?id={problem.pk}", {"reason": "It was so."})
    assert answer.status_code == 403
    assert "decide/put_right" not in client.get(f"{DESK}{problem.pk}/change/").content.decode()
