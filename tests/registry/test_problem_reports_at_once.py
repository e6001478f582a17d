"""Two editors who decide at the same time, each on a connection of their own."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection

from registry import problem_reports
from registry.models import ProblemReport
from registry.moderation import NotWaiting
from tests import make

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module", autouse=True)
def _log_may_be_emptied(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """The flush after such a test empties every table, and PostgreSQL refuses that of the log, which is empty here."""
    with django_db_blocker.unblock():
        _refuse_truncate("DISABLE")
    yield
    with django_db_blocker.unblock():
        _refuse_truncate("ENABLE")


def _refuse_truncate(may: str) -> None:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE registry_logentry {may} TRIGGER registry_logentry_no_truncate")


def test_of_two_editors_who_decide_at_once_one_is_first() -> None:
    if connection.vendor == "sqlite":
        pytest.skip("the SQLite of tests lies in memory, where a second connection is refused at once")
    problem = make.problem()
    editors = [User.objects.create_user(name) for name in ("one", "two")]
    start = Barrier(2)

    def decide(editor: User) -> bool:
        own = ProblemReport.objects.get(pk=problem.pk)
        start.wait()
        try:
            problem_reports.put_right(own, by=editor, reason=f"It was so, says {editor}.")
        except NotWaiting:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(2) as pool:
        first = list(pool.map(decide, editors))
    assert sorted(first) == [False, True]
    problem.refresh_from_db()
    assert problem.decided_by == editors[first.index(True)]
    assert problem.reason == f"It was so, says {problem.decided_by}."
