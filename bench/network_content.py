"""What looking into cleartext costs: seconds to the first record, pieces a second, memory.

Usage: python -m bench.network_content [SECONDS]
"""

from __future__ import annotations

import os
import secrets
import sys
import tempfile
import time
from pathlib import Path

from collectors.api import Keys
from collectors.network.contents import Contents
from collectors.network.model import Conn, Content, Direction, Http
from collectors.network.passing import Passing
from tests.collectors.content.citizens import make_niks

_CONN = Conn(
    key=1,
    proto=6,
    client=bytes([203, 0, 113, 9]),
    client_port=40_000,
    server=bytes([10, 0, 0, 5]),
    server_port=80,
    direction=Direction.INBOUND,
)
_HTML = (b"<html><body>" + b"<p>Hello lorem ipsum dolor 12345 sit amet</p>\n" * 2000)[:65_536]
_WINDOW = 16
"""Pieces under way at once: the channel is never the bound."""


def _piece(data: bytes) -> Content:
    now = time.time_ns()
    http = Http(conn=_CONN, at=now, method="GET", path="/x", status=200)
    return Content(
        conn=_CONN,
        at=now,
        protocol="http",
        from_client=False,
        data=data,
        seen=len(data),
        size=len(data),
        complete=True,
        http=http,
    )


def _memory(pid: int | None) -> str:
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        found = dict(line.split(":", 1) for line in file.read().splitlines()[1:])
    return (
        f"{int(found['Rss'].split()[0]) >> 10} MB ({int(found['Pss'].split()[0]) >> 10} of its own)"
    )


def _rate(contents: Contents, sink: Passing, data: bytes, seconds: float) -> float:
    begin = int(contents.coverage()["content_pieces"])
    sent, start = 0, time.monotonic()
    while time.monotonic() - start < seconds:
        if sent - (int(contents.coverage()["content_pieces"]) - begin) < _WINDOW:
            sink.content(_piece(data))
            sent += 1
        else:
            sink.flush()
            time.sleep(0.0005)
    return (int(contents.coverage()["content_pieces"]) - begin) / (time.monotonic() - start)


def main() -> None:
    """Measure and print."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 3.0
    dump = ("nik,nama\n" + "".join(f"{nik},Budi\n" for nik in make_niks(3000))).encode()[:65_536]
    told: list[float] = []
    keys = Keys(fleet=secrets.token_bytes(32), fleet_epoch=1)
    with tempfile.TemporaryDirectory() as folder:
        contents = Contents(keys, Path(folder), lambda *_: told.append(time.monotonic()))
        contents.start()
        sink = Passing(os.dup(contents.channel))
        begin = time.monotonic()
        sink.content(_piece(dump))
        while not told:
            time.sleep(0.002)
        print(f"first record, child not yet running: {told[0] - begin:.2f} s")
        for name, data in (
            ("page of 4 KB", _HTML[:4096]),
            ("page of 64 KB", _HTML),
            ("64 KB with 2,978 NIK", dump),
        ):
            print(f"{name}: {_rate(contents, sink, data, seconds):,.0f} pieces a second")
        print(f"content child: {_memory(contents.child_pid)}; dropped {sink.dropped}")
        contents.stop()
        sink.close()


if __name__ == "__main__":
    main()
