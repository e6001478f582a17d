"""Judging again under another ruleset: verdicts beside the old ones, and states that change when an editor says so."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import Permission, User
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone
from uuid_utils.compat import uuid7

from checks import archive, counting, judging, partitions, rejudging, tasks
from checks.models import Cell, Episode, Measurement, Recount, Ruleset, Run, Vantage, Verdict, verdict
from checks.verdict import rules
from registry import moderation
from registry.models import LogEntry
from tests import make
from tests.checks.conftest import CONTROL_ASN, visit

pytestmark = pytest.mark.django_db

OLD, NEW = rules.RULESET, "2099-01"
CUT = "tls_reset"  # the rule that the tests' second ruleset does without
URL = "https://orda.kz/"
TOLD = ("measurement", "verdict", "mechanism", "rule", "confidence", "controls", "notes", "fingerprints")
ENGLISH = {"accept-language": "en"}


@pytest.fixture
def milder(monkeypatch: pytest.MonkeyPatch) -> str:
    """A second ruleset, for which a connection that is cut proves nothing."""
    changed = tuple(
        replace(rule, id="cut_proves_nothing", verdict=rules.Verdict.INCONCLUSIVE, mechanism=None)
        if rule.id == CUT
        else rule
        for rule in rules.RULES
    )
    monkeypatch.setitem(rules.RULESETS, NEW, changed)
    return NEW


@pytest.fixture
def cut() -> Callable[..., list[Measurement]]:
    """So many measurements of a site, an hour apart, each cut in the handshake and beside a control that was not."""
    access = make.vantage(make.network(64497, watched=False))
    control = make.vantage(make.network(CONTROL_ASN, watched=False), role=Vantage.Role.CONTROL)

    def measured(count: int = 4, url: str = URL, failure: str | None = "connection_reset") -> list[Measurement]:
        made = []
        for number in range(count):
            at = timezone.now().replace(microsecond=0) - timedelta(hours=1 + number)
            run = make.run(access, recorded_at=at)
            for by, failed in ((run, failure), (make.run(control, recorded_at=at), None)):
                record = visit(url, at=at, failure=failed)
                row = make.measurement(record, make.target(url), by=by, started_at=at, id=record.id)
            made.append(Measurement.objects.get(run=run))
            judging.judge_run(run, at=timezone.now())
            assert row.control
        return made

    return measured


def rejudge(*arguments: str) -> str:
    said = io.StringIO()
    call_command("rejudge", "--ruleset", NEW, *arguments, stdout=said)
    return said.getvalue()


def under(ruleset: str) -> list[str]:
    return list(Verdict.objects.filter(ruleset=ruleset).order_by("measurement").values_list("rule", flat=True))


def recount() -> None:
    for _ in counting.recount(at=timezone.now()):
        pass


# --- the command


def test_new_verdicts_stand_beside_the_old_ones(milder: str, cut: Any) -> None:
    cut(3)
    cut(1, "https://open.kz/", None)
    before = list(Verdict.objects.order_by("pk").values())
    assert "4 measurements judged under 2099-01; 0 had been before" in rejudge()
    assert list(Verdict.objects.filter(ruleset=OLD).order_by("pk").values()) == before
    assert sorted(under(OLD)).count(CUT) == sorted(under(NEW)).count("cut_proves_nothing") == 3
    assert [v.controls for v in Verdict.objects.filter(ruleset=NEW).order_by("measurement")] == [
        v.controls for v in Verdict.objects.filter(ruleset=OLD).order_by("measurement")
    ]


def test_again_it_changes_nothing(milder: str, cut: Any) -> None:
    cut(3)
    rejudge()
    before = list(Verdict.objects.order_by("pk").values())
    assert "0 measurements judged under 2099-01; 3 had been before" in rejudge()
    assert list(Verdict.objects.order_by("pk").values()) == before


def test_what_left_the_database_is_judged_from_its_file_as_it_was_from_its_rows(
    milder: str, cut: Any, settings: LazySettings, tmp_path: Path
) -> None:
    settings.ARCHIVE = tmp_path
    cut(3)
    cut(2, "https://open.kz/", None)
    rejudge()
    new = Verdict.objects.filter(ruleset=NEW).order_by("measurement")
    from_rows = list(new.values_list(*TOLD))
    new.delete()
    for month in {partitions.month_of(pk) for pk in Measurement.objects.values_list("pk", flat=True)}:
        archive.move(month, at=timezone.now())
    assert not Measurement.objects.exists()
    ruleset = Ruleset.objects.get(name=NEW)
    with pytest.raises(rejudging.NotRejudged, match="5 measurements have no verdict"):
        rejudging.make_current(ruleset, by="editor", reason="why", at=timezone.now())
    [kept] = tmp_path.glob("*.parquet")
    kept.rename(tmp_path / "elsewhere")
    with pytest.raises(CommandError, match=r"cannot be read, see manage\.py archive --verify"):
        rejudge()
    (tmp_path / "elsewhere").rename(kept)
    assert "5 measurements judged under 2099-01; 0 had been before" in rejudge()
    assert list(new.all().values_list(*TOLD)) == from_rows
    assert "0 measurements judged under 2099-01; 5 had been before" in rejudge()
    assert rejudging.make_current(ruleset, by="editor", reason="why", at=timezone.now()).made_current_at


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_wherever_it_was_stopped_it_goes_on(milder: str, cut: Any, steps: int, monkeypatch: Any) -> None:
    monkeypatch.setattr(rejudging, "BATCH", 2)
    monkeypatch.setattr(rejudging, "STRETCH", 3)
    cut(7)
    ruleset = rejudging.begin(NEW, at=timezone.now())
    judged = [s.judged for s in islice(rejudging.rejudge(ruleset, since=None, at=timezone.now()), steps)]
    assert len(under(NEW)) == sum(judged) < 7
    assert f"{7 - sum(judged)} measurements judged under 2099-01; {sum(judged)} had been" in rejudge()
    assert len(under(NEW)) == 7


def test_a_control_that_came_home_later_changes_nothing(milder: str, cut: Any) -> None:
    [row] = cut(1)
    later = make.run(Vantage.objects.get(role=Vantage.Role.CONTROL), recorded_at=timezone.now())
    nearer = visit(URL, at=row.started_at)
    make.measurement(nearer, row.target, by=later, started_at=row.started_at, id=str(uuid7()))
    rejudge()
    old, new = Verdict.objects.filter(measurement=row.pk).order_by("pk")
    assert new.controls == old.controls != []


def test_a_gap_in_the_middle_is_filled(milder: str, cut: Any) -> None:
    lost = cut(5)[2]
    rejudge()
    Verdict.objects.filter(ruleset=NEW, measurement=lost.pk).delete()
    assert "1 measurements judged under 2099-01; 4 had been before" in rejudge()


def test_only_what_began_since_a_day(milder: str, cut: Any) -> None:
    rows = cut(3)
    old = timezone.now() - timedelta(days=40)
    Measurement.objects.filter(pk=rows[0].pk).update(started_at=old)
    assert "2 measurements judged" in rejudge("--since", f"{timezone.now() - timedelta(days=30):%Y-%m-%d}")
    assert not Verdict.objects.filter(ruleset=NEW, measurement=rows[0].pk).exists()


def test_a_ruleset_that_is_not_there_is_refused_and_those_that_are_named(milder: str) -> None:
    with pytest.raises(CommandError, match=f"no ruleset '1999-01', only {OLD}, {NEW}"):
        call_command("rejudge", "--ruleset", "1999-01")
    with pytest.raises(CommandError, match="'soon' is no date, such as 2026-11-01"):
        call_command("rejudge", "--ruleset", NEW, "--since", "soon")
    assert not Ruleset.objects.filter(name="1999-01").exists()


def test_under_the_current_ruleset_what_was_missing_is_counted(cut: Any) -> None:
    cut(4)
    state = Cell.objects.get().state
    Verdict.objects.all().delete()
    Cell.objects.update(state="insufficient")
    call_command("rejudge", "--ruleset", OLD, stdout=io.StringIO())
    assert Recount.objects.count() == 1
    recount()
    assert (Cell.objects.get().state, Recount.objects.count()) == (state, 0)


# --- which ruleset counts


def test_new_measurements_are_judged_under_a_candidate_too(milder: str, cut: Any) -> None:
    cut(1)
    assert under(NEW) == []
    rejudge()
    cut(1, "https://second.kz/")
    assert (under(OLD), under(NEW)) == ([CUT] * 2, ["cut_proves_nothing"] * 2)


def test_newer_code_changes_no_state_by_itself(milder: str, cut: Any, monkeypatch: Any) -> None:
    cut(1)
    monkeypatch.setattr(verdict, "RULESET", NEW)
    assert Ruleset.objects.current() == OLD
    cut(1, "https://second.kz/")
    assert (len(under(OLD)), len(under(NEW))) == (2, 0)


def test_code_that_lacks_the_current_ruleset_says_so_and_judges_nothing(cut: Any, monkeypatch: Any) -> None:
    cut(1)
    monkeypatch.setattr(rules, "RULESETS", {"1999-01": rules.RULES})
    with pytest.raises(judging.UnknownRuleset, match=f"rest on ruleset {OLD}.* has 1999-01"):
        cut(1, "https://second.kz/")
    assert Run.objects.unjudged().count() == 1


def test_a_state_rests_on_the_current_ruleset_until_an_editor_makes_another_current(milder: str, cut: Any) -> None:
    cut(4)
    assert Cell.objects.get().state == "likely_blocked"
    rejudge()
    recount()
    assert Cell.objects.get().state == "likely_blocked"
    editor = User.objects.create_user("editor")
    moderation.make_ruleset_current(Ruleset.objects.get(name=NEW), by=editor, reason="cuts were our own")
    assert Ruleset.objects.current() == NEW
    assert Cell.objects.get().state == "likely_blocked"  # until it is counted
    tasks.for_a_while(counting.recount(at=timezone.now()))
    assert (Cell.objects.get().state, Recount.objects.count()) == ("insufficient", 0)
    assert Episode.objects.filter(ended_at=None).get().state == "insufficient"
    entry = LogEntry.objects.get(operation="make_current")
    assert '"ruleset":"2099-01"' in entry.payload
    assert '"before":{"ruleset":"2026-11"}' in entry.payload
    assert "cuts were our own" in entry.payload


def test_one_may_go_back(milder: str, cut: Any) -> None:
    cut(4)
    rejudge()
    editor = User.objects.create_user("editor")
    for name in (NEW, OLD):
        moderation.make_ruleset_current(Ruleset.objects.get(name=name), by=editor, reason="why")
        recount()
    assert (Ruleset.objects.current(), Cell.objects.get().state) == (OLD, "likely_blocked")


def test_a_ruleset_that_left_measurements_out_is_not_made_current(milder: str, cut: Any) -> None:
    """It would turn their states into "too little data"."""
    cut(2)
    rejudge()
    editor, ruleset = User.objects.create_user("editor"), Ruleset.objects.get(name=NEW)
    Verdict.objects.filter(ruleset=NEW)[0].delete()
    with pytest.raises(rejudging.NotRejudged, match="1 measurements have no verdict"):
        moderation.make_ruleset_current(ruleset, by=editor, reason="why")
    rejudge()
    with pytest.raises(moderation.NoReason):
        moderation.make_ruleset_current(ruleset, by=editor, reason=" ")
    assert (Ruleset.objects.current(), LogEntry.objects.count(), Recount.objects.count()) == (OLD, 0, 0)


def test_a_ruleset_is_made_current_once_however_often_it_is_asked(milder: str, cut: Any, client: Client) -> None:
    cut(1)
    rejudge()
    ruleset = Ruleset.objects.get(name=NEW)
    make.signed_in(client, User.objects.create_superuser("editor"))
    for words in ("Public states rest on ruleset 2099-01 now", "rest on this ruleset already: someone was faster"):
        said = client.post(
            f"/desk/checks/ruleset/{ruleset.pk}/changes/", {"reason": "why"}, headers=ENGLISH, follow=True
        )
        assert words in said.content.decode()
    assert LogEntry.objects.count() == 1


def test_a_ruleset_of_the_last_days_alone_would_delete_history_and_is_not_made_current(
    milder: str, cut: Any, client: Client
) -> None:
    """Of a year ago only these verdicts are left, and an episode."""
    rows = cut(4)
    Verdict.objects.filter(measurement__in=[row.pk for row in rows]).update(at=timezone.now() - timedelta(days=365))
    Measurement.objects.filter(pk__in=[row.pk for row in rows]).update(started_at=timezone.now() - timedelta(days=365))
    cut(1, "https://second.kz/")
    before = list(Episode.objects.order_by("pk").values())
    rejudge("--since", f"{timezone.now() - timedelta(days=15):%Y-%m-%d}")
    ruleset = Ruleset.objects.get(name=NEW)
    with pytest.raises(rejudging.NotRejudged, match=r"^4 measurements .* 2099-01: rejudge first, without --since$"):
        rejudging.make_current(ruleset, by="editor", reason="why", at=timezone.now())
    make.signed_in(client, User.objects.create_superuser("editor"))
    page = client.post(f"/desk/checks/ruleset/{ruleset.pk}/changes/", {"reason": "why"}, headers=ENGLISH)
    assert "that episodes rest on have no verdict under this ruleset: judge all of them first" in page.content.decode()
    recount()
    assert (Ruleset.objects.current(), list(Episode.objects.order_by("pk").values())) == (OLD, before)
    rejudge()
    assert rejudging.make_current(ruleset, by="editor", reason="why", at=timezone.now()).made_current_at


def test_a_recount_that_was_stopped_goes_on(cut: Any) -> None:
    for name in ("one.kz", "two.kz", "three.kz"):
        cut(3, f"https://{name}/")
    Cell.objects.update(state="down")
    Recount.objects.ask(Cell.objects.values_list("target", "network"), at=timezone.now())
    Recount.objects.ask(Cell.objects.values_list("target", "network"), at=timezone.now())  # asked twice, counted once
    assert len(list(islice(counting.recount(at=timezone.now()), 1))) == 1
    assert sorted(Cell.objects.values_list("state", flat=True)) == ["down", "down", "likely_blocked"]
    said = io.StringIO()
    call_command("recount", stdout=said)
    assert said.getvalue() == "2 cells counted\n"
    assert set(Cell.objects.values_list("state", flat=True)) == {"likely_blocked"}


# --- the desk


def test_a_comparison_counts_what_changed(milder: str, cut: Any) -> None:
    cut(3)
    cut(2, "https://open.kz/", None)
    rejudge()
    ruleset = Ruleset.objects.get(name=NEW)
    found = rejudging.compare(ruleset)
    assert found.judged == 5
    assert found.verdicts == (("accessible", "accessible", 2), ("blocked", "inconclusive", 3))
    assert found.rules == ((CUT, "cut_proves_nothing", 3),)
    assert [(network.asn, judged, changed) for network, judged, changed in found.networks] == [(64497, 5, 3)]
    assert {one.target.url for one in rejudging.differing(ruleset)} == {URL}
    [change], more = rejudging.changed_cells(ruleset, at=timezone.now())
    assert (change.target.url, change.old, change.new, more) == (URL, "likely_blocked", "insufficient", False)


def test_an_editor_sees_what_changes_and_decides(milder: str, cut: Any, client: Client) -> None:
    cut(3)
    rejudge()
    ruleset = Ruleset.objects.get(name=NEW)
    address = f"/desk/checks/ruleset/{ruleset.pk}/changes/"
    assert client.get(address).status_code == 302  # to sign in
    reader = User.objects.create_user("reader", is_staff=True)
    make.signed_in(client, reader)
    assert client.get(address).status_code == 403
    reader.user_permissions.set(Permission.objects.filter(codename="view_ruleset"))
    page = client.get(address, headers=ENGLISH).content.decode()
    assert "What ruleset 2099-01 changes, beside 2026-11" in page
    assert "cut_proves_nothing" in page
    assert "Make this ruleset current" not in page
    assert client.post(address, {"reason": "why"}).status_code == 403
    reader.user_permissions.add(Permission.objects.get(codename="change_ruleset"))
    page = client.get(address, headers=ENGLISH).content.decode()
    assert "Make this ruleset current" in page
    assert "Write the reason" in client.post(address, {"reason": ""}, headers=ENGLISH).content.decode()
    assert Ruleset.objects.current() == OLD
    said = client.post(address, {"reason": "cuts were our own"}, headers=ENGLISH, follow=True)
    assert "Public states rest on ruleset 2099-01 now. 1 cell is being counted anew." in said.content.decode()
    assert Ruleset.objects.current() == NEW
    assert LogEntry.objects.get().operation == "make_current"


def test_the_page_of_a_measurement_tells_the_current_verdict_first(milder: str, cut: Any, client: Client) -> None:
    [row] = cut(1)
    rejudge()
    page = client.get(f"/en/measurements/{row.pk}/").content.decode()
    assert page.count('class="lead"') == 1
    assert page.index(">tls_reset<") < page.index(">cut_proves_nothing<")
    assert "2026-11 (current)" in page


def test_the_method_page_has_the_rules_of_the_current_ruleset(milder: str, cut: Any, client: Client) -> None:
    cut(1)
    rejudge()
    assert 'id="cut_proves_nothing"' not in client.get("/en/method/rules/").content.decode()
    moderation.make_ruleset_current(Ruleset.objects.get(name=NEW), by=User.objects.create_user("e"), reason="why")
    page = client.get("/en/method/rules/").content.decode()
    assert 'id="cut_proves_nothing"' in page
    assert NEW in page
