"""The numbers for Prometheus: what they tell, what they do not, and who may read them."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families
from redis import Redis

from checks import health
from checks.models import Parked, Recount, Round, Run, Vantage
from registry import log, metrics
from tests import make

pytestmark = pytest.mark.django_db

AT = make.AT
HOUR = timedelta(hours=1)


def read(at: Any = AT) -> dict[str, float]:
    """Each sample by its name and labels."""
    return {
        " ".join([sample.name, *(f"{k}={v}" for k, v in sorted(sample.labels.items()))]): sample.value
        for family in text_string_to_metric_families(metrics.text(at=at).decode())
        for sample in family.samples
    }


def test_it_tells_what_waits_where_and_for_how_long() -> None:
    place = make.vantage(name="astana-1", seen_at=AT - 2 * HOUR, way=Vantage.Way.DOOR)
    make.run(place, state=Run.State.READY, due_at=AT - 3 * HOUR)
    make.run(place, state=Run.State.READY, due_at=AT - HOUR)
    make.run(place, state=Run.State.RECORDED)
    Parked.objects.create(kind=Parked.Kind.BATCH, key="a", failures=5, failed_at=AT, traceback="")
    Parked.objects.create(kind=Parked.Kind.JUDGE, key="b", failures=4, failed_at=AT, traceback="")
    Recount.objects.create(target=make.target(), network=place.network, asked_at=AT)
    health.tick("dispatch", at=AT - timedelta(seconds=11))
    log.append("create", make.restriction(make.resource()), after={}, reason="It was told.", by="editor-1")
    found = read()
    assert found["tizilim_runs plan=daily state=ready"] == 2
    assert found["tizilim_runs plan=daily state=recorded"] == 1
    assert found["tizilim_overdue_runs role=access way=door"] == 2
    assert found["tizilim_overdue_oldest_seconds role=access way=door"] == 3 * 3600
    assert found["tizilim_vantage_seen_seconds vantage=astana-1"] == 2 * 3600
    assert found["tizilim_runs_unjudged"] == 1
    assert found["tizilim_parked kind=batch"] == 1
    assert found["tizilim_parked kind=judge"] == 0
    assert found["tizilim_recounts_waiting"] == 1
    assert found["tizilim_tick_age_seconds task=dispatch"] == 11
    assert found["tizilim_log_entries"] == 1


def test_no_number_tells_of_a_first_check_a_key_or_a_site() -> None:
    place = make.vantage(name="astana-1", public_key="ab" * 32)
    before = metrics.text(at=AT)
    for state in Run.State.values:
        run = make.run(place, state=state, targets=[make.target().pk])
        Round.objects.filter(pk=run.round_id).update(plan=None)
    assert metrics.text(at=AT) == before
    assert b"abab" not in before
    assert b"orda" not in before


def test_it_takes_as_many_queries_for_many_as_for_one(django_assert_num_queries: Any) -> None:
    for count in (1, 20):
        for _ in range(count):
            make.run(make.vantage(), state=Run.State.READY)
        with django_assert_num_queries(8):
            metrics.text(at=AT)


def test_the_queues_of_redis_are_told_and_its_absence_is_no_error(settings: LazySettings, redis_url: str) -> None:
    place = make.vantage(name="astana-1")
    assert "tizilim_queue_length queue=central" not in read()
    settings.CELERY_BROKER_URL = redis_url
    with Redis.from_url(redis_url) as broker:
        broker.delete("central", place.queue)
        broker.rpush("central", "a", "b")
        broker.rpush(place.queue, "c")
        found = read()
        broker.delete("central", place.queue)
    assert (found["tizilim_queue_length queue=central"], found["tizilim_queue_length queue=orders"]) == (2, 1)
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:1/0"
    assert "tizilim_log_entries" in read()
    settings.CELERY_BROKER_URL = "redis://no-such-host.invalid/0"
    assert "tizilim_log_entries" in read()


@pytest.mark.parametrize(
    ("token", "asked", "status"),
    [
        ("", {}, 200),
        ("", {"REMOTE_ADDR": "::1"}, 200),
        ("", {"REMOTE_ADDR": "192.0.2.7"}, 403),
        ("", {"REMOTE_ADDR": "127.0.0.2"}, 403),
        ("", {"headers": {"X-Forwarded-For": "192.0.2.7"}}, 403),
        ("", {"headers": {"X-Forwarded-For": "127.0.0.1"}}, 403),
        ("", {"headers": {"Forwarded": "for=192.0.2.7"}}, 403),
        ("", {"headers": {"Authorization": "Bearer "}, "REMOTE_ADDR": "192.0.2.7"}, 403),
        ("secret", {"headers": {"Authorization": "Bearer secret"}, "REMOTE_ADDR": "192.0.2.7"}, 200),
        ("secret", {"headers": {"Authorization": "Bearer secret", "X-Forwarded-For": "192.0.2.7"}}, 200),
        ("secret", {"headers": {"Authorization": "Bearer secreT"}}, 403),
        ("secret", {"headers": {"Authorization": "Bearer ключ"}}, 403),
        ("secret", {"headers": {"Authorization": "secret"}}, 403),
        ("secret", {}, 403),
    ],
)
def test_it_is_read_from_this_machine_or_with_the_token(
    client: Client, settings: LazySettings, token: str, asked: dict[str, Any], status: int
) -> None:
    settings.METRICS_TOKEN = token
    answer = client.get("/metrics", **asked)
    assert answer.status_code == status
    assert (b"tizilim_log_entries" in answer.content) is (status == 200)
    assert "no-store" in answer.headers["Cache-Control"]


def test_it_is_read_and_nothing_else(client: Client) -> None:
    assert client.post("/metrics").status_code == 405
    answer = client.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert not answer.cookies
    assert re.search(rb"^tizilim_recounts_waiting 0.0$", answer.content, re.MULTILINE)
