"""The workers of the centre on a real Redis: what they take, what they throw away, and that they come back."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
import redis
from celery import Celery
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings

from checks import intake
from checks.probe import messages
from checks.probe.batch import Batch
from config import workers
from tests.checks.conftest import visit

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 90.0  # seconds on a busy machine
URL = "https://orda.kz/"
ROWS = """
from datetime import timedelta
from django.utils import timezone
from checks import planning, runs
from checks.models import Network, Plan, Target, Vantage
from registry import guards
guards.lift()
network = Network.objects.create(asn=64497, name="A", kind="hosting")
here = Vantage.objects.create(name="here", network=network, role="control", public_key="{key}")
target = Target.objects.create(url="{url}", host="orda.kz")
planned = runs.Planned(planning.plan_named("registry"), timezone.now(), 0, timezone.now(), 2)
runs.create(here, [target], planned)
print([order.run for _, order in runs.take(timezone.now())][0])
"""


@dataclass(frozen=True)
class Centre:
    """A register in files and a Redis of its own, where one vantage has a run to bring home."""

    environment: dict[str, str]
    key: Ed25519PrivateKey
    run: int
    broker: str

    def manage(self, *arguments: str) -> str:
        return _manage(self.environment, *arguments)

    def recorded(self) -> bool:
        code = "from checks.models import Run; print(Run.objects.get().state)"
        return self.manage("shell", "--no-imports", "-c", code).strip() == "recorded"

    def send(self, name: str, told: Mapping[str, Any], queue: str = "here:results") -> None:
        with Celery(broker=self.broker, set_as_current=False) as probe:
            probe.send_task(name, kwargs=dict(told), queue=queue)

    def batch(self) -> dict[str, str]:
        now = datetime.now(UTC)
        batch = Batch("here", self.run, 1, now, messages.nonce(), (visit(URL, at=now),))
        return intake.as_text("here", batch.sealed(self.key))


def _manage(environment: dict[str, str], *arguments: str) -> str:
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True).stdout


def _environment(folder: Path, broker: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "TIZILIM_TEST_POSTGRES")}
    own = {"DJANGO_SETTINGS_MODULE": "config.settings", "TIZILIM_VAR": str(folder), "TIZILIM_BROKER_URL": broker}
    return {**kept, **own, "TIZILIM_LOG_LEVEL": "ERROR"}


@pytest.fixture
def centre(tmp_path: Path, migrated: Path, redis_url: str) -> Centre:
    redis.Redis.from_url(redis_url).flushall()
    shutil.copy(migrated, tmp_path / "tizilim.sqlite3")
    environment = _environment(tmp_path, redis_url)
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()
    run = _manage(environment, "shell", "--no-imports", "-c", ROWS.format(key=public, url=URL))
    return Centre(environment, key, int(run), redis_url)


@pytest.fixture
def recorder(centre: Centre, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "manage.py", "work", "results"]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=centre.environment, stderr=log, stdout=log)
        until(lambda: psutil.Process(process.pid).children())
        yield process
        process.terminate()
        assert process.wait(PATIENCE) == 0


def until(true: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.5)


def test_the_recorder_knows_one_task() -> None:
    assert set(workers.recorder().tasks) == {"record"}
    assert set(settings.QUEUES) > {workers.RESULTS}


@pytest.mark.redis
def test_a_forged_task_is_thrown_away_and_a_batch_is_recorded(
    centre: Centre, recorder: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    for forged in ("dispatch", "celery.map", "celery.chain", "os.system"):
        centre.send(forged, {"task": "record", "it": []})
    centre.send("record", centre.batch())
    until(centre.recorded)
    log = (tmp_path / "log").read_text()
    assert log.count("Received unregistered task") == 4
    receipt = redis.Redis.from_url(centre.broker).lindex("here:probe", 0)
    told = json.loads(receipt)
    assert told["headers"]["task"] == "receipt"


@pytest.mark.redis
def test_a_recorder_that_is_killed_comes_back_and_records(centre: Centre, recorder: subprocess.Popen[bytes]) -> None:
    psutil.Process(recorder.pid).children()[0].kill()
    centre.send("record", centre.batch())
    until(centre.recorded)


@pytest.mark.redis
def test_two_recorders_of_one_message_record_once(centre: Centre, recorder: subprocess.Popen[bytes]) -> None:
    batch = centre.batch()
    for _ in range(5):
        centre.send("record", batch)
    until(centre.recorded)
    code = "from checks.models import Measurement, Nonce; print(Measurement.objects.count(), Nonce.objects.count())"
    assert centre.manage("shell", "--no-imports", "-c", code).split() == ["1", "1"]


@pytest.mark.redis
def test_what_is_admitted_while_it_runs_is_recorded_too(centre: Centre, recorder: subprocess.Popen[bytes]) -> None:
    time.sleep(workers.FOLLOW)  # it began with the queues that there were
    code = "from registry import guards; guards.lift(); from checks.models import Vantage; "
    code += "Vantage.objects.filter(name='here').update(name='there')"
    centre.manage("shell", "--no-imports", "-c", code)
    now = datetime.now(UTC) + timedelta(seconds=1)
    batch = Batch("there", centre.run, 1, now, messages.nonce(), (visit(URL, at=now),)).sealed(centre.key)
    centre.send("record", intake.as_text("there", batch), "there:results")
    until(centre.recorded)


def test_results_are_worked_alone(tmp_path: Path) -> None:
    command = [sys.executable, "manage.py", "work", "central", "results"]
    environment = {**os.environ, "TIZILIM_VAR": str(tmp_path)}
    refused = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert (refused.returncode, "worker of their own" in refused.stderr) == (1, True)
