"""What it costs the agent to know the packages of rpm, and to settle one upgrade.

Builds packages with rpmbuild, installs them in a root of their own (as root) and lets the files
sensor's own parts read them: ``python -P -m bench.rpm_headers [PACKAGES] [FILES]``.
"""

from __future__ import annotations

import resource
import sqlite3
import sys
import tempfile
import time
from pathlib import Path

from collectors.files.packages.lists import GPGV
from collectors.files.packages.rpm.database import RpmDatabase
from collectors.files.packages.transaction import Evidence
from collectors.paths import PathGuard
from tests.collectors.files.packages.rpm.rpms import Key, Machine, run, why_not


def build(top: Path, version: str, packages: int, files: int) -> list[Path]:
    """Return packages of one build."""
    place = top / version
    place.mkdir()
    spec = place / "many.spec"
    text = f"Name: many\nVersion: {version}\nRelease: 1\nSummary: x\nLicense: MIT\n"
    text += "BuildArch: noarch\nAutoReqProv: no\n%description\nx\n"
    text += "".join(
        f"%package -n p{n}\nSummary: x\n%description -n p{n}\nx\n" for n in range(packages)
    )
    text += (
        f"%install\nfor p in $(seq 0 {packages - 1}); do\n"
        "d=%{buildroot}/usr/share/p$p; mkdir -p $d\n"
        f"for f in $(seq {files}); do echo $p $f {version} >$d/f$f; done; done\n"
    )
    text += "".join(f"%files -n p{n}\n/usr/share/p{n}\n" for n in range(packages))
    spec.write_text(text)
    run("rpmbuild", "-bb", "--define", f"_topdir {place}", spec, HOME=str(place))
    return sorted((place / "RPMS").rglob("*.rpm"))


def spent() -> tuple[float, float]:
    """Return wall time and CPU of this process and its children."""
    usage = [resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return time.perf_counter(), sum(each.ru_utime + each.ru_stime for each in usage)


def main() -> None:
    """Measure and print."""
    if why_not():
        sys.exit(why_not())
    packages, files = (int(text) for text in [*sys.argv[1:], "300", "100"][:2])
    with tempfile.TemporaryDirectory(prefix="ronda-bench.") as name:
        top = Path(name)
        key = Key(top / "gpg", "Bench <bench@example.org>")
        machine = Machine(top / "root")
        machine.rpm("--import", key.file)
        machine.upgrade(*build(top, "1", packages, files))
        newer = build(top, "2", packages, files)[: packages // 10]
        for each in newer:
            key.sign(each)
        key.close()
        connection = sqlite3.connect(top / "a.db", isolation_level=None)
        view = RpmDatabase(machine.root).open(
            connection, PathGuard(b"k" * 32), pulse=lambda: None, gpgv=GPGV
        )
        view.index.create_tables()
        view.proofs.create_tables()
        connection.execute("BEGIN")
        begin = spent()
        for _ in view.index.refresh():
            pass
        read = spent()
        connection.execute("COMMIT")
        owned = connection.execute("SELECT count(*) FROM owned").fetchone()[0]
        wall, cpu = read[0] - begin[0], read[1] - begin[1]
        print(f"{packages} packages, {owned} paths known in {wall:.2f} s ({cpu:.2f} CPU s)")
        connection.execute("BEGIN")
        view.began(ready=True)
        connection.execute("COMMIT")
        machine.upgrade(*newer)
        begin = spent()
        connection.execute("BEGIN")
        acts = view.acts(Evidence(False))
        for _ in view.index.refresh({act.package.partition(":")[0] for act in acts}):
            pass
        proven = view.proofs.vouched(acts)
        connection.execute("COMMIT")
        end = spent()
        wall, cpu = end[0] - begin[0], end[1] - begin[1]
        print(f"{len(acts)} upgraded, {len(proven)} proven by signature: {wall:.2f} s")
        print(f"of that {cpu:.2f} CPU s, rpm and gpgv included")
        peaks = [resource.getrusage(w).ru_maxrss >> 10 for w in (0, -1)]
        print(f"peak memory {peaks[0]} MB, of a child (builds included) {peaks[1]} MB")


if __name__ == "__main__":
    main()
