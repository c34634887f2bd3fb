"""What the network sensor tells. No record holds payload; names and texts from the wire are
scrubbed in the child that read them."""

from __future__ import annotations

from typing import ClassVar

from collectors.kinds.base import Record, Scrubbed, Severity, ecs


class NetworkFlow(Record, frozen=True, kw_only=True, tag="network.flow"):
    """Conversations of one peer with one service during a minute, added up. The source is who
    opened them."""

    default_severity: ClassVar[Severity] = Severity.FLOW

    begin: int = ecs("event.start")
    """First packet, ns since 1970."""
    end: int = ecs("event.end")
    """Last packet."""
    transport: str = ecs("network.transport")
    """``tcp``, ``udp``, ``icmp``, ``ipv6-icmp``, ``sctp``, ``gre``, ``esp`` or the number."""
    direction: str = ecs("network.direction")
    """``inbound`` or ``outbound``, seen from this host; ``internal``: both ends are this host;
    ``external``: neither is."""
    source: str | None = ecs("source.ip", None)
    """Who opened; absent when ``ronda.flow.peers`` is over 1."""
    destination: str | None = ecs("destination.ip", None)
    """Who was spoken to; absent when ``ronda.flow.peers`` is over 1."""
    source_port: int | None = ecs("source.port", None)
    """Only when it was a single conversation."""
    port: int = ecs("destination.port", 0)
    """Port of the service; 0 where the protocol has none, and for several."""
    count: int = ecs("ronda.flow.count", 1)
    """Conversations."""
    peers: int = ecs("ronda.flow.peers", 1)
    """Over 1: the small ones that had no room of their own in this minute, added up."""
    sent: int = ecs("source.bytes", 0)
    """IP bytes that the source sent, headers included."""
    sent_packets: int = ecs("source.packets", 0)
    """Packets that the source sent."""
    answered: int = ecs("destination.bytes", 0)
    """IP bytes that the destination sent."""
    answered_packets: int = ecs("destination.packets", 0)
    """Packets that the destination sent."""
    states: dict[str, int] = ecs("ronda.flow.states", {})
    """How the conversations went, in Zeek's terms: ``SF`` ended in order, ``S0`` no answer,
    ``REJ`` refused ..."""
    vlan: int | None = ecs("network.vlan.id", None)
    """VLAN id, where there is one."""
    interface: str | None = ecs("observer.ingress.interface.name", None)
    """Interface of this host."""
    process: Scrubbed | None = ecs("process.name", None)
    """Program of this host that holds the socket, where it could be told."""
    user: Scrubbed | None = ecs("user.name", None)
    """User that owns the socket, where it could be told."""
    community: str | None = ecs("network.community_id", None)
    """Community id, only when it was a single conversation."""


class NetworkService(Record, frozen=True, kw_only=True, tag="network.service"):
    """What was spoken with a peer, as far as it is readable on the wire: names, versions,
    certificates. Told once in a while for the same facts, not for each connection."""

    default_severity: ClassVar[Severity] = Severity.FLOW

    protocol: str = ecs("network.protocol")
    """``tls``, ``quic``, ``dns``, ``http``, ``ssh``, ``smtp``, ``mysql`` ..."""
    begin: int = ecs("event.start")
    """First time, ns since 1970."""
    end: int = ecs("event.end")
    """Last time."""
    count: int = ecs("ronda.service.count", 1)
    """How often."""
    direction: str = ecs("network.direction", "external")
    """As in a flow."""
    source: str | None = ecs("source.ip", None)
    """Who asked; absent when several did."""
    destination: str | None = ecs("destination.ip", None)
    """Who was asked; absent when several were."""
    port: int = ecs("destination.port", 0)
    """Port of the service."""
    domain: Scrubbed | None = ecs("destination.domain", None)
    """Name that was asked for: SNI of TLS, host of HTTP."""
    question: Scrubbed | None = ecs("dns.question.name", None)
    """Name in question; where policy or quantity reduce it, the registered domain."""
    question_type: str | None = ecs("dns.question.type", None)
    """``A``, ``AAAA``, ``TXT`` ..."""
    response_code: str | None = ecs("dns.response_code", None)
    """``NOERROR``, ``NXDOMAIN`` ...; absent: no answer was seen."""
    resolved: tuple[str, ...] = ecs("dns.resolved_ip", ())
    """Addresses in the answer, at most 8."""
    version: str | None = ecs("tls.version", None)
    """``1.0`` ... ``1.3``."""
    ja3: str | None = ecs("tls.client.ja3", None)
    """JA3 of the client."""
    ja3s: str | None = ecs("tls.server.ja3s", None)
    """JA3S of the server."""
    ja4: str | None = ecs("ronda.tls.ja4", None)
    """JA4 of the client."""
    cipher: int | None = ecs("ronda.tls.cipher", None)
    """Number of the chosen cipher suite."""
    next_protocol: Scrubbed | None = ecs("tls.next_protocol", None)
    """ALPN that was chosen."""
    certificate: str | None = ecs("tls.server.hash.sha256", None)
    """SHA-256 of the server's certificate, hex."""
    subject: Scrubbed | None = ecs("tls.server.x509.subject.common_name", None)
    """Whom it names."""
    issuer: Scrubbed | None = ecs("tls.server.x509.issuer.common_name", None)
    """Who issued it."""
    not_after: int | None = ecs("tls.server.not_after", None)
    """End of its validity, ns since 1970."""
    self_signed: bool = ecs("ronda.tls.self_signed", False)
    """Whether it issued itself."""
    methods: tuple[str, ...] = ecs("http.request.method", ())
    """Methods of HTTP that were used."""
    statuses: dict[str, int] = ecs("ronda.http.statuses", {})
    """Status classes of the responses (``2xx``) and how often; ``none``: no response was seen."""
    agent: Scrubbed | None = ecs("user_agent.original", None)
    """User agent, the first one seen."""
    sent: int = ecs("http.request.body.bytes", 0)
    """Body bytes of the requests, added up."""
    answered: int = ecs("http.response.body.bytes", 0)
    """Body bytes of the responses, added up."""
    software: Scrubbed | None = ecs("ronda.service.software", None)
    """What the server says of itself: banner, ``Server`` header."""
    logins: dict[str, int] = ecs("ronda.service.logins", {})
    """Log-ins by outcome: ``success``, ``failure``, ``unknown``."""
    cleartext: bool = ecs("ronda.service.cleartext", False)
    """Whether a password crossed in clear."""
    process: Scrubbed | None = ecs("process.name", None)
    """Program of this host that holds the socket, where it could be told."""


class NetworkContacts(Record, frozen=True, kw_only=True, tag="network.contacts"):
    """First contacts of a source that failed: the collector adds them up over hosts and days and
    so finds a slow sweep that no single host can see."""

    default_severity: ClassVar[Severity] = Severity.FLOW

    source: str = ecs("source.ip")
    """Who tried."""
    direction: str = ecs("network.direction")
    """As in a flow."""
    begin: int = ecs("event.start")
    """First try, ns since 1970."""
    end: int = ecs("event.end")
    """Last try."""
    failed: int = ecs("ronda.contacts.failed")
    """First contacts with a service here (address and port) without answer or refused."""
    answered: int = ecs("ronda.contacts.answered", 0)
    """First contacts that were answered."""
    hosts: int = ecs("ronda.contacts.hosts", 1)
    """Different addresses that were tried and failed, counted up to 8."""
    ports: tuple[int, ...] = ecs("destination.port", ())
    """Ports that were tried and failed, at most 8."""


class NetworkFinding(Record, frozen=True, kw_only=True, tag="network.finding"):
    """A detector of the network sensor found something. The severity is the detector's."""

    default_severity: ClassVar[Severity] = Severity.MEDIUM

    rule: str = ecs("rule.name")
    """Detector and case: ``scan.vertical``, ``beacon``, ``dns.tunnel`` ..."""
    technique: str = ecs("threat.technique.id")
    """MITRE ATT&CK technique."""
    begin: int = ecs("event.start")
    """First evidence, ns since 1970."""
    end: int = ecs("event.end")
    """Last evidence."""
    direction: str = ecs("network.direction", "external")
    """As in a flow."""
    source: str | None = ecs("source.ip", None)
    """Who did it; absent where that makes no sense."""
    destination: str | None = ecs("destination.ip", None)
    """To whom; absent for several."""
    port: int | None = ecs("destination.port", None)
    """Port of the service; absent for several and where there is none."""
    transport: str | None = ecs("network.transport", None)
    """As in a flow, where one conversation is meant."""
    source_port: int | None = ecs("source.port", None)
    """Where one conversation is meant."""
    interface: str | None = ecs("observer.ingress.interface.name", None)
    """Where one conversation is meant."""
    entity: Scrubbed | None = ecs("ronda.finding.entity", None)
    """What repeats are counted under: a domain, an address, a listener."""
    count: int = ecs("ronda.finding.count", 0)
    """Packets, tries, names, as the rule says."""
    score: float = ecs("ronda.finding.score", 0.0)
    """0 to 1, where the algorithm has one."""
    numbers: dict[str, float] = ecs("ronda.finding.numbers", {})
    """Evidence: measured values by name, with the unit in the name."""
    texts: tuple[Scrubbed, ...] = ecs("ronda.finding.texts", ())
    """Evidence: at most 8 examples."""
    process: Scrubbed | None = ecs("process.name", None)
    """Program of this host that took part, where it could be told."""
    user: Scrubbed | None = ecs("user.name", None)
    """User that owns its socket."""
    hosts: int | None = ecs("ronda.fleet.hosts", None)
    """Added by the collector to a beacon: hosts that talked to this destination within a week."""
    since: int | None = ecs("ronda.fleet.since", None)
    """Added by the collector to a beacon: first contact of any host with it, ns since 1970."""
    spread: str | None = ecs("ronda.fleet.spread", None)
    """Added by the collector: ``single``, ``shared`` by some, ``common`` to most."""
