"""The bounded child against files that want it dead: it is never "clean", never more than bounded.

What it may come to: an answer with a named outcome, or a death that the caller is told of; and the
next file is read as if nothing had been.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.child import BoundedChild, ChildDied, ChildTimeout, Limits
from collectors.content.result import TARGET, Init, Request, ScanResult
from tests.collectors.content.citizens import make_niks
from tests.collectors.content.extract import builders
from tests.collectors.content.extract.bombs import BOMBS
from tests.collectors.content.extract.test_walk_fuzz import BUILT, OUTCOMES

LIMITS = Limits(cpu=31)
NIKS = make_niks(20)
CSV = ("no,nik\n" + "".join(f"{at},{nik}\n" for at, nik in enumerate(NIKS))).encode()


@pytest.fixture
def child() -> Iterator[BoundedChild]:
    init = msgspec.msgpack.encode(Init(key=b"k" * 32, epoch=1))
    with BoundedChild(TARGET, limits=LIMITS, init=init) as made:
        yield made


def ask(
    child: BoundedChild,
    data: bytes,
    name: str = "x",
    *,
    seconds: float = 3.0,
    again: bool = False,
) -> ScanResult:
    """Return the answer; a death is an answer without findings."""
    descriptor = os.memfd_create("hostile")
    try:
        with open(os.dup(descriptor), "wb") as file:
            file.write(data)
        request = Request(name=name, size=len(data), seconds=seconds, again=again)
        answer = child.call(msgspec.msgpack.encode(request), [descriptor], 30.0)
    except ChildTimeout:
        return ScanResult(outcome="timed_out")
    except ChildDied as death:
        return ScanResult(outcome=f"crashed: {death.cause}")
    finally:
        os.close(descriptor)
    assert len(answer) < 100_000
    result: ScanResult = msgspec.msgpack.decode(answer, type=ScanResult)
    return result


def check_bounds(child: BoundedChild) -> None:
    """Not a byte over the limit, and the next file is read."""
    if child.pid is not None and os.geteuid() == 0:  # not dumpable: its owner may not look
        status = Path(f"/proc/{child.pid}/status").read_text()
        (peak,) = (line for line in status.splitlines() if line.startswith("VmPeak"))
        assert int(peak.split()[1]) << 10 <= LIMITS.memory
    good = ask(child, CSV, "w.csv")
    assert [(tally.type, tally.count) for tally in good.tallies] == [("nik", 20)]


@pytest.mark.parametrize("name", BOMBS)
def test_bombs(child: BoundedChild, name: str) -> None:
    result = ask(child, BOMBS[name](), name)
    allowed = {"too_large", "timed_out", "sampled"}
    if name.endswith("pdf"):  # PDFium ends the process when it gets no memory
        allowed |= {"crashed: signal", "crashed: memory", "damaged"}
    assert result.outcome in allowed
    assert result.tallies == ()
    check_bounds(child)


@st.composite
def bent(draw: st.DrawFn) -> bytes:
    """A document for the libraries, with bytes, numbers and names changed and pieces repeated."""
    data = bytearray(BUILT[draw(st.sampled_from(["pdf", "sqlite", "xls"]))])
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(data) - 1))
        how = draw(st.sampled_from(["byte", "number", "repeat", "cut", "swap"]))
        if how == "byte":
            data[at] = draw(st.integers(0, 255))
        elif how == "number":
            data[at : at + 4] = draw(
                st.sampled_from([b"\xff" * 4, b"\0" * 4, b"\x7f\xff\xff\xff", b"9999"])
            )
        elif how == "repeat":
            data[at:at] = bytes(data[at : at + draw(st.integers(1, 200))]) * draw(st.integers(1, 9))
        elif how == "cut":
            del data[at : at + draw(st.integers(1, 400))]
            data = data or bytearray(b"x")
        else:
            other = draw(st.integers(0, len(data) - 1))
            data[at : at + 16], data[other : other + 16] = (
                data[other : other + 16],
                data[at : at + 16],
            )
    return bytes(data)


def test_bent_documents(child: BoundedChild) -> None:
    """None kills the child either; if one does some day, its outcome has a name."""

    @settings(max_examples=200)
    @given(bent())
    def check(data: bytes) -> None:
        result = ask(child, data)
        assert result.outcome in OUTCOMES or result.outcome.startswith("crashed")
        if result.outcome == "clean":
            assert result.unread == ()

    check()


def test_after_a_crash_the_other_parts_are_read(child: BoundedChild) -> None:
    """With `again` nothing reaches PDFium or calamine, and bare text is not tried twice."""
    bomb = BOMBS["pdf"]()
    mixed = builders.make_zip(
        {"a.pdf": bomb, "w.csv": CSV, "b.xls": builders.make_xls([("a", "b")])}
    )
    result = ask(child, mixed, "x.zip", again=True)
    assert [(tally.type, tally.count) for tally in result.tallies] == [("nik", 20)]
    assert result.outcome == "crashed"
    assert [(one.outcome, one.count, one.path) for one in result.unread] == [
        ("crashed", 2, "a.pdf")
    ]
    for data in (bomb, CSV):
        result = ask(child, data, again=True)
        assert (result.outcome, result.tallies, result.scanned) == ("crashed", (), 0)


BAITS = {
    "tables": b"CREATE TABLE t (",
    "columns": b"INSERT INTO t (",
    "copies": b"COPY t (a) FROM stdin;\n",
    "brackets": b"(",
    "quotes": b"\\'",
    "keys": b'"nik": ',
    "cells": b"<td>nik",
    "comments": b"<!--",
    "armour": b"-----BEGIN RSA PRIVATE KEY-----\n",
    "passwords": b"DB_PASSWORD=",
    "users": b"a://b:c",
    "tokens": b"eyJhbGciOi.",
    "addresses": b"a@a.",
    "dates": b"19-",
    "plates": b"AB 12 ",
    "digits": b"12 34-",
}


@pytest.mark.parametrize("extension", ["txt", "sql", "html", "json", "php"])
def test_bait_for_quadratic_search(child: BoundedChild, extension: str) -> None:
    """Half a megabyte of what a rule begins with is read to its end, in every layout."""
    head = b"nik tgl_lahir no_pol paspor email telp " + NIKS[0].encode() + b"\nDB_PASSWORD=x\n"
    for name, bait in BAITS.items():
        data = head + bait * ((512 << 10) // len(bait))
        result = ask(child, data, f"x.{extension}", seconds=25.0)
        assert result.outcome in ("clean", "found"), name
        assert result.scanned == len(data)
