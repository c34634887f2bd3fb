"""The units: no more exposed than the design allows, every directive explained, eyes open."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.patience import PATIENCE

PACKAGING = Path(__file__).parent.parent.parent / "packaging"
AGENT = PACKAGING / "ronda-agent.service"
SERVER = PACKAGING / "ronda-server.service"
WHO_DATA = PACKAGING / "ronda-agent.service.d" / "who-data.conf"
PROGRAMS = PACKAGING / "ronda-agent.service.d" / "programs.conf"
UNITS = (AGENT, SERVER)
_LARGEST_GROUP = 5
"""Directives that one comment may explain together."""

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed"
)


def directives(unit: Path) -> dict[str, list[str]]:
    """Return the values of each directive of *unit*."""
    found: dict[str, list[str]] = {}
    for line in unit.read_text().splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(name, []).append(value)
    return found


def test_the_agent_is_not_blind() -> None:
    # PrivateTmp and ProtectHome=yes hide where droppers and dumps lie; ProcSubset=pid hides the
    # watch limits and the boot id.
    found = directives(AGENT)
    assert "PrivateTmp" not in found
    assert found["ProtectHome"] == ["read-only"]
    assert "ProcSubset" not in found
    assert not {"InaccessiblePaths", "TemporaryFileSystem", "RootDirectory"} & set(found)


def test_the_agent_is_not_root_and_has_two_capabilities() -> None:
    found = directives(AGENT)
    assert found["User"] == ["ronda-agent"]
    for name in ("AmbientCapabilities", "CapabilityBoundingSet"):
        assert set(found[name][0].split()) == {"CAP_NET_RAW", "CAP_DAC_READ_SEARCH"}


def test_the_collector_is_not_root_and_has_no_capability() -> None:
    found = directives(SERVER)
    assert found["User"] == ["ronda-server"]
    assert found["CapabilityBoundingSet"] == [""]


def test_the_agent_keeps_to_its_budget() -> None:
    found = directives(AGENT)
    assert found["MemoryMax"] == ["256M"]
    assert found["CPUQuota"] == ["25%"]
    assert found["IOSchedulingClass"] == ["idle"]
    assert found["TasksMax"]


def test_children_may_give_up_capabilities() -> None:
    # Without capset a child that parses hostile files would keep CAP_DAC_READ_SEARCH.
    allowed = directives(AGENT)["SystemCallFilter"]
    assert "capset" in allowed
    assert allowed.index("capset") > next(
        index for index, line in enumerate(allowed) if line.startswith("~")
    )
    # Without these a child could still read what the agent's user may read.
    assert "landlock_create_ruleset landlock_add_rule landlock_restrict_self" in allowed


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: str(unit.stem))
def test_it_is_watched_checked_and_safe_from_strange_modules(unit: Path) -> None:
    found = directives(unit)
    assert found["Type"] == ["notify"]
    assert found["WatchdogSec"]
    assert found["ExecStartPre"][0].endswith(" check")
    assert "PYTHONSAFEPATH=1" in found["Environment"]


@pytest.mark.parametrize("unit", [*UNITS, WHO_DATA, PROGRAMS], ids=lambda unit: str(unit.stem))
def test_every_directive_is_explained(unit: Path) -> None:
    unexplained = []
    group: list[str] = []
    explained = False
    for line in [*unit.read_text().splitlines(), ""]:
        if line.startswith("#"):
            explained, group = True, []
        elif "=" in line:
            group.append(line)
            if not explained or len(group) > _LARGEST_GROUP:
                unexplained.append(line)
        else:
            explained, group = False, []
    # What the first two lines of a unit mean is in every manual.
    trivial = re.compile(r"(Description|Documentation|WantedBy|ExecStart)=")
    assert [line for line in unexplained if not trivial.match(line)] == []


@needs_systemd
@pytest.mark.parametrize(
    ("unit", "drop_ins", "tenths"),
    [
        (AGENT, (), 22),
        (AGENT, (WHO_DATA,), 26),
        (AGENT, (PROGRAMS,), 26),
        (AGENT, (WHO_DATA, PROGRAMS), 29),
        (SERVER, (), 12),
    ],
    ids=["agent", "agent-who-data", "agent-programs", "agent-both", "server"],
)
def test_exposure(unit: Path, drop_ins: tuple[Path, ...], tenths: int, tmp_path: Path) -> None:
    # Copied: systemd takes in whatever lies beside the unit in a folder of its name.
    shutil.copy(unit, tmp_path)
    for drop_in in drop_ins:
        (tmp_path / drop_in.parent.name).mkdir(exist_ok=True)
        shutil.copy(drop_in, tmp_path / drop_in.parent.name)
    done = subprocess.run(
        [
            "systemd-analyze",
            "security",
            "--offline=yes",
            "--no-pager",
            f"--threshold={tenths}",
            str(tmp_path / unit.name),
        ],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-400:] + done.stderr


def test_the_drop_in_gives_one_capability_and_what_it_needs() -> None:
    assert directives(WHO_DATA) == {
        "AmbientCapabilities": ["CAP_SYS_ADMIN"],
        "CapabilityBoundingSet": ["CAP_SYS_ADMIN"],
        "ProtectProc": ["default"],
        "SystemCallFilter": ["fanotify_init fanotify_mark"],
    }


def test_who_may_look_at_other_processes_may_not_reach_into_them() -> None:
    found = directives(PROGRAMS)
    (forbidden,) = found.pop("SystemCallFilter")
    assert found == {
        "AmbientCapabilities": ["CAP_SYS_PTRACE"],
        "CapabilityBoundingSet": ["CAP_SYS_PTRACE"],
        "ProtectProc": ["default"],
    }
    assert forbidden.startswith("~")
    # With the capability alone they write into the memory of any process.
    assert {"process_vm_readv", "process_vm_writev", "ptrace"} <= set(forbidden[1:].split())


@needs_systemd
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: str(unit.stem))
def test_systemd_understands_it(unit: Path, tmp_path: Path) -> None:
    # verify wants the programs to exist; here they are not in /usr/bin.
    text = re.sub(r"/usr/bin/ronda(-agent)?\b", "/bin/true", unit.read_text())
    (tmp_path / unit.name).write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", tmp_path / unit.name],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(shutil.which("systemd-sysusers") is None, reason="no systemd-sysusers")
def test_users_of_the_units_are_made(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    files = sorted((PACKAGING / "sysusers.d").iterdir())
    subprocess.run(
        ["systemd-sysusers", f"--root={tmp_path}", *files],
        check=True,
        capture_output=True,
        timeout=PATIENCE,
    )
    users = {line.split(":")[0] for line in (tmp_path / "etc/passwd").read_text().splitlines()}
    groups = {line.split(":")[0] for line in (tmp_path / "etc/group").read_text().splitlines()}
    for unit in UNITS:
        assert directives(unit)["User"][0] in users
        assert directives(unit)["Group"][0] in groups
