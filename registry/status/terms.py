"""The words of the public answer: what the record says, what the networks do, and what both mean together.

docs/data.md lists them with their meaning; values are published and never change it.
"""

from __future__ import annotations

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from checks.models import State


class Legal(TextChoices):
    """What the record says. Of several restrictions the first of these speaks, whose act is then named."""

    ORDERED = "ordered", _("an act is known")
    APPEALED = "appealed", _("an act is known, under appeal")
    SUSPENDED = "suspended", _("an act is known, suspended")
    REVERSED = "reversed", _("the act was reversed")
    NO_ACT = "no_act", _("restricted, no act known")
    LIFTED = "lifted", _("lifted or ended")
    EXPIRED = "expired", _("expired")
    NONE = "none", _("no restriction recorded")


class Listed(TextChoices):
    """What the state register says. Without a whole snapshot of it nobody can tell that it does not list something."""

    NOW = "now", _("listed")
    WAS = "was", _("no longer listed")
    NEVER = "never", _("not listed")
    UNKNOWN = "unknown", _("not known")


class Said(TextChoices):
    """What those who should know say of a restriction that is not known to be over."""

    NONE = "none", _("nothing is recorded")
    ADMITS = "admits", _("admitted")
    DENIES = "denies", _("denied")
    SILENT = "silent", _("asked, no answer")
    TECHNICAL_WORKS = "technical_works", _("“technical works”")
    CONTRADICTING = "contradicting", _("statements contradict each other")


class Observed(TextChoices):
    """What the networks do, over all of them."""

    BLOCKED = "blocked", _("unreachable")
    THROTTLED = "throttled", _("slowed down")
    CONTRADICTORY = "contradictory", _("contradictory")
    ACCESSIBLE = "accessible", _("opens")
    DOWN = "down", _("the site is down")
    INSUFFICIENT = "insufficient", _("too little data")
    NOT_MEASURED = "not_measured", _("not measured")


class Sure(TextChoices):
    """How far the answer may be relied on."""

    HIGH = "high", _("high")
    MEDIUM = "medium", _("medium")
    LOW = "low", _("low")
    UNKNOWN = "unknown", _("cannot be told")


class Situation(TextChoices):
    """Record and evidence together."""

    ORDERED_BLOCKED = "ordered_blocked", _("blocked by order")
    APPEALED_BLOCKED = "appealed_blocked", _("unreachable, the restriction is under appeal")
    SUSPENDED_BLOCKED = "suspended_blocked", _("unreachable, though the restriction is suspended")
    ORDERED_REACHABLE = "ordered_reachable", _("ordered, but it opens")
    ORDERED_DOWN = "ordered_down", _("the site is down, the order stays")
    UNEXPLAINED = "unexplained", _("unreachable, no act known")
    LISTED_BLOCKED = "listed_blocked", _("unreachable, in the state register, no act in force known")
    LISTED_REACHABLE = "listed_reachable", _("in the state register, but it opens")
    REVERSED_BLOCKED = "reversed_blocked", _("unreachable, though the act was reversed")
    LIFTED_STILL_BLOCKED = "lifted_still_blocked", _("lifted or expired, still unreachable")
    LIFTED = "lifted", _("lifted or expired, opens")
    SUSPENDED_REACHABLE = "suspended_reachable", _("the restriction is suspended, it opens")
    REVERSED_REACHABLE = "reversed_reachable", _("the act was reversed, it opens")
    RECORDED_REACHABLE = "recorded_reachable", _("reported restricted, opens now")
    THROTTLED = "throttled", _("slowed down")
    DOWN = "down", _("the site is down")
    OPEN = "open", _("opens")
    UNCLEAR = "unclear", _("not clear")
    NOT_MEASURED = "not_measured", _("not measured")


UNREACHABLE = frozenset({State.BLOCKED, State.LIKELY_BLOCKED})
ACT_KNOWN = frozenset({Legal.ORDERED, Legal.APPEALED, Legal.SUSPENDED})  # and not known to be over
OVER = frozenset({Legal.LIFTED, Legal.EXPIRED})

_WHATEVER_THE_RECORD = {
    Observed.THROTTLED: Situation.THROTTLED,
    Observed.CONTRADICTORY: Situation.UNCLEAR,
    Observed.DOWN: Situation.DOWN,
    Observed.INSUFFICIENT: Situation.UNCLEAR,
    Observed.NOT_MEASURED: Situation.NOT_MEASURED,
}
_UNREACHABLE = {
    Legal.ORDERED: Situation.ORDERED_BLOCKED,
    Legal.APPEALED: Situation.APPEALED_BLOCKED,
    Legal.SUSPENDED: Situation.SUSPENDED_BLOCKED,
    Legal.REVERSED: Situation.REVERSED_BLOCKED,
    Legal.NO_ACT: Situation.UNEXPLAINED,
    Legal.LIFTED: Situation.LIFTED_STILL_BLOCKED,
    Legal.EXPIRED: Situation.LIFTED_STILL_BLOCKED,
    Legal.NONE: Situation.UNEXPLAINED,
}
_OPENS = {
    Legal.ORDERED: Situation.ORDERED_REACHABLE,
    Legal.APPEALED: Situation.ORDERED_REACHABLE,
    Legal.SUSPENDED: Situation.SUSPENDED_REACHABLE,
    Legal.REVERSED: Situation.REVERSED_REACHABLE,
    Legal.NO_ACT: Situation.RECORDED_REACHABLE,
    Legal.LIFTED: Situation.LIFTED,
    Legal.EXPIRED: Situation.LIFTED,
    Legal.NONE: Situation.OPEN,
}


def situation_of(legal: Legal, listed: Listed, observed: Observed) -> Situation:
    """One for every tuple. A listing is no act, but it explains something: it makes a situation of its own."""
    only_listed = listed == Listed.NOW and legal in (Legal.NO_ACT, Legal.NONE)
    match observed:
        case Observed.BLOCKED:
            return Situation.LISTED_BLOCKED if only_listed else _UNREACHABLE[legal]
        case Observed.ACCESSIBLE:
            return Situation.LISTED_REACHABLE if only_listed else _OPENS[legal]
        case Observed.DOWN if legal in (Legal.ORDERED, Legal.APPEALED):
            return Situation.ORDERED_DOWN
    return _WHATEVER_THE_RECORD[observed]
