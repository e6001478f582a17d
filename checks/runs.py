"""Runs: rows under a lease. Who holds one, and what came of it, the database decides."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet

from checks import packing, partitions, storing
from checks.engine import records
from checks.engine.guard import refuse
from checks.engine.world import ISP
from checks.models import Archive, Certificate, Measurement, Nonce, Plan, Round, Run, Target, Vantage
from checks.probe.batch import Batch
from checks.probe.messages import Order
from checks.verdict import facts

PAIRING = timedelta(minutes=10)  # a control counts for a measurement that began no further away
CLOCK_SKEW = timedelta(minutes=10)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TEST_LIMIT = 64 * 1024  # characters of a self-test; one of 40 names has 2,000
WINDOW = {Vantage.Role.ACCESS: 2, Vantage.Role.CONTROL: 8}  # runs that one vantage holds at a time: a fair share


class Refused(Exception):
    """A batch that is not taken; the message says why. Nothing of it is stored.

    `keep`: the probe is to keep it and send it again, for it may be taken later.
    """

    def __init__(self, why: str, *, keep: bool = False) -> None:
        super().__init__(why)
        self.keep = keep


@dataclass(frozen=True, slots=True)
class Planned:
    """Why and when a round is made; plan, vantage, slot and batch are one round once."""

    plan: Plan | None
    slot: datetime
    batch: int
    due_at: datetime  # nobody is asked before
    priority: int


@transaction.atomic
def create(vantage: Vantage, targets: Sequence[Target], planned: Planned) -> Round:
    """A round: a run for the vantage, and one for a control that goes first when the other is claimed."""
    round_ = Round.objects.create(plan=planned.plan, vantage=vantage, slot=planned.slot, batch=planned.batch)
    control = _control_for(round_) if vantage.role != Vantage.Role.CONTROL else None
    for at in [vantage] + ([control] if control else []):
        Run.objects.create(
            round=round_,
            vantage=at,
            targets=[target.pk for target in targets],
            priority=planned.priority,
            due_at=planned.due_at,
            state=Run.State.PLANNED,
        )
    return round_


def _control_for(round_: Round) -> Vantage | None:
    """The control vantages take turns, so that no verdict rests on one of them for ever."""
    controls = list(Vantage.objects.filter(role=Vantage.Role.CONTROL, state=Vantage.State.ADMITTED).order_by("pk"))
    return controls[round_.pk % len(controls)] if controls else None


def take(at: datetime, *, way: Vantage.Way = Vantage.Way.QUEUE) -> list[tuple[Vantage, Order]]:
    """Take what is due of all vantages to which work comes that way; each run is taken by one caller only."""
    admitted = Vantage.objects.filter(state=Vantage.State.ADMITTED, way=way)
    asked = admitted.filter(pk__in=Run.objects.open().values("vantage")).order_by("role", "pk")  # controls after all
    return [(vantage, order) for vantage in asked for order in take_for(vantage, at)]


def take_for(vantage: Vantage, at: datetime, *, room: int | None = None) -> list[Order]:
    """Claim what is due for one vantage, the most urgent first and no more than its share, and take what is ready.

    A probe run is claimed before it is ready: its control measures then, so that both look at the same minutes.
    `room`: how many runs it can take, if it says so.
    """
    share = WINDOW[Vantage.Role(vantage.role)]
    share = share if room is None else min(share, room)
    _hold_to_consent(vantage)
    _claim(vantage, share, at)
    share -= Run.objects.held(at).filter(vantage=vantage).count()
    orders = []
    for run in Run.objects.free(at).filter(vantage=vantage).order_by("priority", "due_at", "pk")[: max(0, share)]:
        lease = lease_of(len(run.targets))
        mine = Run.objects.free(at).filter(pk=run.pk, attempt=run.attempt, vantage__state=Vantage.State.ADMITTED)
        if mine.update(lease_until=at + lease, attempt=F("attempt") + 1):
            orders.append(_order(vantage, run, lease, at))
    return orders


def _hold_to_consent(vantage: Vantage) -> None:
    """Fail or narrow what was planned before its host took a consent back or excluded a category."""
    agreed = Vantage.objects.agreed().filter(pk=vantage.pk).exists()
    if agreed and not vantage.excluded_categories:
        return
    excluded = set(Target.objects.filter(category__in=vantage.excluded_categories).values_list("pk", flat=True))
    for run in Run.objects.open().filter(vantage=vantage):
        left = [pk for pk in run.targets if pk not in excluded] if agreed else []
        same = Run.objects.open().filter(pk=run.pk, attempt=run.attempt)
        if not left:
            why = "its host excludes what was planned" if agreed else "its host has not agreed to what is measured now"
            if same.update(state=Run.State.FAILED, lease_until=None, failure=why):
                release(run.round_id, {})
        elif left != run.targets:
            same.update(targets=left)


def _claim(vantage: Vantage, share: int, at: datetime) -> None:
    own = Run.objects.filter(vantage=vantage, round__vantage=vantage)
    share -= own.filter(state__in=[Run.State.WAITING, Run.State.READY]).count()
    due = own.filter(state=Run.State.PLANNED, due_at__lte=at).order_by("priority", "due_at", "pk")
    for run in due[: max(0, share)]:
        with transaction.atomic():
            control = Run.objects.filter(round=run.round_id, state=Run.State.PLANNED).exclude(pk=run.pk)
            state = Run.State.WAITING if control.exists() else Run.State.READY
            if Run.objects.filter(pk=run.pk, state=Run.State.PLANNED).update(state=state):
                control.update(state=Run.State.READY)


def lease_of(targets: int) -> timedelta:
    """How long a run of so many targets may take before it goes out again."""
    return timedelta(seconds=settings.LEASE + settings.LEASE_PER_TARGET * targets)


def _order(vantage: Vantage, run: Run, lease: timedelta, at: datetime) -> Order:
    urls = _rest(run, at).order_by("pk").values_list("url", flat=True)
    return Order(
        vantage=vantage.name,
        run=run.pk,
        attempt=run.attempt + 1,
        items=tuple((url, tuple(run.addresses.get(url, ()))) for url in urls),
        lease=lease.total_seconds(),
    )


def _rest(run: Run, at: datetime) -> QuerySet[Target]:
    """What an attempt is to visit: without what an earlier one brought home that still pairs with the control."""
    asked = Target.objects.filter(pk__in=run.targets)
    if not run.attempt:
        return asked
    fresh = Measurement.objects.filter(run=run, started_at__gte=at - PAIRING)
    rest = asked.exclude(pk__in=fresh.values("target"))
    return rest if rest.exists() else asked


def give_up(at: datetime) -> int:
    """Fail the runs whose last attempt ran out. A probe run that waited for a failed control goes without."""
    given_up = 0
    for run in Run.objects.given_up(at):
        with transaction.atomic():
            why = f"no result in {Run.ATTEMPTS} attempts"
            failed = {"state": Run.State.FAILED, "lease_until": None, "failure": why}
            if Run.objects.given_up(at).filter(pk=run.pk).update(**failed):
                given_up += 1
                release(run.round_id, {})
    return given_up


@transaction.atomic
def record(vantage: Vantage, batch: Batch, *, at: datetime) -> Run:
    """Store a batch once, whoever sends it how often. Raises Refused for what does not fit its run.

    A late result of an older attempt is kept as more measurements and closes nothing. Neither does half a batch, until
    the next attempt brings the rest (`_rest`). All of a batch is stored, or nothing.
    """
    try:
        held = Run.objects.select_for_update(of=("self",)).select_related("vantage__network", "round")
        run = held.get(pk=batch.run, vantage=vantage)
    except Run.DoesNotExist:
        raise Refused(f"run {batch.run} is not one of {vantage}") from None
    if not 1 <= batch.attempt <= run.attempt:
        raise Refused(f"attempt {batch.attempt} of run {run.pk} was never given out")
    use_once(vantage, batch.nonce, batch.sent, at=at)
    test = _checked(batch, run)
    measurements = () if test and test.failed else batch.measurements  # a vantage that fails is silent for this run
    targets = {target.url: target for target in Target.objects.filter(pk__in=run.targets)}
    current = run.state == Run.State.READY and run.attempt == batch.attempt
    silent = bool(test and test.failed)
    whole = {measured.url for measured in measurements} >= set(targets)
    stored = set(Measurement.objects.filter(run=run).values_list("target", "attempt"))
    at_once = current and whole and not stored
    rows = _new([_row(run, batch, measured, targets, at, at_once) for measured in measurements], stored)
    storing.insert(rows)
    _keep_certificates(measurements)
    _hold_to_months(rows)
    kept = moment_kept(run, at)
    Vantage.objects.filter(Q(seen_at=None) | Q(seen_at__lt=kept), pk=vantage.pk).update(seen_at=kept)
    brought = {} if at_once or silent or not current else _brought(run)
    if current and (at_once or silent or brought.keys() >= set(run.targets)):
        Measurement.objects.filter(pk__in=brought.values()).update(closing=True)
        earlier = Measurement.objects.filter(pk__in=set(brought.values()) - {row.pk for row in rows})
        run.state, run.recorded_at, run.lease_until = Run.State.RECORDED, kept, None
        run.self_test = test.as_json() if test else None
        run.save(update_fields=["state", "recorded_at", "lease_until", "self_test"])
        _go_on(run, [*measurements, *(row.record for row in earlier)], targets)
    return run


def _keep_certificates(measurements: Sequence[records.Measurement]) -> None:
    """Those that are new, in an order that two who do so at once share: neither waits for the other and she for her."""
    try:
        found = packing.certificates(measurements)
    except ValueError as error:
        raise Refused(f"a measurement cannot be kept: {error}") from error
    known = set(Certificate.objects.filter(pk__in=found).values_list("pk", flat=True))
    storing.insert([Certificate(sha256=name, der=found[name]) for name in sorted(found.keys() - known)])


def _new(rows: Iterable[Measurement], stored: Collection[tuple[int, int]]) -> list[Measurement]:
    """One of each target, and none that this attempt brought before: months apart, the database would take it again."""
    new: dict[int, Measurement] = {}
    for row in rows:
        if (row.target_id, row.attempt) not in stored:
            new.setdefault(row.target_id, row)
    return list(new.values())


def _hold_to_months(rows: Iterable[Measurement]) -> None:
    """Raises Refused for what would come to a month that the database has let go. Asked once the rows are in: from
    then on nobody can drop their month before this transaction ends.
    """
    months = {partitions.month_of(row.pk) for row in rows}
    if gone := Archive.objects.gone().filter(month__in=months).first():
        raise Refused(f"too late: the measurements of {gone} are in the archive, and no more are taken")


def _brought(run: Run) -> dict[int, UUID]:
    """Of each target the newest measurement that any attempt brought."""
    return dict(Measurement.objects.filter(run=run).order_by("pk").values_list("target", "pk"))


def _go_on(run: Run, measurements: Sequence[records.Measurement], targets: dict[str, Target]) -> None:
    """What a recorded run lets begin."""
    if run.follows_up:
        Run.objects.filter(round=run.round_id, vantage__role=Vantage.Role.ACCESS).update(judged_at=None)
    elif run.vantage.role == Vantage.Role.CONTROL:
        release(run.round_id, _resolved(measurements))
    else:
        _follow_up(run, measurements, targets)


def use_once(vantage: Vantage, nonce: str, sent: datetime, *, at: datetime) -> None:
    """Take the number and the moment of a signed message. Raises Refused for a replay, and for a wrong clock."""
    if abs(sent - at) > CLOCK_SKEW:
        raise Refused(
            f"sent at {sent.isoformat()}, and it is {at.isoformat()} here: set the clock, or send it anew", keep=True
        )
    if not nonce.isalnum() or len(nonce) != 32:
        raise Refused("the nonce must be 32 letters and digits")
    _, first = Nonce.objects.get_or_create(vantage=vantage, value=nonce, defaults={"sent_at": sent})
    if not first:
        raise Refused("a replay: this very message came before", keep=True)


def forget_nonces(at: datetime) -> int:
    """What was sent longer ago than the clock's window is refused by its date."""
    return Nonce.objects.filter(sent_at__lt=at - 2 * CLOCK_SKEW).delete()[0]


def _checked(batch: Batch, run: Run) -> records.SelfTest | None:
    """The self-test of a batch, beside the network that the vantage is admitted for; of a first check with its day."""
    test = batch.self_test
    if test is None:
        return None
    try:
        records.SelfTest.from_json(test.as_json())
        told = json.dumps(test.as_json(), allow_nan=False)
    except ValueError as error:
        raise Refused(f"what {run.vantage} found out about itself cannot be read: {error}") from error
    if len(told) > TEST_LIMIT or "\\u0000" in told:
        raise Refused(f"what {run.vantage} found out about itself is longer than {TEST_LIMIT} characters, or has a NUL")
    if test.asn not in (None, run.vantage.network.asn) and "asn" not in test.failed:
        test = replace(test, failed=(*test.failed, "asn"))
    return test if run.round.plan_id else replace(test, started=run.round.slot.isoformat())


def moment_kept(run: Run, at: datetime) -> datetime:
    """What may be written down of when something happened to a run: of a first check the day alone."""
    return at if run.round.plan_id else run.round.slot


def _row(
    run: Run, batch: Batch, measured: records.Measurement, targets: dict[str, Target], at: datetime, closes: bool
) -> Measurement:
    network = run.vantage.network
    try:
        started, pk = datetime.fromisoformat(measured.started), UUID(measured.id)
        skewed = not run.round.slot - CLOCK_SKEW <= started <= at + CLOCK_SKEW
        made = timedelta(milliseconds=partitions.milliseconds(pk)) - (started - EPOCH)
    except (ValueError, TypeError) as error:
        raise Refused(f"a measurement without a proper id or moment: {error}") from error
    if measured.url not in targets:
        raise Refused(f"{measured.url} was not asked for in run {run.pk}")
    if measured.imitated != network.imitated or (measured.imitated and not settings.DEMO):
        raise Refused("an imitated world and a real register must not mix")
    if skewed:
        raise Refused(f"measured at {started.isoformat()}: the clock of {run.vantage} is wrong")
    if abs(made) > CLOCK_SKEW:  # else a probe could choose in which month it is kept
        raise Refused(f"the id {pk} was not made when the visit was, at {started.isoformat()}: it must be a UUIDv7")
    return Measurement(
        id=pk,
        run_id=run.pk,
        attempt=batch.attempt,
        closing=closes,
        target_id=targets[measured.url].pk,
        vantage_id=run.vantage_id,
        network_id=network.pk,
        control=run.vantage.role == Vantage.Role.CONTROL,
        started_at=started,
        failure=(measured.failure or "").replace("\0", "")[:200],
        imitated=measured.imitated,
        document=packing.pack(measured),
    )


def release(round_id: int, addresses: dict[str, list[str]]) -> None:
    """Let the probe run of a round go, with the addresses that its control saw."""
    Run.objects.filter(round_id=round_id, state=Run.State.WAITING).update(state=Run.State.READY, addresses=addresses)


def _follow_up(run: Run, measurements: Sequence[records.Measurement], targets: dict[str, Target]) -> None:
    """Have the control of the round try the addresses that only the network's resolver gave: who lives there decides
    whether its answer was forged. Those that proved to be the site to the probe need no second opinion.
    """
    asked = {}
    for measured in measurements:
        known, host = run.addresses.get(measured.url), targets[measured.url].host
        unknown = known is not None and _seen(measured, ISP) - facts.proved(measured, host) - set(known)
        if unknown:
            asked[measured.url] = sorted(unknown)[:ADDRESSES]
    if not asked:
        return
    control = Run.objects.filter(
        round=run.round_id, vantage__role=Vantage.Role.CONTROL, vantage__state=Vantage.State.ADMITTED
    ).first()
    if control:
        Run.objects.create(
            round=run.round,
            vantage_id=control.vantage_id,
            targets=[targets[url].pk for url in asked],
            addresses=asked,
            follows_up=True,
            priority=run.priority,
            due_at=run.due_at,
            state=Run.State.READY,
        )


ADDRESSES = 16  # of one site that one side hands on to the other


def _resolved(measurements: Sequence[records.Measurement]) -> dict[str, list[str]]:
    return {measured.url: sorted(_seen(measured))[:ADDRESSES] for measured in measurements}


def _seen(measured: records.Measurement, *roles: str) -> set[str]:
    """What these resolvers, or all, told of the name that was asked for, but for what nobody may connect to."""
    first = (query for query in measured.queries if query.hop == 0 and (not roles or query.role in roles))
    return {address for query in first for address in query.addresses if refuse(address) is None}
