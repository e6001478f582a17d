"""How the record of a visit is kept: by zstd with a trained dictionary, the bytes of its certificates apart.

A certificate is seen in thousands of visits and does not compress: it is kept once, and a record names it by its
SHA-256. A dictionary is never changed, for what was packed with it cannot be read without it: another is a file more,
and the last of them packs. `python -m checks.packing FILE < records.jsonl` trains one of records as the API gives them
with `?records=1&format=jsonl`.
"""

from __future__ import annotations

import base64
import sys
import threading
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import cache
from hashlib import sha256
from pathlib import Path

import msgspec
import zstandard

from checks.engine.records import Certificate, Measurement

LEVEL = 3  # 6 saves an eighth more, and takes ten times as long
DICTIONARY = 32 * 1024  # bytes
_FOLDER = Path(__file__).parent / "dictionaries"
_ZLIB = b"x"  # with which begins what the first versions packed
_mine = threading.local()  # no compressor may serve two threads at once


def pack(record: Measurement) -> bytes:
    """Without what `certificates` finds in it."""
    if not hasattr(_mine, "compressor"):
        last = max(_FOLDER.glob("*.zdict"))
        _mine.compressor = zstandard.ZstdCompressor(level=LEVEL, dict_data=_read(last))
    packed: bytes = _mine.compressor.compress(_with(record, lambda _: "").as_bytes())
    return packed


def unpack(document: bytes) -> Measurement:
    """Raises ValueError for what is no record, and for one whose dictionary is not here."""
    if document.startswith(_ZLIB):
        return Measurement.from_bytes(zlib.decompress(document))
    try:
        number = zstandard.get_frame_parameters(document).dict_id
        readers: dict[int, zstandard.ZstdDecompressor] = _mine.__dict__.setdefault("readers", {})
        if number not in readers:
            readers[number] = zstandard.ZstdDecompressor(dict_data=_dictionaries()[number])
        return Measurement.from_bytes(readers[number].decompress(document))
    except KeyError:
        raise ValueError(f"it is packed with dictionary {number}, which this version does not have") from None
    except zstandard.ZstdError as error:
        raise ValueError(f"it cannot be unpacked: {error}") from error


def certificates(records: Iterable[Measurement]) -> dict[str, bytes]:
    """The DER of each, by SHA-256. Raises ValueError for one that is not what its record says."""
    found: dict[str, bytes] = {}
    for one in (one for record in records for handshake in record.handshakes for one in handshake.chain):
        if one.der and one.sha256 not in found:
            der = base64.b64decode(one.der, validate=True)
            if sha256(der).hexdigest() != one.sha256:
                raise ValueError(f"a certificate is not the one it says, {one.sha256}")
            found[one.sha256] = der
    return found


def whole(record: Measurement, known: Mapping[str, bytes]) -> Measurement:
    """With the DER of its certificates, as far as it is known."""
    return _with(record, lambda one: one.der or base64.b64encode(known.get(one.sha256, b"")).decode("ascii"))


def _with(record: Measurement, der: Callable[[Certificate], str]) -> Measurement:
    handshakes = tuple(
        replace(handshake, chain=tuple(replace(one, der=der(one)) for one in handshake.chain))
        if handshake.chain
        else handshake
        for handshake in record.handshakes
    )
    return replace(record, handshakes=handshakes)


@cache
def _dictionaries() -> dict[int, zstandard.ZstdCompressionDict]:
    """By the number that each has in itself."""
    return {one.dict_id(): one for one in map(_read, _FOLDER.glob("*.zdict"))}


def _read(path: Path) -> zstandard.ZstdCompressionDict:
    return zstandard.ZstdCompressionDict(path.read_bytes())


def main() -> int:
    if len(sys.argv) != 2 or Path(sys.argv[1]).exists():
        sys.exit(f"{__doc__}\nUsage: python -m checks.packing FILE < records.jsonl; FILE must not be there yet")
    lines = (msgspec.json.decode(line) for line in sys.stdin.buffer)
    records = (Measurement.from_json(line.get("record", line)) for line in lines)
    samples: list[bytes | bytearray | memoryview[int]] = [_with(record, lambda _: "").as_bytes() for record in records]
    Path(sys.argv[1]).write_bytes(zstandard.train_dictionary(DICTIONARY, samples).as_bytes())
    return 0


if __name__ == "__main__":
    sys.exit(main())
