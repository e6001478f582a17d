"""Every text that the code and the templates show has its Kazakh and its Russian, whole and compiled."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from pathlib import Path

import polib
import pytest
from django.core.management import call_command
from pytest_django import Settings

from tests.conftest import _skip

ROOT = Path(__file__).resolve().parent.parent
TRANSLATED = ("kk", "ru")

# What a translation must keep: %(name)s, %%, {name} and the tags.
_MARK = re.compile(r"%\(\w+\)[a-z]|%%|\{\w*\}|</?\w[^>]*>")

Key = tuple[str | None, str, str]


def _catalogue(language: str) -> polib.POFile:
    return polib.pofile(str(ROOT / f"registry/locale/{language}/LC_MESSAGES/django.po"))


def _keys(catalogue: polib.POFile | polib.MOFile) -> dict[Key, polib.POEntry | polib.MOEntry]:
    return {(entry.msgctxt, entry.msgid, entry.msgid_plural or ""): entry for entry in catalogue}


def _texts(entry: polib.POEntry | polib.MOEntry) -> list[str]:
    """The translation, or all its plural forms in their order."""
    return [text for _form, text in sorted(entry.msgstr_plural.items())] if entry.msgid_plural else [entry.msgstr]


def _marks(text: str) -> Counter[str]:
    return Counter(_MARK.findall(text))


@pytest.fixture
def used(tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> set[Key]:
    """What makemessages finds in a copy of the tree that has no catalogue yet."""
    if shutil.which("xgettext") is None:
        _skip("no xgettext on the PATH (Debian: apt install gettext)")
    for part in ("config", "registry", "checks"):
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("locale", "__pycache__"))
    locale = tmp_path / "registry" / "locale"
    locale.mkdir()
    settings.LOCALE_PATHS = [str(locale)]
    monkeypatch.chdir(tmp_path)
    call_command("makemessages", locale=["kk"], verbosity=0)
    return set(_keys(polib.pofile(str(locale / "kk" / "LC_MESSAGES" / "django.po"))))


def test_every_text_is_in_every_catalogue_and_nothing_else_is(used: set[Key]) -> None:
    for language in TRANSLATED:
        found = set(_keys(_catalogue(language)))
        assert not used - found, f"not in {language}: run makemessages"
        assert not found - used, f"no longer used, yet in {language}: run makemessages --no-obsolete"


@pytest.mark.parametrize("language", TRANSLATED)
def test_no_text_is_left_untranslated_or_fuzzy(language: str) -> None:
    catalogue = _catalogue(language)
    assert not catalogue.metadata_is_fuzzy
    assert [entry.msgid for entry in catalogue if entry.fuzzy or entry.obsolete or not all(_texts(entry))] == []


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_translation_keeps_the_placeholders_and_the_tags(language: str) -> None:
    """The form for one may leave the number out, as the English one does."""
    for entry in _catalogue(language):
        whole = _marks(entry.msgid_plural or entry.msgid)
        for text in _texts(entry):
            assert _marks(text) in (whole, _marks(entry.msgid)), f"{entry.msgid!r}: {text!r}"


@pytest.mark.parametrize("language", TRANSLATED)
def test_the_compiled_catalogue_is_the_written_one(language: str) -> None:
    written = _catalogue(language)
    compiled = polib.mofile(str(Path(written.fpath).with_suffix(".mo")))
    assert {key: _texts(entry) for key, entry in _keys(compiled).items()} == {
        key: _texts(entry) for key, entry in _keys(written).items()
    }
    assert compiled.metadata["Plural-Forms"] == written.metadata["Plural-Forms"]
