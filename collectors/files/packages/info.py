"""Whether a manifest or script in dpkg's own directory is what it has to be."""

from __future__ import annotations

import os
import stat

from collectors.files.packages.archive import Contents
from collectors.files.packages.case import Acted, Disk
from collectors.files.packages.manifests import (
    Package,
    info_package,
    lines_of,
    parse_status,
    plain,
)
from collectors.files.packages.places import INFO
from collectors.files.packages.probe import Dpkg
from collectors.files.packages.proof import Archives

_EXTENSION = b".list"


class Controls:
    """For one settlement."""

    def __init__(self, dpkg: Dpkg, archives: Archives, acted: Acted) -> None:
        self._dpkg = dpkg
        self._archives = archives
        self._acted = acted
        self._status: dict[str, Package] | None = None

    def judge(self, path: bytes, found: Disk | None) -> bool | None:
        """Return whether what stands at *path* is right; None where nothing tells."""
        if not path.startswith(INFO) or found is None or not stat.S_ISREG(found.mode):
            return None
        file = path[len(INFO) :]
        name = info_package(file)
        if name is None:
            return None
        contents = self._archives.contents(name)
        listed = file.endswith(_EXTENSION)
        if contents is None:
            removed = plain(name) in self._acted.removed - self._acted.unpacked
            if not removed:
                return None
            return listed and self._shrunk(path, name)
        if listed:
            return stat.S_IMODE(found.mode) == 0o644 and self._list(path, name, contents)
        part = os.fsdecode(file[len(name) + 1 :])
        return any(
            (each.name, each.sha256, each.mode) == (part, found.sha256, stat.S_IMODE(found.mode))
            for each in contents.control
        )

    def _list(self, path: bytes, name: str, contents: Contents) -> bool:
        """Tell whether the list has all that the archive installs, and nothing of its own."""
        lines = self._lines(path)
        packed = {entry.path for entry in contents.entries}
        kept = self._package(name)
        more = kept.obsolete | kept.conffiles.keys() if kept is not None else frozenset()
        return packed <= lines <= packed | _with_parents(more) | {b"/."}

    def _shrunk(self, path: bytes, name: str) -> bool:
        """Tell whether a removal has left only configuration files in the list."""
        kept = self._package(name)
        more = kept.obsolete | kept.conffiles.keys() if kept is not None else frozenset()
        return self._lines(path) <= _with_parents(more) | {b"/."}

    def _lines(self, path: bytes) -> set[bytes]:
        return {line.removesuffix(b"\n") for line in lines_of(self._dpkg.root + path)}

    def _package(self, name: str) -> Package | None:
        if self._status is None:
            wanted = self._acted.unpacked | self._acted.removed
            self._status = {}
            for package in parse_status(lines_of(self._dpkg.status)):
                if package.name in wanted:
                    self._status[package.name] = package
                    self._status[f"{package.name}:{package.architecture}"] = package
        return self._status.get(name)


def _with_parents(paths: frozenset[bytes] | set[bytes]) -> set[bytes]:
    found = set(paths)
    for path in paths:
        while (path := os.path.dirname(path)) not in (b"/", b""):
            found.add(path)
    return found
