"""The keyed hash against the authors' vectors."""

from __future__ import annotations

import struct

from signatures.edm.scalar import hash_number, value_key


def test_other_keys_and_types_give_other_hashes() -> None:
    hashes = {
        hash_number(value_key(key, type_), 1571010101900001)
        for key in (b"a" * 32, b"b" * 32)
        for type_ in ("nik", "nip", "phone")
    }
    assert len(hashes) == 6


def test_citizens_and_families_share_a_key() -> None:
    assert value_key(b"a" * 32, "nik") == value_key(b"a" * 32, "kk")


def test_the_vector_of_eight_bytes() -> None:
    # siphash-2-4-64, key 00 to 0f, message 00 to 07 (vectors.h of the reference implementation).
    first, second = struct.unpack("<QQ", bytes(range(16)))
    (message,) = struct.unpack("<Q", bytes(range(8)))
    digest = hash_number((first, second), message).to_bytes(8, "little")
    assert digest.hex() == "6224939a79f5f593"
