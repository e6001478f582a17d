"""Nothing of the record is changed by one person alone: neither at the desk nor past it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import DatabaseError, IntegrityError, connection, transaction

from registry import editing, proposals
from registry.editing import Changed, NotPossible
from registry.models import Act, Approval, LogEntry, Proposal, Restriction, Trial
from registry.proposals import Operation, OwnProposal, State
from tests import make

pytestmark = pytest.mark.django_db
ACT = {"key": "act-9", "type": "order", "number": "9", "date": "2026-01"}


@pytest.fixture
def ann() -> User:
    return User.objects.create_superuser("ann")


@pytest.fixture
def ben() -> User:
    return User.objects.create_superuser("ben")


def propose(by: User, operation: Operation, record: Any, fields: Any = None, **more: Any) -> Proposal:
    return proposals.propose(operation, record, fields or {}, by=by, reason="A letter says so.", **more)


def approve(proposal: Proposal, by: User) -> Any:
    return proposals.approve(proposal, sha256=proposal.sha256, by=by)


def refused(act: Any, match: str | None = "two people must agree") -> None:
    """By the database itself."""
    with pytest.raises(DatabaseError, match=match), transaction.atomic():
        act()


def test_a_proposal_changes_nothing_and_the_log_does_not_tell_of_it(ann: User, guarded: None) -> None:
    row = propose(ann, Operation.CREATE, Act, ACT)
    assert row.state == State.WAITING
    assert not Act.objects.exists()
    assert not LogEntry.objects.exists()
    assert not Trial.objects.exists()


def test_what_another_person_approves_is_done_and_the_log_tells_both(ann: User, ben: User, guarded: None) -> None:
    row = propose(ann, Operation.CREATE, Act, ACT)
    act = approve(row, ben)
    assert Act.objects.get() == act
    told = json.loads(LogEntry.objects.get().payload)
    assert (told["by"], told["role"]) == (f"editor-{ann.pk}+editor-{ben.pk}", "editor")
    row.refresh_from_db()
    assert (row.state, row.made_id) == (State.DONE, act.pk)


def test_nobody_approves_her_own_proposal_nor_twice(ann: User, ben: User, guarded: None) -> None:
    row = propose(ann, Operation.CREATE, Act, ACT)
    with pytest.raises(OwnProposal):
        approve(row, ann)
    assert not Approval.objects.exists()
    approve(row, ben)
    with pytest.raises(NotPossible):
        approve(row, ben)
    assert Act.objects.count() == 1


def test_an_approval_is_of_the_very_hash(ann: User, ben: User, guarded: None) -> None:
    row, other = propose(ann, Operation.CREATE, Act, ACT), propose(ann, Operation.CREATE, Act, ACT | {"key": "other"})
    with pytest.raises(Changed):
        proposals.approve(row, sha256=other.sha256, by=ben)
    assert not Act.objects.exists()


def test_what_changed_meanwhile_has_to_be_looked_at_again(ann: User, ben: User, guarded: None) -> None:
    act = approve(propose(ann, Operation.CREATE, Act, ACT), ben)
    first = propose(ann, Operation.CORRECT, act, {"number": "10"})
    second = propose(ben, Operation.CORRECT, act, {"note": "The second page."})
    approve(first, ben)
    assert proposals.is_outdated(second)
    with pytest.raises(Changed):
        approve(second, ann)
    act.refresh_from_db()
    assert (act.number, act.note) == ("10", "")
    second.refresh_from_db()
    assert second.state == State.WAITING


def test_the_author_looked_at_the_state_that_her_form_showed(ann: User, ben: User, guarded: None) -> None:
    act = approve(propose(ann, Operation.CREATE, Act, ACT), ben)
    seen = editing.state_of(act)
    approve(propose(ann, Operation.CORRECT, act, {"number": "10"}), ben)
    with pytest.raises(Changed):
        propose(ben, Operation.CORRECT, act, {"note": "A note."}, seen=seen)


def test_withdrawing_and_restoring_take_two(ann: User, ben: User, guarded: None) -> None:
    act = approve(propose(ann, Operation.CREATE, Act, ACT), ben)
    approve(propose(ann, Operation.WITHDRAW, act), ben)
    act.refresh_from_db()
    assert act.withdrawn == "A letter says so."
    approve(propose(ben, Operation.RESTORE, act), ann)
    act.refresh_from_db()
    assert not act.withdrawn


def test_what_is_wrong_is_told_before_anybody_is_asked(ann: User, guarded: None) -> None:
    for fields, reason in ((ACT | {"date": "yesterday"}, "A letter."), (ACT, " "), (ACT, "x" * 2_000_000)):
        with pytest.raises((ValidationError, ValueError)):
            proposals.propose(Operation.CREATE, Act, fields, by=ann, reason=reason)
    assert not Proposal.objects.exists()


def test_what_went_wrong_since_leaves_no_approval(ann: User, ben: User, guarded: None) -> None:
    row, twin = propose(ann, Operation.CREATE, Act, ACT), propose(ann, Operation.CREATE, Act, ACT)
    approve(row, ben)
    with pytest.raises(ValidationError):
        approve(twin, ben)
    assert not twin.approvals.exists()
    twin.refresh_from_db()
    assert twin.state == State.WAITING


def test_the_proposals_of_an_editor_who_left_wait_for_somebody_to_take_them_over(
    ann: User, ben: User, guarded: None
) -> None:
    row = propose(ann, Operation.CREATE, Act, ACT)
    with pytest.raises(NotPossible):
        proposals.take_over(row, by=ben)
    ann.is_active = False
    ann.save()
    with pytest.raises(NotPossible):
        approve(row, ben)
    mine = proposals.take_over(row, by=ben)
    with pytest.raises(OwnProposal):
        approve(mine, ben)
    assert approve(mine, User.objects.create_superuser("cyd")).key == "act-9"
    with pytest.raises(NotPossible):
        approve(row, User.objects.create_superuser("dan"))


def test_who_has_another_role_by_now_has_left_too(ben: User, guarded: None) -> None:
    ann = make.editor("change_act")
    row = propose(ann, Operation.CREATE, Act, ACT)
    ann.user_permissions.clear()
    with pytest.raises(NotPossible):
        approve(row, ben)
    assert not Act.objects.exists()
    assert proposals.take_over(row, by=ben).author == ben


def test_what_changed_meanwhile_is_not_taken_over(ann: User, ben: User, guarded: None) -> None:
    cyd = User.objects.create_superuser("cyd")
    act = approve(propose(ann, Operation.CREATE, Act, ACT), ben)
    row, other = (propose(ann, Operation.CORRECT, act, {"number": number}) for number in ("10", "11"))
    approve(other, cyd)
    User.objects.filter(pk=ann.pk).update(is_active=False)
    with pytest.raises(Changed):
        proposals.take_over(row, by=ben)
    assert Proposal.objects.count() == 3


def test_the_approval_of_an_editor_who_left_no_longer_counts(ann: User, ben: User, guarded: None) -> None:
    row = proposals.propose(Operation.CREATE, Act, ACT, by=None, reason="A letter says so.")
    approve(row, ann)
    User.objects.filter(pk=ann.pk).update(is_active=False)
    assert approve(row, ben) is None
    assert not Act.objects.exists()
    assert approve(row, User.objects.create_superuser("cyd")) == Act.objects.get()


def test_an_editor_with_proposals_is_not_deleted(ann: User) -> None:
    propose(ann, Operation.CREATE, Act, ACT)
    with pytest.raises(IntegrityError), transaction.atomic():
        ann.delete()


def test_refused_and_taken_back_is_the_end_of_it(ann: User, ben: User) -> None:
    row, mine = propose(ann, Operation.CREATE, Act, ACT), propose(ann, Operation.CREATE, Act, ACT)
    proposals.refuse(row, by=ben, reason="It is of another site.")
    proposals.take_back(mine, by=ann)
    for one in (row, mine):
        with pytest.raises(NotPossible):
            approve(one, ben)
    row.refresh_from_db()
    assert (row.state, row.answer) == (State.REFUSED, "It is of another site.")


def test_two_entries_are_joined_by_two(ann: User, ben: User, guarded: None) -> None:
    one, other = make.resource("orda.kz"), make.resource("orda.com")
    row = propose(ann, Operation.MERGE, other, {"into": one.pk, "across_types": False})
    assert type(one).objects.count() == 2
    approve(row, ben)
    assert type(one).objects.get() == one


def test_the_same_act_twice_is_seen(ann: User, ben: User) -> None:
    act = approve(propose(ann, Operation.CREATE, Act, ACT | {"number": "9-A"}), ben)
    waiting = propose(ann, Operation.CREATE, Act, ACT | {"key": "act-10", "number": "9-a"})
    assert proposals.alike(Act, {"number": "9-a ", "date": "2026-01"}) == ([act], [waiting])
    assert proposals.alike(Act, {"number": "8", "date": "2026-01"}) == ([], [])
    assert proposals.alike(Restriction, {"number": "9-a"}) == ([], [])


# --- past the desk


def test_the_database_refuses_to_write_the_record_alone(ann: User, ben: User, guarded: None) -> None:
    act = approve(propose(ann, Operation.CREATE, Act, ACT), ben)
    source, event = make.source(), make.event()
    refused(lambda: Act.objects.create(key="forged"))
    refused(lambda: Act.objects.filter(pk=act.pk).update(number="10"))
    refused(lambda: Act.objects.filter(pk=act.pk).update(withdrawn="Nothing.", withdrawn_on="2026-01-01"))
    refused(lambda: Act.objects.filter(pk=act.pk).delete())
    refused(lambda: act.sources.add(source))
    refused(lambda: make.restriction(make.resource(), kind="court"))
    refused(lambda: make.statement(event))
    site = make.resource("orda.kz")
    refused(lambda: type(site).objects.filter(pk=site.pk).update(name="other.kz"))
    refused(lambda: type(site).objects.filter(pk=site.pk).delete())
    type(site).objects.filter(pk=site.pk).update(category="NEWS")
    refused(lambda: type(source).objects.filter(pk=source.pk).update(withdrawn="x", withdrawn_on="2026-01-01"))
    act.save()  # nothing of it differs
    act.refresh_from_db()
    assert (act.number, act.withdrawn, list(act.sources.all())) == ("9", "", [])


def test_every_table_that_editors_write_is_guarded(django_db_setup: dict[str, str]) -> None:
    kept = {"event", "source"}  # what machines write too; withdrawing it is guarded
    for model in editing.EDITABLE:
        meta: Any = model._meta
        table, by_machines = meta.db_table, meta.model_name in kept
        acts = {"update", "delete"} | (set() if by_machines else {"insert"})
        assert {f"two_people_{table}_{act}" for act in acts} <= django_db_setup.keys()
        names = () if by_machines else editing.EDITABLE[model].columns
        columns = [meta.get_field(name).column for name in (*names, "withdrawn", "withdrawn_on")]
        assert all(column in django_db_setup[f"two_people_{table}_update"] for column in columns)
        for field in () if by_machines else meta.many_to_many:
            through = field.remote_field.through._meta.db_table
            assert {f"two_people_{through}_{act}" for act in ("insert", "update", "delete")} <= django_db_setup.keys()


def test_the_approval_of_oneself_is_refused_by_the_database(ann: User, ben: User) -> None:
    row = propose(ann, Operation.CREATE, Act, ACT)
    for fields in (
        {"author": ann, "approver": ann, "sha256": row.sha256},
        {"author": ben, "approver": ann, "sha256": row.sha256},
        {"author": ann, "approver": ben, "sha256": "0" * 64},
    ):
        refused(lambda fields=fields: Approval.objects.create(proposal=row, **fields), None)
    assert not Approval.objects.exists()


def test_a_proposal_is_not_rewritten_nor_carried_out_without_an_approval(ann: User, ben: User) -> None:
    row = propose(ann, Operation.CREATE, Act, ACT)
    rows = Proposal.objects.filter(pk=row.pk)
    for fields in (
        {"content": "{}"},
        {"sha256": "0" * 64},
        {"author": ben},
        {"record_type": "*"},
        {"record_id": 5},
        {"operation": "pack"},
        {"state": "carrying", "never": -1},
        {"state": "done"},
    ):
        refused(lambda fields=fields: rows.update(**fields), None)
    refused(rows.delete, None)
    refused(lambda: Proposal.objects.create(state="carrying", author=ann, sha256="0" * 64, never_id=-1), None)
    row.refresh_from_db()
    assert row.state == State.WAITING


def test_an_approved_proposal_lets_its_own_record_be_written_and_no_other(ann: User, ben: User, guarded: None) -> None:
    act, other = (approve(propose(ann, Operation.CREATE, Act, ACT | {"key": key}), ben) for key in ("a", "b"))
    row = propose(ann, Operation.CORRECT, act, {"number": "10"})
    Approval.objects.create(proposal=row, sha256=row.sha256, author=ann, approver=ben)
    with transaction.atomic():
        Proposal.objects.filter(pk=row.pk).update(state="carrying", never=-1)
        refused(lambda: Act.objects.filter(pk=other.pk).update(number="10"))
        refused(lambda: Act.objects.create(key="forged"))
        refused(lambda: make.authority("forged"))
        transaction.set_rollback(True)


@pytest.mark.parametrize("state", ["trial", "carrying"])
def test_nothing_that_was_only_tried_or_is_not_finished_can_be_committed(ann: User, ben: User, state: str) -> None:
    row = propose(ann, Operation.CREATE, Act, ACT)
    Approval.objects.create(proposal=row, sha256=row.sha256, author=ann, approver=ben)
    with transaction.atomic():
        if state == "trial":
            Trial.objects.create(never_id=-1)
            refused(Trial.objects.all().delete, None)
        else:
            Proposal.objects.filter(pk=row.pk).update(state="carrying", never=-1)
        with pytest.raises(IntegrityError):
            connection.check_constraints()
        transaction.set_rollback(True)
