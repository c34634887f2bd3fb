"""What must not happen: a process taken for another because of what it calls itself."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from collectors.files.who import proc

TAIL = b" S 42 7 7 0 -1 4194560 100 0 0 0 1 2 0 0 20 0 1 0 98765 1000 10"


@pytest.mark.parametrize("comm", [b"(sh)", b"(a b)", b"(x) S 1 1 (y)", b"())", b"(\xff)"])
def test_the_name_says_nothing_of_the_parent(comm: bytes) -> None:
    assert proc.parse_stat(b"41 " + comm + TAIL) == (42, 98765)


@pytest.mark.parametrize("text", [b"", b"41 (sh) S 1", b"41 (sh) S x" + TAIL[5:]])
def test_what_is_no_such_line(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"stat|invalid literal"):
        proc.parse_stat(text)


def test_ourselves_and_our_child() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        seen = proc.look(child.pid)
        assert seen is not None
        assert (seen.parent, seen.user) == (os.getpid(), os.geteuid())
        assert proc.look(child.pid) == seen
    assert proc.look(child.pid) is None
    assert proc.program(child.pid) is None
