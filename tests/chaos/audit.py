"""What came of a sweep, compared as sets in the database. This program knows tables, and nothing of our code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import psycopg

Pair = tuple[int, int]  # run, target
Site = tuple[str, int]  # URL, AS number


@dataclass(frozen=True)
class Outcome:
    """All that is compared. `states` are by URL and AS number."""

    planned: frozenset[Pair]
    closing: Counter[Pair]
    excused: Mapping[Pair, str]  # of runs that say themselves why nothing was measured, and why
    unfinished: int
    extra: int  # measurements beside the closing ones
    attempts: Counter[int]  # how many runs took so many attempts
    verdicts: Counter[Any]  # measurement → verdicts under the current ruleset, of access vantages' closing ones
    judged_otherwise: int  # verdicts on what is no closing measurement
    halves: int  # recorded runs of which some targets came home and others did not
    parked: int
    states: dict[Site, str]
    unmeasured: frozenset[Site]  # of whose checks, or their controls', some are excused


def read(url: str) -> Outcome:
    with psycopg.connect(url) as database:

        def rows(sql: str) -> list[tuple[Any, ...]]:
            return database.execute(sql.encode()).fetchall()

        asked = "SELECT r.id, t.value::bigint FROM checks_run r, jsonb_array_elements_text(r.targets) t"
        closing = Counter(rows("SELECT run_id, target_id FROM checks_measurement WHERE closing AND origin IS NULL"))
        planned = frozenset(rows(asked))
        silent = "jsonb_array_length(COALESCE(r.self_test->'failed', '[]')) > 0"
        why = f"CASE WHEN {silent} THEN 'self-test: ' || (r.self_test->>'failed') ELSE r.failure END"
        excused = rows(
            f"SELECT r.id, t.id, {why}, t.url, n.asn FROM checks_run r "
            "CROSS JOIN jsonb_array_elements_text(r.targets) a JOIN checks_target t ON t.id = a.value::bigint "
            "JOIN checks_round o ON o.id = r.round_id JOIN checks_vantage v ON v.id = o.vantage_id "
            f"JOIN checks_network n ON n.id = v.network_id WHERE r.state = 'failed' AND r.failure <> '' OR {silent}"
        )
        by_run = Counter(run for run, _ in closing)
        asked_of = Counter(run for run, _ in planned)
        return Outcome(
            planned=planned,
            closing=closing,
            excused={(run, target): reason for run, target, reason, _, _ in excused},
            unfinished=rows("SELECT count(*) FROM checks_run WHERE state NOT IN ('recorded', 'failed')")[0][0],
            extra=rows("SELECT count(*) FROM checks_measurement WHERE NOT closing")[0][0],
            attempts=Counter(attempt for (attempt,) in rows("SELECT attempt FROM checks_run")),
            verdicts=Counter(
                pk
                for (pk,) in rows(
                    "SELECT m.id FROM checks_measurement m JOIN checks_verdict v ON v.measurement = m.id "
                    "WHERE m.closing AND NOT m.control"
                )
            ),
            judged_otherwise=rows(
                "SELECT count(*) FROM checks_verdict v WHERE NOT EXISTS "
                "(SELECT 1 FROM checks_measurement m WHERE m.id = v.measurement AND m.closing AND NOT m.control)"
            )[0][0],
            halves=sum(1 for run, count in by_run.items() if count != asked_of[run]),
            parked=rows("SELECT count(*) FROM checks_parked")[0][0],
            states={
                (address, asn): state
                for address, asn, state in rows(
                    "SELECT t.url, n.asn, c.state FROM checks_cell c JOIN checks_target t ON t.id = c.target_id "
                    "JOIN checks_network n ON n.id = c.network_id"
                )
            },
            unmeasured=frozenset((url, asn) for _, _, _, url, asn in excused),
        )


RERUNS = 0.02
SLACK = 4  # runs, where that is more: of a thousand checks one run whose lease ended on a busy machine is 3 % already
UNMEASURED = 0.5  # more than that excused is no sweep


def faults(found: Outcome, undisturbed: Outcome | None = None) -> list[str]:
    """What is wrong, a sentence each; nothing where nothing was lost or doubled."""
    said = []
    missing = found.planned - set(found.closing) - set(found.excused)
    access = found.verdicts
    judged = sum(access.values())
    largest = max(Counter(run for run, _ in found.planned).values(), default=0)
    again = max(RERUNS * len(found.planned), SLACK * largest)
    for number, what in [
        (found.unfinished, "runs have not ended"),
        (len(missing), "planned checks have neither a result nor a reason"),
        (len(set(found.closing) - found.planned), "results were never planned"),
        (sum(count > 1 for count in found.closing.values()), "checks have more than one closing result"),
        (sum(count > 1 for count in access.values()), "measurements were judged more than once"),
        (found.judged_otherwise, "verdicts rest on what closes no run"),
        (found.halves, "runs were recorded by half"),
        (found.parked, "pieces of work failed"),
        (max(0, round(len(found.excused) - UNMEASURED * len(found.planned))), "checks not measured too many"),
        (max(0, round(found.extra - again)), f"measurements too many ({again:.0f} may be made again)"),
    ]:
        if number:
            said.append(f"{number} {what}")
    if not judged:
        said.append("nothing was judged")
    other = _otherwise(found, undisturbed) if undisturbed else {}
    if other:
        told = ", ".join(f"{url} on AS{asn}: {now} for {then}" for (url, asn), (now, then) in sorted(other.items())[:5])
        why = ", ".join(f"{count} x {reason}" for reason, count in Counter(found.excused.values()).items())
        said.append(f"{len(other)} states are not those of the undisturbed sweep: {told} (not measured: {why or 0})")
    return said


def _otherwise(found: Outcome, undisturbed: Outcome) -> dict[Site, tuple[str | None, str | None]]:
    """The states that differ. One of a site that was not measured each time may be that too little is known."""
    both = {site: (found.states.get(site), undisturbed.states.get(site)) for site in found.states | undisturbed.states}
    return {
        site: (now, then)
        for site, (now, then) in both.items()
        if now != then and not (now == "insufficient" and site in found.unmeasured)
    }
