"""What readers say is wrong on a page, and what editors do about it.

A problem report changes nothing by itself: an editor corrects the record by `registry.editing`, which logs it, and then
tells here that it was put right.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User
from django.core.validators import URLValidator
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from registry import receipts
from registry.log import check_reason, says_nothing
from registry.models import ProblemReport
from registry.moderation import NotWaiting
from registry.papers import personal
from registry.requests import PersonalData, refuse_personal

TEXT_LIMIT = 2000  # characters; also of a reply
SOURCE_LIMIT = 2000
SOURCE = URLValidator(schemes=["http", "https"], message=_("Write an address that begins with https:// or http://."))


class SaysNothing(ValueError):
    """Spaces, dots, or signs that nobody sees."""


@dataclass(frozen=True, slots=True)
class About:
    """What a page is about: a record as the log names it ("restriction/12"), or no more than the page."""

    subject: str = ""
    page: str = ""  # its path behind the language


@dataclass(frozen=True, slots=True)
class Receipt:
    """`code` is shown once and not kept."""

    problem: ProblemReport
    code: str


def receive(about: About, kind: str, text: str, *, source_url: str = "", at: datetime) -> Receipt:
    """Keep what a reader says. Raises SaysNothing, and PersonalData: whoever shows that a number is public must not
    copy it here."""
    check_text(text)
    check_source(source_url)
    code = receipts.new_code()
    problem = ProblemReport.objects.create(
        receipt_hash=receipts.hash_of(code),
        subject=about.subject,
        page=about.page,
        kind=kind,
        text=text.strip()[:TEXT_LIMIT],
        source_url=source_url.strip()[:SOURCE_LIMIT],
        received_on=timezone.localdate(at),
    )
    return Receipt(problem, code)


def check_text(text: str) -> None:
    """Raises SaysNothing, PersonalData."""
    if says_nothing(text):
        raise SaysNothing(gettext("Write what is wrong."))
    refuse_personal(text)


def check_source(url: str) -> None:
    """An address may have any number in it but a person's. Raises PersonalData."""
    if personal.find(url):
        raise PersonalData(gettext("Leave out an address with a telephone or a personal number in it."))


def find(code: str) -> ProblemReport | None:
    """The problem report of a receipt, however its code is written."""
    found = receipts.hash_of(code)
    return ProblemReport.objects.filter(receipt_hash=found).first() if found else None


def put_right(problem: ProblemReport, *, by: User, reason: str, reply: str = "") -> None:
    """It was so, and the page no longer says it. Raises NotWaiting, NoReason, PersonalData."""
    _decide(problem, ProblemReport.State.PUT_RIGHT, by=by, reason=reason, reply=reply)


def refuse(problem: ProblemReport, *, by: User, reason: str, reply: str = "") -> None:
    """The page stays as it is. Raises NotWaiting, NoReason, PersonalData."""
    _decide(problem, ProblemReport.State.REFUSED, by=by, reason=reason, reply=reply)


@transaction.atomic
def _decide(problem: ProblemReport, state: ProblemReport.State, *, by: User, reason: str, reply: str) -> None:
    """The database decides who was first. Not public: no LogEntry."""
    check_reason(reason)
    refuse_personal(reply)
    waiting = ProblemReport.objects.filter(pk=problem.pk, state=ProblemReport.State.NEW)
    decided = {"state": state, "decided_by": by, "decided_on": timezone.localdate()}
    if not waiting.update(**decided, reason=reason.strip(), reply=reply.strip()[:TEXT_LIMIT]):
        raise NotWaiting("The problem report was decided already.")
    problem.refresh_from_db()
