"""The report form, its receipt, and what became of a report."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core.cache import cache
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone, translation

from checks.engine.names import BadName
from checks.models import AddressRange, Vantage
from checks.verdict.rules import BY_ID
from registry import moderation, submissions
from registry.api import throttles
from registry.models import Region, Report
from registry.web import names
from registry.web.guards import SLOWEST, signed_moment
from tests import make
from tests.verdict import make as seen

pytestmark = pytest.mark.django_db

CODE = re.compile(r'translate="no">([0-9A-Z ]+)<')


@pytest.fixture(autouse=True)
def _fresh_rates() -> None:
    cache.clear()


def send(client: Client, *, age: timedelta = timedelta(minutes=1), language: str = "en", **fields: Any) -> HttpResponse:
    opened = signed_moment(timezone.now() - age)
    return client.post(f"/{language}/report/", {"name": "orda.kz", "opened": opened, **fields})


def look_up(client: Client, code: str, language: str = "en") -> HttpResponse:
    return client.post(f"/{language}/receipt/", {"code": code})


def moment_in(page: str) -> int:
    found = re.search(r'name="opened" value="(\d+):', page)
    assert found
    return int(found[1])


def code_in(response: HttpResponse) -> str:
    found = CODE.search(response.content.decode())
    assert found
    return found[1]


@pytest.mark.parametrize("language", ["kk", "ru", "en"])
@pytest.mark.parametrize("page", ["report", "receipt"])
def test_the_pages_open_without_a_cookie_and_are_kept_by_no_cache(client: Client, language: str, page: str) -> None:
    response = client.get(f"/{language}/{page}/")
    assert response.status_code == 200
    assert response.headers["Cache-Control"] == "no-store"
    assert not response.cookies
    assert len(response.content) < 30_000


def test_a_name_that_was_looked_up_is_filled_in(client: Client) -> None:
    page = client.get("/en/report/", {"q": '"><script>orda.kz'}).content.decode()
    assert "&quot;&gt;&lt;script&gt;orda.kz" in page
    assert "<script" not in page


def test_a_report_is_kept_and_its_code_is_shown_once_in_groups() -> None:
    client = Client(enforce_csrf_checks=True)
    network, region = (
        make.network(),
        Region.objects.create(iso="KZ-75", name_kk="Алматы", name_ru="Алматы", name_en="Almaty"),
    )
    response = send(client, network=network.pk, region=region.pk, note="It stopped today.\r\nNo page.")
    assert response.status_code == 200
    assert response.headers["Cache-Control"] == "no-store"
    assert not response.cookies
    code = code_in(response)
    assert [len(group) for group in code.split()] == [4] * 6 + [2]
    report = Report.objects.get()
    assert (report.name, report.network, report.region) == ("https://orda.kz/", network, region)
    assert report.note == "It stopped today.\nNo page."
    assert submissions.find(code) == report


@pytest.mark.parametrize(
    ("text", "shown"), [("HTTPS://Пример.KZ", "пример.kz"), ("пример.kz/Блог?a=1", "https://пример.kz/Блог?a=1")]
)
def test_the_reported_name_is_shown_as_people_read_it(client: Client, text: str, shown: str) -> None:
    sent = send(client, name=text)
    assert f"<bdi>{shown}" in sent.content.decode()
    assert f"<bdi>{shown}" in look_up(client, code_in(sent)).content.decode()


def test_what_is_no_name_is_said_next_to_the_field_and_above_the_form(client: Client) -> None:
    response = send(client, name="orda kz", note="what I wrote", language="ru")
    page = response.content.decode()
    with translation.override("ru"):
        sentence = names.explain(BadName("whitespace", ""))
    assert response.status_code == 400
    assert f'<a href="#id_name">{sentence}</a>' in page
    assert f'id="id_name_error">{sentence}' in page
    assert 'aria-describedby="id_name_helptext id_name_error"' in page
    assert 'value="orda kz"' in page
    assert "what I wrote" in page
    assert not Report.objects.exists()


@pytest.mark.parametrize(
    "headers", [{"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}, {"origin": "https://evil.example"}]
)
def test_a_form_that_another_site_sends_in_a_visitors_name_is_refused(client: Client, headers: dict[str, str]) -> None:
    opened = signed_moment(timezone.now() - timedelta(minutes=1))
    response = client.post("/en/report/", {"name": "orda.kz", "opened": opened}, headers=headers)
    assert response.status_code == 403
    assert "fill in the form on this page" in response.content.decode()
    assert not Report.objects.exists()


@pytest.mark.parametrize(
    "headers", [{}, {"origin": "null"}, {"origin": "http://testserver"}, {"sec-fetch-site": "same-origin"}]
)
def test_our_own_form_is_taken_whatever_a_browser_says_of_where_it_stands(
    client: Client, headers: dict[str, str]
) -> None:
    opened = signed_moment(timezone.now() - timedelta(minutes=1))
    assert client.post("/en/report/", {"name": "orda.kz", "opened": opened}, headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("language", "name"),
    [
        ("kk", "Jusan Mobile (бұрынғы KazTransCom, KTC-AS)"),
        ("ru", "Jusan Mobile (ранее KazTransCom, KTC-AS)"),
        ("en", "Jusan Mobile (formerly KazTransCom, KTC-AS)"),
    ],
)
def test_what_an_operator_was_called_is_told_in_the_readers_language(client: Client, language: str, name: str) -> None:
    make.network(35104, brand="Jusan Mobile (formerly KazTransCom, KTC-AS)")
    for page in ("report/", "networks/"):
        assert f"{name} (AS35104)" in client.get(f"/{language}/{page}").content.decode()


def test_an_operator_of_several_networks_is_offered_once_by_the_largest(client: Client) -> None:
    for asn, brand, ranges in ((1, "Қазақтелеком", 1), (2, "Қазақтелеком", 2), (3, "Beeline", 0), (4, "Лимон", 1)):
        make.network(asn, brand=brand)
        for number in range(ranges):
            AddressRange.objects.create(first=f"{asn}{number}", last=f"{asn}{number}", asn=asn, name=brand)
    page = client.get("/kk/report/").content.decode()
    offered = re.findall(r"<option value=\"\d+\">([^<]+)</option>", page)
    assert offered == ["Beeline (AS3)", "Қазақтелеком (AS2)", "Лимон (AS4)"]  # қ stands between к and л


@pytest.mark.parametrize("fields", [{"name": ""}, {"network": "x"}, {"region": "0"}, {"note": "x" * 2001}])
def test_bad_input_is_answered_in_words(client: Client, fields: dict[str, str]) -> None:
    response = send(client, **fields)
    assert response.status_code == 400
    assert f'href="#id_{next(iter(fields))}"' in response.content.decode()


def test_a_note_of_2000_characters_is_taken_however_a_browser_ends_its_lines(client: Client) -> None:
    send(client, note="\r\n".join(["x" * 9] * 200) + "x")
    assert len(Report.objects.get().note) == 2000


def test_a_form_left_open_too_long_comes_back_whole_and_is_taken_when_sent_again(client: Client) -> None:
    page = send(client, age=SLOWEST + timedelta(minutes=1), note="what I wrote").content.decode()
    assert not Report.objects.exists()
    assert 'value="orda.kz"' in page
    assert "what I wrote" in page
    assert moment_in(page) >= int(timezone.now().timestamp()) - 5


def test_a_form_sent_faster_than_a_hand_keeps_its_moment_so_that_waiting_helps(client: Client) -> None:
    page = send(client, age=timedelta(seconds=-1)).content.decode()
    assert not Report.objects.exists()
    assert moment_in(page) >= int(timezone.now().timestamp())


@pytest.mark.parametrize("opened", ["", "1772366400", "1772366400:forged", "\0"])
def test_a_moment_that_we_did_not_sign_is_refused_and_replaced(client: Client, opened: str) -> None:
    response = send(client, opened=opened)
    assert response.status_code == 400
    assert not Report.objects.exists()
    assert moment_in(response.content.decode())


def test_who_fills_in_the_field_that_nobody_sees_is_asked_to_empty_it(client: Client) -> None:
    response = send(client, website="https://buy.example")
    assert response.status_code == 400
    assert 'class="unseen"' not in response.content.decode()
    assert not Report.objects.exists()


def test_the_form_and_the_api_share_one_budget(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttles.Reports, "THROTTLE_RATES", {"reports": "2/hour"})
    assert client.post("/api/v1/reports", {"name": "a.kz"}, content_type="application/json").status_code == 201
    assert send(client).status_code == 200
    response = send(client, note="what I wrote")
    assert response.status_code == 429
    assert int(response.headers["Retry-After"]) > 0
    assert "what I wrote" in response.content.decode()


def test_a_mistyped_name_costs_nothing_of_the_budget(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttles.Reports, "THROTTLE_RATES", {"reports": "1/hour"})
    assert send(client, name="orda kz").status_code == 400
    assert send(client).status_code == 200


def test_an_unknown_code_gets_the_same_answer_whatever_it_is(client: Client) -> None:
    codes = ("0" * 26, "hello", "U" * 26)
    answers = {code: look_up(client, code) for code in codes}
    assert {answer.status_code for answer in answers.values()} == {200}
    assert len({answer.content.decode().replace(f'value="{code}"', "") for code, answer in answers.items()}) == 1
    assert look_up(client, "").status_code == 400


def test_a_code_is_not_read_from_an_address(client: Client) -> None:
    code = code_in(send(client))
    assert "orda.kz" not in client.get("/en/receipt/", {"code": code}).content.decode().replace("such as orda.kz", "")


@pytest.mark.parametrize("language", ["kk", "ru", "en"])
def test_a_receipt_tells_what_the_first_check_saw(client: Client, language: str) -> None:
    control = make.vantage(make.network(64500), role=Vantage.Role.CONTROL)
    probe = make.vantage(make.network(9198, watched=False), takes_unreviewed=True)
    code = code_in(send(client))
    target = Report.objects.get().target
    make.measurement(seen.visit(), target, by=make.run(control))
    waiting = look_up(client, code, language).content.decode()
    assert "AS9198" not in waiting
    for rule in ("no_control", "tls_reset_sni"):
        make.verdict(make.measurement(seen.visit(), target, by=make.run(probe)), rule=rule, mechanism="tls.reset.sni")
    page = look_up(client, code.lower().replace(" ", "-"), language).content.decode()
    expected = getattr(BY_ID["tls_reset_sni"], f"sentence_{language}").format(host="orda.kz")
    assert expected in page
    assert page.count("AS9198") == 1
    assert 'href="https://orda' not in page


def test_a_receipt_of_an_accepted_report_leads_to_the_resource(client: Client) -> None:
    code = code_in(send(client))
    assert "waits for an editor" in look_up(client, code).content.decode()
    editor = User.objects.create_user("editor")
    resource = moderation.accept(Report.objects.get(), by=editor, reason="seen on two networks")
    with translation.override("en"):
        assert f'href="{resource.get_absolute_url()}"' in look_up(client, code).content.decode()


def test_a_receipt_asks_as_little_of_the_database_however_much_was_measured(
    client: Client, django_assert_max_num_queries: Any
) -> None:
    code = code_in(send(client))
    target = Report.objects.get().target
    for number in range(12):
        make.verdict(make.measurement(seen.visit(), target, by=make.run(make.vantage(make.network(9000 + number)))))
    with django_assert_max_num_queries(8):
        assert look_up(client, code).content.decode().count("): blocked") == 12


def test_every_reason_why_a_name_is_bad_has_its_sentence() -> None:
    engine = Path(settings.BASE_DIR, "checks/engine/names.py").read_text(encoding="utf-8")
    codes = set(re.findall(r'BadName\(\s*"(\w+)"', engine))
    assert len(codes) > 10
    assert all(names.explain(BadName(code, "")) for code in codes)


@pytest.mark.parametrize("field", ["name", "note", "network", "region", "website", "opened"])
def test_what_is_far_too_long_does_not_come_back_whole(client: Client, field: str) -> None:
    answer = send(client, **{field: "x" * 2_000_000})
    assert answer.status_code == 400
    assert len(answer.content) < 30_000
    assert len(look_up(client, "x" * 2_000_000).content) < 30_000
    assert not Report.objects.exists()
