"""Months of measurements, for `benchmarks.store`: run inside `manage.py shell`, where Django is ready."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import duckdb
from django.db import connection
from django.test import Client
from django.test.utils import setup_test_environment
from django.utils import timezone

from benchmarks.filled import save
from checks import archive, archived, counting, partitions
from checks.models import Network, Plan, Round, Run, Target, Vantage
from checks.verdict import episodes, rules
from checks.verdict.state import CellVerdict
from registry import guards, status
from registry.models import Coverage, Resource

BEGAN = datetime(2026, 1, 4, tzinfo=UTC)
DAY = timedelta(days=1)
BATCH = 200  # targets of a run
DOCUMENT = 500  # bytes of a record as it is kept (docs/benchmarks.md, batches that come home)
TURNS = 3  # of a page and of a scan; the median counts, after one that does not


def fill(targets: int, on: int, rounds: int) -> None:
    """A round a day of every target on so many networks, judged. One pair in four is blocked for some weeks, some
    twice; in a hundred verdicts three are inconclusive and one is down. A state is what the last that was neither says,
    and an episode lasts until the next that says otherwise, so that a scan can tell the same.
    """
    guards.lift()
    hosts = [f"site-{number}.kz" for number in range(targets)]
    save(Target, (Target(url=f"https://{host}/", host=host) for host in hosts))
    save(Resource, (Resource(type="domain", name=host, host=host, slug=host, search=host) for host in hosts))
    pairs = zip(
        *(model.objects.order_by("pk").values_list("pk", flat=True) for model in (Resource, Target)), strict=True
    )
    save(Coverage, (Coverage(resource_id=one, target_id=target, canonical=True) for one, target in pairs))
    networks = [Network(asn=65000 + n, name=f"BENCH-{n}", kind=Network.Kind.ACCESS) for n in range(on)]
    save(Network, networks)
    save(Vantage, map(_vantage, networks))
    plan = Plan.objects.create(name="bench", period=DAY, due_at=BEGAN)
    save(Round, _rounds(plan, rounds, targets))
    save(Run, _runs())
    told = {"began": BEGAN, "batch": BATCH, "ruleset": rules.RULESET, "checkpoint": json.dumps(_checkpoint())}
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")  # what it points at is there: it is not looked for
        for number in range(rounds):
            partitions.make_ahead(BEGAN + number * DAY)
            cursor.execute(_MEASURED, {**told, "number": number, "document": os.urandom(DOCUMENT)})
        cursor.execute(_CELLS, told)
        cursor.execute(_EPISODES, told)
        cursor.execute("VACUUM ANALYZE")
    status.count(at=timezone.now())


def _vantage(network: Network) -> Vantage:
    return Vantage(network=network, name=network.name.lower(), role="access", public_key=f"{network.asn:064x}")


def _rounds(plan: Plan, rounds: int, targets: int) -> Iterator[Round]:
    for number in range(rounds):
        for vantage in Vantage.objects.order_by("pk"):
            for batch in range(-(-targets // BATCH)):
                yield Round(plan=plan, vantage=vantage, slot=BEGAN + number * DAY, batch=batch)


def _runs() -> Iterator[Run]:
    """Their lists of targets are left out."""
    for one in Round.objects.order_by("pk").iterator():
        ended = {"recorded_at": one.slot, "judged_at": one.slot, "due_at": one.slot}
        yield Run(round=one, vantage_id=one.vantage_id, targets=[], state=Run.State.RECORDED, attempt=1, **ended)


def _checkpoint() -> dict[str, Any]:
    """One as large as real ones are."""
    value = rules.Verdict.BLOCKED
    said = [
        CellVerdict(BEGAN + n * DAY, str(n), "1", value, "tls.reset.sni", "tls_reset_sni", False, False, str(n) * 36)
        for n in range(3)
    ]
    mark = episodes.replay(said, until=BEGAN + 3 * DAY, plan_period=DAY).last
    return {"ruleset": rules.RULESET, "window": (3 * DAY).total_seconds(), "mark": mark.as_json()}


# Of one round. `chance` is of the pair and stays, `noise` is of the verdict alone.
_MEASURED = """
WITH drawn AS MATERIALIZED (
    SELECT *, (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || substr(name, 1, 3)
        || '8' || substr(name, 4, 15))::uuid AS measurement, CASE
            WHEN noise < 3 THEN 'inconclusive'
            WHEN noise < 4 THEN 'down'
            WHEN chance < 100 AND %(number)s >= chance AND (%(number)s - chance) %% 60 < 40 THEN 'blocked'
            ELSE 'accessible' END AS verdict
    FROM (
        SELECT *, md5(pair || '/' || %(number)s) AS name, (hashint8extended(pair, 0) & 1048575) %% 400 AS chance,
            (hashint8extended(pair, %(number)s + 1) & 1048575) %% 100 AS noise
        FROM (
            SELECT run.id AS run_id, target.id AS target_id, vantage.network_id, vantage.id AS vantage_id,
                target.id * 1000 + vantage.network_id AS pair,
                round.slot + round.batch * interval '20 minutes' + vantage.network_id * interval '1 minute'
                    + target.id %% %(batch)s * interval '0.25 seconds' AS at
            FROM checks_round round
            JOIN checks_run run ON run.round_id = round.id
            JOIN checks_vantage vantage ON vantage.id = round.vantage_id
            JOIN (SELECT id, (row_number() OVER (ORDER BY id) - 1) / %(batch)s AS batch FROM checks_target) target
                ON target.batch = round.batch
            WHERE round.slot = %(began)s + %(number)s * interval '1 day'
        ) visit
    ) named
    ORDER BY at, pair
), kept AS (
    INSERT INTO checks_measurement (id, run_id, attempt, closing, target_id, network_id, vantage_id, control,
        started_at, recorded_at, failure, imitated, document)
    SELECT measurement, run_id, 1, true, target_id, network_id, vantage_id, false, at, at + interval '5 minutes',
        CASE verdict WHEN 'accessible' THEN '' WHEN 'blocked' THEN 'connection_reset' ELSE 'generic_timeout_error' END,
        false, %(document)s
    FROM drawn
)
INSERT INTO checks_verdict (measurement, run_id, target_id, network_id, vantage_id, at, verdict, mechanism, rule,
    ruleset, confidence, artefact, confirmed, notes, controls, fingerprints, trust_store, imitated)
SELECT measurement, run_id, target_id, network_id, vantage_id, at, verdict,
    CASE WHEN verdict <> 'blocked' THEN '' WHEN chance %% 3 = 0 THEN 'dns.injection.bogon' ELSE 'tls.reset.sni' END,
    CASE WHEN verdict = 'accessible' THEN 'tls_valid' WHEN verdict = 'down' THEN 'down_alike'
        WHEN verdict = 'inconclusive' THEN 'no_control' WHEN chance %% 3 = 0 THEN 'dns_bogon' ELSE 'tls_reset_sni' END,
    %(ruleset)s, 'high', verdict = 'blocked' AND chance %% 3 = 0, false, '[]',
    jsonb_build_array(overlay(name PLACING '0195' FROM 1)::uuid), '2026-11-01', 'certifi 2026.10.01', false
FROM drawn
"""

# What scans tell, too: the last that was said of each pair, and where it was another than before.
LATEST = """
SELECT DISTINCT ON (target_id, network_id) * FROM checks_verdict WHERE verdict IN ('blocked', 'accessible')
ORDER BY target_id, network_id, at DESC
"""
CHANGES = """
SELECT * FROM (
    SELECT *, lag(verdict) OVER pair AS before, lag(at) OVER pair AS not_before FROM checks_verdict
    WHERE verdict IN ('blocked', 'accessible') WINDOW pair AS (PARTITION BY target_id, network_id ORDER BY at)
) said WHERE before IS NULL OR before <> verdict
"""
_CELLS = f"""
INSERT INTO checks_cell (target_id, network_id, state, mechanism, counts, rules, counted_from, counted_until,
    measurements, conclusive, runs, vantages, places, split, usual, fewer, witnesses, candidate, measured_at,
    checkpoint)
SELECT target_id, network_id, verdict, mechanism, jsonb_build_object(verdict, 3), jsonb_build_object(rule, 3),
    at - interval '3 days', at, 3, 3, 3, 1, jsonb_build_object('bench-' || network_id, jsonb_build_object(verdict, 3)),
    false, 3, false, jsonb_build_array(measurement, measurement, measurement), '', at, %(checkpoint)s
FROM ({LATEST}) latest
"""
_EPISODES = f"""
INSERT INTO checks_episode (target_id, network_id, state, mechanism, change, not_before, began_at, decided_at, seen_at,
    ended_at, witnesses, checkpoint)
SELECT target_id, network_id, verdict, mechanism,
    CASE WHEN before IS NULL THEN 'first' WHEN verdict = 'blocked' THEN 'block' ELSE 'unblock' END,
    not_before, at, at, at, lead(at) OVER (PARTITION BY target_id, network_id ORDER BY at),
    jsonb_build_array(measurement, measurement, measurement), %(checkpoint)s
FROM ({CHANGES}) changes
"""


# --- the same as files


def write(folder: str) -> None:
    """A file a month with the columns of the archive, and in its layout; documents are left out."""
    columns = dict(archived.COLUMNS)
    del columns["document"]
    path = Path(folder)
    with duckdb.connect() as files:
        for month in Round.objects.datetimes("slot", "month", tzinfo=UTC):
            text = path / "month.csv"
            with (
                text.open("wb") as file,
                connection.cursor() as cursor,
                cursor.copy(
                    f"COPY ({_MONTH.format(partitions.name(partitions.first_day(month)))}) TO STDOUT (FORMAT csv)"
                ) as copy,
            ):
                for block in copy:
                    file.write(block)
            files.execute(
                f"COPY (SELECT * FROM read_csv('{text}', header = false, nullstr = '-', columns = {columns})) "
                f"TO '{path}/measurements-{month:%Y-%m}.parquet' "
                f"(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {archive.GROUP})"
            )
            text.unlink()


_MONTH = """
SELECT one.id, one.run_id, attempt, closing, one.target_id, url, one.network_id, asn, one.vantage_id, control,
    started_at, recorded_at, failure, one.imitated, ruleset, verdict, mechanism, rule, confidence
FROM {} one JOIN checks_verdict ON measurement = one.id
JOIN checks_target target ON target.id = one.target_id JOIN checks_network network ON network.id = one.network_id
ORDER BY one.id
"""


# --- what is asked


@dataclass(frozen=True, slots=True)
class Page:
    what: str
    address: str
    number: Callable[[Any], int]  # that the answer tells
    scan: str  # what tells the same by going through verdicts
    of_all: bool = True  # else an index leads a scan to those of one network or site


def _pages() -> Iterator[Page]:
    resource = Resource.objects.order_by("pk")[Resource.objects.count() // 2]
    network = Network.objects.order_by("pk")[0]
    blocked = f"SELECT count(DISTINCT target_id) FROM ({LATEST}) latest WHERE verdict = 'blocked'"
    yield Page("stats: sites that are blocked", "/api/v1/stats", _blocked, blocked)
    yield Page("matrix: sites that are blocked", "/en/matrix/?state=blocked", _listed, blocked)
    yield Page("episodes: all of them", "/en/episodes/", _listed, f"SELECT count(*) FROM ({CHANGES}) changes")
    yield Page(
        "episodes: how often it began",
        "/en/episodes/?change=block",
        _listed,
        f"SELECT count(*) FROM ({CHANGES}) changes WHERE before IS NOT NULL AND verdict = 'blocked'",
    )
    yield Page(
        "network: its blocked sites",
        f"/en/networks/{network.asn}/?state=blocked",
        _listed,
        f"SELECT count(*) FROM ({LATEST}) latest WHERE verdict = 'blocked' AND network_id = {network.pk}",
        of_all=False,
    )
    yield Page(
        "episodes: those of a network",
        f"/en/episodes/?network={network.asn}",
        _listed,
        f"SELECT count(*) FROM ({CHANGES}) changes WHERE network_id = {network.pk}",
        of_all=False,
    )
    target = resource.coverage.get().target_id
    yield Page(
        "resource: its episodes",
        f"/en/resources/{resource.slug}/",
        lambda answer: len(answer.context["status"].episodes),
        f"SELECT count(*) FROM ({CHANGES}) changes WHERE target_id = {target}",
        of_all=False,
    )


def _blocked(answer: Any) -> int:
    return sum(one["count"] for one in answer.json()["cross"] if one["observed"] == "blocked")


def _listed(answer: Any) -> int:
    return int(answer.context["page"].paginator.count)


def ask() -> None:
    """Each page and its scan in turns, which must tell the same number; what they took, in ms, as JSON, a line each."""
    setup_test_environment()
    client = Client(SERVER_NAME="localhost")
    for page in _pages():
        took: list[tuple[float, float, float]] = []
        for _ in range(1 + TURNS):
            clock, began = Clock(), time.perf_counter()
            with connection.execute_wrapper(clock):
                number = page.number(client.get(page.address))
            whole, scan = 1000 * (time.perf_counter() - began), Clock()
            with connection.execute_wrapper(scan), connection.cursor() as cursor:
                cursor.execute(page.scan)
                [(scanned,)] = cursor.fetchall()
            if number != scanned:
                raise SystemExit(f"{page.what}: {page.address} says {number}, and a scan {scanned}")
            took.append((clock.ms, scan.ms, whole))
        fast, slow, whole = (median(one) for one in zip(*took[1:], strict=True))
        print(json.dumps({"what": page.what, "fast": fast, "slow": slow, "page": whole, "of_all": page.of_all}))


class Clock:
    """How long queries took, in ms."""

    def __init__(self) -> None:
        self.ms = 0.0

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        began = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            self.ms += 1000 * (time.perf_counter() - began)


def recount(part: int, of: int) -> None:
    """Count a share of the networks from their first verdicts, as `manage.py recount` does, many sites at once."""
    at = Round.objects.latest("slot").slot + DAY
    targets = list(Target.objects.order_by("pk").values_list("pk", flat=True))
    for network in Network.objects.order_by("pk").values_list("pk", flat=True)[part::of]:
        for number in range(0, len(targets), BATCH):
            counting.refresh(network, dict.fromkeys(targets[number : number + BATCH]), at=at)
