"""Lists as they come: what is read of a file, and what a hostile or broken one cannot do."""

from __future__ import annotations

import gzip
import json
from contextlib import suppress
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.registers import files
from registry.registers.entries import Reading, of_list, of_state_register, read
from registry.registers.files import Unreadable
from tests import make


def register(*rows: Any) -> Reading:
    return read(json.dumps(rows).encode(), of_state_register)


def listed(text: str) -> Reading:
    return read(text.encode(), of_list)


def told(reading: Reading) -> list[str]:
    return [str(problem) for problem in reading.refused]


def test_an_array_json_lines_and_either_of_them_packed_say_the_same() -> None:
    rows = [make.entry(1, "orda.kz"), make.entry(2, "https://exclusive.kz/блог")]
    array = json.dumps(rows, indent=1, ensure_ascii=False).encode()
    lines = "\n".join(json.dumps(row) for row in rows).encode()
    every = [
        read(data, of_state_register) for data in (array, lines, gzip.compress(array, mtime=0), gzip.compress(lines))
    ]
    assert {tuple(one.entries) for one in every} == {("1", "2")}
    assert {tuple(entry.digest for entry in one.entries.values()) for one in every} == {
        tuple(entry.digest for entry in every[0].entries.values())
    }
    assert every[1].entries["2"].place == "line 2"


def test_a_row_says_what_the_register_says_and_no_more() -> None:
    entry = register(make.entry(3771, "http://www.torproject.org", views=5, документ="x")).entries["3771"]
    assert (entry.url, entry.host, entry.domain) == (
        "https://www.torproject.org/",
        "www.torproject.org",
        "torproject.org",
    )
    assert (entry.court, entry.act_date, entry.act_ref) == ("", "2024-11-27", "25-1-1-25/2057")
    assert entry.extra == {"views": 5, "документ": "x"}


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("27.11.2024", "2024-11-27"),
        ("7.1.2024 00:00", "2024-01-07"),
        ("2024-11-27", "2024-11-27"),
        ("2024-11-27T00:00:00", "2024-11-27"),
        ("2024-11-26T19:00:00Z", "2024-11-27"),  # midnight in Almaty
        ("", ""),
        (None, ""),
    ],
)
def test_a_date_is_the_day_that_it_was_in_kazakhstan(written: Any, day: str) -> None:
    reading = register(make.entry(1, "orda.kz", courtdate=written))
    assert reading.entries["1"].act_date == day
    assert not reading.notes


@pytest.mark.parametrize(
    "written", ["31.02.2024", "soon", 1732665600000, {"year": 2024}, "0000-00-00", "9999-12-31T23:59:59-23:59"]
)
def test_what_is_no_date_is_not_known_and_is_told(written: Any) -> None:
    reading = register(make.entry(1, "orda.kz", courtdate=written))
    assert reading.entries["1"].act_date == ""
    assert str(reading.notes[0]).startswith("entry 1: courtdate is no date")


@pytest.mark.parametrize("id", [None, True, 1.5, [], {}, "", "  ", "1" * 61, "1\n2", "\u202e1"])
def test_a_row_without_an_id_that_can_be_told_is_left_out(id: Any) -> None:
    reading = register(make.entry(id, "orda.kz"), make.entry(7, "exclusive.kz"))
    assert list(reading.entries) == ["7"]
    assert told(reading)[0].startswith("entry 1: the id is")
    assert not reading.kept


@pytest.mark.parametrize("id", [12, "12", " 12 ", "КЗ-12/а"])
def test_an_id_is_a_number_or_a_short_text(id: Any) -> None:
    assert list(register(make.entry(id, "orda.kz")).entries) == [str(id).strip()]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"urladdress": ""}, "urladdress is missing or empty"),
        ({"urladdress": None}, "urladdress is missing or empty"),
        ({"urladdress": ["a.kz"]}, "urladdress is no text"),
        ({"urladdress": "a.kz/" + "x" * 3000}, "urladdress is longer than 2048 characters"),
        ({"categoryname": "x" * 1_000_000}, "categoryname is longer than 10000 characters"),
        ({"other": "x" * 1_000_000}, "the row is longer than 40000 characters"),
        ({"name": "a\0b"}, "it has a NUL character"),
        ({"other": [{"deep": "a\0b"}]}, "it has a NUL character"),
        ({"name": "\ud800"}, "it has half a character (a lone surrogate)"),
        ({"other": float("nan")}, "it has a number that JSON does not know (NaN or Infinity)"),
    ],
)
def test_a_bad_row_is_left_out_and_what_stood_under_its_id_stands(fields: dict[str, Any], reason: str) -> None:
    reading = register(make.entry(1, "orda.kz", **fields), make.entry(2, "exclusive.kz"))
    assert list(reading.entries) == ["2"]
    assert told(reading) == [f"entry 1: {reason}"]
    assert reading.kept == {"1"}


def test_a_backslash_before_u0000_is_no_nul() -> None:
    assert list(register(make.entry(1, "orda.kz", name="C:\\u0000")).entries) == ["1"]


def test_of_two_rows_with_one_id_the_first_is_taken_and_the_second_told() -> None:
    rows = [make.entry(1, "orda.kz"), make.entry(1, "orda.kz"), make.entry("1", "exclusive.kz")]
    reading = register(*rows)
    assert reading.entries["1"].address == "orda.kz"
    assert told(reading) == [
        "entry 2: the same stands in entry 1",
        "entry 3: another entry with this key stands in entry 1",
    ]
    assert not reading.kept


def test_an_address_that_is_no_name_is_an_entry_all_the_same() -> None:
    reading = register(
        make.entry(1, "certain video pages"), make.entry(2, "http://192.168.0.1/"), make.entry(3, "<b>orda.kz</b>")
    )
    assert [entry.url for entry in reading.entries.values()] == ["", "", ""]
    assert [entry.domain for entry in reading.entries.values()] == ["", "", ""]
    assert reading.no_names.total() == 3


@pytest.mark.parametrize("row", [5, "orda.kz", None, ["orda.kz"]])
def test_what_is_no_object_is_left_out(row: Any) -> None:
    assert told(register(row, make.entry(1, "orda.kz"))) == ["entry 1: this is no object with fields"]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "the file is empty"),
        (b" \n ", "the file is empty"),
        (b'[{"id": 1, "urladdress": "a.kz"}, {"id": 2', "entry 2: this is no JSON, or it is cut off"),
        (b'[{"id": 1, "urladdress": "a.kz"}', "behind entry 1 the JSON is broken or cut off"),
        (b'[{"id": 1}] <html>', "something stands behind the end of the JSON"),
        (b'{"id": 1}\n{"id": 2}\n{"id":', "the last line (3) is broken: the file may have been cut off"),
        (b"[" * 500_000, "entry 1: it is nested too deeply"),
        (b'[{"id": ' + b"9" * 5000 + b"}]", "entry 1: this is no JSON, or it is cut off"),
        (b'[{"name": "\xff"}]', "line 1: byte 0xff is no UTF-8 text"),
        (gzip.compress(b"[]", mtime=0)[:-4], "this is no whole gzip file; it may have been cut off"),
        (b"\x1f\x8bnonsense", "this is no whole gzip file; it may have been cut off"),
        (gzip.compress(b" " * 50_000_000, mtime=0), "it unpacks to far more than such a list has"),
    ],
)
def test_a_broken_file_is_refused_as_a_whole(data: bytes, reason: str) -> None:
    with pytest.raises(Unreadable) as refused:
        read(data, of_state_register)
    assert str(refused.value) == reason


def test_a_file_that_is_too_large_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "SIZE_LIMIT", 1000)
    with pytest.raises(Unreadable, match="it is larger than"):
        read(b"[" + b" " * 1000 + b"]", of_state_register)


def test_a_broken_line_among_lines_is_told_and_left_out() -> None:
    first, last = (json.dumps(make.entry(number, "orda.kz")) for number in (1, 3))
    reading = read(f"{first}\n{{broken\n\n{last}\n".encode(), of_state_register)
    assert list(reading.entries) == ["1", "3"]
    assert told(reading) == ["line 2: this is no JSON, or it is cut off"]
    deep = read(f"{first}\n{'[' * 200_000}\n{last}".encode(), of_state_register)
    assert told(deep) == ["line 2: it is nested too deeply"]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner), max_leaves=5
)
FIELDS = ("id", "name", "urladdress", "categoryname", "courtname", "courtdate", "documentnumber", "url", "notes", "x")


@given(st.lists(st.dictionaries(st.sampled_from(FIELDS), VALUES) | VALUES))
def test_whatever_stands_in_the_rows_each_is_an_entry_that_a_database_takes_or_is_refused(rows: list[Any]) -> None:
    for reader in (of_state_register, of_list):
        reading = read(f" {json.dumps(rows)}".encode(), reader)
        assert reading.read == len(rows) == len(reading.entries) + len(reading.refused)
        for entry in reading.entries.values():
            texts = [getattr(entry, field.name) for field in fields(entry) if field.name not in ("extra", "place")]
            assert not any("\0" in text for text in texts)
            assert "".join(texts).encode()


@given(st.binary(max_size=200) | st.text(alphabet='[]{}":,\\u0eE-\n\r ').map(str.encode))
def test_whatever_the_bytes_they_are_read_or_refused(data: bytes) -> None:
    for reader in (of_state_register, of_list):
        with suppress(Unreadable):
            read(data, reader)


CSV = """url,category_code,category_description,date_added,source,notes
http://www.akorda.kz/,CULTR,Culture,2014-04-15,citizenlab,
https://orda.kz/a?b=1,NEWS,News Media,2024-01-01,ifkz,"blocked, they say"
"""


def test_citizen_labs_csv_is_a_list_of_names() -> None:
    entries = listed(CSV).entries
    assert list(entries) == ["https://www.akorda.kz/", "https://orda.kz/a?b=1"]
    entry = entries["https://orda.kz/a?b=1"]
    assert (entry.category, entry.note, entry.place) == ("NEWS", "blocked, they say", "line 3")


def test_oonis_test_lists_come_as_results_or_as_a_check_in() -> None:
    url = {"url": "https://orda.kz/", "category_code": "NEWS", "country_code": "KZ"}
    results = listed(json.dumps({"metadata": {"count": 1}, "results": [url]}, indent=2))
    check_in = listed(json.dumps({"v": 1, "tests": {"web_connectivity": {"report_id": "x", "urls": [url]}}}))
    assert list(results.entries) == list(check_in.entries) == ["https://orda.kz/"]
    assert results.entries["https://orda.kz/"].category == "NEWS"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://127.0.0.1/", "127.0.0.1 is no public address (loopback)."),
        ("http://10.1.2.3/", "10.1.2.3 is no public address (private)."),
        ("http://[::1]/", "::1 is no public address (not global unicast)."),
        ("http://router.local/", "Names under .local do not exist on the public internet."),
        ("ftp://orda.kz/", "Only http:// and https:// can be measured, not ftp://."),
        ("orda", "This does not end in a known ending such as .kz or .com; check the spelling."),
        ("", "url is missing or empty"),
    ],
)
def test_what_cannot_be_a_public_name_is_no_candidate(url: str, reason: str) -> None:
    reading = listed(CSV + f"{url},NEWS,News Media,2024-01-01,ifkz,\n")
    assert told(reading) == [f"line 4: {reason}"]
    assert len(reading.entries) == 2


def test_rows_of_a_csv_that_do_not_fit_are_told() -> None:
    reading = listed(CSV + "orda.kz,NEWS\n" + CSV.splitlines()[1] + "\n" + "x.kz," + "y" * 2000 + ",,,,\n")
    assert told(reading) == [
        "line 4: this row has 2 cells, the header 6",
        "line 5: the same stands in line 2",
        "line 6: category_code is longer than 1000 characters",
    ]
    with pytest.raises(Unreadable, match="from line 4 on the quotation marks are broken"):
        listed(CSV + 'orda.kz,"NEWS\n')


def test_a_web_page_in_the_place_of_a_list_says_nothing() -> None:
    reading = listed("<!DOCTYPE html>\n<title>Service unavailable</title>\n")
    assert not reading.entries
    assert told(reading) == ["line 2: url is missing or empty"]
