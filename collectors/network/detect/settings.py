"""All thresholds of the detections: the table ``[network.detect]`` of agent.toml.

Times are seconds, sizes bytes, shares 0 to 1. Sources of the values stand in the detectors.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from collectors.network.detect.places import network

NAMES = (
    *("scan", "brute", "beacon", "dns_tunnel", "dns_generated", "icmp_tunnel", "arp", "exfil"),
    *("listener", "peer", "shell", "mining", "web", "ioc", "weakness", "loss", "contacts"),
)
"""Of the detections, as ``off`` takes them."""


_MAY_BE_NONE = frozenset(("learning_hours", "expiry_days", "repeat_days", "quiet"))


class _Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the file: unknown keys are mistakes."""

    def __post_init__(self) -> None:
        """Check all numbers.

        Raises:
            ValueError: one is not over 0, which no threshold or bound can mean.
        """
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if not isinstance(value, (int, float)) or isinstance(value, bool):
                continue
            if value < 0 or (value == 0 and name not in _MAY_BE_NONE):
                raise ValueError(f"{name}: must be over 0")


class ScanSettings(_Table, frozen=True, kw_only=True):
    """Port scans and sweeps."""

    window: int = 300
    ports: int = 15
    """Different ports of one host that failed for one source."""
    hosts: int = 25
    """Different hosts that failed for one source on one port."""
    stealth: int = 5
    """Different ports or hosts that were probed with FIN, NULL, XMAS or SYN-FIN."""
    trw_benign: float = 0.8
    """Share of first contacts that succeed for honest sources."""
    trw_scanner: float = 0.2
    trw_false: float = 0.01
    trw_found: float = 0.99
    quiet: tuple[str, ...] = ()
    """Addresses or networks of scanners that are ours: vulnerability tests, discovery."""
    sources: int = 2048
    """Sources (and pairs) that are followed at once; one that tries hard costs 2 to 4 KB."""


class BruteSettings(_Table, frozen=True, kw_only=True):
    """Guessing of passwords."""

    failures: int = 20
    window: int = 900
    """Failures of one source at one service."""
    ssh_connections: int = 30
    ssh_window: int = 1200
    """Seconds for so many connections: monitoring by SSH once a minute stays below."""
    ssh_most_bytes: int = 6000
    """An SSH connection that carried more than this either way was let in."""
    ssh_least_packets: int = 8
    """Fewer packets from the client: only the banner was fetched."""
    spray_users: int = 10
    spray_window: int = 3600
    """Different accounts that failed for one source."""
    spread_sources: int = 20
    """Different sources that failed for one account of one service, within ``spray_window``."""
    quiet: tuple[str, ...] = ()
    """Addresses or networks that log in often on purpose: monitoring by SSH."""
    sources: int = 4096


class BeaconSettings(_Table, frozen=True, kw_only=True):
    """Regular calls to one peer outside."""

    connections: int = 16
    """Fewer are not looked at (RITA: 4; a server has many peers that it calls a few times)."""
    hours: int = 6
    """Least time between the first and the last."""
    medium: float = 0.80
    high: float = 0.90
    inside: bool = False
    """Whether peers with private addresses are looked at."""
    pairs: int = 2048
    quiet_ports: tuple[int, ...] = (53, 123, 853, 5353)
    """Resolvers and clocks are called regularly by everybody."""
    quiet_peers: tuple[str, ...] = (
        "ubuntu.com",
        "debian.org",
        "centos.org",
        "rockylinux.org",
        "almalinux.org",
        "fedoraproject.org",
        "redhat.com",
        "canonical.com",
        "snapcraft.io",
        "launchpad.net",
        "docker.com",
        "docker.io",
        "github.com",
        "pypi.org",
        "npmjs.org",
        "packagist.org",
        "wordpress.org",
        "w.org",
        "joomla.org",
        "drupal.org",
        "letsencrypt.org",
        "lencr.org",
        "ntp.org",
        "clamav.net",
        "datadoghq.com",
        "newrelic.com",
        "sentry.io",
        "grafana.net",
        "zabbix.com",
        "bmkg.go.id",
        "uptimerobot.com",
        "cloudflare.com",
    )
    """Registered domains, and addresses or networks: mirrors, certificates, monitoring, weather."""


class DnsSettings(_Table, frozen=True, kw_only=True):
    """Tunnels and generated names."""

    bytes_per_hour: int = 2500
    """Distinct subdomains of one registered domain (ibHH: 0.7 B/s)."""
    long_label: int = 48
    long_labels: int = 10
    """Different names with a longer label, per hour and registered domain."""
    odd_names: int = 50
    odd_share: float = 0.5
    """So many different names per hour, of which this share asks for TXT, NULL or the like."""
    nxdomain: int = 20
    """Different names that do not exist per hour and client, most of them made by a program."""
    nxdomain_any: int = 100
    """The same, however they look."""
    generated_share: float = 0.5
    names: int = 50_000
    domains: int = 4096
    quiet: tuple[str, ...] = (
        "arpa",
        "local",
        "lan",
        "home",
        "internal",
        "spamhaus.org",
        "spamhaus.net",
        "spamcop.net",
        "barracudacentral.org",
        "sorbs.net",
        "uribl.com",
        "surbl.org",
        "dnswl.org",
        "senderscore.com",
        "mailspike.net",
        "mailspike.org",
        "msbl.org",
        "invaluement.com",
        "uceprotect.net",
        "abuseat.org",
        "spameatingmonkey.net",
        "rspamd.com",
        "sophosxl.net",
        "mcafee.com",
        "e5.sk",
        "cymru.com",
        "clamav.net",
        "trendmicro.com",
        "akamai.net",
        "akamaiedge.net",
        "akadns.net",
        "edgekey.net",
        "edgesuite.net",
        "cloudfront.net",
        "fastly.net",
        "amazonaws.com",
        "azure.com",
        "windows.net",
        "trafficmanager.net",
        "googleusercontent.com",
        "1e100.net",
        "cloudflare.net",
    )
    """Domains below which many names are usual: block lists, virus scanners, delivery networks."""


class IcmpSettings(_Table, frozen=True, kw_only=True):
    """Tunnels in echo messages."""

    window: int = 600
    payloads: int = 20
    """Different payloads of one peer, their first 16 bytes (time stamps) left out."""
    bytes: int = 2000
    mismatches: int = 10
    """Echo replies that do not repeat the request."""
    peers: int = 4096


class ArpSettings(_Table, frozen=True, kw_only=True):
    """Addresses claimed by several network cards."""

    window: int = 600
    changes: int = 3
    takeovers: int = 2
    gratuitous_per_minute: int = 60
    quiet: tuple[str, ...] = ()
    """Addresses that move between machines on purpose (a cluster without virtual MAC)."""
    addresses: int = 8192


class ExfilSettings(_Table, frozen=True, kw_only=True):
    """Unusual amounts that leave."""

    learning_hours: int = 168
    least_bytes: int = 50_000_000
    """Per peer and hour; smaller amounts are never told."""
    first_seen_bytes: int = 50_000_000
    """Per hour to a peer outside that was never seen before."""
    first_seen_hours: int = 24
    """So long a peer counts as new."""
    day_bytes: int = 300_000_000
    """Of one day to a peer that was first seen on it: the slow way."""
    ratio: float = 3.0
    """Bytes out over bytes in, from which on it is an upload."""
    z: float = 6.0
    download_bytes: int = 500_000_000
    """Per hour to one visitor."""
    peers: int = 8192


class ListenerSettings(_Table, frozen=True, kw_only=True):
    """Ports that answer for the first time."""

    learning_hours: int = 24
    internal: bool = False
    """Whether loopback and containers are looked at."""
    quiet_ports: tuple[int, ...] = ()
    listeners: int = 4096


class PeerSettings(_Table, frozen=True, kw_only=True):
    """Whom server processes call."""

    learning_hours: int = 72
    processes: tuple[str, ...] = (
        "apache2",
        "httpd",
        "nginx",
        "lighttpd",
        "caddy",
        "php-fpm",
        "php-cgi",
        "mysqld",
        "mariadbd",
        "postgres",
        "redis-server",
        "memcached",
        "named",
        "sshd",
        "slapd",
        "smbd",
        "vsftpd",
        "proftpd",
    )
    users: tuple[str, ...] = ("www-data", "apache", "nginx", "mysql", "postgres", "redis")
    shells: tuple[str, ...] = ("sh", "bash", "dash", "zsh", "ksh", "nc", "ncat", "socat", "perl")
    peers: int = 8192


class WeaknessSettings(_Table, frozen=True, kw_only=True):
    """Certificates and protocols."""

    expiry_days: int = 14
    key_bits: int = 2048
    repeat_days: int = 7


class LossSettings(_Table, frozen=True, kw_only=True):
    """Packets that were not seen."""

    window: int = 900
    dropped: float = 0.01
    unseen: float = 0.10
    """Share of acknowledged bytes that never came by."""
    least_packets: int = 1000
    """Before a share of packets means anything."""
    least_acked: int = 1_000_000
    least_holes: int = 10
    """Bytes acknowledged, and places where some were missing, before theirs does."""


class WebSettings(_Table, frozen=True, kw_only=True):
    """Attacks in requests."""

    sources: int = 8192


class DetectSettings(_Table, frozen=True, kw_only=True):
    """The whole table."""

    off: tuple[str, ...] = ()
    """Detections that do not run, by name."""
    inside: tuple[str, ...] = ()
    """Networks that are ours besides the private ones, for example ``103.10.0.0/16``."""
    quiet: int = 86_400
    """So long a finding is not repeated; what is held back is counted in the next one. Critical
    ones are told again after an hour."""
    entities_per_hour: int = 20
    """So many entities of one rule are told apart in an hour; the others are counted together."""
    scan: ScanSettings = ScanSettings()
    brute: BruteSettings = BruteSettings()
    beacon: BeaconSettings = BeaconSettings()
    dns: DnsSettings = DnsSettings()
    icmp: IcmpSettings = IcmpSettings()
    arp: ArpSettings = ArpSettings()
    exfil: ExfilSettings = ExfilSettings()
    listener: ListenerSettings = ListenerSettings()
    peer: PeerSettings = PeerSettings()
    weakness: WeaknessSettings = WeaknessSettings()
    loss: LossSettings = LossSettings()
    web: WebSettings = WebSettings()

    def __post_init__(self) -> None:
        """Check the numbers and the names.

        Raises:
            ValueError: a number is not over 0, or ``off`` names no detection.
        """
        super().__post_init__()
        wrong = [name for name in self.off if name not in NAMES]
        if wrong:
            known = ", ".join(NAMES)
            raise ValueError(f"off: there is no detection {wrong[0]}; there are: {known}")


def load(table: Mapping[str, object]) -> DetectSettings:
    """Return the settings of a TOML *table*.

    Raises:
        ValueError: an unknown key, a wrong type or a network that is none; the text names it.
    """
    try:
        settings = msgspec.convert(table, DetectSettings, strict=True)
    except msgspec.ValidationError as error:
        raise ValueError(f"network.detect: {error}") from None
    for text in (
        *settings.inside,
        *settings.scan.quiet,
        *settings.brute.quiet,
        *settings.arp.quiet,
    ):
        network(text)
    return settings
