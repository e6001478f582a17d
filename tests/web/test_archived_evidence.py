"""Old months stay answerable: page, API, OONI's format and pack read them from the archive and tell no more of them."""

from __future__ import annotations

import hashlib
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4
from zipfile import ZipFile

import duckdb
import pytest
from django.conf import LazySettings
from django.core.cache import cache
from django.test import Client

from checks import archive, archived
from checks.models import Archive, Measurement, Witness
from registry.models import Resource
from tests import make
from tests.checks.conftest import AT
from tests.checks.test_archive import a_pair

pytestmark = pytest.mark.django_db
THEN = datetime(2026, 5, 17, 12, tzinfo=UTC)
DOORS = ["/en/measurements/{}/", "/api/v1/measurements/{}", "/api/v1/measurements/{}/ooni"]


@pytest.fixture(autouse=True)
def _apart(settings: LazySettings, tmp_path: Path) -> None:
    cache.clear()
    settings.ARCHIVE = tmp_path / "archive"


@pytest.fixture
def site() -> Resource:
    return make.resource("orda.kz")


@pytest.fixture(params=["file", "witness"])
def row(request: pytest.FixtureRequest, site: Resource) -> Measurement:
    row, _ = a_pair(THEN, "connection_reset")
    if request.param == "witness":
        make.episode(row.target, row.network, witnesses=[str(row.pk)])
    return row


def body(response: Any) -> str:
    text = b"".join(response.streaming_content) if response.streaming else response.content
    return f"{response.status_code} {text.decode()}"


def moved() -> None:
    assert list(archive.keep(AT))
    assert not Measurement.objects.exists()


@pytest.mark.parametrize("door", DOORS)
def test_every_door_says_of_an_archived_measurement_what_it_said_before(
    client: Client, row: Measurement, door: str
) -> None:
    before = body(client.get(door.format(row.pk)))
    assert before.startswith("200")
    moved()
    assert body(client.get(door.format(row.pk))) == before


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("display", ["withheld", "domain_only"])
def test_what_is_not_shown_of_a_stored_one_is_not_shown_of_an_archived_one(
    client: Client, row: Measurement, site: Resource, door: str, display: str
) -> None:
    site.own_display = site.display = display
    site.save()
    before = body(client.get(door.format(row.pk)))
    moved()
    after = body(client.get(door.format(row.pk)))
    assert after == before
    assert "93.184.216.41" not in after


@pytest.mark.parametrize("door", DOORS)
def test_a_site_that_is_withheld_later_is_withheld_in_the_archive_too(
    client: Client, row: Measurement, site: Resource, door: str
) -> None:
    moved()
    assert "93.184.216.41" in body(client.get(door.format(row.pk)))
    site.own_display = site.display = "withheld"
    site.save()
    assert "93.184.216.41" not in body(client.get(door.format(row.pk)))


@pytest.mark.parametrize("door", DOORS)
def test_what_was_never_measured_is_nowhere(client: Client, row: Measurement, door: str) -> None:
    moved()
    assert client.get(door.format(uuid4())).status_code == 404
    assert client.get(door.format("ffffffff-ffff-7fff-bfff-ffffffffffff")).status_code == 404


@pytest.mark.parametrize("document", ["{", '{"id": "another"}'], ids=["no record", "of another"])
def test_what_a_damaged_file_holds_is_not_told_and_not_nowhere(client: Client, site: Resource, document: str) -> None:
    row, _ = a_pair(THEN, "connection_reset")
    moved()
    file = archived.path_of(Archive.objects.get())
    duckdb.execute(f"COPY (SELECT * REPLACE ('{document}' AS document) FROM '{file}') TO '{file}.new' (FORMAT parquet)")
    Path(f"{file}.new").replace(file)
    answer = client.get(f"/api/v1/measurements/{row.pk}")
    assert (answer.status_code, answer.headers["Content-Type"]) == (503, "application/problem+json")
    assert answer.json()["code"] == "unreadable"
    with pytest.raises(archived.Unfit, match=r"cannot be read, see manage\.py archive --verify"):
        archived.find([row.pk])


def test_a_record_of_another_measurement_is_seen(site: Resource) -> None:
    one, _ = a_pair(THEN, "connection_reset")
    other, _ = a_pair(THEN + timedelta(hours=1))
    moved()
    file = archived.path_of(Archive.objects.get())
    swapped = f"CASE id WHEN '{one.pk}' THEN (SELECT document FROM '{file}' WHERE id = '{other.pk}') ELSE document END"
    duckdb.execute(f"COPY (SELECT * REPLACE ({swapped} AS document) FROM '{file}') TO '{file}.new' (FORMAT parquet)")
    Path(f"{file}.new").replace(file)
    assert archived.find([other.pk])
    with pytest.raises(archived.Unfit, match="has the record of another"):
        archived.find([one.pk])


def test_everyone_can_see_which_months_left_and_by_what_sums_they_were_proved(client: Client, row: Measurement) -> None:
    moved()
    told = client.get("/api/v1/archives").json()["results"]
    kept = Archive.objects.get()
    file = archived.path_of(kept).read_bytes()
    assert [(one["month"], one["rows"], one["bytes"]) for one in told] == [(f"{kept.month}", 2, len(file))]
    assert (told[0]["sha256"], told[0]["proof"]) == (hashlib.sha256(file).hexdigest(), kept.proof)
    assert told[0]["dropped_at"]
    assert client.get("/api/v1/archives?month=2000-01-01").json()["results"] == []
    assert "sha256" in body(client.get("/api/v1/archives?format=csv"))


def test_a_control_of_the_archive_has_a_page_and_is_led_to(client: Client, row: Measurement) -> None:
    moved()
    told = client.get(f"/api/v1/measurements/{row.pk}").json()
    [control] = told["controls"]
    assert f"/en/measurements/{control['id']}/" in client.get(f"/en/measurements/{row.pk}/").content.decode()
    assert client.get(f"/en/measurements/{control['id']}/").status_code == 200
    assert client.get(f"/api/v1/measurements/{control['id']}").json()["record"] == control


def test_the_evidence_pack_has_the_records_of_witnesses_whose_month_is_gone(client: Client, site: Resource) -> None:
    row, _ = a_pair(THEN, "connection_reset")
    make.episode(site, row.network, began=THEN, witnesses=[str(row.pk)])
    make.cell(site, row.network, witnesses=[str(row.pk)])
    address = "/en/resources/orda.kz/evidence.zip"
    before = packed(client, address)
    moved()
    assert Witness.objects.count() == 2
    after = packed(client, address)
    name = f"measurements/{row.pk}.json"
    assert after[name] == before[name]
    assert json.loads(after["measurements.json"]) == json.loads(before["measurements.json"])


def packed(client: Client, address: str) -> dict[str, bytes]:
    content = b"".join(client.get(address).streaming_content)  # type: ignore[attr-defined]
    with ZipFile(io.BytesIO(content)) as archive_:
        return {name.partition("/")[2]: archive_.read(name) for name in archive_.namelist()}
