"""What an editor sees of a country pack before she agrees to it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client

from registry import packs, proposals
from registry.models import Prepared, Proposal, Restriction
from tests import make
from tests.registry.test_load_country import change, folder  # noqa: F401

pytestmark = pytest.mark.django_db
LIMIT = 30_000  # bytes of one page


@pytest.fixture
def desk(client: Client) -> Client:
    make.signed_in(client, make.editor("change_act"))
    client.cookies["django_language"] = "en"
    return client


def proposed(root: Path) -> Proposal:
    row, _loaded = proposals.propose_pack("kz", root, by=None)
    assert row is not None
    return row


def words(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def test_who_agrees_to_a_pack_sees_what_it_would_add_change_and_remove(desk: Client, folder: Path) -> None:  # noqa: F811
    packs.load("kz", folder)
    change(folder, "acts.csv", "act-2,court_decision,8", "act-2,court_decision,9")
    change(folder, "regions.csv", "KZ-71", "KZ-75,Алматы,Алматы,Almaty\nKZ-71")
    change(folder, "address_ranges.csv", "2.132.0.0,2.135.255.255", "2.132.0.0,2.133.255.255")
    row = proposed(folder)
    page = desk.get(f"/desk/proposals/{row.pk}/").content.decode()
    told = words(page)
    assert "Acts changed: 1; unchanged: 1" in told
    assert "act-2 changed Number 8 → 9" in told
    assert "Regions added: 1; unchanged: 1" in told
    assert "KZ-75 added" in told
    assert "Address ranges added: 1; removed: 1" in told
    assert "2.132.0.0 removed First address 2.132.0.0" in told
    assert "Events: 2" in told[told.index("Unchanged Networks: 1") :]
    assert "Nothing: the entry is not public." not in told
    for name in ("acts", "regions", "address%20ranges"):
        assert f'href="/desk/proposals/{row.pk}/pack/{name}/"' in page
    assert "act-2 changed Number 8 → 9" in words(desk.get(f"/desk/proposals/{row.pk}/pack/acts/").content.decode())


def test_where_two_long_texts_differ_is_seen(desk: Client, folder: Path) -> None:  # noqa: F811
    long = "The same words come first. " * 30
    change(folder, "cases.csv", "It failed.", f"{long}It failed.")
    packs.load("kz", folder)
    change(folder, "cases.csv", "It failed.", "It failed again.")
    row = proposed(folder)
    for path in ("", "pack/restrictions/"):
        told = words(desk.get(f"/desk/proposals/{row.pk}/{path}").content.decode())
        assert "It failed. →" in told
        assert "It failed again." in told


def test_a_row_that_is_all_of_it_new_can_be_read_to_its_end(desk: Client, folder: Path) -> None:  # noqa: F811
    row = proposed(folder)
    told = words(desk.get(f"/desk/proposals/{row.pk}/pack/restrictions/").content.decode())
    for text in ("x-1 added", "It failed.", "x-2 added", "Title of the source Title"):
        assert text in told, text


def test_only_who_may_agree_sees_it_and_only_while_it_waits(desk: Client, folder: Path) -> None:  # noqa: F811
    row = proposed(folder)
    address = f"/desk/proposals/{row.pk}/pack/acts/"
    other = make.signed_in(Client(), make.editor("view_act", name="other"))
    assert other.get(address).status_code == 403
    assert "What would change" not in other.get(f"/desk/proposals/{row.pk}/").content.decode()
    assert Client().get(address).status_code == 302
    assert desk.get(f"/desk/proposals/{row.pk}/pack/nothing/").status_code == 404
    assert desk.get(address).status_code == 200
    proposals.refuse(row, by=User.objects.create_user("ben"), reason="It is not checked yet.")
    assert desk.get(address).status_code == 404
    assert desk.get(f"/desk/proposals/{row.pk}/").status_code == 200
    assert not Prepared.objects.exists()


def test_other_files_than_were_proposed_are_not_shown_as_if_they_were(desk: Client, folder: Path) -> None:  # noqa: F811
    row = proposed(folder)
    change(folder, "grounds.csv", "art. 41-1", "art. 41-2")
    for path in ("", "pack/acts/"):
        page = desk.get(f"/desk/proposals/{row.pk}/{path}").content.decode()
        assert "The files of the pack are not the ones that were proposed." in page
        assert "art. 41" not in page
    assert "Agree: do exactly this" not in desk.get(f"/desk/proposals/{row.pk}/").content.decode()


def test_what_a_pack_says_is_shown_as_text(desk: Client, folder: Path) -> None:  # noqa: F811
    change(folder, "acts.csv", "Жабылсын.", "<script>alert(1)</script>")
    row = proposed(folder)
    for path in ("", "pack/acts/"):
        page = desk.get(f"/desk/proposals/{row.pk}/{path}").content.decode()
        assert "&lt;script&gt;alert(1)" in page
        assert "<script>alert(1)" not in page


def test_pages_stay_small_with_the_whole_pack_of_kazakhstan_and_show_every_row_of_it(desk: Client) -> None:
    row = proposed(settings.BASE_DIR)
    desk.cookies["django_language"] = "en"
    for language in ("kk", "ru", "en"):
        desk.cookies["django_language"] = language
        page = desk.get(f"/desk/proposals/{row.pk}/")
        assert len(page.content) < LIMIT
        tables = re.findall(rf'<dt><a href="(/desk/proposals/{row.pk}/pack/[^"]+)"', page.content.decode())
        assert len(tables) == 22
        for table in tables:
            answer = desk.get(table)
            assert answer.status_code == 200, answer.content.decode()
            assert len(answer.content) < LIMIT, table
            last = answer.context["page"].paginator.num_pages
            assert len(desk.get(f"{table}?page={last}").content) < LIMIT
    assert not Restriction.objects.exists()
    rows = 0
    for number in range(1, 1000):
        answer = desk.get(f"/desk/proposals/{row.pk}/pack/restrictions/?page={number}")
        assert len(answer.content) < LIMIT
        rows += answer.content.count(b'<p class="row">')
        if number == answer.context["page"].paginator.num_pages:
            break
    assert rows == 269
