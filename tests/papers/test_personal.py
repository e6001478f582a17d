"""IINs, telephone numbers and e-mail addresses are found in a text, and little else is."""

from __future__ import annotations

import time
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.papers.personal import Kind, check_digit, find, is_iin

IIN = "900101300126"  # 1 January 1990, a man; nobody's: it was computed
BOTH_ROWS = "900101300811"  # the first row of weights gives 10, so that the second decides


def kinds(text: str) -> list[tuple[str, str]]:
    return [(one.kind.value, text[one.start : one.end]) for one in find(text)]


@st.composite
def iins(draw: st.DrawFn) -> str:
    """Perhaps with a last digit that is wrong."""
    born = draw(st.dates(date(1800, 1, 1), date(2099, 12, 31)))
    century = draw(st.sampled_from({18: [1, 2], 19: [3, 4], 20: [0, 5, 6]}[born.year // 100]))
    first = f"{born:%y%m%d}{century}{draw(st.integers(0, 9999)):04}"
    last = check_digit([int(digit) for digit in first])
    return first + str(draw(st.integers(0, 9) if last is None else st.sampled_from([last, (last + 1) % 10])))


def weighted(digits: str, weights: list[int]) -> int:
    return sum(weight * int(digit) for weight, digit in zip(weights, digits, strict=True)) % 11


@settings(deadline=None)
@given(iins())
def test_an_iin_is_one_exactly_when_its_last_digit_checks_the_others(number: str) -> None:
    one = weighted(number[:11], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])
    two = weighted(number[:11], [3, 4, 5, 6, 7, 8, 9, 10, 11, 1, 2])
    right = one if one < 10 else two
    assert is_iin(number) == (right == int(number[11]))


# The eleventh digit has the weight 11, so that nothing checks it; the twelfth is the check.
@settings(deadline=None)
@given(iins().filter(is_iin), st.integers(0, 9), st.integers(1, 9))
def test_one_wrong_digit_is_noticed_wherever_the_first_weights_decide(number: str, at: int, more: int) -> None:
    changed = number[:at] + str((int(number[at]) + more) % 10) + number[at + 1 :]
    if weighted(number[:11], list(range(1, 12))) < 10 and weighted(changed[:11], list(range(1, 12))) < 10:
        assert not is_iin(changed)


@settings(deadline=None)
@given(iins().filter(is_iin), st.text("абв ,;:!?«»", max_size=20), st.text("абв ,;:!?«»", max_size=20))
def test_it_is_found_wherever_it_stands(number: str, before: str, after: str) -> None:
    text = f"{before}{number}{after}"
    assert kinds(text) == [("iin", number)]


@settings(deadline=None)
@given(
    iins().filter(is_iin),
    st.lists(st.sampled_from(["", " ", "\u00a0", "-", "\u2013", "\u200b", "\u00ad", "\n"]), min_size=11, max_size=11),
)
def test_it_is_found_however_it_is_spaced(number: str, between: list[str]) -> None:
    text = number[0] + "".join(space + digit for space, digit in zip(between, number[1:], strict=True))
    assert ("iin", text) in kinds(text)


@settings(deadline=None)
@given(st.text("0123456789 +-()7890\n\u200b@.a", max_size=200))
def test_what_is_found_lies_in_the_text_in_order_and_overlaps_nothing(text: str) -> None:
    found = find(text)
    ends = [0, *(one.end for one in found)]
    assert all(end <= one.start < one.end <= len(text) for end, one in zip(ends, found, strict=False))
    for one in found:
        if one.kind == Kind.IIN:
            assert is_iin("".join(letter for letter in text[one.start : one.end] if letter.isdecimal()))


def test_the_second_row_of_weights_decides_where_the_first_gives_ten() -> None:
    assert weighted(BOTH_ROWS[:11], list(range(1, 12))) == 10
    assert is_iin(BOTH_ROWS)


@pytest.mark.parametrize(
    "number",
    [
        "901301300126",  # a thirteenth month
        "900230300126",
        "900101700126",  # no such century
        "9001013001260",  # thirteen digits
        "90010130012",
        "900101300127",  # the last digit is wrong
        "210640005217",  # a company's BIN: its fifth digit is 4
    ],
)
def test_what_is_no_iin_is_not_taken_for_one(number: str) -> None:
    assert kinds(number) == []


def test_a_number_is_found_behind_another_that_is_none() -> None:
    assert kinds(f"123456 {IIN[:6]} {IIN[6:]}") == [("iin", f"{IIN[:6]} {IIN[6:]}")]
    assert kinds(f"1. {IIN} 2. {IIN}") == [("iin", IIN), ("iin", IIN)]


def test_digits_of_another_script_are_digits() -> None:
    wide = "".join(chr(0xFF10 + int(digit)) for digit in IIN)
    assert kinds(wide) == [("iin", wide)]


@pytest.mark.parametrize(
    "number",
    [
        "+7 701 123-45-67",
        "+77011234567",
        "87011234567",
        "8 (7172) 74-01-02",
        "8-727-250 00 00",
        "+7\u00a0(747)\u00a0123\u201345\u201367",
        "7 700 000 00 00",
    ],
)
def test_a_telephone_number_of_kazakhstan_is_found(number: str) -> None:
    assert kinds(f"тел. {number}, каб. 5") == [("phone", number)]


@pytest.mark.parametrize(
    "text", ["1-800-7011234567", "870112345678", "8 (495) 123-45-67", "87 01 2026", "KZ86125KZT5004100100"]
)
def test_other_numbers_are_no_telephone_numbers(text: str) -> None:
    assert kinds(text) == []


def test_an_e_mail_address_is_found_without_the_full_stop_behind_it() -> None:
    assert kinds("Пишите: a.kim+sot@mail.sot.kz. Всё.") == [("email", "a.kim+sot@mail.sot.kz")]
    assert kinds("user@localhost, @name, a@b") == []


@pytest.mark.parametrize("piece", ["1 ", "1\u200b", "a.", "a@", "+7", "7 (.-", "a@a.", "12", "8 7"])
def test_a_text_made_to_be_slow_takes_no_longer_for_each_letter(piece: str) -> None:
    def seconds(times: int) -> float:
        began = time.process_time()
        find(piece * times)
        return time.process_time() - began

    assert seconds(200_000) < 40 * max(seconds(20_000), 0.005)
