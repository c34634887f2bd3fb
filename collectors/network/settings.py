"""Settings of the network sensor: the table ``[sensors.network]`` of agent.toml."""

from __future__ import annotations

from collectors.api import Settings
from collectors.content.result import CustomIdentifier
from collectors.network.detect.places import network
from collectors.network.detect.settings import DetectSettings
from collectors.network.filter import endpoint, program

DEFAULT_UNWANTED = (
    "veth*",
    "docker*",
    "br-*",
    "cni*",
    "cali*",
    "flannel*",
    "lxc*",
    "lxd*",
    "ve-*",
    "vb-*",
    "virbr*",
    "vnet*",
    "tap*",
    "ifb*",
    "dummy*",
)
"""Ends of containers and virtual machines, and what carries no traffic of its own."""


class NetworkSettings(Settings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is watched, and how much is kept. Checked when it is made."""

    interfaces: tuple[str, ...] = ()
    """Names or patterns; empty: all that are up, each packet once."""
    exclude_interfaces: tuple[str, ...] = DEFAULT_UNWANTED
    """Names or patterns that are left out, unless ``interfaces`` names them."""
    exclude: tuple[str, ...] = ()
    """``ADDRESS:PORT`` whose TCP the kernel does not even hand over: the collector, a backup."""
    ring: int = 16 << 20
    """Bytes of kernel memory for each interface, a quarter of it for loopback: holds what comes
    while the child is busy."""
    ring_timeout: float = 0.1
    """Seconds after which packets are handed over although a block is not full."""
    snap: int = 65535
    """Bytes of a packet that are kept, at most."""
    max_flows: int = 50_000
    """Conversations that are followed at once; more push out the oldest, counted."""
    stream_bytes: int = 64 << 10
    """First bytes of each direction of a connection that are read."""
    summary_lines: int = 200
    """Peers that get a line of their own in a minute; the rest is added up."""
    content: bool = True
    """Look for citizens' data, keys and passwords in what crosses without encryption."""
    identifiers: tuple[CustomIdentifier, ...] = ()
    """What else to look for there; empty: the ``identifiers`` of ``[sensors.exposure]``."""
    domains_only: bool = False
    """Names in questions of DNS and in TLS are reduced to their registered domain."""
    processes: bool = True
    """Look for the program and user behind each socket."""
    indicators: str = ""
    """Table of bad addresses and names that ``ronda-agent indicators`` made; empty: none."""
    detect: DetectSettings = DetectSettings()
    """Thresholds of the detections, each with a table of its own: ``[sensors.network.detect]``."""

    def __post_init__(self) -> None:
        """Check all values.

        Raises:
            ValueError: a value is out of range; the setting is named.
        """
        try:
            endpoints = self.endpoints()
            program(self.snap, without=endpoints)
        except ValueError as error:
            raise ValueError(f"exclude: {error}") from error
        for name, low, high in (
            ("ring", 1 << 20, 256 << 20),
            ("snap", 128, 65535),
            ("max_flows", 1000, 1_000_000),
            ("stream_bytes", 4 << 10, 1 << 20),
            ("summary_lines", 10, 10_000),
        ):
            if not low <= getattr(self, name) <= high:
                raise ValueError(f"{name}: out of range ({low} to {high})")
        if not 0.01 <= self.ring_timeout <= 1:
            raise ValueError("ring_timeout: out of range (10ms to 1s)")
        for name in ("interfaces", "exclude_interfaces"):
            if not all(getattr(self, name)):
                raise ValueError(f"{name}: an empty name")
        names = [one.name for one in self.identifiers]
        if len(set(names)) < len(names):
            raise ValueError("identifiers: two have the same name")
        detect = self.detect
        for text in (*detect.inside, *detect.scan.quiet, *detect.brute.quiet, *detect.arp.quiet):
            try:
                network(text)
            except ValueError as error:
                raise ValueError(f"detect: {error}") from error

    def endpoints(self) -> tuple[tuple[bytes, int], ...]:
        """Return ``exclude`` as packed addresses and ports.

        Raises:
            ValueError: one of them is no endpoint.
        """
        return tuple(endpoint(text) for text in self.exclude)
