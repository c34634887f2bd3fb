"""What must not happen: harmless packets raise an alarm, or an attack is lost between the parts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from collectors.network.detect.registry import Detectors, make
from collectors.network.detect.settings import load
from collectors.network.model import FIN, Finding
from tests.collectors.network.detect.records import US, everything
from tests.collectors.network.detect.wire import (
    GET,
    PAGE,
    Wire,
    beacon,
    captured,
    dns_tunnel,
    harmless,
    judged,
)

PCAPS = Path("/work/shared/data/pcaps")
HOURS = 7
PEER = "198.51.100.7"
VISITOR = "203.0.113.9"
CLIENT, SERVER = True, False


def found_in(wire: Wire, **changes: object) -> list[Finding]:
    settings = load(changes)
    detectors = Detectors(make(settings), settings)
    found = judged(wire.blocks(), detectors, local=[US])
    assert detectors.faults() == []
    return found


def scan(wire: Wire) -> None:
    for port in range(1, 40):
        wire.probe(100 + port * 0.1, VISITOR, US, port)


def refused_scan(wire: Wire) -> None:
    for port in range(1, 40):
        wire.talk(100 + port * 0.1, VISITOR, US, port, [], refused=True)


def stealth(wire: Wire) -> None:
    for port in range(1, 10):
        wire.probe(100 + port, VISITOR, US, port, FIN)


def sweep(wire: Wire) -> None:
    for host in range(1, 40):
        wire.probe(100 + host, US, f"10.2.0.{host}", 445)


def slow_probes(wire: Wire) -> None:
    for port in range(1, 6):
        wire.probe(port * 1200, VISITOR, US, port)


def generated(wire: Wire) -> None:
    for n in range(40):
        name = "".join(wire.dice.choices("bcdfghjklmnpqrstvwxz", k=13))
        wire.question(n * 30, US, f"{name}.com", rcode=3)


def icmp_tunnel(wire: Wire) -> None:
    for n in range(40):
        wire.ping(n, US, PEER, wire.dice.randbytes(120), wire.dice.randbytes(80))


def spoofing(wire: Wire) -> None:
    for n in range(6):
        wire.claim(50 + n, (b"\2\0\0\0\0\1", b"\2\0\0\0\0\x66")[n % 2], "10.1.1.1")


def ftp_guessing(wire: Wire) -> None:
    for n in range(22):
        wire.talk(
            n * 5,
            VISITOR,
            US,
            21,
            [
                (SERVER, b"220 ready\r\n"),
                (CLIENT, b"USER admin\r\n"),
                (SERVER, b"331 password\r\n"),
                (CLIENT, b"PASS x\r\n"),
                (SERVER, b"530 no\r\n"),
            ],
        )


def ssh_guessing(wire: Wire) -> None:
    for n in range(32):
        turns = [(SERVER, b"SSH-2.0-OpenSSH_9.6\r\n"), (CLIENT, b"SSH-2.0-Go\r\n")]
        for _ in range(7):
            turns += [(CLIENT, bytes([0, 0, 0, 124]) + bytes(124)), (SERVER, bytes(200))]
        wire.talk(n * 20, VISITOR, US, 22, turns)


def injection(wire: Wire) -> None:
    path = b"/berita.php?id=1%27%20UNION%20SELECT%201,2,user()--"
    wire.talk(5, VISITOR, US, 80, [(CLIENT, GET % path), (SERVER, PAGE % b"200 OK")])


def reverse_shell(wire: Wire) -> None:
    hello = b"bash: no job control in this shell\nwww-data@web:/var/www$ "
    wire.talk(
        5, US, PEER, 4444, [(CLIENT, hello), (SERVER, b"id\n"), (CLIENT, b"uid=33(www-data) ")]
    )


def mining(wire: Wire) -> None:
    hello = b'{"id":1,"method":"mining.subscribe","params":["cpuminer/2.5.0"]}\n'
    wire.talk(5, US, PEER, 3333, [(CLIENT, hello), (SERVER, b'{"id":1,"result":[]}\n')])


def theft(wire: Wire) -> None:
    for n in range(3):
        wire.talk(3700 + n * 20, US, PEER, 443, [(CLIENT, bytes(400_000)), (SERVER, bytes(99))])


ATTACKS: dict[str, Callable[[Wire], None]] = {
    "scan.vertical": scan,
    "scan.stealth": stealth,
    "scan.horizontal": sweep,
    "scan.trw": slow_probes,
    "beacon": lambda wire: beacon(wire, HOURS),
    "dns.tunnel": lambda wire: dns_tunnel(wire, 1),
    "dns.generated": generated,
    "icmp.tunnel": icmp_tunnel,
    "arp.conflict": spoofing,
    "brute.guessing": ftp_guessing,
    "web.sqli": injection,
    "shell.reverse": reverse_shell,
    "mining.stratum": mining,
}
BESIDE = {"weak.ftp", "weak.cleartext_login"}
"""What is true of the attacks besides."""


def test_harmless_packets_are_quiet() -> None:
    wire = Wire()
    harmless(wire, HOURS)
    assert found_in(wire) == []


@pytest.mark.parametrize("rule", ATTACKS)
def test_an_attack_is_found_and_nothing_else(rule: str) -> None:
    wire = Wire()
    ATTACKS[rule](wire)
    told = {one.rule for one in found_in(wire)}
    assert rule in told
    assert told - {rule} <= BESIDE


def test_refused_ports_are_a_scan_as_well() -> None:
    wire = Wire()
    refused_scan(wire)
    assert [one.rule for one in found_in(wire)] == ["scan.vertical"]


def test_ssh_by_its_shape() -> None:
    wire = Wire()
    ssh_guessing(wire)
    assert [one.rule for one in found_in(wire)] == ["brute.guessing"]


def test_amounts_are_those_of_the_packets() -> None:
    wire = Wire()
    theft(wire)
    wire.talk(0, VISITOR, US, 443, [(CLIENT, b"x")])
    limits = {"learning_hours": 0, "first_seen_bytes": 1_000_000, "least_bytes": 1_000_000}
    (found,) = found_in(wire, exfil=limits, listener={"learning_hours": 9})
    assert found.rule == "exfil.first_seen"
    assert 1_200_000 < found.numbers["bytes_out_this_hour"] < 1_300_000


EXPECTED = {
    "stamparm__port_scan.pcap": {"scan.vertical"},
    "stamparm__stealth_scan_fin.pcap": {"scan.stealth"},
    "stamparm__udp_scan.pcap": {"scan.vertical"},
    "stamparm__infection_scan.pcap": {"scan.horizontal"},
    "stamparm__dns_nxdomain_flood.pcap": {"dns.nxdomain"},
    "chrissanders__synscan.pcapng": {"scan.vertical"},
    "chrissanders__http_dvwa_directorytraversal.pcapng": {"web.traversal"},
    "chrissanders__http_dvwa_sqlinjection.pcapng": {"web.sqli"},
    "zeek__http_cooper-grill-dvwa.pcapng": {"web.sqli"},
    "zeek__ftp_bruteforce.pcap": {"brute.guessing", *BESIDE},
}
QUIET = (
    "stamparm__clean_tcp.pcap",
    "stamparm__duplicate_syn.pcap",
    "stamparm__ack_sweep_no_fp.pcap",
    "stamparm__dns_malformed.pcap",
    "stamparm__whitelisted.pcap",
    "chrissanders__arp_resolution.pcapng",
    "chrissanders__icmp_echo.pcapng",
    "chrissanders__icmp_traceroute.pcapng",
    "chrissanders__tcp_handshake.pcapng",
    "chrissanders__http_google.pcapng",
    "chrissanders__dns_query_response.pcapng",
)


@pytest.mark.peer
@pytest.mark.skipif(not PCAPS.is_dir(), reason="no public captures here")
@pytest.mark.parametrize("name", QUIET)
def test_quiet_public_captures(name: str) -> None:
    assert captured(PCAPS / name, everything()) == []


@pytest.mark.peer
@pytest.mark.skipif(not PCAPS.is_dir(), reason="no public captures here")
@pytest.mark.parametrize("name", EXPECTED)
def test_public_captures(name: str) -> None:
    assert {one.rule for one in captured(PCAPS / name, everything())} == EXPECTED[name]


@pytest.mark.peer
@pytest.mark.skipif(not PCAPS.is_dir(), reason="no public captures here")
def test_no_public_capture_makes_a_detector_fail() -> None:
    """All of them, most made to test parsers: few findings, and of few kinds."""
    told: Counter[str] = Counter()
    for path in sorted(PCAPS.glob("*.pcap*")):
        detectors = everything()
        told.update(one.rule for one in captured(path, detectors) if one.severity != "low")
        assert detectors.faults() == []
    known = {rule for rules in EXPECTED.values() for rule in rules}
    assert set(told) - known == set()
