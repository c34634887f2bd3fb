"""One visit to the collector, for ``test uplink`` and ``doctor``."""

from __future__ import annotations

import socket
import sqlite3
import ssl
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from agent.clock import SECOND, Clock
from agent.identity import Identity, IdentityError
from agent.spool.inspect import inspect
from agent.transport.client import CollectorClient, Trouble
from agent.transport.failures import Problem, explain
from agent.transport.letters import Letterhead, Vitals
from collectors.redact import excerpt
from collectors.wire import Acknowledgement, Rejection

_DAY = 86400 * SECOND
_TIMEOUT = 5.0


class Refused(Exception):  # noqa: N818 - an answer
    """The collector answered, but not with yes."""

    def __init__(self, status: int, reason: str) -> None:
        """*reason* is the collector's."""
        super().__init__(f"the collector answers {status}: {excerpt(reason, 200)}")
        self.status = status


@dataclass(frozen=True)
class Visit:
    """What was seen."""

    tls: str
    cipher: str
    names: list[str]
    """In the collector's certificate."""
    server_days_left: int
    days_left: int
    """Of our own certificate."""
    milliseconds: float
    """One heartbeat, there and back."""
    skew: float
    """Seconds; positive when this host is ahead."""


def probe(state_dir: Path, identity: Identity, clock: Clock) -> Visit:
    """Shake hands, then exchange a heartbeat on a second connection.

    Raises:
        Trouble: no answer came.
        Refused: the answer was no.
    """
    tls, cipher, names, server_until = _handshake(identity)
    try:
        client = CollectorClient(identity, clock)
    except IdentityError as error:
        raise Trouble(Problem(str(error), unreachable=False, auth=True)) from error
    body = _heartbeat(state_dir, identity, clock)
    began = clock.monotonic()
    try:
        answer = client.post("/v1/heartbeat", body, "application/x-ronda-heartbeat")
        elapsed = clock.monotonic() - began
    finally:
        client.close()
    if answer.status != 200:
        try:
            reason = msgspec.json.decode(answer.body, type=Rejection).reason
        except (msgspec.MsgspecError, UnicodeDecodeError):
            reason = "no reason given"
        raise Refused(answer.status, reason)
    try:
        ack = msgspec.json.decode(answer.body, type=Acknowledgement)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Refused(200, "not a ronda collector; check agent_url") from error
    return Visit(
        tls=tls,
        cipher=cipher,
        names=names,
        server_days_left=(server_until - clock.wall()) // _DAY,
        days_left=(identity.record.not_after - clock.wall()) // _DAY,
        milliseconds=round(elapsed * 1000, 1),
        skew=round(((answer.asked + answer.answered) / 2 - ack.now) / SECOND, 3),
    )


def _handshake(identity: Identity) -> tuple[str, str, list[str], int]:
    parts = urlsplit(identity.record.agent_url)
    address = (parts.hostname or "", parts.port or 443)
    try:
        with (
            socket.create_connection(address, _TIMEOUT) as plain,
            identity.ssl_context().wrap_socket(plain, server_hostname=parts.hostname) as secure,
        ):
            certificate = secure.getpeercert() or {}
            cipher = secure.cipher()
            names = [str(pair[1]) for pair in certificate.get("subjectAltName", ())]
            until = int(ssl.cert_time_to_seconds(str(certificate.get("notAfter")))) * SECOND
            return secure.version() or "-", cipher[0] if cipher else "-", names, until
    except IdentityError as error:
        raise Trouble(Problem(str(error), unreachable=False, auth=True)) from error
    except OSError as error:
        raise Trouble(explain(error, identity.record.agent_url)) from error


def _heartbeat(state_dir: Path, identity: Identity, clock: Clock) -> bytes:
    """Speak for the resident agent: the numbers of its spool, read beside it."""
    epoch, last, acknowledged = 1, 0, 0
    try:
        status, _ = inspect(state_dir / "spool.db")
        epoch, last, acknowledged = status.epoch, status.last, status.acknowledged
    except (sqlite3.Error, OSError):
        pass
    letterhead = Letterhead(identity.record.agent, clock)
    return letterhead.heartbeat(epoch, last, acknowledged, Vitals())
