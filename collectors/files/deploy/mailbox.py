"""Requests from the command line to the sensor, and its answers: files in a directory of the agent.

``<sensor>/requests`` belongs to the agent, mode 0700: who can write there is root or the agent's
user. A request is one file with a random name, put there in one step. The sensor acts, remembers
the id in the very transaction that holds the effect, and only then writes the answer and removes
the file: killed at any moment, it acts exactly once.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from collectors.files.deploy.requests import Answer, Any

DIRECTORY = "requests"
MAX_BYTES = 64 << 10
"""Of one request or answer."""
MAX_AT_ONCE = 64
"""Requests that are taken in one go."""
KEEP_ANSWERS = 3600
"""Seconds after which an answer that nobody fetched is removed."""

_NAME = re.compile(r"[0-9a-f]{32}\.json")
_ANSWER = re.compile(r"[0-9a-f]{32}\.answer")
_LEFT_BEHIND = re.compile(r"\.[0-9a-f]{32}\.new")
_decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(Any)
_answers = msgspec.json.Decoder(Answer)


class Bad(NamedTuple):
    """A file that is no request."""

    path: Path
    why: str


def prepare(state_dir: Path) -> Path:
    """Return the directory of requests below the sensor's *state_dir*, made if it is missing.

    It belongs to whoever owns *state_dir*.

    Raises:
        OSError: it cannot be made, or is not a directory of its own.
    """
    directory = state_dir / DIRECTORY
    owner = state_dir.stat()
    with contextlib.suppress(FileExistsError):
        directory.mkdir(mode=0o700)
        if os.geteuid() == 0:
            os.chown(directory, owner.st_uid, owner.st_gid, follow_symlinks=False)
    if not stat.S_ISDIR(directory.lstat().st_mode):
        raise NotADirectoryError(f"{directory} is not a directory")
    # By descriptor: root must not change what the agent's user puts there meanwhile.
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if os.fstat(descriptor).st_mode & 0o077:
            os.fchmod(descriptor, 0o700)
    finally:
        os.close(descriptor)
    return directory


def post(state_dir: Path, request: Any) -> None:
    """Put *request* in line; on disk when this returns.

    Raises:
        OSError: the directory cannot be written.
        ValueError: the request is too large.
    """
    directory = prepare(state_dir)
    data = msgspec.json.encode(request)
    if len(data) > MAX_BYTES:
        raise ValueError("too many or too long paths for one request")
    _write(directory, request.id, ".json", data)


def fetch(state_dir: Path, number: str, seconds: float) -> Answer | None:
    """Wait for the answer to request *number*; None when there is none in time. Removes it.

    What is no answer that the sensor may have written counts as none: root waits here, for a file
    in a directory of the agent's user.
    """
    path = state_dir / DIRECTORY / f"{number}.answer"
    writer = path.parent.stat().st_uid
    deadline = time.monotonic() + seconds
    while True:
        with contextlib.suppress(FileNotFoundError, ValueError):
            answer = _answers.decode(_read(path, writer))
            path.unlink(missing_ok=True)
            return answer
        if time.monotonic() >= deadline:
            return None
        time.sleep(0.05)


class Inbox:
    """The sensor's side."""

    def __init__(self, state_dir: Path) -> None:
        """Make the directory.

        Raises:
            OSError: as `prepare`.
        """
        self._directory = prepare(state_dir)
        self._swept = 0.0
        self._bad: set[str] = set()

    def waiting(self) -> Iterator[Any | Bad]:
        """Yield what is in line, the oldest names first; at most `MAX_AT_ONCE`."""
        names = [name for name in self._names() if name not in self._bad]
        for name in names[:MAX_AT_ONCE]:
            with contextlib.suppress(FileNotFoundError):
                yield _request(self._directory / name)

    def answer(self, number: str, answer: Answer) -> None:
        """Answer request *number* and take it out of line; its effect is on disk already."""
        _write(self._directory, number, ".answer", msgspec.json.encode(answer))
        (self._directory / f"{number}.json").unlink(missing_ok=True)

    def drop(self, bad: Bad) -> None:
        """Remove what is no request; what cannot be removed is passed over from now on."""
        try:
            bad.path.unlink(missing_ok=True)
        except OSError:
            self._bad.add(bad.path.name)

    def _names(self) -> list[str]:
        requests = []
        sweep = time.monotonic() - self._swept > KEEP_ANSWERS or not self._swept
        with os.scandir(self._directory) as entries:
            for entry in entries:
                if _NAME.fullmatch(entry.name):
                    requests.append(entry)
                elif sweep and (_ANSWER.fullmatch(entry.name) or _LEFT_BEHIND.match(entry.name)):
                    _remove_old(entry)
        if sweep:
            self._swept = time.monotonic()
        if len(requests) < 2:
            return [entry.name for entry in requests]
        return [entry.name for entry in sorted(requests, key=_age)]


def _age(entry: os.DirEntry[str]) -> tuple[int, str]:
    try:
        return entry.stat(follow_symlinks=False).st_mtime_ns, entry.name
    except FileNotFoundError:
        return 0, entry.name


def _remove_old(entry: os.DirEntry[str]) -> None:
    with contextlib.suppress(OSError):
        if time.time() - entry.stat(follow_symlinks=False).st_mtime > KEEP_ANSWERS:
            os.unlink(entry.path)


class _UnfitError(ValueError):
    """The file is not one that a command makes."""


def _request(path: Path) -> Any | Bad:
    """Return what lies at *path*.

    Raises:
        FileNotFoundError: nothing.
    """
    try:
        request = _decoder.decode(_read(path))
    except FileNotFoundError:
        raise
    except (OSError, ValueError, RecursionError) as error:
        # A message of the decoder may quote what it read.
        return Bad(path, str(error) if isinstance(error, _UnfitError) else type(error).__name__)
    if f"{request.id}.json" != path.name:
        return Bad(path, "the id is not that of the file")
    if not re.fullmatch(r"[0-9]{1,10}", request.by):
        return Bad(path, "it does not say who gave the command")
    return request


def _read(path: Path, writer: int = 0) -> bytes:
    """Return what lies at *path*, written by root, ourselves or the user *writer*."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise _UnfitError("not a plain file") from error
        raise
    try:
        state = os.fstat(descriptor)
        if not stat.S_ISREG(state.st_mode) or state.st_nlink != 1:
            raise _UnfitError("not a plain file")
        if state.st_uid not in (0, os.geteuid(), writer):
            raise _UnfitError(f"it belongs to user {state.st_uid}")
        data = os.read(descriptor, MAX_BYTES + 1)
    finally:
        os.close(descriptor)
    if len(data) > MAX_BYTES:
        raise _UnfitError("it is too large")
    return data


def _write(directory: Path, number: str, ending: str, data: bytes) -> None:
    """Put a whole file into *directory* in one step, durable on return."""
    temporary = directory / f".{number}.new"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    temporary.unlink(missing_ok=True)
    with open(os.open(temporary, flags, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        if os.geteuid() == 0:
            owner = directory.stat()
            os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
        os.fsync(file.fileno())
    os.rename(temporary, directory / f"{number}{ending}")
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
