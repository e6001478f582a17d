"""How much of a name is shown follows from its category, its grounds and an editor's choice, whatever changes."""

from __future__ import annotations

import random

import pytest

from registry import discretion, displays, log
from registry.models import Category, Display, Ground, LogEntry, Resource, Restriction, strictest
from tests import make

pytestmark = pytest.mark.django_db

FULL, DOMAIN_ONLY, WITHHELD = Display
BY = {"by": "editor-1", "reason": "A test."}


def test_of_several_displays_the_strictest_holds() -> None:
    assert strictest([]) == FULL
    assert strictest([FULL, WITHHELD, DOMAIN_ONLY]) == WITHHELD


@pytest.mark.parametrize(
    ("own", "category", "grounds", "shown"),
    [
        ("", None, [], FULL),
        ("", FULL, [FULL, DOMAIN_ONLY], DOMAIN_ONLY),
        ("", WITHHELD, [FULL], WITHHELD),
        (DOMAIN_ONLY, FULL, [], DOMAIN_ONLY),
        (WITHHELD, FULL, [FULL], WITHHELD),
        (FULL, FULL, [WITHHELD], FULL),  # who.int: an editor found that the ground is not what the site is
        (FULL, WITHHELD, [], WITHHELD),  # but no choice shows more than the category allows
    ],
)
def test_an_own_choice_stands_in_the_place_of_the_grounds_and_never_of_the_category(
    own: str, category: str | None, grounds: list[str], shown: str
) -> None:
    assert displays.effective(own, category, grounds) == shown


def test_a_page_of_a_withheld_site_is_withheld() -> None:
    site, page = make.resource("shop.kz"), make.resource("https://shop.kz/price")
    displays.choose(site, WITHHELD, **BY)
    page.refresh_from_db()
    assert page.display == WITHHELD
    displays.choose(site, "", **BY)
    page.refresh_from_db()
    assert page.display == FULL


def test_a_choice_needs_a_reason_and_must_change_something() -> None:
    make.category("ALDR", WITHHELD)
    one = make.resource(category="ALDR", display=WITHHELD)
    with pytest.raises(log.NoReason):
        displays.choose(one, WITHHELD, by="editor-1", reason=" ")
    with pytest.raises(displays.NotShown):
        displays.choose(one, FULL, **BY)
    with pytest.raises(Category.DoesNotExist):
        displays.categorise(one, "XXXX", **BY)
    assert LogEntry.objects.count() == 0


def test_a_new_resource_is_shown_no_further_than_its_category() -> None:
    make.category("ALDR", WITHHELD)
    assert Resource.objects.get_or_create_for("Shop", "app", category="ALDR")[0].display == WITHHELD


def test_the_stored_display_is_the_recomputed_one_after_any_changes() -> None:
    """Random changes of all that has a say; what is stored is what the definition gives."""
    pick = random.Random(20261126)
    codes = [make.category(f"C{number}", pick.choice(list(Display))).code for number in range(4)]
    grounds = [make.ground(f"g{number}", pick.choice(list(Display))) for number in range(4)]
    names = [f"site-{number}.kz" for number in range(4)] + [f"https://site-{number}.kz/page" for number in range(4)]
    resources = [make.resource(name) for name in names] + [make.resource("An app", type="app")]
    for _ in range(150):
        one = Resource.objects.get(pk=pick.choice(resources).pk)
        match pick.randrange(6):
            case 0:
                displays.categorise(one, pick.choice([*codes, ""]), **BY)
            case 1:
                try:
                    displays.choose(one, pick.choice([*Display, ""]), **BY)
                except displays.NotShown:
                    continue
            case 2:
                make.restriction(one).grounds.set(pick.sample(grounds, 2))
                displays.refresh([one.pk], **BY)
            case 3:
                if basis := one.restrictions.first():
                    basis.grounds.clear()
                    displays.refresh([one.pk], **BY)
            case 4:
                Category.objects.filter(code=pick.choice(codes)).update(display=pick.choice(list(Display)))
                displays.refresh(**BY)
            case 5:
                Ground.objects.filter(pk=pick.choice(grounds).pk).update(display=pick.choice(list(Display)))
                displays.refresh(**BY)
        assert {row.pk: row.display for row in Resource.objects.all()} == {
            row.pk: defined(row) for row in Resource.objects.all()
        }
    assert displays.refresh(**BY) == 0


def defined(one: Resource) -> str:
    """The definition, a resource at a time."""

    def alone(row: Resource) -> str:
        category = Category.objects.filter(code=row.category).first()
        said = [ground.display for basis in Restriction.objects.filter(resource=row) for ground in basis.grounds.all()]
        return strictest([category.display if category else FULL, *([row.own_display] if row.own_display else said)])

    whole = Resource.objects.filter(type="domain", host=one.host).first() if one.type == "url" else None
    above = WITHHELD if whole and alone(whole) == WITHHELD else FULL
    return strictest([alone(one), above])


def test_every_change_of_a_display_is_in_the_log_and_names_nothing() -> None:
    one = make.resource("qzxv.kz")
    displays.choose(one, WITHHELD, **BY)
    told = [entry.payload for entry in LogEntry.objects.all()]
    assert [entry.operation for entry in LogEntry.objects.all()] == ["choose_display", "display"]
    assert not any("qzxv" in payload for payload in told)


def test_a_short_name_hides_the_word_and_not_every_text_with_its_letter() -> None:
    one = make.resource("X", type="app", display=WITHHELD)
    assert discretion.reveals("They closed X.", [one])
    assert discretion.reveals("Users of «x» wrote", [one])
    assert not discretion.reveals("An exact text about taxes", [one])
    row = discretion.public({"kind": "x", "fact": "anything", "source": {"title": "X is gone", "date": "2026"}}, one)
    assert row == {"kind": "x", "fact": "", "source": {"title": "", "date": "2026"}}


@pytest.mark.parametrize(
    ("display", "text", "reveals"),
    [
        (WITHHELD, "see www.shop.kz/price-list", True),
        (WITHHELD, "see https://SHOP.KZ", True),
        (DOMAIN_ONLY, "see shop.kz", False),
        (DOMAIN_ONLY, "see shop.kz/price-list?page=2", True),
        (DOMAIN_ONLY, "see (shop.kz/price-list)", True),
        (FULL, "see shop.kz/price-list", False),
    ],
)
def test_a_text_reveals_a_page_in_whatever_spelling(display: str, text: str, reveals: bool) -> None:
    assert discretion.reveals(text, [make.resource("https://shop.kz/price-list", display=display)]) is reveals
