"""What must not happen: a new key or task waits because somebody holds dpkg's lock."""

from __future__ import annotations

from pathlib import Path

import pytest

from collectors.files.meaning.catalogue import BY_NAME
from collectors.files.meaning.urgent import ROLES, urgent
from collectors.files.packages.folding import Packages
from collectors.kinds import FileChange, Scrubbed
from tests.collectors.files.context import Running
from tests.collectors.files.packages.world import World
from tests.patience import until

CRITICAL = (
    "/etc/ld.so.preload",
    "/etc/sudoers.d/evil",
    "/etc/sudoers",
    "/var/lib/app/.ssh/authorized_keys",
    "/etc/shadow",
    "/etc/security/opasswd",
    "/etc/cron.d/evil",
    "/etc/crontab",
    "/var/spool/cron/crontabs/root",
    "/etc/systemd/system/ronda-agent.service",
    "/usr/share/situs/index.php",
)


def change(**fields: object) -> FileChange:
    return FileChange(action="modified", path=Scrubbed("/x"), **fields)  # type: ignore[arg-type]


def test_what_waits() -> None:
    assert set(BY_NAME) >= ROLES
    assert not urgent(change(), owned=False)
    assert not urgent(change(role="systemd_unit"), owned=False)
    assert not urgent(change(role="cron", type="dir"), owned=False)
    assert not urgent(change(role="ronda"), owned=True)
    assert not urgent(change(place="web_root"), owned=True)


@pytest.mark.parametrize("owned", [True, False])
def test_what_does_not(owned: bool) -> None:
    assert urgent(change(role="cron"), owned=owned)
    assert urgent(change(role="sudoers"), owned=owned)
    assert owned or urgent(change(role="ronda"), owned=owned)
    assert owned or urgent(change(place="web_root"), owned=owned)


def test_a_lock_delays_nothing_critical(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Packages, "quiet", 0.5)
    world = World(tmp_path / "root")
    site = world.path("/usr/share/situs")
    for name in CRITICAL:
        world.path(name).parent.mkdir(parents=True, exist_ok=True)
    world.unpack("sudo", "1.0", {}, conffiles={"/etc/sudoers": b"root ALL=(ALL) ALL\n"})
    with Running(
        tmp_path / "agent",
        [world.top],
        root=world.root,
        packages=True,
        web_roots=(str(site),),
    ) as running:
        until(lambda: running.sensor.coverage()["packages"] == "known", "manifests")
        with world.lock():
            world.log("startup archives unpack")  # whoever is root can write that, too
            ordinary = world.path("/usr/bin/ordinary")
            ordinary.write_bytes(b"x\n")
            until(lambda: running.sensor.coverage()["held"], "the change that waits")
            for name in CRITICAL:
                world.path(name).write_bytes(b"evil\n")
            waiting = {str(world.path(name)) for name in CRITICAL}
            until(
                lambda: waiting <= {str(c.path) for c in running.context.changes()},
                "what is critical, while the lock is held",
            )
            assert str(ordinary) not in {str(c.path) for c in running.context.changes()}
