"""`/probe/v1/` as an honest probe uses it, and as a hostile one does."""

from __future__ import annotations

import asyncio
import base64
import json
import subprocess
import sys
import zlib
from collections.abc import Callable
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from pathlib import Path
from queue import Queue
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from checks import planning, runs
from checks.engine.records import SelfTest
from checks.models import Enrolment, Measurement, Nonce, Parked, Plan, Run, Vantage
from checks.probe import messages
from checks.probe.batch import Batch
from checks.probe.messages import Claim, Enrol, Said, Sealed
from registry import proposals
from registry.models import Proposal, Region
from tests import make
from tests.checks.conftest import CONTROL_ASN, Probe, visit
from tests.probe.test_door import Served, http
from tests.servers import authority

pytestmark = pytest.mark.django_db

URL = "https://orda.kz/"


@pytest.fixture
def control(probe: Callable[..., Probe]) -> Probe:
    return probe("control", CONTROL_ASN, "control", way="door")


@pytest.fixture
def here(probe: Callable[..., Probe], control: Probe) -> Probe:
    here = probe("here", way="door")
    plan = Plan.objects.create(name="hourly", period=timedelta(hours=1), due_at=timezone.now())
    plan.targets.add(make.target(URL))
    plan.vantages.add(here.vantage)
    planning.dispatch(timezone.now())
    return here


def send(client: Client, where: str, sealed: Sealed, vantage: str = "", **headers: str) -> Any:
    return client.post(
        f"/probe/v1/{where}",
        sealed.body,
        content_type="application/octet-stream",
        headers={
            "Tizilim-Vantage": vantage,
            "Tizilim-Signature": base64.b64encode(sealed.signature).decode(),
            **headers,
        },
    )


def claim(client: Client, probe: Probe, room: int = 2, **fields: Any) -> Any:
    said = {"vantage": probe.vantage.name, "sent": datetime.now(UTC), "nonce": messages.nonce(), "room": room, **fields}
    return send(client, "claim", messages.seal(messages.CLAIM, Claim(**said), probe.key), probe.vantage.name)


def test_a_round_goes_through_the_door(client: Client, here: Probe, control: Probe) -> None:
    assert claim(client, here).json()["orders"] == []  # its control goes first
    for probe in (control, here):
        [order] = claim(client, probe, said=Said("probe/1", 0, 0)).json()["orders"]
        assert order["items"][0][0] == URL
        batch = probe.sealed(order["run"], visit(URL, at=datetime.now(UTC)), attempt=order["attempt"])
        receipt = send(client, "batches", batch, probe.vantage.name).json()
        assert receipt == {
            "vantage": probe.vantage.name, "run": order["run"], "attempt": 1, "keep": False, "reason": ""
        }  # fmt: skip
    assert Measurement.objects.count() == 2
    assert not Run.objects.open().exists()
    here.vantage.refresh_from_db()
    assert here.vantage.seen_at is not None


def test_nobody_claims_the_work_of_another(client: Client, here: Probe, control: Probe) -> None:
    claim(client, here)
    said = Claim("control", datetime.now(UTC), messages.nonce(), 2)
    for key, name in [(here.key, "control"), (here.key, "here")]:
        refused = send(client, "claim", messages.seal(messages.CLAIM, said, key), name)
        assert (refused.status_code, refused["Content-Type"]) == (403, "application/problem+json")
    assert not Run.objects.filter(attempt__gt=0).exists()


def test_nobody_writes_the_results_of_another(client: Client, here: Probe, control: Probe) -> None:
    claim(client, here)
    [order] = claim(client, control).json()["orders"]
    forged = here.sealed(order["run"], visit(URL, at=datetime.now(UTC)))
    assert "not one of here" in send(client, "batches", forged, "here").json()["reason"]
    forged = here.sealed(order["run"], visit(URL, at=datetime.now(UTC)), vantage="control")
    assert send(client, "batches", forged, "control").status_code == 403
    assert not Measurement.objects.exists()


def test_a_claim_that_comes_again_is_refused(client: Client, here: Probe) -> None:
    said = Claim("here", datetime.now(UTC), messages.nonce(), 2)
    sealed = messages.seal(messages.CLAIM, said, here.key)
    assert send(client, "claim", sealed, "here").status_code == 200
    again = send(client, "claim", sealed, "here")
    assert (again.status_code, "replay" in again.json()["detail"]) == (403, True)


def test_a_claim_of_another_hour_is_refused_and_says_what_to_do(client: Client, here: Probe) -> None:
    refused = claim(client, here, sent=datetime.now(UTC) - timedelta(hours=1))
    assert "set the clock" in refused.json()["detail"]
    assert not Nonce.objects.exists()


def test_no_message_passes_for_another_kind(client: Client, here: Probe) -> None:
    said = Claim("here", datetime.now(UTC), messages.nonce(), 2)
    assert send(client, "claim", messages.seal(messages.BATCH, said, here.key), "here").status_code == 403


@pytest.mark.parametrize("fields", [{"state": "revoked"}, {"way": "queue"}])
def test_who_is_not_served_here_is_told_so(client: Client, here: Probe, fields: dict[str, str]) -> None:
    Vantage.objects.filter(name="here").update(**fields)
    refused = claim(client, here)
    assert refused.status_code == 403
    assert refused.json()["detail"]


def test_more_than_a_message_may_have_is_not_read(client: Client, here: Probe) -> None:
    sealed = messages.seal(messages.CLAIM, {"vantage": "x" * 20_000}, here.key)
    large = Sealed(sealed.body + b"\0" * 10_000, sealed.signature)
    assert send(client, "claim", large, "here").status_code == 413


def test_a_bomb_is_refused(client: Client, here: Probe) -> None:
    body = zlib.compress(b" " * (65 * 1024 * 1024), 9)
    sealed = Sealed(body, here.key.sign(messages._prefix(messages.BATCH) + body))
    refused = send(client, "batches", sealed, "here")
    assert (refused.status_code, "larger than" in refused.json()["detail"]) == (403, True)


def test_only_post_is_answered(client: Client, here: Probe) -> None:
    for where in ("claim", "batches", "enrol"):
        assert client.get(f"/probe/v1/{where}").status_code == 405


TEXT = st.text(max_size=20) | st.sampled_from(["\0", "x" * 10**5])
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)


@pytest.mark.parametrize("where", ["claim", "batches", "enrol"])
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(document=ANY, noise=st.binary(max_size=40), signed=st.booleans())
def test_whatever_a_probe_signs_the_door_answers_and_stores_nothing(
    client: Client, here: Probe, where: str, document: Any, noise: bytes, signed: bool
) -> None:
    kind = {"claim": messages.CLAIM, "batches": messages.BATCH, "enrol": messages.ENROL}[where]
    body = zlib.compress(json.dumps(document).encode()) if signed else noise
    signature = here.key.sign(messages._prefix(kind) + body)
    answer = send(client, where, Sealed(body, signature), "here", **{"Tizilim-Key": str(here.vantage.public_key)})
    assert answer.status_code == 403
    assert not Measurement.objects.exists()
    assert not Run.objects.filter(attempt__gt=0).exists()


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_a_batch_with_one_field_changed_is_taken_or_refused_and_never_a_crash(
    client: Client, here: Probe, control: Probe, data: st.DataObject
) -> None:
    claim(client, here)
    run = Run.objects.get(vantage=control.vantage)
    Run.objects.filter(pk=run.pk).update(state=Run.State.READY, attempt=1)
    Measurement.objects.all().delete()  # of the example before
    whole = json.loads(zlib.decompress(control.sealed(run.pk, visit(URL, at=datetime.now(UTC))).body))
    place: Any = whole
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = data.draw(st.sampled_from(keys))
        if isinstance(place[key], dict | list) and place[key] and data.draw(st.booleans()):
            place = place[key]
            continue
        place[key] = data.draw(ANY)
        break
    body = zlib.compress(json.dumps(whole).encode())
    sealed = Sealed(body, control.key.sign(messages._prefix(messages.BATCH) + body))
    answer = send(client, "batches", sealed, "control")
    assert answer.status_code in (200, 403)
    assert not Parked.objects.exists()  # bad input is no failure of ours
    recorded = Run.objects.filter(pk=run.pk, state=Run.State.RECORDED).exists()
    assert recorded or not Measurement.objects.filter(run=run, closing=True).exists()


HOSTILE = {"nul": "a\0b", "long": "x" * 10**5}


@pytest.mark.parametrize("software", HOSTILE.values(), ids=HOSTILE)
def test_what_no_database_takes_is_refused_and_no_crash(
    client: Client, here: Probe, control: Probe, software: str
) -> None:
    assert claim(client, here, said=Said(software)).status_code == 403
    claim(client, here)
    [order] = claim(client, control).json()["orders"]
    measured = visit(URL, at=datetime.now(UTC))
    batch = Batch("control", order["run"], 1, datetime.now(UTC), messages.nonce(), (measured,), said=Said(software))
    assert send(client, "batches", batch.sealed(control.key), "control").status_code == 403
    for test in (
        SelfTest(started=software),
        SelfTest(started=measured.started, must_allow=((software, True),)),
    ):
        sealed = control.sealed(order["run"], measured, test=test)
        receipt = send(client, "batches", sealed, "control").json()
        assert not receipt["keep"]
        assert "found out about itself" in receipt["reason"]
    assert not Measurement.objects.exists()
    assert not Parked.objects.exists()
    last = send(client, "batches", control.sealed(order["run"], measured), "control").json()
    assert (last["keep"], last["reason"]) == (False, "")


# --- enrolling


INVITED = ["astana-1", "--asn", "9198", "--role", "access", "--consent-on", "2026-11-20", "--consent-version", "1"]


@pytest.fixture
def token(capsys: pytest.CaptureFixture[str]) -> str:
    make.network(9198, watched=False)
    make.category("GMB")
    make.category("XED")
    call_command("enrol_probe", *INVITED, "--exclude", "gmb", "xed")
    said = capsys.readouterr().out
    return said.split("--token ")[1].split()[0]


def enrol(client: Client, token: str, key: Ed25519PrivateKey, *, name: str = "astana-1", claimed: str = "") -> Any:
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()
    said = Enrol(token, name, claimed or public, datetime.now(UTC))
    return send(client, "enrol", messages.seal(messages.ENROL, said, key), **{"Tizilim-Key": public})


def test_an_invited_probe_hands_in_its_key_and_two_people_admit_it(client: Client, token: str) -> None:
    key = Ed25519PrivateKey.generate()
    assert enrol(client, token, key).json() == {"vantage": "astana-1", "asn": 9198, "role": "access"}
    assert not Vantage.objects.exists()
    row = Proposal.objects.get()
    assert proposals.needed(row) == 2
    make.agreed()
    admitted = Vantage.objects.get()
    assert (admitted.state, admitted.way, admitted.consent_version) == ("admitted", "door", "1")
    assert admitted.excluded_categories == ["GMB", "XED"]
    said = Claim("astana-1", datetime.now(UTC), messages.nonce(), 2)
    assert send(client, "claim", messages.seal(messages.CLAIM, said, key), "astana-1").status_code == 200


def test_a_token_is_used_once(client: Client, token: str) -> None:
    enrol(client, token, Ed25519PrivateKey.generate())
    again = enrol(client, token, Ed25519PrivateKey.generate())
    assert (again.status_code, "used with another key" in again.json()["detail"]) == (403, True)
    assert Proposal.objects.count() == 1


def test_whoever_lost_the_answer_asks_again_and_is_told_the_same(client: Client, token: str) -> None:
    key = Ed25519PrivateKey.generate()
    first = enrol(client, token, key).json()
    assert enrol(client, token, key).json() == first
    make.agreed()
    assert enrol(client, token, key).json() == first
    assert Proposal.objects.count() == 1
    Enrolment.objects.update(until=timezone.now())
    assert enrol(client, token, key).status_code == 403


def test_a_mistyped_name_spends_no_token(client: Client, token: str) -> None:
    key = Ed25519PrivateKey.generate()
    refused = enrol(client, token, key, name="astna-1")
    assert refused.status_code == 403
    assert refused.json()["detail"] == "this token is for 'astana-1', not for 'astna-1': say --name astana-1"
    assert (Enrolment.objects.get().used_at, Proposal.objects.count()) == (None, 0)
    assert enrol(client, token, key).status_code == 200


def test_a_host_who_mistypes_and_repeats_ends_with_one_proposal(client: Client, token: str, tmp_path: Path) -> None:
    asked: Queue[tuple[str, dict[str, str], bytes, Future[Any]]] = Queue()

    async def answer(path: str, headers: dict[str, str], body: bytes, _: object) -> bytes:
        answered: Future[Any] = Future()
        asked.put((path, headers, body, answered))  # the test's own thread has the database
        told = await asyncio.wrap_future(answered)
        return http(told.content, f"{told.status_code} {told.reason_phrase}")

    def typed(name: str) -> tuple[int, str]:
        words = ["--enrol", served.address, "--token", token, "--name", name, "--state", str(tmp_path), "--ca", str(ca)]
        command = [sys.executable, "-m", "checks.probe", *words]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as probe:
            path, headers, body, answered = asked.get(timeout=60)
            given = {name: value for name, value in headers.items() if name.startswith("tizilim-")}
            answered.set_result(client.post(path, body, content_type=headers["content-type"], headers=given))
            return probe.wait(timeout=60), str(probe.stderr and probe.stderr.read())

    ca = tmp_path / "ca.pem"
    ca.write_text(authority().pem)
    with Served(answer) as served:
        code, complaint = typed("astna-1")
        assert (code, "say --name astana-1" in complaint) == (2, True)
        assert [typed("astana-1"), typed("astana-1")] == [(0, ""), (0, "")]
    assert Proposal.objects.count() == 1
    [vantage] = json.loads((tmp_path / "probe.json").read_text())["vantages"]
    assert (vantage["name"], vantage["asn"]) == ("astana-1", 9198)


def test_what_is_admitted_already_is_not_proposed_again(capsys: pytest.CaptureFixture[str]) -> None:
    make.network(9198, watched=False)
    for _ in range(2):
        call_command("admit_vantage", *INVITED, "--key", "ab" * 32)
    make.agreed()
    call_command("admit_vantage", *INVITED, "--key", "ab" * 32)
    assert "Nothing to do: it was agreed to already" in capsys.readouterr().out
    assert Proposal.objects.count() == 1
    call_command("admit_vantage", *INVITED, "--key", "cd" * 32)  # a new key is something else
    assert Proposal.objects.count() == 2


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["--exclude", "gmb,xed", "gibberish"], "'GIBBERISH', 'GMB,XED': no category of the register"),
        (["--exclude", "XXX"], "those there are, with spaces between them: GMB XED"),
        (["--region", "KZ-99"], "'KZ-99' is no region of the register"),
        (["--region", "KZ-99"], "choose of those there are: KZ-71"),
        (["--consent-on", "2999-01-01"], "nobody has agreed on 2999-01-01 yet"),
        (["--consent-on", "yesterday"], "say on which day the host agreed"),
        (["--role", "control", "--consent-on", "yesterday"], "say on which day the host agreed"),
    ],
)
def test_what_could_not_be_admitted_is_neither_invited_nor_proposed(more: list[str], sentence: str) -> None:
    make.network(9198, watched=False)
    make.category("GMB")
    make.category("XED")
    Region.objects.create(iso="KZ-71", name_kk="Астана", name_ru="Астана", name_en="Astana")
    with pytest.raises(CommandError, match=sentence):
        call_command("enrol_probe", *INVITED, *more)
    with pytest.raises(CommandError, match=sentence):
        call_command("admit_vantage", *INVITED, *more, "--key", "ab" * 32)
    assert not Enrolment.objects.exists()
    assert not Proposal.objects.exists()


def test_an_invitation_takes_no_admitted_vantages_place(client: Client, token: str) -> None:
    call_command("admit_vantage", *INVITED, "--key", "ab" * 32)
    make.agreed()
    with pytest.raises(CommandError, match="'astana-1' is admitted already: choose another name, or renew its key"):
        call_command("enrol_probe", *INVITED)
    refused = enrol(client, token, Ed25519PrivateKey.generate())
    assert (refused.status_code, "is admitted already" in refused.json()["detail"]) == (403, True)
    assert Enrolment.objects.get().used_at is None


def test_a_token_lasts_a_week_and_only_its_hash_is_kept(client: Client, token: str) -> None:
    kept = Enrolment.objects.get()
    assert token not in json.dumps([kept.token_sha256, kept.admission])
    Enrolment.objects.update(until=timezone.now())
    assert enrol(client, token, Ed25519PrivateKey.generate()).status_code == 403


def test_nobody_hands_in_a_key_that_is_not_theirs(client: Client, token: str) -> None:
    assert enrol(client, token, Ed25519PrivateKey.generate(), claimed="ab" * 32).status_code == 403
    assert Enrolment.objects.get().used_at is None


def test_a_claim_before_two_people_agreed_is_refused(client: Client, token: str) -> None:
    key = Ed25519PrivateKey.generate()
    enrol(client, token, key)
    said = Claim("astana-1", datetime.now(UTC), messages.nonce(), 2)
    refused = send(client, "claim", messages.seal(messages.CLAIM, said, key), "astana-1")
    assert "no admitted vantage" in refused.json()["detail"]


def test_the_window_of_the_clock_is_that_of_the_docs() -> None:
    assert timedelta(minutes=10) == runs.CLOCK_SKEW
