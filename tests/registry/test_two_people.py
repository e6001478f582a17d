"""Six people, whatever they do and in whatever order: the record changes only where two of them agreed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import DatabaseError, transaction
from django.db.models import QuerySet
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from registry import proposals
from registry.editing import NotPossible, fields_of
from registry.models import Act, LogEntry, Proposal
from registry.proposals import Operation, State

ROOT = Path(__file__).resolve().parents[2]
PEOPLE = 6
SEQUENCES = int(os.environ.get("TIZILIM_SEQUENCES", "30"))  # 10,000 of them take ten minutes and more

person = st.integers(0, PEOPLE - 1)
number = st.integers(0, 9)
fields = st.fixed_dictionaries(
    {}, optional={"number": st.sampled_from(["1", "2", "3"]), "note": st.sampled_from(["", "A note."])}
)


class People(RuleBasedStateMachine):
    """What each has on the screen may be long past: she clicks on what she saw then."""

    def __init__(self) -> None:
        super().__init__()
        self.block = transaction.atomic()
        self.block.__enter__()
        self.people = [User.objects.create_superuser(f"p{one}-{User.objects.count()}") for one in range(PEOPLE)]
        self.screens: list[tuple[Proposal, str] | None] = [None] * PEOPLE
        self.seen = self.public()

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.block.__exit__(None, None, None)

    def public(self) -> Any:
        rows = Act.objects.order_by("pk")
        return [(row.pk, row.withdrawn, fields_of(row)) for row in rows], LogEntry.objects.count()

    def nothing_public(self, act: Callable[[], Any]) -> None:
        """Whatever comes of it."""
        try:
            with transaction.atomic():
                act()
        except (NotPossible, ValidationError, DatabaseError):
            pass
        assert self.public() == self.seen

    def one_of(self, at: int) -> Proposal | None:
        rows = Proposal.objects.filter(author__in=self.people)
        return rows.order_by("-pk")[at % count] if (count := rows.count()) else None

    @rule(by=person, at=number, operation=st.sampled_from(list(Operation)[:4]), fields=fields)
    def propose(self, by: int, at: int, operation: Operation, fields: dict[str, Any]) -> None:
        acts = list(Act.objects.order_by("pk"))
        if operation == Operation.CREATE:
            record: Any = Act
            fields = {"key": f"act-{Proposal.objects.count()}", "type": "order", **fields}
        elif acts:
            record = acts[at % len(acts)]
            fields = fields if operation == Operation.CORRECT else {}
        else:
            return
        who = self.people[by]
        self.nothing_public(lambda: proposals.propose(operation, record, fields, by=who, reason="A letter."))

    @rule(who=person, at=number)
    def look(self, who: int, at: int) -> None:
        row = self.one_of(at)
        self.screens[who] = (row, row.sha256) if row else None

    @rule(who=person, other=st.booleans())
    def click(self, who: int, other: bool) -> None:
        """With `other`, a click that carries the hash of something else."""
        screen, by = self.screens[who], self.people[who]
        if screen is None:
            return
        row, sha256 = screen
        entries = LogEntry.objects.count()
        try:
            proposals.approve(row, sha256="0" * 64 if other else sha256, by=by)
        except (NotPossible, ValidationError):
            assert self.public() == self.seen
            return
        now = Proposal.objects.get(pk=row.pk)
        assert not other
        assert row.author
        assert (now.state, now.author, row.author.pk != by.pk) == (State.DONE, row.author, True)
        assert User.objects.get(pk=row.author.pk).is_active
        assert [(one.approver, one.sha256) for one in now.approvals.all()] == [(by, sha256)]
        told = [json.loads(entry.payload)["by"] for entry in LogEntry.objects.order_by("pk")[entries:]]
        assert set(told) == {f"editor-{row.author.pk}+editor-{by.pk}"}
        self.seen = self.public()

    @rule(who=person, at=number, way=st.sampled_from(["refuse", "take_back", "take_over"]))
    def end_otherwise(self, who: int, at: int, way: str) -> None:
        row, by = self.one_of(at), self.people[who]
        if row:
            more = {"reason": "It is of another site."} if way == "refuse" else {}
            self.nothing_public(lambda: getattr(proposals, way)(row, by=by, **more))

    @rule(who=person, active=st.booleans())
    def leave(self, who: int, active: bool) -> None:
        User.objects.filter(pk=self.people[who].pk).update(is_active=active)
        self.people[who].refresh_from_db()

    @rule(at=number, way=st.integers(0, 7))
    def go_past_the_desk(self, at: int, way: int) -> None:
        """One person with a shell and the whole database in her hands."""
        row, act = self.one_of(at), Act.objects.order_by("pk").first()
        rows, acts = Proposal.objects.filter(pk=row.pk if row else 0), Act.objects.filter(pk=act.pk if act else 0)
        ways: list[Callable[[], Any]] = [
            lambda: Act.objects.create(key="forged"),
            lambda: acts.update(number="forged"),
            acts.delete,
            lambda: rows.update(content="{}"),
            lambda: rows.update(state="carrying", never=-1),
            lambda: rows.update(state="done"),
            lambda: rows.update(author=self.people[at % PEOPLE]),
            lambda: row and row.approvals.create(sha256=row.sha256, author=row.author, approver=row.author),
        ]
        before = proposed(rows)
        self.nothing_public(ways[way])
        assert proposed(rows) == before


def proposed(rows: QuerySet[Proposal]) -> Any:
    return list(rows.values()), [list(one.approvals.values()) for one in rows]


@pytest.mark.django_db
def test_nothing_public_changes_without_two_whatever_six_people_do(guarded: None) -> None:
    bounds = settings(max_examples=SEQUENCES, stateful_step_count=15, deadline=None)
    run_state_machine_as_test(People, settings=bounds)


CLICKS = """
import threading
import django
django.setup()
from django.contrib.auth.models import User
from django.db import OperationalError, connection
from registry import proposals
from registry.editing import NotPossible
from registry.models import Act, Approval, LogEntry

people = [User.objects.create_superuser(f"p{one}") for one in range(6)]
for turn in range(10):
    author = people[turn % 6]
    row = proposals.propose("create", Act, {"key": f"act-{turn}"}, by=author, reason="A letter.")
    start, answers = threading.Barrier(12), []

    def click(by):
        start.wait()
        try:
            proposals.approve(row, sha256=row.sha256, by=by)
            answers.append("done")
        except NotPossible:
            answers.append("refused")
        finally:
            connection.close()

    threads = [threading.Thread(target=click, args=(by,)) for by in people * 2]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(answers) == ["done"] + ["refused"] * 11, answers
    assert [one.approver != author for one in row.approvals.all()] == [True]
assert Act.objects.count() == LogEntry.objects.count() == Approval.objects.count() == 10
print("held")
"""


def test_of_many_clicks_at_once_one_counts(tmp_path: Path, migrated: Path) -> None:
    shutil.copy(migrated, tmp_path / "tizilim.sqlite3")
    kept = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "TIZILIM_TEST_POSTGRES")}
    own = {**kept, "DJANGO_SETTINGS_MODULE": "config.settings", "TIZILIM_VAR": str(tmp_path)}
    run = subprocess.run([sys.executable, "-c", CLICKS], cwd=ROOT, env=own, capture_output=True, text=True, check=False)
    assert run.stdout + run.stderr == "held\n"
