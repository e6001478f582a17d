"""The front page, the look-up, the list and the page of one resource."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation
from django.utils.formats import date_format

from checks.engine import names
from checks.models import Measurement, Network, Run, State, Vantage, Verdict
from registry import dates, log, moderation, status, tasks
from registry.models import ActRole, Alarm, Resource, Restriction
from tests import make

pytestmark = pytest.mark.django_db
LANGUAGES = ("kk", "ru", "en")
PAGES = ("", "look-up/", "look-up/?q=nothing.kz", "resources/", "resources/?sort=-began&type=domain")


def text(client: Client, path: str, code: int = 200) -> str:
    """A page after a counting, as beat has one every few seconds."""
    status.count(at=make.AT)
    response = client.get(path)
    assert response.status_code == code
    return response.content.decode()


def full_record(name: str = "orda.kz") -> Resource:
    """A resource of which everything is known."""
    one = make.resource(name)
    basis = make.restriction(
        one, make.act(by=make.authority()), kind="court", fact="It was ordered.", conflicting=True, confidence="medium"
    )
    basis.sources.add(make.source("A newspaper", url="https://news.example.org/1"))
    make.statement(basis, words="We block nothing.")
    make.listing(one)
    for asn, state in ((9198, State.BLOCKED), (21299, State.ACCESSIBLE)):
        make.cell(one, make.network(asn), state, mechanism="tls.reset.sni" if state == State.BLOCKED else "")
        make.episode(one, make.network(asn), state, began=make.AT - timedelta(days=3))
    log.append("create", one, after={}, reason="a reader reported it", by="editor-1")
    return one


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("page", PAGES)
def test_pages_open_empty_and_with_rows_in_each_language(client: Client, language: str, page: str) -> None:
    assert f'<html lang="{language}">' in text(client, f"/{language}/{page}")
    full_record()
    assert len(text(client, f"/{language}/{page}").encode()) < 30_000


def crowded(networks: int) -> Resource:
    """Restricted often, by many acts of long-named bodies, on this many networks whose state changed."""
    one = make.resource("a-long-name-of-a-site.example-of-a-name.kz")
    bodies = [make.authority(f"b-{n}", "Министерство культуры и информации Республики Казахстан") for n in (1, 2)]
    acts = [make.act(f"2-1204/{number}-2026", by=bodies[0], note="A note.") for number in range(15)]
    for act in acts:
        ActRole.objects.create(act=act, authority=bodies[1], role=ActRole.Role.INITIATED)
        make.appeal(act, "reversed", decided="2026-02-01", filed="2026-01-20", body=bodies[0], note="Not heard. " * 6)
    for _number in range(12):
        row = make.restriction(one, *acts, kind="court", fact="A court ordered it. " * 8, scope_ordered="All of it.")
        row.sources.add(*(make.source(f"Paper {n}", url=f"https://news.example.org/{n}") for n in range(6)))
        row.grounds.add(make.ground())
    for number in range(60):
        log.append("correct", one, before={}, after={"category": f"C{number}"}, reason="Seen. " * 6, by="editor-1")
    for number in range(networks):
        network = make.network(60_000 + number, brand=f"A network of some length {number}")
        make.cell(one, network, State.BLOCKED, mechanism="tls.reset.sni")
        for day in range(4):
            state, began = State.BLOCKED if day % 2 else State.ACCESSIBLE, make.AT - timedelta(days=30 - day)
            make.episode(one, network, state, began=began, ended_at=began + timedelta(days=1) if day < 3 else None)
    return one


@pytest.mark.parametrize("networks", [5, 40])
def test_a_page_about_much_stays_small_and_leads_to_the_whole(client: Client, networks: int) -> None:
    one = crowded(networks)
    for path in (one.get_absolute_url(), f"{one.get_absolute_url()}evidence/"):
        assert len(text(client, f"/kk{path[3:]}").encode()) < 30_000, path
    page = text(client, f"/en{one.get_absolute_url()[3:]}")
    assert page.count('<section class="card">\n<h3>') == 2
    whole = f'<a href="/api/v1/resources/{one.pk}">'
    assert f"{whole}10 more, as data (JSON)</a>" in page
    assert page.count(f"{whole}12 more, as data (JSON)</a>") == 2  # acts of each
    assert (f"{whole}33 more, as data (JSON)</a>" in page) is (networks == 40)
    assert page.count("28 earlier steps, in the evidence for a court</a>") == 2
    assert "The newest 10 changes in the log" in page
    assert "Long tables are shortened here." in text(client, f"/en{one.get_absolute_url()[3:]}evidence/")
    told = client.get(f"/api/v1/resources/{one.pk}").json()
    assert [len(told[name]) for name in ("restrictions", "acts", "networks")] == [12, 15, networks]


def wordy(statements: int = 3, networks: int = 3, changes: int = 5) -> Resource:
    """Much of one thing or another, and of nothing more than its page tells of it where there is room."""
    one = make.resource("a-long-name-of-a-site.example-of-a-name.kz")
    body = make.authority(name="Министерство культуры и информации Республики Казахстан")
    basis = make.restriction(one, make.act(by=body), kind="court", fact="A court ordered it. " * 4)
    for _number in range(statements):
        make.statement(basis, words="Біз ештеңені бұғаттаған жоқпыз. " * 20, authority=body)
    for _number in range(changes):
        log.append("correct", one, before={}, after={}, reason="A reader told us of it.", by="editor-1")
    for number in range(networks):
        network = make.network(60_000 + number, brand=f"A network of some length {number}")
        make.cell(one, network, State.BLOCKED, mechanism="tls.reset.sni")
        make.episode(one, network, State.BLOCKED, began=make.AT - timedelta(days=3))
    return one


@pytest.mark.parametrize(
    "much", [{"statements": 12}, {"networks": 12}, {"statements": 12, "networks": 12, "changes": 50}]
)
def test_a_page_is_small_however_much_it_tells_of_one_thing(client: Client, much: dict[str, int]) -> None:
    one = wordy(**much)
    for language in LANGUAGES:
        assert len(text(client, f"/{language}{one.get_absolute_url()[3:]}").encode()) < 30_000, language


def test_what_fits_on_a_page_is_told_in_full(client: Client) -> None:
    page = text(client, f"/kk{wordy(statements=2, networks=3, changes=12).get_absolute_url()[3:]}")
    assert page.count("<blockquote>") == 2
    assert page.count("A reader told us of it.") == 12
    assert "Журналда 12 өзгеріс" in page


@pytest.mark.parametrize("language", LANGUAGES)
def test_one_resource_tells_all_that_is_known(client: Client, language: str) -> None:
    page = text(client, f"/{language}{full_record().get_absolute_url()[3:]}")
    for told in ("2-1204", "It was ordered.", "We block nothing.", "A newspaper", "a reader reported it", "<svg"):
        assert told in page
    assert len(page.encode()) < 30_000


def test_the_answer_comes_first(client: Client) -> None:
    page = text(client, full_record().get_absolute_url().replace("/kk/", "/en/"))
    lead = re.search(r'<p class="lead">(.*?)</p>', page)
    assert lead
    assert "unreachable on 1 of 2 networks" in lead[1]
    assert "the connection is cut when the site is named" in page
    assert "Sources disagree" in page


def test_beside_the_answer_stands_how_sure_it_is_and_what_would_change_it(client: Client) -> None:
    page = text(client, full_record().get_absolute_url().replace("/kk/", "/en/"))
    assert "How sure are we: <strong>low</strong>" in page
    assert "The sources that name the act are rated low." in page
    assert "A decision that lifts or cancels the act." in page


def test_the_front_page_says_as_of_when_it_was_counted(client: Client) -> None:
    make.resource()
    assert "Nothing was counted yet." in client.get("/en/").content.decode()
    tasks.count_standings()
    assert "As of " in client.get("/en/").content.decode()
    assert "1 site or service is in the register" in client.get("/en/").content.decode()


def test_a_resource_of_which_nothing_is_known_has_a_page_too(client: Client) -> None:
    make.resource("quiet.kz")
    page = text(client, "/en/resources/quiet.kz/")
    assert "It was not measured on any network." in page
    assert "No restriction is recorded" in page


def test_a_blocked_name_is_never_a_link_to_it(client: Client) -> None:
    full_record()
    make.resource("https://orda.kz/one")
    for path in ("/en/", "/en/resources/", "/en/resources/orda.kz/", "/en/look-up/?q=orda.kz"):
        for address in re.findall(r'href="([^"]*)"', text(client, path)):
            assert not re.match(r"(https?:)?//(www\.)?orda\.kz", address)


def test_a_look_up_with_one_match_leads_to_its_page(client: Client) -> None:
    full_record()
    for typed in ("orda.kz", "https://ORDA.kz/some/page", "orda"):
        assert client.get("/en/look-up/", {"q": typed}).headers["Location"] == "/en/resources/orda.kz/"


def test_a_page_below_a_site_is_not_taken_for_the_site(client: Client) -> None:
    make.resource("https://orda.kz/one")
    assert "1 entry answers this" in text(client, "/en/look-up/?q=orda.kz")


def test_several_matches_are_listed(client: Client) -> None:
    make.resource("orda.kz")
    make.resource("https://orda.kz/one")
    assert "2 entries answer this" in text(client, "/en/look-up/?q=orda.kz")


def test_what_is_not_recorded_is_not_called_open(client: Client) -> None:
    page = text(client, "/en/look-up/?q=nothing.kz")
    assert "The register shows no entry of <bdi>nothing.kz</bdi>." in page
    assert "no proof that it is open" in page


@pytest.mark.parametrize("language", ["kk", "ru", "en"])
def test_of_a_withheld_name_nothing_untrue_is_said_and_no_more_than_of_one_that_is_not_known(
    client: Client, language: str
) -> None:
    full_record("secret.kz")
    Resource.objects.update(display=Resource.Display.WITHHELD)
    pages = {name: text(client, f"/{language}/look-up/?q={name}") for name in ("secret.kz", "nobody.kz")}
    assert pages["secret.kz"].replace("secret.kz", "nobody.kz") == pages["nobody.kz"]
    for untrue in ("is not in the register", "nobody has recorded", "ешкім тіркемеген.", "в реестре нет"):
        assert untrue not in re.sub("perhaps nobody has", "", pages["secret.kz"])


def test_a_record_does_not_hide_what_was_measured_of_exactly_the_address_asked_for(client: Client) -> None:
    make.resource("vlast.kz")
    make.cell(make.target("http://vlast.kz/"), make.network(9198), State.LIKELY_BLOCKED)
    page = text(client, "/en/look-up/?q=http://vlast.kz/")
    assert "1 entry answers this" in page
    assert "What was measured at exactly <bdi>http://vlast.kz/</bdi>" in page
    assert "tag-likely_blocked" in page
    assert client.get("/en/look-up/", {"q": "vlast.kz"}).headers["Location"] == "/en/resources/vlast.kz/"


def test_an_address_that_stands_for_a_resource_is_not_called_unmeasured(client: Client) -> None:
    resource, plain = make.resource("vlast.kz"), make.target("http://vlast.kz/")
    resource.coverage.create(target=plain)
    make.cell(plain, make.network(9198), State.LIKELY_BLOCKED)
    make.episode(plain, make.network(9198), State.LIKELY_BLOCKED)
    assert client.get("/en/look-up/", {"q": "http://vlast.kz/"}).headers["Location"] == "/en/resources/vlast.kz/"
    page = text(client, "/en/resources/vlast.kz/")
    assert "ot measured on any network" not in page
    assert "<svg" in page


def test_a_state_links_every_measurement_that_decides_it_and_shows_what_was_counted(client: Client) -> None:
    resource, network = make.resource("orda.kz"), make.network(9198)
    cell = make.cell(resource, network, candidate="accessible")
    make.episode(resource, network, not_before=make.AT - timedelta(hours=9))
    page = text(client, "/en/resources/orda.kz/")
    assert len(cell.witnesses) == 5
    assert all(f"/en/measurements/{witness}/" in page for witness in cell.witnesses)
    for told in (
        "blocked: 3, accessible: 1",
        "tls_reset_sni</code>: 3",
        "2 runs",
        "1 place",
        "27 February 2026, 17:00",
    ):
        assert told in page
    assert "the last measurements say otherwise, not enough of them yet" in page
    assert "otherwise until 1 March 2026, 08:00" in page


def test_a_disputed_episode_is_marked_and_its_history_told(client: Client) -> None:
    resource, network = make.resource("orda.kz"), make.network(9198)
    make.cell(resource, network)
    row = make.episode(resource, network)
    editor = User.objects.create_user("editor")
    moderation.dispute(row, by=editor, reason="The probe moved house.")
    page = text(client, "/en/resources/orda.kz/")
    assert page.count("The probe moved house.") == 2  # beside the state, and in the log
    assert "episode – disputed" in page
    assert "(disputed)" in text(client, "/en/matrix/")


@pytest.mark.parametrize("language", LANGUAGES)
def test_of_an_entry_of_the_log_only_the_day_is_told(client: Client, language: str) -> None:
    resource = full_record()
    log.append("update", resource, after={}, reason="country pack kz", by="pack:kz", at=make.AT)
    page = text(client, f"/{language}/resources/orda.kz/")
    [entry] = re.findall(r'<time datetime="2026-03-01">([^<]+)</time>', page)
    assert ":" not in entry
    assert ("country pack kz" in page) is (language == "en")


def test_every_page_leads_to_the_source_of_what_runs(client: Client, settings: LazySettings) -> None:
    assert 'href="/en/source/">Source code' in text(client, "/en/")
    assert "Ask them: you have a right to it." in text(client, "/en/source/")
    settings.SOURCE_URL = "https://git.example.org/tizilim"
    for path in ("/en/", "/en/source/", "/desk/login/", "/api/v1/"):
        assert 'href="https://git.example.org/tizilim"' in text(client, path)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("https://xn--e1afmkfd.kz/%D0%B1%D0%BB%D0%BE%D0%B3?a=%D1%8F", "https://пример.kz/блог?a=я"),
        ("http://orda.kz:8080/%2F%20%25D0", "http://orda.kz:8080/%2F%20%25D0"),  # what divides an address stays
        ("https://orda.kz/%D0", "https://orda.kz/%D0"),  # no UTF-8
        ("https://orda.kz/%E2%80%AEgpj.exe", "https://orda.kz/%E2%80%AEgpj.exe"),  # turns the text round
        ("https://orda.kz/%C2%85%E2%80%8B", "https://orda.kz/%C2%85%E2%80%8B"),  # cannot be seen
        ("https://[2606:2800:220:1::49]/a", "https://[2606:2800:220:1::49]/a"),
    ],
)
def test_an_address_is_shown_in_letters_where_that_is_safe(name: str, shown: str) -> None:
    resource = make.resource(name)
    assert resource.display_name == shown
    assert names.parse(shown).url == names.parse(name).url


def test_what_is_not_recorded_shows_what_was_measured(client: Client) -> None:
    make.cell(make.target("reported.kz"), make.network(9198), State.LIKELY_BLOCKED)
    assert "tag-likely_blocked" in text(client, "/en/look-up/?q=reported.kz")


@pytest.mark.parametrize("typed", ["no such thing", "http://[::1", "a\x00b", "x" * 3000, "<script>alert(1)</script>"])
def test_what_is_no_name_is_answered_in_words_and_kept(client: Client, typed: str) -> None:
    response = client.get("/en/look-up/", {"q": typed})
    assert response.status_code == 200
    assert 'class="errors"' in response.content.decode()
    assert "<script>alert" not in response.content.decode()


def test_the_list_is_filtered_by_what_the_cross_table_links_to(client: Client) -> None:
    full_record()
    make.cell(make.resource("silent.kz"), make.network(9198), State.BLOCKED)
    front = text(client, "/en/")
    links = re.findall(r'href="(/en/resources/\?legal=[^"]*)"', front)
    assert len(links) == 2
    pages = [text(client, link.replace("&amp;", "&")) for link in links]
    assert ["orda.kz" in page for page in pages] == [True, False]
    assert ["silent.kz" in page for page in pages] == [False, True]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("situation=unexplained", "silent.kz"),
        ("kind=court", "orda.kz"),
        ("type=app", "Signal"),
        ("q=sil", "silent.kz"),
    ],
)
def test_each_filter_leaves_what_fits(client: Client, query: str, found: str) -> None:
    full_record()
    make.cell(make.resource("silent.kz"), make.network(9198), State.BLOCKED)
    make.resource("Signal", type="app")
    names = re.findall(r"<bdi>([^<]*)</bdi>", text(client, f"/en/resources/?{query}"))
    assert names == [found]


@pytest.mark.parametrize("end", ["", "evidence/", "evidence.zip"])
def test_a_name_with_a_nul_is_no_name(client: Client, end: str) -> None:
    assert client.get(f"/en/resources/a%00b/{end}").status_code == 404


def test_an_unknown_filter_or_page_is_said_and_does_no_harm(client: Client) -> None:
    make.resource("orda.kz")
    page = text(client, "/en/resources/?kind=nonsense&page=99")
    assert "One of the filters is not known" in page
    assert "orda.kz" in page


def test_pages_keep_the_filters(client: Client) -> None:
    for number in range(60):
        make.resource(f"site{number}.kz")
    assert 'href="?type=domain&amp;page=2"' in text(client, "/en/resources/?type=domain")


def test_a_withheld_name_is_neither_shown_nor_linked(client: Client) -> None:
    one = full_record("secret.kz")
    Resource.objects.filter(pk=one.pk).update(display=Resource.Display.WITHHELD)
    for path in ("/en/", "/en/resources/", "/en/look-up/?q=secret"):
        assert "secret.kz" not in text(client, path)
    assert client.get("/en/resources/secret.kz/").status_code == 404
    assert "secret.kz" not in text(client, f"/en/resources/{one.pk}/")


QUERIES = 12
LEAN = (
    "/en/",
    "/en/resources/",
    "/en/resources/?situation=ordered_blocked&q=site",
    "/en/look-up/?q=site",
    "/en/look-up/?q=https://site0.kz/page",
    "/en/resources/site0.kz/",
    "/en/matrix/",
)


@pytest.mark.parametrize("path", LEAN)
def test_a_page_takes_few_queries_and_never_reads_measurements(client: Client, path: str) -> None:
    for number in range(3):
        whole = full_record(f"site{number}.kz")
        page = make.resource(f"https://site{number}.kz/page", service=whole)
        make.restriction(page, fell := make.act(f"fell-{number}"))
        make.appeal(fell, "reversed", decided="2026-02-01", result=make.act(f"reversal-{number}"))
        basis = whole.restrictions.get()
        basis.grounds.create(code=f"g{number}", name_kk="G", name_ru="G", name_en="G")
        basis.regions.create(iso=f"KZ-{number}", name_kk="R", name_ru="R", name_en="R")
        basis.networks.add(make.network(9198))
        basis.authorities.add(make.authority())
        challenged(basis, f"site{number}")
    asked = queries(client, path)
    assert len(asked) <= QUERIES
    assert not any(Measurement._meta.db_table in sql or Verdict._meta.db_table in sql for sql in asked)


COUNTING = (
    "/en/networks/",
    "/en/networks/9198/",
    "/en/vantages/",
    "/en/episodes/",
    "/en/events/",
    "/en/history/",
    "/en/resources/site0.kz/evidence/",
    "/api/v1/stats",
    "/api/v1/lookup?q=site0.kz",
    "/api/v1/resources",
    "/api/v1/networks",
    "/api/v1/vantages",
    "/api/v1/targets",
    "/api/v1/episodes",
)


@pytest.mark.parametrize("path", COUNTING)
def test_what_counts_states_never_reads_the_table_of_measurements(client: Client, path: str) -> None:
    """The sheet for a court has the verdicts of witnesses, found by their ids; all else has cells and episodes."""
    full_record("site0.kz")
    assert client.get(path).status_code == 200
    asked = queries(client, path)
    by_id = [sql for sql in asked if Verdict._meta.db_table in sql and '"measurement" IN' in sql]
    assert not any(Measurement._meta.db_table in sql for sql in asked)
    assert not any(Verdict._meta.db_table in sql for sql in asked if sql not in by_id)
    assert not by_id or path.endswith("/evidence/")


@pytest.mark.parametrize("path", LEAN)
def test_queries_do_not_grow_with_rows(client: Client, path: str) -> None:
    for name in ("site0.kz", "site1.kz"):
        full_record(name)
    few = len(queries(client, path))
    for number in range(2, 6):
        full_record(f"site{number}.kz")
    make.restriction(Resource.objects.get(slug="site0.kz"), make.act(by=make.authority("another")))
    assert len(queries(client, path)) == few


def challenged(basis: Restriction, name: str) -> None:
    """Upheld, upheld again, and reversed in the end, each with its act and source."""
    act, before = basis.acts.get(), None
    for instance, outcome in enumerate(("upheld", "upheld", "reversed")):
        result = make.act(f"{name}-{instance}", date=f"2026-02-{instance + 1:02}")
        one = make.appeal(act, outcome, decided=result.date, result=result, previous=before, restriction=basis)
        one.sources.add(make.source(f"A newspaper on {name}, {instance}"))
        act, before = result, one


def queries(client: Client, path: str) -> list[str]:
    """What a page asks of the database after a counting."""
    status.count(at=make.AT)
    assert connection.features.supports_json_field  # what SQLite is asked once a connection is nothing of the page
    with CaptureQueriesContext(connection) as context:
        assert client.get(path).status_code in (200, 302)
    return [one["sql"] for one in context]


def test_the_switch_of_languages_keeps_page_and_query(client: Client) -> None:
    assert 'href="/ru/resources/?type=app&amp;page=1"' in text(client, "/en/resources/?type=app&page=1")


@pytest.mark.parametrize("path", ["/en/", "/en/no-such-page/", "/desk/login/", "/api/v1/"])
def test_every_page_of_a_demo_says_so(client: Client, settings: LazySettings, path: str) -> None:
    settings.DEMO = True
    assert 'class="demo"' in client.get(path, headers={"accept-language": "en"}).content.decode()
    settings.DEMO = False
    assert 'class="demo"' not in client.get(path).content.decode()


def test_a_request_that_cannot_be_understood_has_a_page(client: Client, settings: LazySettings) -> None:
    settings.DEMO = True
    response = client.get("/en/", headers={"host": "elsewhere.kz"})
    assert response.status_code == 400
    assert 'class="demo"' in response.content.decode()


def test_a_form_that_is_too_old_is_answered_in_words() -> None:
    response = Client(enforce_csrf_checks=True).post("/desk/login/", headers={"accept-language": "en"})
    assert response.status_code == 403
    assert "This form is too old" in response.content.decode()


def test_a_page_of_a_demo_that_measures_is_loaded_again_by_its_reader_alone(
    client: Client, settings: LazySettings
) -> None:
    settings.DEMO = True
    vantage = make.vantage()
    for _ in range(3):
        run = make.run(vantage, judged_at=timezone.now())
    assert "Load the page again" not in text(client, "/en/")
    Run.objects.filter(pk=run.pk).update(state=Run.State.READY)
    page = text(client, "/en/")
    assert "Load the page again" in page
    assert "http-equiv" not in page


def test_the_front_page_names_the_networks_and_their_last_round(client: Client) -> None:
    network = make.network(9198, brand="Kazakhtelecom")
    make.run(Vantage.objects.get(network=network), recorded_at=make.AT)
    make.network(21299, brand="Unwatched", watched=False)
    page = text(client, "/en/")
    assert "Kazakhtelecom (AS9198)" in page
    assert "Unwatched" not in page
    assert Network.objects.count() == 2


@pytest.mark.parametrize(
    ("language", "day", "month"),
    [
        ("kk", "2026\u00a0ж. 22\u00a0", "2026\u00a0ж. "),
        ("ru", "22\u00a0ноября 2026\u00a0г.", "ноябрь 2026\u00a0г."),
        ("en", "22 November 2026", "November 2026"),
    ],
)
def test_dates_are_written_as_the_language_writes_them(language: str, day: str, month: str) -> None:
    with translation.override(language):
        assert date_format(make.day("2026-11-22"), "DATE_FORMAT").startswith(day)
        assert dates.shown("2026-11").startswith(month)


def test_a_mistake_of_ours_has_a_page_that_needs_nothing(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    client.raise_request_exception = False

    def fail(**_: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr("registry.status.cross_table", fail)
    response = client.get("/en/")
    assert response.status_code == 500
    assert "Something is wrong on our side" in response.content.decode()


def test_a_page_says_that_a_block_outlives_its_act(client: Client) -> None:
    one = full_record()
    make.alarm(one, Alarm.Kind.ENDED)
    make.alarm(one, Alarm.Kind.COLLATERAL, closed_on=make.AT.date())
    page = text(client, f"/en/resources/{one.slug}/")
    assert "Every recorded restriction of orda.kz has ended." in page
    assert "The act names" not in page
    assert "/en/stale/" in page


def test_an_act_that_was_reversed_is_told_wherever_the_answer_is(client: Client) -> None:
    one = full_record()
    act = one.restrictions.get().acts.get()
    make.appeal(act, "reversed", decided="2026-02-13")
    make.alarm(one, Alarm.Kind.REVERSED, act=act)
    status.count(at=make.AT)
    told = "yet the act that restricted it was reversed (13 February 2026: court decision 2-1204)"
    page = text(client, "/en/resources/orda.kz/")
    lead = re.search(r'<p class="lead">(.*?)</p>', page)
    assert lead
    assert lead[1].startswith("Unreachable on 1 of 2 networks")
    assert told in lead[1]
    assert "An act that restricts orda.kz was reversed on appeal." not in page  # once is enough
    assert "An act that restricts orda.kz was reversed on appeal." in text(client, "/en/stale/")
    label = "unreachable, though the act was reversed"
    for path in ("resources/?legal=reversed", "resources/?situation=reversed_blocked", "resources/?q=orda"):
        assert label in text(client, f"/en/{path}")
    assert label in text(client, f"/en/acts/{act.key}/")
    assert "legal=reversed&amp;listed=now&amp;observed=blocked" in text(client, "/en/")
    assert told in text(client, "/en/resources/orda.kz/evidence/")
