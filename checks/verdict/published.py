"""The rules as the table of docs/method.md: `make rules` writes it between its marks.

`python -m checks.verdict.published FILE` writes the table into any such page.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from checks.verdict.rules import RETIRED, RULES, RULESET, RULESETS, Rule

BEGIN, END = "<!-- rules: written by `make rules` -->", "<!-- end of the rules -->"
COLUMNS = ("rule", "verdict", "mechanism", "weight", "when", "what it says", "source")


def table() -> str:
    """Every rule in the order in which they are tried; * marks an artefact."""
    lines = [
        f"Ruleset `{RULESET}`, {len(RULES)} rules.",
        "",
        f"| {' | '.join(COLUMNS)} |",
        "|---" * len(COLUMNS) + "|",
        *(f"| {' | '.join(_cells(rule))} |" for rule in RULES),
        "",
        f"Retired ids: {', '.join(f'`{id}`' for id in sorted(RETIRED)) or 'none yet'}.",
    ]
    return "\n".join(lines)


def _cells(rule: Rule) -> list[str]:
    says = rule.sentence_en.format(host="example.org")
    cells = [f"`{rule.id}`", rule.verdict.value, _mechanism(rule), f"{rule.weight:g}", rule.when, says, rule.source]
    return [cell.replace("|", "\\|") for cell in cells]


def _mechanism(rule: Rule) -> str:
    fixed = (rule.mechanism,) if isinstance(rule.mechanism, str) else rule.mechanisms
    return (" / ".join(f"`{name}`" for name in fixed) or "–") + (" *" if rule.artefact else "")


def in_full(ruleset: str) -> str:
    """The rules of one ruleset in their order, with all that readers are told."""
    if ruleset not in RULESETS:
        return f"# Ruleset {ruleset}\n\nThis version of the software no longer has the text of its rules.\n"
    legend = "The first rule that fits decides. {host} is the site. * marks what only a censor shows."
    sections = (_section(number, rule) for number, rule in enumerate(RULESETS[ruleset], start=1))
    return "\n".join([f"# Ruleset {ruleset}\n\n{legend}\n", *sections])


def _section(number: int, rule: Rule) -> str:
    lines = {
        "Verdict": f"{rule.verdict.value}, {_mechanism(rule)}, weight {rule.weight:g}",
        "When": rule.when,
        "Қазақша": rule.sentence_kk,
        "По-русски": rule.sentence_ru,
        "In English": rule.sentence_en,
        "Source": rule.source,
    }
    return f"## {number}. {rule.id}\n\n" + "".join(f"- {name}: {text}\n" for name, text in lines.items())


def written_into(page: str) -> str:
    """The page with the table of now. Raises ValueError where it has no place for it."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no {BEGIN} … {END}")
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


def main(arguments: Sequence[str] | None = None) -> int:
    for path in map(Path, sys.argv[1:] if arguments is None else arguments):
        path.write_text(written_into(path.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
