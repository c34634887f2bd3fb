"""In which order the tree is walked: what matters most comes first. Pure.

The first baseline of a large host takes minutes. What is made in a directory that has been walked
is told at once; before that it cannot be told from what was there. So web roots, where most
break-ins end up, are walked first, and what belongs to Ronda next.
"""

from __future__ import annotations

from collections.abc import Iterable

from collectors.files.scope import Own, below


class Order:
    """Ranks of directories; the lower one is walked first."""

    ranks = 3

    def __init__(self, web_roots: Iterable[bytes] = (), own: Iterable[Own] = ()) -> None:
        """*web_roots* are full paths without symbolic links. *own*: what belongs to Ronda."""
        self._web_roots = tuple(root.rstrip(b"/") or b"/" for root in web_roots)
        self._own = tuple(own)

    def rank(self, path: bytes) -> int:
        """Return the rank of a directory: of what lies in it, and of what it leads to."""
        if any(below(path, root) or below(root, path) for root in self._web_roots):
            return 0
        if any(below(place.root, path) or place.holds(path) for place in self._own):
            return 1
        return 2
