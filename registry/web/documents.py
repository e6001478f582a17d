"""The public copies of papers, each under the hash of its bytes and nothing else of this site around it."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotModified
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from registry import documents
from registry.models import PublicCopy

ENDINGS = {PublicCopy.MediaType.PDF: "pdf", PublicCopy.MediaType.PNG: "png", PublicCopy.MediaType.JPEG: "jpg"}
HEADERS = {
    # Even if a browser took it for a page: no script, no form, no origin of its own, nothing to load.
    "Content-Security-Policy": "sandbox; default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    # One that was withdrawn must be gone: a browser asks each time, and is told that it has it.
    "Cache-Control": "no-cache",
}


@require_safe
def document(request: HttpRequest, sha256: str) -> HttpResponse:
    copy = documents.shown(sha256)
    if copy is None:
        return _missing(sha256)
    tag = f'"{sha256}"'
    answer: HttpResponse
    if request.headers.get("If-None-Match") == tag:
        answer = HttpResponseNotModified()
    else:
        answer = HttpResponse(bytes(copy.data or b""), content_type=copy.media_type)
        way = "attachment" if copy.media_type == PublicCopy.MediaType.PDF else "inline"
        answer["Content-Disposition"] = (
            f'{way}; filename="{sha256[:16]}.{ENDINGS[PublicCopy.MediaType(copy.media_type)]}"'
        )
    answer["ETag"] = tag
    for name, value in HEADERS.items():
        answer[name] = value
    return answer


def _missing(sha256: str) -> HttpResponse:
    if not documents.hidden_for_now(sha256):
        raise Http404
    text = gettext("This paper is hidden for now.")
    headers = {"Cache-Control": "no-store"}
    return HttpResponse(f"{text}\n", status=404, content_type="text/plain; charset=utf-8", headers=headers)
