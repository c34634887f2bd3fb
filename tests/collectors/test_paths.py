"""Paths named after citizens: never stored, never shown, still found."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.paths import PathGuard

KEY = bytes(range(32))
NIK = b"1571014512900001"
GUARD = PathGuard(KEY)

names = st.binary(min_size=1, max_size=30).filter(
    lambda name: b"/" not in name and b"\0" not in name
)


@pytest.mark.parametrize(
    "path",
    [
        b"/srv/www/ktp_%s.jpg" % NIK,
        b"/srv/%s/photo.jpg" % NIK,
        b"/srv/%s" % NIK,
        b"/srv/\xff\xfe%s\n" % NIK,
        b"/srv/157101-451290-0001.pdf",
    ],
)
def test_identifier_is_neither_stored_nor_shown(path: bytes) -> None:
    safe = GUARD.guard(path)
    shown = GUARD.display(safe)
    token = GUARD.token(safe)
    assert bytes(safe).find(NIK) < 0
    assert NIK.decode() not in shown
    assert bytes(safe).find(b"451290") < 0
    assert "451290" not in shown
    assert token is not None
    assert len(token) == 32


@given(st.lists(names, min_size=1, max_size=5))
def test_other_paths_are_kept_byte_for_byte(parts: list[bytes]) -> None:
    path = b"/" + b"/".join(parts)
    safe = GUARD.guard(path)
    if safe == path:
        assert GUARD.token(safe) is None
        assert GUARD.resolve(safe) == path
    assert GUARD.guard(safe) == safe
    assert safe.split(b"/") == [GUARD.guard_name(part) for part in path.split(b"/")]


def test_two_citizens_with_the_same_mask_stay_apart() -> None:
    one = GUARD.guard(b"/srv/1571014512900101.jpg")
    other = GUARD.guard(b"/srv/1571014612900101.jpg")
    assert one != other
    assert GUARD.display(one) != GUARD.display(other)


@pytest.mark.parametrize("ending", [b".php", b".pHtml", b".sql.gz", b".php.jpg", b""])
def test_a_masked_name_keeps_its_ending(ending: bytes) -> None:
    """Or a web shell named like a citizen would pass by every rule about endings."""
    for name in (NIK, b"ktp_" + NIK, b"a." + NIK, base64.b64encode(NIK).rstrip(b"=")):
        shown = GUARD.display(GUARD.guard(b"/srv/uploads/" + name + ending))
        assert NIK.decode() not in shown
        assert shown.endswith(ending.decode())
        token = GUARD.guard_name(name + ending).rpartition(b"\0")[2][:8].decode()
        assert f"~{token}" in shown


def test_another_host_gives_other_tokens() -> None:
    path = b"/srv/" + NIK
    other = PathGuard(KEY[::-1])
    assert GUARD.token(GUARD.guard(path)) != other.token(other.guard(path))


def test_resolve_finds_the_file(tmp_path: Path) -> None:
    folder = tmp_path / NIK.decode() / "plain"
    folder.mkdir(parents=True)
    (folder / "other.jpg").touch()
    real = bytes(folder / f"ktp_{NIK.decode()}.jpg")
    Path(real.decode()).touch()
    safe = GUARD.guard(real)
    assert GUARD.resolve(safe) == real
    Path(real.decode()).unlink()
    assert GUARD.resolve(safe) is None
    assert GUARD.resolve(GUARD.guard(b"/does/not/exist/" + NIK)) is None


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        PathGuard(b"short")
