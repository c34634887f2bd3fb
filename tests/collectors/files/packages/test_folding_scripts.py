"""What must not happen: a script's work taken on trust. Each habit is tied to its package."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.collectors.files.context import Running, closed
from tests.collectors.files.packages.debs import Repository, deb
from tests.collectors.files.packages.test_folding_proof import running, shop, told, world
from tests.collectors.files.packages.world import World

__all__ = ["running", "shop", "world"]

FILES = {
    "/etc/init.d/web": b"#!/bin/sh\n",
    "/usr/lib/systemd/system/web.service": b"[Service]\n",
    "/usr/share/web/mods/a.ini": b"a = 1\n",
    "/usr/share/web/site": b"listen 80\n",
}
CONFFILES = {"/etc/php/8.2/base.ini": b"base\n", "/etc/nginx/nginx.conf": b"conf\n"}


def install(world: World, shop: Repository) -> None:
    shop.add("web", "1", deb("web", "1", FILES, conffiles=CONFFILES))
    world.unpack("web", "1", FILES, conffiles=CONFFILES)


def link(world: World, path: str, to: str) -> str:
    where = world.path(path)
    where.parent.mkdir(parents=True, exist_ok=True)
    where.symlink_to(to)
    return str(where)


def write(world: World, path: str, text: bytes) -> str:
    where = world.path(path)
    where.parent.mkdir(parents=True, exist_ok=True)
    where.write_bytes(text)
    return str(where)


@pytest.fixture
def ready(world: World) -> None:
    """Make the directories that Debian's base has."""
    for each in ("etc/rc2.d", "etc/systemd/system/multi-user.target.wants", "etc/cron.d",
                 "etc/alternatives", "etc/php/8.2/mods-available", "etc/php/8.2/cli/conf.d",
                 "etc/nginx/sites-enabled"):  # fmt: skip
        (world.top / each).mkdir(parents=True)


@pytest.mark.usefixtures("ready")
class TestScripts:
    def test_what_scripts_make_of_their_package(
        self, world: World, shop: Repository, running: Running
    ) -> None:
        unit = "/usr/lib/systemd/system/web.service"
        with world.lock():
            install(world, shop)
            link(world, "/etc/rc2.d/S01web", "../init.d/web")
            link(world, "/etc/systemd/system/multi-user.target.wants/web.service", unit)
            link(world, "/etc/nginx/sites-enabled/site", "/usr/share/web/site")
            write(world, "/etc/php/8.2/mods-available/a.ini", FILES["/usr/share/web/mods/a.ini"])
            link(world, "/etc/php/8.2/cli/conf.d/20-a.ini", "/etc/php/8.2/mods-available/a.ini")
        event = closed(running)
        assert told(running) == {}
        assert event.unverified == 0

    def test_what_only_looks_like_it(
        self, world: World, shop: Repository, running: Running
    ) -> None:
        unit = "/usr/lib/systemd/system/web.service"
        ini = FILES["/usr/share/web/mods/a.ini"]
        with world.lock():
            install(world, shop)
            strangers = {
                link(world, "/etc/rc2.d/S02evil", "../init.d/web"),
                link(world, "/etc/rc2.d/S01web", "/tmp/evil"),
                link(world, "/etc/systemd/system/multi-user.target.wants/ssh.service", unit),
                link(world, "/etc/systemd/system/sshd.service", unit),
                link(world, "/etc/nginx/sites-enabled/site", "/tmp/evil"),
                link(world, "/etc/cron.d/web", "/usr/share/web/site"),
                write(world, "/etc/cron.d/a", ini),
                write(world, "/etc/php/8.2/mods-available/a.ini", ini + b"x"),
                write(world, "/usr/bin/a.ini", ini),
                link(world, "/etc/php/8.2/cli/conf.d/20-a.ini", "../../mods-available/a.ini"),
            }
            os.chmod(write(world, "/etc/php/8.2/mods-available/b.ini", ini), 0o755)
            strangers.add(str(world.path("/etc/php/8.2/mods-available/b.ini")))
        closed(running)
        assert set(told(running)) == strangers

    def test_backups_of_accounts(self, world: World, shop: Repository, running: Running) -> None:
        accounts, backup = world.path("/etc/passwd"), world.path("/etc/passwd-")
        accounts.write_bytes(b"root\n")
        backup.write_bytes(b"older\n")
        running.wait("created", backup)
        with world.lock():
            install(world, shop)
            accounts.write_bytes(b"root\nweb\n")
            backup.write_bytes(b"root\n")
            running.wait("modified", accounts)
        closed(running)
        news = [c for c in running.context.changes() if c.action == "modified"]
        assert [c.path for c in news] == [str(accounts)]

    def test_what_a_removal_takes_with_it(
        self, world: World, shop: Repository, running: Running
    ) -> None:
        with world.lock():
            install(world, shop)
            link(world, "/etc/alternatives/site", "/usr/share/web/site")
            link(world, "/usr/bin/site", "/etc/alternatives/site")
            link(world, "/etc/rc2.d/S01web", "../init.d/web")
        first = closed(running)
        assert (told(running), first.left) == ({}, 0)
        logs = [write(world, f"/etc/nginx/sites-enabled/{n}", b"x") for n in range(3)]
        cron = write(world, "/etc/cron.d/mine", b"x")
        for path in (*logs, cron):
            running.wait("created", path)
        with world.lock():
            world.remove("web")
            for path in ("/etc/alternatives/site", "/usr/bin/site", "/etc/rc2.d/S01web"):
                world.path(path).unlink()
            for path in (*logs, cron):
                Path(path).unlink()
            world.path("/usr/bin/alpha-0").unlink()
        event = closed(running, 2)
        gone = {c.path for c in running.context.changes() if c.action == "deleted"}
        assert gone == {cron, str(world.path("/usr/bin/alpha-0"))}
        where = {str(each.directory): each.count for each in event.leftovers}
        assert where[str(world.path("/etc/nginx/sites-enabled"))] == 3
        assert event.left == sum(where.values()) == 5
