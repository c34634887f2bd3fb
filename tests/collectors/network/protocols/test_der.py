"""What must not happen: reading runs past the end, or does not end."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from collectors.network.protocols import der


@given(st.binary(max_size=200))
def test_elements_lie_inside_what_they_are_in(data: bytes) -> None:
    outer = der.Element(der.SEQUENCE, 0, 0, len(data))
    at = 0
    for one in der.children(data, outer):
        assert one.start == at
        assert one.start + 2 <= one.begin <= one.end <= len(data)
        at = one.end


def test_long_lengths() -> None:
    assert der.element(b"\x04\x81\x80" + bytes(128), 0, 131) == (4, 0, 3, 131)
    assert der.element(b"\x04\x82\x01\x00" + bytes(256), 0, 260) == (4, 0, 4, 260)
    for broken in (b"\x04\x80\0\0", b"\x04\x85\0\0\0\0\1\0", b"\x04\x82\1", b"\x1f\x81\0", b"\4"):
        assert der.element(broken, 0, len(broken)) is None


def test_object_identifiers() -> None:
    assert der.oid(bytes.fromhex("2a864886f70d01010b")) == "1.2.840.113549.1.1.11"
    assert der.oid(bytes.fromhex("8837")) == "2.999"
    assert der.oid(b"") == ""
    assert der.oid(b"\xff" * 500) == ""
