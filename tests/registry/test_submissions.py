"""What the public sends in, and who is made to visit it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.core import serializers

from checks.engine.names import BadName
from checks.models import Round, Run, Target, Vantage
from registry import receipts, submissions
from registry.models import Report
from tests import make
from tests.verdict import make as seen

pytestmark = pytest.mark.django_db


def receive(text: str = "orda.kz", at: datetime = make.AT) -> submissions.Receipt:
    return submissions.receive(text, at=at)


def visitors() -> set[str]:
    """The vantages that somebody's report makes visit a name."""
    return set(Run.objects.values_list("vantage__name", flat=True))


def test_a_report_is_found_by_its_code_however_it_is_written() -> None:
    receipt = receive()
    code = receipt.code
    assert len(code) == receipts.CODE_LENGTH
    look_alikes = code.lower().replace("0", "o").replace("1", "l")
    for written in (code, code.lower(), look_alikes, f" {code[:5]}-{code[5:13]} {code[13:]}\n"):
        assert submissions.find(written) == receipt.report


@pytest.mark.parametrize("code", ["", "x", "0" * 26, "U" * 26, "\0" * 26, "ß" * 26, "٣" * 26, "0" * 10_000])
def test_what_is_no_code_finds_nothing(code: str) -> None:
    receive()
    assert submissions.find(code) is None


def test_the_code_is_stored_nowhere() -> None:
    receipt = receive()
    stored = serializers.serialize("json", [*Report.objects.all(), *Target.objects.all(), *Round.objects.all()])
    assert receipt.code not in stored
    assert receive().code != receipt.code


def test_of_the_time_only_the_day_is_kept_as_it_is_in_the_country() -> None:
    receipt = receive(at=datetime(2026, 3, 1, 20, 30, tzinfo=UTC))
    assert receipt.report.received_on == make.day("2026-03-02")


def test_a_name_is_kept_in_its_canonical_form() -> None:
    assert receive("HTTPS://Orda.KZ:443").report.name == "https://orda.kz/"
    receive("orda.kz")
    assert Target.objects.count() == 1


@pytest.mark.parametrize(
    ("text", "code"), [("", "empty"), ("10.0.0.1", "special_use"), ("a b", "whitespace"), ("\0", "control_character")]
)
def test_what_is_no_name_is_refused_and_leaves_nothing_behind(text: str, code: str) -> None:
    make.vantage(role=Vantage.Role.CONTROL)
    with pytest.raises(BadName) as refused:
        receive(text)
    assert refused.value.code == code
    assert not Report.objects.exists()
    assert not Target.objects.exists()
    assert not Round.objects.exists()


def test_a_stranger_makes_only_a_control_visit_what_he_typed() -> None:
    make.network()  # a host lends a probe there
    make.vantage(make.network(64500, watched=False), name="control", role=Vantage.Role.CONTROL)
    receive()
    assert visitors() == {"control"}


def test_a_host_who_takes_unreviewed_names_visits_it_with_a_control() -> None:
    make.network()
    make.vantage(make.network(64500, watched=False), name="control", role=Vantage.Role.CONTROL)
    make.vantage(make.network(9198), name="brave", takes_unreviewed=True)
    make.vantage(make.network(9198), name="gone", takes_unreviewed=True, state=Vantage.State.REVOKED)
    receive()
    assert visitors() == {"control", "brave"}


def test_many_reports_of_one_name_make_one_check_a_day() -> None:
    make.vantage(role=Vantage.Role.CONTROL)
    for minute in (0, 1, 200):
        receive(at=make.AT + timedelta(minutes=minute))
    assert Round.objects.count() == 1
    receive("other.kz")
    receive(at=make.AT + timedelta(days=1))
    assert Round.objects.count() == 3


def test_a_check_that_failed_does_not_stand_in_the_way_of_the_next() -> None:
    make.vantage(role=Vantage.Role.CONTROL)
    receive()
    Run.objects.update(state=Run.State.FAILED)
    receive(at=make.AT + timedelta(minutes=1))
    assert Round.objects.count() == 2


def test_where_nobody_measures_a_report_is_kept_all_the_same() -> None:
    assert submissions.find(receive().code) is not None
    assert not Round.objects.exists()


def test_a_report_shows_the_latest_verdict_of_each_network_and_the_latest_control() -> None:
    report = receive().report
    control = make.vantage(make.network(64500, watched=False), role=Vantage.Role.CONTROL)
    earlier, later = make.AT - timedelta(hours=2), make.AT
    for at, value, failure in ((later, "blocked", ""), (earlier, "accessible", "dns_nxdomain_error")):
        for asn in (9198, 21299):
            by = make.run(make.vantage(make.network(asn)))
            make.verdict(make.measurement(seen.visit(), report.target, by=by, started_at=at), value)
        make.measurement(seen.visit(), report.target, by=make.run(control), started_at=at, failure=failure)
    assert {(one.network.asn, one.verdict) for one in submissions.verdicts(report)} == {
        (9198, "blocked"),
        (21299, "blocked"),
    }
    seen_by_control = submissions.control(report)
    assert seen_by_control is not None
    assert seen_by_control.failure == ""
