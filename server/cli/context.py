"""What every command needs: the global options, and what follows from them."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from server.cli.client import TIMEOUT, Client
from server.cli.errors import CliError
from server.cli.output import Output

if TYPE_CHECKING:
    from server.config import ServerConfig

DEFAULT_CONFIG = "/etc/ronda/server.toml"
DEFAULT_SOCKET = "/run/ronda-server/api.sock"
LANGUAGES = ("id", "en")


@dataclass(kw_only=True)
class Context:
    """The global options; each may stand before or after the command."""

    output: str = "table"
    color: bool = True
    socket: str | None = None
    config: str | None = None
    lang: str | None = None
    now: int = field(default_factory=time.time_ns)
    """ns; the moment from which --since counts back."""

    def out(self) -> Output:
        """Return the writer for the chosen format."""
        return Output(self.output, color=self.color)

    def client(self, timeout: float = TIMEOUT) -> Client:
        """Return a client for the chosen socket that waits *timeout* seconds for an answer."""
        return Client(self.socket_path(), timeout)

    def config_path(self) -> str:
        """Return where the collector's settings stand."""
        return self.config or os.environ.get("RONDA_CONFIG") or DEFAULT_CONFIG

    def socket_path(self) -> str:
        """Return the socket: option, environment, settings, default, in this order."""
        chosen = self.socket or os.environ.get("RONDA_SOCKET")
        return chosen or str(self._settings().get("socket") or DEFAULT_SOCKET)

    def state_dir(self) -> str:
        """Return the collector's state directory, as its settings say or by default."""
        return str(self._settings().get("state_dir") or "/var/lib/ronda-server")

    def _settings(self) -> dict[str, Any]:
        """Return the settings unchecked, for a client: empty when it may not read them.

        A responder may use the socket without being able to read the collector's settings, and a
        mistake in them must not take away the command line of the collector that still runs.

        Raises:
            CliError: settings that were asked for by name cannot be read.
        """
        import tomllib

        path = self.config_path()
        try:
            with open(path, "rb") as file:
                return tomllib.load(file)
        except PermissionError:
            return {}
        except (OSError, ValueError) as error:
            if path == DEFAULT_CONFIG:
                return {}
            reason = error.strerror if isinstance(error, OSError) else error
            raise CliError(f"{path}: {reason}") from error

    def load_config(self) -> ServerConfig:
        """Return the checked settings.

        Raises:
            CliError: they cannot be read; the message has file and line.
        """
        from pathlib import Path

        from server.config import ConfigError, load

        try:
            return load(Path(self.config_path()))
        except ConfigError as error:
            raise CliError(str(error)) from error
        except OSError as error:
            raise CliError(f"{self.config_path()}: {error.strerror or error}") from error

    def language(self) -> str | None:
        """Return the language of alert texts: option, settings, LANG; None is the collector's."""
        chosen = self.lang or self._settings().get("language")
        if chosen in LANGUAGES:
            return str(chosen)
        for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
            if value := os.environ.get(name, ""):
                short = value[:2].lower()
                return short if short in LANGUAGES else None
        return None
