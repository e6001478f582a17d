"""What editors decide. Each act is one function, whole or not at all, and logged with its reason."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from checks import planning, rejudging, vantages
from checks.engine.names import Name, parse
from checks.models import Episode, Ruleset, Target, Vantage, Wave
from registry import discretion, displays, log, offers
from registry.log import NoReason as NoReason
from registry.log import check_reason
from registry.models import (
    Candidate,
    Category,
    Coverage,
    Decision,
    Display,
    Dispute,
    Event,
    Listing,
    Region,
    Report,
    Resource,
    Source,
)
from registry.models.resource import host_and_above


class NotWaiting(Exception):
    """The report, the wave or the ruleset was decided already: someone was faster. Or the episode is gone."""


@transaction.atomic
def accept(report: Report, *, by: User, reason: str, category: str = "", display: Display = Display.FULL) -> Resource:
    """Take the reported name into the register and measure it from every vantage."""
    _decide(report, Report.State.ACCEPTED, by=by, reason=reason)
    resource = take_in(parse(report.name), by=by, reason=reason, category=category, display=display)
    Report.objects.filter(pk=report.pk).update(resource=resource)
    report.refresh_from_db()
    cover(resource, report.target, by=key_id(by), reason=reason)  # http://orda.kz/ stands for orda.kz too
    return resource


@transaction.atomic
def take_in(name: Name, *, by: User, reason: str, category: str, display: Display) -> Resource:
    """The resource of a name. A new one is shown as far as `display` says from the first; one that is there stays."""
    resource, created = Resource.objects.get_or_create_for(name, category=category)
    if created:
        resource.own_display = "" if display == Display.FULL else display
        resource.save(update_fields=["own_display"])
        resource.display = displays.wanted([resource])[resource.pk]  # of what is saved
        resource.save(update_fields=["display"])
        log.append("create", resource, after=discretion.fields_of(resource), reason=reason, by=key_id(by))
        displays.refresh([resource.pk], by=key_id(by), reason=reason)
        resource.refresh_from_db()
    return resource


@transaction.atomic
def reject(report: Report, *, by: User, reason: str) -> None:
    _decide(report, Report.State.REJECTED, by=by, reason=reason)  # not public: no LogEntry


@transaction.atomic
def merge(report: Report, into: Resource, *, by: User, reason: str) -> None:
    """Join a report with a resource that the register has: its target becomes one more that stands for it."""
    _decide(report, Report.State.MERGED, by=by, reason=reason, resource=into)
    cover(into, report.target, by=key_id(by), reason=reason)


def invite_vantage(admission: vantages.Admission, *, at: datetime) -> str:
    """A token for what could be admitted (`vantages.invite`). Raises NotAdmitted."""
    _check_place(admission)
    return vantages.invite(admission, at=at)


@transaction.atomic
def admit_vantage(admission: vantages.Admission, *, by: str, reason: str) -> Vantage:
    """Let a probe location measure. Its key and host are nobody's business: the log names network and region.

    Raises NotAdmitted.
    """
    _check_place(admission)
    vantage = vantages.admit(admission, at=timezone.now())
    fields = {
        "vantage": vantage.name,
        "asn": str(vantage.network.asn),
        "region": vantage.region,
        "role": vantage.role,
        "takes_unreviewed": str(vantage.takes_unreviewed).lower(),
    }
    log.append("admit", vantage, after=fields, reason=reason, by=by)
    return vantage


def _check_place(admission: vantages.Admission) -> None:
    """A category that nobody knows would exclude nothing, and its host would believe it did. Raises NotAdmitted."""
    if admission.region and not Region.objects.filter(iso=admission.region).exists():
        known = ", ".join(Region.objects.values_list("iso", flat=True)) or "none: load the country pack"
        raise vantages.NotAdmitted(
            f"{admission.region!r} is no region of the register: leave it out, or choose of those there are: {known}"
        )
    categories = Category.objects.values_list("code", flat=True)
    if unknown := sorted(set(admission.excluded_categories) - set(categories)):
        raise vantages.NotAdmitted(
            f"{', '.join(map(repr, unknown))}: no category of the register; those there are, with spaces between them: "
            + (" ".join(categories) or "none: load the country pack")
        )


@transaction.atomic
def revoke_vantage(name: str, *, by: str, reason: str) -> Vantage:
    """Let nothing rest on what a probe measured. Raises vantages.NotAdmitted for one that is not admitted."""
    vantage = Vantage.objects.select_for_update().filter(name=name, state=Vantage.State.ADMITTED).first()
    if vantage is None:
        raise vantages.NotAdmitted(f"{name!r} is no admitted vantage")
    vantages.revoke(vantage, at=timezone.now())
    log.append("revoke", vantage, after={"vantage": vantage.name, "state": "revoked"}, reason=reason, by=by)
    return vantage


@transaction.atomic
def accept_wave(wave: Wave, *, by: User, reason: str, names: Mapping[str, str]) -> Event:
    """Make an event of a wave: what our own measurements showed, hence of low confidence until a source says more.

    `names` are its name by language. Raises NotWaiting, NoReason.
    """
    _decide_wave(wave, Wave.State.ACCEPTED, reason)
    seen = offers.seen(wave)
    event = Event.objects.create(
        key=f"{wave.began_at:%Y-%m-%d}-{seen.type}-{wave.pk}",
        wave=wave,
        type=seen.type,
        began=seen.began,
        ended=seen.ended,
        intervals=wave.intervals,
        fact=seen.fact,
        **{f"name_{language}": name for language, name in names.items()},
    )
    _link_evidence(event, seen)
    log.append("create", event, after=_event_fields(event), reason=reason, by=key_id(by))
    return event


@transaction.atomic
def renew_event(wave: Wave, *, by: User, reason: str) -> Event:
    """Let the event of a wave say what has been seen since: its end, or more networks. Raises NotWaiting, NoReason."""
    check_reason(reason)
    event = Event.objects.standing().select_for_update().filter(wave=wave).first()
    if event is None or not offers.has_grown(wave, event):
        raise NotWaiting("The event says all that was seen.")
    before, seen = _event_fields(event), offers.seen(wave)
    event.began, event.ended, event.intervals, event.fact = seen.began, seen.ended, wave.intervals, seen.fact
    event.save(update_fields=["began", "ended", "intervals", "fact"])
    _link_evidence(event, seen)
    log.append("correct", event, before=before, after=_event_fields(event), reason=reason, by=key_id(by))
    return event


@transaction.atomic
def dismiss_wave(wave: Wave, *, by: User, reason: str) -> None:
    """It was no event. The log tells that it was seen, and why it was dismissed; of its sites it names none."""
    _decide_wave(wave, Wave.State.DISMISSED, reason)
    fields = {
        "kind": wave.kind,
        "direction": wave.direction,
        "intervals": wave.intervals,
        "networks": sorted(wave.networks.values_list("asn", flat=True)),
    }
    log.append("dismiss", wave, after=fields, reason=reason, by=key_id(by))


def _decide_wave(wave: Wave, state: Wave.State, reason: str) -> None:
    """The database decides who was first; what is then told is what the row says now."""
    check_reason(reason)
    if not Wave.objects.filter(pk=wave.pk, state=Wave.State.NEW).update(state=state):
        raise NotWaiting("The wave was decided already.")
    wave.refresh_from_db()


def _link_evidence(event: Event, seen: offers.Seen) -> None:
    event.networks.add(*seen.networks)
    sources = [
        Source.objects.get_or_create(url=address, title=title, date=seen.on)[0] for address, title in seen.sources
    ]
    event.sources.add(*sources)


def _event_fields(event: Event) -> dict[str, Any]:
    names = ("key", "type", "name_kk", "name_ru", "name_en", "began", "ended", "intervals", "fact", "confidence")
    networks = sorted(event.networks.values_list("asn", flat=True))
    return {name: getattr(event, name) for name in names} | {"networks": networks}


@transaction.atomic
def dispute(episode: Episode, *, by: User, reason: str) -> Dispute:
    """Mark an episode as disputed. Its verdicts and its dates stay; a second mark replaces the first one's reason.

    Raises NotWaiting for an episode that a recount took back, NoReason.
    """
    check_reason(reason)
    if not Episode.objects.select_for_update().filter(pk=episode.pk).exists():
        raise NotWaiting("The episode is no longer there.")
    made, _ = Dispute.objects.update_or_create(
        episode=episode, defaults={"reason": reason, "marked_on": timezone.localdate()}
    )
    log.append("dispute", episode, after=_public_episode(episode), reason=reason, by=key_id(by))
    return made


@transaction.atomic
def settle(episode: Episode, *, by: User, reason: str) -> None:
    """Take the mark back. Of an episode that bears none nothing is logged."""
    check_reason(reason)
    if Dispute.objects.filter(episode=episode).delete()[0]:
        log.append("settle", episode, after=_public_episode(episode), reason=reason, by=key_id(by))


def _public_episode(episode: Episode) -> dict[str, str]:
    return {
        "target": _public_target(episode.target),
        "asn": str(episode.network.asn),
        "state": episode.state,
        "began_at": episode.began_at.isoformat(),
    }


def _public_target(target: Target) -> str:
    """What every resource that it stands for, and the whole site that it is on, allow to be shown of it."""
    site = Q(pk__in=Resource.objects.withheld_sites().filter(host__in=host_and_above(target.host)))
    found = set(Resource.objects.filter(Q(targets=target) | site).values_list("display", flat=True))
    if Resource.Display.WITHHELD in found:
        return ""
    return target.host if Resource.Display.DOMAIN_ONLY in found else target.url


@transaction.atomic
def make_ruleset_current(ruleset: Ruleset, *, by: User, reason: str, at: datetime | None = None) -> Ruleset:
    """Let public states rest on another ruleset's verdicts. Every cell is then counted anew (`counting.recount`).

    Raises NoReason, NotWaiting, rejudging.NotApplicable, or rejudging.NotRejudged.
    """
    check_reason(reason)
    Ruleset.objects.select_for_update().get(pk=ruleset.pk)  # who comes second waits here
    before = Ruleset.objects.current()
    if before == ruleset.name:
        raise NotWaiting("Public states rest on it already.")
    made = rejudging.make_current(ruleset, by=key_id(by), reason=reason, at=at or timezone.now())
    log.append(
        "make_current", made, before={"ruleset": before}, after={"ruleset": made.name}, reason=reason, by=key_id(by)
    )
    return made


def key_id(user: User) -> str:
    return f"editor-{user.pk}"


@transaction.atomic
def cover(resource: Resource, target: Target, *, by: str, reason: str) -> None:
    """Let a target stand for a resource, and measure all that do. The log shows of it what the display allows."""
    first = not resource.coverage.filter(canonical=True).exists()
    _, created = Coverage.objects.get_or_create(resource=resource, target=target, defaults={"canonical": first})
    if created:
        log.append("cover", resource, after={"target": _public_target(target)}, reason=reason, by=by)
    targets = list(resource.targets.all())
    urls = [one.url for one in targets]
    Listing.objects.link(urls)
    Candidate.objects.link(urls)
    planning.measure_regularly(*targets)


def _decide(report: Report, state: Report.State, *, by: User, reason: str, resource: Resource | None = None) -> None:
    """The database decides who was first. Raises NotWaiting for everyone after, NoReason for an empty reason."""
    check_reason(reason)
    waiting = Report.objects.filter(pk=report.pk, state=Report.State.NEW)
    if not waiting.update(state=state, resource=resource):
        raise NotWaiting(f"The report on {report.name} was decided already.")
    Decision.objects.create(report=report, state=state, by=by, reason=reason)
    report.refresh_from_db()
