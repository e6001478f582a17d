"""OONI's measurements become evidence: once, marked as theirs, judged as `python -m checks.verdict` judges the file."""

from __future__ import annotations

import gzip
import io
import json
import os
import tarfile
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import IntegrityError
from django.test import Client
from django.utils import timezone

from checks import intake, judging, planning, runs
from checks.engine.ooni import export
from checks.formats import ooni as imported
from checks.models import Cell, Import, Measurement, Network, Plan, Recount, Run, Target, Vantage, Verdict
from checks.probe.messages import Sealed
from checks.vantages import Admission, NotAdmitted
from checks.verdict import ooni
from checks.verdict.__main__ import main
from checks.verdict.judge import judge
from registry import moderation
from tests import make
from tests.checks.conftest import CONTROL_ASN, visit
from tests.verdict import make as seen
from tests.verdict.scenarios import SCENARIOS, Json
from tests.verdict.test_ooni import MEASURED

pytestmark = pytest.mark.django_db

AT = datetime(2026, 11, 23, 12, tzinfo=UTC)
KZ_ONLY = frozenset({"KZ"})
RESET = "a reset in the handshake"


def documents(count: int = 5, **fields: Any) -> list[Json]:
    """Measurements of one report, a minute apart."""
    name = next(iter(SCENARIOS))
    return [
        {**SCENARIOS[name], "report_id": "20261120T095900Z_webconnectivity_KZ_9198_n1_x", **fields,
         "measurement_start_time": f"2026-11-20 10:{minute:02}:00"}
        for minute in range(count)
    ]  # fmt: skip


def written(path: Path, *rows: Any) -> Path:
    text = "".join(json.dumps(row) + "\n" for row in rows).encode()
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    return path


def archived(path: Path, *rows: Any) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for number, row in enumerate(rows):
            data = json.dumps(row).encode()
            member = tarfile.TarInfo(f"2026/{number}.json")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


def take(path: Path, countries: frozenset[str] | None = KZ_ONLY) -> Import:
    manifest = imported.begin(path, at=AT)
    for _ in imported.take(path, manifest, countries=countries, at=AT):
        pass
    manifest.refresh_from_db()
    return manifest


def command(*arguments: Any) -> tuple[str, int]:
    said = io.StringIO()
    try:
        call_command("import_ooni", *map(str, arguments), stdout=said)
    except SystemExit as ended:
        return said.getvalue(), int(str(ended.code))
    return said.getvalue(), 0


def everything() -> dict[str, list[Any]]:
    """All rows that an import may make, but for the manifest."""
    models = (Measurement, Verdict, Run, Vantage, Network, Target, Cell, Recount)
    return {model.__name__: list(model.objects.order_by("pk").values()) for model in models}


# --- what it comes to


def test_every_scenario_is_judged_as_its_file_is(tmp_path: Path) -> None:
    """Right away, and when it is judged again from what is stored."""
    rows = [{**whole, "report_id": f"r{number}"} for number, whole in enumerate(SCENARIOS.values())]
    manifest = take(written(tmp_path / "all.jsonl", *rows), countries=None)
    assert (manifest.taken, manifest.refused) == (len(rows), {})
    for row in rows:
        found = ooni.read(row)
        expected = judge(found.measurement, found.controls, judging.references(), found.setting)
        stored = Measurement.objects.select_related("run__round").get(origin__report=row["report_id"], control=False)
        [again] = judging.verdicts([stored], [expected.ruleset])
        for verdict in (Verdict.objects.get(measurement=stored.pk), again):
            assert (verdict.verdict, verdict.mechanism, verdict.rule, tuple(verdict.notes), verdict.confidence) == (
                expected.verdict, expected.mechanism or "", expected.rule, expected.notes, expected.confidence,
            )  # fmt: skip
            assert len(verdict.controls) == len(expected.controls)


def test_what_ooni_measured_comes_out_as_expected(tmp_path: Path) -> None:
    if not MEASURED.is_dir():
        (pytest.fail if os.environ.get("TIZILIM_NO_SKIP") else pytest.skip)(f"OONI's are not here: {MEASURED}")
    _, code = command(MEASURED, "--every-country")
    assert (code, Measurement.objects.filter(control=False).count()) == (0, len(list(MEASURED.glob("*.json"))))
    for path in MEASURED.glob("*.json"):
        found = ooni.read(json.loads(path.read_text()))
        expected = judge(found.measurement, found.controls, judging.references(), found.setting)
        rules = Verdict.objects.filter(target__url=seen_as(found.measurement.url)).values_list("rule", flat=True)
        assert expected.rule in rules, path.name


def seen_as(url: str) -> str:
    return imported.names.parse(url).url


def test_a_measurement_is_marked_as_oonis_and_has_the_control_that_it_came_with(tmp_path: Path) -> None:
    take(written(tmp_path / "a.jsonl", *documents(2)))
    first, second = Measurement.objects.filter(control=False).order_by("started_at")
    assert (first.vantage.name, first.vantage.source, first.vantage.state) == ("ooni-as9198", "ooni", "imported")
    assert (first.network.asn, first.target.url) == (9198, "https://site.kz/")
    assert first.started_at == datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
    assert first.pk.version == 7
    assert first.pk < second.pk
    controls = [Verdict.objects.get(measurement=one.pk).controls for one in (first, second)]
    assert controls == [[first.own_control], [second.own_control]]
    helper = Measurement.objects.get(pk=str(first.own_control))
    assert (helper.control, helper.vantage.name, helper.run.round) == (True, "ooni-test-helper", first.run.round)


def test_a_run_is_one_report(tmp_path: Path) -> None:
    rows = documents(3) + documents(2, report_id="another") + documents(1, probe_asn="AS29355")
    take(written(tmp_path / "a.jsonl", *rows))
    assert Counter(m.run_id for m in Measurement.objects.filter(control=False)).most_common(1)[0][1] == 3
    assert Run.objects.published().filter(vantage__role="access").count() == 3
    assert Measurement.objects.published().count() == 12
    assert not Plan.objects.get(name="ooni").enabled


def test_a_cell_counts_imported_measurements_once(tmp_path: Path) -> None:
    now = timezone.now().replace(microsecond=0)
    rows = [
        {**row, "measurement_start_time": f"{now - timedelta(hours=hours):%Y-%m-%d %H:%M:%S}", "report_id": f"r{hours}"}
        for hours, row in enumerate(documents(4), start=1)
    ]
    command(written(tmp_path / "a.jsonl", *rows))
    cell = Cell.objects.get()
    assert (cell.network.asn, cell.measurements, cell.runs, cell.vantages) == (9198, 4, 4, 1)
    assert not Recount.objects.exists()


# --- again, otherwise, in part


def test_the_same_measurements_again_change_nothing(tmp_path: Path) -> None:
    rows = documents(7)
    command(written(tmp_path / "a.jsonl", *rows))
    before = everything()
    command(written(tmp_path / "b.jsonl.gz", *reversed(rows)), archived(tmp_path / "c.tar.gz", *rows[3:], *rows))
    relabelled = [{"annotations": {"x": "y"}, **row, "measurement_uid": "u", "backend_version": "1"} for row in rows]
    said, _ = command(written(tmp_path / "d.jsonl", *relabelled))
    assert everything() == before
    assert "0 taken, 7 known already, 0 refused" in said
    assert [one.known for one in Import.objects.order_by("pk")] == [0, 7, 11, 7]


def test_measurements_without_a_report_are_told_apart_by_what_they_saw(tmp_path: Path) -> None:
    blocked, opened = list(SCENARIOS.values())[:2]
    assert take(written(tmp_path / "a.jsonl", blocked, opened, blocked)).taken == 2


@pytest.mark.parametrize("stopped_after", [1, 2])
def test_an_import_that_was_stopped_goes_on(tmp_path: Path, stopped_after: int, monkeypatch: Any) -> None:
    monkeypatch.setattr(imported, "BATCH", 3)
    path = written(tmp_path / "a.jsonl", *documents(10))
    stopped = imported.begin(path, at=AT)
    steps: Iterator[int] = imported.take(path, stopped, countries=KZ_ONLY, at=AT)
    assert len(list(islice(steps, stopped_after))) == stopped_after
    stopped.refresh_from_db()
    assert (stopped.taken, stopped.ended_at) == (3 * stopped_after, None)
    assert Recount.objects.count() == 1  # whoever died, the cell still waits
    again = take(path)
    assert (again.taken, again.known) == (10 - 3 * stopped_after, 3 * stopped_after)
    assert Verdict.objects.count() == Measurement.objects.filter(control=False).count() == 10


# --- what is not taken


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"probe_cc": "RU"}, "from another country than KZ"),
        ({"probe_asn": "AS0"}, "it does not say in which network it was made"),
        ({"probe_asn": "AS9999999999"}, "it does not say in which network it was made"),
        ({"test_name": "ndt"}, "another test than web_connectivity"),
        ({"test_name": "tizilim_visit"}, "this is a measurement of our own"),
        ({"test_keys": []}, "nothing to judge: a measurement of OONI without test_keys"),
        ({"input": "ftp://site.kz/", "test_keys": {"queries": []}}, "nothing to judge: "),
        ({"input": 5}, "nothing to judge: "),
        ({"measurement_start_time": "2031-01-01 00:00:00"}, "it says that it was made when it cannot have been"),
        ({"measurement_start_time": "0001-01-01 00:00:00"}, "it says that it was made when it cannot have been"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_reason(tmp_path: Path, fields: Json, reason: str) -> None:
    manifest = take(written(tmp_path / "a.jsonl", {**SCENARIOS[next(iter(SCENARIOS))], **fields}))
    [(said, count)] = manifest.refused.items()
    assert said.startswith(reason)
    assert (count, manifest.taken, manifest.examples[0][0]) == (1, 0, "a.jsonl:1")
    assert not Measurement.objects.exists()


@pytest.mark.parametrize("depth", [100, 900, 990, 20_000, 200_000])
def test_however_deep_a_document_is_nested_the_rest_is_taken(tmp_path: Path, depth: int) -> None:
    good, deep = (json.dumps(row) for row in documents(2))
    path = tmp_path / "a.jsonl"
    nested = '"x": ' + "[" * depth + "]" * depth + ", "
    inside = deep.replace('"test_keys": {', f'"test_keys": {{{nested}')
    path.write_text(f"{{{nested}{deep[1:]}\n{inside}\n{good}\n")
    manifest = take(path)
    assert manifest.taken + sum(manifest.refused.values()) == 3
    assert Measurement.objects.filter(control=False, started_at__minute=0).exists()


def test_our_own_export_is_not_taken_for_somebody_elses_evidence(tmp_path: Path) -> None:
    manifest = take(written(tmp_path / "a.jsonl", export(seen.visit(), asn=9198, country="KZ")))
    assert list(manifest.refused) == ["this is a measurement of our own"]


def test_a_name_that_a_database_would_not_take_is_cleared(tmp_path: Path) -> None:
    odd = documents(1, report_id="r\0\ud800", probe_network_name="N\0\ud800AME", probe_asn="AS64555")
    assert take(written(tmp_path / "a.jsonl", *odd)).taken == 1
    assert Network.objects.get(asn=64555).name == "NAME"
    assert Network.objects.get(asn=64555).kind == Network.Kind.OTHER


def test_the_command_tells_what_it_did_and_ends_with_one_for_what_it_could_not_read(tmp_path: Path) -> None:
    (tmp_path / "broken.json.gz").write_bytes(b"no gzip")
    written(tmp_path / "good.jsonl", *documents(2), *documents(1, probe_cc="KG"))
    said, code = command(tmp_path, tmp_path / "missing.jsonl")
    assert code == 1
    assert "2 taken, 0 known already, 3 refused, of 3 files" in said
    assert "1 refused: from another country than KZ\n    good.jsonl:3" in said
    assert "1 refused: this is no whole gzip file\n    broken.json.gz" in said
    assert "1 refused: the file cannot be read: No such file or directory\n    missing.jsonl" in said
    assert command(tmp_path / "good.jsonl")[1] == 0
    digest = Import.objects.filter(file="good.jsonl").values_list("sha256", flat=True)
    assert len(set(digest)) == 1
    assert len(digest[0]) == 64


# --- beside our own


def test_an_imported_vantage_is_no_probe(tmp_path: Path) -> None:
    take(written(tmp_path / "a.jsonl", *documents(1)))
    vantage = Vantage.objects.get(name="ooni-as9198")
    planning.measure_regularly(make.target("orda.kz"))
    planning.dispatch(timezone.now())
    assert runs.take(timezone.now()) == []
    assert not Run.objects.exclude(round__plan__name="ooni").exists()
    with pytest.raises(runs.Refused, match="no admitted vantage"):
        intake.receive(vantage.name, Sealed(b"", b""), at=AT)
    with pytest.raises(NotAdmitted, match="kept for what is imported"):
        moderation.admit_vantage(Admission(vantage.name, 9198, "access", "0" * 64), by="x", reason="x")


@pytest.mark.parametrize(
    "changes", [{"state": "admitted"}, {"state": "revoked"}, {"public_key": "00"}, {"source": "own"}]
)
def test_the_database_holds_an_imported_vantage_to_what_it_is(tmp_path: Path, changes: Json) -> None:
    take(written(tmp_path / "a.jsonl", *documents(1)))
    with pytest.raises(IntegrityError):
        Vantage.objects.filter(name="ooni-as9198").update(**changes)


def test_a_helper_is_the_control_of_nobody_elses_measurement(tmp_path: Path) -> None:
    """Ours began in the same minute, on the same address."""
    take(written(tmp_path / "a.jsonl", *documents(1)))
    at = datetime(2026, 11, 20, 10, 0, 30, tzinfo=UTC)
    theirs = Measurement.objects.get(control=False)
    ours = make.measurement(visit(theirs.target.url, at=at), theirs.target, started_at=at)
    [verdict] = judging.verdicts([ours], ["2026-11"])
    assert verdict.controls == []


def test_our_control_is_no_control_of_theirs(tmp_path: Path) -> None:
    [row] = documents(1)
    row["test_keys"] = {**row["test_keys"], "control_failure": "generic_timeout_error", "control": {}}
    at = datetime(2026, 11, 20, 10, 0, 30, tzinfo=UTC)
    control = make.vantage(make.network(CONTROL_ASN), role="control")
    make.measurement(visit("https://site.kz/", at=at), make.target("site.kz"), by=make.run(control), started_at=at)
    take(written(tmp_path / "a.jsonl", row))
    assert Verdict.objects.get().controls == []


def test_a_page_says_whose_measurement_it_is(tmp_path: Path, client: Client) -> None:
    take(written(tmp_path / "a.jsonl", *documents(1)))
    theirs = Measurement.objects.get(control=False)
    text = client.get(f"/en/measurements/{theirs.pk}/").content.decode()
    assert "the device’s own resolver; whose it is and how it was asked is not told" in text
    assert "Measured by OONI Probe" in text
    assert "CC BY-NC-SA 4.0" in text
    assert "https://explorer.ooni.org/measurement/20261120T095900Z_webconnectivity_KZ_9198_n1_x?input=" in text
    row = client.get(f"/api/v1/measurements/{theirs.pk}").json()
    assert (row["source"], row["vantage"], len(row["controls"])) == ("ooni", "ooni-as9198", 1)
    [there] = client.get("/api/v1/vantages?network=9198").json()["results"]
    assert (there["source"], there["state"], there["seen_on"]) == ("ooni", "imported", None)


def test_whoever_judges_what_the_api_gives_comes_to_the_same(tmp_path: Path, client: Client, capsys: Any) -> None:
    rows = [{**whole, "report_id": f"r{number}"} for number, whole in enumerate(SCENARIOS.values())]
    take(written(tmp_path / "all.jsonl", *rows), countries=None)
    lines = client.get("/api/v1/measurements?format=jsonl&records=1&control=false")
    (tmp_path / "api.jsonl").write_bytes(b"".join(lines.streaming_content))  # type: ignore[attr-defined]
    capsys.readouterr()
    assert main([str(tmp_path / "api.jsonl")]) == 0
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    told = {str(one.measurement): (one.verdict, one.rule) for one in Verdict.objects.all()}
    assert {one["measurement"]: (one["verdict"], one["rule"]) for one in said} == told


def test_a_network_that_only_oonis_probes_measured_is_shown_as_measured(tmp_path: Path, client: Client) -> None:
    make.network(9198, watched=False)
    assert "AS9198" not in client.get("/en/networks/").content.decode()
    take(written(tmp_path / "a.jsonl", *documents(1)))
    assert "AS9198" in client.get("/en/networks/").content.decode()
    page = client.get("/en/networks/9198/").content.decode()
    assert "OONI’s probes, run by volunteers, have measured here too" in page
    assert "0 places measure on this network" in page
