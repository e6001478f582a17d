"""Country packs: how their files are read, and the side that says what is measured, and from where.

A pack is two folders of CSV files, `registry/countries/kz` and `checks/countries/kz`. Every row is
checked before one is written, and everything wrong is told at once, by file, line and column.
"""

from __future__ import annotations

import csv
import io
import ipaddress
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.db import models

from checks.engine.names import BadName, parse
from checks.models import AddressRange, Network, address_key

SIDES = ("registry", "checks")
SHOWN = 50  # problems; with more, the first of them usually explains the rest

NETWORK_COLUMNS = ("asn", "name", "brand", "kind", "country", "note", "sources")
RANGE_COLUMNS = ("first", "last", "asn", "name")


Files = Mapping[str, bytes]  # by their paths in the project


@dataclass(frozen=True)
class Problem:
    file: str
    line: int
    column: str
    reason: str
    whole_file: bool = False  # its rows are lost: what others say of them would be no mistake of theirs

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.column}: {self.reason}"


class BadPack(Exception):
    """The pack has mistakes, so nothing of it was loaded."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        more = len(problems) - SHOWN
        super().__init__("\n".join([*map(str, problems[:SHOWN]), *([f"… and {more} more"] if more > 0 else [])]))


def files(country: str, root: Path) -> Files:
    """All files of both sides of a pack, each read once. Raises BadPack for those that cannot be read."""
    found, problems = {}, []
    for side in SIDES:
        folder = root / side / "countries" / country
        for file in sorted(one for one in folder.rglob("*") if one.is_file() and one.suffix != ".pyc"):
            name = file.relative_to(root).as_posix()
            try:
                found[name] = file.read_bytes()
            except OSError as error:
                problems.append(Problem(name, 1, "-", f"the file cannot be read: {error.strerror}", whole_file=True))
    if problems:
        raise BadPack(problems)
    return found


@dataclass(frozen=True)
class Row:
    """One row of a file. Its readers answer with a value, or note what is wrong and answer with the text."""

    file: str
    line: int
    cells: dict[str, str]
    problems: list[Problem]

    def bad(self, column: str, reason: str) -> None:
        self.problems.append(Problem(self.file, self.line, column, reason))

    def value(self, model: type[models.Model], column: str, name: str = "") -> Any:
        """The cell as the field of that name takes it; the column is called like the field, unless `name` says."""
        field: models.Field[Any, Any] = model._meta.get_field(name or column)  # type: ignore[assignment]
        text = self.cells[column]
        known = [str(value) for value, _label in field.choices or ()]
        if text and known and text not in known:
            self.bad(column, f"“{text}” is none of {', '.join(known)}")
            return text
        try:
            return field.clean(text, None)
        except ValidationError as error:
            self.bad(column, " ".join(error.messages))
            return text

    def values(self, model: type[models.Model], columns: Iterable[str]) -> dict[str, Any]:
        return {column: self.value(model, column) for column in columns}

    def flag(self, column: str) -> bool:
        if self.cells[column] not in ("", "yes"):
            self.bad(column, f"“{self.cells[column]}” is neither yes nor empty")
        return self.cells[column] == "yes"

    def items(self, column: str) -> list[str]:
        """The parts of a cell that holds several, separated by semicolons."""
        return [part.strip() for part in self.cells[column].split(";") if part.strip()]

    def code(self, column: str, known: Collection[str], where: str) -> str:
        if self.cells[column] and self.cells[column] not in known:
            self.bad(column, f"“{self.cells[column]}” is not in {where}")
        return self.cells[column]

    def codes(self, column: str, known: Collection[str], where: str) -> list[str]:
        for code in self.items(column):
            if code not in known:
                self.bad(column, f"“{code}” is not in {where}")
        return self.items(column)

    def urls(self, column: str) -> list[str]:
        for url in self.items(column):
            try:
                URLValidator()(url)
            except ValidationError:
                self.bad(column, f"“{url}” is no URL")
        return self.items(column)


@dataclass(frozen=True)
class Folder:
    """One side of a pack."""

    files: Files
    path: str
    problems: list[Problem]

    def rows(self, file: str, columns: Collection[str], key: str = "") -> list[Row]:
        """The rows of a file that has exactly these columns; `key` is a column that no two rows share."""
        name, text = self.text(file)
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        rows: list[Row] = []
        header: list[str] = []
        start = 1
        try:
            for cells in reader:
                if not header:
                    header = [cell.strip() for cell in cells]
                    if not self._right_header(name, header, columns):
                        return []
                elif cells and len(cells) != len(header):
                    reason = f"this row has {len(cells)} cells, the header {len(header)}"
                    self.problems.append(Problem(name, start, header[min(len(cells), len(header)) - 1], reason))
                elif cells:
                    stripped = (cell.strip() for cell in cells)
                    rows.append(Row(name, start, dict(zip(header, stripped, strict=True)), self.problems))
                start = reader.line_num + 1
        except csv.Error as error:
            reason = f"the quotation marks are broken from here on ({error})"
            self.problems.append(Problem(name, start, header[0] if header else "-", reason, whole_file=True))
        if text and not header:
            self._lost(name, 1, "the file has no header")
        if key:
            _refuse_twice(rows, key)
        return rows

    def rows_if_any(self, file: str, columns: Collection[str], key: str = "") -> list[Row]:
        """The same of a file that a pack may do without."""
        return self.rows(file, columns, key) if f"{self.path}/{file}" in self.files else []

    def names(self, file: str) -> list[str]:
        """The hosts of a list with one name a line; # begins a comment."""
        name, text = self.text(file)
        hosts = []
        for line, content in enumerate(text.splitlines(), start=1):
            if content.strip() and not content.startswith("#"):
                try:
                    hosts.append(parse(content).host)
                except BadName as error:
                    self.problems.append(Problem(name, line, "name", error.message))
        return hosts

    def text(self, file: str) -> tuple[str, str]:
        """The path for problems, and what the file says: UTF-8, with or without a byte order mark."""
        name = f"{self.path}/{file}"
        if name not in self.files:
            self._lost(name, 1, "there is no such file")
            return name, ""
        data = self.files[name]
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            self._lost(name, line, f"byte 0x{data[error.start]:02x} is no UTF-8 text")
            return name, ""
        if "\0" in text:
            line = text.count("\n", 0, text.index("\0")) + 1
            self._lost(name, line, "there is a NUL character; this is no text file")
            return name, ""
        if not text:
            self._lost(name, 1, "the file is empty")
        return name, text

    def _lost(self, name: str, line: int, reason: str) -> None:
        self.problems.append(Problem(name, line, "-", reason, whole_file=True))

    def _right_header(self, name: str, header: list[str], columns: Collection[str]) -> bool:
        wrong = [(column, "the column is missing") for column in columns if column not in header]
        wrong += [(column, "no such column is known") for column in header if column not in columns]
        wrong += [(column, "the column stands twice") for column, n in Counter(header).items() if n > 1]
        self.problems.extend(Problem(name, 1, column, reason, whole_file=True) for column, reason in wrong)
        return not wrong


def _refuse_twice(rows: list[Row], key: str) -> None:
    first: dict[str, int] = {}
    for row in rows:
        text = row.cells[key]
        if text and text in first:
            row.bad(key, f"“{text}” stands in line {first[text]} too")
        first.setdefault(text, row.line)


@dataclass(frozen=True)
class Change:
    """A row that a pack created, changed or removed: what it says of it, and as far as columns tell what was there."""

    table: str
    done: str
    record: models.Model
    told: Mapping[str, Any]
    was: Mapping[str, Any]


@dataclass
class Writer:
    """Writes rows so that a second time changes nothing. Tells what was done: counts per table, and every change.

    `mine` says whether a record that differs may be changed, or is somebody else's decision by now.
    """

    mine: Callable[[models.Model], bool]
    counts: dict[str, Counter[str]] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    tables: dict[str, type[models.Model]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._existing: dict[type[models.Model], dict[Any, Any]] = {}

    def put(
        self,
        table: str,
        model: type[models.Model],
        key: Mapping[str, Any],
        values: Mapping[str, Any],
        links: Mapping[str, Collection[models.Model]],
        told: Mapping[str, Any],
    ) -> Any:
        """The record of `model` with this key, brought to these values and links."""
        existing = self._all(model, key, links)
        was: dict[str, Any] = {}
        found = existing.get(tuple(key.values()))
        if found is None:
            record: Any = model(**key, **values)
            record.save()
            different = {name for name, targets in links.items() if targets}
            existing[tuple(key.values())] = record
            done = "created"
        else:
            record = found
            fields = {name for name, value in values.items() if getattr(record, name) != value}
            different = {
                name
                for name, targets in links.items()
                if {row.pk for row in getattr(record, name).all()} != {row.pk for row in targets}
            }
            if not fields and not different:
                return self.count(table, "unchanged", record, told)
            if not self.mine(record):
                return self.count(table, "kept", record, told)
            was = {name: getattr(record, name) for name in fields}
            for name in fields:
                setattr(record, name, values[name])
            record.save(update_fields=fields)
            done = "changed"
        for name in different:
            getattr(record, name).set(links[name])
        return self.count(table, done, record, told, was)

    def count(
        self, table: str, done: str, record: Any, told: Mapping[str, Any], was: Mapping[str, Any] | None = None
    ) -> Any:
        self.tables[table] = type(record)
        self.counts.setdefault(table, Counter())[done] += 1
        if done in ("created", "changed", "removed"):
            self.changes.append(Change(table, done, record, told, was or {}))
        return record

    def _all(self, model: type[models.Model], key: Iterable[str], links: Iterable[str]) -> dict[Any, Any]:
        if model not in self._existing:
            related = [field.name for field in model._meta.fields if field.is_relation]
            rows = model._default_manager.select_related(*related).prefetch_related(*links)
            self._existing[model] = {tuple(getattr(row, name) for name in key): row for row in rows}
        return self._existing[model]


def told(row: Row) -> dict[str, str]:
    """What the log says of a record from a pack: the cells of its row that are not empty."""
    return {column: text for column, text in row.cells.items() if text}


@dataclass(frozen=True)
class Side:
    """The checks' side of one pack, read and found right."""

    networks: list[tuple[Row, dict[str, Any]]]
    ranges: list[AddressRange]

    @property
    def asns(self) -> set[str]:
        return {row.cells["asn"] for row, _values in self.networks}


def read(files: Files, country: str, problems: list[Problem]) -> Side:
    folder = Folder(files, f"checks/countries/{country}", problems)
    networks = []
    for row in folder.rows("networks.csv", NETWORK_COLUMNS, key="asn"):
        row.urls("sources")
        networks.append((row, row.values(Network, NETWORK_COLUMNS[:-1])))
    ranges = [found for row in folder.rows("address_ranges.csv", RANGE_COLUMNS) if (found := _range(row))]
    ranges.sort(key=lambda found: found.first)
    for file in ("must_allow.txt", "must_block.txt"):
        folder.names(file)
    return Side(networks, ranges)


def write(side: Side, writer: Writer) -> dict[str, Network]:
    """Networks and ranges; the networks by their number as text."""
    written = {}
    for row, values in side.networks:
        values = dict(values)
        asn = values.pop("asn")
        written[str(asn)] = writer.put("networks", Network, {"asn": asn}, values, {}, told(row))
    _write_ranges(side.ranges, writer)
    return written


def _range(row: Row) -> AddressRange | None:
    ends = []
    for column in ("first", "last"):
        try:
            ends.append(address_key(row.cells[column]))
        except ValueError:
            row.bad(column, f"“{row.cells[column]}” is no IP address")
    values = row.values(AddressRange, ("asn", "name"))
    if len(ends) < 2:
        return None
    if ends[0] > ends[1]:
        row.bad("last", "the last address stands before the first")
    return AddressRange(first=ends[0], last=ends[1], **values)


def _write_ranges(ranges: list[AddressRange], writer: Writer) -> None:
    """The ranges of a pack replace whatever overlaps them: addresses move between networks every month."""
    wanted = {(row.first, row.last): (row.asn, row.name) for row in ranges}
    right, stale = set(), []
    firsts = [row.first for row in ranges]
    for old in AddressRange.objects.all():
        if wanted.get((old.first, old.last)) == (old.asn, old.name):
            right.add((old.first, old.last))
        elif (at := bisect_right(firsts, old.last)) and ranges[at - 1].last >= old.first:
            stale.append(old)
    for start in range(0, len(stale), 500):  # SQLite takes a limited number of parameters
        AddressRange.objects.filter(pk__in=[old.pk for old in stale[start : start + 500]]).delete()
    new = [row for row in ranges if (row.first, row.last) not in right]
    AddressRange.objects.bulk_create(new, batch_size=500)
    replaced = {(old.first, old.last): old for old in stale}
    for row in new:
        ends = (row.first, row.last)
        was = _told_of(replaced.pop(ends)) if ends in replaced else {}
        writer.count("address ranges", "changed" if was else "created", row, _told_of(row), was)
    for gone in replaced.values():
        writer.count("address ranges", "removed", gone, {}, _told_of(gone))
    writer.counts.setdefault("address ranges", Counter())["unchanged"] += len(right)
    writer.tables["address ranges"] = AddressRange


def _told_of(row: AddressRange) -> dict[str, str]:
    first, last = (str(_address(key)) for key in (row.first, row.last))
    return {"first": first, "last": last, "asn": str(row.asn), "name": row.name}


def _address(key: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """What `address_key` made a key of."""
    address = ipaddress.IPv6Address(int(key, 16))
    return address.ipv4_mapped or address
