"""The bundle as the examiner reads it: nothing for other keys, read anew when it changes."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from collectors.given import Knowledge
from collectors.knowledge import Canary, Manifest, Register, Signed, place_token

KEY = b"k" * 32


def write(folder: Path, **more: object) -> None:
    """Put a bundle there as the agent does."""
    values = {"version": 1, "made": 1, "expires": 2, "epoch": 1, **more}
    manifest = msgspec.msgpack.encode(msgspec.convert(values, Manifest))
    data = msgspec.msgpack.encode(Signed(manifest=manifest, signature=b"", certificate=b""))
    (folder / "new").write_bytes(data)
    os.replace(folder / "new", folder / "bundle.msgpack")


def knowledge(folder: Path | None) -> Knowledge:
    return Knowledge(os.fsencode(folder) if folder else b"", KEY, 1, "web1")


def test_nothing_comes_from_nowhere(tmp_path: Path) -> None:
    for one in (knowledge(None), knowledge(tmp_path)):
        assert not one.refresh()
        assert (one.canaries, one.registers) == ((), ())
        assert not one.is_planted("c1", b"/srv/a")


@pytest.mark.parametrize("content", [b"", b"\xc1", b"\x80"])
def test_a_damaged_bundle_is_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bundle.msgpack").write_bytes(content)
    one = knowledge(tmp_path)
    assert one.refresh()
    assert one.canaries == ()


def test_marks_of_another_key_mean_nothing(tmp_path: Path) -> None:
    write(tmp_path, epoch=2, canaries=(Canary(id="c1", marks=()),))
    one = knowledge(tmp_path)
    one.refresh()
    assert one.canaries == ()


def test_it_is_read_anew_when_it_changes(tmp_path: Path) -> None:
    place = place_token(KEY, "web1", b"/srv/")
    write(tmp_path, canaries=(Canary(id="c1", marks=(), planted=(place,)),))
    one = knowledge(tmp_path)
    assert one.refresh()
    assert not one.refresh()
    assert one.is_planted("c1", b"/srv/a/b")
    assert not one.is_planted("c1", b"/srv2/a")
    assert not one.is_planted("c2", b"/srv/a")
    (tmp_path / "ab.edm").write_bytes(b"x")
    named = (
        Register(name="a", sha256="ab", size=1),
        Register(name="b", sha256="missing", size=1),
    )
    write(tmp_path, registers=named)
    assert one.refresh()
    assert (one.canaries, len(one.registers)) == ((), 1)
    assert (one.hashes, one.register_names) == (("ab", "missing"), ("a",))
    one.close()
    assert one.registers == ()
