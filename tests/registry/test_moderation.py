"""What editors decide: each act whole or not at all, once, with its reason, and logged."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from checks import planning
from checks.models import Plan, Target, Vantage
from checks.vantages import Admission, NotAdmitted
from registry import moderation, submissions
from registry.models import Coverage, Decision, Dispute, LogEntry, Region, Report, Resource
from tests import make

pytestmark = pytest.mark.django_db

REASON = "seen on two networks"


@pytest.fixture
def editor() -> User:
    return User.objects.create_user("editor")


def a_report(text: str = "orda.kz") -> Report:
    return submissions.receive(text, at=make.AT).report


def measured() -> set[str]:
    return set(Target.objects.filter(plans__name=planning.REGISTRY).values_list("url", flat=True))


def logged() -> list[dict[str, Any]]:
    return [json.loads(entry.payload) for entry in LogEntry.objects.all()]


def test_an_accepted_name_is_a_resource_that_every_vantage_measures(editor: User) -> None:
    vantage = make.network().vantages.get()
    report = a_report()
    resource = moderation.accept(report, by=editor, reason=REASON)
    assert (report.state, report.resource) == (Report.State.ACCEPTED, resource)
    assert (resource.type, resource.name) == ("domain", "orda.kz")
    assert measured() == {"https://orda.kz/"}
    assert list(Plan.objects.get(name=planning.REGISTRY).vantages.all()) == [vantage]


def test_what_was_reported_without_encryption_stands_for_the_domain_beside_its_canonical_target(editor: User) -> None:
    resource = moderation.accept(a_report("http://orda.kz/"), by=editor, reason=REASON)
    assert {row.target.url: row.canonical for row in resource.coverage.all()} == {
        "https://orda.kz/": True,
        "http://orda.kz/": False,
    }
    assert measured() == {"https://orda.kz/", "http://orda.kz/"}


def test_a_name_that_the_register_has_is_not_made_twice(editor: User) -> None:
    known = make.resource()
    assert moderation.accept(a_report(), by=editor, reason=REASON) == known
    assert not LogEntry.objects.exists()  # nothing public changed


def test_an_acceptance_is_logged_with_its_reason_and_no_name_of_an_editor(editor: User) -> None:
    resource = moderation.accept(a_report(), by=editor, reason=REASON)
    [entry] = logged()
    assert entry["operation"] == "create"
    assert entry["subject"] == f"resource/{resource.pk}"
    assert entry["after"]["name"] == "orda.kz"
    assert (entry["reason"], entry["by"]) == (REASON, f"editor-{editor.pk}")


def test_a_merged_report_adds_its_target_to_the_resource(editor: User) -> None:
    resource, report = make.resource(), a_report("m.orda.kz")
    moderation.merge(report, resource, by=editor, reason="its mobile site")
    assert (report.state, report.resource) == (Report.State.MERGED, resource)
    assert Coverage.objects.get(target=report.target).canonical is False
    assert measured() == {"https://orda.kz/", "https://m.orda.kz/"}
    [entry] = logged()
    assert (entry["operation"], entry["after"]) == ("cover", {"target": "https://m.orda.kz/"})


def test_the_first_target_of_an_app_is_its_canonical_one(editor: User) -> None:
    app, report = make.resource("Periscope", type="app"), a_report("pscp.tv")
    moderation.merge(report, app, by=editor, reason="its address")
    assert app.coverage.get().canonical is True


@pytest.mark.parametrize(("display", "shown"), [("domain_only", "casino.kz"), ("withheld", "")])
def test_the_log_tells_no_more_of_a_target_than_the_display_allows(editor: User, display: str, shown: str) -> None:
    resource = make.resource(display=display)
    moderation.merge(a_report("casino.kz/bets?bonus=1"), resource, by=editor, reason="the same site")
    assert logged()[0]["after"] == {"target": shown}


def test_a_rejection_is_kept_with_its_reason_and_stays_out_of_the_public_log(editor: User) -> None:
    report = a_report()
    moderation.reject(report, by=editor, reason="opens everywhere")
    assert report.state == Report.State.REJECTED
    decision = Decision.objects.get()
    assert (decision.report, decision.by, decision.reason) == (report, editor, "opens everywhere")
    assert not LogEntry.objects.exists()
    assert not measured()


def admission(**fields: Any) -> Admission:
    make.network(9198, watched=False)
    agreed = {"consent_on": "2026-11-20", "consent_version": "1"}
    return Admission(**{"name": "astana-1", "asn": 9198, "role": "access", "key": "ab" * 32, **agreed, **fields})


def admit(**fields: Any) -> Vantage:
    return moderation.admit_vantage(admission(**fields), by="operator", reason="a new one")


def test_one_key_is_admitted_for_one_vantage_only() -> None:
    first = admit()
    assert admit() == first  # renewed
    with pytest.raises(NotAdmitted, match="this key is that of astana-1"):
        admit(name="astana-2")
    with pytest.raises(IntegrityError), transaction.atomic():
        make.vantage(public_key="ab" * 32)


def test_a_region_that_nobody_knows_is_refused() -> None:
    with pytest.raises(NotAdmitted, match="'KZ-99' is no region"):
        admit(region="KZ-99")
    assert not LogEntry.objects.exists()
    Region.objects.create(iso="KZ-71", name_kk="Астана", name_ru="Астана", name_en="Astana")
    assert admit(region="KZ-71").region == "KZ-71"


ACTS = {
    "accept": lambda report, **more: moderation.accept(report, **more),
    "reject": lambda report, **more: moderation.reject(report, **more),
    "merge": lambda report, **more: moderation.merge(report, make.resource("other.kz"), **more),
}


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
def test_who_decides_second_is_refused_and_leaves_nothing_behind(act: Any, editor: User) -> None:
    report = a_report()
    stale = Report.objects.get(pk=report.pk)
    moderation.reject(report, by=editor, reason="spam")
    with pytest.raises(moderation.NotWaiting):
        act(stale, by=editor, reason=REASON)
    assert Report.objects.get().state == Report.State.REJECTED
    assert Decision.objects.count() == 1
    assert not Resource.objects.filter(name="orda.kz").exists()
    assert not LogEntry.objects.exists()
    assert not measured()


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
@pytest.mark.parametrize("reason", ["", " \n"])
def test_a_decision_without_a_reason_is_refused_and_leaves_nothing_behind(act: Any, reason: str, editor: User) -> None:
    report = a_report()
    with pytest.raises(moderation.NoReason):
        act(report, by=editor, reason=reason)
    assert Report.objects.get().state == Report.State.NEW
    assert not Decision.objects.exists()
    assert not Resource.objects.filter(name="orda.kz").exists()


def test_when_a_reason_cannot_be_written_down_nothing_was_decided(editor: User) -> None:
    with pytest.raises(UnicodeEncodeError):
        moderation.accept(a_report(), by=editor, reason="half a character: \ud800")
    assert Report.objects.get().state == Report.State.NEW
    assert not Resource.objects.exists()
    assert not measured()


def test_a_disputed_episode_bears_its_reason_and_the_log_has_it(editor: User) -> None:
    row = make.episode(make.resource("orda.kz"), make.network(9198))
    moderation.dispute(row, by=editor, reason="The probe moved house.")
    assert Dispute.objects.get().reason == "The probe moved house."
    moderation.dispute(row, by=editor, reason="It stood in an office.")
    assert Dispute.objects.get().reason == "It stood in an office."
    moderation.settle(row, by=editor, reason="A mistake.")
    moderation.settle(row, by=editor, reason="Twice.")
    assert not Dispute.objects.exists()
    assert [(one["operation"], one["reason"]) for one in logged()] == [
        ("dispute", "The probe moved house."),
        ("dispute", "It stood in an office."),
        ("settle", "A mistake."),
    ]
    assert logged()[0]["subject"] == f"episode/{row.pk}"
    assert logged()[0]["after"] == {
        "target": "https://orda.kz/",
        "asn": "9198",
        "state": "blocked",
        "began_at": row.began_at.isoformat(),
    }


@pytest.mark.parametrize("act", [moderation.dispute, moderation.settle])
def test_no_episode_is_marked_without_a_reason(act: Any, editor: User) -> None:
    row = make.episode(make.resource(), make.network())
    with pytest.raises(moderation.NoReason):
        act(row, by=editor, reason=" \n")
    assert not Dispute.objects.exists()
    assert not LogEntry.objects.exists()


def test_the_log_names_no_address_of_a_withheld_site_that_was_measured_for_another_reason(editor: User) -> None:
    make.resource("orda.kz", display="withheld")
    row = make.episode(make.target("http://www.orda.kz/elsewhere"), make.network())
    moderation.dispute(row, by=editor, reason="The probe moved house.")
    assert "orda" not in LogEntry.objects.get().payload


@pytest.mark.parametrize(
    ("display", "shown"), [("full", "https://orda.kz/a"), ("domain_only", "orda.kz"), ("withheld", "")]
)
def test_the_log_shows_of_a_disputed_site_what_its_display_allows(display: str, shown: str, editor: User) -> None:
    row = make.episode(make.resource("https://orda.kz/a", display=display), make.network())
    moderation.dispute(row, by=editor, reason=REASON)
    assert logged()[0]["after"]["target"] == shown
