"""The wall: whatever the document, the answer holds no planted value."""

from __future__ import annotations

import json
import os
import re

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from collectors.content.match import Match
from collectors.content.result import Init, Request, ScanResult
from collectors.content.worker import start
from collectors.redact import Redactor
from tests.collectors.content.citizens import cards, kks, leaks, make_niks, niks, nips, npwps
from tests.collectors.content.scanning import KEY, answer, scan

passwords = st.text("abcdefghkmnpqrstuvwxyzABCDEF23456789!-+", min_size=8, max_size=30)
numbers = niks() | kks() | nips() | npwps() | cards()
keys = st.sampled_from(["nik", "no_kk", "npwp", "nip", "kartu_kredit", "keterangan", "x", ""])


def separated(value: str, separator: str) -> str:
    """Write *value* in groups, if it has a usual grouped form."""
    cuts = {16: (6, 12), 18: (8, 14, 15), 15: (2, 5, 8, 9, 12)}[len(value)]
    parts = [value[a:b] for a, b in zip((0, *cuts), (*cuts, len(value)), strict=True)]
    return separator.join(parts)


@st.composite
def planted(draw: st.DrawFn) -> tuple[str, str]:
    """Return a value as written, and as normalised."""
    if draw(st.booleans()):
        password = draw(passwords)
        form = draw(st.sampled_from(["mysql://admin:{}@10.0.0.1/db", "DB_PASSWORD={}"]))
        return form.format(password), password
    value = draw(numbers)
    separator = draw(st.sampled_from(["", "", " ", ".", "-"]))
    return (separated(value, separator) if separator else value), value


@st.composite
def documents(draw: st.DrawFn) -> tuple[bytes, list[tuple[str, str]]]:
    values = draw(st.lists(planted(), min_size=1, max_size=12))
    key = draw(keys)
    noise = draw(st.text(max_size=20)).replace("\r", "")
    form = draw(st.sampled_from(["csv", "sql", "json", "env", "text", "none", "header"]))
    written = [value for value, _ in values]
    if form == "csv":
        text = f"no,{key},nama\n" + "".join(f"{i},{v},{noise}\n" for i, v in enumerate(written))
    elif form == "sql":
        rows = ",".join(f"({i},'{v}')" for i, v in enumerate(written))
        text = f"INSERT INTO `t` (`id`, `{key or 'y'}`) VALUES {rows};"
    elif form == "json":
        text = json.dumps([{key: v, "k": noise} for v in written])
    elif form == "env":
        text = "".join(f"{key.upper()}={v}\n" for v in written)
    elif form == "text":
        text = noise + "".join(f"\n{key} : {v} " for v in written)
    elif form == "header":  # a table whose column names are the values
        text = ",".join(written) + "\n" + ",".join("1" for _ in written) + "\n"
    else:
        text = "\n".join(written)
    encoding = draw(st.sampled_from(["utf-8", "utf-16"]))
    return text.encode(encoding, "replace"), values


@given(documents())
def test_no_planted_value_crosses_the_pipe(document: tuple[bytes, list[tuple[str, str]]]) -> None:
    data, values = document
    result = msgspec.msgpack.decode(answer(data, "x.txt"), type=ScanResult)
    assert all(re.fullmatch("[0-9a-f]{32}", token) for t in result.tallies for token in t.tokens)
    # Tokens and hash are keyed noise in which any six digits stand now and then by chance.
    bare = msgspec.structs.replace(
        result,
        sha256=None,
        tallies=tuple(msgspec.structs.replace(tally, tokens=()) for tally in result.tallies),
    )
    crossed = msgspec.msgpack.encode(bare)
    for written, value in values:
        assert not leaks(value, crossed)
        assert not leaks(written, crossed)


@given(st.lists(niks(), min_size=3, max_size=80, unique=True))
def test_tokens_are_those_of_the_redactor(values: list[str]) -> None:
    (tally,) = scan(("nik\n" + "\n".join(values) + "\n").encode()).tallies
    redactor = Redactor(KEY, 1)
    assert tally.count == tally.distinct == len(values)
    assert set(tally.tokens) <= {redactor.token("nik", value) for value in values}
    assert len(tally.tokens) == min(64, len(values))


def test_tokens_meet_over_hosts_and_formats_only_with_the_key() -> None:
    """Two hosts, one citizen register: overlap shows; a host with another key tells nothing."""
    values = make_niks(6000)
    dump = "INSERT INTO `w` (`nik`) VALUES " + ",".join(f"('{nik}')" for nik in values) + ";"
    table = "no;NIK\n" + "".join(f"{at};{nik}\n" for at, nik in enumerate(reversed(values)))
    (here,), (there,) = scan(dump.encode()).tallies, scan(table.encode()).tallies
    assert len(here.tokens) == 64
    assert here.tokens == there.tokens
    part = "nik\n" + "\n".join(values[:3000]) + "\n"
    (half,) = scan(part.encode()).tallies
    assert 16 <= len(set(here.tokens) & set(half.tokens)) <= 48
    other = start(msgspec.msgpack.encode(Init(key=b"g" * 32, epoch=1)))
    descriptor = os.memfd_create("other")
    os.write(descriptor, part.encode())
    request = msgspec.msgpack.encode(Request(name="x.csv", size=len(part)))
    (foreign,) = msgspec.msgpack.decode(other(request, [descriptor]), type=ScanResult).tallies
    assert foreign.count == half.count
    assert not set(foreign.tokens) & set(half.tokens)


def test_a_match_prints_nothing_of_itself() -> None:
    match = Match("nik", "1571014512900001")
    assert "1571" not in f"{match} {match!r}"


@given(st.binary(max_size=5000))
def test_garbage_gives_an_answer(data: bytes) -> None:
    assert scan(data).outcome in {"clean", "found", "damaged", "unsupported"}
