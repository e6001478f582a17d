"""What is measured when: plans fall due, and rounds are made from them, each once.

The same plans, clock and seed make the same rounds (`settings.PLANNING_SEED`); whoever does not know the seed cannot
tell when a site will be visited.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import chain, zip_longest

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from checks import runs
from checks.models import Measurement, Plan, Priority, Round, Run, Target, Vantage, VantageQuerySet, Verdict

FIRST_CHECK_KEPT = timedelta(days=7)
JITTER = 0.1  # of a period: how much the time of a visit may differ from one sweep to the next
WATCHED = timedelta(hours=24)  # that a target is measured hourly after a change

REGISTRY, CHANGES, TAIL, RETEST = "registry", "changes", "tail", "retest"
_BUILT = {
    CHANGES: (Priority.CHANGED, timedelta(hours=1)),  # its targets are those watched, not those listed
    REGISTRY: (Priority.REGISTRY, timedelta(days=1)),
    TAIL: (Priority.TAIL, timedelta(days=7)),
    RETEST: (Priority.CHANGED, timedelta(days=1)),  # never due by itself: `retest` makes its rounds
}


def plan_named(name: str) -> Plan:
    """A plan that the register has by itself; it measures from every vantage that may."""
    priority, period = _BUILT[name]
    made = {"priority": priority, "period": period, "due_at": timezone.now(), "enabled": name != RETEST}
    plan, created = Plan.objects.get_or_create(name=name, defaults=made)
    if created:
        plan.vantages.set(Vantage.objects.filter(role=Vantage.Role.ACCESS, state=Vantage.State.ADMITTED))
    return plan


def dispatch(at: datetime) -> list[Round]:
    """Make the rounds of every plan that is due. Two callers at once make each round once."""
    if Target.objects.filter(watched_until__gt=at).exists():
        plan_named(CHANGES)
    made = []
    for plan in Plan.objects.filter(enabled=True, due_at__lte=at).order_by("priority", "pk"):
        made += _make_rounds(plan, at)
    return made


@transaction.atomic
def _make_rounds(plan: Plan, at: datetime) -> list[Round]:
    """The rounds of one due plan: every vantage that may, its targets in batches, spread over the period."""
    mine = Plan.objects.filter(pk=plan.pk, due_at=plan.due_at).update(due_at=_next_due(plan, at))
    if not mine:
        return []  # another scheduler was faster
    targets = list(_targets(plan, at))
    made = []
    for vantage in may_be_asked(plan.vantages.all()):
        batches = _batches(vantage, allowed(vantage, targets))
        unfinished = set(_unfinished(plan, vantage))
        for number, batch in enumerate(batches):
            if number not in unfinished:  # whoever is behind gets no more of the same
                due_at = plan.due_at + _offset(plan, vantage, number, len(batches))
                kept = runs.Planned(plan, plan.due_at, number, due_at, plan.priority)
                made.append(runs.create(vantage, batch, kept))
    return made


def _targets(plan: Plan, at: datetime) -> QuerySet[Target]:
    if plan.name == CHANGES:
        return Target.objects.filter(watched_until__gt=at)
    return plan.targets.all()


def may_be_asked(vantages: VantageQuerySet) -> VantageQuerySet:
    """Admitted probes whose hosts have agreed to what we measure now."""
    return vantages.agreed().filter(role=Vantage.Role.ACCESS, state=Vantage.State.ADMITTED).order_by("pk")


def allowed(vantage: Vantage, targets: Iterable[Target]) -> list[Target]:
    """Without the categories that its host excluded."""
    return [target for target in targets if target.category not in vantage.excluded_categories]


def _batches(vantage: Vantage, targets: Sequence[Target]) -> list[list[Target]]:
    """Runs of like size. Each target keeps its place from sweep to sweep, another at each vantage, so that no site is
    visited from everywhere at once; addresses of one host stand as far apart as they can.
    """
    hosts: dict[str, list[Target]] = {}
    for target in sorted(targets, key=lambda one: one.pk):
        hosts.setdefault(target.host, []).append(target)
    order = sorted(hosts, key=lambda host: _fraction(vantage.name, host))
    layers = zip_longest(*(hosts[host] for host in order))
    spread = [target for target in chain.from_iterable(layers) if target is not None]
    number = -(-len(spread) // settings.BATCH)
    return [spread[k * len(spread) // number : (k + 1) * len(spread) // number] for k in range(number)]


def _unfinished(plan: Plan, vantage: Vantage) -> Iterator[int]:
    """Numbers of the batches of former sweeps that its run has not ended."""
    rounds = Run.objects.open().filter(round__plan=plan, round__vantage=vantage, vantage=vantage)
    yield from rounds.values_list("round__batch", flat=True)


def _offset(plan: Plan, vantage: Vantage, number: int, batches: int) -> timedelta:
    """When in the period a batch is due: its own place, and up to `JITTER` later by chance."""
    place = (number / batches + _fraction(vantage.name)) % 1
    chance = _fraction(plan.name, plan.due_at.isoformat(), vantage.name, str(number))
    share: float = settings.SPREAD * ((1 - JITTER) * place + JITTER * chance)
    return plan.period * share


def _fraction(*of: str) -> float:
    """From 0 to below 1, by chance for whoever does not know the seed."""
    digest = hashlib.sha256("\0".join([settings.PLANNING_SEED, *of]).encode()).digest()
    return int.from_bytes(digest[:7]) / 2**56


def _next_due(plan: Plan, at: datetime) -> datetime:
    """The first due time after `at`; slots that were missed while nobody looked are not made up for."""
    missed = (at - plan.due_at) // plan.period
    return plan.due_at + (missed + 1) * plan.period


@transaction.atomic
def first_check(target: Target, at: datetime) -> list[Round]:
    """Measure a name that no editor has seen: from control vantages, and where the host takes such names.

    However many report a name, a day has one check of it that did not fail: of when they came, only the day is kept.
    """
    day = timezone.localtime(at).replace(hour=0, minute=0, second=0, microsecond=0)
    today = Run.objects.filter(round__plan=None, round__slot=day).exclude(state=Run.State.FAILED)
    if any(target.pk in targets for targets in today.values_list("targets", flat=True)):
        return []
    vantages = [v for v in may_be_asked(Vantage.objects.filter(takes_unreviewed=True)) if allowed(v, [target])]
    if not vantages:
        admitted = Vantage.objects.filter(state=Vantage.State.ADMITTED)
        vantages = list(admitted.filter(role=Vantage.Role.CONTROL)[:1])
    reported = runs.Planned(None, day, 0, day, Priority.REPORTED)
    return [runs.create(vantage, [target], reported) for vantage in vantages]


@transaction.atomic
def forget_first_checks(at: datetime) -> int:
    """Delete the first checks of a week ago with all that they measured: its times are those of reports."""
    old = Round.objects.filter(plan=None, slot__lte=at - FIRST_CHECK_KEPT)
    Verdict.objects.filter(run__round__in=old).delete()
    Measurement.objects.filter(run__round__in=old).delete()
    return old.delete()[1].get("checks.Round", 0)


def measure_regularly(*targets: Target, plan: str = REGISTRY) -> Plan:
    """Put targets on a plan that measures them from every access vantage."""
    on = plan_named(plan)
    on.targets.add(*targets)
    return on


def watch(targets: Iterable[int], *, until: datetime) -> None:
    """Measure targets hourly until then, besides what they are planned for: they changed, or are disputed."""
    later = Q(watched_until=None) | Q(watched_until__lt=until)
    Target.objects.filter(later, pk__in=list(targets)).update(watched_until=until)


def retest(run: Run, targets: Sequence[Target], *, at: datetime, delays: Sequence[timedelta]) -> list[Round]:
    """Measure again, from where something looked different than before, what did: a state changes after two rounds.

    A re-test is not tested again, and neither is what has one waiting.
    """
    of = run.round.plan
    if not targets or not delays or of is None or of.name == RETEST:
        return []
    open_ = Run.objects.open().filter(vantage=run.vantage, round__plan__name=RETEST)
    waiting = set(chain.from_iterable(open_.values_list("targets", flat=True)))
    asked = allowed(run.vantage, targets) if may_be_asked(Vantage.objects.filter(pk=run.vantage_id)).exists() else []
    if not (wanted := [target for target in asked if target.pk not in waiting]):
        return []
    plan = plan_named(RETEST)
    made = [runs.Planned(plan, at + delay, run.pk, at + delay, plan.priority) for delay in delays]
    return [runs.create(run.vantage, wanted, planned) for planned in made]
