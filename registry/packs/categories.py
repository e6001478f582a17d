"""What sites are about, how much of their names is shown, and where the pack itself decides that of one resource."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from checks.packs import Folder, Row, Writer, told
from registry import displays
from registry.models import Category, Display, Resource

CATEGORY = ("name_kk", "name_ru", "name_en", "display")
CHOICE = ("case", "display", "reason")


@dataclass(frozen=True)
class Categories:
    """`choices` are the pack's own, by the key of a case of the resource."""

    rows: dict[str, tuple[Row, dict[str, Any]]]
    choices: dict[str, Row]

    def display(self, category: str) -> str:
        return str(self.rows[category][1]["display"]) if category in self.rows else Display.FULL


def read(folder: Folder, cases: Mapping[str, Row]) -> Categories:
    """`cases` are the rows of cases.csv by their keys."""
    rows = folder.rows("categories.csv", ("code", *CATEGORY), key="code")
    choices = folder.rows("displays.csv", CHOICE, key="case")
    codes = {row.cells["code"] for row in rows}
    for case in cases.values():
        case.code("category", codes, "categories.csv")
    for row in choices:
        row.code("case", cases, "cases.csv")
        row.value(Resource, "display")
        for column in CHOICE:
            if not row.cells[column]:
                row.bad(column, "a choice needs its case, its display and its reason")
    known = {row.value(Category, "code"): (row, row.values(Category, CATEGORY)) for row in rows}
    return Categories(known, {row.cells["case"]: row for row in choices})


def write(categories: Categories, writer: Writer) -> None:
    for code, (row, values) in categories.rows.items():
        writer.put("categories", Category, {"code": code}, values, {}, told(row))


def choice(categories: Categories, episodes: list[Row]) -> dict[str, str]:
    """What the pack itself decides of the display of one resource, and why; empty: nothing."""
    for row in episodes:
        if row.cells["key"] in categories.choices:
            cells = categories.choices[row.cells["key"]].cells
            return {"own_display": cells["display"], "display_reason": cells["reason"]}
    return {}


def expected(categories: Categories, episodes: list[Row], grounds: Mapping[str, Any]) -> Display:
    """What the pack alone says of the display of one resource, from its cases: enough to log no name first."""
    category = max(row.cells["category"] for row in episodes)
    said = [grounds[code][1]["display"] for row in episodes for code in row.items("grounds")]
    own = choice(categories, episodes).get("own_display", "")
    return displays.effective(own, categories.display(category), said)
