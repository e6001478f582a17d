"""Addresses that only the probe was given: the control of the round is sent there, and the verdict is given again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from django.test import Client

from checks import judging, planning
from checks.engine.records import Answer, Connect, Exchange, Handshake
from checks.engine.records import Measurement as Record
from checks.models import Plan, Run, Verdict
from checks.runs import PAIRING
from registry import submissions
from tests.checks.conftest import ADDRESS, AT, URL, Probe, visit
from tests.checks.test_runs import bring_home, measure, taken

pytestmark = pytest.mark.django_db

ELSEWHERE = "93.184.216.99"
HOST = "orda.kz"


def given(*addresses: str, failure: str | None = "connection_reset") -> Record:
    """A visit to which the network's resolver gave these addresses, and DoH the site's; TLS with the first ends so."""
    seen = visit(URL, at=AT, failure=failure)
    [query] = seen.queries
    encrypted = replace(query, resolver="https://dns.example/", role="doh", transport="https")
    handshake = replace(seen.handshakes[0], address=addresses[0])
    return replace(
        seen,
        queries=(replace(query, answers=tuple(Answer("A", address, 60) for address in addresses)), encrypted),
        connects=(Connect(0, addresses[0], 443, 0.01, 0.02),),
        handshakes=(handshake,),
        exchanges=tuple(replace(one, address=addresses[0]) for one in seen.exchanges),
    )


def judged() -> tuple[str, str]:
    one = Verdict.objects.get()
    return one.verdict, one.rule


@pytest.fixture
def odd(plan: Plan, here: Probe, control: Probe) -> Callable[[Record], None]:
    """The probe brings that home, beside a control that opened the site at its own address."""

    def brought(measured: Record) -> None:
        planning.dispatch(AT)
        measure(control, AT)
        [order] = taken(AT)
        bring_home(here, here.sealed(order.run, measured), at=AT)

    return brought


def look(by: Probe, *, at: timedelta = timedelta(), **steps: object) -> Record:
    """The control's second look comes home; what it did at the other address is `steps`."""
    [order] = taken(AT)
    assert (order.vantage, order.items) == (by.vantage.name, ((URL, (ELSEWHERE,)),))
    seen = visit(URL, at=AT + at)
    seen = replace(seen, **{name: (*getattr(seen, name), step) for name, step in steps.items()})
    bring_home(by, by.sealed(order.run, seen), at=AT + at)
    list(judging.leftovers(at=AT + at))
    return seen


def test_an_address_at_which_nobody_answers_the_control_was_forged(
    odd: Callable[[Record], None],
    control: Probe,
    client: Client,
) -> None:
    odd(given(ELSEWHERE, failure="generic_timeout_error"))
    assert judged() == ("inconclusive", "dns_answer_unchecked")
    second = look(control, connects=Connect(0, ELSEWHERE, 443, 0.01, 0.02, failure="connection_refused"))
    assert judged() == ("blocked", "dns_answer_refuted")
    verdict = Verdict.objects.get()
    assert verdict.controls[-1] == second.id
    assert len(verdict.controls) == 2
    page = client.get(f"/en/measurements/{verdict.measurement}/").content.decode()
    assert "second look, at addresses that only the probe was given" in page
    assert ELSEWHERE in client.get(f"/en/measurements/{second.id}/").content.decode()


def test_an_address_that_proves_to_the_control_that_it_is_the_site_was_given_rightly(
    odd: Callable[[Record], None],
    control: Probe,
) -> None:
    odd(given(ELSEWHERE))
    assert judged()[0] == "inconclusive"
    look(control, handshakes=Handshake(0, ELSEWHERE, 443, HOST, 0.02, 0.1, version="TLSv1.3"))
    verdict, rule = judged()
    assert verdict == "blocked"
    assert rule.startswith("tls")


def test_a_page_from_the_probes_address_is_no_page_of_the_control(
    odd: Callable[[Record], None],
    control: Probe,
) -> None:
    """Whoever forged the answer may serve the same page to everybody who comes there."""
    odd(given(ELSEWHERE))
    before = judged()
    look(control, exchanges=Exchange(0, ELSEWHERE, 443, URL, 0.1, 0.2, status=200, title="Access is closed"))
    assert judged() == before
    report = submissions.receive(HOST, at=AT).report
    assert submissions.control(report).run.follows_up is False


def test_a_look_that_came_too_late_counts_for_nothing(
    odd: Callable[[Record], None],
    control: Probe,
) -> None:
    odd(given(ELSEWHERE, failure="generic_timeout_error"))
    before = judged()
    late = Connect(0, ELSEWHERE, 443, 0.01, 0.02, failure="connection_refused")
    look(control, at=PAIRING + timedelta(seconds=1), connects=late)
    assert judged() == before
    assert len(Verdict.objects.get().controls) == 1


@pytest.mark.parametrize(
    "measured",
    [
        given(ADDRESS),
        given(ELSEWHERE, failure=None),  # proved by its certificate
        given("127.0.0.1"),
        given("10.0.0.1"),
    ],
)
def test_where_nothing_is_to_be_asked_nobody_is_sent(odd: Callable[[Record], None], measured: Record) -> None:
    odd(measured)
    assert not Run.objects.filter(follows_up=True).exists()
    assert taken(AT) == []


def test_a_hostile_probe_sends_the_control_to_few_addresses(odd: Callable[[Record], None]) -> None:
    odd(given(*(f"93.184.217.{number}" for number in range(250))))
    [run] = Run.objects.filter(follows_up=True)
    assert len(run.addresses[URL]) == 16
