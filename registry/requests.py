"""Information requests: drafting one, recording what becomes of it, and what the law gives time for next.

Where a request stands is never stored: it follows from its steps, the deadlines and the day.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import models, transaction
from django.template.loader import render_to_string
from django.utils import timezone, translation
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from registry import clocks, dates, deadlines, log
from registry.clocks import Clocks
from registry.deadlines import Due
from registry.models import Authority, Deadline, Event, InformationRequest, RequestStep, Resource, Restriction
from registry.papers import personal

Kind = RequestStep.Kind
Reply = RequestStep.Reply
Procedure = Deadline.Procedure
Part = Deadline.Step

TEXT_LIMIT = 10_000  # characters of a request
WHOLE_DAY = 10  # characters of a date that a clock can start with


class NotPossible(ValueError):
    """This cannot have happened to the request; the text says what to change."""


class PersonalData(ValueError):
    """The record holds no data of whoever asks; the text says what to leave out."""


# --- where a request stands


class State(models.TextChoices):
    DRAFTED = "drafted", pgettext_lazy("of a request", "drafted, not sent")
    WAITING = "waiting", pgettext_lazy("of a request", "waiting for the reply")
    OVERDUE = "overdue", pgettext_lazy("of a request", "the reply is overdue")
    NO_REPLY = "no_reply", pgettext_lazy("of a request", "no reply came")
    UNCOUNTED = "uncounted", pgettext_lazy("of a request", "sent, but its time cannot be counted")
    ANSWERED = "answered", pgettext_lazy("of a request", "answered")
    COMPLAINED = "complained", pgettext_lazy("of a request", "complaint made")
    APPEALED = "appealed", pgettext_lazy("of a request", "in court")
    DECIDED = "decided", pgettext_lazy("of a request", "complaint or claim decided")
    WITHDRAWN = "withdrawn", pgettext_lazy("of a request", "withdrawn")


@dataclass(frozen=True)
class Next:
    """The next legal step: what to do, and the period that the law gives for it."""

    words: str | Promise
    deadline: Deadline | None = None
    due: Due | None = None
    passed: bool = False
    left: int = 0  # days, counted as the period is


@dataclass(frozen=True)
class Standing:
    state: State
    deadline: Deadline | None = None  # that decides how long the body has
    due: Due | None = None  # the last day of the reply
    counted_from: str = ""  # the day from which that was counted
    assumed: bool = False  # counted from the sending, since nobody noted when it was received
    unit: str = ""  # in which late days and days left are counted
    late: int = 0  # by how many days it is late, or was when it was answered
    left: int = 0
    reply: str = ""
    answered_on: str = ""
    took: int | None = None  # days from receipt to reply, counted as the period is
    next: Next | None = None

    @property
    def answered_late(self) -> bool:
        return bool(self.answered_on) and self.late > 0


@dataclass(frozen=True)
class _Rule:
    """A row of the table of next steps: what to do, under which deadline, from which day."""

    words: str | Promise
    procedure: str = ""
    part: str = ""
    starts: str = ""  # "answer", "silence", "decision", or nothing


_COMPLAIN = (Procedure.COMPLAINT, Part.FILE)
_NEXT: dict[tuple[State, str], _Rule] = {
    (State.DRAFTED, ""): _Rule(
        _("Send it, and note the day on which the body receives it: the time to reply begins then."),
    ),
    (State.WAITING, ""): _Rule(_("Wait for the reply. If none comes by that day, one may complain.")),
    (State.UNCOUNTED, ""): _Rule(
        _("Find out on which day the body received it: the time to reply is counted from then.")
    ),
    (State.OVERDUE, ""): _Rule(
        _("Complain about the silence to the body above it."),
        *_COMPLAIN,
        "silence",
    ),
    (State.NO_REPLY, ""): _Rule(_("Complain about the silence to the body above it."), *_COMPLAIN, "silence"),
    (State.ANSWERED, ""): _Rule(
        _("Read whether the reply answers every question; if not, one may complain."),
        *_COMPLAIN,
        "answer",
    ),
    (State.ANSWERED, Reply.FULL): _Rule(_("Nothing: the question was answered.")),
    (State.ANSWERED, Reply.PARTIAL): _Rule(
        _("Complain about what was left unanswered, to the body above it."),
        *_COMPLAIN,
        "answer",
    ),
    (State.ANSWERED, Reply.FORMAL): _Rule(
        _("Complain about a reply without substance, to the body above it."),
        *_COMPLAIN,
        "answer",
    ),
    (State.ANSWERED, Reply.REFUSAL): _Rule(
        _("Complain about the refusal, to the body above it."),
        *_COMPLAIN,
        "answer",
    ),
    (State.ANSWERED, Reply.REDIRECTED): _Rule(_("Ask the body that the reply names; a new request has its own time.")),
    (State.COMPLAINED, ""): _Rule(
        _("Wait for the decision on the complaint. Against one that does not help, one may go to court.")
    ),
    (State.APPEALED, ""): _Rule(_("Wait for the court.")),
    (State.DECIDED, RequestStep.Outcome.GRANTED): _Rule(_("Nothing: the complaint or claim was granted.")),
    (State.DECIDED, "after complaint"): _Rule(
        _("Go to the administrative court."), Procedure.CHALLENGE, Part.FILE_AFTER_COMPLAINT, "decision"
    ),
    (State.DECIDED, "after court"): _Rule(
        _("The court has decided. The register does not compute whether that can be appealed.")
    ),
}


def standing(request: InformationRequest, law: Clocks, *, at: datetime) -> Standing:
    """Where a request stands at that moment. Give it with its steps (`InformationRequest.objects.whole()`)."""
    if request.withdrawn:
        return Standing(State.WITHDRAWN)
    steps, today = list(request.steps.all()), timezone.localdate(at)
    clock = _reply_clock(request, steps, law)
    late = deadlines.days_late(clock.due.day, today, clock.unit, law.calendar) if clock.due else 0
    left = deadlines.days_left(clock.due.day, today, clock.unit, law.calendar) if clock.due else 0
    answer = _last(steps, Kind.ANSWERED)
    came = answer is not None and answer.reply != Reply.NONE
    answered_on, took = answer.date if came and answer else "", None
    if came:
        late = left = 0
        if whole(answered_on) and clock.due:
            late = deadlines.days_late(clock.due.day, _day(answered_on), clock.unit, law.calendar)
        if whole(answered_on) and clock.counted_from and not clock.assumed:
            took = deadlines.days_late(_day(clock.counted_from), _day(answered_on), clock.unit, law.calendar)
    state = _state(steps, answer, bool(clock.due), late)
    reply = answer.reply if answer else ""
    found = Standing(
        state, clock.deadline, clock.due, clock.counted_from, clock.assumed, clock.unit, late, left, reply,
        answered_on, took,
    )  # fmt: skip
    return _with_next(found, steps, law, today)


@dataclass(frozen=True)
class _Clock:
    """How long the body has for its reply."""

    deadline: Deadline | None = None
    due: Due | None = None
    counted_from: str = ""
    assumed: bool = False

    @property
    def unit(self) -> deadlines.Unit:
        return deadlines.Unit(self.deadline.unit) if self.deadline else deadlines.Unit.DAY


def _reply_clock(request: InformationRequest, steps: Sequence[RequestStep], law: Clocks) -> _Clock:
    """The first period from the receipt; forwarding starts it anew at the other body; an extension is added to it."""
    start = next(
        (step for step in reversed(steps) if step.kind in (Kind.RECEIVED, Kind.FORWARDED)), _last(steps, Kind.SENT)
    )
    if start is None or not whole(start.date) or not request.procedure:
        return _Clock()
    day = _day(start.date)
    deadline = law.version(request.procedure, Part.REPLY, on=day)
    if deadline is None:
        return _Clock(counted_from=start.date, assumed=start.kind != Kind.RECEIVED)
    due = law.due(deadline, day)
    extended = _last(steps, Kind.EXTENDED)
    if extended and steps.index(extended) > steps.index(start):
        longer = law.version(request.procedure, Part.EXTENSION, on=due.day)
        if whole(extended.until):
            last = _day(extended.until)
            due = law.due_on(last)
        elif longer:
            due = law.due(longer, due.day if longer.starts_with == Deadline.Start.REPLY_DUE else day)
            deadline = longer
    return _Clock(deadline, due, start.date, start.kind != Kind.RECEIVED)


def _state(steps: Sequence[RequestStep], answer: RequestStep | None, counted: bool, late: int) -> State:
    kinds = [step.kind for step in steps]
    for kind in reversed(kinds):
        match kind:
            case Kind.DECIDED:
                return State.DECIDED
            case Kind.APPEALED:
                return State.APPEALED
            case Kind.COMPLAINED:
                return State.COMPLAINED
            case Kind.ANSWERED if answer and answer.reply != Reply.NONE:
                return State.ANSWERED
    if not set(kinds) - {Kind.DRAFTED}:
        return State.DRAFTED
    if counted:
        return State.OVERDUE if late else State.WAITING
    return State.NO_REPLY if answer else State.UNCOUNTED


def _with_next(found: Standing, steps: Sequence[RequestStep], law: Clocks, today: date) -> Standing:
    decided = _last(steps, Kind.DECIDED)
    detail = ""
    if found.state == State.ANSWERED:
        detail = found.reply
    elif found.state == State.DECIDED and decided:
        after = "after court" if _last(steps, Kind.APPEALED) else "after complaint"
        detail = decided.outcome if decided.outcome == RequestStep.Outcome.GRANTED else after
    rule = _NEXT[found.state, detail]
    starts = {
        "answer": found.answered_on,
        "silence": found.due.day.isoformat() if found.due else _date_of(_last(steps, Kind.ANSWERED)),
        "decision": decided.date if decided else "",
    }.get(rule.starts, "")
    return Standing(**(found.__dict__ | {"next": _next(rule, starts, law, today)}))


def _next(rule: _Rule, starts: str, law: Clocks, today: date) -> Next:
    """A day known to the month or the year alone gives no last day, but may tell that the last day has passed."""
    since = dates.last_day(starts) if starts else None
    deadline = law.version(rule.procedure, rule.part, on=since or today) if rule.procedure else None
    if deadline is None or since is None:
        return Next(rule.words, deadline)
    due = law.due(deadline, since)
    left = deadlines.days_left(due.day, today, deadlines.Unit(deadline.unit), law.calendar)
    return Next(rule.words, deadline, due if whole(starts) else None, due.day < today, left)


def _date_of(step: RequestStep | None) -> str:
    return step.date if step else ""


def _last(steps: Sequence[RequestStep], kind: str) -> RequestStep | None:
    return next((step for step in reversed(steps) if step.kind == kind), None)


def sentence(found: Standing) -> str:
    """The answer that a request's page gives first."""
    day = date_format(found.due.day, "DATE_FORMAT") if found.due else ""
    late, left = clocks.days_in_words(found.late, found.unit), clocks.days_in_words(found.left, found.unit)
    match found.state:
        case State.DRAFTED:
            return gettext("Drafted; it was not sent yet.")
        case State.WAITING if found.left:
            return gettext("Waiting for the reply: it is due on %(day)s, %(left)s left.") % {"day": day, "left": left}
        case State.WAITING:
            return gettext("Waiting for the reply: it is due on %(day)s.") % {"day": day}
        case State.OVERDUE:
            return gettext("Overdue by %(late)s: the reply was due on %(day)s.") % {"late": late, "day": day}
        case State.NO_REPLY:
            return gettext("No reply came, as far as is known.")
        case State.UNCOUNTED:
            return gettext(
                "Sent. When the reply is due cannot be computed: the day of receipt or the law is not known."
            )
        case State.ANSWERED:
            return _answered(found, day, late)
        case State.COMPLAINED:
            return gettext("A complaint was made; its decision is not known.")
        case State.APPEALED:
            return gettext("It was taken to court; the decision is not known.")
        case State.DECIDED:
            return gettext("The complaint or claim was decided.")
    return gettext("The request was withdrawn.")


def _answered(found: Standing, day: str, late: str) -> str:
    reply = str(Reply(found.reply).label) if found.reply else gettext("class of the reply not set")
    if found.due and whole(found.answered_on):
        if found.late:
            return gettext("Answered %(late)s late (%(reply)s): the reply was due on %(day)s.") % {
                "late": late,
                "reply": reply,
                "day": day,
            }
        return gettext("Answered in time (%(reply)s).") % {"reply": reply}
    return gettext("Answered (%(reply)s).") % {"reply": reply}


def whole(text: str) -> bool:
    """Is this partial date a day?"""
    return len(text) == WHOLE_DAY


def _day(text: str) -> date:
    return dates.first_day(text)


@dataclass(frozen=True)
class Record:
    """How a body answers: what its page says of its requests."""

    requests: int
    answered: int
    timed: int  # of the answered, how many we can say of whether they came in time
    late: int
    overdue: int  # unanswered, and the day has passed
    median_days: int | None  # to the reply, counted as the law counts
    unit: str


def record_of(standings: Iterable[Standing]) -> Record:
    rows = list(standings)
    answered = [row for row in rows if row.answered_on or (row.state == State.ANSWERED)]
    timed = [row for row in answered if row.due and whole(row.answered_on)]
    took = sorted(row.took for row in timed if row.took is not None)
    units = {row.unit for row in timed if row.took is not None}
    median = took[len(took) // 2] if took and len(units) == 1 else None
    return Record(
        len(rows),
        len(answered),
        len(timed),
        sum(row.late > 0 for row in timed),
        sum(row.state == State.OVERDUE for row in rows),
        median,
        units.pop() if median is not None else "",
    )


# --- acts


@dataclass(frozen=True)
class Draft:
    """What an editor wants to be asked. Without a text of their own it is drafted from the template."""

    about: Resource | Restriction | Event
    asks: str
    procedure: str
    language: str
    authority: Authority | None = None
    addressee: str = ""
    text: str = ""


@transaction.atomic
def draft(wanted: Draft, *, by: str, reason: str, at: datetime) -> InformationRequest:
    """A new request, with its first step. Raises NotPossible, PersonalData."""
    _check_reason(reason)
    if getattr(wanted.about, "withdrawn", ""):
        raise NotPossible(gettext("What it is about was withdrawn; ask about the resource itself."))
    if wanted.language not in InformationRequest.Language.values:
        raise NotPossible(gettext("A request is written in Kazakh or in Russian."))
    addressee = wanted.addressee or (wanted.authority.name_ru if wanted.authority else "")
    if not addressee:
        raise NotPossible(gettext("Say whom to ask: choose an authority, or write the operator's name."))
    day = timezone.localdate(at)
    text = wanted.text or drafted_text(wanted, clocks.read(at=at), on=day)
    if len(text) > TEXT_LIMIT:
        raise NotPossible(gettext("Shorten the text to %(limit)d characters.") % {"limit": TEXT_LIMIT})
    refuse_personal(text, addressee, reason)
    about = {type(wanted.about)._meta.model_name or "": wanted.about}
    request = InformationRequest.objects.create(
        key=_free_key(day),
        authority=wanted.authority,
        addressee=addressee,
        asks=wanted.asks,
        procedure=wanted.procedure,
        language=wanted.language,
        text=text,
        **about,
    )
    RequestStep.objects.create(request=request, kind=Kind.DRAFTED, date=day.isoformat())
    log.append("create", request, after=_fields(request), reason=reason, by=by)
    return request


@dataclass(frozen=True)
class NewStep:
    kind: str
    date: str
    until: str = ""
    reply: str = ""
    outcome: str = ""
    authority: Authority | None = None
    note: str = ""
    document_url: str = ""
    document_sha256: str = ""


# What must have happened before, at least one of them.
_AFTER: dict[str, tuple[str, ...]] = {
    Kind.SENT: (Kind.DRAFTED,),
    Kind.RECEIVED: (Kind.SENT, Kind.FORWARDED),
    Kind.EXTENDED: (Kind.SENT, Kind.RECEIVED),
    Kind.FORWARDED: (Kind.SENT, Kind.RECEIVED),
    Kind.ANSWERED: (Kind.SENT, Kind.RECEIVED, Kind.FORWARDED),
    Kind.COMPLAINED: (Kind.SENT, Kind.RECEIVED, Kind.ANSWERED),
    Kind.APPEALED: (Kind.SENT, Kind.RECEIVED, Kind.ANSWERED),
    Kind.DECIDED: (Kind.COMPLAINED, Kind.APPEALED),
}


@transaction.atomic
def record_step(request: InformationRequest, new: NewStep, *, by: str, reason: str, at: datetime) -> RequestStep:
    """Add what happened. Raises NotPossible, PersonalData."""
    _check_reason(reason)
    refuse_personal(new.note, reason)
    request = InformationRequest.objects.select_for_update(of=("self",)).get(pk=request.pk)
    steps = list(request.steps.all())
    _check_order(request, steps, new, timezone.localdate(at))
    step = RequestStep(request=request, **{name: getattr(new, name) for name in new.__dataclass_fields__})
    step.full_clean(exclude=["request"])
    step.save()
    fields = {
        name: str(value) for name in new.__dataclass_fields__ if (value := getattr(new, name)) and name != "authority"
    }
    if new.authority:
        fields["authority"] = new.authority.code
    log.append("step", request, after=fields, reason=reason, by=by)
    return step


@transaction.atomic
def withdraw(request: InformationRequest, *, by: str, reason: str) -> None:
    """Take a request back. Its page and its steps stay, and say that it was. Raises NotPossible, PersonalData."""
    _check_reason(reason)
    refuse_personal(reason)
    if not InformationRequest.objects.filter(pk=request.pk, withdrawn="").update(withdrawn=reason):
        raise NotPossible(gettext("The request was withdrawn already."))
    request.refresh_from_db()
    log.append("withdraw", request, before={"withdrawn": ""}, after={"withdrawn": reason}, reason=reason, by=by)


def _fields(request: InformationRequest) -> dict[str, Any]:
    """What the log is told of a new request; what is empty is left out."""
    names = ("key", "addressee", "asks", "procedure", "language", "text")
    fields: dict[str, Any] = {name: getattr(request, name) for name in names}
    fields["authority"] = request.authority.code if request.authority else ""
    fields |= {name: getattr(request, f"{name}_id") for name in ("resource", "restriction", "event")}
    return {name: value for name, value in fields.items() if value}


def _check_order(request: InformationRequest, steps: Sequence[RequestStep], new: NewStep, today: date) -> None:
    if request.withdrawn:
        raise NotPossible(gettext("The request was withdrawn; nothing happens to it any more."))
    needed = _AFTER.get(new.kind)
    kinds = {step.kind for step in steps}
    if needed is None or (new.kind == Kind.SENT and Kind.SENT in kinds):
        raise NotPossible(gettext("That step is there already: a request is drafted and sent once."))
    if not kinds & set(needed):
        before = ", ".join(str(Kind(kind).label) for kind in needed)
        raise NotPossible(gettext("Record first what comes before it, one of: %(steps)s.") % {"steps": before})
    if not new.date:
        raise NotPossible(gettext("Give the day on which it happened."))
    if dates.first_day(new.date) > today:
        raise NotPossible(gettext("That day has not come yet."))
    last = max((step.date for step in steps), default="")
    if new.date < last and not last.startswith(new.date):
        raise NotPossible(gettext("It cannot have happened before the step of %(day)s.") % {"day": dates.shown(last)})
    if new.until and new.until <= new.date:
        raise NotPossible(gettext("The new last day must stand behind the day of the extension."))


# --- the text


def drafted_text(wanted: Draft, law: Clocks, *, on: date) -> str:
    """The letter from the template, with blanks in the place of whoever asks."""
    asks = wanted.asks if wanted.asks in _TEMPLATES else InformationRequest.Asks.WHETHER_ACT
    deadline = law.version(wanted.procedure, Part.REPLY, on=on)
    with translation.override(wanted.language):
        context = {
            "to": wanted.authority.name if wanted.authority else wanted.addressee,
            "about": _named(wanted.about),
            "is_event": isinstance(wanted.about, Event),
            "article": deadline.article if deadline and not deadline.unverified else "",
            "length": clocks.length_in_words(deadline) if deadline and not deadline.unverified else "",
            "day": date_format(on, "DATE_FORMAT"),
        }
        return render_to_string(f"registry/requests/{asks}.{wanted.language}.txt", context).strip() + "\n"


_TEMPLATES = (
    InformationRequest.Asks.WHETHER_ACT,
    InformationRequest.Asks.ACT,
    InformationRequest.Asks.OPERATOR,
)


def _named(about: Resource | Restriction | Event) -> str:
    if isinstance(about, Event):
        return about.name
    return (about.resource if isinstance(about, Restriction) else about).display_name


def _free_key(day: date) -> str:
    """2026-11-26-1: the key names no site, because it stands in the address and in the log."""
    taken = set(InformationRequest.objects.filter(key__startswith=f"{day}-").values_list("key", flat=True))
    number = 1
    while f"{day}-{number}" in taken:
        number += 1
    return f"{day}-{number}"


# An e-mail address, a number of a person or a firm (12 digits), a telephone number of the country.
_PERSONAL = re.compile(
    r"[^\s@]+@[^\s@]+\.\w|(?<!\d)\d{12}(?!\d)|(?<!\d)(?:\+7|8)[\s(-]*\d{3}[\s)-]*\d{3}[\s-]*\d{2}[\s-]*\d{2}(?!\d)"
)


def refuse_personal(*texts: str) -> None:
    """Raises PersonalData."""
    for text in texts:
        found = _PERSONAL.search(text)
        if spelled := [found[0]] if found else [text[one.start : one.end] for one in personal.find(text)]:
            told = gettext(
                "Leave out “%(text)s”: addresses, telephones and personal numbers have no place in the record."
            )
            raise PersonalData(told % {"text": spelled[0]})


def _check_reason(reason: str) -> None:
    if log.says_nothing(reason):
        raise NotPossible(gettext("Write the reason for this decision."))
