"""What rpm says is installed, line by line, and what was done between two such lists. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from collectors.files.packages.manifests import Act

FORMAT = (
    "%{DBINSTANCE} %{INSTALLTIME} %{SHA256HEADER} %{SHA1HEADER}"
    " %{NAME} %{ARCH} %{EPOCHNUM} %{VERSION} %{RELEASE}\\n"
)
KEYS = "gpg-pubkey"
"""What rpm calls a key that it trusts: it is listed like a package."""
MAX_PACKAGES = 50_000
_WORD = r"[A-Za-z0-9._+~^-]{1,200}"
_LINE = re.compile(
    rf"(\d{{1,10}}) (\d{{1,10}}) (\(none\)|[0-9a-f]{{64}}) (\(none\)|[0-9a-f]{{40}})"
    rf" ({_WORD}) (\(none\)|{_WORD}) (\d{{1,10}}) ({_WORD}) ({_WORD})",
    re.ASCII,
)


class Installed(NamedTuple):
    """One header of the database; a name may have several (kernels, keys)."""

    instance: int
    """Its number in the database, another one after each installation."""
    time: int
    """When it was installed, seconds since 1970."""
    digest: str
    """Of the header: SHA-256, or SHA-1 where it is old."""
    version: str
    """With epoch (unless that is 0) and release."""


def parse(lines: Iterable[bytes]) -> dict[str, list[Installed]]:
    """Return name and architecture, as ``bash:x86_64``, to what is installed of it.

    A line that is not as it should be is left out: its files are then nobody's, and are told.
    """
    found: dict[str, list[Installed]] = {}
    for line in lines:
        match = _LINE.fullmatch(line.decode("ascii", "replace").rstrip("\n"))
        if match is None or len(found) >= MAX_PACKAGES:
            continue
        instance, time, sha256, sha1, name, arch, epoch, version, release = match.groups()
        digest = sha1 if sha256 == "(none)" else sha256
        whole = evr(int(epoch), version, release)
        found.setdefault(key_of(name, arch), []).append(
            Installed(int(instance), int(time), digest, whole)
        )
    return found


def key_of(name: str, arch: str) -> str:
    """Return how a package is called here; a key has no architecture."""
    return name if arch in ("(none)", "") else f"{name}:{arch}"


def evr(epoch: int, version: str, release: str) -> str:
    """Return a version as people write it."""
    return f"{epoch}:{version}-{release}" if epoch else f"{version}-{release}"


def stamp(installed: Iterable[Installed]) -> str:
    """Return what is kept of a package; `unstamp` reads it."""
    parts = sorted(f"{i.instance}|{i.time}|{i.digest}|{i.version}" for i in installed)
    return " ".join(parts)


def unstamp(text: str) -> list[Installed]:
    """Return what `stamp` was made of."""
    found = []
    for part in text.split():
        instance, time, digest, version = part.split("|", 3)
        found.append(Installed(int(instance), int(time), digest, version))
    return found


def acts(before: Mapping[str, str], after: Mapping[str, str]) -> list[Act]:
    """Return what was done between two lists of stamps, by package."""
    found: list[Act] = []
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name, ""), after.get(name, "")
        if old == new:
            continue
        was, now = set(unstamp(old)), set(unstamp(new))
        gone = sorted(was - now)
        for one in sorted(now - was):
            same = [each for each in gone if each.version == one.version]
            other = same or gone[:1]
            gone = [each for each in gone if each not in other]
            verb = "reinstall" if same else "upgrade" if other else "install"
            found.append(Act(verb, name, other[0].version if other else None, one.version))
        found += [Act("remove", name, each.version, None) for each in gone]
    return found
