"""Who holds the work that a page is about: its buttons, and what they do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext

from registry import leases, log
from registry.desk.work import Work
from registry.models import Lease
from registry.moderation import NotWaiting


@dataclass(frozen=True)
class Hold:
    """A lease as one person sees it."""

    lease: Lease | None
    me: User
    at: datetime

    @property
    def by_me(self) -> bool:
        return self._running and self.lease is not None and self.lease.holder == self.me

    @property
    def by_another(self) -> bool:
        return self._running and not self.by_me

    @property
    def taken_from_me(self) -> bool:
        return self.by_another and self.lease is not None and self.lease.former == self.me

    @property
    def _running(self) -> bool:
        return self.lease is not None and self.lease.until > self.at


def of(request: HttpRequest, subject: str) -> Hold:
    return Hold(leases.of([subject]).get(subject), person(request), timezone.now())


def act(request: HttpRequest, work: Work, row: Any) -> bool:
    """Do what a button of `desk/_hold.html` asks for; False where another was pressed.

    Raises Held, NoReason, and NotWaiting where there is nothing left to claim.
    """
    by, at, subject = person(request), timezone.now(), log.subject_of(row)
    match request.POST.get("do"):
        case "claim":
            claim(work, row, by=by, at=at)
        case "let_go":
            leases.release(subject, by=by)
        case "relieve":
            _refuse_decided(work, row)
            holder = number(request.POST.get("holder", ""))
            leases.take_over(subject, holder=holder, by=by, reason=request.POST.get("why", ""), at=at)
        case _:
            return False
    return True


def alarm(request: HttpRequest, work: Work, pk: int) -> tuple[Any, dict[str, Any]]:
    """An alarm, after what was asked of its lease is done, and what every page of one tells of that.

    Raises PermissionDenied, Http404.
    """
    if not (work.may_decide if request.method == "POST" else work.may_see)(request.user):
        raise PermissionDenied
    row, wrong = get_object_or_404(work.rows(), pk=pk), ""
    try:
        act(request, work, row)
    except (leases.Held, log.NoReason, NotWaiting) as refused:
        wrong = str(refused)
    return row, {
        "row": row,
        "hold": of(request, log.subject_of(row)),
        "may_decide": work.may_decide(request.user),
        "wrong": wrong,
        "typed": request.POST.get("why", ""),
    }


def number(text: str) -> int:
    """Of a row, as a form gives it; 0, which no row has, for what is none or more than a database takes."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else 0


def claim(work: Work, row: Any, *, by: User, at: datetime) -> None:
    """Raises Held, NotWaiting."""
    _refuse_decided(work, row)
    leases.claim(log.subject_of(row), by=by, at=at)


def _refuse_decided(work: Work, row: Any) -> None:
    if not work.waits(row):
        raise NotWaiting(gettext("It was decided already: someone was faster."))


def person(request: HttpRequest) -> User:
    return cast(User, request.user)  # nobody else is let in
