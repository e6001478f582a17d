"""Look-ups, reports, the log, the numbers, the reference, and what is refused."""

from __future__ import annotations

import json
import re

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import translation

from checks.models import State
from registry import log, status
from registry.api import parsers, throttles
from registry.ledger.__main__ import verify
from registry.models import Report
from tests import make

pytestmark = pytest.mark.django_db


def post(client: Client, path: str, body: bytes | str, content_type: str = "application/json"):
    return client.post(f"/api/v1/{path}", data=body, content_type=content_type)


def test_a_look_up_agrees_with_the_status(api) -> None:
    resource = make.resource()
    make.restriction(resource, make.act())
    make.cell(resource, make.network(), State.BLOCKED)
    answer = api("lookup?q=HTTPS://Orda.kz/").json()
    known = status.of(resource, at=make.AT)
    with translation.override("en"):
        assert answer["resources"][0]["sentence"] == known.sentence()
    assert answer["resources"][0]["situation"] == known.situation == "ordered_blocked"
    assert answer["resources"][0]["counts"]["blocked"] == 1
    assert answer["resources"][0]["acts"][0]["number"] == "2-1204"
    assert answer["name"]["host"] == "orda.kz"
    assert answer["imitated"] is False


def test_an_act_that_was_reversed_is_told_by_every_answer(api) -> None:
    resource, act = make.resource(), make.act()
    make.restriction(resource, act)
    make.appeal(act, "reversed", decided="2026-02-13")
    make.cell(resource, make.network(), State.BLOCKED)
    status.count(at=make.AT)
    in_kazakh = api(f"resources/{resource.pk}?lang=kk").json()["sentence"]
    assert "шектеуге негіз болған актінің күші жойылған (2026\u00a0ж. 13\u00a0ақпан" in in_kazakh
    [listed] = api("resources?legal=reversed&situation=reversed_blocked").json()["results"]
    [found] = api("lookup?q=orda.kz").json()["resources"]
    for row in (listed, found):
        assert (row["legal"], row["situation"]) == ("reversed", "reversed_blocked")
        assert row["sentence"].endswith("was reversed (13 February 2026: court decision 2-1204).")
    assert [(one["legal"], one["situation"]) for one in api("stats").json()["cross"]] == [
        ("reversed", "reversed_blocked")
    ]


def test_a_free_name_is_looked_up_by_its_letters(api) -> None:
    make.resource("WhatsApp", type="app")
    assert [one["name"] for one in api("lookup?q=whatsapp").json()["resources"]] == ["WhatsApp"]


@pytest.mark.parametrize("recorded", [False, True])
def test_a_look_up_answers_with_what_was_measured_of_exactly_that_address(api, recorded: bool) -> None:
    if recorded:
        make.resource("fresh.kz")
    make.cell(make.target("http://fresh.kz/"), make.network(), State.DOWN)
    answer = api("lookup?q=http://fresh.kz/").json()
    assert len(answer["resources"]) == recorded
    assert [one["state"] for one in answer["networks"]] == ["down"]


@pytest.mark.parametrize(
    ("text", "reason"), [("", "empty"), ("ftp://orda.kz", "bad_scheme"), ("10.0.0.1", "special_use")]
)
def test_what_is_no_name_is_refused_with_its_reason(api, text: str, reason: str) -> None:
    response = api(f"lookup?q={text}")
    assert response.status_code == 400
    assert (response.json()["code"], response.json()["reason"]) == ("bad_name", reason)


def test_a_bulk_look_up_answers_in_order_and_tells_each_bad_name(client: Client) -> None:
    make.resource()
    results = post(client, "lookup", json.dumps({"q": ["orda.kz", "a b", "orda.kz", "no.kz"]})).json()["results"]
    assert [one["query"] for one in results] == ["orda.kz", "a b", "orda.kz", "no.kz"]
    assert [len(one["resources"]) for one in results] == [1, 0, 1, 0]
    assert results[1]["error"]["code"] == "whitespace"


def test_a_thousand_names_take_as_many_queries_as_ten(client: Client, django_assert_max_num_queries) -> None:
    for number in range(10):
        make.resource(f"site-{number}.kz")
    with django_assert_max_num_queries(24):
        body = json.dumps({"q": [f"site-{number}.kz" for number in range(1000)]})
        assert len(post(client, "lookup", body).json()["results"]) == 1000
    assert post(client, "lookup", json.dumps({"q": ["a.kz"] * 1001})).status_code == 400


def test_what_somebody_looked_up_is_kept_nowhere(api) -> None:
    assert api("lookup?q=orda.kz").headers["Cache-Control"] == "no-store"


def test_errors_stay_english_whatever_the_language_of_the_sentences(api) -> None:
    response = api("resources?limit=x&lang=ru", **{"Accept-Language": "ru"})
    assert response.headers["Content-Language"] == "en"
    assert response.json()["errors"][0]["message"] == "Write a number from 1 to 200."


def test_a_report_is_taken_and_followed_by_its_receipt(client: Client, api) -> None:
    network = make.network()
    response = post(client, "reports", json.dumps({"name": "Orda.kz", "note": "since morning", "network": network.asn}))
    assert response.status_code == 201
    assert response.headers["Cache-Control"] == "no-store"
    receipt = response.json().pop("receipt")
    followed = api(f"reports/{receipt}").json()
    assert followed == {key: value for key, value in response.json().items() if key != "receipt"}
    assert followed["state"] == "new"
    assert Report.objects.get().network == network
    assert api("reports/ABC").status_code == 404


def test_an_address_that_only_a_stranger_typed_is_not_shown(client: Client, api) -> None:
    post(client, "reports", json.dumps({"name": "https://secret.kz/me"}))
    assert "secret.kz" not in api("targets").content.decode()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"orda.kz"',
        b"{} {}",
        b'{"name": "orda.kz", "name": "kz.orda"}',
        b'{"name": NaN}',
        b'{"name": Infinity}',
        b'{"name": "orda.kz", "network": 1e999}',
        b'{"name": "orda.kz", "network": ' + b"9" * 40 + b"}",
        b'{"name": "orda.kz", "network": ' + b"9" * 6000 + b"}",
        b'{"name": "orda.kz", "network": [1]}',
        b'{"name": "orda.kz", "network": {"asn": 1}}',
        b'{"name": "orda.kz", "region": "\\u0000"}',
        b'{"name": "or\\u0000da.kz"}',
        b'{"name": "\\ud800.kz"}',
        b'{"name": "orda.kz", "\\udfff": 1}',
        b'{"name": "orda.kz", "note": "\x00"}',
        b'{"name": "\xff.kz"}',
        b'\xef\xbb\xbf{"name": "orda.kz"}',
        b'{"name": ["orda.kz"]}',
        b'{"name": {}}',
        b'{"name": ""}',
        b'{"name": "' + b"a" * 5000 + b'.kz"}',
        b'{"name": "orda.kz", "note": "' + b"a" * 3000 + b'"}',
        b"[" * 100_000,
        b'{"a":' * 40 + b"1" + b"}" * 40,
        b'{"name": "' + b'\\"' * 120_000,
        b" " * (parsers.BODY_LIMIT + 1),
    ],
)
@pytest.mark.parametrize("path", ["reports", "lookup"])
def test_a_hostile_body_is_refused_as_a_problem(client: Client, path: str, body: bytes) -> None:
    response = post(client, path, body)
    assert 400 <= response.status_code < 500
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.json()["status"] == response.status_code
    assert not Report.objects.exists()


def test_thirty_two_levels_are_read_and_brackets_in_strings_are_no_levels(client: Client) -> None:
    deep = '{"q": ["' + "[" * 100 + '"], "x": ' + "[" * 31 + "]" * 31 + "}"
    assert post(client, "lookup", deep).json()["results"][0]["error"]


@pytest.mark.parametrize(
    ("method", "path", "headers", "code"),
    [
        ("get", "nothing", {}, (404, "not_found")),
        ("get", "resources/a%0Ab", {}, (404, "not_found")),
        ("get", "resources/1", {}, (404, "not_found")),
        ("get", "resources/" + "9" * 30, {}, (404, "not_found")),
        ("get", "measurements/12", {}, (404, "not_found")),
        ("post", "resources", {}, (405, "method_not_allowed")),
        ("delete", "lookup", {}, (405, "method_not_allowed")),
        ("get", "resources", {"Accept": "image/png"}, (406, "not_acceptable")),
        ("get", "resources?format=xlsx", {}, (406, "not_acceptable")),
        ("get", "lookup?q=orda.kz&format=xml", {}, (406, "not_acceptable")),
    ],
)
def test_every_refusal_is_a_problem_with_a_stable_code(
    client: Client, method: str, path: str, headers: dict[str, str], code: tuple[int, str]
) -> None:
    response = getattr(client, method)(f"/api/v1/{path}", headers=headers)
    assert response.headers["Content-Type"] == "application/problem+json"
    assert (response.status_code, response.json()["code"]) == code


@pytest.mark.parametrize(("path", "choices"), [("resources", {"json", "jsonl", "csv"}), ("stats", {"json"})])
def test_a_format_that_is_not_there_is_answered_with_those_that_are(api, path: str, choices: set[str]) -> None:
    detail = api(f"{path}?format=xml").json()["detail"]
    assert set(re.findall(r"(\w+) \(", detail)) == choices


def test_a_form_is_no_json(client: Client) -> None:
    response = post(client, "reports", "name=orda.kz", "application/x-www-form-urlencoded")
    assert (response.status_code, response.json()["code"]) == (415, "unsupported_media_type")


def test_a_slash_too_many_leads_to_the_right_address(client: Client) -> None:
    response = client.get("/api/v1/lookup/?q=orda.kz")
    assert (response.status_code, response.headers["Location"]) == (308, "/api/v1/lookup?q=orda.kz")
    assert client.get("/api/v1/nothing/").status_code == 404


def test_who_asks_too_often_is_told_when_to_go_on_and_no_address_is_stored(client: Client, monkeypatch) -> None:
    monkeypatch.setattr(throttles.Reads, "rate", "2/minute", raising=False)
    codes = [client.get("/api/v1/networks", REMOTE_ADDR="203.0.113.9").status_code for _ in range(3)]
    assert codes == [200, 200, 429]
    response = client.get("/api/v1/networks", REMOTE_ADDR="203.0.113.9")
    assert response.json()["code"] == "throttled"
    assert 0 < int(response.headers["Retry-After"]) <= 60
    assert client.get("/api/v1/networks", REMOTE_ADDR="203.0.113.10").status_code == 200
    assert "203.0.113" not in repr(cache._cache)


def test_the_log_is_what_the_verifier_reads(api) -> None:
    resource = make.resource()
    for reason in ("first", "second"):
        log.append("create", resource, after={"name": "orda.kz"}, reason=reason, by="editor-1")
    lines = b"".join(api("log/").streaming_content).decode().splitlines()
    assert verify(lines)[0] == 2
    assert b"".join(api(f"log/?after={json.loads(lines[0])['index']}").streaming_content).decode() == lines[1] + "\n"
    assert api("log/?after=x").status_code == 400


def test_the_log_of_one_record_holds_its_entries_alone(api) -> None:
    one, other = make.resource("orda.kz"), make.resource("other.kz")
    for resource, reason in ((one, "first"), (other, "of another"), (one, "second")):
        log.append("describe", resource, after={}, reason=reason, by="editor-1")
    lines = b"".join(api(f"log/?subject=resource/{one.pk}").streaming_content).decode().splitlines()
    assert [json.loads(json.loads(line)["payload"])["reason"] for line in lines] == ["first", "second"]
    assert verify(lines)[0] == 2
    assert api("log/?subject=resource").status_code == 400


def test_an_answer_says_how_sure_it_is_in_the_language_asked_for(api) -> None:
    resource = make.resource()
    make.listing(resource)
    make.cell(resource, make.network(), "blocked")
    answer = api(f"resources/{resource.pk}?lang=en").json()
    assert (answer["listed"], answer["listed_on"], answer["said"]) == ("now", "2026-02-01", "none")
    assert (answer["situation"], answer["confidence"]) == ("listed_blocked", "medium")
    assert "They come from 1 place." in answer["confidence_reasons"]
    assert "A snapshot of the state register without it." in answer["would_change"]
    assert (
        "Действующий акт, названный в каком-либо источнике."
        in api("lookup?q=orda.kz&lang=ru").json()["resources"][0]["would_change"]
    )


def test_resources_are_filtered_by_what_was_last_counted(api) -> None:
    make.cell(make.resource("orda.kz"), make.network(), "blocked")
    make.resource("vlast.kz")
    assert api("resources?situation=unexplained").json()["results"] == []
    status.count(at=make.AT)
    assert [one["name"] for one in api("resources?situation=unexplained").json()["results"]] == ["orda.kz"]
    assert [one["name"] for one in api("resources?observed=not_measured").json()["results"]] == ["vlast.kz"]
    assert api("resources?situation=nonsense").status_code == 400


def test_the_numbers_are_those_of_the_cross_table(api) -> None:
    make.restriction(make.resource(), make.act())
    assert api("stats").json()["counted_at"] is None
    status.count(at=make.AT)
    answer = api("stats").json()
    assert (answer["resources"], answer["counted_at"]) == (1, "2026-03-01T17:00:00+05:00")
    assert [(one["legal"], one["observed"], one["count"]) for one in answer["cross"]] == [
        ("ordered", "not_measured", 1)
    ]


def test_the_reference_names_every_address_and_needs_no_script(client: Client, api) -> None:
    page = client.get("/api/v1/").content.decode()
    for path in api("openapi.json").json()["paths"]:
        assert path in page
    assert "<script" not in page
    assert "style=" not in page
    assert "CC BY 4.0" in page
    ids = re.findall(r'\sid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
