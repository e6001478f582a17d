"""The public sentence. Whole clauses, so that each language may order its words.

Words are chosen by what is known: *blocked by order* needs an act in force and a measurement, an act alone is
*ordered*, a measurement alone is *unreachable*. Nothing is said of who wanted it, and a denial is told as a denial.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext_lazy

from registry import dates, discretion
from registry.models import Act, Appeal, Resource, Statement
from registry.status.conclusion import Conclusion
from registry.status.terms import OVER, Legal, Listed, Observed, Said, Situation

SPEAKERS = 2  # quoted in one sentence: of a contradiction one of each side
_KEPT_UP = frozenset({Observed.BLOCKED, Observed.THROTTLED})

# Keys: some confirmed, some likely, and of the beginning: not known, seen, or at least as early.
_UNREACHABLE = {
    (True, False, ""): ngettext_lazy(
        "unreachable on %(blocked)d of %(total)d network", "unreachable on %(blocked)d of %(total)d networks", "total"
    ),
    (True, False, "since"): ngettext_lazy(
        "unreachable on %(blocked)d of %(total)d network since %(since)s",
        "unreachable on %(blocked)d of %(total)d networks since %(since)s",
        "total",
    ),
    (True, False, "at least"): ngettext_lazy(
        "unreachable on %(blocked)d of %(total)d network, at least since %(since)s",
        "unreachable on %(blocked)d of %(total)d networks, at least since %(since)s",
        "total",
    ),
    (True, True, ""): ngettext_lazy(
        "unreachable on %(blocked)d of %(total)d network, and probably on %(likely)d more",
        "unreachable on %(blocked)d of %(total)d networks, and probably on %(likely)d more",
        "total",
    ),
    (True, True, "since"): ngettext_lazy(
        "unreachable on %(blocked)d of %(total)d network, and probably on %(likely)d more, since %(since)s",
        "unreachable on %(blocked)d of %(total)d networks, and probably on %(likely)d more, since %(since)s",
        "total",
    ),
    (True, True, "at least"): ngettext_lazy(
        "unreachable on %(blocked)d of %(total)d network, and probably on %(likely)d more, at least since %(since)s",
        "unreachable on %(blocked)d of %(total)d networks, and probably on %(likely)d more, at least since %(since)s",
        "total",
    ),
    (False, True, ""): ngettext_lazy(
        "probably unreachable on %(likely)d of %(total)d network",
        "probably unreachable on %(likely)d of %(total)d networks",
        "total",
    ),
    (False, True, "since"): ngettext_lazy(
        "probably unreachable on %(likely)d of %(total)d network since %(since)s",
        "probably unreachable on %(likely)d of %(total)d networks since %(since)s",
        "total",
    ),
    (False, True, "at least"): ngettext_lazy(
        "probably unreachable on %(likely)d of %(total)d network, at least since %(since)s",
        "probably unreachable on %(likely)d of %(total)d networks, at least since %(since)s",
        "total",
    ),
}
_SLOWED = ngettext_lazy(
    "slowed down on %(throttled)d of %(total)d network", "slowed down on %(throttled)d of %(total)d networks", "total"
)
_OPENS = ngettext_lazy("opens on the %(total)d network measured", "opens on all %(total)d networks measured", "total")
_YET_OPENS = ngettext_lazy(
    "yet it opens on the %(total)d network measured", "yet it opens on all %(total)d networks measured", "total"
)
_PARTLY = ngettext_lazy(
    "on %(partly)d network another address of it differs",
    "on %(partly)d networks another address of it differs",
    "partly",
)
_PLAIN = {
    # It need not be silent: one whose certificate has expired does answer, and opens nowhere.
    Observed.DOWN: gettext_lazy("it opens neither on the networks measured nor from our control networks"),
    Observed.CONTRADICTORY: gettext_lazy("the measurements contradict each other"),
    Observed.INSUFFICIENT: gettext_lazy("too little was measured to tell what the networks do"),
    Observed.NOT_MEASURED: gettext_lazy("not measured on any network"),
}
# Of one act, and of more than one.
_ACTS = {
    "blocked": (
        gettext_lazy("blocked by order (%(act)s)"),
        ngettext_lazy(
            "blocked by order (%(act)s, and %(more)d more act)",
            "blocked by order (%(act)s, and %(more)d more acts)",
            "more",
        ),
    ),
    Legal.ORDERED: (
        gettext_lazy("ordered to be blocked (%(act)s)"),
        ngettext_lazy(
            "ordered to be blocked (%(act)s, and %(more)d more act)",
            "ordered to be blocked (%(act)s, and %(more)d more acts)",
            "more",
        ),
    ),
    Legal.APPEALED: (
        gettext_lazy("its restriction is under appeal (%(act)s)"),
        ngettext_lazy(
            "its restriction is under appeal (%(act)s, and %(more)d more act)",
            "its restriction is under appeal (%(act)s, and %(more)d more acts)",
            "more",
        ),
    ),
    Legal.SUSPENDED: (
        gettext_lazy("its restriction is suspended (%(act)s)"),
        ngettext_lazy(
            "its restriction is suspended (%(act)s, and %(more)d more act)",
            "its restriction is suspended (%(act)s, and %(more)d more acts)",
            "more",
        ),
    ),
}
# Seen to be kept up all the same, or not.
_REVERSED = {
    True: ngettext_lazy(
        "yet the act that restricted it was reversed (%(reversal)s)",
        "yet the %(number)d acts that restricted it were reversed (the newest, %(reversal)s)",
        "number",
    ),
    False: ngettext_lazy(
        "the act that restricted it was reversed (%(reversal)s)",
        "the %(number)d acts that restricted it were reversed (the newest, %(reversal)s)",
        "number",
    ),
}
# With its date, and where the date is not known.
_SPOKEN = {
    Statement.Stance.ADMITS: (gettext_lazy("%(speaker)s admits it (%(date)s)"), gettext_lazy("%(speaker)s admits it")),
    Statement.Stance.DENIES: (gettext_lazy("%(speaker)s denies it (%(date)s)"), gettext_lazy("%(speaker)s denies it")),
    Statement.Stance.SILENT: (
        gettext_lazy("%(speaker)s does not answer (%(date)s)"),
        gettext_lazy("%(speaker)s does not answer"),
    ),
    Statement.Stance.TECHNICAL_WORKS: (
        gettext_lazy("%(speaker)s speaks of “technical works” (%(date)s)"),
        gettext_lazy("%(speaker)s speaks of “technical works”"),
    ),
}
_LISTED = {
    Listed.NOW: (gettext_lazy("the state register lists it (%(date)s)"), gettext_lazy("the state register lists it")),
    Listed.WAS: (
        gettext_lazy("the state register no longer lists it (last on %(date)s)"),
        gettext_lazy("the state register no longer lists it"),
    ),
    Listed.NEVER: (
        gettext_lazy("the state register does not list it (%(date)s)"),
        gettext_lazy("the state register does not list it"),
    ),
}


def of(found: Conclusion) -> str:
    """The answer in one sentence, in the active language: what is known best stands first."""
    measured, legal = _measured(found), _legal(found)
    clauses = [*legal, *measured] if found.act_known else [*measured, *legal]
    clauses += _register(found)
    if found.observed in _KEPT_UP:
        clauses += [_claim(row, found.resource) for row in quoted(found.spoken, found.said)]
    return _as_sentence(clauses)


def of_networks(found: Conclusion) -> str:
    """The part of it that tells what the networks do."""
    return _as_sentence(_measured(found))


def _as_sentence(clauses: Sequence[str]) -> str:
    text = "; ".join(clauses)
    return f"{text[:1].upper()}{text[1:]}."


def _measured(found: Conclusion) -> list[str]:
    counts = found.counts
    numbers: dict[str, Any] = {
        "blocked": counts.blocked,
        "likely": counts.likely,
        "throttled": counts.throttled,
        "total": counts.sufficient,
        "since": _day(found.since) if found.since else "",
        "partly": sum(one.partly for one in found.networks),
    }
    clauses = []
    if found.observed in _PLAIN:
        clauses.append(str(_PLAIN[found.observed]))
    elif found.observed == Observed.ACCESSIBLE:
        unexpected = found.legal in (Legal.ORDERED, Legal.APPEALED)
        clauses.append((_YET_OPENS if unexpected else _OPENS) % numbers)
    if found.observed == Observed.BLOCKED:
        beginning = "" if found.since is None else "at least" if found.since_at_least else "since"
        clauses.append(_UNREACHABLE[bool(counts.blocked), bool(counts.likely), beginning] % numbers)
    if found.observed in _KEPT_UP and counts.throttled:
        clauses.append(_SLOWED % numbers)
    if numbers["partly"]:
        clauses.append(_PARTLY % numbers)
    return clauses


def _legal(found: Conclusion) -> list[str]:
    if found.act_known:
        ordered = found.legal == Legal.ORDERED and found.observed == Observed.BLOCKED
        return [_act(found.deciding_acts, "blocked" if ordered else found.legal)]
    if found.legal == Legal.REVERSED:
        return [_reversed(found.reversals, kept_up=found.observed in _KEPT_UP)]
    if found.legal == Legal.LIFTED:
        return [_("every recorded restriction has ended")]
    if found.legal == Legal.EXPIRED:
        return [_("the term of every recorded restriction has run out")]
    if found.observed == Observed.BLOCKED or (found.legal == Legal.NONE and found.listed == Listed.NOW):
        return [_("no act in force is known") if found.acts else _("no act is known")]
    if found.legal == Legal.NONE:
        return [_("no restriction is recorded")]
    if found.acts:  # of a restriction that is over
        return [_("reported as restricted, but no act in force is known")]
    return [_("reported as restricted, but no act is known")]


def _act(acts: Sequence[Act], words: str) -> str:
    title = f"{acts[0]}, {dates.shown(acts[0].date)}" if acts[0].date else str(acts[0])
    one, several = _ACTS[words]
    numbers = {"act": title, "more": len(acts) - 1}
    return str(several % numbers if numbers["more"] else one % numbers)


def _reversed(reversals: Sequence[Appeal], *, kept_up: bool) -> str:
    newest = reversals[0]
    told = f"{dates.shown(newest.decided)}: {newest.act}" if newest.decided else str(newest.act)
    return str(_REVERSED[kept_up] % {"reversal": told, "number": len(reversals)})


def _register(found: Conclusion) -> list[str]:
    """What the state register says is told where it adds something to an act, or to the lack of one."""
    listed = found.listed
    told = {Listed.NOW: found.legal != Legal.ORDERED, Listed.WAS: True, Listed.NEVER: _unexplained(found)}
    if not told.get(listed):
        return []
    dated, undated = _LISTED[listed]
    return [str(dated % {"date": dates.shown(found.listing.on)} if found.listing.on else undated)]


def _unexplained(found: Conclusion) -> bool:
    outlived = found.legal in {*OVER, Legal.REVERSED} and found.observed == Observed.BLOCKED
    return outlived or found.situation == Situation.UNEXPLAINED


def quoted(spoken: Sequence[Statement], said: Said) -> list[Statement]:
    """The newest statement; of those that contradict each other the newest of each side."""
    if said == Said.NONE:
        return []
    if said != Said.CONTRADICTING:
        return [row for row in spoken if row.stance == said][:1]
    admitted = [row for row in spoken if row.stance == Statement.Stance.ADMITS][:1]
    return [*admitted, *(row for row in spoken if row.stance in (Said.DENIES, Said.TECHNICAL_WORKS))][:SPEAKERS]


def _claim(row: Statement, about: Resource) -> str:
    speaker = row.authority.name if row.authority else row.speaker
    if discretion.reveals(speaker, [about]):
        speaker = _("somebody whose name is not shown")
    dated, undated = _SPOKEN[Statement.Stance(row.stance)]
    return str((dated if row.date else undated) % {"speaker": speaker, "date": dates.shown(row.date)})


def _day(moment: datetime) -> str:
    return date_format(timezone.localtime(moment), "DATE_FORMAT")
