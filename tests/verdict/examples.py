"""For every rule one measurement with its controls that the rule decides: (measurement, controls, mechanism)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from checks.engine.records import BASELINE, REPEAT, Measurement
from tests.verdict.make import (
    AT,
    BLOCK_ADDRESS,
    BOGON,
    ELSEWHERE,
    again,
    baseline,
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

Example = tuple[Measurement, list[Measurement], str | None]

OK, PLAIN_OK = visit(), plain()
RESET, TIMEOUT, EOF = "connection_reset", "generic_timeout_error", "eof_error"
FOREIGN = (certificate("99", issuer="CN=Somebody"),)
INTERCEPTED = (certificate("98", issuer="CN=Short-lived 75,O=ISCA,C=KZ"),)
BLOCK_PAGE = {"title": "Access", "body": "Order no. 17 of the Ministry", "body_sha256": "bb", "body_length": 97}
VAGUE_PAGE = {"title": "403", "body": "<p>Страница заблокирована</p>", "body_sha256": "cc", "body_length": 90}
OTHER_PAGE = {"title": "Welcome back", "body": "Other words", "body_sha256": "dd", "body_length": 2000}
NOWHERE = (query(failure="dns_nxdomain_error"), query(role="doh", failure="dns_nxdomain_error"))
DEAD_NAME = unresolved("dns_nxdomain_error", queries=NOWHERE)
UNTRIED: dict[str, Any] = {"connects": (), "handshakes": (), "exchanges": ()}
UNCHAINED = visit(handshakes=(handshake(chain=()),))  # a control that does not tell which certificate it got
ALIKE_PAGE = {"title": None, "body": "Other words of the page", "body_sha256": "ee", "body_length": 2900}
SLOW = visit(handshakes=(handshake(took=3.0), baseline(0.2)))
OK_PAGE = visit(exchanges=(transfer(1.0),))
SLOW_PAGE = visit(
    exchanges=(
        transfer(30.0),
        transfer(1.5, url="https://www.example.com/", purpose=BASELINE),
        transfer(28.0, purpose=REPEAT),
    )
)
DIVERTED = plain(
    queries=(query(AT), query(AT, role="doh"), query(ELSEWHERE, host="other.kz", hop=1)),
    exchanges=(
        plain_exchange(location="https://other.kz/", status=302, title=None),
        exchange(ELSEWHERE, url="https://other.kz/", hop=1),
    ),
    handshakes=(handshake(ELSEWHERE, server_name="other.kz", hop=1),),
)

EXAMPLES: dict[str, Example] = {
    "probe_overloaded": (replace(unsecured(TIMEOUT), overloaded=True), [OK], None),
    "probe_failed": (unsecured("unknown_failure"), [OK], None),
    "tls_throttled": (SLOW, [OK], "tls.throttle.sni"),
    "page_throttled": (SLOW_PAGE, [OK_PAGE], "tls.throttle.sni"),
    "tls_slow_no_control": (SLOW, [], None),
    "tls_valid": (OK, [], None),
    "http_same_page": (plain(), [PLAIN_OK], None),
    "http_page_alike": (plain(exchanges=(plain_exchange(**ALIKE_PAGE),)), [PLAIN_OK], None),
    "tls_interception_ca": (unsecured("ssl_unknown_authority", chain=INTERCEPTED), [], "tls.mitm.ca_signed"),
    "dns_blockpage": (
        plain(queries=(query(ELSEWHERE), query(AT, role="doh")), exchanges=(plain_exchange(ELSEWHERE, **BLOCK_PAGE),)),
        [PLAIN_OK],
        "dns.injection.blockpage",
    ),
    "dns_known_address": (misled(address=BLOCK_ADDRESS), [OK], "dns.injection.blockpage"),
    "http_blockpage": (plain(exchanges=(plain_exchange(**BLOCK_PAGE),)), [], "http.blockpage"),
    "no_control": (unsecured(TIMEOUT), [], None),
    "resolver_not_asked": (visit(queries=(query(AT, role="doh"),)), [OK], None),
    "dns_blockpage_vague": (
        plain(queries=(query(ELSEWHERE), query(AT, role="doh")), exchanges=(plain_exchange(ELSEWHERE, **VAGUE_PAGE),)),
        [PLAIN_OK],
        "dns.injection.blockpage",
    ),
    "dns_ghost_forged": (
        visit(queries=(query(ELSEWHERE), query(ELSEWHERE, role="public"), NOWHERE[1]), **UNTRIED),
        [DEAD_NAME],
        "dns.injection.other",
    ),
    "down_name": (DEAD_NAME, [replace(DEAD_NAME, id="control")], None),
    "down_bogon": (
        visit(queries=(query(BOGON),), **UNTRIED),
        [visit(queries=(query(BOGON),), **UNTRIED)],
        None,
    ),
    "down_ghost": (visit(queries=(query(ELSEWHERE), NOWHERE[1]), **UNTRIED), [DEAD_NAME], None),
    "down_alike": (unconnected("connection_refused"), [unconnected(TIMEOUT)], None),
    "dns_nxdomain": (unresolved("dns_nxdomain_error"), [OK], "dns.nxdomain"),
    "dns_servfail": (unresolved("dns_servfail_error"), [OK], "dns.servfail"),
    "dns_refused": (unresolved("dns_refused_error"), [OK], "dns.refused"),
    "dns_timeout": (unresolved(TIMEOUT), [OK], "dns.timeout"),
    "dns_no_answer": (unresolved("dns_no_answer"), [OK], "dns.no_answer"),
    "dns_bogon": (misled(address=BOGON, connects=(), failure="dns_bogon_error"), [OK], "dns.injection.bogon"),
    "dns_bogon_local": (misled(address="0.0.0.0", connects=()), [OK], "dns.injection.bogon"),
    "dns_two_replies": (
        misled(
            handshake(ELSEWHERE, "ssl_invalid_hostname", chain=FOREIGN),
            queries=(query(ELSEWHERE), query(AT, late=True), query(AT, role="doh")),
        ),
        [OK],
        "dns.injection.other",
    ),
    "dns_answer_refuted": (
        misled(handshake(ELSEWHERE, "ssl_invalid_hostname", chain=FOREIGN)),
        [OK],
        "dns.injection.other",
    ),
    "dns_answer_unchecked": (misled(), [OK], None),
    "not_repeated": (unsecured(TIMEOUT, swap(), *again(None, TIMEOUT, None)), [OK], None),
    "line_failed": (unsecured(TIMEOUT, swap(TIMEOUT), *again(TIMEOUT), neutral(TIMEOUT)), [OK], None),
    "tcp_timeout": (unconnected(TIMEOUT), [OK], "tcp.timeout"),
    "tcp_reset": (unconnected(RESET), [OK], "tcp.reset"),
    "tcp_refused": (unconnected("connection_refused"), [OK], "tcp.refused"),
    "ip_unreachable": (unconnected("host_unreachable"), [OK], "ip.unreachable"),
    "tls_certificate_ours": (unsecured("ssl_invalid_certificate", chain=(certificate(),)), [OK], None),
    "page_unfinished": (
        visit(exchanges=(exchange(failure=TIMEOUT, status=200, first_byte=0.5, wire_length=16384),), failure=TIMEOUT),
        [OK],
        None,
    ),
    "page_stalled": (
        visit(exchanges=(exchange(failure=TIMEOUT, status=200, first_byte=0.5, wire_length=16383),), failure=TIMEOUT),
        [OK],
        "tls",
    ),
    "secured_then_cut": (visit(exchanges=(exchange(failure=RESET),), failure=RESET), [OK], "http.reset"),
    "tls_reset_sni": (unsecured(RESET, swap(), *again(RESET, RESET)), [OK], "tls.reset.sni"),
    "tls_timeout_sni": (
        unsecured(TIMEOUT, swap("ssl_invalid_hostname"), *again(TIMEOUT)),
        [OK],
        "tls.timeout.sni",
    ),
    "tls_eof_sni": (unsecured(EOF, swap(), *again(EOF)), [OK], "tls.eof.sni"),
    "tls_reset": (unsecured(RESET), [OK], "tls.reset"),
    "tls_timeout": (unsecured(TIMEOUT, swap(TIMEOUT)), [OK], "tls.timeout"),
    "tls_eof": (unsecured(EOF), [OK], "tls.eof"),
    "tls_certificate_dated": (unsecured("ssl_invalid_certificate", chain=FOREIGN), [UNCHAINED], None),
    "tls_foreign_certificate": (unsecured("ssl_unknown_authority", chain=FOREIGN), [OK], "tls.mitm"),
    "tls_certificate_refused": (unsecured("ssl_unknown_authority", chain=FOREIGN), [UNCHAINED], "tls.mitm"),
    "http_reset": (unfetched(RESET), [PLAIN_OK], "http.reset"),
    "http_timeout": (unfetched(TIMEOUT), [PLAIN_OK], "http.timeout"),
    "http_eof": (unfetched(EOF), [PLAIN_OK], "http.eof"),
    "http_blockpage_vague": (plain(exchanges=(plain_exchange(**VAGUE_PAGE),)), [PLAIN_OK], "http.blockpage"),
    "redirect_elsewhere": (DIVERTED, [PLAIN_OK], None),
    "http_page_differs": (plain(exchanges=(plain_exchange(**OTHER_PAGE),)), [PLAIN_OK], None),
    "http_page_doubtful": (
        plain(exchanges=(plain_exchange(**{**ALIKE_PAGE, "body": "Access to this site is denied"}),)),
        [PLAIN_OK],
        None,
    ),
    "page_not_compared": (plain(), [unfetched(TIMEOUT)], None),
    "dns_too_few_controls": (
        unresolved("dns_nxdomain_error", queries=(query(failure="dns_nxdomain_error"),)),
        [OK],
        None,
    ),
    "control_split": (unconnected(TIMEOUT), [OK, unconnected(TIMEOUT)], None),
    "control_failed_otherwise": (unsecured(TIMEOUT), [unsecured("ssl_invalid_certificate")], None),
    "control_not_paired": (
        unsecured(TIMEOUT),
        [
            visit(
                queries=(query(AT, ELSEWHERE),),
                connects=(connect(ELSEWHERE),),
                handshakes=(handshake(ELSEWHERE),),
                exchanges=(exchange(ELSEWHERE),),
            )
        ],
        None,
    ),
    "unexplained": (visit(exchanges=(exchange(failure=EOF),), failure=EOF), [OK], None),
}
