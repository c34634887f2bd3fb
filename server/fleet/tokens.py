"""Enrolment strings: where to enrol, whom to trust, and a secret that works once.

``ronda1.`` and base64url of ``{"u": URL, "f": SHA-256 of the CA certificate, "s": secret}``.
The secret has 256 random bits; the database holds its SHA-256 only.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from typing import NamedTuple

import msgspec

from server.store.state import StateStore

PREFIX = "ronda1."


class TokenRefused(Exception):  # noqa: N818 - the sender's fault
    """A secret does not let anybody in. ``str()`` is for the log; the answer does not say why."""


class Grant(NamedTuple):
    """What a secret allows."""

    hash: str
    opd: str


class _Content(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    u: str
    f: str
    s: str


class Enrolment(NamedTuple):
    """What an enrolment string holds."""

    url: str
    fingerprint: str
    secret: str


def format_token(url: str, fingerprint: str, secret: str) -> str:
    """Return the enrolment string. Pure."""
    content = msgspec.json.encode(_Content(url, fingerprint, secret))
    return PREFIX + base64.urlsafe_b64encode(content).decode().rstrip("=")


def parse_token(text: str) -> Enrolment:
    """Read an enrolment string. Pure.

    Raises:
        ValueError: it has another form.
    """
    encoded = text.strip().removeprefix(PREFIX)
    try:
        content = base64.b64decode(
            encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True
        )
        found = msgspec.json.decode(content, type=_Content)
    except ValueError as error:
        raise ValueError("not an enrolment string") from error
    if not text.strip().startswith(PREFIX):
        raise ValueError("not an enrolment string")
    return Enrolment(found.u, found.f, found.s)


def hash_secret(secret: str) -> str:
    """Return the form in which a secret is kept."""
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()


def create(
    state: StateStore,
    *,
    url: str,
    fingerprint: str,
    opd: str,
    host: str | None,
    ttl: float,
    by: str,
    now: int,
) -> str:
    """Make an enrolment string and keep the hash of its secret.

    Args:
        state: where.
        url: of the enrolment port.
        fingerprint: of the authority, see `server.fleet.ca.Authority.fingerprint`.
        opd: the agency that the host will belong to.
        host: the only host name that may use it; None is any.
        ttl: seconds that it works.
        by: who asked, for the audit log.
        now: ns since 1970.
    """
    if not opd.strip() or len(opd) > 200 or not opd.isprintable():
        raise ValueError("OPD must be 1 to 200 printable characters")
    if not ttl > 0:
        raise ValueError("time to live must be more than 0 seconds")
    secret = secrets.token_urlsafe(32)
    with state.transaction():
        state.execute(
            "INSERT INTO token (hash, opd, host, created, created_by, expires)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (hash_secret(secret), opd.strip(), host, now, by, now + round(ttl * 1e9)),
        )
        state.execute(
            "INSERT INTO audit (at, actor, action, subject, detail) VALUES (?, ?, ?, ?, ?)",
            (now, by, "token.create", hash_secret(secret)[:12], f"opd {opd}, host {host or 'any'}"),
        )
    return format_token(url, fingerprint, secret)


def check(state: StateStore, secret: str, host: str, now: int) -> Grant:
    """Return what *secret* allows; call inside the transaction that uses it up.

    Raises:
        TokenRefused: it is unknown, used, expired, or meant for another host.
    """
    hashed = hash_secret(secret)
    rows = state.query("SELECT opd, host, expires, used FROM token WHERE hash = ?", (hashed,))
    if not rows:
        raise TokenRefused("unknown enrolment secret")
    (row,) = rows
    if row["used"] is not None:
        raise TokenRefused(f"enrolment secret {hashed[:12]} was used before")
    if row["expires"] <= now:
        raise TokenRefused(f"enrolment secret {hashed[:12]} has expired")
    if row["host"] is not None and row["host"].lower() != host.lower():
        raise TokenRefused(f"enrolment secret {hashed[:12]} is for host {row['host']}")
    return Grant(hashed, row["opd"])
