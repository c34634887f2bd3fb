"""How many packets per second the network sensor's child reads from a live interface, and at what
cost: ``python -m bench.network_live [--seconds S] [--ring MIB] PPS...`` (as root).

Two network namespaces with a cable between them. In one the generator of `bench.network_packets`,
in the other the sensor's own sockets and its own bounded child, with all that it does: flows,
streams, detections, summaries. For each rate: packets offered, seen and lost, CPU of the child for
each packet, its resident memory; at the end its CPU when nothing comes. The kernel's share of the
work (copying into the ring) is done in the generator's time and so not in these figures.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import msgspec

from collectors.child import BoundedChild, Limits
from collectors.network.messages import TARGET, Answer, Setup, Work
from collectors.network.settings import NetworkSettings
from collectors.network.sockets import Capture, Shape, open_capture
from tests.collectors.network.namespaces import Cable, entered

_TICK = os.sysconf("SC_CLK_TCK")
_answers = msgspec.msgpack.Decoder(Answer)


def cpu(pid: int) -> float:
    """Return the CPU seconds of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def memory(pid: int) -> tuple[float, float]:
    """Return resident memory of a process in MB: all, and without the kernel's ring."""
    status = Path(f"/proc/{pid}/status").read_text()
    values = {
        line.partition(":")[0]: int(line.split()[1]) / 1024
        for line in status.splitlines()
        if line.startswith(("Vm", "Rss"))
    }
    return values["VmRSS"], values["RssAnon"]


class Reader:
    """The child, read out as the sensor does."""

    def __init__(self, cable: Cable, ring: int) -> None:
        settings = NetworkSettings(ring=ring, processes=False, content=False)
        with entered(cable.left):
            self.capture: Capture = open_capture(
                "left", socket.if_nametoindex("left"), Shape(ring=ring, retire=100)
            )
        setup = Setup(key=bytes(32), settings=settings)
        limits = Limits(memory=(640 << 20) + 16 * ring, descriptors=128, requests=1 << 62)
        self.child = BoundedChild(TARGET, limits=limits, init=msgspec.msgpack.encode(setup))
        self.received = self.dropped = self.flows = 0
        self.call(Work(seconds=0.1, opened=(self.capture.ring,), local=(bytes([10, 9, 0, 1]),)))

    @property
    def pid(self) -> int:
        """Process id of the child."""
        return self.child.pid or 0

    def call(self, work: Work) -> Answer:
        """Have it work."""
        descriptors = [self.capture.fileno()] if work.opened else []
        answer = _answers.decode(self.child.call(msgspec.msgpack.encode(work), descriptors))
        self.received += sum(one.received for one in answer.counts)
        self.dropped += sum(one.dropped for one in answer.counts)
        self.flows = answer.flows
        return answer

    def close(self) -> None:
        """End."""
        self.child.close()
        self.capture.close()


def measure(cable: Cable, reader: Reader, rate: float, seconds: float, path: str) -> dict[str, Any]:
    """Offer *rate* packets per second."""
    before, received, dropped = cpu(reader.pid), reader.received, reader.dropped
    generator = subprocess.Popen(
        [
            *("ip", "netns", "exec", cable.right, sys.executable),
            *("-m", "bench.network_packets", "right", str(rate), str(seconds)),
            *([path] if path else []),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    said: list[str] = []
    waiter = threading.Thread(target=lambda: said.append(generator.communicate()[0]))
    waiter.start()
    while waiter.is_alive():
        reader.call(Work(seconds=0.5))
    waiter.join()
    reader.call(Work(seconds=0.5))
    told = json.loads(said[0])
    sent, seconds = told["sent"], told["seconds"]
    lost = reader.dropped - dropped
    seen = reader.received - received - lost
    resident, own = memory(reader.pid)
    return {
        "asked_pps": rate,
        "offered_pps": round(sent / seconds),
        "sent": sent,
        "seen": seen,
        "dropped": lost,
        "us_per_packet": round((cpu(reader.pid) - before) / max(1, seen) * 1e6, 3),
        "flows": reader.flows,
        "rss_mb": round(resident, 1),
        "rss_without_ring_mb": round(own, 1),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("rates", nargs="*", type=float, default=[100_000, 300_000, 400_000])
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--ring", type=int, default=16, help="MiB")
    parser.add_argument("--pcap", default="", help="frames to send instead of 2000 connections")
    parser.add_argument("--idle", type=float, default=10.0, help="seconds")
    options = parser.parse_args()
    cable = Cable()
    try:
        cable.plug()
        reader = Reader(cable, options.ring << 20)
        try:
            for rate in options.rates:
                print(json.dumps(measure(cable, reader, rate, options.seconds, options.pcap)))
                sys.stdout.flush()
            time.sleep(2)
            before, begin = cpu(reader.pid), time.monotonic()
            while time.monotonic() < begin + options.idle:
                reader.call(Work(seconds=1.0))
            share = (cpu(reader.pid) - before) / (time.monotonic() - begin)
            print(json.dumps({"idle_cpu_percent": round(100 * share, 2)}))
        finally:
            reader.close()
    finally:
        cable.close()


if __name__ == "__main__":
    main()
