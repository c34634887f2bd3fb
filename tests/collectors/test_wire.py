"""The wire: nothing hostile gets through, nothing new gets lost, nothing old changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from collectors import event, kinds, wire
from collectors.kinds import Scrubbed
from collectors.sighting import Sighting

GOLDEN = Path(__file__).parent.parent / "golden" / "wire" / f"v{wire.WIRE_VERSION}"

HEADER = wire.Header(
    version=1,
    agent="0b5c8a52-3c1e-4d7e-9a43-6f1f0c2d7b11",
    epoch=1764000000,
    first=1,
    last=3,
    sent=1_764_000_001_000_000_000,
    host="opd-web-01",
    host_id="5f2c",
    boot_id="b1",
    agent_version="0.1.0",
)


def pack(value: object, *, level: int = 3) -> bytes:
    return zstandard.ZstdCompressor(level=level).compress(msgspec.msgpack.encode(value))


def plain_header(**changes: object) -> dict[str, Any]:
    return {**msgspec.to_builtins(HEADER), "events": [], **changes}


@pytest.mark.parametrize(
    ("data", "error", "words"),
    [
        (b"", wire.Malformed, "cut short"),
        (b"GET / HTTP/1.1", wire.Malformed, "not zstd"),
        (pack({}), wire.Malformed, "version"),
        (pack([1, 2]), wire.Malformed, "not a batch"),
        (pack(plain_header())[:-3], wire.Malformed, "cut short"),
        (pack(plain_header()) + b"x", wire.Malformed, "after the zstd frame"),
        (pack(plain_header(version=2)), wire.UnsupportedVersion, "update the collector"),
        (pack(plain_header(version=0)), wire.UnsupportedVersion, "update the agent"),
        (pack(plain_header(first=0)), wire.Malformed, "positive"),
        (pack(plain_header(first=9)), wire.Malformed, "in order"),
        (pack(plain_header(agent=5)), wire.Malformed, "agent"),
        (pack(plain_header(events=[{}] * 501)), wire.TooLarge, "at most 500"),
        (pack({"version": 1, "x": "0" * (wire.MAX_PLAIN + 1)}), wire.TooLarge, "decompression"),
        (b"\0" * (wire.MAX_COMPRESSED + 1), wire.TooLarge, "send fewer"),
    ],
)
def test_refused_with_a_reason(data: bytes, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        wire.decode_batch(data)


def test_deep_nesting_is_malformed() -> None:
    deep = b"\x91" * 5000 + b"\x01"
    with pytest.raises(wire.Malformed):
        wire.decode_batch(zstandard.ZstdCompressor().compress(b"\x82\xa7version\x01\xa1x" + deep))
    with pytest.raises(wire.Malformed):
        wire.decode_event(b"\x81\xa1x" + deep)


@given(st.binary(max_size=200))
def test_noise_never_raises_anything_else(data: bytes) -> None:
    with pytest.raises(wire.WireError):
        wire.decode_batch(data)
    with pytest.raises(wire.WireError):
        wire.decode_batch(zstandard.ZstdCompressor().compress(data))


_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)
_events = st.dictionaries(st.text(max_size=10), _values, max_size=5)


@given(st.lists(_events, max_size=5))
def test_round_trip(events: list[dict[str, Any]]) -> None:
    skipped = [wire.Skipped(first=2, last=3, cause="spool_full", severity=1)]
    data = wire.encode_batch(HEADER, [wire.encode_event(one) for one in events], skipped)
    batch = wire.decode_batch(data)
    assert batch.events == events
    assert batch.skipped == skipped
    assert all(getattr(batch, name) == getattr(HEADER, name) for name in HEADER.__struct_fields__)


def test_fields_of_a_newer_agent_are_ignored_or_kept() -> None:
    newer = plain_header(events=[{"ronda.kind": "quantum.state", "x": 1}], colour="blue")
    batch = wire.decode_batch(pack(newer))
    assert batch.events == [{"ronda.kind": "quantum.state", "x": 1}]
    assert event.open_record(batch.events[0]) == kinds.UnknownKind(
        tag="quantum.state", fields={"ronda.kind": "quantum.state", "x": 1}
    )


def _example(kind: type[kinds.Record]) -> kinds.Record:
    values: dict[str, Any] = {}
    for field in msgspec.structs.fields(kind):
        values[field.name] = _value(field.type, field.name)
    return kind(**values)


def _value(annotation: Any, name: str) -> Any:
    text = str(annotation)
    if "Tally" in text:
        return (
            kinds.Tally(
                type="nik",
                count=3,
                distinct=2,
                column=Scrubbed("nik"),
                samples=("1571**********01",),
            ),
        )
    if "DataPart" in text:
        return (kinds.DataPart(format="xlsx", count=3, types=("nik",), path=Scrubbed("a"), row=2),)
    if "Unread" in text:
        return (kinds.Unread(outcome="encrypted", count=1, detail=Scrubbed("a password")),)
    if "PackageChange" in text:
        return (
            kinds.PackageChange(
                name=Scrubbed("bash:amd64"), action="upgrade", old=Scrubbed("5.2-1"), new=None
            ),
        )
    if "PackageStatement" in text:
        return (
            kinds.PackageStatement(
                name=Scrubbed("bash:amd64"),
                version=Scrubbed("5.2-1"),
                digest="ab" * 32,
                listed="cd" * 16,
                files=7,
            ),
        )
    if "PackageLeftover" in text:
        return (kinds.PackageLeftover(directory=Scrubbed("/etc/alternatives"), count=3),)
    for fragment, value in (
        ("tuple[int", (42, 43)),
        ("tuple", (Scrubbed(f"{name}-1"), Scrubbed(f"{name}-2"))),
        ("dict", {"low": 7}),
        ("bool", True),
        ("float", 1.5),
        ("int", 42),
    ):
        if fragment in text:
            return value
    return Scrubbed(f"{name}-text")


@pytest.mark.parametrize("tag", sorted(kinds.KINDS))
def test_golden(tag: str) -> None:
    """The bytes of every kind stay what they were: agents in the field speak them.

    A new kind: run with RONDA_WRITE_GOLDEN=1 once and commit the file.
    """
    import os

    sighting = Sighting(
        record=cast("kinds.Kind", _example(kinds.KINDS[tag])),
        observed=1_764_000_000_000_000_000,
        module="test",
    )
    body = wire.encode_event(event.seal(sighting, sequence=3, created=1_764_000_000_500_000_000))
    path = GOLDEN / f"{tag}.msgpack.hex"
    if os.environ.get("RONDA_WRITE_GOLDEN") and not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            "\n".join(body.hex()[i : i + 96] for i in range(0, len(body) * 2, 96)) + "\n"
        )
    golden = bytes.fromhex(path.read_text())
    assert body == golden
    record = wire.decode_event(golden)
    assert event.open_record(record) == sighting.record
    assert event.open_envelope(record).kind == tag


def test_file_changes_from_before_packages_are_still_read() -> None:
    golden = bytes.fromhex((GOLDEN / "file.change.msgpack.hex").read_text())
    older = wire.decode_event(golden)
    del older["ronda.package.name"]
    record = event.open_record(wire.decode_event(wire.encode_event(older)))
    assert isinstance(record, kinds.FileChange)
    assert record.package is None


def test_golden_batch_is_still_read() -> None:
    import os

    path = GOLDEN / "batch.zst.hex"
    if os.environ.get("RONDA_WRITE_GOLDEN") and not path.exists():
        bodies = [
            bytes.fromhex(file.read_text()) for file in sorted(GOLDEN.glob("*.msgpack.hex"))[:2]
        ]
        path.write_text(
            wire.encode_batch(
                HEADER, bodies, [wire.Skipped(first=1, last=2, cause="spool_full")]
            ).hex()
            + "\n"
        )
    batch = wire.decode_batch(bytes.fromhex(path.read_text()))
    assert len(batch.events) == 2
    assert batch.agent == HEADER.agent
    assert batch.skipped[0].cause == "spool_full"


def test_no_golden_file_without_a_kind() -> None:
    names = {path.name.removesuffix(".msgpack.hex") for path in GOLDEN.glob("*.msgpack.hex")}
    assert names == set(kinds.KINDS)
