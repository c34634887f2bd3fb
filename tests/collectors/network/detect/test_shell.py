"""What must not happen: protocols, chats and consoles that we work on look like shells."""

from __future__ import annotations

import random

import pytest

from collectors.network.detect.shell import Shell, shell_side
from collectors.network.model import Conn, Direction, Finding, Stream
from tests.collectors.network.detect.records import START, conn, outward


def seen(which: Conn, client: bytes, server: bytes) -> list[Finding]:
    return list(Shell().see(Stream(conn=which, at=START, client=client, server=server)))


BASH = (
    b"bash: cannot set terminal process group (731): Inappropriate ioctl for device\n"
    b"bash: no job control in this shell\nwww-data@web:/var/www$ "
)


@pytest.mark.parametrize(
    ("client", "server"),
    [
        (b"ZBXD\x01\x0b\x00\x00\x00\x00\x00\x00\x00agent.ping", b"ZBXD\x01\x01\x00\x00\x001"),
        (b"stats\r\n", b"STAT pid 1\r\nSTAT uptime 3\r\nEND\r\n"),
        (b"*1\r\n$4\r\nPING\r\n", b"+PONG\r\n"),
        (b'{"jsonrpc":"2.0","method":"ping"}\n', b'{"result":"pong"}\n'),
        (b"SSH-2.0-OpenSSH_9.6\r\n", b"SSH-2.0-OpenSSH_9.2\r\n"),
        (b"", b""),
        (b"halo, apa kabar?\n", b"baik, harga $ 5\nid 7\n"),
        (b"nothing > here\n", b"ls of things\nid est\n"),
        (random.Random(1).randbytes(512), random.Random(2).randbytes(512)),
    ],
)
@pytest.mark.parametrize("which", [conn(port=7777), outward(port=7777)])
def test_protocols_are_quiet(which: Conn, client: bytes, server: bytes) -> None:
    assert seen(which, client, server) == []


def test_our_admin_on_another_console_is_quiet() -> None:
    assert seen(outward(port=2001), b"ls -la\nid\n", b"root@switch:~# ") == []


def test_a_visitor_with_a_shell_of_his_own_is_quiet() -> None:
    assert seen(conn(port=7777), BASH, b"id\n") == []


@pytest.mark.parametrize(
    ("shell", "commands"),
    [
        (BASH, b""),
        (BASH, b"id\n"),
        (b"/bin/sh: 0: can't access tty; job control turned off\n$ ", b"whoami\n"),
        (b"sh-5.1$ uid=33(www-data) gid=33(www-data) groups=33(www-data)\n", b"id\n"),
        (b"Microsoft Windows [Version 10.0.17763.1]\r\nC:\\inetpub>", b"whoami\r\n"),
        (b"$ ", b"ls -la\nuname -a\n"),
        (b"www-data\n", b"whoami\n"),
    ],
)
def test_a_reverse_shell(shell: bytes, commands: bytes) -> None:
    (found,) = seen(outward(port=4444), shell, commands)
    assert found.rule == "shell.reverse"
    assert found.severity in ("high", "critical")
    assert found.entity == "198.51.100.7"
    assert found.texts == ()  # what was typed stays here


def test_a_bind_shell() -> None:
    (found,) = seen(conn(port=4444), b"id\nuname -a\n", b"uid=0(root) gid=0(root)\n")
    assert (found.rule, found.entity) == ("shell.bind", "203.0.113.9")


def test_overheard_shells_are_told_as_well() -> None:
    (found,) = seen(conn(direction=Direction.EXTERNAL), BASH, b"id\n")
    assert found.rule == "shell.reverse"


def test_long_hostile_text_is_no_trouble() -> None:
    for filler in (b"[" * 512, b"a@" * 256, b"\x1b[0" * 170, b"\n" * 512, b"sudo " * 100):
        shell_side(filler, filler)
