"""What must not happen: a change untold, told twice, or told of something that never was."""

from __future__ import annotations

import hashlib
import os
import stat
from collections import Counter
from pathlib import Path

import pytest

from tests.collectors.files.context import Running
from tests.patience import until

pytestmark = pytest.mark.usefixtures("backend")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    directory = tmp_path / "watched"
    directory.mkdir()
    return directory


@pytest.fixture
def state(tmp_path: Path) -> Path:
    directory = tmp_path / "agent"
    directory.mkdir()
    return directory


def test_the_first_baseline_tells_of_no_file(root: Path, state: Path) -> None:
    (root / "old").write_text("x")
    (root / "sub").mkdir()
    (root / "sub" / "older").write_text("y")
    with Running(state, [root]) as running:
        assert running.settle() == []
        assert running.context.lost() == []
        told = [os.fsencode(c.path) for c in running.context.changes()]
        # The root itself: what came while it was not all watched has been told to nobody.
        assert running.context.published == [os.fsencode(root) + b"/", *told]
    with Running(state, [root]) as running:
        running.settle()
        assert os.fsencode(root) + b"/" not in running.context.published


def test_create_modify_attributes_delete(root: Path, state: Path) -> None:
    file = root / "index.php"
    with Running(state, [root]) as running:
        file.write_bytes(b"one")
        created = running.wait("created", file)
        assert created.sha256 == hashlib.sha256(b"one").hexdigest()
        assert (created.outcome, created.size, created.found_by) == ("hashed", 3, "watch")
        file.write_bytes(b"three")
        modified = running.wait("modified", file)
        assert modified.sha256 == hashlib.sha256(b"three").hexdigest()
        assert modified.previous_sha256 == created.sha256
        before = created.mode
        file.chmod(0o4755)
        changed = running.wait("attributes", file)
        assert (changed.mode, changed.previous_mode) == ("4755", before)
        file.unlink()
        deleted = running.wait("deleted", file)
        assert (deleted.outcome, deleted.previous_sha256) == ("gone", modified.sha256)
        told = [action for action, _ in running.settle()]
        assert told == ["created", "modified", "attributes", "deleted"]


def test_a_save_by_rename_is_a_modification(root: Path, state: Path) -> None:
    file = root / "config.php"
    file.write_bytes(b"old")
    with Running(state, [root]) as running:
        (root / "config.php.tmp").write_bytes(b"new")
        (root / "config.php.tmp").rename(file)
        modified = running.wait("modified", file)
        assert modified.sha256 == hashlib.sha256(b"new").hexdigest()
        assert [a for a, p in running.settle() if p == str(file)] == ["modified"]


def test_restored_mtime_does_not_hide_an_edit(root: Path, state: Path) -> None:
    file = root / "ls"
    file.write_bytes(b"good")
    before = file.stat()
    with Running(state, [root]):
        pass
    file.write_bytes(b"evil")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    with Running(state, [root]) as running:
        modified = running.wait("modified", file)
        assert modified.found_by == "reconcile"


def test_short_lived_files_are_told_once_each(root: Path, state: Path) -> None:
    with Running(state, [root], coalesce=0.3) as running:
        for number in range(50):
            file = root / f"shell{number}"
            file.write_bytes(b"x")
            file.unlink()
        counts = Counter(running.settle())
    for number in range(50):
        assert counts["created", str(root / f"shell{number}")] == 1
        assert counts["deleted", str(root / f"shell{number}")] == 1


def test_the_same_name_again_and_again(root: Path, state: Path) -> None:
    file = root / "r"
    with Running(state, [root]) as running:
        for _ in range(200):
            file.write_bytes(b"e")
            file.unlink()
        counts = Counter(running.settle())
    assert counts == {("created", str(file)): 200, ("deleted", str(file)): 200}


def test_ten_thousand_touches(root: Path, state: Path) -> None:
    with Running(state, [root]) as running:
        for number in range(10_000):
            os.close(os.open(root / str(number), os.O_CREAT | os.O_WRONLY))
        counts = Counter(running.settle())
    created = {path: n for (action, path), n in counts.items() if action == "created"}
    assert created == {str(root / str(number)): 1 for number in range(10_000)}


def test_a_rename_storm(root: Path, state: Path) -> None:
    for number in range(2_000):
        (root / f"a{number}").write_bytes(b"%d" % number)
    with Running(state, [root]) as running:
        for number in range(2_000):
            (root / f"a{number}").rename(root / f"b{number}")
        counts = Counter(running.settle())
    expected = {("deleted", str(root / f"a{number}")): 1 for number in range(2_000)}
    expected |= {("created", str(root / f"b{number}")): 1 for number in range(2_000)}
    assert counts == expected


def test_a_directory_tree_removed(root: Path, state: Path) -> None:
    paths = []
    for number in range(300):
        directory = root / f"d{number}" / "e"
        directory.mkdir(parents=True)
        (directory / "f").write_bytes(b"x")
        paths += [directory.parent, directory, directory / "f"]
    with Running(state, [root]) as running:
        for number in range(300):
            (root / f"d{number}" / "e" / "f").unlink()
            (root / f"d{number}" / "e").rmdir()
            (root / f"d{number}").rmdir()
        counts = Counter(running.settle())
        assert counts == {("deleted", str(path)): 1 for path in paths}
        until(lambda: running.sensor.coverage()["watched_directories"] == 1)


def test_nested_directories_made_in_one_go(root: Path, state: Path) -> None:
    with Running(state, [root]) as running:
        for number in range(200):
            (root / f"a{number}" / "b" / "c").mkdir(parents=True)
            (root / f"a{number}" / "b" / "c" / "f").write_bytes(b"x")
        # A file may be seen before it is written to.
        counts = Counter(told for told in running.settle() if told[0] != "modified")
        assert len(counts) == 200 * 4
        assert set(counts.values()) == {1}
        assert {action for action, _ in counts} == {"created"}
        late = root / "a7" / "b" / "c" / "late"
        late.write_bytes(b"y")
        running.wait("created", late)


def test_a_tree_moved_in_out_and_about(root: Path, state: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (outside / "t" / "s").mkdir(parents=True)
    (outside / "t" / "s" / "f").write_bytes(b"x")
    with Running(state, [root]) as running:
        (outside / "t").rename(root / "t")
        running.wait("created", root / "t" / "s" / "f")
        (root / "t").rename(root / "u")
        running.wait("created", root / "u" / "s" / "f")
        running.wait("deleted", root / "t" / "s" / "f")
        (root / "u" / "s" / "g").write_bytes(b"y")
        running.wait("created", root / "u" / "s" / "g")
        (root / "u").rename(outside / "u")
        running.wait("deleted", root / "u" / "s" / "g")
        (outside / "u" / "s" / "phantom").write_bytes(b"z")
        counts = Counter(running.settle())
        assert not any("phantom" in path for _, path in counts)
        assert set(counts.values()) == {1}
        assert running.sensor.coverage()["watched_directories"] == 1


def test_a_directory_replaced_by_another(root: Path, state: Path) -> None:
    (root / "d").mkdir()
    (root / "d" / "same").write_bytes(b"old")
    (root / "d" / "only-old").write_bytes(b"old")
    with Running(state, [root]) as running:
        (root / "d").rename(root / "d.bak")
        (root / "d").mkdir()
        (root / "d" / "same").write_bytes(b"new")
        counts = Counter(running.settle())
    assert counts["deleted", str(root / "d" / "only-old")] == 1
    assert counts["deleted", str(root / "d" / "same")] == 1
    assert counts["created", str(root / "d" / "same")] == 1
    assert counts["created", str(root / "d.bak" / "same")] == 1


def test_written_to_but_never_closed(root: Path, state: Path) -> None:
    with Running(state, [root]) as running, (root / "held").open("wb", buffering=0) as held:
        held.write(b"x")
        created = running.wait("created", root / "held")
        assert created.sha256 == hashlib.sha256(b"x").hexdigest()


def test_other_types_are_told_and_not_opened(root: Path, state: Path) -> None:
    with Running(state, [root]) as running:
        os.mkfifo(root / "fifo")
        (root / "link").symlink_to("/etc/shadow")
        (root / "loop").symlink_to("loop")
        (root / "dir").mkdir()
        link = running.wait("created", root / "link")
        assert (link.type, link.target, link.sha256) == ("symlink", "/etc/shadow", None)
        assert running.wait("created", root / "fifo").type == "fifo"
        assert running.wait("created", root / "loop").outcome == "not_hashed"
        assert running.wait("created", root / "dir").type == "dir"


def test_a_file_swapped_for_a_link(root: Path, state: Path) -> None:
    secret = hashlib.sha256(Path("/etc/passwd").read_bytes()).hexdigest()
    (root / "swap").write_bytes(b"x")
    with Running(state, [root]) as running:
        (root / "swap").unlink()
        (root / "swap").symlink_to("/etc/passwd")
        assert running.wait("created", root / "swap").type == "symlink"
        assert secret not in {change.sha256 for change in running.context.changes()}


def test_a_directory_swapped_for_a_link_is_not_entered(
    root: Path, state: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "secret").write_bytes(b"secret")
    with Running(state, [root]) as running:
        (root / "d").symlink_to(other)
        running.wait("created", root / "d")
        (other / "more").write_bytes(b"more")
        assert {path for _, path in running.settle()} == {str(root / "d")}


def test_hostile_names(root: Path, state: Path) -> None:
    names = [b"bad\xff\xfe", b"a\nb", "exe\u202egpj".encode(), b"back\\slash", b"\x1b[31m"]
    with Running(state, [root]) as running:
        for name in names:
            Path(os.fsdecode(os.fsencode(root) + b"/" + name)).write_bytes(b"x")
        told = [path for _, path in running.settle()]
    shown = ["bad\\xff\\xfe", "a\\nb", "exe\\u202egpj", "back\\\\slash", "\\x1b[31m"]
    assert sorted(told) == sorted(f"{root}/{name}" for name in shown)


def test_long_paths(root: Path, state: Path) -> None:
    with Running(state, [root]) as running:
        here = os.open(root, os.O_RDONLY)
        for _ in range(25):
            os.mkdir("d" * 200, dir_fd=here)
            following = os.open("d" * 200, os.O_RDONLY, dir_fd=here)
            os.close(here)
            here = following
        deep = str(root) + ("/" + "d" * 200) * 25
        running.wait("created", deep)
        os.close(os.open("deepfile", os.O_CREAT | os.O_WRONLY, dir_fd=here))
        os.close(here)
        running.wait("created", deep + "/deepfile")


def test_huge_sparse_files_are_sampled(root: Path, state: Path) -> None:
    with Running(state, [root], max_hash_bytes="1MiB") as running:
        with (root / "sparse").open("wb") as file:
            file.truncate(10 << 30)
        created = running.wait("created", root / "sparse")
        assert (created.outcome, created.sha256, created.size) == ("sampled", None, 10 << 30)


def test_exclusions_and_own_files(root: Path, tmp_path: Path) -> None:
    own = root / "var-lib-ronda-agent"
    own.mkdir()
    (root / "cache").mkdir()
    (root / "cache" / "deep").mkdir()
    with Running(own, [root], exclude=(str(root / "cache"), "*.swp")) as running:
        (root / "cache" / "x").write_bytes(b"x")
        (root / "cache" / "deep" / "x").write_bytes(b"x")
        (root / ".a.swp").write_bytes(b"x")
        (root / "seen").write_bytes(b"x")
        assert running.settle() == [("created", str(root / "seen"))]
        assert running.sensor.coverage()["watched_directories"] == 1


def test_what_changed_while_stopped(root: Path, state: Path) -> None:
    for name in ("kept", "changed", "chmodded", "removed"):
        (root / name).write_bytes(b"x")
    (root / "dir").mkdir()
    (root / "dir" / "inner").write_bytes(b"x")
    with Running(state, [root]):
        pass
    (root / "changed").write_bytes(b"y")
    (root / "chmodded").chmod(0o777)
    (root / "removed").unlink()
    (root / "new").mkdir()
    (root / "new" / "file").write_bytes(b"z")
    (root / "dir" / "inner").unlink()
    (root / "dir").rmdir()
    with Running(state, [root]) as running:
        counts = Counter((c.action, c.path, c.found_by) for c in running.context.changes())
    expected = {
        ("modified", "changed"),
        ("attributes", "chmodded"),
        ("deleted", "removed"),
        ("created", "new"),
        ("created", "new/file"),
        ("deleted", "dir"),
        ("deleted", "dir/inner"),
    }
    assert counts == {(action, str(root / name), "reconcile"): 1 for action, name in expected}


def test_settings_that_shrink_or_grow_tell_of_no_file(root: Path, state: Path) -> None:
    for name in ("a", "b", "c"):
        (root / name / "sub").mkdir(parents=True)
        (root / name / "sub" / "f").write_bytes(b"x")
    with Running(state, [root / "a", root / "b"]):
        pass
    with Running(state, [root / "b", root / "c"], exclude=(str(root / "b" / "sub"),)) as running:
        assert running.settle() == []


def test_the_periodic_comparison_finds_what_no_event_told(
    root: Path, state: Path, tmp_path: Path
) -> None:
    (root / "linked").write_bytes(b"good")
    os.link(root / "linked", tmp_path / "elsewhere")
    with Running(state, [root], reconcile_interval=1) as running:
        (tmp_path / "elsewhere").write_bytes(b"evil")
        assert running.wait("modified", root / "linked").found_by == "reconcile"


def test_published_before_told(root: Path, state: Path) -> None:
    with Running(state, [root]) as running:
        (root / "dump.sql").write_bytes(b"x")
        (root / "dir").mkdir()
        running.wait("created", root / "dir")
        running.wait("created", root / "dump.sql")
        assert running.context.published.count(os.fsencode(root / "dump.sql")) == 1
        assert os.fsencode(root / "dir") not in running.context.published


def test_modes_of_the_state(root: Path, state: Path) -> None:
    with Running(state, [root]) as running:
        mode = (running.context.state_dir / "baseline.db").stat().st_mode
        assert stat.S_IMODE(mode) == 0o600


def test_a_root_that_appears_later(root: Path, state: Path) -> None:
    later = root / "later"
    with Running(state, [root / "now", later], reconcile_interval=1) as running:
        later.mkdir()
        (later / "f").write_bytes(b"x")
        running.wait("created", later / "f")
        (later / "g").write_bytes(b"x")
        running.wait("created", later / "g")
