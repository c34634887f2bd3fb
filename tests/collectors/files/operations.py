"""A small tree that random operations change, in every way that a file system knows.

An operation is a kind and three numbers; the numbers choose among what is there, so that most
operations of a random sequence are possible. What is not possible is left out.
"""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import os
import shutil
import socket
import stat
import subprocess
from collections.abc import Callable, Iterator, Sequence
from typing import Any

Operation = Sequence[Any]
"""``(kind, first, second, third)``."""

NAMES = (
    b"a",
    b"b",
    b"c",
    b"d",
    b"e",
    b"index.php",
    b"new\nline",
    b"esc\x1b[31m",
    b"bidi\xe2\x80\xaetxt",
    b"bad\xff\xfe",
    b"n" * 255,
    b"n" * 256,  # too long: must be refused by the kernel and by nobody else
    b"ktp_1571014107900003.jpg",
    b" ",
    b"..x",
)
CONTENTS = (b"", b"x", b"y", b"<?php eval($_POST['x']); ?>\n", b"z" * 70_000)
MODES = (0o644, 0o600, 0o755, 0o4755, 0o2750, 0o777)
_EXCHANGE = 2
_libc = ctypes.CDLL(None, use_errno=True)


class Playground:
    """Two directories: one *inside* what is watched, one *outside*."""

    def __init__(
        self, inside: bytes, outside: bytes, nap: Callable[[int], None], *, mounts: bool
    ) -> None:
        """*nap* waits for some ms, or for the sensor's look when it is asked for 0."""
        self.inside = inside
        self.outside = outside
        self.mounted: list[bytes] = []
        self.unmounted: list[bytes] = []
        """Where something was mounted and is not: what was there counts as neither changed nor
        deleted, and the sensor says that it is blind there."""
        self.unseen: set[tuple[int, int]] = set()
        """Device and inode of files that were changed in a way that the kernel tells nobody of, or
        tells under another name."""
        self._nap = nap
        self._mounts = mounts
        self._held: list[int] = []

    def play(self, operations: Sequence[Operation]) -> None:
        """Do them all, then let go of every open file."""
        for kind, *numbers in operations:
            with contextlib.suppress(OSError, shutil.Error):
                getattr(self, f"_do_{kind}")(*numbers)
        self.release()

    def release(self) -> None:
        """Close what is held open."""
        for descriptor in self._held:
            os.close(descriptor)
        self._held.clear()

    def unmount(self) -> None:
        """Take all mounts away."""
        for path in reversed(self.mounted):
            subprocess.run(["umount", "-l", path], check=False, stderr=subprocess.DEVNULL)
        self.mounted.clear()

    # What there is.

    def _directories(self) -> list[bytes]:
        return [self.inside, self.outside, *(p for p, d in self._entries() if d)]

    def _entries(self) -> list[tuple[bytes, bool]]:
        found = [*_walk(self.inside), *_walk(self.outside)]
        return sorted(found)

    def _pick(self, number: int) -> bytes:
        entries = self._entries()
        if not entries:
            raise FileNotFoundError
        return entries[number % len(entries)][0]

    def _pick_directory(self, number: int) -> bytes:
        directories = self._directories()
        # Half of the time where it is watched, at the top.
        return self.inside if number % 3 == 0 else directories[number % len(directories)]

    def _place(self, directory: int, name: int) -> bytes:
        return self._pick_directory(directory) + b"/" + NAMES[name % len(NAMES)]

    def _touching(self, path: bytes) -> None:
        """Before a change of an inode: with other names it is told for one of them only."""
        state = os.lstat(path)
        if state.st_nlink > 1 and not stat.S_ISDIR(state.st_mode):
            self.unseen.add((state.st_dev, state.st_ino))

    # What may happen.

    def _do_create(self, directory: int, name: int, content: int) -> None:
        path = self._place(directory, name)
        with contextlib.suppress(FileNotFoundError):
            self._touching(path)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_NONBLOCK
        _write(os.open(path, flags, 0o644), CONTENTS[content % len(CONTENTS)])

    def _do_append(self, which: int, content: int, _: int) -> None:
        path = self._pick(which)
        self._touching(path)
        flags = os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK
        _write(os.open(path, flags), CONTENTS[content % len(CONTENTS)])

    def _do_truncate(self, which: int, size: int, _: int) -> None:
        path = self._pick(which)
        if stat.S_ISREG(os.lstat(path).st_mode):
            self._touching(path)
            os.truncate(path, size % 9)

    def _do_save(self, which: int, content: int, name: int) -> None:
        """Save as editors and dpkg do: write beside, then rename over."""
        path = self._pick(which)
        beside = os.path.dirname(path) + b"/.tmp%d" % (name % 2)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
        _write(os.open(beside, flags, 0o644), CONTENTS[content % len(CONTENTS)])
        os.rename(beside, path)

    def _do_hold(self, which: int, content: int, _: int) -> None:
        path = self._pick(which)
        self._touching(path)
        flags = os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(path, flags)
        self._held.append(descriptor)
        os.write(descriptor, CONTENTS[content % len(CONTENTS)])

    def _do_held_write(self, which: int, content: int, _: int) -> None:
        if self._held:
            descriptor = self._held[which % len(self._held)]
            state = os.fstat(descriptor)
            if state.st_nlink > 1:
                self.unseen.add((state.st_dev, state.st_ino))
            os.write(descriptor, CONTENTS[content % len(CONTENTS)])

    def _do_mmap(self, which: int, value: int, _: int) -> None:
        path = self._pick(which)
        state = os.lstat(path)
        if not stat.S_ISREG(state.st_mode) or not state.st_size:
            return
        self.unseen.add((state.st_dev, state.st_ino))
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
        with mmap.mmap(descriptor, state.st_size) as memory:
            os.close(descriptor)
            memory[0] = value % 256
            memory.flush()

    def _do_rename(self, which: int, directory: int, name: int) -> None:
        path = self._pick(which)
        if not self._mounted_below(path):
            os.rename(path, self._place(directory, name))

    def _do_replace(self, which: int, other: int, _: int) -> None:
        path = self._pick(which)
        if not self._mounted_below(path):
            os.rename(path, self._pick(other))

    def _do_exchange(self, which: int, other: int, _: int) -> None:
        one, two = self._pick(which), self._pick(other)
        if two.startswith(one + b"/") or one.startswith(two + b"/"):
            return
        if self._mounted_below(one) or self._mounted_below(two):  # they are found by their path
            return
        _libc.renameat2(-100, one, -100, two, _EXCHANGE)

    def _do_link(self, which: int, directory: int, name: int) -> None:
        path = self._pick(which)
        if not stat.S_ISDIR(os.lstat(path).st_mode):
            os.link(path, self._place(directory, name), follow_symlinks=False)

    def _do_symlink(self, directory: int, name: int, target: int) -> None:
        targets = (b"/etc/shadow", b"..", b"a", self.outside, b"loop", b"esc\x1b")
        os.symlink(targets[target % len(targets)], self._place(directory, name))

    def _do_chmod(self, which: int, mode: int, _: int) -> None:
        path = self._pick(which)
        self._touching(path)
        bits = MODES[mode % len(MODES)]
        if stat.S_ISDIR(os.lstat(path).st_mode):
            bits |= 0o700
        if not os.path.islink(path):
            os.chmod(path, bits)

    def _do_utime(self, which: int, _: int, __: int) -> None:
        """Edit, then set the time back."""
        path = self._pick(which)
        state = os.lstat(path)
        if stat.S_ISREG(state.st_mode) and state.st_size:
            self._touching(path)
            _write(os.open(path, os.O_WRONLY | os.O_NOFOLLOW), b"E")
            os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))

    def _do_mkdir(self, directory: int, name: int, _: int) -> None:
        os.mkdir(self._place(directory, name))

    def _do_tree(self, directory: int, name: int, content: int) -> None:
        top = self._place(directory, name)
        os.makedirs(top + b"/a/b")
        for where in (b"/f", b"/a/f", b"/a/b/f"):
            flags = os.O_WRONLY | os.O_CREAT
            _write(os.open(top + where, flags, 0o644), CONTENTS[content % len(CONTENTS)])

    def _do_fifo(self, directory: int, name: int, _: int) -> None:
        os.mkfifo(self._place(directory, name))

    def _do_socket(self, directory: int, name: int, _: int) -> None:
        path = self._place(directory, name)
        if len(path) < 100:
            with socket.socket(socket.AF_UNIX) as one:
                one.bind(path)

    def _do_delete(self, which: int, _: int, __: int) -> None:
        path = self._pick(which)
        if stat.S_ISDIR(os.lstat(path).st_mode):
            os.rmdir(path)
        else:
            os.unlink(path)

    def _do_remove(self, which: int, _: int, __: int) -> None:
        path = self._pick(which)
        if stat.S_ISDIR(os.lstat(path).st_mode) and not self._mounted_below(path):
            shutil.rmtree(path, ignore_errors=True)

    def _do_deep(self, directory: int, depth: int, content: int) -> None:
        """A chain of directories with a file at its end, longer than PATH_MAX half of the time."""
        current = os.open(self._pick_directory(directory), os.O_RDONLY)
        try:
            for _ in range(4 + depth % 2 * 18):
                with contextlib.suppress(FileExistsError):
                    os.mkdir(b"D" * 200, dir_fd=current)
                following = os.open(b"D" * 200, os.O_RDONLY | os.O_DIRECTORY, dir_fd=current)
                os.close(current)
                current = following
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
            descriptor = os.open(b"end", flags, 0o644, dir_fd=current)
            _write(descriptor, CONTENTS[content % len(CONTENTS)])
        finally:
            os.close(current)

    def _do_nap(self, milliseconds: int, _: int, __: int) -> None:
        self._nap(milliseconds % 8)

    def _do_mount(self, which: int, kind: int, _: int) -> None:
        path = self._pick(which)
        if not self._mounts or not stat.S_ISDIR(os.lstat(path).st_mode) or len(path) > 3000:
            return
        bind: list[bytes | str] = ["mount", "--bind", self.outside, path]
        tmpfs: list[bytes | str] = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", path]
        if (
            subprocess.run(
                tmpfs if kind % 2 else bind, check=False, stderr=subprocess.DEVNULL
            ).returncode
            == 0
        ):
            self.mounted.append(path)

    def _do_umount(self, which: int, _: int, __: int) -> None:
        if self.mounted:
            path = self.mounted.pop(which % len(self.mounted))
            self.unmounted.append(path)
            subprocess.run(["umount", "-l", path], check=False, stderr=subprocess.DEVNULL)

    def _mounted_below(self, path: bytes) -> bool:
        return any(each == path or each.startswith(path + b"/") for each in self.mounted)


def _write(descriptor: int, content: bytes) -> None:
    try:
        os.write(descriptor, content)
    finally:
        os.close(descriptor)


def _walk(top: bytes) -> Iterator[tuple[bytes, bool]]:
    stack = [top]
    while stack:
        try:
            with os.scandir(stack.pop()) as found:
                entries = [(e.path, e.is_dir(follow_symlinks=False)) for e in found]
        except OSError:  # longer than PATH_MAX
            continue
        yield from entries
        stack += [path for path, directory in entries if directory]


KINDS = tuple(
    sorted(name.removeprefix("_do_") for name in vars(Playground) if name.startswith("_do_"))
)
