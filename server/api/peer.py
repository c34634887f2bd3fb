"""Who is at the other end of the unix socket, as the kernel says, and who may come in."""

from __future__ import annotations

import asyncio
import contextlib
import grp
import os
import pwd
import socket
import stat
import struct
from typing import Any, NamedTuple

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

GROUP = "ronda"
EXTENSION = "ronda.peer"
"""Key in the ASGI scope's extensions."""
_UCRED = struct.Struct("3i")
"""``struct ucred`` of unix(7): pid, uid, gid."""


class Peer(NamedTuple):
    """Credentials of the process that connected."""

    pid: int
    uid: int
    gid: int

    @property
    def name(self) -> str:
        """Return the user's name for the audit log; ``uid:N`` when there is none."""
        try:
            return pwd.getpwuid(self.uid).pw_name
        except KeyError:
            return f"uid:{self.uid}"


class PeerProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol, with the peer's credentials in every scope.

    uvicorn gives no credentials to the application; a protocol subclass is the way in
    (tried in the same manner for client certificates).
    """

    peer: Peer | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Read the credentials once: they are those at the time of connect(2)."""
        super().connection_made(transport)
        sock: socket.socket | None = transport.get_extra_info("socket")
        if sock is not None and sock.family == socket.AF_UNIX:
            data = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
            self.peer = Peer(*_UCRED.unpack(data))

    def on_message_begin(self) -> None:
        """Put them into the scope of the request that begins."""
        super().on_message_begin()
        extensions: dict[str, Any] = self.scope.setdefault("extensions", {})
        extensions[EXTENSION] = self.peer


def may_enter(peer: Peer | None, own_uid: int) -> bool:
    """Tell whether *peer* may use the API: root, the collector's own user, or the group `ronda`."""
    if peer is None:
        return False
    return peer.uid in {0, own_uid} or _in_group(peer)


def _in_group(peer: Peer) -> bool:
    try:
        wanted = grp.getgrnam(GROUP).gr_gid
    except KeyError:
        return False
    if peer.gid == wanted:
        return True
    try:
        user = pwd.getpwuid(peer.uid)
    except KeyError:
        return False
    return wanted in os.getgrouplist(user.pw_name, user.pw_gid)


def bind(path: str) -> socket.socket:
    """Return a listening socket at *path*, mode 0660, of the group `ronda` when that exists.

    A socket that a dead process left behind is replaced.

    Raises:
        FileExistsError: a living process listens there, or the file is no socket.
        OSError: the directory cannot be written.
    """
    _clear(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # The mode must be right from the first moment: bind(2) applies the umask.
    before = os.umask(0o117)
    try:
        listener.bind(path)
    except OSError:
        listener.close()
        raise
    finally:
        os.umask(before)
    # No such group, or not ours to give: root and the own user still may.
    with contextlib.suppress(KeyError, PermissionError):
        os.chown(path, -1, grp.getgrnam(GROUP).gr_gid)
    listener.listen(128)
    listener.setblocking(False)
    return listener


def _make_directory(path: str) -> None:
    """Make the socket's directory so that the group can reach it, whatever the umask is."""
    if not os.path.isdir(path):
        os.makedirs(path)
        os.chmod(path, 0o755)  # noqa: S103 - the socket inside has its own mode


def _clear(path: str) -> None:
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        _make_directory(os.path.dirname(path) or ".")
        return
    # connect(2) refuses an ordinary file just as it does a dead socket.
    if not stat.S_ISSOCK(mode):
        raise FileExistsError(f"{path} is in the way: it is not a socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
            return
    raise FileExistsError(f"another collector listens on {path}")
