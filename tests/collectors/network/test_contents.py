"""The content child beside the capture: told within a second, and dying alone."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from collectors.api import Keys
from collectors.content.piece import Answer
from collectors.kinds import ChildCrashed, Kind
from collectors.kinds.network_content import NetworkContent
from collectors.network import contents
from collectors.network.contents import Contents
from collectors.network.model import Conn, Content, Direction, Http, Login
from collectors.network.passing import Passing
from tests.collectors.content.citizens import make_niks
from tests.patience import until

CONN = Conn(
    key=1,
    proto=6,
    client=bytes([203, 0, 113, 9]),
    client_port=40_000,
    server=bytes([10, 0, 0, 5]),
    server_port=80,
    direction=Direction.INBOUND,
)
PEOPLE = make_niks(1204, seed=9)
DUMP = ("nik,nama\n" + "".join(f"{nik},Budi\n" for nik in PEOPLE)).encode()


class Run:
    """The agent's side on its thread, and the capture child's end."""

    def __init__(self, directory: Path) -> None:
        self.told: list[tuple[Kind, int | None]] = []
        keys = Keys(fleet=secrets.token_bytes(32), fleet_epoch=1)
        self.contents = Contents(keys, directory, self._take)
        self.sink = Passing(os.dup(self.contents.channel))
        self.contents.start()

    def _take(self, record: Kind, _observed: int, severity: int | None) -> None:
        self.told.append((record, severity))

    def end(self) -> float:
        begin = time.monotonic()
        self.contents.stop()
        self.sink.close()
        return time.monotonic() - begin

    def send(self, data: bytes, **facts: object) -> None:
        http = Http(conn=CONN, at=1, method="GET", path="/export.csv", status=200)
        self.sink.content(
            Content(
                conn=CONN,
                at=time.time_ns(),
                protocol="http",
                from_client=False,
                data=data,
                seen=len(data),
                size=len(data),
                complete=True,
                http=http,
            )
        )


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    made = Run(tmp_path)
    yield made
    assert made.end() < 10.0


def test_no_child_without_a_piece_and_none_left(run: Run) -> None:
    time.sleep(0.2)
    assert run.contents.child_pid is None
    run.send(b"<p>Selamat datang di situs kami</p>")
    until(lambda: run.contents.coverage()["content_pieces"] == 1)
    assert run.told == []


def test_a_dump_is_told_and_no_byte_of_it_passes_the_agent(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[bytes] = []
    decode = contents._answers.decode

    class Listening:
        def decode(self, data: bytes) -> object:
            answers.append(data)
            return decode(data)

    monkeypatch.setattr(contents, "_answers", Listening())
    run.send(DUMP)
    until(lambda: run.told)
    ((record, severity),) = run.told
    assert isinstance(record, NetworkContent)
    assert (record.count, record.tallies[0].distinct, severity) == (1204, 1204, 4)
    assert (record.peer, record.path) == ("203.0.113.9", "/export.csv")
    said = b"".join(answers)
    # Ten digits: six of them stand in one of so many tokens by chance.
    assert not any(nik[4:14].encode() in said for nik in PEOPLE)


def test_a_child_that_dies_takes_one_piece_with_it(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contents, "_PAUSE", 0.0)
    run.send(DUMP[:1000])
    until(lambda: run.told)
    pid = run.contents.child_pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    run.send(DUMP)
    until(lambda: any(isinstance(record, ChildCrashed) for record, _ in run.told))
    run.send(DUMP)
    until(lambda: int(run.contents.coverage()["content_found"]) >= 2)
    assert run.contents.coverage()["content_crashes"] == 1


def test_the_child_ends_when_nothing_comes(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run.send(DUMP)
    until(lambda: run.contents.child_pid is not None and run.told)
    monkeypatch.setattr(contents, "_IDLE", 0.1)
    until(lambda: run.contents.child_pid is None)
    run.send(DUMP[:3000])
    until(lambda: run.contents.coverage()["content_pieces"] == 2)


def test_a_password(run: Run) -> None:
    secret = secrets.token_urlsafe(12).encode()
    one = Login(
        conn=CONN,
        at=5,
        protocol="ftp",
        user="budi",
        secret=secret,
        cleartext=True,
        outcome="success",
    )
    run.sink.login(one)
    until(lambda: run.told)
    ((record, severity),) = run.told
    assert isinstance(record, NetworkContent)
    assert (record.protocol, record.account, severity) == ("ftp", "budi", 3)
    assert record.tallies[0].samples == ()


def test_a_gone_capture_child_leaves_the_channel(run: Run) -> None:
    run.sink.close()
    run.sink = Passing(os.dup(run.contents.channel))
    run.send(DUMP)
    until(lambda: run.told)


def test_the_channel_keeps_messages_whole(run: Run) -> None:
    with socket.socket(fileno=os.dup(run.contents.channel)) as end:
        assert end.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE) == socket.SOCK_SEQPACKET


def test_a_thread_that_ended_is_noticed(run: Run) -> None:
    run.contents.check()
    run.contents._over.set()
    run.contents._thread.join()
    with pytest.raises(RuntimeError, match="has ended"):
        run.contents.check()


def test_more_than_can_be_looked_into_leaves_time_for_others(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    spans: list[tuple[float, float]] = []

    def slow(*_: object) -> bytes:
        begin = time.monotonic()
        time.sleep(0.3)
        spans.append((begin, time.monotonic()))
        if len(spans) == 5:  # now somebody takes it out
            run.contents._reading.recv(1 << 20)
        return msgspec.msgpack.encode(Answer(pieces=1))

    monkeypatch.setattr(run.contents._child, "call", slow)
    run.send(b"x" * 100)
    until(lambda: len(spans) >= 5)
    busy = sum(end - begin for begin, end in spans[:4])
    assert busy <= 0.75 * (spans[4][0] - spans[0][0])
