"""What is to be blackened on a page, burnt into its pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor


@dataclass(frozen=True)
class Box:
    """A rectangle on a page as it is shown, in fractions of its width and height, from the top left."""

    left: float
    top: float
    right: float
    bottom: float

    def __post_init__(self) -> None:
        if not (0 <= self.left < self.right <= 1 and 0 <= self.top < self.bottom <= 1):
            raise ValueError(f"{self} is no rectangle on a page: its sides are fractions from 0 to 1")

    def grown(self, by: float) -> Box:
        """On each side, as far as the page goes; in four digits, which people can type."""
        left, top = (max(0.0, floor((side - by) * 1e4) / 1e4) for side in (self.left, self.top))
        right, bottom = (min(1.0, ceil((side + by) * 1e4) / 1e4) for side in (self.right, self.bottom))
        return Box(left, top, right, bottom)

    def covers(self, other: Box) -> bool:
        across = self.left <= other.left and other.right <= self.right
        return across and self.top <= other.top and other.bottom <= self.bottom


@dataclass(frozen=True)
class Mark:
    page: int  # from 1
    box: Box

    def __post_init__(self) -> None:
        if self.page < 1:
            raise ValueError("pages are counted from 1")


def read(text: str) -> Mark:
    """As people type it: PAGE:LEFT,TOP,RIGHT,BOTTOM. Raises ValueError, TypeError."""
    page, _colon, sides = text.partition(":")
    return Mark(int(page), Box(*map(float, sides.split(","))))


def typed(mark: Mark) -> str:
    """What `read` reads."""
    box = mark.box
    return f"{mark.page}:{box.left},{box.top},{box.right},{box.bottom}"


def of(rows: Sequence[dict[str, float]]) -> list[Mark]:
    """As `row` made them. Raises ValueError, KeyError, TypeError."""
    return [
        Mark(int(one["page"]), Box(*(float(one[side]) for side in ("left", "top", "right", "bottom")))) for one in rows
    ]


def row(mark: Mark) -> dict[str, float]:
    box = mark.box
    return {"page": mark.page, "left": box.left, "top": box.top, "right": box.right, "bottom": box.bottom}
