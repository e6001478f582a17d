"""What editors decide. Each act is one function, whole or not at all, and logged with its reason."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from checks import planning, rejudging, vantages
from checks.engine.names import parse
from checks.models import Ruleset, Target, Vantage
from registry import log
from registry.models import Coverage, Decision, Region, Report, Resource


class NotWaiting(Exception):
    """The report was decided already: someone was faster."""


class NoReason(ValueError):
    """A decision without a reason; the reason is what others will check it by."""


@transaction.atomic
def accept(report: Report, *, by: User, reason: str) -> Resource:
    """Take the reported name into the register and measure it from every vantage."""
    resource, created = Resource.objects.get_or_create_for(parse(report.name))
    _decide(report, Report.State.ACCEPTED, by=by, reason=reason, resource=resource)
    if created:
        log.append("create", resource, fields=public_fields(resource), reason=reason, by=key_id(by))
    cover(resource, report.target, by=key_id(by), reason=reason)  # http://orda.kz/ stands for orda.kz too
    return resource


@transaction.atomic
def reject(report: Report, *, by: User, reason: str) -> None:
    _decide(report, Report.State.REJECTED, by=by, reason=reason)  # not public: no LogEntry


@transaction.atomic
def merge(report: Report, into: Resource, *, by: User, reason: str) -> None:
    """Join a report with a resource that the register has: its target becomes one more that stands for it."""
    _decide(report, Report.State.MERGED, by=by, reason=reason, resource=into)
    cover(into, report.target, by=key_id(by), reason=reason)


@transaction.atomic
def admit_vantage(admission: vantages.Admission, *, by: str, reason: str) -> Vantage:
    """Let a probe location measure. Its key and host are nobody's business: the log names network and region.

    Raises NotAdmitted.
    """
    if admission.region and not Region.objects.filter(iso=admission.region).exists():
        raise vantages.NotAdmitted(
            f"{admission.region!r} is no region of the register: load the country pack, or leave the region out"
        )
    vantage = vantages.admit(admission)
    fields = {
        "vantage": vantage.name,
        "asn": str(vantage.network.asn),
        "region": vantage.region,
        "role": vantage.role,
        "takes_unreviewed": str(vantage.takes_unreviewed).lower(),
    }
    log.append("admit", vantage, fields=fields, reason=reason, by=by)
    return vantage


@transaction.atomic
def make_ruleset_current(ruleset: Ruleset, *, by: User, reason: str, at: datetime | None = None) -> Ruleset:
    """Let public states rest on another ruleset's verdicts. Every cell is then counted anew (`judging.recount`).

    Raises NoReason, rejudging.NotApplicable, or rejudging.NotRejudged.
    """
    if not reason.strip():
        raise NoReason("Write the reason for this decision.")
    before = Ruleset.objects.current()
    made = rejudging.make_current(ruleset, by=key_id(by), reason=reason, at=at or timezone.now())
    fields = {"ruleset": made.name, "before": before}
    log.append("make_current", made, fields=fields, reason=reason, by=key_id(by))
    return made


def public_fields(resource: Resource) -> dict[str, str]:
    """What the log may show of a resource: its display is honoured there too."""
    return {"type": resource.type, "name": resource.display_name, "slug": resource.slug, "category": resource.category}


def key_id(user: User) -> str:
    return f"editor-{user.pk}"


@transaction.atomic
def cover(resource: Resource, target: Target, *, by: str, reason: str) -> None:
    """Let a target stand for a resource, and measure all that do. The log shows of it what the display allows."""
    first = not resource.coverage.filter(canonical=True).exists()
    _, created = Coverage.objects.get_or_create(resource=resource, target=target, defaults={"canonical": first})
    if created:
        shown = {Resource.Display.FULL: target.url, Resource.Display.DOMAIN_ONLY: target.host}
        fields = {"target": shown.get(Resource.Display(resource.display), "")}
        log.append("cover", resource, fields=fields, reason=reason, by=by)
    planning.measure_regularly(*resource.targets.all())


def _decide(report: Report, state: Report.State, *, by: User, reason: str, resource: Resource | None = None) -> None:
    """The database decides who was first. Raises NotWaiting for everyone after, NoReason for an empty reason."""
    if not reason.strip():
        raise NoReason("Write the reason for this decision.")
    waiting = Report.objects.filter(pk=report.pk, state=Report.State.NEW)
    if not waiting.update(state=state, resource=resource):
        raise NotWaiting(f"The report on {report.name} was decided already.")
    Decision.objects.create(report=report, state=state, by=by, reason=reason)
    report.refresh_from_db()
