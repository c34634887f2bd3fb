"""Who reads which protocol: the table of `dialogue`, and the readers of UDP."""

from __future__ import annotations

from collectors.network.model import Conn, Conversation
from collectors.network.protocols import Datagrams, quic_google
from collectors.network.protocols.dns import PORTS as _DNS_PORTS
from collectors.network.protocols.dns import DnsConversation, DnsDatagrams
from collectors.network.protocols.ftp import FtpTalk
from collectors.network.protocols.http import HttpTalk
from collectors.network.protocols.ldap import LdapTalk
from collectors.network.protocols.mqtt import MqttTalk
from collectors.network.protocols.mssql import MssqlTalk
from collectors.network.protocols.mysql import MysqlTalk
from collectors.network.protocols.pop_imap import ImapTalk, PopTalk
from collectors.network.protocols.postgresql import PostgresqlTalk
from collectors.network.protocols.quic import QuicDatagrams
from collectors.network.protocols.redis import RedisTalk
from collectors.network.protocols.smtp import SmtpTalk
from collectors.network.protocols.socks import SocksTalk
from collectors.network.protocols.ssh import SshTalk
from collectors.network.protocols.talk import Around
from collectors.network.protocols.telnet import TelnetTalk
from collectors.network.protocols.tls import TlsConversation
from collectors.network.streams.dialogue import Make


def _tls(conn: Conn, around: Around) -> Conversation:  # noqa: ARG001 - one form for all
    return TlsConversation(conn)


def _dns(conn: Conn, around: Around) -> Conversation:  # noqa: ARG001
    return DnsConversation(conn)


def parsers() -> dict[str, Make]:
    """Return who reads a TCP connection, by the names that `identify` returns."""
    return {
        "tls": _tls,
        "dns": _dns,
        "ftp": FtpTalk,
        "http": HttpTalk,
        "imap": ImapTalk,
        "ldap": LdapTalk,
        "mqtt": MqttTalk,
        "mssql": MssqlTalk,
        "mysql": MysqlTalk,
        "pop3": PopTalk,
        "postgresql": PostgresqlTalk,
        "redis": RedisTalk,
        "smtp": SmtpTalk,
        "socks": SocksTalk,
        "ssh": SshTalk,
        "telnet": TelnetTalk,
    }


def datagram_parsers() -> tuple[Datagrams | None, Datagrams | None]:
    """Return who reads DNS and QUIC."""
    return DnsDatagrams(), QuicDatagrams()


def is_dns(conn: Conn, payload: bytes) -> bool:
    """Tell whether a datagram is for the reader of DNS: by its port, as resolvers do."""
    return len(payload) >= 12 and (conn.server_port in _DNS_PORTS or conn.client_port in _DNS_PORTS)


def is_quic(conn: Conn, from_client: bool, payload: bytes) -> bool:  # noqa: ARG001
    """Tell whether a datagram is for the reader of QUIC: a long header of a version, RFC 8999.

    The QUIC of Google before that has another header; it is known by its first message.
    """
    if payload[0] & 0x80:
        return len(payload) > 20 and payload[1:5] != b"\0\0\0\0"
    return from_client and quic_google.looks_like(payload)
