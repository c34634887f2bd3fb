"""The program with scapy, in its bounded child as always: this process never imports it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from collectors.child import BoundedChild, Limits
from collectors.network.dissect.forms import HEADERS, TARGET, WHOLE, Ask, Dissected
from collectors.network.dissector import available
from tests.collectors.content.citizens import make_niks
from tests.collectors.network.dissect.frames import arp, capture, dhcp, echo, ethernet, tcp, udp

ROOT = Path(__file__).parents[4]
(NIK,) = make_niks(1, seed=2)

pytestmark = pytest.mark.skipif(not available(), reason="scapy is not installed")


@pytest.fixture(scope="module")
def child() -> Iterator[BoundedChild]:
    with BoundedChild(TARGET, limits=Limits(memory=768 << 20)) as made:
        made.call(msgspec.msgpack.encode(Ask()))  # it is there before the first test counts
        yield made


def read(child: BoundedChild, data: bytes, **wanted: object) -> Dissected:
    reading, writing = os.pipe()
    try:
        os.write(writing, data)
        os.close(writing)
        ask = msgspec.msgpack.encode(msgspec.convert(wanted, Ask))
        return msgspec.msgpack.decode(child.call(ask, [reading]), type=Dissected)
    finally:
        os.close(reading)


def test_its_licence_stands_in_it_and_nowhere_else() -> None:
    mark = "SPDX-License-Identifier: GPL-2.0-or-later"
    found = {
        str(path.relative_to(ROOT))
        for folder in ("agent", "collectors", "server", "signatures")
        for path in (ROOT / folder).rglob("*.py")
        if mark in path.read_text()
    }
    assert found == {"collectors/network/dissect/program.py"}


@pytest.mark.parametrize("data", [b"", b"\0" * 3, b"GET / HTTP/1.1\r\n\r\n" * 10, b"\xff" * 500])
def test_what_is_no_capture(child: BoundedChild, data: bytes) -> None:
    answer = read(child, data)
    assert (answer.explained, answer.done) == ((), True)
    assert answer.damage.startswith("no capture file")


def test_what_others_read_is_passed_over(child: BoundedChild) -> None:
    answer = read(child, capture(tcp(1, 443, b"x"), udp(1, 53, b"y"), tcp(2, 445, b"")))
    assert (answer.explained, answer.read, answer.done, answer.damage) == ((), 3, True, "")


def test_in_words(child: BoundedChild) -> None:
    answer = read(child, capture(tcp(1, 443, b"x"), arp(), dhcp(b"pc-kades"), echo(b"abc")))
    first, second, third = answer.explained
    assert (first.number, first.category, first.at) == (2, "arp", 1001 * 10**9 + 5000)
    assert "psrc 10.0.0.9" in first.facts
    assert "hostname pc-kades" in second.facts
    assert (third.category, third.length) == ("icmp", 45)
    assert "3 bytes that are not understood" in third.facts


def test_names_are_scrubbed_and_payload_is_not_told(child: BoundedChild) -> None:
    host = f"hp-{NIK}".encode()
    frames = (dhcp(host), dhcp(b"\x1b[2J"), echo(NIK.encode()), ethernet(0x88B5, NIK.encode()))
    answer = read(child, capture(*frames), frames=HEADERS)
    assert len(answer.explained) == 4
    said = msgspec.msgpack.encode(answer)
    assert NIK.encode() not in said
    assert NIK[4:14].encode() not in said
    assert b"\x1b" not in msgspec.msgpack.encode(answer.explained)


def test_frames_for_evidence(child: BoundedChild) -> None:
    frame = echo(b"secret")
    headers = read(child, capture(frame), frames=HEADERS)
    assert [(one.data, one.length) for one in headers.frames] == [(frame[:42], 48)]
    assert [one.data for one in read(child, capture(frame), frames=WHOLE).frames] == [frame]
    assert read(child, capture(frame)).frames == ()


def test_step_by_step(child: BoundedChild) -> None:
    data = capture(*[arp() for _ in range(7)])
    first = read(child, data, packets=5, most=3, skip=1)
    assert ([one.number for one in first.explained], first.done) == ([2, 3, 4], False)
    more = msgspec.msgpack.decode(child.call(msgspec.msgpack.encode(Ask())), type=Dissected)
    assert ([one.number for one in more.explained], more.done) == ([5, 6, 7], True)


def test_cut_short(child: BoundedChild) -> None:
    answer = read(child, capture(arp(), arp())[:-20])
    assert [one.number for one in answer.explained][:1] == [1]
    assert answer.done


@pytest.mark.parametrize("port", [88, 67, 464])
def test_noise_costs_nothing(child: BoundedChild, port: int) -> None:
    frames = [udp(port, port, os.urandom(n)) for n in range(0, 300, 7)]
    frames += [tcp(40_000, 445, os.urandom(n)) for n in range(1, 300, 7)]
    answer = read(child, capture(*frames))
    assert (len(answer.explained), answer.done) == (len(frames), True)


def test_who_asks_the_child_has_no_scapy() -> None:
    # In a process of its own: other tests craft their packets with it.
    code = "import sys, collectors.network.dissector, collectors.network.watch; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not any(name.split(".")[0] == "scapy" for name in done.stdout.split())
