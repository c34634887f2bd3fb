"""What must not happen: JSON and names that only resemble mining."""

from __future__ import annotations

import pytest

from collectors.network.detect.mining import Mining
from collectors.network.model import Finding, Stream, Tls
from tests.collectors.network.detect.records import START, outward, question, request


def stream(client: bytes, server: bytes = b"") -> list[Finding]:
    return list(Mining().see(Stream(conn=outward(), at=START, client=client, server=server)))


@pytest.mark.parametrize(
    "client",
    [
        b'{"method":"login","params":{"user":"budi"}}\n',
        b'{"jsonrpc":"2.0","method":"eth_blockNumber"}\n',
        b"mining.subscribe is a word",
        b"",
    ],
)
def test_other_json_is_quiet(client: bytes) -> None:
    assert stream(client) == []


@pytest.mark.parametrize(
    "name", ["dinas-pertambangan.go.id", "pool.ntp.org", "minerva.example", "nicehash"]
)
def test_other_names_are_quiet(name: str) -> None:
    assert list(Mining().see(question(name))) == []


@pytest.mark.parametrize(
    "client",
    [
        b'{"id": 1, "method": "mining.subscribe", "params": ["cpuminer/2.5"]}\n',
        b'{"id":1,"jsonrpc":"2.0","method":"login","params":{"login":"4A","agent":"XMRig/6"}}\n',
        b'{"id":1,"method":"eth_submitLogin","params":["0x"]}\n',
    ],
)
def test_stratum(client: bytes) -> None:
    (found,) = stream(client)
    assert (found.rule, found.technique) == ("mining.stratum", "T1496")


def test_the_server_s_side_counts_too() -> None:
    assert stream(b"\0", b'{"method":"mining.notify","params":[]}\n')


@pytest.mark.parametrize("name", ["pool.supportxmr.com", "xmr-eu1.nanopool.org", "xmr.2miners.com"])
def test_pools(name: str) -> None:
    (asked,) = Mining().see(question(name))
    assert (asked.rule, asked.severity) == ("mining.pool", "medium")
    (called,) = Mining().see(Tls(conn=outward(), at=START, sni=name))
    assert called.severity == "high"
    assert list(Mining().see(request("/", host=name, conn=outward())))
