"""`/metrics`, for whoever runs the register, and nobody else."""

from __future__ import annotations

import hmac

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST

from registry import metrics as core

LOOPBACK = frozenset({"127.0.0.1", "::1"})
# A proxy on this machine comes from loopback too, and it brings somebody else.
PROXIED = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP", "Via")


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    if not _may_read(request):
        told = "Send TIZILIM_METRICS_TOKEN as a bearer token, or ask without a proxy from this very machine.\n"
        return HttpResponse(told, status=403, content_type="text/plain; charset=utf-8")
    return HttpResponse(core.text(at=timezone.now()), content_type=CONTENT_TYPE_LATEST)


def _may_read(request: HttpRequest) -> bool:
    if settings.METRICS_TOKEN:
        wanted = f"Bearer {settings.METRICS_TOKEN}"
        return hmac.compare_digest(request.headers.get("Authorization", "").encode(), wanted.encode())
    return request.META.get("REMOTE_ADDR") in LOOPBACK and not any(name in request.headers for name in PROXIED)
