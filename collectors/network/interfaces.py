"""Which interfaces are watched, and which addresses are this host's.

Each packet once: a packet that arrives at a member of a bridge or bond is seen again on the bridge
or bond, one with a VLAN tag again on the VLAN's own interface, one of a container again, with its
address translated, on the way out. So members are left out where their master is taken, upper
interfaces where their lower one is taken, and the ends of containers and virtual machines by name
(`collectors.network.settings`). What stays inside a bridge, between two containers, is therefore
not seen unless the operator names the interface.

All of it is read from /sys/class/net and /proc/net, a few small files every other second: that
needs no netlink socket, which the service may not open. See Linux Documentation/ABI/testing/
sysfs-class-net.
"""

from __future__ import annotations

import contextlib
import fnmatch
import ipaddress
import os
import re
from collections.abc import Iterable
from pathlib import Path

import msgspec

_UP = 0x1  # IFF_UP
_LOOPBACK_TYPE = 772  # ARPHRD_LOOPBACK
MOST = 16
"""Interfaces that are watched at once; each has a ring of its own."""
_HOST_LOCAL = re.compile(r"\|-- ([0-9.]+)\n\s*/32 host LOCAL")


class Interface(msgspec.Struct, frozen=True, kw_only=True):
    """One network interface."""

    name: str
    index: int
    loopback: bool = False


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """What the operator wants."""

    wanted: tuple[str, ...] = ()
    """Patterns; empty: all, by the rules above."""
    unwanted: tuple[str, ...] = ()
    """Patterns that are left out, unless ``wanted`` names them."""


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError):  # gone meanwhile, or not told in its present state
        return ""


def _number(text: str, base: int = 10) -> int:
    try:
        return int(text, base)
    except ValueError:
        return 0


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


class Interfaces:
    """Looks at the interfaces again and again."""

    def __init__(self, choice: Choice, root: Path = Path("/")) -> None:
        """*root* is where the file system begins, for tests."""
        self._choice = choice
        self._sys = root / "sys/class/net"
        self._proc = root / "proc/net"
        self.unnamed = 0
        """Interfaces whose names are no printable text: they are not watched."""
        self.beyond = 0
        """Interfaces that there was no room for, in the last look."""

    def present(self) -> list[str]:
        """Return the names of all interfaces, but for those that are no text at all."""
        try:
            names = sorted(os.listdir(self._sys))
        except OSError:
            return []
        # The kernel takes nearly any byte; what is not UTF-8 can be given to no call of ours.
        told = [name for name in names if name.isprintable()]
        self.unnamed = len(names) - len(told)
        return told

    def up(self) -> dict[str, Interface]:
        """Return the interfaces to watch now, by name; loopback last, for it matters least."""
        names = [name for name in self.present() if self.is_up(name)]
        if self._choice.wanted:
            taken = [name for name in names if _matches(name, self._choice.wanted)]
        else:
            taken = [
                name
                for name in names
                if not _matches(name, self._choice.unwanted) and not self._again(name, names)
            ]
        found = [self._interface(name) for name in taken]
        found.sort(key=lambda one: (one.loopback, one.name))
        self.beyond = max(0, len(found) - MOST)
        return {one.name: one for one in found[:MOST] if one.index}

    def absent(self) -> list[str]:
        """Return the wanted patterns that no interface matches, up or not."""
        present = self.present()
        return [
            pattern
            for pattern in self._choice.wanted
            if not any(fnmatch.fnmatchcase(name, pattern) for name in present)
        ]

    def is_up(self, name: str) -> bool:
        """Whether an interface is there and up."""
        return bool(_number(_read(self._sys / name / "flags"), 16) & _UP)

    def _interface(self, name: str) -> Interface:
        folder = self._sys / name
        return Interface(
            name=name,
            index=_number(_read(folder / "ifindex")),
            loopback=_number(_read(folder / "type")) == _LOOPBACK_TYPE,
        )

    def _again(self, name: str, up: list[str]) -> bool:
        """Whether what passes *name* is seen on another interface that is up, too."""
        master = self._link(name, "master")
        if master in up:
            return True
        lower = [
            entry.removeprefix("lower_")
            for entry in self._entries(name)
            if entry.startswith("lower_")
        ]
        # A bridge or bond has its members below it: there the upper one is taken.
        return any(one in up and self._link(one, "master") != name for one in lower)

    def _entries(self, name: str) -> list[str]:
        try:
            return os.listdir(self._sys / name)
        except OSError:
            return []

    def _link(self, name: str, what: str) -> str:
        try:
            return os.path.basename(os.readlink(self._sys / name / what))
        except OSError:
            return ""

    def addresses(self) -> frozenset[bytes]:
        """Return the packed addresses of this host, IPv4 and IPv6."""
        found: set[bytes] = set()
        for text in _HOST_LOCAL.findall(_read(self._proc / "fib_trie")):
            with contextlib.suppress(ValueError):
                found.add(ipaddress.IPv4Address(text).packed)
        for line in _read(self._proc / "if_inet6").splitlines():
            with contextlib.suppress(ValueError):
                address = bytes.fromhex(line.split(maxsplit=1)[0])
                if len(address) == 16:
                    found.add(address)
        return frozenset(found)


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """What differs from the last look."""

    come: tuple[Interface, ...] = ()
    gone: tuple[str, ...] = ()
    """No longer there at all, or another one of the same name: its socket is dead."""


def compare(watched: dict[str, int], up: dict[str, Interface], present: list[str]) -> Changes:
    """Compare what is *watched* (name to index) with what is there.

    An interface that is only down stays: its socket lives on, and nothing passes that is missed.
    """
    gone = [
        name
        for name, index in watched.items()
        if name not in present or (name in up and up[name].index != index)
    ]
    come = [one for name, one in up.items() if name not in watched or name in gone]
    return Changes(come=tuple(come), gone=tuple(gone))
