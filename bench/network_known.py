"""What the parsers of TLS, QUIC and DNS make of public captures, beside what others made of them.

``python -m bench.network_known [--scapy] [FOLDER]``: FOLDER (or ``RONDA_PCAPS``) has captures and
``manifest.tsv`` with a column ``expected``, in the terms of Arkime's tests and of Suricata's. The
sensor's own engine reads the packets. With ``--scapy`` scapy takes them apart and they are put in
order here: this says how good the parsers are, whatever carries packets to them.
"""

from __future__ import annotations

import csv
import importlib
import itertools
import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from typing import Any, NamedTuple

from collectors.network.model import TCP, UDP, Conn, Dns, Seen, Tls
from collectors.network.protocols import dns, tls
from collectors.network.protocols.dns import DnsConversation, DnsDatagrams
from collectors.network.protocols.quic import QuicDatagrams
from collectors.network.protocols.tls import TlsConversation

FOLDER = os.environ.get("RONDA_PCAPS", "")
_MOST_AHEAD = 64
_TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "PTR": 12, "AAAA": 28, "HTTPS": 65}
_RENAMED = {
    "tls.sni": "sni",
    "tls.version": "version",
    "tls.subject": "subject",
    "tls.issuerdn": "issuer",
    "tls.notbefore": "not_before",
    "tls.notafter": "not_after",
}
_CODES = {"NOERROR": 0, "FORMERR": 1, "SERVFAIL": 2, "NXDOMAIN": 3, "NOTIMP": 4, "REFUSED": 5}


class Fact(NamedTuple):
    """One value that others found, and whether it was found here."""

    file: str
    field: str
    value: str
    found: bool


class Flow:
    """One conversation: its own order of segments, and who reads them."""

    def __init__(self, conn: Conn) -> None:
        self.conn = conn
        self.reader: TlsConversation | DnsConversation | None = None
        if 53 in {conn.server_port, conn.client_port}:
            self.reader = DnsConversation(conn)
        self._next: list[int | None] = [None, None]
        self._ahead: list[dict[int, bytes]] = [{}, {}]

    def segment(self, way: int, seq: int, flags: int, data: bytes, at: int) -> Iterator[Seen]:
        """Put a segment in its place; hand on what is in order."""
        if flags & 2:
            seq += 1
        if self._next[way] is None:
            self._next[way] = seq
        ahead = self._ahead[way]
        if data and (seq not in ahead or len(ahead[seq]) < len(data)):
            ahead[seq] = data
        while ahead:
            expected = self._next[way] or 0
            ready = next((one for one in ahead if (expected - one) % 2**32 < 2**31), None)
            if ready is None:
                if len(ahead) <= _MOST_AHEAD:
                    return
                ready = self._next[way] = expected = min(ahead)  # a gap
            piece = ahead.pop(ready)[(expected - ready) % 2**32 :]
            self._next[way] = (expected + len(piece)) % 2**32
            yield from self._read(way, piece, at)

    def _read(self, way: int, data: bytes, at: int) -> Iterator[Seen]:
        if self.reader is None and tls.looks_like(data) and not way:
            self.reader = TlsConversation(self.conn)
        if self.reader is not None and data:
            yield from (self.reader.server if way else self.reader.client)(data, at)


def records(path: str) -> list[Seen]:
    """Return what the sensor reads from a capture."""
    from collectors.network import pcap
    from collectors.network.engine import Engine
    from collectors.network.streams.streams import StreamReader

    engine = Engine(StreamReader())
    found: list[Seen] = []
    with open(path, "rb") as file:
        for block in pcap.read(file.fileno()):
            engine.feed(block)
            found += engine.drain()
    engine.finish()
    return found + engine.drain()


def records_by_scapy(path: str) -> list[Seen]:
    """Return what the parsers read from a capture."""
    found: list[Seen] = []
    flows: dict[Any, Flow] = {}
    questions, hellos = DnsDatagrams(), QuicDatagrams()
    at = 0
    for at, ends, segment, datagram in _packets(path):
        way = int(ends not in flows and ends[::-1] in flows)
        key = ends[::-1] if way else ends
        if key not in flows:
            flows[key] = Flow(_conn(key, len(flows) + 1, TCP if segment else UDP))
        flow = flows[key]
        if segment:
            seq, flags, data = segment
            found += flow.segment(way, seq, flags, data, at)
        elif {flow.conn.client_port, flow.conn.server_port} & dns.PORTS:
            found += questions.datagram(flow.conn, not way, datagram, at)
            found += questions.expire(at)
        else:
            found += hellos.datagram(flow.conn, not way, datagram, at)
    for flow in flows.values():
        if flow.reader is not None:
            found += flow.reader.end(at)
    return found + questions.expire(at + 60_000_000_000)


def _packets(path: str) -> Iterator[tuple[int, Any, Any, bytes]]:
    """Yield time, addresses, TCP segment or None, and payload of each packet."""
    from scapy.layers.inet import IP
    from scapy.layers.inet import TCP as SEGMENT
    from scapy.layers.inet import UDP as DATAGRAM
    from scapy.layers.inet6 import IPv6
    from scapy.utils import PcapReader

    importlib.import_module("scapy.layers.ppp")  # which opens PPPoE
    with PcapReader(path) as reader:
        for outer in reader:
            packet = _inside(outer)
            inner = packet.getlayer(SEGMENT) or packet.getlayer(DATAGRAM)
            ip = inner and inner.underlayer
            if not isinstance(ip, (IP, IPv6)):
                continue
            is_segment = isinstance(inner, SEGMENT)
            size = max(ip.len - 4 * ip.ihl if isinstance(ip, IP) else ip.plen, 0)
            data = bytes(inner.original)[4 * inner.dataofs if is_segment else 8 : size]
            segment = (inner.seq, int(inner.flags), data) if is_segment else None
            yield (
                int(outer.time * 10**9),
                ((ip.src, inner.sport), (ip.dst, inner.dport)),
                segment,
                data,
            )


def _inside(packet: Any) -> Any:
    """Return what is inside loopback of BSD, Teredo and GTP, which scapy does not open here."""
    from scapy.layers.inet import IP
    from scapy.layers.inet import UDP as DATAGRAM
    from scapy.layers.inet6 import IPv6
    from scapy.layers.l2 import Loopback
    from scapy.packet import Raw

    if packet.haslayer(DATAGRAM) and (ports := {packet[DATAGRAM].dport, packet[DATAGRAM].sport}):
        data = bytes(packet[DATAGRAM].payload)
        if 2152 in ports and len(data) > 12:  # 3GPP TS 29.281 5.1
            data = data[12 if data[0] & 7 else 8 :]
        elif 3544 not in ports:
            return packet
    elif packet.haslayer(Loopback) and isinstance(packet[Loopback].payload, Raw):
        data = bytes(packet[Raw])
    else:
        return packet
    return {4: IP, 6: IPv6}.get(data[0] >> 4 if data else 0, Raw)(data)


def _conn(key: Any, number: int, proto: int) -> Conn:
    (_, client_port), (_, server_port) = key
    return Conn(
        key=number,
        proto=proto,
        client=bytes(4),
        client_port=client_port,
        server=bytes(4),
        server_port=server_port,
    )


def facts(
    path: str, expected: list[dict[str, Any]], read: Callable[[str], list[Seen]]
) -> Iterator[Fact]:
    """Compare one capture; yields nothing where nothing is said that is told here."""
    mine = ("dns", "tls.", "cert", "quic.")
    wanted = [one for one in expected if any(field.startswith(mine) for field in one)]
    if not wanted or all(one.get("count") == 0 for one in wanted):
        return
    told = read(path)
    sessions = [one for one in told if isinstance(one, Tls)]
    queries = [one for one in told if isinstance(one, Dns)]
    file = os.path.basename(path)
    for one in wanted:
        for field, value, found in itertools.chain(
            _of_arkime(one, sessions, queries), _of_suricata(one, sessions, queries)
        ):
            yield Fact(file, field, value, found)


def _of_arkime(
    one: dict[str, Any], sessions: list[Tls], queries: list[Dns]
) -> Iterator[tuple[str, str, bool]]:
    for name in one.get("dns", ()):
        raw = "" if name == "<root>" else name
        known = {query.name for query in queries}
        yield "dns name", name, bool(known & {raw, raw.encode("idna").decode() if raw else ""})
    for name in one.get("quic.host", ()):
        yield "quic sni", name, any(tls.sni == name and tls.quic for tls in sessions)
    for field in ("ja3", "ja3s", "ja4"):
        for value in one.get(f"tls.{field}", ()):
            yield field, value, any(getattr(tls, field) == value for tls in sessions)
    if isinstance(one.get("tls.version"), list):
        for value in one["tls.version"]:
            yield "tls version", value, any(tls.version == _version(value) for tls in sessions)
    for value in one.get("tls.cipher", ()):
        yield "tls cipher", value, any(_cipher(tls.cipher) == value for tls in sessions)
    if "cert" in one and any(field.startswith("tls.") for field in one):
        yield from _certificate(one["cert"], sessions)


def _certificate(
    chain: list[dict[str, Any]], sessions: list[Tls]
) -> Iterator[tuple[str, str, bool]]:
    """Look for the server's own certificate: the one that is not an issuer of another."""
    issuers = {
        name for one in chain for name in one.get("issuerCN", ()) if one.get("subjectCN") != [name]
    }
    for one in chain:
        names = one.get("subjectCN", [""])
        if len(chain) > 1 and (names[0] in issuers or set(one.get("issuerCN", ())) == set(names)):
            continue
        same = [tls for tls in sessions if tls.subject.lower() == names[0]]
        yield "certificate subject", names[0], bool(same)
        issuer = one.get("issuerCN", [""])[0]
        yield "certificate issuer", issuer, any(tls.issuer.lower() == issuer for tls in same)
        for field, ours in (("notBefore", "not_before"), ("notAfter", "not_after")):
            value = one[field]
            yield (
                f"certificate {field}",
                str(value),
                any(getattr(tls, ours) == value * 1_000_000 for tls in same),
            )
        for name in one.get("alt", ()):
            yield "certificate name", name, any(name in map(str.lower, tls.names) for tls in same)


def _of_suricata(
    one: dict[str, Any], sessions: list[Tls], queries: list[Dns]
) -> Iterator[tuple[str, str, bool]]:
    if one.get("event_type") == "dns":
        yield from _query(one, queries)
    elif "event_type" in one:
        yield from _session(one, sessions)


def _session(one: dict[str, Any], sessions: list[Tls]) -> Iterator[tuple[str, str, bool]]:
    """Compare each field by itself: its name, and what it is called here."""
    for field, value in one.items():
        name = _RENAMED.get(field, "")
        expected: Any = value
        if field == "tls.version":
            expected = _version(value)
        elif field in {"tls.subject", "tls.issuerdn"}:
            expected = value.partition("CN=")[2].partition(",")[0]
        elif field in {"tls.notbefore", "tls.notafter"}:
            moment = datetime.fromisoformat(value).replace(tzinfo=timezone.utc)
            expected = int(moment.timestamp()) * 10**9
        elif field.startswith("tls.client_alpns"):
            yield "alpn", value, any(value in tls.alpn for tls in sessions)
        elif field.startswith("quic.extensions") and field.endswith(".values[0]"):
            known = [text for tls in sessions if tls.quic for text in (tls.sni, *tls.alpn)]
            yield "quic extension", value, value in known
        if name:
            found = any(getattr(tls, name) == expected for tls in sessions)
            yield f"{field.partition('.')[0]} {name}", str(value), found


def _query(one: dict[str, Any], queries: list[Dns]) -> Iterator[tuple[str, str, bool]]:
    answered = one.get("dns.type") in {"answer", "response"}
    same = [query for query in queries if query.answered or not answered]
    if "dns.id" in one:
        same = [query for query in same if query.id == one["dns.id"]]
    name = one.get("dns.rrname", one.get("dns.queries[0].rrname"))
    if name is not None:
        same = [query for query in same if query.name == name.lower()]
        yield "dns name", name, bool(same)
    kind = one.get("dns.rrtype", one.get("dns.queries[0].rrtype"))
    if kind is not None:
        yield "dns type", kind, any(query.type == _TYPES[kind] for query in same)
    if "dns.rcode" in one:
        code = _CODES[one["dns.rcode"]]
        yield "dns rcode", one["dns.rcode"], any(query.rcode == code for query in same)
    if "dns.answers.__len" in one:
        count = one["dns.answers.__len"]
        found = sum(len(query.answers) == count for query in same) >= one["count"]
        yield "dns answers", str(count), found
    if not {"dns.rrname", "dns.queries[0].rrname", "dns.answers.__len"} & set(one):
        yield "dns messages", str(one["count"]), len(same) >= one["count"]
    for field, value in one.items():
        if field.startswith("dns.answers[") and field.endswith(".rdata"):
            short = _compressed(value)
            yield "dns answer", value, any(short in query.answers for query in same)
        if field.startswith("dns.answers[") and field.endswith(".rrtype"):
            number = _TYPES[value]
            yield "dns answer type", value, any(number in query.answer_types for query in same)


def _compressed(address: str) -> str:
    import ipaddress

    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        return address


def _version(text: str) -> str:
    text = text.replace("TLS ", "TLSv")
    names = {"SSLv3": "ssl3", "SSLv2": "ssl2", "TLSv1": "1.0"}
    return names.get(text, text.removeprefix("TLSv"))


def _cipher(number: int) -> str:
    from scapy.layers.tls.crypto import suites

    return str(getattr(suites, "_tls_cipher_suites", {}).get(number, ""))


def compare(folder: str, read: Callable[[str], list[Seen]] = records) -> list[Fact]:
    """Compare all captures in *folder*, as *read* reads them."""
    found: list[Fact] = []
    with open(os.path.join(folder, "manifest.tsv"), encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            try:
                expected = json.loads(row["expected"])
            except ValueError:
                continue  # says only that nothing may fail
            if isinstance(expected, list):
                found += facts(os.path.join(folder, row["file"]), expected, read)
    return found


def main() -> int:
    """Print the share of values found by field, and each that was not."""
    names = [one for one in sys.argv[1:] if one != "--scapy"]
    read = records_by_scapy if "--scapy" in sys.argv else records
    found = compare(names[0] if names else FOLDER, read)
    total, good = (
        Counter(one.field for one in found),
        Counter(one.field for one in found if one.found),
    )
    for field, count in sorted(total.items()):
        print(f"{field:24} {good[field]:4} of {count:4}")
    print(f"{'all':24} {good.total():4} of {total.total():4}  {good.total() / total.total():.1%}")
    for one in found:
        if not one.found:
            print(f"missed: {one.file}: {one.field} {one.value}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
