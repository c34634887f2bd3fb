"""Which program and user of this host holds a socket.

/proc/net/tcp, tcp6, udp and udp6 give user and inode of each socket; /proc/PID/fd gives the inodes
of a process, where the kernel lets us look: another user's descriptors take CAP_SYS_PTRACE, and a
/proc that shows other users' processes at all, which the unit's ProtectProc=invisible prevents. By
default the agent has neither (the drop-in programs.conf gives both): then only the user is told,
and the coverage says so. See proc(5), ptrace(2) "Ptrace access mode checking".

Reading the tables costs milliseconds on a server with thousands of connections: they are read only
when a new conversation asks, and so rarely that it stays under a fiftieth of the time.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from collectors.network.messages import Asked, Owner
from collectors.network.model import TCP, UDP

_TABLES = (("tcp", TCP), ("tcp6", TCP), ("udp", UDP), ("udp6", UDP))
_LISTEN = "0A"  # TCP_LISTEN
_UNCONNECTED = "07"  # how a UDP socket without a peer is shown
_MAPPED = bytes(10) + b"\xff\xff"
_SHARE = 50
"""Pause after a reading, as a multiple of what it took."""
_LARGEST = 8 << 20
"""Bytes of a table that are read at most: about 50,000 sockets."""
_MOST_DESCRIPTORS = 20_000
_MOST_CACHED = 8192

Place = tuple[int, bytes, int, bytes, int]
"""Protocol, local address and port, remote address and port."""


def address(text: str) -> bytes:
    """Read an address as the tables have it: words of 4 bytes in the machine's order."""
    raw = bytes.fromhex(text)
    packed = b"".join(raw[at : at + 4][::-1] for at in range(0, len(raw), 4))
    return packed[12:] if packed.startswith(_MAPPED) else packed


class Socket:
    """One line of a table."""

    __slots__ = ("inode", "listening", "place", "uid")

    def __init__(self, proto: int, fields: list[str]) -> None:
        """Read *fields*.

        Raises:
            ValueError: it is no such line.
        """
        if len(fields) < 10:
            raise ValueError("too few fields")
        here, _, port = fields[1].partition(":")
        there, _, other = fields[2].partition(":")
        self.place: Place = (proto, address(here), int(port, 16), address(there), int(other, 16))
        state = fields[3]
        self.listening = state == _LISTEN or (proto == UDP and state == _UNCONNECTED)
        self.uid = int(fields[7])
        self.inode = int(fields[9])


class Processes:
    """Answers who holds a socket; remembers what it learned."""

    def __init__(self, root: Path = Path("/"), clock: Callable[[], float] = time.monotonic) -> None:
        """*root* is where the file system begins, for tests."""
        self._proc = root / "proc"
        self._clock = clock
        self._not_before = 0.0
        self._names: dict[int, str] = {}
        self._users: dict[int, str] = {}
        self.blind = 0
        """Processes whose descriptors may not be seen, in the last look."""
        self.seen = 0
        """Processes whose descriptors were seen."""
        self.found = 0
        """Conversations whose socket was found, since the start."""

    def due(self) -> bool:
        """Whether enough time has passed since the last reading."""
        return self._clock() >= self._not_before

    def words(self) -> str:
        """Say how much is seen, for people."""
        # What hides processes hides the first one, which is nobody's but root's.
        if not (self._proc / "1").exists() or (self.blind and not self.seen):
            return "users only, programs of other users are hidden: see programs.conf"
        if not self.seen:
            return "not looked yet"
        if not self.blind:
            return "programs and users of all sockets"
        return f"users of all sockets; programs of {self.seen} processes, {self.blind} are hidden"

    def answer(self, asked: Iterable[Asked]) -> tuple[dict[int, Owner], dict[str, Owner]]:
        """Return the owners of the conversations *asked* about, and of all listening sockets."""
        began = self._clock()
        sockets = self._sockets()
        by_place = {one.place: one for one in sockets}
        listening = [one for one in sockets if one.listening]
        hits: dict[int, Socket] = {}
        for one in asked:
            found = self._find(by_place, one)
            if found is not None:
                hits[one.key] = found
        self.found += len(hits)
        self._learn({one.inode for one in [*hits.values(), *listening]})
        owners = {key: self._owner(one) for key, one in hits.items()}
        listeners = {f"{one.place[0]}/{one.place[2]}": self._owner(one) for one in listening}
        self._not_before = self._clock() + (self._clock() - began) * _SHARE
        return owners, listeners

    @staticmethod
    def _find(by_place: dict[Place, Socket], one: Asked) -> Socket | None:
        local, remote = one.local, one.remote
        hit = by_place.get((one.proto, local, one.local_port, remote, one.remote_port))
        if hit is not None or one.proto != UDP:
            return hit
        # A UDP socket without a peer takes part in any conversation of its port.
        for any_, here in ((bytes(len(local)), local), (bytes(16), bytes(16))):
            for where in (here, any_):
                hit = by_place.get((one.proto, where, one.local_port, any_, 0))
                if hit is not None:
                    return hit
        return None

    def _sockets(self) -> list[Socket]:
        found: list[Socket] = []
        for name, proto in _TABLES:
            try:
                with (self._proc / "net" / name).open(encoding="ascii", errors="replace") as file:
                    lines = file.read(_LARGEST).splitlines()[1:]
            except OSError:  # no IPv6 here
                continue
            for line in lines:
                with contextlib.suppress(ValueError):
                    found.append(Socket(proto, line.split()))
        return found

    def _owner(self, one: Socket) -> Owner:
        return Owner(process=self._names.get(one.inode, ""), user=self._user(one.uid))

    def _user(self, uid: int) -> str:
        name = self._users.get(uid)
        if name is None:
            try:
                name = pwd.getpwuid(uid).pw_name
            except KeyError:
                name = str(uid)
            if len(self._users) < _MOST_CACHED:
                self._users[uid] = name
        return name

    def _learn(self, inodes: set[int]) -> None:
        """Find the processes that hold *inodes*, if some are not known."""
        unknown = inodes - self._names.keys()
        unknown.discard(0)
        if not unknown:
            return
        if len(self._names) > _MOST_CACHED:
            self._names.clear()
        self.blind = self.seen = 0
        budget = _MOST_DESCRIPTORS
        for pid in self._pids():
            try:
                descriptors = os.listdir(self._proc / pid / "fd")
            except PermissionError:
                self.blind += 1
                continue
            except OSError:  # it has ended
                continue
            self.seen += 1
            budget -= len(descriptors)
            name = ""
            for descriptor in descriptors:
                inode = self._inode(pid, descriptor)
                if inode in unknown:
                    name = name or self._name(pid)
                    self._names[inode] = name
                    unknown.discard(inode)
            if not unknown or budget < 0:
                break
        # What nobody was seen to hold is not looked for again and again.
        self._names.update(dict.fromkeys(unknown, ""))

    def _pids(self) -> list[str]:
        try:
            return [name for name in os.listdir(self._proc) if name.isdigit()]
        except OSError:
            return []

    def _inode(self, pid: str, descriptor: str) -> int:
        try:
            target = os.readlink(self._proc / pid / "fd" / descriptor)
        except OSError:
            return 0
        if target.startswith("socket:[") and target.endswith("]"):
            with contextlib.suppress(ValueError):
                return int(target[8:-1])
        return 0

    def _name(self, pid: str) -> str:
        try:
            raw = (self._proc / pid / "comm").read_bytes()
        except OSError:
            return ""
        return raw.rstrip(b"\n").decode("utf-8", "surrogateescape")
