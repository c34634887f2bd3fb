"""What must not happen: a handshake is told twice, not at all, or otherwise than it was held."""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.network.model import Tls
from collectors.network.protocols import tls
from collectors.network.protocols.tls import TlsConversation, looks_like
from tests.collectors.network.protocols.handshakes import (
    CONN,
    Ends,
    Turn,
    hello,
    in_record,
    meeting,
    message,
    records,
    signed,
    sized,
    words,
)

V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
AT = 1_700_000_000_000_000_000


def read(turns: Iterable[Turn], *, end: bool = True) -> list[Tls]:
    one = TlsConversation(CONN)
    told: list[Tls] = []
    for index, turn in enumerate(turns):
        take = one.client if turn.from_client else one.server
        told += take(turn.data, AT + index)
    return told + list(one.end(AT) if end else ())


def only(found: Sequence[Tls]) -> Tls:
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize("kind", ["ec", "rsa"])
def test_a_real_handshake_of_1_2(kind: str) -> None:
    turns, client = Ends(V12, shown=signed(kind)).meet()
    told = only(read(turns, end=False))
    assert told.version == "1.2"
    assert told.sni == "portal.example.go.id"
    assert told.alpn == ("h2", "http/1.1")
    assert told.alpn_chosen == client.selected_alpn_protocol() == "h2"
    assert told.certificate_sha256 == hashlib.sha256(signed(kind).der).hexdigest()
    assert told.subject == told.issuer == "portal.example.go.id"
    assert told.self_signed
    assert told.key_bits == (256 if kind == "ec" else 2048)
    assert (told.resumed, told.alert, told.quic, told.at) == (False, -1, False, AT)
    chosen = client.cipher()
    assert chosen
    known = {one["name"]: one["id"] & 0xFFFF for one in ssl.create_default_context().get_ciphers()}
    assert told.cipher == known[chosen[0]]
    assert told.ja4.startswith("t12d")
    assert told.ja3 == hashlib.md5(told.ja3_text.encode()).hexdigest()
    assert len(told.ja3s) == 32


def test_a_real_handshake_of_1_3_hides_its_certificate() -> None:
    turns, _ = Ends(V13).meet()
    told = only(read(turns, end=False))
    assert (told.version, told.sni, told.alpn_chosen) == ("1.3", "portal.example.go.id", "")
    assert told.certificate_sha256 == ""
    assert told.cipher in {0x1301, 0x1302, 0x1303}
    assert told.ja4.startswith("t13d")


@pytest.mark.parametrize("version", [V12, V13])
def test_a_session_that_goes_on_is_resumed(version: ssl.TLSVersion) -> None:
    ends = Ends(version)
    first, client = ends.meet()
    again, second = ends.meet(session=client.session)
    assert second.session_reused
    assert not only(read(first, end=False)).resumed
    told = only(read(again, end=False))
    assert (told.resumed, told.certificate_sha256) == (True, "")


def test_a_hello_that_is_asked_for_again() -> None:
    # The server knows no group that the client sent a share of.
    ends = Ends(V13)
    ends.server.set_ecdh_curve("secp521r1")
    turns, _ = ends.meet()
    hellos = [one for turn in turns for one in records(turn.data) if one[0] == 22]
    assert len(hellos) == 4  # two of each
    told = only(read(turns, end=False))
    assert (told.version, told.sni) == ("1.3", "portal.example.go.id")
    plain = only(read(meeting(V13)))
    assert told.ja4 == plain.ja4
    # Of the last ServerHello, not of the one that asked again.
    assert told.ja3s == plain.ja3s


def test_a_client_that_does_not_trust_the_server() -> None:
    turns, _ = Ends(V12, verify=True).meet()
    told = only(read(turns, end=False))
    assert told.alert == 48  # unknown_ca
    assert told.subject == "portal.example.go.id"


def test_a_server_that_wants_no_such_version() -> None:
    ends = Ends(V12)
    ends.client.minimum_version = ends.client.maximum_version = V13
    told = only(read(ends.meet()[0], end=False))
    assert (told.alert, told.version, told.cipher) == (70, "1.3", 0)


def test_a_hello_without_an_answer_is_told_at_the_end() -> None:
    turns = meeting(V13)[:1]
    assert read(turns, end=False) == []
    told = only(read(turns))
    assert (told.sni, told.version, told.ja3s) == ("portal.example.go.id", "1.3", "")


def test_only_the_server_was_heard() -> None:
    told = only(read(turn for turn in meeting(V12) if not turn.from_client))
    assert told.certificate_sha256 == hashlib.sha256(signed().der).hexdigest()
    assert (told.sni, told.ja3, told.ja4) == ("", "", "")


def test_what_is_no_tls_is_not_told() -> None:
    assert read([Turn(True, b"GET / HTTP/1.1\r\n\r\n"), Turn(False, b"HTTP/1.1 200 OK\r\n")]) == []
    told = only(read([meeting(V12)[0], Turn(False, b"HTTP/1.1 400 Bad Request\r\n\r\n")]))
    assert (told.sni, told.cipher) == ("portal.example.go.id", 0)


@pytest.mark.parametrize("version", [V12, V13])
def test_one_byte_at_a_time_is_the_same(version: ssl.TLSVersion) -> None:
    turns = meeting(version)
    split = [
        Turn(turn.from_client, turn.data[at : at + 1])
        for turn in turns
        for at in range(len(turn.data))
    ]
    assert read(split) == read(turns)


@settings(max_examples=150)
@given(st.data())
def test_any_split_and_any_records_are_the_same(data: st.DataObject) -> None:
    turns = meeting(V12)
    size = data.draw(st.integers(1, 3000))
    inner = data.draw(st.integers(1, 300))
    cut = []
    for turn in turns:
        whole = b""
        for kind, content in records(turn.data):
            pieces = [content[at : at + inner] for at in range(0, len(content), inner)]
            whole += b"".join(in_record(one, kind) for one in pieces if kind == 22)
            whole += in_record(content, kind) if kind != 22 else b""
        cut += [Turn(turn.from_client, whole[at : at + size]) for at in range(0, len(whole), size)]
    assert read(cut) == read(turns)


def test_every_cut_tells_at_most_what_the_whole_does() -> None:
    turns = meeting(V12)
    whole = only(read(turns))
    for number, turn in enumerate(turns[:2]):
        for size in range(0, len(turn.data), 7):
            told = read([*turns[:number], Turn(turn.from_client, turn.data[:size])])
            assert len(told) <= 1
            for one in told:
                assert one.ja3 in {"", whole.ja3}
                assert one.certificate_sha256 in {"", whole.certificate_sha256}


@settings(max_examples=200)
@given(
    st.lists(
        st.tuples(
            st.booleans(),
            st.one_of(
                st.binary(max_size=80),
                st.builds(
                    in_record,
                    st.binary(max_size=60) | st.just(b"\2\x28") | st.just(message(2, bytes(40))),
                    st.integers(19, 25),
                ),
                st.sampled_from([turn.data for turn in meeting(V12) + meeting(V13)]),
            ),
        ),
        max_size=12,
    )
)
def test_whatever_comes_is_told_at_most_once(parts: list[tuple[bool, bytes]]) -> None:
    assert len(read(Turn(*part) for part in parts)) <= 1


@pytest.mark.parametrize(
    "flood",
    [
        in_record(message(11, bytes(60_000))[:16_000]) * 100,
        in_record(b"\1\xff\xff\xff" + bytes(1000)) * 1000,
        in_record(b"", 22) * 50_000,
        in_record(b"\1\x10", 21) * 50_000,
        b"\x16\3\1\x40\0" * 50_000,
    ],
    ids=["certificate", "endless", "empty", "warnings", "length"],
)
def test_a_flood_is_held_to_64_kb(flood: bytes) -> None:
    one = TlsConversation(CONN)
    one.client(meeting(V12)[0].data, AT)
    for at in range(0, len(flood), 1400):
        one.server(flood[at : at + 1400], AT)
        half = one._from_server
        assert len(half._bytes) + len(half._messages) <= tls.MOST
    assert one._from_server.closed
    assert len(one.end(AT)) == 1
    assert not one._from_server._bytes


def test_a_certificate_in_a_chain_that_is_cut_is_told() -> None:
    turns = meeting(V12)
    shown = signed().der
    chain = sized(shown, 3) + sized(bytes(5000), 3)
    first = records(turns[1].data)[0][1]
    answer = first[: 4 + int.from_bytes(first[1:4], "big")]
    cut = in_record(answer) + in_record(message(11, sized(chain, 3))[:-100])
    told = only(read([turns[0], Turn(False, cut)]))
    assert told.certificate_sha256 == hashlib.sha256(shown).hexdigest()


def test_the_old_hello_is_recognised() -> None:
    ciphers = bytes.fromhex("0700c00000050000 0a".replace(" ", ""))
    body = b"\1\3\1" + words((len(ciphers), 0, 16)) + ciphers + bytes(16)
    data = bytes((0x80, len(body))) + body
    assert looks_like(data)
    told = only(read([Turn(True, data), meeting(V12)[1]]))
    assert told.version == "1.2"
    assert told.subject == "portal.example.go.id"
    assert (told.ja3, told.ja4) == ("", "")


def test_a_server_of_ssl_2_shows_its_certificate() -> None:
    shown = signed("rsa").der
    body = b"\4\0\1" + words((2, len(shown), 3, 16)) + shown + b"\7\0\xc0" + bytes(16)
    hello_2 = b"\1\0\2" + words((3, 0, 16)) + b"\7\0\xc0" + bytes(16)
    turns = [
        Turn(True, bytes((0x80, len(hello_2))) + hello_2),
        Turn(False, words((0x8000 | len(body),)) + body),
    ]
    told = only(read(turns, end=False))
    assert (told.version, told.subject) == ("ssl2", "portal.example.go.id")
    assert told.cipher == 0x0700C0
    assert told.key_bits == 2048


def test_a_warning_does_not_end_a_handshake() -> None:
    turns = list(meeting(V12))
    warning = in_record(b"\1\x70", 21)  # unrecognized_name
    turns[1] = Turn(False, warning + turns[1].data)
    told = only(read(turns, end=False))
    assert (told.alert, told.subject) == (-1, "portal.example.go.id")
    assert only(read([turns[0], Turn(False, warning)])).alert == 112


@pytest.mark.parametrize(
    ("version", "name"),
    [(0x0300, "ssl3"), (0x0301, "1.0"), (0x0302, "1.1"), (0x0303, "1.2"), (0x7F1C, "1.3"), (9, "")],
)
def test_versions_have_names(version: int, name: str) -> None:
    told = only(read([Turn(True, in_record(message(1, hello(version, [1], None))))]))
    assert told.version == name


def test_nothing_is_kept_of_a_handshake_that_was_told() -> None:
    # A connection may go on for days, and there are 20,000 of them.
    one = TlsConversation(CONN)
    for turn in meeting(V12):
        (one.client if turn.from_client else one.server)(turn.data, AT)
    assert one.done
    assert (one._client, one._server, one._certificate) == (None, None, b"")
    assert not one._from_client._bytes
    assert not one._from_server._messages
