"""Who could reach a file."""

from __future__ import annotations

import pytest

from collectors.exposure.reach import is_open, reachability

OPEN = 0o755


@pytest.mark.parametrize(
    ("mode", "above", "expected"),
    [
        (0o600, {}, "private"),
        (0o640, {}, "private"),
        (0o644, {b"/a": 0o700}, "private"),
        (0o644, {b"/a/b": 0o750}, "private"),
        (0o644, {b"/a": None}, "unknown"),
        (0o644, {}, "world_readable"),
        (0o644, {b"/a": 0o711}, "world_readable"),
    ],
)
def test_permissions_along_the_path(
    mode: int, above: dict[bytes, int | None], expected: str
) -> None:
    def mode_of(path: bytes) -> int | None:
        return above.get(path, OPEN)

    assert reachability(b"/a/b/c", mode, in_web_root=False, mode_of=mode_of) == expected
    assert reachability(b"/a/b/c", mode, in_web_root=True, mode_of=mode_of) == "web_root"


@pytest.mark.parametrize(
    ("served", "root", "told", "expected"),
    [
        ("forbidden", b"/var/www", (b"/var/www",), False),
        ("not_served", b"/var/www", (), False),
        ("not_served", None, (b"/srv",), False),
        ("not_served", b"/srv", (b"/srv",), True),  # an operator knows of another server
        ("", None, (), False),
        ("unknown", None, (), False),
        ("", b"/var/www", (), True),
        ("unknown", b"/var/www", (), True),
        ("executed", b"/var/www", (), True),
        ("downloadable", None, (), True),
        ("listed", None, (), True),
    ],
)
def test_what_counts_as_open(
    served: str, root: bytes | None, told: tuple[bytes, ...], expected: bool
) -> None:
    assert is_open(served, root, told) == expected
