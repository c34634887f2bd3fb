"""Warnings that differ only in the path they are about, said once. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

_PATH = re.compile(r"(?<=: )(?:path )?(/\S+)|(?<= path )(/\S+)")
SHOWN = 20
"""Paths that are listed; the rest is counted."""


def grouped(warnings: Iterable[str]) -> Iterator[str]:
    """Yield *warnings* in order; of those that are alike the first one, with the others' paths."""
    groups: dict[str, tuple[str, list[str]]] = {}
    for text in warnings:
        match = _PATH.search(text)
        path = "" if match is None else match[1] or match[2]
        stem = text if match is None else text.replace(path, "\0", 1)
        first, others = groups.setdefault(stem, (text, []))
        if first != text:
            others.append(path)
    for first, others in groups.values():
        left = len(others) - SHOWN
        more = f" and {left} more" if left > 0 else ""
        yield f"{first}; also {', '.join(others[:SHOWN])}{more}" if others else first
