"""What must not happen: a line before the identification taken for it, or waiting without end."""

from __future__ import annotations

from hypothesis import given

from collectors.network.model import Banner
from collectors.network.protocols.ssh import SshTalk
from tests.collectors.network.protocols.dialogues import (
    CLIENT,
    SERVER,
    Heard,
    Says,
    hear,
    holds_for_anything,
    mutated,
    noise,
    same_however_cut,
)

SAYS = [
    (SERVER, b"Perhatian!\r\nSSH-2.0-OpenSSH_9.6p1 Ubuntu-3\r\n"),
    (CLIENT, b"SSH-2.0-Go\n\0\0\0\x14\n\x14"),
    (SERVER, b"\0\0\1\x14\n\x14SSH-2.0-not\r\n"),
]


def banners(says: list[Says]) -> list[tuple[bool, str]]:
    return [(one.from_client, one.text) for one in hear(SshTalk, says).seen if type(one) is Banner]


def test_both_identify() -> None:
    assert banners(SAYS) == [(False, "SSH-2.0-OpenSSH_9.6p1 Ubuntu-3"), (True, "SSH-2.0-Go")]
    same_however_cut(SshTalk, SAYS)


def test_it_gives_up() -> None:
    heard = Heard(SshTalk)
    heard.take([(SERVER, b"no\r\n" * 100 + b"SSH-2.0-late\r\n")])
    assert heard.seen == []
    assert heard.talk.server(b"SSH-2.0-late\r\n", 1) == ()


@given(mutated(SAYS))
def test_a_changed_conversation(says: list[Says]) -> None:
    holds_for_anything(SshTalk, says)


@given(noise(b"SSH-2.0-x\r\n", b"\n"))
def test_noise(says: list[Says]) -> None:
    holds_for_anything(SshTalk, says)
