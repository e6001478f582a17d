"""Loading a country pack: who may restrict, on what grounds, and the starter cases.

One transaction: a pack is loaded whole or not at all. What a pack no longer names stays in the record
(editors withdraw it), and what an editor has changed since is kept as the editor left it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import models, transaction
from django.utils import translation

from checks import packs as checks_packs
from checks.engine.names import BadName, Name, parse
from checks.packs import BadPack, Folder, Problem, Row, Writer, told
from registry import log
from registry.models import (
    Act,
    ActRole,
    Authority,
    Event,
    Ground,
    Listing,
    LogEntry,
    Region,
    Resource,
    Restriction,
    Source,
    Statement,
)

NAMES = ("name_kk", "name_ru", "name_en")
SOURCE = ("source_url", "source_title", "source_date")
ROLES = {"initiated": ActRole.Role.INITIATED, "decided": ActRole.Role.DECIDED, "executed": ActRole.Role.EXECUTED}

GROUND = (*NAMES, "law_ref")
AUTHORITY = (*NAMES, "role", "valid_from", "valid_to")
ACT = ("type", "number", "date", "scope_ordered", "note", "confidence")
EVENT = ("type", *NAMES)
EVENT_FACTS = ("began", "ended", "fact", "confidence")  # in its own row, or in that of its case
RESTRICTION = (
    *("kind", "kind_reason", "status", "began", "ended", "authority_as_written", "networks_as_written"),
    *("scope_ordered", "scope_observed", "fact", "confidence"),
)
CASE = ("key", "resource", "type", "host", "category", "grounds", "authorities", "acts", "networks", "regions", "event")
FLAGS = ("began_not_later_than", "conflicting")
STATEMENT = ("speaker", "stance", "date", "words")
LISTING = ("register_id", "address", "category", "court", "act_ref", "act_date", "snapshot")

IS_EVENT = "event"  # the type of a case that no resource stands for: the case is the event itself
FREE = (Resource.Type.APP, Resource.Type.SERVICE, Resource.Type.NETWORK)


@dataclass(frozen=True)
class Case:
    """One row of cases.csv. `name` is what the resource is called; of an event, the text as it stands."""

    row: Row
    values: dict[str, Any]
    name: Name | str

    @property
    def is_event(self) -> bool:
        return self.row.cells["type"] == IS_EVENT


@dataclass(frozen=True)
class Pack:
    """Every row of the law side with the values that its model takes. Read without the database."""

    grounds: dict[str, tuple[Row, dict[str, Any]]]
    regions: dict[str, tuple[Row, dict[str, Any]]]
    authorities: dict[str, tuple[Row, dict[str, Any]]]
    acts: dict[str, tuple[Row, dict[str, Any]]]
    events: dict[str, tuple[Row, dict[str, Any]]]
    cases: dict[str, Case]
    statements: dict[str, tuple[Row, dict[str, Any]]]
    listings: list[tuple[Row, dict[str, Any]]]


def load(country: str, root: Path) -> dict[str, Counter[str]]:
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
    by = f"pack:{country}"
    with transaction.atomic():
        writer = Writer(
            changed=lambda operation, record, fields: _log(operation, record, fields, country),
            mine=lambda record: _last_changed_by(record) in ("", by),
        )
        _write(pack, side, writer)
    return writer.counts


def _log(operation: str, record: models.Model, fields: Mapping[str, Any], country: str) -> None:
    log.append(operation, record, fields=dict(fields), reason=f"country pack {country}", by=f"pack:{country}")


def _last_changed_by(record: models.Model) -> str:
    last = LogEntry.objects.filter(subject=f"{record._meta.model_name}/{record.pk}").order_by("-id").first()
    return str(json.loads(last.payload)["by"]) if last else ""


# Reading


def read(root: Path, country: str, asns: Collection[str], problems: list[Problem]) -> Pack:
    """The law side of a pack; what is wrong in it is added to `problems`."""
    folder = Folder(root, root / "registry" / "countries" / country, problems)
    keys: dict[str, list[Row]] = {
        "grounds": folder.rows("grounds.csv", ("code", *GROUND), key="code"),
        "regions": folder.rows("regions.csv", ("iso", *NAMES), key="iso"),
        "authorities": folder.rows("authorities.csv", ("code", *AUTHORITY, "predecessors", "sources"), key="code"),
        "acts": folder.rows("acts.csv", ("key", *ACT, *ROLES, *SOURCE), key="key"),
        "events": folder.rows("events.csv", ("key", *EVENT, "case", *EVENT_FACTS, "regions", *SOURCE), key="key"),
        "cases": folder.rows("cases.csv", (*CASE, *RESTRICTION, *FLAGS, *SOURCE), key="key"),
        "statements": folder.rows(
            "statements.csv", ("key", "case", "event", "authority", *STATEMENT, *SOURCE), key="key"
        ),
    }
    listings = folder.rows("listings.csv", ("case", *LISTING, *SOURCE))
    known = {table: {row.cells[_key(table)] for row in rows} for table, rows in keys.items()} | {"networks": set(asns)}
    cases = {row.cells["key"]: _case(row, known) for row in keys["cases"]}
    _refuse_contradictions(cases.values())
    return Pack(
        grounds=_parsed("grounds", keys, Ground, GROUND),
        regions=_parsed("regions", keys, Region, NAMES),
        authorities={
            code: (_authority(row, known), values)
            for code, (row, values) in _parsed("authorities", keys, Authority, AUTHORITY).items()
        },
        acts={key: (_act(row, known), values) for key, (row, values) in _parsed("acts", keys, Act, ACT).items()},
        events=_events(keys["events"], cases, known),
        cases=cases,
        statements={
            key: (_statement(row, cases, known), values)
            for key, (row, values) in _parsed("statements", keys, Statement, STATEMENT).items()
        },
        listings=_listings(listings, cases),
    )


def _key(table: str) -> str:
    return {"grounds": "code", "authorities": "code", "regions": "iso"}.get(table, "key")


def _parsed(
    table: str, rows: dict[str, list[Row]], model: type[models.Model], columns: Collection[str]
) -> dict[str, tuple[Row, dict[str, Any]]]:
    key = _key(table)
    return {row.value(model, key): (row, row.values(model, columns)) for row in rows[table]}


def _authority(row: Row, known: Mapping[str, Collection[str]]) -> Row:
    row.codes("predecessors", known["authorities"], "authorities.csv")
    row.urls("sources")
    _in_order(row, "valid_from", "valid_to")
    return row


def _act(row: Row, known: Mapping[str, Collection[str]]) -> Row:
    for role in ROLES:
        row.codes(role, known["authorities"], "authorities.csv")
    _check_source(row)
    return row


def _case(row: Row, known: Mapping[str, Collection[str]]) -> Case:
    for column in ("grounds", "authorities", "acts", "networks", "regions"):
        row.codes(column, known[column], f"{column}.csv")
    row.code("event", known["events"], "events.csv")
    _check_source(row)
    _in_order(row, "began", "ended")
    values = row.values(Restriction, RESTRICTION) | {flag: row.flag(flag) for flag in FLAGS}
    row.value(Resource, "category")
    if not row.value(Restriction, "key", "pack_key"):
        row.bad("key", "a case needs a key")
    if not row.cells["fact"]:
        row.bad("fact", "a case needs the fact that its source states")
    if values["kind"] != Restriction.Kind.UNKNOWN and not values["kind_reason"]:
        row.bad("kind_reason", f"say why the kind is {values['kind']}")
    return Case(row, values, _name(row))


def _refuse_contradictions(cases: Iterable[Case]) -> None:
    """Episodes of one resource may differ in everything but what the resource is."""
    first: dict[tuple[str, str, Name | str], Row] = {}
    for case in cases:
        for column in ("category", "host"):
            if text := case.row.cells[column]:
                other = first.setdefault((column, case.row.cells["type"], case.name), case.row)
                if other.cells[column] != text:
                    case.row.bad(column, f"line {other.line} says “{other.cells[column]}” of the same resource")


def _name(row: Row) -> Name | str:
    """Domains, pages and addresses in their canonical form; apps, services and networks as they are written."""
    text, type = row.cells["resource"], row.cells["type"]
    if type == IS_EVENT:
        if not row.cells["event"]:
            row.bad("event", "a case of the type event names its row in events.csv")
        return text
    row.value(Resource, "type")
    if host := row.cells["host"]:
        _parse(row, "host", host)
    if type in FREE:
        row.value(Resource, "resource", "name")
        return text
    name = _parse(row, "resource", text)
    if name and name.kind != type:
        row.bad("type", f"“{text}” is of the type {name.kind}")
    return name or text


def _parse(row: Row, column: str, text: str) -> Name | None:
    try:
        return parse(text)
    except BadName as error:
        row.bad(column, error.message)
        return None


def _events(
    rows: list[Row], cases: Mapping[str, Case], known: Mapping[str, Collection[str]]
) -> dict[str, tuple[Row, dict[str, Any]]]:
    """Events with their facts: from their own row, or from the case that is the event."""
    events = {}
    for row in rows:
        values = row.values(Event, EVENT)
        key = row.value(Event, "key")
        row.codes("regions", known["regions"], "regions.csv")
        case = cases.get(row.cells["case"])
        if case is None:
            if row.cells["case"]:
                row.bad("case", f"“{row.cells['case']}” is not in cases.csv")
            for column in ("began", "fact"):
                if not row.cells[column]:
                    row.bad(column, "an event that no case tells needs it")
            values |= row.values(Event, EVENT_FACTS)
            _in_order(row, "began", "ended")
            _check_source(row)
        elif not case.is_event or case.row.cells["event"] != key:
            row.bad("case", f"“{row.cells['case']}” is not a case of the type event that names this event")
        else:
            values |= {name: case.values[name] for name in (*EVENT_FACTS, "authority_as_written")}
        events[key] = (row, values)
    told_by = Counter(row.cells["case"] for row in rows)
    for key, case in cases.items():
        if case.is_event and told_by[key] != 1:
            case.row.bad("event", f"{told_by[key]} rows of events.csv name this case; it must be one")
    return events


def _statement(row: Row, cases: Mapping[str, Case], known: Mapping[str, Collection[str]]) -> Row:
    row.code("authority", known["authorities"], "authorities.csv")
    row.code("event", known["events"], "events.csv")
    if bool(row.cells["case"]) == bool(row.cells["event"]):
        row.bad("case", "a statement is about one case or one event")
    _check_restriction(row, cases)
    _check_source(row)
    return row


def _listings(rows: list[Row], cases: Mapping[str, Case]) -> list[tuple[Row, dict[str, Any]]]:
    first: dict[tuple[str, ...], int] = {}
    listings = []
    for row in rows:
        if not row.cells["case"]:
            row.bad("case", "a listing needs the case whose resource it lists")
        _check_restriction(row, cases)
        _check_source(row)
        # An id that the source does not give is unknown, not a mistake: the model asks only for the address.
        values = row.values(Listing, LISTING[1:]) | {"register_id": row.cells["register_id"]}
        key = tuple(row.cells[column] for column in ("register_id", "address", "snapshot"))
        if key in first:
            row.bad("address", f"the same entry stands in line {first[key]}")
        first.setdefault(key, row.line)
        listings.append((row, values))
    return listings


def _check_restriction(row: Row, cases: Mapping[str, Case]) -> None:
    key = row.code("case", cases, "cases.csv")
    if key in cases and cases[key].is_event:
        row.bad("case", f"“{key}” is an event, not the restriction of a resource")


def _check_source(row: Row) -> None:
    """A source is a URL, or a title with its date."""
    url, title, date = (row.cells[column] for column in SOURCE)
    if not url and not title:
        row.bad("source_url", "a source is a URL, or a title with its date")
    elif not url and not date:
        row.bad("source_date", "a source without a URL needs its date")
    for column in SOURCE:
        row.value(Source, column, column.removeprefix("source_"))


def _in_order(row: Row, start: str, end: str) -> None:
    began, ended = row.cells[start], row.cells[end]
    if began and ended and ended < began and not began.startswith(ended):
        row.bad(end, f"{ended} is before {began}")


# Writing


def _write(pack: Pack, side: checks_packs.Side, writer: Writer) -> None:
    sources = _Sources()
    found: dict[str, dict[str, Any]] = {"networks": checks_packs.write(side, writer)}

    def linked(row: Row, *columns: str) -> dict[str, list[Any]]:
        return {column: [found[column][code] for code in row.items(column)] for column in columns}

    for table, model, key in (("grounds", Ground, "code"), ("regions", Region, "iso")):
        rows = getattr(pack, table)
        found[table] = {
            code: writer.put(table, model, {key: code}, values, {}, told(row)) for code, (row, values) in rows.items()
        }
    found["authorities"] = _authorities(pack, writer, sources)
    found["acts"] = _acts(pack, writer, sources, found["authorities"])
    found["events"] = {}
    for code, (row, values) in pack.events.items():
        case = pack.cases.get(row.cells["case"])
        links = linked(case.row, "authorities", "regions", "networks") if case else linked(row, "regions")
        links["sources"] = [sources.of(case.row if case else row)]
        fields = (told(case.row) if case else {}) | told(row)
        found["events"][code] = writer.put("events", Event, {"key": code}, values, links, fields)
    resources = _resources(pack, writer)
    restrictions: dict[str, Restriction] = {}
    for key, case in pack.cases.items():
        if case.is_event:
            continue
        links = linked(case.row, "grounds", "authorities", "acts", "networks", "regions")
        links["sources"] = [sources.of(case.row)]
        values = case.values | {"resource": resources[key], "event": found["events"].get(case.row.cells["event"])}
        restrictions[key] = writer.put("restrictions", Restriction, {"pack_key": key}, values, links, told(case.row))
    for key, (row, values) in pack.statements.items():
        about = {
            "restriction": restrictions.get(row.cells["case"]),
            "event": found["events"].get(row.cells["event"]),
            "authority": found["authorities"].get(row.cells["authority"]),
            "source": sources.of(row),
        }
        writer.put("statements", Statement, {"key": key}, values | about, {}, told(row))
    _write_listings(pack, writer, sources, resources)


class _Sources:
    """Sources by what they say; each is written once."""

    def __init__(self) -> None:
        self._known = {(row.url, row.title, row.date): row for row in Source.objects.all()}

    def get(self, url: str, title: str = "", date: str = "") -> Source:
        if (url, title, date) not in self._known:
            self._known[url, title, date] = Source.objects.create(url=url, title=title, date=date)
        return self._known[url, title, date]

    def of(self, row: Row) -> Source:
        return self.get(*(row.cells[column] for column in SOURCE))


def _authorities(pack: Pack, writer: Writer, sources: _Sources) -> dict[str, Authority]:
    """A predecessor before its successor, so that a link always finds its end."""
    written: dict[str, Authority] = {}

    def write(code: str, above: tuple[str, ...] = ()) -> None:
        row, values = pack.authorities[code]
        for earlier in row.items("predecessors"):
            if earlier not in written and earlier not in above:
                write(earlier, (*above, code))
        links: dict[str, list[Any]] = {
            "predecessors": [written[earlier] for earlier in row.items("predecessors") if earlier in written],
            "sources": [sources.get(url) for url in row.items("sources")],
        }
        written[code] = writer.put("authorities", Authority, {"code": code}, values, links, told(row))

    for code in pack.authorities:
        if code not in written:
            write(code)
    return written


def _acts(pack: Pack, writer: Writer, sources: _Sources, authorities: Mapping[str, Authority]) -> dict[str, Act]:
    written = {}
    for key, (row, values) in pack.acts.items():
        act = written[key] = writer.put("acts", Act, {"key": key}, values, {"sources": [sources.of(row)]}, told(row))
        for column, role in ROLES.items():
            for code in row.items(column):
                fields = {"act": key, "authority": code, "role": role.value}
                identity = {"act": act, "authority": authorities[code], "role": role.value}
                writer.put("roles in acts", ActRole, identity, {}, {}, fields)
    return written


def _resources(pack: Pack, writer: Writer) -> dict[str, Resource]:
    """The resource of each case; several cases may be episodes of one. A category given once holds for it."""
    cases: dict[tuple[str, Name | str], list[Case]] = {}
    for case in pack.cases.values():
        if not case.is_event:
            cases.setdefault((case.row.cells["type"], case.name), []).append(case)
    written: dict[str, Resource] = {}
    for (type, name), episodes in cases.items():
        category, host = (max(case.row.cells[column] for case in episodes) for column in ("category", "host"))
        resource, created = Resource.objects.get_or_create_for(name, type, host=host, category=category)
        done = "created" if created else "unchanged"
        if category not in ("", resource.category):
            done = "changed" if writer.mine(resource) else "kept"
        if done == "changed":
            resource.category = category
            resource.save(update_fields=["category"])
        fields = {"type": resource.type, "name": resource.name, "slug": resource.slug, "category": resource.category}
        writer.count("resources", done, resource, fields)
        written |= {case.row.cells["key"]: resource for case in episodes}
    return written


def _write_listings(pack: Pack, writer: Writer, sources: _Sources, resources: Mapping[str, Resource]) -> None:
    for row, values in pack.listings:
        rest = dict(values)
        key = {column: rest.pop(column) for column in ("register_id", "address", "snapshot")}
        about = {"resource": resources[row.cells["case"]], "source": sources.of(row)}
        writer.put("listings", Listing, key, rest | about, {}, told(row))
