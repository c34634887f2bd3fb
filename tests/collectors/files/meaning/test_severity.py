"""What must not happen: an ordinary change cries wolf, or a grave one goes by as any other."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from collectors.files.meaning.severity import heavier, techniques, weigh
from collectors.kinds import WEB_ROOT, FileChange, Scrubbed, Severity


def change(path: str = "/usr/local/bin/x", action: str = "modified", **fields: Any) -> FileChange:
    return FileChange(action=action, path=Scrubbed(path), **fields)


@pytest.mark.parametrize(
    "record",
    [
        change(),
        change(action="created", mode="0755"),
        change(mode="4755"),  # had it before
        change(action="attributes", mode="4711", previous_mode="4755"),
        change(action="attributes", type="dir", mode="2775", previous_mode="0775"),
        change(action="attributes", mode="2644", previous_mode="0644"),  # mandatory locking
        change(action="deleted", mode="4755"),
        change(role="sudoers", action="attributes"),  # touched
        change(role="sudoers", action="created", type="dir"),
        change(role="log", growth="appended"),
        change(role="network"),
        change(capabilities="cap_net_raw=ep"),  # had them before
        change(flags="i"),
    ],
    ids=repr,
)
def test_nothing_special(record: FileChange) -> None:
    assert weigh(record) is None


@pytest.mark.parametrize(
    ("record", "severity", "technique"),
    [
        (change(role="ld_preload", action="created"), Severity.CRITICAL, "T1574.006"),
        (change(role="sudoers"), Severity.HIGH, "T1548.003"),
        (change(role="cron"), Severity.MEDIUM, "T1053.003"),
        (change(role="audit_config", action="deleted"), Severity.HIGH, "T1562.012"),
        (change(role="ronda", action="deleted"), Severity.HIGH, "T1562.001"),
        (
            change(role="ronda", action="created", type="symlink", target=Scrubbed("/dev/null")),
            Severity.CRITICAL,
            "T1562.001",
        ),
        (
            change(role="sudoers", action="attributes", mode="0666", previous_mode="0440"),
            Severity.HIGH,
            "T1222.002",
        ),
        (
            change(action="attributes", mode="4755", previous_mode="0755"),
            Severity.HIGH,
            "T1548.001",
        ),
        (change(action="created", mode="2755"), Severity.HIGH, "T1548.001"),
        (
            change(action="attributes", capabilities="cap_setuid=ep", changed=("capabilities",)),
            Severity.HIGH,
            "T1548",
        ),
        (
            change(
                "/var/www/html/a.php",
                "attributes",
                flags="i",
                previous_flags="",
                changed=("flags",),
            ),
            Severity.HIGH,
            "T1505.003",
        ),
        (
            change("/etc/x", "attributes", flags="i", changed=("flags",)),
            Severity.MEDIUM,
            "T1222.002",
        ),
        (
            change("/var/log/x", "attributes", flags="", previous_flags="a", changed=("flags",)),
            Severity.HIGH,
            "T1070.002",
        ),
        (change(role="log", growth="truncated"), Severity.HIGH, "T1070.002"),
        (change(role="log", growth="rewritten"), Severity.HIGH, "T1070.002"),
    ],
    ids=repr,
)
def test_raised(record: FileChange, severity: Severity, technique: str) -> None:
    assert weigh(record) == severity
    assert technique in techniques(record)


def test_the_heavier_counts() -> None:
    assert heavier(None, change()) is None
    assert heavier(Severity.MEDIUM, change()) == Severity.MEDIUM
    assert heavier(None, change(role="sudoers")) == Severity.HIGH
    assert heavier(Severity.MEDIUM, change(role="sudoers")) == Severity.HIGH
    assert heavier(Severity.HIGH, change(role="cron")) == Severity.HIGH


def test_a_log_that_grows_serves_nobody() -> None:
    assert techniques(change(role="log", growth="appended")) == ()
    assert techniques(change(role="log", action="deleted")) == ("T1070.002",)


def test_the_flag_of_a_script_in_a_web_root_of_the_settings() -> None:
    elsewhere = change("/data/situs/x.php", "created", flags="i")
    assert weigh(elsewhere) == Severity.MEDIUM
    served = msgspec.structs.replace(elsewhere, place=WEB_ROOT)
    assert weigh(served) == Severity.HIGH
    assert "T1505.003" in techniques(served)
