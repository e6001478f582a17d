"""What is concluded about one resource: the dataclasses that sentence, reasons, pages and API read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from checks.models import Episode, Network, State
from registry.models import Act, Appeal, Resource, Restriction, Statement
from registry.status.terms import ACT_KNOWN, Legal, Listed, Observed, Said, Situation


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
    places: dict[str, dict[str, int]]  # which vantage saw what: its name → verdict → number
    split: bool  # one of them says that it is blocked, another that it opens
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

    @property
    def known(self) -> int:
        """All access networks of the country that the register knows."""
        return self.sufficient + self.insufficient + self.not_measured


@dataclass(frozen=True)
class Listing:
    """What the state register says of one resource, and in which snapshot that was read."""

    listed: Listed = Listed.UNKNOWN
    on: str = ""  # partial date of that snapshot; of one no longer listed, of the last that had it


@dataclass(frozen=True)
class Conclusion:
    """Everything that one resource's page says first."""

    resource: Resource
    legal: Legal
    listing: Listing
    said: Said
    observed: Observed
    situation: Situation
    counts: Counts
    networks: tuple[NetworkState, ...]
    restrictions: tuple[Restriction, ...]  # public, newest first
    acts: tuple[Act, ...]  # newest first
    statements: tuple[Statement, ...]  # newest first
    deciding: tuple[Restriction, ...]  # those that make `legal` what it is
    deciding_acts: tuple[Act, ...]  # newest first
    reversals: tuple[Appeal, ...]  # what made `legal` reversed, one an act: that of the newest act first
    current_acts: tuple[Act, ...]  # of all restrictions not known to have ended, but for those whose acts all fell
    spoken: tuple[Statement, ...]  # what may be held beside what is seen now: newest first
    since: datetime | None  # the earliest moment from which some network has not let it through
    since_at_least: bool  # nobody saw some network's beginning: it may have been earlier
    episodes: tuple[Episode, ...]  # behind the states of `networks`, in the order of time
    imitated: bool  # the evidence comes from the lab

    @property
    def listed(self) -> Listed:
        return self.listing.listed

    @property
    def current_denials(self) -> tuple[Statement, ...]:
        return tuple(row for row in self.spoken if row.stance == Statement.Stance.DENIES)

    @property
    def act_known(self) -> bool:
        """Is there an act that is not known to be over?"""
        return self.legal in ACT_KNOWN
