"""Files of JSON, read as a stream: documents come out one after the other, and nothing is ever written to disk.

A file may be hostile. Of an archive only ordinary members are read, under whatever name; a document has a largest size,
and what unpacks to far more than its own size is not unpacked to its end.
"""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

SUFFIXES = (".json", ".jsonl", ".ndjson", ".gz", ".tgz", ".tar")
DOCUMENT = 32 * 1024 * 1024  # bytes of one document, or of a list of them
RATIO = 200  # OONI's own archives unpack to about ten times their size, and zeros to a thousand times
FREE = 64 * 1024 * 1024  # bytes that may come of anything, however small
HEADER = 64 * 1024  # bytes of a member's long name; tarfile reads it at once
_CHUNK = 64 * 1024
_BROKEN = (OSError, EOFError, zlib.error, tarfile.TarError)


class Unreadable(ValueError):
    """Why a document, or the rest of a file, is not read."""


@dataclass(frozen=True, slots=True)
class Found:
    """`place` is where in which file; the document, or in its stead why it could not be read."""

    place: str
    document: Any = None
    error: str = ""


def files(path: Path) -> Iterator[Path]:
    """The file itself; of a folder, the files in it that may hold measurements, folders in folders included."""
    if not path.is_dir() or path.is_symlink():
        yield path
        return
    for inner in sorted(path.iterdir()):
        if inner.is_dir() and not inner.is_symlink():
            yield from files(inner)
        elif inner.is_file() and not inner.is_symlink() and inner.name.endswith(SUFFIXES):
            yield inner


def documents(file: BinaryIO, name: str) -> Iterator[Found]:
    """The kind of a file follows from its name: .json, .jsonl, .tar, and .gz of each."""
    name = said(name)
    try:
        yield from _of(file, name, name, nested=False)
    except (*_BROKEN, Unreadable) as error:
        yield Found(name, error=in_words(error))


def said(name: str) -> str:
    """A name as it may be printed: whoever made an archive chose the names in it."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in name)[-200:]


def in_words(error: Exception) -> str:
    match error:
        case gzip.BadGzipFile() | EOFError() | zlib.error():
            return "this is no whole gzip file"
        case tarfile.TarError():
            return "this is no whole tar archive"
        case OSError():
            return f"the file cannot be read: {error.strerror or error}"
        case UnicodeDecodeError():
            return "this is no text in UTF-8"
        case RecursionError():
            return "this is nested too deeply"
        case json.JSONDecodeError():
            return "this is no JSON"
    return str(error)


def _of(file: BinaryIO, name: str, place: str, *, nested: bool) -> Iterator[Found]:
    if name.endswith((".gz", ".tgz")):
        inner = name.removesuffix(".gz").removesuffix(".tgz") + (".tar" if name.endswith(".tgz") else "")
        plain = inner if inner.endswith(SUFFIXES) else f"{inner}.jsonl"
        yield from _of(io.BufferedReader(_Unpacked(file), _CHUNK), plain, place, nested=nested)
    elif name.endswith(".tar") and not nested:
        yield from _members(file, place)
    elif name.endswith((".json", ".jsonl", ".ndjson")):
        yield from _json(file, place, lines=not name.endswith(".json"))
    else:
        raise Unreadable("the name says neither .json nor .jsonl, nor an archive of these")


class _Unpacked(io.RawIOBase):
    """What a gzip stream unpacks to, as long as that is in proportion."""

    def __init__(self, packed: BinaryIO) -> None:
        self._packed = _Counted(packed)
        self._file = gzip.GzipFile(fileobj=io.BufferedReader(self._packed, _CHUNK))
        self._unpacked = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._file.read1(len(buffer))
        self._unpacked += len(data)
        if self._unpacked > FREE + RATIO * self._packed.count:
            raise Unreadable(f"it unpacks to more than {RATIO} times its size")
        buffer[: len(data)] = data
        return len(data)


class _Counted(io.RawIOBase):
    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._file.read(len(buffer))
        self.count += len(data)
        buffer[: len(data)] = data
        return len(data)


class _Member(tarfile.TarInfo):
    """Refuses the long names and attributes that tarfile would take into memory whole."""

    _HELD = (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE, b"X")

    def _proc_member(self, archive: tarfile.TarFile) -> Any:
        if self.type in self._HELD and self.size > HEADER:
            raise tarfile.ReadError("a member's name is too long")
        return super()._proc_member(archive)  # type: ignore[misc]  # where tarfile decides what to read

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> Any:
        """What tarfile stumbles over is a broken archive: numbers that are none, and headers upon headers."""
        try:
            return super().fromtarfile(archive)
        except Unreadable:
            raise
        except (ValueError, OverflowError, RecursionError) as error:
            raise tarfile.ReadError("a member's header is broken") from error

    def _pass_over(self, member: tarfile.TarInfo, *_: Any) -> None:
        member.sparse = []  # type: ignore[assignment]  # typeshed says bytes; it would read a map of any length into memory

    _proc_gnusparse_00 = _proc_gnusparse_01 = _proc_gnusparse_10 = _pass_over


def _members(file: BinaryIO, place: str) -> Iterator[Found]:
    with tarfile.open(fileobj=file, mode="r|", tarinfo=_Member) as archive:
        while (member := archive.next()) is not None:
            archive.members = []  # type: ignore[attr-defined]  # it would keep them all
            if not member.isreg() or member.issparse():
                continue  # folders, links, devices: nothing to read
            name = said(member.name)
            if not name.endswith(SUFFIXES):
                continue
            inner = f"{place}:{name}"
            opened = archive.extractfile(member)
            try:
                if opened is not None:
                    yield from _of(opened, name, inner, nested=True)  # type: ignore[arg-type]  # it reads bytes
            except (OSError, EOFError, zlib.error, Unreadable) as error:
                yield Found(inner, error=in_words(error))


def _json(file: BinaryIO, place: str, *, lines: bool) -> Iterator[Found]:
    """A `.json` of OONI's older archives holds a document a line too: then its first line is a whole one."""
    first = file.readline(DOCUMENT + 1)
    if not lines and not _is_object(first):
        text = first + file.read(DOCUMENT + 1 - len(first)) if len(first) <= DOCUMENT else first
        found = _parsed(text, place)
        if isinstance(found.document, list):
            yield from (Found(f"{place}:{number}", one) for number, one in enumerate(found.document, start=1))
        else:
            yield found
        return
    number, line = 1, first
    while line:
        if len(line) > DOCUMENT:
            rest = line
            while rest and not rest.endswith(b"\n"):
                rest = file.readline(_CHUNK)
        if line.strip():
            yield _parsed(line, f"{place}:{number}")
        number, line = number + 1, file.readline(DOCUMENT + 1)


def _is_object(line: bytes) -> bool:
    return len(line) <= DOCUMENT and isinstance(_parsed(line, "").document, dict)


def _parsed(text: bytes, place: str) -> Found:
    if len(text) > DOCUMENT:
        return Found(place, error=f"it is larger than {DOCUMENT // 1024 // 1024} MB")
    try:
        return Found(place, json.loads(text.decode("utf-8-sig")))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        return Found(place, error=in_words(error))
    except ValueError:
        return Found(place, error="a number in it has too many digits")
