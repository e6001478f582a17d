"""The public page as it would be if a proposal were approved now: made by the page's own view, and then undone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.template.response import SimpleTemplateResponse
from django.urls import Resolver404, resolve
from django.utils import translation
from django.utils.translation import gettext

from registry import labels, proposals, veil
from registry.editing import Changed, NotPossible
from registry.log import NoReason
from registry.models import Document, FieldSource, Proposal, PublicCopy, Statement
from registry.proposals import Operation, State
from registry.web.history import address_of

SHOWN = frozenset({Operation.CREATE, Operation.CORRECT, Operation.WITHDRAW, Operation.RESTORE})
STEPS = 3  # redirects that are followed


@dataclass(frozen=True)
class Preview:
    """What the banner of a page that is only tried needs."""

    row: Proposal
    language: str

    @property
    def languages(self) -> dict[str, str]:
        return labels.OWN_NAMES


class NoPage(Exception):
    """The record has no public page; the text says so."""


def preview(request: HttpRequest, pk: int) -> HttpResponse:
    """Like every page of the desk it is kept in no cache."""
    row = get_object_or_404(Proposal, pk=pk)
    if not request.user.has_perm(proposals.permission_for(row)):
        raise PermissionDenied
    asked = request.GET.get("language", "")
    language = asked if asked in labels.OWN_NAMES else translation.get_language()
    try:
        with translation.override(language):
            return HttpResponse(_tried(row, request, Preview(row, language)))
    except (NotPossible, NoReason, NoPage) as refused:
        why = str(refused)
    except ValidationError as refused:
        why = " ".join(refused.messages)
    return render(request, "desk/no_preview.html", {"row": row, "why": why}, status=409)


def is_shown(row: Proposal) -> bool:
    """Is there a page to look at before it is approved?"""
    return row.state == State.WAITING and row.operation in SHOWN


def _tried(row: Proposal, request: HttpRequest, banner: Preview) -> bytes:
    if not is_shown(row):
        raise NoPage(gettext("Only what waits for a second person has a preview."))
    if proposals.is_outdated(row):
        raise Changed(gettext("The entry was changed since. Look at it, and propose what is still right."))
    found: bytes = proposals.seen_after(row, lambda record: _visited(record, request, banner))
    return found


def _visited(record: Any, request: HttpRequest, banner: Preview) -> bytes:
    """The page as a stranger would get it, looked through for names that are withheld as every page is."""
    address = page_of(record, request)
    for _step in range(STEPS):
        asked = _as_a_stranger(address, request, banner)
        try:
            asked.resolver_match = resolve(asked.path)
            answer = veil.Middleware(_made)(asked)
        except (Resolver404, Http404):
            break
        if isinstance(answer, HttpResponse) and answer.status_code == 200:
            return answer.content
        address = answer.get("Location", "")
        if not address:
            break
    raise NoPage(gettext("It has no public page of its own."))


def _made(asked: HttpRequest) -> Any:
    match: Any = asked.resolver_match
    answer = match.func(asked, *match.args, **match.kwargs)
    return answer.render() if isinstance(answer, SimpleTemplateResponse) else answer


def page_of(record: Any, request: HttpRequest) -> str:
    """The public page on which a record stands; empty where none does."""
    match record:
        case FieldSource():
            about = (getattr(record, one) for one in FieldSource.ABOUT)
            return address_of(next(filter(None, about), None), request)
        case Statement():
            return address_of(record.restriction or record.event, request)
        case Document():
            return address_of(record.acts.standing().first(), request)
        case PublicCopy():
            return page_of(record.original.document, request)
    return address_of(record, request)


def _as_a_stranger(address: str, request: HttpRequest, banner: Preview) -> HttpRequest:
    parts = urlsplit(address)
    asked = HttpRequest()
    asked.method, asked.path, asked.path_info = "GET", parts.path, parts.path
    kept = ("SERVER_NAME", "SERVER_PORT", "HTTP_HOST", "REMOTE_ADDR")
    asked.META = {name: request.META[name] for name in kept if name in request.META} | {"QUERY_STRING": parts.query}
    asked.user = AnonymousUser()
    vars(asked)["preview"] = banner
    return asked
