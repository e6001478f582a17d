"""`python -m benchmarks.verdict`: how many measurements one core judges, and what two thousand fingerprints cost.

Everything is synthetic and made here: documents in OONI's format of 6 to 8 kB, each with a page of its own, so
that no body has been seen before, and fingerprints that are as long as those of real lists.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from benchmarks import report
from benchmarks.goals import Judgement
from checks.engine.records import Exchange
from checks.verdict import facts, ooni
from checks.verdict.fingerprints import Fingerprint, References
from checks.verdict.judge import conclude
from checks.verdict.trace import trace

FINGERPRINTS = 2000
OONI_RATE = 710  # measurements/s of OONI's fastpath on such documents (the issue)
PAGE = 30_000  # characters
_SYLLABLES = [
    "ka",
    "zak",
    "sta",
    "no",
    "vos",
    "ti",
    "re",
    "giste",
    "pub",
    "lic",
    "ка",
    "зак",
    "стан",
    "жаңа",
    "лық",
    "тар",
]


def main() -> int:
    options = _options()
    now = datetime.now(UTC)
    machine = report.machine(now)
    chance = random.Random(1)
    documents = [document(number, chance) for number in range(options.documents)]
    machine["documents"] = f"{len(documents)} of {sum(map(len, documents)) / len(documents) / 1000:.1f} kB"
    pages = [_page(chance, PAGE) for _ in range(200)]
    text = _best(options.rounds, lambda: _from_text(documents))
    judged = [
        _goal("from parsed facts, judgements/s", _best(options.rounds, lambda: _from_facts(documents)), 10_000),
        _goal("from records and controls, judgements/s", _best(options.rounds, lambda: _from_records(documents))),
        _goal("from OONI's JSON text, judgements/s", text, 3500),
        _goal("the same, as a multiple of OONI's fastpath (710/s)", text / OONI_RATE, 5),
        _goal("the same without fingerprints, judgements/s", _best(options.rounds, lambda: _from_text(documents, 0))),
        _goal("with --explain, judgements/s", _best(options.rounds, lambda: _explained(documents))),
        _cost("2,000 fingerprints on a page of 30 kB never seen, ms", _best(options.rounds, lambda: _scans(pages)), 1),
        _cost("the worst page of them, ms", _worst(pages), None),
    ]  # fmt: skip
    print("\n".join(f"{key}: {value}" for key, value in machine.items()))
    print("\nGoals")
    for one in judged:
        print(f"  {one.text:58}  {one.value:>10.2f}  {one.bound:>9}  {one.outcome}")
    report.keep("verdict", now, {"machine": machine, "goals": [asdict(one) for one in judged]})
    return 0


# --- what is measured: each answers with a rate per second of CPU ---------------------------------


def _rate(count: int, work: Callable[[], None]) -> float:
    began = time.process_time()
    work()
    return count / (time.process_time() - began)


def _from_facts(documents: Sequence[str]) -> float:
    references = _references(FINGERPRINTS)
    drawn = [_facts(ooni.read(json.loads(text)), references) for text in documents]
    return _rate(len(drawn), lambda: [conclude(one, "", "") for one in drawn] and None)


def _from_records(documents: Sequence[str]) -> float:
    references = _references(FINGERPRINTS)
    found = [ooni.read(json.loads(text)) for text in documents]
    return _rate(len(found), lambda: [conclude(_facts(one, references), "", "") for one in found] and None)


def _from_text(documents: Sequence[str], count: int = FINGERPRINTS) -> float:
    references = _references(count)

    def work() -> None:
        for text in documents:
            conclude(_facts(ooni.read(json.loads(text)), references), "", references.revision)

    return _rate(len(documents), work)


def _explained(documents: Sequence[str]) -> float:
    references = _references(FINGERPRINTS)

    def work() -> None:
        for text in documents:
            drawn = _facts(ooni.read(json.loads(text)), references)
            conclude(drawn, "", references.revision)
            trace(drawn)

    return _rate(len(documents), work)


def _scans(pages: Sequence[str]) -> float:
    matcher = _references(FINGERPRINTS)._matchers["body"]
    return _rate(len(pages), lambda: [matcher.find(page) for page in pages] and None)


def _worst(pages: Sequence[str]) -> float:
    """Pages a second, of the slowest. The first ones find the automaton without a single state."""
    matcher = _references(FINGERPRINTS)._matchers["body"]
    return min(_rate(1, lambda page=page: matcher.find(page) and None) for page in pages)


def _facts(found: ooni.Import, references: References) -> facts.Facts:
    return facts.of(found.measurement, found.controls, references, found.setting)


def _best(rounds: int, rate: Callable[[], float]) -> float:
    """Of the same work: what else runs on the machine can only add to its time (as `timeit` says)."""
    return max(rate() for _ in range(rounds))


def _goal(text: str, value: float, at_least: float | None = None) -> Judgement:
    if at_least is None:
        return Judgement(text, value, "", "reported")
    return Judgement(text, value, f">= {at_least:g}", "reached" if value >= at_least else "not reached")


def _cost(text: str, rate: float, at_most: float | None) -> Judgement:
    value = 1000 / rate
    if at_most is None:
        return Judgement(text, value, "", "reported")
    return Judgement(text, value, f"<= {at_most:g}", "reached" if value <= at_most else "not reached")


# --- what it is measured with ---------------------------------------------------------------------


def _references(count: int) -> References:
    """New every time: built, and no page seen yet. Two thirds are on bodies; one in a hundred is a pattern."""
    chance = random.Random(2)
    found = References(fingerprints=tuple(_fingerprint(number, chance) for number in range(count)), revision="bench")
    found.page(Exchange(0, "", 80, "", 0.0, 0.0, status=200, title="a", body="a", headers=(("Location", "a"),)))
    return found


def _fingerprint(number: int, chance: random.Random) -> Fingerprint:
    field = chance.choices(["body", "header.location", "title", "dns"], [66, 20, 4, 10])[0]
    scope = chance.choices(["isp", "false_positive", "vbw"], [60, 30, 10])[0]
    words = " ".join(_word(chance) for _ in range(chance.randint(2, 8)))
    if field == "body" and number % 100 == 0:
        return Fingerprint(f"f{number}", field, f"<b>{words}.*{_word(chance)}</b>", scope, "regexp")
    return Fingerprint(f"f{number}", field, f"<i>{words}" if field == "body" else words, scope, "contains")


def _word(chance: random.Random) -> str:
    return "".join(chance.choices(_SYLLABLES, k=chance.randint(2, 5)))


def _page(chance: random.Random, length: int) -> str:
    parts: list[str] = [f"<!doctype html><html><head><title>{_word(chance)} {_word(chance)}</title></head><body>"]
    size = len(parts[0])
    while size < length:
        parts.append(f'<div class="{_word(chance)}"><i>{_word(chance)} {_word(chance)}</i> {_word(chance)}</div>\n')
        size += len(parts[-1])
    return "".join(parts)[:length]


def document(number: int, chance: random.Random) -> str:
    """One in four opens over TLS; the others end in cleartext, in TLS, or in the name."""
    host, at = f"site{number}.kz", f"93.184.{number % 250}.{1 + number % 200}"
    secure, ending = number % 2 == 0, number % 4
    url = f"{'https' if secure else 'http'}://{host}/"
    port, page = 443 if secure else 80, _page(chance, 3500)
    name_failed, tls_failed = ending == 3 and number % 3 == 0, ending == 2
    tags = ["classic", "tcptls_experiment", "depth=0", "fetch_body=true"]
    times = {"t0": 0.1, "t": 0.2, "tags": tags, "transaction_id": 1}

    def query(engine: str, kind: str) -> dict[str, Any]:
        failure = "dns_nxdomain_error" if name_failed and engine == "getaddrinfo" else None
        answers = [{"answer_type": "A", "ipv4": at, "asn": 15133, "as_org_name": "Example", "ttl": None}]
        return {
            "hostname": host, "query_type": kind, "engine": engine, "failure": failure, "raw_response": None,
            "resolver_address": "1.1.1.1:53", "answers": None if failure else answers, **times,
        }  # fmt: skip

    header = {"Content-Type": "text/html; charset=utf-8", "Server": "nginx", "Date": "Thu, 19 Nov 2026 10:00:00 GMT"}
    request = {
        "network": "tcp", "address": f"{at}:{port}", "alpn": "http/1.1", "failure": None, **times,
        "request": {"method": "GET", "url": url, "headers": {"Host": host, "Accept": "text/html"}, "body": ""},
        "response": {"code": 200, "headers": header, "headers_list": [[k, v] for k, v in header.items()], "body": page,
                     "body_is_truncated": False},
    }  # fmt: skip
    keys = {
        "agent": "redirect", "client_resolver": "1.1.1.1", "control_failure": None, "x_blocking_flags": 32,
        "queries": [query("getaddrinfo", "ANY"), query("udp", "A"), query("udp", "AAAA"), query("doh", "A")],
        "tcp_connect": [
            {"ip": at, "port": p, "status": {"success": True, "failure": None}, **times} for p in {port, 443}
        ],
        "tls_handshakes": [
            {"address": f"{at}:443", "server_name": host, "no_tls_verify": False, "peer_certificates": None,
             "failure": "connection_reset" if tls_failed else None, "tls_version": "TLSv1.3", **times},
        ],
        "requests": [] if tls_failed or name_failed else [request],
        "network_events": [{"operation": "read", "num_bytes": 512, "failure": None, **times} for _ in range(3)],
        "control": {
            "dns": {"failure": None, "addrs": [at]},
            "tcp_connect": {f"{at}:{p}": {"status": True, "failure": None} for p in {port, 443}},
            "tls_handshake": {f"{at}:443": {"server_name": host, "status": True, "failure": None}},
            "http_request": {"failure": None, "status_code": 200, "body_length": len(page.encode()), "headers": header,
                             "title": page.partition("<title>")[2].partition("<")[0]},
            "ip_info": {at: {"asn": 15133, "flags": 11}},
        },
    }  # fmt: skip
    whole = {
        "data_format_version": "0.2.0", "test_name": "web_connectivity", "test_version": "0.5.28", "input": url,
        "measurement_start_time": "2026-11-19 10:00:00", "test_start_time": "2026-11-19 10:00:00", "test_runtime": 1.0,
        "probe_asn": "AS9198", "probe_cc": "KZ", "probe_ip": "127.0.0.1", "report_id": f"bench-{number}",
        "software_name": "bench", "software_version": "1", "resolver_asn": "AS9198", "test_keys": keys,
    }  # fmt: skip
    return json.dumps(whole, ensure_ascii=False)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.verdict", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="figures are the best of so many (5)")
    parser.add_argument("--documents", type=int, default=2000, help="how many documents (2000)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
