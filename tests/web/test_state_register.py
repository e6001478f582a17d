"""The state register over time: its pages, and what a resource's page says of it."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from checks.models import State
from registry import status
from registry.models import Resource
from tests import make

pytestmark = pytest.mark.django_db

REGISTER = "/en/state-register/"


def text(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def read(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def test_without_a_snapshot_nothing_is_claimed(client: Client) -> None:
    page = text(read(client, REGISTER))
    assert "No snapshot of the whole register of the state has been taken yet." in page
    assert "Snapshots" not in page.split("Listed, and what")[1].split("Tizilim")[0]


def test_snapshots_stand_with_what_they_changed_and_entries_are_drawn_over_time(client: Client) -> None:
    make.snapshot(make.entry(1, "orda.kz"), make.entry(2, "exclusive.kz"))
    made = make.snapshot(make.entry(1, "orda.kz"), make.entry(3, "new.kz"), make.entry(4, "b.kz"), on="2025-04-07")
    page = read(client, REGISTER)
    assert "On 7 April 2025 the register of the state had 3 entries." in text(page)
    assert f'<a href="/en/state-register/{made.pk}/">7 April 2025</a>' in page
    assert "7 April 2025 3 2 1 0" in text(page)
    assert '<polyline points="0,36.7 1000,5"/>' in page
    assert "Entries: 2 on 17 March 2025, 3 on 7 April 2025" in page
    assert "3 entries are of sites that our register does not have" in text(page)
    assert "4 names from such lists wait for an editor" in text(page)


def test_listed_and_blocked_are_crossed_in_four_numbers_that_lead_to_their_sites(client: Client) -> None:
    network = make.network()
    for name, state in (("a.kz", State.BLOCKED), ("b.kz", State.BLOCKED), ("c.kz", State.ACCESSIBLE), ("d.kz", "")):
        resource = make.resource(name)
        if state:
            make.cell(resource, network, state)
    make.snapshot(make.entry(1, "a.kz"), make.entry(2, "d.kz"))
    status.count(at=make.AT)
    page = read(client, REGISTER)
    assert "Listed 1 0 1 Not listed 1 1 0" in text(page)
    link = re.search(r'<a href="(/en/resources/\?listed=never[^"]+)">1</a>', page)
    assert link
    assert "b.kz" in read(client, link[1].replace("&amp;", "&"))


def test_the_history_calls_the_state_register_as_its_reader_does(client: Client) -> None:
    made = make.snapshot(make.entry(1, "orda.kz"))
    for language, name in (("kk", "мемлекеттік тізілім"), ("ru", "государственный реестр"), ("en", "state register")):
        for page in ("history/", f"history/snapshot/{made.pk}/"):
            told = client.get(f"/{language}/{page}").content.decode()
            assert f"{name}, " in told
            assert "state-register, " not in told


def test_a_snapshot_shows_what_it_added_removed_and_changed_before_and_after(client: Client) -> None:
    make.resource("orda.kz")
    entries = [make.entry(1, "orda.kz"), make.entry(2, "https://exclusive.kz/secret"), make.entry(3, "x.kz")]
    first = make.snapshot(*entries)
    changed = {**entries[0], "courtname": "Yesil court", "courtdate": "2025-01-02"}
    second = make.snapshot(changed, make.entry(4, "https://new.kz/secret"), entries[2], on="2025-03-18")
    address = f"{REGISTER}{second.pk}/"
    page = text(read(client, address))
    assert "3 entries. Since 17 March 2025: 1 added, 1 removed, 1 changed." in page
    assert "4 new.kz Law on Communications" in page
    assert "2 exclusive.kz Law on Communications" in text(read(client, f"{address}?show=removed"))
    changes = text(read(client, f"{address}?show=changed"))
    assert "court: – → Yesil court" in changes
    assert "date of the act: 27 November 2024 → 2 January 2025" in changes
    for language, court in (("kk", "сот: –"), ("ru", "суд: –")):  # and no kind of blocking
        assert court in text(read(client, f"{address.replace('/en/', f'/{language}/')}?show=changed"))
    for show in ("added", "removed", "changed", "odd"):
        assert "secret" not in read(client, f"{address}?show={show}")
    assert "It is the first snapshot, so nothing tells since when they were there." in text(
        read(client, f"{REGISTER}{first.pk}/")
    )


def test_a_snapshot_is_found_by_its_day(client: Client) -> None:
    made = make.snapshot(make.entry(1, "orda.kz"))
    assert client.get(f"{REGISTER}2025-03-17/").headers["Location"] == f"{REGISTER}{made.pk}/"
    for day in ("2025-03-18", "yesterday", "99999999999999999999"):
        assert client.get(f"{REGISTER}{day}/").status_code == 404


@pytest.mark.parametrize(
    ("display", "shown"), [("full", "https://exclusive.kz/page"), ("domain_only", "exclusive.kz"), ("withheld", "")]
)
def test_a_name_is_shown_as_far_as_an_editor_said(client: Client, display: str, shown: str) -> None:
    make.resource("https://exclusive.kz/page", display=display)
    made = make.snapshot(make.entry(1, "https://exclusive.kz/page"))
    changed = make.entry(1, "https://exclusive.kz/page#top", name="exclusive, the page")
    second = make.snapshot(changed, make.entry(2, "orda.kz"), on="2025-03-18")
    page = read(client, f"{REGISTER}{made.pk}/")
    assert (f"<bdi>{shown}</bdi>" in page) is bool(shown)
    told = read(client, f"{REGISTER}{second.pk}/?show=changed")
    assert ("exclusive, the page" in told) is (display == "full")
    assert ("changed; not shown" in told) is (display != "full")
    if display == "withheld":
        assert "exclusive" not in page


def test_what_the_register_writes_is_text(client: Client) -> None:
    made = make.snapshot(make.entry(1, "orda.kz", categoryname="<script>alert(1)</script>" + "x" * 5000))
    page = read(client, f"{REGISTER}{made.pk}/")
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert len(page) < 30_000


def test_a_long_list_has_pages_that_stay_small(client: Client) -> None:
    words = {"categoryname": "казино " * 400, "courtname": "суд " * 200, "documentnumber": "№ " * 300}
    made = make.snapshot(*(make.entry(number, f"site-{number}.kz", **words) for number in range(100)))
    first = client.get(f"{REGISTER}{made.pk}/")
    assert len(first.content) < 30_000
    assert "page=4" in first.content.decode()
    assert "site-99.kz" in read(client, f"{REGISTER}{made.pk}/?page=4")


def test_other_lists_have_no_page(client: Client) -> None:
    made = make.snapshot({"url": "orda.kz"}, list="citizenlab-kz")
    assert client.get(f"{REGISTER}{made.pk}/").status_code == 404
    assert "citizenlab" not in read(client, REGISTER)


def test_a_resource_says_when_it_was_listed_and_when_no_longer(client: Client) -> None:
    resource = make.resource("orda.kz")
    make.snapshot(make.entry(1, "orda.kz"), make.entry(2, "b.kz"))
    make.snapshot(make.entry(1, "orda.kz"), make.entry(2, "b.kz"), on="2025-03-27")
    page = text(read(client, resource.get_absolute_url().replace("/kk/", "/en/")))
    assert "listed in the state register" in page
    assert "17 March 2025 27 March 2025 – orda.kz" in page
    make.snapshot(make.entry(2, "b.kz"), on="2025-04-07")
    page = text(read(client, resource.get_absolute_url().replace("/kk/", "/en/")))
    assert "listed in the state register" not in page
    assert "The register of the state listed it, and as far as is known does so no longer." in page
    assert "17 March 2025 27 March 2025 7 April 2025 orda.kz" in page


def test_a_withheld_name_is_not_told_by_its_entry(client: Client) -> None:
    resource = make.resource("orda.kz", display=Resource.Display.WITHHELD)
    make.snapshot(make.entry(1, "orda.kz"))
    assert "orda.kz" not in read(client, f"/en/resources/{resource.pk}/")


def test_whoever_looks_up_a_name_that_only_the_state_lists_is_told_so(client: Client) -> None:
    make.snapshot(make.entry(1, "http://exclusive.kz"), make.entry(2, "https://other.kz/page"))
    make.snapshot(make.entry(1, "http://exclusive.kz"), make.entry(2, "https://other.kz/page"), on="2025-03-27")
    told = "The register of the state listed exactly this address on 27 March 2025."
    assert told in read(client, "/en/look-up/?q=exclusive.kz")
    assert told not in read(client, "/en/look-up/?q=other.kz")  # a listed page does not list its site
    make.snapshot(make.entry(2, "https://other.kz/page"), on="2025-04-07")
    assert "listed exactly" not in read(client, "/en/look-up/?q=exclusive.kz")
