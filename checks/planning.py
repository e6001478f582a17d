"""What is measured when: plans fall due, and rounds are made from them, each once."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from checks import runs
from checks.models import Measurement, Plan, Round, Run, Target, Vantage, Verdict

BATCH = 200  # targets in one run: a Celery task costs as much as a check, so never one task a check
FIRST_CHECK_KEPT = timedelta(days=7)
REGISTRY_PLAN = "registry"
REGISTRY_PERIOD = timedelta(days=1)


def dispatch(at: datetime) -> list[Round]:
    """Make the rounds of every plan that is due. Two callers at once make each round once."""
    made = []
    for plan in Plan.objects.filter(enabled=True, due_at__lte=at):
        made += _make_rounds(plan, at)
    return made


@transaction.atomic
def _make_rounds(plan: Plan, at: datetime) -> list[Round]:
    """The rounds of one due plan: every admitted access vantage, its targets in batches."""
    mine = Plan.objects.filter(pk=plan.pk, due_at=plan.due_at).update(due_at=_next_due(plan, at))
    if not mine:
        return []  # another scheduler was faster
    targets = list(plan.targets.order_by("pk"))
    made = []
    for vantage in plan.vantages.filter(role=Vantage.Role.ACCESS, state=Vantage.State.ADMITTED):
        allowed = [target for target in targets if target.category not in vantage.excluded_categories]
        for number in range(0, len(allowed), BATCH):
            made.append(
                runs.create(vantage, allowed[number : number + BATCH], slot=plan.due_at, plan=plan, batch=number)
            )
    return made


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
    admitted = Vantage.objects.filter(state=Vantage.State.ADMITTED)
    vantages = list(admitted.filter(role=Vantage.Role.ACCESS, takes_unreviewed=True))
    if not vantages:
        vantages = list(admitted.filter(role=Vantage.Role.CONTROL)[:1])
    return [runs.create(vantage, [target], slot=day) for vantage in vantages]


@transaction.atomic
def forget_first_checks(at: datetime) -> int:
    """Delete the first checks of a week ago with all that they measured: its times are those of reports."""
    old = Round.objects.filter(plan=None, slot__lte=at - FIRST_CHECK_KEPT)
    Verdict.objects.filter(run__round__in=old).delete()
    Measurement.objects.filter(run__round__in=old).delete()
    return old.delete()[1].get("checks.Round", 0)


def measure_regularly(*targets: Target) -> Plan:
    """Put targets on the plan that measures the register from every access vantage."""
    plan, created = Plan.objects.get_or_create(
        name=REGISTRY_PLAN, defaults={"period": REGISTRY_PERIOD, "due_at": timezone.now()}
    )
    if created:
        plan.vantages.set(Vantage.objects.filter(role=Vantage.Role.ACCESS, state=Vantage.State.ADMITTED))
    plan.targets.add(*targets)
    return plan
