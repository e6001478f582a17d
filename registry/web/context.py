"""What every page needs to know."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest


def site(request: HttpRequest) -> dict[str, Any]:
    """`preview`: nothing of the page is public yet (registry.desk.previews)."""
    return {"demo": settings.DEMO, "preview": getattr(request, "preview", None)}
