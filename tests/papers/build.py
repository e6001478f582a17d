"""Papers for the tests, good and hostile, made byte by byte."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence
from typing import Any

import pypdfium2
from PIL import Image, ImageDraw

A4 = (595, 842)
LINE = b"BT /F 24 Tf 60 700 Td (%b) Tj ET"


def pdf(
    *contents: bytes,
    catalog: bytes = b"",
    page: bytes = b"",
    size: tuple[float, float] = A4,
    more: Sequence[bytes] = (),
    trailer: bytes = b"",
) -> bytes:
    """A page for each content. Of the objects in `more` the first is number 10 + 2 × pages."""
    kids = b" ".join(b"%d 0 R" % (10 + 2 * at) for at in range(len(contents)))
    objects = {
        1: b"<< /Type /Catalog /Pages 2 0 R %b >>" % catalog,
        2: b"<< /Type /Pages /Kids [%b] /Count %d >>" % (kids, len(contents)),
        3: b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        4: b"<< /Title (Secret title) /Author (Somebody) >>",
    }
    for at, content in enumerate(contents):
        objects[10 + 2 * at] = (
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 %g %g] /Contents %d 0 R /Resources << /Font << /F 3 0 R >> "
            b"/XObject << /Im %d 0 R >> >> %b >>" % (*size, 11 + 2 * at, 10 + 2 * len(contents), page)
        )
        objects[11 + 2 * at] = stream(content)
    objects |= dict(enumerate(more, start=10 + 2 * len(contents)))
    return raw(objects, b"/Root 1 0 R /Info 4 0 R " + trailer)


def raw(objects: dict[int, bytes], trailer: bytes) -> bytes:
    made, places = bytearray(b"%PDF-1.7\n"), {}
    for number, one in objects.items():
        places[number] = len(made)
        made += b"%d 0 obj\n%b\nendobj\n" % (number, one)
    table = len(made)
    made += b"xref\n0 1\n0000000000 65535 f \n"
    for number, place in places.items():
        made += b"%d 1\n%010d 00000 n \n" % (number, place)
    made += b"trailer\n<< /Size %d %b >>\nstartxref\n%d\n%%%%EOF\n" % (max(objects) + 1, trailer, table)
    return bytes(made)


def stream(data: bytes, dictionary: bytes = b"") -> bytes:
    return b"<< /Length %d %b >>\nstream\n%b\nendstream" % (len(data), dictionary, data)


def words(text: bytes = b"In the name of the Republic") -> bytes:
    """The content of a page."""
    return LINE % text


def picture(size: tuple[int, int] = (400, 300), text: str = "In the name", **options: Any) -> Image.Image:
    made = Image.new(options.pop("mode", "RGB"), size, "white")
    ImageDraw.Draw(made).text((size[0] // 10, size[1] // 3), text, fill="black", font_size=size[1] // 10)
    return made


def saved(image: Image.Image, format: str = "PNG", **options: Any) -> bytes:
    made = io.BytesIO()
    image.save(made, format, **options)
    return made.getvalue()


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_bomb(width: int, height: int) -> bytes:
    """Black, in one bit a pixel: small to send, large to open."""
    rows = zlib.compressobj(9)
    data = b"".join(rows.compress(bytes(1 + (width + 7) // 8)) for _ in range(height)) + rows.flush()
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def drawn(data: bytes, page: int = 1) -> Image.Image:
    """A page of a copy, at the resolution at which it was made."""
    if not data.startswith(b"%PDF-"):
        return Image.open(io.BytesIO(data)).convert("RGB")
    document = pypdfium2.PdfDocument(data)
    (only,) = document[page - 1].get_objects()
    return only.get_bitmap().to_pil().convert("RGB")


def ink(image: Image.Image) -> int:
    """Dark pixels."""
    return sum(image.convert("L").histogram()[:128])
