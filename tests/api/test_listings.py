"""Snapshots of the state register and its entries, as researchers read them."""

from __future__ import annotations

import json

import pytest

from registry.models import Resource, Snapshot
from tests import make

pytestmark = pytest.mark.django_db

ENTRIES = [make.entry(1, "https://orda.kz/page"), make.entry(2, "https://exclusive.kz/secret"), make.entry(3, "a page")]


def rows(answer) -> list[dict]:
    return answer.json()["results"]


def test_an_entry_says_when_it_was_first_seen_last_seen_and_gone(api) -> None:
    make.snapshot(*ENTRIES)
    make.snapshot(*ENTRIES, on="2025-03-27")
    third = make.snapshot(*ENTRIES[1:], make.entry(4, "new.kz"), on="2025-04-07")
    days = {row["register_id"]: (row["first_seen"], row["last_seen"], row["gone"]) for row in rows(api("listings"))}
    assert days["1"] == ("2025-03-17", "2025-03-27", "2025-04-07")
    assert days["2"] == ("2025-03-17", "2025-04-07", "")
    assert days["4"] == ("2025-04-07", "2025-04-07", "")
    assert [row["register_id"] for row in rows(api(f"listings?added_in={third.pk}"))] == ["4"]
    assert [row["register_id"] for row in rows(api(f"listings?gone_in={third.pk}"))] == ["1"]
    assert [row["register_id"] for row in rows(api("listings?listed=false"))] == ["1"]


def test_of_a_name_that_no_editor_has_taken_the_domain_alone_is_told(api) -> None:
    make.resource("https://orda.kz/page")
    make.snapshot(*ENTRIES)
    told = {row["register_id"]: (row["address"], row["title"]) for row in rows(api("listings"))}
    assert told == {
        "1": ("https://orda.kz/page", "https://orda.kz/page"),
        "2": ("exclusive.kz", None),
        "3": (None, None),
    }
    Resource.objects.update(display=Resource.Display.DOMAIN_ONLY)
    assert rows(api("listings?register_id=1"))[0]["address"] == "orda.kz"
    Resource.objects.update(display=Resource.Display.WITHHELD)
    for answer in ("listings", "snapshots"):
        assert "page" not in json.dumps(rows(api(answer)))


def test_a_snapshot_tells_its_bytes_by_their_hash_and_what_it_changed(api) -> None:
    first = make.snapshot(*ENTRIES)
    second = make.snapshot({**ENTRIES[0], "courtname": "a court"}, *ENTRIES[1:], on="2025-03-27")
    make.snapshot({"url": "https://hidden.kz"}, list="citizenlab-kz")
    old, new = rows(api("snapshots"))
    assert (old["id"], old["sha256"], old["entries"], old["added"]) == (first.pk, first.sha256, 3, 3)
    assert (new["id"], new["previous"], new["changed"], new["unchanged"]) == (second.pk, first.pk, 1, 2)
    assert len(rows(api("snapshots?after=2025-03-18"))) == 1
    hidden = Snapshot.objects.get(list="citizenlab-kz")
    assert api(f"snapshots/{hidden.pk}").status_code == 404


def test_how_many_candidates_wait_is_public_and_which_is_not(api) -> None:
    make.snapshot(*ENTRIES)
    assert api("stats").json()["candidates"] == 2
    for table in ("candidates", "mentions"):
        assert api(table).status_code == 404
