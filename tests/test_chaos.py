"""A short sweep of a thousand checks in which every part is killed once: `make chaos` in small."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.chaos import audit
from tests.chaos.__main__ import Trial, drawn
from tests.chaos.faults import EACH_ONCE
from tests.chaos.register import SIZES
from tests.conftest import _skip

SIZE = SIZES[1_000]
SEED = "a short sweep"
PATIENCE = 600.0  # seconds on a busy machine


@pytest.mark.redis
@pytest.mark.postgres
def test_whatever_dies_in_a_sweep_nothing_is_lost_and_nothing_doubled(tmp_path_factory: pytest.TempPathFactory) -> None:
    if shutil.which("redis-server") is None:
        _skip("no redis-server on the PATH")
    folder: Path = tmp_path_factory.mktemp("chaos")
    lasted, calm = Trial("undisturbed").run(folder, SIZE, PATIENCE)
    assert audit.faults(calm) == []
    _, found = Trial("together", drawn(EACH_ONCE, 1, SEED, lasted), SEED).run(folder, SIZE, PATIENCE)
    assert audit.faults(found, calm) == []
    assert len(found.planned) >= 1_000
