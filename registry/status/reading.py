"""Reading what is crossed, in a number of queries that does not depend on how many resources are asked for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import Exists, F, IntegerField, OuterRef, QuerySet, Value
from django.utils import timezone

from checks.models import Cell, Episode, Network, State, Target, Vantage
from registry import appeals, models
from registry.gathering import gather
from registry.models import Act, Resource, Restriction
from registry.status.conclusion import Listing, NetworkState
from registry.status.crossing import Recorded, Seen, Status, cross
from registry.status.terms import UNREACHABLE, Listed


def of(resource: Resource, *, at: datetime) -> Status:
    return of_many([resource], at=at)[0]


def of_many(resources: Sequence[Resource], *, at: datetime) -> list[Status]:
    """The statuses in the order of `resources`."""
    return of_many_and_targets(resources, (), at=at)[0]


def of_many_and_targets(
    resources: Sequence[Resource], targets: Iterable[Target], *, at: datetime
) -> tuple[list[Status], dict[int, tuple[NetworkState, ...]]]:
    """The statuses, and by its id what the networks do with each target itself, whatever it stands for."""
    asked = {target.pk for target in targets}
    if not resources and not asked:
        return [], {}
    evidence = _Evidence.read(resources, asked)
    record, listings = _recorded(resources), listings_of(resources)
    day = timezone.localdate(at)
    statuses = [
        cross(one, record[one.pk], listings.get(one.pk, Listing()), evidence.seen(one.pk), day=day) for one in resources
    ]
    return statuses, {pk: evidence.states(evidence.cells_of_target(pk)) for pk in asked}


def of_targets(targets: Iterable[Target]) -> dict[int, tuple[NetworkState, ...]]:
    """What the networks do with targets that no resource of the record stands for, by the target's id."""
    return of_many_and_targets((), targets, at=timezone.now())[1]


def listings_of(resources: Iterable[Resource | int]) -> dict[int, Listing]:
    """What the state register says of each. Of one that no source saw in it only a whole snapshot can tell."""
    asked = [one if isinstance(one, int) else one.pk for one in resources]
    rows = models.Listing.objects.filter(resource__in=asked).order_by()
    entries = rows.values_list("resource_id", "snapshot", "first_id", "gone_id", "last__taken_on")
    last = models.Snapshot.objects.filter(list=models.STATE_REGISTER, next=None).order_by()
    nothing = Value(None, IntegerField())  # of no resource: the newest snapshot
    both: list[Any] = list(entries.union(last.values_list(nothing, "taken_on", "pk", nothing, "taken_on"), all=True))
    told = [row for row in both if row[0] is not None]
    newest = next((on for pk, on, *_ in both if pk is None), "")
    found = {pk: Listing(Listed.NEVER, newest) for pk in asked} if newest else {}
    for pk, seen, first, gone, last_seen in told:
        if first is None:  # a source saw it on a day
            one = Listing(Listed.NOW if newest < seen else Listed.WAS, seen)
        else:
            one = Listing(Listed.NOW, newest) if gone is None else Listing(Listed.WAS, last_seen)
        found[pk] = max(found.get(pk, one), one, key=lambda each: (_WEIGHT[each.listed], each.on))
    return found


_WEIGHT = {Listed.NEVER: 0, Listed.WAS: 1, Listed.NOW: 2}


def disputed(episode: Episode) -> str:
    """Why editors doubt an episode; empty if they do not. Read `dispute` with it (`select_related`)."""
    return episode.dispute.reason if hasattr(episode, "dispute") else ""


def known(state: str, network: Network) -> str:
    """The state of a cell, as far as it is known now: of a network that fell silent nothing is."""
    return State.INSUFFICIENT if network.silent_since else state


def _recorded(resources: Sequence[Resource]) -> dict[int, list[Recorded]]:
    """The public restrictions of each, newest first, with whatever a page says about them."""
    by_pk = {one.pk: one for one in resources}
    if not by_pk:
        return {}
    asked = Restriction.objects.standing().with_reversal().filter(resource__in=by_pk)
    rows = list(asked.select_related("event").order_by("-began", "-id"))
    below = gather(
        rows,
        roles=("authority",),
        grounds=(),
        sources=(),
        field_sources=("source",),
        regions=(),
        networks=(),
        acts=(),
        statements=("authority", "source"),
        of={
            "acts": Act.objects.standing().with_display(),
            "statements": models.Statement.objects.standing(),
            "field_sources": models.FieldSource.objects.standing(),
        },
    )
    challenged = [row for row in rows if row.reversal]
    beside = gather(below["acts"], beside=appeals.tables(challenged), roles=("authority",), sources=())
    fallen = appeals.fallen(challenged, appeals.made_of(beside))
    found: dict[int, list[Recorded]] = defaultdict(list)
    for row in rows:
        row.resource, row.event = by_pk[row.resource_id], row.its_event
        for statement in row.statements.all():
            statement.restriction = row
        its = tuple(row.acts.all()), tuple(row.statements.all()), fallen.get(row.pk, ())
        found[row.resource_id].append(Recorded(row, *its))
    return found


@dataclass(frozen=True)
class Networks:
    watched: dict[int, Network]  # where somebody measures
    unwatched: int


def access_networks() -> Networks:
    """The access networks that count. Those of the lab count in a demo only."""
    rows = Network.objects.filter(kind=Network.Kind.ACCESS).annotate(
        watched=Exists(Vantage.objects.watching().filter(network=OuterRef("pk")))
    )
    if not settings.DEMO:
        rows = rows.filter(imitated=False)
    watched: dict[int, Network] = {row.pk: row for row in rows if row.watched}
    return Networks(watched, len(rows) - len(watched))


@dataclass
class _Evidence:
    """Cells and episodes of the targets that stand for some resources, and of some more targets."""

    networks: Networks
    cells: dict[int, list[Cell]] = field(default_factory=lambda: defaultdict(list))  # by resource, canonical first
    by_target: dict[int, list[Cell]] = field(default_factory=lambda: defaultdict(list))
    since: dict[tuple[int, int], Episode] = field(default_factory=dict)  # (target, network) → where its state began
    begun: set[tuple[int, int]] = field(default_factory=set)  # (target, network) whose beginning somebody saw
    current: dict[tuple[int, int], Episode] = field(default_factory=dict)  # (target, network) → the open episode
    episodes: dict[tuple[int, int], list[Episode]] = field(default_factory=lambda: defaultdict(list))  # newest first

    @classmethod
    def read(cls, resources: Sequence[Resource], targets: Iterable[int]) -> _Evidence:
        made = cls(access_networks())
        rows: QuerySet[Cell] = Cell.objects.filter(network__in=made.networks.watched).defer("checkpoint")
        if resources:
            covering = rows.filter(target__coverage__resource__in=resources).annotate(
                resource=F("target__coverage__resource"),
                canonical=F("target__coverage__canonical"),
                coverage=F("target__coverage__id"),
            )
            for cell in covering.order_by("-canonical", "coverage"):
                made.cells[cell.resource].append(cell)
        if targets:
            for one in rows.filter(target__in=targets):
                made.by_target[one.target_id].append(one)
        measured = {
            cell.target_id for found in (made.cells, made.by_target) for many in found.values() for cell in many
        }
        if measured:
            made._read_episodes(measured)
        return made

    def _read_episodes(self, targets: set[int]) -> None:
        """Where each current state began. Likely blocked and blocked are one stretch of being unreachable."""
        rows = Episode.objects.filter(target__in=targets, network__in=self.networks.watched)
        for episode in rows.select_related("dispute").defer("checkpoint", "witnesses").order_by("-began_at", "-id"):
            key = (episode.target_id, episode.network_id)
            self.episodes[key].append(episode)
            later = self.since.get(key)
            if later is None and episode.ended_at is None:
                self.since[key] = self.current[key] = episode
            elif later and episode.ended_at == later.began_at and key not in self.begun:
                if {episode.state, later.state} <= UNREACHABLE:
                    self.since[key] = episode
                elif episode.state != State.INSUFFICIENT:
                    self.begun.add(key)

    def seen(self, resource: int) -> Seen:
        states = self.states(self.cells.get(resource, []))
        episodes = [one for state in states for one in self.episodes.get((state.target, state.network.pk), ())]
        return Seen(
            networks=states,
            not_measured=len(self.networks.watched) + self.networks.unwatched - len(states),
            episodes=tuple(sorted(episodes, key=lambda one: (one.began_at, one.pk))),
        )

    def cells_of_target(self, target: int) -> list[Cell]:
        return self.by_target.get(target, [])

    def states(self, cells: Sequence[Cell]) -> tuple[NetworkState, ...]:
        """One a network: of the first of its cells, which is the canonical target's where that was measured."""
        shown: dict[int, Cell] = {}
        differing: dict[int, set[str]] = defaultdict(set)
        for cell in cells:
            shown.setdefault(cell.network_id, cell)
            state = known(cell.state, self.networks.watched[cell.network_id])
            if state != State.INSUFFICIENT:
                differing[cell.network_id].add(state)
        ordered = sorted(shown.values(), key=lambda cell: self.networks.watched[cell.network_id].asn)
        return tuple(self._state(cell, differing[cell.network_id]) for cell in ordered)

    def _state(self, cell: Cell, elsewhere: set[str]) -> NetworkState:
        network = self.networks.watched[cell.network_id]
        key = (cell.target_id, cell.network_id)
        state = known(cell.state, network)
        current = self.current.get(key)
        since = self.since[key] if current and current.state == state else None
        return NetworkState(
            network=network,
            state=State(state),
            mechanism=cell.mechanism if state == cell.state else "",
            target=cell.target_id,
            since=since.began_at if since else None,
            since_at_least=since is not None and key not in self.begun,
            not_before=since.not_before if since else None,
            episode=current.pk if current else None,
            disputed=disputed(current) if current else "",
            undecided=bool(cell.candidate),
            measured_at=cell.measured_at,
            measurements=cell.measurements,
            conclusive=cell.conclusive,
            runs=cell.runs,
            vantages=cell.vantages,
            places=cell.places,
            split=cell.split and state == cell.state,
            verdicts=cell.counts,
            rules=dict(sorted(cell.rules.items(), key=lambda pair: (-pair[1], pair[0]))),
            counted_from=cell.counted_from,
            counted_until=cell.counted_until,
            usual=cell.usual,
            fewer=cell.fewer,
            witnesses=tuple(str(witness) for witness in cell.witnesses) if state == cell.state else (),
            partly=bool(elsewhere - {state}),
            imitated=network.imitated,
        )
