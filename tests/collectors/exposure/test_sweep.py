"""What must not happen: a file is never looked into, a finding outlives its file, the sweep works
in office hours, an unmounted disk counts as a cleaned one."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from collectors.exposure.examine import Signature
from collectors.exposure.select import Scope
from collectors.exposure.settings import ExposureSettings
from collectors.exposure.state import State
from collectors.exposure.sweep import Sweep
from collectors.paths import PathGuard, SafePath

GUARD = PathGuard(b"k" * 32)
NOON = time.mktime((2026, 1, 14, 12, 0, 0, 0, 0, -1))
NIGHT = NOON + 10 * 3600


class Site:
    """A web root, another path, and the state of a sensor that looks into them."""

    def __init__(self, directory: Path) -> None:
        self.web, self.home = directory / "www", directory / "home"
        for folder in (self.web, self.home):
            folder.mkdir()
        self.state = State(directory / "state")
        self.time = NOON
        self.busy = False
        self.rules = "1"

    def sweep(self, **settings: str | float) -> Sweep:
        """Return a new sweep, as after a restart."""
        chosen = ExposureSettings(
            paths=(str(self.home), str(self.web)),
            web_roots=(str(self.web),),
            **settings,  # type: ignore[arg-type]
        )
        return Sweep(
            chosen,
            Scope(chosen),
            GUARD,
            self.state,
            self.rules,
            now=lambda: self.time,
            pressure=lambda: self.busy,
        )

    def look(self, sweep: Sweep, *, digest: str = "") -> list[str]:
        """Look into what is in line, as the sensor does; return the names."""
        names = []
        while (pending := self.state.newest()) is not None:
            real = os.fsdecode(bytes(pending.path))
            with self.state.connection:
                self.state.done(pending)
                if os.path.lexists(real):
                    signature = Signature.of(os.lstat(real))
                    self.state.remember(pending.path, signature, digest, self.rules)
                else:
                    self.state.forget(pending.path)
            sweep.looked(pending.path)
            names.append(os.path.basename(real))
        return names

    def run(self, sweep: Sweep) -> list[str]:
        """Go on until nothing is left to do now; return the names that were looked into."""
        names = []
        while sweep.step():
            names += self.look(sweep)
        return names


@pytest.fixture
def site(tmp_path: Path):  # type: ignore[no-untyped-def]
    made = Site(tmp_path)
    yield made
    made.state.close()


def test_other_paths_wait_for_the_night_web_roots_do_not(site: Site) -> None:
    (site.web / "a.sql").write_text("x" * 100)
    (site.home / "b.sql").write_text("x" * 100)
    sweep = site.sweep()
    assert site.run(sweep) == ["a.sql"]
    assert sweep.coverage() == {"sweep": "due", "sweep_waits": 8 * 3600}
    site.time = NIGHT
    assert site.run(sweep) == ["b.sql"]
    assert sweep.coverage() == {"sweep": "complete", "sweep_begin": round(NIGHT)}


def test_nothing_is_read_twice_until_it_changes(site: Site) -> None:
    for number in range(200):
        (site.web / f"{number}.txt").write_text("x" * 100)
    site.time = NIGHT
    assert len(site.run(site.sweep())) == 200
    assert site.run(site.sweep()) == []  # the pass is remembered
    (site.web / "7.txt").write_text("changed")
    site.time += 86400
    sweep = site.sweep()
    assert site.run(sweep) == ["7.txt"]
    assert sweep.coverage()["sweep"] == "complete"


def test_a_pass_by_interval_waits_for_its_hours(site: Site) -> None:
    site.run(site.sweep(sweep_hours="always"))
    (site.web / "new.txt").write_text("x" * 100)
    site.time += 86400
    sweep = site.sweep()
    assert site.run(sweep) == []
    site.time = NIGHT + 86400
    assert site.run(sweep) == ["new.txt"]


def test_new_rules_read_everything_again_and_at_once_in_web_roots(site: Site) -> None:
    (site.web / "a.sql").write_text("x" * 100)
    assert site.run(site.sweep()) == ["a.sql"]
    site.rules = "2"
    assert site.run(site.sweep()) == ["a.sql"]
    assert site.run(site.sweep()) == []


def test_rules_that_come_while_it_runs_begin_another_pass(site: Site) -> None:
    (site.web / "a.sql").write_text("x" * 100)
    sweep = site.sweep()
    assert site.run(sweep) == ["a.sql"]
    sweep.use("1")
    assert site.run(sweep) == []
    site.rules = "2"
    sweep.use("2")
    assert site.run(sweep) == ["a.sql"]
    assert site.run(sweep) == []


def test_killed_in_the_middle_it_goes_on_where_it_was(site: Site) -> None:
    for number in range(300):
        (site.web / f"{number:03}.txt").write_text("x" * 100)
    sweep = site.sweep()
    first: list[str] = []
    while len(first) < 100:
        sweep.step()
        first += site.look(sweep)
    rest = site.run(site.sweep())
    assert sorted(first + rest) == [f"{number:03}.txt" for number in range(300)]


def test_progress_is_told_and_never_goes_back(site: Site) -> None:
    for number in range(300):
        (site.web / f"{number:03}.txt").write_text("x" * (number + 100))
    sweep = site.sweep()
    seen = []
    while sweep.step():
        site.look(sweep)
        if "sweep_percent" in (said := sweep.coverage()):
            seen.append(said)
    percents = [float(said["sweep_percent"]) for said in seen]
    assert percents == sorted(percents)
    assert percents[0] == 0.0
    assert percents[-1] == 100.0
    assert any(0 < percent < 100 for percent in percents)
    assert seen[-1]["sweep_total_bytes"] == seen[-1]["sweep_bytes"]
    assert seen[-1]["sweep_files"] == 300


def test_what_is_gone_is_put_in_line(site: Site) -> None:
    kept, gone = site.web / "kept.sql", site.web / "gone.sql"
    deep = site.web / "old" / "site"
    deep.mkdir(parents=True)
    (deep / "deep.sql").write_text("x" * 100)
    for path in (kept, gone):
        path.write_text("x" * 100)
    site.time = NIGHT
    site.run(site.sweep())
    gone.unlink()
    (deep / "deep.sql").unlink()
    deep.rmdir()
    deep.parent.rmdir()
    site.time += 86400
    assert sorted(site.run(site.sweep())) == ["deep.sql", "gone.sql"]


def test_an_unmounted_disk_is_no_cleaned_one(site: Site) -> None:
    path = site.web / "on-the-disk.sql"
    path.write_text("x" * 100)
    site.run(site.sweep())
    safe = SafePath(os.fsencode(path))
    path.unlink()
    with site.state.connection as connection:  # it was on another device than its folder is now
        connection.execute("UPDATE known SET device = device + 1 WHERE path = ?", (safe,))
    site.time = NIGHT + 86400
    assert site.run(site.sweep()) == []
    assert site.state.known(safe) is not None


def test_a_busy_machine_is_left_alone_but_not_for_ever(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    (site.web / "a.sql").write_text("x" * 100)
    site.busy = True
    sweep = site.sweep()
    assert sweep.step()
    assert not sweep.step()
    monkeypatch.setattr("collectors.exposure.sweep._REST", 0.0)
    monkeypatch.setattr(sweep, "_rest", 0.0)
    assert site.run(sweep) == ["a.sql"]


def test_interval_zero_sweeps_once(site: Site) -> None:
    site.run(site.sweep(sweep_interval=0, sweep_hours="always"))
    (site.web / "later.txt").write_text("x" * 100)
    site.time += 40 * 86400
    assert site.run(site.sweep(sweep_interval=0, sweep_hours="always")) == []


def test_a_clock_that_was_set_back_does_not_stop_it(site: Site) -> None:
    site.time = NIGHT + 365 * 86400
    site.run(site.sweep(sweep_hours="always"))
    (site.web / "later.txt").write_text("x" * 100)
    site.time = NIGHT
    assert site.run(site.sweep(sweep_hours="always")) == ["later.txt"]


def test_the_flag_of_an_older_version_means_sweep_again(site: Site) -> None:
    (site.web / "a.sql").write_text("x" * 100)
    site.state.set_flag("swept", "0" * 64)
    assert site.run(site.sweep()) == ["a.sql"]


def test_with_new_rules_it_is_not_called_complete_while_it_waits_for_the_night(site: Site) -> None:
    (site.home / "b.sql").write_text("x" * 100)
    site.time = NIGHT
    site.run(site.sweep())
    site.time, site.rules = NIGHT + 12 * 3600, "2"
    sweep = site.sweep()
    assert site.run(sweep) == []
    assert sweep.coverage()["sweep"] == "due"


def test_a_path_that_is_too_long_for_the_kernel_is_looked_into_or_named(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    descriptor = os.open(site.web, os.O_RDONLY)
    for number in range(20):
        name = f"{number:02d}" + "d" * 248
        os.mkdir(name, dir_fd=descriptor)
        inner = os.open(name, os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = inner
    os.close(os.open("hidden.sql", os.O_CREAT | os.O_WRONLY, dir_fd=descriptor))
    os.close(descriptor)
    site.time = NIGHT
    sweep = site.sweep()
    looked = site.run(sweep)
    assert looked == ["hidden.sql"] or "cannot list" in caplog.text
    assert sweep.coverage().get("sweep_unlisted", 0) == (looked == [])


def test_an_entry_that_cannot_be_looked_at_does_not_end_the_pass(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("a.sql", "bad", "c.sql"):
        (site.web / name).write_text("x")
    scandir = os.scandir

    class Unknown:
        """An entry of a file system that does not say what it is, and does not answer."""

        def __init__(self, entry: os.DirEntry[bytes]) -> None:
            self.name, self.path = entry.name, entry.path

        def is_dir(self, *, follow_symlinks: bool) -> bool:
            raise PermissionError

    @contextmanager
    def some(path: bytes) -> Iterator[list[object]]:
        with scandir(path) as entries:
            yield [Unknown(one) if one.name == b"bad" else one for one in entries]

    monkeypatch.setattr(os, "scandir", some)
    assert site.run(site.sweep()) == ["a.sql", "c.sql"]
    assert "cannot list" in caplog.text
