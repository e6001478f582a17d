"""Writing what was read: each record by its key, with its links."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from checks import packs as checks_packs
from checks.engine.names import Name
from checks.packs import Row, Writer, told
from registry import discretion
from registry.models import (
    Act,
    ActRole,
    Authority,
    Display,
    Document,
    Event,
    Ground,
    Listing,
    Region,
    Resource,
    Restriction,
    RestrictionRole,
    Source,
    Statement,
)
from registry.packs import categories, claims, clocks, requests
from registry.packs.reading import CASE_ROLES, ROLES, Case, Pack
from registry.packs.rows import SOURCE
from registry.registers.entries import names_of


def write(pack: Pack, side: checks_packs.Side, writer: Writer) -> None:
    sources = _Sources()
    found: dict[str, dict[str, Any]] = {"networks": checks_packs.write(side, writer)}

    def linked(row: Row, *columns: str) -> dict[str, list[Any]]:
        return {column: [found[column][code] for code in row.items(column)] for column in columns}

    categories.write(pack.categories, writer)
    for table, model, key in (("grounds", Ground, "code"), ("regions", Region, "iso")):
        rows = getattr(pack, table)
        found[table] = {
            code: writer.put(table, model, {key: code}, values, {}, told(row)) for code, (row, values) in rows.items()
        }
    found["documents"] = {
        key: writer.put("documents", Document, {"key": key}, values, {}, told(row))
        for key, (row, values) in pack.documents.items()
    }
    found["authorities"] = _authorities(pack, writer, sources)
    found["acts"] = _acts(pack, writer, sources, found["authorities"], found["documents"])
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
        links = linked(case.row, "grounds", "acts", "networks", "regions")
        links["sources"] = [sources.of(case.row)]
        values = case.values | {"resource": resources[key], "event": found["events"].get(case.row.cells["event"])}
        restrictions[key] = writer.put("restrictions", Restriction, {"pack_key": key}, values, links, told(case.row))
    _write_roles(pack, writer, restrictions, found["authorities"])
    for key, (row, values) in pack.statements.items():
        about = {
            "restriction": restrictions.get(row.cells["case"]),
            "event": found["events"].get(row.cells["event"]),
            "authority": found["authorities"].get(row.cells["authority"]),
            "source": sources.of(row),
        }
        writer.put("statements", Statement, {"key": key}, values | about, {}, told(row))
    _write_listings(pack, writer, sources, resources)
    claims.write(pack.claims, found | {"cases": restrictions}, sources.of, writer)
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


def _acts(
    pack: Pack,
    writer: Writer,
    sources: _Sources,
    authorities: Mapping[str, Authority],
    documents: Mapping[str, Document],
) -> dict[str, Act]:
    written = {}
    for key, (row, values) in pack.acts.items():
        links: dict[str, list[Any]] = {
            "sources": [sources.of(row)],
            "documents": [documents[one] for one in row.items("documents")],
        }
        act = written[key] = writer.put("acts", Act, {"key": key}, values, links, told(row))
        for column, role in ROLES.items():
            for code in row.items(column):
                fields = {"act": key, "authority": code, "role": role.value}
                identity = {"act": act, "authority": authorities[code], "role": role.value}
                writer.put("roles in acts", ActRole, identity, {}, {}, fields)
    return written


def _write_roles(
    pack: Pack, writer: Writer, restrictions: Mapping[str, Restriction], authorities: Mapping[str, Authority]
) -> None:
    """A body whose part was not known, and now is, is not said twice."""
    wanted = [
        (restrictions[key], case.row.cells["key"], code, role)
        for key, case in pack.cases.items()
        if not case.is_event
        for column, role in CASE_ROLES.items()
        for code in case.row.items(column)
    ]
    unknown = {
        (row.restriction_id, row.authority_id): row
        for row in RestrictionRole.objects.filter(role=RestrictionRole.Role.UNKNOWN)
    }
    learned: dict[int, tuple[int, str, str]] = {}
    for restriction, key, code, role in wanted:
        row = unknown.get((restriction.pk, authorities[code].pk))
        if row and role != RestrictionRole.Role.UNKNOWN and row.pk not in learned and writer.mine(row):
            learned[row.pk] = (restriction.pk, code, role)
            row.role = role
            row.save(update_fields=["role"])
            fields = {"case": key, "authority": code, "role": role.value}
            writer.count("roles in restrictions", "changed", row, fields)
    for restriction, key, code, role in wanted:
        if (restriction.pk, code, role) in learned.values():
            continue
        fields = {"case": key, "authority": code, "role": role.value}
        identity = {"restriction": restriction, "authority": authorities[code], "role": role.value}
        writer.put("roles in restrictions", RestrictionRole, identity, {}, {}, fields)


def _episodes(pack: Pack) -> dict[tuple[str, Name | str], list[Case]]:
    """The cases of each resource."""
    cases: dict[tuple[str, Name | str], list[Case]] = {}
    for case in pack.cases.values():
        if not case.is_event:
            cases.setdefault((case.row.cells["type"], case.name), []).append(case)
    return cases


def _expected(pack: Pack, episodes: list[Case]) -> Display:
    return categories.expected(pack.categories, [case.row for case in episodes], pack.grounds)


def _resources(pack: Pack, writer: Writer) -> dict[str, Resource]:
    """The resource of each case; several cases may be episodes of one. A category given once holds for it."""
    written: dict[str, Resource] = {}
    for (type, name), episodes in _episodes(pack).items():
        category, host = (max(case.row.cells[column] for case in episodes) for column in ("category", "host"))
        resource, created = Resource.objects.get_or_create_for(name, type, host=host, category=category)
        own = categories.choice(pack.categories, [case.row for case in episodes])
        wanted = {"category": category, "own_display": own.get("own_display", "")}
        different = {name: text for name, text in wanted.items() if text not in ("", getattr(resource, name))}
        done = "created" if created else "unchanged"
        if different and not created:
            done = "changed" if writer.mine(resource) else "kept"
        if different and done != "kept":
            for field, text in different.items():
                setattr(resource, field, text)
            resource.save(update_fields=list(different))
        if created:  # so that nothing of it is told before all is written
            resource.display = _expected(pack, episodes)
            resource.save(update_fields=["display"])
        writer.count("resources", done, resource, discretion.fields_of(resource) | own)
        written |= {case.row.cells["key"]: resource for case in episodes}
    return written


def _write_listings(pack: Pack, writer: Writer, sources: _Sources, resources: Mapping[str, Resource]) -> None:
    for row, values in pack.listings:
        rest = dict(values)
        key = {column: rest.pop(column) for column in ("register_id", "address", "snapshot")}
        key["first"] = None  # entries of whole snapshots are none of the pack's
        resource = resources[row.cells["case"]]
        about: dict[str, Any] = {"resource": resource, "source": sources.of(row), **names_of(values["address"])}
        writer.put("listings", Listing, key, rest | about, {}, told(row))
