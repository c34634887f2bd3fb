"""What the parsers of cleartext protocols make of public captures, beside what others made of them.

``python -m bench.network_spoken [FOLDER]``: FOLDER has captures and ``manifest.tsv`` with a column
``expected``, in the terms of Arkime's tests and of Suricata's. All goes the way of a capture file
through the sensor: engine, streams, parsers. A value that is not recorded on purpose, or that is
beyond what is read, is named in `_LEFT_OUT` with its reason; all others count.
"""

from __future__ import annotations

import csv
import json
import os
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from bench.network_known import FOLDER
from collectors.network import pcap
from collectors.network.engine import Engine
from collectors.network.limits import Limits as FlowLimits
from collectors.network.model import (
    Banner,
    Content,
    Http,
    Login,
    Mail,
    Seen,
    Tls,
)
from collectors.network.streams.streams import Limits, Stats, StreamReader

_LISTS = frozenset((
    "http.host", "http.method", "http.statuscode", "http.uri", "http.useragent", "http.user",
    "http.authType", "user", "postgresql.user", "postgresql.db", "ldap.authtype", "ldap.bindname",
    "email.src", "email.dst", "email.host",
))  # fmt: skip
_SINGLE = frozenset((
    "smtp.helo", "smtp.mail_from", "smtp.rcpt_to[0]", "ssh.client.software_version",
    "ssh.server.software_version", "mysql.version",
))  # fmt: skip
_LONGEST = 256
_HEAD = 1 << 20

_MAIL_TEXT = "from the text of a mail, which is content and not recorded"
_LEFT_OUT = (
    ("arkime__imap.", "email.", _MAIL_TEXT),
    ("arkime__smtp-subject", "email.host", _MAIL_TEXT),
    ("arkime__wireshark-bdat", "email.", _MAIL_TEXT),
    ("arkime__smtp-decrypted", "email.", "clear text after STARTTLS, as no server speaks it"),
    ("arkime__80211http", "http.", "frames of a wireless card in monitor mode"),
    ("arkime__nflog", "http.", "a link type of netfilter's own log"),
    ("arkime__http2-nghttp2", "http.", "HTTP/2 without TLS has its heads compressed"),
    ("-frag.", "http.", "fragments of IP are not put together"),
    ("arkime__socks5-reverse", "http.", "a backdoor's own framing around SOCKS"),
    ("arkime__socks5-rdp", "user", "RDP is not read"),
    ("arkime__smb-", "user", "SMB is read by scapy's child"),
    ("arkime__ntlm_synthetic", "user", "SMB and DCE/RPC are read by scapy's child"),
)
"""File, field, and why a value that was not found does not count."""


class Fact(NamedTuple):
    """One value that others found, and whether it was found here."""

    file: str
    field: str
    value: str
    found: bool
    left_out: str


class Sink:
    """Counts what would go to the content child."""

    def __init__(self) -> None:
        self.bytes = 0

    def content(self, piece: Content) -> None:
        """Count a piece."""
        self.bytes += len(piece.data)

    def login(self, login: Login) -> None:
        """Passwords are only looked at in the records."""


def records(path: str) -> tuple[list[Seen], Stats]:
    """Return what is read from a capture."""
    reader = StreamReader(Sink(), Limits(head=_HEAD))
    engine = Engine(reader, limits=FlowLimits(head=_HEAD), seed=1)
    seen: list[Seen] = []
    with open(path, "rb") as file:
        for block in pcap.read(file.fileno()):
            engine.feed(block)
            seen += engine.drain()
    engine.finish()
    return seen + engine.drain(), reader.stats


class Told:
    """What is in records by the names that Arkime and Suricata have for it."""

    def __init__(self, seen: Iterable[Seen]) -> None:
        self.values: dict[str, set[str]] = defaultdict(set)
        for one in seen:
            if isinstance(one, Http):
                self._http(one)
            elif isinstance(one, Login):
                self._login(one)
            elif isinstance(one, Mail):
                self._mail(one)
            elif isinstance(one, Tls):
                self._add("http.host", one.sni)
            elif isinstance(one, Banner):
                self._banner(one)

    def _add(self, field: str, *values: object) -> None:
        self.values[field].update(str(value).lower() for value in values)

    def _http(self, one: Http) -> None:
        bare = one.host.rpartition(":")[0] or one.host
        path = one.path.partition("://")[2] if "://" in one.path[:12] else one.path
        self._add("http.host", one.host, bare)
        self._add("http.uri", one.host + path, path, bare + path)
        self._add("http.method", one.method)
        self._add("http.statuscode", one.status)
        self._add("http.useragent", one.user_agent)
        self._add("http.authType", one.authorization)
        self._add("http.user", one.user)
        self._add("user", one.user)

    def _login(self, one: Login) -> None:
        self._add("user", one.user)
        self._add(f"{one.protocol}.user", one.user)
        self._add(f"{one.protocol}.db", one.database)
        if one.protocol == "ldap":
            self._add("ldap.bindname", one.user or "<ROOT>")
            if one.method == "ntlm":
                self._add("ldap.authtype", "ntlmsspNegotiate", "ntlmsspAuth", "sasl")
            elif one.method in {"simple", "anonymous"}:
                self._add("ldap.authtype", "simple" if one.secret else "none")
            else:
                self._add("ldap.authtype", "sasl")
            if one.method not in {"simple", "anonymous"}:  # the name comes from SASL
                self._add("ldap.bindname", "<ROOT>")

    def _mail(self, one: Mail) -> None:
        self._add("smtp.helo", one.helo)
        self._add("email.host", one.helo)
        self._add("smtp.mail_from", one.sender)
        self._add("email.src", one.sender)
        self._add("smtp.rcpt_to[0]", *one.recipients[:1])
        self._add("email.dst", *one.recipients)

    def _banner(self, one: Banner) -> None:
        if one.protocol == "smtp" and one.from_client:
            self._add("smtp.helo", one.text)
            self._add("email.host", one.text)
        elif one.protocol == "ssh":
            end = "client" if one.from_client else "server"
            self._add(f"ssh.{end}.software_version", one.text.split("-", 2)[-1])
        self._add(f"{one.protocol}.version", one.text)


def facts(path: str, expected: list[dict[str, Any]]) -> Iterator[Fact]:
    """Compare one capture; yields nothing where nothing is said that is told here."""
    wanted = list(_wanted(expected))
    if not wanted:
        return
    found = Told(records(path)[0]).values
    file = os.path.basename(path)
    for field, value in wanted:
        shown = value.strip("<>").lower() if field.startswith("smtp.") else value.lower()
        has = shown in found[field] or shown[:_LONGEST] in found[field]
        why = "" if has else _why(file, field)
        yield Fact(file, field, value, has, why)


def _wanted(expected: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    for one in expected:
        if one.get("count") == 0:
            continue
        for field, value in one.items():
            if field in _LISTS:
                values = value if isinstance(value, list) else [value]
                yield from ((field, str(each)) for each in values)
            elif field in _SINGLE:
                yield field, str(value)


def _why(file: str, field: str) -> str:
    for part, start, why in _LEFT_OUT:
        if part in file and field.startswith(start):
            return why
    return ""


def compare(folder: str) -> list[Fact]:
    """Compare all captures of *folder*."""
    out: list[Fact] = []
    with open(os.path.join(folder, "manifest.tsv"), encoding="utf-8") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            try:
                expected = json.loads(row["expected"])
            except ValueError:
                continue
            if isinstance(expected, list):
                out += facts(os.path.join(folder, row["file"]), expected)
    return out


def main() -> int:
    """Print the share of each field, and each miss."""
    found = compare(sys.argv[1] if len(sys.argv) > 1 else FOLDER)
    counted = [one for one in found if not one.left_out]
    for one in counted:
        if not one.found:
            print(f"missed: {one.file}: {one.field} {one.value[:80]}")
    for why, count in Counter(one.left_out for one in found if one.left_out).most_common():
        print(f"left out: {count} ({why})")
    fields = Counter(one.field for one in counted)
    good = Counter(one.field for one in counted if one.found)
    for field, count in sorted(fields.items()):
        print(f"{field}: {good[field]} of {count}")
    total, hits = len(counted), sum(good.values())
    print(f"all: {hits} of {total}, {100 * hits / max(1, total):.1f} %")
    print(f"with those left out: {hits} of {len(found)}, {100 * hits / max(1, len(found)):.1f} %")
    return 0


if __name__ == "__main__":
    sys.exit(main())
