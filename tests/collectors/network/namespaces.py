"""Two network namespaces with a cable between them, for tests that need real packets."""

from __future__ import annotations

import contextlib
import ctypes
import os
import secrets
import subprocess
from collections.abc import Iterator

from tests.patience import PATIENCE

_CLONE_NEWNET = 0x40000000


def run(*words: str) -> str:
    """Run a command that must succeed; return what it printed."""
    done = subprocess.run(words, capture_output=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, f"{words}: {os.fsdecode(done.stderr)}"
    return os.fsdecode(done.stdout)


def _setns(descriptor: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


@contextlib.contextmanager
def entered(name: str) -> Iterator[None]:
    """Have this thread, and what it starts, in the namespace *name*."""
    ours = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    theirs = os.open(f"/run/netns/{name}", os.O_RDONLY | os.O_CLOEXEC)
    try:
        _setns(theirs)
        try:
            yield
        finally:
            _setns(ours)
    finally:
        os.close(theirs)
        os.close(ours)


class Cable:
    """``left`` with 10.9.0.1 and ``right`` with 10.9.0.2, each in a namespace of its own."""

    LEFT, RIGHT = "10.9.0.1", "10.9.0.2"

    def __init__(self) -> None:
        tag = secrets.token_hex(3)
        self.left, self.right = f"rl{tag}", f"rr{tag}"
        for name in (self.left, self.right):
            run("ip", "netns", "add", name)

    def plug(self, index: str = "") -> None:
        """Connect them; *index*: number of the left interface."""
        number = ("index", index) if index else ()
        run(
            *("ip", "-n", self.left, "link", "add", "left", *number, "type", "veth"),
            *("peer", "name", "right", "netns", self.right),
        )
        for name, end, address in (
            (self.left, "left", self.LEFT),
            (self.right, "right", self.RIGHT),
        ):
            run("ip", "-n", name, "link", "set", "lo", "up")
            run("ip", "-n", name, "address", "add", f"{address}/24", "dev", end)
            run("ip", "-n", name, "link", "set", end, "up")

    def unplug(self) -> None:
        """Take the cable away, both ends."""
        run("ip", "-n", self.left, "link", "delete", "left")

    def close(self) -> None:
        """Remove both namespaces."""
        for name in (self.left, self.right):
            run("ip", "netns", "delete", name)
