"""Waves as rows: found anew from episodes and runs by `checks.verdict.waves`, and offered to editors at the desk.

The same evidence again changes nothing, more of it extends the same row. What an editor decided stays decided.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Max, Min, OuterRef, Q, Subquery

from checks.models import Cell, Episode, Measurement, Network, Run, State, Vantage, Wave, Witness
from checks.verdict import state as states
from checks.verdict import waves
from checks.verdict.waves import AGAIN, HISTORY, TOGETHER, Change, Deliveries, Measured, Slot, Span

LOOKBACK = timedelta(days=30)  # of what is older `look_back` makes new waves; what is known is carried on
AT_ONCE = 1000  # ids in one query


def refresh(*, at: datetime) -> None:
    """Find the waves of the last weeks anew, carry on what is known, and mark the networks that are silent now."""
    since = at - LOOKBACK
    carried = _carried(since)
    slots = _slots(since, carried)
    mark_silent(Deliveries(slots).silent())
    _find(since, None, carried, slots, at)


def look_back(*, since: datetime, until: datetime, at: datetime) -> tuple[int, int]:
    """Find those that began within a span, however long ago, as history that was imported shows them: new, known."""
    carried = _carried(since)
    return _find(since, until, carried, _slots(since, carried), at)


def _carried(since: datetime) -> list[Wave]:
    """Waves from before that may go on."""
    return list(Wave.objects.filter(began_at__lt=since).filter(Q(changed_at__gte=since - AGAIN) | _still_on()))


def _slots(since: datetime, carried: Iterable[Wave]) -> list[Slot]:
    begins = [wave.began_at for wave in carried if wave.direction == Wave.Direction.SILENCE]
    return slots_since(min([since, *begins]) - HISTORY)


def _find(
    since: datetime, until: datetime | None, carried: Sequence[Wave], slots: Sequence[Slot], at: datetime
) -> tuple[int, int]:
    """Write what began since then, and what is carried on: how many were not known, and how many were."""
    found, new, known_already = waves.find(_changes(since, carried), slots, _measured()), 0, 0
    with transaction.atomic():
        known = Q(began_at__gte=since) | Q(pk__in=[row.pk for row in carried])
        rows = list(Wave.objects.select_for_update().filter(known))
        pairs = _paired(found, rows)
        kept = {row.pk for _, row in pairs if row}
        gone = [row.pk for row in rows if row.pk not in kept and row.began_at >= since and _within(row.began_at, until)]
        # What the evidence no longer shows, and nobody decided on, was none.
        Wave.objects.filter(pk__in=gone, state=Wave.State.NEW).delete()
        for wave, row in pairs:
            began_at = wave.intervals[0].began.at
            if (row or began_at >= since) and _within(began_at, until):  # of an older one nobody knew in its time
                _write(wave, row, at)
                new, known_already = new + (row is None), known_already + (row is not None)
    return new, known_already


def _within(moment: datetime, until: datetime | None) -> bool:
    return until is None or moment < until


def _still_on() -> Q:
    """No end was seen of its last interval. JSON cannot be asked for "the last" on every database."""
    return Q(pk__in=[pk for pk, intervals in Wave.objects.values_list("pk", "intervals") if not intervals[-1]["ended"]])


# --- what is read


def _changes(since: datetime, carried: Iterable[Wave]) -> list[Change]:
    """The changes of the last weeks, with a fortnight before them to compare with, and those of older waves' cells."""
    recent = Q(began_at__gte=since - HISTORY)
    for wave in carried:
        cells = Q(target__waves=wave.pk, network__waves=wave.pk)
        recent |= cells & Q(began_at__gte=wave.began_at - TOGETHER)
    # `contradictory` is no side of a change: what was before it is.
    before = (
        Episode.objects.filter(
            target=OuterRef("target"), network=OuterRef("network"), began_at__lt=OuterRef("began_at")
        )
        .exclude(state=State.CONTRADICTORY)
        .order_by("-began_at", "-pk")
    )
    rows = (
        Episode.objects.filter(recent, network__kind=Network.Kind.ACCESS, state__in=[*waves.OPEN, *waves.SHUT])
        .annotate(old=Subquery(before.values("state")[:1]), old_seen_at=Subquery(before.values("seen_at")[:1]))
        .filter(old__in=[*waves.OPEN, *waves.SHUT])
        .distinct()
        .order_by("pk")
    )
    columns = ("target", "target__host", "network", "old", "old_seen_at", "state", "began_at", "mechanism", "witnesses")
    stepped = list(rows.values_list(*columns))
    by = _vantages({UUID(one) for row in stepped for one in row[-1]})
    changes = []
    for target, host, network, old, old_seen_at, new, began_at, mechanism, witnesses in stepped:
        direction = waves.direction_of(states.State(old), states.State(new))
        if direction is None:
            continue
        when = Span(min(old_seen_at, began_at), began_at)
        seen_by = frozenset(by[UUID(one)] for one in witnesses if UUID(one) in by)
        changes.append(Change(target, host, network, direction, when, mechanism, seen_by))
    return changes


def _vantages(measurements: set[UUID]) -> dict[UUID, int]:
    """Who made them; old ones are witnesses."""
    wanted = sorted(measurements)
    found: dict[UUID, int] = {}
    for begin in range(0, len(wanted), AT_ONCE):
        for model in (Witness, Measurement):
            part = model.objects.filter(pk__in=wanted[begin : begin + AT_ONCE])
            found.update(part.values_list("pk", "vantage"))
    return found


def slots_since(since: datetime) -> list[Slot]:
    """Every round that a vantage of ours was asked for: what came home, and what was given up. The rest may still come.

    Nobody asks OONI's probes: that they sent nothing means nothing.
    """
    asked = Run.objects.filter(round__plan__isnull=False, round__slot__gte=since, vantage__source=Vantage.Source.OWN)
    came, lost = Count("pk", filter=Q(state=Run.State.RECORDED)), Count("pk", filter=Q(state=Run.State.FAILED))
    # A late result closes no run, and is kept: whoever measured was not cut off.
    late = set(
        Measurement.objects.filter(run__in=asked.filter(state=Run.State.FAILED))
        .values_list("run__vantage", "run__round__slot")
        .distinct()
    )
    rows = asked.order_by().values_list("vantage", "vantage__network", "vantage__role", "round__slot")
    return [
        Slot(vantage, network, role == Vantage.Role.CONTROL, slot, bool(here) or (vantage, slot) in late)
        for vantage, network, role, slot, here, gone in rows.annotate(came=came, lost=lost)
        if here or gone
    ]


def _measured() -> Measured:
    hosts = Cell.objects.aggregate(hosts=Count("target__host", distinct=True))["hosts"]
    since = Episode.objects.order_by().values_list("network").annotate(since=Min("began_at"))
    return Measured(max(1, hosts), dict(since))


# --- what is written


def mark_silent(networks: set[int]) -> None:
    """Pages say of these since when nothing has come, and of their sites nothing."""
    Network.objects.exclude(pk__in=networks).filter(silent_since__isnull=False).update(silent_since=None)
    for network in Network.objects.filter(pk__in=networks):
        runs = Run.objects.published().filter(
            vantage__network=network, vantage__role=Vantage.Role.ACCESS, vantage__source=Vantage.Source.OWN
        )
        last = runs.aggregate(last=Max("recorded_at"))["last"]
        if last != network.silent_since:
            Network.objects.filter(pk=network.pk).update(silent_since=last)


def _paired(found: Iterable[waves.Wave], rows: Iterable[Wave]) -> list[tuple[waves.Wave, Wave | None]]:
    """Each wave with the row that it is, if there is one yet: that of the same beginning, else one that it extends."""
    left = list(rows)
    pairs: list[tuple[waves.Wave, Wave | None]] = []
    for wave in found:
        same = [row for row in left if _is_same(row, wave)]
        same.sort(key=lambda row: (row.began_at != wave.intervals[0].began.at, row.began_at))
        pairs.append((wave, same[0] if same else None))
        left = [row for row in left if row not in same[:1]]
    return pairs


def _write(wave: waves.Wave, row: Wave | None, at: datetime) -> None:
    began_at = wave.intervals[0].began.at
    fields: dict[str, Any] = {
        "kind": wave.kind.value,
        "intervals": [_as_json(one) for one in wave.intervals],
        "hosts": len(wave.hosts),
        "changes": wave.changes,
        "vantages": len(wave.vantages),
        "mechanisms": list(wave.mechanisms),
        "began_at": began_at,
        "changed_at": wave.changed_at,
    }
    if row is None:
        row, _ = Wave.objects.get_or_create(
            direction=wave.direction.value,
            began_at=began_at,
            defaults={**fields, "seen_at": wave.seen_at, "networks_measured": len(wave.regular), "found_at": at},
        )
    _link(row, wave)
    fields |= _denominators(row, wave)
    changed = {name: value for name, value in fields.items() if getattr(row, name) != value}
    for name, value in changed.items():
        setattr(row, name, value)
    if changed:
        row.save(update_fields=[*changed])


def _is_same(row: Wave, wave: waves.Wave) -> bool:
    """Two waves of one direction on the same networks lie more than a day apart."""
    if row.direction != wave.direction.value:
        return False
    if row.began_at == wave.intervals[0].began.at:
        return True
    apart = wave.intervals[0].began.at > row.changed_at + AGAIN or wave.changed_at < row.began_at - AGAIN
    return not apart and bool(wave.networks & set(row.networks.values_list("pk", flat=True)))


def _link(row: Wave, wave: waves.Wave) -> None:
    for links, ids in ((row.networks, wave.networks), (row.targets, wave.targets)):
        known = set(links.values_list("pk", flat=True))
        links.add(*sorted(ids - known))
        links.remove(*sorted(known - ids))


def rests_on_ooni(wave: Wave) -> bool:
    """Is any measurement that its changes rest on OONI's? Whoever shows them names OONI."""
    changes = Episode.objects.filter(
        target__waves=wave.pk, network__waves=wave.pk, began_at__range=(wave.began_at, wave.changed_at)
    )
    witnesses = sorted({UUID(one) for row in changes.values_list("witnesses", flat=True) for one in row})
    return any(
        Measurement.objects.filter(
            pk__in=witnesses[begin : begin + AT_ONCE], vantage__source=Vantage.Source.OONI
        ).exists()
        for begin in range(0, len(witnesses), AT_ONCE)
    )


def _denominators(row: Wave, wave: waves.Wave) -> dict[str, Any]:
    """Of how many, and the last evidence that it was on."""
    if wave.direction is waves.Direction.SILENCE:
        return {"networks_measured": len(wave.regular), "seen_at": wave.seen_at}
    first = wave.intervals[0].began
    then = (
        Episode.objects.filter(began_at__lte=first.at, network__kind=Network.Kind.ACCESS)
        .filter(Q(ended_at=None) | Q(ended_at__gte=first.not_before))
        .exclude(state=State.INSUFFICIENT)
    )
    shut = Episode.objects.filter(
        target__waves=row.pk, network__waves=row.pk, state__in=waves.SHUT, began_at__gte=first.at
    )
    last = shut.aggregate(last=Max("seen_at"))["last"] if wave.direction is waves.Direction.BLOCK else None
    return {
        "hosts_measured": _count(then.filter(network__waves=row.pk), "target__host"),
        "networks_measured": _count(then.filter(target__waves=row.pk), "network"),
        "seen_at": max(last or wave.seen_at, wave.seen_at),
    }


def _count(rows: Any, column: str) -> int:
    return int(rows.aggregate(count=Count(column, distinct=True))["count"])


def _as_json(interval: waves.Interval) -> dict[str, str | None]:
    began, ended = interval.began, interval.ended
    return {
        "not_before": began.not_before.isoformat(),
        "began": began.at.isoformat(),
        "ended_not_before": ended.not_before.isoformat() if ended else None,
        "ended": ended.at.isoformat() if ended else None,
    }
