"""The public sentence: crosses the record (acts, listings, statements) with the evidence, per network and over all."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django.conf import settings
from django.db.models import Exists, OuterRef, TextChoices
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, ngettext_lazy

from checks.models import Cell, Episode, Network, State, Target, Vantage
from registry import dates
from registry.models import Act, Coverage, Listing, Resource, Restriction, Statement

UNREACHABLE = frozenset({State.BLOCKED, State.LIKELY_BLOCKED})
ENDED = frozenset({Restriction.Status.LIFTED, Restriction.Status.EXPIRED})
EXAMPLES = 3  # resources named in one field of the cross table


class Legal(TextChoices):
    """What the record says."""

    ORDERED = "ordered", gettext_lazy("an act is known")
    NO_ACT = "no_act", gettext_lazy("restricted, no act known")
    LIFTED = "lifted", gettext_lazy("lifted")
    NONE = "none", gettext_lazy("no restriction recorded")


class Observed(TextChoices):
    """What the networks do, over all of them."""

    BLOCKED = "blocked", gettext_lazy("unreachable")
    THROTTLED = "throttled", gettext_lazy("slowed down")
    CONTRADICTORY = "contradictory", gettext_lazy("contradictory")
    ACCESSIBLE = "accessible", gettext_lazy("opens")
    DOWN = "down", gettext_lazy("the site is down")
    INSUFFICIENT = "insufficient", gettext_lazy("too little data")
    NOT_MEASURED = "not_measured", gettext_lazy("not measured")


class Situation(TextChoices):
    """Both together."""

    ORDERED_BLOCKED = "ordered_blocked", gettext_lazy("blocked by order")
    ORDERED_REACHABLE = "ordered_reachable", gettext_lazy("ordered, but it opens")
    ORDERED_DOWN = "ordered_down", gettext_lazy("the site is down, the order stays")
    UNEXPLAINED = "unexplained", gettext_lazy("unreachable, no act known")
    LIFTED_STILL_BLOCKED = "lifted_still_blocked", gettext_lazy("lifted, still unreachable")
    LIFTED = "lifted", gettext_lazy("lifted")
    RECORDED_REACHABLE = "recorded_reachable", gettext_lazy("reported restricted, opens now")
    THROTTLED = "throttled", gettext_lazy("slowed down")
    DOWN = "down", gettext_lazy("the site is down")
    OPEN = "open", gettext_lazy("opens")
    UNCLEAR = "unclear", gettext_lazy("not clear")
    NOT_MEASURED = "not_measured", gettext_lazy("not measured")


_EVERYWHERE = {
    Observed.THROTTLED: Situation.THROTTLED,
    Observed.CONTRADICTORY: Situation.UNCLEAR,
    Observed.DOWN: Situation.DOWN,
    Observed.INSUFFICIENT: Situation.UNCLEAR,
    Observed.NOT_MEASURED: Situation.NOT_MEASURED,
}
SITUATIONS: dict[Legal, dict[Observed, Situation]] = {
    Legal.ORDERED: _EVERYWHERE
    | {
        Observed.BLOCKED: Situation.ORDERED_BLOCKED,
        Observed.ACCESSIBLE: Situation.ORDERED_REACHABLE,
        Observed.DOWN: Situation.ORDERED_DOWN,
    },
    Legal.NO_ACT: _EVERYWHERE
    | {Observed.BLOCKED: Situation.UNEXPLAINED, Observed.ACCESSIBLE: Situation.RECORDED_REACHABLE},
    Legal.LIFTED: _EVERYWHERE
    | {Observed.BLOCKED: Situation.LIFTED_STILL_BLOCKED, Observed.ACCESSIBLE: Situation.LIFTED},
    Legal.NONE: _EVERYWHERE | {Observed.BLOCKED: Situation.UNEXPLAINED, Observed.ACCESSIBLE: Situation.OPEN},
}


@dataclass(frozen=True)
class NetworkState:
    """What one access network does with one resource."""

    network: Network
    state: State
    mechanism: str
    target: int  # id of the target that was measured: the canonical one, or another where that was not
    since: datetime | None  # when the state began; of an unreachable one, when it stopped to be reachable
    since_at_least: bool  # nobody saw it begin: before `since` there was too little data, or none
    not_before: datetime | None  # the last measurement before `since` that said otherwise
    episode: int | None  # id of the episode that runs
    disputed: str  # why editors doubt it; empty if they do not
    undecided: bool  # two rounds agree on another state, which has not the floor of evidence yet
    measured_at: datetime | None
    measurements: int
    conclusive: int
    runs: int
    vantages: int
    verdicts: dict[str, int]  # of the measurements, by class
    rules: dict[str, int]  # and by the rule that decided
    counted_from: datetime | None  # those that count began between these two moments
    counted_until: datetime | None
    usual: int | None  # measurements that as long a time used to have; None: nobody can tell
    fewer: bool  # the last ones are less than half of that
    witnesses: tuple[str, ...]  # ids of the measurements that decide it
    partly: bool  # another target of the resource is in another state
    imitated: bool


@dataclass(frozen=True)
class Counts:
    """Access networks, by state. `sufficient` is the M of "N of M networks"."""

    sufficient: int = 0
    blocked: int = 0
    likely: int = 0
    throttled: int = 0
    contradictory: int = 0
    down: int = 0
    accessible: int = 0
    insufficient: int = 0
    not_measured: int = 0  # networks of the country where nobody has measured this


@dataclass(frozen=True)
class Status:
    """Everything that one resource's page says first."""

    resource: Resource
    legal: Legal
    listed: bool  # the state register names it now, as far as is known (Listing.objects.current)
    observed: Observed
    situation: Situation
    counts: Counts
    networks: tuple[NetworkState, ...]
    restrictions: tuple[Restriction, ...]  # public, newest first
    acts: tuple[Act, ...]  # newest first
    statements: tuple[Statement, ...]  # newest first
    denials: tuple[Statement, ...]
    current_acts: tuple[Act, ...]  # of restrictions not known to have ended
    current_denials: tuple[Statement, ...]
    since: datetime | None  # the earliest moment from which some network has not let it through
    since_at_least: bool  # nobody saw some network's beginning: it may have been earlier
    imitated: bool  # the evidence comes from the lab

    def sentence(self) -> str:
        """The answer in one sentence, in the active language. It claims no more than is known."""
        measured = _measured_clauses(self)
        legal = _legal_clauses(self)
        clauses = [*legal, *measured] if self.legal == Legal.ORDERED else [*measured, *legal]
        if self.observed in (Observed.BLOCKED, Observed.THROTTLED) and self.current_denials:
            clauses.append(_denial_clause(self.current_denials[0]))
        text = "; ".join(clauses)
        return f"{text[:1].upper()}{text[1:]}."


def of(resource: Resource, *, at: datetime) -> Status:
    return of_many([resource], at=at)[0]


def of_many(resources: Sequence[Resource], *, at: datetime) -> list[Status]:
    """The statuses in the order of `resources`, in a number of queries that does not depend on how many."""
    day = timezone.localdate(at)
    evidence = _Evidence.of_resources(resources)
    restrictions: dict[int, list[Restriction]] = defaultdict(list)
    for row in Restriction.objects.public().with_basis().filter(resource__in=resources).order_by("-began", "-id"):
        restrictions[row.resource_id].append(row)
    listed = set(Listing.objects.current().filter(resource__in=resources).values_list("resource_id", flat=True))
    return [
        _status(resource, restrictions[resource.pk], resource.pk in listed, evidence, day) for resource in resources
    ]


def of_targets(targets: Iterable[Target]) -> dict[int, tuple[NetworkState, ...]]:
    """What the networks do with targets that no resource of the record stands for, by the target's id."""
    evidence = _Evidence.of_coverage([(target.pk, target.pk, True) for target in targets])
    return {pk: evidence.states(pk) for pk in evidence.canonical}


@dataclass(frozen=True)
class CrossField:
    """One field of the cross table: how many resources, and a few of them (none that is withheld)."""

    legal: Legal
    listed: bool
    observed: Observed
    situation: Situation
    count: int
    examples: tuple[Resource, ...]


@dataclass(frozen=True)
class CrossRow:
    legal: Legal
    listed: bool
    fields: tuple[CrossField, ...]  # in the order of the table's columns
    total: int


@dataclass(frozen=True)
class CrossTable:
    """Record × evidence, counted in resources."""

    columns: tuple[Observed, ...]
    rows: tuple[CrossRow, ...]  # every Legal, listed and not
    total: int
    imitated: bool


Place = tuple[Legal, bool, Observed]  # what the record says, whether the state register lists it, what networks do


def places(*, at: datetime) -> dict[int, Place]:
    """Where each resource stands in the cross table, by its id; nothing is loaded but ids and states."""
    legal = _legal_by_resource(timezone.localdate(at))
    listed = set(Listing.objects.current().exclude(resource=None).values_list("resource_id", flat=True))
    states = measured()
    every = Resource.objects.order_by("pk").values_list("pk", flat=True)
    return {pk: (legal.get(pk, Legal.NONE), pk in listed, observe(states[pk])) for pk in every}


def measured() -> dict[int, list[str]]:
    """The states of each resource, by its id: one a network that was measured."""
    found: dict[int, dict[int, str]] = defaultdict(dict)
    watched = _networks().watched
    rows = Coverage.objects.filter(target__cells__network__in=watched).order_by("-canonical", "id")
    for resource_id, network_id, state in rows.values_list(
        "resource_id", "target__cells__network", "target__cells__state"
    ):
        found[resource_id].setdefault(network_id, _known(state, watched[network_id]))
    return defaultdict(list, {pk: list(states.values()) for pk, states in found.items()})


def _known(state: str, network: Network) -> str:
    """The state of a cell, as far as it is known now: of a network that fell silent nothing is."""
    return State.INSUFFICIENT if network.silent_since else state


def cross_table(*, at: datetime) -> CrossTable:
    """All resources of the register, counted, with a few examples in each field."""
    members: dict[Place, list[int]] = defaultdict(list)
    for pk, place in places(at=at).items():
        members[place].append(pk)
    withheld = set(Resource.objects.filter(display=Resource.Display.WITHHELD).values_list("pk", flat=True))
    shown = {key: [pk for pk in pks if pk not in withheld][:EXAMPLES] for key, pks in members.items()}
    examples = Resource.objects.in_bulk([pk for pks in shown.values() for pk in pks])

    def row(legal: Legal, listed: bool) -> CrossRow:
        fields = tuple(
            CrossField(
                legal,
                listed,
                observed,
                SITUATIONS[legal][observed],
                len(members.get((legal, listed, observed), ())),
                tuple(examples[pk] for pk in shown.get((legal, listed, observed), ())),
            )
            for observed in Observed
        )
        return CrossRow(legal, listed, fields, sum(one.count for one in fields))

    table = tuple(row(legal, listed) for legal in Legal for listed in (True, False))
    return CrossTable(tuple(Observed), table, sum(one.total for one in table), settings.DEMO)


def observe(states: Collection[str]) -> Observed:
    """The state over all networks from the states on each. Those with too little evidence have no say."""
    found = set(states)
    sufficient = found - {State.INSUFFICIENT}
    if found & UNREACHABLE:
        return Observed.BLOCKED
    if State.THROTTLED in found:
        return Observed.THROTTLED
    if len(sufficient) == 1:
        return Observed(sufficient.pop())
    if sufficient:
        return Observed.CONTRADICTORY
    return Observed.INSUFFICIENT if found else Observed.NOT_MEASURED


def disputed(episode: Episode) -> str:
    """Why editors doubt an episode; empty if they do not. Read `dispute` with it (`select_related`)."""
    return episode.dispute.reason if hasattr(episode, "dispute") else ""


def is_over(status: str, ended: str, day: date) -> bool:
    """Is a restriction known to have ended on that day? An end that nobody recorded is no end."""
    return status in ENDED or dates.has_come(ended, day)


def _legal(restrictions: Iterable[tuple[bool, bool]]) -> Legal:
    """From (is over, has an act) of each restriction."""
    found = set(restrictions)
    if not found:
        return Legal.NONE
    if (False, True) in found:
        return Legal.ORDERED
    return Legal.NO_ACT if (False, False) in found else Legal.LIFTED


def _legal_by_resource(day: date) -> dict[int, Legal]:
    with_act = Restriction.acts.through.objects.filter(restriction=OuterRef("pk"))
    found: dict[int, set[tuple[bool, bool]]] = defaultdict(set)
    rows = Restriction.objects.public().order_by().annotate(with_act=Exists(with_act))
    for resource_id, status, ended, has_act in rows.values_list("resource_id", "status", "ended", "with_act"):
        found[resource_id].add((is_over(status, ended, day), has_act))
    return {resource_id: _legal(pairs) for resource_id, pairs in found.items()}


@dataclass(frozen=True)
class _Networks:
    watched: dict[int, Network]  # where somebody measures
    unwatched: int


def _networks() -> _Networks:
    """The access networks that count. Those of the lab count in a demo only."""
    rows = Network.objects.filter(kind=Network.Kind.ACCESS).annotate(
        watched=Exists(Vantage.objects.watching().filter(network=OuterRef("pk")))
    )
    if not settings.DEMO:
        rows = rows.filter(imitated=False)
    watched: dict[int, Network] = {row.pk: row for row in rows if row.watched}
    return _Networks(watched, len(rows) - len(watched))


@dataclass
class _Evidence:
    """Cells and episodes of the targets that stand for some things, each thing under its id."""

    networks: _Networks
    canonical: dict[int, int] = field(default_factory=dict)  # thing → its canonical target
    others: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    cells: dict[int, list[Cell]] = field(default_factory=lambda: defaultdict(list))  # by target
    since: dict[tuple[int, int], Episode] = field(default_factory=dict)  # (target, network) → where its state began
    begun: set[tuple[int, int]] = field(default_factory=set)  # (target, network) whose beginning somebody saw
    current: dict[tuple[int, int], Episode] = field(default_factory=dict)  # (target, network) → the open episode

    @classmethod
    def of_resources(cls, resources: Sequence[Resource]) -> _Evidence:
        rows = Coverage.objects.filter(resource__in=resources).order_by("id")
        return cls.of_coverage(rows.values_list("resource_id", "target_id", "canonical"))

    @classmethod
    def of_coverage(cls, coverage: Iterable[tuple[int, int, bool]]) -> _Evidence:
        """From (thing, target, is it the canonical one)."""
        made = cls(_networks())
        for thing, target, canonical in coverage:
            if canonical:
                made.canonical[thing] = target
            else:
                made.others[thing].append(target)
        targets = {*made.canonical.values(), *(target for many in made.others.values() for target in many)}
        for cell in Cell.objects.filter(target__in=targets, network__in=made.networks.watched).order_by("network__asn"):
            made.cells[cell.target_id].append(cell)
        made._read_episodes()
        return made

    def _read_episodes(self) -> None:
        """Where each current state began. Likely blocked and blocked are one stretch of being unreachable."""
        rows = Episode.objects.filter(target__in=set(self.cells), network__in=self.networks.watched)
        for episode in rows.select_related("dispute").defer("checkpoint").order_by("-began_at", "-id"):
            key = (episode.target_id, episode.network_id)
            later = self.since.get(key)
            if later is None and episode.ended_at is None:
                self.since[key] = self.current[key] = episode
            elif later and episode.ended_at == later.began_at and key not in self.begun:
                if {episode.state, later.state} <= UNREACHABLE:
                    self.since[key] = episode
                elif episode.state != State.INSUFFICIENT:
                    self.begun.add(key)

    def states(self, thing: int) -> tuple[NetworkState, ...]:
        """One a network: of the canonical target, or where that was not measured, of the next that was."""
        canonical = [self.canonical[thing]] if thing in self.canonical else []
        shown: dict[int, Cell] = {}
        differing: dict[int, set[str]] = defaultdict(set)
        for target in (*canonical, *self.others.get(thing, ())):
            for cell in self.cells.get(target, ()):
                shown.setdefault(cell.network_id, cell)
                state = _known(cell.state, self.networks.watched[cell.network_id])
                if state != State.INSUFFICIENT:
                    differing[cell.network_id].add(state)
        cells = sorted(shown.values(), key=lambda cell: self.networks.watched[cell.network_id].asn)
        return tuple(self._state(cell, differing[cell.network_id]) for cell in cells)

    def _state(self, cell: Cell, elsewhere: set[str]) -> NetworkState:
        network = self.networks.watched[cell.network_id]
        key = (cell.target_id, cell.network_id)
        state = _known(cell.state, network)
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


def _status(
    resource: Resource, restrictions: list[Restriction], listed: bool, evidence: _Evidence, day: date
) -> Status:
    networks = evidence.states(resource.pk)
    current = [row for row in restrictions if not is_over(row.status, row.ended, day)]
    legal = _legal((row not in current, bool(row.acts.all())) for row in restrictions)
    observed = observe([one.state for one in networks])
    begun = [one for one in networks if one.since and one.state in UNREACHABLE]
    statements = _statements(restrictions)
    return Status(
        resource=resource,
        legal=legal,
        listed=listed,
        observed=observed,
        situation=SITUATIONS[legal][observed],
        counts=_count(networks, evidence.networks),
        networks=networks,
        restrictions=tuple(restrictions),
        acts=_acts(restrictions),
        statements=statements,
        denials=_denials(statements),
        current_acts=_acts(current),
        current_denials=_denials(_statements(current)),
        since=min((one.since for one in begun if one.since), default=None),
        since_at_least=any(one.since_at_least for one in begun),
        imitated=settings.DEMO,
    )


def _count(states: Sequence[NetworkState], networks: _Networks) -> Counts:
    found = Counter(one.state for one in states)
    return Counts(
        sufficient=len(states) - found[State.INSUFFICIENT],
        blocked=found[State.BLOCKED],
        likely=found[State.LIKELY_BLOCKED],
        throttled=found[State.THROTTLED],
        contradictory=found[State.CONTRADICTORY],
        down=found[State.DOWN],
        accessible=found[State.ACCESSIBLE],
        insufficient=found[State.INSUFFICIENT],
        not_measured=len(networks.watched) + networks.unwatched - len(states),
    )


def _acts(restrictions: Iterable[Restriction]) -> tuple[Act, ...]:
    acts = {act.pk: act for row in restrictions for act in row.acts.all()}
    return tuple(sorted(acts.values(), key=lambda act: (act.date, act.pk), reverse=True))


def _statements(restrictions: Iterable[Restriction]) -> tuple[Statement, ...]:
    rows = [statement for row in restrictions for statement in row.statements.all()]
    return tuple(sorted(rows, key=lambda row: (row.date, row.pk), reverse=True))


def _denials(statements: Iterable[Statement]) -> tuple[Statement, ...]:
    return tuple(row for row in statements if row.stance == Statement.Stance.DENIES)


# Whole clauses, so that each language may order its words. Keys: some confirmed, some likely, and of the beginning:
# not known, seen, or at least as early.
_UNREACHABLE = {
    (True, False, ""): ngettext_lazy(
        "unreachable on %(blocked)d of %(total)d network", "unreachable on %(blocked)d of %(total)d networks", "total"
    ),
    (True, False, "since"): ngettext_lazy(
        "unreachable on %(blocked)d of %(total)d network since %(since)s",
        "unreachable on %(blocked)d of %(total)d networks since %(since)s",
        "total",
    ),
    (True, False, "at least"): ngettext_lazy(
        "unreachable on %(blocked)d of %(total)d network, at least since %(since)s",
        "unreachable on %(blocked)d of %(total)d networks, at least since %(since)s",
        "total",
    ),
    (True, True, ""): ngettext_lazy(
        "unreachable on %(blocked)d of %(total)d network, and probably on %(likely)d more",
        "unreachable on %(blocked)d of %(total)d networks, and probably on %(likely)d more",
        "total",
    ),
    (True, True, "since"): ngettext_lazy(
        "unreachable on %(blocked)d of %(total)d network, and probably on %(likely)d more, since %(since)s",
        "unreachable on %(blocked)d of %(total)d networks, and probably on %(likely)d more, since %(since)s",
        "total",
    ),
    (True, True, "at least"): ngettext_lazy(
        "unreachable on %(blocked)d of %(total)d network, and probably on %(likely)d more, at least since %(since)s",
        "unreachable on %(blocked)d of %(total)d networks, and probably on %(likely)d more, at least since %(since)s",
        "total",
    ),
    (False, True, ""): ngettext_lazy(
        "probably unreachable on %(likely)d of %(total)d network",
        "probably unreachable on %(likely)d of %(total)d networks",
        "total",
    ),
    (False, True, "since"): ngettext_lazy(
        "probably unreachable on %(likely)d of %(total)d network since %(since)s",
        "probably unreachable on %(likely)d of %(total)d networks since %(since)s",
        "total",
    ),
    (False, True, "at least"): ngettext_lazy(
        "probably unreachable on %(likely)d of %(total)d network, at least since %(since)s",
        "probably unreachable on %(likely)d of %(total)d networks, at least since %(since)s",
        "total",
    ),
}
_SLOWED = ngettext_lazy(
    "slowed down on %(throttled)d of %(total)d network", "slowed down on %(throttled)d of %(total)d networks", "total"
)
_OPENS = ngettext_lazy("opens on the %(total)d network measured", "opens on all %(total)d networks measured", "total")
_YET_OPENS = ngettext_lazy(
    "yet it opens on the %(total)d network measured", "yet it opens on all %(total)d networks measured", "total"
)
_PLAIN = {
    # It need not be silent: one whose certificate has expired does answer, and opens nowhere.
    Observed.DOWN: gettext_lazy("it opens neither on the networks measured nor from our control networks"),
    Observed.CONTRADICTORY: gettext_lazy("the measurements contradict each other"),
    Observed.INSUFFICIENT: gettext_lazy("too little was measured to tell what the networks do"),
    Observed.NOT_MEASURED: gettext_lazy("not measured on any network"),
}


def _measured_clauses(status: Status) -> list[str]:
    counts = status.counts
    numbers: dict[str, Any] = {
        "blocked": counts.blocked,
        "likely": counts.likely,
        "throttled": counts.throttled,
        "total": counts.sufficient,
        "since": _day(status.since) if status.since else "",
    }
    if status.observed == Observed.ACCESSIBLE:
        return [(_YET_OPENS if status.legal == Legal.ORDERED else _OPENS) % numbers]
    if status.observed in _PLAIN:
        return [str(_PLAIN[status.observed])]
    clauses = []
    if status.observed == Observed.BLOCKED:
        beginning = "" if status.since is None else "at least" if status.since_at_least else "since"
        clauses.append(_UNREACHABLE[bool(counts.blocked), bool(counts.likely), beginning] % numbers)
    if counts.throttled:
        clauses.append(_SLOWED % numbers)
    return clauses


def _legal_clauses(status: Status) -> list[str]:
    if status.legal == Legal.ORDERED:
        return [_order_clause(status.current_acts)]
    clauses = []
    if status.legal == Legal.LIFTED:
        clauses.append(_("every recorded restriction has ended"))
    elif status.situation == Situation.UNEXPLAINED or (status.legal == Legal.NONE and status.listed):
        clauses.append(_("no act is known"))
    elif status.legal == Legal.NO_ACT:
        clauses.append(_("reported as restricted, but no act is known"))
    else:
        clauses.append(_("no restriction is recorded"))
    if status.listed:
        clauses.append(_("the state register lists it"))
    return clauses


def _order_clause(acts: Sequence[Act]) -> str:
    act = acts[0]
    title = f"{act}, {dates.shown(act.date)}" if act.date else str(act)
    if len(acts) == 1:
        return _("blocked by order (%(act)s)") % {"act": title}
    return ngettext(
        "blocked by order (%(act)s, and %(more)d more act)",
        "blocked by order (%(act)s, and %(more)d more acts)",
        len(acts) - 1,
    ) % {"act": title, "more": len(acts) - 1}


def _denial_clause(denial: Statement) -> str:
    speaker = denial.authority.name if denial.authority else denial.speaker
    if not denial.date:
        return _("%(speaker)s denies it") % {"speaker": speaker}
    return _("%(speaker)s denies it (%(date)s)") % {"speaker": speaker, "date": dates.shown(denial.date)}


def _day(moment: datetime) -> str:
    return date_format(timezone.localtime(moment), "DATE_FORMAT")
