"""A layout that is chosen when somebody asks: most files hold no number, and choosing costs."""

from __future__ import annotations

from collections.abc import Callable

from collectors.content.digits import Bytes, Ints
from collectors.content.groups import Groups, Layout


class Later:
    """See `collectors.content.groups.Layout`. Holds the first block until it is asked for."""

    def __init__(self, choose: Callable[[], Layout]) -> None:
        """*choose* gives the layout."""
        self._choose = choose
        self._layout: Layout | None = None
        self._first: bytes | None = None
        self._none = Groups()

    def _chosen(self) -> Layout:
        if self._layout is None:
            self._layout = self._choose()
        return self._layout

    @property
    def format(self) -> str:
        """Return what the file is."""
        return self._chosen().format

    @property
    def groups(self) -> Groups:
        """Return the columns that were seen."""
        return self._layout.groups if self._layout is not None else self._none

    def begin(self, data: bytes) -> None:
        """Take the next block; the first one waits."""
        if self._layout is None and self._first is None:
            self._first = data
            return
        self._catch_up()
        self._chosen().begin(data)

    def _catch_up(self) -> None:
        if self._first is not None:
            first, self._first = self._first, None
            self._chosen().begin(first)

    def assign(self, data: bytes, block: Bytes, starts: Ints) -> Ints:
        """Return the groups of *starts* in the block that was begun last."""
        self._catch_up()
        return self._chosen().assign(data, block, starts)
