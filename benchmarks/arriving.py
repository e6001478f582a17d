"""Sweeps on their way home, for `runs` and `scale`: run inside `manage.py shell`, where Django is ready."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import cycle
from pathlib import Path
from statistics import median

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone
from uuid_utils.compat import uuid7

from benchmarks.runs import AGAIN
from checks import intake, storing
from checks.engine.loop import collect_rarely
from checks.engine.records import Measurement as Record
from checks.models import Measurement, Network, Plan, Round, Run, Target, Vantage
from checks.probe.batch import Batch
from checks.probe.config import public_half
from checks.probe.messages import Sealed, nonce
from checks.runs import Refused
from registry import guards

DAY = timedelta(days=1)
CONTROL = "control-1"  # of the lab
AT_ONCE = 500  # rows of one insertion, as peers do it
ROWS, ROUNDS = 5000, 3  # of the comparison

Seen = dict[str, dict[str, Record]]  # vantage of the lab → URL → what it saw there


def prepare(folder: str, sites: int, networks: int, sweeps: int, *, again: bool = False) -> None:
    """A register that asked for a sweep a day until today, and what came of it as sealed batches, a file each.

    `folder` has documents.json, `Seen`. Each site is one of the lab's at an address of its own, each network is one of
    the lab's, and each has one vantage. `again`: the last sweep is sealed a second time, into a folder of its own.
    """
    guards.lift()
    place = Path(folder)
    seen = msgspec.json.decode((place / "documents.json").read_bytes(), type=Seen)
    targets = _targets(sites, sorted(seen[CONTROL]))
    control = _vantage(CONTROL, 64500, Vantage.Role.CONTROL)
    lab = cycle(sorted(seen.keys() - {CONTROL}))
    access = [(next(lab), _vantage(f"bench-{n}", 65000 + n, Vantage.Role.ACCESS)) for n in range(networks)]
    plan = Plan.objects.create(name="bench", period=DAY, due_at=timezone.now() + DAY)
    (place / AGAIN).mkdir(exist_ok=True)
    for sweep in range(sweeps):
        at = timezone.now() - (sweeps - sweep) * DAY
        into = place / f"sweep-{sweep}"
        into.mkdir()
        for imitated, probe in access:
            for number, begin in enumerate(range(0, sites, settings.BATCH)):
                asked = targets[begin : begin + settings.BATCH]
                round_ = Round.objects.create(plan=plan, vantage=probe[0], slot=at, batch=number)
                for saw, (by, signs) in ((CONTROL, control), (imitated, probe)):
                    run = Run.objects.create(
                        round=round_,
                        vantage=by,
                        targets=[target.pk for target in asked],
                        due_at=at,
                        state=Run.State.READY,
                        attempt=1,
                        lease_until=at + DAY,
                    )
                    measured = [_as_if(seen[saw], target.url, at) for target in asked]
                    for folder_of_it in (into, place / AGAIN) if again and sweep == sweeps - 1 else (into,):
                        _write(folder_of_it, run, measured, at, signs)


def _targets(count: int, urls: Sequence[str]) -> list[Target]:
    rows = [urls[n % len(urls)] + f"?{n}" for n in range(count)]
    return Target.objects.bulk_create(Target(url=url, host=url.split("/")[2]) for url in rows)


def _vantage(name: str, asn: int, role: Vantage.Role) -> tuple[Vantage, Ed25519PrivateKey]:
    kind = Network.Kind.ACCESS if role == Vantage.Role.ACCESS else Network.Kind.HOSTING
    network = Network.objects.create(asn=asn, name=name, kind=kind, imitated=True)
    key = Ed25519PrivateKey.generate()
    return Vantage.objects.create(network=network, name=name, role=role, public_key=public_half(key)), key


def _as_if(seen: dict[str, Record], url: str, at: datetime) -> Record:
    return replace(
        seen[url.partition("?")[0]],
        id=str(uuid7(int(at.timestamp()), at.microsecond * 1000)),
        url=url,
        started=at.isoformat(),
    )


def _write(into: Path, run: Run, measured: Sequence[Record], at: datetime, key: Ed25519PrivateKey) -> None:
    batch = Batch(run.vantage.name, run.pk, 1, at, nonce(), tuple(measured))
    sealed = batch.sealed(key)
    head = {"vantage": run.vantage.name, "at": at.isoformat(), "signature": sealed.signature.hex()}
    (into / f"{run.pk:09}").write_bytes(json.dumps(head).encode() + b"\n" + sealed.body)


def receive(folder: str, part: int, of: int) -> None:
    """Of a sweep's rounds every so many, the control's batch first; prints the seconds, and those of CPU."""
    files = sorted(Path(folder).iterdir())
    arriving = [_read(path) for number, path in enumerate(files) if number // 2 % of == part]
    connection.ensure_connection()
    collect_rarely()  # as workers do
    print("ready", flush=True)
    input()
    began, cpu = time.monotonic(), time.process_time()
    for vantage, at, sealed in arriving:
        receipt = intake.receive(vantage, sealed, at=at)
        if receipt.reason and not receipt.reason.startswith("a replay"):
            raise SystemExit(receipt.reason)
    print(json.dumps([time.monotonic() - began, time.process_time() - cpu]), flush=True)


def _read(path: Path) -> tuple[str, datetime, Sealed]:
    head, _, body = path.read_bytes().partition(b"\n")
    told = json.loads(head)
    return told["vantage"], datetime.fromisoformat(told["at"]), Sealed(body, bytes.fromhex(told["signature"]))


def compare() -> None:
    """Prints how many rows a second COPY stores, and Django's bulk_create, of rows that are there, in turns."""
    rows = list(Measurement.objects.order_by("pk")[:ROWS])
    rates: dict[str, list[float]] = {"copy": [], "bulk_create": []}
    for _ in range(ROUNDS):
        for name, seconds in rates.items():
            with transaction.atomic():
                Measurement.objects.filter(pk__in=[row.pk for row in rows]).delete()
                began = time.monotonic()
                for begin in range(0, len(rows), AT_ONCE):
                    part = rows[begin : begin + AT_ONCE]
                    storing.insert(part) if name == "copy" else Measurement.objects.bulk_create(part)
                seconds.append(time.monotonic() - began)
    print(json.dumps({name: len(rows) / median(seconds) for name, seconds in rates.items()}))


def sizes() -> None:
    """Prints bytes a measurement, indexes and certificates included: as it is stored, and as a row of its id and the
    whole record as JSONB.
    """
    with connection.cursor() as cursor:
        cursor.execute("VACUUM FULL checks_measurement, checks_certificate")
        cursor.execute("CREATE TABLE bench_jsonb (id uuid PRIMARY KEY, document jsonb)")
        for begin in range(0, Measurement.objects.count(), AT_ONCE):
            rows = list(Measurement.objects.order_by("pk")[begin : begin + AT_ONCE])
            Measurement.complete(rows)
            with cursor.copy("COPY bench_jsonb FROM STDIN") as copy:
                for row in rows:
                    copy.write_row((row.pk, row.whole.as_bytes().decode()))
        cursor.execute("VACUUM FULL bench_jsonb")
        parts = "(SELECT sum(pg_total_relation_size(relid)) FROM pg_partition_tree('checks_measurement'))"
        beside = "pg_total_relation_size('checks_certificate')"
        cursor.execute(f"SELECT {parts} + {beside}, pg_total_relation_size('bench_jsonb')")
        ours, jsonb = map(int, cursor.fetchone())
    count = Measurement.objects.count()
    print(json.dumps({"ours": ours / count, "jsonb": jsonb / count}))


def refused(folder: str) -> None:
    """Prints how many batches are not taken, and of how many: those of another register."""
    files = sorted(Path(folder).iterdir())
    count = 0
    for vantage, at, sealed in map(_read, files):
        try:
            count += bool(intake.receive(vantage, sealed, at=at).reason)
        except Refused:
            count += 1
    print(json.dumps([count, len(files)]))
