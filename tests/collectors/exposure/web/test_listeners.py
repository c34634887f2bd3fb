"""Who listens: what must never come out is an address of another host."""

from __future__ import annotations

import socket

from hypothesis import given
from hypothesis import strategies as st

from collectors.exposure.web.listeners import Listener, listeners, parse, reachable_at

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid inode\n"


def row(address: str, state: str = "0A", uid: int = 33) -> str:
    return f"   0: {address} 00000000:0000 {state} 0:0 00:0 00000000 {uid} 0 4711 1\n"


def test_connections_are_no_listeners() -> None:
    assert parse(HEAD + row("0100007F:0050", "01")) == []
    assert parse("") == []


def test_addresses_of_both_families() -> None:
    text = HEAD + row("0100007F:1F90") + row("00000000000000000000000001000000:01BB")
    assert parse(text) == [
        Listener("127.0.0.1", 8080, 33, 4711),
        Listener("::1", 443, 33, 4711),
    ]


@given(st.text(max_size=300))
def test_no_table_breaks_the_reader(text: str) -> None:
    parse(HEAD + text)
    parse(HEAD + "\n".join(row(part) for part in text.split()))


def test_a_real_socket_is_seen() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert reachable_at(port, "", listeners()) == "127.0.0.1"
        assert reachable_at(port, "192.0.2.7", listeners()) is None
    assert listeners("/nonexistent") == []


def test_only_where_somebody_listens_here() -> None:
    known = [Listener("0.0.0.0", 80, 0, 1), Listener("10.9.8.7", 8080, 0, 2)]
    assert reachable_at(443, "", known) is None
    assert reachable_at(80, "", known) == "127.0.0.1"
    assert reachable_at(80, "203.0.113.9", known) is None  # not ours: it cannot be bound
    assert reachable_at(80, "127.0.0.1", known) == "127.0.0.1"
    assert reachable_at(8080, "", known) == "10.9.8.7"
    assert reachable_at(8080, "10.9.8.7", known) == "10.9.8.7"
    assert reachable_at(80, "localhost", known) is None  # a name is never looked up
    assert reachable_at(80, "", known, frozenset({"127.0.0.1"})) == "127.0.0.2"
    assert reachable_at(80, "", [Listener("::", 80, 0, 1)], frozenset({"::1"})) is None
    assert reachable_at(80, "not an address", known) is None
    assert reachable_at(80, "", [Listener("::", 80, 0, 1)]) == "::1"
