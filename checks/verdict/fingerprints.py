"""What only a censor shows: known interception certificates and block pages, read from a country pack."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

from checks.engine.records import Certificate, Exchange

ROOTS_FILE = "interception_roots.csv"  # sha256, subject, issuer_pattern, not_before, not_after, source
PAGES_FILE = "blockpages.csv"  # id, field, pattern, scope, source

PageMatch = Literal["none", "known", "vague"]


@dataclass(frozen=True, slots=True)
class BlockPage:
    """`field` is title or body; `vague` says that institutions use the same words, so that it is no artefact."""

    id: str
    field: str
    pattern: str
    vague: bool = False

    def matches(self, exchange: Exchange) -> bool:
        text = exchange.title if self.field == "title" else exchange.body
        return self.pattern.casefold() in (text or "").casefold()


@dataclass(frozen=True, slots=True)
class References:
    """The fingerprints of one country. `revision` is published with every verdict that they led to."""

    interception_hashes: frozenset[str] = frozenset()
    interception_issuers: tuple[str, ...] = ()  # RFC 4514 attributes, e.g. "O=ISCA,C=KZ", in any order
    blockpages: tuple[BlockPage, ...] = ()
    false_positives: tuple[BlockPage, ...] = ()
    revision: str = "none"

    def intercepts(self, chain: Iterable[Certificate]) -> bool:
        """Known by hash, or by the issuer's name: the intermediates live 75 days, their names stay."""
        return any(
            certificate.sha256.lower() in self.interception_hashes
            or any(_attributes(issuer) <= _attributes(certificate.issuer) for issuer in self.interception_issuers)
            for certificate in chain
        )

    def page(self, exchange: Exchange) -> PageMatch:
        """Whether a response is a block page; the false positives are asked first."""
        if any(page.matches(exchange) for page in self.false_positives):
            return "none"
        found = [page for page in self.blockpages if page.matches(exchange)]
        if not found:
            return "none"
        return "vague" if all(page.vague for page in found) else "known"

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read a pack folder. Raises OSError for a missing file, ValueError for a bad row, with file and line."""
        roots = _rows(directory / ROOTS_FILE, ("sha256", "issuer_pattern"))
        pages = _rows(directory / PAGES_FILE, ("id", "field", "pattern", "scope"))
        if any(row["field"] not in ("title", "body") for row in pages):
            raise ValueError(f"{directory / PAGES_FILE}: a field is title or body")
        digest = hashlib.sha256()
        for name in (ROOTS_FILE, PAGES_FILE):
            digest.update((directory / name).read_bytes())
        return cls(
            interception_hashes=frozenset(row["sha256"].lower() for row in roots if row["sha256"]),
            interception_issuers=tuple(sorted({row["issuer_pattern"] for row in roots if row["issuer_pattern"]})),
            blockpages=tuple(_page(row) for row in pages if row["scope"] != "false_positive"),
            false_positives=tuple(_page(row) for row in pages if row["scope"] == "false_positive"),
            revision=digest.hexdigest()[:12],
        )


def _page(row: dict[str, str]) -> BlockPage:
    return BlockPage(row["id"], row["field"], row["pattern"], vague=row["scope"] == "vague")


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
