"""What belongs to Ronda on this host: watched whatever the settings say.

The agent's code and what it loads, the program, its configuration, its unit and the links that
start it, its keys. Of its databases only that they are there and the same files: their content
changes with each event, and the baseline answers for itself.
"""

from __future__ import annotations

import importlib.util
import os
import re
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar, NamedTuple

from collectors.api import SensorContext
from collectors.files.scope import Own, agent_directory
from collectors.kinds import FileChange

_LOADED = (
    "agent",
    "collectors",
    "signatures",
    "click",
    "cryptography",
    "msgspec",
    "numpy",
    "urllib3",
    "watchdog",
    "yara",
    "zstandard",
)
"""What the agent imports; its own first."""
_UNITS = (
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
)
_UNIT = r"ronda-agent\.service(?:\.d(?:/.*)?)?|[^/]+\.(?:wants|requires)(?:/ronda-agent\.service)?"
_KEYS = r"(?:agent|fleet|path)\.key|ca\.crt"
"""Not the certificate, which the agent itself renews every few weeks."""


def own_places(state_dir: Path, arguments: Sequence[str] = ()) -> list[Own]:
    """Return what is watched in any case; *arguments*: of the process, with its ``--config``."""
    places = [Own(b"/etc/ronda")]
    places += [_part(folder, _UNIT) for folder in _UNITS]
    places.append(_part(agent_directory(state_dir) / "identity", _KEYS))
    config = _config(arguments)
    if config is not None:
        places.append(_file(config))
    if arguments and os.path.basename(arguments[0]) == "ronda-agent":
        places.append(_file(arguments[0]))
    places.append(_file(os.path.realpath(sys.executable)))
    places += _code()
    return list(dict.fromkeys(places))


def _code() -> Iterator[Own]:
    names: dict[str, list[str]] = {}
    for module in _LOADED:
        spec = importlib.util.find_spec(module)
        origin = spec.origin if spec is not None else None
        if not origin:
            continue
        path = os.path.realpath(origin)
        if os.path.basename(path) == "__init__.py":
            path = os.path.dirname(path)
        names.setdefault(os.path.dirname(path), []).append(os.path.basename(path))
    for folder, found in names.items():
        each = "|".join(map(re.escape, found))
        # Byte code that the agent itself may write is nobody's doing.
        cached = r"(?!.*/__pycache__/)" if os.access(folder, os.W_OK) else ""
        yield _part(folder, rf"{cached}(?:{each})(?:/.*)?|[^/]+\.pth|(?:site|user)customize\.py")


def _part(folder: str | Path, pattern: str) -> Own:
    return Own(os.fsencode(os.path.realpath(folder)), re.compile(pattern.encode(), re.DOTALL))


def _file(path: str) -> Own:
    folder, name = os.path.split(os.path.abspath(path))
    return _part(folder, re.escape(name))


def _config(arguments: Sequence[str]) -> str | None:
    for index, argument in enumerate(arguments):
        if argument == "--config" and index + 1 < len(arguments):
            return arguments[index + 1]
        if argument.startswith("--config="):
            return argument.partition("=")[2]
    return os.environ.get("RONDA_AGENT_CONFIG")


class _Seen(NamedTuple):
    device: int
    inode: int


class Databases:
    """Looks every few seconds whether the agent's databases are still the ones it has open."""

    every: ClassVar[float] = 10.0

    def __init__(self, context: SensorContext) -> None:
        """Take note of what is there."""
        self._context = context
        agent = agent_directory(context.state_dir)
        self._seen = {
            path: seen
            for path in (*sorted(agent.glob("*.db")), *sorted(agent.glob("sensors/*/*.db")))
            if (seen := _look(path)) is not None
        }
        self._looked = time.monotonic()

    def check(self) -> list[FileChange]:
        """Return what has become of them since the last look that was due."""
        now = time.monotonic()
        if now - self._looked < self.every:
            return []
        self._looked = now
        changes = []
        for path, seen in list(self._seen.items()):
            found = _look(path)
            if found == seen:
                continue
            changes.append(self._change(path, "deleted" if found is None else "modified"))
            if found is None:
                del self._seen[path]
            else:
                self._seen[path] = found
        return changes

    def _change(self, path: Path, action: str) -> FileChange:
        guard = self._context.guard
        safe = guard.guard(os.fsencode(path))
        return FileChange(
            action=action,
            path=guard.display(safe),
            path_token=guard.token(safe),
            outcome="gone" if action == "deleted" else "not_hashed",
            role="ronda",
            techniques=("T1562.001", "T1070"),
        )


def _look(path: Path) -> _Seen | None:
    try:
        state = path.lstat()
    except OSError:
        return None
    return _Seen(state.st_dev, state.st_ino)
