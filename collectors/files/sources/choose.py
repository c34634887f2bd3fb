"""Which backend works here: found by trying, best first."""

from __future__ import annotations

import os
from typing import NamedTuple

from collectors.files.dirty import DirtySet
from collectors.files.scope import Scope
from collectors.files.sources.fanotify import FanotifySource
from collectors.files.sources.fanotify_events import Writers
from collectors.files.sources.fanotify_probe import open_group, why_not
from collectors.files.sources.source import EventSource

UNSURE = 60.0
"""Seconds between two comparisons when the backend may lose events without noticing."""


class Choice(NamedTuple):
    """A source, not started, and what stands against a better one."""

    source: EventSource
    reason: str
    """Why not fanotify; empty where it is fanotify or the setting says otherwise."""

    def interval(self, wanted: float) -> float:
        """Return seconds between two comparisons: fewer than *wanted* where losses go unnoticed."""
        return wanted if self.source.detects_loss else min(wanted, UNSURE)


def choose(backend: str, scope: Scope, dirty: DirtySet, writers: Writers | None = None) -> Choice:
    """Return the backend that *backend* names, ``auto``: the best one that works.

    Raises:
        OSError: the setting names fanotify, and it is not to be had; ``str()`` says why.
    """
    reason = ""
    if backend in ("auto", "fanotify"):
        reason = probe_fanotify()
        if not reason:
            return Choice(FanotifySource(scope, dirty, writers), "")
        if backend == "fanotify":
            raise OSError(f'backend = "fanotify": {reason}')
    if backend != "observer":
        try:
            from collectors.files.sources.inotify import InotifySource
        except ImportError as error:  # another watchdog than the one we know
            reason += f"; {error}"
        else:
            return Choice(InotifySource(scope, dirty), reason)
    from collectors.files.sources.observer import ObserverSource

    blind = f"losses go unnoticed: everything is compared at least every {UNSURE:g} s"
    return Choice(ObserverSource(scope, dirty), f"{reason}; {blind}" if reason else blind)


def probe_fanotify() -> str:
    """Return why fanotify does not work, empty when it does."""
    try:
        group, _ = open_group()
    except OSError as error:
        return why_not(error)
    os.close(group)
    return ""
