"""An act is told with what was done against it, and with what came of that."""

from __future__ import annotations

import pytest
from django.db import IntegrityError

from registry import appeals
from registry.models import Act, Appeal, Restriction
from tests import make

pytestmark = pytest.mark.django_db


@pytest.fixture
def ratel() -> Restriction:
    """Interim measure, ban of a year, upheld, reversed, open."""
    interim = make.act("1", type=Act.Type.INTERIM_MEASURE, date="2018-03-30")
    ban = make.act("2", date="2018-05-28")
    upheld, reversed_ = make.act("3", date="2018-10"), make.act("4", date="2019-08-13")
    first = make.appeal(ban, decided="2018-10", result=upheld)
    make.appeal(ban, "reversed", decided="2019-08-13", result=reversed_, previous=first)
    return make.restriction(make.resource("ratel.kz"), interim, ban, began="2018-03-30", ended="2019-10-23")


def told(steps: tuple[appeals.Step, ...]) -> list[str]:
    return [
        f"act {one.act.number}" if one.act else one.appeal.outcome if one.appeal else f"{one.ended.resource} opened"
        for one in steps
    ]


def courses() -> dict[int, tuple[appeals.Step, ...]]:
    rows = list(Restriction.objects.with_basis())
    return appeals.courses(rows, appeals.reached(rows))


def fallen() -> dict[int, tuple[Appeal, ...]]:
    rows = list(Restriction.objects.with_basis())
    return appeals.fallen(rows, appeals.reached(rows))


LIFE = ["act 1", "act 2", "upheld", "reversed", "ratel.kz opened"]


def test_the_course_of_a_restriction_runs_from_the_interim_measure_to_its_end(ratel: Restriction) -> None:
    assert told(courses()[ratel.pk]) == LIFE


@pytest.mark.parametrize("number", ["1", "2", "3", "4"])
def test_every_act_of_the_course_tells_the_whole_of_it(ratel: Restriction, number: str) -> None:
    assert told(appeals.course_of_act(Act.objects.with_display().get(number=number))) == LIFE


def test_another_site_under_the_same_ban_has_the_same_appeals_and_not_its_end(ratel: Restriction) -> None:
    other = make.restriction(make.resource("balborsyk.kz"), Act.objects.get(number="2"))
    found = courses()
    assert told(found[other.pk]) == ["act 2", "upheld", "reversed"]


def test_an_appeal_by_one_owner_is_not_told_of_the_other_sites_of_the_order() -> None:
    order = make.act("25-1", type=Act.Type.ORDER)
    mine, other = (make.restriction(make.resource(name), order) for name in ("hidemy.name", "other.kz"))
    make.appeal(order, "returned", restriction=mine)
    found = courses()
    assert told(found[mine.pk]) == ["act 25-1", "returned"]
    assert other.pk not in found
    assert told(appeals.course_of_act(Act.objects.with_display().get(pk=order.pk))) == ["act 25-1", "returned"]


def test_an_act_that_nobody_challenged_has_no_course() -> None:
    make.restriction(make.resource(), make.act(), make.act())
    assert courses() == {}
    assert appeals.course_of_act(Act.objects.with_display().first()) == ()


def test_what_is_not_public_is_in_no_course(ratel: Restriction) -> None:
    ban = Act.objects.get(number="2")
    hidden = make.restriction(make.resource("secret.kz"), ban, public=False, began="2018", ended="2020")
    make.appeal(ban, "withdrawn", restriction=hidden)
    assert told(appeals.course_of_act(Act.objects.with_display().get(pk=ban.pk))) == LIFE


def test_the_note_of_an_act_that_covers_what_is_not_shown_in_full_is_not_shown_in_any_course(
    ratel: Restriction,
) -> None:
    interim = Act.objects.get(number="1")
    make.restriction(make.resource("secret.kz", display="withheld"), interim)
    [own, *others] = appeals.course_of_act(Act.objects.with_display().get(number="2"))
    assert (own.act, own.shown) == (interim, False)
    assert all(step.shown for step in others)


def test_many_restrictions_take_as_many_queries_as_one(ratel: Restriction, django_assert_num_queries) -> None:
    for number in range(20):
        act = make.act(f"n-{number}")
        make.appeal(act)
        make.restriction(make.resource(f"site-{number}.kz"), act)
    rows = list(Restriction.objects.with_basis())
    with django_assert_num_queries(1):
        assert len(appeals.courses(rows, appeals.reached(rows))) == 21


@pytest.mark.parametrize(
    "fields", [{"filed": "2020", "decided": "2019"}, {"outcome": "pending", "decided": "2020"}, {"result": "itself"}]
)
def test_an_appeal_that_cannot_be_is_refused(fields: dict[str, object]) -> None:
    act = make.act()
    fields = {key: act if value == "itself" else value for key, value in fields.items()}
    with pytest.raises(IntegrityError):
        make.appeal(act, **fields)


def falls(row: Restriction) -> bool:
    return row.pk in fallen()


def test_a_course_that_ends_with_a_reversal_leaves_no_act_that_keeps_the_restriction(ratel: Restriction) -> None:
    ratel.acts.add(*Act.objects.filter(number__in=["3", "4"]))  # sources name the whole course as its basis
    [reversal] = fallen()[ratel.pk]
    assert (reversal.act.number, reversal.decided) == ("2", "2019-08-13")


@pytest.mark.parametrize(
    ("steps", "fell"),
    [
        (["reversed 2019"], True),
        (["upheld 2018", "reversed 2019"], True),
        (["reversed 2019", "upheld 2018"], True),
        (["reversed 2018", "upheld 2019"], False),
        (["reversed 2019", "upheld 2019-08"], False),  # which was the last?
        (["reversed 2019", "upheld"], False),
        (["reversed", "< upheld"], False),
        (["upheld", "< reversed"], True),
        (["reversed 2018", "pending"], False),
        (["pending 2018", "reversed 2019"], False),
        (["reversed 2018", "unknown 2019"], False),
        (["reversed 2018", "partly 2019"], False),
        (["partly 2019"], False),
        (["reversed 2018", "returned 2019", "withdrawn"], True),
        (["upheld 2018"], False),
    ],
)
def test_an_act_has_fallen_only_where_its_reversal_is_known_to_be_the_last_word(steps: list[str], fell: bool) -> None:
    act, last = make.act(date="2017"), None
    for step in steps:
        outcome, _, day = step.removeprefix("< ").partition(" ")
        dated = {"filed" if outcome == "pending" else "decided": day}
        last = make.appeal(act, outcome, previous=last if step.startswith("<") else None, **dated)
    assert falls(make.restriction(make.resource(), act)) == fell


@pytest.mark.parametrize(
    ("outcomes", "fell"),
    [(["upheld"], True), (["reversed"], False), (["pending"], False), (["reversed", "reversed"], True)],
)
def test_a_reversal_can_be_reversed_in_turn(outcomes: list[str], fell: bool) -> None:
    act, result = make.act(), make.act()
    last = make.appeal(act, "reversed", decided="2018", result=result)
    for outcome in outcomes:
        challenged, result = result, make.act()
        last = make.appeal(challenged, outcome, previous=last, **({} if outcome == "pending" else {"result": result}))
    assert falls(make.restriction(make.resource(), act)) == fell


@pytest.mark.parametrize(
    ("steps", "day"),
    [
        (["reversed 2018", "reversed 2019"], "2019"),
        (["reversed 2019", "reversed 2019-08"], "2019-08"),
        (["reversed 2019", "reversed"], "2019"),
        (["reversed 2019", "returned 2020"], "2019"),
        (["reversed"], ""),
    ],
)
def test_the_date_of_a_reversal_is_that_of_what_had_effect_last(steps: list[str], day: str) -> None:
    act = make.act(date="2017")
    for step in steps:
        outcome, _, decided = step.partition(" ")
        make.appeal(act, outcome, filed="2018", decided=decided)
    row = make.restriction(make.resource(), act)
    [reversal] = fallen()[row.pk]
    assert reversal.decided == day


def test_a_reversal_for_one_owner_is_none_for_the_others() -> None:
    order = make.act(type=Act.Type.ORDER)
    mine, other = (make.restriction(make.resource(name), order) for name in ("hidemy.name", "other.kz"))
    make.appeal(order, "reversed", restriction=mine)
    assert falls(mine)
    assert not falls(other)


@pytest.mark.parametrize(("date", "fell"), [("2017-01-02", True), ("2019", False), ("", False)])
def test_an_interim_measure_from_before_the_decision_does_not_outlive_it(date: str, fell: bool) -> None:
    interim, decision = make.act(type=Act.Type.INTERIM_MEASURE, date=date), make.act(date="2018-01-02")
    make.appeal(decision, "reversed")
    assert falls(make.restriction(make.resource(), interim, decision)) == fell


def test_appeals_in_a_circle_prove_nothing() -> None:
    first, second = make.act(), make.act()
    make.appeal(first, "reversed", result=second)
    make.appeal(second, "reversed", result=first)
    assert not falls(make.restriction(make.resource(), first))
