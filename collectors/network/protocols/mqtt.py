"""MQTT 3.1, 3.1.1 and 5 (OASIS): logins of devices to a broker."""

from __future__ import annotations

from collectors.network.model import Conn, Login
from collectors.network.protocols.cutting import Frames
from collectors.network.protocols.talk import ALONE, Around, CutTalk, text

_CONNECT, _CONNACK = 0x10, 0x20
_WILL, _SECRET, _USER = 0x04, 0x40, 0x80


def _measure(head: bytes) -> int:
    """Kind, then the length in up to four bytes of seven bits, 2.2.3."""
    size = 0
    for index, byte in enumerate(head[1:5]):
        size |= (byte & 0x7F) << (7 * index)
        if not byte & 0x80:
            return 2 + index + size
    return -1 if len(head) >= 5 else 0


class MqttTalk(CutTalk):
    """One connection of a device."""

    protocol = "mqtt"

    def __init__(self, conn: Conn, around: Around = ALONE) -> None:
        super().__init__(conn, around, Frames(_measure), Frames(_measure))

    def _command(self, frame: bytes, at: int) -> None:
        if frame[0] != _CONNECT or self._login is not None:
            return
        fields = _Fields(frame[_start(frame) :])
        name = fields.string()
        level, flags = fields.skip(4)[:2].ljust(2, b"\0")
        if name not in {b"MQTT", b"MQIsdp"}:
            self._stop(at)
            return
        if level >= 5:
            fields.properties()
        fields.string()
        if flags & _WILL:
            if level >= 5:
                fields.properties()
            fields.string()
            fields.string()
        user = fields.string() if flags & _USER else b""
        secret = fields.string()[:256] if flags & _SECRET else b""
        if user or secret:
            self._tried(
                Login(
                    conn=self.conn,
                    at=at,
                    protocol="mqtt",
                    user=text(user),
                    secret=secret,
                    cleartext=bool(secret),
                    method="password",
                )
            )

    def _reply(self, frame: bytes, at: int) -> None:
        if frame[0] == _CONNACK and len(frame) >= 4:
            self._settle("failure" if frame[3] else "success")
        self._stop(at)


class _Fields:
    """Reads the fields of a packet one after the other; past the end they are empty."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def skip(self, count: int) -> bytes:
        """Return the next *count* bytes."""
        taken, self._data = self._data[:count], self._data[count:]
        return taken

    def string(self) -> bytes:
        """Return a string with its length before it."""
        return self.skip(int.from_bytes(self.skip(2), "big"))

    def properties(self) -> None:
        """Pass over the properties of version 5."""
        size = _measure(b"\0" + self._data[:4])
        self.skip(max(0, size - 1))


def _start(frame: bytes) -> int:
    """Return where the fields of a packet begin."""
    for index in range(1, 5):
        if not frame[index : index + 1] or not frame[index] & 0x80:
            return index + 1
    return 5
