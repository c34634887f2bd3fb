"""Who could reach a file."""

from __future__ import annotations

import pytest

from collectors.exposure.reach import reachability

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
