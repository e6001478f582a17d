"""How much of a name is shown follows from its category, its grounds and an editor's choice, whatever changes."""

from __future__ import annotations

import random

import pytest
from django.contrib.auth.models import User

from registry import describing, discretion, displays, log, moderation, submissions
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


def test_what_is_below_a_withheld_site_is_withheld() -> None:
    site = make.resource("secret.kz")
    below = [make.resource("shop.secret.kz"), make.resource("https://shop.secret.kz/price")]
    displays.choose(site, WITHHELD, **BY)
    below += [make.resource("new.secret.kz"), make.resource("https://a.b.secret.kz/price")]
    assert {Resource.objects.get(pk=one.pk).display for one in below} == {WITHHELD}
    assert make.resource("notsecret.kz").display == FULL
    displays.choose(site, "", **BY)
    assert {Resource.objects.get(pk=one.pk).display for one in below} == {FULL}


def test_what_a_withheld_service_groups_is_withheld_with_all_that_is_below_it() -> None:
    service, mirror = make.resource("Secret", type="service"), make.resource("mirror.kz")
    page = make.resource("https://www.mirror.kz/price")
    displays.choose(service, WITHHELD, **BY)
    describing.describe(mirror, service=service, languages=[], condition="", condition_since="", **BY)
    assert {Resource.objects.get(pk=one.pk).display for one in (mirror, page)} == {WITHHELD}
    describing.describe(mirror, service=None, languages=[], condition="", condition_since="", **BY)
    assert {Resource.objects.get(pk=one.pk).display for one in (mirror, page)} == {FULL}


def test_a_name_below_a_withheld_site_comes_into_the_register_unnamed() -> None:
    make.resource("secret.kz", display=WITHHELD)
    editor = User.objects.create_user("editor")
    for name in ("shop.secret.kz", "https://secret.kz/price"):
        report = submissions.receive(name, at=make.AT).report
        one = moderation.accept(report, by=editor, reason="It does not open.")
        assert one.display == WITHHELD
    assert [entry.operation for entry in LogEntry.objects.all()] == ["create", "create"]
    assert not any("secret" in entry.payload for entry in LogEntry.objects.all())


def test_an_address_of_a_withheld_site_that_stands_for_another_is_not_logged() -> None:
    make.resource("secret.kz", display=WITHHELD)
    moderation.cover(make.resource("orda.kz"), make.target("https://shop.secret.kz/a"), **BY)
    assert [entry.operation for entry in LogEntry.objects.all()] == ["cover"]
    assert "secret" not in LogEntry.objects.get().payload


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
    names += ["shop.site-0.kz", "https://a.shop.site-0.kz/page", "mirror.kz", "https://mirror.kz/page"]
    resources = [make.resource(name) for name in names] + [make.resource("An app", type="app")]
    resources += [service := make.resource("site-1.kz", type="service")]
    Resource.objects.filter(name="mirror.kz").update(service=service)
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


def defined(one: Resource, seen: tuple[int, ...] = ()) -> str:
    """The definition, a resource at a time."""

    def alone(row: Resource) -> str:
        category = Category.objects.filter(code=row.category).first()
        said = [ground.display for basis in Restriction.objects.filter(resource=row) for ground in basis.grounds.all()]
        return strictest([category.display if category else FULL, *([row.own_display] if row.own_display else said)])

    above = [row for row in Resource.objects.exclude(type="url").exclude(host="") if row.pk != one.pk]
    above = [row for row in above if one.host == row.host or one.host.endswith(f".{row.host}")]
    if one.pk in seen:
        return FULL
    shown = [defined(row, (*seen, one.pk)) for row in [*above, *([one.service] if one.service else [])]]
    return strictest([alone(one), *(display for display in shown if display == WITHHELD)])


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


def test_what_is_chosen_already_is_no_change_and_no_entry_of_the_log() -> None:
    make.category("NEWS")
    one = make.resource(category="NEWS", display=DOMAIN_ONLY)
    displays.choose(one, DOMAIN_ONLY, **BY)
    displays.categorise(one, "NEWS", **BY)
    assert not LogEntry.objects.exists()
