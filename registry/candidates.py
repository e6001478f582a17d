"""What editors decide on names that lists have and the register does not. Each act is whole or not at all."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from checks.engine.names import parse
from checks.models import Target
from registry import log, moderation
from registry.models import Candidate, Display, Resource
from registry.moderation import NotWaiting


@transaction.atomic
def accept(
    candidate: Candidate, *, by: User, reason: str, category: str | None = None, display: Display = Display.FULL
) -> Resource:
    """Take the name into the register, shown as far as `display` says, and measure it. Raises NotWaiting, NoReason.

    Without a `category` it has the one that a list gives.
    """
    _decide(candidate, Candidate.State.ACCEPTED, by=by, reason=reason)
    category = category_of(candidate) if category is None else category
    resource = moderation.take_in(parse(candidate.url), by=by, reason=reason, category=category, display=display)
    _join(candidate, resource, by=by, reason=reason)
    return resource


@transaction.atomic
def join(candidate: Candidate, into: Resource, *, by: User, reason: str) -> None:
    """Its address is one more that stands for a resource of the register. Raises NotWaiting, NoReason."""
    _decide(candidate, Candidate.State.JOINED, by=by, reason=reason)
    _join(candidate, into, by=by, reason=reason)


@transaction.atomic
def dismiss(candidate: Candidate, *, by: User, reason: str) -> None:
    """It does not belong in the register. Another list that has it does not bring it back."""
    _decide(candidate, Candidate.State.DISMISSED, by=by, reason=reason)  # not public: no LogEntry


def _join(candidate: Candidate, resource: Resource, *, by: User, reason: str) -> None:
    target, _made = Target.objects.get_or_create(
        url=candidate.url, defaults={"host": candidate.host, "category": category_of(candidate)}
    )
    Candidate.objects.filter(pk=candidate.pk).update(resource=resource)
    moderation.cover(resource, target, by=moderation.key_id(by), reason=reason)
    candidate.refresh_from_db()


def category_of(candidate: Candidate) -> str:
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
