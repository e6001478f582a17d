"""Plain SQL by whoever may write the database and knows its tricks."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, connection, transaction

from checks.models import Vantage
from registry import proposals
from registry.models import Act, Event, Original, Proposal, PublicCopy, Region
from registry.proposals import Operation
from tests import make

pytestmark = pytest.mark.django_db
# One of the same author, number and hash, with other content.
FORGED = (
    "INTO registry_proposal (id, operation, record_type, content, sha256, proposed_at, state, answer, author_id) "
    "SELECT {id}, 'pack', '*', '{{}}', sha256, proposed_at, 'waiting', '', author_id FROM registry_proposal "
    "WHERE id = {of}"
)

COPY: Any = {"media_type": "image/png", "size": 4, "pages": 1, "data": b"copy", "made_on": make.AT.date()}


@pytest.fixture
def done(django_db_setup: dict[str, str]) -> Proposal:
    """Two acts, one of a proposal that was approved; two events, one with links, a paper and a sealed original that
    waits for one, a hiding, a probe location, the log; and the guards."""
    ann, ben = User.objects.create_superuser("ann"), User.objects.create_superuser("ben")
    row = proposals.propose(Operation.CREATE, Act, {"key": "one", "type": "order"}, by=ann, reason="A letter says so.")
    proposals.approve(row, sha256=row.sha256, by=ben)
    make.act(key="two")
    for key in ("one", "two"):
        make.event(key=key)
    event = Event.objects.get(key="one")
    event.networks.add(make.network(2))
    event.sources.add(make.source())
    event.authorities.add(make.authority())
    event.regions.add(Region.objects.create(iso="KZ-75", name_kk="x", name_ru="x", name_en="x"))
    paper: Any = {"size": 4, "box": b"box", "keys": ["a key"], "taken_on": make.AT.date(), "taken_by": "e"}
    published = Original.objects.create(document=make.document(), hash="12" * 32, **paper)
    PublicCopy.objects.create(original=published, sha256="34" * 32, **COPY)
    Original.objects.create(hash="cd" * 32, **paper)
    make.hiding("Qzxvan Petroff")
    Vantage.objects.create(name="astana", network=make.network(1), role="probe", source="own", public_key="00" * 32)
    with connection.cursor() as cursor:
        for statement in django_db_setup.values():
            cursor.execute(statement)
    return row


@pytest.fixture
def shell(done: Proposal) -> Iterator[sqlite3.Connection]:
    """The same opened as any program opens it: without foreign keys."""
    if connection.vendor != "sqlite":
        pytest.skip("of SQLite alone")
    shell = sqlite3.connect(":memory:", isolation_level=None)
    shell.deserialize(connection.connection.serialize())
    yield shell
    shell.close()


def _run(shell: sqlite3.Connection, *statements: str) -> None:
    for statement in ("BEGIN", *statements, "COMMIT"):
        shell.execute(statement)


def refused(shell: sqlite3.Connection, *statements: str) -> None:
    before = list(shell.iterdump())
    with pytest.raises(sqlite3.IntegrityError):
        _run(shell, *statements)
    shell.execute("ROLLBACK")
    assert list(shell.iterdump()) == before


@pytest.mark.parametrize("enforced", [False, True])
def test_a_trial_is_not_committed_whatever_is_switched_off(shell: sqlite3.Connection, enforced: bool) -> None:
    shell.execute(f"PRAGMA foreign_keys = {enforced:d}")
    shell.execute("PRAGMA ignore_check_constraints = 1")
    for values in ("1, -1", "-1, -1", "1, 1", "NULL, -1"):
        refused(shell, f"INSERT INTO registry_trial (id, never_id) VALUES ({values})")


def test_a_proposal_that_was_agreed_to_is_not_replaced_by_another(shell: sqlite3.Connection, done: Proposal) -> None:
    refused(shell, "INSERT OR REPLACE " + FORGED.format(id=done.pk, of=done.pk))
    refused(
        shell,
        "INSERT " + FORGED.format(id="NULL", of=done.pk),
        f"UPDATE OR REPLACE registry_proposal SET id = {done.pk} WHERE state = 'waiting'",
    )
    refused(shell, "INSERT OR REPLACE INTO registry_approval SELECT * FROM registry_approval")


def test_nothing_is_carried_out_where_foreign_keys_are_not_enforced(shell: sqlite3.Connection, done: Proposal) -> None:
    shell.execute("INSERT " + FORGED.format(id="NULL", of=done.pk))
    shell.execute(
        "INSERT INTO registry_approval (proposal_id, sha256, at, author_id, approver_id) "
        "SELECT (SELECT max(id) FROM registry_proposal), sha256, at, author_id, approver_id FROM registry_approval"
    )
    refused(shell, "UPDATE registry_proposal SET state = 'carrying', never_id = -1 WHERE state = 'waiting'")


def test_no_row_takes_the_place_of_another(shell: sqlite3.Connection) -> None:
    first, second = (one for (one,) in shell.execute("SELECT id FROM registry_act ORDER BY id"))
    refused(shell, f"UPDATE OR REPLACE registry_act SET id = {first} WHERE id = {second}")
    first, second = (one for (one,) in shell.execute("SELECT id FROM registry_event ORDER BY id"))
    refused(shell, f"UPDATE OR REPLACE registry_event SET id = {first} WHERE id = {second}")
    refused(shell, f"UPDATE OR REPLACE registry_event SET key = 'one' WHERE id = {second}")
    refused(shell, f"INSERT OR REPLACE INTO registry_event SELECT * FROM registry_event WHERE id = {first}")
    refused(shell, "INSERT OR REPLACE INTO registry_logentry SELECT * FROM registry_logentry")
    columns = [one[1] for one in shell.execute("PRAGMA table_info(checks_vantage)")]
    told = ", ".join("'ooni'" if one == "source" else one for one in columns)
    refused(shell, f"INSERT OR REPLACE INTO checks_vantage SELECT {told} FROM checks_vantage")
    for table in ("original", "publiccopy", "event_networks", "event_sources", "event_authorities", "hiding"):
        refused(shell, f"INSERT OR REPLACE INTO registry_{table} SELECT * FROM registry_{table}")
    other = "SELECT l.id, e.id, l.network_id FROM registry_event_networks l, registry_event e WHERE e.key = 'two'"
    refused(shell, f"INSERT OR REPLACE INTO registry_event_networks (id, event_id, network_id) {other}")


def test_the_number_of_a_record_or_of_a_proposal_does_not_change(done: Proposal) -> None:
    """What points at it would point at another."""
    for table in ("registry_act", "registry_event", "checks_vantage", "registry_proposal", "registry_original"):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"UPDATE {table} SET id = id + 1000")


ORIGINAL = "hash, size, box, keys, taken_on, taken_by"


@pytest.mark.parametrize(
    "statement",
    [
        f"UPDATE registry_original SET hash = '{'ef' * 32}'",
        "UPDATE registry_original SET box = (SELECT CAST('other' AS {bytes}))",
        "UPDATE registry_original SET taken_by = 'another'",
        "UPDATE registry_original SET document_id = (SELECT max(id) FROM registry_document)",
        f"INSERT INTO registry_original ({ORIGINAL}, document_id) "
        f"SELECT {ORIGINAL}, (SELECT max(id) FROM registry_document) FROM registry_original",
        "DELETE FROM registry_original",
        "UPDATE registry_hiding SET words = 'Another Person'",
        "DELETE FROM registry_hiding",
        *(f"DELETE FROM registry_event_{name}" for name in ("authorities", "regions", "networks", "sources")),
        *(
            f"UPDATE registry_event_{name} SET event_id = (SELECT max(id) FROM registry_event)"
            for name in ("authorities", "regions", "networks", "sources")
        ),
        *(
            f"INSERT INTO registry_event_{name} (event_id, {column}) "
            f"SELECT (SELECT max(id) FROM registry_event), {column} FROM registry_event_{name}"
            for name, column in (("authorities", "authority_id"), ("regions", "region_id"))
        ),
    ],
)
def test_originals_hidings_and_links_of_events_stay_as_they_are(done: Proposal, statement: str) -> None:
    told = statement.format(bytes="blob" if connection.vendor == "sqlite" else "bytea")
    with pytest.raises(DatabaseError, match=r"two people|waiting|a hiding"), transaction.atomic():
        connection.cursor().execute(told)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM registry_publiccopy",
        "UPDATE registry_publiccopy SET data = NULL",
        "UPDATE registry_publiccopy SET sha256 = '{other}', data = (SELECT CAST('other' AS {bytes}))",
        "UPDATE registry_publiccopy SET original_id = (SELECT max(id) FROM registry_original)",
    ],
)
def test_the_copy_of_a_published_paper_stays_and_of_one_that_waits_goes(done: Proposal, statement: str) -> None:
    told = statement.format(bytes="blob" if connection.vendor == "sqlite" else "bytea", other="56" * 32)
    with pytest.raises(DatabaseError, match=r"two people|its hash stays"), transaction.atomic():
        connection.cursor().execute(told)
    waiting = Original.objects.get(document=None)
    copy = PublicCopy.objects.create(original=waiting, sha256="78" * 32, **COPY)
    assert PublicCopy.objects.filter(pk=copy.pk).update(data=None) == 1


def test_one_person_takes_a_paper_in_and_adds_what_is_seen_to_an_event(done: Proposal) -> None:
    event = Event.objects.get(key="one")
    event.networks.add(*event.networks.all(), make.network(3, watched=False))
    event.sources.add(*event.sources.all(), make.source("Another"))
    assert (event.networks.count(), event.sources.count()) == (2, 2)
    Original.objects.create(hash="ab" * 32, size=4, box=b"box", keys=[], taken_on=make.AT.date(), taken_by="e")


@pytest.mark.skipif(connection.vendor != "postgresql", reason="of PostgreSQL alone")
def test_a_temporary_table_does_not_stand_for_the_tables_of_proposals(done: Proposal) -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE registry_trial AS SELECT 1 AS id")
        with pytest.raises(DatabaseError, match="two people"), transaction.atomic():
            cursor.execute("UPDATE registry_act SET number = 'forged'")
        cursor.execute("CREATE TEMP TABLE registry_approval AS SELECT * FROM public.registry_approval")
        cursor.execute("INSERT " + FORGED.format(id="1000", of=done.pk))
        cursor.execute("UPDATE pg_temp.registry_approval SET proposal_id = 1000")
        with pytest.raises(DatabaseError, match="lacks the approval"), transaction.atomic():
            cursor.execute("UPDATE registry_proposal SET state = 'carrying', never_id = -1 WHERE id = 1000")
        cursor.execute("DROP TABLE pg_temp.registry_trial, pg_temp.registry_approval")


@pytest.mark.skipif(connection.vendor != "postgresql", reason="of PostgreSQL alone")
def test_what_two_people_keep_is_not_emptied(done: Proposal) -> None:
    connection.check_constraints()  # what still waits for the end of a transaction would refuse it first
    links = [f"registry_event_{name}" for name in ("authorities", "regions", "networks", "sources")]
    kept = ("registry_approval", "registry_proposal", "registry_erratum", "registry_original", "registry_hiding")
    for table in ("registry_restriction_acts", *kept, *links):
        with pytest.raises(DatabaseError, match="two people"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"TRUNCATE {table} CASCADE")
