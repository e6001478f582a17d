"""Rate limits. No address is stored: the cache holds its HMAC under a key that dies with the process."""

from __future__ import annotations

import hashlib
import hmac
import secrets

from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle
from rest_framework.views import APIView

_KEY = secrets.token_bytes(32)


class _ByAddress(SimpleRateThrottle):
    def get_cache_key(self, request: Request, view: APIView) -> str:
        address = self.get_ident(request) or ""  # a unix socket has none
        hidden = hmac.new(_KEY, address.encode(), hashlib.sha256).hexdigest()
        return self.cache_format % {"scope": self.scope, "ident": hidden}


class Reads(_ByAddress):
    scope = "reads"


class Reports(_ByAddress):
    scope = "reports"


class Exports(_ByAddress):
    """Whole tables as CSV or JSON lines."""

    scope = "exports"
    rate = "60/hour"
