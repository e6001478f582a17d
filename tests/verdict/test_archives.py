"""Files of measurements, some of them hostile: what is in them comes out in order, and nothing is written anywhere."""

from __future__ import annotations

import gzip
import io
import json
import os
import tarfile
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from checks.verdict import archives

ONE, TWO, THREE = {"n": 1}, {"n": 2}, {"n": 3}


def _number(value: Any) -> str | None:
    """No id from bytes: those of gzip hold the time."""
    return "data" if isinstance(value, bytes) else None


def found(data: bytes, name: str) -> list[archives.Found]:
    return list(archives.documents(io.BytesIO(data), name))


def read(data: bytes, name: str) -> list[Any]:
    return [one.error or one.document for one in found(data, name)]


def lines(*documents: Any) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in documents)


def tar(*members: tuple[str, bytes], mode: str = "w:gz") -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as archive:  # type: ignore[call-overload]
        for name, data in members:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "data"),
    ids=_number,
    argvalues=[
        ("a.json", json.dumps([ONE, TWO]).encode()),
        ("a.json", lines(ONE, TWO)),
        ("a.json", json.dumps([ONE, TWO], indent=1).encode()),
        ("a.jsonl", lines(ONE, TWO)),
        ("a.jsonl", lines(ONE) + b"\n\n" + json.dumps(TWO).encode()),
        ("a.json.gz", gzip.compress(json.dumps([ONE, TWO]).encode())),
        ("a.jsonl.gz", gzip.compress(lines(ONE)) + gzip.compress(lines(TWO))),
        ("a.gz", gzip.compress(lines(ONE, TWO))),
        ("a.tar", tar(("x/1.json", json.dumps(ONE).encode()), ("2.jsonl", lines(TWO)), mode="w")),
        ("a.tar.gz", tar(("1.json", json.dumps(ONE).encode()), ("2.jsonl.gz", gzip.compress(lines(TWO))))),
        (
            "a.tgz",
            tar(("1.json", json.dumps(ONE).encode()), ("readme.txt", b"?"), ("2.json", json.dumps(TWO).encode())),
        ),
    ],
)
def test_every_kind_of_file_gives_its_documents_in_order(name: str, data: bytes) -> None:
    assert read(data, name) == [ONE, TWO]


def test_one_document_over_several_lines_is_one() -> None:
    assert read(json.dumps(ONE, indent=2).encode(), "a.json") == [ONE]


def test_a_place_tells_member_and_line() -> None:
    data = tar(("day/x.jsonl", lines(ONE, TWO)))
    assert [one.place for one in found(data, "a.tar.gz")] == ["a.tar.gz:day/x.jsonl:1", "a.tar.gz:day/x.jsonl:2"]


def test_what_cannot_be_read_is_told_and_the_rest_goes_on() -> None:
    first = lines(ONE) + b"{nonsense\n\xff\xfe\n" + lines(TWO)
    data = tar(("1.jsonl", first), ("2.json.gz", b"no gzip"), ("3.json", b"{}"))
    assert read(data, "a.tar.gz") == [
        ONE, "this is no JSON", "this is no text in UTF-8", TWO, "this is no whole gzip file", {},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    ids=_number,
    argvalues=[
        ("a.txt", b"{}", "the name says neither .json nor .jsonl, nor an archive of these"),
        ("a.jsonl.gz", gzip.compress(lines(*[ONE] * 50_000))[:-9], "this is no whole gzip file"),
        ("a.tar", b"x" * 2000, "this is no whole tar archive"),
        ("a.tar.gz", gzip.compress(tar(("1.json", b"{}" * 9000), mode="w")[:9000]), "this is no whole tar archive"),
        ("a.json", b"[" * 200_000, "this is nested too deeply"),
        ("a.json", b"1" * 9_000, "a number in it has too many digits"),
        ("a.json", b"", "this is no JSON"),
        ("a.tar.gz", tar(("inner.tar", b"")), "neither .json nor .jsonl"),
    ],
)
def test_a_broken_file_ends_with_its_reason(name: str, data: bytes, reason: str) -> None:
    assert reason in found(data, name)[-1].error


def test_a_name_is_cleared_of_what_a_terminal_would_obey() -> None:
    [one] = found(tar(("\x1b[2J\u202ex.json", b"{}")), "a.tar.gz")
    assert one.place == "a.tar.gz:\ufffd[2J\ufffdx.json:1"


def test_members_that_are_no_files_are_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE):
            member = tarfile.TarInfo("../../etc/x.json")
            member.type, member.linkname = kind, "/etc/passwd"
            archive.addfile(member)
    monkeypatch.chdir(tmp_path)
    assert found(file.getvalue(), "a.tar.gz") == []
    assert list(tmp_path.iterdir()) == []


def peak(data: bytes, name: str) -> tuple[list[archives.Found], int]:
    tracemalloc.start()
    try:
        return found(data, name), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_what_unpacks_without_end_is_not_unpacked_to_its_end() -> None:
    bomb = b"".join([gzip.compress(bytes(8 << 20))] * 100)  # 800 MB of zeros in 800 kB
    [one], used = peak(bomb, "a.jsonl.gz")
    assert one.error == "it unpacks to more than 200 times its size"
    assert used < 100 << 20


def test_a_document_has_a_largest_size_and_the_next_one_is_read() -> None:
    long = b'"' + os.urandom(archives.DOCUMENT // 2 + 9).hex().encode() + b'"\n'
    result, used = peak(long + lines(ONE), "a.jsonl")
    assert [one.error or one.document for one in result] == ["it is larger than 32 MB", ONE]
    assert read(long, "a.json") == ["it is larger than 32 MB"]
    assert used < 4 * archives.DOCUMENT


def test_a_header_that_wants_all_memory_is_refused() -> None:
    member = tarfile.TarInfo("x")
    member.type, member.size = tarfile.XHDTYPE, 1 << 30
    result, used = peak(member.tobuf(tarfile.USTAR_FORMAT) + bytes(1 << 16), "a.tar")
    assert [one.error for one in result] == ["this is no whole tar archive"]
    assert used < 1 << 20


def header(kind: bytes, data: bytes) -> bytes:
    member = tarfile.TarInfo("inner.json")
    member.type, member.size = kind, len(data)
    return member.tobuf(tarfile.USTAR_FORMAT) + data.ljust(-(-len(data) // 512) * 512, b"\0")


@pytest.mark.parametrize(
    "headers",
    [
        header(b"x", b"11 path=ab\n") * 1500,
        header(b"L", b"inner.json\0") * 1500,
        header(b"x", b"99999999999999999999 a=b\n"),
    ],
    ids=["attributes upon attributes", "names upon names", "a length beyond all numbers"],
)
def test_headers_that_tarfile_stumbles_over_end_the_archive_and_not_the_program(headers: bytes) -> None:
    good = header(tarfile.REGTYPE, lines({"a": 1}))
    for data, name in ((good + headers + good, "a.tar"), (gzip.compress(good + headers + good), "a.tar.gz")):
        first, last = found(data, name)
        assert (first.document, last.error) == ({"a": 1}, "this is no whole tar archive")


@pytest.mark.parametrize(
    "attributes",
    [
        b"24 GNU.sparse.map=x,yz,\n",
        b"22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n",
    ],
    ids=["map in the header", "map before the data"],
)
def test_a_sparse_member_is_passed_over_with_its_map_unread(attributes: bytes) -> None:
    sparse = header(b"x", attributes) + header(tarfile.REGTYPE, b"2000000000\n" + b"0\n" * 1000)
    data = sparse + header(tarfile.REGTYPE, lines({"a": 1})) + bytes(1024)
    assert read(data, "a.tar") == [{"a": 1}]


def test_many_members_take_no_more_memory_than_few() -> None:
    def used(members: int) -> int:
        data = tar(*[(f"{number}.json", b"{}") for number in range(members)])
        tracemalloc.start()
        try:
            assert sum(1 for _ in archives.documents(io.BytesIO(data), "a.tar.gz")) == members
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert used(4000) < used(200) + 200_000


def test_a_folder_gives_its_files_and_follows_no_link(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    for name in ("2.jsonl", "1.json", "readme.md", "a/3.tar.gz", "a/b/4.gz"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "a" / "b" / "round").symlink_to(tmp_path)
    (tmp_path / "5.json").symlink_to("/etc/hostname")
    assert [path.relative_to(tmp_path).as_posix() for path in archives.files(tmp_path)] == [
        "1.json", "2.jsonl", "a/3.tar.gz", "a/b/4.gz",
    ]  # fmt: skip
