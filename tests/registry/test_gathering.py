"""Related rows come in one query, and are those that Django would have read."""

from __future__ import annotations

import pytest
from django.db import connection

from checks.models import Network
from registry.gathering import gather
from registry.models import Act, Restriction, Source
from tests import make

pytestmark = pytest.mark.django_db


def restrictions() -> list[Restriction]:
    """Two that share an act and a network, and one of which nothing is known."""
    act, other = make.act(by=make.authority()), make.act("2-1205", by=make.authority("mdai"), date="2026-02-01")
    act.sources.add(make.source())
    network = make.network(9198, silent_since=make.AT)
    rows = [make.restriction(make.resource(f"site{n}.kz"), *some) for n, some in enumerate(([act, other], [act], []))]
    for row in rows[:2]:
        row.networks.add(network)
        make.statement(row, authority=make.authority())
        make.statement(row, speaker="an operator", date="2026-01-02")
    return list(Restriction.objects.order_by("pk"))


def test_many_relations_are_one_query(django_assert_num_queries) -> None:
    rows = restrictions()
    assert connection.features.supports_json_field  # what SQLite is asked once a connection
    with django_assert_num_queries(2):
        below = gather(rows, acts=(), networks=(), grounds=(), statements=("authority", "source"))
        gather(below["acts"], roles=("authority",), sources=())
        told = [
            (
                [
                    (act, [role.authority.name for role in act.roles.all()], list(act.sources.all()))
                    for act in row.acts.all()
                ],
                list(row.networks.all()),
                list(row.grounds.all()),
                [(one, one.authority and one.authority.name, one.source.title) for one in row.statements.all()],
            )
            for row in rows
        ]
    fresh = Restriction.objects.order_by("pk").prefetch_related("acts__roles__authority", "acts__sources", "statements")
    assert told == [
        (
            [
                (act, [role.authority.name for role in act.roles.all()], list(act.sources.all()))
                for act in row.acts.all()
            ],
            list(row.networks.all()),
            [],
            [(one, one.authority and one.authority.name, one.source.title) for one in row.statements.all()],
        )
        for row in fresh
    ]


def test_columns_come_as_what_they_are() -> None:
    rows = restrictions()
    gather(rows, acts=(), networks=())
    network, act = rows[0].networks.all()[0], rows[0].acts.all()[0]
    for row, stored in ((network, Network.objects.get()), (act, Act.objects.get(pk=act.pk))):
        for field in row._meta.concrete_fields:
            assert getattr(row, field.attname) == getattr(stored, field.attname), field.name


def test_a_column_of_json_comes_as_it_is() -> None:
    wave = make.wave(make.network())
    network = Network.objects.get()
    gather([network], waves=())
    assert network.waves.all()[0].intervals == wave.intervals


def test_of_nothing_nothing_is_asked(django_assert_num_queries) -> None:
    with django_assert_num_queries(0):
        assert gather([], acts=()) == {"acts": []}


@pytest.mark.parametrize("parents", [True, False])
def test_other_rows_come_in_the_same_query(django_assert_num_queries, parents: bool) -> None:
    rows = restrictions() if parents else []
    source = make.source("An annual report")
    beside = {"papers": (Source.objects.filter(title="An annual report"), ())}
    assert connection.features.supports_json_field
    with django_assert_num_queries(1):
        found = gather(rows, beside=beside, acts=())
    assert found["papers"] == [source]
    assert {act.number for act in found["acts"]} == ({"2-1204", "2-1205"} if parents else set())
