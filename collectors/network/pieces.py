"""Gives the later pieces of a fragmented packet the ports that only the first one has."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np

from collectors.network.headers import Rows
from collectors.network.headers_struct import WITH_PORTS

_MOST = 4096
_Key = tuple[int, int, int, int, int, int]
_WITH_PORTS = np.zeros(256, bool)
_WITH_PORTS[list(WITH_PORTS)] = True


class Pieces:
    """Remembers the ports of the last 4096 packets that came in pieces.

    A later piece that comes before the first keeps the ports 0. Nothing is put together: what a
    piece carries is counted, and the payload of the first is read.
    """

    def __init__(self) -> None:
        self._ports: OrderedDict[_Key, tuple[int, int]] = OrderedDict()

    def join(self, rows: Rows) -> None:
        """Fill in the ports of *rows*."""
        which = np.flatnonzero((rows.fragment > 0) & _WITH_PORTS[rows.proto])
        if not len(which):
            return
        names = ("source_high", "source", "destination_high", "destination", "ident", "proto")
        keys = zip(*(getattr(rows, name)[which].tolist() for name in names), strict=True)
        for number, key in zip(which.tolist(), keys, strict=True):
            if rows.fragment[number] == 1:
                ports = int(rows.source_port[number]), int(rows.destination_port[number])
                self._ports[key] = ports
                if len(self._ports) > _MOST:
                    self._ports.popitem(last=False)
            elif key in self._ports:
                rows.source_port[number], rows.destination_port[number] = self._ports[key]
