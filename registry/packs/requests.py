"""Information requests that sources tell of, and their steps."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from checks.packs import Folder, Row, Writer, told
from registry.models import Authority, Event, InformationRequest, RequestStep, Restriction, Source
from registry.packs.rows import SOURCE, check_source

REQUEST = ("addressee", "asks", "procedure", "language", "number", "note")
STEP = ("kind", "date", "until", "reply", "outcome", "note", "document_url", "document_sha256")
LINKS = ("case", "event", "authority")


@dataclass(frozen=True)
class Requests:
    requests: list[tuple[Row, dict[str, Any]]]
    steps: list[tuple[Row, dict[str, Any]]]


def read(folder: Folder, known: Mapping[str, Collection[str]]) -> Requests:
    rows = folder.rows_if_any("requests.csv", ("key", *REQUEST, *LINKS, *SOURCE), key="key")
    steps = folder.rows_if_any("request_steps.csv", ("request", *STEP, "authority", *SOURCE))
    keys = {row.cells["key"] for row in rows}
    return Requests([(row, _request(row, known)) for row in rows], [(row, _step(row, known, keys)) for row in steps])


def write(
    requests: Requests,
    writer: Writer,
    source_of: Callable[[Row], Source],
    restrictions: Mapping[str, Restriction],
    events: Mapping[str, Event],
    authorities: Mapping[str, Authority],
) -> None:
    written: dict[str, InformationRequest] = {}
    for row, values in requests.requests:
        about = {
            "restriction": restrictions.get(row.cells["case"]),
            "event": events.get(row.cells["event"]),
            "authority": authorities.get(row.cells["authority"]),
            "source": source_of(row),
        }
        identity = {"key": row.cells["key"]}
        written[row.cells["key"]] = writer.put("requests", InformationRequest, identity, values | about, {}, told(row))
    for row, values in requests.steps:
        rest = dict(values)
        key = {"request": written[row.cells["request"]], "kind": rest.pop("kind"), "date": rest.pop("date")}
        about = {"authority": authorities.get(row.cells["authority"]), "source": source_of(row)}
        writer.put("steps of requests", RequestStep, key, rest | about, {}, told(row))


def _request(row: Row, known: Mapping[str, Collection[str]]) -> dict[str, Any]:
    row.value(InformationRequest, "key")
    row.code("case", known["cases"], "cases.csv")
    row.code("event", known["events"], "events.csv")
    row.code("authority", known["authorities"], "authorities.csv")
    if bool(row.cells["case"]) == bool(row.cells["event"]):
        row.bad("case", "a request is about one case or one event")
    check_source(row)
    return row.values(InformationRequest, REQUEST)


def _step(row: Row, known: Mapping[str, Collection[str]], requests: Collection[str]) -> dict[str, Any]:
    if not row.cells["request"]:
        row.bad("request", "a step belongs to a request")
    row.code("request", requests, "requests.csv")
    row.code("authority", known["authorities"], "authorities.csv")
    for column, kind in (("reply", "answered"), ("outcome", "decided"), ("until", "extended")):
        if row.cells[column] and row.cells["kind"] != kind:
            row.bad(column, f"only a step {kind} has it")
    check_source(row)
    return row.values(RequestStep, STEP)
