"""Places and tokens: equal on both sides, and never broader than what was said."""

from __future__ import annotations

import pytest

from collectors.knowledge import (
    Canary,
    Manifest,
    Register,
    lost,
    place_token,
    places,
    value_token,
)
from collectors.redact import Redactor

KEY = b"k" * 32


@pytest.mark.parametrize(
    ("planted", "path"),
    [
        (b"/srv/a", b"/srv/ab"),
        (b"/srv/a", b"/srv/a/b"),
        (b"/srv/a/", b"/srv/ab"),
        (b"/srv/a/", b"/srv/a"),
        (b"/srv/a/b", b"/srv/a"),
    ],
)
def test_other_places_are_not_the_place(planted: bytes, path: bytes) -> None:
    assert place_token(KEY, "web1", planted) not in set(places(KEY, "web1", path))


@pytest.mark.parametrize("planted", [b"/srv/a/b", b"/srv/a/", b"/srv/", b"/"])
def test_the_place_and_what_is_above_it(planted: bytes) -> None:
    assert place_token(KEY, "WEB1", planted) in set(places(KEY, "web1", b"/srv/a/b"))
    assert place_token(KEY, "web2", planted) not in set(places(KEY, "web1", b"/srv/a/b"))


def test_the_collector_makes_the_tokens_of_the_agents() -> None:
    redactor = Redactor(KEY, 1)
    for value in ("1571010101900001", "kata sandi", "\udcff"):
        assert value_token(KEY, "nik", value) == redactor.token("nik", value)


def test_what_is_lost_without_a_word() -> None:
    def manifest(*names: str, retired: tuple[str, ...] = ()) -> Manifest:
        return Manifest(
            version=1,
            made=1,
            expires=2,
            epoch=1,
            canaries=tuple(Canary(id=name, marks=()) for name in names if name != "warga"),
            registers=tuple(
                Register(name=name, sha256="", size=1) for name in names if name == "warga"
            ),
            retired=retired,
        )

    old = manifest("a", "b", "warga")
    assert lost(old, manifest("a", "b", "warga", "c")) == set()
    assert lost(old, manifest("a", retired=("warga",))) == {"b"}
