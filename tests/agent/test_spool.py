"""The spool must not lose, reorder, renumber or invent an event."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.spool import Spool, SpoolClosed
from agent.spool.inspect import inspect
from collectors.api import Stopped
from collectors.kinds import (
    EventQuarantined,
    FileChange,
    Scrubbed,
    SensitiveData,
    Severity,
    SpoolDropped,
    SpoolRecreated,
    VisibilityLost,
)
from collectors.sighting import Sighting
from tests.agent.spool_helpers import drain, flush, of_kind, open_spool, sighting
from tests.patience import until


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    """A fresh spool."""
    with contextlib.closing(open_spool(tmp_path)) as opened:
        yield opened


def test_begins_quietly(spool: Spool, tmp_path: Path) -> None:
    """A first start is no incident."""
    flush(spool)
    assert spool.pending(0).empty
    assert spool.epoch > 1_600_000_000
    assert (tmp_path / "epoch").read_text() == f"{spool.epoch}\n"
    assert (tmp_path / "spool.db").stat().st_mode & 0o777 == 0o600


def test_numbers_in_order_without_holes(spool: Spool) -> None:
    """Order of arrival is the order of sequences."""
    for number in range(2500):
        spool.append([sighting(str(number))])
    flush(spool)
    events = drain(spool, limit=499)
    assert [event["event.sequence"] for event in events] == list(range(1, 2501))
    assert [event["file.path"] for event in events] == [f"/{n}" for n in range(2500)]


def test_acknowledged_events_do_not_come_back(tmp_path: Path) -> None:
    """Nor is anything above the acknowledgement deleted."""
    with contextlib.closing(open_spool(tmp_path)) as spool:
        spool.handover("files", 7, [sighting(str(n)) for n in range(10)])
        spool.pending(0, 6)
        spool.acknowledge(spool.epoch, 6)
        flush(spool)
        epoch = spool.epoch
    with contextlib.closing(open_spool(tmp_path)) as spool:
        assert (spool.epoch, spool.acknowledged, spool.last) == (epoch, 6, 10)
        assert [event["event.sequence"] for event in drain(spool)] == [7, 8, 9, 10]
        assert spool.cursor("files") == 7
        assert spool.cursor("other") == 0


def test_acknowledgement_of_another_epoch_is_ignored(spool: Spool) -> None:
    """An answer that was under way during a new epoch says nothing about it."""
    spool.handover("files", 1, [sighting()])
    spool.pending(0)
    spool.acknowledge(spool.epoch - 1, 1)
    assert spool.acknowledged == 0


def test_a_batch_is_bounded_by_bytes(spool: Spool) -> None:
    """A batch stays far below what the wire refuses."""
    spool.handover("files", 1, [sighting(pad=1 << 20) for _ in range(8)])
    assert 1 <= len(spool.pending(0, 500).bodies) <= 3
    assert len(drain(spool)) == 8


@pytest.mark.parametrize("bad", [{"size": 1 << 70}, {"mtime": -(1 << 70)}])
def test_a_record_that_cannot_travel_is_the_sensors_mistake(
    spool: Spool, bad: dict[str, int]
) -> None:
    """It must not reach the writer, which everybody shares."""
    record = FileChange(action="created", path=Scrubbed("/x"), **bad)  # type: ignore[arg-type]
    with pytest.raises((OverflowError, ValueError)):
        spool.append([Sighting(record=record, observed=1, module="files")])
    with pytest.raises(ValueError, match="7"):
        spool.append([Sighting(record=record, observed=1, module="files", severity=7)])
    spool.handover("files", 1, [sighting()])
    assert spool.last == 1


def test_urgent_events_are_found_behind_a_backlog(spool: Spool) -> None:
    """Neighbours come in one batch, others each in their own."""
    leak = SensitiveData(path=Scrubbed("/d"), tallies=(), types=("nik",), count=9, score=90)
    spool.handover("files", 1, [sighting() for _ in range(600)])
    spool.handover(
        "x",
        1,
        [
            sighting("crit", Severity.CRITICAL),
            Sighting(record=leak, observed=1, module="exposure"),
            sighting("high", Severity.HIGH),
            sighting("crit", Severity.CRITICAL),
        ],
    )
    runs = spool.urgent(500)
    assert [(run.first, run.last, len(run.bodies)) for run in runs] == [
        (601, 602, 2),
        (604, 604, 1),
    ]
    assert spool.urgent(604) == []


def test_quarantine_takes_out_one_event_and_says_so(spool: Spool, tmp_path: Path) -> None:
    """The refused event stays on the host, its place is settled."""
    spool.handover("files", 1, [sighting(str(n)) for n in range(3)])
    spool.pending(0)
    spool.quarantine(2, "file.path: expected str \u202e 3271046504930002")
    batch = spool.pending(0)
    assert [(gap.first, gap.last, gap.cause) for gap in batch.skipped] == [(2, 2, "quarantined")]
    (told,) = of_kind(drain(spool), EventQuarantined)
    assert told["ronda.spool.sequence"] == 2
    assert told["ronda.spool.kind"] == "file.change"
    assert "\u202e" not in str(told["event.reason"])
    status, held = inspect(tmp_path / "spool.db")
    assert status.quarantined == 1
    assert [(item.sequence, item.epoch) for item in held] == [(2, spool.epoch)]
    spool.quarantine(2, "again")
    assert spool.status().quarantined == 1


def test_full_spool_drops_the_lowest_class_first(tmp_path: Path) -> None:
    """High events outlive floods of low ones; the tombstone counts exactly."""
    with contextlib.closing(open_spool(tmp_path, max_bytes=60_000)) as spool:
        spool.handover("a", 1, [sighting(f"h{n}", Severity.HIGH) for n in range(50)])
        for _ in range(20):
            spool.handover("a", 1, [sighting("low", Severity.LOW) for _ in range(50)])
            spool.handover("a", 1, [sighting("flow", Severity.FLOW) for _ in range(20)])
        assert spool.status().bytes <= 60_000
        events = drain(spool)
        (stone,) = of_kind(events, SpoolDropped)
        kept = of_kind(events, FileChange)
        high = [event for event in kept if event["event.severity"] == Severity.HIGH]
        low = [event for event in kept if event["event.severity"] == Severity.LOW]
        assert len(high) == 50
        assert stone["ronda.spool.dropped"] == {"flow": 400, "low": 1000 - len(low)}
        assert [event["file.path"] for event in low[-1:]] == ["/low"]


def test_a_tombstone_on_its_way_is_not_rewritten(tmp_path: Path) -> None:
    """The collector ignores a second version of a sequence, so later drops need a new one."""
    with contextlib.closing(open_spool(tmp_path, max_bytes=20_000)) as spool:
        for _ in range(2):
            spool.handover("a", 1, [sighting() for _ in range(500)])
            stones = of_kind(drain(spool), SpoolDropped)
        kept = len(of_kind(drain(spool), FileChange))
        assert len(stones) == 2
        counts = [stone["ronda.spool.dropped"] for stone in stones]
        assert sum(count["low"] for count in counts) == 1000 - kept  # type: ignore[index]


def test_tombstones_do_not_crowd_out_events(tmp_path: Path) -> None:
    """While the collector is away each attempt to send makes a tombstone final."""
    spool = open_spool(tmp_path, max_bytes=64 << 10)
    dropped = 0
    for number in range(400):
        spool.append([sighting(f"{number}-{each}") for each in range(20)])
        flush(spool)
        spool.pending(spool.acknowledged)
        spool.pending(spool.last - 1, 1)  # handed out to its end
    status = spool.status()
    assert status.bytes <= 64 << 10
    assert status.by_class["high"].bytes < 16 << 10
    assert status.by_class["low"].events > 200
    events = drain(spool)
    for stone in of_kind(events, SpoolDropped):
        counts = stone["ronda.spool.dropped"]
        assert isinstance(counts, dict)
        dropped += sum(counts.values())
    assert dropped + status.by_class["low"].events == 400 * 20
    spool.close()


def test_quarantine_is_bounded_by_bytes(tmp_path: Path) -> None:
    """Refused events are large ones as a rule."""
    spool = open_spool(tmp_path)
    for number in range(12):
        spool.append([sighting(f"{number}", pad=2 << 20)])
        flush(spool)
        spool.quarantine(spool.last, "too large")
    assert 5 <= spool.status().quarantined <= 8
    _, held = inspect(tmp_path / "spool.db")
    assert b"/11xx" in held[-1].body
    spool.close()


def test_only_the_newest_damaged_copy_is_kept(tmp_path: Path) -> None:
    """Each may be as large as the spool."""
    for _ in range(3):
        (tmp_path / "spool.db").write_bytes(b"no database" * 500)
        open_spool(tmp_path).close()
    assert len(list(tmp_path.glob("spool.db.corrupt-*"))) == 1


def test_the_file_stays_near_its_bound(tmp_path: Path) -> None:
    """SQLite reuses the pages of evicted and acknowledged events."""
    bound = 1 << 20
    with contextlib.closing(open_spool(tmp_path, max_bytes=bound)) as spool:
        for _ in range(30):
            spool.handover("a", 1, [sighting(pad=400) for _ in range(500)])
        size = sum((tmp_path / name).stat().st_size for name in ("spool.db", "spool.db-wal"))
    assert size < 2 * bound + (8 << 20)


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: b"not a database, but long enough to be read as one" * 100,
        lambda data: data[: len(data) // 2],
        lambda data: data[:4096] + os.urandom(len(data) - 4096),
        lambda data: data[:100] + b"\xff" * 3996 + data[4096:],
    ],
    ids=["empty", "text", "cut", "noise", "schema"],
)
def test_a_damaged_file_is_moved_aside(tmp_path: Path, damage: object) -> None:
    """The agent starts anyway, in a new epoch, and says so."""
    with contextlib.closing(open_spool(tmp_path)) as spool:
        spool.handover("files", 3, [sighting() for _ in range(200)])
        epoch = spool.epoch
    path = tmp_path / "spool.db"
    path.write_bytes(damage(path.read_bytes()))  # type: ignore[operator]
    with contextlib.closing(open_spool(tmp_path)) as spool:
        flush(spool)
        assert spool.epoch > epoch
        (told,) = drain(spool)
        assert (told["event.reason"], told["ronda.spool.previous_epoch"]) == ("corrupt", epoch)
        assert (tmp_path / str(told["file.path"])).exists()


def test_damage_met_while_running_costs_no_new_event(tmp_path: Path) -> None:
    """What arrives while the file breaks goes into the new one."""
    with contextlib.closing(open_spool(tmp_path)) as spool:
        spool.handover("files", 3, [sighting(pad=3000) for _ in range(200)])
        epoch = spool.epoch
        database = spool._writer.database
        database.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        database.connection.execute("PRAGMA cache_size=0")
        with (tmp_path / "spool.db").open("r+b") as file:
            file.seek(4096)
            file.write(os.urandom((tmp_path / "spool.db").stat().st_size - 4096))
        spool.handover("files", 4, [sighting("survivor")])
        events = drain(spool)
        assert spool.epoch > epoch
        assert [e["event.reason"] for e in of_kind(events, SpoolRecreated)] == ["corrupt"]
        assert [e["file.path"] for e in of_kind(events, FileChange)] == ["/survivor"]
        assert spool.cursor("files") == 4


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    """Somebody deleted the spool: its epoch is remembered outside."""
    with contextlib.closing(open_spool(tmp_path)) as spool:
        epoch = spool.epoch
    (tmp_path / "spool.db").unlink()
    with contextlib.closing(open_spool(tmp_path)) as spool:
        flush(spool)
        (told,) = drain(spool)
        assert (told["event.reason"], told["ronda.spool.previous_epoch"]) == ("missing", epoch)
        assert spool.epoch > epoch


def test_an_older_copy_is_noticed_by_the_acknowledgement(tmp_path: Path) -> None:
    """Its new events must not hide behind sequences that the collector has already."""
    with contextlib.closing(open_spool(tmp_path)) as spool:
        spool.handover("files", 1, [sighting("first")])
        epoch = spool.epoch
    copy = (tmp_path / "spool.db").read_bytes()
    with contextlib.closing(open_spool(tmp_path)) as spool:
        spool.handover("files", 2, [sighting(str(n)) for n in range(9)])
        spool.pending(0)
        spool.acknowledge(epoch, 10)
        flush(spool)
    (tmp_path / "spool.db").write_bytes(copy)
    with contextlib.closing(open_spool(tmp_path)) as spool:
        # More than the collector holds: the last number alone tells nothing.
        spool.handover("files", 2, [sighting(f"new{n}") for n in range(20)])
        assert spool.epoch == epoch
        spool.acknowledge(epoch, 10)
        assert spool.epoch > epoch
        events = drain(spool)
        assert [e["event.sequence"] for e in events] == list(range(1, 23))
        assert [e["event.reason"] for e in of_kind(events, SpoolRecreated)] == ["rolled_back"]
        assert {f"/new{n}" for n in range(20)} <= {e.get("file.path") for e in events}


def test_an_older_copy_is_noticed_by_the_epoch_file(tmp_path: Path) -> None:
    """The copy is from before the spool was begun anew."""
    with contextlib.closing(open_spool(tmp_path)) as spool:
        spool.handover("files", 1, [sighting("kept")])
        epoch = spool.epoch
    (tmp_path / "epoch").write_text(str(epoch + 5))
    with contextlib.closing(open_spool(tmp_path)) as spool:
        flush(spool)
        assert spool.epoch == epoch + 6
        assert [e["event.sequence"] for e in drain(spool)] == [1, 2]


def test_a_restored_collector_gets_a_new_epoch(spool: Spool) -> None:
    """It can never acknowledge past what it lost and we deleted."""
    spool.handover("files", 1, [sighting(str(n)) for n in range(10)])
    spool.pending(0)
    epoch = spool.epoch
    spool.acknowledge(epoch, 8)
    flush(spool)
    spool.acknowledge(epoch, 3)
    assert spool.epoch > epoch
    events = drain(spool)
    assert [e["file.path"] for e in of_kind(events, FileChange)] == ["/8", "/9"]


def test_another_identity_begins_at_one(tmp_path: Path) -> None:
    """The collector knows nothing of the sequences of the identity before."""
    with contextlib.closing(open_spool(tmp_path)) as spool:
        spool.handover("files", 1, [sighting(str(n)) for n in range(10)])
        spool.pending(0)
        spool.acknowledge(spool.epoch, 8)
        flush(spool)
        epoch = spool.epoch
    with contextlib.closing(open_spool(tmp_path, agent="agent-2")) as spool:
        assert spool.epoch > epoch
        assert [e["event.sequence"] for e in drain(spool)] == [1, 2]


def test_a_full_disk_blocks_nothing_for_ever(tmp_path: Path) -> None:
    """Events wait in memory, the operator reads why, an event tells of the time."""
    problems: list[str | None] = []
    with contextlib.closing(Spool(tmp_path, agent="a", on_problem=problems.append)) as spool:
        flush(spool)
        connection = spool._writer.database.connection
        with spool._writer.lock:
            (pages,) = connection.execute("PRAGMA page_count").fetchone()
            connection.execute(f"PRAGMA max_page_count={pages}")
        spool.append([sighting(str(n), pad=500) for n in range(300)])
        until(lambda: bool(problems))
        assert str(problems[0]).startswith("disk full: ")
        assert spool.last == 0
        stopping = threading.Event()
        stopping.set()
        with pytest.raises(Stopped):
            spool.handover("files", 1, [], stopping)
        with spool._writer.lock:
            connection.execute("PRAGMA max_page_count=1000000")
        until(lambda: spool.last == 301)
        assert problems[1:] == [None]
        events = drain(spool)
        (lost,) = of_kind(events, VisibilityLost)
        assert lost["ronda.visibility.cause"] == "disk_full"
        assert str(of_kind(events, FileChange)[0]["file.path"]).startswith("/0x")


def test_a_full_disk_drops_the_least_important_and_counts(tmp_path: Path) -> None:
    """Memory is bounded too."""
    with contextlib.closing(open_spool(tmp_path)) as spool:
        flush(spool)
        connection = spool._writer.database.connection
        with spool._writer.lock:
            (pages,) = connection.execute("PRAGMA page_count").fetchone()
            connection.execute(f"PRAGMA max_page_count={pages}")
        spool.append([sighting(str(n), pad=500) for n in range(300)])
        until(lambda: spool._writer.queue._lossy)
        for _ in range(10):
            spool.append([sighting("high", Severity.HIGH) for _ in range(100)])
        for _ in range(110):
            spool.append([sighting("low") for _ in range(100)])
        with spool._writer.lock:
            connection.execute("PRAGMA max_page_count=1000000")
        until(lambda: spool.last >= 10_301)
        events = drain(spool)
        (lost,) = of_kind(events, VisibilityLost)
        paths = [str(e["file.path"]) for e in of_kind(events, FileChange)]
        assert paths.count("/high") == 1000
        assert lost["event.reason"] == f"dropped from memory: {11_000 - paths.count('/low')} low"


def test_a_closed_spool_says_so(tmp_path: Path) -> None:
    """Nobody waits for a writer that is gone."""
    spool = open_spool(tmp_path)
    spool.append([sighting()])
    spool.close()
    with pytest.raises(SpoolClosed):
        spool.append([sighting()])
    with pytest.raises(SpoolClosed):
        spool.handover("a", 1, [])
    with pytest.raises(SpoolClosed):
        spool.pending(0)
    with contextlib.closing(open_spool(tmp_path)) as again:
        assert len(drain(again)) == 1


_CHILD = """
import sys
from pathlib import Path
from tests.agent.spool_helpers import open_spool, sighting
spool = open_spool(Path(sys.argv[1]), max_bytes=200_000)
upto = spool.cursor("files")
while True:
    upto += 1
    spool.append([sighting(f"queued{upto}")])
    spool.handover("files", upto, [sighting(f"f{upto}.{n}") for n in range(3)])
    print(upto, flush=True)
"""


def test_sigkill_loses_nothing_that_was_handed_over(tmp_path: Path) -> None:
    """And leaves no hole in the sequences: 8 kills at arbitrary points."""
    told = 0
    for round_ in range(8):
        with subprocess.Popen(
            [sys.executable, "-c", _CHILD, str(tmp_path)], stdout=subprocess.PIPE, text=True
        ) as child:
            assert child.stdout is not None
            for _ in range(5 + 7 * round_):
                told = int(child.stdout.readline())
            child.send_signal(signal.SIGKILL)
            for line in child.stdout:
                if line.endswith("\n"):
                    told = int(line)
    with contextlib.closing(open_spool(tmp_path)) as spool:
        assert spool.cursor("files") >= told
        events = drain(spool)
        assert spool.status().by_class.keys() == {"low"}
        paths = [event["file.path"] for event in events]
        handed = [path for path in paths if str(path).startswith("/f")]
        assert handed == [
            f"/f{u}.{n}" for u in range(1, spool.cursor("files") + 1) for n in range(3)
        ]


def test_inspect_reads_beside_a_running_agent(spool: Spool, tmp_path: Path) -> None:
    """``spool show`` needs no stop, and a stranger file is no crash."""
    spool.handover("a", 1, [sighting("x", Severity.HIGH), sighting("y")])
    status, _ = inspect(tmp_path / "spool.db")
    assert {name: count.events for name, count in status.by_class.items()} == {"low": 1, "high": 1}
    (tmp_path / "other").write_text("x")
    with pytest.raises(sqlite3.DatabaseError):
        inspect(tmp_path / "other")
