"""Adding a directory to a source as the walk does."""

from __future__ import annotations

import os
from pathlib import Path

from collectors.files.sources.source import EventSource
from collectors.files.tree import open_directory


def add(source: EventSource, path: Path) -> bool:
    descriptor = open_directory(os.fsencode(path))
    try:
        return source.add(os.fsencode(path), descriptor)
    finally:
        os.close(descriptor)
