"""Work at the desk is held by one person at a time; the database says by whom."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError, connection

from registry import leases
from registry.leases import LENGTH, Held
from registry.log import NoReason
from registry.models import Lease
from tests.make import AT

pytestmark = pytest.mark.django_db
WORK = "report/12"
LATER = AT + timedelta(minutes=3)
AFTER = AT + LENGTH


@pytest.fixture
def ann() -> User:
    return User.objects.create_user("ann")


@pytest.fixture
def ben() -> User:
    return User.objects.create_user("ben")


def held() -> tuple[str, str, str]:
    row = Lease.objects.get()
    return row.holder.username, row.former.username if row.former else "", row.reason


def test_what_one_holds_another_does_not_get(ann: User, ben: User) -> None:
    assert leases.claim(WORK, by=ann, at=AT).until == AT + LENGTH
    with pytest.raises(Held, match="17:30"):  # in Almaty
        leases.claim(WORK, by=ben, at=LATER)
    assert held() == ("ann", "", "")
    assert leases.claim("report/13", by=ben, at=LATER).holder == ben


def test_whoever_claims_it_again_holds_it_longer(ann: User) -> None:
    leases.claim(WORK, by=ann, at=AT)
    assert leases.claim(WORK, by=ann, at=LATER).until == LATER + LENGTH
    assert leases.claim(WORK, by=ann, at=LATER + 2 * LENGTH).former is None


def test_a_lease_that_ran_out_is_free_and_its_holder_is_told_who_has_it(ann: User, ben: User) -> None:
    leases.claim(WORK, by=ann, at=AT)
    row = leases.claim(WORK, by=ben, at=AFTER)
    assert (row.holder, row.former, row.taken_at, row.reason) == (ben, ann, AFTER, "")
    with pytest.raises(Held):
        leases.claim(WORK, by=ann, at=AFTER)


def test_taking_over_before_that_needs_a_reason_which_the_holder_is_shown(ann: User, ben: User) -> None:
    leases.claim(WORK, by=ann, at=AT)
    with pytest.raises(NoReason):
        leases.take_over(WORK, holder=ann.pk, by=ben, reason=" … ", at=LATER)
    assert held() == ("ann", "", "")
    row = leases.take_over(WORK, holder=ann.pk, by=ben, reason="It is urgent.", at=LATER)
    assert (row.until, row.taken_at) == (LATER + LENGTH, LATER)
    assert held() == ("ben", "ann", "It is urgent.")


def test_it_is_taken_over_from_the_one_who_was_named_and_from_nobody_else(ann: User, ben: User) -> None:
    cyd = User.objects.create_user("cyd")
    leases.claim(WORK, by=ann, at=AT)
    leases.take_over(WORK, holder=ann.pk, by=ben, reason="It is urgent.", at=LATER)
    with pytest.raises(Held) as told:
        leases.take_over(WORK, holder=ann.pk, by=cyd, reason="It is urgent.", at=LATER)
    assert told.value.lease.holder == ben
    assert leases.take_over(WORK, holder=ben.pk, by=cyd, reason="", at=LATER + LENGTH).holder == cyd


def test_only_its_holder_lets_go_of_it(ann: User, ben: User) -> None:
    leases.claim(WORK, by=ann, at=AT)
    leases.release(WORK, by=ben)
    assert held() == ("ann", "", "")
    leases.release(WORK, by=ann)
    assert leases.claim(WORK, by=ben, at=AT).former is None


def test_who_decides_holds_it_no_longer(ann: User, ben: User) -> None:
    leases.claim(WORK, by=ann, at=AT)
    with pytest.raises(Held), leases.deciding(WORK, by=ben, at=LATER):
        pytest.fail("another person decided")
    with pytest.raises(ValueError, match="no"), leases.deciding(WORK, by=ann, at=LATER):
        raise ValueError("no")
    assert held() == ("ann", "", "")  # what failed leaves the lease
    with leases.deciding(WORK, by=ann, at=LATER):
        pass
    assert not Lease.objects.exists()


def test_what_nobody_holds_any_more_is_decided_by_anybody(ann: User, ben: User) -> None:
    with leases.deciding(WORK, by=ben, at=AT):
        pass
    leases.claim(WORK, by=ann, at=AT)
    with leases.deciding(WORK, by=ben, at=AFTER):
        pass
    assert leases.of([WORK]) == {}


# What threads commit stays on PostgreSQL, where the log lets nothing be emptied: the test takes its own rows away.
@pytest.mark.django_db(transaction="TIZILIM_TEST_POSTGRES" not in os.environ)
@pytest.mark.parametrize("before", ["free", "ran out", "held"])
def test_of_many_who_claim_at_once_one_has_it(before: str) -> None:
    ready = threading.Barrier(6)
    at = LATER if before == "held" else AFTER

    def prepared() -> tuple[User, list[User]]:
        first, *others = (User.objects.create_user(f"editor-{number}") for number in range(7))
        if before != "free":
            leases.claim(WORK, by=first, at=AT)
        return first, others

    def claimed(by: User) -> bool:
        ready.wait()
        return claims(by)

    def claims(by: User) -> bool:
        try:
            if before == "held":
                leases.take_over(WORK, holder=first.pk, by=by, reason="It is urgent.", at=at)
            else:
                leases.claim(WORK, by=by, at=at)
        except Held:
            return False
        except OperationalError:  # a database in memory does not wait for others, as one in a file does
            return claims(by)
        return True

    with ThreadPoolExecutor(6) as threads:
        first, others = threads.submit(committed(prepared)).result()
        try:
            won = [by for by, got in zip(others, threads.map(committed(claimed), others), strict=True) if got]
            holders = threads.submit(committed(lambda: [one.holder for one in Lease.objects.all()])).result()
        finally:
            threads.submit(committed(User.objects.filter(username__startswith="editor-").delete)).result()
    assert len(won) == 1
    assert holders == won


def committed(act: Callable[..., Any]) -> Callable[..., Any]:
    """The act on a connection of its own."""

    def done(*arguments: Any) -> Any:
        try:
            return act(*arguments)
        finally:
            connection.close()

    return done
