"""What another version kept, or nobody did, is refused in words and never half taken."""

from __future__ import annotations

import msgspec
import pytest

from collectors.network.detect.remembered import Memory, recall


class _Ports(Memory, array_like=True):
    ports: list[int]


@pytest.mark.parametrize("data", [b"", b"\xc1", b"\x90", msgspec.msgpack.encode((1, ["a"]))])
def test_what_is_no_memory(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"^ports: "):
        recall(data, _Ports, 1, "ports")


def test_another_version() -> None:
    with pytest.raises(ValueError, match=r"^ports of version 2$"):
        recall(msgspec.msgpack.encode((2, [80])), _Ports, 1, "ports")


def test_the_form_on_disk() -> None:
    assert msgspec.msgpack.encode(_Ports(1, [80])) == msgspec.msgpack.encode((1, [80]))
    assert recall(msgspec.msgpack.encode((1, [80])), _Ports, 1, "ports").ports == [80]
