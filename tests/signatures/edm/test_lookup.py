"""A damaged register is refused when it is mapped."""

from __future__ import annotations

import os

import pytest

from signatures.edm.form import BadRegister
from signatures.edm.lookup import Lookup


@pytest.mark.parametrize("data", [b"", b"x" * 5000, b"RONDAEDM" + b"\0" * 5000])
def test_what_is_no_register(data: bytes) -> None:
    descriptor = os.memfd_create("register")
    try:
        os.write(descriptor, data)
        with pytest.raises(BadRegister):
            Lookup(descriptor)
    finally:
        os.close(descriptor)
