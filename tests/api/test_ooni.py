"""Our measurements out in OONI's data format: one at its address, all of them as lines, and judged the same or less."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from jsonschema import Draft202012Validator

from checks.engine.ooni import export
from checks.verdict import ooni
from checks.verdict.judge import judge
from registry.models import Resource
from tests import make
from tests.engine.ooni_format import DOCUMENT
from tests.verdict import make as seen
from tests.verdict.examples import EXAMPLES
from tests.verdict.test_rules import KZ

API = "/api/v1/measurements"


@pytest.fixture(autouse=True)
def _fresh_rates() -> None:
    cache.clear()


def lines(client: Client, query: str = "") -> list[Any]:
    response = client.get(f"{API}?format=jsonl&records=ooni{query}")
    return [json.loads(line) for line in b"".join(response.streaming_content).splitlines()]  # type: ignore[attr-defined]


@pytest.mark.django_db
def test_one_measurement_and_all_of_them(client: Client) -> None:
    run = make.run(make.vantage(make.network(9198, name="KAZTELECOM-AS")))
    rows = [make.measurement(seen.visit(), make.resource(name), by=run) for name in ("orda.kz", "site.kz")]
    document = client.get(f"{API}/{rows[0].pk}/ooni").json()
    Draft202012Validator(DOCUMENT).validate(document)
    assert (document["probe_asn"], document["probe_cc"], document["probe_network_name"]) == (
        "AS9198", "KZ", "KAZTELECOM-AS",
    )  # fmt: skip
    assert (document["test_name"], document["software_name"]) == ("tizilim_visit", "tizilim-engine")
    assert lines(client) == [document, client.get(f"{API}/{rows[1].pk}/ooni").json()]
    assert len(lines(client, f"&target={rows[0].target_id}")) == 1


@pytest.mark.django_db
def test_what_may_not_be_shown_is_not_there(client: Client) -> None:
    hidden = make.resource("orda.kz", display=Resource.Display.WITHHELD)
    limited = make.resource("https://site.kz/page", display=Resource.Display.DOMAIN_ONLY)
    rows = [make.measurement(seen.visit(), resource) for resource in (hidden, limited)]
    assert [client.get(f"{API}/{row.pk}/ooni").status_code for row in rows] == [404, 404]
    assert lines(client) == []


@pytest.mark.django_db
def test_what_is_oonis_is_not_given_out_as_ours(client: Client) -> None:
    theirs = make.vantage(make.network(9198), source="ooni", state="imported", public_key=None)
    row = make.measurement(seen.visit(), make.resource(), by=make.run(theirs))
    assert client.get(f"{API}/{row.pk}/ooni").status_code == 404
    assert lines(client) == []
    assert client.get(f"{API}/{row.pk}").json()["source"] == "ooni"


@pytest.mark.django_db
@pytest.mark.parametrize("query", ["?records=ooni", "?format=csv&records=ooni", "?format=jsonl&records=2"])
def test_they_come_as_json_lines_only(client: Client, query: str) -> None:
    assert client.get(f"{API}{query}").status_code == 400


@pytest.mark.django_db
def test_a_parameter_that_there_is_not_is_refused(client: Client) -> None:
    row = make.measurement(seen.visit(), make.resource())
    assert client.get(f"{API}/{row.pk}/ooni?records=1").json()["code"] == "invalid"
    assert client.get(f"{API}/0195a0b2-0000-7000-8000-000000000001/ooni").status_code == 404


@pytest.mark.parametrize("rule", sorted(EXAMPLES))
def test_exported_and_read_again_a_measurement_means_the_same_or_less(rule: str) -> None:
    """OONI's format has no place for some facts: what is lost leaves a verdict open, and makes no other one."""
    measurement, controls = EXAMPLES[rule][:2]
    before = judge(measurement, controls, KZ)
    back = ooni.read(json.loads(json.dumps(export(measurement, asn=9198, country="KZ"))))
    same_url = [replace(control, url=back.measurement.url) for control in controls]
    after = judge(replace(back.measurement, started=measurement.started), same_url, KZ)
    assert after.verdict in (before.verdict, "inconclusive"), (before.rule, after.rule)
