"""What must not happen: a difference that is forgotten, or one that nobody can get rid of."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.files.attributes import Attributes
from collectors.files.compare import Row
from collectors.files.deploy.drift import GIT, OVERFLOW, Drift, pack, read_drift, same_state, unpack
from collectors.files.scope import Scope, split
from collectors.files.tell import Place, Subject
from collectors.kinds import FileChange, Scrubbed
from collectors.paths import SafePath
from tests.collectors.files.deploy.test_windows import NOWHERE, Setting

FILE = Row(5, 1, 10, 10, 3, 0o100644, 0, 0, "hashed", b"a" * 32)
OTHER = FILE._replace(digest=b"b" * 32, ctime=20)
LINK = Row(6, 1, 10, 10, 3, 0o120777, 0, 0)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (FILE, OTHER, False),
        (FILE, FILE._replace(mode=0o104644), False),
        (FILE, FILE._replace(uid=1), False),
        (FILE, None, False),
        (FILE, LINK, False),
        (LINK, LINK._replace(mtime=11), False),
        (FILE, FILE._replace(outcome="sampled"), False),
        (FILE._replace(outcome="unstable"), FILE, False),
        (
            FILE._replace(outcome="unreadable", digest=None),
            FILE._replace(outcome="unreadable", digest=None, mtime=11),
            False,
        ),
        (FILE, FILE._replace(inode=9, ctime=99, mtime=99, again=True, silent=True), True),
        (Row(1, 1, 1, 1, 40, 0o40755, 0, 0), Row(1, 1, 2, 2, 80, 0o40755, 0, 0), True),
        (None, None, True),
        (FILE, FILE._replace(attributes=Attributes(capabilities="cap_net_raw=ep")), False),
        (FILE._replace(attributes=None), FILE._replace(attributes=Attributes(flags="i")), True),
    ],
)
def test_same_state(one: Row | None, other: Row | None, same: bool) -> None:
    assert same_state(one, other) is same
    assert same_state(other, one) is same


@given(st.integers(0, 2**63), st.none() | st.binary(min_size=32, max_size=32))
def test_rows_survive(number: int, digest: bytes | None) -> None:
    row = FILE._replace(inode=number, digest=digest)
    assert unpack(pack(row)) == row
    assert unpack(pack(None)) is None


class Table:
    """Drift over a database."""

    def __init__(self, setting: Setting, limit: int = 1000) -> None:
        self.setting = setting
        self.drift = Drift(
            setting.baseline.connection, setting.journal, setting.clocks.now, limit=limit
        )

    def change(self, path: bytes, row: Row | None, now: Row | None, window: str = "") -> None:
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
        record = FileChange(action="x", path=Scrubbed(path.decode()), window=window or None)
        self.setting.clocks.pass_by(1)
        self.drift(record, Subject(place, name, name), row, now)
        self.setting.journal.commit()

    def paths(self, top: bytes = b"") -> list[bytes]:
        return [one.path for one in read_drift(self.setting.baseline.connection, top)]

    def accept(self, *paths: bytes, upto: int | None = None) -> int:
        self.setting.journal.wrote()
        number, _ = self.drift.accept(paths, upto or self.setting.clocks.wall)
        self.setting.journal.commit()
        return number


@pytest.fixture
def table(tmp_path: Path) -> Iterator[Table]:
    setting = Setting(tmp_path)
    yield Table(setting)
    setting.baseline.close()
    setting.context.close()


def test_the_first_change_keeps_what_stood_there(table: Table) -> None:
    table.change(b"/w/a", FILE, OTHER)
    since = table.setting.clocks.wall
    table.change(b"/w/a", OTHER, OTHER._replace(mode=0o100600), window="w1")
    (one,) = read_drift(table.setting.baseline.connection)
    assert one.accepted == FILE
    assert (one.since, one.last, one.window) == (since, table.setting.clocks.wall, "w1")


def test_a_change_back_is_no_difference(table: Table) -> None:
    table.change(b"/w/a", FILE, OTHER)
    table.change(b"/w/a", OTHER, FILE._replace(inode=77, ctime=30, mtime=30))
    assert table.paths() == []
    assert len(table.drift) == 0
    table.change(b"/w/new", None, FILE)
    table.change(b"/w/new", FILE, None)
    table.change(b"/w/short", None, None)
    table.change(b"/w/times", FILE, FILE._replace(mtime=50, ctime=50))
    assert table.paths() == []


def test_gone_and_back_with_other_content(table: Table) -> None:
    table.change(b"/w/a", FILE, None)
    table.change(b"/w/a", None, OTHER)
    (one,) = read_drift(table.setting.baseline.connection)
    assert one.accepted == FILE


def test_accept_only_what_was_named_and_seen(table: Table) -> None:
    for path in (b"/w/a", b"/w/b/c", b"/w/b", b"/wider", b"/w.x"):
        table.change(path, FILE, OTHER)
    seen = table.setting.clocks.wall
    table.change(b"/w/b/late", FILE, OTHER)
    assert table.accept(b"/w/b", upto=seen) == 2
    assert table.paths() == [b"/w.x", b"/w/a", b"/w/b/late", b"/wider"]
    assert table.paths(b"/w") == [b"/w/a", b"/w/b/late"]
    assert table.accept(upto=seen) == 3
    assert table.paths() == [b"/w/b/late"]
    assert len(table.drift) == 1


def test_more_than_is_kept_is_counted(table: Table) -> None:
    small = Table(table.setting, limit=2)
    for name in (b"/w/a", b"/w/b", b"/w/c", b"/w/d"):
        small.change(name, FILE, OTHER)
    assert len(small.paths()) == 2
    assert small.setting.baseline.get(OVERFLOW) == 2
    small.change(b"/w/a", OTHER, FILE)
    small.change(b"/w/d", OTHER, LINK)
    assert small.paths() == [b"/w/b", b"/w/d"]
    small.accept()
    assert small.setting.baseline.get(OVERFLOW) is None


def test_what_is_explained_is_accepted_and_counted(table: Table) -> None:
    table.change(b"/w/a", FILE, OTHER)
    table.drift.accept_one(SafePath(b"/w/a"), GIT)
    table.drift.accept_one(SafePath(b"/w/none"), GIT)
    table.setting.journal.commit()
    assert table.paths() == []
    assert table.setting.baseline.get(GIT) == 1
    assert not table.drift.drifted(SafePath(b"/w/a"))


def test_what_is_watched_no_longer_is_forgotten(table: Table) -> None:
    for path in (b"/w/a", b"/x/a", b"/w/cache/deep/a", b"/w/b.log"):
        table.change(path, FILE, OTHER)
    table.setting.baseline.begin()
    table.drift.keep_within(Scope([b"/w"], ["cache", "*.log"]))
    table.setting.baseline.commit()
    assert table.paths() == [b"/w/a"]
    assert len(table.drift) == 1


def test_taken_back_with_its_change(table: Table) -> None:
    table.setting.journal.wrote()
    record = FileChange(action="x", path=Scrubbed("/w/a"))
    place = Place(b"/w", SafePath(b"/w"), -1, NOWHERE, "watch", fresh=False, silent=False)
    table.drift(record, Subject(place, b"a", b"a"), FILE, OTHER)
    table.setting.journal.rollback()
    assert table.paths() == []
