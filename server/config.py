"""The collector's settings: server.toml.

Unknown keys and wrong types are errors with file and line, all of them in one message, because a
misspelt key that is ignored leaves the collector in a state that nobody asked for.
"""

from __future__ import annotations

import difflib
import ipaddress
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec
import tomllib

DEFAULT_PATH = Path("/etc/ronda/server.toml")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_NAME = re.compile(
    r"(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9-]{1,63})*"
)

Level = Literal["informational", "low", "medium", "high", "critical"]


class ConfigError(ValueError):
    """The settings cannot be used; ``str()`` has one line ``FILE:LINE: what`` per mistake."""


class Listen(NamedTuple):
    """Where to accept connections."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Listen:
        """Read ``HOST:PORT`` or ``[IPV6]:PORT``.

        Raises:
            ValueError: it has another form.
        """
        host, colon, port = text.rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
        try:
            ipaddress.ip_address(host)
        except ValueError as error:
            raise ValueError(f"{text!r}: expected ADDRESS:PORT such as 0.0.0.0:8440") from error
        if not (colon and port.isascii() and port.isdigit() and 1 <= int(port) <= 65535):
            raise ValueError(f"{text!r}: expected a port from 1 to 65535")
        return cls(host, int(port))


class _Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class StoreConfig(_Table, frozen=True, kw_only=True):
    """``[store]``"""

    retention_days: int = 365
    """Day files older than this are removed; 0 keeps all."""
    warn_percent: float = 85
    """Disk use from which an event warns."""
    stop_percent: float = 95
    """Disk use from which nothing more is acknowledged: agents keep their events meanwhile."""


class SilenceConfig(_Table, frozen=True, kw_only=True):
    """``[silence]``"""

    after: str = "60s"
    """How long an agent may say nothing."""

    @property
    def after_ns(self) -> int:
        """Return `after` in ns."""
        return round(parse_duration(self.after) * 1e9)


class AlertsConfig(_Table, frozen=True, kw_only=True):
    """``[alerts]``"""

    quiet_period: str = "1h"
    """How long a repeated alert stays quiet after a notification."""

    @property
    def quiet_period_ns(self) -> int:
        """Return `quiet_period` in ns."""
        return round(parse_duration(self.quiet_period) * 1e9)


class ChannelConfig(_Table, frozen=True, kw_only=True):
    """``[[notify.channels]]``: the address is ``url``, or stands alone in the file ``url_file``."""

    name: str
    url: str | None = None
    url_file: str | None = None
    min_level: Level = "medium"
    language: str | None = None


class NotifyConfig(_Table, frozen=True, kw_only=True):
    """``[notify]``"""

    channels: tuple[ChannelConfig, ...] = ()


class _File(_Table, frozen=True, kw_only=True):
    """The keys of the file, as they are written."""

    names: tuple[str, ...] = ("localhost",)
    state_dir: str = "/var/lib/ronda-server"
    agent_listen: str = "0.0.0.0:8440"
    enroll_listen: str = "0.0.0.0:8441"
    socket: str = "/run/ronda-server/api.sock"
    language: Literal["id", "en"] = "id"
    store: StoreConfig = StoreConfig()
    silence: SilenceConfig = SilenceConfig()
    alerts: AlertsConfig = AlertsConfig()
    notify: NotifyConfig = NotifyConfig()


class ServerConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The collector's settings, checked."""

    path: Path
    """The file they come from."""
    names: tuple[str, ...]
    """Host names and addresses by which agents reach the collector; the first is in the URLs."""
    state_dir: Path
    agent_listen: Listen
    enroll_listen: Listen
    socket: Path
    language: str
    store: StoreConfig
    silence: SilenceConfig
    alerts: AlertsConfig
    notify: NotifyConfig

    @property
    def state_db(self) -> Path:
        """Return where agents, alerts and settings are kept."""
        return self.state_dir / "state.db"

    @property
    def events_dir(self) -> Path:
        """Return the directory of the day files."""
        return self.state_dir / "events"

    @property
    def registers_dir(self) -> Path:
        """Where filters of protected people lie, each under its hash."""
        return self.state_dir / "registers"

    @property
    def ca_dir(self) -> Path:
        """Return the directory of the certificate authority."""
        return self.state_dir / "ca"

    @property
    def agent_url(self) -> str:
        """Return the URL that agents send events to."""
        return f"https://{_in_url(self.names[0])}:{self.agent_listen.port}"

    @property
    def enroll_url(self) -> str:
        """Return the URL that new agents enrol at."""
        return f"https://{_in_url(self.names[0])}:{self.enroll_listen.port}"


def _in_url(name: str) -> str:
    return f"[{name}]" if ":" in name else name


def parse_duration(text: str) -> float:
    """Return the seconds of ``90s``, ``5m``, ``1.5h``, ``2d`` or ``250ms``.

    Raises:
        ValueError: it has another form.
    """
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r}: expected a duration such as 60s, 5m or 1h")
    return float(match[1]) * _UNITS[match[2]]


def load(path: Path) -> ServerConfig:
    """Read and check the settings.

    Raises:
        ConfigError: they cannot be used.
        OSError: the file cannot be read.
    """
    data = path.read_bytes()
    try:
        return parse(data.decode(), path)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}:{line}: not UTF-8") from error


def parse(text: str, path: Path) -> ServerConfig:
    """Check the settings in *text*; *path* is for messages. Pure.

    Raises:
        ConfigError: they cannot be used.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"at line (\d+)", str(error))
        line = found[1] if found else str(text.count("\n") + 1)
        raise ConfigError(f"{path}:{line}: {error}") from error
    lines = text.splitlines()
    mistakes = [
        f"{path}:{_line(lines, table, key)}: {what}" for table, key, what in _unknown(data, _File)
    ]
    if mistakes:
        raise ConfigError("\n".join(mistakes))
    try:
        file = msgspec.convert(data, _File)
    except msgspec.ValidationError as error:
        table, key = _place(str(error))
        what = str(error).replace(" - at `$.", " at `").replace(" - at `$", " at `")
        raise ConfigError(f"{path}:{_line(lines, table, key)}: {what}") from error
    mistakes = [f"{path}:{_line(lines, table, key)}: {what}" for table, key, what in _wrong(file)]
    if mistakes:
        raise ConfigError("\n".join(mistakes))
    return ServerConfig(
        path=path,
        names=file.names,
        state_dir=Path(file.state_dir),
        agent_listen=Listen.parse(file.agent_listen),
        enroll_listen=Listen.parse(file.enroll_listen),
        socket=Path(file.socket),
        language=file.language,
        store=file.store,
        silence=file.silence,
        alerts=file.alerts,
        notify=file.notify,
    )


def _unknown(
    data: Mapping[str, Any], kind: type[msgspec.Struct], table: str = ""
) -> Iterator[tuple[str, str, str]]:
    known = {field.name: field.type for field in msgspec.structs.fields(kind)}
    for key, value in data.items():
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f'; did you mean "{near[0]}"?' if near else ""
            where = f" in [{table}]" if table else ""
            yield table, key, f'unknown key "{key}"{where}{hint}'
            continue
        inner = known[key]
        name = f"{table}.{key}" if table else key
        if isinstance(value, dict) and isinstance(inner, type):
            yield from _unknown(value, inner, name)
        elif key == "channels" and isinstance(value, list):
            for item in value:
                if isinstance(item, dict):
                    yield from _unknown(item, ChannelConfig, name)


def _wrong(file: _File) -> Iterator[tuple[str, str, str]]:
    """Yield (table, key, what) for values of the right type that make no sense."""
    if not file.names:
        yield "", "names", "names is empty; write the host name by which agents reach this host"
    for name in file.names:
        if not _is_host(name):
            yield "", "names", f"{name!r} in names is neither a host name nor an address"
    for key in ("agent_listen", "enroll_listen"):
        yield from _try("", key, Listen.parse, getattr(file, key))
    if file.agent_listen == file.enroll_listen:
        yield "", "enroll_listen", "enroll_listen must differ from agent_listen"
    for key in ("state_dir", "socket"):
        if not Path(getattr(file, key)).is_absolute():
            yield "", key, f"{key} must be an absolute path"
    yield from _try("silence", "after", parse_duration, file.silence.after)
    yield from _try("alerts", "quiet_period", parse_duration, file.alerts.quiet_period)
    store = file.store
    if store.retention_days < 0:
        yield "store", "retention_days", "retention_days must be 0 (keep all) or more"
    if not 0 < store.warn_percent <= store.stop_percent <= 100:
        yield "store", "warn_percent", "expected 0 < warn_percent <= stop_percent <= 100"
    yield from _wrong_channels(file.notify.channels)


def _wrong_channels(channels: tuple[ChannelConfig, ...]) -> Iterator[tuple[str, str, str]]:
    seen: set[str] = set()
    for channel in channels:
        if channel.name in seen:
            yield "notify.channels", "name", f'two channels are called "{channel.name}"'
        seen.add(channel.name)
        if (channel.url is None) == (channel.url_file is None):
            what = f'channel "{channel.name}" needs either url or url_file'
            yield "notify.channels", "url", what
        if channel.language not in {None, "id", "en"}:
            yield "notify.channels", "language", 'language must be "id" or "en"'


def _try(table: str, key: str, check: Any, value: str) -> Iterator[tuple[str, str, str]]:
    try:
        check(value)
    except ValueError as error:
        yield table, key, f"{key}: {error}"


def _is_host(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return _NAME.fullmatch(name) is not None
    return True


def _place(message: str) -> tuple[str, str]:
    """Return (table, key) from the path at the end of a msgspec message."""
    found = re.search(r"at `\$\.?([^`]*)`", message)
    steps = re.sub(r"\[[^\]]*\]", "", found[1] if found else "").split(".")
    return ".".join(steps[:-1]), steps[-1]


def _line(lines: list[str], table: str, key: str) -> int:
    """Return the line where *key* stands in *table*, the table's own when it stands nowhere."""
    current, found = "", 1
    assigned = re.compile(rf"""\s*["']?{re.escape(key)}["']?\s*=""")
    for number, text in enumerate(lines, 1):
        header = re.match(r"\s*\[\[?\s*([^\]]+?)\s*\]", text)
        if header:
            current = header[1]
            if current == table or current == f"{table}.{key}".lstrip("."):
                found = number
        elif current == table and assigned.match(text):
            return number
    return found
