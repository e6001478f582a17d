"""What the public sends in, and how it is found again: by a receipt that only its holder knows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import OuterRef, Subquery
from django.utils import timezone

from checks import planning
from checks.engine.names import parse
from checks.models import Measurement, Network, Target, Verdict
from registry import receipts
from registry.models import Region, Report

NOTE_LIMIT = 2000


@dataclass(frozen=True, slots=True)
class Receipt:
    """`code` is shown once and not kept."""

    report: Report
    code: str


@transaction.atomic
def receive(
    text: str, *, note: str = "", network: Network | None = None, region: Region | None = None, at: datetime
) -> Receipt:
    """Keep a report and order its first check. Raises BadName for what is no domain or URL.

    The check goes to control vantages and to those that take unreviewed names; whoever lends a
    probe must not be made to visit what a stranger typed.
    """
    name = parse(text)
    target, _ = Target.objects.get_or_create(url=name.url, defaults={"host": name.host})
    code = receipts.new_code()
    report = Report.objects.create(
        receipt_hash=receipts.hash_of(code),
        name=name.url,
        note=note.strip()[:NOTE_LIMIT],
        network=network,
        region=region,
        received_on=timezone.localdate(at),
        target=target,
    )
    planning.first_check(target, at)
    return Receipt(report, code)


def find(code: str) -> Report | None:
    """The report of a receipt, however its code is written."""
    found = receipts.hash_of(code)
    return Report.objects.filter(receipt_hash=found).select_related("target", "resource").first() if found else None


def verdicts(report: Report) -> list[Verdict]:
    """The latest verdict of every network on what was reported."""
    latest = (
        Verdict.objects.current()
        .filter(target=report.target, network=OuterRef("pk"))
        .order_by("-at", "-id")
        .values("pk")[:1]
    )
    found = Network.objects.annotate(latest=Subquery(latest)).exclude(latest=None).values("latest")
    return list(Verdict.objects.filter(pk__in=found).select_related("network", "target"))


def control(report: Report) -> Measurement | None:
    """What a control vantage saw last of what was reported."""
    seen = Measurement.objects.filter(target=report.target, control=True, run__follows_up=False)
    return seen.defer("document").order_by("-started_at").first()
