"""The numbers that whoever runs a register watches, as Prometheus reads them. Nothing here is of a first check.

All but the queues are read from the database, in a number of queries that does not depend on how much there is.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import Count
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from redis import Redis
from redis.exceptions import RedisError

from checks import progress
from checks.models import Parked, Recount, Run, Tick, Vantage
from registry.models import LogEntry

PATIENCE = 0.5  # seconds for the broker: a scrape must not wait for it
STATES = ("planned", "waiting", "ready", "at_work", "recorded", "failed")
Gauges = Iterator[GaugeMetricFamily]


def text(*, at: datetime) -> bytes:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Read(at))
    return generate_latest(registry)


class _Read(Collector):
    def __init__(self, at: datetime) -> None:
        self.at = at

    def describe(self) -> Iterable[GaugeMetricFamily]:
        return ()  # else it would read everything to find out what it has

    def collect(self) -> Gauges:
        vantages = list(Vantage.objects.filter(state=Vantage.State.ADMITTED).order_by("name"))
        yield from _runs(vantages, self.at)
        yield _seen(vantages, self.at)
        yield from _waiting()
        yield from _ticks(self.at)
        yield _one("log_entries", "Entries of the log.", LogEntry.objects.count())
        yield from _queues(vantages)


def _runs(vantages: Iterable[Vantage], at: datetime) -> Gauges:
    found = [one for one in progress.of(at=at) if one.plan]
    runs: Counter[tuple[str, str]] = Counter()
    for one in found:
        for state in STATES:
            runs[one.plan, state] += getattr(one, state)
    yield _many("runs", "Runs that are open, and those of the last period that ended.", ["plan", "state"], runs)
    place = {one.name: (one.way, one.role) for one in vantages}
    overdue: Counter[tuple[str, ...]] = Counter(dict.fromkeys(place.values(), 0))
    oldest: dict[tuple[str, ...], float] = defaultdict(float)
    for one in found:
        if one.vantage in place:
            overdue[place[one.vantage]] += one.overdue
            age = (at - one.oldest).total_seconds() if one.oldest else 0.0
            oldest[place[one.vantage]] = max(oldest[place[one.vantage]], age)
    labels = ["way", "role"]
    yield _many("overdue_runs", "Runs that are due and that nobody is at work on.", labels, overdue)
    yield _many("overdue_oldest_seconds", "For how long the oldest of these has been due.", labels, oldest)


def _seen(vantages: Iterable[Vantage], at: datetime) -> GaugeMetricFamily:
    ages = {(one.name,): (at - one.seen_at).total_seconds() for one in vantages if one.seen_at}
    return _many("vantage_seen_seconds", "How long ago a vantage was last seen.", ["vantage"], ages)


def _waiting() -> Gauges:
    unjudged = Run.objects.unjudged().filter(round__plan__isnull=False).count()
    yield _one("runs_unjudged", "Recorded runs that wait to be judged.", unjudged)
    yield _one("recounts_waiting", "Cells that wait to be counted anew.", Recount.objects.count())
    aside = Parked.objects.aside().order_by().values_list("kind").annotate(Count("pk"))
    parked = {(kind,): 0 for kind in Parked.Kind.values} | {(kind,): number for kind, number in aside}
    yield _many("parked", "Work that failed five times and waits for a person.", ["kind"], parked)


def _ticks(at: datetime) -> Gauges:
    ages = {(name,): (at - moment).total_seconds() for name, moment in Tick.objects.values_list("name", "at")}
    yield _many("tick_age_seconds", "How long ago a task of beat last ran to its end.", ["task"], ages)


def _queues(vantages: Iterable[Vantage]) -> Gauges:
    """Of Redis alone, and only if it answers at once."""
    if not settings.CELERY_BROKER_URL.startswith(("redis:", "rediss:")):
        return
    keys = [("central", "central"), ("results", "results")]
    keys += [pair for one in vantages for pair in (("orders", one.queue), ("batches", one.results))]
    try:
        with Redis.from_url(
            settings.CELERY_BROKER_URL, socket_connect_timeout=PATIENCE, socket_timeout=PATIENCE, retry=None
        ) as broker:
            pipeline = broker.pipeline(transaction=False)
            for _, key in keys:
                pipeline.llen(key)
            lengths = pipeline.execute()
    except RedisError:
        return
    found: Counter[tuple[str, ...]] = Counter()
    for (queue, _), length in zip(keys, lengths, strict=True):
        found[queue,] += length
    yield _many("queue_length", "Messages in the broker's queues; those of all vantages together.", ["queue"], found)


def _one(name: str, what: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"tizilim_{name}", what, value=value)


def _many(name: str, what: str, labels: list[str], values: Mapping[Any, float]) -> GaugeMetricFamily:
    gauge = GaugeMetricFamily(f"tizilim_{name}", what, labels=labels)
    for of, value in sorted(values.items()):
        gauge.add_metric(of, value)
    return gauge
