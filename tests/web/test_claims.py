"""Statements, where they do not agree, official figures, notices; and the course of acts on pages."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from checks.models import State
from registry.models import Act, FieldSource, Ground, Resource, RestrictionRole, Source
from tests import make

pytestmark = pytest.mark.django_db

LANGUAGES = ("kk", "ru", "en")
PAGES = ("statements", "statements/contradictions", "figures", "notices")


def read(client: Client, path: str, status: int = 200) -> str:
    answer = client.get(f"/en/{path}")
    assert answer.status_code == status
    return answer.content.decode()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("page", PAGES)
def test_every_page_opens_while_the_register_is_empty_and_says_so(client: Client, language: str, page: str) -> None:
    answer = client.get(f"/{language}/{page}/")
    assert answer.status_code == 200
    assert 'class="empty"' in answer.content.decode()


@pytest.mark.parametrize("language", LANGUAGES)
def test_full_pages_are_small_and_ask_a_fixed_number_of_questions(
    client: Client, language: str, django_assert_max_num_queries
) -> None:
    for number in range(60):
        resource = make.resource(f"a-site-of-some-length-{number}.kz")
        row, body = make.restriction(resource), make.authority(f"body-{number % 30}", f"Body {number % 30}")
        for stance in ("denies", "admits"):
            make.statement(row, authority=body, stance=stance, words="What was said, in a sentence. " * 3)
        make.cell(resource, make.network(), State.BLOCKED)
        make.notice(f"Service {number}", resource=resource)
        make.figure(number, authority=body)
    for page in PAGES:
        with django_assert_max_num_queries(25):
            answer = client.get(f"/{language}/{page}/")
        assert answer.status_code == 200
        assert len(answer.content) < 30_000, page
        assert "page=2" in answer.content.decode(), page


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("stance=denies", ["It is not so."]),
        ("authority=mki", ["It is not so."]),
        ("event=2022-01-shutdown", ["It was cut."]),
        ("year=2022", ["It was cut."]),
        ("year=2022&stance=denies", []),
        ("", ["It is not so.", "It was cut."]),
    ],
)
def test_statements_are_filtered_and_stand_newest_first(client: Client, query: str, found: list[str]) -> None:
    make.statement(make.event(), stance="admits", speaker="Kcell", words="It was cut.", date="2022-01")
    denied = make.restriction(make.resource())
    make.statement(denied, authority=make.authority(), words="It is not so.", date="2026-01-17")
    page = read(client, f"statements/?{query}")
    assert re.findall(r"It is not so\.|It was cut\.", page) == found


@pytest.mark.parametrize("query", ["stance=lies", "authority=nobody", "event=none", "year=22", "year=soon"])
def test_a_filter_that_means_nothing_is_answered_in_words(client: Client, query: str) -> None:
    assert 'class="error"' in read(client, f"statements/?{query}", status=400)


def test_both_sides_are_quoted_with_their_dates_and_sources_on_every_page(client: Client) -> None:
    row = make.restriction(make.resource())
    source = make.source("A newspaper", "2026-01-18")
    make.statement(row, words="We gave no order.", date="2026-01-17", source=source)
    make.statement(row, speaker="Operator", stance="admits", words="We have an order.", date="2026-01-05")
    for path in ("statements/contradictions/", "resources/orda.kz/"):
        page = read(client, path)
        section = page[page.index('class="beside"') :]
        for words in ("We gave no order.", "We have an order.", "17 January 2026", "5 January 2026", "A newspaper"):
            assert words in section, path
    for word in ("lie", "liar", "false", "ложь", "өтірік"):
        for language in LANGUAGES:
            words = re.sub(r"<[^>]+>", " ", client.get(f"/{language}/statements/contradictions/").content.decode())
            assert word not in words.lower().split()


def test_a_denial_stands_beside_what_the_networks_do_now(client: Client) -> None:
    resource = make.resource("nvaccess.org")
    make.statement(make.restriction(resource), words="It does not block the site.")
    for asn in range(1, 8):
        make.cell(resource, make.network(asn), State.BLOCKED if asn < 7 else State.ACCESSIBLE)
    for path in ("statements/contradictions/", "resources/nvaccess.org/"):
        page = read(client, path)
        assert "Unreachable on 6 of 7 networks." in page
        assert "It does not block the site." in page


def test_a_russian_date_before_a_source_has_one_full_stop(client: Client) -> None:
    row = make.restriction(make.resource(), began="2018-04", kind="production", kind_reason="They deny it.", fact="So.")
    row.sources.add(make.source())
    make.statement(row)
    page = client.get("/ru/statements/contradictions/").content.decode()
    assert "апрель 2018\u00a0г. · Источник:" in page
    assert "г.." not in page


def test_the_words_about_a_name_that_is_not_shown_are_not_shown(client: Client) -> None:
    resource = make.resource("secret.kz", display=Resource.Display.WITHHELD)
    row = make.restriction(resource, make.act())
    make.statement(row, words="We closed secret.kz.", stance="admits")
    make.statement(row, words="We did not close secret.kz.")
    make.notice("secret.kz", resource=resource, fact="They spoke of secret.kz.")
    for page in PAGES:
        assert "secret.kz" not in read(client, f"{page}/"), page


def test_figures_stand_beside_our_own_counts_and_none_is_added_up(client: Client) -> None:
    fraud = Ground.objects.create(code="fraud", name_kk="f", name_ru="f", name_en="Fraud")
    make.restriction(make.resource("https://orda.kz/a"), make.act(type=Act.Type.ORDER)).grounds.add(fraud)
    make.figure(17693, unit="acts", qualifier="over", speaker="The ministry", ground=fraud)
    page = read(client, "figures/")
    for words in (
        "more than 17\u202f693",
        "The ministry",
        "1 resource",
        "1 single page",
        "1 act",
        "Nearest to it: our acts.",
    ):
        assert words in page
    assert "total" not in re.sub(r"<[^>]+>", " ", page).lower()


def test_a_notice_says_whom_it_binds_and_counts_nowhere(client: Client, api_counts) -> None:
    before = api_counts()
    make.notice(
        "Telegram",
        type="usage_ban",
        bound="officials of one city",
        alternative="eXpress",
        resource=None,
        speaker="A letter",
    )
    page = read(client, "notices/")
    for words in ("Telegram", "officials of one city", "eXpress", "None of them is a block"):
        assert words in page
    assert api_counts() == before


@pytest.fixture
def api_counts(client: Client):
    return lambda: client.get("/api/v1/stats").json()


def test_the_page_of_a_resource_tells_its_threats(client: Client) -> None:
    make.notice("TikTok", resource=make.resource("tiktok.com"))
    assert "A minister spoke of it." in read(client, "resources/tiktok.com/")


def test_the_course_of_an_act_stands_on_its_page_and_on_the_page_of_the_resource(client: Client) -> None:
    interim = make.act("1", type=Act.Type.INTERIM_MEASURE, date="2018-03-30")
    ban, reversed_ = make.act("2", date="2018-05-28"), make.act("3", date="2019-08-13")
    make.appeal(ban, "reversed", decided="2019-08-13", result=reversed_, body=make.authority("court", "City Court"))
    make.restriction(make.resource("ratel.kz"), interim, ban, began="2018-03-30", ended="2019-10-23", status="lifted")
    for path in (f"acts/{ban.key}/", f"acts/{reversed_.key}/", "resources/ratel.kz/"):
        page = read(client, path)
        course = page[page.index('<ol class="course">') :].partition("</ol>")[0]
        places = [
            course.index(words) for words in ("30 March 2018", "28 May 2018", "City Court", "reversed", "23 October")
        ]
        assert places == sorted(places), path
    assert "challenged" in read(client, "authorities/court/")


def test_an_act_shows_the_ministry_of_its_date_and_the_one_of_today(client: Client) -> None:
    old = make.authority("mic", "Ministry of 2018", valid_from="2016", valid_to="2019-02")
    new = make.authority("mki", "Ministry of today", valid_from="2019-02")
    new.predecessors.add(old)
    right, wrong = make.act("1", by=old, date="2018"), make.act("2", by=new, date="2018-03")
    page = read(client, f"acts/{right.key}/")
    assert page.index("Ministry of 2018") < page.index("Today:") < page.index("Ministry of today")
    page = read(client, f"acts/{wrong.key}/")
    assert page.index("Ministry of 2018") < page.index("as it was called then")
    assert "Ministry of today" not in read(client, "acts/").partition("<tbody>")[2]
    chain = read(client, "authorities/mic/")
    assert chain.index('aria-current="step"') < chain.index("Ministry of today")


def test_of_one_act_all_its_resources_are_told_page_by_page_by_name_or_by_date(client: Client) -> None:
    act = make.act()
    for number in range(150):
        make.restriction(make.resource(f"site-{number:03}.kz"), act, began=f"20{20 - number // 30}")
    assert "150 restrictions rest on this act." in read(client, f"acts/{act.key}/")
    assert "<bdi>site-149.kz</bdi>" in read(client, f"acts/{act.key}/?page=3")
    newest = read(client, f"acts/{act.key}/?sort=-began")
    assert newest.index("site-029.kz") < newest.index("site-059.kz")
    assert "sort=-began&amp;page=2" in newest


def test_the_text_of_an_act_stands_in_its_language_page_by_page(client: Client) -> None:
    act = make.act(text="Сайт бұғатталсын. " * 900, language="kk")
    assert '<blockquote class="text" lang="kk">Сайт' in read(client, f"acts/{act.key}/")
    whole = ""
    for number in (1, 2, 3):
        page = client.get(f"/kk/acts/{act.key}/text/?page={number}")
        assert len(page.content) < 30_000
        whole += re.search(r'<div class="text" lang="kk">([^<]+)</div>', page.content.decode())[1]
    assert whole == act.text
    assert read(client, f"acts/{make.act().key}/text/", status=404)


def test_an_act_that_covers_what_must_not_be_advertised_shows_neither_its_words_nor_its_papers(client: Client) -> None:
    act = make.act(
        text="Close secret.kz now.", language="en", scope_ordered="all of secret.kz", note="About secret.kz."
    )
    act.documents.add(make.document())
    make.restriction(make.resource("secret.kz", display=Resource.Display.WITHHELD), act)
    make.restriction(make.resource("orda.kz"), act)
    page = read(client, f"acts/{act.key}/")
    assert "secret.kz" not in page
    assert "papers.example.org" not in page
    assert "orda.kz" in page
    assert read(client, f"acts/{act.key}/text/", status=404)
    assert act.key not in read(client, "acts/?q=secret")
    assert "papers.example.org" not in client.get("/api/v1/documents").content.decode()
    for table in ("acts", f"acts/{act.pk}", "resources/" + str(Resource.objects.get(name="orda.kz").pk)):
        assert "secret.kz" not in client.get(f"/api/v1/{table}").content.decode(), table


def test_each_field_shows_the_source_that_supports_it_and_the_copy_that_stays(client: Client) -> None:
    row = make.restriction(make.resource(), began="2022-01-05", began_not_before="2022-01-03", ended="2022-02")
    copy = {"archive_url": "https://archive.example.org/1", "archived_on": "2022-02-03", "sha256": "ab" * 32}
    source = Source.objects.create(url="https://news.example.org/end", title="The end", **copy)
    FieldSource.objects.create(restriction=row, field="ended", source=source)
    page = read(client, "resources/orda.kz/")
    assert "between 3 January 2022 and 5 January 2022" in page
    until = page[page.index("<dt>Until</dt>") :].partition("</dd>")[0]
    for words in ("The end", "archived copy of 3 February 2022", "https://archive.example.org/1", "ab" * 32):
        assert words in until
    [told] = client.get("/api/v1/restrictions").json()["results"][0]["field_sources"]
    assert (told["field"], told["source"]["sha256"]) == ("ended", "ab" * 32)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("in_force", "A source says that it is in force."),
        ("lifted", "It was lifted. The entry stays."),
        ("suspended", "Its execution is suspended"),
        ("appealed", "It was appealed, and no outcome is known."),
        ("expired", "Its time has run out. The entry stays."),
        ("unknown", "No source says whether it is still in force."),
    ],
)
def test_each_status_says_what_it_means(client: Client, status: str, words: str) -> None:
    make.restriction(make.resource(), status=status)
    assert words in read(client, "resources/orda.kz/")


def test_a_restriction_says_which_body_had_which_part_in_it(client: Client) -> None:
    row = make.restriction(make.resource("coinbase.com"))
    asked, decided = make.authority("mddiai", "Digital ministry"), make.authority()
    RestrictionRole.objects.create(restriction=row, authority=asked, role="initiated")
    RestrictionRole.objects.create(restriction=row, authority=decided, role="decided")
    RestrictionRole.objects.create(restriction=row, authority=decided, role="executed")
    page = read(client, "resources/coinbase.com/")
    assert re.search(r"Digital ministry</a> – initiated", page)
    assert "decided, executed" in read(client, "authorities/mki/")
    told = client.get("/api/v1/restrictions?authority=mki").json()["results"][0]
    assert told["authorities"] == ["mki", "mddiai"]
    assert {"authority": "mddiai", "role": "initiated"} in told["roles"]


@pytest.mark.parametrize(("query", "found"), [("type=wave", 1), ("year=2022", 1), ("", 2), ("type=wave&year=2022", 0)])
def test_events_are_filtered_by_type_and_year(client: Client, query: str, found: int) -> None:
    make.event()
    make.event("wave", type="wave", began="2019-05-09T07Z")
    page = read(client, f"events/?{query}")
    assert page.count('<th scope="row">') == found
    assert ("9 May 2019, about 13:00" in page) is (query in ("", "type=wave"))


def test_an_event_sets_what_was_said_of_it_side_by_side(client: Client) -> None:
    event = make.event()
    make.statement(event, words="Nothing was cut.")
    make.statement(make.restriction(make.resource(), event=event), stance="admits", words="We were told to cut it.")
    page = read(client, f"events/{event.key}/")
    section = page[page.index('class="beside"') :]
    assert "Nothing was cut." in section
    assert "We were told to cut it." in section


def test_an_appeal_tells_what_became_of_it_and_not_what_is_not_public(client: Client) -> None:
    act = make.act()
    hidden = make.restriction(make.resource("secret.kz"), act, public=False)
    make.appeal(act, "returned", restriction=hidden, note="About secret.kz.")
    assert client.get("/api/v1/appeals").json()["results"] == []
    assert "secret.kz" not in read(client, f"acts/{act.key}/")


def test_the_api_gives_figures_with_our_own_counts_and_filters_them(client: Client) -> None:
    make.figure(94, kind="court")
    [row] = client.get("/api/v1/figures?kind=court&unit=resources").json()["results"]
    assert (row["value"], row["ours"]) == (94, {"resources": 0, "urls": 0, "acts": 0})
    assert client.get("/api/v1/figures?unit=acts").json()["results"] == []
    assert client.get("/api/v1/notices?type=usage_ban").json()["results"] == []
