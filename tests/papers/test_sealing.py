"""An original is sealed so that the register cannot open it, and nobody alone where there are two keys."""

from __future__ import annotations

import hashlib
import stat
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.papers import __main__ as command
from registry.papers import sealing
from registry.papers.sealing import BadKey, NotOpened


def pair(folder: Path, name: str = "one.key") -> tuple[str, str]:
    """The public and the private half."""
    public = sealing.make_key(folder / name)
    return public, (folder / name).read_text("ascii")


def test_who_holds_the_key_opens_it(tmp_path: Path) -> None:
    public, private = pair(tmp_path)
    sealed = sealing.seal(b"the order", [public])
    opened = sealing.unseal(sealed.box, [private])
    assert opened.data == b"the order"
    assert b"the order" not in sealed.box
    assert opened.commitment == sealed.commitment == hashlib.sha256(opened.salt + b"the order").hexdigest()


def test_two_keys_are_needed_where_it_was_sealed_with_two(tmp_path: Path) -> None:
    (first, one), (second, two) = pair(tmp_path, "one.key"), pair(tmp_path, "two.key")
    box = sealing.seal(b"the order", [first, second]).box
    for alone in ([one], [two], [one, one]):
        with pytest.raises(NotOpened, match="needs the key whose public half is"):
            sealing.unseal(box, alone)
    assert sealing.unseal(box, [one, two]).data == sealing.unseal(box, [two, one]).data == b"the order"


def test_the_same_paper_twice_tells_nobody_that_it_is_the_same(tmp_path: Path) -> None:
    public, _private = pair(tmp_path)
    one, two = sealing.seal(b"the order", [public]), sealing.seal(b"the order", [public])
    assert one.commitment != two.commitment
    assert one.box != two.box


@settings(deadline=None)
@given(st.data())
def test_a_box_in_which_one_bit_changed_is_not_opened(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    public, private = pair(tmp_path_factory.mktemp("keys"))
    box = bytearray(sealing.seal(b"the order", [public]).box)
    at = data.draw(st.integers(0, len(box) - 1))
    box[at] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(NotOpened):
        sealing.unseal(bytes(box), [private])


@pytest.mark.parametrize("key", ["", "00", "zz" * 32, "ab" * 33])
def test_what_is_no_key_seals_nothing(key: str) -> None:
    with pytest.raises(BadKey):
        sealing.seal(b"the order", [key])


def test_nothing_is_sealed_without_a_key() -> None:
    with pytest.raises(BadKey):
        sealing.seal(b"the order", [])


def test_the_command_makes_a_key_that_only_its_owner_reads_and_opens_with_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key, box, out = tmp_path / "one.key", tmp_path / "box", tmp_path / "out.pdf"
    assert command.main(["make-key", str(key)]) == 0
    public = capsys.readouterr().out.strip()
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    sealed = sealing.seal(b"the order", [public])
    box.write_bytes(sealed.box)
    assert command.main(["open", str(box), str(out), "--key", str(key)]) == 0
    assert out.read_bytes() == b"the order"
    assert sealed.commitment in capsys.readouterr().out
    assert command.main(["open", str(box), str(out), "--key", str(key)]) == 1  # it writes over nothing
    assert command.main(["make-key", str(key)]) == 1
    box.write_bytes(b"something else")
    assert command.main(["open", str(box), str(tmp_path / "two"), "--key", str(key)]) == 1
    assert "no sealed original" in capsys.readouterr().err
