"""Every error as application/problem+json (RFC 9457), in English, with a `code` that does not change."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse, JsonResponse
from rest_framework import exceptions
from rest_framework.exceptions import APIException, ErrorDetail, ValidationError

from checks.archived import Unfit
from checks.engine.names import BadName

MEDIA_TYPE = "application/problem+json"
log = logging.getLogger(__name__)

# What each code of our own means; the reference page lists it. Names that are refused bring further codes.
CODES = {
    "invalid": "A field or a parameter is wrong; `errors` says which and why.",
    "bad_name": "What was typed is no domain, address or known free name; `reason` says why.",
    "parse_error": "The body is not the JSON that is asked for.",
    "too_large": "The body is too large.",
    "not_found": "There is nothing under this address.",
    "method_not_allowed": "This address does not take this method.",
    "not_acceptable": "No such format; see `format` and the Accept header.",
    "unsupported_media_type": "Bodies are application/json.",
    "unreadable": "This is in a file of an old month that cannot be read just now. Come back later.",
    "throttled": "Too many requests; Retry-After says in how many seconds to go on.",
}


class Unreadable(APIException):
    """Of what a file of the archive holds that is missing or damaged."""

    status_code = 503
    default_code = "unreadable"
    default_detail = CODES["unreadable"]


class NoSuchName(APIException):
    """Wraps BadName: what was typed cannot be looked up or reported."""

    status_code = 400
    default_code = "bad_name"

    def __init__(self, error: BadName) -> None:
        super().__init__(error.message)
        self.reason = error.code


def handle(error: Exception, context: dict[str, Any]) -> HttpResponse | None:
    """Django REST framework's EXCEPTION_HANDLER. None for our own mistakes: they stay loud."""
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    elif isinstance(error, Unfit):
        log.error("%s", error)
        error = Unreadable()
    if not isinstance(error, APIException):
        return None
    body = {
        "type": f"{settings.SITE_URL}/api/v1/#error-{_code(error)}",
        "title": HTTPStatus(error.status_code).phrase,
        "status": error.status_code,
        "code": _code(error),
        "detail": CODES["invalid"] if isinstance(error, ValidationError) else str(error.detail),
    }
    if isinstance(error, ValidationError):
        body["errors"] = list(_field_errors(error.detail))
    if isinstance(error, NoSuchName):
        body["reason"] = error.reason
    response = JsonResponse(body, status=error.status_code, content_type=MEDIA_TYPE)
    if wait := getattr(error, "wait", None):  # of Throttled, in seconds
        response["Retry-After"] = str(math.ceil(wait))
    return response


def _code(error: APIException) -> str:
    return "invalid" if isinstance(error, ValidationError) else str(error.default_code)


def _field_errors(detail: Any, field: str = "") -> Iterator[dict[str, str]]:
    """One entry a message; fields inside fields are joined with dots."""
    if isinstance(detail, dict):
        for key, inner in detail.items():
            name = "" if key == "non_field_errors" else str(key)
            yield from _field_errors(inner, ".".join(filter(None, (field, name))))
    elif isinstance(detail, list):
        for inner in detail:
            yield from _field_errors(inner, field)
    elif isinstance(detail, ErrorDetail):
        yield {"field": field, "code": str(detail.code), "message": str(detail)}
