"""One function from acts × listings × statements × episodes to what may be said: `cross`. It asks no database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.conf import settings
from django.utils import timezone

from checks.models import Episode, State
from registry.dates import has_come
from registry.models import Act, Appeal, Resource, Restriction, Statement
from registry.status import confidence, sentence
from registry.status.conclusion import Conclusion, Counts, Listing, NetworkState
from registry.status.terms import OVER, UNREACHABLE, Legal, Observed, Said, Sure, situation_of

ENDED = frozenset({Restriction.Status.LIFTED, Restriction.Status.EXPIRED})


class Status(Conclusion):
    """A conclusion, and the words for it."""

    def sentence(self) -> str:
        """The answer in one sentence, in the active language. It claims no more than is known."""
        return sentence.of(self)

    def of_networks(self) -> str:
        """The part of it that tells what the networks do."""
        return sentence.of_networks(self)

    @property
    def confidence(self) -> Sure:
        return confidence.of(self)

    def confidence_reasons(self) -> list[str]:
        return confidence.reasons(self)

    def would_change(self) -> list[str]:
        return confidence.would_change(self)


@dataclass(frozen=True)
class Recorded:
    """One public restriction with what it rests on and what was said of it."""

    restriction: Restriction
    acts: tuple[Act, ...] = ()
    statements: tuple[Statement, ...] = ()
    reversals: tuple[Appeal, ...] = ()  # where all its acts fell (registry.appeals): one an act


@dataclass(frozen=True)
class Seen:
    """What the networks do with one resource."""

    networks: tuple[NetworkState, ...] = ()
    not_measured: int = 0  # access networks of the country without any measurement of it
    episodes: tuple[Episode, ...] = ()


def cross(resource: Resource, recorded: Sequence[Recorded], listing: Listing, seen: Seen, *, day: date) -> Status:
    """What record and evidence come to on that day."""
    standing = [(one, _legal_of_one(one, day)) for one in recorded]
    legal = first(each for _, each in standing)
    deciding = [one for one, each in standing if each == legal]
    observed = observe([one.state for one in seen.networks])
    begun = [one for one in seen.networks if one.since and one.state in UNREACHABLE]
    since = min((one.since for one in begun if one.since), default=None)
    at_least = any(one.since_at_least for one in begun)
    running = [one for one, each in standing if each not in OVER]
    spoken = tuple(row for row in _statements(running) if at_least or not _before(row, since))
    return Status(
        resource=resource,
        legal=legal,
        listing=listing,
        said=said_of(row.stance for row in spoken),
        observed=observed,
        situation=situation_of(legal, listing.listed, observed),
        counts=_count(seen),
        networks=seen.networks,
        restrictions=tuple(one.restriction for one in recorded),
        acts=_acts(recorded),
        statements=_statements(recorded),
        deciding=tuple(one.restriction for one in deciding),
        deciding_acts=_acts(deciding),
        reversals=_reversals(deciding) if legal == Legal.REVERSED else (),
        current_acts=_acts(one for one in running if not one.reversals),
        spoken=spoken,
        since=since,
        since_at_least=at_least,
        episodes=seen.episodes,
        imitated=settings.DEMO,
    )


def is_over(status: str, ended: str, day: date) -> bool:
    """Is a restriction known to have ended on that day? An end that nobody recorded is no end."""
    return status in ENDED or has_come(ended, day)


def legal_of(status: str, ended: str, has_act: bool, fell: bool, day: date) -> Legal:
    """What one restriction comes to. `fell`: its acts were all reversed, whatever sources call the restriction."""
    if is_over(status, ended, day):
        return Legal.EXPIRED if status == Restriction.Status.EXPIRED else Legal.LIFTED
    if not has_act:
        return Legal.NO_ACT
    if fell:
        return Legal.REVERSED
    named = {Restriction.Status.APPEALED: Legal.APPEALED, Restriction.Status.SUSPENDED: Legal.SUSPENDED}
    return named.get(Restriction.Status(status), Legal.ORDERED)


def _legal_of_one(one: Recorded, day: date) -> Legal:
    return legal_of(one.restriction.status, one.restriction.ended, bool(one.acts), bool(one.reversals), day)


def first(found: Iterable[Legal]) -> Legal:
    """Of several restrictions the one that says most, in the order of the enumeration."""
    among = set(found)
    return next((legal for legal in Legal if legal in among), Legal.NONE)


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


def said_of(stances: Iterable[str]) -> Said:
    """Who admits and who denies or speaks of works contradict each other; silence contradicts nobody."""
    found = set(stances)
    if Statement.Stance.ADMITS in found:
        other = {Statement.Stance.DENIES, Statement.Stance.TECHNICAL_WORKS} & found
        return Said.CONTRADICTING if other else Said.ADMITS
    return next((said for said in (Said.DENIES, Said.TECHNICAL_WORKS, Said.SILENT) if said in found), Said.NONE)


def _before(row: Statement, since: datetime | None) -> bool:
    """Was it said before this began? Then it was about something else. A date that may be either counts."""
    if not row.date or since is None:
        return False
    said, began = str(row.date), timezone.localdate(since).isoformat()
    return said < began[: len(said)]


def _count(seen: Seen) -> Counts:
    found = Counter(one.state for one in seen.networks)
    return Counts(
        sufficient=len(seen.networks) - found[State.INSUFFICIENT],
        blocked=found[State.BLOCKED],
        likely=found[State.LIKELY_BLOCKED],
        throttled=found[State.THROTTLED],
        contradictory=found[State.CONTRADICTORY],
        down=found[State.DOWN],
        accessible=found[State.ACCESSIBLE],
        insufficient=found[State.INSUFFICIENT],
        not_measured=seen.not_measured,
    )


def _acts(recorded: Iterable[Recorded]) -> tuple[Act, ...]:
    acts = {act.pk: act for one in recorded for act in one.acts}
    return tuple(sorted(acts.values(), key=lambda act: (act.date, act.pk), reverse=True))


def _reversals(recorded: Iterable[Recorded]) -> tuple[Appeal, ...]:
    of_act = {appeal.act_id: appeal for one in recorded for appeal in one.reversals}
    return tuple(sorted(of_act.values(), key=lambda one: (one.act.date, one.act_id), reverse=True))


def _statements(recorded: Iterable[Recorded]) -> tuple[Statement, ...]:
    rows = [statement for one in recorded for statement in one.statements]
    return tuple(sorted(rows, key=lambda row: (row.date, row.pk), reverse=True))
