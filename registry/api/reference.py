"""The reference: the schema for machines, and the same as a page for people."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from threading import Lock
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import translation
from drf_spectacular.generators import SchemaGenerator
from rest_framework.request import Request
from rest_framework.response import Response

from registry.api import paging, parsers, problems, serializers, throttles, views

_ONE = Lock()


def schema() -> dict[str, Any]:
    """OpenAPI 3.1."""
    with _ONE:  # a view's own part of the generator is shared: two at once lose components to each other
        return _generated()


@cache
def _generated() -> dict[str, Any]:
    with translation.override("en"):
        return dict(SchemaGenerator().get_schema(request=None, public=True))  # type: ignore[no-untyped-call]


class OpenAPI(views.Door):
    schema = None  # type: ignore[assignment]  # not in itself

    def get(self, request: Request) -> Response:
        return Response(schema())


@dataclass(frozen=True)
class Row:
    """A parameter or a field."""

    name: str
    kind: str
    about: str
    required: bool = False


@dataclass(frozen=True)
class Operation:
    id: str
    method: str
    path: str
    about: str
    parameters: tuple[Row, ...]
    body: tuple[Row, ...]
    answer: tuple[Row, ...]


def page(request: HttpRequest) -> HttpResponse:
    with translation.override("en"):
        return render(
            request,
            "registry/api.html",
            {
                "groups": operations(),
                "site": settings.SITE_URL,
                "codes": problems.CODES,
                "limits": limits(),
            },
        )


def limits() -> dict[str, str]:
    rates = settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"]
    return {
        "Reading": rates["reads"],
        "Whole tables (CSV, JSON lines, the log)": throttles.Exports.rate,
        "Reports and problem reports, together": rates["reports"],
        "Rows on a page": f"{paging.PAGE}, at most {paging.PAGE_LIMIT}",
        "Names in a bulk look-up": str(serializers.BULK_LIMIT),
        "Size of a body": f"{parsers.BODY_LIMIT // 1024} KB, {parsers.DEPTH_LIMIT} levels deep",
    }


@cache
def operations() -> dict[str, list[Operation]]:
    """The schema's operations, by the first word of their path."""
    groups: dict[str, list[Operation]] = defaultdict(list)
    for path, methods in schema()["paths"].items():
        for method, operation in methods.items():
            groups[path.removeprefix("/api/v1/").split("/")[0]].append(_operation(path, method, operation))
    return dict(groups)


def _operation(path: str, method: str, operation: dict[str, Any]) -> Operation:
    success = next(answer for code, answer in operation["responses"].items() if code.startswith("2"))
    return Operation(
        id=operation["operationId"],
        method=method.upper(),
        path=path,
        about=operation.get("description", ""),
        parameters=tuple(
            Row(one["name"], _kind(one["schema"]), one.get("description", ""), one.get("required", False))
            for one in operation.get("parameters", ())
        ),
        body=tuple(_fields(_content(operation.get("requestBody", {})))),
        answer=tuple(_fields(_content(success))),
    )


def _content(holder: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = next(iter(holder.get("content", {}).values()), {})
    return dict(found.get("schema", {}))


def _fields(of: dict[str, Any]) -> Iterator[Row]:
    """The fields of an object; of a page or a list, those of its rows."""
    of = _resolved(of)
    properties = of.get("properties", {})
    if of.get("type") == "array":
        yield from _fields(of["items"])
    elif set(properties) == {"next", "results"}:
        yield from _fields(properties["results"])
    else:
        for name, field in properties.items():
            yield Row(name, _kind(field), field.get("description", ""), name in of.get("required", ()))


def _resolved(of: dict[str, Any]) -> dict[str, Any]:
    """The schema that a reference points to, alone or as the first of alternatives."""
    for group in ("oneOf", "allOf", "anyOf"):
        if group in of:
            return _resolved(of[group][0])
    if "$ref" in of:
        return dict(schema()["components"]["schemas"][of["$ref"].rsplit("/", 1)[1]])
    return of


def _kind(of: dict[str, Any]) -> str:
    """In words: "string", "integer or null", "list of object", or the values there are."""
    found = _resolved(of)
    values = [str(value) for value in found.get("enum", ()) if value not in ("", None)]
    if values:
        return " | ".join(values)
    kind = found.get("type", "object")
    if kind == "array":
        return f"list of {_kind(found['items'])}"
    words = " or ".join(kind) if isinstance(kind, list) else str(kind)
    return f"{words} ({found['format']})" if "format" in found else words
