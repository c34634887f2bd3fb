"""What every backend of the files sensor does: hear of changes, tell the dirty set, be honest.

A source never reads a file. It keeps its own idea of where watched directories are, hears what
happens in them, and fills the `DirtySet`. What it cannot hear it must be able to say: directories
without an eye (`blind_paths`), and intervals from which events are missing (`overflows`).

What is promised of the order and number of events differs; each backend's module says it.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Protocol


class EventSource(Protocol):
    """One backend at work. All methods but `start` and `stop` may be called by any thread."""

    name: ClassVar[str]
    """``inotify``, ``observer`` or ``fanotify``: the value of the setting ``backend``."""
    detects_loss: ClassVar[bool]
    """Whether lost events are noticed. If not, comparing at intervals is all that repairs them."""

    @property
    def watched(self) -> int:
        """Return how many directories are heard."""

    @property
    def overflows(self) -> int:
        """Return how often events were lost since the start, as far as that can be known."""

    @property
    def overflow_since(self) -> int:
        """Return when the last event before the latest loss was read, ns since 1970."""

    def start(self, directory: Path) -> None:
        """Begin to listen; `stop` must follow. *directory* is our own, for what needs a file.

        Raises:
            OSError: the kernel gives no instance; ``str()`` says what to do.
        """

    def stop(self) -> None:
        """Stop listening, close everything, leave no thread."""

    def alive(self) -> bool:
        """Tell whether the reader runs."""

    def catch_up(self) -> None:
        """Wait until all that happened before this call is in the dirty set.

        Gives up after a second; whatever then comes late is told late, not lost.
        """

    def add(self, path: bytes, descriptor: int) -> bool:
        """Listen to the directory *path*, open as *descriptor*; again is cheap and changes nothing.

        False: it stays blind, and `blind_paths` says why where that is not its being gone.
        """

    def drop_if_gone(self, path: bytes) -> None:
        """Forget a directory that a comparison found missing, if it is, with all below it.

        Needed after a loss: a directory that was moved away unseen would go on reporting under its
        old path.
        """

    def drop(self, path: bytes) -> None:
        """Forget a directory and all below it: another file system stands there now."""

    def mounts_changed(self, *, everywhere: bool) -> None:
        """Take note that the mount table has changed; places that it touches are dropped next.

        *everywhere*: nobody knows where; everything will be added again.
        """

    def blind_paths(self) -> dict[bytes, str]:
        """Return directories that are not heard, and the cause (see ``VisibilityLost``)."""

    @property
    def names_writers(self) -> bool:
        """Tell whether the processes behind events are known."""

    def describe(self) -> str:
        """Return the backend in a word or two, as `status` shows it."""
