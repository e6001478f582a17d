"""How far the sweeps are: of each plan and vantage, what is planned, at work, home, lost and overdue."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Min, Q

from checks.health import LATELY
from checks.models import Plan, Run, Vantage


@dataclass(frozen=True, slots=True)
class Progress:
    """Runs that are open, and those of the last period of their plan that ended. `plan` is empty of first checks."""

    plan: str
    vantage: str
    planned: int
    waiting: int  # for its control
    ready: int  # nobody is at work on it yet, or no more
    at_work: int
    recorded: int
    failed: int
    overdue: int
    oldest: datetime | None  # since when the oldest of these is due; of a first check nobody is told

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "oldest": self.oldest.isoformat() if self.oldest else None}


def of(*, at: datetime) -> list[Progress]:
    """Two queries, whatever there is."""
    lately = Q(round__plan=None, round__slot__gt=at - LATELY)
    for pk, period in Plan.objects.values_list("pk", "period"):
        lately |= Q(round__plan=pk, round__slot__gt=at - period)
    is_open = Q(state__in=[Run.State.PLANNED, Run.State.WAITING, Run.State.READY])
    held = Q(state=Run.State.READY, lease_until__gt=at)
    overdue = is_open & Q(due_at__lte=at) & ~held
    rows = (
        Run.objects.filter(is_open | lately, vantage__source=Vantage.Source.OWN)
        .order_by()
        .values("round__plan__name", "vantage__name")
        .annotate(
            planned=Count("pk", filter=Q(state=Run.State.PLANNED)),
            waiting=Count("pk", filter=Q(state=Run.State.WAITING)),
            ready=Count("pk", filter=Q(state=Run.State.READY) & ~held),
            at_work=Count("pk", filter=held),
            recorded=Count("pk", filter=Q(state=Run.State.RECORDED)),
            failed=Count("pk", filter=Q(state=Run.State.FAILED)),
            overdue=Count("pk", filter=overdue),
            oldest=Min("due_at", filter=overdue),
        )
    )
    return sorted(_made(rows), key=lambda one: (one.plan == "", one.plan, one.vantage))


def _made(rows: Any) -> Iterator[Progress]:
    for row in rows:
        plan, vantage = row.pop("round__plan__name") or "", row.pop("vantage__name")
        yield Progress(plan, vantage, **(row if plan else {**row, "oldest": None}))
