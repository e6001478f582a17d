"""From a cell's verdicts in order of time to its episodes: what changed, and between which measurements.

The definition is a replay from the first verdict. A replay may begin at a checkpoint instead, and comes to the same,
because all that it carries is in the checkpoint or in the verdicts of the last `state.memory_of`. Verdicts of one and
the same moment are taken in together, so that nothing hangs on their order. docs/decisions/0004-episodes.md says why.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import groupby, islice
from statistics import median
from typing import Any

from checks.verdict.rules import Verdict
from checks.verdict.state import (
    FLOOR_MEASUREMENTS,
    FLOOR_RUNS,
    MAJORITY_PERCENT,
    CellState,
    CellVerdict,
    State,
    class_of,
    memory_of,
    state_of,
    window_of,
)

FORMAT = 2  # of a checkpoint; another number when the automaton comes to other episodes
AGREEING = 2  # consecutive rounds, or hours of a dense series
CALM = 8  # so many rounds in a row must say the same to end a contradiction, or all of a window that has fewer

# A series is dense when it is sampled at least hourly: it then agrees by the hour, and CUSUM watches it.
HOUR = timedelta(hours=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)  # from which slots of a plan are counted
DENSE_SPAN = timedelta(hours=24)
DENSE_HOURS = 20  # of the last 24 with a conclusive verdict: a probe may miss a few

# ooni/data, event detector: how many hours of a change of the mean from MU0 to MU1 make an alarm.
MU0, MU1 = 0.0, 0.7
DRIFT = 0.35
THRESHOLD = 3.5
DECAY_AFTER = timedelta(hours=24)
HALF_LIFE = timedelta(hours=48)
STAGES = ("down", "dns", "tcp", "tls", "http")  # one series each, in the order in which a visit meets them


class Change(StrEnum):
    """What an episode's beginning was."""

    FIRST = "first"  # the first state that is known
    BLOCK = "block"
    UNBLOCK = "unblock"
    RELAPSE = "relapse"  # blocked again after an unblock
    MECHANISM = "mechanism"  # blocked all along, in another way
    DOWN = "down"
    RECOVERY = "recovery"  # opens again after it was down
    CONTRADICTORY = "contradictory"
    LOST = "lost"  # too little data from here on
    RESUMED = "resumed"  # the same state as before the data was too little or contradicted itself


@dataclass(frozen=True, slots=True)
class Episode:
    """A stretch of one class and, of a block, of one family of mechanisms. Each end lies between two measurements.

    It began not later than `began_at` and not earlier than `not_before` (None: nobody saw the time before); it ended
    not later than `ended_at` and not earlier than `seen_at`. `state` is its degree, and may rise and fall within it.
    """

    state: State
    mechanism: str | None
    change: Change
    began_at: datetime  # the first measurement of this class
    not_before: datetime | None  # the last conclusive measurement before it, which said otherwise
    decided_at: datetime  # the measurement at which two rounds agreed and the floor was met
    seen_at: datetime  # the last measurement that agreed
    witnesses: tuple[str, ...]
    ended_at: datetime | None = None  # where the next one began; None: it goes on


@dataclass(frozen=True, slots=True)
class Candidate:
    """Another class or family that two rounds in a row agreed on; the running state is held until it has the floor."""

    key: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Heard:
    """A conclusive verdict, as far as the next episode's bounds ask for it."""

    at: datetime
    verdict: Verdict
    mechanism: str | None


@dataclass(frozen=True, slots=True)
class Series:
    """The CUSUM statistic of one stage."""

    statistic: float = 0.0
    onset: datetime | None = None  # the hour in which it left zero
    counted_at: datetime | None = None  # the last hour that had a value

    def counted(self, value: float, hour: datetime, *, on: bool) -> Series:
        """Take an hour's median in. `on`: the running episode is one of this stage, so we wait for its end."""
        statistic = self.statistic
        gap = hour - self.counted_at if self.counted_at else timedelta(0)
        if gap > DECAY_AFTER:
            statistic *= 0.5 ** (gap / HALF_LIFE)
        grown = max(0.0, statistic + ((MU1 - value) if on else (value - MU0)) - DRIFT)
        onset = None if not grown else self.onset or hour
        return Series(grown, onset, hour)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """All that a replay carries besides the verdicts of its memory, after the moment `at`."""

    at: datetime | None = None
    running: Episode | None = None
    cut: datetime | None = None  # verdicts before this do not count for the running episode
    candidate: Candidate | None = None
    contradicted: datetime | None = None  # the round that came to contradictory alone so far: when it was complete
    before: Verdict | None = None  # the last class that had an episode
    blocked_by: str | None = None  # family of the last block
    blocking: bool | None = None  # a block stands (True), has ended (False), was never seen (None)
    last: Heard | None = None
    before_silence: Heard | None = None
    series: Mapping[str, Series] = field(default_factory=dict)
    counted_from: datetime | None = None  # CUSUM knows nothing of what was before the last change

    def as_json(self) -> dict[str, Any]:
        return {"format": FORMAT, **{name: _out(getattr(self, name)) for name in self.__dataclass_fields__}}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Checkpoint | None:
        """None: another version of this module wrote it, and only a replay from the start will do."""
        if document.get("format") != FORMAT:
            return None
        running, candidate = document["running"], document["candidate"]
        return cls(
            at=_moment(document["at"]),
            running=_episode(running) if running else None,
            cut=_moment(document["cut"]),
            candidate=Candidate(candidate["key"], datetime.fromisoformat(candidate["since"])) if candidate else None,
            contradicted=_moment(document["contradicted"]),
            before=Verdict(document["before"]) if document["before"] else None,
            blocked_by=document["blocked_by"],
            blocking=document["blocking"],
            last=_heard(document["last"]),
            before_silence=_heard(document["before_silence"]),
            series={
                stage: Series(one["statistic"], _moment(one["onset"]), _moment(one["counted_at"]))
                for stage, one in document["series"].items()
            },
            counted_from=_moment(document["counted_from"]),
        )


@dataclass(frozen=True, slots=True)
class History:
    """What a replay comes to. `marks` are checkpoints, one an episode: as it was when the episode was decided."""

    episodes: tuple[Episode, ...]
    marks: tuple[Checkpoint, ...]
    last: Checkpoint  # after the last verdict, before any silence that followed it
    now: Checkpoint  # with that silence


def replay(
    verdicts: Iterable[CellVerdict],
    *,
    until: datetime,
    plan_period: timedelta,
    start: Checkpoint | None = None,
    memory: Iterable[CellVerdict] = (),
) -> History:
    """The episodes of a cell, the one that `start` was in and all after it.

    Of `verdicts` those after `start` and not after `until` count, in whatever order they come. `memory` are those of
    `memory_of(plan_period)` before `start`, its own moment included.
    """
    start = start or Checkpoint()
    automaton = _Automaton(start, memory, plan_period)
    new = [v for v in verdicts if v.at <= until and (start.at is None or v.at > start.at)]
    for at, together in groupby(sorted(new, key=_order), key=lambda v: v.at):
        automaton.take(at, list(together))
    last = automaton.mark
    automaton.wait(until)
    return History(tuple(automaton.episodes), tuple(automaton.marks), last, automaton.mark)


def related(one: str | None, other: str | None) -> bool:
    """Is one the other, or an ancestor of it, by its dotted name? What is not known is no difference."""
    if not one or not other:
        return True
    return f"{one}.".startswith(f"{other}.") or f"{other}.".startswith(f"{one}.")


def family(mechanism: str | None) -> str:
    """The first two names: `tls.reset` of `tls.reset.sni`."""
    return ".".join((mechanism or "").split(".")[:2])


class _Automaton:
    """Takes one moment after the other in. `mark` is replaced whole: a checkpoint of it stays as it was."""

    def __init__(self, start: Checkpoint, memory: Iterable[CellVerdict], plan_period: timedelta) -> None:
        self.mark = start
        self.plan_period = plan_period
        self.window = window_of(plan_period)
        self.reach = memory_of(plan_period)
        self.memory = sorted((v for v in memory if start.at and v.at <= start.at), key=_order)
        self.hours: list[datetime] = []  # those with a conclusive verdict
        self._note_hours(self.memory)
        self.closed: list[Episode] = []
        self.closed_marks: list[Checkpoint] = []
        self.decided = start  # the mark at which the running episode was decided, as far as this replay knows it

    @property
    def episodes(self) -> list[Episode]:
        return [*self.closed, *([self.mark.running] if self.mark.running else [])]

    @property
    def marks(self) -> list[Checkpoint]:
        return [*self.closed_marks, *([self.decided] if self.mark.running else [])]

    def take(self, at: datetime, verdicts: Sequence[CellVerdict]) -> None:
        self.wait(at)
        self._count_the_hour_before(at)
        del self.memory[: self._place(at - self.reach)]
        self.memory.extend(verdicts)
        self._note_hours(verdicts)
        conclusive = [v for v in verdicts if v.verdict is not Verdict.INCONCLUSIVE]
        self.mark = replace(self.mark, at=at)
        if self.mark.running is None:
            self._begin_without_data(at)
        if conclusive:
            self._decide(at, conclusive)
            newest = conclusive[-1]
            self.mark = replace(self.mark, last=Heard(newest.at, newest.verdict, newest.mechanism))
        else:
            self._miss(at)
        if self.decided.at == at:
            self.decided = self.mark

    def wait(self, until: datetime) -> None:
        """Let time pass: a whole window without a conclusive verdict, and the state is lost."""
        running, last = self.mark.running, self.mark.last
        if last is None or until <= (silent := last.at + self.window):
            return
        if self.mark.before_silence != last:
            self.mark = replace(self.mark, before_silence=last, candidate=None, contradicted=None)
        if running and running.state is not State.INSUFFICIENT:
            self.mark = replace(self.mark, at=silent)
            self._lose(silent, witnesses=())

    # --- what a moment means

    def _decide(self, at: datetime, verdicts: Sequence[CellVerdict]) -> None:
        self._hear_candidates(at)
        if any(self._change(at, since, key) for since, key in self._ways_to_change()):
            return
        held = self._held
        found = self._state(at, self.mark.cut)
        if found.state is State.CONTRADICTORY and not (held and self._may_become(at, held)):
            self._contradict(at, verdicts, found)
            return
        if found.state is not State.CONTRADICTORY:
            self.mark = replace(self.mark, contradicted=None)
        if found.state is State.INSUFFICIENT:
            self._miss(at)
        elif not held and class_of(found.state) == class_of(self._running.state):
            self._confirm(found)
        self._seen(at, verdicts)

    def _hear_candidates(self, at: datetime) -> None:
        """What the last two rounds agree on: the running state, which ends all waiting, or another, which begins it."""
        agreed = self._agreed(at)
        candidate = self.mark.candidate
        if agreed is None:
            return
        if agreed.key == self._key():
            self.mark = replace(self.mark, candidate=None)
        elif candidate is None or candidate.key != agreed.key:
            self.mark = replace(self.mark, candidate=agreed)

    def _ways_to_change(self) -> Iterator[tuple[datetime, str | None]]:
        """From where on to count for another state, and which. None: whatever has the majority."""
        if self.mark.candidate:
            yield self.mark.candidate.since, self.mark.candidate.key
        onsets = [one.onset for one in self.mark.series.values() if one.onset and one.statistic >= THRESHOLD]
        if onsets:
            yield min(onsets), None

    def _change(self, at: datetime, since: datetime, key: str | None) -> bool:
        """Begin the next episode, if what was seen since then meets the floor and says the same."""
        counted = self._conclusive(max(at - self.window, since))
        counts = Counter(self._key_of(v) for v in counted)
        winner, number = max(counts.items(), key=lambda item: (item[1], item[0]), default=("", 0))
        agreed = [v for v in counted if self._key_of(v) == winner and self._is_new(v)]
        if (
            winner == self._key()
            or (key is not None and winner != key)
            or len(counted) < FLOOR_MEASUREMENTS
            or len({v.run for v in counted}) < FLOOR_RUNS
            or 100 * number < MAJORITY_PERCENT * len(counted)
            or not agreed
            or not self._is_calm(at, winner)
        ):
            return False
        began = agreed[0].at
        found = self._state(at, since)
        mechanism = found.mechanism if agreed[0].verdict is Verdict.BLOCKED else None
        self._begin(
            Episode(
                state=found.state,
                mechanism=mechanism,
                change=self._change_to(agreed[0].verdict, mechanism),
                began_at=began,
                not_before=self._not_before(at, began, winner),
                decided_at=at,
                seen_at=agreed[-1].at,
                witnesses=found.witnesses,
            ),
            cut=since,
        )
        return True

    def _is_calm(self, at: datetime, key: str) -> bool:
        """Is a contradiction over? By chance three rounds say the same, too, in what comes and goes."""
        if self._running.state is not State.CONTRADICTORY:
            return True
        last = [one for one in islice(self._rounds_back(), CALM) if one[-1].at >= at - self.window]
        return all(self._said(one) == key for one in last)

    def _may_become(self, at: datetime, candidate: Candidate) -> bool:
        """Is it too early to tell what came of a change? Old verdicts then contradict nothing."""
        return self._state(at, candidate.since).state is not State.CONTRADICTORY

    def _contradict(self, at: datetime, verdicts: Sequence[CellVerdict], found: CellState) -> None:
        if self._running.state is State.CONTRADICTORY:
            self._run(replace(self._running, seen_at=at, witnesses=found.witnesses))
            self.mark = replace(self.mark, candidate=None)  # what was on its way is contradicted too
            return
        self._seen(at, verdicts)
        newest, *before = islice(self._rounds_back(), 2)
        agrees = self._key() is not None and self._said(newest) == self._key()
        if agrees or (before and not _vantages(before[0]) <= _vantages(newest)):
            return  # what agrees with the running state is no second doubt, and half a round says nothing yet
        first = self.mark.contradicted
        if first is None:
            self.mark = replace(self.mark, contradicted=at)
        elif newest[0].at > first and (not before or _runs(newest) != _runs(before[0])):
            heard = self._heard_before(at, first)
            self._begin(
                Episode(
                    state=State.CONTRADICTORY,
                    mechanism=None,
                    change=Change.CONTRADICTORY,
                    began_at=max(first, self._running.began_at),
                    not_before=heard.at if heard else None,
                    decided_at=at,
                    seen_at=at,
                    witnesses=found.witnesses,
                ),
                cut=self.mark.cut,
            )

    def _confirm(self, found: CellState) -> None:
        """The degree and the mechanism follow what the window says; the mechanism within its family only."""
        running = self._running
        mechanism = running.mechanism
        if found.mechanism and related(found.mechanism, mechanism):
            mechanism = found.mechanism
        self._run(replace(running, state=found.state, mechanism=mechanism, witnesses=found.witnesses))

    def _seen(self, at: datetime, verdicts: Sequence[CellVerdict]) -> None:
        if self._running.state is State.INSUFFICIENT or any(self._key_of(v) == self._key() for v in verdicts):
            self._run(replace(self._running, seen_at=at))

    def _miss(self, at: datetime) -> None:
        """Too little data counts at once, unless a new state is on its way to the floor."""
        found = self._state(at, self.mark.cut)
        if self._running.state is State.INSUFFICIENT:
            self._run(replace(self._running, seen_at=at, witnesses=found.witnesses))
        elif found.state is State.INSUFFICIENT and self._held is None:
            self._lose(at, found.witnesses)

    def _begin_without_data(self, at: datetime) -> None:
        first = Episode(State.INSUFFICIENT, None, Change.FIRST, at, None, at, at, ())
        self.mark = replace(self.mark, running=first)
        self.decided = self.mark

    def _lose(self, at: datetime, witnesses: tuple[str, ...]) -> None:
        running = self._running
        self._begin(
            Episode(
                State.INSUFFICIENT, None, Change.LOST, max(at, running.began_at), running.seen_at, at, at, witnesses
            ),
            cut=self.mark.cut,
        )

    def _begin(self, new: Episode, *, cut: datetime | None) -> None:
        """Close the running episode and begin the next. Nothing of what was counted outlives a change."""
        running = self._running
        if new.began_at > running.began_at:  # else it was too little data, for no time at all
            self.closed.append(replace(running, seen_at=self._seen_before(new.began_at), ended_at=new.began_at))
            self.closed_marks.append(self.decided)
        mark = replace(
            self.mark,
            running=new,
            cut=cut,
            candidate=None,
            contradicted=None,
            series={},
            counted_from=new.decided_at,
        )
        if new.state not in (State.CONTRADICTORY, State.INSUFFICIENT):
            verdict = Verdict(class_of(new.state))
            blocking = True if verdict is Verdict.BLOCKED else mark.blocking
            if verdict is Verdict.ACCESSIBLE and blocking:
                blocking = False
            blocked_by = new.mechanism if verdict is Verdict.BLOCKED else mark.blocked_by
            mark = replace(mark, before=verdict, blocking=blocking, blocked_by=blocked_by)
        self.mark = self.decided = mark

    # --- the words for a change, and its bounds

    def _change_to(self, verdict: Verdict, mechanism: str | None) -> Change:
        mark = self.mark
        if mark.before is None:
            return Change.FIRST
        if verdict is Verdict.BLOCKED:
            if mark.blocking:  # nobody saw it open meanwhile
                return Change.RESUMED if related(mechanism, mark.blocked_by) else Change.MECHANISM
            return Change.BLOCK if mark.blocking is None else Change.RELAPSE
        if verdict is Verdict.ACCESSIBLE and mark.blocking:
            return Change.UNBLOCK
        if verdict is mark.before:
            return Change.RESUMED
        return Change.DOWN if verdict is Verdict.DOWN else Change.RECOVERY

    def _not_before(self, at: datetime, began: datetime, key: str) -> datetime | None:
        heard = self._heard_before(at, began)
        if heard is None:
            return None
        if self._key_of(heard) != key:
            return heard.at
        if self._running.state is State.INSUFFICIENT:
            return None
        otherwise = [v.at for v in self._conclusive(at - self.reach) if v.at < began and self._key_of(v) != key]
        return max(otherwise, default=None)

    def _heard_before(self, at: datetime, moment: datetime) -> Heard | CellVerdict | None:
        """The last conclusive verdict before a moment; if the memory has none, what came before the last silence."""
        earlier = [v for v in self._conclusive(at - self.reach) if v.at < moment]
        return earlier[-1] if earlier else self.mark.before_silence

    def _seen_before(self, moment: datetime) -> datetime:
        """The running episode's last agreeing measurement before the next one's first."""
        running = self._running
        earlier = [v for v in self.memory if running.began_at <= v.at < moment]
        if class_of(running.state) not in (State.CONTRADICTORY, State.INSUFFICIENT):
            earlier = [v for v in earlier if v.verdict is not Verdict.INCONCLUSIVE and self._key_of(v) == self._key()]
        if earlier:
            return earlier[-1].at
        return running.seen_at if running.seen_at < moment else running.began_at

    # --- what agrees

    @property
    def _running(self) -> Episode:
        if self.mark.running is None:
            raise ValueError("nothing was taken in yet")
        return self.mark.running

    def _run(self, episode: Episode) -> None:
        self.mark = replace(self.mark, running=episode)

    def _key(self) -> str | None:
        """What a verdict must say to agree with the running episode; None: nothing does."""
        known = class_of(self._running.state)
        return None if known in (State.CONTRADICTORY, State.INSUFFICIENT) else known

    def _key_of(self, verdict: CellVerdict | Heard) -> str:
        """The class; of a block during a block of another mechanism also its family."""
        running = self._running
        if verdict.verdict is not Verdict.BLOCKED or self._key() != Verdict.BLOCKED:
            return verdict.verdict.value
        if related(verdict.mechanism, running.mechanism):
            return verdict.verdict.value
        return f"{verdict.verdict.value} {family(verdict.mechanism)}"

    @property
    def _held(self) -> Candidate | None:
        """What the running state is held for; a block that another mechanism seems to make goes on meanwhile."""
        candidate = self.mark.candidate
        return None if candidate is None or " " in candidate.key else candidate

    def _is_new(self, verdict: CellVerdict) -> bool:
        """May the next episode begin with this verdict? What agrees on both sides of a gap begins again after it."""
        running = self._running
        if running.state is State.INSUFFICIENT and self.mark.before != verdict.verdict:
            return verdict.at >= running.began_at
        return verdict.at > running.began_at

    def _agreed(self, at: datetime) -> Candidate | None:
        """What the last two rounds say, if they say the same; of a dense series, the last two hours."""
        if not self._is_dense(at):
            return self._agreed_in_rounds(at - self.window)
        last = self._agreeing_hours()
        if last:
            last = [*self._row(self._place(last[0].at), at - self.window, last[0]), *last]
        if len(_runs(last)) < AGREEING:
            return None
        return Candidate(self._key_of(last[0]), last[0].at)

    def _agreed_in_rounds(self, opened: datetime) -> Candidate | None:
        """The unbroken row of rounds up to the newest that say the same; of the running state as many as prove it."""
        row: list[CellVerdict] = []
        key, number = None, 0
        for one in self._rounds_back():
            said = self._said(one)
            key = key or said
            agreeing = [v for v in one if v.at >= opened and self._key_of(v) == key]
            if said is None or said != key or not agreeing or (key == self._key() and number == AGREEING):
                break
            row, number = [*agreeing, *row], number + 1
        if key is None or number < AGREEING or len(_runs(row)) < AGREEING:
            return None
        return Candidate(key, row[0].at)

    def _rounds_back(self) -> Iterator[list[CellVerdict]]:
        """What was measured within one slot of the plan, newest first: of each vantage one run, and of any conclusive
        verdicts only. Whoever measures again in a slot begins another round.
        """
        end = len(self.memory)
        while end:
            begin = self._place(self._slot(self.memory[end - 1].at))
            rounds: list[list[CellVerdict]] = []
            turns: dict[str, str] = {}
            for v in self.memory[begin:end]:
                if v.verdict is Verdict.INCONCLUSIVE:
                    continue
                if not rounds or turns.get(v.vantage, v.run) != v.run:
                    rounds.append([])
                    turns = {}
                turns[v.vantage] = v.run
                rounds[-1].append(v)
            yield from reversed(rounds)
            end = begin

    def _slot(self, at: datetime) -> datetime:
        return at - (at - EPOCH) % self.plan_period

    def _said(self, verdicts: Sequence[CellVerdict]) -> str | None:
        """What the verdicts of a round, or of an hour, say together; None: they differ too much."""
        [(key, number)] = Counter(self._key_of(v) for v in verdicts).most_common(1)
        return key if 100 * number >= MAJORITY_PERCENT * len(verdicts) else None

    def _row(self, end: int, opened: datetime, like: CellVerdict) -> list[CellVerdict]:
        """The unbroken row before a place of the memory that says the same; of the running state as much as proves."""
        row: list[CellVerdict] = []
        key = self._key_of(like)
        runs: set[str] = set()
        for place in range(end - 1, self._place(opened) - 1, -1):
            v = self.memory[place]
            if v.verdict is Verdict.INCONCLUSIVE:
                continue
            if self._key_of(v) != key or (len(runs) >= AGREEING and self._key() == key):
                break
            row.append(v)
            runs.add(v.run)
        return row[::-1]

    def _agreeing_hours(self) -> list[CellVerdict]:
        """The verdicts of the last two sampled hours that say what both say; none, if they differ."""
        earlier, later = self.hours[-AGREEING:]
        conclusive = self._conclusive(earlier)
        middle = bisect_left(conclusive, later, key=lambda v: v.at)
        keys = {self._said(conclusive[:middle]), self._said(conclusive[middle:])}
        return [v for v in conclusive if self._key_of(v) in keys] if len(keys) == 1 else []

    # --- the verdicts that count

    def _place(self, moment: datetime) -> int:
        """Of the first verdict in the memory that is not before a moment."""
        return bisect_left(self.memory, moment, key=lambda v: v.at)

    def _conclusive(self, since: datetime) -> list[CellVerdict]:
        return [v for v in self.memory[self._place(since) :] if v.verdict is not Verdict.INCONCLUSIVE]

    def _note_hours(self, verdicts: Iterable[CellVerdict]) -> None:
        hours = {_hour(v.at) for v in verdicts if v.verdict is not Verdict.INCONCLUSIVE}
        self.hours.extend(sorted(hours - set(self.hours[-1:])))

    def _state(self, at: datetime, since: datetime | None) -> CellState:
        counted = self.memory[self._place(since) :] if since else self.memory
        return state_of(counted, now=at, plan_period=self.plan_period, since=since)

    # --- CUSUM

    def _is_dense(self, at: datetime) -> bool:
        """Decided from the past alone."""
        return len(self.hours) - bisect_right(self.hours, _hour(at) - DENSE_SPAN) >= DENSE_HOURS

    def _count_the_hour_before(self, at: datetime) -> None:
        """Take the medians of the last sampled hour in, once it is over."""
        mark = self.mark
        if mark.at is None or _hour(mark.at) == _hour(at) or not self._is_dense(mark.at):
            return
        hour = _hour(mark.at)
        verdicts = [v for v in self._conclusive(hour) if mark.counted_from is None or v.at > mark.counted_from]
        series = dict(mark.series)
        for stage in STAGES:
            values = [value for v in verdicts if (value := _value(v, stage)) is not None]
            if values:
                on = self._key() is not None and _stage(self._running) == stage
                series[stage] = series.get(stage, Series()).counted(median(values), hour, on=on)
        self.mark = replace(mark, series=series)


def _value(verdict: CellVerdict, stage: str) -> int | None:
    """What a verdict says of one stage: 1 it failed there, 0 it passed, None nobody knows: masked, not zero."""
    if verdict.verdict is Verdict.INCONCLUSIVE:
        return None
    failed = STAGES.index("down") if verdict.verdict is Verdict.DOWN else _index(verdict.mechanism)
    if verdict.verdict is Verdict.ACCESSIBLE:
        return 0
    if failed is None:
        return 0 if stage == "down" else None
    position = STAGES.index(stage)
    return None if position > failed else int(position == failed)


def _stage(episode: Episode) -> str | None:
    if episode.state is State.DOWN:
        return "down"
    index = _index(episode.mechanism) if class_of(episode.state) == State.BLOCKED else None
    return None if index is None else STAGES[index]


def _index(mechanism: str | None) -> int | None:
    """Of `ip.unreachable` too: what cannot be reached fails where a connection is made."""
    name = (mechanism or "").partition(".")[0]
    name = "tcp" if name == "ip" else name
    return STAGES.index(name) if name in STAGES else None


def _runs(verdicts: Iterable[CellVerdict]) -> set[str]:
    return {v.run for v in verdicts}


def _vantages(verdicts: Iterable[CellVerdict]) -> set[str]:
    return {v.vantage for v in verdicts}


def _hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)


def _order(verdict: CellVerdict) -> tuple[datetime, str]:
    return verdict.at, verdict.measurement


# --- checkpoints as JSON


def _out(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Episode | Candidate | Heard | Series):
        return {name: _out(getattr(value, name)) for name in value.__dataclass_fields__}
    if isinstance(value, Mapping):
        return {name: _out(one) for name, one in value.items()}
    return [_out(one) for one in value] if isinstance(value, tuple) else value


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _heard(document: Mapping[str, Any] | None) -> Heard | None:
    if document is None:
        return None
    return Heard(datetime.fromisoformat(document["at"]), Verdict(document["verdict"]), document["mechanism"])


def _episode(document: Mapping[str, Any]) -> Episode:
    return Episode(
        state=State(document["state"]),
        mechanism=document["mechanism"],
        change=Change(document["change"]),
        began_at=datetime.fromisoformat(document["began_at"]),
        not_before=_moment(document["not_before"]),
        decided_at=datetime.fromisoformat(document["decided_at"]),
        seen_at=datetime.fromisoformat(document["seen_at"]),
        witnesses=tuple(document["witnesses"]),
        ended_at=_moment(document["ended_at"]),
    )
