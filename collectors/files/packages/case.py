"""What is known about one path at the end of a transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from collectors.files.packages.archive import Entry
from collectors.files.packages.hold import Before, Held
from collectors.files.packages.index import Owned
from collectors.files.packages.manifests import Act, plain
from collectors.files.packages.places import STATES, States

_WAYS = {
    "install": "unpacked",
    "upgrade": "unpacked",
    "reinstall": "unpacked",
    "remove": "removed",
    "purge": "removed",
    "disappear": "removed",
}


class Rights(NamedTuple):
    """Who may own what packages install."""

    uid: int
    gid: int


class Acted(NamedTuple):
    """Plain names of the packages that something was done to, by what it was."""

    unpacked: frozenset[str] = frozenset()
    removed: frozenset[str] = frozenset()
    touched: frozenset[str] = frozenset()
    """Configured or triggered: their files and manifests stay as they were."""
    sealed: frozenset[str] = frozenset()
    """Those unpacked that are proven: a signed list names the archive that was read, or the header
    is signed."""

    @classmethod
    def of(cls, acts: Iterable[Act]) -> Acted:
        """Return what the log tells."""
        names: dict[str, set[str]] = {"unpacked": set(), "removed": set(), "touched": set()}
        for act in acts:
            names[_WAYS.get(act.action, "touched")].add(plain(act.package))
        unpacked, removed = frozenset(names["unpacked"]), frozenset(names["removed"])
        return cls(unpacked, removed, frozenset(names["touched"]) - unpacked - removed)

    @property
    def all(self) -> frozenset[str]:
        """Return all of them."""
        return self.unpacked | self.removed | self.touched


class Disk(NamedTuple):
    """What stands at the path when it is judged."""

    mode: int
    uid: int
    gid: int
    md5: bytes | None = None
    sha256: bytes | None = None
    extended: bool = False
    """It has capabilities, an ACL or other attributes that no manifest speaks of."""
    link: bytes = b""
    """What a symbolic link says."""
    target: tuple[Owned, ...] = ()
    """Owners of what it points to."""
    source: bool = False
    """It is byte code made from the source file beside it, as its header says."""
    clean: bool = True
    """All paths in it belong to packages (the cache of the dynamic linker)."""


class Case(NamedTuple):
    """See the module."""

    path: bytes
    """Below the root of the packages, with a leading slash."""
    held: Sequence[Held]
    acted: Acted
    owners: Sequence[Owned]
    """By the new manifests, or by the archives."""
    disk: Disk | None
    """None: nothing is there, or not what was seen."""
    gone: bool
    rights: Rights
    beside: frozenset[str] = frozenset()
    """Packages that own, or owned, the file this one is made from: see `places.origin`."""
    parents: frozenset[str] = frozenset()
    """Packages that own, or owned, a directory above it that is not shared by all."""
    twin: bool = False
    """The path it stands in for was explained as an alternative."""
    override: int | None = None
    """The administrator's mode."""
    packed: Sequence[Entry] = ()
    """What proven packages install here."""
    listed: Sequence[Entry] = ()
    """What unproven packages say that they install here, with mode and owner (rpm)."""
    proof: str = "archive"
    """What proves a package here."""
    states: States = STATES
    """Paths of the state of this package manager."""
    spare: bytes | None = None
    """The configuration file that this is the ``.rpmnew`` or ``.rpmsave`` of."""
    saved: Before | None = None
    """What stood there before."""
    fresh: Sequence[Entry] = ()
    """What packages would install there."""
    info: bool | None = None
    """Of a manifest or script of a package: whether it is as the archive, or a removal, left it;
    None where nothing is known."""
    copied: bool = False
    """Its content is that of a file of a proven archive."""
    backup: bool = False
    """Its content is what stood a moment ago in the file that it is the backup of."""
    settled: bool = False
    """It is a link to a file that was explained as a copy."""
