"""What the content child may have heard, for tests of what is made of it."""

from __future__ import annotations

from typing import Any

import msgspec

from collectors.content.piece import Heard
from collectors.kinds import Scrubbed, Tally
from collectors.redact import Redactor

REDACTOR = Redactor(b"k" * 32, 1)
SECOND = 10**9
OUTSIDE = "203.0.113.9"
HERE = "10.0.0.5"


def tally(type_: str = "nik", count: int = 1, first: int = 0, **facts: Any) -> Tally:
    """Return a tally of *count* different values, numbered from *first*."""
    tokens = sorted(REDACTOR.token(type_, str(n)) for n in range(first, first + count))[:64]
    known = {"type": type_, "count": count, "distinct": count, "tokens": tuple(tokens)}
    return Tally(**{**known, "confidence": 0.97, "samples": (f"15****{first:02d}",), **facts})


def heard(*tallies: Tally, at: int = 1, **facts: Any) -> Heard:
    """Return a response of this host to somebody outside, with *facts* instead."""
    whole = Heard(
        at=at * SECOND,
        protocol="http",
        client=OUTSIDE,
        client_port=40_000,
        server=HERE,
        server_port=80,
        direction="inbound",
        from_client=False,
        tallies=tallies,
        complete=True,
        method=Scrubbed("GET"),
        host=Scrubbed("opd.example"),
        path=Scrubbed("/export.csv"),
        status=200,
    )
    return msgspec.structs.replace(whole, **facts)


def login(secret: int = 0, **facts: Any) -> Heard:
    """Return a password that crossed in clear."""
    one = tally("password", 1, secret)
    known = {"login": True, "protocol": "ftp", "from_client": True, "server_port": 21}
    return heard(one, **{**known, "account": Scrubbed("budi"), "host": Scrubbed(""), **facts})
