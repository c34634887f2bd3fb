"""The sensor with its real child and database: what is told, once, and what is not."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec
import pytest

from collectors.api import Stopped
from collectors.exposure.examine import Signature
from collectors.exposure.sensor import ExposureSensor
from collectors.exposure.settings import ExposureSettings
from collectors.exposure.state import FILE, Queue, State, connect, set_aside
from collectors.exposure.worker import Worker
from collectors.kinds import ExposureCleared, ScanIncomplete, SensitiveData, Severity
from collectors.knowledge import Manifest, Register, Signed
from collectors.paths import SafePath
from tests.collectors.content.citizens import leaks, make_niks
from tests.collectors.exposure.context import FakeContext
from tests.patience import PATIENCE, until

NIKS = make_niks(300)


@pytest.fixture
def web(tmp_path: Path) -> Path:
    folder = tmp_path / "web"
    folder.mkdir()
    return folder


def dump(niks: list[str]) -> str:
    rows = ",".join(f"({number},'{nik}','Warga')" for number, nik in enumerate(niks))
    return (
        "CREATE TABLE `penduduk` (\n  `id` int,\n  `nik` varchar(16),\n  `nama` text\n);\n"
        f"INSERT INTO `penduduk` VALUES {rows};\n"
    )


@contextmanager
def running(
    tmp_path: Path, context: FakeContext, **changes: float
) -> Iterator[Callable[[Path], None]]:
    root = str(tmp_path / "web")
    settings = ExposureSettings(paths=(root,), web_roots=(root,), web_configs=(), **changes)  # type: ignore[arg-type]
    sensor = ExposureSensor(settings, context.state_dir)
    thread = threading.Thread(target=sensor.run, args=(context,))
    thread.start()
    try:
        yield lambda path: sensor.offer([context.guard.guard(os.fsencode(path))])
    finally:
        context.stopping.set()
        thread.join(PATIENCE)
        assert not thread.is_alive()
        context.stopping.clear()


def test_clean_files_media_and_links_are_not_told(tmp_path: Path, web: Path) -> None:
    context = FakeContext(tmp_path)
    (web / "clean.txt").write_text("tidak ada apa-apa di sini 1234567890123456\n")
    (web / "photo.jpg").write_text(dump(NIKS))
    (web / "secret.sql").write_text(dump(NIKS))
    (web / "link.sql").symlink_to(web / "secret.sql")
    os.mkfifo(web / "pipe.sql")
    with running(tmp_path, context) as offer:
        for name in ("clean.txt", "photo.jpg", "link.sql", "pipe.sql"):
            offer(web / name)
        offer(web / "secret.sql")
        records = context.wait(1)
        # Swept and offered, but one finding.
        marker = web / "marker.csv"
        marker.write_text("nik\n" + "\n".join(NIKS[:50]))
        offer(marker)
        records = context.wait(2)
    assert len(records) == 2
    assert {
        Path(str(record.path)).name for record in records if isinstance(record, SensitiveData)
    } == {
        "secret.sql",
        "marker.csv",
    }


def test_a_dump_in_a_web_root_is_critical(tmp_path: Path, web: Path) -> None:
    context = FakeContext(tmp_path)
    path = web / "backup.sql"
    path.write_text(dump(NIKS))
    with running(tmp_path, context) as offer:
        offer(path)
        (record,) = context.wait(1)
    assert isinstance(record, SensitiveData)
    assert record.types == ("nik",)
    assert record.count == 300
    assert record.tallies[0].column == "nik"
    assert record.reachable == "web_root"
    assert record.url_path == "/backup.sql"
    assert record.format == "sql"
    assert context.sightings[0].severity == Severity.CRITICAL
    assert record.sha256 is not None


def test_what_came_unnamed_after_the_sweep_is_found_when_its_directory_is_named(
    tmp_path: Path, web: Path
) -> None:
    """The files sensor names a directory when all of it is watched; until then nobody told us."""
    context = FakeContext(tmp_path)
    (web / "first.sql").write_text(dump(NIKS))
    with running(tmp_path, context):
        context.wait(1)
        until(lambda: _swept(context), "the first sweep is over")
        (web / "unnamed.sql").write_text(dump(NIKS[:200]))
    with running(tmp_path, context):  # nor does a restart sweep again
        time.sleep(0.3)
    assert len(context.records()) == 1
    with closing(Queue(context.state_dir)) as queue:  # as `offer` does while the sensor is down
        queue.put([SafePath(os.fsencode(tmp_path) + b"/")])
    with running(tmp_path, context):
        records = context.wait(2)
        until(lambda: _swept(context), "the second sweep is over")
    assert [str(record.path) for record in records if isinstance(record, SensitiveData)] == [
        str(web / "first.sql"),
        str(web / "unnamed.sql"),
    ]
    assert len(context.records()) == 2


def _swept(context: FakeContext) -> bool:
    with closing(sqlite3.connect(context.state_dir / FILE)) as state:
        return state.execute("SELECT 1 FROM meta WHERE name = 'swept'").fetchone() is not None


def test_an_unchanged_file_is_told_once_also_after_a_restart(tmp_path: Path, web: Path) -> None:
    context = FakeContext(tmp_path)
    path = web / "backup.sql"
    path.write_text(dump(NIKS))
    for _ in range(3):
        with running(tmp_path, context) as offer:
            offer(path)
            context.wait(1)
            other = web / f"other{time.monotonic_ns()}.csv"
            other.write_text("nik\n" + "\n".join(NIKS[:20]))
            before = len(context.records())
            offer(other)
            context.wait(before + 1)
    told = [
        record for record in context.records() if str(getattr(record, "path", "")).endswith(".sql")
    ]
    assert len(told) == 1


def test_touching_a_file_tells_nothing_new(tmp_path: Path, web: Path) -> None:
    context = FakeContext(tmp_path)
    path = web / "backup.sql"
    path.write_text(dump(NIKS))
    with running(tmp_path, context) as offer:
        offer(path)
        context.wait(1)
        os.utime(path)
        offer(path)
        other = web / "other.csv"
        other.write_text("nik\n" + "\n".join(NIKS[:20]))
        offer(other)
        assert len(context.wait(2)) == 2
        path.unlink()
        offer(path)
        assert [type(record) for record in context.wait(3)] == [
            SensitiveData,
            SensitiveData,
            ExposureCleared,
        ]


@pytest.mark.parametrize(("after", "reason"), [(None, "deleted"), ("kosong, bersih\n", "clean")])
def test_a_finding_that_ends_is_cleared(
    tmp_path: Path, web: Path, after: str | None, reason: str
) -> None:
    context = FakeContext(tmp_path)
    path = web / "backup.sql"
    path.write_text(dump(NIKS))
    with running(tmp_path, context) as offer:
        offer(path)
        context.wait(1)
        if after is None:
            path.unlink()
        else:
            path.write_text(after)
        offer(path)
        records = context.wait(2)
    assert isinstance(records[1], ExposureCleared)
    assert records[1].reason == reason


def test_offered_before_run_is_looked_into(tmp_path: Path, web: Path) -> None:
    context = FakeContext(tmp_path)
    path = web / "backup.sql"
    path.write_text(dump(NIKS))
    root = str(web)
    early = ExposureSensor(
        ExposureSettings(paths=(root,), web_roots=(), web_configs=()), context.state_dir
    )
    early.offer([context.guard.guard(os.fsencode(path))])
    early._queue.close()
    sensor = ExposureSensor(
        ExposureSettings(paths=(root,), web_roots=(), web_configs=()), context.state_dir
    )
    thread = threading.Thread(target=sensor.run, args=(context,))
    thread.start()
    try:
        assert len(context.wait(1)) == 1
    finally:
        context.stopping.set()
        thread.join()


def test_the_first_start_sweeps_web_roots(tmp_path: Path, web: Path) -> None:
    context = FakeContext(tmp_path)
    folder = web / "deep" / "deeper"
    folder.mkdir(parents=True)
    (folder / "old.sql").write_text(dump(NIKS))
    (web / "node_modules").mkdir()
    (web / "node_modules" / "x.sql").write_text(dump(NIKS))
    with running(tmp_path, context):
        records = context.wait(1)
    assert len(records) == 1


def test_what_cannot_be_looked_into_is_not_clean(tmp_path: Path, web: Path) -> None:
    context = FakeContext(tmp_path)
    path = web / "big.sql"
    path.write_text(dump(NIKS))
    broken = web / "broken.sql.gz"
    broken.write_bytes(b"\x1f\x8b\x08" + b"x" * 100)
    with running(tmp_path, context, max_bytes=1000) as offer:
        offer(path)
        offer(broken)
        records = context.wait(2)
    outcomes = {record.outcome for record in records if isinstance(record, ScanIncomplete)}
    assert outcomes == {"too_large", "damaged"}


def test_the_child_ends_when_idle(tmp_path: Path, web: Path) -> None:
    context = FakeContext(tmp_path)
    path = web / "backup.sql"
    path.write_text(dump(NIKS))

    def children() -> int:
        me = f"/proc/{os.getpid()}/task"
        return sum(len(Path(me, task, "children").read_text().split()) for task in os.listdir(me))

    with running(tmp_path, context, child_idle=0.0) as offer:
        offer(path)
        context.wait(1)
        until(lambda: children() == 0, "the end of the idle child")


def test_a_damaged_state_is_moved_aside(tmp_path: Path, web: Path) -> None:
    context = FakeContext(tmp_path)
    (context.state_dir / "exposure.db").write_bytes(b"no database at all" * 1000)
    (web / "backup.sql").write_text(dump(NIKS))
    with running(tmp_path, context):
        assert len(context.wait(1)) == 1
    assert len(list(context.state_dir.glob("exposure.db.damaged-*"))) == 1


def damaged_inside(state_dir: Path) -> None:
    """Leave a state that opens well, and whose table of files is damaged."""
    state = State(state_dir)
    with state.connection:
        for number in range(4000):
            path = SafePath(b"/nowhere/%d" % number)
            state.remember(path, Signature(1, number, 1, 1, 1), "", "x")
    state.connection.execute("PRAGMA wal_checkpoint (TRUNCATE)")
    state.close()
    database = state_dir / FILE
    size = database.stat().st_size
    with database.open("r+b") as file:
        file.seek(size // 4 // 4096 * 4096)
        file.write(b"\xff" * (size - file.tell()))


def test_damage_that_shows_later_does_not_end_the_watch(tmp_path: Path, web: Path) -> None:
    context = FakeContext(tmp_path)
    damaged_inside(context.state_dir)
    for number in range(50):
        (web / f"{number}.txt").write_text("nothing")
    (web / "backup.sql").write_text(dump(NIKS))
    settings = ExposureSettings(paths=(str(web),), web_roots=(str(web),), web_configs=())
    sensor = ExposureSensor(settings, context.state_dir)
    offered = [context.guard.guard(os.fsencode(web / "later.sql"))]
    sensor.offer(offered)  # a connection of its own
    with pytest.raises(sqlite3.DatabaseError, match="malformed"):
        sensor.run(context)
    with running(tmp_path, context):  # as the supervisor does
        assert len(context.wait(1)) == 1
    assert len(list(context.state_dir.glob("exposure.db.damaged-*"))) == 1


def test_what_is_put_in_line_follows_a_state_that_was_begun_anew(tmp_path: Path) -> None:
    queue = Queue(tmp_path)
    queue.put([SafePath(b"/a")])
    set_aside(tmp_path, sqlite3.DatabaseError("malformed"))
    with closing(connect(tmp_path)) as fresh:
        queue.put([SafePath(b"/b")])
        assert fresh.execute("SELECT path FROM pending").fetchall() == [(b"/b",)]
    queue.close()


def test_registers_that_come_in_the_middle_of_a_look_count_as_others_do(tmp_path: Path) -> None:
    context = FakeContext(tmp_path)
    settings = ExposureSettings(paths=(str(tmp_path),), web_roots=(), web_configs=())
    worker = Worker(settings, context, threading.Event(), {})
    known = tmp_path / "state" / "knowledge"
    known.mkdir()
    named = (Register(name="a", sha256="a" * 64, size=1),)
    manifest = Manifest(version=1, made=1, expires=2, epoch=1, registers=named)
    body = msgspec.msgpack.encode(manifest)
    signed = msgspec.msgpack.encode(Signed(manifest=body, signature=b"", certificate=b""))
    (known / "bundle.msgpack").write_bytes(signed)
    assert worker._examiner.learn()  # as a look does before it asks the child
    before = worker._rules
    worker._outbox.create_table()
    worker._outbox.begin(context)
    worker._turn()
    assert worker._rules != before
    context.stopping.set()
    worker.run()


def test_after_a_crash_between_commit_and_handover_it_is_told_once(
    tmp_path: Path, web: Path
) -> None:
    context = FakeContext(tmp_path)
    (web / "backup.sql").write_text(dump(NIKS))
    handover = context.handover

    def refuse(source: str, upto: int, sightings: object) -> None:
        raise Stopped

    context.handover = refuse  # type: ignore[method-assign]
    with running(tmp_path, context) as offer:
        offer(web / "backup.sql")
        until(lambda: threading.active_count() == 1, "the end of the sensor")
    assert context.records() == []
    context.handover = handover  # type: ignore[method-assign]
    for _ in range(2):
        with running(tmp_path, context) as offer:
            offer(web / "backup.sql")
            assert len(context.wait(1)) == 1


def test_state_and_sightings_hold_no_number(tmp_path: Path, web: Path) -> None:
    context = FakeContext(tmp_path)
    path = web / f"ktp_{NIKS[0]}.csv"
    path.write_text("nik,nama\n" + "\n".join(f"{nik},x" for nik in NIKS[:50]))
    with running(tmp_path, context) as offer:
        offer(path)
        (record,) = context.wait(1)
        everything = b"".join(file.read_bytes() for file in context.state_dir.iterdir())
    everything += msgspec.msgpack.encode(context.sightings)
    assert isinstance(record, SensitiveData)
    assert record.path_token is not None
    for nik in NIKS[:50]:
        assert not leaks(nik, everything)


def test_what_could_not_be_read_is_counted_by_outcome(tmp_path: Path, web: Path) -> None:
    """Neither clean nor found: each file under its own outcome, told once, over restarts."""
    context = FakeContext(tmp_path)
    (web / "a.7z").write_bytes(b"7z\xbc\xaf\x27\x1c" + bytes(100))
    (web / "b.docx").write_bytes(b"PK\x03\x04" + b"x" * 100)
    (web / "c.pdf").write_bytes(b"%PDF-1.7" + b"x" * 100)
    (web / "export.xls").write_text("<table><tr><td>NIK</td><td>a</td><td>b</td></tr>" + table())
    root = str(web)
    settings = ExposureSettings(paths=(root,), web_roots=(root,), web_configs=())
    for expected in ({"unsupported": 1, "damaged": 2}, {"unsupported": 0, "damaged": 2}):
        sensor = ExposureSensor(settings, context.state_dir)
        thread = threading.Thread(target=sensor.run, args=(context,))
        thread.start()
        try:
            sensor.offer([context.guard.guard(os.fsencode(web / "a.7z"))])
            covers(sensor, expected)
            records = context.wait(4)
        finally:
            context.stopping.set()
            thread.join(PATIENCE)
            context.stopping.clear()
        (web / "a.7z").unlink(missing_ok=True)
    (finding,) = (record for record in records if isinstance(record, SensitiveData))
    assert str(finding.path).endswith("export.xls")
    told = [record.outcome for record in context.records() if isinstance(record, ScanIncomplete)]
    assert sorted(told) == ["damaged", "damaged", "unsupported"]


def covers(sensor: ExposureSensor, expected: dict[str, int]) -> None:
    """Wait until the coverage says so."""
    until(lambda: expected.items() <= sensor.coverage().items(), f"{expected} in the coverage")


def table() -> str:
    """Rows of a web application's "Excel" export."""
    return "".join(f"<tr><td>{nik}</td><td>x</td><td>y</td></tr>\n" for nik in NIKS[:20])
