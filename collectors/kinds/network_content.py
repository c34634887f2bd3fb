"""What stands in the cleartext traffic of a host. Its values never leave the bounded child."""

from __future__ import annotations

from typing import ClassVar

from collectors.kinds.base import Record, Scrubbed, Severity, ecs
from collectors.kinds.exposure import DataPart, Tally


class NetworkContent(Record, frozen=True, kw_only=True, tag="network.content"):
    """Citizens' data, credentials or a password crossed the network in clear."""

    default_severity: ClassVar[Severity] = Severity.LOW

    tallies: tuple[Tally, ...] = ecs("ronda.data.tallies")
    """One entry for each type, over all pieces."""
    types: tuple[str, ...] = ecs("ronda.data.types")
    """The types alone, for rules."""
    count: int = ecs("ronda.data.count")
    """Sum over all types; the same content a second time is not counted again."""
    what: Scrubbed = ecs("ronda.content.what", Scrubbed(""))
    """The piece with most values in words: request and address, or protocol and port."""
    begin: int = ecs("event.start")
    """First piece, ns since 1970."""
    end: int = ecs("event.end")
    """Last piece."""
    way: str = ecs("ronda.content.way")
    """``leaving`` this host, ``arriving``, ``inside`` it or ``passing`` by."""
    public: bool = ecs("ronda.content.public", False)
    """Whether the other end has a public address."""
    peer: str | None = ecs("ronda.content.peer", None)
    """The other end; for whom it asked, where that is a proxy and says so. None: several."""
    peers: int = ecs("ronda.content.peers", 1)
    """Different other ends, counted up to 64."""
    direction: str = ecs("network.direction", "external")
    """As in a flow: who opened the connection."""
    source: str | None = ecs("source.ip", None)
    """Who opened it; absent for several."""
    destination: str | None = ecs("destination.ip", None)
    """To whom; absent for several."""
    port: int = ecs("destination.port", 0)
    """Port of the service."""
    protocol: str = ecs("network.protocol", "")
    """``http``, ``ftp``, ``smtp`` ...; empty when unknown."""
    method: Scrubbed | None = ecs("http.request.method", None)
    """Of the piece with most values, as the fields that follow."""
    domain: Scrubbed | None = ecs("destination.domain", None)
    """Host name that was asked for."""
    path: Scrubbed | None = ecs("url.path", None)
    """Path, and the names of its parameters."""
    status: int | None = ecs("http.response.status_code", None)
    """Status of the response."""
    mime_type: Scrubbed | None = ecs("http.response.mime_type", None)
    """Content type as it was declared."""
    format: str = ecs("ronda.data.format", "")
    """``csv``, ``sql``, ``json``, ``text`` ..."""
    size: int | None = ecs("ronda.content.bytes", None)
    """Bytes of the whole body of the largest piece."""
    scanned: int = ecs("ronda.scan.bytes", 0)
    """Bytes that were looked at, of all pieces; of each at most the first 64 KB."""
    pieces: int = ecs("ronda.content.pieces", 1)
    """Bodies or streams in which something stood."""
    about: int | None = ecs("ronda.content.about", None)
    """Estimate for the whole bodies, when only their first bytes were looked at."""
    parts: tuple[DataPart, ...] = ecs("ronda.data.parts", ())
    """Where in that piece."""
    reasons: tuple[str, ...] = ecs("ronda.data.reasons", ())
    """Why it is judged as it is: ``bulk``, ``canary``, ``registered``, ``credentials``,
    ``many_pages``, ``own_page``, ``head_only``, ``proxied``, ``login``."""
    canaries: tuple[str, ...] = ecs("ronda.data.canaries", ())
    """Ids of canaries in it."""
    registered: int = ecs("ronda.data.registered", 0)
    """Different people of the operator's registers in one piece, at most."""
    confirmed: int = ecs("ronda.data.confirmed", 0)
    """Places where another column of the same person stands beside the number."""
    registers: tuple[str, ...] = ecs("ronda.data.registers", ())
    """Names of the registers."""
    account: Scrubbed | None = ecs("user.name", None)
    """Whose password it is."""
    how: Scrubbed | None = ecs("ronda.login.method", None)
    """How it crossed: ``basic``, ``pass``, ``plain`` ..."""
    database: Scrubbed | None = ecs("ronda.login.database", None)
    """What the login is for."""
    outcome: str | None = ecs("event.outcome", None)
    """``success``, or absent where it was not seen."""
