"""The registry of agents: who they are, what their certificates are worth, when last seen."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from server.fleet import tokens
from server.fleet.ca import Authority, Issued, Peer
from server.store.state import StateStore

_NOT_WORD = re.compile(r"[^A-Za-z0-9._:+=/-]")
_NOT_HOST = re.compile(r"[^A-Za-z0-9._*-]")


class Refused(Exception):  # noqa: N818 - the sender's fault
    """A certificate is not worth anything here any more; ``str()`` tells the sysadmin."""


class Standing(NamedTuple):
    """An agent in good standing."""

    agent: str
    opd: str


class Enrolled(NamedTuple):
    """A new agent."""

    agent: str
    opd: str
    issued: Issued


class Sign(msgspec.Struct, frozen=True, kw_only=True):
    """A sign of life."""

    agent: str
    at: int
    """ns since 1970, by the collector's clock."""
    sent: int
    """ns since 1970, by the agent's clock."""
    address: str
    host: str
    host_id: str
    boot_id: str
    version: str
    epoch: int
    last: int
    """Highest sequence that the agent is known to have used in the epoch."""
    health: Health | None = None
    """Only a heartbeat has it."""


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """What an agent says about itself."""

    pending: int
    healthy: bool
    problems: list[str]
    coverage: dict[str, dict[str, int | float | str]]


class Silent(NamedTuple):
    """An agent that has fallen silent, or spoken again."""

    agent: str
    host: str
    opd: str
    since: int
    """Last sign of life before the silence, ns."""


def safe_host(name: str) -> str:
    """Return a host name that an agent sent, without anything that no host name has."""
    return _NOT_HOST.sub("_", name[:253]) or "unknown"


def safe_word(text: str) -> str:
    """Return an id or a version that an agent sent, 64 harmless characters at most."""
    return _NOT_WORD.sub("_", text[:64])


def enroll(
    state: StateStore,
    authority: Authority,
    *,
    secret: str,
    csr: str,
    host: str,
    host_id: str,
    boot_id: str,
    version: str,
    address: str,
    now: int,
) -> Enrolled:
    """Use up a secret, register a new agent and sign its key, all or nothing.

    Raises:
        server.fleet.tokens.TokenRefused: the secret lets nobody in.
        server.fleet.ca.BadRequest: the key cannot be signed; the secret stays good.
    """
    agent = str(uuid.uuid4())
    with state.transaction():
        grant = tokens.check(state, secret, host, now)
        issued = authority.issue_client(csr, agent, now)
        state.execute(
            "UPDATE token SET used = ?, used_by = ? WHERE hash = ?", (now, agent, grant.hash)
        )
        state.execute(
            "INSERT INTO agent (id, host, host_id, boot_id, opd, version, address, enrolled)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (agent, safe_host(host), host_id, boot_id, grant.opd, version, address, now),
        )
        _add_certificate(state, agent, grant.opd, issued)
        detail = f"host {safe_host(host)}, opd {grant.opd}, from {address}"
        _audit(state, now, actor="agent", action="agent.enroll", subject=agent, detail=detail)
    return Enrolled(agent, grant.opd, issued)


def renew(state: StateStore, authority: Authority, agent: str, csr: str, now: int) -> Enrolled:
    """Sign another key of an agent in good standing; the old certificate runs out by itself.

    Raises:
        Refused: the agent is unknown or revoked.
        server.fleet.ca.BadRequest: the key cannot be signed.
    """
    with state.transaction():
        rows = state.query("SELECT opd FROM agent WHERE id = ? AND revoked IS NULL", (agent,))
        if not rows:
            raise Refused("this agent is revoked; re-enrol it with a new enrolment string")
        issued = authority.issue_client(csr, agent, now)
        _add_certificate(state, agent, rows[0]["opd"], issued)
        detail = f"serial {issued.serial}"
        _audit(state, now, actor="agent", action="agent.renew", subject=agent, detail=detail)
    return Enrolled(agent, rows[0]["opd"], issued)


def check(state: StateStore, peer: Peer, now: int) -> Standing:
    """Return the standing of a certificate that TLS verified when the connection was made.

    Raises:
        Refused: it is unknown, revoked, or has run out meanwhile; or its agent is revoked.
    """
    rows = state.query(
        "SELECT a.opd, a.id, c.not_after, coalesce(c.revoked, a.revoked) AS revoked"
        " FROM certificate c JOIN agent a ON a.id = c.agent WHERE c.serial = ?",
        (peer.serial,),
    )
    if not rows or rows[0]["id"] != peer.agent:
        raise Refused("the collector does not know this certificate; re-enrol this agent")
    if rows[0]["revoked"] is not None:
        raise Refused("this agent's certificate is revoked; re-enrol it if that was a mistake")
    if rows[0]["not_after"] <= now:
        raise Refused("this agent's certificate has expired; re-enrol this agent")
    return Standing(peer.agent, rows[0]["opd"])


def revoke(state: StateStore, agent: str, *, by: str, reason: str, now: int) -> bool:
    """Revoke an agent with all its certificates, from the next request on.

    Returns:
        False when there is no such agent.
    """
    with state.transaction():
        changed = state.execute(
            "UPDATE agent SET revoked = coalesce(revoked, ?) WHERE id = ?", (now, agent)
        ).rowcount
        state.execute(
            "UPDATE certificate SET revoked = coalesce(revoked, ?), reason = ? WHERE agent = ?",
            (now, reason, agent),
        )
        if changed:
            _audit(state, now, actor=by, action="agent.revoke", subject=agent, detail=reason)
    return bool(changed)


def record(state: StateStore, signs: Iterable[Sign]) -> None:
    """Write down signs of life in one transaction."""
    with state.transaction():
        for sign in signs:
            _record(state, sign)


def _record(state: StateStore, sign: Sign) -> None:
    values = msgspec.structs.asdict(sign) | {
        "host": safe_host(sign.host),
        "skew": (sign.sent - sign.at) / 1e9,
    }
    del values["health"]
    state.execute(
        "UPDATE agent SET host = :host, host_id = :host_id, boot_id = :boot_id, version = :version,"
        " address = :address, last_seen = max(coalesce(last_seen, 0), :at), skew = :skew,"
        " last_assigned = CASE WHEN epoch = :epoch THEN max(last_assigned, :last) ELSE :last END,"
        " epoch = :epoch WHERE id = :agent",
        values,
    )
    state.execute(
        "INSERT INTO agent_epoch VALUES (:agent, :epoch, :last, :at, :at) ON CONFLICT DO UPDATE"
        " SET last_assigned = max(last_assigned, excluded.last_assigned),"
        " last_seen = excluded.last_seen",
        values,
    )
    if sign.health is not None:
        health = sign.health
        state.execute(
            "UPDATE agent SET pending = ?, healthy = ?, problems = ?, coverage = ? WHERE id = ?",
            (
                health.pending,
                health.healthy,
                msgspec.json.encode(health.problems).decode(),
                msgspec.json.encode(health.coverage).decode(),
                sign.agent,
            ),
        )


def assigned(state: StateStore) -> dict[tuple[str, int], int]:
    """Return the highest sequences used, for `server.ledger.Ledger.report`."""
    rows = state.query("SELECT agent, epoch, last_assigned FROM agent_epoch")
    return {(row["agent"], row["epoch"]): row["last_assigned"] for row in rows}


def fallen_silent(state: StateStore, limit: int) -> list[Silent]:
    """Return the agents whose last sign of life is before *limit* (ns) and not yet marked."""
    rows = state.query(
        "SELECT id, host, opd, coalesce(last_seen, enrolled) AS seen FROM agent"
        " WHERE revoked IS NULL AND silent_since IS NULL AND coalesce(last_seen, enrolled) < ?",
        (limit,),
    )
    return [Silent(row["id"], row["host"], row["opd"], row["seen"]) for row in rows]


def returned(state: StateStore) -> list[Silent]:
    """Return the agents that are marked as silent and have spoken since."""
    rows = state.query(
        "SELECT id, host, opd, silent_since FROM agent"
        " WHERE silent_since IS NOT NULL AND last_seen > silent_since"
    )
    return [Silent(row["id"], row["host"], row["opd"], row["silent_since"]) for row in rows]


def mark_silent(state: StateStore, agent: str, since: int | None) -> None:
    """Mark *agent* as silent since *since* (ns), or as heard when None."""
    state.execute("UPDATE agent SET silent_since = ? WHERE id = ?", (since, agent))


def mark_cloned(state: StateStore, agent: str) -> None:
    """Mark *agent* as an identity that two machines use."""
    state.execute("UPDATE agent SET cloned = 1 WHERE id = ?", (agent,))


def _add_certificate(state: StateStore, agent: str, opd: str, issued: Issued) -> None:
    state.execute(
        "INSERT INTO certificate (serial, agent, opd, not_before, not_after)"
        " VALUES (?, ?, ?, ?, ?)",
        (issued.serial, agent, opd, issued.not_before, issued.not_after),
    )


def _audit(
    state: StateStore, now: int, *, actor: str, action: str, subject: str, detail: str
) -> None:
    state.execute(
        "INSERT INTO audit (at, actor, action, subject, detail) VALUES (?, ?, ?, ?, ?)",
        (now, actor, action, subject, detail),
    )
