"""What editors decide on names that lists have and the register does not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from checks import planning
from checks.models import Plan
from registry import candidates
from registry.log import NoReason
from registry.models import Candidate, Listing, LogEntry, Resource
from registry.moderation import NotWaiting
from tests import make

pytestmark = pytest.mark.django_db

QUEUE = "/desk/registry/candidate/"


@pytest.fixture
def editor() -> User:
    return make.editor("view_candidate", "change_candidate", "view_snapshot")


@pytest.fixture
def candidate() -> Candidate:
    make.snapshot(make.entry(1, "https://exclusive.kz/page"))
    make.snapshot({"url": "https://exclusive.kz/page", "category_code": "NEWS"}, list="citizenlab-kz")
    return Candidate.objects.get()


def measured() -> list[str]:
    return list(Plan.objects.get(name=planning.REGISTRY).targets.values_list("url", flat=True))


def test_an_accepted_candidate_is_a_resource_that_is_listed_and_measured(candidate: Candidate, editor: User) -> None:
    resource = candidates.accept(candidate, by=editor, reason="an order names it")
    assert (resource.name, resource.category) == ("https://exclusive.kz/page", "NEWS")
    assert (candidate.state, candidate.resource, candidate.decided_by) == ("accepted", resource, editor)
    assert Listing.objects.get().resource == resource
    assert measured() == ["https://exclusive.kz/page"]
    [created] = [json.loads(one.payload) for one in LogEntry.objects.filter(subject=f"resource/{resource.pk}")[:1]]
    assert (created["operation"], created["reason"]) == ("create", "an order names it")


def test_what_must_not_be_advertised_is_withheld_from_its_first_moment(candidate: Candidate, editor: User) -> None:
    resource = candidates.accept(candidate, by=editor, reason="it sells", display=Resource.Display.WITHHELD)
    assert resource.display == Resource.Display.WITHHELD
    assert "exclusive.kz" not in "".join(LogEntry.objects.values_list("payload", flat=True)).replace(resource.slug, "")


def test_a_candidate_may_join_what_the_register_has(candidate: Candidate, editor: User) -> None:
    known = make.resource("exclusive.kz")
    candidates.join(candidate, known, by=editor, reason="a page of it")
    assert (candidate.state, candidate.resource) == ("joined", known)
    assert Listing.objects.get().resource == known
    assert set(measured()) == {"https://exclusive.kz/", "https://exclusive.kz/page"}
    assert Resource.objects.count() == 1


def test_a_dismissed_candidate_stays_so_whatever_list_has_it_next(candidate: Candidate, editor: User) -> None:
    before = LogEntry.objects.count()
    candidates.dismiss(candidate, by=editor, reason="a test page")
    assert LogEntry.objects.count() == before
    make.snapshot({"url": "https://exclusive.kz/page"}, list="another")
    candidate.refresh_from_db()
    assert (candidate.state, candidate.mentions.count()) == ("dismissed", 3)


def test_a_whole_site_that_is_withheld_is_named_nowhere_in_the_log(editor: User) -> None:
    make.snapshot({"url": "qzxv.kz", "category_code": "NEWS"}, list="citizenlab-kz")
    one = Candidate.objects.get(host="qzxv.kz")
    candidates.accept(one, by=editor, reason="seen", display=Resource.Display.WITHHELD)
    assert not [entry for entry in LogEntry.objects.filter(subject__startswith="resource/") if "qzxv" in entry.payload]


def test_the_first_decision_stands(candidate: Candidate, editor: User) -> None:
    candidates.dismiss(candidate, by=editor, reason="a test page")
    with pytest.raises(NotWaiting):
        candidates.accept(candidate, by=editor, reason="no, it is not")
    with pytest.raises(NoReason):
        candidates.accept(candidate, by=editor, reason=" ")
    assert not Resource.objects.exists()


def test_a_name_that_came_in_another_way_waits_no_longer(candidate: Candidate, editor: User) -> None:
    resource = make.resource("https://exclusive.kz/page")
    make.snapshot(make.entry(1, "https://exclusive.kz/page"), make.entry(2, "orda.kz"), on="2025-03-18")
    candidate.refresh_from_db()
    assert (candidate.state, candidate.resource) == ("accepted", resource)


@pytest.fixture
def desk(client: Client, editor: User) -> Client:
    return make.signed_in(client, editor)


def decide(desk: Client, act: str, candidate: Candidate, **fields: Any) -> Any:
    answer = desk.post(QUEUE, {"action": act, "_selected_action": [candidate.pk]})
    return desk.post(answer.headers["Location"], {"reason": "seen", **fields}, follow=True)


def test_the_desk_shows_each_candidate_with_its_lists(desk: Client, candidate: Candidate) -> None:
    make.snapshot({"url": "orda.kz", "category_code": "POLR"}, list="ooni")
    page = desk.get(f"{QUEUE}?list=citizenlab-kz&state__exact=new&stands=yes").content.decode()
    assert "https://exclusive.kz/page" in page
    assert "citizenlab-kz, state-register" in page
    assert "orda.kz" not in page
    assert "exclusive.kz" not in desk.get(f"{QUEUE}?stands=no").content.decode()
    detail = desk.get(f"{QUEUE}{candidate.pk}/change/").content.decode()
    assert "state-register: 2025\u00a0ж. 17\u00a0наурыз – қазір де бар" in detail
    make.snapshot(make.entry(2, "orda.kz"), on="2025-03-18")
    detail = desk.get(f"{QUEUE}{candidate.pk}/change/").content.decode()
    assert "state-register: 2025\u00a0ж. 17\u00a0наурыз – 2025\u00a0ж. 18\u00a0наурыз" in detail


@pytest.mark.parametrize(
    ("act", "fields", "state"),
    [
        ("accept", {"display": "domain_only"}, "accepted"),
        ("dismiss", {}, "dismissed"),
        ("join", {"into": "orda.kz"}, "joined"),
    ],
)
def test_an_editor_decides_at_the_desk(
    desk: Client, candidate: Candidate, act: str, fields: dict[str, str], state: str
) -> None:
    make.resource("orda.kz")
    decide(desk, act, candidate, **fields)
    candidate.refresh_from_db()
    assert (candidate.state, candidate.reason) == (state, "seen")


def test_a_decision_needs_its_reason_and_the_right_to_make_it(desk: Client, candidate: Candidate, editor: User) -> None:
    page = decide(desk, "dismiss", candidate, reason="").content.decode()
    assert "errornote" in page
    candidate.refresh_from_db()
    assert candidate.state == "new"
    editor.user_permissions.clear()
    assert desk.get(f"{QUEUE}decide/dismiss/?id={candidate.pk}").status_code == 403


def test_somebody_who_was_slower_is_told_so(desk: Client, candidate: Candidate, editor: User) -> None:
    answer = desk.post(QUEUE, {"action": "accept", "_selected_action": [candidate.pk]})
    candidates.dismiss(candidate, by=editor, reason="a test page")
    page = desk.post(answer.headers["Location"], {"reason": "seen", "display": "full"}, follow=True).content.decode()
    assert "https://exclusive.kz/page" in page
    assert not Resource.objects.exists()
    assert desk.get(f"{QUEUE}decide/delete/?id={candidate.pk}").status_code == 404
