"""How each probe location is: when it was seen, what it is behind with, whether others see what it sees.

Only rounds of plans are looked at: of a first check nothing may be told but its day. What is odd about a vantage is a
row (`Trouble`), found once an hour, and ended when it is found no more. docs/method.md has the rules in words.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from django.db import models, transaction
from django.db.models import Count, F, Min, Q, Window
from django.db.models.functions import RowNumber
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy

from checks.engine.records import SelfTest
from checks.models import Cell, Run, Tick, Trouble, Vantage, Verdict
from checks.verdict.rules import Verdict as Class
from checks.verdict.state import said_by

LATELY = timedelta(days=1)  # what shares and medians are of
LATEST = timedelta(days=8)  # rounds of a weekly plan may be due so long before they end
QUIET = timedelta(hours=2)  # without a sign, though asked
BEHIND = timedelta(hours=6)  # that a run is due and nobody is at work on it
TESTS = 3  # self-tests in a row that say the same
CLOCK_TESTS = 2
COMPARED = 10  # sites: of fewer nobody can tell whether a vantage sees otherwise
AGREEING = 0.8  # of them, as the others on its network
ENDED = 4  # runs a day: of fewer no share is told
FAILING = 0.5  # of them
VERDICTS = 20  # a day: of fewer no share is told
INCONCLUSIVE = 0.5  # of them, and …
JUMP = 0.3  # … so much more than the day before

Kind = Trouble.Kind


class Condition(models.TextChoices):
    """How a vantage is, in a word."""

    FINE = "fine", pgettext_lazy("of a probe location", "fine")
    QUIET = "quiet", pgettext_lazy("of a probe location", "quiet")
    BEHIND = "behind", pgettext_lazy("of a probe location", "behind")
    ODD = "odd", pgettext_lazy("of a probe location", "odd")


@dataclass(frozen=True, slots=True)
class Tested:
    at: datetime
    test: SelfTest


@dataclass(frozen=True, slots=True)
class Found:
    """What is wrong: since when, and the numbers of its sentence."""

    since: datetime | None
    told: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Health:
    vantage: Vantage
    at: datetime
    vain_since: datetime | None  # when the first run was due of those that it was asked for in vain
    tests: tuple[Tested, ...]  # the last self-tests, the newest first
    backlog: int  # runs that are due and not begun
    oldest_due: datetime | None
    lag: timedelta | None  # from due to recorded, the median of the last day
    recorded: int  # runs of the last day
    failed: int
    verdicts: int  # of the last day
    inconclusive: int
    verdicts_before: int  # of the day before
    inconclusive_before: int
    compared: int  # sites of which others on its network say something too
    agreeing: int

    @property
    def seen_at(self) -> datetime | None:
        return self.vantage.seen_at

    @property
    def ended(self) -> int:
        return self.recorded + self.failed

    @property
    def failed_share(self) -> float | None:
        return _share(self.failed, self.ended)

    @property
    def inconclusive_share(self) -> float | None:
        return _share(self.inconclusive, self.verdicts)

    @property
    def agreeing_share(self) -> float | None:
        return _share(self.agreeing, self.compared)

    @property
    def is_quiet(self) -> bool:
        limit = self.at - QUIET
        return bool(self.vain_since and self.vain_since <= limit and (not self.seen_at or self.seen_at <= limit))

    def troubles(self, running: Collection[str] = ()) -> dict[Kind, Found]:
        """What is wrong with it. `running`: what was before; a jump has ended when the share is low again."""
        return dict(self._found(running))

    def _found(self, running: Collection[str]) -> Iterator[tuple[Kind, Found]]:
        if self.is_quiet:
            yield Kind.QUIET, Found(self.seen_at, {})
        elif self.oldest_due and self.oldest_due <= self.at - BEHIND:
            yield Kind.BEHIND, Found(self.oldest_due, {"runs": self.backlog})
        if not self.is_quiet and self.ended >= ENDED and self.failed >= FAILING * self.ended:
            yield Kind.FAILING, Found(self.at, {"failed": self.failed, "ended": self.ended})
        yield from self._of_tests()
        if self.compared >= COMPARED and self.agreeing < AGREEING * self.compared:
            yield (
                Kind.DISAGREES,
                Found(self.at, {"compared": self.compared, "differing": self.compared - self.agreeing}),
            )
        if self.verdicts >= VERDICTS and self.inconclusive >= INCONCLUSIVE * self.verdicts:
            before = _share(self.inconclusive_before, self.verdicts_before) or 0.0
            share = self.inconclusive / self.verdicts
            if Kind.INCONCLUSIVE in running or share >= before + JUMP:
                yield Kind.INCONCLUSIVE, Found(self.at, {"percent": round(100 * share)})

    def _of_tests(self) -> Iterator[tuple[Kind, Found]]:
        def last(number: int) -> Sequence[Tested]:
            return self.tests[:number] if len(self.tests) >= number else ()

        clock = last(CLOCK_TESTS)
        if clock and all("clock" in one.test.failed for one in clock):
            yield Kind.CLOCK, Found(clock[-1].at, {"seconds": round(abs(clock[0].test.clock_offset or 0))})
        several = last(TESTS)
        if several and all(set(one.test.failed) - {"clock"} for one in several):
            yield Kind.SELF_TEST, Found(several[-1].at, {})
        if several and all(one.test.suspect for one in several):
            yield Kind.MUST_BLOCK, Found(several[-1].at, {})


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def condition_of(kinds: Collection[str]) -> Condition:
    if Kind.QUIET in kinds:
        return Condition.QUIET
    if set(kinds) - {Kind.BEHIND}:
        return Condition.ODD
    return Condition.BEHIND if kinds else Condition.FINE


def sentence(trouble: Trouble) -> str:
    """What was found, in the active language."""
    since = date_format(timezone.localtime(trouble.since), "DATETIME_FORMAT") if trouble.since else ""
    told = {**trouble.told, "since": since}
    match Kind(trouble.kind):
        case Kind.QUIET if not since:
            return _("Nothing has ever come from it, though it was asked.")
        case Kind.BEHIND:
            text = ngettext(
                "%(runs)d run is due and not begun, since %(since)s.",
                "%(runs)d runs are due and not begun, the oldest since %(since)s.",
                trouble.told.get("runs", 0),
            )
            return text % told
    return str(_SENTENCES[Kind(trouble.kind)]) % told


_SENTENCES = {
    Kind.QUIET: gettext_lazy("Nothing has come from it since %(since)s, though it was asked."),
    Kind.FAILING: gettext_lazy("Of %(ended)d runs of the last day %(failed)d failed."),
    Kind.SELF_TEST: gettext_lazy("Its last self-tests failed."),
    Kind.CLOCK: gettext_lazy("Its clock is off by %(seconds)d s."),
    Kind.MUST_BLOCK: gettext_lazy("In its last self-tests names opened that must be blocked there."),
    Kind.DISAGREES: gettext_lazy(
        "It sees %(differing)d of %(compared)d sites otherwise than the others on its network. Who is right, nobody "
        "knows from this."
    ),
    Kind.INCONCLUSIVE: gettext_lazy("Of what it measured on the last day, %(percent)d %% is inconclusive."),
}


# --- read, in as many queries for thirty vantages as for one


def of(vantages: Iterable[Vantage], *, at: datetime) -> list[Health]:
    """In the order of `vantages`. Whatever is done twice for one moment comes to the same."""
    rows = list(vantages)
    asked = Run.objects.filter(vantage__in=rows, round__plan__isnull=False).order_by()
    vain = dict(_in_vain(asked, at).values_list("vantage").annotate(Min("due_at")))
    backlog = {pk: (number, oldest) for pk, number, oldest in _backlog(asked, at)}
    tests, ended = _tests(asked, at), _ended(asked, at)
    verdicts, agreement = _verdicts(rows, at), _agreement(at)
    found = []
    for one in rows:
        lags, failed = ended[one.pk]
        number, oldest = backlog.get(one.pk, (0, None))
        compared, agreeing = agreement[one.name]
        found.append(
            Health(
                vantage=one,
                at=at,
                vain_since=vain.get(one.pk),
                tests=tuple(tests[one.pk]),
                backlog=number,
                oldest_due=oldest,
                lag=_median(lags),
                recorded=len(lags),
                failed=failed,
                **verdicts.get(one.pk, _NO_VERDICTS),
                compared=compared,
                agreeing=agreeing,
            )
        )
    return found


def _median(spans: Sequence[timedelta]) -> timedelta | None:
    return timedelta(seconds=median(span.total_seconds() for span in spans)) if spans else None


def _in_vain(asked: models.QuerySet[Run], at: datetime) -> models.QuerySet[Run]:
    """Runs that a vantage was given and brought nothing of, or that it did not come for."""
    ran_out = Q(attempt__gte=2) | Q(attempt=1, lease_until__lte=at)
    since = Q(vantage__seen_at=None) | Q(due_at__gt=F("vantage__seen_at"))
    lost = Q(state=Run.State.FAILED, attempt__gte=Run.ATTEMPTS, round__slot__gte=at - LATEST) & since
    not_come_for = Q(state=Run.State.PLANNED, vantage__way=Vantage.Way.DOOR, round__vantage=F("vantage"))
    return asked.filter(Q(state=Run.State.READY) & ran_out | lost | not_come_for, due_at__lte=at)


def _backlog(asked: models.QuerySet[Run], at: datetime) -> Iterable[Any]:
    """A control is asked when a probe has claimed the round: before, it is behind with nothing."""
    overdue = Run.objects.overdue(at).filter(pk__in=asked.values("pk")).order_by()
    own = overdue.exclude(vantage__role=Vantage.Role.CONTROL, state=Run.State.PLANNED)
    return own.values_list("vantage").annotate(Count("pk"), Min("due_at"))


def _tests(asked: models.QuerySet[Run], at: datetime) -> dict[int, list[Tested]]:
    newest = Window(RowNumber(), partition_by=F("vantage"), order_by=[F("recorded_at").desc(), F("pk").desc()])
    tested = asked.filter(
        state=Run.State.RECORDED, self_test__isnull=False, recorded_at__lte=at, round__slot__gte=at - LATEST
    )
    rows = tested.annotate(rank=newest).filter(rank__lte=TESTS).order_by("rank")
    found: dict[int, list[Tested]] = defaultdict(list)
    for pk, moment, test in rows.values_list("vantage", "recorded_at", "self_test"):
        if moment and test:
            found[pk].append(Tested(moment, SelfTest.from_json(test)))
    return found


def _ended(asked: models.QuerySet[Run], at: datetime) -> dict[int, tuple[list[timedelta], int]]:
    """Of the last day: how late each came home, and how many never did."""
    came = Q(state=Run.State.RECORDED, recorded_at__gt=at - LATELY, recorded_at__lte=at)
    lost = Q(state=Run.State.FAILED, due_at__gt=at - LATELY, due_at__lte=at)
    lags: dict[int, list[timedelta]] = defaultdict(list)
    failed: Counter[int] = Counter()
    rows = asked.filter(came | lost, round__slot__gte=at - LATEST).values_list("vantage", "due_at", "recorded_at")
    for pk, due_at, recorded_at in rows:
        if recorded_at is None:
            failed[pk] += 1
        else:
            lags[pk].append(max(recorded_at - due_at, timedelta()))
    return defaultdict(lambda: ([], 0), {pk: (lags[pk], failed[pk]) for pk in {*lags, *failed}})


_NO_VERDICTS = {"verdicts": 0, "inconclusive": 0, "verdicts_before": 0, "inconclusive_before": 0}


def _verdicts(vantages: Sequence[Vantage], at: datetime) -> dict[int, dict[str, int]]:
    rows = Verdict.objects.published().current().filter(vantage__in=vantages, run__round__slot__gte=at - LATEST)
    lately = Q(run__recorded_at__gt=at - LATELY)
    unclear = Q(verdict=Verdict.Value.INCONCLUSIVE)
    counted = (
        rows.filter(run__recorded_at__gt=at - 2 * LATELY, run__recorded_at__lte=at)
        .order_by()
        .values("vantage")
        .annotate(
            verdicts=Count("pk", filter=lately),
            inconclusive=Count("pk", filter=lately & unclear),
            verdicts_before=Count("pk", filter=~lately),
            inconclusive_before=Count("pk", filter=~lately & unclear),
        )
    )
    return {row["vantage"]: {name: row[name] for name in _NO_VERDICTS} for row in counted}  # type: ignore[literal-required]  # the names of its columns


def _agreement(at: datetime) -> dict[str, tuple[int, int]]:
    """By name: of how many cells others say something too, and of how many most of them say the same."""
    compared: Counter[str] = Counter()
    agreeing: Counter[str] = Counter()
    cells = Cell.objects.filter(vantages__gte=2, counted_until__gt=at - LATELY)
    for places in cells.values_list("places", flat=True):
        said = {name: said_by(counts) for name, counts in places.items()}
        said = {name: one for name, one in said.items() if one in (Class.BLOCKED, Class.ACCESSIBLE)}
        for name, own in said.items():
            others = [one for other, one in said.items() if other != name]
            same = others.count(own)
            if 2 * same != len(others):  # of two halves nobody knows what the others say
                compared[name] += 1
                agreeing[name] += 2 * same > len(others)
    return defaultdict(lambda: (0, 0), {name: (number, agreeing[name]) for name, number in compared.items()})


# --- written


def refresh(*, at: datetime) -> Counter[str]:
    """Open what is new, renew what is still so, close what is no more. Twice in a row, the second changes nothing."""
    running: dict[int, set[str]] = defaultdict(set)
    for pk, kind in Trouble.objects.running().values_list("vantage", "kind"):
        running[pk].add(kind)
    admitted = Vantage.objects.filter(state=Vantage.State.ADMITTED).order_by("pk")
    found = {
        (one.vantage.pk, kind.value): told
        for one in of(admitted, at=at)
        for kind, told in one.troubles(running[one.vantage.pk]).items()
    }
    return _written(found, at)


@transaction.atomic
def _written(found: dict[tuple[int, str], Found], at: datetime) -> Counter[str]:
    done: Counter[str] = Counter()
    for row in Trouble.objects.select_for_update().running():
        now = found.pop((row.vantage_id, row.kind), None)
        if now is None:
            row.closed_at = at
        else:
            row.seen_at, row.told = at, now.told
        row.save(update_fields=["closed_at", "seen_at", "told"])
        done["closed" if now is None else "still"] += 1
    for (vantage, kind), now in sorted(found.items()):
        told = {"told": now.told, "since": now.since, "opened_at": at, "seen_at": at}
        Trouble.objects.get_or_create(vantage_id=vantage, kind=kind, closed_at=None, defaults=told)
        done["opened"] += 1
    return done


def tick(name: str, *, at: datetime) -> None:
    """Note that a task of beat ran to its end: metrics tell how long ago that was."""
    Tick.objects.update_or_create(name=name, defaults={"at": at})
