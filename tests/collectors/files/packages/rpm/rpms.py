"""Real packages, built and signed while the tests run, and a root that a real rpm manages."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

NEEDS = ("rpm", "rpmbuild", "rpmsign", "gpg", "gpg-agent", "gpgv")


def lacking() -> str:
    """Return why no real rpm can be tried here, empty when one can."""
    missing = [name for name in NEEDS if shutil.which(name) is None]
    if missing:
        return f"no {', '.join(missing)} (apt-get install rpm gpg-agent gpgv; scripts/test does)"
    return "" if os.geteuid() == 0 else "rpm --root needs root"


def run(*command: str | Path, **environment: str) -> str:
    """Run a command to its good end; return what it says."""
    done = subprocess.run(
        [*map(str, command)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env={"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "LANG": "C.UTF-8", **environment},
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


class Key:
    """A signing key, made now."""

    def __init__(self, home: Path, name: str) -> None:
        self.home, self.name = home, name
        home.mkdir(mode=0o700)
        make = ("--batch", "--passphrase", "", "--quick-gen-key", name, "rsa2048", "sign", "never")
        self._gpg(*make)
        self.file = home / "public.asc"
        self._gpg("--output", str(self.file), "--armor", "--export")

    def _gpg(self, *arguments: str) -> None:
        run("gpg", "--quiet", *arguments, GNUPGHOME=str(self.home))

    def sign(self, package: Path) -> None:
        """Sign a package in its place."""
        defines = {"__gpg": shutil.which("gpg"), "_gpg_name": self.name, "_gpg_path": self.home}
        macros = [word for k, v in defines.items() for word in ("--define", f"{k} {v}")]
        run("rpmsign", *macros, "--addsign", package, GNUPGHOME=str(self.home))

    def close(self) -> None:
        """End the agent that gpg has started."""
        run("gpgconf", "--homedir", self.home, "--kill", "all")


class Builder:
    """Builds packages below a directory."""

    def __init__(self, top: Path) -> None:
        self.top = top
        self._built = 0

    def build(
        self,
        name: str,
        version: str,
        files: Mapping[str, bytes],
        *,
        config: Mapping[str, bytes] | None = None,
        ghosts: Sequence[str] = (),
        links: Mapping[str, str] | None = None,
        modes: Mapping[str, int] | None = None,
        key: Key | None = None,
        arch: str = "noarch",
    ) -> Path:
        """Return the package; programs below ``bin`` may be run."""
        self._built += 1
        top = self.top / str(self._built)
        tree = top / "tree"
        config, links = dict(config or {}), dict(links or {})
        for path, content in {**files, **config, **dict.fromkeys(ghosts, b"")}.items():
            target = tree / path.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
            mode = 0o755 if "/bin/" in path else 0o644
            target.chmod((modes or {}).get(path, mode))
        for path, to in links.items():
            (tree / path.lstrip("/")).symlink_to(to)
        spec = top / "a.spec"
        spec.write_text(
            f"Name: {name}\nVersion: {version}\nRelease: 1\nSummary: x\nLicense: MIT\n"
            f"{'BuildArch: noarch' if arch == 'noarch' else ''}\nAutoReqProv: no\n%description\nx\n"
            f"%install\ncp -a {tree}/. %{{buildroot}}\n%files\n"
            + "".join(f"{path}\n" for path in [*files, *links])
            + "".join(f"%config(noreplace) {path}\n" for path in config)
            + "".join(f"%ghost {path}\n" for path in ghosts)
        )
        macros = {"_topdir": top, "_tmppath": top, "__brp_compress": "/bin/true"}
        words = [word for k, v in macros.items() for word in ("--define", f"{k} {v}")]
        run("rpmbuild", "-bb", "--target", arch, *words, spec, HOME=str(top))
        (package,) = (top / "RPMS").rglob("*.rpm")
        if key is not None:
            key.sign(package)
        return package


class Machine:
    """A root with rpm's database in it."""

    def __init__(self, top: Path) -> None:
        self.top = top
        for each in ("usr/bin", "usr/share", "etc", "var/lib/rpm", "var/log"):
            (top / each).mkdir(parents=True)
        self.rpm("--initdb")

    @property
    def root(self) -> bytes:
        """Return the root as the sensor takes it."""
        return os.fsencode(self.top)

    @property
    def database(self) -> bytes:
        """Return where the database is."""
        return self.root + b"/var/lib/rpm"

    def watched(self) -> list[Path]:
        """Return what a sensor watches."""
        return [self.top / "usr", self.top / "etc"]

    def path(self, name: str) -> Path:
        """Return where *name* is."""
        return self.top / name.lstrip("/")

    def rpm(self, *arguments: str | Path) -> str:
        """Run rpm on this root."""
        return run("rpm", "--root", self.top, "--dbpath", "/var/lib/rpm", *arguments)

    def upgrade(self, *packages: Path) -> None:
        """Install or upgrade packages, in one run."""
        self.rpm("-U", "--nodeps", *packages)

    def erase(self, *names: str) -> None:
        """Remove packages."""
        self.rpm("-e", "--nodeps", *names)


def files_of(package: str, version: str, count: int) -> dict[str, bytes]:
    """Return *count* files of a package, in several directories."""
    where = (f"/usr/bin/{package}-", f"/usr/share/{package}/m", f"/usr/share/doc/{package}/d")
    return {
        f"{where[n % 3]}{n}": f"{package} {version} {n}\n".encode() * (1 + n % 50)
        for n in range(count)
    }


why_not = functools.cache(lacking)
