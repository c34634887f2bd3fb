"""Which protocol a TCP connection speaks, from the first bytes of both ends.

The port is a hint where the bytes alone leave a doubt (a greeting ``220`` may be mail or file
transfer), never proof: HTTP on 8081, SSH on 2222 and TLS on any port are found. Sources: the
RFC or vendor's document that the module of each protocol names.
"""

from __future__ import annotations

import re

from collectors.network.protocols.http_messages import METHODS

ENOUGH = 512
"""Bytes of one end after which it is what it is, or nothing that is known."""

UNKNOWN = ""

_HTTP = tuple(method + b" " for method in METHODS)
_RESPONSE = b"HTTP/"
_SSH = b"SSH-"
_PG_CODES = frozenset((0x04D2162F, 0x04D21630, 0x04D2162E))
_REDIS_ARRAY = re.compile(rb"\*[1-9]\d{0,6}\r\n\$\d{1,9}\r\n")
_REDIS_BEGIN = re.compile(rb"\*(?:[1-9]\d{0,6}(?:\r(?:\n(?:\$(?:\d{1,9}(?:\r\n?)?)?)?)?)?)?\Z")
_INLINE = re.compile(rb"(?i)(?:AUTH|PING|INFO|CONFIG|CLIENT|KEYS|SET|GET|SELECT|HELLO|FLUSHALL)\b")
_MAIL_COMMANDS = (b"EHLO", b"HELO", b"MAIL", b"RCPT", b"BDAT", b"VRFY", b"EXPN", b"XCLIENT")
_FILE_COMMANDS = (b"USER", b"FEAT", b"AUTH", b"SYST", b"OPTS", b"CLNT", b"ACCT", b"HOST", b"PORT")
_MAIL_WORDS = re.compile(rb"(?i)e?smtp|mail|postfix|exim|sendmail")
_FILE_WORDS = re.compile(rb"(?i)ftp|filezilla|file transfer")
GREETING = re.compile(rb"(?:120|220|421|4\d\d|5\d\d)[ \-]")
_IMAP = re.compile(rb"\* (?:OK|PREAUTH|BYE)\b")
_IMAP_COMMAND = re.compile(rb"(?i)[a-z0-9.]{1,16} (?:CAPABILITY|LOGIN|AUTHENTICATE|ID|STARTTLS)\b")
_TELNET = re.compile(rb"\xff[\xfb-\xfe].", re.DOTALL)
_MAIL_PORTS = frozenset((25, 465, 587, 2525))
_PORTS = {
    21: "ftp", 23: "telnet", 25: "smtp", 53: "dns", 110: "pop3", 143: "imap", 389: "ldap",
    587: "smtp", 1433: "mssql", 3306: "mysql", 5432: "postgresql", 6379: "redis",
}  # fmt: skip


def identify(client: bytes, server: bytes, port: int, *, last: bool = False) -> str | None:
    """Return the protocol, empty where it is none that is known, None where more has to come.

    *last* says that no more will come.
    """
    by_client = _by_client(client, port) if client else None
    if by_client:
        return by_client
    by_server = _by_server(server, client, port) if server else None
    if by_server:
        return by_server
    if client and server:
        by_both = _by_both(client, server, port)
        if by_both:
            return by_both
    if last or len(client) >= ENOUGH or len(server) >= ENOUGH:
        return _by_port(client, server, port)
    if by_client == UNKNOWN and by_server == UNKNOWN:
        return _by_port(client, server, port)
    return None


def _by_client(data: bytes, port: int) -> str | None:
    """As `identify`, from the bytes of the client alone; empty: they begin nothing known."""
    if data.startswith(_HTTP):
        return "http"
    first = data[0]
    if first == 0x16 or first & 0x80:
        found = _tls(data)
        if found != UNKNOWN:
            return found
    if data.startswith(_SSH):
        return "ssh"
    for check in (_redis, _postgresql, _mssql, _ldap, _mqtt, _socks, _dns):
        found = check(data, port)
        if found != UNKNOWN:
            return found
    if _TELNET.match(data):
        return "telnet"
    short = len(data) < 16
    if short and any(start.startswith(data) for start in (*_HTTP, _SSH)):
        return None
    return UNKNOWN


def _tls(data: bytes) -> str | None:
    """A record with a ClientHello, or the hello of SSL 2.0 (RFC 8446 5.1, RFC 6101 E)."""
    if data[0] == 0x16:
        if len(data) < 6:
            return None if len(data) < 2 or data[1] == 3 else UNKNOWN
        return "tls" if data[1] == 3 and data[5] == 1 else UNKNOWN
    if len(data) < 5:
        return None if len(data) < 3 or data[2] == 1 else UNKNOWN
    return "tls" if data[2] == 1 and data[3:5] in {b"\0\2", b"\3\0", b"\3\1"} else UNKNOWN


def _redis(data: bytes, port: int) -> str | None:
    if data[0] == 0x2A:
        if _REDIS_ARRAY.match(data):
            return "redis"
        return None if _REDIS_BEGIN.match(data) else UNKNOWN
    return "redis" if port == 6379 and _INLINE.match(data) else UNKNOWN


def _postgresql(data: bytes, port: int) -> str | None:  # noqa: ARG001 - one form for all checks
    if data[0] != 0:
        return UNKNOWN
    if len(data) < 8:
        return None
    size, code = int.from_bytes(data[:4], "big"), int.from_bytes(data[4:8], "big")
    if code in _PG_CODES and size in {8, 16}:
        return "postgresql"
    if code >> 16 != 3 or not 8 < size <= 10000:
        return UNKNOWN
    name = data[8:13]
    if name[:1].isalpha() and b"\0" in data[8:72]:
        return "postgresql"
    return None if len(data) < 72 and name[:1].isalpha() else UNKNOWN


def _mssql(data: bytes, port: int) -> str | None:  # noqa: ARG001
    """PRELOGIN or LOGIN7 in one TDS packet, MS-TDS 2.2.3.1."""
    if data[0] not in {0x12, 0x10}:
        return UNKNOWN
    if len(data) < 9:
        return None
    size = int.from_bytes(data[2:4], "big")
    if data[1] & ~0x09 or not 9 < size <= 4096 or data[7]:
        return UNKNOWN
    if data[0] == 0x12:
        return "mssql" if data[8] == 0 else UNKNOWN
    if len(data) < 16:
        return None
    return "mssql" if data[12:16] in _TDS_VERSIONS else UNKNOWN


_TDS_VERSIONS = frozenset(
    bytes.fromhex(version)  # little endian: 7.0, 7.1, 7.1 revision 1, 7.2, 7.3A, 7.3B, 7.4
    for version in (
        "00000070",
        "00000071",
        "01000071",
        "02000972",
        "03000a73",
        "03000b73",
        "04000074",
    )
)


def _ldap(data: bytes, port: int) -> str | None:  # noqa: ARG001
    """An LDAPMessage, RFC 4511 4.1.1: a sequence of a small number and a request."""
    if data[0] != 0x30:
        return UNKNOWN
    if len(data) < 2:
        return None
    start = 2 if data[1] < 0x80 else 2 + (data[1] & 0x7F)
    if start > 6:
        return UNKNOWN
    if len(data) < start + 2:
        return None
    size = data[start + 1]
    if data[start] != 2 or not 1 <= size <= 4:
        return UNKNOWN
    if len(data) < start + 3 + size:
        return None
    return "ldap" if data[start + 2 + size] in _LDAP_REQUESTS else UNKNOWN


_LDAP_REQUESTS = frozenset((0x60, 0x42, 0x63, 0x66, 0x68, 0x4A, 0x6C, 0x6E, 0x50, 0x77))


def _mqtt(data: bytes, port: int) -> str | None:  # noqa: ARG001
    """A CONNECT with the protocol's name, MQTT 3.1."""
    if data[0] != 0x10:
        return UNKNOWN
    if len(data) < 12:
        return None
    return "mqtt" if b"\0\4MQTT" in data[2:12] or b"\0\6MQIsd" in data[2:12] else UNKNOWN


def _socks(data: bytes, port: int) -> str | None:  # noqa: ARG001
    """Possibly a greeting to a proxy; only the answer makes it certain."""
    if data[0] == 5:
        whole = len(data) < 2 or (1 <= data[1] <= 16 and len(data) <= 2 + data[1])
        return None if whole else UNKNOWN
    if data[0] == 4:
        return None if len(data) < 2 or data[1] in {1, 2} else UNKNOWN
    return UNKNOWN


def _dns(data: bytes, port: int) -> str | None:
    """A question after its length, RFC 1035 4.2.2; only on its port, the form is too common."""
    if port not in {53, 5353} or data[0] > 4:
        return UNKNOWN
    if len(data) < 14:
        return None
    size = int.from_bytes(data[:2], "big")
    questions = int.from_bytes(data[6:8], "big")
    return "dns" if size >= 12 and not data[4] & 0x80 and 1 <= questions <= 4 else UNKNOWN


def _by_server(data: bytes, client: bytes, port: int) -> str | None:
    """As `identify`, from the bytes of the server."""
    if data.startswith(_SSH):
        return "ssh"
    if data.startswith(_RESPONSE):
        return "http"
    if _IMAP.match(data):
        return "imap"
    if data.startswith((b"+OK", b"-ERR")) and client[:1] != b"*":
        return "pop3" if port != 6379 else "redis"
    if _TELNET.match(data):
        return "telnet"
    found = _mysql(data)
    if found != UNKNOWN:
        return found
    if len(data) < 4 or GREETING.match(data):
        return None
    return UNKNOWN


def _mysql(data: bytes) -> str | None:
    """The greeting of version 10 or an error in its place, in packet 0."""
    if len(data) < 5:
        return None if data[2:4] in {b"", b"\0", b"\0\0"} else UNKNOWN
    size = int.from_bytes(data[:3], "little")
    if data[3] != 0 or size > 1024:
        return UNKNOWN
    if data[4] == 0xFF:
        return "mysql" if size > 9 and (len(data) < 7 or data[6] in {0x03, 0x04, 0x05}) else UNKNOWN
    if data[4] != 10:
        return UNKNOWN
    version = data[5:70].partition(b"\0")[0]
    if not version:
        return None if len(data) < 6 else UNKNOWN
    return "mysql" if version[:1].isdigit() and version.isascii() else UNKNOWN


def _by_both(client: bytes, server: bytes, port: int) -> str:
    if GREETING.match(server):
        word = client[:8].upper()
        if word.startswith(_MAIL_COMMANDS):
            return "smtp"
        if word.startswith(_FILE_COMMANDS):
            return "smtp" if port in _MAIL_PORTS and not word.startswith(b"USER") else "ftp"
    if _socks(client[:2], port) is None and client[0] == server[0] == 5:
        return "socks" if server[1:2] in {b"\0", b"\2"} and len(client) >= 3 else UNKNOWN
    if client[0] == 4 and server[0] == 0 and len(client) > 8 and server[1:2] in _SOCKS_ANSWERS:
        return "socks"
    if _IMAP_COMMAND.match(client) and server.startswith(b"* "):
        return "imap"
    return UNKNOWN


_SOCKS_ANSWERS = frozenset((b"\x5a", b"\x5b", b"\x5c", b"\x5d"))


def _by_port(client: bytes, server: bytes, port: int) -> str:
    """Last: the words of a greeting, then the port where the bytes do not speak against it."""
    if GREETING.match(server):
        if port == 21 or _FILE_WORDS.search(server):
            return "ftp"
        if port in _MAIL_PORTS or _MAIL_WORDS.search(server):
            return "smtp"
    if not server and client[:5].upper() in {b"EHLO ", b"HELO "}:
        return "smtp"
    printable = (client + server)[:64].translate(None, b"\r\n\t\b\a\0\x1b").isascii()
    if port == 23 and printable:
        return "telnet"
    expected = _PORTS.get(port, UNKNOWN)
    if expected in {"smtp", "ftp"} and client.upper().startswith(_MAIL_COMMANDS + _FILE_COMMANDS):
        return expected
    return UNKNOWN
