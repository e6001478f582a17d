"""Which facts a judgement rests on, and why the rules before it did not apply: found by watching what they read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from checks.verdict.facts import Facts
from checks.verdict.rules import RULES, Rule

NEAR_MISSES = 5

# What each fact is, for people. The names and values are those of `Facts`.
WORDS = {
    "probe": "the state of the probe",
    "controls": "the controls that could be used",
    "has_control": "whether there was a control that could be used",
    "dns": "what the network's own resolver answered",
    "dns_trusted": "whether that answer is taken for the site's own",
    "dns_resolving": "how many controls resolve the name",
    "dns_failing": "how many controls say that there is no such name, or fail",
    "dns_absent": "how many of these say so, and do not only fail",
    "dns_quorum": "how many must resolve it",
    "dns_resolved_by_controls": "whether enough controls resolve the name",
    "dns_known_address": "whether the answer is an address of block pages",
    "dns_local": "whether that answer is only 0.0.0.0 or loopback",
    "is_ghost": "whether the network answers for a name that exists for no control",
    "hijacked": "whether resolvers that have nothing in common gave an answer that nobody else gets",
    "hop_secure": "whether the decisive hop is https",
    "step": "the step at which it ended",
    "failure": "how it failed",
    "pair": "what the controls met at that step",
    "leaf": "whose certificate was refused, beside the control's",
    "refused": "what was wrong with the refused certificate",
    "self_signed": "whether it was signed by itself",
    "swap": "what another name on the same address met",
    "repeated": "how the step went when it was tried again",
    "line": "whether a name that opens everywhere was answered then",
    "throttle": "how slow it was beside another name",
    "slowed": "what was slow",
    "begun": "whether the response had begun",
    "flowing": "whether at least 16 KiB of it came",
    "response": "what kind of page came",
    "status": "the status of the page",
    "page": "how the page compares with the control's",
    "blockpage": "whether the page is a block page",
    "interception": "whether a known interception authority signed the certificate",
}


@dataclass(frozen=True, slots=True)
class Trace:
    """`facts` are those that the deciding rule read; `missed` is (rule, the fact that failed it), nearest first."""

    facts: tuple[str, ...]
    missed: tuple[tuple[str, str], ...]


class _Watched:
    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self.read: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        value = self.read[name] = getattr(self._facts, name)
        return value


def trace(facts: Facts) -> Trace:
    missed: list[tuple[int, Rule, str]] = []
    for rule in RULES:
        watched = _Watched(facts)
        if rule.predicate(cast(Facts, watched)):
            near = sorted(missed, key=lambda miss: -miss[0])[:NEAR_MISSES]
            return Trace(
                facts=tuple(_said(name, value) for name, value in watched.read.items()) or ("nothing else applied",),
                missed=tuple((other.id, fact) for _, other, fact in near),
            )
        # Conditions are read from left to right, so the last fact that was read is the one that failed the rule.
        name, value = list(watched.read.items())[-1]
        missed.append((len(watched.read), rule, _said(name, value)))
    raise AssertionError("the last rule matches everything")


def _said(name: str, value: object) -> str:
    return f"{name} ({WORDS[name]}): {value}"
