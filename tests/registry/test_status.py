"""The public sentence crosses the record with the evidence."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation
from django.utils.formats import date_format

from checks.models import Network, State, Vantage
from registry import status
from registry.models import Resource, Standing, Tally
from registry.status import Legal, Listed, Observed, Situation, situation_of
from tests import make

pytestmark = pytest.mark.django_db

AT = make.AT
JANUARY = datetime(2026, 1, 4, 8, tzinfo=UTC)
FEBRUARY = datetime(2026, 2, 10, 8, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _english():
    with translation.override("en"):
        yield


def day_of(moment: datetime) -> str:
    return date_format(timezone.localtime(moment), "DATE_FORMAT")


def seen(resource: Resource, *states: str, since: datetime | None = None) -> None:
    """One network a state, which followed another one where it is said since when."""
    for asn, state in enumerate(states, start=1):
        network = make.network(asn)
        make.cell(resource, network, state)
        if since:
            make.episode(resource, network, State.CONTRADICTORY, began=since - timedelta(days=9), ended_at=since)
            make.episode(resource, network, state, began=since)


def recorded(resource: Resource, legal: Legal) -> None:
    match legal:
        case Legal.ORDERED:
            make.restriction(resource, make.act())
        case Legal.REVERSED:
            act = make.act()
            make.appeal(act, "reversed", decided="2026-01-20")
            make.restriction(resource, act)
        case Legal.NO_ACT:
            make.restriction(resource)
        case Legal.LIFTED:
            make.restriction(resource, make.act(), ended="2026-02-01")
        case Legal.APPEALED | Legal.SUSPENDED | Legal.EXPIRED:
            make.restriction(resource, make.act(), status=legal.value)


@pytest.mark.parametrize(("legal", "observed"), [*product(Legal, Observed)])
def test_every_pair_of_record_and_evidence_has_a_situation_and_a_sentence(legal: Legal, observed: Observed) -> None:
    resource = make.resource()
    recorded(resource, legal)
    if observed != Observed.NOT_MEASURED:
        seen(resource, observed.value)
    found = status.of(resource, at=AT)
    assert (found.legal, found.observed) == (legal, observed)
    assert found.situation == situation_of(legal, Listed.UNKNOWN, observed)
    assert found.sentence().endswith(".")
    assert "%" not in found.sentence()


@pytest.mark.parametrize(
    ("legal", "states", "situation", "sentence"),
    [
        (
            Legal.ORDERED,
            ["blocked", "blocked", "accessible"],
            Situation.ORDERED_BLOCKED,
            "Blocked by order (court decision 2-1204, {day}); unreachable on 2 of 3 networks since {day}.",
        ),
        (
            Legal.ORDERED,
            ["accessible", "accessible"],
            Situation.ORDERED_REACHABLE,
            "Ordered to be blocked (court decision 2-1204, {day}); yet it opens on all 2 networks measured.",
        ),
        (
            Legal.ORDERED,
            ["down"],
            Situation.ORDERED_DOWN,
            "Ordered to be blocked (court decision 2-1204, {day}); "
            "it opens neither on the networks measured nor from our control networks.",
        ),
        (
            Legal.NONE,
            ["blocked", "blocked", "blocked", "likely_blocked", "insufficient"],
            Situation.UNEXPLAINED,
            "Unreachable on 3 of 4 networks, and probably on 1 more, since {day}; no act is known.",
        ),
        (
            Legal.NO_ACT,
            ["likely_blocked", "accessible"],
            Situation.UNEXPLAINED,
            "Probably unreachable on 1 of 2 networks since {day}; no act is known.",
        ),
        (
            Legal.NO_ACT,
            ["accessible"],
            Situation.RECORDED_REACHABLE,
            "Opens on the 1 network measured; reported as restricted, but no act is known.",
        ),
        (
            Legal.REVERSED,
            ["blocked", "accessible"],
            Situation.REVERSED_BLOCKED,
            "Unreachable on 1 of 2 networks since {day}; "
            "yet the act that restricted it was reversed (20 January 2026: court decision 2-1204).",
        ),
        (
            Legal.REVERSED,
            ["accessible"],
            Situation.REVERSED_REACHABLE,
            "Opens on the 1 network measured; "
            "the act that restricted it was reversed (20 January 2026: court decision 2-1204).",
        ),
        (
            Legal.REVERSED,
            [],
            Situation.NOT_MEASURED,
            "Not measured on any network; "
            "the act that restricted it was reversed (20 January 2026: court decision 2-1204).",
        ),
        (
            Legal.LIFTED,
            ["blocked"],
            Situation.LIFTED_STILL_BLOCKED,
            "Unreachable on 1 of 1 network since {day}; every recorded restriction has ended.",
        ),
        (
            Legal.LIFTED,
            ["accessible"],
            Situation.LIFTED,
            "Opens on the 1 network measured; every recorded restriction has ended.",
        ),
        (
            Legal.NONE,
            ["throttled", "accessible"],
            Situation.THROTTLED,
            "Slowed down on 1 of 2 networks; no restriction is recorded.",
        ),
        (
            Legal.NONE,
            ["accessible", "down"],
            Situation.UNCLEAR,
            "The measurements contradict each other; no restriction is recorded.",
        ),
        (
            Legal.NONE,
            ["insufficient"],
            Situation.UNCLEAR,
            "Too little was measured to tell what the networks do; no restriction is recorded.",
        ),
        (Legal.NONE, [], Situation.NOT_MEASURED, "Not measured on any network; no restriction is recorded."),
    ],
)
def test_the_sentence_says_the_answer_first_and_no_more_than_is_known(
    legal: Legal, states: list[str], situation: Situation, sentence: str
) -> None:
    resource = make.resource()
    recorded(resource, legal)
    seen(resource, *states, since=JANUARY)
    found = status.of(resource, at=AT)
    assert found.situation == situation
    assert found.sentence() == sentence.format(day=day_of(JANUARY))


def test_a_denial_stands_beside_the_block_that_it_denies() -> None:
    resource = make.resource()
    make.statement(make.restriction(resource))
    seen(resource, *["blocked"] * 6, "accessible", since=JANUARY)
    assert status.of(resource, at=AT).sentence() == (
        f"Unreachable on 6 of 7 networks since {day_of(JANUARY)}; no act is known; the ministry denies it."
    )


def test_a_denial_of_an_earlier_restriction_is_not_held_against_this_one() -> None:
    resource = make.resource()
    make.statement(make.restriction(resource, began="2008", ended="2010"))
    seen(resource, "blocked")
    found = status.of(resource, at=AT)
    assert found.statements
    assert not found.spoken
    assert not found.current_denials
    assert "denies" not in found.sentence()


def test_a_listed_site_whose_act_is_over_is_not_said_to_have_no_known_act() -> None:
    resource = make.resource()
    make.restriction(resource, make.act(), began="2018", ended="2019")
    make.restriction(resource, began="2020")  # without an act
    make.listing(resource)
    seen(resource, "blocked")
    found = status.of(resource, at=AT)
    assert found.acts
    assert found.situation.label == "unreachable, in the state register, no act in force known"
    assert "no act in force is known" in found.sentence()


def test_an_entry_of_the_state_register_is_named_but_is_no_act() -> None:
    resource = make.resource()
    make.listing(resource)
    seen(resource, "blocked")
    found = status.of(resource, at=AT)
    assert (found.listed, found.situation) == (Listed.NOW, Situation.LISTED_BLOCKED)
    assert found.sentence() == (
        "Unreachable on 1 of 1 network; no act is known; the state register lists it (1 February 2026)."
    )


def test_a_restriction_that_is_not_public_says_nothing() -> None:
    resource = make.resource()
    make.restriction(resource, make.act(), public=False)
    assert status.of(resource, at=AT).legal == Legal.NONE


def test_an_order_without_a_recorded_end_stays() -> None:
    resource = make.resource()
    make.restriction(resource, make.act(), began="2008", status="unknown")
    make.restriction(resource, began="2008", ended="2020")
    assert status.of(resource, at=AT).legal == Legal.ORDERED


@pytest.mark.parametrize(
    ("beside", "legal"),
    [
        ("nothing", Legal.REVERSED),
        ("called appealed", Legal.REVERSED),
        ("no act", Legal.REVERSED),
        ("over", Legal.REVERSED),
        ("ended itself", Legal.LIFTED),
        ("another act", Legal.ORDERED),
        ("another restriction", Legal.ORDERED),
        ("upheld since", Legal.ORDERED),
        ("another appeal waits", Legal.ORDERED),
        ("for another owner", Legal.ORDERED),
        ("the appeal withdrawn", Legal.ORDERED),
        ("the act withdrawn", Legal.NO_ACT),
    ],
)
def test_an_act_counts_as_reversed_only_where_nothing_may_have_kept_the_restriction(beside: str, legal: Legal) -> None:
    resource, act = make.resource(), make.act()
    row = make.restriction(resource, act)
    appeal = make.appeal(act, "reversed", decided="2026-01-20")
    match beside:
        case "called appealed":
            type(row).objects.update(status="appealed")
        case "no act":
            make.restriction(resource)
        case "over":
            make.restriction(resource, make.act(), ended="2026-02-01")
        case "ended itself":
            type(row).objects.update(ended="2026-02-01")
        case "another act":
            row.acts.add(make.act())
        case "another restriction":
            make.restriction(resource, make.act())
        case "upheld since":
            make.appeal(act, "upheld", decided="2026-02-01")
        case "another appeal waits":
            make.appeal(act, "pending", filed="2026-02-01")
        case "for another owner":
            type(appeal).objects.update(restriction=make.restriction(make.resource("other.kz"), act))
        case "the appeal withdrawn":
            type(appeal).objects.update(withdrawn="A mistake.", withdrawn_on="2026-02-01")
        case "the act withdrawn":
            type(act).objects.update(withdrawn="A mistake.", withdrawn_on="2026-02-01")
    assert status.of(resource, at=AT).legal == legal
    status.count(at=AT)
    assert Standing.objects.get(resource=resource).legal == legal


def test_of_several_acts_that_were_reversed_the_newest_is_named() -> None:
    resource = make.resource()
    old, new = (make.act(number, date=date) for number, date in (("1", "2024"), ("2", "2025")))
    make.restriction(resource, old)
    make.restriction(resource, old, new)
    make.appeal(old, "reversed", decided="2026-02")
    make.appeal(new, "reversed", decided="2026-01", result=make.act("3"))
    found = status.of(resource, at=AT)
    assert [one.act for one in found.reversals] == [new, old]
    assert found.current_acts == ()
    assert found.sentence() == (
        "Not measured on any network; "
        "the 2 acts that restricted it were reversed (the newest, January 2026: court decision 2)."
    )


def test_likely_blocked_and_then_blocked_is_one_stretch_of_being_unreachable() -> None:
    resource, network = make.resource(), make.network()
    make.cell(resource, network, State.BLOCKED)
    make.episode(resource, network, State.LIKELY_BLOCKED, began=JANUARY, ended_at=FEBRUARY)
    make.episode(resource, network, State.BLOCKED, began=FEBRUARY)
    assert status.of(resource, at=AT).since == JANUARY


def test_an_earlier_block_that_ended_is_not_part_of_this_one() -> None:
    resource, network = make.resource(), make.network()
    make.cell(resource, network, State.BLOCKED)
    make.episode(resource, network, State.BLOCKED, began=JANUARY - timedelta(days=90), ended_at=JANUARY)
    make.episode(resource, network, State.ACCESSIBLE, began=JANUARY, ended_at=FEBRUARY)
    make.episode(resource, network, State.BLOCKED, began=FEBRUARY)
    assert status.of(resource, at=AT).since == FEBRUARY


@pytest.mark.parametrize("before", [None, State.INSUFFICIENT])
def test_a_beginning_that_nobody_saw_is_called_at_least_as_early(before: State | None) -> None:
    resource, network = make.resource(), make.network()
    make.cell(resource, network, State.BLOCKED)
    if before:
        make.episode(resource, network, before, began=JANUARY - timedelta(days=1), ended_at=JANUARY)
    make.episode(resource, network, State.LIKELY_BLOCKED, began=JANUARY, ended_at=FEBRUARY)
    make.episode(resource, network, State.BLOCKED, began=FEBRUARY)
    found = status.of(resource, at=AT)
    assert (found.since, found.since_at_least, found.networks[0].since_at_least) == (JANUARY, True, True)
    day = day_of(JANUARY)
    assert found.sentence() == f"Unreachable on 1 of 1 network, at least since {day}; no act is known."


def test_one_network_whose_beginning_nobody_saw_makes_the_whole_at_least_as_early() -> None:
    resource = make.resource()
    seen(resource, State.BLOCKED, since=JANUARY)
    make.cell(resource, make.network(2), State.LIKELY_BLOCKED)
    make.episode(resource, make.network(2), State.LIKELY_BLOCKED, began=FEBRUARY)
    found = status.of(resource, at=AT)
    assert [one.since_at_least for one in found.networks] == [False, True]
    assert "and probably on 1 more, at least since 4 January 2026" in found.sentence()


def test_where_the_canonical_target_was_not_measured_another_one_speaks_for_the_resource() -> None:
    resource, network, other = make.resource(), make.network(), make.network(21299)
    plain = make.target("http://orda.kz/")
    resource.coverage.create(target=plain)
    make.cell(plain, network, State.BLOCKED)
    make.cell(plain, other, State.BLOCKED)
    make.cell(resource, other, State.ACCESSIBLE)
    found = status.of(resource, at=AT)
    assert {one.network.asn: (one.state, one.partly) for one in found.networks} == {
        9198: (State.BLOCKED, False),
        21299: (State.ACCESSIBLE, True),
    }
    status.count(at=AT)
    resource.refresh_from_db()
    assert (resource.standing.observed, resource.standing.states) == (found.observed, " accessible blocked ")


def test_another_target_in_another_state_makes_a_network_partly() -> None:
    resource, network = make.resource(), make.network()
    other = make.target("https://orda.kz/news")
    resource.coverage.create(target=other)
    make.cell(resource, network, State.ACCESSIBLE)
    make.cell(other, network, State.BLOCKED)
    found = status.of(resource, at=AT)
    assert found.observed == Observed.ACCESSIBLE
    assert [one.partly for one in found.networks] == [True]


def test_only_access_networks_with_an_admitted_vantage_count() -> None:
    resource = make.resource()
    make.cell(resource, make.network(1), State.ACCESSIBLE)
    revoked = make.network(2, watched=False)
    make.vantage(revoked, state=Vantage.State.REVOKED)
    make.cell(resource, revoked, State.BLOCKED)
    make.cell(resource, make.network(3, kind=Network.Kind.HOSTING), State.BLOCKED)
    found = status.of(resource, at=AT)
    assert [one.network.asn for one in found.networks] == [1]
    assert found.counts.not_measured == 1


def test_what_the_lab_saw_counts_in_a_demo_only_and_is_marked(settings) -> None:
    resource = make.resource()
    make.cell(resource, make.network(64512, imitated=True), State.BLOCKED)
    assert status.of(resource, at=AT).observed == Observed.NOT_MEASURED
    settings.DEMO = True
    found = status.of(resource, at=AT)
    assert found.observed == Observed.BLOCKED
    assert found.imitated
    assert found.networks[0].imitated


def many(number: int) -> list[Resource]:
    resources = [make.resource(f"site-{one}.kz") for one in range(number)]
    for resource in resources:
        make.statement(make.restriction(resource, make.act(by=make.authority())))
        make.listing(resource)
        for asn in (1, 2, 3):
            make.cell(resource, make.network(asn), State.BLOCKED)
            make.episode(resource, make.network(asn), State.BLOCKED)
    return resources


def test_thirty_statuses_take_as_many_queries_as_two(django_assert_max_num_queries) -> None:
    resources = many(30)
    assert connection.features.supports_json_field  # what SQLite is asked once a connection is none of these
    with django_assert_max_num_queries(7):
        status.of_many(resources[:2], at=AT)
    with django_assert_max_num_queries(7):
        sentences = [one.sentence() for one in status.of_many(resources, at=AT)]
    assert len(sentences) == 30


def test_reversals_are_read_for_all_rows_at_once() -> None:
    for resource in (resources := many(30)):
        for act in resource.restrictions.get().acts.all():
            make.appeal(act, "reversed", decided="2026-01-20", result=make.act())
    with CaptureQueriesContext(connection) as of_two:
        status.of_many(resources[:2], at=AT)
    with CaptureQueriesContext(connection) as of_all:
        assert {one.legal for one in status.of_many(resources, at=AT)} == {Legal.REVERSED}
    assert len(of_all) == len(of_two)


def test_the_cross_table_counts_each_resource_once_where_its_status_says() -> None:
    resources = [*many(4), make.resource("orda.kz"), make.resource("Signal", type="app")]
    make.cell(resources[4], make.network(1), State.LIKELY_BLOCKED)
    make.cell(resources[4], make.network(2), State.ACCESSIBLE)
    assert status.cross_table().counted_at is None
    status.count(at=AT)
    table = status.cross_table()
    counts = {(one.legal, one.listed, one.observed): one.count for row in table.rows for one in row.fields if one.count}
    assert (table.total, table.counted_at) == (6, AT)
    assert counts == {
        (Legal.ORDERED, Listed.NOW, Observed.BLOCKED): 4,
        (Legal.NONE, Listed.UNKNOWN, Observed.BLOCKED): 1,
        (Legal.NONE, Listed.UNKNOWN, Observed.NOT_MEASURED): 1,
    }
    assert table.situations == {"ordered_blocked": 4, "unexplained": 1, "not_measured": 1}
    assert (table.kinds, table.types) == ({"unknown": 4}, {"domain": 5, "app": 1})
    for one in status.of_many(resources, at=AT):
        told = Standing.objects.get(resource=one.resource)
        assert (told.legal, told.listed, told.observed) == (one.legal, one.listed, one.observed)
        assert told.situation == one.situation


def test_what_changed_by_itself_is_found_by_the_next_counting() -> None:
    resource, network = make.resource(), make.network()
    make.restriction(resource, make.act(), ended="2026-03-02")
    make.cell(resource, network, State.BLOCKED)
    status.count(at=AT)
    assert Standing.objects.get().situation == Situation.ORDERED_BLOCKED
    status.count(at=AT + timedelta(days=2))
    assert Standing.objects.get().situation == Situation.LIFTED_STILL_BLOCKED
    network.silent_since = AT
    network.save()
    status.count(at=AT + timedelta(days=2))
    assert (Standing.objects.get().situation, Tally.objects.count()) == (Situation.UNCLEAR, 1)


def test_a_counting_of_chunks_comes_to_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    many(5)
    status.count(at=AT)
    whole = (Tally.objects.get().counts, list(Standing.objects.order_by("pk").values()))
    Standing.objects.all().delete()
    monkeypatch.setattr("registry.status.standings.CHUNK", 2)
    status.count(at=AT)
    assert (Tally.objects.get().counts, list(Standing.objects.order_by("pk").values())) == whole


def test_a_long_counting_is_repeated_after_twenty_times_as_long() -> None:
    assert status.count_if_due(at=AT)
    Tally.objects.update(seconds=3)
    assert not status.count_if_due(at=AT + timedelta(seconds=59))
    assert status.count_if_due(at=AT + timedelta(seconds=61))
