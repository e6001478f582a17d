"""Writing what was read: each record by its key, with its links."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from checks import packs as checks_packs
from checks.engine.names import Name
from checks.packs import Row, Writer, told
from registry.models import (
    Act,
    ActRole,
    Authority,
    Event,
    Ground,
    Listing,
    Region,
    Resource,
    Restriction,
    Source,
    Statement,
)
from registry.packs import clocks, requests
from registry.packs.reading import ROLES, Case, Pack
from registry.packs.rows import SOURCE


def write(pack: Pack, side: checks_packs.Side, writer: Writer) -> None:
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
    clocks.write(pack.clocks, writer, sources.of)
    requests.write(pack.requests, writer, sources.of, restrictions, found["events"], found["authorities"])


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
