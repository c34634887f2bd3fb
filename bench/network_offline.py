"""Packets per CPU second of the network sensor, from a capture file, beside scapy and ndpiReader.

``python -P -m bench.network_offline [--pcap FILE] [--rounds N]``: every tool reads the same file in
a process of its own, in turns; the best round counts. Start-up (imports, tables of protocols) is
taken off: it is measured on a capture without packets. ``ours-all`` is the sensor's whole child:
flows, streams, all parsers, all detections, summaries. Without FILE, a capture is made up (see
bench.network_capture). scapy reads the first packets only, it would take minutes; ndpiReader is in
Debian's libndpi-bin.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from typing import Any

import msgspec

from collectors.network.model import Conn, Seen

OF_SCAPY = 5_000


class Nothing:
    """Streams that nobody reads."""

    def segment(  # noqa: PLR0917 - the header of a segment
        self, conn: Conn, from_client: bool, seq: int, flags: int, payload: bytes, at: int
    ) -> None:
        """Take a segment."""

    def datagram(self, conn: Conn, from_client: bool, payload: bytes, at: int) -> None:
        """Take a datagram."""

    def end(self, key: int, at: int) -> None:
        """Take the end."""

    def drain(self) -> list[Seen]:
        """Return nothing."""
        return []


def ours(path: str, heads: bool) -> int:
    """Account for the flows of a capture; return how many packets it had."""
    from collectors.network import memory
    from collectors.network.engine import Engine
    from collectors.network.pcap import read

    memory.keep()
    memory.enlarge()
    engine = Engine(Nothing() if heads else None)
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    for block in read(descriptor):
        engine.feed(block)
        engine.drain()
    os.close(descriptor)
    engine.finish()
    engine.drain()
    return engine.stats().packets


def scapy(path: str) -> int:
    """Count bytes and packets of each flow of the first packets with scapy."""
    from scapy.layers.inet import IP, TCP, UDP
    from scapy.layers.inet6 import IPv6
    from scapy.sendrecv import sniff

    flows: dict[object, list[int]] = {}

    def take(packet: Any) -> None:
        ip = packet.getlayer(IP) or packet.getlayer(IPv6)
        if ip is None:
            return
        ports = next(
            ((ip[each].sport, ip[each].dport) for each in (TCP, UDP) if each in ip), (0, 0)
        )
        ends = frozenset({(ip.src, ports[0]), (ip.dst, ports[1])})
        found = flows.setdefault(ends, [0, 0])
        found[0] += 1
        found[1] += len(ip)

    sniff(offline=path, prn=take, store=False, count=OF_SCAPY)
    return sum(found[0] for found in flows.values())


def everything(path: str) -> int:
    """Do all that the sensor's child does with a capture: parsers, detections, summaries."""
    from collectors.network.child import start
    from collectors.network.messages import Answer, Setup, Work
    from collectors.network.settings import NetworkSettings

    settings = NetworkSettings(processes=False, content=False)
    handle = start(msgspec.msgpack.encode(Setup(key=bytes(32), settings=settings)))
    decode = msgspec.msgpack.Decoder(Answer).decode
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    answer = decode(handle(msgspec.msgpack.encode(Work(seconds=2.0, file=True)), [descriptor]))
    while not answer.done:
        answer = decode(handle(msgspec.msgpack.encode(Work(seconds=2.0)), []))
    if answer.faults or answer.damage:
        raise RuntimeError(f"{answer.faults} {answer.damage}")
    return answer.packets


TOOLS = ("ours", "ours-heads", "ours-all", "scapy")


def child(tool: str, path: str) -> None:
    """Run one of the tools that are Python, and say what it did."""
    if tool == "scapy":
        count = scapy(path)
    elif tool == "ours-all":
        count = everything(path)
    else:
        count = ours(path, tool == "ours-heads")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"packets": count, "rss": peak / 1024}))


def cost(command: Sequence[str]) -> tuple[float, str]:
    """Return the CPU seconds of a command, and what it printed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, done.stdout


def measure(path: str, rounds: int) -> dict[str, float]:
    """Return packets per CPU second by tool."""
    empty = path + ".empty"
    with open(path, "rb") as whole, open(empty, "wb") as file:
        file.write(whole.read(24))
    commands = {
        each: [sys.executable, "-P", "-m", "bench.network_offline", "--child", each]
        for each in TOOLS
    }
    reader = shutil.which("ndpiReader")
    if reader:
        commands["ndpiReader"] = [reader, "-q", "-i"]
    best: dict[str, list[float]] = {tool: [1e9, 1e9] for tool in commands}
    packets, rss = {}, {}
    for _ in range(rounds):
        for tool, command in commands.items():
            for number, file_name in enumerate((path, empty)):
                seconds, said = cost([*command, file_name])
                best[tool][number] = min(best[tool][number], seconds)
                if tool != "ndpiReader" and not number:
                    packets[tool], rss[tool] = json.loads(said).values()
    os.unlink(empty)
    packets["ndpiReader"] = packets["ours"]
    rates = {tool: packets[tool] / (whole - none) for tool, (whole, none) in best.items()}
    for tool, rate in rates.items():
        print(
            f"{tool:12} {rate:12,.0f} packets per CPU s, {1e9 / rate:8,.0f} ns each,"
            f" start-up {best[tool][1]:.2f} s, {rss.get(tool, 0):.0f} MB"
        )
    for tool in ("scapy", "ndpiReader"):
        if tool in rates:
            print(
                f"flow accounting against {tool}: {rates['ours'] / rates[tool]:.1f}x,"
                f" first bytes handed on: {rates['ours-heads'] / rates[tool]:.1f}x"
            )
    if not reader:
        print("ndpiReader is not here: apt-get install libndpi-bin")
    return rates


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--pcap")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--child", nargs=2)
    given = parser.parse_args()
    if given.child:
        child(*given.child)
        return
    if given.pcap:
        measure(given.pcap, given.rounds)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "traffic.pcap")
        # In a process of its own: a child's peak memory begins with that of its parent.
        subprocess.run([sys.executable, "-P", "-m", "bench.network_capture", path], check=True)
        measure(path, given.rounds)


if __name__ == "__main__":
    main()
