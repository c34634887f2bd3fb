"""What dpkg writes about packages, read without trust. Pure but for `lines_of`.

Formats: dpkg(1), deb-conffiles(5), deb-md5sums(5), and the dpkg.log lines of dpkg's lib/dpkg/log.c.
A line that is not as it should be is left out: what it speaks of is then nobody's and is told.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

_MD5 = re.compile(rb"[0-9a-f]{32}")
_NAME = re.compile(rb"[a-z0-9][a-z0-9+.-]{0,127}(?::[a-z0-9-]{1,32})?")
_VERSION = re.compile(rb"[A-Za-z0-9.+:~-]{1,200}")
_INFO = re.compile(
    r"([a-z0-9][a-z0-9+.-]*(?::[a-z0-9-]+)?)\.(list|md5sums|conffiles|preinst|postinst|prerm"
    r"|postrm|triggers|shlibs|symbols|templates|config)(?:-new|\.dpkg-new|\.dpkg-tmp)?"
)
_ACTIONS = frozenset(
    (b"install", b"upgrade", b"remove", b"purge", b"configure", b"trigproc", b"disappear")
)
_NONE = b"<none>"
_MAX_FILE = 64 << 20
"""Bytes of one manifest; the largest in Debian 12 has 3 MB."""


class Act(NamedTuple):
    """One line of dpkg.log that says what was done to a package."""

    action: str
    """``install``, ``upgrade``, ``remove``, ``purge``, ``configure``, ``trigproc`` or
    ``disappear``."""
    package: str
    """With its architecture where dpkg wrote it."""
    old: str | None
    new: str | None


class Package(NamedTuple):
    """What the status file says of one package."""

    name: str
    architecture: str
    version: str
    conffiles: dict[bytes, bytes]
    """Path to MD5; obsolete ones are left out."""
    obsolete: frozenset[bytes] = frozenset()
    """Configuration files of an earlier version that dpkg still keeps."""


def absolute(path: bytes) -> bytes | None:
    """Return *path* of a manifest with its leading slash; None where it is not a plain path."""
    whole = b"/" + path.lstrip(b"/")
    parts = whole.split(b"/")[1:]
    if not whole[1:] or b"\0" in whole or any(part in (b"", b".", b"..") for part in parts):
        return None
    return whole


def parse_md5sums(lines: Iterable[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Yield path and MD5 (16 bytes) of each line ``<32 hex>  <path>``."""
    for line in lines:
        text = line.rstrip(b"\n")
        if len(text) > 34 and text[32:34] in (b"  ", b" *") and _MD5.fullmatch(text[:32]):
            path = absolute(text[34:])
            if path is not None:
                yield path, bytes.fromhex(text[:32].decode())


def parse_list(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the paths of a ``.list`` or ``.conffiles`` file (``/.`` is left out)."""
    for line in lines:
        text = line.rstrip(b"\n")
        if text.startswith(b"/"):
            path = absolute(text)
            if path is not None:
                yield path


def parse_status(lines: Iterable[bytes]) -> Iterator[Package]:
    """Yield the packages of a status file, one at a time."""
    fields: dict[bytes, bytes] = {}
    conffiles: dict[bytes, bytes] = {}
    obsolete: set[bytes] = set()
    current = b""
    for line in _ended(lines):
        text = line.rstrip(b"\n")
        if not text:
            package = _package(fields, conffiles)
            if package is not None:
                yield package._replace(obsolete=frozenset(obsolete))
            fields, conffiles, obsolete, current = {}, {}, set(), b""
        elif text[:1] in (b" ", b"\t"):
            if current == b"conffiles":
                known = dict(_conffile(text))
                conffiles.update(known)
                if not known and text.startswith(b" /"):
                    obsolete.add(text.split(b" ")[1])
        else:
            name, colon, value = text.partition(b":")
            current = name.lower() if colon else b""
            if current in (b"package", b"architecture", b"version"):
                fields[current] = value.strip()


def _ended(lines: Iterable[bytes]) -> Iterator[bytes]:
    yield from lines
    yield b"\n"


def _package(fields: dict[bytes, bytes], conffiles: dict[bytes, bytes]) -> Package | None:
    name = fields.get(b"package", b"")
    version = fields.get(b"version", b"")
    if not _NAME.fullmatch(name) or b":" in name or not _VERSION.fullmatch(version or b"-"):
        return None
    architecture = fields.get(b"architecture", b"").decode("ascii", "replace")
    return Package(name.decode(), architecture, version.decode(), conffiles)


def _conffile(text: bytes) -> Iterator[tuple[bytes, bytes]]:
    parts = text.strip().split(b" ")
    if b"obsolete" in parts[2:] or b"remove-on-upgrade" in parts[2:]:
        return
    if len(parts) >= 2 and _MD5.fullmatch(parts[1]):
        path = absolute(parts[0]) if parts[0].startswith(b"/") else None
        if path is not None:
            yield path, bytes.fromhex(parts[1].decode())


def parse_log(lines: Iterable[bytes]) -> Iterator[Act]:
    """Yield what dpkg.log says was done; ``startup`` and ``status`` lines say nothing of that."""
    for line in lines:
        if not line.endswith(b"\n"):
            continue  # still being written, or cut
        parts = line.split()
        if len(parts) not in (5, 6) or parts[2] not in _ACTIONS or not _NAME.fullmatch(parts[3]):
            continue
        old = parts[4]
        new = parts[5] if len(parts) == 6 else _NONE
        yield Act(parts[2].decode(), parts[3].decode(), _version(old), _version(new))


def _version(text: bytes) -> str | None:
    return text.decode() if text != _NONE and _VERSION.fullmatch(text) else None


def parse_diversions(lines: Iterable[bytes]) -> dict[bytes, tuple[bytes, str]]:
    """Return what is diverted: path to where to, and the package that keeps the path itself."""
    texts = [line.rstrip(b"\n") for line in lines]
    found: dict[bytes, tuple[bytes, str]] = {}
    for source, target, package in zip(texts[::3], texts[1::3], texts[2::3], strict=False):
        if source.startswith(b"/") and target.startswith(b"/"):
            found[source] = (target, package.decode("ascii", "replace"))
    return found


def parse_overrides(lines: Iterable[bytes]) -> dict[bytes, int]:
    """Return path to the mode that the administrator set with dpkg-statoverride."""
    found: dict[bytes, int] = {}
    for line in lines:
        parts = line.rstrip(b"\n").split(b" ", 3)
        if len(parts) == 4 and re.fullmatch(rb"[0-7]{3,5}", parts[2]) and parts[3][:1] == b"/":
            found[parts[3]] = int(parts[2], 8) & 0o7777
    return found


def info_package(name: bytes) -> str | None:
    """Return the package that the file *name* in dpkg's info directory belongs to."""
    match = _INFO.fullmatch(name.decode("ascii", "replace"))
    return match[1] if match else None


def plain(package: str) -> str:
    """Return the name of a package without its architecture."""
    return package.partition(":")[0]


def lines_of(path: bytes) -> Iterable[bytes]:
    """Yield the lines of a regular file, or nothing where there is none."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return
    with open(descriptor, "rb") as file:
        left = _MAX_FILE
        while left > 0 and (line := file.readline(65536)):
            left -= len(line)
            yield line
