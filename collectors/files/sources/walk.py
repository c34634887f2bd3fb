"""Taking in a directory that has come with content."""

from __future__ import annotations

import os
from collections.abc import Callable

from collectors.files.dirty import DirtySet
from collectors.files.scope import Scope, join
from collectors.files.tree import open_directory, subdirectories


def add_tree(
    top: bytes,
    scope: Scope,
    dirty: DirtySet,
    add: Callable[[bytes, int], bool],
    blind: dict[bytes, str],
    *,
    closing: Callable[[], bool],
) -> None:
    """Listen to *top* and all below it; each directory is to be compared as a whole."""
    stack = [top]
    while stack and not closing():
        path = stack.pop()
        try:
            descriptor = open_directory(path)
        except PermissionError:
            blind[path] = "permission"
            continue
        except OSError:
            continue  # gone again: its own event follows
        try:
            add(path, descriptor)
            # After that: what comes later has an event.
            dirty.whole(path, fresh=True)
            stack += [
                join(path, name)
                for name in subdirectories(descriptor)
                if not scope.excluded(path, name)
            ]
        except OSError:
            continue
        finally:
            os.close(descriptor)
