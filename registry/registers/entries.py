"""What one row says: an entry of the state register, or a name of a list. Nothing is concluded. No database."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils import timezone

from checks.engine.names import BadName, Name, parse
from registry.dates import first_day
from registry.registers.files import CELL_LIMIT, Row, Unreadable, rows, storable

ID_LIMIT = 60
ADDRESS_LIMIT = 2048
WORDS_LIMIT = 1000  # characters of a court's name, and of what names an act
URL_LIMIT = 2048
KNOWN = frozenset({"id", "name", "urladdress", "categoryname", "courtname", "courtdate"})  # and what begins with:
DOCUMENT = "document"
_DOTTED = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})(?:\D.*)?")
_ISO_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


class BadRow(ValueError):
    """Why a row is left out. `key` is the entry that it is about, where that can still be told."""

    def __init__(self, reason: str, key: str = "") -> None:
        super().__init__(reason)
        self.key = key


@dataclass(frozen=True, slots=True)
class Entry:
    """A row that was read. `key` tells it apart in its list; two of one key and digest say the same."""

    place: str
    key: str
    digest: str
    address: str  # as written
    url: str  # canonical, of a whole site by https; "" where the address is no name
    host: str
    domain: str  # registrable
    no_name: str  # why the address is no name
    category: str = ""
    note: str = ""
    title: str = ""
    court: str = ""
    act_ref: str = ""
    act_date: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Problem:
    place: str
    reason: str

    def __str__(self) -> str:
        return f"{self.place}: {self.reason}"


@dataclass
class Reading:
    """All that a file says. `kept` are keys that refused rows are about: what stood under one still stands."""

    read: int = 0
    entries: dict[str, Entry] = field(default_factory=dict)
    refused: list[Problem] = field(default_factory=list)
    notes: list[Problem] = field(default_factory=list)  # taken, but for one field
    kept: set[str] = field(default_factory=set)
    no_names: Counter[str] = field(default_factory=Counter)


Reader = Callable[[Row, "Reading"], Entry]


def read(data: bytes, reader: Reader) -> Reading:
    """Every row by itself: what is wrong with one is told, and costs no other. Raises Unreadable."""
    found = Reading()
    for row in rows(data):
        found.read += 1
        try:
            entry = reader(row, found)
            if twin := found.entries.get(entry.key):
                same = "the same" if twin.digest == entry.digest else "another entry with this key"
                raise BadRow(f"{same} stands in {twin.place}")
        except BadRow as error:
            found.refused.append(Problem(row.place, str(error)))
            if error.key:
                found.kept.add(error.key)
            continue
        found.entries[entry.key] = entry
        if entry.no_name:
            found.no_names[entry.no_name] += 1
    found.kept -= found.entries.keys()
    return found


def of_state_register(row: Row, reading: Reading) -> Entry:
    """As gov.kz has them. A date beside no court is kept as the date of whatever act, never as a court's."""
    cells = _object(row)
    key = _id(cells.get("id"))
    try:
        whole = storable(cells)
        address = _words(cells, "urladdress", ADDRESS_LIMIT)
        if not address:
            raise BadRow("urladdress is missing or empty")
        given = [_words(cells, name, WORDS_LIMIT) for name in sorted(cells) if name.startswith(DOCUMENT)]
        values: dict[str, Any] = {
            "title": _words(cells, "name", CELL_LIMIT),
            "category": _words(cells, "categoryname", CELL_LIMIT),
            "court": _words(cells, "courtname", WORDS_LIMIT),
            "act_ref": "; ".join(dict.fromkeys(words for words in given if words))[:WORDS_LIMIT],
            "act_date": _day(row.place, cells.get("courtdate"), reading),
        }
        extra = {name: value for name, value in cells.items() if name not in KNOWN and not name.startswith(DOCUMENT)}
        if len(whole) > 4 * CELL_LIMIT:
            raise BadRow(f"the row is longer than {4 * CELL_LIMIT} characters")
    except Unreadable as error:
        raise BadRow(str(error), key) from None
    except BadRow as error:
        raise BadRow(str(error), key) from None
    digest = _digest({"address": address, **values})
    return Entry(row.place, key, digest, address, extra=extra, **_named(address), **values)


def of_list(row: Row, reading: Reading) -> Entry:
    """As Citizen Lab and OONI have them: `url`, `category_code`, and perhaps `notes`. What is no name is refused."""
    cells = _object(row)
    try:
        storable(cells)
        address = _words(cells, "url", ADDRESS_LIMIT)
        category, note = _words(cells, "category_code", WORDS_LIMIT), _words(cells, "notes", CELL_LIMIT)
    except Unreadable as error:
        raise BadRow(str(error)) from None
    if not address:
        raise BadRow("url is missing or empty")
    named = _named(address)
    if named["no_name"]:
        raise BadRow(named["no_name"])
    digest = _digest({"category": category, "note": note})
    return Entry(row.place, named["url"], digest, address, **named, category=category, note=note)


def _object(row: Row) -> dict[str, Any]:
    if row.error:
        raise BadRow(row.error)
    if not isinstance(row.value, dict):
        raise BadRow("this is no object with fields")
    return row.value


def _id(value: Any) -> str:
    """A number, or a short text: a register of another country may have letters in it."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise BadRow("the id is neither a number nor a text")
    text = str(value).strip()
    if not text or len(text) > ID_LIMIT or not text.isprintable():
        raise BadRow(f"the id is empty, longer than {ID_LIMIT} characters, or cannot be printed")
    return text


def _words(cells: Mapping[str, Any], name: str, limit: int) -> str:
    value = cells.get(name)
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise BadRow(f"{name} is no text")
    text = str(value).strip()
    if len(text) > limit:
        raise BadRow(f"{name} is longer than {limit} characters")
    return text


def _day(place: str, value: Any, reading: Reading) -> str:
    """DD.MM.YYYY, an ISO date or moment; what is none of these stays unknown, and is told."""
    text = value.strip() if isinstance(value, str) else "" if value is None else repr(value)
    if not text:
        return ""
    if found := _DOTTED.fullmatch(text):
        day, month, year = found.groups()
        text = f"{year}-{int(month):02}-{int(day):02}"
    try:
        if _ISO_DAY.fullmatch(text):
            return first_day(text).isoformat()
        moment = datetime.fromisoformat(text)
        # Midnight in Almaty is the evening before in UTC: with an offset it is the day that it was here.
        return (timezone.localtime(moment) if moment.tzinfo else moment).date().isoformat()
    except (ValueError, OverflowError):
        reading.notes.append(Problem(place, f"courtdate is no date: {text[:40]!r}; it is taken as not known"))
        return ""


def _named(address: str) -> dict[str, Any]:
    """The name that an address is, as the fields of an Entry have it."""
    try:
        name = parse(address)
    except BadName as error:
        return {"url": "", "host": "", "domain": "", "no_name": error.message}
    url = url_of(name)
    if len(url) > URL_LIMIT:
        return {"url": "", "host": "", "domain": "", "no_name": "its canonical form is too long"}
    return {"url": url, "host": name.host, "domain": name.registrable or "", "no_name": ""}


def url_of(name: Name) -> str:
    """The address by which names are compared: that of the target that stands for a resource of this name."""
    return name.url if name.kind == "url" else f"https://{f'[{name.host}]' if ':' in name.host else name.host}/"


def names_of(address: str) -> dict[str, str]:
    """The canonical form of an address, and what may be shown of it, as the columns of a Listing."""
    named = _named(address)
    return {"url": named["url"], "domain": named["domain"]}


def _digest(values: Mapping[str, Any]) -> str:
    return hashlib.sha256(storable(values).encode()).hexdigest()
