"""Networks, the matrix, episodes, and single measurements."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from django.utils.formats import date_format

from checks.engine.records import Query, SelfTest
from checks.models import Network, State, Vantage, Verdict
from registry import status, submissions
from registry.models import Coverage, Dispute, Resource
from tests import make
from tests.verdict import make as facts

pytestmark = pytest.mark.django_db

LISTS = ("networks", "matrix", "episodes")
LANGUAGES = ("kk", "ru", "en")


def read(client: Client, path: str, code: int = 200) -> str:
    """A page after a counting, as beat has one every few seconds."""
    status.count(at=make.AT)
    answer = client.get(f"/en/{path}")
    assert answer.status_code == code
    return answer.content.decode()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("page", LISTS)
def test_every_list_opens_while_nothing_is_measured(client: Client, language: str, page: str) -> None:
    answer = client.get(f"/{language}/{page}/")
    assert answer.status_code == 200
    assert 'class="empty"' in answer.content.decode()


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_opens_with_every_state(client: Client, language: str) -> None:
    for asn, state in enumerate(State, start=1):
        make.cell(make.resource(), make.network(asn), state, mechanism="tls.reset.sni")
        make.episode(make.resource(), make.network(asn), state, mechanism="tls.reset.sni")
    row = make.measurement(facts.unsecured("connection_reset"), make.resource())
    make.verdict(row)
    for page in (*LISTS, "networks/1", f"measurements/{row.pk}"):
        answer = client.get(f"/{language}/{page}/")
        assert answer.status_code == 200, page
        assert len(answer.content) < 30_000, page


def test_networks_show_their_health_and_how_many_have_nobody(client: Client) -> None:
    watched = make.network(9198, brand="Kazakhtelecom", watched=False)
    make.run(make.vantage(watched, seen_at=make.AT, name="attic"), recorded_at=make.AT - timedelta(days=1))
    make.network(21299, watched=False, name="KAR-TEL")
    make.network(24940, watched=False, kind=Network.Kind.HOSTING)
    page = read(client, "networks/")
    assert "We measure on 1 access network." in page
    assert "On 1 more nobody measures yet" in page
    assert "Kazakhtelecom (AS9198)" in page
    assert "1 March 2026" in page
    assert "28 February 2026" in page
    assert "attic" not in page


def test_neither_keys_nor_addresses_of_a_vantage_are_shown(client: Client) -> None:
    row = make.vantage(make.network(9198, watched=False), public_key="ab" * 32)
    make.cell(make.resource(), row.network)
    assert "abab" not in read(client, "networks/") + read(client, "networks/9198/")


def test_a_revoked_vantage_makes_no_watched_network(client: Client) -> None:
    make.vantage(make.network(9198, watched=False, brand="Kazakhtelecom"), state=Vantage.State.REVOKED)
    assert "Kazakhtelecom" not in read(client, "networks/") + read(client, "matrix/")


def test_networks_of_the_lab_are_shown_in_a_demo_only(client: Client, settings) -> None:
    make.cell(make.resource(), make.network(64512, brand="Imitated A", imitated=True))
    assert "Imitated A" not in read(client, "networks/") + read(client, "matrix/")
    settings.DEMO = True
    assert "Imitated A" in read(client, "networks/")
    assert "Imitated A" in read(client, "matrix/")


def test_the_matrix_crosses_sites_with_networks(client: Client) -> None:
    one, other = make.network(1, brand="One"), make.network(2, brand="Other")
    make.cell(make.resource("orda.kz"), one, State.BLOCKED)
    make.cell(make.resource("vlast.kz"), other, State.ACCESSIBLE)
    page = read(client, "matrix/")
    assert '<th scope="col"><a href="/en/networks/1/">One</a> <span class="soft">AS1</span></th>' in page
    assert '<td class="tag-blocked">✕ blocked</td><td class="tag-none">– not measured</td>' in page
    assert '<td class="tag-none">– not measured</td><td class="tag-accessible">✓ accessible</td>' in page


@pytest.mark.parametrize(
    ("query", "found"), [("q=orda", {"orda.kz"}), ("state=accessible", {"vlast.kz"}), ("", {"orda.kz", "vlast.kz"})]
)
def test_the_matrix_is_filtered_by_state_and_text(client: Client, query: str, found: set[str]) -> None:
    make.cell(make.resource("orda.kz"), make.network(), State.BLOCKED)
    make.cell(make.resource("vlast.kz"), make.network(), State.ACCESSIBLE)
    make.resource("never-measured.kz")
    page = read(client, f"matrix/?{query}")
    assert {name for name in ("orda.kz", "vlast.kz", "never-measured.kz") if f"<bdi>{name}" in page} == found


def test_episodes_stand_newest_first_and_are_filtered(client: Client) -> None:
    one, other = make.network(1), make.network(2)
    make.episode(make.resource("older.kz"), one, State.BLOCKED, began=make.AT - timedelta(days=3))
    make.episode(make.resource("newer.kz"), other, State.DOWN)
    page = read(client, "episodes/")
    assert page.index("newer.kz") < page.index("older.kz")
    assert "newer.kz" not in read(client, "episodes/?network=1")
    assert "newer.kz" not in read(client, "episodes/?state=blocked")


def test_episodes_are_filtered_by_what_changed(client: Client) -> None:
    make.episode(make.resource("again.kz"), make.network(), change="relapse")
    make.episode(make.resource("first.kz"), make.network())
    page = read(client, "episodes/?change=relapse")
    assert "interference began again" in page
    assert "first.kz" not in page


def test_an_episode_tells_between_which_measurements_it_began_and_ended_and_who_doubts_it(client: Client) -> None:
    witnesses = [f"0195a0b2-0000-7000-8000-00000000000{number}" for number in range(1, 4)]
    row = make.episode(
        make.resource(),
        make.network(9198, brand="Kazakhtelecom"),
        State.LIKELY_BLOCKED,
        change="block",
        not_before=make.AT - timedelta(days=4, hours=1),
        began=make.AT - timedelta(days=4),
        decided_at=make.AT - timedelta(days=3),
        seen_at=make.AT - timedelta(days=2),
        ended_at=make.AT - timedelta(days=1),
        witnesses=witnesses,
    )
    Dispute.objects.create(episode=row, reason="The probe moved house.", marked_on=make.day("2026-03-02"))
    page = read(client, f"episodes/{row.pk}/")
    shown = [page.index(day) for day in ("25 February 2026, 16:00", "25 February 2026, 17:00", "26 F", "27 F", "28 F")]
    assert shown == sorted(shown)
    assert "interference began" in page
    assert "The probe moved house." in page
    assert [f"/en/measurements/{witness}/" in page for witness in witnesses] == [True] * 3
    assert "(disputed)" in read(client, "episodes/")


def test_an_episode_of_what_may_not_be_named_does_not_name_it(client: Client) -> None:
    resource = make.resource("gossip.kz", display=Resource.Display.WITHHELD)
    row = make.episode(resource, make.network())
    assert "gossip" not in read(client, f"episodes/{row.pk}/")
    reported = submissions.receive("reported.kz", at=make.AT).report.target
    assert client.get(f"/en/episodes/{make.episode(reported, make.network()).pk}/").status_code == 404


def test_an_episode_of_the_lab_is_shown_in_a_demo_only(client: Client, settings) -> None:
    row = make.episode(make.resource(), make.network(64512, imitated=True))
    assert client.get(f"/en/episodes/{row.pk}/").status_code == 404
    settings.DEMO = True
    assert "nothing seen on it is a finding" in read(client, f"episodes/{row.pk}/")


@pytest.mark.parametrize("number", ["0", "9" * 30])
def test_an_episode_that_does_not_exist_is_not_found(client: Client, number: str) -> None:
    assert client.get(f"/en/episodes/{number}/").status_code == 404


def test_each_state_on_a_networks_page_leads_to_its_evidence(client: Client) -> None:
    cell = make.cell(make.resource("hidden.kz", display=Resource.Display.WITHHELD), make.network(9198))
    assert f"/en/measurements/{cell.witnesses[0]}/" in read(client, "networks/9198/")


def test_places_that_disagree_are_shown_wherever_the_evidence_is(client: Client) -> None:
    resource, network = make.resource(), make.network(9198)
    row = make.measurement(facts.unsecured("connection_reset"), resource, by=make.run(network.vantages.get()))
    cell = make.cell(resource, network, places={"astana-1": {"blocked": 4}, "astana-2": {"accessible": 3}}, split=True)
    pages = ("resources/orda.kz/", "networks/9198/", f"measurements/{row.pk}/")
    for page in pages:
        text = " ".join(re.sub(r"<[^>]+>", "", read(client, page)).split())
        assert "disagree" in text, page
        assert "astana-1: blocked 4; astana-2: accessible 3" in text, page
    assert "On 1 network the places that measure disagree" in read(client, "resources/orda.kz/")
    cell.split = False
    cell.save()
    assert not any("disagree" in read(client, page) for page in pages)


def test_a_drop_in_volume_is_shown_wherever_the_state_is(client: Client) -> None:
    resource, network = make.resource(), make.network()
    make.cell(resource, network, State.ACCESSIBLE, usual=48, fewer=True)
    assert "fewer than the usual 48" in read(client, "resources/orda.kz/")
    assert "(fewer measurements than usual)" in read(client, "matrix/")
    assert "(fewer than usual)" in read(client, "networks/9198/")


@pytest.mark.parametrize(
    "path",
    [
        "episodes/?state=odd",
        "episodes/?network=77",
        "episodes/?network=x",
        "matrix/?state=odd",
        "networks/1/?state=odd",
    ],
)
def test_a_filter_that_means_nothing_is_answered_in_words(client: Client, path: str) -> None:
    make.episode(make.resource(), make.network(1))
    page = read(client, path, code=400)
    assert 'class="error"' in page
    assert "<bdi>" not in page


def test_a_measurement_shows_the_facts_stage_by_stage_and_what_they_mean(client: Client) -> None:
    resource = make.resource(facts.HOST)
    by_control = make.run(make.vantage(make.network(1, watched=False), role=Vantage.Role.CONTROL))
    control = make.measurement(facts.visit(), resource, by=by_control)
    row = make.measurement(facts.unsecured("connection_reset"), resource, failure="connection_reset")
    make.verdict(row, rule="tls_reset_sni", mechanism="tls.reset.sni", controls=[str(control.pk)])
    page = read(client, f"measurements/{row.pk}/")
    for words in (
        "resolver of isp",
        facts.AT,
        "connection_reset",
        "the connection is cut when the site is named",
        f"/en/measurements/{control.pk}/",
        f"/api/v1/measurements/{row.pk}",
        "method/rules/#tls_reset_sni",
    ):
        assert words in page
    opened = read(client, f"measurements/{control.pk}/")
    assert "CN=Honest CA" in opened
    assert "The page" in opened


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ((facts.query(facts.BOGON), facts.query(facts.AT, role="doh")), True),
        ((facts.query(failure="dns_nxdomain_error"), facts.query(facts.AT, role="doh")), True),
        ((facts.query(facts.BOGON, facts.AT), facts.query(facts.AT, role="doh")), False),
        ((facts.query(facts.AT, role="doh"),), False),
    ],
)
def test_a_measurement_tells_where_a_page_came_from(client: Client, given: tuple[Query, ...], told: bool) -> None:
    row = make.measurement(facts.visit(queries=given), make.resource(facts.HOST))
    page = read(client, f"measurements/{row.pk}/")
    assert f"<bdi>{facts.AT}</bdi>, 443" in page.partition('id="pages"')[2]
    assert ("The page came from the address that other resolvers gave." in page) == told


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ("public, encrypted", "the visit itself", '<th scope="col">Type<')),
        ("ru", ("общедоступный, с шифрованием", "сама проверка", '<th scope="col">Тип<')),
        ("kk", ("жалпыға ортақ, шифрланған", "кірудің өзі", '<th scope="col">Түрі<')),
    ],
)
def test_what_the_steps_were_for_is_told_in_the_readers_language(
    client: Client, language: str, words: tuple[str, ...]
) -> None:
    row = make.measurement(facts.visit(), make.resource(facts.HOST))
    page = client.get(f"/{language}/measurements/{row.pk}/").content.decode()
    for word in words:
        assert word in page
    assert "<code>visit</code>" not in page
    assert "(doh, " not in page


@pytest.mark.parametrize(("language", "name"), [("kk", "Жасанды A желісі"), ("ru", "Имитация сети A")])
def test_a_network_of_the_lab_has_a_name_in_the_readers_language(client: Client, language: str, name: str) -> None:
    make.network(64497, name="Imitated network A", imitated=True)
    assert f"{name} (AS64497)" in client.get(f"/{language}/networks/64497/").content.decode()


def test_a_network_of_the_lab_is_told_to_be_imitated_once(client: Client, settings: Any) -> None:
    settings.DEMO = True
    make.network(64497, name="Imitated network A", imitated=True)
    make.network(64498, name="LAB", imitated=True)
    for page in ("networks/", "vantages/"):
        told = read(client, page)
        assert "Imitated network A (AS64497)</a> (imitated)" not in told
        assert "Imitated network A (AS64497)</a>" in told
        assert "LAB (AS64498)</a> (imitated)" in told


def test_an_address_that_no_resource_stands_for_is_shown_where_it_is_planned(client: Client) -> None:
    """A look-up leads to such evidence; what only a stranger reported stays hidden."""
    target = submissions.receive("planned.kz", at=make.AT).report.target
    row = make.measurement(facts.visit(), target)
    read(client, f"measurements/{row.pk}/", code=404)
    make.plan().targets.add(target)
    assert "<bdi>planned.kz</bdi>" in read(client, f"measurements/{row.pk}/")


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "site.kz opened, with a valid certificate."),
        ("ru", "site.kz открылся, сертификат действителен."),
        ("kk", "site.kz ашылды, сертификаты жарамды."),
    ],
)
def test_a_verdict_is_told_in_the_readers_language(client: Client, language: str, words: str) -> None:
    row = make.measurement(facts.visit(), make.resource(facts.HOST))
    make.verdict(row, Verdict.Value.ACCESSIBLE, rule="tls_valid")
    assert words in client.get(f"/{language}/measurements/{row.pk}/").content.decode()


def test_a_measurement_of_the_lab_says_so(client: Client) -> None:
    row = make.measurement(facts.visit(imitated=True), make.resource(), imitated=True)
    assert "Imitated: this visit was made in a laboratory" in read(client, f"measurements/{row.pk}/")


def everywhere(client: Client, resource: Resource) -> dict[str, str]:
    """Every page on which evidence about one resource stands."""
    network = make.network()
    target = resource.coverage.get(canonical=True).target
    make.cell(target, network)
    make.episode(target, network)
    row = make.measurement(facts.unsecured("connection_reset"), target)
    make.verdict(row, rule="tls_valid")
    pages = ("networks/9198/", "matrix/", "episodes/", f"measurements/{row.pk}/")
    return {page: read(client, page) for page in pages}


def test_a_withheld_name_is_nowhere(client: Client) -> None:
    resource = make.resource("https://site.kz/price-list", display=Resource.Display.WITHHELD)
    for path, page in everywhere(client, resource).items():
        assert f"name withheld ({resource.pk})" in page, path
        assert "site.kz" not in page, path


def test_of_some_names_the_domain_alone_is_shown(client: Client) -> None:
    resource = make.resource("https://site.kz/price-list", display=Resource.Display.DOMAIN_ONLY)
    for path, page in everywhere(client, resource).items():
        assert "<bdi>site.kz</bdi>" in page, path
        assert "price-list" not in page, path


def test_a_withheld_resource_hides_a_target_that_another_resource_shares(client: Client) -> None:
    open_one = make.resource("site.kz")
    hidden = make.resource("Hidden service", type=Resource.Type.SERVICE, display=Resource.Display.WITHHELD)
    target = open_one.coverage.get().target
    Coverage.objects.create(resource=hidden, target=target, canonical=True)
    make.cell(target, make.network())
    assert "site.kz" not in read(client, "networks/9198/")


def test_what_only_a_stranger_reported_is_not_shown(client: Client) -> None:
    target = submissions.receive("gossip.kz", at=make.AT).report.target
    make.cell(target, make.network())
    make.episode(target, make.network())
    row = make.measurement(facts.visit(), target)
    assert "gossip.kz" not in read(client, "networks/9198/") + read(client, "episodes/") + read(client, "matrix/")
    read(client, f"measurements/{row.pk}/", code=404)


def test_no_blocked_name_is_a_link_to_it(client: Client) -> None:
    for page in everywhere(client, make.resource("site.kz")).values():
        assert 'href="https://site.kz' not in page
        assert 'href="/en/resources/site.kz/"' in page


def test_many_rows_take_as_many_queries_as_few(client: Client, django_assert_max_num_queries) -> None:
    networks = [make.network(asn) for asn in range(1, 4)]
    for number in range(60):
        resource = make.resource(f"site-{number}.kz")
        for network in networks:
            make.cell(resource, network)
            make.episode(resource, network)
    for path in ("networks/", "networks/1/", "matrix/", "matrix/?q=site", "episodes/", "episodes/?page=3"):
        with django_assert_max_num_queries(24):
            read(client, path)


def test_the_matrix_has_pages_of_fifty_that_keep_the_filter(client: Client) -> None:
    for number in range(60):
        make.cell(make.resource(f"site-{number}.kz"), make.network())
    page = read(client, "matrix/?state=blocked")
    assert page.count('<td class="tag-blocked">') == 50
    assert "state=blocked&amp;page=2" in page
    assert len(page) < 30_000


@pytest.mark.parametrize("path", ["networks/1/", "networks/99999999999999999999/"])
def test_what_is_not_there_is_not_found(client: Client, path: str) -> None:
    read(client, path, code=404)


def test_a_control_network_says_that_it_is_for_comparison(client: Client) -> None:
    make.network(24940, watched=False, kind=Network.Kind.HOSTING)
    assert "Controls may be made from it" in read(client, "networks/24940/")


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ["silent: its clock is wrong, it is in another network than it should be", "fit to measure", "1 / 2"]),
        ("ru", ["молчит: часы идут неверно, находится не в той сети, в которой должна", "пригодна к измерению"]),
        ("kk", ["үндемейді: сағаты дұрыс емес, өзі болуы тиіс желіде емес", "өлшеуге жарамды"]),
    ],
)
def test_a_network_shows_what_its_places_proved(client: Client, language: str, words: list[str]) -> None:
    network = make.network()
    at = "2026-03-01T12:00:00Z"
    for test in (
        SelfTest(at, failed=("clock", "asn"), clock_offset=-4000.0),
        SelfTest(at, must_allow=(("egov.kz", True), ("kaspi.kz", False)), ipv6=False),
    ):
        make.run(network.vantages.get(), self_test=test.as_json(), recorded_at=make.AT)
    page = client.get(f"/{language}/networks/{network.asn}/").content.decode()
    assert [word for word in words if word not in page] == []


def test_when_a_place_tested_itself_is_told_to_the_hour(client: Client) -> None:
    network = make.network()
    moment = make.AT + timedelta(minutes=17, seconds=8)
    make.run(network.vantages.get(), self_test=SelfTest(moment.isoformat()).as_json(), recorded_at=moment)
    for page in (f"networks/{network.asn}/", "networks/"):
        told = read(client, page)
        assert date_format(timezone.localtime(make.AT), "DATETIME_FORMAT") in told
        assert ":17" not in told


def test_a_place_where_a_blocked_name_opens_is_suspect_and_not_silent(client: Client) -> None:
    network = make.network()
    test = SelfTest("2026-03-01T12:00:00Z", suspect=True)
    make.run(network.vantages.get(), self_test=test.as_json(), recorded_at=make.AT)
    assert "fit, but a name known to be blocked opened" in read(client, f"networks/{network.asn}/")


# --- networks that fell silent


SILENT = {"silent_since": make.AT - timedelta(hours=5), "brand": "Kcell"}


def test_of_a_network_that_fell_silent_pages_say_since_when_and_never_that_a_site_opens(client: Client) -> None:
    resource, quiet = make.resource(), make.network(29355, **SILENT)
    make.cell(resource, quiet, State.ACCESSIBLE)
    make.episode(resource, quiet, State.ACCESSIBLE, began=make.AT - timedelta(days=3))
    assert "No measurements since 1 March 2026" in read(client, "networks/29355/")
    for page in ("networks/", "episodes/", f"resources/{resource.slug}/"):
        assert "no measurements since 1 March 2026" in read(client, page), page
    for page in ("networks/29355/", "matrix/", f"resources/{resource.slug}/"):
        assert "tag-insufficient" in read(client, page), page
    tables = "".join(
        re.sub(r"(?s)<form.*?</form>|<p id=.legend.*?</p>|<details.*?</details>|<svg.*?</svg>", "", read(client, page))
        for page in ("", "networks/29355/", "matrix/", f"resources/{resource.slug}/")
    )
    assert "tag-accessible" not in tables
    assert not re.search("opens on (all|the)", tables)
    answer = client.get(f"/api/v1/resources/{resource.pk}").json()
    assert (answer["observed"], answer["networks"][0]["state"]) == ("insufficient", "insufficient")
    told = client.get("/api/v1/networks").json()["results"][0]["silent_since"]
    assert datetime.fromisoformat(told) == SILENT["silent_since"]


def test_a_block_on_a_silent_network_is_not_known_to_go_on(client: Client) -> None:
    resource = make.resource()
    make.cell(resource, make.network(29355, **SILENT), State.BLOCKED, mechanism="tls.reset.sni")
    make.cell(resource, make.network(9198), State.BLOCKED, mechanism="tls.reset.sni")
    answer = client.get(f"/api/v1/resources/{resource.pk}").json()
    assert (answer["counts"]["blocked"], answer["counts"]["sufficient"], answer["counts"]["insufficient"]) == (1, 1, 1)
    assert "Unreachable on 1 of 1 network" in read(client, f"resources/{resource.slug}/")


def test_the_filter_of_a_silent_network_finds_no_state_but_the_unknown(client: Client) -> None:
    make.cell(make.resource(), make.network(29355, **SILENT), State.ACCESSIBLE)
    assert "orda.kz" not in read(client, "networks/29355/?state=accessible")
    assert "orda.kz" in read(client, "networks/29355/?state=insufficient")


def test_the_bar_of_a_silent_network_ends_where_the_silence_began(client: Client) -> None:
    resource, quiet = make.resource(), make.network(29355, silent_since=timezone.now() - timedelta(days=5))
    make.cell(resource, quiet, State.ACCESSIBLE)
    make.episode(resource, quiet, State.ACCESSIBLE, began=timezone.now() - timedelta(days=10))
    [width] = re.findall(r'<rect class="accessible" x="0" width="(\d+)"', read(client, f"resources/{resource.slug}/"))
    assert 495 <= int(width) <= 505


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_of_a_resource_stays_small_with_many_networks_and_changes(client: Client, language: str) -> None:
    resource = make.resource()
    for asn in range(1, 13):
        network = make.network(asn)
        make.cell(resource, network, State.BLOCKED, mechanism="tls.timeout.sni")
        for days in range(10, 20):
            make.episode(resource, network, State.BLOCKED, began=make.AT - timedelta(days=days), ended_at=make.AT)
    page = client.get(f"/{language}/resources/{resource.slug}/").content
    assert len(page) < 30_000
    assert page.count(b"<rect") > 100  # they are drawn
    assert len(re.findall(rb'td><a href="/../episodes/\d+/', page)) == 10  # told in words
    assert f'/{language}/episodes/?resource={resource.pk}"'.encode() in page  # where the others are
    assert b"evidence/#measured" in page


def test_the_changes_of_one_resource_are_a_list(client: Client) -> None:
    one, other, network = make.resource("orda.kz"), make.resource("ratel.kz"), make.network()
    mine, theirs = make.episode(one, network), make.episode(other, network)
    page = read(client, f"episodes/?resource={one.pk}&state=blocked")
    assert f"/en/episodes/{mine.pk}/" in page
    assert f"/en/episodes/{theirs.pk}/" not in page
    assert f'<input type="hidden" name="resource" value="{one.pk}"' in page  # another filter keeps it
    assert "Only of:" in page
    read(client, "episodes/?resource=0", code=400)
