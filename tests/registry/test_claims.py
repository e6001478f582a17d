"""What was said stands beside what others said, and beside what was counted or measured."""

from __future__ import annotations

import pytest
from django.db import IntegrityError

from checks.models import State
from registry import claims, status
from registry.models import Act, Ground, Resource, Restriction, Source
from tests import make

pytestmark = pytest.mark.django_db


def found() -> list[claims.Contradiction]:
    rows = claims.statements_about(claims.contradicted())
    resources = {row.restriction.resource for row in rows if row.restriction}
    statuses = {one.resource.pk: one for one in status.of_many(list(resources), at=make.AT)}
    return claims.contradictions(rows, statuses)


def test_one_admits_what_another_denies() -> None:
    row = make.restriction(make.resource())
    make.statement(row, speaker="Ministry", stance="denies", date="2026-01-17")
    make.statement(row, speaker="Operator", stance="admits", date="2026-01-05")
    make.statement(row, speaker="Prosecutor", stance="silent")
    [one] = found()
    assert [said.speaker for said in one.admits] == ["Operator"]
    assert [said.speaker for said in one.denies] == ["Ministry"]
    assert (one.both, one.measured) == ((), ())


def test_one_says_both_at_different_times() -> None:
    row, body = make.restriction(make.resource()), make.authority()
    make.statement(row, authority=body, speaker="A minister", stance="denies", date="2026-01-05")
    make.statement(row, authority=body, speaker="A vice-minister", stance="admits", date="2026-02")
    assert found()[0].both == ("Ministry of Culture and Information",)


def test_what_is_denied_stands_beside_what_is_measured() -> None:
    resource = make.resource("nvaccess.org")
    make.statement(make.restriction(resource), date="2018")
    for asn in (1, 2):
        make.cell(resource, make.network(asn), State.BLOCKED)
    [one] = found()
    assert (one.admits, len(one.denies)) == ((), 1)
    assert one.measured[0].counts.blocked == 2


def test_what_is_denied_stands_beside_what_sources_reported_of_a_block_outside_the_law() -> None:
    told = {"fact": "It did not open in any city.", "kind_reason": "The bodies deny it."}
    row = make.restriction(make.resource("nvaccess.org"), kind="production", began="2018-04", **told)
    make.statement(row, date="2018-04-25")
    [one] = found()
    assert (one.admits, one.measured, one.reported) == ((), (), (row,))
    Restriction.objects.update(kind="unknown", kind_reason="")  # nobody has said that it was outside the law
    assert found() == []


@pytest.mark.parametrize("state", [State.ACCESSIBLE, State.DOWN, State.INSUFFICIENT])
def test_a_denial_of_what_opens_or_is_not_known_contradicts_nothing(state: str) -> None:
    resource = make.resource()
    make.statement(make.restriction(resource))
    make.cell(resource, make.network(), state)
    assert found() == []


def test_a_denial_of_a_restriction_that_is_over_is_not_set_against_what_is_measured_now() -> None:
    resource = make.resource()
    make.statement(make.restriction(resource, ended="2026-02"))
    make.cell(resource, make.network(), State.BLOCKED)
    assert found() == []


def test_restrictions_of_one_event_and_the_event_itself_are_one_thing() -> None:
    event = make.event()
    make.statement(event, stance="denies", speaker="Ministry")
    make.statement(make.restriction(make.resource("vk.com"), event=event), stance="admits", speaker="Operator")
    [one] = found()
    assert (one.event, [row.name for row in one.resources]) == (event, ["vk.com"])


def test_restrictions_of_different_resources_or_times_are_not_one_thing() -> None:
    resource = make.resource()
    make.statement(make.restriction(resource, began="2016"), stance="denies")
    make.statement(make.restriction(resource, began="2019"), stance="admits")
    make.statement(make.restriction(make.resource("vlast.kz")), stance="admits")
    assert found() == []


def test_restrictions_that_tell_one_episode_differently_are_one_thing() -> None:
    resource = make.resource("livejournal.com")
    make.statement(make.restriction(resource, began="2008-10-10", conflicting=True), stance="denies")
    make.statement(make.restriction(resource, began="2008-10-07", conflicting=True), stance="admits")
    make.statement(make.restriction(resource, began="2011", conflicting=True), stance="denies")
    [one] = found()
    assert (len(one.admits), len(one.denies)) == (1, 1)


def test_what_is_not_public_contradicts_nothing() -> None:
    row = make.restriction(make.resource(), public=False)
    make.statement(row, stance="denies")
    make.statement(row, stance="admits")
    assert found() == []


def ground(code: str = "fraud") -> Ground:
    return Ground.objects.create(code=code, name_kk=code, name_ru=code, name_en=code)


def own(**fields: object) -> claims.OwnCount:
    figure = make.figure(**fields)
    return claims.own_counts([figure])[figure.pk]


def test_our_own_count_is_of_the_same_time_and_says_what_it_counts() -> None:
    order = make.act("1", type=Act.Type.ORDER, date="2026-01-04")
    for name, began in (("a.kz", "2026-01-04"), ("https://b.kz/x", "2026-07"), ("c.kz", "2026-08"), ("d.kz", "")):
        make.restriction(make.resource(name), order, began=began)
    make.restriction(make.resource("a.kz"), order, began="2026-03")
    make.act("2", type=Act.Type.ORDER, date="2025")
    assert own() == claims.OwnCount(resources=2, urls=1, acts=1)
    assert own(period_from="", period_to="") == claims.OwnCount(resources=4, urls=1, acts=2)
    assert own(period_from="", period_to="2026-01-04").resources == 1
    assert own(period_from="2026", period_to="").resources == 3
    assert own(period_from="2025", period_to="2025") == claims.OwnCount(0, 0, 1)


def test_our_own_count_is_of_the_same_kind_and_ground() -> None:
    fraud = ground()
    decision = make.act("1", date="2026-01-04")
    make.appeal(decision, result=make.act("2", date="2026-02"))  # what decided an appeal blocked nothing
    make.restriction(make.resource("a.kz"), decision, kind="court").grounds.add(fraud)
    make.restriction(make.resource("b.kz"), make.act("3", type=Act.Type.ORDER), kind="administrative")
    assert own(kind="court") == claims.OwnCount(1, 0, 1)
    assert own(kind="administrative") == claims.OwnCount(1, 0, 1)
    assert own(ground=fraud) == claims.OwnCount(1, 0, 1)
    assert own(ground=ground("drugs")) == claims.OwnCount(0, 0, 0)


def test_what_is_not_public_and_notices_are_in_no_count() -> None:
    make.restriction(make.resource("a.kz"), public=False)
    make.notice(resource=make.resource("b.kz"))
    make.notice(type="usage_ban", bound="officials of the akimat", resource=make.resource("b.kz"))
    assert own(period_from="", period_to="") == claims.OwnCount(0, 0, 0)
    found = status.of(Resource.objects.get(name="b.kz"), at=make.AT)
    assert (found.legal, found.restrictions) == (status.Legal.NONE, ())


def test_many_figures_take_two_queries(django_assert_num_queries) -> None:
    figures = [make.figure(kind="court") for _ in range(50)]
    with django_assert_num_queries(2):
        assert len(claims.own_counts(figures)) == 50
    assert claims.own_counts([]) == {}


def test_a_ban_says_whom_it_binds_and_a_hash_is_of_a_copy() -> None:
    with pytest.raises(IntegrityError):
        make.notice(type="usage_ban")


def test_a_hash_without_a_copy_is_refused() -> None:
    with pytest.raises(IntegrityError):
        Source.objects.create(url="https://a.example.com/", sha256="0" * 64)


def test_production_is_set_with_a_reason_only() -> None:
    with pytest.raises(IntegrityError):
        Restriction.objects.create(resource=make.resource(), kind="production")
