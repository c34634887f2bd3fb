"""Attacks in requests that cross in clear.

A gate over the raw target first: most requests end there. Then the target, referrer and user agent
are decoded twice and each shape of `web_patterns` looks for its words, and only then for its
pattern. A status of 2xx raises the severity, unless the same answer comes without the attack too:
many servers answer everything with their first page. So does an attack by our own host on others.
Findings are one per source and class, scripts in folders of uploads one per script.
MITRE ATT&CK T1190, T1505.003, T1595.002.
"""

from __future__ import annotations

import re
from typing import ClassVar
from urllib.parse import unquote_plus

import msgspec

from collectors.network.detect.lru import Table
from collectors.network.detect.places import written
from collectors.network.detect.settings import WebSettings
from collectors.network.detect.web_patterns import SCANNERS, SHAPES, SUSPECT, Shape
from collectors.network.model import Direction, Finding, Http, Seen

_MOST = 4096
_SIZES = 6
_LONG = 300
_MOST_NAMES = 20
_SECRET = re.compile(r"((?:pass|pwd|sandi|secret|token|key|auth|otp|pin)[\w.\[\]-]{0,30}=)[^&\s]+")
_ASSETS = (".css", ".js", ".png", ".jpg", ".jpeg", ".gif", ".svg", ".ico", ".woff2", ".woff")


def decoded(text: str) -> str:
    """Return *text* as an application would see it, twice decoded, in lower case."""
    text = text[:_MOST]
    if "%" in text or "+" in text:
        text = unquote_plus(text, errors="replace")
        if "%" in text:
            text = unquote_plus(text, errors="replace")
    return text.lower()


def _page(record: Http, path: str | None = None) -> int:
    # A number: names that strangers choose are long, and thousands are kept.
    path = record.path.partition("?")[0] if path is None else path
    return hash((record.conn.server, record.host, path))


def _alike(one: int, other: int) -> bool:
    return other > 0 and abs(one - other) <= max(one, other) // 50


def shown(target: str) -> str:
    """Return a target without the values of its parameters: anybody's name or password.

    Whole, for who cuts it before it is scrubbed shows half of a number.
    """
    path, mark, query = target.partition("?")
    names = [part.partition("=")[0] for part in query.split("&")[:_MOST_NAMES]]
    return path + mark + "&".join(names)


class Web:
    """Looks for attacks in requests."""

    takes: ClassVar[tuple[type[msgspec.Struct], ...]] = (Http,)

    def __init__(self, settings: WebSettings) -> None:
        self._agents: Table[str, str] = Table(settings.sources)
        self._tries: Table[tuple[bytes, str], int] = Table(settings.sources)
        self._sizes: Table[int, tuple[int, ...]] = Table(settings.sources)
        """Bytes of the last ordinary answers of a page, as far as they differ."""
        self._probes: Table[tuple[bytes, bytes], tuple[int, int]] = Table(settings.sources)
        """Target and answer of the last attack of a client on a server."""
        self._scripts: Table[int, bool] = Table(settings.sources)

    def see(self, record: Seen) -> list[Finding] | tuple[Finding, ...]:
        """Take a request."""
        if not isinstance(record, Http):
            return ()
        found: list[Finding] = []
        agent = record.user_agent
        if agent:
            kind = self._agents.get(agent)
            if kind is None:
                kind = self._agents[agent] = self._agent(agent)
            if kind:
                found += self._agent_finding(record, kind)
        path = record.path
        if SUSPECT.search(path) and not path.endswith(_ASSETS):
            found += self._shapes(record, decoded(path))
        elif record.referrer and "%" in record.referrer and "${" in decoded(record.referrer):
            found += self._shapes(record, decoded(record.referrer))
        if not found and 200 <= record.status < 300 and record.response_bytes:
            self._learn(_page(record), record.response_bytes)
        return found

    def _learn(self, page: int, size: int) -> None:
        sizes = self._sizes.get(page) or ()
        if not any(_alike(one, size) for one in sizes):
            self._sizes[page] = (size, *sizes[: _SIZES - 1])

    def tick(self, now: int) -> tuple[Finding, ...]:
        """Do nothing: each request is judged when it comes."""
        del now
        return ()

    def evicted(self) -> int:
        """Return how many sources were forgotten for want of room."""
        return self._tries.evicted

    @staticmethod
    def _agent(agent: str) -> str:
        text = decoded(agent)
        if SHAPES[0].pattern.search(text):
            return "web.log4shell"
        hit = SCANNERS.search(text)
        if hit is None:
            return ""
        return "web.command" if hit[0].startswith("()") else "web.scanner"

    def _shapes(self, record: Http, text: str) -> list[Finding]:
        found: list[Finding] = []
        same: bool | None = None
        for shape in SHAPES:
            for word in shape.gate:
                if word in text:
                    hit = shape.pattern.search(text)
                    if hit is not None:
                        same = self._as_ever(record) if same is None else same
                        if shape.rule != "web.script" or not self._known(record):
                            found.append(self._found(record, shape, hit[0], same=same))
                    break
        return found

    def _known(self, record: Http) -> bool:
        """Tell whether this script was told already; if not, it is now when it was answered."""
        page = _page(record)
        known = self._scripts.get(page) is not None
        if 200 <= record.status < 300:
            self._scripts[page] = True
        return known

    def _as_ever(self, record: Http) -> bool:
        """Tell whether the answer is the one that others get, or that another attack got."""
        page, size = _page(record), record.response_bytes
        first = _page(record, "/")
        ordinary = (*(self._sizes.get(page) or ()), *(self._sizes.get(first) or ()))
        ends = (record.conn.client, record.conn.server)
        before = self._probes.get(ends)
        target = hash(record.path)
        self._probes[ends] = (target, size)
        if any(_alike(one, size) for one in ordinary):
            return True
        return before is not None and before[0] != target and _alike(before[1], size)

    def _agent_finding(self, record: Http, rule: str) -> list[Finding]:
        shape = Shape(rule, "T1595.002", (), SCANNERS, "low", "low")
        if rule != "web.scanner":
            shape = shape._replace(technique="T1190", severity="medium", answered="medium")
        return [self._found(record, shape, record.user_agent)]

    def _found(self, record: Http, shape: Shape, text: str, *, same: bool = False) -> Finding:
        conn = record.conn
        key = (conn.client, shape.rule)
        tries = self._tries[key] = (self._tries.get(key) or 0) + 1
        script = ""
        if shape.rule == "web.script" and len(record.path) <= _LONG:
            script = record.host[:_LONG] + record.path.partition("?")[0]
        answered = 200 <= record.status < 300 and not same
        severity = shape.answered if answered else shape.severity
        if conn.direction is Direction.OUTBOUND:
            severity = "low" if shape.rule == "web.script" else "high"
        return Finding(
            rule=shape.rule,
            at=record.at,
            begin=record.at,
            severity=severity,
            technique=shape.technique,
            source=conn.client,
            destination=conn.server,
            port=conn.server_port,
            direction=conn.direction,
            entity=script or written(conn.client),
            count=tries,
            score=1.0,
            numbers={
                "status": float(record.status),
                "response_bytes": float(record.response_bytes),
                "tries": float(tries),
            },
            texts=tuple(
                part
                for part in (
                    record.host + shown(record.path),
                    _SECRET.sub(r"\1***", text),
                    record.forwarded_for,
                )
                if part
            ),
            conn=conn,
        )
