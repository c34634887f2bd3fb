"""dpkg as a `Database`: manifests in files, acts in a log, archives as proof."""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Callable, Collection, Iterator

from collectors.files.packages.case import Acted, Disk
from collectors.files.packages.claims import Claim, Manifests
from collectors.files.packages.database import Proofs
from collectors.files.packages.index import Index
from collectors.files.packages.info import Controls
from collectors.files.packages.manifests import (
    Act,
    info_package,
    lines_of,
    parse_diversions,
    parse_list,
    parse_md5sums,
    parse_overrides,
    parse_status,
    plain,
)
from collectors.files.packages.places import INFO, STATES, States
from collectors.files.packages.probe import Dpkg
from collectors.files.packages.proof import Archives
from collectors.files.packages.transaction import Evidence
from collectors.paths import PathGuard

_KINDS = (b".list", b".md5sums", b".conffiles")


class DpkgDatabase(Dpkg):
    """The places of one dpkg installation, and how to work with them."""

    name = "dpkg"
    proof = "archive"
    own = INFO
    states: States = STATES
    fleeting: re.Pattern[bytes] | None = None
    locked_is_working = False  # apt holds the lock while it downloads or asks
    trouble = ""

    def open(
        self,
        connection: sqlite3.Connection,
        guard: PathGuard,
        *,
        pulse: Callable[[], None],
        gpgv: str,
    ) -> DpkgView:
        """Return a view; *pulse* may raise to stop everything."""
        return DpkgView(self, connection, guard, pulse=pulse, gpgv=gpgv)


class DpkgView:
    """See `collectors.files.packages.database.View`."""

    def __init__(
        self,
        dpkg: Dpkg,
        connection: sqlite3.Connection,
        guard: PathGuard,
        *,
        pulse: Callable[[], None],
        gpgv: str,
    ) -> None:
        self._dpkg = dpkg
        self.manifests: Manifests = DpkgManifests(dpkg)
        self.index = Index(connection, self.manifests, guard, dpkg.root)
        self._archives = Archives(connection, self.index, root=dpkg.root, pulse=pulse, gpgv=gpgv)
        self.proofs: Proofs = self._archives

    def began(self, *, ready: bool) -> None:
        """Keep nothing: the log is the memory."""

    def acts(self, before: Evidence) -> list[Act]:
        """Return what dpkg.log says was done since *before*."""
        return self._dpkg.acts(*before.log)

    def continuous(self, before: Evidence) -> bool:
        """Tell whether the log goes on from where it was."""
        return self._dpkg.continuous(before.log[0])

    def controls(self, acted: Acted) -> Callable[[bytes, Disk | None], bool | None]:
        """Return what judges manifests and scripts by the archives."""
        return Controls(self._dpkg, self._archives, acted).judge

    def closed(self) -> None:
        """Keep nothing: the log is the memory."""


class DpkgManifests:
    """Reads the files of dpkg's info directory."""

    def __init__(self, dpkg: Dpkg) -> None:
        self._dpkg = dpkg
        self._diversions: dict[bytes, tuple[bytes, str]] = {}

    def refresh(self) -> None:
        """Read the diversions again."""
        self._diversions = parse_diversions(lines_of(self._dpkg.admin + b"/diversions"))

    def stamps(self) -> dict[str, str]:
        """Return package to what its manifests look like; changed when one is written."""
        parts: dict[str, list[str]] = {}
        with os.scandir(self._dpkg.info) as entries:
            for entry in entries:
                name = entry.name
                package = info_package(name) if name.endswith(_KINDS) else None
                if package is None or not entry.is_file(follow_symlinks=False):
                    continue
                state = entry.stat(follow_symlinks=False)
                text = f"{name[-4:].decode()}:{state.st_ino}:{state.st_ctime_ns}:{state.st_size}"
                parts.setdefault(package, []).append(text)
        return {name: " ".join(sorted(texts)) for name, texts in parts.items()}

    def versions(self) -> dict[str, str]:
        """Return what the status file says is there."""
        packages = parse_status(lines_of(self._dpkg.status))
        return {f"{p.name}:{p.architecture}": p.version for p in packages if p.version}

    def read(self, names: Collection[str]) -> Iterator[tuple[str, list[Claim]]]:
        """Yield what each package's files say."""
        conffiles = self._conffiles(set(names))
        for name in names:
            yield name, self._claims(name, conffiles.get(name, {}))

    def where(self, package: str, path: bytes) -> bytes:
        """Return where dpkg puts *path* of *package*."""
        if path in self._diversions and self._diversions[path][1] != plain(package):
            return self._diversions[path][0]
        return path

    def diverted(self) -> frozenset[bytes]:
        """Return sources and targets of all diversions."""
        pairs = self._diversions.items()
        return frozenset(path for source, (target, _) in pairs for path in (source, target))

    def overrides(self) -> dict[bytes, int]:
        """Return what dpkg-statoverride has set."""
        return parse_overrides(lines_of(self._dpkg.admin + b"/statoverride"))

    def _conffiles(self, wanted: set[str]) -> dict[str, dict[bytes, bytes]]:
        found: dict[str, dict[bytes, bytes]] = {}
        for package in parse_status(lines_of(self._dpkg.status)):
            for name in (package.name, f"{package.name}:{package.architecture}"):
                if name in wanted and package.conffiles:
                    found.setdefault(name, package.conffiles)
        return found

    def _claims(self, name: str, conffiles: dict[bytes, bytes]) -> list[Claim]:
        stem = self._dpkg.info + b"/" + name.encode()
        paths: dict[bytes, bytes | None] = dict.fromkeys(parse_list(lines_of(stem + b".list")))
        paths.update(parse_md5sums(lines_of(stem + b".md5sums")))
        flagged = set(parse_list(lines_of(stem + b".conffiles"))) | set(conffiles)
        paths.update(dict.fromkeys(flagged - paths.keys()))
        paths.update(conffiles)
        return [Claim(path, digest, path in flagged) for path, digest in paths.items()]
