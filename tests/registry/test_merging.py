"""Duplicates become one: nothing is lost, and the old addresses lead to what stays, for ever."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from registry import describing, displays, merging, status, submissions
from registry.models import (
    Alarm,
    Coverage,
    Display,
    FormerAddress,
    Listing,
    LogEntry,
    Report,
    Resource,
    Restriction,
    Standing,
)
from tests import make

pytestmark = pytest.mark.django_db

BY = {"by": "editor-1", "reason": "They are one site."}


def full(text: str, **fields: Any) -> Resource:
    one = make.resource(text, **fields)
    basis = make.restriction(one, make.act())
    make.statement(basis)
    make.listing(one)
    report = submissions.receive(text, at=make.AT).report
    Report.objects.filter(pk=report.pk).update(resource=one)
    Coverage.objects.create(resource=one, target=make.target("https://shared.kz/"))
    make.resource(f"mirror-of-{text}", service=one)
    today = timezone.localdate()
    Alarm.objects.create(kind=Alarm.Kind.ENDED, resource=one, opened_on=today, seen_on=today)
    return one


def counts() -> Counter[str]:
    return Counter({model.__name__: model.objects.count() for model in (Restriction, Listing, Report, Alarm)})


def test_nothing_is_lost_and_everything_is_with_the_entry_that_stays() -> None:
    old, new = full("orda.kz"), full("new-orda.kz")
    before, targets = counts(), {*old.targets.all(), *new.targets.all()}
    told = sorted(move.count for move in merging.moves(old))
    merging.merge(old, new, **BY)
    assert counts() == before
    assert told == [1, 1, 1, 1, 1, 2]  # two targets stand for it
    assert [row.count() for row in (new.restrictions, new.listings, new.reports, new.mirrors, new.alarms)] == [2] * 5
    assert set(new.targets.all()) == targets
    assert new.coverage.filter(canonical=True).get().target.host == "new-orda.kz"
    assert new.alarms.filter(closed_on=None).count() == 1
    assert not Resource.objects.filter(pk=old.pk).exists()


def test_every_table_that_points_at_a_resource_is_moved() -> None:
    """Also one that is added after this was written."""
    pointing = {relation.related_model.__name__ for relation in merging._relations()}
    assert {"Coverage", "Restriction", "Listing", "Report", "Resource", "FormerAddress", "Alarm"} <= pointing


def test_two_entries_of_which_each_was_counted_are_merged() -> None:
    old, new = make.resource("old.kz"), make.resource("new.kz")
    status.count(at=make.AT)
    merging.merge(old, new, **BY)
    assert [one.resource for one in Standing.objects.all()] == [new]


def test_old_addresses_lead_on_for_ever_also_through_chains(client: Client) -> None:
    first, second, third = (make.resource(name) for name in ("a.kz", "b.kz", "c.kz"))
    merging.merge(first, second, **BY)
    merging.merge(second, third, **BY)
    for old in (first, second):
        for address in (f"/ru/resources/{old.slug}/", f"/ru/resources/{old.pk}/"):
            answer = client.get(address)
            assert (answer.status_code, answer.headers["Location"]) == (301, "/ru/resources/c.kz/")
        answer = client.get(f"/api/v1/resources/{old.pk}?lang=kk")
        assert (answer.status_code, answer.headers["Location"]) == (308, f"/api/v1/resources/{third.pk}?lang=kk")
    assert client.get("/en/resources/c.kz/").status_code == 200
    assert client.get("/en/resources/99999999999999999999/").status_code == 404
    assert client.get("/en/resources/never.kz/").status_code == 404


def test_who_records_the_old_name_again_means_the_entry_that_stays() -> None:
    old, new = make.resource("old.kz"), make.resource("new.kz")
    merging.merge(old, new, **BY)
    assert make.resource("old.kz") == new
    assert make.resource("old kz", type="app").slug == "old-kz"


def test_the_log_of_both_tells_it(client: Client) -> None:
    old, new = make.resource("old.kz"), make.resource("new.kz")
    basis = make.restriction(old)
    merging.merge(old, new, **BY)
    entries = [(entry.subject, json.loads(entry.payload)["after"]) for entry in LogEntry.objects.all()]
    assert entries == [
        (f"resource/{old.pk}", {"into": new.pk}),
        (f"resource/{new.pk}", {"from": old.pk, "moved": {"restriction": [basis.pk]}}),
    ]
    assert client.get("/en/resources/new.kz/").content.decode().count("merged with another entry") == 2


def test_what_one_of_them_withheld_stays_withheld(client: Client) -> None:
    old, new = make.resource("qzxv.kz"), make.resource("shop.kz")
    displays.choose(old, Display.WITHHELD, **BY)
    merging.merge(old, new, **BY)
    assert Resource.objects.get().display == Display.WITHHELD
    assert client.get("/en/resources/qzxv.kz/").status_code == 404
    assert client.get(f"/en/resources/{old.pk}/").headers["Location"] == f"/en/resources/{new.pk}/"


def test_a_service_merged_into_its_own_mirror_leaves_no_circle() -> None:
    service = make.resource("Orda", type="service")
    new = make.resource("orda.kz", service=service)
    assert merging.merge(service, new, across_types=True, **BY).service is None


def test_two_entries_of_different_types_are_merged_only_once_that_is_confirmed(client: Client) -> None:
    page, site = make.resource("https://old.kz/page"), make.resource("old.kz")
    with pytest.raises(merging.OtherType):
        merging.merge(page, site, **BY)
    make.signed_in(client, make.editor("view_resource", "change_resource"))
    client.cookies["django_language"] = "en"
    address = f"/desk/registry/resource/{page.pk}/merge/"
    fields = {"into": site.pk, "confirmed": site.pk, "reason": "The order means the site."}
    assert 'name="across_types"' in client.post(address, {"into": site.pk}).content.decode()
    assert list(client.post(address, fields).context["form"].errors) == ["across_types"]
    assert Resource.objects.count() == 2
    assert client.post(address, fields | {"across_types": "on"}).status_code == 302
    make.agreed()
    assert Resource.objects.get() == site
    alike = f"/desk/registry/resource/{make.resource('new.kz').pk}/merge/"
    assert "across_types" not in client.post(alike, {"into": site.pk}).content.decode()


def test_what_cannot_be_merged_is_refused_with_a_reason() -> None:
    old, new = make.resource("old.kz"), make.resource("new.kz")
    with pytest.raises(merging.NotMerged):
        merging.merge(old, Resource.objects.get(pk=old.pk), **BY)
    for reason in (" ", "\u200b"):
        with pytest.raises(merging.NoReason):
            merging.merge(old, new, by="editor-1", reason=reason)
    gone = Resource.objects.get(pk=old.pk)
    merging.merge(old, new, **BY)
    with pytest.raises(merging.Gone):
        merging.merge(gone, new, **BY)
    with pytest.raises(merging.Gone):
        merging.merge(new, gone, **BY)
    assert FormerAddress.objects.count() == 1


def test_an_editor_sees_both_side_by_side_and_confirms_with_a_reason(client: Client) -> None:
    old, new = make.resource("old.kz"), make.resource("new.kz")
    make.restriction(old)
    make.signed_in(client, make.editor("view_resource", "change_resource"))
    address = f"/desk/registry/resource/{old.pk}/merge/"
    assert "old.kz" in client.get(address).content.decode()
    compared = client.post(address, {"into": "new.kz"}).content.decode()
    assert "old.kz" in compared
    assert "new.kz" in compared
    assert Resource.objects.count() == 2
    assert client.post(address, {"into": "new.kz", "confirmed": new.pk}).status_code == 200  # no reason
    assert Resource.objects.count() == 2
    client.post(address, {"into": "new.kz", "confirmed": new.pk, "reason": "They are one."})
    assert Resource.objects.count() == 2
    make.agreed()
    assert Resource.objects.get() == new
    both = [f"editor-{one.pk}" for one in User.objects.order_by("pk")]
    assert json.loads(LogEntry.objects.last().payload)["by"] == "+".join(both)


def test_who_may_only_look_may_not_merge(client: Client) -> None:
    old = make.resource("old.kz")
    make.signed_in(client, make.editor("view_resource"))
    for act in ("merge", "describe"):
        assert client.get(f"/desk/registry/resource/{old.pk}/{act}/").status_code == 403


def test_an_editor_describes_an_entry_and_a_dead_site_stays_in_the_register(client: Client) -> None:
    make.category("NEWS")
    one, service = make.resource("orda.kz"), make.resource("Orda", type="service")
    make.signed_in(client, make.editor("view_resource", "change_resource"))
    said = {"category": "NEWS", "own_display": "domain_only", "service": service.pk, "languages": "kk ru kk"}
    said |= {"condition": "for_sale", "condition_since": "2026-02", "reason": "The domain was sold."}
    address = f"/desk/registry/resource/{one.pk}/describe/"
    assert client.post(address, said | {"condition_since": ""}).status_code == 200
    assert client.post(address, said | {"languages": "Қазақша"}).status_code == 200
    assert LogEntry.objects.count() == 0
    assert client.post(address, said).status_code == 302
    one.refresh_from_db()
    assert (one.category, one.display, one.service, one.languages) == ("NEWS", "domain_only", service, ["kk", "ru"])
    operations = [entry.operation for entry in LogEntry.objects.all()]
    assert operations == ["describe", "categorise", "choose_display", "display"]
    page = client.get(f"/en/resources/{one.pk}/").content.decode()
    assert "The domain is for sale (as of February 2026)" in page
    assert "orda.kz" in client.get("/en/resources/").content.decode()
    row = client.get(f"/api/v1/resources/{one.pk}").json()
    assert (row["condition"], row["condition_since"], row["languages"]) == ("for_sale", "2026-02", ["kk", "ru"])


def test_a_group_has_one_storey() -> None:
    service, other = make.resource("Orda", type="service"), make.resource("Media", type="service")
    make.resource("orda.kz", service=service)
    words = {"languages": [], "condition": "", "condition_since": "", **BY}
    for one, above in ((service, other), (service, service)):
        with pytest.raises(describing.NotDescribed):
            describing.describe(one, service=above, **words)


def test_the_page_of_a_service_shows_what_belongs_to_it_and_the_state_of_each(client: Client) -> None:
    service = make.resource("Orda", type="service")
    first = make.resource("orda.kz", service=service)
    make.resource("orda.press", service=service, condition="parked", condition_since="2026-02")
    make.resource("qzxv.kz", service=service, display=Display.WITHHELD)
    make.cell(first, make.network(), "blocked")
    page = client.get("/en/resources/orda/").content.decode()
    for text in ("orda.kz", "unreachable, no act known", "1 of 1", "the domain is parked (February 2026)"):
        assert text in page
    assert "qzxv" not in page
    there = client.get("/en/resources/orda.kz/").content.decode()
    assert 'part of <a href="/en/resources/orda/"' in there


def test_a_page_says_the_category_and_the_languages_of_a_site(client: Client) -> None:
    make.category("NEWS", name_en="News media")
    make.resource("orda.kz", category="NEWS", languages=["kk", "ru", "ug"])
    page = client.get("/en/resources/orda.kz/").content.decode()
    assert "News media" in page
    assert "Қазақша, Русский" in page


def test_the_log_tells_what_the_entry_that_stays_took_over() -> None:
    old = make.resource("old.kz", category="NEWS", languages=["kk"], condition="dead", condition_since="2024")
    new = make.resource("new.kz", languages=["ru"])
    merging.merge(old, new, **BY)
    told = json.loads(LogEntry.objects.get(subject=f"resource/{new.pk}").payload)
    before = {"category": "", "languages": ["ru"], "condition": "", "condition_since": ""}
    after = {"category": "NEWS", "languages": ["ru", "kk"], "condition": "dead", "condition_since": "2024"}
    assert told["before"] == before
    assert told["after"] == {"from": old.pk, "moved": {}, **after}


def test_a_merge_makes_no_group_inside_a_group() -> None:
    service, top = make.resource("Svc", type="service"), make.resource("Top", type="service")
    make.resource("mirror.kz", service=service)
    inside = make.resource("inside.kz", service=top)
    for old, new in ((service, inside), (inside, service)):
        with pytest.raises(merging.NotMerged):
            merging.merge(old, new, across_types=True, **BY)
    assert not LogEntry.objects.exists()


def test_a_site_that_becomes_its_own_service_is_in_no_group_and_moves_nowhere() -> None:
    service = make.resource("Svc", type="service")
    site = make.resource("site.kz", service=service)
    other = make.resource("other.kz", service=service)
    merging.merge(service, site, across_types=True, **BY)
    told = json.loads(LogEntry.objects.get(subject=f"resource/{site.pk}").payload)
    assert (told["before"]["service"], told["after"]["service"]) == (service.pk, None)
    assert told["after"]["moved"] == {"resource": [other.pk]}
