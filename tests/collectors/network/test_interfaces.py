"""Which interfaces are watched: each packet once, and none forgotten."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from collectors.network.interfaces import Choice, Interface, Interfaces, compare
from collectors.network.settings import DEFAULT_UNWANTED

DEFAULT = Choice(unwanted=DEFAULT_UNWANTED)


class Host:
    """A /sys and a /proc of our own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._net = root / "sys/class/net"
        self._net.mkdir(parents=True)
        (root / "proc/net").mkdir(parents=True)
        self._index = 0

    def add(self, name: str, *, up: bool = True, kind: int = 1, master: str = "") -> None:
        self._index += 1
        folder = self._net / name
        folder.mkdir()
        (folder / "flags").write_text(f"{0x1003 if up else 0x1002:#x}\n")
        (folder / "ifindex").write_text(f"{self._index}\n")
        (folder / "type").write_text(f"{kind}\n")
        if master:
            (folder / "master").symlink_to(self._net / master)
            (self._net / master / f"lower_{name}").symlink_to(folder)

    def below(self, upper: str, lower: str) -> None:
        (self._net / upper / f"lower_{lower}").symlink_to(self._net / lower)

    def watched(self, choice: Choice = DEFAULT) -> list[str]:
        return list(Interfaces(choice, self.root).up())


@pytest.fixture
def host(tmp_path: Path) -> Host:
    made = Host(tmp_path)
    made.add("lo", kind=772)
    made.add("eth0")
    return made


def test_what_is_down_or_unreadable_is_not_watched(host: Host) -> None:
    host.add("eth1", up=False)
    (host.root / "sys/class/net/bonding_masters").write_text("bond0\n")
    assert host.watched() == ["eth0", "lo"]


def test_containers_and_their_bridges_are_left_out(host: Host) -> None:
    host.add("docker0")
    host.add("veth12ab", master="docker0")
    host.add("br-0123")
    host.add("virbr0")
    assert host.watched() == ["eth0", "lo"]


def test_members_are_left_out_where_their_master_is_taken(host: Host) -> None:
    host.add("bond0")
    host.add("eth1", master="bond0")
    host.add("eth2", master="bond0")
    assert host.watched() == ["bond0", "eth0", "lo"]


def test_members_are_taken_where_their_master_is_down(host: Host) -> None:
    host.add("bridge0", up=False)
    host.add("eth1", master="bridge0")
    assert host.watched() == ["eth0", "eth1", "lo"]


def test_a_vlan_is_seen_on_its_lower_interface(host: Host) -> None:
    host.add("eth0.100")
    host.below("eth0.100", "eth0")
    assert host.watched() == ["eth0", "lo"]


def test_a_vlan_on_a_bond_is_seen_on_the_bond(host: Host) -> None:
    host.add("bond0")
    host.add("eth1", master="bond0")
    host.add("bond0.7")
    host.below("bond0.7", "bond0")
    assert host.watched() == ["bond0", "eth0", "lo"]


def test_a_tunnel_is_watched(host: Host) -> None:
    host.add("wg0", kind=65534)
    assert host.watched() == ["eth0", "wg0", "lo"]


def test_what_is_named_is_taken_and_nothing_else(host: Host) -> None:
    host.add("docker0")
    host.add("veth12ab", master="docker0")
    assert host.watched(Choice(wanted=("veth*",), unwanted=DEFAULT_UNWANTED)) == ["veth12ab"]


def test_there_is_a_bound(host: Host) -> None:
    for number in range(40):
        host.add(f"en{number}")
    assert len(host.watched()) == 16


def test_loopback_is_known(host: Host) -> None:
    up = Interfaces(DEFAULT, host.root).up()
    assert up["lo"].loopback
    assert not up["eth0"].loopback


def test_addresses(host: Host) -> None:
    (host.root / "proc/net/fib_trie").write_text(
        "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 0.0.0.0\n        /0 universe UNICAST\n"
        "     +-- 10.0.0.0/24 2 0 2\n        |-- 10.0.0.0\n           /24 link UNICAST\n"
        "        |-- 10.0.0.7\n           /32 host LOCAL\n"
        "        |-- 10.0.0.255\n           /32 link BROADCAST\n"
    )
    (host.root / "proc/net/if_inet6").write_text(
        "00000000000000000000000000000001 01 80 10 80       lo\nzz 01 80 10 80 eth0\n"
    )
    found = Interfaces(DEFAULT, host.root).addresses()
    assert found == {bytes([10, 0, 0, 7]), bytes(15) + b"\1"}


def test_a_host_without_any_of_it_has_nothing(tmp_path: Path) -> None:
    nothing = Interfaces(DEFAULT, tmp_path)
    assert nothing.up() == {}
    assert nothing.addresses() == frozenset()


def test_names_that_are_no_text_are_left_out_and_counted(host: Host) -> None:
    host.add("net\x1b[31m")
    host.add(os.fsdecode(b"net\xff"))
    interfaces = Interfaces(DEFAULT, host.root)
    assert list(interfaces.up()) == ["eth0", "lo"]
    assert interfaces.unnamed == 2


def test_what_is_wanted_and_nowhere(host: Host) -> None:
    wanted = ("eth0", "eht0", "tun*", "l?")
    assert Interfaces(Choice(wanted=wanted), host.root).absent() == ["eht0", "tun*"]
    assert Interfaces(DEFAULT, host.root).absent() == []


def one(name: str, index: int) -> Interface:
    return Interface(name=name, index=index)


def test_changes() -> None:
    up = {"a": one("a", 1), "b": one("b", 7)}
    changes = compare({"a": 1, "b": 2, "c": 3, "d": 4}, up, ["a", "b", "d"])
    # b is another one of the same name; d is only down, and its socket lives.
    assert set(changes.gone) == {"b", "c"}
    assert [come.name for come in changes.come] == ["b"]


def test_what_there_is_no_room_for_is_counted(host: Host) -> None:
    for number in range(200):
        host.add(f"wan{number:03}")
    interfaces = Interfaces(DEFAULT, host.root)
    assert (len(interfaces.up()), interfaces.beyond) == (16, 186)
