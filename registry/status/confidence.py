"""How sure the answer is, why, and what would change it. docs/method.md has the rule in words."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from checks.models import State
from checks.verdict.episodes import AGREEING, CALM
from checks.verdict.rules import BY_ID
from checks.verdict.state import FLOOR_MEASUREMENTS, FLOOR_RUNS, SUSTAINED_SPAN, SUSTAINED_VANTAGES
from registry.models import Act, Confidence
from registry.status.conclusion import Conclusion, NetworkState
from registry.status.terms import ACT_KNOWN, OVER, Legal, Listed, Observed, Said, Situation, Sure

CHANGES = 4  # sentences of what would change the answer
NETWORKS = 2  # that agree: one alone may have a fault of its own
ARTEFACTS = frozenset(rule.id for rule in BY_ID.values() if rule.artefact)

_STEPS = (Sure.UNKNOWN, Sure.LOW, Sure.MEDIUM, Sure.HIGH)
_DECIDING = {
    Observed.BLOCKED: frozenset({State.BLOCKED, State.LIKELY_BLOCKED}),
    Observed.THROTTLED: frozenset({State.THROTTLED}),
    Observed.ACCESSIBLE: frozenset({State.ACCESSIBLE}),
    Observed.DOWN: frozenset({State.DOWN}),
    Observed.CONTRADICTORY: frozenset(set(State) - {State.INSUFFICIENT}),
    Observed.INSUFFICIENT: frozenset({State.INSUFFICIENT}),
    Observed.NOT_MEASURED: frozenset[State](),
}
_SOURCES = {
    Confidence.HIGH: gettext_lazy("The sources that name the act are rated high."),
    Confidence.MEDIUM: gettext_lazy("The sources that name the act are rated medium."),
    Confidence.LOW: gettext_lazy("The sources that name the act are rated low."),
}
_SOURCES_OF_REVERSAL = {
    Confidence.HIGH: gettext_lazy("The sources that tell of its reversal are rated high."),
    Confidence.MEDIUM: gettext_lazy("The sources that tell of its reversal are rated medium."),
    Confidence.LOW: gettext_lazy("The sources that tell of its reversal are rated low."),
}


def of(found: Conclusion) -> Sure:
    """That of the measurements; where the sentence names an act or its reversal, no more than the sources are worth."""
    named = [_act(found), *found.reversals[:1]]
    worth: list[Sure] = [Sure(one.confidence) for one in named if one]
    return min([_of_evidence(found), *worth], key=_STEPS.index)


def _of_evidence(found: Conclusion) -> Sure:
    counts, deciding = found.counts, _deciding(found)
    match found.observed:
        case Observed.NOT_MEASURED | Observed.INSUFFICIENT:
            return Sure.UNKNOWN
        case Observed.CONTRADICTORY:
            return Sure.LOW
        case Observed.BLOCKED:
            step = 3 if counts.blocked >= NETWORKS else 2 if counts.blocked or counts.likely >= NETWORKS else 1
        case Observed.THROTTLED:  # slowness comes and goes with load
            step = 2 if counts.throttled >= NETWORKS else 1
        case Observed.ACCESSIBLE:
            covered = 2 * counts.sufficient >= counts.known
            step = 1 if len(deciding) < NETWORKS else 3 if covered else 2
        case Observed.DOWN:
            step = 2 if len(deciding) < NETWORKS else 3
    if all(_doubtful(one) for one in deciding) or (found.observed == Observed.ACCESSIBLE and _partly(found)):
        step -= 1
    return _STEPS[max(step, 1)]


def _doubtful(one: NetworkState) -> bool:
    return bool(one.disputed) or one.undecided or one.fewer or one.split


def _deciding(found: Conclusion) -> list[NetworkState]:
    return [one for one in found.networks if one.state in _DECIDING[found.observed]]


def _partly(found: Conclusion) -> bool:
    return any(one.partly for one in found.networks)


def _act(found: Conclusion) -> Act | None:
    """The act that the sentence names."""
    if found.reversals:
        return found.reversals[0].act
    return found.deciding_acts[0] if found.act_known else None


def reasons(found: Conclusion) -> list[str]:
    """Sentences: how much was measured, from where, what was seen, and what the record is worth."""
    return [*_of_measuring(found), *_of_seeing(found), *_of_record(found)]


def _of_measuring(found: Conclusion) -> Iterator[str]:
    counts, deciding = found.counts, _deciding(found)
    if found.observed == Observed.NOT_MEASURED:
        yield _("Nobody has measured it; that says nothing about whether it opens.")
        return
    conclusive = sum(one.conclusive for one in deciding)
    yield ngettext(
        "The answer rests on %(number)d conclusive measurement.",
        "The answer rests on %(number)d conclusive measurements.",
        conclusive,
    ) % {"number": conclusive}
    places = sum(one.vantages for one in deciding)
    if places:
        yield ngettext("They come from %(number)d place.", "They come from %(number)d places.", places) % {
            "number": places
        }
    yield ngettext(
        "Enough was measured on %(number)d of the %(known)d network of the country that we know.",
        "Enough was measured on %(number)d of the %(known)d networks of the country that we know.",
        counts.known,
    ) % {"number": counts.sufficient, "known": counts.known}


def _of_seeing(found: Conclusion) -> Iterator[str]:
    deciding = _deciding(found)
    if found.observed == Observed.BLOCKED:
        proofs = sum(bool(ARTEFACTS & set(one.rules)) for one in deciding)
        if proofs:
            yield ngettext(
                "On %(number)d network a trace was seen that only a censor leaves.",
                "On %(number)d networks a trace was seen that only a censor leaves.",
                proofs,
            ) % {"number": proofs}
        else:
            yield _("No trace was seen that only a censor leaves; a fault elsewhere is unlikely but not excluded.")
        if likely := found.counts.likely:
            yield ngettext(
                "On %(number)d network the proof is not complete.",
                "On %(number)d networks the proof is not complete.",
                likely,
            ) % {"number": likely}
    if _partly(found):
        yield _("Other addresses of it do something else.")
    if split := sum(one.split for one in deciding):
        yield ngettext(
            "On %(number)d network the places that measure disagree: one finds it unreachable, another finds it open.",
            "On %(number)d networks the places that measure disagree: one finds it unreachable, another finds it open.",
            split,
        ) % {"number": split}
    if any(one.disputed for one in deciding):
        yield _("Editors doubt an episode that this rests on.")
    if any(one.undecided for one in deciding):
        yield _("The last measurements say otherwise, and are not enough yet.")
    if any(one.fewer for one in deciding):
        yield _("Less was measured lately than is usual.")
    if found.imitated:
        yield _("The networks are imitated: this is a demonstration, and no finding.")


def _of_record(found: Conclusion) -> Iterator[str]:
    act = _act(found)
    if act:
        yield str(_SOURCES[Confidence(act.confidence)])
    if found.reversals:
        yield str(_SOURCES_OF_REVERSAL[Confidence(found.reversals[0].confidence)])
    if found.observed == Observed.BLOCKED and found.legal not in {*ACT_KNOWN, *OVER}:
        other = _("That no other act is known to us is no proof that there is none.")
        none = _("That no act is known to us is no proof that there is none.")
        yield other if found.reversals else none
    if any(row.conflicting for row in found.deciding):
        yield _("Sources tell the restriction differently.")


def would_change(found: Conclusion) -> list[str]:
    """The few things that would make another sentence of it, nearest first."""
    return list(dict.fromkeys([*_by_measuring(found), *_by_the_record(found)]))[:CHANGES]


def _by_measuring(found: Conclusion) -> Iterator[str]:
    yield from _by_the_next_round(found)
    again = {"number": AGREEING}
    match found.observed:
        case Observed.BLOCKED:
            yield (
                ngettext(
                    "%(number)d round in a row in which it opens on every network where it does not now.",
                    "%(number)d rounds in a row in which it opens on every network where it does not now.",
                    AGREEING,
                )
                % again
            )
            if not found.counts.blocked:
                yield _(
                    "A trace that only a censor leaves, or the same failure over %(days)d days from %(places)d places."
                ) % {"days": SUSTAINED_SPAN.days, "places": SUSTAINED_VANTAGES}
        case Observed.THROTTLED:
            yield (
                ngettext(
                    "%(number)d round in a row in which it is as fast as other names.",
                    "%(number)d rounds in a row in which it is as fast as other names.",
                    AGREEING,
                )
                % again
            )
        case Observed.ACCESSIBLE:
            yield (
                ngettext(
                    "%(number)d round in a row in which it does not open on some network, but does for our control.",
                    "%(number)d rounds in a row in which it does not open on some network, but does for our control.",
                    AGREEING,
                )
                % again
            )
        case Observed.DOWN:
            yield _("It opens from our control networks again.")
        case Observed.CONTRADICTORY:
            yield ngettext(
                "%(number)d round in a row that says the same.", "%(number)d rounds in a row that say the same.", CALM
            ) % {"number": CALM}
        case Observed.NOT_MEASURED:
            yield ngettext(
                "A first look: %(number)d conclusive measurement in at least %(runs)d rounds on one network.",
                "A first look: %(number)d conclusive measurements in at least %(runs)d rounds on one network.",
                FLOOR_MEASUREMENTS,
            ) % {"number": FLOOR_MEASUREMENTS, "runs": FLOOR_RUNS}


def _by_the_next_round(found: Conclusion) -> Iterator[str]:
    """What single networks lack."""
    undecided = [one for one in found.networks if one.undecided]
    if undecided:
        yield _("More measurements on %(network)s that agree with the last ones.") % {"network": undecided[0].network}
    if found.observed != Observed.INSUFFICIENT:
        return
    for one in sorted(found.networks, key=lambda one: -one.conclusive)[:1]:
        missing = max(FLOOR_MEASUREMENTS - one.conclusive, 1)
        yield ngettext(
            "%(number)d more conclusive measurement on %(network)s.",
            "%(number)d more conclusive measurements on %(network)s.",
            missing,
        ) % {"number": missing, "network": one.network}


def _by_the_record(found: Conclusion) -> Iterator[str]:
    if found.legal == Legal.APPEALED:
        yield _("A decision on the appeal.")
    elif found.legal == Legal.SUSPENDED:
        yield _("A decision that ends the suspension or cancels the act.")
    elif found.legal == Legal.ORDERED:
        yield _("A decision that lifts or cancels the act.")
    elif found.legal == Legal.REVERSED:
        yield _("A decision that puts the act into force again, or another act in force that a source names.")
    else:
        yield _("An act in force that a source names.")
    if found.listed == Listed.NOW:
        yield _("A snapshot of the state register without it.")
    elif found.listed in (Listed.WAS, Listed.NEVER) and not found.act_known:
        yield _("A snapshot of the state register that lists it.")
    elif found.situation == Situation.UNEXPLAINED:
        yield _("A whole snapshot of the state register: so far we have none.")
    if found.situation == Situation.UNEXPLAINED and found.said in (Said.NONE, Said.SILENT):
        yield _("An answer of those who are asked about it.")
