"""The kernel's filter: nothing wanted is refused, and what is refused does not come in."""

from __future__ import annotations

import pytest

from collectors.network import filter as bpf

V4 = (bytes([192, 0, 2, 1]), 8443)
V6 = (bytes.fromhex("20010db8000000000000000000000001"), 8443)


@pytest.mark.parametrize(
    "text",
    ["", "192.0.2.1", "192.0.2.1:0", "192.0.2.1:65536", "collector:1", "2001:db8::1:443", "a:b:c"],
)
def test_what_is_no_endpoint_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=text.split(":", maxsplit=1)[0] or "ADDRESS:PORT"):
        bpf.endpoint(text)


def test_endpoints() -> None:
    assert bpf.endpoint("192.0.2.1:8443") == V4
    assert bpf.endpoint("[2001:db8::1]:8443") == V6


def test_a_jump_out_of_the_program_is_refused() -> None:
    with pytest.raises(ValueError, match="line 0"):
        bpf.pack([(0x15, 5, 0, 1), (6, 0, 0, 1)])


def test_too_many_endpoints_are_refused() -> None:
    with pytest.raises(ValueError, match="too many"):
        bpf.program(100, without=(V4,) * 1000)


@pytest.mark.parametrize("without", [(), (V4,), (V6,), (V4, V6, V4)])
@pytest.mark.parametrize("incoming", [False, True])
def test_every_jump_stays_inside(without: tuple[tuple[bytes, int], ...], incoming: bool) -> None:
    lines = bpf.program(100, without=without, incoming=incoming)
    bpf.pack(lines)
    assert lines[-1] == (6, 0, 0, 100)
