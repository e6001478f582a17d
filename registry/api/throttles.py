"""Rate limits. No address is stored: the cache holds its HMAC under a key that dies with the process."""

from __future__ import annotations

import hashlib
import hmac
import secrets

from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle
from rest_framework.views import APIView

_KEY = secrets.token_bytes(32)


def hidden(text: str) -> str:
    return hmac.new(_KEY, text.encode("utf-8", "replace"), hashlib.sha256).hexdigest()


class _ByAddress(SimpleRateThrottle):
    def get_cache_key(self, request: Request, view: APIView) -> str:
        address = self.get_ident(request) or ""  # a unix socket has none
        return self.cache_format % {"scope": self.scope, "ident": hidden(address)}


class Reads(_ByAddress):
    scope = "reads"


class Reports(_ByAddress):
    scope = "reports"


class Logins(_ByAddress):
    """Attempts to sign in at the desk, whoever they are for."""

    scope = "logins"
    rate = "30/hour"


class LoginsOf(_ByAddress):
    """Attempts to sign in as one editor, by address too: else a stranger could keep her out by failing for her."""

    scope = "logins-of"
    rate = "10/hour"

    def get_cache_key(self, request: Request, view: APIView) -> str:
        name = str(request._request.POST.get("username", "")).casefold()
        return super().get_cache_key(request, view) + hidden(name)


class Exports(_ByAddress):
    """Whole tables as CSV or JSON lines."""

    scope = "exports"
    rate = "60/hour"
