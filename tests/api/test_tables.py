"""Each table as pages of JSON, as CSV and as JSON lines."""

from __future__ import annotations

import csv
import io
import json
import time
from datetime import date, datetime, timedelta
from urllib.parse import quote
from uuid import UUID

import pytest

from checks.engine.records import Measurement as Record
from checks.engine.records import SelfTest
from checks.models import AddressRange, Archive, Measurement, Round, Run, State, Vantage, Verdict, address_key
from checks.verdict.__main__ import main
from registry import submissions
from registry.api import paging
from registry.api.urls import router
from registry.models import Dispute, Resource, Snapshot
from tests import make
from tests.verdict import make as facts

pytestmark = pytest.mark.django_db

TABLES = [prefix.removeprefix("v1/") for prefix, _, _ in router.registry]
RECORD = Record("0195", "https://orda.kz/", "2026-03-01T11:00:00Z", 0.1, "tizilim-engine/0", "certifi", "real", False)


def fill(resource: Resource | None = None) -> Resource:
    """One row in every table."""
    resource = resource or make.resource()
    make.category()
    make.alarm(resource)
    act = make.act(by=make.authority())
    made = make.restriction(resource, act)
    make.statement(made)
    make.appeal(act, restriction=made, note="The owner was not told.").sources.add(make.source())
    act.documents.add(make.document())
    make.notice(resource=resource)
    make.figure()
    make.erratum(made)
    make.listing(resource, address="=1+1")
    if not Snapshot.objects.exists():
        make.snapshot(make.entry(1, "https://listed.kz/page"))
    make.deadline()
    make.holiday("2026-03-03")
    make.request(resource, ("sent", "2026-03-02"))
    network = make.network()
    make.cell(resource, network, State.BLOCKED)
    make.episode(resource, network, State.BLOCKED)
    make.verdict(make.measurement(RECORD, resource, by=make.run(network.vantages.get())))
    make.archive(date(1990 + Archive.objects.count(), 1, 1))
    return resource


def text_of(response) -> str:
    return b"".join(response.streaming_content).decode()


@pytest.mark.parametrize("table", TABLES)
def test_every_table_is_the_same_as_json_as_lines_and_as_csv(api, table: str) -> None:
    fill()
    rows = api(table).json()["results"]
    assert rows or table == "events"
    assert [json.loads(line) for line in text_of(api(f"{table}?format=jsonl")).splitlines()] == rows
    header, *cells = csv.reader(io.StringIO(text_of(api(f"{table}?format=csv"))))
    assert len(cells) == len(rows)
    if rows:
        assert header == list(rows[0])
        detail = api(f"{table}/{rows[0]['id']}").json()
        assert {key: detail[key] for key in rows[0]} == rows[0]


def test_an_episode_and_the_state_of_a_network_say_how_they_are_known(api) -> None:
    resource, network = make.resource(), make.network()
    cell = make.cell(resource, network, usual=48, fewer=True, candidate="accessible")
    earlier = make.AT - timedelta(hours=1)
    row = make.episode(resource, network, change="relapse", not_before=earlier, decided_at=make.AT)
    Dispute.objects.create(episode=row, reason="The probe moved house.", marked_on=make.day("2026-03-02"))
    [told] = api("episodes?disputed=true").json()["results"]
    assert (told["change"], told["disputed"]) == ("relapse", "The probe moved house.")
    moments = [told[name] for name in ("not_before", "began_at", "decided_at", "seen_at", "ended_at")]
    assert [text and datetime.fromisoformat(text) for text in moments] == [earlier, make.AT, make.AT, make.AT, None]
    assert "checkpoint" not in told
    [state] = api(f"resources/{resource.pk}").json()["networks"]
    assert state["verdicts"] == {"blocked": 3, "accessible": 1}
    assert state["rules"] == {"tls_reset_sni": 3, "tls_valid": 1}
    assert (state["runs"], state["vantages"], state["usual"], state["fewer"]) == (2, 1, 48, True)
    assert (state["episode"], state["disputed"], state["undecided"]) == (row.pk, "The probe moved house.", True)
    assert state["witnesses"] == cell.witnesses
    assert datetime.fromisoformat(state["not_before"]) == earlier
    assert datetime.fromisoformat(state["counted_until"]) == make.AT


@pytest.mark.parametrize("table", TABLES)
def test_thirty_rows_take_as_many_queries_as_one(api, table: str, django_assert_max_num_queries) -> None:
    for number in range(30):
        fill(make.resource(f"site-{number}.kz"))
    with django_assert_max_num_queries(18):
        assert api(table).status_code == 200


@pytest.fixture
def first_check() -> Measurement:
    """A reported name, measured and judged once, by no plan."""
    by = make.vantage()
    round_ = Round.objects.create(plan=None, vantage=by, slot=make.AT)
    run = Run.objects.create(
        round=round_, vantage=by, targets=[], state=Run.State.RECORDED, due_at=make.AT, recorded_at=make.AT
    )
    measured = make.measurement(RECORD, submissions.receive("orda.kz", at=make.AT).report.target, by=run)
    make.verdict(measured)
    return measured


@pytest.mark.parametrize("accepted", [False, True])
def test_what_was_checked_because_of_a_report_stands_in_no_table_and_on_no_page(
    api, client, first_check: Measurement, accepted: bool
) -> None:
    if accepted:
        make.resource("orda.kz")
    for table in ("measurements", "verdicts", "episodes"):
        assert api(table).json()["results"] == []
        assert text_of(api(f"{table}?format=jsonl")) == ""
    assert api(f"measurements/{first_check.pk}").status_code == 404
    assert api(f"verdicts/{Verdict.objects.get().pk}").status_code == 404
    assert client.get(f"/en/measurements/{first_check.pk}/").status_code == 404
    assert "none yet" in client.get("/en/networks/").content.decode()
    assert "none yet" in client.get("/en/").content.decode()


def test_who_has_a_receipt_is_told_the_day_of_the_check_and_not_the_minute_of_another_report(
    api, first_check: Measurement
) -> None:
    code = submissions.receive("orda.kz", at=make.AT).code
    [check] = api(f"reports/{code}").json()["first_check"]
    assert (check["on"], check["verdict"]) == ("2026-03-01", "blocked")
    assert "T" not in check["on"]


def pair() -> tuple[Measurement, Measurement]:
    """A measurement of a reset handshake and its control, as the register holds them."""
    resource = make.resource(facts.HOST)
    by_control = make.run(make.vantage(make.network(1, watched=False), role=Vantage.Role.CONTROL))
    control = make.measurement(facts.visit(), resource, by=by_control)
    cut = facts.unsecured("connection_reset", facts.swap(), *facts.again("connection_reset"))
    row = make.measurement(cut, resource)
    make.verdict(row, rule="tls_reset_sni", controls=[str(control.pk)])
    return row, control


def judged(tmp_path, capsys, name: str, content: str) -> dict[str, object]:
    (tmp_path / name).write_text(content)
    assert main([str(tmp_path / name)]) == 0
    return json.loads(capsys.readouterr().out.splitlines()[0])


def test_what_the_detail_publishes_is_judged_again_the_same(api, tmp_path, capsys) -> None:
    row, control = pair()
    detail = api(f"measurements/{row.pk}")
    assert [one["url"] for one in detail.json()["controls"]] == [f"https://{facts.HOST}/"]
    assert judged(tmp_path, capsys, "one.json", detail.content.decode())["rule"] == "tls_reset_sni"
    assert api(f"measurements/{control.pk}").json()["controls"] == []


def test_what_the_export_publishes_with_records_is_judged_again_the_same(
    api, tmp_path, capsys, django_assert_max_num_queries
) -> None:
    row, _control = pair()
    for _ in range(20):
        make.verdict(make.measurement(facts.visit(), make.resource(facts.HOST)))
    with django_assert_max_num_queries(7):
        lines = text_of(api("measurements?format=jsonl&records=1&control=false")).splitlines()
    [line] = [line for line in lines if str(row.pk) in line]
    assert json.loads(line) == api(f"measurements/{row.pk}").json()
    assert judged(tmp_path, capsys, "all.jsonl", line)["rule"] == "tls_reset_sni"


def test_records_come_as_json_lines_only_and_only_where_they_are_asked_for(api) -> None:
    pair()
    for path in ("measurements?records=1", "measurements?records=1&format=csv", "measurements?records=all"):
        assert api(path).json()["errors"][0]["field"] == "records"
    assert "record" not in json.loads(text_of(api("measurements?format=jsonl")).splitlines()[0])


def test_pages_follow_each_other_and_miss_no_row(api, client) -> None:
    made = [make.resource(f"site-{number}.kz").pk for number in range(5)]
    response, seen = api("resources?limit=2"), []
    while True:
        seen += [row["id"] for row in response.json()["results"]]
        following = response.json()["next"]
        if following is None:
            break
        assert response.headers["Link"] == f'<{following}>; rel="next"'
        response = client.get(following)
    assert seen == made
    assert "Link" not in response.headers


def test_measurements_come_newest_first_with_the_whole_record_in_the_detail(api) -> None:
    resource, by = make.resource(), make.run()
    ids = [str(make.measurement(RECORD, resource, by=by).pk) for _ in range(3)]
    assert [row["id"] for row in api("measurements").json()["results"]] == sorted(ids, reverse=True)
    assert api(f"measurements/{ids[0]}").json()["record"]["url"] == "https://orda.kz/"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("resources?type=domain", 1),
        ("resources?type=app", 0),
        ("restrictions?in_force=true", 1),
        ("restrictions?in_force=false", 0),
        ("restrictions?authority=mki", 0),
        ("restrictions?began_after=2026-01&began_before=2027", 1),
        ("acts?authority=mki&after=2026", 1),
        ("episodes?open=true&network=9198&state=blocked", 1),
        ("episodes?network=1", 0),
        ("episodes?change=first&disputed=false", 1),
        ("episodes?change=relapse", 0),
        ("episodes?disputed=true", 0),
        ("measurements?after=2020-01-01T00:00:00Z&control=false", 1),
        ("measurements?before=9824-04-27T10:12:47%2B21:41", 1),
        ("verdicts?verdict=blocked&rule=tls_reset_sni", 1),
        ("statements?stance=denies", 1),
        ("targets?host=orda.kz", 1),
    ],
)
def test_filters_choose_rows(api, query: str, found: int) -> None:
    fill()
    assert len(api(query).json()["results"]) == found


@pytest.mark.parametrize(
    "query",
    [
        "resources?tpye=domain",
        "resources?type=nonsense",
        "resources?limit=0",
        f"resources?limit={paging.PAGE_LIMIT + 1}",
        "resources?cursor=here",
        f"resources?cursor={10**30}",
        "measurements?cursor=12",
        "restrictions?began_after=yesterday",
        "restrictions?resource=99999999999999999999999",
        "episodes?network=1e400",
        "episodes?target=175313844500475702153800843264",
        "acts?resource=-75269838882061429956010641136472293376",
        "episodes?after=%00",
        "episodes?after=0001-01-01T00:00:00%2B10:00",
        "verdicts?before=9999-12-31T23:59:59-10:00",
        "resources?host=%00",
        "resources?lang=de",
    ],
)
def test_a_parameter_that_means_nothing_is_refused_and_named(api, query: str) -> None:
    response = api(query)
    assert response.status_code == 400
    assert response.headers["Content-Type"] == "application/problem+json"
    problem = response.json()
    assert problem["code"] == "invalid"
    assert problem["errors"][0]["field"] == query.partition("?")[2].partition("=")[0]


def test_a_cell_that_a_spreadsheet_would_run_gets_an_apostrophe(api) -> None:
    fill()
    assert ",'=1+1," in text_of(api("listings?format=csv"))
    assert api("listings").json()["results"][0]["address"] == "=1+1"


def test_an_unchanged_answer_is_an_empty_304(api) -> None:
    make.resource()
    tag = api("networks").headers["ETag"]
    again = api("networks", **{"If-None-Match": tag})
    assert again.status_code == 304
    assert again.content == b""
    make.network(1)
    assert api("networks", **{"If-None-Match": tag}).status_code == 200


def test_targets_do_not_tell_what_is_withheld_or_only_reported(api) -> None:
    resource = fill()
    resource.display = Resource.Display.WITHHELD
    resource.save()
    submissions.receive("only-reported.kz", at=make.AT)
    assert api("targets").json()["results"] == []
    for host in ("orda.kz", "only-reported.kz"):
        assert api(f"targets?host={host}").json()["results"] == []


@pytest.mark.parametrize("table", ["measurements", "verdicts", "episodes"])
def test_a_withheld_name_stands_in_no_table(api, table: str) -> None:
    resource = fill()
    resource.display = Resource.Display.WITHHELD
    resource.save()
    answer = api(table)
    assert "orda.kz" not in answer.content.decode()
    detail = api(f"{table}/{answer.json()['results'][0]['id']}").json()
    assert detail["url"] is None
    assert detail.get("record") is None
    assert not detail.get("controls")
    assert "orda.kz" not in json.dumps(api("resources").json())
    assert "orda.kz" not in json.dumps(api("listings").json())


def test_of_a_name_shown_as_its_domain_the_path_stands_in_no_table(api) -> None:
    resource = fill(make.resource("https://casino.kz/play", display=Resource.Display.DOMAIN_ONLY))
    for table in TABLES:
        assert "/play" not in api(table).content.decode(), table
    assert api(f"resources/{resource.pk}").json()["name"] == "casino.kz"
    assert api("targets").json()["results"][0]["url"] == "https://casino.kz/"


def test_no_probe_shows_its_address_or_key(api) -> None:
    vantage = make.vantage()
    assert vantage.public_key not in api("vantages").content.decode()


def test_a_restriction_that_is_not_public_is_not_there(api) -> None:
    hidden = make.restriction(make.resource(), public=False)
    make.statement(hidden)
    assert api("restrictions").json()["results"] == []
    assert api("statements").json()["results"] == []
    assert api(f"restrictions/{hidden.pk}").status_code == 404


def test_what_rests_on_the_lab_is_marked_in_every_row(api, settings) -> None:
    settings.DEMO = True
    resource, network = make.resource(), make.network(64512, imitated=True)
    make.cell(resource, network, State.BLOCKED)
    make.episode(resource, network, State.BLOCKED)
    make.verdict(make.measurement(RECORD, resource, by=make.run(network.vantages.get())))
    for table in ("resources", "networks", "vantages", "measurements", "verdicts", "episodes"):
        response = api(table)
        assert response.headers["X-Tizilim-Imitated"] == "1"
        assert [row["imitated"] for row in response.json()["results"]] == [True], table
        assert "imitated" in text_of(api(f"{table}?format=csv")).splitlines()[0]


def test_outside_a_demo_nothing_is_marked(api) -> None:
    fill()
    assert "X-Tizilim-Imitated" not in api("resources").headers
    assert api("resources").json()["results"][0]["imitated"] is False


def test_the_ids_of_measurements_are_ordered_by_time() -> None:
    by = make.run()
    first, second = (make.measurement(RECORD, make.target(), by=by).pk for _ in range(2))
    assert UUID(str(first)) < UUID(str(second))


def test_a_run_says_what_its_vantage_proved_about_itself(api) -> None:
    test = SelfTest("2026-03-01T12:00:00Z", clock_offset=0.5, must_allow=(("egov.kz", True),), failed=("asn",), lag=0.2)
    run = make.run(targets=[1, 2], self_test=test.as_json())
    row = api(f"runs/{run.pk}").json()
    assert (row["targets"], row["network"], row["role"]) == (2, run.vantage.network.asn, "access")
    assert row["self_test"]["must_allow"] == [["egov.kz", True]]
    assert (row["self_test"]["failed"], row["self_test"]["captive_portal"]) == (["asn"], None)
    assert api(f"runs?network={run.vantage.network.asn}").json()["results"] == [row]


def test_when_a_place_was_in_touch_is_told_and_found_to_the_hour(api) -> None:
    moment = make.AT + timedelta(minutes=17, seconds=8)
    run = make.run(self_test=SelfTest(moment.isoformat()).as_json(), recorded_at=moment)
    row = api(f"runs/{run.pk}").json()
    told = (row["recorded_at"], row["self_test"]["started"])
    assert [datetime.fromisoformat(one) for one in told] == [make.AT, make.AT]
    later = quote((moment + timedelta(minutes=9)).isoformat())
    assert api(f"runs?after={later}").json()["results"] == [row]
    assert api(f"runs?before={later}").json()["results"] == []


def test_a_run_that_is_not_home_or_was_a_first_check_is_in_no_table(api) -> None:
    make.run(state=Run.State.READY)
    first_check = make.run()
    Round.objects.filter(pk=first_check.round_id).update(plan=None)
    assert api("runs").json()["results"] == []


def test_echo_tells_the_time_and_the_callers_network_and_keeps_nothing(api, django_assert_max_num_queries) -> None:
    AddressRange.objects.create(first=address_key("127.0.0.0"), last=address_key("127.0.0.255"), asn=9198, name="X")
    with django_assert_max_num_queries(1):
        answer = api("echo")
    assert answer.json()["asn"] == 9198
    assert abs(answer.json()["time"] - time.time()) < 60
    assert answer["Cache-Control"] == "no-store"


def test_echo_does_not_know_every_network(api) -> None:
    assert api("echo").json()["asn"] is None
