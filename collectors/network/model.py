"""What the parts of the network sensor hand to each other, inside its bounded child.

Times are ns since 1970, of the packets: a capture file and a live interface behave alike, and a
test can let a day pass in a second. Addresses are packed: 4 bytes for IPv4, 16 for IPv6. Text that
came from the wire is ``bytes`` or ``str`` as it stood there; nothing of this leaves the child
without `collectors.redact`.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from typing import ClassVar, Protocol, TypeAlias

import msgspec

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
"""Nanoseconds, as all times of packets."""
TCP = 6
UDP = 17
ICMP = 1
ICMPV6 = 58

FIN, SYN, RST, PSH, ACK, URG = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20


class Direction(str, enum.Enum):
    """Which way a conversation was opened, seen from this host (ECS ``network.direction``)."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"
    INTERNAL = "internal"
    """Both ends are this host: loopback, containers."""
    EXTERNAL = "external"
    """Neither end is this host: forwarded or overheard."""


class State(str, enum.Enum):
    """How a TCP connection went, in Zeek's terms (``conn_state``); other protocols are SF or S0."""

    S0 = "S0"
    """A try without answer."""
    S1 = "S1"
    """Established, not ended."""
    SF = "SF"
    """Established and ended in order."""
    REJ = "REJ"
    """The try was refused."""
    RSTO = "RSTO"
    """Established; the client broke it off."""
    RSTR = "RSTR"
    """Established; the server broke it off."""
    SH = "SH"
    """SYN then FIN from the client, no answer: a half-open scan."""
    OTH = "OTH"
    """The beginning was not seen, or the flags make no connection (FIN, NULL, XMAS scans)."""


class Conn(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One conversation. The client is who opened it, as far as that is known."""

    key: int
    """64-bit keyed hash; the seed is new at each start."""
    proto: int
    """IP protocol number."""
    client: bytes
    client_port: int
    """0 where the protocol has none; for ICMP the type."""
    server: bytes
    server_port: int
    """0 where the protocol has none; for ICMP the code."""
    direction: Direction = Direction.EXTERNAL
    interface: str = ""
    vlan: int = 0
    """VLAN id, 0 where none."""


class Flow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a conversation amounted to, when it ended or at a time-out."""

    conn: Conn
    begin: int
    last: int
    client_packets: int = 0
    client_bytes: int = 0
    """IP bytes, headers included."""
    server_packets: int = 0
    server_bytes: int = 0
    client_flags: int = 0
    """TCP flags of all packets, ORed."""
    server_flags: int = 0
    state: State = State.OTH
    ended: bool = True
    """False: cut at the active time-out, more follows under the same key; counters start anew."""
    fragments: int = 0
    process: str = ""
    """Program that holds the socket, where it could be told."""
    user: str = ""


class Dns(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A question and, when it came, its answer."""

    conn: Conn
    at: int
    name: str
    """Lower case, without the last dot; controls, spaces, quotes, backslashes, bytes over 126 and
    dots inside of a label are escaped as \\DDD. Empty for the root."""
    type: int
    answered: bool = False
    rcode: int = 0
    answers: tuple[str, ...] = ()
    """Addresses and names, at most 32."""
    answer_types: tuple[int, ...] = ()
    ttl: int = 0
    """Seconds, the smallest of the answers."""
    request_bytes: int = 0
    response_bytes: int = 0
    id: int = 0
    flags: int = 0


class Tls(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A TLS or QUIC handshake, as far as it is in clear."""

    conn: Conn
    at: int
    version: str = ""
    """``1.0`` ... ``1.3``, ``ssl2``, ``ssl3``; of the ServerHello where seen, else the highest
    offered; empty where unknown."""
    sni: str = ""
    alpn: tuple[str, ...] = ()
    """Offered by the client."""
    alpn_chosen: str = ""
    ja3: str = ""
    """MD5 hex."""
    ja3_text: str = ""
    ja3s: str = ""
    ja4: str = ""
    cipher: int = 0
    """Chosen; 0 when no ServerHello was seen. Of SSL 2.0 its 24 bits."""
    certificate_sha256: str = ""
    """Of the first certificate, hex."""
    subject: str = ""
    """Common name."""
    issuer: str = ""
    """Common name."""
    names: tuple[str, ...] = ()
    """Subject alternative names, at most 64."""
    not_before: int = 0
    not_after: int = 0
    self_signed: bool = False
    key_bits: int = 0
    signature: str = ""
    """Algorithm, for example ``sha1WithRSAEncryption``."""
    quic: bool = False
    resumed: bool = False
    alert: int = -1
    """TLS alert description that ended the handshake, -1: none."""


class Http(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A request and, when it came, its response."""

    conn: Conn
    at: int
    method: str
    host: str = ""
    path: str = ""
    """Target as sent, at most 4096 characters."""
    version: str = ""
    user_agent: str = ""
    referrer: str = ""
    request_type: str = ""
    request_bytes: int = 0
    """Body bytes declared or seen."""
    status: int = 0
    """0: no response was seen."""
    response_type: str = ""
    response_bytes: int = 0
    location: str = ""
    server: str = ""
    authorization: str = ""
    """Scheme: ``basic``, ``digest``, ``bearer`` ..."""
    user: str = ""
    """Of Basic authentication."""
    forwarded_for: str = ""
    upgrade: str = ""


ANONYMOUS = frozenset(("anonymous", "ftp"))
"""RFC 1635: what these accounts send as a password is no secret."""


class Login(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Somebody tried to prove who they are, where the protocol shows it."""

    conn: Conn
    at: int
    protocol: str
    """``ssh``, ``ftp``, ``smtp``, ``pop3``, ``imap``, ``telnet``, ``mysql``, ``postgresql``,
    ``mssql``, ``redis``, ``ldap``, ``http``, ``mqtt``, ``socks``."""
    user: str = ""
    secret: bytes = b""
    """The password, where it crossed in clear; never leaves the child."""
    cleartext: bool = False
    """Whether the password crossed in clear, or a reversible coding of it."""
    method: str = ""
    database: str = ""
    outcome: str = ""
    """``success``, ``failure``, or empty where it was not seen."""


class Mail(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A mail as its envelope says it; its text is content."""

    conn: Conn
    at: int
    helo: str = ""
    """Who the client says it is."""
    sender: str = ""
    recipients: tuple[str, ...] = ()
    """At most 32."""
    count: int = 0
    """Recipients, all of them."""
    refused: int = 0
    """Commands of this mail that the server answered with a permanent error."""
    outcome: str = ""
    """``success``: the server took it over, ``failure``, or empty where it was not seen."""


class Banner(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What an end said of its software."""

    conn: Conn
    at: int
    protocol: str
    from_client: bool
    text: str
    """At most 256 characters."""


class Arp(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An ARP packet, or an IPv6 neighbour advertisement."""

    at: int
    operation: int
    """1 request, 2 reply."""
    sender_mac: bytes
    sender: bytes
    target: bytes
    interface: str = ""


class Icmp(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One echo or other ICMP message with a payload."""

    conn: Conn
    at: int
    type: int
    code: int
    from_client: bool
    payload: bytes
    """At most 256 bytes."""
    size: int
    """Bytes of the payload on the wire."""


class Stream(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """First bytes of a TCP stream whose protocol nobody knew, for those who look at shapes."""

    conn: Conn
    at: int
    client: bytes
    """At most 512."""
    server: bytes
    """At most 512."""


class Content(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The first bytes of what one end sent in clear: a body, or a stream of a known protocol.

    They go to the content child through a `ContentSink`, and nowhere else.
    """

    conn: Conn
    at: int
    protocol: str
    """``http``, ``ftp-data``, ``smtp`` ..., empty where nobody knows it."""
    from_client: bool
    data: bytes
    """At most 64 KB, transfer and content codings undone."""
    seen: int = 0
    """Bytes on the wire that `data` was made of: less than its length where it was compressed."""
    size: int = 0
    """Bytes of the whole body on the wire, declared or seen; 0 where it is not known."""
    complete: bool = False
    """Nothing follows: `data` is all of it."""
    http: Http | None = None
    """For ``http``: the request, and the response where `from_client` is false."""


Seen: TypeAlias = Flow | Dns | Tls | Http | Login | Mail | Banner | Arp | Icmp | Stream


class Conversation(Protocol):
    """One TCP connection in one protocol. Gets bytes in order, each once; keeps little."""

    def client(self, data: bytes, at: int) -> Sequence[Seen]:
        """Take bytes that the client sent; return what is complete now. Never raises."""

    def server(self, data: bytes, at: int) -> Sequence[Seen]:
        """Take bytes that the server sent."""

    def end(self, at: int) -> Sequence[Seen]:
        """Return what is still to be told: the connection ended, or its first bytes are over."""


class Streams(Protocol):
    """Puts segments in order and has them read. Bounded in connections and bytes."""

    def segment(  # noqa: PLR0917 - the header of a segment
        self, conn: Conn, from_client: bool, seq: int, flags: int, payload: bytes, at: int
    ) -> None:
        """Take one TCP segment. SYN and FIN may come with an empty payload."""

    def datagram(self, conn: Conn, from_client: bool, payload: bytes, at: int) -> None:
        """Take one UDP datagram."""

    def end(self, key: int, at: int) -> None:
        """Forget a conversation; what is half read is told."""

    def drain(self) -> list[Seen]:
        """Return what was read since the last call."""


class ContentSink(Protocol):
    """Where content and passwords go. Never blocks; what is too much is dropped and counted."""

    def content(self, piece: Content) -> None:
        """Take the first bytes of one direction, once for each body or stream."""

    def login(self, login: Login) -> None:
        """Take a login whose password crossed in clear."""


class Finding(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a detector says. Still inside the child: texts are scrubbed on the way out."""

    rule: str
    """Detector and case: ``scan.vertical``, ``beacon``, ``dns.tunnel`` ..."""
    at: int
    begin: int
    """First evidence."""
    severity: str
    """``low``, ``medium``, ``high``, ``critical``."""
    technique: str
    """MITRE ATT&CK id."""
    source: bytes = b""
    """Who did it, packed; empty where that makes no sense."""
    destination: bytes = b""
    port: int = 0
    direction: Direction = Direction.EXTERNAL
    entity: str = ""
    """What repeats are counted under: a domain, an address, a listener."""
    count: int = 0
    """Packets, tries, names, as the rule says."""
    score: float = 0.0
    """0 to 1 where the algorithm has one."""
    numbers: dict[str, float] = {}
    """Evidence: measured values by name with their unit in it (``bytes_per_hour``)."""
    texts: tuple[str, ...] = ()
    """Evidence: at most 8 examples."""
    conn: Conn | None = None
    process: str = ""


class Detector(Protocol):
    """One way to find one thing. Pure: knows only what it is shown; its state is bounded."""

    takes: ClassVar[tuple[type[msgspec.Struct], ...]]
    """Which kinds of record it is shown."""

    def see(self, record: Seen) -> Iterable[Finding]:
        """Take one record."""

    def tick(self, now: int) -> Iterable[Finding]:
        """Take note of the time, about once a minute."""

    def evicted(self) -> int:
        """Return how many keys were forgotten for want of room, since the start."""
