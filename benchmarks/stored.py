"""A register full of measurements, for `benchmarks.rejudge`: run inside `manage.py shell`, where Django is ready."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta
from itertools import count, islice
from pathlib import Path
from uuid import UUID

from django.utils import timezone

from benchmarks.verdict import document
from checks.formats import ooni
from checks.models import Measurement

KINDS = 12  # different documents; the rest are copies with ids and times of their own
AT_ONCE = 500
FIRST = 1 << 70  # of the copies' ids: beside them there is nothing


def fill(rows: int, folder: str) -> None:
    """Until there are so many measurements of probes, each with a control of its own. What is there stays."""
    there = Measurement.objects.filter(control=False).count()
    if not there:
        _import(Path(folder) / "kinds.jsonl")
        there = Measurement.objects.filter(control=False).count()
    kinds = list(Measurement.objects.filter(control=False).order_by("pk")[:KINDS])
    controls = {str(one.pk): one for one in Measurement.objects.filter(control=True).order_by("pk")[:KINDS]}
    copies = _copies([(kind, controls[str(kind.own_control)]) for kind in kinds], there)
    left = 2 * (rows - there)
    while left > 0:
        made = list(islice(copies, min(AT_ONCE, left)))
        Measurement.objects.bulk_create(made)
        left -= len(made)


def _import(path: Path) -> None:
    chance = random.Random(1)
    path.write_text("".join(f"{document(number, chance)}\n" for number in range(KINDS)), encoding="utf-8")
    manifest = ooni.begin(path, at=timezone.now())
    for _ in ooni.take(path, manifest, countries=None, at=timezone.now()):
        pass


def _copies(kinds: list[tuple[Measurement, Measurement]], begin: int) -> Iterator[Measurement]:
    """A probe's measurement and its control in turn, a second apart from the next, in the order of their ids."""
    start = max(kind.started_at for kind, _ in kinds)
    for number in count(begin):
        kind, control = kinds[number % len(kinds)]
        at = start + timedelta(seconds=number)
        probe_id, control_id = (UUID(int=FIRST << 50 | 2 * number + one) for one in (0, 1))
        yield _copy(kind, probe_id, at, {**(kind.origin or {}), "control": str(control_id)})
        yield _copy(control, control_id, at, control.origin)


def _copy(of: Measurement, pk: UUID, at: object, origin: object) -> Measurement:
    kept = ("run_id", "attempt", "target_id", "vantage_id", "network_id", "control", "failure", "imitated", "document")
    return Measurement(id=pk, started_at=at, origin=origin, **{name: getattr(of, name) for name in kept})
