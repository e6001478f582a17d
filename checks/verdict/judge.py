"""One measurement with its controls in, one verdict out: the first rule that matches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from checks.engine.records import Measurement
from checks.verdict import facts as drawn
from checks.verdict.facts import UNKNOWN, Facts, Setting
from checks.verdict.fingerprints import References
from checks.verdict.rules import BY_ID, RULESET, RULESETS, Rule, Verdict, server_side

Confidence = Literal["high", "medium", "low"]
Language = Literal["en", "ru", "kk"]
HIGH, MEDIUM = 0.9, 0.7


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one measurement means, and everything that this was concluded from."""

    verdict: Verdict
    mechanism: str | None
    rule: str
    ruleset: str
    confidence: Confidence
    notes: tuple[str, ...]
    artefact: bool  # only a censor shows this: a fingerprint, an interception CA, a bogon of the network's own
    confirmed: bool  # another server name, or Host, was answered on the same address, and this one failed each time
    hop: int
    hop_host: str
    controls: tuple[str, ...]
    fingerprints: str  # revision
    trust_store: str


def judge(
    measurement: Measurement,
    controls: Sequence[Measurement],
    references: References,
    setting: Setting = UNKNOWN,
    ruleset: str = RULESET,
) -> Judgement:
    facts = drawn.of(measurement, controls, references, setting)
    return conclude(facts, measurement.trust_store, references.revision, ruleset)


def conclude(facts: Facts, trust_store: str, fingerprints: str, ruleset: str = RULESET) -> Judgement:
    rule = next(rule for rule in RULESETS[ruleset] if rule.predicate(facts))
    mechanism = rule.mechanism_of(facts)
    return Judgement(
        verdict=rule.verdict,
        mechanism=mechanism,
        rule=rule.id,
        ruleset=ruleset,
        confidence=_confidence(min(rule.weight, MEDIUM) if _is_by_one(facts, rule) else rule.weight),
        notes=_notes(facts, rule),
        artefact=rule.artefact,
        confirmed=_is_confirmed(facts, mechanism),
        hop=facts.hop,
        hop_host=facts.hop_host,
        controls=facts.controls,
        fingerprints=fingerprints,
        trust_store=trust_store,
    )


def explain(facts: Facts, judgement: Judgement, language: Language) -> str:
    rule = BY_ID[judgement.rule]
    sentence = {"en": rule.sentence_en, "ru": rule.sentence_ru, "kk": rule.sentence_kk}[language]
    return sentence.format(host=facts.hop_host)


def _confidence(weight: float) -> Confidence:
    return "high" if weight >= HIGH else "medium" if weight >= MEDIUM else "low"


def _is_confirmed(facts: Facts, mechanism: str | None) -> bool:
    """The suspected name failed each time again, where another one was answered."""
    by_name = mechanism is not None and mechanism.endswith((".sni", ".host"))
    return by_name and facts.swap == "answered" and facts.repeated == "failed"


def _is_by_one(facts: Facts, rule: Rule) -> bool:
    """A name that one control alone resolves, held against the network's resolver."""
    return rule.verdict is Verdict.BLOCKED and facts.step == "dns" and not rule.artefact and facts.dns_resolving == 1


def _notes(facts: Facts, rule: Rule) -> tuple[str, ...]:
    notes = list(rule.notes)
    if server_side(facts):
        notes.append("server_side")
    if facts.forged and (
        rule.verdict is Verdict.ACCESSIBLE or (facts.step not in ("dns", "none") and facts.dns_trusted)
    ):
        notes.append("dns_tampering")
    if rule.verdict is Verdict.BLOCKED and facts.is_ghost:
        notes.append("ghost_block")
    if _is_by_one(facts, rule):
        notes.append("one_control")
    if facts.dns == "by_another":
        notes.append("other_resolver")
    if facts.residual:
        notes.append("residual_blocking")
    return tuple(notes)
