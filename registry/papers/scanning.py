"""Draws each page of a PDF as a picture, as a printer would, and finds personal numbers in its text.

No script, action, attachment or link of it is run or followed: PDFium is built without JavaScript and XFA, and what
is drawn are pixels.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import pypdfium2
from PIL import Image
from pypdfium2 import raw

from registry.papers import marks, personal, pictures
from registry.papers.limits import CHARACTERS, FOUND, PAGES, PIXELS, RESOLUTIONS, SIDE
from registry.papers.marks import Box, Mark
from registry.papers.refusals import Reason, Refused
from registry.papers.writing import Page

POINTS = 72  # in an inch
METRE = POINTS / 0.0254  # in points
# A page of our own copy comes back pixel for pixel: PDFium rounds up, and must not for the last digit of a float.
_A_LITTLE_LESS = 1 - 1e-6


@dataclass
class Seen:
    """What a reader of the copy should know."""

    found: list[dict[str, object]] = field(default_factory=list)  # personal numbers: page, kind and boxes
    without_text: list[int] = field(default_factory=list)  # pages in which no number can have been found
    blank: list[int] = field(default_factory=list)
    fonts: set[str] = field(default_factory=set)  # that the file does not bring: letters may be missing in the copy
    characters: int = 0


def open_pdf(data: bytes) -> pypdfium2.PdfDocument:
    """Raises Refused."""
    try:
        document = pypdfium2.PdfDocument(data)
        document.init_forms()  # else what was typed into a form, and the stamp of a signature, would not be drawn
    except pypdfium2.PdfiumError as error:
        locked = getattr(error, "err_code", None) in (raw.FPDF_ERR_PASSWORD, raw.FPDF_ERR_SECURITY)
        raise Refused(Reason.LOCKED if locked else Reason.BROKEN) from error
    if len(document) > PAGES:
        raise Refused(Reason.TOO_MANY_PAGES, detail=str(len(document)))
    if len(document) < 1:
        raise Refused(Reason.BROKEN)
    return document


def pages(document: pypdfium2.PdfDocument, redactions: list[Mark], seen: Seen) -> Iterator[Page]:
    """Raises Refused."""
    for number in range(1, len(document) + 1):
        try:
            page = document[number - 1]
        except pypdfium2.PdfiumError as error:
            raise Refused(Reason.BROKEN, page=number) from error
        _look_at_objects(page, number, seen)
        _read_text(page, number, seen)
        picture, dpi = _drawn(page, number)
        if pictures.is_blank(picture):
            seen.blank.append(number)
        pictures.burn(picture, number, redactions)
        page.close()
        yield pictures.packed(picture, dpi)


def _drawn(page: pypdfium2.PdfPage, number: int) -> tuple[Image.Image, int]:
    width, height = page.get_size()
    if width <= 0 or height <= 0:
        raise Refused(Reason.BROKEN, page=number)
    dpi = next((dpi for dpi in RESOLUTIONS if _fits(width * dpi / POINTS, height * dpi / POINTS)), None)
    if dpi is None:
        raise Refused(Reason.PAGE_TOO_LARGE, page=number, detail=f"{width / METRE:.1f} × {height / METRE:.1f}")
    bitmap = page.render(scale=dpi / POINTS * _A_LITTLE_LESS, rev_byteorder=True)
    picture = bitmap.to_pil().convert("RGB")
    bitmap.close()
    return picture, dpi


def _fits(width: float, height: float) -> bool:
    return width * height <= PIXELS and max(width, height) <= SIDE


def _look_at_objects(page: pypdfium2.PdfPage, number: int, seen: Seen) -> None:
    """A picture that is too large would be left out silently, and so would letters of a font that is not there."""
    for one in page.get_objects(filter=[raw.FPDF_PAGEOBJ_IMAGE, raw.FPDF_PAGEOBJ_TEXT]):
        if one.type == raw.FPDF_PAGEOBJ_IMAGE:
            width, height = one.get_px_size()
            if width * height > PIXELS:
                raise Refused(Reason.PICTURE_TOO_LARGE, page=number, detail=f"{width} × {height}")
        elif (font := raw.FPDFTextObj_GetFont(one)) and raw.FPDFFont_GetIsEmbedded(font) == 0:
            seen.fonts.add(_name(font))


def _name(font: object) -> str:
    name = ctypes.create_string_buffer(128)
    raw.FPDFFont_GetBaseFontName(font, name, len(name))
    text = name.value.decode("utf-8", "replace")
    return "".join(letter for letter in text if letter.isprintable())[:100]


def _read_text(page: pypdfium2.PdfPage, number: int, seen: Seen) -> None:
    text = page.get_textpage()
    count = max(text.count_chars(), 0)
    seen.characters += count
    if seen.characters > CHARACTERS:
        raise Refused(Reason.TOO_MUCH, page=number)
    # One by one, so that a place in the text is the place of a letter for PDFium too.
    letters = "".join(_letter(raw.FPDFText_GetUnicode(text, index)) for index in range(count))
    if not letters.strip():
        seen.without_text.append(number)
    for one in personal.find(letters):
        if len(seen.found) < FOUND:
            boxes = [marks.row(Mark(number, box)) for box in _lines(_boxes(page, text, one))]
            seen.found.append({"page": number, "kind": one.kind.value, "boxes": boxes})
    text.close()


def _letter(code: int) -> str:
    return chr(code) if 0 < code < 0x110000 and not 0xD800 <= code < 0xE000 else "\N{REPLACEMENT CHARACTER}"


def _boxes(page: pypdfium2.PdfPage, text: pypdfium2.PdfTextPage, one: personal.Found) -> Iterator[Box]:
    """Where it stands on the page as it is shown. PDFium tells words, and sometimes letters."""
    for index in range(text.count_rects(one.start, one.end - one.start)):
        left, bottom, right, top = text.get_rect(index)
        across, down = zip(_shown(page, left, top), _shown(page, right, bottom), strict=True)
        sides = (min(across), min(down), max(across), max(down))
        try:
            yield Box(*(min(max(side, 0.0), 1.0) for side in sides))
        except ValueError:
            continue  # it stands outside of the page


def _lines(boxes: Iterable[Box]) -> list[Box]:
    """One for each line: what stands side by side is put together."""
    lines: list[Box] = []
    for box in boxes:
        last = lines[-1] if lines else None
        if last and last.top < (box.top + box.bottom) / 2 < last.bottom:
            sides = (min(last.left, box.left), min(last.top, box.top))
            lines[-1] = Box(*sides, max(last.right, box.right), max(last.bottom, box.bottom))
        else:
            lines.append(box)
    return lines


def _shown(page: pypdfium2.PdfPage, x: float, y: float) -> tuple[float, float]:
    """A place in the page's own measure, as fractions of the page as it is turned and cut."""
    fine = 1_000_000
    across, down = ctypes.c_int(), ctypes.c_int()
    raw.FPDF_PageToDevice(page, 0, 0, fine, fine, 0, x, y, across, down)
    return across.value / fine, down.value / fine
