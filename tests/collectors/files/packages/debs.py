"""Archives of packages, and a repository's lists that name them."""

from __future__ import annotations

import hashlib
import io
import lzma
import os
import stat
import tarfile
from collections.abc import Mapping
from pathlib import Path

_GPGV = """#!/bin/sh
# Stands in for gpgv: good is what says so.
while [ $# -gt 0 ]; do
    case $1 in --status-fd) status=$2; shift;; esac
    shift
done
text=$(cat; echo .)
case $text in
    *"signed by a friend"*) echo "[GNUPG:] GOODSIG 1 friend" >"/proc/self/fd/$status";;
    *) echo "[GNUPG:] ERRSIG 1" >"/proc/self/fd/$status"; exit 2;;
esac
printf %s "${text%.}"
"""


def deb(
    package: str,
    version: str,
    files: Mapping[str, bytes],
    *,
    conffiles: Mapping[str, bytes] | None = None,
    links: Mapping[str, str] | None = None,
    modes: Mapping[str, int] | None = None,
    scripts: Mapping[str, bytes] | None = None,
) -> bytes:
    """Return an archive as dpkg-deb builds it; programs below ``bin`` may be run."""
    sums = "".join(f"{hashlib.md5(files[p]).hexdigest()}  {p.lstrip('/')}\n" for p in sorted(files))
    control = {
        "control": f"Package: {package}\nVersion: {version}\nArchitecture: all\n".encode(),
        "md5sums": sums.encode(),
        **(scripts or {}),
    }
    if conffiles:
        control["conffiles"] = "".join(f"{path}\n" for path in conffiles).encode()
    everything = {**files, **(conffiles or {})}
    folders = {str(up) for path in [*everything, *(links or {})] for up in Path(path).parents}
    members = [_member(folder, tarfile.DIRTYPE, 0o755) for folder in sorted(folders - {"/"})]
    bodies: dict[str, bytes] = {}
    for path, content in sorted(everything.items()):
        mode = 0o755 if "/bin/" in path else 0o644
        member = _member(path, tarfile.REGTYPE, (modes or {}).get(path, mode))
        member.size = len(content)
        bodies[member.name] = content
        members.append(member)
    for path, to in (links or {}).items():
        member = _member(path, tarfile.SYMTYPE, 0o777)
        member.linkname = to
        members.append(member)
    parts = {
        "debian-binary": b"2.0\n",
        "control.tar.xz": _tar([_control(n, c) for n, c in control.items()], control),
        "data.tar.xz": _tar(members, bodies),
    }
    return b"!<arch>\n" + b"".join(_ar(name, data) for name, data in parts.items())


def _member(path: str, kind: bytes, mode: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo("./" + path.lstrip("/"))
    member.type, member.mode = kind, mode
    member.uname = member.gname = "root"
    return member


def _control(name: str, content: bytes) -> tarfile.TarInfo:
    member = _member(name, tarfile.REGTYPE, 0o755 if name.endswith(("inst", "rm")) else 0o644)
    member.name = name
    member.size = len(content)
    return member


def _tar(members: list[tarfile.TarInfo], bodies: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for member in members:
            body = bodies.get(member.name)
            tar.addfile(member, None if body is None else io.BytesIO(body))
    return lzma.compress(buffer.getvalue(), preset=0)


def _ar(name: str, data: bytes) -> bytes:
    header = f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(data):<10}`\n".encode()
    return header + data + b"\n" * (len(data) % 2)


class Repository:
    """apt's side of a file system: archives, lists, and a gpgv that knows one friend."""

    def __init__(self, top: Path) -> None:
        self.archives = top / "var/cache/apt/archives"
        self.lists = top / "var/lib/apt/lists"
        self.keys = top / "usr/share/keyrings"
        for each in (self.archives, self.lists, self.keys):
            each.mkdir(parents=True, exist_ok=True)
        (self.keys / "friend.gpg").write_bytes(b"a key")
        self.gpgv = top / "var/gpgv"
        self.gpgv.write_text(_GPGV)
        self.gpgv.chmod(self.gpgv.stat().st_mode | stat.S_IXUSR)
        self._sums: list[str] = []

    def add(self, package: str, version: str, archive: bytes, *, listed: bool = True) -> Path:
        """Fetch an archive as apt does; *listed*: the repository vouches for it."""
        path = self.archives / f"{package}_{version.replace(':', '%3a')}_all.deb"
        path.write_bytes(archive)
        if listed:
            self._sums.append(hashlib.sha256(archive).hexdigest())
        self.sign()
        return path

    def sign(self, by: str = "a friend") -> None:
        """Write the list and its release file."""
        text = "".join(f"Package: x\nSHA256: {each}\n\n" for each in self._sums).encode()
        (self.lists / "host_dists_main_binary-all_Packages").write_bytes(text)
        digest = hashlib.sha256(text).hexdigest()
        release = f"signed by {by}\nSHA256:\n {digest} {len(text)} main/binary-all/Packages\n"
        (self.lists / "host_dists_InRelease").write_text(release)


def names(path: Path) -> list[str]:
    """Return what is in a directory."""
    return sorted(os.listdir(path))
