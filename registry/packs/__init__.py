"""Loading a country pack: who may restrict, on what grounds, and the starter cases.

One transaction: a pack is loaded whole or not at all. What a pack no longer names stays in the record
(editors withdraw it), and what an editor has changed since is kept as the editor left it.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.db import models, transaction
from django.utils import translation

from checks import packs as checks_packs
from checks.packs import BadPack, Problem, Writer
from registry import displays, log
from registry.models import Candidate, Listing, LogEntry
from registry.packs.reading import read
from registry.packs.writing import write


def load(country: str, root: Path, *, reason: str = "") -> dict[str, Counter[str]]:
    """Load the pack of a country from the project (or a copy of it) under `root`.

    Answers per table how many rows were created, changed, unchanged, or kept as an editor left them.
    Raises BadPack with every mistake, or with the files that could not be read; then nothing was loaded.
    """
    problems: list[Problem] = []
    with translation.override("en"):
        side = checks_packs.read(root, country, problems)
        pack = read(root, country, side.asns, problems)
    if problems:
        raise BadPack([problem for problem in problems if problem.whole_file] or problems)
    by, reason = f"pack:{country}", reason or f"country pack {country}"
    with transaction.atomic():
        changes: list[tuple[str, models.Model, Mapping[str, Any]]] = []
        writer = Writer(
            changed=lambda operation, record, fields: changes.append((operation, record, fields)),
            mine=lambda record: _last_changed_by(record) in ("", by),
        )
        write(pack, side, writer)
        Listing.objects.link()  # what snapshots listed before its resource was known
        Candidate.objects.link()
        displays.refresh(by=by, reason=reason)
        # Only now is known which resources a record is about, and how much of them may be told.
        for operation, record, fields in changes:
            before = log.told_so_far(record) if operation == "change" else {}
            after = {**dict.fromkeys(before, ""), **fields}  # a cell that is empty now is not among the fields
            log.append(operation, record, before=before, after=after, reason=reason, by=by)
    return writer.counts


def sha256_of(country: str, root: Path) -> str:
    """Of all files of both sides of the pack, with their names."""
    whole = hashlib.sha256()
    for side in ("registry", "checks"):
        folder = root / side / "countries" / country
        for file in sorted(one for one in folder.rglob("*") if one.is_file() and one.suffix != ".pyc"):
            content = file.read_bytes()
            whole.update(f"{file.relative_to(root).as_posix()}\0{len(content)}\0".encode() + content)
    return whole.hexdigest()


def _last_changed_by(record: models.Model) -> str:
    last = LogEntry.objects.filter(subject=f"{record._meta.model_name}/{record.pk}").order_by("-id").first()
    return str(json.loads(last.payload)["by"]) if last else ""
