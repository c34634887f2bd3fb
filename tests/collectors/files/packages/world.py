"""A file system with a dpkg in it that works as the real one does, as far as files can tell."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.patience import PATIENCE

_HOLD = """
import fcntl, sys
file = open(sys.argv[1], "rb+")
fcntl.lockf(file, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


class World:
    """The root, its packages and its log."""

    def __init__(self, top: Path) -> None:
        self.top = top
        self.admin = top / "var/lib/dpkg"
        self.info = self.admin / "info"
        for each in ("usr/bin", "usr/lib", "usr/share/doc", "etc", "var/log", "var/lib/dpkg/info"):
            (top / each).mkdir(parents=True)
        for link in ("bin", "lib"):
            (top / link).symlink_to(f"usr/{link}")
        for name in ("status", "lock", "lock-frontend", "diversions", "statoverride"):
            (self.admin / name).write_bytes(b"")
        (top / "var/log/dpkg.log").write_bytes(b"")
        self.versions: dict[str, str] = {}
        self.conffiles: dict[str, dict[str, bytes]] = {}

    @property
    def root(self) -> bytes:
        """Return the root as the sensor takes it."""
        return os.fsencode(self.top)

    def watched(self) -> list[Path]:
        """Return what a sensor watches."""
        return [self.top / "usr", self.top / "etc"]

    def path(self, name: str) -> Path:
        """Return where *name* is."""
        return self.top / name.lstrip("/")

    @contextmanager
    def lock(self, name: str = "lock-frontend") -> Iterator[None]:
        """Hold one of dpkg's locks from another process."""
        process = subprocess.Popen(
            [sys.executable, "-S", "-c", _HOLD, str(self.admin / name)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        try:
            yield
        finally:
            process.communicate(timeout=PATIENCE)

    def log(self, line: str) -> None:
        """Write one line to dpkg.log."""
        with (self.top / "var/log/dpkg.log").open("a") as file:
            file.write(time.strftime("%Y-%m-%d %H:%M:%S ") + line + "\n")

    def unpack(
        self,
        package: str,
        version: str,
        files: Mapping[str, bytes],
        *,
        conffiles: Mapping[str, bytes] | None = None,
        links: Mapping[str, str] | None = None,
        log: bool = True,
    ) -> None:
        """Install or upgrade *package*: the work of dpkg without the lock."""
        old = self.versions.get(package)
        if log:
            verb = "upgrade" if old else "install"
            self.log(f"{verb} {package}:all {old or '<none>'} {version}")
        before = self._listed(package)
        self._lay(files, {**(conffiles or {})}, links or {})
        listed = sorted({*files, *(conffiles or {}), *(links or {})})
        folders = {str(folder) for path in listed for folder in Path(path).parents}
        self._write(f"{package}.list", "\n".join(["/.", *sorted(folders - {"/"}), *listed]) + "\n")
        sums = [f"{hashlib.md5(files[p]).hexdigest()}  {p.lstrip('/')}\n" for p in sorted(files)]
        self._write(f"{package}.md5sums", "".join(sums))
        if conffiles:
            self._write(f"{package}.conffiles", "".join(f"{path}\n" for path in conffiles))
        for gone in sorted(before - set(listed) - folders - {"/."}, reverse=True):
            target = self.path(gone)
            if target.is_dir() and not target.is_symlink():
                target.rmdir()
            else:
                target.unlink(missing_ok=True)
        self.versions[package] = version
        self.conffiles[package] = dict(conffiles or {})
        self._status()
        if log:
            self.log(f"configure {package}:all {version} <none>")
            self.log(f"status installed {package}:all {version}")

    def install(self, package: str, version: str, files: Mapping[str, bytes]) -> None:
        """Run dpkg for one package, with its lock."""
        with self.lock():
            self.unpack(package, version, files)

    def remove(self, package: str) -> None:
        """Remove and purge *package*, without the lock."""
        version = self.versions.pop(package)
        self.log(f"remove {package}:all {version} <none>")
        for path in sorted(self._listed(package), key=len, reverse=True):
            target = self.path(path)
            if target.is_dir() and not target.is_symlink():
                if not any(target.iterdir()):
                    target.rmdir()
            else:
                target.unlink(missing_ok=True)
        for each in self.info.glob(f"{package}.*"):
            each.unlink()
        self._status()

    def _listed(self, package: str) -> set[str]:
        manifest = self.info / f"{package}.list"
        return set(manifest.read_text().splitlines()) if manifest.exists() else set()

    def _lay(
        self, files: Mapping[str, bytes], conffiles: Mapping[str, bytes], links: Mapping[str, str]
    ) -> None:
        for name, content in {**files, **conffiles}.items():
            target = self.path(name)
            target.parent.mkdir(parents=True, exist_ok=True)
            fresh = target.with_name(target.name + ".dpkg-new")
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0)
            os.write(descriptor, content)
            os.fchmod(descriptor, 0o755 if "/bin/" in name else 0o644)
            os.close(descriptor)
            if target.exists():
                backup = target.with_name(target.name + ".dpkg-tmp")
                os.link(target, backup)
                os.rename(fresh, target)
                backup.unlink()
            else:
                os.rename(fresh, target)
        for name, to in links.items():
            target = self.path(name)
            fresh = target.with_name(target.name + ".dpkg-new")
            fresh.symlink_to(to)
            os.rename(fresh, target)

    def _write(self, name: str, text: str) -> None:
        fresh = self.info / f"{name}.dpkg-new"
        fresh.write_text(text)
        os.rename(fresh, self.info / name)

    def _status(self) -> None:
        parts = []
        for package, version in self.versions.items():
            part = f"Package: {package}\nStatus: install ok installed\nArchitecture: all\n"
            part += f"Version: {version}\n"
            files = self.conffiles.get(package)
            if files:
                part += "Conffiles:\n"
                part += "".join(f" {p} {hashlib.md5(c).hexdigest()}\n" for p, c in files.items())
            parts.append(part)
        fresh = self.admin / "status-new"
        fresh.write_text("\n".join(parts))
        os.rename(fresh, self.admin / "status")


def content(package: str, version: str, number: int) -> bytes:
    """Return what a file of a package holds."""
    return f"{package} {version} {number}\n".encode() * (1 + number % 50)


def files_of(package: str, version: str, count: int) -> dict[str, bytes]:
    """Return *count* files of a package, in several directories."""
    where = (f"/usr/bin/{package}-", f"/usr/lib/{package}/m", f"/usr/share/doc/{package}/d")
    return {f"{where[n % 3]}{n}": content(package, version, n) for n in range(count)}
