"""Waves: many sites or many networks that changed together, and networks that fell silent together.

A wave is offered to an editor and concludes nothing by itself. Two things are looked for, each by itself:

- **changes**: a site that opened on a network no longer does, or opens again. A change needs both sides of it,
  each by a state with enough evidence, so what nobody saw before (a plan that grew, a vantage's first rounds) is none;
- **silence**: runs that a network's vantages were asked for and that never came home.

Every threshold stands here with its reason; docs/method.md lists them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import groupby
from math import exp, lgamma, log

from checks.verdict.state import State

# Changes that were first seen within an hour of one another belong together: a round of a plan is measured in
# minutes, and operators who obey one order need not do so in the same one.
TOGETHER = timedelta(hours=1)
# Fewer sites than five at once on one network are its daily noise; the noise that it really has asks for more.
TARGETS = 5
# Two networks may share a transit or a resolver; three that cut one site in the same hour hardly act by accident. Where
# every round has its chance changes, three of one site may: then it takes more.
NETWORKS = 3
# So many at once must be more than ever in the fortnight before, and come by chance in fewer than one of ten thousand
# hours that have changes: of thirty networks measured daily, once a year. There is no share of all sites that a wave
# must reach: the few that were cut on 9 May 2019 are a thousandth of what a register measures.
CHANCE = 0.0001
HISTORY = timedelta(days=14)  # of changes and of deliveries: what is usual for a network, or a vantage
QUIET = 0.4  # changes expected at once of a network that had none in a fortnight: five are then enough
UNKNOWN = 2.0  # of a network that was first measured less than a fortnight before: it takes ten
# Cut again within a day on the same networks is the same wave: from 5 January 2022 access came back for hours a day,
# and nobody would call each of these an event.
AGAIN = timedelta(hours=24)
SAME_NETWORKS = 0.5  # of the smaller set
# A vantage whose first rounds came a moment ago may sit behind a filter of its host.
SETTLED_SLOTS = 5

# Three rounds unanswered: one is lost now and then, two to a reboot. Where rounds come by the minute, an hour.
SILENT_SLOTS = 3
SILENT_TIME = timedelta(hours=1)
# Regular is who answered four of five rounds of late: of the rest, silence is the habit.
REGULAR_SLOTS = 10
REGULAR_SHARE = 0.8
# One silent vantage may be a power cut in one flat, two of one network in one town. Two networks whose every regular
# vantage stops within the hour, or three vantages of one network, are an offer to an editor, and the more networks
# the surer. Still it may be only the way to us that was cut: silence does not tell.
SILENT_NETWORKS = 2
SILENT_VANTAGES = 3
# Of the controls' rounds meanwhile: fewer came home, and it is our own queue or server that failed.
WORKING_SHARE = 0.8

OPEN = frozenset({State.ACCESSIBLE})
SHUT = frozenset({State.BLOCKED, State.LIKELY_BLOCKED, State.THROTTLED})


class Direction(StrEnum):
    BLOCK = "block"
    UNBLOCK = "unblock"
    SILENCE = "silence"


class Kind(StrEnum):
    TARGETS = "targets"  # many sites on a network
    NETWORKS = "networks"  # a site on many networks
    BOTH = "both"
    SILENCE = "silence"


@dataclass(frozen=True, slots=True)
class Span:
    """When something happened: after `not_before`, the last measurement that shows the contrary, and by `at`."""

    not_before: datetime
    at: datetime


@dataclass(frozen=True, slots=True)
class Change:
    """A target on a network went from open to shut, or back. `target`, `network` and `vantages` are ids."""

    target: int
    host: str
    network: int
    direction: Direction
    when: Span
    mechanism: str = ""
    vantages: frozenset[int] = frozenset()  # of the measurements that show the new state; empty: not known

    @property
    def at(self) -> datetime:
        return self.when.at

    @property
    def cell(self) -> tuple[int, int]:
        return self.target, self.network


@dataclass(frozen=True, slots=True)
class Slot:
    """A round that a vantage was asked for, and whether anything of it ever came home. What still may is none."""

    vantage: int
    network: int
    control: bool
    at: datetime
    answered: bool


@dataclass(frozen=True, slots=True)
class Interval:
    """A stretch in which a wave was on. Of an unblocking, from the first change to the last."""

    began: Span
    ended: Span | None  # None: no end was seen


@dataclass(frozen=True, slots=True)
class Wave:
    kind: Kind
    direction: Direction
    intervals: tuple[Interval, ...]
    targets: frozenset[int]
    hosts: frozenset[str]
    networks: frozenset[int]
    vantages: frozenset[int]  # of a silence: the regular ones that fell silent
    regular: frozenset[int]  # of a silence: the networks that delivered regularly when it began, the silent included
    mechanisms: tuple[str, ...]
    changes: int  # how many pairs of a target and a network changed
    changed_at: datetime  # when the last change that belongs to it was first seen
    seen_at: datetime  # of a silence: the last round that went unanswered; of others the same as changed_at


def direction_of(old: State, new: State) -> Direction | None:
    """What a step from one state to another means for waves; of most, nothing.

    `contradictory` is no side of a change: look for the state before it. `insufficient` ends what was known.
    """
    if old in OPEN and new in SHUT:
        return Direction.BLOCK
    if old in SHUT and new in OPEN:
        return Direction.UNBLOCK
    return None


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured at all, without a change too: how many hosts, and since when each network."""

    hosts: int
    since: Mapping[int, datetime]

    def quiet(self, networks: Collection[int], at: datetime) -> float:
        """How many changes to expect at once of networks of which no change is known."""
        known = all(network in self.since and self.since[network] <= at - HISTORY for network in networks)
        return QUIET if known else UNKNOWN * len(networks)


def find(changes: Iterable[Change], slots: Iterable[Slot], measured: Measured) -> list[Wave]:
    """All waves in what was seen, oldest first. Whole histories give whole waves."""
    deliveries = Deliveries(slots)
    real = sorted(
        (one for one in changes if not deliveries.explain(one)), key=lambda one: (one.at, one.network, one.target)
    )
    found = [*_of_changes(real, measured), *_of_silence(deliveries)]
    return sorted(found, key=lambda wave: (wave.intervals[0].began.at, wave.direction))


# --- changes


def _of_changes(changes: Sequence[Change], measured: Measured) -> list[Wave]:
    blocks = [one for one in changes if one.direction is Direction.BLOCK]
    unblocks = [one for one in changes if one.direction is Direction.UNBLOCK]
    waves: list[_Cut] = []
    for group in _groups(blocks, measured):
        known = next((wave for wave in reversed(waves) if wave.takes(group)), None)
        if known is None:
            waves.append(_Cut(unblocks, [group]))
        else:
            known.add(group)
    cut = {one.cell for wave in waves for group in wave.parts for one in group}
    lifted = [group for group in _groups(unblocks, measured) if 2 * sum(one.cell in cut for one in group) < len(group)]
    return [*(wave.whole() for wave in waves), *(_lifted(group) for group in lifted)]


def _groups(changes: Sequence[Change], measured: Measured) -> list[list[Change]]:
    """The changes of one direction that are too many at once to be chance, in groups that began together."""
    marked: set[Change] = set()
    for many in _by(changes, lambda one: one.network):
        marked |= _many_targets(many, measured)
    marked |= _many_networks(changes, marked, measured)
    groups: list[list[Change]] = []
    for one in changes:
        if one not in marked:
            continue
        if groups and one.at - groups[-1][-1].at <= TOGETHER:
            groups[-1].append(one)
        else:
            groups.append([one])
    return groups


def _by(changes: Iterable[Change], key: Callable[[Change], int | str]) -> list[list[Change]]:
    parted: dict[int | str, list[Change]] = defaultdict(list)
    for one in changes:
        parted[key(one)].append(one)
    return list(parted.values())


def _windows(changes: Sequence[Change], key: Callable[[Change], int | str]) -> Iterator[tuple[int, int, int]]:
    """From each change on, all that were seen within the hour: begin, end, and how many keys they have."""
    keys: Counter[int | str] = Counter()
    end = 0
    for begin, first in enumerate(changes):
        while end < len(changes) and changes[end].at - first.at <= TOGETHER:
            keys[key(changes[end])] += 1
            end += 1
        yield begin, end, len(keys)
        keys[key(first)] -= 1
        if not keys[key(first)]:
            del keys[key(first)]


def _many_targets(changes: Sequence[Change], measured: Measured) -> set[Change]:
    """Of one network: the changes of hours in which more hosts changed than its noise explains."""
    marked: set[Change] = set()
    noise: dict[datetime, _Noise] = {}  # by the hour, for it costs a look at the whole fortnight
    for begin, end, hosts in _windows(changes, lambda one: one.host):
        if hosts < TARGETS or changes[end - 1] in marked:
            continue
        hour = changes[begin].at.replace(minute=0, second=0, microsecond=0)
        if hour not in noise:
            noise[hour] = _noise(changes, marked, changes[begin].at, measured)
        if hosts > noise[hour].most and tail(hosts, noise[hour].usual) < CHANCE:
            marked.update(changes[begin:end])
    return marked


@dataclass(frozen=True, slots=True)
class _Noise:
    """Of changes that came together: how many they usually were, and how many at most."""

    usual: float
    most: int


def _noise(changes: Sequence[Change], marked: set[Change], at: datetime, measured: Measured) -> _Noise:
    """What one network, or all together, showed in the fortnight before, waves left out."""
    before = [one for one in changes if at - HISTORY <= one.at < at and one not in marked]
    sizes: list[int] = []
    last = datetime.min.replace(tzinfo=at.tzinfo)
    for one in before:
        if one.at - last > TOGETHER:
            sizes.append(0)
        sizes[-1] += 1
        last = one.at
    quiet = measured.quiet(_networks(changes), at)
    return _Noise(max(quiet, sum(sizes) / len(sizes)), max(sizes)) if sizes else _Noise(quiet, 0)


def tail(count: int, expected: float) -> float:
    """How likely `count` or more are, of independent things of which so many are expected (Poisson)."""
    if count <= expected:
        return 1.0  # half or more: nothing rare, and more is not asked
    term = exp(count * log(expected) - expected - lgamma(count + 1))
    total = 0.0
    while term > total * 1e-12:
        total += term
        count += 1
        term *= expected / count
    return total


def _many_networks(changes: Sequence[Change], marked: set[Change], measured: Measured) -> set[Change]:
    """The changes of hours in which one host changed on more networks than the noise of all of them explains."""
    found: set[Change] = set()
    noise: dict[datetime, _Noise] = {}
    for many in _by(changes, lambda one: one.host):
        for begin, end, networks in _windows(many, lambda one: one.network):
            if networks < NETWORKS or many[end - 1] in found:
                continue
            hour = many[begin].at.replace(minute=0, second=0, microsecond=0)
            if hour not in noise:
                noise[hour] = _noise(changes, marked, many[begin].at, measured)
            usual = noise[hour].usual / measured.hosts
            if measured.hosts * tail(networks, usual) < CHANCE:  # any host might have been the one
                found.update(many[begin:end])
    return found


@dataclass
class _Cut:
    """A wave of blocking while it is put together: each part is a stretch of its own."""

    unblocks: Sequence[Change]
    parts: list[list[Change]]

    def takes(self, group: Sequence[Change]) -> bool:
        """Is this group more of the same: on the same networks, within a day of the last that happened?"""
        mine, theirs = _networks(one for part in self.parts for one in part), _networks(group)
        if len(mine & theirs) < SAME_NETWORKS * min(len(mine), len(theirs)):
            return False
        began = group[0].at
        ended = self._ended(self.parts[-1], before=began)
        last = ended.at if ended else self.parts[-1][-1].at
        return timedelta(0) <= began - last <= AGAIN

    def add(self, group: list[Change]) -> None:
        if self._ended(self.parts[-1], before=group[0].at):
            self.parts.append(group)
        else:
            self.parts[-1].extend(group)  # more of what is still on

    def _ended(self, part: Sequence[Change], before: datetime | None = None) -> Span | None:
        """When more than half of a stretch's cells were open again."""
        return _more_than_half(list(self._returns(part, before).values()), len({one.cell for one in part}))

    def _returns(self, part: Sequence[Change], before: datetime | None) -> dict[tuple[int, int], Change]:
        """The first unblocking of each cell since it was cut."""
        cut = {one.cell: one.at for one in reversed(part)}
        found: dict[tuple[int, int], Change] = {}
        for one in self.unblocks:
            if one.cell in cut and one.at > cut[one.cell] and (before is None or one.at <= before):
                found.setdefault(one.cell, one)
        return found

    def whole(self) -> Wave:
        nexts = [part[0].at for part in self.parts[1:]]
        intervals = []
        changed = [one.at for part in self.parts for one in part]
        for part, before in zip(self.parts, [*nexts, None], strict=True):
            intervals.append(Interval(_first(part), self._ended(part, before)))
            changed += [one.at for one in self._returns(part, before).values()]
        return _wave([one for part in self.parts for one in part], tuple(intervals), max(changed))


def _lifted(group: Sequence[Change]) -> Wave:
    last = max(group, key=lambda one: one.at)
    return _wave(group, (Interval(_first(group), last.when),), last.at)


def _wave(changes: Sequence[Change], intervals: tuple[Interval, ...], changed_at: datetime) -> Wave:
    many = any(len({one.host for one in part}) >= TARGETS for part in _by(changes, lambda one: one.network))
    wide = len(_networks(changes)) >= NETWORKS
    return Wave(
        kind=Kind.BOTH if many and wide else Kind.TARGETS if many else Kind.NETWORKS,
        direction=changes[0].direction,
        intervals=intervals,
        targets=frozenset(one.target for one in changes),
        hosts=frozenset(one.host for one in changes),
        networks=_networks(changes),
        vantages=frozenset(),
        regular=frozenset(),
        mechanisms=tuple(sorted({one.mechanism for one in changes if one.mechanism})),
        changes=len({one.cell for one in changes}),
        changed_at=changed_at,
        seen_at=changed_at,
    )


def _networks(changes: Iterable[Change]) -> frozenset[int]:
    return frozenset(one.network for one in changes)


def _first(changes: Sequence[Change]) -> Span:
    return Span(min(one.when.not_before for one in changes), min(one.at for one in changes))


def _more_than_half(returns: Sequence[Change], of: int) -> Span | None:
    """Between which moments more than half had returned: each return lies somewhere in its own span."""
    needed = of // 2 + 1
    if len(returns) < needed:
        return None
    earliest = sorted(one.when.not_before for one in returns)
    latest = sorted(one.at for one in returns)
    return Span(earliest[needed - 1], latest[needed - 1])


# --- silence


@dataclass(frozen=True, slots=True)
class Stretch:
    """A network from which nothing came, though its vantages were asked; `vantages` are those that used to answer."""

    network: int
    began: Span
    ended: Span | None
    until: datetime  # the last slot that went unanswered
    vantages: frozenset[int]


class Deliveries:
    """What was asked of vantages and what came home, and the silences in it."""

    def __init__(self, slots: Iterable[Slot]) -> None:
        ordered = sorted(slots, key=lambda slot: (slot.at, slot.vantage))
        self.controls = [slot for slot in ordered if slot.control]
        self.by_network: dict[int, list[Slot]] = defaultdict(list)
        for slot in ordered:
            if not slot.control:
                self.by_network[slot.network].append(slot)
        self.answers: dict[int, list[datetime]] = defaultdict(list)
        for slot in ordered:
            if slot.answered:
                self.answers[slot.vantage].append(slot.at)
        self.asked = {slot.vantage for slot in ordered}  # the others are not ours: nothing is known of their rounds
        found = [stretch for slots in self.by_network.values() for stretch in _silences(slots)]
        self.stretches = sorted(found, key=lambda stretch: (stretch.began.at, stretch.network))

    def explain(self, change: Change) -> bool:
        """Is it the vantage that changed? It came back from silence, or these are its first rounds."""
        silent = any(
            stretch.network == change.network
            and stretch.began.at < change.at
            and stretch.until > change.when.not_before
            for stretch in self.stretches
        )
        return silent or (bool(change.vantages) and all(self._is_new(one, change.at) for one in change.vantages))

    def _is_new(self, vantage: int, at: datetime) -> bool:
        return vantage in self.asked and bisect_left(self.answers[vantage], at) < SETTLED_SLOTS

    def silent(self) -> set[int]:
        """The networks whose latest rounds all went unanswered, regular or not: nothing is known of them now."""
        found = set()
        for network, slots in self.by_network.items():
            rounds = [(at, any(slot.answered for slot in many)) for at, many in _rounds(slots)]
            answers = [at for at, answered in rounds if answered]
            unanswered = [at for at, answered in rounds if not answered and (not answers or at > answers[-1])]
            if answers and len(unanswered) >= SILENT_SLOTS and unanswered[-1] - answers[-1] >= SILENT_TIME:
                found.add(network)
        return found

    def regular(self, at: datetime) -> frozenset[int]:
        """The networks that delivered regularly before a moment."""
        found = set()
        for network, slots in self.by_network.items():
            rounds = [(moment, any(slot.answered for slot in many)) for moment, many in _rounds(slots)]
            if _is_regular([one for one in rounds if at - HISTORY <= one[0] < at]):
                found.add(network)
        return frozenset(found)

    def we_worked(self, begin: datetime, end: datetime) -> bool:
        """Did the controls deliver meanwhile? Their batches take the same way home."""
        ours = [slot.answered for slot in self.controls if begin <= slot.at <= end]
        return len(ours) >= SILENT_SLOTS and sum(ours) >= WORKING_SHARE * len(ours)


def _rounds(slots: Iterable[Slot]) -> list[tuple[datetime, list[Slot]]]:
    return [(at, list(many)) for at, many in groupby(slots, key=lambda slot: slot.at)]


def _is_regular(answers: Sequence[tuple[datetime, bool]]) -> bool:
    late = [answered for _, answered in answers[-REGULAR_SLOTS:]]
    return len(late) >= SETTLED_SLOTS and sum(late) >= REGULAR_SHARE * len(late)


def _silences(slots: Sequence[Slot]) -> list[Stretch]:
    """The silences of one network, of all its vantages together: one that answers ends it.

    What happened in a silence is left out of what is usual for a vantage: after hours of a shutdown it is as regular
    as before.
    """
    history: dict[int, list[tuple[datetime, bool]]] = defaultdict(list)
    found: list[Stretch] = []
    last_answer: datetime | None = None
    silent: list[tuple[datetime, list[Slot]]] = []

    def close(answer: datetime | None) -> None:
        stretch = _stretch(silent, last_answer, answer, history)
        if stretch:
            found.append(stretch)
        else:
            for at, many in silent:
                for slot in many:
                    history[slot.vantage].append((at, False))
        silent.clear()

    for at, many in _rounds(slots):
        if not any(slot.answered for slot in many):
            silent.append((at, many))
            continue
        close(at)
        last_answer = at
        for slot in many:
            history[slot.vantage].append((at, slot.answered))
    close(None)
    return found


def _stretch(
    silent: Sequence[tuple[datetime, Sequence[Slot]]],
    last_answer: datetime | None,
    answer: datetime | None,
    history: dict[int, list[tuple[datetime, bool]]],
) -> Stretch | None:
    if not silent or last_answer is None or silent[-1][0] - last_answer < SILENT_TIME:
        return None
    began = Span(last_answer, silent[0][0])
    asked: dict[int, int] = defaultdict(int)
    for _, many in silent:
        for slot in many:
            asked[slot.vantage] += 1
    usual = {
        vantage: [one for one in history[vantage] if one[0] >= began.at - HISTORY]
        for vantage, count in asked.items()
        if count >= SILENT_SLOTS
    }
    regular = frozenset(vantage for vantage, answers in usual.items() if _is_regular(answers))
    if not regular:
        return None
    until = silent[-1][0]
    ended = Span(until, answer) if answer else None
    return Stretch(silent[0][1][0].network, began, ended, until, regular)


def _of_silence(deliveries: Deliveries) -> list[Wave]:
    waves: list[list[list[Stretch]]] = []
    for part in _parts(deliveries.stretches):
        networks, vantages = _of(part)
        if len(networks) < SILENT_NETWORKS and len(vantages) < SILENT_VANTAGES:
            continue
        if not deliveries.we_worked(min(one.began.at for one in part), max(one.until for one in part)):
            continue
        known = next((wave for wave in reversed(waves) if _again(wave, part)), None)
        if known is None:
            waves.append([part])
        else:
            known.append(part)
    return [_silence(wave, deliveries) for wave in waves]


def _parts(stretches: Iterable[Stretch]) -> list[list[Stretch]]:
    """Silences of several networks that may have begun within an hour and that overlap."""
    parts: list[list[Stretch]] = []
    for one in stretches:
        for part in parts:
            latest = max(stretch.began.not_before for stretch in part)
            earliest = min(stretch.began.at for stretch in part)
            together = max(one.began.not_before, latest) - min(one.began.at, earliest) <= TOGETHER
            if together and one.began.not_before < max(stretch.until for stretch in part):
                part.append(one)
                break
        else:
            parts.append([one])
    return parts


def _of(part: Iterable[Stretch]) -> tuple[frozenset[int], frozenset[int]]:
    many = list(part)
    return frozenset(one.network for one in many), frozenset(v for one in many for v in one.vantages)


def _again(wave: Sequence[Sequence[Stretch]], part: Sequence[Stretch]) -> bool:
    mine, theirs = _of(one for old in wave for one in old)[0], _of(part)[0]
    ended = _all_back(wave[-1])
    near = ended is not None and min(one.began.at for one in part) - ended.at <= AGAIN
    return near and len(mine & theirs) >= SAME_NETWORKS * min(len(mine), len(theirs))


def _all_back(part: Sequence[Stretch]) -> Span | None:
    """When more than half of the networks delivered again."""
    needed = len(part) // 2 + 1
    ends = [one.ended for one in part if one.ended]
    if len(ends) < needed:
        return None
    return Span(sorted(end.not_before for end in ends)[needed - 1], sorted(end.at for end in ends)[needed - 1])


def _silence(parts: Sequence[Sequence[Stretch]], deliveries: Deliveries) -> Wave:
    every = [one for part in parts for one in part]
    networks, vantages = _of(every)
    began = [Span(min(o.began.not_before for o in part), min(o.began.at for o in part)) for part in parts]
    return Wave(
        kind=Kind.SILENCE,
        direction=Direction.SILENCE,
        intervals=tuple(Interval(when, _all_back(part)) for when, part in zip(began, parts, strict=True)),
        targets=frozenset(),
        hosts=frozenset(),
        networks=networks,
        vantages=vantages,
        regular=networks | deliveries.regular(began[0].at),
        mechanisms=(),
        changes=0,
        changed_at=max(one.ended.at if one.ended else one.began.at for one in every),
        seen_at=max(one.until for one in every),
    )
