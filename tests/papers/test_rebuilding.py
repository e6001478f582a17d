"""What the locked-up process answers is a stranger's word, and the processes that ask it hold no reader of files."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.papers import rebuilding
from registry.papers.refusals import Reason, Refused

PAGE = [2, 2, True, "jpeg", 144, 3]
GOOD: dict[str, Any] = {"kind": "pdf", "pages": [PAGE], "found": [], "without_text": [], "blank": [], "fonts": []}
BOX = {"page": 1, "left": 0, "top": 0, "right": 1, "bottom": 1}
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def read(told: object, pieces: bytes = b"abc") -> rebuilding.Copy:
    return rebuilding._read(json.dumps(told).encode() + b"\n" + pieces)


def test_a_good_answer_is_read() -> None:
    copy = read(GOOD)
    assert (copy.media_type, copy.pages) == ("application/pdf", 1)
    assert b"/Width 2 /Height 2" in copy.data


@pytest.mark.parametrize(
    "changed",
    [
        {"kind": "html"},
        {"kind": "png"},  # the pieces are none
        {"pages": []},
        {"pages": [PAGE] * 200},
        {"pages": [[2, 2, True, "jpeg", 144, 4]]},
        {"pages": [[2, 2, True, "jpeg", 144, 2]]},
        {"pages": [[-2, 2, True, "jpeg", 144, 3]]},
        {"pages": [[10**6, 10**6, True, "jpeg", 144, 3]]},
        {"pages": [[2, 2, True, "/JavaScript", 144, 3]]},
        {"pages": [[2, 2, True, "jpeg", 1, 3]]},
        {"pages": [["2 /Evil", 2, True, "jpeg", 144, 3]]},
        {"found": [{"page": 2, "kind": "iin", "boxes": [BOX]}]},
        {"found": [{"page": 1, "kind": "name", "boxes": [BOX]}]},
        {"found": [{"page": 1, "kind": "iin", "boxes": [BOX | {"right": 7}]}]},
        {"refused": "for fun", "page": 1, "detail": ""},
        {"refused": "broken", "page": float("inf"), "detail": ""},
    ],
)
def test_what_it_never_answers_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(Refused) as raised:
        read(GOOD | changed)
    assert raised.value.reason == Reason.TOO_MUCH


@pytest.mark.parametrize(
    "answer", [b"", b"\n", b"[]\n", b"null\n", b'"refused"\n', b"[" * 100_000, b"\xff\xfe\n", b"{}"]
)
def test_what_is_no_answer_is_refused(answer: bytes) -> None:
    with pytest.raises(Refused):
        rebuilding._read(answer)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from([*GOOD, "refused", "page", "detail"]), values))
def test_whatever_it_answers_is_a_copy_or_a_refusal(changed: dict[str, Any]) -> None:
    try:
        copy = read(GOOD | changed)
    except Refused:
        return
    assert copy.data.startswith(b"%PDF-1.4")
    assert all(name.isprintable() for name in copy.fonts)


def test_a_process_that_serves_readers_never_loads_what_reads_files() -> None:
    program = (
        "import sys\nfrom registry.papers import personal, rebuilding, sealing\n"
        "print([name for name in ('PIL', 'pypdfium2', 'pypdfium2_raw') if name in sys.modules])"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", program], cwd=rebuilding.HOME, capture_output=True, text=True, timeout=60, check=True
    )
    assert loaded.stdout == "[]\n"
