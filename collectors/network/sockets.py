"""Packet sockets with a receive ring, opened in the agent; only the child looks at what is in them.

The agent needs CAP_NET_RAW for the socket; the child that reads the ring has no capability. An
interface is never put into promiscuous mode: what the card does not pass on is not this server's.
Order matters: the filter stands before the ring, and the ring before the interface, so that no
packet of another interface and none that is not wanted ever comes in.
"""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import socket
import struct

import msgspec

from collectors.api import Unsupported
from collectors.network import filter as bpf
from collectors.network.messages import ETHERNET, RAW_IP, Ring

_SOL_PACKET = 263
_PACKET_RX_RING, _PACKET_VERSION = 5, 10
_TPACKET_V3 = 2
_SO_ATTACH_FILTER = 26
_ETH_P_ALL = 3
_FRAME = 2048  # only a unit of counting in version 3: frames are as long as the packets
_LEAST_RING = 1 << 20
_ETHERNET_LIKE = {1, 772}  # ARPHRD_ETHER, ARPHRD_LOOPBACK
_SIOCGIFHWADDR = 0x8927


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """How rings are to be made."""

    ring: int = 16 << 20
    """Bytes of a ring."""
    block: int = 1 << 17
    """Bytes of a block: what the reader takes at once."""
    retire: int = 100
    """ms after which a block that is not full is handed over."""
    snap: int = 65535
    without: tuple[tuple[bytes, int], ...] = ()
    """Endpoints whose TCP is left out."""


class Capture:
    """An open packet socket on one interface. Close it."""

    def __init__(self, sock: socket.socket, ring: Ring, index: int) -> None:
        """Take over *sock*."""
        self._socket = sock
        self.ring = ring
        self.index = index

    def fileno(self) -> int:
        """Return the descriptor, for the child."""
        return self._socket.fileno()

    def name(self) -> str:
        """Return what the interface is called now, empty when it is gone for good.

        One whose new name is no printable text counts as gone: no such one is watched.
        """
        try:
            name = str(self._socket.getsockname()[0])
        except (OSError, UnicodeDecodeError):
            return ""
        return name if name.isprintable() else ""

    def close(self) -> None:
        """End it; the kernel frees the ring when the child has let go, too."""
        self._socket.close()


def probe() -> None:
    """See whether packet sockets work here.

    Raises:
        Unsupported: they do not; the sentence says why.
    """
    _open(socket.SOCK_RAW).close()


def _open(kind: int) -> socket.socket:
    if not hasattr(socket, "AF_PACKET"):
        raise Unsupported("this system has no packet sockets")
    try:
        # Protocol 0: nothing comes in before the socket is bound.
        sock = socket.socket(socket.AF_PACKET, kind | socket.SOCK_CLOEXEC, 0)
    except PermissionError:
        raise Unsupported(
            "packet sockets need the capability CAP_NET_RAW, which this process has not: run as "
            "root, or give the service AmbientCapabilities=CAP_NET_RAW"
        ) from None
    except OSError as error:
        if error.errno in (errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT):
            raise Unsupported(
                "packet sockets are not allowed here: the kernel is built without them, or the "
                "service's RestrictAddressFamilies lacks AF_PACKET"
            ) from None
        raise
    try:
        sock.setsockopt(_SOL_PACKET, _PACKET_VERSION, struct.pack("i", _TPACKET_V3))
    except OSError:
        sock.close()
        raise Unsupported("this kernel has no receive ring of version 3 (Linux 3.2)") from None
    return sock


def link_type(name: str) -> int:
    """Return how packets of an interface begin.

    Raises:
        OSError: it is gone.
    """
    request = struct.pack("16s24x", name.encode()[:15])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe_:
        answer = fcntl.ioctl(probe_, _SIOCGIFHWADDR, request)
    (kind,) = struct.unpack_from("H", answer, 16)
    return ETHERNET if kind in _ETHERNET_LIKE else RAW_IP


def open_capture(name: str, index: int, shape: Shape, *, loopback: bool = False) -> Capture:
    """Open a socket with a ring on an interface.

    *loopback*: everything appears there twice, once as sent; that is left out.

    Raises:
        Unsupported: packet sockets do not work here.
        OSError: the interface is gone, or there is no memory for even a small ring.
    """
    link = link_type(name)
    # What has no Ethernet header comes without any (SOCK_DGRAM): tunnels differ too much.
    sock = _open(socket.SOCK_RAW if link == ETHERNET else socket.SOCK_DGRAM)
    try:
        lines = bpf.program(shape.snap, without=shape.without, incoming=loopback)
        keep, head = bpf.pack(lines)
        sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, head)
        del keep
        size = _ring(sock, shape)
        if socket.if_nametoindex(name) != index:
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
        sock.bind((name, _ETH_P_ALL))
        if sock.getsockname()[0] != name:
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
    except BaseException:
        sock.close()
        raise
    ring = Ring(
        interface=name,
        link=link,
        block_size=shape.block,
        blocks=size // shape.block,
        snap=shape.snap,
    )
    return Capture(sock, ring, index)


def _ring(sock: socket.socket, shape: Shape) -> int:
    """Make the ring, smaller where memory is short; return its bytes."""
    if shape.block % mmap.PAGESIZE or shape.block < 1 << 17:
        raise ValueError("a block holds one packet of 64 KiB at least, and whole pages")
    size = max(shape.ring, 2 * shape.block) // shape.block * shape.block
    while True:
        blocks = size // shape.block
        request = struct.pack(
            "7I",
            shape.block,
            blocks,
            _FRAME,
            shape.block // _FRAME * blocks,
            shape.retire,
            0,
            0,
        )
        try:
            sock.setsockopt(_SOL_PACKET, _PACKET_RX_RING, request)
        except OSError as error:
            if error.errno != errno.ENOMEM or size <= max(_LEAST_RING, 2 * shape.block):
                raise
            size = max(size // 2 // shape.block * shape.block, 2 * shape.block)
        else:
            return size
