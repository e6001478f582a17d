"""Acts, authorities, grounds, events, and how to read it all."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client

from checks.engine import records
from registry.models import Act, Event, Ground, Region, Resource
from registry.templatetags import register
from tests import make

pytestmark = pytest.mark.django_db


def test_names_stand_in_the_order_of_the_kazakh_alphabet(client: Client) -> None:
    for number, name in enumerate(["Яр", "Әкімдік", "Қала", "Кеден", "Алматы", "Іс", "Лото", "Ёлка", "Шығыс"]):
        make.authority(f"a-{number}", name)
    page = client.get("/kk/authorities/").content.decode()
    order = re.findall(r'<th scope="row"><a [^>]*>([^<]+)</a>', page)
    assert order == ["Алматы", "Әкімдік", "Ёлка", "Кеден", "Қала", "Лото", "Шығыс", "Іс", "Яр"]


@pytest.mark.parametrize(("language", "body"), [("kk", "уәкілетті орган"), ("ru", "уполномоченный орган")])
def test_a_body_that_sources_name_often_is_named_in_the_readers_language(
    client: Client, language: str, body: str
) -> None:
    resource = make.resource()
    make.restriction(resource, authority_as_written="authorised body")
    make.restriction(resource, authority_as_written="Court in Almaty")
    page = client.get(f"/{language}/resources/orda.kz/").content.decode()
    assert f"({body})" in page
    assert '<span lang="en">Court in Almaty</span>' in page


def test_every_mechanism_and_every_purpose_has_its_words() -> None:
    rules = Path(settings.BASE_DIR, "checks/verdict/rules.py").read_text(encoding="utf-8")
    mechanisms = set(re.findall(r'"((?:dns|ip|tcp|tls|http)\.[a-z._]+)"', rules)) - {"tls.throttle"}
    assert len(mechanisms) > 20
    assert {name for name in mechanisms if register.mechanism(name) == name} == set()
    purposes = {value for name, value in vars(records).items() if name.isupper() and isinstance(value, str)}
    assert {name for name in purposes if register.purpose(name) == name} == set()


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("q=" + "x" * 201, "ең көбі 200 таңба"),
        ("q=%00", "нөлдік таңба"),
        ("type=odd", "Берілген нұсқалардың бірін таңдаңыз"),
        ("authority=odd", "Берілген нұсқалардың бірін таңдаңыз"),
    ],
)
def test_what_django_says_of_a_field_is_said_in_kazakh(client: Client, query: str, words: str) -> None:
    answer = client.get(f"/kk/acts/?{query}")
    assert answer.status_code == 400
    assert words in answer.content.decode()


LISTS = ("acts", "authorities", "grounds", "events", "method", "data")
LANGUAGES = ("kk", "ru", "en")


def event(key: str = "2022-01-shutdown") -> Event:
    names = {f"name_{language}": "Shutdown of January" for language in LANGUAGES}
    return Event.objects.create(key=key, type="shutdown", began="2022-01-05", fact="Networks fell silent.", **names)


def ground() -> Ground:
    return Ground.objects.create(code="drugs", name_kk="Есірткі", name_ru="Наркотики", name_en="Drugs", law_ref="41-1")


def read(client: Client, path: str, status: int = 200) -> str:
    answer = client.get(f"/en/{path}")
    assert answer.status_code == status
    return answer.content.decode()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("page", LISTS)
def test_every_list_opens_while_the_register_is_empty(client: Client, language: str, page: str) -> None:
    assert client.get(f"/{language}/{page}/").status_code == 200


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_opens_with_rows(client: Client, language: str) -> None:
    body, happening = make.authority(), event()
    happening.regions.add(Region.objects.create(iso="KZ-75", name_kk="Алматы", name_ru="Алматы", name_en="Almaty"))
    act = make.act(by=body)
    row = make.restriction(make.resource(), act, event=happening)
    row.grounds.add(ground())
    row.authorities.add(body)
    make.statement(row, authority=body)
    pages = [*LISTS, f"acts/{act.key}", f"authorities/{body.code}", f"events/{happening.key}"]
    for page in pages:
        answer = client.get(f"/{language}/{page}/")
        assert answer.status_code == 200, page
        assert len(answer.content) < 30_000, page


def test_an_act_shows_its_roles_its_sources_and_all_that_rests_on_it(client: Client) -> None:
    act = make.act("25-01-25/4", by=make.authority(), date="2021-01-05")
    act.sources.add(make.source("An official reply", "2021-01-22", "https://example.org/reply"))
    make.restriction(make.resource("addons.mozilla.org"), act)
    make.restriction(make.resource("orda.kz"), act)
    page = read(client, f"acts/{act.key}/")
    for words in ("25-01-25/4", "Ministry of Culture", "An official reply", "<bdi>addons.mozilla.org</bdi>", "orda.kz"):
        assert words in page
    assert "2 restrictions rest on this act." in page


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("type=order", "N-1"),
        ("authority=kz-court", "N-2"),
        ("q=n-1", "N-1"),
        ("q=whole+domain", "N-2"),
        ("q=+&type=&authority=", "N-1"),
    ],
)
def test_acts_are_filtered_by_type_authority_and_text(client: Client, query: str, found: str) -> None:
    make.act("N-1", type=Act.Type.ORDER)
    make.act("N-2", by=make.authority("kz-court"), scope_ordered="the whole domain")
    page = read(client, f"acts/?{query}")
    assert found in page
    assert ("1 act<" in page) is (query != "q=+&type=&authority=")


@pytest.mark.parametrize("query", ["type=decree", "authority=nobody", "q=%00", "q=" + "x" * 201])
def test_a_filter_that_means_nothing_is_answered_in_words(client: Client, query: str) -> None:
    make.act("N-1")
    page = read(client, f"acts/?{query}", status=400)
    assert 'class="error"' in page
    assert "N-1" not in page


def test_an_authority_shows_who_it_was_before_and_what_it_said(client: Client) -> None:
    old = make.authority("mic", "Ministry of Information", valid_from="2016", valid_to="2019-02")
    new = make.authority("mki")
    new.predecessors.add(old)
    make.statement(make.restriction(make.resource()), authority=new, words="There are no restrictions.")
    assert "Ministry of Information" in read(client, "authorities/mki/")
    assert "There are no restrictions." in read(client, "authorities/mki/")
    assert "Ministry of Culture" in read(client, "authorities/mic/")
    assert "February 2019" in read(client, "authorities/mic/")


def test_an_authority_that_no_act_names_is_not_said_to_be_named_by_none(client: Client) -> None:
    body = make.authority()
    assert "No act of this authority is known." in read(client, "authorities/mki/")
    assert "0 acts" not in read(client, "authorities/mki/")
    make.act(by=body)
    assert "1 act in the register names it." in read(client, "authorities/mki/")


def test_an_act_on_which_nothing_rests_is_not_said_to_bear_zero_restrictions(client: Client) -> None:
    page = read(client, f"acts/{make.act().key}/")
    assert "0 restrictions" not in page
    assert "No restriction" in page


def test_what_is_not_public_is_neither_named_nor_counted(client: Client) -> None:
    body, happening, act, reason = make.authority(), event(), make.act(), ground()
    hidden = make.restriction(make.resource("secret.kz"), act, public=False, event=happening)
    hidden.authorities.add(body)
    hidden.grounds.add(reason)
    make.statement(hidden, authority=body, words="Kept to ourselves.")
    for path in (f"acts/{act.key}/", "authorities/mki/", f"events/{happening.key}/"):
        page = read(client, path)
        assert "secret.kz" not in page
        assert "Kept to ourselves." not in page
    assert 'Restrictions">0</td>' in read(client, "grounds/")


def test_grounds_are_counted_in_restrictions(client: Client) -> None:
    reason = ground()
    for name in ("orda.kz", "vlast.kz"):
        make.restriction(make.resource(name)).grounds.add(reason)
    assert 'Restrictions">2</td>' in read(client, "grounds/")


@pytest.mark.parametrize(
    ("display", "shown"), [(Resource.Display.WITHHELD, "name withheld"), (Resource.Display.DOMAIN_ONLY, "shop.kz")]
)
def test_a_name_that_must_not_be_advertised_is_not(client: Client, display: str, shown: str) -> None:
    act = make.act()
    resource = make.resource("https://shop.kz/price-list", display=display)
    make.restriction(resource, act)
    page = read(client, f"acts/{act.key}/")
    assert shown in page
    assert "price-list" not in page
    assert ("shop.kz" in page) is (display == Resource.Display.DOMAIN_ONLY)


def test_no_blocked_name_is_a_link_to_it(client: Client) -> None:
    act = make.act()
    make.restriction(make.resource("orda.kz"), act)
    page = read(client, f"acts/{act.key}/")
    assert 'href="/en/resources/orda.kz/"' in page
    assert "//orda.kz" not in page


def test_many_rows_take_as_many_queries_as_few(client: Client, django_assert_max_num_queries) -> None:
    body, happening, act = make.authority(), event(), make.act(by=make.authority())
    for number in range(60):
        row = make.restriction(make.resource(f"site-{number}.kz"), act, event=happening)
        row.authorities.add(body)
        make.statement(row, authority=body)
        make.act(f"N-{number}", by=body)
    for path in (
        "acts/",
        f"acts/{act.key}/",
        "authorities/",
        "authorities/mki/",
        "events/",
        f"events/{happening.key}/",
    ):
        with django_assert_max_num_queries(30):
            read(client, path)


def test_a_long_list_has_pages_that_keep_the_filter(client: Client) -> None:
    for number in range(60):
        make.act(f"N-{number}")
    page = read(client, "acts/?type=court_decision&page=2")
    assert "page=1" in page
    assert "type=court_decision&amp;page=1" in page
    assert read(client, "acts/?page=nonsense")


def test_every_rule_is_published_with_its_id_in_the_readers_language(client: Client) -> None:
    english = read(client, "method/rules/")
    assert 'id="tls_valid"' in english
    assert "example.org opened, with a valid certificate." in english
    assert "сертификат действителен" in client.get("/ru/method/rules/").content.decode()
    assert "сертификаты жарамды" in client.get("/kk/method/rules/").content.decode()


def test_the_log_can_be_taken_away_and_verified(client: Client) -> None:
    page = read(client, "data/")
    assert "python -m registry.ledger verify log.jsonl" in page
    assert "/api/v1/log/" in page
    assert "/api/v1/restrictions?format=csv" in page


@pytest.mark.parametrize("path", ["acts/none/", "authorities/none/", "events/none/"])
def test_what_is_not_there_is_not_found(client: Client, path: str) -> None:
    read(client, path, status=404)


@pytest.mark.parametrize(
    ("language", "number", "date", "title"),
    [
        ("kk", "2-1204", "2026-01-04", "Сот шешімі №\u00a02-1204"),
        ("kk", "", "2026-01-04", "Сот шешімі, 2026\u00a0ж. 4\u00a0қаңтар"),
        ("kk", "", "2026-01", "Сот шешімі, 2026\u00a0ж. қаңтар"),
        ("ru", "2-1204", "2026-01-04", "Решение суда №\u00a02-1204"),
        ("ru", "", "2026-01-04", "Решение суда, 4\u00a0января 2026\u00a0г."),
        ("ru", "", "", "Решение суда"),
        ("en", "2-1204", "", "Court decision 2-1204"),
        ("en", "", "2026-01", "Court decision, January 2026"),
    ],
)
def test_an_act_is_called_as_people_write_it_with_and_without_a_number(
    client: Client, language: str, number: str, date: str, title: str
) -> None:
    act = make.act(number, date=date, text="Жабылсын.", language="kk")
    for page in ("", "text/"):
        shown = client.get(f"/{language}/acts/{act.key}/{page}").content.decode()
        assert f"<h1>{title}</h1>" in shown
        assert f"<title>{title} ·" in shown
    listed = client.get(f"/{language}/acts/").content.decode()
    assert f">{title.partition(',')[0]}</a>" in listed
