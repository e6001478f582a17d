"""Loading a country pack: who may restrict, on what grounds, and the starter cases.

One transaction: a pack is loaded whole or not at all. What a pack no longer names stays in the record
(editors withdraw it), and what an editor has changed since is kept as the editor left it.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import models, transaction
from django.utils import translation

from checks import packs as checks_packs
from checks.models import AddressRange
from checks.packs import BadPack, Change, Files, Problem, Writer, files
from registry import displays, log
from registry.models import Candidate, Listing, LogEntry, Resource
from registry.packs.reading import read
from registry.packs.writing import write

DISPLAYS = "displays"  # not a table of the pack: how much of names is shown changes with it


@dataclass(frozen=True)
class Difference:
    """One row that a pack creates, changes or removes: the fields that it has afterwards and that it had before."""

    table: str
    done: str
    name: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]


@dataclass(frozen=True)
class Loaded:
    """What became of a pack: counts per table, and every difference."""

    counts: Mapping[str, Mapping[str, int]]  # created, changed, removed, kept, unchanged
    models: Mapping[str, str]  # of each table, as "registry.act"
    differences: list[Difference]


def load(country: str, root: Path, *, reason: str = "") -> Mapping[str, Mapping[str, int]]:
    """Load the pack of a country from the project (or a copy of it) under `root`. Answers and raises as `load_files`.

    Of the answer only the counts.
    """
    return load_files(country, files(country, root), reason=reason).counts


def load_files(country: str, content: Files, *, reason: str = "") -> Loaded:
    """Load a pack from these very files.

    Tells per table how many rows were created, changed, removed, unchanged, or kept as an editor left them.
    Raises BadPack with every mistake, or with the files that could not be read; then nothing was loaded.
    """
    problems: list[Problem] = []
    with translation.override("en"):
        side = checks_packs.read(content, country, problems)
        pack = read(content, country, side.asns, problems)
    if problems:
        raise BadPack([problem for problem in problems if problem.whole_file] or problems)
    by, reason = f"pack:{country}", reason or f"country pack {country}"
    writer = Writer(mine=lambda record: _last_changed_by(record) in ("", by))
    with transaction.atomic():
        write(pack, side, writer)
        Listing.objects.link()  # what snapshots listed before its resource was known
        Candidate.objects.link()
        last = _last_entry()
        displays.refresh(by=by, reason=reason)
        shown = [_shown(entry) for entry in LogEntry.objects.filter(pk__gt=last).order_by("pk")]
        # Only now is known which resources a record is about, and how much of them may be told.
        differences = [_logged(change, reason=reason, by=by) for change in writer.changes]
    tables = {table: model._meta.label_lower for table, model in writer.tables.items()}
    if shown:
        writer.counts[DISPLAYS] = Counter(changed=len(shown))
        tables[DISPLAYS] = Resource._meta.label_lower
    return Loaded(writer.counts, tables, differences + shown)


def sha256_of(content: Files) -> str:
    """Of all files of a pack, with their names."""
    whole = hashlib.sha256()
    for name, data in content.items():
        whole.update(f"{name}\0{len(data)}\0".encode() + data)
    return whole.hexdigest()


def _logged(change: Change, *, reason: str, by: str) -> Difference:
    """Address ranges alone are not in the log."""
    record, told = change.record, change.told
    before: Mapping[str, Any] = change.was
    if not isinstance(record, AddressRange):
        before = log.told_so_far(record) if change.done == "changed" else {}
        told = {**dict.fromkeys(before, ""), **told}  # a cell that is empty now is not among the fields
        operation = {"created": "create", "changed": "change"}[change.done]
        log.append(operation, record, before=before, after=told, reason=reason, by=by)
        # What another program made was never told.
        unlogged = {name: str(value) for name, value in change.was.items() if name in told and name not in before}
        before = {**unlogged, **before}
    name = next(filter(None, [*change.told.values(), *change.was.values()]), "")
    if change.done == "changed":
        same = {one for one in told if before.get(one, "") == told[one]}
        before, told = ({one: side[one] for one in side if one not in same} for side in (before, told))
    return Difference(change.table, change.done, str(name), before, told)


def _shown(entry: LogEntry) -> Difference:
    payload = json.loads(entry.payload)
    resource = Resource.objects.get(pk=payload["subject"].partition("/")[2])
    return Difference(DISPLAYS, "changed", resource.name, payload["before"], payload["after"])


def _last_entry() -> int:
    return LogEntry.objects.order_by("-pk").values_list("pk", flat=True).first() or 0


def _last_changed_by(record: models.Model) -> str:
    last = LogEntry.objects.filter(subject=f"{record._meta.model_name}/{record.pk}").order_by("-id").first()
    return str(json.loads(last.payload)["by"]) if last else ""
