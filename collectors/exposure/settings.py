"""Settings of the exposure sensor: the table ``[sensors.exposure]`` of agent.toml."""

from __future__ import annotations

import msgspec

from collectors.api import Settings
from collectors.content.result import CustomIdentifier
from collectors.exposure.hours import Hours
from collectors.exposure.web.find import DEFAULT_CONFIGS, split

DEFAULT_PATHS = (
    "/home",
    "/opt",
    "/srv",
    "/tmp",  # noqa: S108 - watched, not written
    "/var/backups",
    "/var/tmp",  # noqa: S108 - watched, not written
    "/var/www",
)
DEFAULT_WEB_ROOTS = ("/var/www",)
DEFAULT_EXCLUDE = (".git", "node_modules", "__pycache__", "vendor", "*.min.js", "*.map")


class ExposureSettings(Settings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where to look, and how much. Checked when it is made (msgspec turns ValueError around)."""

    paths: tuple[str, ...] = DEFAULT_PATHS
    """Looked into when files below these absolute paths change, and by the sweep."""
    web_roots: tuple[str, ...] = DEFAULT_WEB_ROOTS
    """What web servers hand out; the sweep begins with them, at once after the first start."""
    exclude: tuple[str, ...] = DEFAULT_EXCLUDE
    """Absolute path: it and everything below. Else: a pattern for one name."""
    max_bytes: int = 4 << 30
    """Larger files are not opened; an event says so. Over 32 MiB a file is sampled."""
    web_configs: tuple[str, ...] = DEFAULT_CONFIGS
    """What web servers are configured by, as ``nginx:/etc/nginx/nginx.conf``; none is read when
    it is empty. Files that do not exist are left out."""
    web_check: bool = True
    """Whether a request over loopback finds out if a file with findings is handed out."""
    web_check_rate: float = 5.0
    """Such requests in one second, at most."""
    applications: dict[str, str] = msgspec.field(default_factory=dict)
    """Host name to OPD, on a host that serves several."""
    identifiers: tuple[CustomIdentifier, ...] = ()
    """The operator's own: tables ``[[sensors.exposure.identifiers]]``."""
    timeout: float = 30.0
    """Seconds for one file."""
    sweep_hours: str = "20:00-06:00"
    """Local time in which all files are looked into; ``always``: at any time. New web roots, and
    all of them after new rules, do not wait for it."""
    sweep_interval: float = 86400.0
    """Seconds between the beginnings of two sweeps; unchanged files are not read again. 0: only
    when there are new places or rules."""
    child_idle: float = 30.0
    """Seconds after which the scanning child ends when nothing is left to do."""

    def __post_init__(self) -> None:
        """Check all values.

        Raises:
            ValueError: a value is out of range; the setting is named.
        """
        for name in ("paths", "web_roots"):
            for path in getattr(self, name):
                if not path.startswith("/"):
                    raise ValueError(f"{name}: {path!r} is not absolute")
        for name, low, high in (("timeout", 1, 600), ("child_idle", 0, 86400)):
            if not low <= getattr(self, name) <= high:
                raise ValueError(f"{name}: out of range ({low} to {high} seconds)")
        if not (self.sweep_interval == 0 or 60 <= self.sweep_interval <= 31 * 86400):
            raise ValueError("sweep_interval: out of range (0, or 60 to 2678400 seconds)")
        try:
            Hours(self.sweep_hours)
        except ValueError as error:
            raise ValueError(f"sweep_hours: {error}") from error
        self._check_web()
        names = [one.name for one in self.identifiers]
        if len(set(names)) < len(names):
            raise ValueError("identifiers: two have the same name")
        if self.max_bytes < 1:
            raise ValueError("max_bytes: must be 1 or more")

    def _check_web(self) -> None:
        for config in self.web_configs:
            try:
                split(config)
            except ValueError as error:
                raise ValueError(f"web_configs: {error}") from None
        if not 0.1 <= self.web_check_rate <= 100:
            raise ValueError("web_check_rate: out of range (0.1 to 100 in a second)")
