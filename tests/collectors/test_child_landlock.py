"""Which directories stay open to a child."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

import pytest

from collectors import child_landlock


def test_only_code_stays_readable() -> None:
    """Never the whole tree, nor what may lie beside the code in a clone."""
    top = Path(child_landlock.__file__).parent.parent
    for path in child_landlock.readable():
        assert not str(path).startswith(("/etc", "/var", "/home", "/tmp/pytest"))
        assert path not in ("/", str(top))


def test_without_landlock_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_landlock, "version", lambda: 0)
    assert child_landlock.confine() == 0
    assert os.path.exists("/etc/passwd"), "and has closed nothing"


def test_structures_are_those_of_the_kernel() -> None:
    """linux/landlock.h: the rule is packed, 12 bytes; 8, 16 and 24 bytes of the ruleset."""
    assert child_landlock._Beneath.parent.offset == 8
    assert ctypes.sizeof(child_landlock._Ruleset) == 24
