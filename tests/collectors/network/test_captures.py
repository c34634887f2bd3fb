"""What must not happen: an interface changes, and what passes there is missed without a word."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from collectors.api import Unsupported
from collectors.network import captures
from collectors.network.captures import Captures
from collectors.network.gaps import Gaps
from collectors.network.interfaces import Choice, Interfaces
from collectors.network.settings import NetworkSettings
from tests.collectors.network.namespaces import Cable, entered, run
from tests.collectors.network.sensing import talk, watching

pytestmark = [pytest.mark.root, pytest.mark.mounts]


class Host:
    """The left end of a cable: what `Captures` sees there, without a child."""

    def __init__(self, cable: Cable, *wanted: str) -> None:
        self.cable = cable
        self.interfaces = Known(cable)
        self.gaps = Gaps()
        settings = NetworkSettings(ring=1 << 20, interfaces=wanted)
        self.captures = Captures(settings, self.interfaces, self.gaps)

    def look(self) -> list[str]:
        """Have it look now; return the causes of what it tells, those that are over in brackets."""
        self.captures._next_look = 0.0
        with entered(self.cable.left):
            told = self.captures.look(time.time_ns())
        return [f"({one.cause})" if one.end else one.cause for one in told]

    def told(self) -> tuple[list[str], tuple[str, ...], dict[str, str]]:
        """Return what the child is to be told, and have it told."""
        fresh, closed, renamed = self.captures.pending(7)
        self.captures.knows(fresh)
        return [one.ring.interface for one in fresh], closed, renamed


class Known(Interfaces):
    """The interfaces of a namespace, asked for with ip(8): /sys shows those of who mounted it."""

    def __init__(self, cable: Cable) -> None:
        super().__init__(Choice())
        self._cable = cable

    def present(self) -> list[str]:
        lines = run("ip", "-n", self._cable.left, "-br", "link").splitlines()
        names = [line.split()[0].partition("@")[0] for line in lines]
        return sorted(name for name in names if name.isprintable())

    def is_up(self, name: str) -> bool:
        found = run("ip", "-n", self._cable.left, "-br", "link", "show", "dev", name)
        return ",UP" in found or "<UP" in found

    def up(self) -> dict[str, object]:  # type: ignore[override]
        import socket

        from collectors.network.interfaces import Interface

        names = [name for name in self.present() if name != "lo" and self.is_up(name)]
        return {name: Interface(name=name, index=socket.if_nametoindex(name)) for name in names}


@pytest.fixture
def host(cable: Cable) -> Iterator[Host]:
    made = Host(cable)
    with contextlib.closing(made.captures):
        assert made.look() == []
        assert made.told() == (["left"], (), {})
        yield made


def link(cable: Cable, *words: str) -> None:
    run("ip", "-n", cable.left, "link", *words)


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_what_stays_is_left_alone(host: Host) -> None:
    before = descriptors()
    for words in ("mtu 9000", "down", "up", "address 02:00:00:00:00:09", "txqueuelen 10"):
        link(host.cable, "set", "left", *words.split())
        assert host.look() == []
        assert host.told() == ([], (), {})
        assert host.captures.down == ({"left"} if words == "down" else set())
    assert descriptors() == before


def test_another_name_is_followed(host: Host) -> None:
    link(host.cable, "set", "left", "down")
    link(host.cable, "set", "left", "name", "wan0")
    link(host.cable, "set", "wan0", "up")
    assert host.look() == []
    assert host.captures.names == ["wan0"]
    assert host.told() == ([], (), {"left": "wan0"})
    assert host.look() == []
    assert host.told() == ([], (), {})


def test_two_that_swap_their_names(host: Host) -> None:
    link(host.cable, "add", "other", "type", "veth", "peer", "name", "end")
    link(host.cable, "set", "other", "up")
    host.look()
    assert host.told()[0] == ["other"]
    for old, new in (("left", "swap"), ("other", "left"), ("swap", "other")):
        link(host.cable, "set", old, "down")
        link(host.cable, "set", old, "name", new)
        link(host.cable, "set", new, "up")
    assert host.look() == []
    assert host.told() == ([], (), {"left": "other", "other": "left"})


@pytest.mark.parametrize("same_index", [True, False])
def test_another_interface_of_the_same_name(host: Host, same_index: bool) -> None:
    before = descriptors()
    with entered(host.cable.left):
        import socket

        index = socket.if_nametoindex("left")
    host.cable.unplug()
    number = ("index", str(index)) if same_index else ()
    link(host.cable, "add", "left", *number, "type", "veth", "peer", "name", "end")
    link(host.cable, "set", "left", "up")
    assert host.look() == ["interface_gone", "(interface_gone)"]
    assert host.told() == (["left"], ("left",), {})
    assert descriptors() == before


def test_renamed_and_then_gone(host: Host) -> None:
    link(host.cable, "set", "left", "down")
    link(host.cable, "set", "left", "name", "wan0")
    assert host.look() == []
    link(host.cable, "delete", "wan0")
    assert host.look() == ["interface_gone"]
    # The child never heard of the new name.
    assert host.told() == ([], ("left",), {})


def test_one_that_takes_the_name_of_one_that_is_gone(host: Host) -> None:
    link(host.cable, "add", "other", "type", "veth", "peer", "name", "end")
    link(host.cable, "set", "other", "up")
    host.look()
    host.told()
    host.cable.unplug()
    link(host.cable, "set", "other", "down")
    link(host.cable, "set", "other", "name", "left")
    link(host.cable, "set", "left", "up")
    assert host.look() == ["interface_gone"]
    assert host.captures.names == ["left"]
    fresh, closed, renamed = host.told()
    assert (fresh, closed, renamed) == ([], ("left",), {"other": "left"})


def test_moved_into_another_namespace(host: Host) -> None:
    link(host.cable, "set", "left", "netns", host.cable.right)
    assert host.look() == ["interface_gone"]
    assert host.captures.names == []
    assert host.told() == ([], ("left",), {})


def test_names_that_are_no_text(host: Host) -> None:
    before = descriptors()
    subprocess.run(
        [b"ip", b"-n", host.cable.left.encode(), b"link", b"set", b"left", b"name", b"a\xff"],
        check=True,
        timeout=20,
    )
    assert host.look() == ["interface_gone"]
    assert host.captures.names == []
    assert descriptors() == before - 1


def test_rights_that_are_lost_cost_no_interface_that_is_open(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise Unsupported("no right")

    monkeypatch.setattr(captures, "open_capture", refused)
    link(host.cable, "add", "late0", "type", "veth", "peer", "name", "late1")
    link(host.cable, "set", "late0", "up")
    assert host.look() == []
    assert host.captures.names == ["left"]
    assert host.captures.refused == {"late0": "no right"}
    host.captures.reopen()
    with pytest.raises(Unsupported):
        host.look()


def test_one_that_is_gone_when_a_new_child_comes(host: Host) -> None:
    host.cable.unplug()
    host.captures.reopen()
    assert host.look() == ["interface_gone"]
    assert host.look() == []
    host.cable.plug()
    assert host.look() == ["(interface_gone)"]


def test_a_name_that_is_not_there_is_a_gap_and_a_pattern_is_not(cable: Cable) -> None:
    host = Host(cable, "left", "typo0", "tun*")
    with contextlib.closing(host.captures):
        assert host.look() == ["interface_gone"]
        assert host.captures.names == ["left"]
        assert host.look() == []
        link(cable, "add", "typo0", "type", "veth", "peer", "name", "end")
        link(cable, "set", "typo0", "up")
        assert host.look() == ["(interface_gone)"]


@pytest.mark.slow
def test_the_sensor_goes_on_through_all_of_it(cable: Cable, tmp_path: Path) -> None:
    # One sensor for all of it: each start of one takes seconds.
    with watching(cable, tmp_path) as sensor:
        run("ip", "-n", cable.right, "link", "set", "right", "mtu", "9000")
        link(cable, "set", "left", "mtu", "9000")
        talk(cable, 9001, size=100_000)
        link(cable, "set", "left", "down")
        sensor.until(lambda: "down" in str(sensor.coverage.get("interface left")), "it is down")
        link(cable, "set", "left", "name", "wan0")
        link(cable, "set", "wan0", "up")
        sensor.until(lambda: sensor.watches("wan0"), "the new name")
        sensor.until(lambda: "down" not in str(sensor.coverage.get("interface wan0")), "it is up")
        talk(cable, 9002, size=5000)
        assert sensor.of("visibility.lost") == []
        link(cable, "set", "wan0", "down")
        link(cable, "set", "wan0", "name", "left")
        link(cable, "set", "left", "up")
        run("ip", "-n", cable.left, "address", "add", "10.9.0.77/24", "dev", "left")
        sensor.until(lambda: sensor.watches("left"), "the old name")
        time.sleep(2.5)  # the next look at the addresses
        Cable.LEFT, kept = "10.9.0.77", Cable.LEFT
        try:
            talk(cable, 9003, size=5000)
        finally:
            Cable.LEFT = kept
        with entered(cable.left):
            import socket

            index = str(socket.if_nametoindex("left"))
        cable.unplug()
        cable.plug(index)
        sensor.until(lambda: len(sensor.of("visibility.lost")) == 2, "it was another one")
        sensor.until(lambda: sensor.watches("left"), "the other one")
        talk(cable, 9004, size=5000)
    begun, over = sensor.of("visibility.lost")
    assert begun["ronda.visibility.cause"] == over["ronda.visibility.cause"] == "interface_gone"
    assert over["event.duration"] == over["event.end"] - over["event.start"]
    for port, name in ((9001, "left"), (9002, "wan0"), (9003, "left"), (9004, "left")):
        (flow,) = sensor.of("network.flow", destination_port=port)
        assert flow["network.direction"] == "inbound"
        assert flow["observer.ingress.interface.name"] == name
        assert flow["destination.bytes"] >= 5000
    assert sensor.of("child.crashed") == []
