"""What must not happen: a secret in event or state; a change without its diff; a wrong diff."""

from __future__ import annotations

import functools
import random
import signal
import sqlite3
from pathlib import Path

import pytest

from collectors.files.meaning import asker
from collectors.files.meaning.unified import CHANGED
from collectors.kinds import FileChange, Severity
from tests.collectors.files.context import FakeContext, Running
from tests.collectors.files.test_crash import Agent
from tests.patience import until

NIK = "1571014508900001"


@pytest.fixture
def host(tmp_path: Path) -> Path:
    for name in ("etc/cron.d", "etc/ssh", "var/www/html", "home/budi"):
        (tmp_path / "host" / name).mkdir(parents=True)
    (tmp_path / "state").mkdir()
    return tmp_path / "host"


def sensor(host: Path) -> Running:
    return Running(host.parent / "state", [host], root=bytes(host))


def known(running: Running) -> None:
    until(lambda: running.sensor.coverage()["text_versions"] == "known", "first versions")


def test_what_changed(host: Path) -> None:
    hosts, page = host / "etc/hosts", host / "var/www/html/index.php"
    hosts.write_text("127.0.0.1 localhost\n10.0.0.1 db\n")
    page.write_text("<?php echo 1;\n")
    with sensor(host) as running:
        known(running)
        assert running.sensor.coverage()["texts"] == 1
        hosts.write_text("127.0.0.1 localhost\n203.0.113.9 db\n")
        told = running.wait("modified", hosts)
        assert told.diff == "@@ -1,2 +1,2 @@\n 127.0.0.1 localhost\n-10.0.0.1 db\n+203.0.113.9 db"
        page.write_text("<?php echo 2;\n")
        assert running.wait("modified", page).diff is None
        table = host / "etc/cron.d/x"
        table.write_text("* * * * * root /tmp/x\n")
        created = running.wait("created", table)
        assert created.diff == "@@ -1,0 +1,1 @@\n+* * * * * root /tmp/x"
        table.unlink()
        gone = running.wait("deleted", table)
        assert gone.diff == "@@ -1,1 +1,0 @@\n-* * * * * root /tmp/x"
        hosts.chmod(0o600)
        assert running.wait("attributes", hosts).diff is None


def test_secrets_stay_where_they_are(host: Path) -> None:
    old, new = "rahasia-lama-8812", "rahasia-baru-9923"
    secrets = [old, new, NIK, "Zm9vYmFyZm9vYmFy", "MIIEowIBAAKCAQEA"]
    env, shadow, key = (
        host / "var/www/html/.env",
        host / "etc/shadow",
        host / "etc/ssh/ssh_host_rsa_key",
    )
    env.write_text(f"APP=web\nDB_PASSWORD={old}\n# {NIK}\n")
    shadow.write_text("root:$6$abcdefgh$Zm9vYmFyZm9vYmFy:1:0\n")
    key.write_text("-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA\n")
    with sensor(host) as running:
        known(running)
        env.write_text(f"APP=web\nDB_PASSWORD={new}\n# {NIK}\n")
        told = running.wait("modified", env)
        assert told.diff is not None
        assert f"-DB_PASSWORD=****\n+DB_PASSWORD=****{CHANGED}" in told.diff
        shadow.write_text("root:$6$abcdefgh$Zm9vYmFyZm9vYmFy:1:0\nbudi:!:1:0\n")
        said = running.wait("modified", shadow).diff
        assert said is not None
        assert "+budi:****" in said
        key.write_text("-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA\nmore\n")
        assert running.wait("modified", key).diff == "@@ -1,2 +1,3 @@\n ****\n ****\n+****"
    for path in (host.parent / "state").rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert [each for each in secrets if each.encode() in content] == [], path


def test_found_after_a_stop(host: Path) -> None:
    hosts = host / "etc/hosts"
    hosts.write_text("a\n")
    with sensor(host) as running:
        known(running)
    hosts.write_text("b\n")
    with sensor(host) as running:
        told = running.wait("modified", hosts)
        assert told.found_by == "reconcile"
        assert told.diff == "@@ -1,1 +1,1 @@\n-a\n+b"


def test_a_save_by_rename(host: Path) -> None:
    hosts = host / "etc/hosts"
    hosts.write_text("a\n")
    with sensor(host) as running:
        known(running)
        draft = host / "etc/hosts.tmp"
        draft.write_text("a\nb\n")
        draft.rename(hosts)
        assert running.wait("modified", hosts).diff == "@@ -1,1 +1,2 @@\n a\n+b"


@pytest.mark.parametrize("content", [b"\0binary", b"x" * 300_000])
def test_no_text(host: Path, content: bytes) -> None:
    file = host / "etc/x"
    file.write_bytes(content)
    with sensor(host) as running:
        known(running)
        file.write_bytes(content + b"y")
        assert running.wait("modified", file).diff in (None, "(no difference: too large)")


@pytest.mark.slow
def test_killed_at_random(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Applied one after the other, the diffs that were told lead to what the file is."""
    host = tmp_path / "host"
    (host / "etc").mkdir(parents=True)
    hosts = host / "etc/hosts"
    hosts.write_text("0\n")
    monkeypatch.setenv("RONDA_TEST_HOST", str(host))
    agent = Agent(tmp_path / "state", host)
    agent.start(ready=True)
    context = FakeContext(tmp_path / "state")
    chance = random.Random(7)
    until(lambda: _count(context) == 1, "first version")
    for number in range(1, 9):
        hosts.write_text(f"{number}\n")
        if chance.random() < 0.6:
            until(functools.partial(_told, context, number), "a change")
        agent.end(signal.SIGKILL)
        agent.start(ready=True)
    until(lambda: _told(context, 8), "the last change")
    agent.end(signal.SIGTERM)
    state = "0"
    for change in context.changes():
        assert change.diff is not None
        if "no difference" in change.diff:
            continue
        *_, removed, added = change.diff.split("\n")
        if "earlier version" not in change.diff:
            assert removed == f"-{state}"
        state = added[1:]
    assert state == "8"
    context.close()


def _count(context: FakeContext) -> int:
    connection = sqlite3.connect(context.state_dir / "baseline.db")
    try:
        return int(connection.execute("SELECT count(*) FROM snapshot").fetchone()[0])
    finally:
        connection.close()


def _told(context: FakeContext, number: int) -> bool:
    return any(change.diff and change.diff.endswith(f"+{number}") for change in context.changes())


def test_a_dead_child_takes_only_the_diff_away(host: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asker, "TARGET", "collectors.content.nowhere:start")
    hosts = host / "etc/hosts"
    hosts.write_text("a\n")
    with sensor(host) as running:
        known(running)
        hosts.write_text("b\n")
        assert running.wait("modified", hosts).diff == "(no difference: the reader ended: exit)"


def test_accounts_that_matter(host: Path) -> None:
    passwd, shadow = host / "etc/passwd", host / "etc/shadow"
    root, toor = "root:x:0:0::/root:/bin/sh\n", "toor:x:0:0::/root:/bin/sh\n"
    passwd.write_text(root + toor)
    shadow.write_text("root:$6$abcdefgh$Zm9vYmFyZm9vYmFy:1:0\n")
    with sensor(host) as running:
        known(running)
        passwd.write_text(root + toor + "budi:x:1000:1000::/home/budi:/bin/sh\n")
        told = running.wait("modified", passwd)
        assert (told.role, told.superusers, told.passwordless) == ("accounts", (), ())
        moved = passwd.with_name("passwd+")
        moved.write_text(root + toor + "sysadm:x:00:0::/:/bin/sh\n")
        moved.rename(passwd)

        def grave() -> list[FileChange]:
            changes = running.context.changes()
            return [c for c in changes if c.superusers or c.passwordless]

        (told,) = until(grave, "the second root")
        assert told.superusers == ("sysadm",)
        assert "T1078.003" in told.techniques
        shadow.write_text("root:$6$abcdefgh$Zm9vYmFyZm9vYmFy:1:0\nbudi::1:0\n")
        until(lambda: len(grave()) == 2, "the empty password")
        assert grave()[1].passwordless == ("budi",)
        severities = {
            str(s.record.path): s.severity
            for s in running.context.sightings()
            if isinstance(s.record, FileChange) and (s.record.superusers or s.record.passwordless)
        }
        assert severities == {str(passwd): Severity.CRITICAL, str(shadow): Severity.HIGH}


def test_a_flood_hides_no_account(host: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asker.Asker, "budget", -1.0)
    passwd, other = host / "etc/passwd", host / "etc/other"
    passwd.write_text("root:x:0:0::/root:/bin/sh\n")
    other.write_text("a\n")
    with sensor(host) as running:
        known(running)
        other.write_text("b\n")
        assert running.wait("modified", other).diff == "(no difference: too much at once)"
        passwd.write_text("root:x:0:0::/root:/bin/sh\nsysadm:x:0:0::/:/bin/sh\n")
        assert running.wait("modified", passwd).superusers == ("sysadm",)
