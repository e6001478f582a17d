"""Names as readers meet them: why something typed is none, and in which order they stand."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from typing import Any, overload

from django.db.models import Count, Q, QuerySet
from django.http import Http404, HttpRequest
from django.shortcuts import get_object_or_404
from django.urls import register_converter
from django.urls.converters import StringConverter
from django.utils.translation import gettext_lazy as _

from checks.engine.names import PORTS, BadName
from registry import veil
from registry.models import Display, Resource
from registry.models.resource import ResourceQuerySet

_SENTENCES = {
    "empty": _("Write a domain or an address, such as orda.kz."),
    "too_long": _("This is too long for an address; write only the domain."),
    "backslash": _("An address has no backslash; write / instead."),
    "whitespace": _("An address has no spaces; write one address only."),
    "control_character": _("There is an invisible character in this; type the address by hand."),
    "bad_scheme": _("Write an address that begins with https:// or http://, or only the domain."),
    "not_a_name": _("This is no address; write it as orda.kz, with letters, digits and hyphens."),
    "userinfo": _("Leave out the user name: there is no @ in the address of a site."),
    "percent": _("Write the domain in plain letters, without percent signs."),
    "bad_port": _("Leave out the port, or write one of these: %(ports)s."),
    "numeric_host": _("Write an IP address as four plain numbers, such as 93.184.216.34."),
    "special_use": _("This does not exist on the public internet, so nobody can block it."),
    "no_suffix": _("This does not end in a known ending such as .kz or .com; check the spelling."),
    "public_suffix": _("This is an ending that many sites share; write the site's own name."),
}


class Spelled(StringConverter):
    """A name in an address. No name has a NUL, and PostgreSQL takes none even to look for it."""

    regex = r"[^/\0]+"


register_converter(Spelled, "spelled")


# Its letters hold the Russian ones, in their order. By code points ә, қ and ұ would stand behind я.
_KAZAKH = {letter: chr(0xE000 + place) for place, letter in enumerate("аәбвгғдеёжзийкқлмнңоөпрстуұүфхһцчшщъыіьэюя")}


def alphabetical(text: str) -> str:
    """A key to sort names by, in the order of the Kazakh alphabet; what has none of its letters stands first."""
    return "".join(_KAZAKH.get(letter, letter) for letter in text.casefold() if letter.isalnum() or letter == " ")


def sort_choices(field: Any) -> None:
    """Put the choices of a form's field into the alphabet's order, behind the one that stands for none."""
    none, *others = field.choices
    field.choices = [none, *sorted(others, key=lambda choice: alphabetical(str(choice[1])))]


def explain(error: BadName) -> str:
    """One sentence that says what to change."""
    return str(_SENTENCES[error.code]) % {"ports": ", ".join(map(str, sorted(PORTS)))}


class ByName(Sequence[Resource]):
    """Resources in the order of their names, and at the end the withheld ones, where a place tells no letters.

    To page through: each part goes along an index, however many there are.
    """

    def __init__(self, rows: ResourceQuerySet) -> None:
        self.rows = rows.order_by()
        self.shown = rows.not_withheld().order_by("slug")
        self.hidden = rows.filter(display=Display.WITHHELD).order_by("pk")

    @cached_property
    def counts(self) -> dict[str, int]:
        hidden = Count("pk", filter=Q(display=Display.WITHHELD))
        found: dict[str, int] = self.rows.aggregate(every=Count("pk"), hidden=hidden)
        return found

    def __len__(self) -> int:
        return self.counts["every"]

    @overload
    def __getitem__(self, at: int) -> Resource: ...

    @overload
    def __getitem__(self, at: slice) -> Sequence[Resource]: ...

    def __getitem__(self, at: int | slice) -> Resource | Sequence[Resource]:
        part = at if isinstance(at, slice) else slice(at, at + 1)
        shown = self.counts["every"] - self.counts["hidden"]
        found = list(self.shown[part.start : part.stop]) if part.start < shown else []
        if part.stop > shown:
            found += self.hidden[max(part.start - shown, 0) : part.stop - shown]
        return found if isinstance(at, slice) else found[0]


_NUMBERED = re.compile(r"no-(\d{1,18})")


def key_of(record: Any, request: HttpRequest) -> str:
    """What stands in the address of an act, an event or a request: its key, or its number where that spells a name
    that is withheld."""
    return f"no-{record.pk}" if veil.of(request).in_key(record.key) else str(record.key)


def by_key(rows: QuerySet[Any], key: str, request: HttpRequest) -> Any:
    """The record of such an address. By a key that spells a withheld name there is none."""
    if veil.of(request).in_key(key):
        raise Http404
    found = _NUMBERED.fullmatch(key)
    return get_object_or_404(rows, **({"pk": int(found[1])} if found else {"key": key}))
