"""What must not happen: an entry that git does not see, a crash or a hang on hostile bytes."""

from __future__ import annotations

import hashlib
import os
import struct
import subprocess
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collectors.child import BoundedChild
from collectors.content import git
from collectors.content.git import Malformed, head, link, packed, parse

ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "a",
    "GIT_AUTHOR_EMAIL": "a@example.org",
    "GIT_COMMITTER_NAME": "a",
    "GIT_COMMITTER_EMAIL": "a@example.org",
}


def run(where: Path, *words: str, stdin: bytes = b"") -> bytes:
    return subprocess.run(
        ["git", "-c", "core.splitIndex=false", *words],
        cwd=where,
        env=ENVIRONMENT,
        input=stdin,
        capture_output=True,
        check=True,
    ).stdout


def oracle(where: Path) -> set[tuple[bytes, int, str, int]]:
    """Return name, mode, object and stage of each entry, as git lists them."""
    found = set()
    for line in run(where, "ls-files", "-s", "-z").split(b"\0")[:-1]:
        facts, _, name = line.partition(b"\t")
        mode, oid, stage = facts.split()
        found.add((name, int(mode, 8), oid.decode(), int(stage)))
    return found


def ours(data: bytes) -> set[tuple[bytes, int, str, int]]:
    index = parse(data)
    found = set()
    for where, places in index.directories.items():
        for place in places:
            name, flags, oid, numbers = index.entry(place)
            whole = where + b"/" + name if where else name
            found.add((whole, numbers[6], oid.hex(), flags >> 12 & 3))
    return found


_PART = st.binary(min_size=1, max_size=12).map(
    lambda raw: bytes(byte for byte in raw if byte not in b"\0/\n") or b"x"
)
_NAMES = st.lists(_PART, min_size=1, max_size=4).map(b"/".join)


def _git_takes(name: bytes) -> bool:
    parts = name.split(b"/")
    return not any(part in (b".", b"..") or part.lower().startswith(b".git") for part in parts)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    names=st.lists(
        st.tuples(_NAMES.filter(_git_takes), st.sampled_from(["100644", "100755", "120000"])),
        max_size=40,
        unique_by=lambda pair: pair[0],
    ),
    version=st.sampled_from(["2", "3", "4"]),
    format_=st.sampled_from(["sha1", "sha256"]),
    skip=st.booleans(),
)
def test_as_git_lists_it(
    tmp_path_factory: pytest.TempPathFactory,
    names: list[tuple[bytes, str]],
    version: str,
    format_: str,
    skip: bool,
) -> None:
    where = tmp_path_factory.mktemp("repo")
    run(where, "init", "-q", f"--object-format={format_}")
    files = {name for name, _ in names}
    lines = b""
    for number, (name, mode) in enumerate(names):
        # A name that is also a directory of another one would replace it.
        if any(other.startswith(name + b"/") for other in files):
            continue
        digest = hashlib.new(format_, b"%d" % number).hexdigest()
        lines += f"{mode} {digest} 0\t".encode() + name + b"\0"
    config = ["-c", f"index.version={version}", "-c", f"index.skipHash={str(skip).lower()}"]
    run(where, *config, "update-index", "--add", "-z", "--index-info", stdin=lines)
    run(where, *config, "update-index", "--index-version", version)
    path = where / ".git" / "index"
    data = path.read_bytes() if path.exists() else b""
    if data:
        if version != "3":  # git writes 3 only where a flag needs it
            assert data[7] == int(version)
        assert ours(data) == oracle(where)


def test_flags_stages_and_stat(tmp_path: Path) -> None:
    run(tmp_path, "init", "-q")
    (tmp_path / "dir").mkdir()
    for name in ("a", "b", "dir/c"):
        (tmp_path / name).write_bytes(name.encode())
    run(tmp_path, "add", "a", "dir/c")
    run(tmp_path, "add", "-N", "b")  # intent to add: needs version 3
    run(tmp_path, "update-index", "--skip-worktree", "a")
    blob = run(tmp_path, "hash-object", "-w", "--stdin", stdin=b"x").strip().decode()
    run(
        tmp_path,
        "update-index",
        "--index-info",
        stdin="".join(f"100644 {blob} {stage}\tconflict\n" for stage in (1, 2, 3)).encode(),
    )
    data = (tmp_path / ".git" / "index").read_bytes()
    assert data[7] == 3
    assert ours(data) == oracle(tmp_path)
    index = parse(data)
    (place,) = index.directories[b"dir"]
    last, _, oid, numbers = index.entry(place)
    state = (tmp_path / "dir" / "c").stat()
    assert last == b"c"
    assert oid == hashlib.sha1(b"blob 5\0dir/c").digest()
    assert numbers[2] == state.st_mtime_ns // 10**9
    assert numbers[5] == state.st_ino & 0xFFFFFFFF
    assert numbers[9] == 5


@pytest.mark.parametrize("version", ["2", "4"])
def test_split_and_sparse_are_said(tmp_path: Path, version: str) -> None:
    run(tmp_path, "init", "-q")
    for name in ("a", "d/e/f", "d/g"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    run(tmp_path, "add", ".")
    run(tmp_path, "update-index", "--index-version", version)
    run(tmp_path, "commit", "-qm", "x")
    index = tmp_path / ".git" / "index"
    parse(index.read_bytes())
    subprocess.run(
        ["git", "update-index", "--split-index"], cwd=tmp_path, env=ENVIRONMENT, check=True
    )
    with pytest.raises(Malformed, match="split"):
        parse(index.read_bytes())
    run(tmp_path, "update-index", "--no-split-index")
    run(tmp_path, "sparse-checkout", "set", "--cone", "--sparse-index", "x")
    with pytest.raises(Malformed, match="sparse"):
        parse(index.read_bytes())


def _sample(tmp_path: Path, version: str) -> bytes:
    run(tmp_path, "init", "-q")
    for number in range(30):
        (tmp_path / f"file{number}").write_text("x")
    run(tmp_path, "add", ".")
    run(tmp_path, "update-index", "--index-version", version)
    return (tmp_path / ".git" / "index").read_bytes()


def _signed(data: bytes) -> bytes:
    return data[:-20] + hashlib.sha1(data[:-20]).digest()


@pytest.mark.parametrize("version", ["2", "4"])
def test_hostile_bytes_are_refused_not_believed(tmp_path: Path, version: str) -> None:
    data = _sample(tmp_path, version)

    @settings(max_examples=400, deadline=None)
    @given(st.integers(0, len(data) - 1), st.binary(max_size=8), st.integers(0, len(data)))
    def damaged(at: int, junk: bytes, length: int) -> None:
        changed = data[:at] + junk + data[at + len(junk) :]
        for one in (changed, changed[:length], _signed(changed), _signed(changed[:length])):
            try:
                index = parse(one)
            except Malformed:
                continue
            for places in index.directories.values():
                for place in places:
                    assert b"/" not in place.name
                    index.entry(place)

    damaged()


@given(st.binary(max_size=300))
def test_any_bytes(data: bytes) -> None:
    for prefix in (b"", b"DIRC\0\0\0\2\0\0\0\1", b"DIRC\0\0\0\4\0\0\0\2"):
        for one in (prefix + data, _signed(prefix + data + bytes(20)), prefix + data + bytes(20)):
            try:
                parse(one)
            except Malformed:
                continue
    link(data)
    head(data)
    packed(data, b"refs/heads/main")


def _entry(name: bytes, flags: int | None = None) -> bytes:
    entry = bytes(40) + bytes(20) + struct.pack(">H", len(name) if flags is None else flags) + name
    return entry + bytes(8 - len(entry) % 8)


@pytest.mark.parametrize(
    "names",
    [[b"/etc/passwd"], [b"b", b"a"], [b"a", b"a"], [b""], [b"x" * 5000]],
)
def test_names_that_git_does_not_write(names: list[bytes]) -> None:
    body = b"DIRC" + struct.pack(">II", 2, len(names)) + b"".join(map(_entry, names))
    with pytest.raises(Malformed):
        parse(_signed(body + bytes(20)))


def test_a_count_that_promises_too_much() -> None:
    for count in (2, 10**6, 2**32 - 1):
        with pytest.raises(Malformed):
            parse(_signed(b"DIRC" + struct.pack(">II", 2, count) + _entry(b"a") + bytes(20)))


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"gitdir: /x/.git/worktrees/y\n", b"/x/.git/worktrees/y"),
        (b"gitdir: ../../.git/modules/z", b"../../.git/modules/z"),
        (b"../..\n", b"../.."),
        (b"", None),
        (b"gitdir: a\nb", None),
        (b"gitdir: a\0b", None),
    ],
)
def test_link(data: bytes, found: bytes | None) -> None:
    assert link(data) == found


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"ref: refs/heads/main\n", ("reference", b"refs/heads/main")),
        (b"a" * 40 + b"\n", ("commit", b"a" * 40)),
        (b"b" * 64, ("commit", b"b" * 64)),
        (b"a" * 41, None),
        (b"ref: refs/../../etc/shadow", None),
        (b"ref: /etc/shadow", None),
        (b"ref: refs", None),
        (b"ref: refs//x", None),
        (b"\xff", None),
    ],
)
def test_head(data: bytes, found: tuple[str, bytes] | None) -> None:
    assert head(data) == found


def test_packed(tmp_path: Path) -> None:
    run(tmp_path, "init", "-q", "-b", "main")
    run(tmp_path, "commit", "-q", "--allow-empty", "-m", "x")
    run(tmp_path, "branch", "other.branch")
    run(tmp_path, "pack-refs", "--all")
    data = (tmp_path / ".git" / "packed-refs").read_bytes()
    commit = run(tmp_path, "rev-parse", "HEAD").strip()
    assert packed(data, b"refs/heads/main") == commit
    assert packed(data, b"refs/heads/other.branch") == commit
    assert packed(data, b"refs/heads/otherXbranch") is None
    assert packed(data, b"refs/heads/mai") is None
    assert packed(b"", b"") is None


def test_in_the_child(tmp_path: Path) -> None:
    data = _sample(tmp_path, "4")
    with BoundedChild("collectors.content.git:start") as child:

        def ask(path: Path, word: str, argument: bytes = b"") -> object:
            descriptor = os.open(path, os.O_RDONLY)
            try:
                request = msgspec.msgpack.encode((word, argument))
                return msgspec.msgpack.decode(child.call(request, [descriptor]))
            finally:
                os.close(descriptor)

        index = tmp_path / ".git" / "index"
        found = ask(index, "directory")
        assert isinstance(found, list)
        assert found[0] is True
        assert len(found[1]) == len(ours(data)) == 30
        assert ask(index, "directory", b"none") == [False, []]
        assert ask(tmp_path / ".git" / "HEAD", "head")[0] == "reference"  # type: ignore[index]
        index.write_bytes(b"rubbish")
        assert ask(index, "directory") == "malformed"


def test_git_is_not_run() -> None:
    source = Path(git.__file__).read_text()
    assert "subprocess" not in source
    assert "zlib" not in source
