"""Reads a PNG or a JPEG, and packs pixels anew. Whatever else the file held stays behind."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterable, Iterator
from math import ceil, floor
from typing import Any

from PIL import Image, ImageChops, ImageOps, JpegImagePlugin, PngImagePlugin, TiffImagePlugin

from registry.papers.limits import PIXELS
from registry.papers.marks import Mark
from registry.papers.refusals import Reason, Refused
from registry.papers.writing import Packing, Page

# Marks grow to whole blocks of JPEG: each block is packed by itself, and outside its own it shows traces of a letter.
BLOCK = 8
QUALITY = 85
CLEAN = 0.5  # share of pixels that are white: then a page was typed or cleaned, and packs well without loss
# What Pillow's readers raise on a file that is not what it says.
UNREADABLE = (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, struct.error, zlib.error)

# None but these two is loaded, and `Image.open` is asked for one of them: no other reader ever sees a hostile byte.
_FORMATS = {JpegImagePlugin.JpegImageFile.format, PngImagePlugin.PngImageFile.format}
Image.MAX_IMAGE_PIXELS = None  # it warns, and we refuse
Image.preinit()  # now: later no module can be loaded
_READS_EXIF = TiffImagePlugin  # which way up a photograph is; Pillow would load it on the first one


def read(data: bytes) -> Image.Image:
    """Upright, in grey or RGB, on white. Raises Refused."""
    try:
        with Image.open(io.BytesIO(data), formats=sorted(_FORMATS)) as opened:
            if opened.width * opened.height > PIXELS:
                raise Refused(Reason.PICTURE_TOO_LARGE, page=1, detail=f"{opened.width} × {opened.height}")
            if opened.format == "PNG" and getattr(opened, "is_animated", False):
                raise Refused(Reason.MOVES)
            opened.load()
            return _plain(ImageOps.exif_transpose(opened))
    except PermissionError:
        raise  # something would be opened that was not loaded before: our mistake, and not the file's
    except UNREADABLE as error:
        raise Refused(Reason.BROKEN) from error


def _plain(picture: Image.Image) -> Image.Image:
    """New pixels, without what hides in a palette, under transparency or in more than eight bits."""
    if picture.mode.startswith("I"):  # 16 bits a sample
        return picture.convert("I").point(lambda value: value / 256).convert("L")
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        return Image.alpha_composite(white, picture).convert("RGB")
    return picture.convert("L" if picture.mode in ("1", "L") else "RGB")


def burn(picture: Image.Image, page: int, marks: Iterable[Mark]) -> None:
    """Blackens what the marks cover on this page."""
    width, height = picture.size
    for mark in marks:
        if mark.page != page:
            continue
        box = mark.box
        left, top = (BLOCK * floor(side / BLOCK) for side in (box.left * width, box.top * height))
        right, bottom = (BLOCK * ceil(side / BLOCK) for side in (box.right * width, box.bottom * height))
        picture.paste(0, (left, top, min(right, width), min(bottom, height)))


def png(picture: Image.Image) -> bytes:
    return _saved(Image.frombytes(picture.mode, picture.size, picture.tobytes()), format="PNG")


def jpeg(picture: Image.Image) -> bytes:
    """Each block of 8 × 8 pixels by itself, in colours too, as BLOCK needs it."""
    bare = Image.frombytes(picture.mode, picture.size, picture.tobytes())
    return _saved(bare, format="JPEG", quality=QUALITY, subsampling=0)


def _saved(picture: Image.Image, **options: Any) -> bytes:
    made = io.BytesIO()
    picture.save(made, **options)
    return made.getvalue()


def packed(picture: Image.Image, dpi: int) -> Page:
    """As a page of a PDF, the smaller way, and grey if it has no colour."""
    grey = picture.convert("L")
    if _is_grey(picture):
        picture = grey
    white = grey.histogram()[255] / (picture.width * picture.height)
    packing, data = Packing.JPEG, jpeg(picture)
    if white > CLEAN:
        lossless = b"".join(_chunks(png(picture), b"IDAT"))
        if len(lossless) < len(data):
            packing, data = Packing.FLATE, lossless
    return Page(picture.width, picture.height, picture.mode == "L", packing, data, dpi)


def is_blank(picture: Image.Image) -> bool:
    """One colour all over."""
    return picture.getcolors(1) is not None


def _is_grey(picture: Image.Image) -> bool:
    if picture.mode == "L":
        return True
    red, green, blue = picture.split()
    return not (ImageChops.difference(red, green).getbbox() or ImageChops.difference(red, blue).getbbox())


def _chunks(data: bytes, name: bytes) -> Iterator[bytes]:
    """Of a PNG that we packed ourselves."""
    at = 8
    while at < len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        if data[at + 4 : at + 8] == name:
            yield data[at + 8 : at + 8 + length]
        at += 12 + length
