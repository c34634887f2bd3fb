"""What must not happen: a hang, a huge allocation, a hash of something else than was named."""

from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from collectors.files.hashing import hash_file

LIMIT = 8 << 20


def nothing() -> None:
    """Do not stop."""


def hashed(path: Path, limit: int = LIMIT, pulse: Callable[[], None] = nothing) -> tuple[str, bool]:
    result = hash_file(os.fsencode(path), None, limit, pulse)
    return result.outcome, result.digest == hashlib.sha256(path.read_bytes()).digest()


@pytest.mark.parametrize("size", [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3 << 20, LIMIT])
def test_whole_content(tmp_path: Path, size: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(os.urandom(size))
    assert hashed(path) == ("hashed", True)


def test_over_the_limit_is_sampled_not_called_a_hash(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(os.urandom(LIMIT + 1))
    assert hashed(path) == ("sampled", False)


def test_sparse(tmp_path: Path) -> None:
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    assert hash_file(os.fsencode(path), None, LIMIT, nothing).outcome == "sampled"


def test_a_fifo_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    result = hash_file(os.fsencode(tmp_path / "fifo"), None, LIMIT, nothing)
    assert result.outcome == "not_hashed"


def test_a_socket(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s"))
        result = hash_file(os.fsencode(tmp_path / "s"), None, LIMIT, nothing)
    assert result.outcome == "unstable"


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "link").symlink_to("secret")
    result = hash_file(os.fsencode(tmp_path / "link"), None, LIMIT, nothing)
    assert (result.outcome, result.digest) == ("unstable", None)


def test_gone(tmp_path: Path) -> None:
    assert hash_file(os.fsencode(tmp_path / "no"), None, LIMIT, nothing).outcome == "gone"


def test_changed_once_while_read_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"a" * (2 << 20))
    calls = []

    def change() -> None:
        calls.append(1)
        if len(calls) == 1:
            path.write_bytes(b"b" * (3 << 20))

    assert hashed(path, pulse=change) == ("hashed", True)


def test_changing_all_the_time_is_unstable(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"a" * (2 << 20))

    def grow() -> None:
        with path.open("ab") as file:
            file.write(b"x" * 100)

    result = hash_file(os.fsencode(path), None, LIMIT, grow)
    assert (result.outcome, result.digest) == ("unstable", None)


def test_relative_to_a_directory_and_no_descriptor_is_left(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"x")
    directory = os.open(tmp_path, os.O_RDONLY)
    before = len(os.listdir("/proc/self/fd"))
    result = hash_file(b"f", directory, LIMIT, nothing)
    assert len(os.listdir("/proc/self/fd")) == before
    os.close(directory)
    assert result.digest == hashlib.sha256(b"x").digest()


@pytest.mark.root
def test_unreadable(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"x")
    path.chmod(0)
    tmp_path.chmod(0o755)
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            directory = os.open(tmp_path, os.O_RDONLY)
            os.setuid(65534)
            code = 0 if hash_file(b"f", directory, LIMIT, nothing).outcome == "unreadable" else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
