"""A channel's address and the process that sends to it."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from server.config import ChannelConfig

MAX_ANSWER = 65536
"""Bytes of an answer; it is one short line."""

_SENDER = [sys.executable, "-P", "-m", "server.notify.sender"]


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """What a person receives."""

    title: str
    body: str
    type: str = "info"
    """``info``, ``warning`` or ``failure``: colour and icon, as far as a service has them."""


class Outcome(NamedTuple):
    """What came of a send."""

    ok: bool
    error: str = ""
    """Why not; no secret."""


class ChannelError(Exception):
    """The channel's settings cannot be used; ``str()`` names the channel, not its address."""


def read_url(channel: ChannelConfig) -> str:
    """Return the channel's address: a secret. A file is read each time, so that it can change.

    Raises:
        ChannelError: there is none.
    """
    if channel.url_file is None:
        url = channel.url or ""
    else:
        try:
            url = Path(channel.url_file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "not UTF-8 text"
            raise ChannelError(f"channel {channel.name!r}: {channel.url_file}: {reason}") from error
    if not url:
        raise ChannelError(f"channel {channel.name!r} has an empty url")
    return url


class Sender:
    """One sending process, killed when it hangs. For one thread."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._cut = False

    def send(self, url: str, message: Message, timeout: float) -> Outcome:
        """Send *message*; *timeout* is seconds, the start of the process included."""
        deadline = time.monotonic() + timeout
        request = {"url": url, **msgspec.structs.asdict(message)}
        process = self.prepare()
        try:
            line = _exchange(process, json.dumps(request).encode() + b"\n", deadline)
        except TimeoutError:
            self.close()
            return Outcome(False, f"no answer within {timeout:g} s")
        except OSError as error:
            self.close()
            return Outcome(False, f"the sending process failed: {error.strerror}")
        return _outcome(line)

    def prepare(self) -> subprocess.Popen[bytes]:
        """Start the process unless it runs; it loads what it needs while nobody waits."""
        process = self._process
        if process is None or process.poll() is not None:
            process = self._start()
        return process

    def _start(self) -> subprocess.Popen[bytes]:
        self.close()
        self._process = subprocess.Popen(
            _SENDER,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            stderr=subprocess.DEVNULL,  # a traceback could show an address
            start_new_session=True,  # Ctrl-C is for the collector, which lets a send end
        )
        if self._cut:  # interrupted before there was a process to kill
            self._process.kill()
        return self._process

    def interrupt(self) -> None:
        """Cut off a send under way, from another thread."""
        self._cut = True
        process = self._process
        if process is not None:
            process.kill()

    def close(self) -> None:
        """Kill the process and collect it; closing twice does no harm."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def _exchange(process: subprocess.Popen[bytes], request: bytes, deadline: float) -> bytes:
    """Write a line, read a line.

    Raises:
        TimeoutError: the deadline (monotonic seconds) passed.
        OSError: the process ended.
    """
    if process.stdin is None or process.stdout is None:
        raise BrokenPipeError(0, "no pipe")
    # A request is a few KB and the pipe holds 64: a process that does not read cannot block us.
    os.set_blocking(process.stdin.fileno(), False)
    if process.stdin.write(request) != len(request):
        raise BrokenPipeError(0, "it does not read")
    answer = b""
    reader = process.stdout.fileno()
    while not answer.endswith(b"\n"):
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([reader], [], [], left)[0]:
            raise TimeoutError
        part = os.read(reader, 4096)
        if not part or len(answer) > MAX_ANSWER:
            raise BrokenPipeError(0, "it ended without an answer")
        answer += part
    return answer


def _outcome(line: bytes) -> Outcome:
    try:
        answer: Any = json.loads(line)
        return Outcome(answer["ok"] is True, str(answer["error"]))
    except (ValueError, KeyError, TypeError):
        return Outcome(False, "the sending process gave no sensible answer")
