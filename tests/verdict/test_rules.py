"""Each rule decides its own example; what is not known stays unknown."""

from __future__ import annotations

import csv
from dataclasses import replace
from datetime import timedelta
from itertools import combinations
from pathlib import Path

import pytest

from checks.engine.records import BASELINE, KNOWN_GOOD, REPEAT, SNI_SWAP, VALIDATE, Measurement
from checks.verdict import facts
from checks.verdict.facts import Setting
from checks.verdict.fingerprints import References
from checks.verdict.judge import Judgement, explain, judge
from checks.verdict.rules import BY_ID, RETIRED, RULES, RULESET, Verdict
from tests.verdict.examples import (
    BLOCK_PAGE,
    DIVERTED,
    EXAMPLES,
    FOREIGN,
    INTERCEPTED,
    NOWHERE,
    OK,
    OK_PAGE,
    PLAIN_OK,
    RESET,
    SLOW,
    SLOW_PAGE,
    TIMEOUT,
    Example,
)
from tests.verdict.make import (
    AT,
    BOGON,
    ELSEWHERE,
    HOST,
    STARTED,
    again,
    certificate,
    connect,
    exchange,
    handshake,
    misled,
    neutral,
    plain,
    plain_exchange,
    query,
    swap,
    transfer,
    unconnected,
    unfetched,
    unresolved,
    unsecured,
    visit,
)

ROOT = Path(__file__).resolve().parents[2]
PACK = ROOT / "checks" / "countries" / "kz"
FOLDER = Path(__file__).resolve().parent / "fingerprints"  # of the tests: an address of block pages
KZ = References.load(PACK, FOLDER)
each_example = pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES)


def judged(measurement: Measurement, *controls: Measurement) -> Judgement:
    return judge(measurement, controls, KZ)


# --- the table


def test_every_rule_has_an_id_of_its_own_and_an_example():
    assert [rule.id for rule in RULES] == list(BY_ID)
    assert set(EXAMPLES) == set(BY_ID)


@pytest.mark.parametrize("rule", RULES, ids=BY_ID)
def test_every_rule_speaks_three_languages_and_names_its_source(rule):
    sentences = {rule.sentence_en, rule.sentence_ru, rule.sentence_kk}
    assert len(sentences) == 3
    assert all("{host}" in sentence and sentence.endswith(".") for sentence in sentences)
    assert rule.source
    assert rule.when
    assert (rule.verdict is Verdict.BLOCKED) == (rule.mechanism is not None)


@pytest.mark.parametrize("rule_id", BY_ID)
def test_each_rule_decides_its_own_example(rule_id):
    measurement, controls, mechanism = EXAMPLES[rule_id]
    judgement = judged(measurement, *controls)
    assert (judgement.rule, judgement.mechanism) == (rule_id, mechanism)
    assert judgement.verdict is BY_ID[rule_id].verdict


@pytest.mark.parametrize("rule_id", BY_ID)
def test_a_mechanism_that_depends_on_the_facts_is_one_of_those_that_its_rule_names(rule_id):
    rule = BY_ID[rule_id]
    assert bool(rule.mechanisms) == callable(rule.mechanism)
    assert not rule.mechanisms or EXAMPLES[rule_id][2] in rule.mechanisms


PUBLISHED = Path(__file__).resolve().parent / "golden" / "rules.csv"


def test_an_id_that_was_ever_published_keeps_its_meaning_or_is_retired():
    """The file only grows: a line for each id, with what it meant when it was first published."""
    with PUBLISHED.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    published = {row["id"]: (row["verdict"], row["mechanism"]) for row in rows}
    assert len(published) == len(rows)
    assert published.keys() == BY_ID.keys() | RETIRED
    assert not BY_ID.keys() & RETIRED
    for rule in RULES:
        mechanisms = rule.mechanisms or ([rule.mechanism] if rule.mechanism else [])
        assert published[rule.id] == (rule.verdict.value, " ".join(map(str, mechanisms))), rule.id


# --- what is not known stays unknown


@each_example
def test_without_controls_only_an_artefact_means_blocked(example: Example):
    judgement = judged(example[0])
    assert judgement.verdict is not Verdict.BLOCKED or judgement.artefact


@each_example
def test_without_controls_nothing_is_down(example: Example):
    assert judged(example[0]).verdict is not Verdict.DOWN


STEPS = ("queries", "connects", "handshakes", "exchanges")


@each_example
def test_missing_data_never_makes_accessible(example: Example):
    measurement, controls, _ = example
    if judged(measurement, *controls).verdict is Verdict.ACCESSIBLE:
        return
    for missing in (set(c) for n in range(1, len(STEPS) + 1) for c in combinations(STEPS, n)):
        less = replace(measurement, **dict.fromkeys(missing, ()))
        for kept in (controls, []):
            assert judged(less, *kept).verdict is not Verdict.ACCESSIBLE, missing


@each_example
def test_the_network_s_own_resolver_is_never_taken_as_fine_because_nobody_asked_it(example: Example):
    measurement, controls, _ = example
    less = replace(measurement, queries=tuple(q for q in measurement.queries if q.role != "isp"))
    assert judged(less, *controls).verdict is not Verdict.ACCESSIBLE


@pytest.mark.parametrize(
    "control",
    [
        replace(OK, overloaded=True),
        replace(OK, imitated=True),
        replace(OK, url="https://other.kz/"),
        replace(OK, started=(STARTED + timedelta(minutes=11)).isoformat()),
        unsecured("unknown_failure"),
    ],
    ids=["overloaded", "imitated", "of another URL", "eleven minutes later", "that failed itself"],
)
def test_a_control_that_proves_nothing_is_no_control(control):
    assert judged(unsecured(TIMEOUT), control).rule == "no_control"


# --- the first match decides


def test_a_page_behind_doh_does_not_make_up_for_a_lying_resolver():
    lied_to = visit(queries=(query(failure="dns_nxdomain_error"), query(AT, role="doh")))
    assert judged(lied_to, OK).rule == "dns_nxdomain"


def test_one_resolver_of_two_that_answers_rightly_is_enough_and_the_forgery_is_noted():
    forged = visit(queries=(query(BOGON, role="public"), query(AT), query(AT, role="doh")))
    assert (judged(forged, OK).verdict, judged(forged, OK).notes) == (Verdict.ACCESSIBLE, ("dns_tampering",))


def test_the_reply_that_came_first_counts_even_if_the_true_one_follows():
    raced = misled(
        handshake(ELSEWHERE, TIMEOUT),
        queries=(query(ELSEWHERE), query(AT, late=True), query(AT, role="doh")),
    )
    apart, together = ({ELSEWHERE: 9198, AT: 15133}, {ELSEWHERE: 15133, AT: 15133})
    assert judge(raced, [OK], KZ, Setting(networks=apart)).rule == "dns_two_replies"
    assert judge(raced, [OK], KZ, Setting(networks=together)).verdict is not Verdict.ACCESSIBLE
    assert judged(raced, OK).rule == "dns_answer_unchecked"  # whose they are is not known: addresses in turn, perhaps


def test_an_odd_answer_with_a_valid_certificate_is_a_cdn():
    cdn = misled(handshake(ELSEWHERE), exchanges=(exchange(ELSEWHERE),))
    assert judged(cdn, OK).rule == "tls_valid"


def test_an_odd_answer_that_the_control_found_to_be_the_site_is_blocked_by_name_not_by_resolver():
    visited_too = visit(connects=(connect(), connect(ELSEWHERE)), handshakes=(handshake(), handshake(ELSEWHERE)))
    assert judged(misled(handshake(ELSEWHERE, TIMEOUT, chain=())), visited_too).rule == "tls_timeout"


def test_a_timeout_at_an_odd_address_alone_proves_no_forgery():
    assert judged(misled(handshake(ELSEWHERE, TIMEOUT, chain=())), OK).rule == "dns_answer_unchecked"


def test_the_server_s_own_refusal_is_accessible_with_a_note():
    turned_away = visit(exchanges=(exchange(status=451),))
    assert (judged(turned_away).verdict, judged(turned_away).notes) == (Verdict.ACCESSIBLE, ("server_side",))


def test_a_dead_site_that_a_network_still_answers_for_is_a_ghost_block():
    measurement, controls, _ = EXAMPLES["down_ghost"]
    assert judged(measurement, *controls).notes == ("ghost_block",)


def test_a_redirect_that_fails_is_charged_to_the_host_it_led_to():
    queries = (query(AT), query(AT, role="doh"), query(ELSEWHERE, host="www.other.kz", hop=1))
    redirect = exchange(location="https://www.other.kz/", status=301)
    there = {"server_name": "www.other.kz", "hop": 1}
    cut = visit(
        queries=queries,
        connects=(connect(), connect(ELSEWHERE, hop=1)),
        handshakes=(handshake(), handshake(ELSEWHERE, RESET, **there, chain=())),
        exchanges=(redirect,),
        failure=RESET,
    )
    fine = visit(
        queries=queries,
        connects=(connect(), connect(ELSEWHERE, hop=1)),
        handshakes=(handshake(), handshake(ELSEWHERE, **there)),
        exchanges=(redirect, exchange(ELSEWHERE, url="https://www.other.kz/", hop=1)),
    )
    judgement = judged(cut, fine)
    assert (judgement.rule, judgement.hop, judgement.hop_host) == ("tls_reset", 1, "www.other.kz")
    assert judged(fine).rule == "tls_valid"


def test_a_cleartext_redirect_to_a_block_page_with_a_valid_certificate_is_no_success():
    there = exchange(ELSEWHERE, url="https://other.kz/", hop=1, **BLOCK_PAGE)
    assert judged(replace(DIVERTED, exchanges=(DIVERTED.exchanges[0], there)), PLAIN_OK).rule == "http_blockpage"


def test_a_broken_ipv6_line_is_not_blocking():
    no_route = visit(
        queries=(query("2606:2800:220:1::51", type="AAAA"), query("2606:2800:220:1::51", role="doh")),
        connects=(connect("2606:2800:220:1::51", "network_unreachable"),),
        handshakes=(),
        exchanges=(),
    )
    fine = visit(
        queries=(query("2606:2800:220:1::51"),),
        connects=(connect("2606:2800:220:1::51"),),
        handshakes=(handshake("2606:2800:220:1::51"),),
    )
    assert judged(no_route, fine).verdict is Verdict.INCONCLUSIVE


def test_a_working_address_beside_a_dead_one_is_accessible():
    half = visit(
        queries=(query(ELSEWHERE, AT),),
        connects=(connect(ELSEWHERE, TIMEOUT), connect()),
    )
    assert judged(half, OK).rule == "tls_valid"


def test_a_site_that_is_slow_for_the_control_too_is_not_throttled():
    assert judged(SLOW, visit(handshakes=(handshake(took=2.5),))).rule == "tls_valid"


@pytest.mark.parametrize(("took", "rule"), [(1.0, "tls_throttled"), (0.99, "tls_valid")])
def test_throttling_begins_at_one_second(took, rule):
    slow = replace(SLOW, handshakes=(handshake(t0=0.0, t=took), replace(SLOW.handshakes[1], t0=0.0, t=0.2)))
    assert judged(slow, OK).rule == rule


@pytest.mark.parametrize(("base", "rule"), [(0.5, "tls_throttled"), (0.51, "tls_valid")])
def test_throttling_begins_at_five_times_the_baseline(base, rule):
    slow = replace(SLOW, handshakes=(handshake(t0=0.0, t=2.5), replace(SLOW.handshakes[1], t0=0.0, t=base)))
    assert judged(slow, OK).rule == rule


def test_a_control_that_is_given_twice_is_one():
    alone = unresolved("dns_nxdomain_error", queries=(query(failure="dns_nxdomain_error"),))
    assert judged(alone, OK, OK).rule == "dns_too_few_controls"
    assert judged(alone, OK, replace(OK, id="another")).rule == "dns_nxdomain"
    assert judged(unsecured(RESET), OK, OK, unsecured(RESET)).rule == "control_split"


def test_names_need_two_controls_that_resolve_them():
    without_doh = unresolved("dns_nxdomain_error", queries=(query(failure="dns_nxdomain_error"),))
    assert judged(without_doh, OK).verdict is Verdict.INCONCLUSIVE
    assert judged(without_doh, OK, visit()).rule == "dns_nxdomain"


def test_an_untampered_public_resolver_counts_as_a_control_when_doh_failed():
    asked = (query(failure="dns_nxdomain_error"), query(AT, role="public"), query(role="doh", failure=TIMEOUT))
    assert judged(unresolved("dns_nxdomain_error", queries=asked), OK).rule == "dns_nxdomain"


def test_controls_that_contradict_each_other_about_a_name_prove_nothing():
    measurement = unresolved("dns_nxdomain_error", queries=NOWHERE)
    assert judged(measurement, OK, unresolved("dns_nxdomain_error", queries=NOWHERE)).verdict is Verdict.INCONCLUSIVE


def test_a_self_signed_certificate_is_named_so():
    chain = (certificate("97", subject=f"CN={HOST}", issuer=f"CN={HOST}"),)
    assert judged(unsecured("ssl_unknown_authority", chain=chain), OK).mechanism == "tls.mitm.self_signed"


# --- fingerprints


def test_an_interception_root_is_known_by_its_hash_too():
    root = certificate("235150DE7DF7DB2E538D461BC4D210C4E0819BE2C4C76969476E3CBE67B723DD", issuer="CN=Renamed")
    assert judged(unsecured("ssl_invalid_certificate", chain=(*FOREIGN, root))).rule == "tls_interception_ca"


def test_an_issuer_that_only_contains_the_words_is_not_the_authority():
    lookalike = (certificate("96", issuer="CN=O\\=ISCA fans,O=ISCAndinavia,C=KZ"),)
    assert judged(unsecured("ssl_unknown_authority", chain=lookalike), OK).rule == "tls_foreign_certificate"


def test_a_site_that_uses_such_a_certificate_itself_is_not_intercepted():
    its_own = unsecured("ssl_unknown_authority", chain=INTERCEPTED)
    assert judged(its_own, unsecured("ssl_unknown_authority", chain=INTERCEPTED)).rule == "down_alike"


def test_a_page_that_the_control_sees_too_is_no_block_page():
    about_blocking = plain(exchanges=(plain_exchange(**BLOCK_PAGE),))
    assert judged(about_blocking, plain(exchanges=(plain_exchange(**BLOCK_PAGE),))).rule == "http_same_page"


def test_false_positives_are_asked_first(tmp_path):
    (tmp_path / "interception_roots.csv").write_text("sha256,issuer_pattern\n")
    (tmp_path / "blockpages.csv").write_text(
        "id,field,pattern,scope\nbroad,body,restricted,country\nharmless,title,Imitated block,false_positive\n"
    )
    references = References.load(tmp_path)
    assert judge(plain(exchanges=(plain_exchange(**BLOCK_PAGE),)), [], references).rule == "no_control"


def test_a_bad_pack_file_is_named_with_its_line(tmp_path):
    (tmp_path / "interception_roots.csv").write_text("sha256,issuer_pattern\n")
    (tmp_path / "blockpages.csv").write_text("id,field,pattern,scope\nx,body,,country\n")
    with pytest.raises(ValueError, match=r"blockpages\.csv, line 2"):
        References.load(tmp_path)


def test_the_pack_holds_the_six_roots():
    assert len(KZ.interception_hashes) == 6
    assert set(KZ.interception_issuers) == {"O=ISCA,C=KZ", "CN=Qaznet Trust Network"}


# --- the judgement


def test_a_judgement_names_all_that_it_rests_on():
    cut = unsecured(RESET, swap(), *again(RESET, RESET, RESET))
    judgement = judged(cut, OK)
    assert judgement.confirmed
    assert not judgement.artefact
    assert judgement.confidence == "high"
    assert judgement.controls == (OK.id,)
    assert (judgement.ruleset, judgement.fingerprints) == (RULESET, KZ.revision)
    assert judgement.trust_store == "certifi 2026.10.18"


def test_a_swap_that_fails_alike_confirms_nothing():
    assert not judged(unsecured(TIMEOUT, swap(TIMEOUT)), OK).confirmed


@pytest.mark.parametrize(("language", "word"), [("en", "refused"), ("ru", "отклоняется"), ("kk", "қабылданбайды")])
def test_the_sentence_names_the_host_in_the_reader_s_language(language, word):
    refused = unconnected("connection_refused")
    sentence = explain(facts.of(refused, [OK], KZ), judged(refused, OK), language)
    assert HOST in sentence
    assert word in sentence


def test_a_page_from_a_second_shared_address_is_as_good_when_the_first_one_answers_too():
    shared = plain(
        queries=(query(AT), query(AT, ELSEWHERE, role="doh")),
        connects=(connect(port=80), connect(ELSEWHERE, port=80)),
        exchanges=(plain_exchange(ELSEWHERE),),
    )
    assert judged(shared, PLAIN_OK).rule == "http_same_page"
    assert judged(replace(shared, connects=shared.connects[1:]), PLAIN_OK).verdict is Verdict.INCONCLUSIVE


def test_a_page_that_opened_at_a_busy_probe_did_open():
    assert judged(replace(OK, overloaded=True), OK).rule == "tls_valid"


@pytest.mark.parametrize("measurement", [SLOW, SLOW_PAGE, unconnected(TIMEOUT), unsecured("connection_reset")])
def test_whatever_went_wrong_at_a_busy_probe_may_be_its_own_doing(measurement):
    assert judged(replace(measurement, overloaded=True), OK, OK_PAGE).rule == "probe_overloaded"


def test_what_a_second_look_fetched_is_no_page_of_the_visit():
    looked = unfetched(TIMEOUT, plain_exchange(purpose=BASELINE))
    assert judged(looked, PLAIN_OK).rule == "http_timeout"


def test_a_cut_page_is_about_its_host_when_another_host_is_answered_there():
    other = plain_exchange(url="http://www.example.com/", purpose=BASELINE)
    cut = plain_exchange(failure=RESET, purpose=REPEAT)
    judgement = judged(unfetched(RESET, other, cut), PLAIN_OK)
    assert (judgement.mechanism, judgement.confirmed) == ("http.reset.host", True)
    assert judged(unfetched(RESET, other), PLAIN_OK).mechanism == "http.reset"  # nobody tried the name again
    assert judged(unfetched(RESET, other, plain_exchange(purpose=REPEAT)), PLAIN_OK).rule == "not_repeated"


@pytest.mark.parametrize(
    ("control", "rule"),
    [([OK_PAGE], "page_throttled"), ([visit(exchanges=(transfer(25.0),))], "tls_valid"), ([], "tls_slow_no_control")],
)
def test_a_slow_page_is_throttled_only_if_the_control_is_fast(control, rule):
    assert judged(SLOW_PAGE, *control).rule == rule


def test_a_page_too_short_to_have_a_speed_is_not_slow():
    short = visit(
        exchanges=(
            transfer(3.0, 2000),
            transfer(0.1, 2000, url="https://www.example.com/", purpose=BASELINE),
            transfer(3.0, 2000, purpose=REPEAT),
        )
    )
    assert judged(short, OK_PAGE).rule == "tls_valid"


def test_throttling_of_a_cleartext_page_is_by_its_host():
    slow = plain(
        exchanges=(
            plain_exchange(first_byte=1.0, t=31.0, wire_length=200_000),
            plain_exchange(first_byte=1.0, t=2.0, wire_length=200_000, url="http://www.example.com/", purpose=BASELINE),
        )
    )
    fast = plain(exchanges=(plain_exchange(first_byte=1.0, t=2.0, wire_length=200_000),))
    assert judged(slow, fast).mechanism == "http.throttle.host"


def test_a_neutral_name_that_falls_silent_after_the_suspected_one_is_noted_as_residual():
    cut = unsecured(TIMEOUT, swap(), handshake(failure=TIMEOUT, chain=(), purpose=REPEAT))
    tries = [(SNI_SWAP, None), (REPEAT, None), (SNI_SWAP, TIMEOUT), (REPEAT, TIMEOUT)]
    connects = [connect(failure=failed, purpose=what, t0=10.0 + n) for n, (what, failed) in enumerate(tries)]
    residual = judged(replace(cut, connects=(connect(), *connects)), OK)
    assert (residual.rule, residual.notes) == ("tls_timeout_sni", ("residual_blocking",))
    assert judged(replace(cut, connects=(connect(), *connects[:2])), OK).notes == ()


def test_a_line_without_ipv6_is_not_judged_by_it():
    both = visit(
        queries=(query(AT, "2606:2800::1"), query(AT, role="doh")),
        connects=(connect(failure="connection_refused"), connect("2606:2800::1", TIMEOUT)),
        handshakes=(),
        exchanges=(),
        failure="connection_refused",
    )
    down = visit(connects=(connect(failure="connection_refused"),), handshakes=(), exchanges=(), failure="x")
    assert judged(replace(both, ipv6=False), down).rule == "down_alike"


def test_a_cleartext_site_at_an_odd_address_with_its_own_certificate_is_a_cdn():
    odd = plain(
        queries=(query(ELSEWHERE), query(AT, role="doh")),
        connects=(connect(ELSEWHERE, port=80), connect(ELSEWHERE, purpose=VALIDATE)),
        handshakes=(handshake(ELSEWHERE, purpose=VALIDATE),),
        exchanges=(plain_exchange(ELSEWHERE),),
    )
    assert judged(odd, PLAIN_OK).rule == "http_same_page"


def test_tls_that_fails_beside_a_cleartext_page_is_no_failure_of_the_page():
    beside = plain(
        connects=(connect(port=80), connect(purpose=VALIDATE)), handshakes=(handshake(failure=RESET, purpose=VALIDATE),)
    )
    assert judged(beside, PLAIN_OK).rule == "http_same_page"


# --- the second look may take it back


def test_a_suspected_name_that_fails_only_sometimes_is_blocked_but_not_confirmed():
    most = judged(unsecured(RESET, swap(), *again(RESET, None, RESET)), OK)
    assert (most.rule, most.confirmed) == ("tls_reset", False)
    assert judged(unsecured(RESET, swap(), *again(RESET, None)), OK).rule == "not_repeated"


@pytest.mark.parametrize("ours", ["interrupted", "unknown_failure", "network_down"])
def test_a_repetition_that_ended_by_our_own_doing_confirms_nothing(ours):
    judgement = judged(unsecured(RESET, swap(), *again(ours, ours)), OK)
    assert (judgement.rule, judgement.confirmed) == ("tls_reset", False)
    assert judged(unsecured(RESET, swap(), *again(RESET, ours)), OK).confirmed
    assert judged(unsecured(RESET, swap(), *again(None, ours)), OK).rule == "not_repeated"


def test_another_name_that_ended_by_our_own_doing_was_not_asked():
    assert _facts(unsecured(RESET, swap("interrupted"), *again(RESET))).swap == "not_measured"
    assert _facts(unsecured(RESET, swap("interrupted"), neutral("interrupted"))).line == "not_measured"
    assert _facts(unsecured(RESET, neutral("network_down"))).line == "dead"


def _facts(measurement):
    return facts.of(measurement, [OK], KZ)


def test_an_address_that_accepted_connections_again_was_not_blocked():
    came_back = [connect(purpose=REPEAT) for _ in range(3)]
    silent = [connect(failure=TIMEOUT, purpose=REPEAT) for _ in range(3)]
    closed = unconnected(TIMEOUT)
    assert judged(replace(closed, connects=(*closed.connects, *came_back)), OK).rule == "not_repeated"
    assert judged(replace(closed, connects=(*closed.connects, *silent)), OK).rule == "tcp_timeout"


def test_repetitions_that_did_not_get_as_far_as_the_handshake_failed_too():
    cut = unsecured(TIMEOUT, swap(), *again(None))
    unreached = [connect(failure=TIMEOUT, purpose=REPEAT) for _ in range(2)]
    assert judged(replace(cut, connects=(*cut.connects, *unreached)), OK).rule == "tls_timeout"


def test_a_line_is_dead_only_if_no_other_name_was_answered():
    assert judged(unsecured(TIMEOUT, swap(), *again(TIMEOUT), neutral(TIMEOUT)), OK).rule == "tls_timeout_sni"
    assert judged(unsecured(TIMEOUT, swap(TIMEOUT), *again(TIMEOUT), neutral()), OK).rule == "tls_timeout"
    good = connect("93.184.218.20", TIMEOUT, purpose=KNOWN_GOOD)
    closed = unconnected(TIMEOUT)
    assert judged(replace(closed, connects=(*closed.connects, good)), OK).rule == "line_failed"


# --- what looks like the site, and what looks like a notice


def test_a_notice_is_never_the_same_page_because_of_a_header_or_its_length():
    headers = (("X-Request-Id", "1"),)
    theirs = plain(exchanges=(plain_exchange(headers=headers),))
    words = "Доступ к сайту ограничен по решению суда"
    notice = {"title": None, "body": words, "body_sha256": "n", "body_length": 2900, "headers": headers}
    assert judged(plain(exchanges=(plain_exchange(**notice),)), theirs).rule == "http_page_doubtful"
    odd = (query(ELSEWHERE), query(AT, role="doh"))
    at_odds = plain(queries=odd, exchanges=(plain_exchange(ELSEWHERE, **notice),))
    assert judged(at_odds, theirs).verdict is Verdict.INCONCLUSIVE


def test_a_page_with_the_words_of_a_notice_that_the_control_got_byte_by_byte_is_the_site_s():
    words = {"title": None, "body": "Access is denied by order of the court", "body_sha256": "n", "body_length": 90}
    theirs = plain(exchanges=(plain_exchange(**{**words, "body": None}),))
    assert judged(plain(exchanges=(plain_exchange(**words),)), theirs).rule == "http_same_page"


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (200, "Access Denied"),
        (200, "Access to this website is restricted from your country"),
        (200, "Ваш доступ временно ограничен: подтвердите, что вы не робот"),
        (401, "Access is denied by law"),
        (429, "Access denied: too many requests, by order of the court"),
        (500, "access denied for user root by decision of"),
    ],
)
def test_a_server_s_own_refusal_is_no_notice(status, words):
    refused = {"title": "x", "body": words, "body_sha256": "r", "body_length": 90, "status": status}
    assert judged(plain(exchanges=(plain_exchange(**refused),)), PLAIN_OK).rule == "http_page_differs"


@pytest.mark.parametrize(
    "words",
    [
        "Access to this site has been blocked by order of the court",
        "Доступ к сайту ограничен по решению суда",
        "Доступ к ресурсу закрыт на основании постановления уполномоченного органа",
        "Бұл сайтқа кіру сот шешімі бойынша шектелген",
    ],
)
def test_a_notice_says_by_whose_order(words):
    notice = {"title": "x", "body": words, "body_sha256": "r", "body_length": 90}
    assert judged(plain(exchanges=(plain_exchange(**notice),)), PLAIN_OK).rule == "http_blockpage_vague"


def test_the_lab_s_block_page_is_proof_in_the_lab_only():
    page = {"title": "Imitated block page", "body": "x", "body_sha256": "r", "body_length": 90}
    shown = plain(exchanges=(plain_exchange(**page),))
    assert judged(shown).rule == "no_control"
    assert judged(replace(shown, imitated=True)).rule == "http_blockpage"


def test_another_country_s_page_is_no_proof():
    page = {"title": "Forbidden by the Ministry of Silence", "body": "x", "body_sha256": "r", "body_length": 90}
    shown = plain(exchanges=(plain_exchange(**page),))
    assert judge(shown, [], KZ, Setting(country="KZ")).rule == "http_blockpage"
    assert judge(shown, [], KZ, Setting(country="XX")).rule == "no_control"
    assert judge(shown, [PLAIN_OK], KZ, Setting(country="XX")).rule == "http_blockpage_vague"
    assert not judge(shown, [PLAIN_OK], KZ, Setting(country="XX")).artefact


def test_without_another_answer_nobody_says_that_a_known_page_came_by_the_resolver():
    shown = plain(queries=(query(AT),), exchanges=(plain_exchange(**BLOCK_PAGE),))
    assert judged(shown).mechanism == "http.blockpage"


# --- whose address, whose certificate


@pytest.mark.parametrize("failure", ["ssl_invalid_certificate", TIMEOUT])
def test_dates_or_a_silence_that_the_control_met_too_refute_no_address(failure):
    there = handshake(ELSEWHERE, failure, chain=())
    theirs = visit(
        connects=(connect(), connect(ELSEWHERE)), handshakes=(handshake(), handshake(ELSEWHERE, failure, chain=()))
    )
    assert judged(misled(there), theirs).rule == "dns_answer_unchecked"


def test_a_certificate_that_is_only_out_of_date_is_not_somebody_else_s():
    assert judged(unsecured("ssl_invalid_certificate", chain=FOREIGN), OK).rule == "tls_certificate_dated"
    itself = (certificate("97", subject=f"CN={HOST}", issuer=f"CN={HOST}"),)
    assert judged(unsecured("ssl_invalid_certificate", chain=itself), OK).mechanism == "tls.mitm.self_signed"


def test_a_certificate_that_no_parser_reads_is_not_called_signed_by_itself():
    unread = (certificate("97", subject="", issuer=""),)
    assert judged(unsecured("ssl_unknown_authority", chain=unread), OK).mechanism == "tls.mitm"


def test_a_copy_nearby_that_proves_itself_is_no_forgery():
    near = {"queries": (query(ELSEWHERE), query(ELSEWHERE, role="public"))}
    opened = misled(handshake(ELSEWHERE), exchanges=(exchange(ELSEWHERE),), **near)
    networks = Setting(networks={ELSEWHERE: 9198, AT: 15133})
    assert judge(opened, [OK], KZ, networks).notes == ()
    told = replace(opened, queries=(*near["queries"], query(AT, role="doh")))
    assert judge(told, [OK], KZ, networks).notes == ("dns_tampering",)


@pytest.mark.parametrize(("address", "artefact"), [(BOGON, True), ("0.0.0.0", False), ("127.0.0.1", False)])
def test_a_filter_at_home_answers_with_the_device_itself(address, artefact):
    judgement = judged(misled(address=address, connects=()), OK)
    assert (judgement.mechanism, judgement.artefact) == ("dns.injection.bogon", artefact)
    assert artefact or judgement.confidence == "medium"
