"""What only a censor shows: known interception certificates, block pages and addresses of block pages.

They are read from a country pack and from folders that `python -m checks.verdict.fingerprints` wrote. All
patterns of one field are one RE2 automaton: its time is linear in the text whatever the patterns are, so
that a list from elsewhere cannot hang the judge, and two thousand of them cost no more than twenty.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, Self

import re2  # type: ignore[import-untyped]

from checks.engine.records import Certificate, Exchange, Query

ROOTS_FILE = "interception_roots.csv"  # sha256, subject, issuer_pattern, not_before, not_after, source
PAGES_FILE = "blockpages.csv"  # id, field, pattern, scope, source; and kind, countries where they are not the usual

PageMatch = Literal[
    "none",
    "known",  # only a censor shows it
    "vague",  # a notice that names an order or a law, or a page of those who filter
    "words",  # words that notices use, and servers that turn visitors away too
]

FIELDS = ("title", "body", "dns")  # or header.NAME
KINDS = ("words", "contains", "prefix", "full", "regexp")  # `words`, the usual, is `contains` in any case of letters
FALSE_POSITIVE, SERVER_SIDE = "false_positive", "server_side"
IMITATED = "imitated"  # the lab's own block page, which proves something in the lab only
PROOF = frozenset({"country", IMITATED, "nat", "isp"})  # ooni/backend confirms by these, and by the expected country
VAGUE = frozenset({"vague", "vbw", "inst", "prod", "prov", "injb"})
SCOPES = PROOF | VAGUE | {FALSE_POSITIVE, SERVER_SIDE}

MEMORY = 64 << 20  # bytes that one automaton may take; beyond, RE2 forgets states and goes on
SCANNED = 256 * 1024  # characters of a body
REMEMBERED = 8192  # texts whose matches are kept, by hash
NOTICE_LIMIT = 8192  # characters: notices are short, and an article about blocking is not


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """`scope` says how much a match means: proof, or only that somebody filters (institutions, products)."""

    id: str
    field: str
    pattern: str
    scope: str
    kind: str = "words"
    countries: frozenset[str] = frozenset()

    @property
    def expression(self) -> str:
        if self.kind == "regexp":
            return self.pattern
        text: str = re2.escape(self.pattern)
        return {"words": f"(?i){text}", "contains": text, "prefix": rf"\A{text}", "full": rf"\A{text}\z"}[self.kind]

    def is_proof(self, country: str | None) -> bool:
        """Of another country's page or address it is none: words and addresses travel."""
        if country in self.countries:
            return self.scope not in ("vague", "vbw")
        return self.scope in PROOF and not self.countries


# The words of notices all over the world, ours in three languages. They prove nothing by themselves: a server that
# turns a visitor away, or a robot, uses them too.
_WORDS = (
    r"\baccess (?:to (?:this|the) [\w -]{0,40})?(?:(?:is|was|has been) )?(?:denied|blocked|restricted|prohibited)",
    r"\b(?:site|page|resource|url|domain) (?:\S+ ){0,3}?(?:is|has been|was) (?:blocked|banned|prohibited)\b",
    r"\bblocked (?:by|under|pursuant to|according to) (?:the |an? )?(?:order|decision|court|law|government)",
    r"доступ (?:\S+ ){0,5}?(?:ограничен|заблокирован|запрещ[её]н|закрыт)",
    r"(?:сайт|ресурс|страница) (?:\S+ ){0,3}?(?:заблокирован|запрещ[её]н)",
    r"(?:сайт|ресурс|бет|қолжетімділі|кіру)\S*(?: \S+){0,5}? (?:бұғаттал|шектел|тыйым сал)",
)
# What tells a notice of blocking from a server's own refusal: it says by whose order, or by what law.
_ORDERS = (
    r"\b(?:court|laws?|legislation|jurisdiction|government|ministry|prosecutor|regulator|authorit(?:y|ies))\b",
    r"\b(?:by (?:an )?order|order of|decision of|legal (?:order|reasons|grounds|demand|requirements?))\b",
    r"(?:решени|постановлени|требовани|предписани)\S+ (?:\S+ )?(?:суд|орган|прокур|министер|комитет|уполномоч|закон)",
    r"законодательств|законом|закона |судебн|министерств|прокуратур|роскомнадзор|уполномоченн\S+ орган",
    r"сот(?:тың| шешім| қаулы)|заң(?:ы|ға|нама|д)|министрліг|прокуратура|уәкілетті орган|үкімет",
)
_TURNED_AWAY = r"\b(?:not|un)\s?available in your (?:country|region|location|area)\b"
NOTICES = (
    *(Fingerprint("notice", "body", f"(?i){words}", "vague", "regexp") for words in _WORDS),
    *(Fingerprint("order", "body", f"(?i){words}", "vague", "regexp") for words in _ORDERS),
    Fingerprint("turned_away", "body", f"(?i){_TURNED_AWAY}", SERVER_SIDE, "regexp"),
)


class Matcher:
    """The fingerprints of one field as one automaton; a text that comes again is not read again."""

    def __init__(self, fingerprints: Sequence[Fingerprint]) -> None:
        options = re2.Options()
        options.max_mem, options.log_errors = MEMORY, False
        self._fingerprints = fingerprints
        self._automaton = re2.Set.SearchSet(options)
        for fingerprint in fingerprints:
            self._automaton.Add(fingerprint.expression)
        self._automaton.Compile()
        self._found: dict[bytes, tuple[Fingerprint, ...]] = {}

    def find(self, text: str) -> tuple[Fingerprint, ...]:
        if not text or not self._fingerprints:
            return ()
        raw = text[:SCANNED].encode("utf-8", "replace")
        key = hashlib.sha256(raw).digest()
        found = self._found.get(key)
        if found is None:
            if len(self._found) >= REMEMBERED:
                self._found.clear()
            found = tuple(self._fingerprints[number] for number in self._automaton.Match(raw) or ())
            self._found[key] = found
        return found


@dataclass(frozen=True)
class References:
    """All fingerprints that are in use. `revision` is published with every verdict that they led to."""

    interception_hashes: frozenset[str] = frozenset()
    interception_issuers: tuple[str, ...] = ()  # RFC 4514 attributes, e.g. "O=ISCA,C=KZ", in any order
    fingerprints: tuple[Fingerprint, ...] = ()
    revision: str = "none"

    def intercepts(self, chain: Iterable[Certificate]) -> bool:
        """Known by hash, or by the issuer's name: the intermediates live 75 days, their names stay."""
        return any(
            certificate.sha256.lower() in self.interception_hashes
            or any(issuer <= _attributes(certificate.issuer) for issuer in self._issuers)
            for certificate in chain
        )

    def page(self, exchange: Exchange, country: str | None = None, *, imitated: bool = False) -> PageMatch:
        """Whether a response is a block page; the false positives are asked first."""
        found: list[Fingerprint] = []
        for field, matcher in self._matchers.items():
            for text in _texts(exchange, field):
                found += matcher.find(text)
        found = [f for f in found if imitated or f.scope != IMITATED]
        return self._meaning(found, country, self._notices(exchange))

    def address(self, query: Query, country: str | None = None) -> bool:
        """Whether an answer is an address, or a name, that only block pages live at.

        Of another country's it is no proof: forgers like to answer with somebody's real address.
        """
        matcher = self._matchers.get("dns")
        if matcher is None:
            return False
        found = [fingerprint for answer in query.answers for fingerprint in matcher.find(answer.value)]
        return self._meaning([f for f in found if not f.countries or country in f.countries], country) == "known"

    def _notices(self, exchange: Exchange) -> tuple[Fingerprint, ...]:
        body = exchange.body or ""
        return self._notice.find(f"{exchange.title or ''}\n{body}") if len(body) <= NOTICE_LIMIT else ()

    def _meaning(
        self, found: Sequence[Fingerprint], country: str | None, notices: Sequence[Fingerprint] = ()
    ) -> PageMatch:
        scopes = {fingerprint.scope for fingerprint in (*found, *notices)}
        words = {fingerprint.id for fingerprint in notices}
        if FALSE_POSITIVE in scopes:
            return "none"
        if any(fingerprint.is_proof(country) for fingerprint in found):
            return "known"
        if SERVER_SIDE in scopes:
            return "words"
        if found or {"notice", "order"} <= words:
            return "vague"
        return "words" if "notice" in words else "none"

    @cached_property
    def _matchers(self) -> dict[str, Matcher]:
        fields = {fingerprint.field for fingerprint in self.fingerprints}
        return {field: Matcher([f for f in self.fingerprints if f.field == field]) for field in sorted(fields)}

    @cached_property
    def _notice(self) -> Matcher:
        return Matcher(NOTICES if self.fingerprints else ())

    @cached_property
    def _issuers(self) -> tuple[frozenset[str], ...]:
        return tuple(_attributes(issuer) for issuer in self.interception_issuers)

    @classmethod
    def load(cls, pack: Path, *more: Path) -> Self:
        """Read a pack and folders of further fingerprints. OSError for a missing file, ValueError for a bad row."""
        roots_files, pages_files = _files(ROOTS_FILE, pack, more), _files(PAGES_FILE, pack, more)
        for folder in more:
            if not {folder / ROOTS_FILE, folder / PAGES_FILE} & {*roots_files, *pages_files}:
                raise FileNotFoundError(f"{folder}: neither {PAGES_FILE} nor {ROOTS_FILE} is there")
        roots = [row for path in roots_files for row in _rows(path, ("sha256", "issuer_pattern"))]
        pages = [page for path in pages_files for page in read(path)]
        digest = hashlib.sha256(repr(NOTICES).encode())
        for path in (*roots_files, *pages_files):
            digest.update(path.read_bytes())
        return cls(
            interception_hashes=frozenset(row["sha256"].lower() for row in roots if row["sha256"]),
            interception_issuers=tuple(sorted({row["issuer_pattern"] for row in roots if row["issuer_pattern"]})),
            fingerprints=tuple(pages),
            revision=digest.hexdigest()[:12],
        )


def read(path: Path) -> list[Fingerprint]:
    """The fingerprints of one file in our own form. Raises ValueError for a bad row, with file and line."""
    found = []
    for number, row in enumerate(_rows(path, ("id", "field", "pattern", "scope")), start=2):
        countries = frozenset(row.get("countries", "").split())
        kind = row.get("kind") or "words"
        fingerprint = Fingerprint(row["id"], row["field"], row["pattern"], row["scope"], kind, countries)
        if reason := wrong(fingerprint):
            raise ValueError(f"{path}, row {number}: {reason}")
        found.append(fingerprint)
    return found


def wrong(fingerprint: Fingerprint) -> str | None:
    """Why a fingerprint cannot be used, or None."""
    header = fingerprint.field.removeprefix("header.")
    if fingerprint.field not in FIELDS and header in ("", fingerprint.field):
        return f"a field is title, body, dns or header.NAME, not {fingerprint.field!r}"
    if fingerprint.kind not in KINDS:
        return f"a kind is one of {', '.join(KINDS)}, not {fingerprint.kind!r}"
    if fingerprint.scope not in SCOPES:
        return f"a scope is one of {', '.join(sorted(SCOPES))}, not {fingerprint.scope!r}"
    if not fingerprint.pattern.strip():
        return "an empty pattern matches everything"
    options = re2.Options()
    options.log_errors = False
    try:
        compiled = re2.compile(fingerprint.expression, options)
    except re2.error as error:
        said = error.args[0] if error.args else error
        return f"no regular expression of RE2: {said.decode() if isinstance(said, bytes) else said}"
    return "it matches the empty text" if compiled.search("") else None


def _texts(exchange: Exchange, field: str) -> list[str]:
    match field:
        case "title":
            return [exchange.title or ""]
        case "body":
            return [exchange.body or ""]
        case _:
            name = field.removeprefix("header.")
            return [value for key, value in exchange.headers if key.lower() == name.lower()]


def _files(name: str, pack: Path, more: Sequence[Path]) -> list[Path]:
    """The pack's file, which must be there, and those of other folders, which need not."""
    return [pack / name, *(folder / name for folder in more if (folder / name).exists())]


def _rows(path: Path, required: Sequence[str]) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        missing = set(required) - set(reader.fieldnames or ())
        if missing:
            raise ValueError(f"{path}: no column {', '.join(sorted(missing))}")
        rows = []
        for row in reader:
            if None in row or None in row.values() or ("pattern" in required and not row["pattern"].strip()):
                raise ValueError(f"{path}, line {reader.line_num}: too many, too few or empty fields")
            rows.append(row)
        return rows


def _attributes(name: str) -> frozenset[str]:
    return frozenset(part.strip().casefold() for part in name.split(",") if part.strip())
