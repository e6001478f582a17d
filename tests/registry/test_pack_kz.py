"""The pack of Kazakhstan: what its files say is what the register says."""

from __future__ import annotations

import csv
from collections import Counter

import pytest
from django.conf import settings
from django.utils import timezone

from checks.models import AddressRange, Network
from registry.models import Act, Authority, Coverage, Event, Listing, LogEntry, Resource, Restriction, Statement
from registry.search import look_up

KZ = settings.BASE_DIR / "registry" / "countries" / "kz"

pytestmark = pytest.mark.django_db


def rows(file: str) -> list[dict[str, str]]:
    with (KZ / file).open(encoding="utf-8", newline="") as opened:
        return list(csv.DictReader(opened))


def source_of(row: dict[str, str]) -> tuple[str, str, str]:
    return row["source_url"], row["source_title"], row["source_date"]


def test_each_of_the_277_cases_is_a_restriction_or_an_event(kz):
    cases = rows("cases.csv")
    assert len(cases) == 277
    events = [case for case in cases if case["type"] == "event"]
    assert Restriction.objects.count() == 277 - len(events) == 269
    assert {row.key for row in Event.objects.all()} >= {case["event"] for case in events}
    assert len({case["event"] for case in events}) == len(events) == 8


def test_every_case_keeps_its_fact_source_and_confidence(kz):
    restrictions = {row.pack_key: row for row in Restriction.objects.prefetch_related("sources")}
    events = {row.key: row for row in Event.objects.prefetch_related("sources")}
    for case in rows("cases.csv"):
        record = events[case["event"]] if case["type"] == "event" else restrictions[case["key"]]
        assert [(row.url, row.title, row.date) for row in record.sources.all()] == [source_of(case)], case["key"]
        assert (record.fact, record.confidence) == (case["fact"], case["confidence"]), case["key"]
        assert (record.began, record.ended) == (case["began"], case["ended"]), case["key"]


def test_kinds_and_confidence_are_counted_as_the_research_counted_them():
    cases = rows("cases.csv")
    assert Counter(case["kind"] for case in cases) == {
        "administrative": 125,
        "court": 26,
        "production": 50,
        "unknown": 76,
    }
    assert Counter(case["confidence"] for case in cases) == {"high": 173, "medium": 82, "low": 22}


def test_livejournal_of_2008_stays_three_restrictions_of_one_resource(kz):
    livejournal = Resource.objects.get(type="service", name="livejournal.com")
    told = livejournal.restrictions.filter(began__startswith="2008")
    assert [(row.kind, row.began, row.conflicting) for row in told.order_by("pack_key")] == [
        ("court", "2008-10-07", True),
        ("unknown", "2008-10-07", True),
        ("unknown", "2008-10-10", True),
    ]


def test_one_order_covers_many_resources(kz):
    order = Act.objects.get(number="25-1-1-25/2057")
    assert (order.date, order.restrictions.count()) == ("2020-07-14", 74)
    assert [(role.authority.code, role.role) for role in order.roles.all()] == [("kz-committee-information", "decided")]


def test_a_court_that_no_source_names_makes_no_act(kz):
    vimeo = Restriction.objects.get(resource__name="vimeo.com")
    assert vimeo.kind == "court"
    assert not vimeo.acts.exists()


def test_a_restriction_is_lifted_only_where_an_end_is_known_and_never_claimed_in_force(kz):
    for restriction in Restriction.objects.all():
        assert restriction.status in (("lifted", "expired") if restriction.ended else ("unknown",))


def test_domains_and_pages_have_one_canonical_https_or_named_target(kz):
    named = Resource.objects.filter(type__in=["domain", "url"])
    canonical = {
        row.resource_id: row.target for row in Coverage.objects.filter(canonical=True).select_related("target")
    }
    assert set(canonical) == {resource.pk for resource in named}
    for resource in named:
        expected = resource.name if resource.type == "url" else f"https://{resource.name}/"
        assert canonical[resource.pk].url == expected


@pytest.mark.parametrize(
    ("typed", "slug"),
    [
        ("livejournal.com", "livejournal-com"),
        ("https://www.facebook.com/somebody", "facebook-com"),
        ("pscp.tv", "periscope-pscp-tv"),
        ("meduza.io", "meduza.io"),
    ],
)
def test_a_service_is_found_by_its_host_and_a_domain_by_its_name(kz, typed, slug):
    assert slug in {found.resource.slug for found in look_up(typed, at=timezone.now()).resources}


def test_apps_and_services_keep_their_free_names(kz):
    assert {"WhatsApp", "Telegram", "Interactive Brokers (site)"} <= set(
        Resource.objects.filter(type__in=["app", "service"]).values_list("name", flat=True)
    )


def test_events_have_names_in_three_languages_and_waves_group_their_cases(kz):
    for event in Event.objects.all():
        assert len({event.name_kk, event.name_ru, event.name_en}) == 3
        assert event.fact
    assert Event.objects.get(key="kz-2019-05-09-wave").restrictions.count() == 11


def test_statements_say_who_denies(kz):
    orda = Restriction.objects.get(resource__name="orda.kz")
    assert Counter(row.stance for row in orda.statements.all()) == {"denies": 3}
    assert Statement.objects.count() >= 15


def test_the_entry_of_torproject_is_listed_with_its_id(kz):
    listing = Listing.objects.get(register_id="3771")
    assert (listing.act_date, listing.court) == ("2024-11-27", "")
    assert listing.resource.name == "https://www.torproject.org/ru/download"


@pytest.mark.parametrize("asn", [44477, 9009, 9123, 48502, 43999, 42588, 56549, 60708])
def test_hosting_corporate_and_exchange_networks_are_not_access_networks(kz, asn):
    assert Network.objects.get(asn=asn).kind != Network.Kind.ACCESS


def test_an_address_of_kazakhtelecom_belongs_to_it(kz):
    assert AddressRange.objects.holding("2.132.0.1").first().asn == 9198
    assert AddressRange.objects.count() == 1047


def test_a_ministry_knows_the_one_before_it(kz):
    misd = Authority.objects.get(code="kz-misd")
    assert [row.code for row in misd.predecessors.all()] == ["kz-mic"]


def test_every_record_is_in_the_log_once_by_the_pack(kz):
    subjects = Counter(LogEntry.objects.values_list("subject", flat=True))
    assert set(subjects.values()) == {1}
    for model in (Act, Authority, Event, Listing, Network, Resource, Restriction, Statement):
        expected = {f"{model._meta.model_name}/{pk}" for pk in model.objects.values_list("pk", flat=True)}
        assert expected <= set(subjects)
    assert all('"by":"pack:kz"' in payload for payload in LogEntry.objects.values_list("payload", flat=True))
