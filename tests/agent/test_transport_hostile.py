"""A collector that answers nonsense must not empty the spool, spin the agent or hang it."""

from __future__ import annotations

import contextlib
import datetime as dt
import gzip
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agent.clock import SystemClock
from agent.identity import Identity
from agent.transport import client as client_module
from agent.transport.client import CollectorClient, Trouble
from collectors.wire import Batch
from tests.agent.collector import Reply
from tests.agent.spool_helpers import sighting
from tests.agent.test_transport import Bench
from tests.patience import PATIENCE, until


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A courier that is not started."""
    made = Bench(tmp_path / "bench")
    yield made
    made.close()


def _answers_of(bench: Bench, rule: Callable[[Batch], Reply | None], seconds: float) -> int:
    """Run for *seconds*; return how many batches were sent."""
    asked: list[int] = []

    def count(batch: Batch) -> Reply | None:
        asked.append(batch.first)
        return rule(batch)

    bench.collector.rules.append(count)
    bench.spool.handover("files", 1, [sighting(str(n)) for n in range(50)])
    bench.courier.start()
    until(lambda: bool(asked))
    time.sleep(seconds)  # a rate is measured, nothing is waited for
    return len(asked)


def _ack(**fields: Any) -> Reply:
    return 200, {"epoch": 1, "acknowledged": 0, "now": time.time_ns(), **fields}, {}


def test_an_acknowledgement_of_another_epoch_does_not_spin(bench: Bench) -> None:
    """Nothing is deleted, and the same batch is not sent as fast as the line allows."""
    assert _answers_of(bench, lambda _: _ack(), 1.0) < 20
    assert bench.spool.acknowledged == 0
    assert "does not acknowledge" in bench.problem("delivery")


def test_acknowledging_what_was_never_sent_does_not_spin(bench: Bench) -> None:
    """Each such answer costs a new epoch and a rewrite of the spool: not in a tight loop."""
    assert _answers_of(bench, lambda b: _ack(epoch=b.epoch, acknowledged=10**9), 1.0) < 20
    assert bench.spool.last >= 50


@pytest.mark.parametrize("fields", [{"acknowledged": -5}, {"acknowledged": 1 << 70}, {"now": -1}])
def test_impossible_numbers_are_no_collector(bench: Bench, fields: dict[str, int]) -> None:
    """They change nothing here."""
    _answers_of(bench, lambda b: _ack(**{"epoch": b.epoch, **fields}), 0.2)
    assert "not a ronda collector" in bench.problem("uplink")
    assert bench.courier.alive
    assert bench.spool.status().events == 50


def test_too_large_for_everything_does_not_empty_the_spool(bench: Bench) -> None:
    """A proxy's 413 is no reason to quarantine event after event."""
    _answers_of(bench, lambda _: (413, {"reason": "too large"}, {}), 1.0)
    assert "refuses all events" in bench.problem("delivery")
    assert bench.spool.status().quarantined <= 3


def test_naming_what_is_not_there_does_not_spin(bench: Bench) -> None:
    """A refusal that names no event of the batch is one that names none."""
    reply: Reply = (400, {"reason": "bad", "sequences": [10**6]}, {})
    assert _answers_of(bench, lambda _: reply, 1.0) < 30
    assert bench.spool.status().quarantined <= 3


class Raw:
    """A TLS port that answers each request with the same bytes, then what *tail* does."""

    def __init__(self, bench: Bench, head: bytes, tail: Callable[[ssl.SSLSocket], None]) -> None:
        """Listen with the collector's certificate."""
        self.requests = 0
        cert = bench.collector.authority.server(bench.directory, "127.0.0.1", _LIFE)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(*cert)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._head, self._tail = head, tail
        url = f"https://127.0.0.1:{self._listener.getsockname()[1]}"
        record = msgspec.structs.replace(bench.identity.record, agent_url=url)
        self.identity: Identity = replace(bench.identity, record=record)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                plain, _ = self._listener.accept()
                with contextlib.suppress(OSError), plain:
                    plain.settimeout(10)
                    with self._context.wrap_socket(plain, server_side=True) as secure:
                        while secure.recv(65536):
                            self.requests += 1
                            secure.sendall(self._head)
                            self._tail(secure)

    def close(self) -> None:
        """Stop."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(PATIENCE)


_LIFE = dt.timedelta(days=1)
_OK = b"HTTP/1.1 200 OK\r\n"


def _post(raw: Raw) -> client_module.Answer:
    client = CollectorClient(raw.identity, SystemClock())
    try:
        return client.post("/v1/heartbeat", b"x", "text/plain")
    finally:
        client.close()
        raw.close()


def test_an_endless_answer_is_dropped(bench: Bench) -> None:
    """Memory is bounded, and the rest is not taken for the next answer."""
    head = _OK + b"content-length: 99999999\r\n\r\n" + b"x" * (3 << 20)
    assert _post(Raw(bench, head, lambda _: None)).body == b""


def test_a_packed_answer_is_not_unpacked(bench: Bench) -> None:
    """No decompression bomb."""
    packed = gzip.compress(bytes(64 << 20))
    head = _OK + b"content-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(packed)
    assert _post(Raw(bench, head + packed, lambda _: None)).body == packed


def test_a_redirect_is_not_followed(bench: Bench) -> None:
    """Events go to the pinned collector only."""
    head = b"HTTP/1.1 307 Go\r\nlocation: https://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n"
    assert _post(Raw(bench, head, lambda _: None)).status == 307


@pytest.mark.parametrize("head", [_OK + b"x: ", _OK + b"content-length: 999\r\n\r\n"])
def test_a_drip_is_broken_off(bench: Bench, head: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte in time, all of them never: the read timeout alone would wait for ever."""
    monkeypatch.setattr(client_module, "_LONGEST_REQUEST", 0.5)
    ended = threading.Event()

    def drip(secure: ssl.SSLSocket) -> None:
        while not ended.wait(0.05):
            secure.sendall(b"x")

    raw = Raw(bench, head, drip)
    client = CollectorClient(raw.identity, SystemClock())
    failed: list[Trouble] = []

    def ask() -> None:
        try:
            client.post("/v1/heartbeat", b"x", "text/plain")
        except Trouble as trouble:
            failed.append(trouble)

    thread = threading.Thread(target=ask)
    thread.start()
    deadline = time.monotonic() + 15
    while thread.is_alive() and time.monotonic() < deadline:
        client.break_off()
        thread.join(0.1)
    ended.set()
    client.close()
    raw.close()
    thread.join(PATIENCE)
    assert failed
