"""What must not happen: bytes that somebody sends raise, or are read past their own lengths."""

from __future__ import annotations

import ssl
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from collectors.network.protocols import tls_fingerprint, tls_messages
from tests.collectors.network.protocols.handshakes import (
    hello,
    in_record,
    meeting,
    records,
    sized,
    words,
)

READERS = (
    tls_messages.client_hello,
    tls_messages.server_hello,
    tls_messages.first_certificate,
    tls_messages.old_client_hello,
    tls_messages.old_server_hello,
)


def real_hello(version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> bytes:
    return records(meeting(version)[0].data)[0][1][4:]


def real_answer(version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> bytes:
    first = records(meeting(version)[1].data)[0][1]
    return first[4 : 4 + int.from_bytes(first[1:4], "big")]


@given(st.binary(max_size=300))
@example(bytes(38))
@example(b"\3\3" + bytes(32) + b"\xff")
def test_any_bytes_are_survived(data: bytes) -> None:
    for read in READERS:
        read(data)


@given(st.data())
def test_damaged_hellos_are_survived_and_named(data: st.DataObject) -> None:
    body = bytearray(real_hello())
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    found = tls_messages.client_hello(bytes(body))
    if found:
        assert tls_fingerprint.ja4(found).count("_") == 2
        assert tls_fingerprint.ja3_text(found).count(",") == 4
    tls_messages.server_hello(bytes(body))


def test_a_cut_hello_is_none() -> None:
    # But for a cut where a hello of old may end: before the extensions.
    for body, read in (
        (real_hello(), tls_messages.client_hello),
        (real_answer(), tls_messages.server_hello),
    ):
        whole = [size for size in range(len(body)) if read(body[:size])]
        assert len(whole) == 1
        assert read(body)


def test_a_hello_with_bytes_left_over_is_none() -> None:
    assert tls_messages.client_hello(real_hello() + b"\0") is None
    assert tls_messages.server_hello(real_answer() + b"\0") is None


def test_what_scapy_reads_is_read() -> None:
    from scapy.layers.tls import record

    dissect: Any = record.TLS

    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        body = real_hello(version)
        other = dissect(meeting(version)[0].data).msg[0]
        found = tls_messages.client_hello(body)
        assert found is not None
        assert list(tls_messages.numbers(found.ciphers)) == other.ciphers
        assert list(found.extensions) == [one.type for one in other.ext]
        assert found.server_name == b"portal.example.go.id"
        assert found.protocols == (b"h2", b"http/1.1")
        assert found.session == other.sid


def test_lists_that_lie_about_their_length_are_empty_and_the_rest_is_read() -> None:
    extensions = [
        (0, b"\0\xff\0\0\xff"),
        (10, b"\0\xff\0\1"),
        (16, b"\0\x09\xffh2"),
        (13, sized(words((0x0403,)))),
    ]
    found = tls_messages.client_hello(hello(0x0303, [1], extensions))
    assert found is not None
    assert (found.server_name, found.groups, found.protocols) == (b"", b"", ())
    assert found.signatures == words((0x0403,))


def test_the_hello_in_the_form_of_ssl_2() -> None:
    ciphers = bytes.fromhex("00000a0700c0000005")
    body = b"\1\3\1" + words((len(ciphers), 0, 16)) + ciphers + bytes(16)
    found = tls_messages.old_client_hello(body)
    assert found is not None
    assert (found.version, found.old) == (0x0301, True)
    assert tls_messages.numbers(found.ciphers) == (10, 5)
    assert tls_messages.old_client_hello(body[:-1]) is None
    assert in_record(body)[0] == 22
