"""Evidence for a court: the printable page, and the pack that is checked without us."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from checks import packing
from checks.models import Measurement, State, Vantage
from checks.verdict.rules import RULES, RULESET
from registry import evidence, log, merging
from registry.models import Resource
from tests import make
from tests.verdict import make as facts

pytestmark = pytest.mark.django_db

DER = base64.b64encode(b"no real certificate, and kept as it came").decode()
ADDRESS = f"/en/resources/{facts.HOST}/evidence"


@pytest.fixture(autouse=True)
def _no_throttle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("registry.api.throttles.Exports.rate", "10000/hour")


def measured(one: Resource, asn: int, visits: int = 3) -> list[Measurement]:
    """A network on which the site is cut, with the measurements that decide it, and their controls."""
    network = make.network(asn)
    elsewhere = make.network(64500, kind="hosting", watched=False)
    control = make.run(make.vantage(elsewhere, role=Vantage.Role.CONTROL))
    here = make.run(network.vantages.get())
    sent = replace(facts.certificate(hashlib.sha256(base64.b64decode(DER)).hexdigest()), der=DER)
    opened = facts.handshake(chain=(sent,))
    made = []
    for number in range(visits):
        at = make.AT - timedelta(hours=number)
        beside = make.measurement(facts.visit(handshakes=(opened,)), one, by=control, started_at=at)
        cut = facts.unsecured("connection_reset", facts.swap(), *facts.again("connection_reset"))
        row = make.measurement(cut, one, by=here, started_at=at)
        make.verdict(row, mechanism="tls.reset.sni", controls=[str(beside.pk)])
        made.append(row)
    ids = [str(row.pk) for row in made]
    make.cell(one, network, State.BLOCKED, mechanism="tls.reset.sni", witnesses=ids)
    make.episode(one, network, State.BLOCKED, mechanism="tls.reset.sni", witnesses=ids)
    return made


def whole(name: str = facts.HOST) -> Resource:
    """A resource of which everything is known."""
    one = make.resource(name)
    decided = make.act(by=make.authority(), text="Жабылсын.", language="kk")
    decided.documents.add(make.document(sha256="ab" * 32))
    basis = make.restriction(one, decided, kind="court", fact="A court closed it.")
    basis.sources.add(make.source("A newspaper", url="https://news.example.org/1"))
    make.appeal(decided)
    make.statement(basis, words="We block nothing.")
    make.listing(one)
    make.notice(resource=one)
    make.erratum(basis)
    make.request(one, ("sent", "2026-02-02"))
    for row in (one, basis, decided):
        log.append("create", row, after={"note": "seen"}, reason="It was reported.", by="editor-1", at=make.AT)
    log.append("correct", one, before={"note": "seen"}, after={"note": "Қазақша"}, reason="Read.", by="editor-1")
    return one


def unpacked(client: Client, address: str = f"{ADDRESS}.zip") -> dict[str, bytes]:
    """The files of a pack by their names in its folder."""
    answer = client.get(address)
    assert answer.status_code == 200
    with ZipFile(BytesIO(b"".join(answer.streaming_content))) as archive:
        return {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}


def run(*command: str, cwd: Path | str, code: int = 0) -> str:
    done = subprocess.run(command, cwd=cwd, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, timeout=60)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_a_page_names_papers_of_ours_by_their_whole_address_and_none_that_was_withdrawn(client: Client) -> None:
    act = whole().restrictions.get().acts.get()
    ours = {"original_hash": "cd" * 32, "url": f"/documents/{'ef' * 32}"}
    act.documents.add(make.document("A letter", **ours))
    withdrawn = make.document("A draft", **ours)
    act.documents.add(withdrawn)
    make.withdrawn(withdrawn)
    page = client.get(f"{ADDRESS}/").content.decode()
    assert f'A letter, <span class="address">http://127.0.0.1:8000/documents/{"ef" * 32}</span>' in page
    assert "A draft" not in page


def test_a_pack_has_what_the_register_holds(client: Client) -> None:
    rows = measured(whole(), 9198)
    files = unpacked(client)
    assert {"README.kk.txt", "README.ru.txt", "README.en.txt", "page.html", "method.md", f"rules/{RULESET}.md"} <= set(
        files
    )
    for language in ("kk", "ru", "en"):
        assert f"/{language}/resources/{facts.HOST}/evidence/\n" in files[f"README.{language}.txt"].decode()
    record = json.loads(files["record.json"])
    assert record["sentences"]["en"].startswith("Blocked by order")
    assert record["resource"]["name"] == facts.HOST
    tables = ("listings", "appeals", "documents", "notices", "errata", "requests")
    assert [len(record[table]) for table in tables] == [1] * 6
    (act,) = [name for name in files if name.startswith("acts/") and name.endswith(".json")]
    assert files[act.replace(".json", ".kk.txt")].decode() == "Жабылсын."
    assert json.loads(files["statements.json"])[0]["words"] == "We block nothing."
    verdicts = json.loads(files["verdicts.json"])
    assert {one["measurement"] for one in verdicts} == {str(row.pk) for row in rows}
    assert {one["rule"] for one in verdicts} == {"tls_reset_sni"}
    rules = files[f"rules/{RULESET}.md"].decode()
    assert all(f". {rule.id}\n" in rules for rule in RULES)


def test_what_was_done_against_an_act_is_on_paper_too(client: Client) -> None:
    whole()
    told = "appeal – <strong>what was challenged was upheld</strong>"
    assert told in client.get(f"{ADDRESS}/").content.decode()
    assert told in unpacked(client)["page.html"].decode()


def test_what_was_wrong_in_the_register_is_on_paper_too(client: Client) -> None:
    one = whole()
    for address in (f"{ADDRESS}/", f"/kk/resources/{facts.HOST}/evidence/"):
        page = client.get(address).content.decode()
        assert '<q lang="en">The date was that of the letter.</q> → <q lang="en">It is the date of' in page
    assert "that of the letter" in unpacked(client)["page.html"].decode()
    Resource.objects.update(display="withheld")
    hidden = client.get(f"/en/resources/{one.pk}/evidence/").content.decode()
    assert "<h2>Errata</h2>" in hidden
    assert "that of the letter" not in hidden


def test_records_and_controls_come_whole(client: Client) -> None:
    row = measured(whole(), 9198, visits=1)[0]
    files = unpacked(client)
    raw, control = row.whole.as_bytes(), Measurement.objects.get(control=True).whole.as_bytes()
    content = files[f"measurements/{row.pk}.json"]
    assert raw in content
    assert control in content
    (line,) = json.loads(files["measurements.json"])["measurements"]
    assert line["decides"]
    assert [one["sha256"] for one in line["records"]] == [hashlib.sha256(one).hexdigest() for one in (raw, control)]


def test_a_chain_of_certificates_comes_as_it_was_sent(client: Client) -> None:
    measured(whole(), 9198)
    files = unpacked(client)
    (name,) = [name for name in files if name.startswith("certificates/")]
    kept = "".join(files[name].decode().splitlines()[1:-1])
    assert kept == DER
    told = json.loads(files["certificates.json"])
    assert [one["file"] for one in told["chains"]][:1] == [name]
    assert {one["server_name"] for one in told["seen"]} == {facts.HOST}


def test_a_pack_is_checked_without_us(client: Client, tmp_path: Path) -> None:
    """As its README says: the sums, the log, the rules; and a byte that was altered is found."""
    measured(whole(), 9198)
    folder = written(client, tmp_path)
    assert "FAILED" not in run("sha256sum", "-c", "SHA256SUMS", cwd=folder)
    sums = (folder / "SHA256SUMS").read_text().splitlines()
    assert len(sums) == len([one for one in folder.rglob("*") if one.is_file()]) - 1
    history, whole_log = folder / "history.jsonl", tmp_path / "log.jsonl"
    whole_log.write_bytes(b"".join(client.get("/api/v1/log/").streaming_content))
    verify = (sys.executable, "-m", "registry.ledger", "verify", str(history))
    assert "4 entries of 3 records hold together" in run(*verify, "--excerpt", cwd=settings.BASE_DIR)
    assert "each stands in the log" in run(*verify, "--in", str(whole_log), cwd=settings.BASE_DIR)
    records = [str(one) for one in (folder / "measurements").iterdir()]
    judged = run(sys.executable, "-m", "checks.verdict", *records, "--explain", cwd=settings.BASE_DIR)
    assert [json.loads(line)["rule"] for line in judged.splitlines()] == ["tls_reset_sni"] * 3

    history.write_bytes(history.read_bytes().replace(b"editor-1", b"editor-2", 1))
    assert "history.jsonl: FAILED" in run("sha256sum", "-c", "SHA256SUMS", cwd=folder, code=1)
    assert "was changed" in run(*verify, "--excerpt", cwd=settings.BASE_DIR, code=1)


def written(client: Client, into: Path) -> Path:
    file = into / "evidence.zip"
    file.write_bytes(b"".join(client.get(f"{ADDRESS}.zip").streaming_content))
    with ZipFile(file) as archive:
        assert archive.testzip() is None
        archive.extractall(into)
        return into / archive.namelist()[0].partition("/")[0]


def test_the_printed_page_names_every_other_file_with_its_hash(client: Client) -> None:
    measured(whole(), 9198)
    files = unpacked(client)
    page = files["page.html"].decode()
    for name, content in files.items():
        told = f"<code>{name}</code></td><td><code>{hashlib.sha256(content).hexdigest()}</code>" in page
        assert told is (name not in ("page.html", "SHA256SUMS")), name
    assert "<script" not in page
    assert "src=" not in page
    assert 'rel="stylesheet"' not in page


def test_the_same_data_on_the_same_day_make_the_same_bytes(client: Client) -> None:
    one = whole()
    measured(one, 9198)
    first, second = client.get(f"{ADDRESS}.zip"), client.get(f"{ADDRESS}.zip")
    assert b"".join(first.streaming_content) == b"".join(second.streaming_content)
    assert client.get(f"{ADDRESS}.zip", headers={"if-none-match": first["ETag"]}).status_code == 304
    make.statement(one.restrictions.get(), words="We do.")
    assert client.get(f"{ADDRESS}.zip", headers={"if-none-match": first["ETag"]}).status_code == 200
    assert client.get(f"{ADDRESS}.zip".replace("/en/", "/kk/"))["ETag"] != first["ETag"]


def test_of_many_witnesses_those_of_the_state_stay_and_the_rest_is_counted(client: Client) -> None:
    one = whole()
    rows = measured(one, 9198, visits=evidence.WITNESSES + 3)
    network = make.network(9198)
    one.targets.get().cells.update(witnesses=[str(row.pk) for row in rows[-2:]])
    assert network.cells.get().witnesses == [str(row.pk) for row in rows[-2:]]
    told = json.loads(unpacked(client)["measurements.json"])
    assert [line["decides"] for line in told["measurements"]] == [True] * 2 + [False] * (evidence.WITNESSES - 2)
    assert told["beyond_the_limit"] == 3


def test_a_witness_that_is_stored_no_more_is_said_to_be_left_out(client: Client) -> None:
    row = measured(whole(), 9198, visits=1)[0]
    Measurement.objects.filter(pk=row.pk).delete()
    files = unpacked(client)
    assert json.loads(files["measurements.json"])["measurements"][0]["left_out"] == "it is not stored any more"
    assert not [name for name in files if name.startswith("measurements/")]


@pytest.mark.parametrize("display", ["withheld", "domain_only"])
def test_what_is_not_shown_in_full_has_a_pack_by_number_and_no_record_in_it(client: Client, display: str) -> None:
    one = whole(f"https://{facts.HOST}/secret-page")
    measured(one, 9198)
    Resource.objects.filter(pk=one.pk).update(display=display)
    assert client.get(f"/en/resources/{one.slug}/evidence.zip").status_code == 404
    files = unpacked(client, f"/en/resources/{one.pk}/evidence.zip")
    texts = [name for name in files if name.startswith("acts/") and name.endswith(".txt")]
    assert not [*texts, *(name for name in files if name.startswith(("measurements/", "certificates/")))]
    for name, content in files.items():
        assert b"secret-page" not in content, name
        assert display != "withheld" or name == "method.md" or facts.HOST.encode() not in content, name
    left_out = {line["left_out"] for line in json.loads(files["measurements.json"])["measurements"]}
    assert left_out == {"it would give an address away"}


def test_a_record_that_leads_to_a_withheld_site_is_left_out(client: Client) -> None:
    row = measured(whole(), 9198, visits=1)[0]
    make.resource("secret.kz", display="withheld")
    there = facts.exchange(location="https://secret.kz/")
    Measurement.objects.filter(pk=row.pk).update(document=packing.pack(replace(row.record, exchanges=(there,))))
    assert b"secret" not in b"".join(unpacked(client).values())


def test_nothing_of_a_probe_or_of_a_reporter_is_in_a_pack(client: Client) -> None:
    measured(whole(), 9198)
    key = Vantage.objects.filter(role=Vantage.Role.ACCESS).first().public_key
    everything = b"".join(unpacked(client).values())
    assert key.encode() not in everything
    assert b"public_key" not in everything


@pytest.mark.parametrize("language", ["kk", "ru", "en"])
def test_the_page_to_print_is_small_and_leads_to_the_pack(client: Client, language: str) -> None:
    one = whole()
    for asn in (9198, 13082, 21299, 29355, 35104, 41798, 206026, 48503):
        measured(one, asn)
    address = f"/{language}/resources/{facts.HOST}/"
    assert f'href="{address}evidence/"' in client.get(address).content.decode()
    page = client.get(f"{address}evidence/")
    assert len(page.content) < 30_000
    assert f'href="{address}evidence.zip"' in page.content.decode()
    assert page.content.decode().count('<td class="whole">AS') == evidence.ON_PAPER


SHEET, PACK = 20, 63  # queries


def test_queries_do_not_grow_with_what_is_known(client: Client) -> None:
    one = whole()
    measured(one, 9198)
    few = [queries(client, end) for end in ("evidence/", "evidence.zip")]
    for asn in (13082, 21299):
        measured(one, asn)
    for number in range(3):
        basis = make.restriction(one, make.act(str(number)), kind="court")
        make.statement(basis)
        make.listing(one)
        log.append("create", basis, after={}, reason="seen", by="editor-1")
    many = [queries(client, end) for end in ("evidence/", "evidence.zip")]
    assert [len(asked) for asked in many] == [len(asked) for asked in few]
    assert len(many[0]) <= SHEET
    assert len(many[1]) <= PACK
    assert not any(Measurement._meta.db_table in sql for sql in many[0])


def queries(client: Client, end: str) -> list[str]:
    assert connection.features.supports_json_field
    with CaptureQueriesContext(connection) as context:
        answer = client.get(f"/en/resources/{facts.HOST}/{end}")
        assert b"".join(answer) if answer.streaming else answer.content
    return [one["sql"] for one in context]


def test_packs_have_a_budget_with_the_whole_tables(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("registry.api.throttles.Exports.rate", "2/hour")
    make.resource(facts.HOST)
    here = {"REMOTE_ADDR": "198.51.100.7"}
    assert [client.get(f"{ADDRESS}.zip", **here).status_code for _again in range(3)] == [200, 200, 429]
    assert int(client.get(f"{ADDRESS}.zip", **here)["Retry-After"]) > 0


def test_an_entry_that_was_merged_leads_to_the_pack_of_the_other_which_has_its_history(client: Client) -> None:
    old, new = make.resource("old.kz"), make.resource(facts.HOST)
    log.append("create", old, after={"name": "old.kz"}, reason="seen", by="editor-1")
    number = old.pk
    merging.merge(old, new, by="editor-1", reason="They are one site.")
    for asked in (number, "old.kz"):
        assert client.get(f"/en/resources/{asked}/evidence.zip")["Location"] == f"{ADDRESS}.zip"
        assert client.get(f"/en/resources/{asked}/evidence/")["Location"] == f"{ADDRESS}/"
    assert f"resource/{number}" in unpacked(client)["history.jsonl"].decode()


@pytest.mark.parametrize("asked", ["99", str(2**63), "never.kz"])
def test_what_the_register_does_not_have_has_no_pack(client: Client, asked: str) -> None:
    assert client.get(f"/en/resources/{asked}/evidence/").status_code == 404
    assert client.get(f"/en/resources/{asked}/evidence.zip").status_code == 404
