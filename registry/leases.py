"""Work at the desk is claimed by a lease: whoever holds one is not disturbed, until it runs out or is taken over.

A lease keeps two editors from doing the same twice. It guards nothing: who was first is decided by the act itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext

from registry import log
from registry.models import Lease

LENGTH = timedelta(minutes=30)
REASON_LIMIT = 500


class Held(Exception):
    """Another person holds it; the text says who, and until when."""

    def __init__(self, lease: Lease) -> None:
        self.lease = lease
        until = timezone.localtime(lease.until)
        words = gettext("%(name)s is looking at it until %(time)s.")
        super().__init__(words % {"name": lease.holder.get_username(), "time": f"{until:%H:%M}"})


def claim(subject: str, *, by: User, at: datetime) -> Lease:
    """Hold it for half an hour from now, or that long again. Raises Held."""
    until = at + LENGTH
    rows = Lease.objects.filter(subject=subject)
    ran_out = {"former": F("holder"), "taken_at": at, "reason": "", "holder": by, "until": until}
    if not rows.filter(holder=by).update(until=until) and not rows.filter(until__lte=at).update(**ran_out):
        try:
            with transaction.atomic():
                Lease.objects.create(subject=subject, holder=by, until=until)
        except IntegrityError:  # another person holds it, or was faster
            pass
    return _mine(subject, by, at)


def take_over(subject: str, *, holder: int, by: User, reason: str, at: datetime) -> Lease:
    """Hold what this other person holds, who is shown the reason. Raises NoReason, and Held by whom else it is by now.

    One that ran out needs no reason: it is claimed.
    """
    rows = Lease.objects.filter(subject=subject, holder=holder, until__gt=at)
    if holder == by.pk or not rows.exists():
        return claim(subject, by=by, at=at)
    log.check_reason(reason)
    told = reason.replace("\0", "").strip()[:REASON_LIMIT]  # PostgreSQL refuses NUL in a text
    rows.update(former=F("holder"), taken_at=at, reason=told, holder=by, until=at + LENGTH)
    return _mine(subject, by, at)


def release(subject: str, *, by: User) -> None:
    """Hold it no longer. What another person holds stays hers."""
    Lease.objects.filter(subject=subject, holder=by).delete()


@contextmanager
def deciding(subject: str, *, by: User, at: datetime) -> Iterator[None]:
    """What is decided inside is decided by whoever holds it, if anybody does, and held no longer. Raises Held."""
    with transaction.atomic():
        rows = Lease.objects.select_for_update(of=("self",)).select_related("holder")
        lease = rows.filter(subject=subject).first()
        if lease and lease.holder != by and lease.until > at:
            raise Held(lease)
        yield
        Lease.objects.filter(subject=subject).delete()


def of(subjects: Iterable[str]) -> dict[str, Lease]:
    """Those that there are, also those that ran out, by what they hold."""
    rows = Lease.objects.filter(subject__in=list(subjects)).select_related("holder", "former")
    return {row.subject: row for row in rows}


def _mine(subject: str, by: User, at: datetime) -> Lease:
    lease = Lease.objects.filter(subject=subject).select_related("holder", "former").first()
    if lease is None:  # whoever was faster let go of it in this moment
        return claim(subject, by=by, at=at)
    if lease.holder != by:
        raise Held(lease)
    return lease
