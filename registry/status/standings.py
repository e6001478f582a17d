"""Counting where all resources stand, and the table of record and evidence that comes of it.

What a resource comes to changes by its own: a state expires, a network falls silent, an end is reached. So nobody keeps
the counts in step with every change; they are counted again and again, and whoever shows them says as of when.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Prefetch, QuerySet
from django.utils import timezone

from registry import appeals
from registry.models import Act, Coverage, Resource, Restriction, Standing, Tally
from registry.status.conclusion import Listing
from registry.status.crossing import first, legal_of, observe
from registry.status.reading import Networks, access_networks, known, listings_of
from registry.status.terms import Legal, Listed, Observed, Situation, situation_of

CHUNK = 5000  # resources read and written at once
SHARE = 20  # a counting that took a second is repeated after twenty
FIELDS = ("legal", "listed", "observed", "situation", "states")


@dataclass(frozen=True)
class CrossField:
    """One field of the table: how many resources."""

    legal: Legal
    listed: Listed
    observed: Observed
    count: int

    @property
    def situation(self) -> Situation:
        return situation_of(self.legal, self.listed, self.observed)


@dataclass(frozen=True)
class CrossRow:
    legal: Legal
    listed: Listed
    fields: tuple[CrossField, ...]  # in the order of the table's columns
    total: int


@dataclass(frozen=True)
class CrossTable:
    """Record × evidence, counted in resources."""

    columns: tuple[Observed, ...]
    rows: tuple[CrossRow, ...]  # every Legal, and every Listed
    total: int
    situations: dict[str, int]
    kinds: dict[str, int]  # by the kind of some public restriction: a resource may count twice
    types: dict[str, int]
    counted_at: datetime | None  # None: never yet
    imitated: bool


def cross_table() -> CrossTable:
    """As it was last counted."""
    tally = Tally.objects.first()
    counts = tally.counts if tally else {}
    found = {(legal, listed, observed): n for legal, listed, observed, _, n in counts.get("places", ())}
    situations: Counter[str] = Counter()
    for *_, situation, number in counts.get("places", ()):
        situations[situation] += number

    def row(legal: Legal, listed: Listed) -> CrossRow:
        fields = tuple(
            CrossField(legal, listed, observed, found.get((legal, listed, observed), 0)) for observed in Observed
        )
        return CrossRow(legal, listed, fields, sum(one.count for one in fields))

    rows = tuple(row(legal, listed) for legal in Legal for listed in Listed)
    return CrossTable(
        columns=tuple(Observed),
        rows=rows,
        total=sum(one.total for one in rows),
        situations=dict(situations),
        kinds=counts.get("kinds", {}),
        types=counts.get("types", {}),
        counted_at=tally.counted_at if tally else None,
        imitated=settings.DEMO,
    )


def count_if_due(*, at: datetime) -> bool:
    """Count, unless the last counting was so long, and so lately, that the worker has better things to do."""
    last = Tally.objects.first()
    if last and at < last.counted_at + SHARE * timedelta(seconds=last.seconds):
        return False
    count(at=at)
    return True


def count(*, at: datetime) -> None:
    """Find where every resource stands, a chunk at a time; write what changed, and the sums."""
    began = time.monotonic()
    sums = _Sums()
    networks, day = access_networks(), timezone.localdate(at)
    for chunk in _chunks():
        _count_chunk(chunk, networks, day, sums)
    counts = {
        "places": [[*place, number] for place, number in sorted(sums.places.items())],
        "kinds": dict(sums.kinds),
        "types": dict(sums.types),
    }
    seconds = time.monotonic() - began
    Tally.objects.update_or_create(pk=1, defaults={"counted_at": at, "seconds": seconds, "counts": counts})


@dataclass
class _Sums:
    places: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    types: Counter[str] = field(default_factory=Counter)


def _chunks() -> Iterator[dict[int, str]]:
    """Ids of all resources, each with its type."""
    after = 0
    while chunk := dict(Resource.objects.filter(pk__gt=after).order_by("pk").values_list("pk", "type")[:CHUNK]):
        yield chunk
        after = max(chunk)


def _count_chunk(types: dict[int, str], networks: Networks, day: date, sums: _Sums) -> None:
    reach = min(types), max(types)
    legal, kinds = _legal(reach, day)
    listings, states = listings_of(types), _states(reach, networks)
    found = {pk: _stands(legal[pk], listings.get(pk, Listing()).listed, states[pk]) for pk in types}
    with transaction.atomic():
        rows = Standing.objects.filter(resource__pk__range=reach)
        there = {pk: tuple(values) for pk, *values in rows.values_list("pk", *FIELDS)}
        changed = [
            Standing(pk, *values)  # type: ignore[misc]  # by position, as FIELDS has them
            for pk, values in found.items()
            if there.get(pk) != values
        ]
        Standing.objects.bulk_create(changed, update_conflicts=True, unique_fields=["resource"], update_fields=FIELDS)
    sums.places.update(values[:4] for values in found.values())
    sums.types.update(types.values())
    for of_one in kinds.values():
        sums.kinds.update(of_one)


@cache  # a register has a few hundred of them
def _stands(legal: Legal, listed: Listed, states: frozenset[str]) -> tuple[str, str, str, str, str]:
    observed = observe(states)
    situation: Situation = situation_of(legal, listed, observed)
    told = "".join(f"{state} " for state in sorted(states))
    return legal.value, listed.value, observed.value, situation.value, f" {told}" if told else ""


def _legal(reach: tuple[int, int], day: date) -> tuple[dict[int, Legal], dict[int, set[str]]]:
    """What the record says of each resource, and of which kinds its restrictions are."""
    with_act = Restriction.acts.through.objects.filter(restriction=OuterRef("pk"), act__withdrawn="")
    found: dict[int, set[Legal]] = defaultdict(set)
    kinds: dict[int, set[str]] = defaultdict(set)
    rows = Restriction.objects.standing().filter(resource__pk__range=reach).order_by()
    acts = Prefetch("acts", Act.objects.standing())
    challenged = list(rows.with_reversal().filter(reversal=True).prefetch_related(acts))
    fallen = appeals.fallen(challenged, appeals.reached(challenged))
    columns = ("resource_id", "pk", "status", "ended", "with_act", "kind")
    for pk, its, status, ended, has_act, kind in rows.annotate(with_act=Exists(with_act)).values_list(*columns):
        found[pk].add(legal_of(status, ended, has_act, its in fallen, day))
        kinds[pk].add(kind)
    return defaultdict(lambda: Legal.NONE, {pk: first(many) for pk, many in found.items()}), kinds


def _states(reach: tuple[int, int], networks: Networks) -> dict[int, frozenset[str]]:
    """The states of each resource: on each network that of its canonical target, or of the next that was measured."""
    found: dict[int, dict[int, str]] = defaultdict(dict)
    rows = Coverage.objects.filter(resource__pk__range=reach, target__cells__network__in=networks.watched)
    columns = ("resource_id", "target__cells__network", "target__cells__state")
    for pk, network, state in rows.order_by("-canonical", "id").values_list(*columns):
        found[pk].setdefault(network, known(state, networks.watched[network]))
    return defaultdict(frozenset, {pk: frozenset(states.values()) for pk, states in found.items()})


def in_state(state: str) -> QuerySet[Standing, Any]:
    """Ids of resources that some network was asked about; of those in this state somewhere, if one is given."""
    rows = Standing.objects.exclude(states="")
    return (rows.filter(states__contains=f" {state} ") if state else rows).values("pk")
