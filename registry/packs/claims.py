"""What a pack says beside its cases: appeals, notices, official figures, and which source supports which field."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models

from checks.packs import Folder, Row, Writer, told
from registry.models import Act, Appeal, Authority, Event, FieldSource, Notice, OfficialFigure, Restriction, Source
from registry.models.field_source import check_field
from registry.packs.rows import SOURCE, check_existed, check_source, in_order

APPEAL = ("stage", "filed", "decided", "outcome", "note", "confidence")
NOTICE = ("type", "about", "speaker", "bound", "alternative", "date", "ended", "fact", "confidence")
FIGURE = (
    *("value", "qualifier", "unit", "counts_kk", "counts_ru", "counts_en"),
    *("period_from", "period_to", "kind", "speaker"),
)
ABOUT: Mapping[str, type[models.Model]] = {"case": Restriction, "act": Act, "event": Event}

Rows = dict[str, tuple[Row, dict[str, Any]]]


@dataclass(frozen=True)
class Claims:
    """The rows of four files with the values that their models take. Read without the database."""

    appeals: Rows
    notices: Rows
    figures: Rows
    field_sources: list[Row]


def read(folder: Folder, known: Mapping[str, Collection[str]], bodies: Mapping[str, Authority]) -> Claims:
    """`known` are the keys and codes of the pack's other tables; its cases are those that are no event."""
    appeals = folder.rows(
        "appeals.csv", ("key", "act", "case", "previous", "body", "result", "documents", *APPEAL, *SOURCE), key="key"
    )
    notices = folder.rows("notices.csv", ("key", "case", "authority", *NOTICE, *SOURCE), key="key")
    figures = folder.rows("figures.csv", ("key", "ground", "authority", *FIGURE, *SOURCE), key="key")
    field_sources = folder.rows("field_sources.csv", (*ABOUT, "field", *SOURCE))
    known = {**known, "appeals": {row.cells["key"] for row in appeals}}
    for row in appeals:
        _appeal(row, known, bodies)
    _refuse_circles(appeals)
    for row in notices:
        row.code("case", known["cases"], "cases.csv")
        row.code("authority", known["authorities"], "authorities.csv")
        in_order(row, "date", "ended")
        check_existed(row, "authority", "date", bodies)
        check_source(row)
        if row.cells["type"] == Notice.Type.USAGE_BAN and not row.cells["bound"]:
            row.bad("bound", "say whom the ban binds")
    for row in figures:
        row.code("ground", known["grounds"], "grounds.csv")
        row.code("authority", known["authorities"], "authorities.csv")
        in_order(row, "period_from", "period_to")
        check_source(row)
    for row in field_sources:
        _field_source(row, known)
    return Claims(
        _parsed(appeals, Appeal, APPEAL),
        _parsed(notices, Notice, NOTICE),
        _parsed(figures, OfficialFigure, FIGURE),
        field_sources,
    )


def _parsed(rows: list[Row], model: type[models.Model], columns: Collection[str]) -> Rows:
    return {row.value(model, "key"): (row, row.values(model, columns)) for row in rows}


def _appeal(row: Row, known: Mapping[str, Collection[str]], bodies: Mapping[str, Authority]) -> None:
    for column, table in (("act", "acts"), ("result", "acts"), ("case", "cases"), ("previous", "appeals")):
        row.code(column, known[table], f"{table}.csv")
    row.code("body", known["authorities"], "authorities.csv")
    row.codes("documents", known["documents"], "documents.csv")
    if not row.cells["act"]:
        row.bad("act", "an appeal needs the act that it challenges")
    if row.cells["act"] and row.cells["act"] == row.cells["result"]:
        row.bad("result", "what came of an appeal is another act than the one it challenges")
    if row.cells["outcome"] == Appeal.Outcome.PENDING and (row.cells["decided"] or row.cells["result"]):
        row.bad("outcome", "what is pending has neither a decision nor its date")
    in_order(row, "filed", "decided")
    check_existed(row, "body", "decided", bodies)
    check_source(row)


def _refuse_circles(appeals: list[Row]) -> None:
    before = {row.cells["key"]: row.cells["previous"] for row in appeals}
    for row in appeals:
        seen, at = set(), row.cells["key"]
        while at in before and at not in seen:
            seen.add(at)
            at = before[at]
        if at in seen:
            row.bad("previous", "these appeals follow each other in a circle")


def _field_source(row: Row, known: Mapping[str, Collection[str]]) -> None:
    named = [column for column in ABOUT if row.cells[column]]
    for column in named:
        row.code(column, known[f"{column}s"], f"{column}s.csv")
    if len(named) != 1:
        row.bad("case", "a source supports a field of one case, one act or one event")
        return
    try:
        check_field(ABOUT[named[0]], row.cells["field"])
    except ValidationError as error:
        row.bad("field", " ".join(error.messages))
    row.value(FieldSource, "field")
    check_source(row)


def write(
    claims: Claims, found: Mapping[str, Mapping[str, Any]], source_of: Callable[[Row], Source], writer: Writer
) -> None:
    """`found` are the records already written, by table and key; of `cases` the restrictions."""
    written: dict[str, Appeal] = {}

    def write_appeal(key: str) -> Appeal:
        """The one before it first. The rows were found to have no circle."""
        if key not in written:
            row, values = claims.appeals[key]
            previous = row.cells["previous"]
            about = {
                "act": found["acts"][row.cells["act"]],
                "restriction": found["cases"].get(row.cells["case"]),
                "previous": write_appeal(previous) if previous else None,
                "body": found["authorities"].get(row.cells["body"]),
                "result": found["acts"].get(row.cells["result"]),
            }
            links = {
                "sources": [source_of(row)],
                "documents": [found["documents"][one] for one in row.items("documents")],
            }
            written[key] = writer.put("appeals", Appeal, {"key": key}, values | about, links, told(row))
        return written[key]

    for key in claims.appeals:
        write_appeal(key)
    for key, (row, values) in claims.notices.items():
        case = found["cases"].get(row.cells["case"])
        about = {
            "resource": case.resource if case else None,
            "authority": found["authorities"].get(row.cells["authority"]),
            "source": source_of(row),
        }
        writer.put("notices", Notice, {"key": key}, values | about, {}, told(row))
    for key, (row, values) in claims.figures.items():
        about = {
            "ground": found["grounds"].get(row.cells["ground"]),
            "authority": found["authorities"].get(row.cells["authority"]),
            "source": source_of(row),
        }
        writer.put("official figures", OfficialFigure, {"key": key}, values | about, {}, told(row))
    for row in claims.field_sources:
        identity = {
            "restriction": found["cases"].get(row.cells["case"]),
            "act": found["acts"].get(row.cells["act"]),
            "event": found["events"].get(row.cells["event"]),
            "field": row.cells["field"],
            "source": source_of(row),
        }
        writer.put("sources of fields", FieldSource, identity, {}, {}, told(row))
