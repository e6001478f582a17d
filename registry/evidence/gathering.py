"""What belongs to the evidence of one resource, and what of it a printed page tells."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from checks.models import Episode, Network, Ruleset, Vantage, Verdict
from registry import appeals, discretion, log, status
from registry.appeals import Step
from registry.gathering import together
from registry.models import (
    Act,
    Appeal,
    Document,
    Erratum,
    FieldSource,
    InformationRequest,
    LogEntry,
    Notice,
    RequestStep,
    Resource,
)
from registry.status import Status

WITNESSES = 12  # of one network: those that decide its state, then those of its episodes, newest first
EPISODES = 300  # newest, of all networks
ENTRIES = 2000  # newest, of the log
ON_PAPER = 12  # rows of a table on the page of the site; in the pack the page has them all
CARDS = 2  # restrictions there, each with some of its acts
ACTS = 3
STEPS = 6  # of their courses, the newest of each
STATEMENTS = 4
ERRATA = 4


@dataclass(frozen=True)
class Witness:
    """A measurement on which a state or an episode rests."""

    id: UUID
    network: Network
    decides: bool  # the state of now
    verdict: Verdict | None = None  # under the current ruleset


@dataclass(frozen=True)
class Evidence:
    status: Status
    day: date
    beside: dict[str, list[Any]]  # what of the record is no part of a status, by table
    courses: dict[int, tuple[Step, ...]]  # of its restrictions, by their ids
    witnesses: tuple[Witness, ...]
    passed_over: int  # witnesses beyond the limit
    verdicts: tuple[Verdict, ...]  # of the witnesses, under every ruleset
    told_errata: frozenset[str]  # whose words may be told, by what they are about
    entries: tuple[LogEntry, ...]  # oldest first
    all_entries: int

    @property
    def resource(self) -> Resource:
        return self.status.resource

    @property
    def shown_in_full(self) -> bool:
        return self.resource.display == Resource.Display.FULL

    @property
    def episodes(self) -> tuple[Episode, ...]:
        return self.status.episodes[-EPISODES:]

    @property
    def rulesets(self) -> list[str]:
        """By which the witnesses were judged, not those of today."""
        return sorted({one.ruleset for one in self.verdicts})

    @property
    def has_ooni(self) -> bool:
        return any(one.vantage.source == Vantage.Source.OONI for one in self.verdicts)


def gather(resource: Resource, *, at: datetime, entries: int = ENTRIES) -> Evidence:
    """In a number of queries that does not depend on how much there is."""
    found = status.of(resource, at=at)
    recorded = _recorded(found)
    beside = _beside(found, recorded)
    chosen, passed_over = _chosen(found)
    verdicts = Verdict.objects.published().filter(measurement__in=[one.id for one in chosen])
    judged = tuple(verdicts.select_related("vantage").order_by("measurement", "ruleset"))
    current = Ruleset.objects.current()
    of = {one.measurement: one for one in judged if one.ruleset == current}
    righted = {row.subject for row in beside["errata"]}
    changes = LogEntry.objects.filter(subject__in=[*recorded, *_subjects(found, beside)])
    return Evidence(
        status=found,
        day=timezone.localdate(at),
        beside=beside,
        courses=appeals.courses(found.restrictions, appeals.reached(found.restrictions)),
        witnesses=tuple(Witness(one.id, one.network, one.decides, of.get(one.id)) for one in chosen),
        passed_over=passed_over,
        verdicts=judged,
        told_errata=frozenset(righted - discretion.of_subjects(righted).keys()),
        entries=tuple(reversed(changes.order_by("-pk")[:entries])),
        all_entries=changes.count(),
    )


def _beside(found: Status, recorded: Sequence[str]) -> dict[str, list[Any]]:
    """One query for them all."""
    one = found.resource
    restrictions = [row.pk for row in found.restrictions]
    acts = [act.pk for act in found.acts]
    # Of an act that covers several resources, an appeal may be about another one.
    mine = Q(restriction__in=restrictions) | Q(restriction=None) & (Q(act__in=acts) | Q(result__in=acts))
    challenges = Appeal.objects.standing().filter(mine)
    papers = Document.objects.standing().with_display()
    of_acts = Act.documents.through.objects.filter(act__in=acts).values("document")
    of_appeals = Appeal.documents.through.objects.filter(appeal__in=challenges).values("document")
    requests = InformationRequest.objects.standing().filter(Q(resource=one) | Q(restriction__resource=one))
    return together(
        listings=(one.listings.with_days(), ("source",)),
        notices=(Notice.objects.standing().filter(resource=one), ()),
        errata=(Erratum.objects.standing().filter(subject__in=recorded), ()),
        appeals=(challenges, ()),
        documents=(papers.filter(Q(pk__in=of_acts) | Q(pk__in=of_appeals)), ()),
        requests=(requests, ()),
        steps=(RequestStep.objects.filter(request__in=requests), ()),
        field_sources=(FieldSource.objects.standing().filter(act__in=acts), ()),
    )


def _recorded(found: Status) -> list[str]:
    """The resource with those that were merged into it, its restrictions, acts and statements, as the log has them."""
    restrictions = found.resource.restrictions.public().order_by("pk")
    former = found.resource.former_addresses.values_list("number", flat=True)
    rows = [found.resource, *restrictions, *found.acts, *found.statements]
    return [*(log.subject_of(row) for row in rows), *(f"resource/{number}" for number in former)]


def _chosen(found: Status) -> tuple[list[Witness], int]:
    """The witnesses of each network, those of its state first; and how many are beyond the limit."""
    episodes = found.episodes[-EPISODES:]
    witnesses = dict(Episode.objects.filter(pk__in=[one.pk for one in episodes]).values_list("pk", "witnesses"))
    earlier: dict[int, list[str]] = defaultdict(list)
    for episode in reversed(episodes):
        earlier[episode.network_id] += witnesses.get(episode.pk, ())  # a recount may just have taken it back
    chosen, passed_over = [], 0
    for one in found.networks:
        ids = list(dict.fromkeys([*one.witnesses, *earlier[one.network.pk]]))
        chosen += [Witness(UUID(text), one.network, text in one.witnesses) for text in ids[:WITNESSES]]
        passed_over += len(ids[WITNESSES:])
    return chosen, passed_over


def _subjects(found: Status, beside: Mapping[str, Sequence[Any]]) -> list[str]:
    """Whose entries of the log belong to it: also restrictions that were withdrawn, and, by their numbers, those that
    were merged into it."""
    rows: list[Any] = list(found.episodes[-EPISODES:])
    rows += [row for many in beside.values() for row in many]
    for restriction in found.restrictions:
        rows += [*restriction.roles.all(), *restriction.field_sources.all()]
    rows += [role for act in found.acts for role in act.roles.all()]
    return [log.subject_of(row) for row in rows]


def page(found: Evidence, *, rows: int | None = None) -> dict[str, Any]:
    """What the printed page tells; of long tables the newest rows, or those that decide."""
    witnesses = _in_turn(one for one in found.witnesses if one.decides or rows is None)
    networks = {one.network.pk: one.network for one in found.status.networks}
    paper = rows is not None
    most = ACTS if paper else None
    restrictions = found.status.restrictions[: CARDS if paper else None]
    steps = STEPS // max(len(restrictions), 1) if paper else None
    statements = found.status.statements[: STATEMENTS if paper else None]
    errata = found.beside["errata"][: ERRATA if paper else None]
    long = (found.status.networks, found.beside["listings"], found.beside["documents"], found.witnesses, found.episodes)
    return {
        "found": found,
        "status": found.status,
        "resource": found.resource,
        "shown_in_full": found.shown_in_full,
        "listings": found.beside["listings"][:rows],
        "documents": found.beside["documents"][:rows],
        "witnesses": witnesses[:rows],
        "episodes": [(one, networks[one.network_id]) for one in reversed(found.episodes)][:rows],
        "entries": list(reversed(found.entries))[:rows],
        "networks": found.status.networks[:rows],
        "restrictions": restrictions,
        "statements": statements,
        "errata": [(one, one.told if one.subject in found.told_errata else None) for one in errata],
        "most": most,
        "steps": steps,
        "shortened": rows is not None
        and (
            max(found.all_entries, *map(len, long)) > rows
            or len(restrictions) < len(found.status.restrictions)
            or len(statements) < len(found.status.statements)
            or len(errata) < len(found.beside["errata"])
            or any(len(one.acts.all()) > ACTS or len(one.sources.all()) > ACTS for one in restrictions)
            or any(len(found.courses.get(one.pk, ())) > (steps or 0) for one in restrictions)
        ),
        "address": f"{settings.SITE_URL}{found.resource.get_absolute_url()}evidence/",
        "site": settings.SITE_URL,
        "zone": settings.TIME_ZONE,
    }


def _in_turn(witnesses: Iterable[Witness]) -> list[Witness]:
    """One of each network, then the next of each: a short table has something of all of them."""
    turns: dict[int, int] = defaultdict(int)
    ranked = []
    for one in witnesses:
        ranked.append((turns[one.network.pk], one))
        turns[one.network.pk] += 1
    return [one for _turn, one in sorted(ranked, key=lambda pair: pair[0])]
