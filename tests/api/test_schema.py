"""The schema is valid, and the API answers as it says."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
import schemathesis
from django.core.cache import cache
from django.core.management import call_command
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from config.wsgi import application
from registry.api import reference
from tests.api.test_tables import fill

CHECKS = (not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance)
SCHEMA = schemathesis.openapi.from_dict(reference.schema())
SCHEMA.app = application
OPERATIONS = {found.ok().label: found.ok() for found in SCHEMA.get_all_operations()}

TAKES_ANYTHING = (
    "GET /api/v1/stats",
    "GET /api/v1/echo",
    "GET /api/v1/reports/{receipt}",
    "GET /api/v1/problems/{receipt}",
)  # no question to these is invalid


@pytest.fixture
def _one_connection() -> Iterator[None]:
    """As Django's own test client does: a request's end must not close the connection that holds the test's rows."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


def test_the_schema_is_valid_and_complete(tmp_path) -> None:
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(tmp_path / "schema.yml"))
    assert reference.schema()["openapi"].startswith("3.1")


@pytest.mark.django_db
@pytest.mark.usefixtures("_one_connection")
@pytest.mark.parametrize(
    ("label", "mode"),
    [(label, GenerationMode.POSITIVE) for label in OPERATIONS]
    + [(label, GenerationMode.NEGATIVE) for label in OPERATIONS if label not in TAKES_ANYTHING],
)
def test_whatever_is_asked_is_answered_as_the_schema_says(label: str, mode: GenerationMode) -> None:
    fill()
    strategy = OPERATIONS[label].as_strategy(generation_mode=mode)

    @settings(
        max_examples=15,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(data=st.data())
    def ask(data: st.DataObject) -> None:
        cache.clear()
        case = data.draw(strategy)
        case.call_and_validate(headers={"Host": "localhost"}, checks=CHECKS)

    ask()


def test_two_who_ask_for_the_first_time_at_once_get_the_same_whole_schema() -> None:
    """The generator keeps a view's part of the schema where two at once lose it to each other."""
    reference._generated.cache_clear()
    both = Barrier(2)

    def ask(_number: int) -> dict[str, Any]:
        both.wait()
        return reference.schema()

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(ask, range(2))
    assert first is second
    named = set(re.findall(r"#/components/schemas/(\w+)", json.dumps(first, default=str)))
    assert named == set(first["components"]["schemas"])
