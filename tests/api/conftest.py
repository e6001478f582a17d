from __future__ import annotations

import pytest
from django.core.cache import cache
from django.test import Client


@pytest.fixture(autouse=True)
def _fresh_rates() -> None:
    cache.clear()


@pytest.fixture
def api(client: Client):
    """GET of an address below /api/v1/."""

    def get(path: str, **headers: str):
        return client.get(f"/api/v1/{path}", headers=headers)

    return get
