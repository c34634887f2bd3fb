"""Records of invented traffic for the tests of the detectors."""

from __future__ import annotations

import ipaddress
import itertools

from collectors.network.detect.registry import Detectors, Shared, make
from collectors.network.detect.settings import DetectSettings
from collectors.network.model import (
    ACK,
    FIN,
    SYN,
    TCP,
    UDP,
    Conn,
    Detector,
    Direction,
    Dns,
    Finding,
    Flow,
    Http,
    Login,
    State,
)

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
START = 1_764_000_000 * SECOND
US = "10.1.1.5"
VISITOR = "203.0.113.9"
PEER = "198.51.100.7"

_KEYS = itertools.count(1)


def packed(address: str) -> bytes:
    """Return the address as in records."""
    return ipaddress.ip_address(address).packed


def conn(
    client: str = VISITOR,
    server: str = US,
    port: int = 443,
    *,
    proto: int = TCP,
    direction: Direction = Direction.INBOUND,
    client_port: int = 40000,
    key: int = 0,
) -> Conn:
    """Return a conversation of its own key."""
    return Conn(
        key=key or next(_KEYS),
        proto=proto,
        client=packed(client),
        client_port=client_port,
        server=packed(server),
        server_port=port,
        direction=direction,
    )


def outward(server: str = PEER, port: int = 443, **more: object) -> Conn:
    """Return a conversation that we opened."""
    return conn(US, server, port, direction=Direction.OUTBOUND, **more)  # type: ignore[arg-type]


def flow(
    which: Conn,
    at: int = 0,
    *,
    state: State = State.SF,
    sent: int = 800,
    got: int = 3000,
    packets: int = 12,
    seconds: float = 1.0,
    flags: int = SYN | ACK | FIN,
    process: str = "",
    user: str = "",
) -> Flow:
    """Return a conversation that ended; *at* is ns after START. A failed one got no answer."""
    answered = state not in (State.S0, State.SH, State.OTH)
    if state is State.S0:
        flags = SYN
    return Flow(
        conn=which,
        begin=START + at,
        last=START + at + int(seconds * SECOND),
        client_packets=packets if answered else 1,
        client_bytes=sent if answered else 60,
        server_packets=packets if answered else 0,
        server_bytes=got if answered else 0,
        client_flags=flags if which.proto == TCP else 0,
        server_flags=SYN | ACK if answered and which.proto == TCP else 0,
        state=state,
        process=process,
        user=user,
    )


def failure(which: Conn, at: int = 0) -> Flow:
    """Return a try that got no answer."""
    return flow(which, at, state=State.S0, seconds=0)


def login(which: Conn, at: int = 0, **more: object) -> Login:
    """Return a login."""
    fields: dict[str, object] = {"protocol": "ftp", "user": "admin", "outcome": "failure", **more}
    return Login(conn=which, at=START + at, **fields)  # type: ignore[arg-type]


def question(name: str, at: int = 0, **more: object) -> Dns:
    """Return a DNS question of ours."""
    fields: dict[str, object] = {"type": 1, "answered": True, **more}
    which = outward("10.1.1.1", 53, proto=UDP)
    return Dns(conn=which, at=START + at, name=name, **fields)  # type: ignore[arg-type]


def request(path: str, at: int = 0, **more: object) -> Http:
    """Return a request of a visitor."""
    fields: dict[str, object] = {
        "method": "GET",
        "host": "kota.go.id",
        "user_agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/130.0",
        "status": 200,
        "conn": conn(port=80),
        **more,
    }
    return Http(at=START + at, path=path, **fields)  # type: ignore[arg-type]


def one(name: str, settings: DetectSettings | None = None) -> Detector:
    """Return the detector of this name."""
    from collectors.network.detect.registry import DETECTORS

    return DETECTORS[name](Shared(settings or DetectSettings()))


def everything(settings: DetectSettings | None = None) -> Detectors:
    """Return the driver with all detectors."""
    settings = settings or DetectSettings()
    return Detectors(make(settings), settings)


def shown(detector: Detector, records: object) -> list[Finding]:
    """Return what *detector* finds in *records*."""
    return [finding for record in records for finding in detector.see(record)]  # type: ignore[attr-defined]
