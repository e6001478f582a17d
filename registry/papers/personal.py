"""Finds numbers that belong to a person: Kazakhstan's IIN, telephone numbers, e-mail addresses.

It warns; it proves nothing. A number that is written in words, or that stands in a picture, is not found.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

# What may stand between two digits of one number: a space of any width, a dash, or what nobody sees.
_SPACE = "[ \\t\u00a0\u2000-\u200a\u202f\u3000]"
_UNSEEN = "[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]"
_DASH = "[-\u2010-\u2015\u2212]"
_BETWEEN = rf"{_UNSEEN}{{0,4}}(?:{_SPACE}|{_DASH}|\r?\n)?{_UNSEEN}{{0,4}}"
_PHONE_BETWEEN = rf"(?:{_SPACE}|{_UNSEEN}|{_DASH}|[().]){{0,4}}"
# They look ahead, so that a number is found too that begins inside another which turned out to be none.
_IIN = re.compile(rf"(?<!\d)(?=(\d(?:{_BETWEEN}\d){{11}})(?!\d))")
_PHONE = re.compile(rf"(?<!\d)(?=(\+?[78]{_PHONE_BETWEEN}7(?:{_PHONE_BETWEEN}\d){{9}})(?!\d))")
_EMAIL = re.compile(r"(?<![\w.+-])([\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,24})(?![\w-])")

_WEIGHTS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)
_SECOND_WEIGHTS = (3, 4, 5, 6, 7, 8, 9, 10, 11, 1, 2)
_CENTURIES = {1: 1800, 2: 1800, 3: 1900, 4: 1900, 5: 2000, 6: 2000}  # by the seventh digit, with the sex


class Kind(StrEnum):
    IIN = "iin"
    PHONE = "phone"
    EMAIL = "email"


@dataclass(frozen=True, order=True)
class Found:
    """`text[start:end]` is one."""

    start: int
    end: int
    kind: Kind


def find(text: str) -> list[Found]:
    """In the order in which they stand in the text. None overlaps another."""
    every = sorted([*_iins(text), *_matches(_PHONE, Kind.PHONE, text), *_matches(_EMAIL, Kind.EMAIL, text)])
    apart: list[Found] = []
    for one in every:
        if not apart or one.start >= apart[-1].end:
            apart.append(one)
    return apart


def is_iin(digits: str) -> bool:
    """Twelve digits whose date can be, and whose last digit checks the others. A company's BIN is none."""
    if len(digits) != 12 or not digits.isdecimal():
        return False
    numbers = [int(one) for one in digits]  # of any script
    return _is_birthday(numbers) and check_digit(numbers[:11]) == numbers[11]


def check_digit(first: list[int]) -> int | None:
    """Of the first eleven digits. None: no number begins so."""
    for weights in (_WEIGHTS, _SECOND_WEIGHTS):
        rest = sum(weight * digit for weight, digit in zip(weights, first, strict=True)) % 11
        if rest != 10:
            return rest
    return None


def _is_birthday(numbers: list[int]) -> bool:
    year, month, day = (10 * numbers[at] + numbers[at + 1] for at in (0, 2, 4))
    # 0 is given to foreigners too: any century will do, and only 2000 of those has a 29 February in a year 00.
    century = _CENTURIES.get(numbers[6], 2000 if numbers[6] == 0 else None)
    if century is None:
        return False
    try:
        date(century + year, month, day)
    except ValueError:
        return False
    return True


def _iins(text: str) -> Iterator[Found]:
    for match in _IIN.finditer(text):
        if is_iin("".join(one for one in match[1] if one.isdecimal())):
            yield Found(match.start(1), match.end(1), Kind.IIN)


def _matches(pattern: re.Pattern[str], kind: Kind, text: str) -> Iterator[Found]:
    return (Found(match.start(1), match.end(1), kind) for match in pattern.finditer(text))
