"""The copy that a proposal about a paper would give to the public, for whoever is to agree to it."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from registry import documents, proposals
from registry.editing import NotPossible
from registry.models import Proposal
from registry.proposals import State
from registry.web.documents import HEADERS


@require_safe
def copy(request: HttpRequest, pk: int) -> HttpResponse:
    """All of it, as its bytes would be."""
    return served(*_made(request, pk))


@require_safe
def page(request: HttpRequest, pk: int, number: int) -> HttpResponse:
    """The picture of one page."""
    media_type, data = _made(request, pk)
    try:
        return served(*documents.picture(media_type, data, number))
    except LookupError:
        raise Http404 from None


def served(media_type: str, data: bytes) -> HttpResponse:
    """For editors only: no browser keeps it, nor runs anything of it."""
    return HttpResponse(data, content_type=media_type, headers={**HEADERS, "Cache-Control": "no-store"})


def _made(request: HttpRequest, pk: int) -> tuple[str, bytes]:
    row = get_object_or_404(Proposal, pk=pk, state=State.WAITING, operation__in=proposals.OF_A_PAPER)
    if not request.user.has_perm(proposals.permission_for(row)):
        raise PermissionDenied
    try:
        return proposals.copy_of(row)
    except NotPossible:
        raise Http404 from None
