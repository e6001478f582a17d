"""The PDF of a copy, and its pages taken out of it again."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from registry.papers import pictures, writing
from tests.papers import build


def page(colour: str, *, typed: bool) -> Image.Image:
    """Typed on white it packs without loss, on a ground as a JPEG; words are in its pixels, and PDF's words too."""
    image = Image.new("RGB", (61, 47), "white" if typed else colour)
    image.paste(colour, (8, 8, 16, 16))
    image.putpixel((3, 3), (10, 200, 30) if colour != "grey" else (9, 9, 9))
    return image


def test_a_page_is_taken_out_of_a_copy_with_the_very_pixels_that_readers_of_it_see() -> None:
    drawn = [page(colour, typed=typed) for colour in ("grey", "red") for typed in (True, False)]
    packed = [pictures.packed(one, 144) for one in drawn]
    assert {(one.grey, one.packing.value) for one in packed} == {
        (grey, way) for grey in (True, False) for way in ("jpeg", "flate")
    }
    data = writing.pdf(packed)
    for number, (one, image) in enumerate(zip(packed, drawn, strict=True), start=1):
        media_type, found = writing.picture(data, number)
        taken = Image.open(io.BytesIO(found), formats=["JPEG", "PNG"])
        assert taken.get_format_mimetype() == media_type
        if one.packing == writing.Packing.FLATE:
            assert taken.convert("RGB").tobytes() == image.tobytes()
        else:
            assert found == one.data


@pytest.mark.parametrize("number", [-1, 0, 2, 10**9])
def test_there_is_no_page_before_the_first_nor_after_the_last(number: int) -> None:
    with pytest.raises(LookupError):
        writing.picture(writing.pdf([pictures.packed(page("grey", typed=True), 72)]), number)


def test_pixels_that_look_like_the_end_of_a_file_mislead_nobody() -> None:
    packed = b"\xff\xd8trailer\nstartxref\n7\n%%EOF\n5 0 obj\nendobj\n"
    pages = [writing.Page(8, 8, True, writing.Packing.JPEG, packed)] * 2
    assert writing.picture(writing.pdf(pages), 2) == ("image/jpeg", packed)


@pytest.mark.parametrize("data", [b"", b"%PDF-1.7", build.pdf(build.words())])
def test_what_another_program_wrote_is_refused(data: bytes) -> None:
    with pytest.raises((ValueError, LookupError)):
        writing.picture(data, 1)
