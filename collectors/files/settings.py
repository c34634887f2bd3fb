"""Settings of the files sensor: the table ``[sensors.files]`` of agent.toml."""

from __future__ import annotations

from collectors.api import Settings
from collectors.quantities import parse_duration, parse_size

# The exposure sensor learns of changes from this one: what it looks into has to be here, too; and
# so has what starts programs, lets people in or logs (collectors.files.meaning.catalogue).
DEFAULT_PATHS = (
    "/boot",
    "/etc",
    "/home",
    "/lib/modprobe.d",
    "/lib/modules",
    "/lib/security",
    "/lib/systemd",
    "/lib/udev",
    "/lib/x86_64-linux-gnu/security",
    "/lib64/security",
    "/opt",
    "/root",
    "/run/systemd/system",
    "/srv",
    "/tmp",  # noqa: S108 - watched, not written
    "/usr/bin",
    "/usr/lib/modules-load.d",
    "/usr/lib/pam.d",
    "/usr/lib/sysctl.d",
    "/usr/local",
    "/usr/sbin",
    "/usr/share/dbus-1",
    "/usr/share/keyrings",
    "/usr/share/polkit-1",
    "/var/backups",
    "/var/lib/systemd/linger",
    "/var/log",
    "/var/spool/at",
    "/var/spool/cron",
    "/var/tmp",  # noqa: S108 - watched, not written
    "/var/www",
)

# As little as can be: what is left out is where an attacker hides. Caches and version control
# below web roots are favourite places for web shells and stay in.
DEFAULT_EXCLUDE = (".*.swp", ".*.swx", "/root/.cache", "/home/*/.cache")

BACKENDS = ("auto", "fanotify", "inotify", "observer")


class FileSettings(Settings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to watch, and how closely. Checked when it is made (msgspec turns ValueError around)."""

    paths: tuple[str, ...] = DEFAULT_PATHS
    """Absolute paths; each with everything below it. A single file is compared at intervals."""
    web_roots: tuple[str, ...] = ()
    """What web servers hand out, in absolute paths; empty: the ``web_roots`` of
    ``[sensors.exposure]``."""
    exclude: tuple[str, ...] = DEFAULT_EXCLUDE
    """Absolute path: it and everything below. Pattern with ``/``: a whole path. Else: a name."""
    reconcile_interval: str | float = "5m"
    """Between two comparisons of the whole tree with the baseline."""
    rehash_interval: str | float = "24h"
    """In which every file is read again, unchanged or not; ``0`` switches that off."""
    coalesce: str | float = "200ms"
    """How long changes are gathered before the sensor looks."""
    max_hash_bytes: str | int = "256MiB"
    """Larger files are sampled (head and tail), not hashed."""
    backend: str = "auto"
    """How changes are heard: ``fanotify`` (needs the drop-in who-data.conf), ``inotify``,
    ``observer`` (notices no loss, compares more often) or ``auto``: the best that works."""
    packages: bool = True
    """Fold what dpkg does into one event, where there is dpkg (rpm is not supported)."""
    git: bool = True
    """Compare files of git checkouts with their index; a pull is one line then."""
    max_window: str | float = "4h"
    """Longest time for which ``ronda-agent expect`` may announce a deployment."""

    def __post_init__(self) -> None:
        """Check all values.

        Raises:
            ValueError: a value is out of range; the setting is named.
        """
        for name in ("paths", "web_roots"):
            for path in getattr(self, name):
                if not path.startswith("/"):
                    raise ValueError(f"{name}: {path!r} is not absolute")
        for name, low, high in (
            ("reconcile_interval", 1, 604800),
            ("coalesce", 0.01, 60),
            ("max_window", 1, 86400),
            ("rehash_interval", 0, 86400),
        ):
            try:
                seconds = parse_duration(getattr(self, name))
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from error
            if not low <= seconds <= high:
                raise ValueError(f"{name}: {seconds:g} s is out of range ({low} s to {high} s)")
        if self.backend not in BACKENDS:
            raise ValueError(f"backend: {self.backend!r} is none of {', '.join(BACKENDS)}")
        try:
            parse_size(self.max_hash_bytes)
        except ValueError as error:
            raise ValueError(f"max_hash_bytes: {error}") from error

    def rehash_seconds(self) -> float:
        """Return ``rehash_interval`` in seconds, 0 for never."""
        return parse_duration(self.rehash_interval)

    def reconcile_seconds(self) -> float:
        """Return ``reconcile_interval`` in seconds."""
        return parse_duration(self.reconcile_interval)

    def coalesce_seconds(self) -> float:
        """Return ``coalesce`` in seconds."""
        return parse_duration(self.coalesce)

    def longest_window(self) -> float:
        """Return ``max_window`` in seconds."""
        return parse_duration(self.max_window)

    def hash_limit(self) -> int:
        """Return ``max_hash_bytes`` in bytes."""
        return parse_size(self.max_hash_bytes)
