"""What must not happen: a raise on what is no base64."""

from __future__ import annotations

import base64

from hypothesis import given
from hypothesis import strategies as st

from collectors.network.protocols.claims import base64_bytes


@given(st.binary(max_size=100))
def test_base64(data: bytes) -> None:
    assert base64_bytes(base64.b64encode(data)) == data
    assert base64_bytes(base64.b64encode(data).rstrip(b"=") + b"\r\n") == data
    base64_bytes(data)
