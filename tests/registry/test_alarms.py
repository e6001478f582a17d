"""Blocks that go beyond their order, or outlive it, are found, told without a guess, and closed when they end."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import translation

from checks.models import Network, State
from registry import alarms, status
from registry.models import Act, Alarm, Restriction
from registry.tasks import find_alarms
from tests import make

pytestmark = pytest.mark.django_db

AT = make.AT
ASNS = (9198, 13082, 21299, 29355)


def networks() -> list[Network]:
    return [make.network(asn) for asn in ASNS]


def blocked(one: Any, on: int = 3) -> None:
    """Unreachable on so many of four networks, and open on the others."""
    for number, network in enumerate(networks()):
        state = State.BLOCKED if number < on else State.ACCESSIBLE
        make.cell(one, network, state)
        make.episode(one, network, state, began=AT - timedelta(days=9), change="block")


def told() -> list[str]:
    with translation.override("en"):
        return [alarms.sentence(row) for row in Alarm.objects.filter(closed_on=None)]


def test_a_page_is_ordered_and_the_whole_domain_is_unreachable() -> None:
    page, site = make.resource("https://vice.com/video"), make.resource("vice.com")
    decided = make.act()
    make.restriction(page, decided)
    blocked(site)
    assert alarms.refresh(at=AT) == {"opened": 1}
    row = Alarm.objects.get()
    assert (row.kind, row.resource, row.act, row.pages, row.networks, row.measured) == (
        Alarm.Kind.COLLATERAL, page, decided, 1, sorted(ASNS[:3]), 4,
    )  # fmt: skip
    [text] = told()
    assert text.startswith(
        "The act names 1 page of vice.com; no act is known that orders the whole domain. "
        "On 3 of 4 networks the whole domain is unreachable."
    )
    assert "since" in text


def test_many_pages_of_one_host_in_one_act_are_one_alarm_and_another_act_is_another() -> None:
    decided, other = make.act(), make.act()
    for number in range(5):
        make.restriction(make.resource(f"https://vice.com/{number}"), decided, *([other] if number == 0 else []))
    blocked(make.target("https://vice.com/"))  # nobody recorded the domain, yet it was measured
    assert alarms.refresh(at=AT) == {"opened": 2}
    assert sorted(Alarm.objects.values_list("pages", flat=True)) == [1, 5]


@pytest.mark.parametrize("mechanism", ["dns.nxdomain", "tcp.timeout", "tls.reset.sni"])
def test_a_page_that_is_cut_off_as_only_a_host_can_be_tells_that_the_host_is_gone(mechanism: str) -> None:
    page, other, decided = make.resource("https://vice.com/video"), make.resource("https://vice.com/other"), make.act()
    for one in (page, other):
        make.restriction(one, decided)
    first, second, third, fourth = networks()
    for network in (first, second):
        make.cell(page, network, State.BLOCKED, mechanism=mechanism)
    make.cell(other, second, State.ACCESSIBLE)  # so the host is not gone there
    make.cell(page, third, State.BLOCKED, mechanism="http.blockpage")  # of the host this tells nothing
    make.cell(page, fourth, State.ACCESSIBLE)
    assert alarms.refresh(at=AT) == {"opened": 1}
    row = Alarm.objects.get()
    assert (row.kind, row.pages, row.networks, row.measured) == (Alarm.Kind.COLLATERAL, 2, [first.asn], 3)
    site = make.resource("vice.com")
    make.cell(site, first, State.ACCESSIBLE)  # whoever measured the host itself knows better
    assert alarms.refresh(at=AT) == {"closed": 1}


def test_a_page_that_is_blocked_alone_is_no_collateral() -> None:
    page = make.resource("https://vice.com/video")
    make.restriction(page, make.act())
    for network in networks():
        make.cell(page, network, State.BLOCKED, mechanism="http.blockpage")
    assert alarms.refresh(at=AT) == {}


@pytest.mark.parametrize("language", ["kk", "ru"])
def test_every_sentence_is_told_in_the_readers_language(language: str) -> None:
    one = make.resource("orda.kz", condition="dead", condition_since="2026-02")
    make.restriction(one, make.act())
    alarms.refresh(at=AT)
    with translation.override(language):
        assert "recorded" not in alarms.sentence(Alarm.objects.get())


@pytest.mark.parametrize("case", ["domain ordered", "parent ordered", "not measured", "open", "order over", "no act"])
def test_what_is_no_collateral_raises_no_alarm(case: str) -> None:
    page, site = make.resource("https://www.vice.com/video"), make.resource("www.vice.com")
    basis = make.restriction(page, *([] if case == "no act" else [make.act()]))
    if case == "domain ordered":
        make.restriction(site, make.act())
    if case == "parent ordered":
        make.restriction(make.resource("vice.com"), make.act())
    if case == "order over":
        Restriction.objects.filter(pk=basis.pk).update(status="lifted")
    if case != "not measured":
        blocked(site, 0 if case == "open" else 3)
    assert alarms.refresh(at=AT) == {}


@pytest.mark.parametrize("how", [{"status": "lifted"}, {"status": "expired"}, {"ended": "2026-02-01"}])
def test_a_restriction_that_has_ended_and_is_still_unreachable(how: dict[str, str]) -> None:
    one = make.resource("orda.kz")
    make.restriction(one, make.act(), **how)
    blocked(one)
    alarms.refresh(at=AT)
    [text] = told()
    assert text.startswith("Every recorded restriction of orda.kz has ended. On 3 of 4 networks it is unreachable.")


@pytest.mark.parametrize(
    ("condition", "words"),
    [("dead", "The site orda.kz was seen to be gone"), ("parked", "to be parked"), ("for_sale", "to be for sale")],
)
def test_a_site_that_is_gone_and_still_unreachable(condition: str, words: str) -> None:
    one = make.resource("orda.kz", condition=condition, condition_since="2026-02")
    make.restriction(one, make.act())
    blocked(one)
    alarms.refresh(at=AT)
    assert Alarm.objects.get().kind == Alarm.Kind.GONE
    assert words in told()[0]
    assert "(February 2026). On 3 of 4 networks it is unreachable." in told()[0]


def test_of_a_dead_site_that_cannot_be_measured_only_the_order_is_told() -> None:
    one = make.resource("orda.kz", condition="dead", condition_since="2026-02")
    make.restriction(one, make.act())
    alarms.refresh(at=AT)
    assert told() == ["The site orda.kz was seen to be gone (February 2026). No end of its restriction is recorded."]


def test_a_dead_site_that_nobody_restricts_is_no_alarm() -> None:
    make.resource("orda.kz", condition="dead", condition_since="2026-02")
    assert alarms.refresh(at=AT) == {}


def reversed_act(number: str = "25-1", **fields: Any) -> Act:
    """An act of May, reversed in August."""
    act = make.act(number, date="2025-05-28")
    make.appeal(act, "reversed", **{"decided": "2025-08-13", **fields})
    return act


def test_an_act_that_was_reversed_and_a_site_that_is_still_unreachable() -> None:
    one, act = make.resource("orda.kz"), reversed_act()
    make.restriction(one, act)
    blocked(one)
    assert alarms.refresh(at=AT) == {"opened": 1}
    row = Alarm.objects.get()
    assert (row.kind, row.resource, row.act, row.networks) == (Alarm.Kind.REVERSED, one, act, sorted(ASNS[:3]))
    assert told()[0].startswith(
        "An act that restricts orda.kz was reversed on appeal. No other act is known to be in force, "
        "and no end of the restriction is recorded. On 3 of 4 networks it is unreachable."
    )
    assert alarms.refresh(at=AT) == {"still": 1}
    Restriction.objects.update(status="lifted")
    alarms.refresh(at=AT + timedelta(days=1))
    assert Alarm.objects.get(closed_on=None).kind == Alarm.Kind.ENDED


def test_an_act_that_was_reversed_and_a_site_that_opens_are_no_alarm() -> None:
    one = make.resource("orda.kz")
    make.restriction(one, reversed_act())
    blocked(one, on=0)
    assert alarms.refresh(at=AT) == {}


@pytest.mark.parametrize("other", ["in force", "in force elsewhere", "no act", "over"])
def test_an_act_that_was_reversed_beside_another_restriction(other: str) -> None:
    one, act = make.resource("orda.kz"), reversed_act()
    make.restriction(one, act, *([make.act()] if other == "in force" else []))
    if other == "in force elsewhere":
        make.restriction(one, make.act())
    if other == "no act":
        make.restriction(one)
    if other == "over":
        make.restriction(one, make.act(), ended="2026-02-01")
    blocked(one)
    assert bool(alarms.refresh(at=AT)) == (other in ("no act", "over"))


def test_finding_twice_changes_nothing_and_what_is_over_is_closed_and_kept() -> None:
    one = make.resource("orda.kz")
    make.restriction(one, make.act(), status="lifted")
    blocked(one)
    alarms.refresh(at=AT)
    before = Alarm.objects.values().get()
    assert alarms.refresh(at=AT) == {"still": 1}
    assert Alarm.objects.values().get() == before
    one.targets.get().cells.update(state=State.ACCESSIBLE)
    assert alarms.refresh(at=AT + timedelta(days=1)) == {"closed": 1}
    assert Alarm.objects.get().closed_on == make.day("2026-03-02")
    one.targets.get().cells.update(state=State.BLOCKED)
    assert alarms.refresh(at=AT + timedelta(days=2)) == {"opened": 1}
    assert Alarm.objects.count() == 2


@pytest.mark.parametrize("kind", Alarm.Kind.values)
@pytest.mark.parametrize("taken", ["restriction", "appeal", "act"])
def test_an_alarm_stands_no_longer_than_what_it_rests_on(client: Client, kind: str, taken: str) -> None:
    dead = {"condition": "dead", "condition_since": "2026-02"} if kind == "gone" else {}
    one = make.resource("https://vice.com/a" if kind == "collateral" else "vice.com", **dead)
    act = make.act()
    basis = make.restriction(one, act, status="lifted" if kind == "ended" else "in_force")
    appeal = make.appeal(act, "reversed", decided="2026-02-01")
    row = make.alarm(one, kind, act=None if kind == "ended" else act, pages=1)
    record: Any = {"restriction": basis, "appeal": appeal, "act": act}[taken]
    falls = taken == "restriction" or (taken == "appeal" and kind == "reversed") or (taken == "act" and kind != "ended")

    def public() -> tuple[bool, bool]:
        rows = client.get("/api/v1/alarms?open=true").json()["results"]
        return "vice.com" in client.get("/en/stale/").content.decode(), [row.pk] == [one["id"] for one in rows]

    assert public() == (True, True)
    make.withdrawn(record)
    assert public() == ((False, False) if falls else (True, True))
    assert client.get(f"/api/v1/alarms/{row.pk}").status_code == (404 if falls else 200)
    type(record).objects.update(withdrawn="", withdrawn_on=None)
    assert public() == (True, True)


def test_a_host_that_another_page_of_the_act_names_keeps_its_alarm() -> None:
    act, site = make.act(), make.resource("vice.com", condition="dead", condition_since="2026-02")
    first, second = (make.resource(f"https://vice.com/{number}") for number in (1, 2))
    for page in (first, second):
        make.restriction(page, act)
    make.alarm(first, "collateral", act=act, pages=2)
    make.alarm(site, "gone")  # unreachable without any restriction
    make.withdrawn(first.restrictions.get())
    assert Alarm.objects.standing().count() == 2
    make.withdrawn(second.restrictions.get())
    assert Alarm.objects.standing().get().kind == Alarm.Kind.GONE


def test_command_and_task_find_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    one = make.resource("orda.kz", condition="dead", condition_since="2026-02")
    make.restriction(one, make.act())
    call_command("find_alarms")
    find_alarms()
    assert "1 alarms opened" in capsys.readouterr().out
    assert Alarm.objects.count() == 1


def test_the_page_has_two_sections_and_no_end(client: Client) -> None:
    empty = client.get("/en/stale/").content.decode()
    assert empty.count("No such case is known; the register looks once an hour.") == 2
    for number in range(30):
        make.alarm(one := make.resource(f"site-{number}.kz"))
        make.restriction(one, status="lifted")
    page, decided = make.resource("https://vice.com/a"), make.act("7-1")
    make.restriction(page, decided)
    make.alarm(page, kind="collateral", act=decided, pages=3)
    make.network(9198)
    first, second, third = (client.get(f"/en/stale/?page={number}").content.decode() for number in (1, 2, 3))
    assert "The act names 3 pages of vice.com" in first
    assert "vice.com" not in second
    assert "No more cases on this page." in second
    assert sum(page.count("Every recorded") for page in (first, second, third)) == 30
    assert "/en/networks/9198/" in first
    assert "/en/stale/" in client.get("/en/").content.decode()


def test_the_number_of_queries_does_not_grow_with_the_register(django_assert_max_num_queries: Any) -> None:
    for number in range(20):
        page, site = make.resource(f"https://site-{number}.kz/a"), make.resource(f"site-{number}.kz")
        make.restriction(page, make.act())
        make.restriction(old := make.resource(f"old-{number}.kz"), make.act(), status="lifted")
        make.restriction(free := make.resource(f"free-{number}.kz"), reversed_act())
        for one in (site, old, free):
            make.cell(one, make.network(9198), State.BLOCKED)
    status.count(at=AT)
    with django_assert_max_num_queries(60):
        assert len(alarms.find(at=AT)) == 60


def test_a_page_full_of_alarms_on_many_networks_stays_small(client: Client) -> None:
    asns = [make.network(asn, brand=f"A network of some length {asn}").asn for asn in range(60001, 60031)]
    decided = make.act("a-long-number-of-an-act/2026", by=make.authority())
    for number in range(30):
        make.alarm(site := make.resource(f"a-site-of-some-length-{number}.kz"), networks=asns, measured=30)
        page = make.resource(f"https://a-site-of-some-length-{number}.kz/page")
        make.restriction(site, status="lifted")
        make.restriction(page, decided)
        make.alarm(page, kind="collateral", act=decided, pages=3, networks=asns, measured=30)
    answer = client.get("/kk/stale/")
    assert ", +22" in answer.content.decode()
    assert len(answer.content) < 30_000
