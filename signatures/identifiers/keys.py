"""Names of columns and keys: folding, and which identifier they announce."""

from __future__ import annotations

import functools
import re

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_OTHER = re.compile(r"[^a-z0-9]+")


def fold(key: str) -> str:
    """Return *key* in lower case, its words joined by underscores: ``No. KK`` is ``no_kk``."""
    return _OTHER.sub("_", _CAMEL.sub("_", key).lower()).strip("_")


@functools.lru_cache(maxsize=4096)
def announces(folded: str, keys: tuple[str, ...]) -> bool:
    """Tell whether one of *keys* stands in *folded* as whole words, ``no`` perhaps glued to it."""
    padded = f"_{folded}_"
    return any(f"_{key}_" in padded or f"_no{key}_" in padded for key in keys)
