"""What must not happen: equal packages that look different, or altered ones that look equal."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from collectors.files.packages.folding import Packages
from collectors.kinds import PackageChange
from tests.collectors.files.context import Running
from tests.collectors.files.packages.world import World, files_of
from tests.patience import until

FILES = files_of("alpha", "1.0", 9)


@pytest.fixture(autouse=True)
def short_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Packages, "quiet", 0.5)


def installed(
    top: Path,
    files: Mapping[str, bytes] = FILES,
    *,
    conffile: bytes = b"a",
    divert: str | None = None,
    watched: tuple[str, ...] = ("usr", "etc"),
) -> PackageChange:
    """Install alpha on a host of its own; return what the sensor says of it."""
    top.mkdir()
    world = World(top / "root")
    world.unpack("base", "1.0", {"/usr/bin/base": b"base"})
    if divert is not None:
        (world.admin / "diversions").write_text(f"{divert}\n{divert}.real\n:\n")
    paths = [world.top / name for name in watched]
    with Running(top / "agent", paths, root=world.root, packages=True) as running:
        until(lambda: running.sensor.coverage()["packages"] == "known", "manifests")
        with world.lock():
            world.unpack("alpha", "1.0", files, conffiles={"/etc/alpha": conffile})
        until(running.context.transactions, "the transaction")
        (event,) = running.context.transactions()
    (change,) = event.packages
    assert (change.name, change.new) == ("alpha:all", "1.0")
    return change


def test_digests_of_hosts(tmp_path: Path) -> None:
    first = installed(tmp_path / "1")
    assert first.files == len(FILES)
    assert first.digest
    assert first.listed
    other = installed(tmp_path / "2", conffile=b"b")
    assert (other.digest, other.listed) == (first.digest, first.listed)

    altered = installed(tmp_path / "3", {**FILES, "/usr/bin/alpha-0": b"evil"})
    assert altered.listed == first.listed
    assert altered.digest != first.digest


def test_another_list_is_not_compared(tmp_path: Path) -> None:
    first = installed(tmp_path / "1")
    fewer = installed(tmp_path / "2", watched=("usr/bin", "etc"))
    assert fewer.files == 3
    diverted = installed(tmp_path / "3", divert="/usr/bin/alpha-0")
    assert diverted.files == len(FILES) - 1
    assert len({first.listed, fewer.listed, diverted.listed}) == 3
