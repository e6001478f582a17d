"""Two editors who propose at the same time, each on a connection of their own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.db import connection

from registry import documents, proposals
from registry.models import Proposal
from registry.papers import sealing
from registry.proposals import Operation
from tests.registry.test_documents import BAND, PAPER, taken
from tests.registry.test_problem_reports_at_once import _log_may_be_emptied  # noqa: F401

pytestmark = pytest.mark.django_db(transaction=True)


def test_of_two_who_propose_to_publish_one_paper_at_once_one_is_first(settings: LazySettings, tmp_path: Path) -> None:
    if connection.vendor == "sqlite":
        pytest.skip("the SQLite of tests lies in memory, where a second connection is refused at once")
    settings.SEALED_FOR = [sealing.make_key(tmp_path / "one.key")]
    copy = documents.current(taken(PAPER, BAND))
    editors = [User.objects.create_user(name) for name in ("one", "two")]
    start = Barrier(2)

    def propose(editor: User) -> bool:
        fields = {"key": f"order-{editor}", "title": "The order", "acts": []}
        start.wait()
        try:
            proposals.propose(Operation.PUBLISH, copy, fields, by=editor, reason="The court's own copy.")
        except proposals.Waits:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(propose, editors)) == [False, True]
    assert Proposal.objects.get().author in editors
