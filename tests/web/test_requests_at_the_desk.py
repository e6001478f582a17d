"""Requests at the desk: drafted from a resource, moved on by steps, with permission and a reason."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from registry.models import InformationRequest, LogEntry, RequestStep
from tests import make

pytestmark = pytest.mark.django_db

DESK = "/desk/registry/informationrequest/"
TODAY = timezone.localdate()
DRAFT = {
    "asks": "whether_act",
    "addressee": "Beeline",
    "procedure": "request",
    "language": "kk",
    "reason": "unexplained",
}


@pytest.fixture
def desk(client: Client) -> Client:
    editor = make.editor("view_informationrequest", "change_informationrequest", "view_resource", "view_restriction")
    return make.signed_in(client, editor)


def drafted(desk: Client, about: str = "", **fields: Any) -> Any:
    about = about or f"resource/{make.resource().pk}"
    return desk.post(f"{DESK}draft/", {**DRAFT, "about": about, **fields}, follow=True)


@pytest.mark.parametrize("kind", ["resource", "restriction"])
def test_a_request_is_drafted_from_the_list_of_resources_or_restrictions(desk: Client, kind: str) -> None:
    make.deadline()
    one = make.resource() if kind == "resource" else make.restriction(make.resource())
    chosen = {"action": "draft_request", "_selected_action": [one.pk]}
    form = desk.post(f"/desk/registry/{kind}/", chosen, follow=True)
    assert f'value="{kind}/{one.pk}"' in form.content.decode()
    answer = drafted(desk, f"{kind}/{one.pk}")
    made = InformationRequest.objects.get()
    assert (made.about.pk, made.addressee) == (one.pk if kind == "resource" else one.resource_id, "Beeline")
    assert "orda.kz" in answer.content.decode()
    assert LogEntry.objects.get(subject=f"informationrequest/{made.pk}").operation == "create"


def test_steps_are_recorded_and_what_is_due_stands_in_one_list(desk: Client) -> None:
    make.deadline()
    drafted(desk)
    made = InformationRequest.objects.get()
    step = {"kind": "sent", "date": TODAY.isoformat(), "reason": "a receipt"}
    answer = desk.post(f"{DESK}{made.pk}/step/", step, follow=True)
    assert answer.status_code == 200
    assert list(made.steps.values_list("kind", flat=True)) == ["drafted", "sent"]
    assert made.key in desk.get(f"{DESK}due/").content.decode()


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"kind": "answered", "date": "2026-03-02"}, "Алдымен"),
        ({"kind": "sent", "date": (TODAY + timedelta(days=1)).isoformat()}, "әлі келген жоқ"),
        ({"kind": "sent", "date": "yesterday"}, "yesterday"),
        ({"kind": "sent", "date": TODAY.isoformat(), "note": "a@example.org"}, "a@example.org"),
        ({"kind": "sent", "date": TODAY.isoformat(), "reply": "full"}, "errornote"),
        ({"kind": "sent", "date": TODAY.isoformat(), "reason": ""}, "errornote"),
    ],
)
def test_a_step_that_cannot_be_is_told_and_not_recorded(desk: Client, fields: dict[str, str], told: str) -> None:
    drafted(desk)
    made = InformationRequest.objects.get()
    answer = desk.post(f"{DESK}{made.pk}/step/", {"reason": "why", **fields})
    assert answer.status_code == 200
    assert told in answer.content.decode()
    assert RequestStep.objects.count() == 1


def test_a_draft_about_nothing_or_to_nobody_is_told(desk: Client) -> None:
    for about in ("resource/999", "resource/x", "orda.kz"):
        assert "errornote" in drafted(desk, about).content.decode()
    assert "errornote" in drafted(desk, addressee="").content.decode()
    assert not InformationRequest.objects.exists()


def test_a_request_is_withdrawn_with_a_reason(desk: Client) -> None:
    drafted(desk)
    made = InformationRequest.objects.get()
    desk.post(f"{DESK}{made.pk}/withdraw/", {"reason": "sent twice"})
    made.refresh_from_db()
    assert made.withdrawn == "sent twice"
    assert f"{DESK}{made.pk}/step/" not in desk.get(f"{DESK}{made.pk}/change/").content.decode()


def test_who_may_only_read_decides_nothing(client: Client) -> None:
    make.signed_in(client, make.editor("view_informationrequest"))
    made = make.request()
    assert client.get(f"{DESK}{made.pk}/change/").status_code == 200
    for door in ("draft/", f"{made.pk}/step/", f"{made.pk}/withdraw/"):
        assert client.get(f"{DESK}{door}").status_code == 403
        assert client.post(f"{DESK}{door}", DRAFT).status_code == 403
        assert f"{DESK}{door}" not in client.get(DESK).content.decode()


def test_who_may_not_even_read_sees_nothing_of_what_is_due(client: Client) -> None:
    make.signed_in(client, make.editor())
    assert client.get(f"{DESK}due/").status_code == 403
