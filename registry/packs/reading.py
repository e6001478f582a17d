"""Reading the law side of a pack: every row is checked before one is written. No database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import models

from checks.engine.names import BadName, Name, parse
from checks.packs import Files, Folder, Problem, Row
from registry.models import (
    Act,
    ActRole,
    Authority,
    Document,
    Event,
    Ground,
    Listing,
    Region,
    Resource,
    Restriction,
    RestrictionRole,
    Statement,
)
from registry.packs import categories, claims, clocks, requests
from registry.packs.rows import SOURCE, check_existed, check_source, in_order

NAMES = ("name_kk", "name_ru", "name_en")
ROLES = {"initiated": ActRole.Role.INITIATED, "decided": ActRole.Role.DECIDED, "executed": ActRole.Role.EXECUTED}
CASE_ROLES = {  # and whose part no source tells
    "initiated": RestrictionRole.Role.INITIATED,
    "decided": RestrictionRole.Role.DECIDED,
    "executed": RestrictionRole.Role.EXECUTED,
    "authorities": RestrictionRole.Role.UNKNOWN,
}

GROUND = (*NAMES, "law_ref", "display")
AUTHORITY = (*NAMES, "role", "valid_from", "valid_to")
ACT = ("type", "number", "date", "scope_ordered", "text", "language", "note", "confidence")
DOCUMENT = ("title", "language", "media_type", "size", "sha256", "url")
EVENT = ("type", *NAMES)
EVENT_FACTS = ("began", "ended", "fact", "confidence")  # in its own row, or in that of its case
RESTRICTION = (
    *("kind", "kind_reason", "status", "began", "began_not_before", "ended", "ended_not_before"),
    *("authority_as_written", "networks_as_written"),
    *("scope_ordered", "scope_observed", "fact", "confidence"),
)
CASE = (
    *("key", "resource", "type", "host", "category", "grounds"),
    *("authorities", *ROLES, "acts", "networks", "regions", "event"),
)
FLAGS = ("began_not_later_than", "ended_not_later_than", "conflicting")
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
    documents: dict[str, tuple[Row, dict[str, Any]]]
    claims: claims.Claims
    clocks: clocks.Clocks
    requests: requests.Requests
    categories: categories.Categories


def read(files: Files, country: str, asns: Collection[str], problems: list[Problem]) -> Pack:
    """The law side of a pack; what is wrong in it is added to `problems`."""
    folder = Folder(files, f"registry/countries/{country}", problems)
    keys: dict[str, list[Row]] = {
        "grounds": folder.rows("grounds.csv", ("code", *GROUND), key="code"),
        "regions": folder.rows("regions.csv", ("iso", *NAMES), key="iso"),
        "authorities": folder.rows("authorities.csv", ("code", *AUTHORITY, "predecessors", "sources"), key="code"),
        "acts": folder.rows("acts.csv", ("key", *ACT, *ROLES, "documents", *SOURCE), key="key"),
        "events": folder.rows("events.csv", ("key", *EVENT, "case", *EVENT_FACTS, "regions", *SOURCE), key="key"),
        "documents": folder.rows("documents.csv", ("key", *DOCUMENT), key="key"),
        "cases": folder.rows("cases.csv", (*CASE, *RESTRICTION, *FLAGS, *SOURCE), key="key"),
        "statements": folder.rows(
            "statements.csv", ("key", "case", "event", "authority", *STATEMENT, *SOURCE), key="key"
        ),
    }
    listings = folder.rows("listings.csv", ("case", *LISTING, *SOURCE))
    known = {table: {row.cells[_key(table)] for row in rows} for table, rows in keys.items()} | {"networks": set(asns)}
    authorities = _parsed("authorities", keys, Authority, AUTHORITY)
    bodies = {code: Authority(code=code, **values) for code, (_row, values) in authorities.items()}
    cases = {row.cells["key"]: _case(row, known, bodies) for row in keys["cases"]}
    _refuse_contradictions(cases.values())
    return Pack(
        grounds=_parsed("grounds", keys, Ground, GROUND),
        regions=_parsed("regions", keys, Region, NAMES),
        authorities={code: (_authority(row, known), values) for code, (row, values) in authorities.items()},
        acts={
            key: (_act(row, known, bodies), values) for key, (row, values) in _parsed("acts", keys, Act, ACT).items()
        },
        events=_events(keys["events"], cases, known),
        cases=cases,
        statements={
            key: (_statement(row, cases, known, bodies), values)
            for key, (row, values) in _parsed("statements", keys, Statement, STATEMENT).items()
        },
        listings=_listings(listings, cases),
        documents=_parsed("documents", keys, Document, DOCUMENT),
        claims=claims.read(
            folder, known | {"cases": {key for key, case in cases.items() if not case.is_event}}, bodies
        ),
        clocks=clocks.read(folder),
        requests=requests.read(folder, known | {"cases": {key for key, case in cases.items() if not case.is_event}}),
        categories=categories.read(folder, {row.cells["key"]: row for row in keys["cases"]}),
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
    in_order(row, "valid_from", "valid_to")
    return row


def _act(row: Row, known: Mapping[str, Collection[str]], bodies: Mapping[str, Authority]) -> Row:
    for role in ROLES:
        row.codes(role, known["authorities"], "authorities.csv")
        check_existed(row, role, "date", bodies)
    row.codes("documents", known["documents"], "documents.csv")
    if row.cells["text"] and not row.cells["language"]:
        row.bad("language", "say in which language the text is")
    check_source(row)
    return row


def _case(row: Row, known: Mapping[str, Collection[str]], bodies: Mapping[str, Authority]) -> Case:
    for column in ("grounds", "acts", "networks", "regions"):
        row.codes(column, known[column], f"{column}.csv")
    for column in CASE_ROLES:
        row.codes(column, known["authorities"], "authorities.csv")
        check_existed(row, column, "began", bodies)
        if row.cells["type"] == IS_EVENT and row.cells[column] and column in ROLES:
            row.bad(column, "of an event only `authorities` are named")
    row.code("event", known["events"], "events.csv")
    check_source(row)
    for start, end in (("began", "ended"), ("began_not_before", "began"), ("ended_not_before", "ended")):
        in_order(row, start, end)
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
            in_order(row, "began", "ended")
            check_source(row)
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


def _statement(
    row: Row, cases: Mapping[str, Case], known: Mapping[str, Collection[str]], bodies: Mapping[str, Authority]
) -> Row:
    row.code("authority", known["authorities"], "authorities.csv")
    check_existed(row, "authority", "date", bodies)
    row.code("event", known["events"], "events.csv")
    if bool(row.cells["case"]) == bool(row.cells["event"]):
        row.bad("case", "a statement is about one case or one event")
    _check_restriction(row, cases)
    check_source(row)
    return row


def _listings(rows: list[Row], cases: Mapping[str, Case]) -> list[tuple[Row, dict[str, Any]]]:
    first: dict[tuple[str, ...], int] = {}
    listings = []
    for row in rows:
        if not row.cells["case"]:
            row.bad("case", "a listing needs the case whose resource it lists")
        _check_restriction(row, cases)
        check_source(row)
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
