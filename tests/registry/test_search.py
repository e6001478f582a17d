"""What a person types finds what the register has."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from checks.engine.names import BadName
from checks.models import State
from registry import search, status, submissions
from registry.models import Resource
from tests import make

pytestmark = pytest.mark.django_db

AT = make.AT


def names_found(text: str) -> list[str]:
    return [one.resource.name for one in search.look_up(text, at=AT).resources]


def test_a_look_up_gives_the_name_itself_first_then_the_domain_above_then_the_pages_below() -> None:
    for name in ("https://news.orda.kz/a", "orda.kz", "news.orda.kz", "other.kz", "https://orda.kz/b"):
        make.resource(name)
    assert names_found("HTTPS://News.Orda.kz") == ["news.orda.kz", "orda.kz", "https://news.orda.kz/a"]
    assert names_found("news.orda.kz/a")[0] == "https://news.orda.kz/a"


def test_a_service_stands_last_with_its_mirrors() -> None:
    service = make.resource("Example TV", type="service")
    make.resource("mirror.kz", service=service)
    assert names_found("mirror.kz") == ["mirror.kz", "Example TV"]


def test_a_public_suffix_that_many_sites_share_is_no_domain_above() -> None:
    make.resource("one.github.io")
    assert names_found("two.github.io") == []


def test_a_host_with_thousands_of_pages_does_not_drown_the_answer() -> None:
    for page in range(search.PAGES_BELOW + 5):
        make.resource(f"https://orda.kz/{page:03}")
    make.resource("orda.kz")
    assert names_found("orda.kz")[0] == "orda.kz"
    assert len(names_found("orda.kz")) == search.PAGES_BELOW + 1
    assert names_found("orda.kz/054")[0] == "https://orda.kz/054"


def test_a_name_without_a_record_shows_what_was_measured() -> None:
    make.cell(make.target("fresh.kz"), make.network(), State.BLOCKED)
    found = search.look_up("fresh.kz", at=AT)
    assert found.resources == ()
    assert [one.state for one in found.target_networks] == [State.BLOCKED]


def test_what_only_a_stranger_reported_is_as_if_nobody_had() -> None:
    report = submissions.receive("only-reported.kz", at=make.AT).report
    make.cell(report.target, make.network(), State.BLOCKED)
    assert search.look_up("only-reported.kz", at=make.AT).target_networks == ()


def test_another_page_of_a_host_says_nothing_about_this_one() -> None:
    make.resource("https://orda.kz/one")
    assert names_found("https://orda.kz/two") == []
    assert names_found("orda.kz") == ["https://orda.kz/one"]


def test_a_look_up_agrees_with_the_status() -> None:
    resource = make.resource()
    make.cell(resource, make.network(), State.BLOCKED)
    assert search.look_up("orda.kz", at=AT).resources[0] == status.of(resource, at=AT)


def test_what_is_no_name_is_refused_with_its_reason() -> None:
    with pytest.raises(BadName) as caught:
        search.look_up("no such thing", at=AT)
    assert caught.value.code == "whitespace"


def test_a_hundred_names_take_as_many_queries_as_one(django_assert_max_num_queries) -> None:
    names = [search.parse(f"site-{number}.kz") for number in range(100)]
    for name in names[::2]:
        make.restriction(make.resource(name.host))
    for size in (1, 100):
        with django_assert_max_num_queries(22):
            assert len(search.look_up_many(names[:size], at=AT)) == size


@pytest.mark.parametrize("typed", ["whatsapp", "WHATS", " WhatsApp "])
def test_a_free_name_is_found_by_its_letters(typed: str) -> None:
    app = make.resource("WhatsApp", type="app")
    assert search.find(typed, limit=10) == [app]


@pytest.mark.parametrize(
    ("name", "typed"), [("Живой Журнал", "живой"), ("Ёлка", "елка"), ("Елка", "ЁЛКА"), ("Қазақ радиосы", "ҚАЗАҚ")]
)
def test_kazakh_and_russian_letters_are_found_whatever_their_case(name: str, typed: str) -> None:
    service = make.resource(name, type="service")
    assert search.find(typed, limit=10) == [service]


def test_the_exact_name_comes_first_and_signs_are_only_signs() -> None:
    make.resource("Telegram Desktop", type="app")
    exact = make.resource("Telegram", type="app")
    assert search.find("telegram", limit=1) == [exact]
    assert search.find("%", limit=10) == []
    assert search.find("  ", limit=10) == []
    assert search.find("tele\0gram", limit=10) == []


def test_a_withheld_name_is_not_found_and_a_hidden_path_neither() -> None:
    make.resource("hidden.kz", display=Resource.Display.WITHHELD)
    page = make.resource("https://casino.kz/play", display=Resource.Display.DOMAIN_ONLY)
    assert search.find("hidden", limit=10) == []
    assert search.find("play", limit=10) == []
    assert search.find("casino", limit=10) == [page]


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite reads the names of a small register")
def test_postgresql_finds_letters_by_an_index() -> None:
    make.resource("https://orda.kz/ёлка")
    with CaptureQueriesContext(connection) as asked, connection.cursor() as cursor:
        assert [one.name for one in search.find("ЕЛК", limit=5)] == ["https://orda.kz/%D1%91%D0%BB%D0%BA%D0%B0"]
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN {asked[0]['sql']}")
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "registry_resource_letters" in plan
