"""What a look at a file depends on beside the file: with other rules, all must be read again."""

from __future__ import annotations

import hashlib
import importlib.util
import os
from pathlib import Path

import msgspec

import collectors
import signatures
from collectors.exposure.settings import ExposureSettings

_CODE = (
    (signatures, "edm"),
    (signatures, "identifiers"),
    (signatures, "yara"),
    (collectors, "content"),
)
_OPTIONAL = ("pypdfium2", "python_calamine")
"""Documents that were unsupported are worth a look once these are installed."""


def fingerprint(settings: ExposureSettings, *more: bytes) -> str:
    """Return a hash of the rules, of the code that applies them, of the settings that change what
    is found, and of *more*."""
    said = hashlib.sha256()
    for package, folder in _CODE:
        for path in _files(Path(str(package.__file__)).parent / folder):
            data = path.read_bytes()
            said.update(b"%s %d\n" % (os.fsencode(path.name), len(data)))
            said.update(data)
    there = [name for name in _OPTIONAL if importlib.util.find_spec(name) is not None]
    said.update(msgspec.msgpack.encode([there, settings.identifiers, settings.max_bytes, more]))
    return said.hexdigest()[:32]


def _files(folder: Path) -> list[Path]:
    return sorted(
        path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts
    )
