"""Bundles: what an agent refuses first, then that it takes and keeps a good one."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from agent import knowledge
from agent.clock import SystemClock
from agent.files import write_atomically
from agent.identity import IdentityError, verify_signed
from agent.knowledge import Fetching, Refused, check, installed, receive, store
from collectors.knowledge import PREFIX, Canary, Manifest, Register, Signed
from server.fleet.ca import Authority

NOW = time.time_ns()
DAY = 86_400 * 10**9


def register(data: bytes) -> Register:
    return Register(name="r", sha256=hashlib.sha256(data).hexdigest(), size=len(data))


def manifest(version: int = 5, canaries: int = 0, **more: object) -> Manifest:
    values = {
        "version": version,
        "made": NOW,
        "expires": NOW + DAY,
        "epoch": 1,
        "canaries": tuple(Canary(id=f"c{n}", marks=()) for n in range(canaries)),
        **more,
    }
    return msgspec.convert(values, Manifest)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (manifest(6), manifest(5), "older"),
        (None, manifest(5, expires=NOW - 1), "expired"),
        (None, manifest(5, epoch=2), "epoch 2"),
        (None, manifest(5, registers=(Register(name="a", sha256="", size=1 << 40),)), "fit"),
        (
            None,
            manifest(
                registers=tuple(Register(name=n, sha256="", size=50 << 20) for n in ("a", "b"))
            ),
            "fit",
        ),
        (None, manifest(registers=(Register(name="a", sha256="../../a", size=5),)), "no hash"),
        (manifest(5, 10), manifest(6, 4), "lacks 6"),
        (manifest(5, 1), manifest(6), "lacks 1"),
    ],
)
def test_what_is_refused(old: Manifest | None, new: Manifest, words: str) -> None:
    with pytest.raises(Refused, match=words):
        check(old, new, 1, NOW)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (None, manifest()),
        (manifest(5), manifest(5)),
        (manifest(5, 10), manifest(6, 5)),
        (manifest(5, 10), manifest(6, retired=tuple(f"c{n}" for n in range(10)))),
    ],
)
def test_what_is_taken(old: Manifest | None, new: Manifest) -> None:
    check(old, new, 1, NOW)


def test_only_a_signer_of_the_pinned_authority_counts(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    ours, other = (Authority.create(tmp_path / name, NOW) for name in ("a", "b"))
    signer, stranger = ours.signer(tmp_path / "a", NOW), other.signer(tmp_path / "b", NOW)
    good = signer.sign(b"data")
    verify_signed(ours.pem, signer.certificate, good, b"data")
    ours.issue_server(tmp_path / "a", ["127.0.0.1"], NOW)
    server = (tmp_path / "a" / "server.crt").read_bytes()
    for certificate, signature, data in (
        (signer.certificate, good, b"other"),
        (signer.certificate, stranger.sign(b"data"), b"data"),
        (stranger.certificate, stranger.sign(b"data"), b"data"),
        (stranger.certificate, good, b"data"),
        (server, good, b"data"),
        (b"", good, b"data"),
        (signer.certificate, b"", b"data"),
    ):
        with pytest.raises(IdentityError, match="not signed"):
            verify_signed(ours.pem, certificate, signature, data)


def test_a_register_that_is_no_longer_named_goes(tmp_path: Path) -> None:
    def signed(*registers: bytes) -> bytes:
        named = tuple(
            Register(name=f"r{n}", sha256=hashlib.sha256(data).hexdigest(), size=len(data))
            for n, data in enumerate(registers)
        )
        body = msgspec.msgpack.encode(manifest(registers=named))
        return msgspec.msgpack.encode(Signed(manifest=body, signature=b"", certificate=b""))

    folder = tmp_path / knowledge.FOLDER
    sums = [hashlib.sha256(data).hexdigest() for data in (b"one", b"two")]
    receive(folder, register(b"one"), iter([b"o", b"ne"]))
    store(folder, signed(b"one"))
    assert {path.name for path in folder.glob("*.edm")} == {f"{sums[0]}.edm"}
    assert folder.stat().st_mode & 0o077 == 0
    found = installed(tmp_path)
    assert found is not None
    assert knowledge.is_complete(folder, found.registers[0])
    (folder / f"{sums[0]}.edm").write_bytes(b"onf")
    assert not knowledge.is_complete(folder, found.registers[0])
    receive(folder, register(b"two"), [b"two"])
    (folder / "left.edm.new").write_bytes(b"of a process that was killed")
    store(folder, signed(b"two"))
    assert {path.name for path in folder.glob("*.edm*")} == {f"{sums[1]}.edm"}


@pytest.mark.parametrize("left", [None, b"", b"on"])
def test_a_register_that_was_lost_is_fetched_again(tmp_path: Path, left: bytes | None) -> None:
    folder, one = tmp_path / knowledge.FOLDER, register(b"one")
    receive(folder, one, [b"one"])
    body = msgspec.msgpack.encode(manifest(registers=(one,)))
    store(folder, msgspec.msgpack.encode(Signed(manifest=body, signature=b"", certificate=b"")))
    assert Fetching(tmp_path, SystemClock()).version == 5
    file = folder / f"{one.sha256}.edm"
    file.unlink()
    if left is not None:
        file.write_bytes(left)
    assert Fetching(tmp_path, SystemClock()).version == 0


class Full(OSError):  # noqa: N818 - named for what it is
    """A disk that is full."""


@pytest.mark.parametrize(
    ("pieces", "error"),
    [([b"onx"], Refused), ([b"o"], Refused), ([b"one", b"more"], Refused), (None, Full)],
)
def test_nothing_is_left_of_a_register_that_did_not_come_whole(
    tmp_path: Path, pieces: list[bytes] | None, error: type[Exception]
) -> None:
    def coming() -> Iterator[bytes]:
        yield from pieces or [b"on"]
        if pieces is None:
            raise Full

    with pytest.raises(error):
        receive(tmp_path / "k", register(b"one"), coming())
    assert list((tmp_path / "k").iterdir()) == []


def test_no_more_of_a_register_is_read_than_it_may_have(tmp_path: Path) -> None:
    taken = 0

    def endless() -> Iterator[bytes]:
        nonlocal taken
        while True:
            taken += 1
            yield b"x" * 1000

    with pytest.raises(Refused):
        receive(tmp_path, register(b"one"), endless())
    assert taken == 1


def test_a_register_that_came_stays_when_the_next_one_does_not(tmp_path: Path) -> None:
    receive(tmp_path, register(b"one"), [b"one"])
    with pytest.raises(Refused):
        receive(tmp_path, register(b"two"), [b"not"])
    assert knowledge.is_complete(tmp_path, register(b"one"))


def test_a_failed_write_leaves_no_half_file_on_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_fd: int) -> None:
        raise Full

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Full):
        write_atomically(tmp_path / "a", b"x" * 1000)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"\xc1", msgspec.msgpack.encode({"manifest": 3})])
def test_a_damaged_file_is_no_bundle(tmp_path: Path, content: bytes) -> None:
    (tmp_path / knowledge.FOLDER).mkdir()
    (tmp_path / knowledge.FOLDER / knowledge.BUNDLE).write_bytes(content)
    assert installed(tmp_path) is None
    assert Fetching(tmp_path, SystemClock()).version == 0


def test_fetching_without_an_identity_is_a_problem_and_waits(tmp_path: Path) -> None:
    fetching = Fetching(tmp_path, SystemClock())
    assert not fetching.tick()
    fetching.wanted = 7
    assert "not enrolled" in problem_of(fetching, 30)
    fetching.problem = None
    assert problem_of(fetching, 0.3) == ""
    fetching.close()


def test_a_newer_bundle_does_not_wait_for_the_pause_of_an_older_one(tmp_path: Path) -> None:
    fetching = Fetching(tmp_path, SystemClock())
    fetching.wanted = 7
    assert problem_of(fetching, 30)
    fetching.problem = None
    fetching.wanted = 8
    assert problem_of(fetching, 30)
    fetching.close()


def problem_of(fetching: Fetching, seconds: float) -> str:
    """Return the problem as soon as there is one, empty if there is none within *seconds*."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not fetching.problem:
        fetching.tick()
        time.sleep(0.05)
    return fetching.problem or ""


def test_the_prefix_keeps_signatures_apart() -> None:
    assert PREFIX.endswith(b"\0")
