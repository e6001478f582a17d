"""Pages by id: no counting, and no row is missed or shown twice while the table grows."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError as BadValue
from django.db.models import Model
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param
from rest_framework.views import APIView

PAGE = 50
PAGE_LIMIT = 200


class IdCursor(BasePagination):
    """Rows after the one that `cursor` names, in the order of their ids: ascending, or `newest_first` of the view."""

    next_url: str | None = None

    def paginate_queryset(self, queryset: Any, request: Request, view: APIView | None = None) -> list[Any]:
        limit = _limit(request.query_params.get("limit", str(PAGE)))
        newest_first = getattr(view, "newest_first", False)
        if cursor := request.query_params.get("cursor"):
            last = _id(queryset.model, cursor)
            queryset = queryset.filter(**{"pk__lt" if newest_first else "pk__gt": last})
        rows = list(queryset.order_by("-pk" if newest_first else "pk")[: limit + 1])
        if len(rows) > limit:
            rows.pop()
            self.next_url = replace_query_param(request.build_absolute_uri(), "cursor", str(rows[-1].pk))
        return rows

    def get_paginated_response(self, data: Any) -> Response:
        headers = {"Link": f'<{self.next_url}>; rel="next"'} if self.next_url else {}
        return Response({"next": self.next_url, "results": data}, headers=headers)

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        return {
            "type": "object",
            "required": ["next", "results"],
            "properties": {
                "next": {"type": ["string", "null"], "format": "uri", "description": "The next page, or null."},
                "results": schema,
            },
        }

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:
        return [
            {
                "name": "cursor",
                "in": "query",
                "description": "Where the next page begins: take it from `next` or from the Link header.",
                "schema": {"type": "string"},
            },
            {
                "name": "limit",
                "in": "query",
                "description": f"Rows on a page, {PAGE} unless told.",
                "schema": {"type": "integer", "minimum": 1, "maximum": PAGE_LIMIT, "default": PAGE},
            },
        ]


def _limit(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 3 and 1 <= int(text) <= PAGE_LIMIT):
        raise ValidationError({"limit": f"Write a number from 1 to {PAGE_LIMIT}."})
    return int(text)


def _id(model: type[Model], text: str) -> Any:
    try:
        return model._meta.pk.clean(text, None)
    except BadValue as error:
        raise ValidationError({"cursor": "This cursor was not given by us; begin again without it."}) from error
