"""OONI's measurements are judged as ours are; what is missing or odd in a file is not known, and never a crash."""

from __future__ import annotations

import copy
import csv
import json
import os
from dataclasses import fields, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.engine.ooni import export
from checks.verdict import facts, ooni
from checks.verdict.facts import Facts
from checks.verdict.judge import Judgement, judge
from checks.verdict.rules import RULES, Verdict
from checks.verdict.trace import WORDS, trace
from tests.verdict.examples import EXAMPLES
from tests.verdict.scenarios import DOCUMENTS, SCENARIOS, VERDICTS, judged, named
from tests.verdict.test_rules import KZ, ROOT

MEASURED = ROOT.parent / "shared" / "data" / "ooni"  # measurements of OONI's: not ours to keep here


def judgement(document: object) -> Judgement:
    found = ooni.read(document)
    return judge(found.measurement, found.controls, KZ, found.setting)


# --- golden files


def test_the_golden_documents_are_those_of_the_table():
    written = [json.loads(line) for line in DOCUMENTS.read_text("utf-8").splitlines()]
    assert written == json.loads(json.dumps(named()))


def test_every_scenario_is_judged_as_its_golden_line_says():
    said = [json.loads(line) for line in judged().splitlines()]
    assert said == [json.loads(line) for line in VERDICTS.read_text("utf-8").splitlines()]


def test_the_golden_lines_come_to_every_verdict_and_to_most_rules():
    lines = [json.loads(line) for line in VERDICTS.read_text("utf-8").splitlines()]
    assert {line["verdict"] for line in lines} == set(Verdict)
    assert len({line["rule"] for line in lines}) > 30


# --- what others measured


def test_all_of_ooni_s_simulated_networks_are_judged_as_expected():
    if not MEASURED.is_dir():
        reason = f"OONI's measurements are not beside this repository: {MEASURED}"
        (pytest.fail if os.environ.get("TIZILIM_NO_SKIP") else pytest.skip)(reason)
    with (MEASURED / "EXPECTED.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    expected, got = {}, {}
    for row in rows:
        case = row["case"]
        found = judgement(json.loads((MEASURED / f"{case}.json").read_text("utf-8")))
        expected[case] = (row["verdict"], row["mechanism"])
        got[case] = (found.verdict.value, _as_expected(found, row["mechanism"]))
    assert len(rows) == 18
    assert got == expected


def _as_expected(found: Judgement, mechanism: str) -> str:
    """The expected mechanism where ours is a node on the way to it: without a second look no file carries `.sni`."""
    if "without blocking" in mechanism:
        return mechanism if "dns_tampering" in found.notes else ""
    if found.mechanism is not None and f"{mechanism}.".startswith(f"{found.mechanism}."):
        return mechanism
    return found.mechanism or ""


@pytest.mark.parametrize("rule_id", EXAMPLES)
def test_our_own_export_says_what_the_record_says_or_less(rule_id):
    measurement, _, _ = EXAMPLES[rule_id]
    again = judge(ooni.read(export(measurement)).measurement, [], KZ)
    assert again.verdict in (judge(measurement, [], KZ).verdict, Verdict.INCONCLUSIVE)


@pytest.mark.parametrize("noted", [{"overloaded": True}, {"imitated": True}])
def test_our_own_export_keeps_what_proves_nothing_apart(noted):
    read = ooni.read(export(replace(EXAMPLES["tls_timeout"][0], **noted))).measurement
    assert {name: getattr(read, name) for name in noted} == noted


def test_nobody_elses_annotations_are_believed():
    assert not ooni.read({**OPENS, "annotations": {"overloaded": "true", "imitated": "true"}}).measurement.imitated


# --- the form of a file

OPENS = SCENARIOS["an https site opens"]


def changed(document: dict, *path: str | int, to: object) -> dict:
    document = copy.deepcopy(document)
    place = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = to
    return document


def test_a_control_failure_means_that_there_was_no_control():
    failed = changed(SCENARIOS["TLS times out"], "test_keys", "control_failure", to="generic_timeout_error")
    assert judgement(failed).rule == "no_control"


def test_a_scrubbed_answer_is_not_taken_for_an_empty_one():
    answers = [{"answer_type": "A", "ipv4": "[scrubbed]"}]
    assert judgement(changed(OPENS, "test_keys", "queries", 0, "answers", to=answers)).rule == "resolver_not_asked"


def test_a_handshake_that_verified_nothing_proves_nothing():
    unverified = changed(OPENS, "test_keys", "tls_handshakes", 0, "no_tls_verify", to=True)
    unverified = changed(unverified, "test_keys", "requests", to=[])
    assert judgement(unverified).verdict is Verdict.INCONCLUSIVE


def test_a_header_may_be_a_binary_object_or_a_pair_of_a_list():
    response = {
        "headers": {"Location": "http://no"},
        "headers_list": [["Location", {"format": "base64", "data": "L3k="}]],
    }
    document = changed(SCENARIOS["a redirect to who knows where"], "test_keys", "requests", 1, "response", to=response)
    document["test_keys"]["requests"][1]["response"]["code"] = 302
    assert ooni.read(document).measurement.exchanges[0].location == "http://site.kz/y"


def test_a_redirect_to_what_is_no_url_leads_nowhere():
    broken = changed(
        SCENARIOS["a redirect to who knows where"], "test_keys", "requests", 1, "response", "headers", to={}
    )
    broken["test_keys"]["requests"][1]["response"]["headers"]["Location"] = "http://"
    assert judgement(broken).verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize("url", ["http://[", "//[", "http://a]b/", "https://site.kz:99999999/"])
def test_a_request_for_what_is_no_url_is_as_if_it_had_not_been_made(url):
    broken = changed(OPENS, "test_keys", "requests", 0, "request", "url", to=url)
    assert judgement(broken).verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("said", "started"),
    [
        ("2026-11-20 10:00:00", "2026-11-20T10:00:00+00:00"),
        ("2026-11-20T10:00:00Z", "2026-11-20T10:00:00+00:00"),
        ("2026-11-20T16:00:00+06:00", "2026-11-20T10:00:00+00:00"),
    ],
)
def test_a_time_without_an_offset_is_utc_and_one_with_it_is_what_it_says(said, started):
    assert ooni.read(changed(OPENS, "measurement_start_time", to=said)).measurement.started == started


def test_a_certificate_that_no_parser_reads_is_not_called_signed_by_itself():
    odd = changed(
        SCENARIOS["a certificate signed by itself, here only"],
        *("test_keys", "tls_handshakes", 0, "peer_certificates"),
        to=[{"format": "base64", "data": "bm8gY2VydGlmaWNhdGU="}],
    )
    assert judgement(odd).mechanism == "tls.mitm"


@pytest.mark.parametrize(
    ("own", "resolver", "role"),
    [("AS9198", "AS13335", "other"), ("AS9198", "AS9198", "isp"), ("AS9198", "AS0", "isp"), ("AS0", "AS1", "isp")],
)
def test_the_system_s_resolver_is_the_network_s_unless_it_is_another_s(own, resolver, role):
    read = ooni.read({**OPENS, "probe_asn": own, "resolver_asn": resolver}).measurement
    assert [q.role for q in read.queries] == [role, "public", "doh"]


@pytest.mark.parametrize(
    ("scenario", "failure"),
    [
        ("an https site opens", None),
        ("NXDOMAIN here only", "dns_nxdomain_error"),
        ("TCP times out", "generic_timeout_error"),
        ("TLS is closed", "eof_error"),
        ("TLS fails at the end of a redirect", "connection_reset"),
        ("a site sends to its own https, which is cut", "connection_reset"),
        ("cut when the page was asked for", "connection_reset"),
        ("a private address here only", "dns_bogon_error"),
        ("every address is scrubbed", "http_request_failed"),
    ],
)
def test_only_a_visit_that_came_to_a_page_ended_with_an_answer(scenario, failure):
    assert ooni.read(SCENARIOS[scenario]).measurement.failure == failure


def test_requests_are_newest_first():
    hops = [e.hop for e in ooni.read(SCENARIOS["a short address leads to the site"]).measurement.exchanges]
    assert hops == [0, 1]


def test_the_helper_is_not_taken_to_have_followed_a_redirect_that_may_be_forged():
    found = ooni.read(SCENARIOS["a redirect to who knows where"])
    assert [e.url for e in found.controls[0].exchanges] == ["http://site.kz/"]


def test_a_name_in_letters_of_its_own_is_asked_for_in_a_labels():
    own = changed(OPENS, "input", to="https://Яндекс.РФ/")
    own["test_keys"]["requests"] = []
    assert ooni.read(own).measurement.url == "https://xn--d1acpjx3f.xn--p1ai/"


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (5, "JSON object"),
        ({"test_name": "whatsapp", "test_keys": {}}, "'whatsapp' is not judged"),
        ({"test_name": "web_connectivity", "input": "x", "test_keys": None}, "without test_keys"),
        ({"test_name": "web_connectivity", "test_keys": {}}, "without input"),
        ({"test_name": "web_connectivity", "input": "http://a.kz", "test_keys": {}}, "does not say when"),
    ],
)
def test_what_cannot_be_judged_is_refused_in_words(document, words):
    with pytest.raises(ValueError, match=words):
        ooni.read(document)


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(
        ["http://[", "https://site.kz:99999999/", "[scrubbed]", "depth=7", "\ud800", "unknown_failure: x"]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


def places(value: object, path: tuple = ()) -> list[tuple]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, below in inner for place in places(below, (*path, key)))]


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_a_file_with_anything_anywhere_is_judged_or_refused(data):
    document = copy.deepcopy(data.draw(st.sampled_from(list(SCENARIOS.values()))))
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(places(document)[1:]))
        document = changed(document, *path, to=data.draw(ANYTHING))
        if not isinstance(document.get("test_keys"), dict):
            break
    try:
        found = ooni.read(document)
    except ValueError:
        return
    json.dumps(found.measurement.as_json())
    judgement(document)


# --- the trace


def test_every_fact_that_a_rule_reads_has_words():
    def read_by(rule):
        return set(rule.predicate.__code__.co_names) & {field.name for field in fields(Facts)}

    assert set().union(*map(read_by, RULES)) <= set(WORDS)


@pytest.mark.parametrize("rule_id", EXAMPLES)
def test_a_trace_names_the_facts_that_decided_and_those_that_failed_other_rules(rule_id):
    measurement, controls, _ = EXAMPLES[rule_id]
    found = trace(facts.of(measurement, controls, KZ))
    assert found.facts
    assert all(rule != rule_id and ": " in fact for rule, fact in found.missed)


def test_a_trace_says_why_a_reset_is_not_charged_to_the_name():
    measurement, controls, _ = EXAMPLES["tls_reset"]
    missed = dict(trace(facts.of(measurement, controls, KZ)).missed)
    assert missed["tls_reset_sni"] == "swap (what another name on the same address met): not_measured"
