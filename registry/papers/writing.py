"""Writes a PDF that holds pictures of pages and nothing else: no text, script, link, attachment, name or date."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

_PICTURE = re.compile(
    rb"\d+ 0 obj\n<< /Type /XObject /Subtype /Image /Width (\d+) /Height (\d+) /ColorSpace /Device(Gray|RGB) "
    rb"/BitsPerComponent 8 /Filter /(DCT|Flate)Decode [^\n]*?/Length (\d+) >>\nstream\n"
)


class Packing(StrEnum):
    JPEG = "jpeg"
    FLATE = "flate"  # as in the IDAT of a PNG


@dataclass(frozen=True)
class Page:
    """One page as a picture: 8 bits a sample, one sample a pixel if grey, else three."""

    width: int
    height: int
    grey: bool
    packing: Packing
    data: bytes
    dpi: int = 72

    def dictionary(self) -> bytes:
        colours = 1 if self.grey else 3
        space = b"/DeviceGray" if self.grey else b"/DeviceRGB"
        if self.packing == Packing.JPEG:
            packed = b"/Filter /DCTDecode"
        else:
            packed = b"/Filter /FlateDecode /DecodeParms << /Predictor 15 /Colors %d /Columns %d >>"
            packed %= colours, self.width
        return b"/Type /XObject /Subtype /Image /Width %d /Height %d /ColorSpace %b /BitsPerComponent 8 %b" % (
            self.width,
            self.height,
            space,
            packed,
        )


def pdf(pages: Sequence[Page]) -> bytes:
    """The same pages always make the same bytes."""
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>", _tree(len(pages))]
    for number, page in enumerate(pages):
        width, height = (72 * side / page.dpi for side in (page.width, page.height))
        drawn = b"%.3f 0 0 %.3f 0 0 cm /Im Do" % (width, height)
        objects += [
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 %.3f %.3f] /Contents %d 0 R "
            b"/Resources << /XObject << /Im %d 0 R >> >> >>" % (width, height, 4 + 3 * number, 5 + 3 * number),
            _stream(b"", drawn),
            _stream(page.dictionary(), page.data),
        ]
    return _file(objects)


def picture(data: bytes, number: int) -> tuple[str, bytes]:
    """One page, counted from 1, of what `pdf` wrote: media type and bytes of its picture. Not a pixel is made anew.

    Raises ValueError where it is none of `pdf`, LookupError where it has no such page.
    """
    table = int(data[data.rindex(b"startxref\n") :].split(b"\n")[1])
    places = data[table : data.rindex(b"trailer\n")].split(b"\n")[2:]  # of the objects, by their numbers; 0 is none
    if not 1 <= number <= (len(places) - 3) // 3:
        raise LookupError(number)
    found = _PICTURE.match(data, int(places[2 + 3 * number].split()[0]))
    if not found:
        raise ValueError("another program wrote it")
    width, height, length = (int(found[group]) for group in (1, 2, 5))
    packed = data[found.end() : found.end() + length]
    if found[4] == b"DCT":
        return "image/jpeg", packed
    head = struct.pack(">IIBBBBB", width, height, 8, 0 if found[3] == b"Gray" else 2, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", packed), (b"IEND", b""))
    return "image/png", b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, body) for name, body in chunks)


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _tree(pages: int) -> bytes:
    kids = b" ".join(b"%d 0 R" % (3 + 3 * number) for number in range(pages))
    return b"<< /Type /Pages /Count %d /Kids [%b] >>" % (pages, kids)


def _stream(dictionary: bytes, data: bytes) -> bytes:
    return b"<< %b /Length %d >>\nstream\n%b\nendstream" % (dictionary, len(data), data)


def _file(objects: Sequence[bytes]) -> bytes:
    made = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    places = []
    for number, one in enumerate(objects, start=1):
        places.append(len(made))
        made += b"%d 0 obj\n%b\nendobj\n" % (number, one)
    table = len(made)
    made += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    made += b"".join(b"%010d 00000 n \n" % place for place in places)
    made += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, table)
    return bytes(made)
