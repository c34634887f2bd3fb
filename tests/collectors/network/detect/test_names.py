"""What must not happen: a peer keeps the name of another connection."""

from __future__ import annotations

from collectors.network.detect.names import Names
from collectors.network.model import Tls
from tests.collectors.network.detect.records import START, outward, question, request


def test_no_name_where_none_was_seen() -> None:
    names = Names()
    assert names.of(outward()) == ""
    names.see(Tls(conn=outward(), at=START))
    assert names.said(outward()) == ""


def test_the_handshake_wins_over_the_question() -> None:
    names = Names()
    names.see(question("cdn.example.com", answers=("198.51.100.7", "alias.example.com")))
    which = outward()
    assert names.of(which) == "cdn.example.com"
    assert names.said(which) == ""
    names.see(Tls(conn=which, at=START, sni="Shop.Example.COM"))
    assert names.of(which) == "shop.example.com"


def test_the_host_of_a_request_without_its_port() -> None:
    names = Names()
    which = outward(port=8080)
    names.see(request("/", conn=which, host="api.example.com:8080"))
    assert names.of(which) == "api.example.com"


def test_state_is_bounded() -> None:
    names = Names(20)
    for n in range(500):
        names.see(Tls(conn=outward(), at=n, sni=f"h{n}.example"))
    assert names.evicted() > 0
    assert names.tick(0) == ()
