"""Every hostile paper is refused with its reason, or a copy is made in which nothing of it is left but pixels."""

from __future__ import annotations

import io
import re
import struct
import time
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from registry.papers import limits, rebuilding
from registry.papers.rebuilding import Copy, rebuild
from registry.papers.refusals import Reason, Refused
from tests.papers import build

# Beginnings of what acts, names, links or hides, in a PDF.
ACTIVE = (
    rb"JavaScript|/JS|/AA|OpenAction|Launch|/URI|EmbeddedFile|/XFA|AcroForm|/Annots|/Metadata|/Info|/Names|/ID|GoToR"
)


GOOD = {
    "PDF": build.pdf(build.words(), build.words(b"Second page")),
    "PNG": build.saved(build.picture()),
    "JPEG": build.saved(build.picture(), "JPEG", progressive=True),
}


def refused(data: bytes) -> Refused:
    began = time.monotonic()
    with pytest.raises(Refused) as raised:
        rebuild(data)
    assert time.monotonic() - began < limits.SECONDS + 5
    return raised.value


def why(data: bytes) -> Reason:
    return refused(data).reason


def is_bare(copy: Copy) -> bool:
    """A PDF of ours: of its bytes, without the pixels, every word is one that `writing` writes."""
    frame = re.sub(rb"stream\n.*?\nendstream", b"", copy.data, flags=re.DOTALL)
    return copy.data.startswith(b"%PDF-1.4") and not re.search(ACTIVE, frame) and copy.data.endswith(b"%%EOF\n")


def form(content: bytes, inner: int) -> bytes:
    uses = b"/Type /XObject /Subtype /Form /BBox [0 0 500 500] /Resources << /XObject << /Im %d 0 R >> >>" % inner
    return build.stream(content, uses)


def image(width: int, height: int, data: bytes) -> bytes:
    says = b"/Type /XObject /Subtype /Image /Width %d /Height %d /ColorSpace /DeviceGray" % (width, height)
    return build.stream(zlib.compress(data, 9), says + b" /BitsPerComponent 8 /Filter /FlateDecode")


# --- a PDF that does something

SCRIPT = b"<< /S /JavaScript /JS (app.alert\\(1\\); while\\(1\\){}) >>"
DOING: dict[str, bytes] = {
    "script on opening": build.pdf(build.words(), catalog=b"/OpenAction " + SCRIPT),
    "script by name": build.pdf(build.words(), catalog=b"/Names << /JavaScript << /Names [(a) %b] >> >>" % SCRIPT),
    "script of a page": build.pdf(build.words(), page=b"/AA << /O %b /C %b >>" % (SCRIPT, SCRIPT)),
    "launch": build.pdf(build.words(), catalog=b"/OpenAction << /S /Launch /F (cmd.exe) /Win << /F (cmd.exe) >> >>"),
    "attachment": build.pdf(
        build.words(),
        catalog=b"/Names << /EmbeddedFiles << /Names [(e.exe) << /F (e.exe) /EF << /F 13 0 R >> >>] >> >>",
        more=[b"null", build.stream(b"MZ attached bytes", b"/Type /EmbeddedFile")],
    ),
    "XFA": build.pdf(
        build.words(), catalog=b"/AcroForm << /XFA 12 0 R /Fields [] >>", more=[build.stream(b"<xdp:xdp/>")]
    ),
    "link": build.pdf(
        build.words(),
        page=b"/Annots [<< /Subtype /Link /Rect [0 0 99 99] /A << /S /URI /URI (http://evil.example) >> >>]",
    ),
    "another file's page": build.pdf(
        build.words(), catalog=b"/OpenAction << /S /GoToR /F (\\\\\\\\evil.example\\\\share\\\\a.pdf) /D [0 /Fit] >>"
    ),
    "a stream that lies elsewhere": build.pdf(
        build.words(), more=[b"<< /Length 0 /F (/etc/passwd) /Type /XObject /Subtype /Image >>\nstream\n\nendstream"]
    ),
    "its name is a script": build.pdf(build.words()).replace(b"Secret title", b"<script>"),
}


@pytest.mark.parametrize("name", DOING)
def test_nothing_of_a_pdf_that_acts_is_left_but_its_pixels(name: str) -> None:
    copy = rebuild(DOING[name])
    assert is_bare(copy)
    assert build.ink(build.drawn(copy.data)) > 500  # the words are there, as a picture
    assert b"Republic" not in copy.data


def test_the_check_for_what_acts_finds_each_of_them() -> None:
    for data in DOING.values():
        assert not is_bare(Copy("application/pdf", data, 1, (), (), (), ()))


# --- more than one thing at once


@pytest.mark.parametrize(
    "data",
    [
        build.pdf(build.words()) + b"<html><script>alert(1)</script></html>",
        build.pdf(build.words()) + b"PK\x03\x04" + b"zip" * 100,
        build.saved(build.picture(), "PNG") + b"<script>alert(1)</script>",
        build.saved(build.picture(), "JPEG") + b"PK\x03\x04zip<?php evil",
        build.saved(build.picture(), "JPEG", comment=b"<script>alert(1)</script>"),
    ],
    ids=["PDF and HTML", "PDF and ZIP", "PNG and HTML", "JPEG and ZIP", "JPEG with a comment"],
)
def test_what_is_two_things_at_once_is_one_afterwards(data: bytes) -> None:
    copy = rebuild(data)
    assert not re.search(rb"script|PK\x03\x04zip|php", copy.data)
    assert build.ink(build.drawn(copy.data)) > 100


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"<!DOCTYPE html><script>alert(1)</script>%PDF-1.7", "HTML, SVG, XML"),
        (b"\xef\xbb\xbf <html>", "HTML, SVG, XML"),
        (b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>', "HTML, SVG, XML"),
        (b'<?xml version="1.0"?><svg/>', "HTML, SVG, XML"),
        (b"GIF89a/*" + bytes(99) + b"*/=1;alert(1)", "GIF"),
        (build.saved(build.picture(), "GIF"), "GIF"),
        (build.saved(build.picture(), "TIFF"), "TIFF"),
        (build.saved(build.picture(), "WEBP"), "WebP"),
        (build.saved(build.picture(), "BMP"), "BMP"),
        (b"PK\x03\x04" + bytes(30), "DOCX, ODT, ZIP"),
        (b"\0\0\0\x18ftypheic", "HEIC, AVIF"),
        (b"\n%PDF-1.7 not at the beginning", ""),
        (b"plain words", ""),
        (bytes(100), ""),
    ],
)
def test_what_is_neither_pdf_nor_png_nor_jpeg_is_not_read_at_all(data: bytes, kind: str) -> None:
    error = refused(data)
    assert (error.reason, error.detail) == (Reason.OTHER_KIND, kind)


# --- bombs

BOMBS: dict[str, tuple[Callable[[], bytes], set[Reason]]] = {
    "PNG of 2,500 million pixels": (lambda: build.png_bomb(50_000, 50_000), {Reason.PICTURE_TOO_LARGE}),
    "100,000 pages": (
        lambda: build.pdf(*[b""] * 1_000).replace(b"/Count 1000", b"/Count 100000"),
        {Reason.TOO_MANY_PAGES},
    ),
    "one page too many": (lambda: build.pdf(*[b""] * (limits.PAGES + 1)), {Reason.TOO_MANY_PAGES}),
    "a count without pages": (
        lambda: build.raw({1: b"<< /Pages 2 0 R >>", 2: b"<< /Type /Pages /Kids [] /Count 100000 >>"}, b"/Root 1 0 R"),
        {Reason.TOO_MANY_PAGES},
    ),
    "a page of 5 m": (lambda: build.pdf(build.words(), size=(14_400, 14_400)), {Reason.PAGE_TOO_LARGE}),
    "a page like a thread": (lambda: build.pdf(build.words(), size=(99_999, 1)), {Reason.PAGE_TOO_LARGE}),
    "a picture of 3,600 million pixels": (
        lambda: build.pdf(b"q 500 0 0 500 0 0 cm /Im Do Q", more=[image(60_000, 60_000, bytes(10**8))]),
        {Reason.PICTURE_TOO_LARGE},
    ),
    "a content that unpacks to 280 MB": (
        lambda: content_bomb(zlib.compress(b"0 0 m 9 9 l S " * 20_000_000, 9), b"/Filter /FlateDecode"),
        {Reason.TOO_MUCH, Reason.TOO_SLOW},
    ),
    "a content packed twice": (
        lambda: content_bomb(zlib.compress(zlib.compress(bytes(10**9), 9), 9), b"/Filter [/FlateDecode /FlateDecode]"),
        {Reason.TOO_MUCH, Reason.TOO_SLOW},
    ),
    "a form in itself": (
        lambda: build.pdf(b"/Im Do", more=[form(b"/Im Do " * 20, 12)]),
        {Reason.TOO_MUCH, Reason.TOO_SLOW},
    ),
    "forms in forms, ten times each": (
        lambda: build.pdf(b"/Im Do", more=[form(b"/Im Do " * 10, 13 + at) for at in range(14)]),
        {Reason.TOO_MUCH, Reason.TOO_SLOW},
    ),
    "objects that unpack to 150 MB": (
        lambda: packed_objects(b"[" + b"0 " * 75_000_000 + b"]"),
        {Reason.TOO_MUCH, Reason.BROKEN},
    ),
    "a page in itself": (
        lambda: build.raw(
            {1: b"<< /Pages 2 0 R >>", 2: b"<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 2 >>"}, b"/Root 1 0 R"
        ),
        {Reason.BROKEN},
    ),
}


def packed_objects(one: bytes) -> bytes:
    """A PDF whose page is in a packed stream of objects, and beside it `one`."""
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 6 0 R >>"
    head = b"4 0 6 %d " % (len(page) + 1)
    says = b"/Type /ObjStm /N 2 /First %d /Filter /FlateDecode" % len(head)
    inner = build.stream(zlib.compress(head + page + b" " + one, 9), says)
    made, places = bytearray(b"%PDF-1.7\n"), {}
    objects = {1: b"<< /Type /Catalog /Pages 2 0 R >>", 2: b"<< /Type /Pages /Kids [4 0 R] /Count 1 >>", 3: inner}
    for number, body in objects.items():
        places[number] = len(made)
        made += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    rows = [(0, 0, 255), *((1, places[number], 0) for number in (1, 2, 3)), (2, 3, 0), (1, len(made), 0), (2, 3, 1)]
    table = b"".join(struct.pack(">BIB", *row) for row in rows)
    says = b"/Type /XRef /Size 7 /W [1 4 1] /Root 1 0 R"
    return bytes(made) + b"5 0 obj\n%b\nendobj\nstartxref\n%d\n%%%%EOF\n" % (build.stream(table, says), len(made))


def test_a_page_in_a_packed_stream_of_objects_is_read() -> None:
    assert rebuild(packed_objects(b"[]")).pages == 1


def content_bomb(data: bytes, packed: bytes) -> bytes:
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 11 0 R >>"
    pages = {1: b"<< /Pages 2 0 R >>", 2: b"<< /Type /Pages /Kids [10 0 R] /Count 1 >>", 10: page}
    return build.raw({**pages, 11: build.stream(data, packed)}, b"/Root 1 0 R")


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_within_the_limits(name: str) -> None:
    make, reasons = BOMBS[name]
    data = make()
    assert len(data) < 2 * 2**20
    assert why(data) in reasons


def test_a_table_that_leads_to_itself_ends() -> None:
    data = build.pdf(build.words())
    loop = data.replace(b"/Info", b"/Prev %d /Info" % data.index(b"xref"))
    assert rebuild(loop).pages == 1


def test_arrays_a_million_deep_end() -> None:
    data = build.pdf(build.words(), catalog=b"/X " + b"[" * 1_000_000)
    assert rebuild(data).pages == 1


def test_what_takes_too_long_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rebuilding, "SECONDS", 2)
    busy = zlib.compress(b"0 0 595 842 re f " * 300_000, 9)
    began = time.monotonic()
    assert why(content_bomb(busy, b"/Filter /FlateDecode")) == Reason.TOO_SLOW
    assert time.monotonic() - began < 10


def test_the_largest_picture_that_is_taken_is_taken() -> None:
    assert build.drawn(rebuild(build.png_bomb(8_000, 5_000)).data).size == (8_000, 5_000)


# --- what is not whole


@pytest.mark.parametrize("format", ["PNG", "JPEG"])
def test_a_picture_that_was_cut_off_is_refused(format: str) -> None:
    data = build.saved(build.picture(), format)
    for end in (20, len(data) // 2):
        assert why(data[:end]) == Reason.BROKEN


def test_a_pdf_that_was_cut_off_is_refused() -> None:
    data = build.pdf(build.words())
    for end in (5, 20, len(data) // 2):
        assert why(data[:end]) == Reason.BROKEN


def test_noise_behind_a_good_beginning_is_refused() -> None:
    for first in (b"%PDF-1.7\n", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0"):
        assert why(first + bytes(range(256)) * 100) == Reason.BROKEN


def test_an_empty_file_and_one_too_large_are_refused() -> None:
    assert why(b"") == Reason.EMPTY
    assert why(b"%PDF-" + bytes(limits.FILE_LIMIT)) == Reason.TOO_LARGE


def test_a_pdf_under_a_password_is_refused() -> None:
    locked = build.pdf(
        build.words(),
        trailer=b"/ID [<00112233445566778899aabbccddeeff> <00112233445566778899aabbccddeeff>] /Encrypt << /Filter "
        b"/Standard /V 1 /R 2 /P -4 /O <%b> /U <%b> >>" % (b"ab" * 32, b"cd" * 32),
    )
    assert why(locked) == Reason.LOCKED


def test_a_picture_that_moves_is_refused() -> None:
    frames = [build.picture(text="one"), build.picture(text="two")]
    moving = build.saved(frames[0], "PNG", save_all=True, append_images=frames[1:], duration=100)
    assert why(moving) == Reason.MOVES


# --- what a picture carries


def test_a_photograph_keeps_neither_its_place_nor_its_profile_nor_its_preview() -> None:
    exif = Image.Exif()
    exif[0x010F] = "Maker of the telephone"
    exif.get_ifd(0x8825)[2] = (51.0, 7.0, 42.0)  # where it was taken
    picture = build.picture()
    data = build.saved(picture, "JPEG", exif=exif, icc_profile=b"profile of a monitor", comment=b"taken by me")
    assert b"Maker" in data
    assert b"profile of a monitor" in data
    copy = rebuild(data)
    clean = Image.open(io.BytesIO(copy.data))
    assert not clean.getexif()
    assert set(clean.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
    assert not re.search(rb"Maker|monitor|taken by me|Exif", copy.data)


def test_a_png_keeps_no_text_and_nothing_under_what_is_transparent() -> None:
    picture = build.picture(mode="RGBA")
    picture.putalpha(0)  # the words are there, and nobody sees them
    from_it = rebuild(build.saved(picture, "PNG"))
    assert build.ink(build.drawn(from_it.data)) == 0
    assert from_it.blank == (1,)
    assert re.findall(rb"tEXt|iTXt|zTXt|eXIf|iCCP|tIME", from_it.data) == []


def test_a_photograph_that_lies_on_its_side_stands_up() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn it by 90°
    copy = rebuild(build.saved(build.picture((400, 300)), "JPEG", exif=exif))
    assert build.drawn(copy.data).size == (300, 400)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "I;16"])
def test_a_picture_of_any_depth_is_taken(mode: str) -> None:
    picture = build.picture().convert("L")
    wide = picture.convert("I").point(lambda value: value * 257).convert("I;16") if mode == "I;16" else None
    copy = rebuild(build.saved(wide or picture.convert(mode), "PNG"))
    assert 100 < build.ink(build.drawn(copy.data)) < 40_000


# --- what an editor should look at


def test_fonts_that_the_file_does_not_bring_are_told() -> None:
    assert rebuild(build.pdf(build.words())).fonts == ("Helvetica",)


def test_pages_that_are_pictures_and_pages_that_are_empty_are_told() -> None:
    copy = rebuild(build.pdf(build.words(), b"", b"0 0 200 200 re f"))
    assert (copy.pages, copy.without_text, copy.blank) == (3, (2, 3), (2,))


def test_personal_numbers_are_found_with_their_places_and_not_told() -> None:
    copy = rebuild(build.pdf(build.words(), build.words(b"IIN 900101300126, tel. +7 701 123 45 67")))
    assert [(one.page, one.kind.value) for one in copy.found] == [(2, "iin"), (2, "phone")]
    (iin,) = copy.found[0].boxes
    shown = build.drawn(copy.data, 2)
    cut = [iin.left * shown.width, iin.top * shown.height, iin.right * shown.width, iin.bottom * shown.height]
    inside = shown.crop([round(side) for side in cut])
    assert build.ink(inside) > 500
    assert "900101" not in repr(copy.found)


def test_a_number_whose_letters_were_set_one_by_one_has_one_place_a_line() -> None:
    far = b" ".join(b"(%c) Tj 20 0 Td" % digit for digit in b"87011234567")
    copy = rebuild(build.pdf(b"BT /F 24 Tf 60 700 Td " + far + b" ET"))
    assert [(one.kind.value, len(one.boxes)) for one in copy.found] == [("phone", 1)]


def test_a_paper_taken_twice_is_the_same_twice_and_its_copy_is_its_own_copy() -> None:
    data = build.pdf(build.words(), build.words(b"Second page"))
    once = rebuild(data)
    assert rebuild(data).sha256 == once.sha256
    again = rebuild(once.data)
    assert build.drawn(again.data, 2).tobytes() == build.drawn(once.data, 2).tobytes()


@settings(deadline=None, max_examples=40)
@given(st.sampled_from(sorted(GOOD)), st.data())
def test_whatever_is_changed_in_a_paper_it_is_refused_or_bare(name: str, data: st.DataObject) -> None:
    paper = bytearray(GOOD[name])
    for _ in range(data.draw(st.integers(1, 20))):
        paper[data.draw(st.integers(0, len(paper) - 1))] = data.draw(st.integers(0, 255))
    try:
        copy = rebuild(bytes(paper))
    except Refused:
        return
    assert copy.media_type != "application/pdf" or is_bare(copy)
    assert build.drawn(copy.data).size > (0, 0)
