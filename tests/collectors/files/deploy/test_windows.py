"""What must not happen: a window that is too wide, lasts too long, or hides a change."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from collectors.files.baseline import Baseline, Directory
from collectors.files.compare import Row
from collectors.files.deploy.requests import Expect
from collectors.files.deploy.windows import (
    KEEP,
    MAX_OPEN,
    PROTECTED,
    SECOND,
    Windows,
    read_windows,
    refusal,
)
from collectors.files.journal import Journal
from collectors.files.scope import split
from collectors.files.tell import Place, Subject
from collectors.kinds import ChangeWindow, FileChange, Scrubbed
from collectors.outbox import Outbox
from collectors.paths import SafePath
from tests.collectors.files.context import FakeContext

OWN = (b"/var/lib/ronda-agent", b"/etc/ronda")
NOWHERE = Directory(0, 0, 0, mount=False, complete=False)
START = 1_000_000 * SECOND


@pytest.mark.parametrize(
    "path",
    [
        b"/",
        b"//",
        b"",
        b"var/www",
        b"/etc",
        b"/usr",
        b"/var",
        b"/home",
        b"/srv",
        b"/var/www/../lib",
        b"/var/www/./x",
        b"/var/www/",
        b"/var//www",
        b"/var/lib",
        b"/var/lib/ronda-agent",
        b"/var/lib/ronda-agent/spool.db",
        b"/etc/ronda/agent.toml",
        b"/etc/cron.d/x",
        b"/usr/bin",
        b"/usr/bin/x",
        *PROTECTED,
    ],
)
def test_refused_paths(path: bytes) -> None:
    assert refusal([path], 60, 3600, OWN)
    assert refusal([b"/var/www/app", path], 60, 3600, OWN)


def test_the_root_is_refused_for_what_it_is() -> None:
    assert "too wide" in refusal([b"/"], 60, 3600, OWN)


@pytest.mark.parametrize("seconds", [0, -1, 3601, float("inf"), float("nan")])
def test_refused_times(seconds: float) -> None:
    assert "max_window" in refusal([b"/var/www/app"], seconds, 3600, OWN)


def test_refused_numbers() -> None:
    assert refusal([], 60, 3600, OWN)
    assert refusal([b"/var/www/%d" % number for number in range(33)], 60, 3600, OWN)


@pytest.mark.parametrize("path", [b"/var/www/app", b"/srv/www", b"/opt/app", b"/etc/nginx"])
def test_allowed(path: bytes) -> None:
    assert refusal([path], 3600, 3600, OWN) == ""


class Clocks:
    """Both clocks, set by hand."""

    def __init__(self) -> None:
        self.wall = START
        self.boot = 500.0

    def now(self) -> int:
        return self.wall

    def since_boot(self) -> float:
        return self.boot

    def pass_by(self, seconds: float) -> None:
        self.wall += int(seconds * SECOND)
        self.boot += seconds


class Setting:
    """Windows over a database, without a sensor."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.clocks = Clocks()
        self.context = FakeContext(directory)
        self.baseline = Baseline(self.context.state_dir)
        outbox = Outbox(self.baseline.connection, "files")
        outbox.create_table()
        outbox.begin(self.context)
        self.journal = Journal(self.baseline, outbox, self.context)
        self.boot_id = "boot one"
        self.windows = self.fresh()

    def fresh(self) -> Windows:
        """As after a start of the agent."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("collectors.files.deploy.windows.boot_id", lambda: self.boot_id)
            self.windows = Windows(
                self.baseline.connection,
                self.journal,
                self.context.guard,
                self.clocks.now,
                self.clocks.since_boot,
            )
        return self.windows

    def request(self, number: int = 1, seconds: float = 600, **more: object) -> Expect:
        values: dict[str, object] = {
            "id": f"{number:08x}{0:024x}",
            "by": "1000",
            "made": self.clocks.wall,
            "reason": "release 7",
            "paths": (b"/var/www/app",),
            "seconds": seconds,
            "boot": self.boot_id,
            "since_boot": self.clocks.boot,
        }
        return Expect(**{**values, **more})  # type: ignore[arg-type]

    def open(self, request: Expect | None = None) -> str:
        """Return why not."""
        self.journal.wrote()
        _, why = self.windows.open(request or self.request(), longest=3600, own=OWN)
        self.journal.commit()
        return why

    def change(
        self,
        path: bytes,
        ctime: int | None = None,
        action: str = "modified",
        role: str | None = None,
    ) -> str | None:
        """Return the window of a change."""
        record = FileChange(action=action, path=Scrubbed(path.decode()), role=role)
        directory, name = split(path)
        place = Place(
            directory,
            SafePath(directory),
            -1,
            NOWHERE,
            "watch",
            fresh=False,
            silent=False,
        )
        row = Row(1, 1, ctime if ctime is not None else self.clocks.wall, 0, 0, 0o100644, 0, 0)
        self.journal.wrote()
        marked = self.windows(record, Subject(place, name, name), None, row)
        self.journal.commit()
        return marked.window

    def told(self) -> list[ChangeWindow]:
        records = [sighting.record for sighting in self.context.sightings()]
        return [record for record in records if isinstance(record, ChangeWindow)]

    def over(self) -> bool:
        """End what is over; tell whether something was."""
        due = self.windows.due()
        if due:
            self.windows.expire()
        self.journal.commit()
        return due


@pytest.fixture
def setting(tmp_path: Path) -> Iterator[Setting]:
    made = Setting(tmp_path)
    yield made
    made.baseline.close()
    made.context.close()


def test_no_change_outside_is_marked(setting: Setting) -> None:
    assert setting.change(b"/var/www/app/a") is None
    assert setting.open() == ""
    assert setting.change(b"/var/www/application/a") is None
    assert setting.change(b"/var/www/app.old") is None
    # Done before the window, found in it.
    assert setting.change(b"/var/www/app/a", ctime=START - 5 * SECOND) is None
    assert setting.change(b"/var/www/app/a") == "w00000001"
    assert setting.change(b"/var/www/app") == "w00000001"
    setting.clocks.pass_by(601)
    assert setting.change(b"/var/www/app/b") is None
    assert setting.over()
    assert setting.change(b"/var/www/app/a", ctime=START) is None


def test_no_window_holds_a_program_of_ronda(setting: Setting) -> None:
    assert setting.open() == ""
    assert setting.change(b"/var/www/app/ronda/agent/cli.py", role="ronda") is None
    assert setting.change(b"/var/www/app/cli.py") == "w00000001"


def test_a_clock_that_is_set_back_does_not_prolong(setting: Setting) -> None:
    setting.open()
    setting.clocks.pass_by(590)
    setting.clocks.wall -= 86400 * SECOND
    assert not setting.over()
    setting.clocks.pass_by(11)
    assert setting.over()
    assert setting.told()[-1].action == "expired"


def test_nor_does_a_restart_or_a_reboot_with_such_a_clock(setting: Setting) -> None:
    setting.open()
    setting.clocks.pass_by(300)
    assert not setting.over()
    setting.clocks.wall = START
    setting.fresh()
    setting.clocks.pass_by(299)
    assert not setting.over()
    setting.boot_id = "boot two"
    setting.clocks.boot = 3.0
    setting.clocks.wall = START
    setting.fresh()
    setting.clocks.pass_by(12)  # what may be lost: the seconds since it was last saved
    assert setting.over()


def test_a_clock_that_runs_ahead_ends_it(setting: Setting) -> None:
    setting.open()
    setting.clocks.wall += 601 * SECOND
    assert setting.over()


def test_time_without_the_agent_counts(setting: Setting) -> None:
    setting.open()
    setting.boot_id = "boot two"
    setting.clocks.boot = 3.0
    setting.clocks.wall += 601 * SECOND
    setting.fresh()
    assert setting.over()


def test_a_command_that_waited_too_long_opens_nothing(setting: Setting) -> None:
    request = setting.request()
    setting.clocks.pass_by(601)
    assert "over before" in setting.open(request)
    request = setting.request()
    setting.clocks.boot += 601  # and the wall clock was set back
    assert "over before" in setting.open(request)
    request = setting.request(made=START + 90 * 86400 * SECOND)
    assert "clock" in setting.open(request)
    assert [one.action for one in setting.told()] == ["refused"] * 3
    assert read_windows(setting.baseline.connection) == []


def test_a_command_that_waited_opens_the_rest(setting: Setting) -> None:
    request = setting.request()
    setting.clocks.pass_by(500)
    assert setting.open(request) == ""
    setting.clocks.pass_by(99)
    assert not setting.over()
    setting.clocks.pass_by(2)
    assert setting.over()


def test_refusals_are_told_with_who_and_why(setting: Setting) -> None:
    assert setting.open(setting.request(paths=(b"/etc",)))
    assert setting.open(setting.request(2, reason="  "))
    assert setting.open(setting.request(3, seconds=3601))
    first = setting.told()[0]
    assert (first.action, first.by, first.window) == ("refused", "1000", "w00000001")
    assert "too wide" in first.reason
    assert "release 7" in first.reason
    assert len(setting.windows) == 0


def test_windows_at_once_are_bounded(setting: Setting) -> None:
    for number in range(MAX_OPEN):
        assert setting.open(setting.request(number)) == ""
    assert "open already" in setting.open(setting.request(99))
    assert setting.open(setting.request(1))


def test_the_end_says_what_happened(setting: Setting) -> None:
    setting.open()
    for number in range(12):
        setting.change(b"/var/www/app/%d" % number, action="created")
    setting.change(b"/var/www/app/1", action="deleted")
    setting.fresh()  # counts are on disk with the changes
    setting.journal.wrote()
    assert setting.windows.close("w00000001", "1001", "done") is not None
    assert setting.windows.close("w00000001", "1001") is None
    setting.journal.commit()
    opened, closed = setting.told()
    assert (opened.action, closed.action) == ("opened", "closed")
    assert opened.paths == ("/var/www/app",)
    assert closed.actions == {"created": 12, "deleted": 1}
    assert len(closed.sample) == 10
    assert closed.by == "1001"
    assert closed.reason == "release 7; closed: done"
    assert closed.until == setting.clocks.wall


def test_the_list_of_old_windows_is_bounded(setting: Setting) -> None:
    for number in range(KEEP + 5):
        setting.open(setting.request(number))
        setting.journal.wrote()
        setting.windows.close(f"w{number:08x}", "0")
        setting.journal.commit()
    assert len(read_windows(setting.baseline.connection)) == KEEP


def test_a_reason_that_names_a_citizen_is_masked(setting: Setting) -> None:
    setting.open(setting.request(reason="data of 3273011708900003\x1b[2J"))
    assert "3273011708900003" not in setting.told()[0].reason
    assert "\x1b" not in setting.told()[0].reason


def test_no_table_no_windows() -> None:
    connection = sqlite3.connect(":memory:")
    assert read_windows(connection) == []
    connection.close()
