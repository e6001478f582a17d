"""Runs: rows under a lease. Who holds one, and what came of it, the database decides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q

from checks.engine import records
from checks.engine.guard import refuse
from checks.models import Measurement, Plan, Round, Run, Target, Vantage
from checks.probe.batch import Batch

LEASE = timedelta(minutes=5)
LEASE_PER_TARGET = timedelta(seconds=2)
PAIRING = timedelta(minutes=10)  # a control counts for a measurement that began no further away
CLOCK_SKEW = timedelta(minutes=10)


class Refused(Exception):
    """A batch that is not taken; the message says why. Nothing of it is stored."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a vantage is asked to do: the arguments of the probe's task."""

    queue: str
    vantage: str
    run: int
    attempt: int
    items: tuple[tuple[str, tuple[str, ...]], ...]  # URL, and addresses to visit besides its own
    lease: timedelta


@transaction.atomic
def create(
    vantage: Vantage, targets: Sequence[Target], *, slot: datetime, plan: Plan | None = None, batch: int = 0
) -> Round:
    """A round: a run for the vantage, and one for a control, which goes first."""
    round_ = Round.objects.create(plan=plan, vantage=vantage, slot=slot, batch=batch)
    ids = [target.pk for target in targets]
    if vantage.role == Vantage.Role.CONTROL:
        Run.objects.create(round=round_, vantage=vantage, targets=ids, state=Run.State.READY)
        return round_
    control = _control_for(round_)
    Run.objects.create(
        round=round_, vantage=vantage, targets=ids, state=Run.State.WAITING if control else Run.State.READY
    )
    if control:
        Run.objects.create(round=round_, vantage=control, targets=ids, state=Run.State.READY)
    return round_


def _control_for(round_: Round) -> Vantage | None:
    """The control vantages take turns, so that no verdict rests on one of them for ever."""
    controls = list(Vantage.objects.filter(role=Vantage.Role.CONTROL, state=Vantage.State.ADMITTED).order_by("pk"))
    return controls[round_.pk % len(controls)] if controls else None


def take(at: datetime) -> list[Order]:
    """Take every free run under a lease; each is taken by one caller only."""
    orders = []
    for run in Run.objects.free(at).select_related("vantage").order_by("pk"):
        lease = LEASE + LEASE_PER_TARGET * len(run.targets)
        mine = Run.objects.free(at).filter(pk=run.pk, attempt=run.attempt, vantage__state=Vantage.State.ADMITTED)
        if mine.update(lease_until=at + lease, attempt=F("attempt") + 1):
            orders.append(_order(run, lease))
    return orders


def _order(run: Run, lease: timedelta) -> Order:
    urls = Target.objects.filter(pk__in=run.targets).order_by("pk").values_list("url", flat=True)
    return Order(
        queue=run.vantage.queue,
        vantage=run.vantage.name,
        run=run.pk,
        attempt=run.attempt + 1,
        items=tuple((url, tuple(run.addresses.get(url, ()))) for url in urls),
        lease=lease,
    )


def give_up(at: datetime) -> int:
    """Fail the runs whose last attempt ran out. A probe run that waited for a failed control goes without."""
    given_up = 0
    for run in Run.objects.given_up(at):
        with transaction.atomic():
            if Run.objects.given_up(at).filter(pk=run.pk).update(state=Run.State.FAILED, lease_until=None):
                given_up += 1
                _release(run.round_id, {})
    return given_up


@transaction.atomic
def record(vantage: Vantage, batch: Batch, *, at: datetime) -> Run:
    """Store a batch once, whoever sends it how often. Raises Refused for what does not fit its run.

    A late result of an older attempt is kept as more measurements and closes nothing.
    """
    try:
        held = Run.objects.select_for_update().select_related("vantage__network", "round")
        run = held.get(pk=batch.run, vantage=vantage)
    except Run.DoesNotExist:
        raise Refused(f"run {batch.run} is not one of {vantage}") from None
    if not 1 <= batch.attempt <= run.attempt:
        raise Refused(f"attempt {batch.attempt} of run {run.pk} was never given out")
    test = _checked(batch, run)
    measurements = () if test and test.failed else batch.measurements  # a vantage that fails is silent for this run
    targets = {target.url: target for target in Target.objects.filter(pk__in=run.targets)}
    rows = [_row(run, batch, measured, targets, at) for measured in measurements]
    Measurement.objects.bulk_create(rows, ignore_conflicts=True)
    kept = moment_kept(run, at)
    Vantage.objects.filter(Q(seen_at=None) | Q(seen_at__lt=kept), pk=vantage.pk).update(seen_at=kept)
    closes = Run.objects.filter(pk=run.pk, state=Run.State.READY, attempt=batch.attempt)
    found = test.as_json() if test else None
    if closes.update(state=Run.State.RECORDED, recorded_at=kept, lease_until=None, self_test=found):
        if vantage.role == Vantage.Role.CONTROL:
            _release(run.round_id, _resolved(measurements))
        run.refresh_from_db()
    return run


def _checked(batch: Batch, run: Run) -> records.SelfTest | None:
    """The self-test of a batch, beside the network that the vantage is admitted for; of a first check with its day."""
    test = batch.self_test
    if test is None:
        return None
    if test.asn not in (None, run.vantage.network.asn) and "asn" not in test.failed:
        test = replace(test, failed=(*test.failed, "asn"))
    return test if run.round.plan_id else replace(test, started=run.round.slot.isoformat())


def moment_kept(run: Run, at: datetime) -> datetime:
    """What may be written down of when something happened to a run: of a first check the day alone."""
    return at if run.round.plan_id else run.round.slot


def _row(
    run: Run, batch: Batch, measured: records.Measurement, targets: dict[str, Target], at: datetime
) -> Measurement:
    network = run.vantage.network
    started = datetime.fromisoformat(measured.started)
    if measured.url not in targets:
        raise Refused(f"{measured.url} was not asked for in run {run.pk}")
    if measured.imitated != network.imitated or (measured.imitated and not settings.DEMO):
        raise Refused("an imitated world and a real register must not mix")
    if not run.round.slot - CLOCK_SKEW <= started <= at + CLOCK_SKEW:
        raise Refused(f"measured at {started.isoformat()}: the clock of {run.vantage} is wrong")
    return Measurement(
        id=UUID(measured.id),
        run=run,
        attempt=batch.attempt,
        target=targets[measured.url],
        vantage=run.vantage,
        network=network,
        control=run.vantage.role == Vantage.Role.CONTROL,
        started_at=started,
        failure=(measured.failure or "")[:200],
        imitated=measured.imitated,
        document=Measurement.pack(measured),
    )


def _release(round_id: int, addresses: dict[str, list[str]]) -> None:
    """Let the probe run of a round go, with the addresses that its control saw."""
    Run.objects.filter(round_id=round_id, state=Run.State.WAITING).update(state=Run.State.READY, addresses=addresses)


ADDRESSES = 16  # of one site that a control hands on


def _resolved(measurements: Sequence[records.Measurement]) -> dict[str, list[str]]:
    return {
        measured.url: sorted(
            {
                address
                for query in measured.queries
                if query.hop == 0
                for address in query.addresses
                if refuse(address) is None
            }
        )[:ADDRESSES]
        for measured in measurements
    }
