"""What is marked is black in the copy, and nothing of it is anywhere in the copy's bytes."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops

from registry.papers import marks, pictures
from registry.papers.marks import Box, Mark
from registry.papers.pictures import BLOCK
from registry.papers.rebuilding import rebuild
from registry.papers.refusals import Reason, Refused
from tests.papers import build

IIN = b"900101300126"
HALVES = {"left": Box(0, 0, 0.5, 1), "right": Box(0.5, 0, 1, 1), "top": Box(0, 0, 1, 0.5)}


def pixels(box: Box, size: tuple[int, int]) -> tuple[int, int, int, int]:
    return (
        round(box.left * size[0]),
        round(box.top * size[1]),
        round(box.right * size[0]),
        round(box.bottom * size[1]),
    )


def test_what_was_found_can_be_burnt_out_of_a_pdf() -> None:
    data = build.pdf(build.words(), build.words(b"IIN " + IIN))
    before = rebuild(data)
    redactions = [Mark(one.page, box) for one in before.found for box in one.boxes]
    after = rebuild(data, redactions)
    shown = build.drawn(after.data, 2)
    for mark in redactions:
        inside = shown.crop(pixels(mark.box, shown.size))
        assert inside.getextrema() == ((0, 0), (0, 0), (0, 0))
    assert build.drawn(after.data, 1).tobytes() == build.drawn(before.data, 1).tobytes()
    assert IIN not in after.data
    assert all(IIN not in part for part in inflated(after.data))
    assert after.data != before.data


def inflated(data: bytes) -> list[bytes]:
    """Every stream of a copy as it is packed and, where it is deflated, unpacked."""
    streams = [part.partition(b"\nendstream")[0] for part in data.split(b"stream\n")[1:]]
    unpacked = []
    for one in streams:
        try:
            unpacked.append(zlib.decompress(one))
        except zlib.error:
            continue
    return streams + unpacked


@pytest.mark.parametrize("format", ["PNG", "JPEG"])
@pytest.mark.parametrize("half", HALVES)
def test_two_papers_that_differ_only_under_the_mark_have_the_same_copy(format: str, half: str) -> None:
    """The strictest check there is: not one bit of the copy depends on what the mark covers."""
    one, two = build.picture((320, 240)), build.picture((320, 240))
    box = HALVES[half]
    hidden = build.picture((320, 240), text="900101300126").crop(pixels(box, one.size))
    two.paste(hidden, pixels(box, one.size)[:2])
    assert ImageChops.difference(one, two).getbbox()
    copies = {rebuild(build.saved(picture, format, **OPTIONS[format]), [Mark(1, box)]).data for picture in (one, two)}
    assert len(copies) == 1


OPTIONS = {"PNG": {}, "JPEG": {"quality": 40, "subsampling": 0}}


def test_two_pdfs_that_differ_only_under_the_mark_have_the_same_copy() -> None:
    papers = [build.pdf(build.words(words)) for words in (b"IIN 900101300126", b"IIN 850505450507")]
    copies = {rebuild(data, [Mark(1, Box(0, 0.1, 1, 0.3))]).data for data in papers}
    assert len(copies) == 1


def test_a_copy_can_be_marked_again() -> None:
    copy = rebuild(build.pdf(build.words(), build.words(b"IIN " + IIN)))
    again = rebuild(copy.data, [Mark(2, Box(0, 0.1, 1, 0.3))])
    assert build.ink(build.drawn(again.data, 2).crop((0, 0, 1190, 150))) == 0
    assert build.drawn(again.data, 2).crop((0, 200, 1190, 480)).getextrema() == ((0, 0), (0, 0), (0, 0))
    assert build.drawn(again.data, 1).tobytes() == build.drawn(copy.data, 1).tobytes()


def test_a_mark_on_a_page_that_is_turned_and_cut_lies_where_it_is_shown() -> None:
    data = build.pdf(build.words(b"IIN " + IIN), page=b"/Rotate 90 /CropBox [40 400 560 800]")
    (found,) = rebuild(data).found
    (box,) = found.boxes
    before, after = (build.drawn(rebuild(data, redactions).data) for redactions in ([], [Mark(1, box)]))
    assert before.size == after.size == (800, 1040)
    inside = after.crop(pixels(box, after.size))
    assert inside.getextrema() == ((0, 0), (0, 0), (0, 0))
    assert build.ink(before.crop(pixels(box, before.size))) > 500


def test_a_mark_on_a_page_that_is_not_there_is_refused() -> None:
    with pytest.raises(Refused) as raised:
        rebuild(build.pdf(build.words()), [Mark(2, Box(0, 0, 1, 1))])
    assert (raised.value.reason, raised.value.page) == (Reason.NO_SUCH_PAGE, 2)


@pytest.mark.parametrize(
    "sides", [(0, 0, 0, 1), (0.5, 0, 0.4, 1), (-0.1, 0, 1, 1), (0, 0, 1, 1.01), (0, float("nan"), 1, 1)]
)
def test_a_mark_that_is_no_rectangle_on_the_page_cannot_be_made(sides: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="no rectangle"):
        Box(*sides)


fractions = st.floats(0, 1)


@settings(deadline=None)
@given(
    st.tuples(st.integers(1, 90), st.integers(1, 90)), st.lists(st.tuples(fractions, fractions, fractions, fractions))
)
def test_every_pixel_under_a_mark_is_black_and_no_block_is_black_in_part(
    size: tuple[int, int], corners: list[tuple[float, float, float, float]]
) -> None:
    boxes = [
        Box(*sides)
        for left, top, right, bottom in corners
        if (sides := (left, top, right, bottom)) and left < right and top < bottom
    ]
    picture = Image.new("L", size, 255)
    pictures.burn(picture, 1, [Mark(1, box) for box in boxes])
    black = {(x, y) for x in range(size[0]) for y in range(size[1]) if picture.getpixel((x, y)) == 0}
    for box in boxes:
        middle = ((box.left + box.right) / 2 * size[0], (box.top + box.bottom) / 2 * size[1])
        assert tuple(min(int(at), side - 1) for at, side in zip(middle, size, strict=True)) in black
    blocks = {(x // BLOCK, y // BLOCK) for x, y in black}
    whole = {(x, y) for x in range(size[0]) for y in range(size[1]) if (x // BLOCK, y // BLOCK) in blocks}
    assert black == whole


def test_marks_travel_as_rows() -> None:
    mark = Mark(3, Box(0.1, 0.2, 0.3, 0.4))
    assert marks.of([marks.row(mark)]) == [mark]
