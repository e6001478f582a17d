"""What editors decide on names that lists have and the register does not. Each act is whole or not at all."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from checks.engine.names import parse
from checks.models import Target
from registry import discretion, displays, log, moderation
from registry.models import Candidate, Display, Resource
from registry.moderation import NotWaiting


@transaction.atomic
def accept(candidate: Candidate, *, by: User, reason: str, display: Display = Display.FULL) -> Resource:
    """Take the name into the register, shown as far as `display` says, and measure it. Raises NotWaiting, NoReason."""
    _decide(candidate, Candidate.State.ACCEPTED, by=by, reason=reason)
    resource, created = Resource.objects.get_or_create_for(parse(candidate.url), category=_category(candidate))
    if created:
        resource.own_display = "" if display == Display.FULL else display
        resource.display = displays.wanted([resource])[resource.pk]
        resource.save(update_fields=["own_display", "display"])
        log.append("create", resource, after=discretion.fields_of(resource), reason=reason, by=moderation.key_id(by))
        displays.refresh([resource.pk], by=moderation.key_id(by), reason=reason)
        resource.refresh_from_db()
    _join(candidate, resource, by=by, reason=reason)
    return resource


@transaction.atomic
def join(candidate: Candidate, into: Resource, *, by: User, reason: str) -> None:
    """Its address is one more that stands for a resource of the register. Raises NotWaiting, NoReason."""
    _decide(candidate, Candidate.State.JOINED, by=by, reason=reason)
    _join(candidate, into, by=by, reason=reason)


@transaction.atomic
def dismiss(candidate: Candidate, *, by: User, reason: str) -> None:
    """It does not belong into the register. Another list that has it does not bring it back."""
    _decide(candidate, Candidate.State.DISMISSED, by=by, reason=reason)  # not public: no LogEntry


def _join(candidate: Candidate, resource: Resource, *, by: User, reason: str) -> None:
    target, _made = Target.objects.get_or_create(
        url=candidate.url, defaults={"host": candidate.host, "category": _category(candidate)}
    )
    Candidate.objects.filter(pk=candidate.pk).update(resource=resource)
    moderation.cover(resource, target, by=moderation.key_id(by), reason=reason)
    candidate.refresh_from_db()


def _category(candidate: Candidate) -> str:
    """A Citizen Lab code, where a list gives one; the words of the state's own register are none."""
    given = candidate.mentions.order_by("-pk").values_list("category", flat=True)
    return next((code for code in given if code.isascii() and code.isupper() and len(code) <= 10), "")


def _decide(candidate: Candidate, state: Candidate.State, *, by: User, reason: str) -> None:
    """The database decides who was first."""
    log.check_reason(reason)
    waiting = Candidate.objects.filter(pk=candidate.pk, state=Candidate.State.NEW)
    if not waiting.update(state=state, reason=reason, decided_by=by, decided_on=timezone.localdate()):
        raise NotWaiting(f"The candidate {candidate.url} was decided already.")
    candidate.refresh_from_db()
