"""What must not happen: a client gets another name here than in the lists that all others share."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from collectors.network.protocols import tls_fingerprint, tls_messages
from collectors.network.protocols.tls_messages import GREASE, ServerHello
from tests.collectors.network.protocols.handshakes import hello, sized, words


def read(body: bytes) -> tls_messages.ClientHello:
    found = tls_messages.client_hello(body)
    assert found is not None
    return found


def test_ja3_of_the_published_examples() -> None:
    # README of github.com/salesforce/ja3.
    ciphers = [47, 53, 5, 10, 49161, 49162, 49171, 49172, 50, 56, 19, 4]
    one = read(
        hello(
            769,
            ciphers,
            [(0, b""), (10, sized(words((23, 24, 25)))), (11, sized(b"\0", 1))],
        )
    )
    text = tls_fingerprint.ja3_text(one)
    assert text == "769,47-53-5-10-49161-49162-49171-49172-50-56-19-4,0-10-11,23-24-25,0"
    assert tls_fingerprint.md5(text) == "ada70206e40642a3e4461f35503241d5"
    text = tls_fingerprint.ja3_text(
        read(hello(769, [4, 5, 10, 9, 100, 98, 3, 6, 19, 18, 99], None))
    )
    assert text == "769,4-5-10-9-100-98-3-6-19-18-99,,,"
    assert tls_fingerprint.md5(text) == "de350869b8c85de67a350c8d186f11e6"


def test_ja3s_has_the_form_that_is_published() -> None:
    # The hash that is printed beside this text is not its MD5; real ones are compared with peers.
    server = ServerHello(769, 769, b"", 47, (65281, 0, 11, 35, 5, 16))
    assert tls_fingerprint.ja3s_text(server) == "769,47,65281-0-11-35-5-16"


# technical_details/JA4.md of github.com/FoxIO-LLC/ja4.
CIPHERS = "1301,1302,1303,c02b,c02f,c02c,c030,cca9,cca8,c013,c014,009c,009d,002f,0035"
EXTENSIONS = "001b,0000,0033,0010,4469,0017,002d,000d,0005,0023,0012,002b,ff01,000b,000a,0015"
SIGNATURES = "0403,0804,0401,0503,0805,0501,0806,0601"
JA4 = "t13d1516h2_8daaf6152771_e5627efa2ab1"


def numbers(text: str) -> list[int]:
    return [int(one, 16) for one in text.split(",")]


def chrome(ciphers: list[int], extensions: list[int]) -> bytes:
    values = {
        0x0000: sized(b"\0" + sized(b"example.com")),
        0x000D: sized(words(numbers(SIGNATURES))),
        0x0010: sized(sized(b"h2", 1) + sized(b"http/1.1", 1)),
        0x002B: sized(words((0x5A5A, 0x0304, 0x0303)), 1),
    }
    return hello(0x0303, ciphers, [(kind, values.get(kind, b"")) for kind in extensions])


def test_ja4_of_the_published_example() -> None:
    one = read(chrome([0x2A2A, *numbers(CIPHERS)], [0x1A1A, *numbers(EXTENSIONS), 0xFAFA]))
    assert tls_fingerprint.ja4(one) == JA4
    assert tls_fingerprint.ja4(one, "q") == f"q{JA4[1:]}"


@given(st.randoms(use_true_random=False), st.lists(st.sampled_from(sorted(GREASE)), max_size=3))
def test_ja4_stands_whatever_the_order_and_the_grease(
    source: random.Random, grease: list[int]
) -> None:
    ciphers, extensions = [*numbers(CIPHERS), *grease], [*numbers(EXTENSIONS), *grease]
    source.shuffle(ciphers)
    source.shuffle(extensions)
    assert tls_fingerprint.ja4(read(chrome(ciphers, extensions))) == JA4


def test_ja4_where_something_is_missing() -> None:
    assert tls_fingerprint.ja4(read(hello(0x0301, (), None))) == (
        "t10i000000_000000000000_000000000000"
    )
    many = read(hello(0x0303, range(200), [(kind, b"") for kind in range(100, 300)]))
    assert tls_fingerprint.ja4(many).startswith("t12i999900_")
    # Extensions but no signature algorithms: no underscore at the end of what is hashed.
    one = read(hello(0x0300, [1], [(5, b"")]))
    assert tls_fingerprint.ja4(one) == "ts3i010100_" + "_".join(
        (tls_fingerprint._short("0001"), tls_fingerprint._short("0005"))
    )


def test_the_protocol_in_ja4_is_always_two_characters() -> None:
    # Examples of the specification, section "ALPN Extension Value".
    known = {
        b"\xab": "ab",
        b"\xab\xcd": "ad",
        b"\x30\xab": "3b",
        b"\x30\x31\xab\xcd": "3d",
        b"\x30\xab\xcd\x31": "01",
        b"h2": "h2",
        b"http/1.1": "h1",
        b"h": "hh",
        b"": "00",
    }
    found = {name: tls_fingerprint._protocol((name,)) for name in known}
    assert found == known
