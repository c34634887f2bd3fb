"""What must not happen: another result than that of everybody else's AES."""

from __future__ import annotations

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from collectors.network.protocols import aes

KEYS = st.binary(min_size=16, max_size=16)


def test_the_example_of_the_standard() -> None:
    # FIPS 197 appendix C.1.
    schedule = aes.expand(bytes(range(16)))
    block = bytes.fromhex("00112233445566778899aabbccddeeff")
    assert aes.encrypt(schedule, block).hex() == "69c4e0d86a7b0430d8cdb78070b4c55a"
    assert aes.encrypt(schedule, b"") == b""


@given(KEYS, st.integers(0, 40).flatmap(lambda n: st.binary(min_size=16 * n, max_size=16 * n)))
def test_blocks_are_encrypted_as_openssl_does(key: bytes, blocks: bytes) -> None:
    other = Cipher(algorithms.AES128(key), modes.ECB()).encryptor()
    assert aes.encrypt(aes.expand(key), blocks) == other.update(blocks)


@given(KEYS, st.binary(min_size=12, max_size=12), st.binary(max_size=100))
def test_gcm_is_decrypted_as_openssl_does(key: bytes, nonce: bytes, data: bytes) -> None:
    hidden = AESGCM(key).encrypt(nonce, data, b"")[:-16]
    assert aes.counter(aes.expand(key), nonce, hidden) == data
