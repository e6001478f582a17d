"""Rows of many tables in one query: those related to some parents, or any others."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any

from django.db.models import F, IntegerField, JSONField, Model, QuerySet, Value
from django.db.models.functions import JSONObject

Tables = Mapping[str, tuple[QuerySet[Any], Sequence[str]]]  # rows, and the foreign keys that are read along


def gather(
    parents: Sequence[Model],
    of: Mapping[str, QuerySet[Any]] | None = None,
    beside: Tables | None = None,
    **relations: Sequence[str],
) -> dict[str, list[Any]]:
    """Does what prefetch_related does for these relations to many: `parent.relation.all()` asks nothing any more.

    Each relation is given with the foreign keys of its rows that are read along; `of` has its rows, with what is
    annotated, where these are not simply all. Returns the rows of each relation, one object a row, to gather more for;
    and the rows `beside`, which are about none of the parents, as `together` does.
    """
    beside = beside or {}
    if not parents:
        return {name: [] for name in relations} | together(**beside)
    model = type(parents[0])
    pks = [parent.pk for parent in parents]
    of = of or {}
    parts = [_part(model, name, along, pks, of.get(name)) for name, along in relations.items()]
    of_nobody = Value(None, IntegerField())
    parts += [rows.order_by().values_list(of_nobody, *columns) for rows, columns in _columns(beside)]
    rows: dict[str, dict[int, Any]] = {name: {} for name in relations}
    below: dict[tuple[str, int], list[Any]] = defaultdict(list)
    others: dict[str, list[Any]] = {name: [] for name in beside}
    for pk, name, values in parts[0].union(*parts[1:], all=True):
        if pk is None:
            others[name].append(values)
            continue
        row = rows[name].get(values["id"])
        if row is None:
            rows_of = of.get(name, _related(model, name)._default_manager.all())
            row = rows[name][values["id"]] = _row(rows_of, values, relations[name])
        below[name, pk].append(row)
    for parent in parents:
        for name in relations:
            keep(parent, name, _ordered(_related(model, name), below[name, parent.pk]))
    return {name: list(found.values()) for name, found in rows.items()} | _made_of(beside, others)


def together(**tables: tuple[QuerySet[Any], Sequence[str]]) -> dict[str, list[Any]]:
    """The rows of each query, with the foreign keys that are read along, in the order of its model."""
    if not tables:
        return {}
    parts = [rows.order_by().values_list(*columns) for rows, columns in _columns(tables)]
    found: dict[str, list[Any]] = {name: [] for name in tables}
    for name, values in parts[0].union(*parts[1:], all=True):
        found[name].append(values)
    return _made_of(tables, found)


def _columns(tables: Tables) -> list[tuple[QuerySet[Any], tuple[Value, JSONObject]]]:
    return [(rows, (Value(name), _as_json(rows, along))) for name, (rows, along) in tables.items()]


def _made_of(tables: Tables, found: Mapping[str, Iterable[Any]]) -> dict[str, list[Any]]:
    return {
        name: _ordered(rows.model, [_row(rows, values, along) for values in found[name]])
        for name, (rows, along) in tables.items()
    }


def _related(model: type[Model], name: str) -> type[Model]:
    related: type[Model] = model._meta.get_field(name).related_model  # type: ignore[assignment]
    return related


def _part(
    model: type[Model], name: str, along: Sequence[str], pks: Sequence[int], of: QuerySet[Any] | None
) -> QuerySet[Any, Any]:
    """(parent's id, relation, row as JSON) of one relation."""
    relation: Any = model._meta.get_field(name)
    back = relation.related_query_name() if relation.concrete else relation.field.name
    related = _related(model, name)
    rows = (related._default_manager.all() if of is None else of).filter(**{f"{back}__in": pks}).order_by()
    return rows.values_list(F(back), Value(name), _as_json(rows, along))


def _as_json(rows: QuerySet[Any], along: Sequence[str]) -> JSONObject:
    """A row with what is annotated, and the rows that it points at."""
    columns: dict[str, Any] = {one.attname: F(one.attname) for one in rows.model._meta.concrete_fields}
    columns |= {annotated: F(annotated) for annotated in rows.query.annotations}
    for key in along:
        far = _related(rows.model, key)
        columns[key] = JSONObject(**{one.attname: F(f"{key}__{one.attname}") for one in far._meta.concrete_fields})
    return JSONObject(**columns)


def _row(rows: QuerySet[Any], values: dict[str, Any], along: Sequence[str]) -> Any:
    row = _made(rows.model, values, along)
    for annotated in rows.query.annotations:
        setattr(row, annotated, values[annotated])
    return row


def _made(model: type[Model], values: dict[str, Any], along: Iterable[str]) -> Any:
    fields = model._meta.concrete_fields
    columns = [_value(one, values[one.attname]) for one in fields]
    row: Any = model.from_db("default", [one.attname for one in fields], columns)
    for key in along:
        setattr(row, key, _made(_related(model, key), values[key], ()) if values[f"{key}_id"] is not None else None)
    return row


def _value(column: Any, value: Any) -> Any:
    """A column's value from JSON. SQLite writes moments without their zone, which is UTC, and JSON as text."""
    if isinstance(column, JSONField) and isinstance(value, str):
        return json.loads(value)
    found = column.to_python(value)
    return found.replace(tzinfo=UTC) if isinstance(found, datetime) and found.tzinfo is None else found


def _ordered(model: type[Model], rows: list[Any]) -> list[Any]:
    for name in reversed([str(one) for one in model._meta.ordering or ()]):
        rows.sort(key=attrgetter(name.removeprefix("-")), reverse=name.startswith("-"))
    return rows


def keep(parent: Any, name: str, rows: list[Any]) -> None:
    """As Django itself keeps what was prefetched."""
    manager = getattr(parent, name)
    found = manager.get_queryset()
    found._result_cache, found._prefetch_done = rows, True
    cache = parent.__dict__.setdefault("_prefetched_objects_cache", {})
    cache[name] = found
