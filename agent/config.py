"""agent.toml: every mistake at once, each with file, line and the nearest right name."""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from agent.watching import share
from collectors.api import Settings
from collectors.quantities import parse_duration, parse_size

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

DEFAULT_PATH = Path("/etc/ronda/agent.toml")
_LEVELS = ("debug", "info", "warning", "error")
_SMALLEST_SPOOL = 64 << 10
_LARGEST = 1 << 50


class ConfigError(Exception):
    """The configuration cannot be used; one line for each mistake."""

    def __init__(self, mistakes: list[str]) -> None:
        """*mistakes* are complete lines with file and line number."""
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes


@dataclass(frozen=True)
class AgentConfig:
    """What agent.toml says, checked."""

    path: Path
    state_dir: Path
    spool_max_bytes: int = 1 << 30
    log_level: str = "info"
    sensors: Mapping[str, Settings] = field(default_factory=dict)
    """By name; also the ones that are switched off."""


def load(path: Path, types: Mapping[str, type[Settings]] | None) -> AgentConfig:
    """Read and check *path*; *types* are the settings of the installed sensors, by name.

    With None the sensors' tables are not looked at: loading sensors takes its time.

    A missing file at the default place means all defaults.

    Raises:
        ConfigError: it cannot be read or has mistakes.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")  # some editors begin with a BOM
    except FileNotFoundError as error:
        if path != DEFAULT_PATH:
            raise ConfigError([f"{path}: no such file"]) from error
        text = ""
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([f"{path}: cannot be read: {error}"]) from error
    return parse(text, path, types)


def parse(text: str, path: Path, types: Mapping[str, type[Settings]] | None) -> AgentConfig:
    """Check the text of a configuration. Pure, but for checking nothing on disk.

    Raises:
        ConfigError: it has mistakes.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        where = re.search(r"\(at line (\d+), column \d+\)", str(error))
        line = f":{where[1]}" if where else ""
        words = re.sub(r" \(at .*\)$", "", str(error))
        raise ConfigError([f"{path.name}{line}: not TOML: {words}"]) from error
    except (ValueError, RecursionError) as error:  # endless numbers, bottomless nesting
        raise ConfigError([f"{path.name}: cannot be read: {str(error)[:100]}"]) from error
    return _Reader(text, path, types).read(data)


class _Reader:
    """Collects mistakes while it walks the tables."""

    def __init__(self, text: str, path: Path, types: Mapping[str, type[Settings]] | None) -> None:
        self._lines = _key_lines(text)
        self._path = path
        self._types = types
        self._mistakes: list[str] = []

    def read(self, data: dict[str, Any]) -> AgentConfig:
        self._known(data, "", ("state_dir", "spool", "log", "sensors"))
        self._usable(data, "")
        spool = self._table(data, "spool", ("max_bytes",))
        log = self._table(data, "log", ("level",))
        config = AgentConfig(
            path=self._path,
            state_dir=self._state_dir(data.get("state_dir", "/var/lib/ronda-agent")),
            spool_max_bytes=self._spool_size(spool.get("max_bytes", "1GiB")),
            log_level=self._choice("level", log.get("level", "info"), "log", _LEVELS),
            sensors=share(self._sensors(data)),
        )
        if self._mistakes:
            raise ConfigError(self._mistakes)
        return config

    def _wrong(self, table: str, key: str, text: str) -> None:
        line = self._lines.get((table, key)) or self._lines.get((table, ""))
        self._mistakes.append(f"{self._path.name}{f':{line}' if line else ''}: {text}")

    def _known(self, table: Mapping[str, Any], name: str, keys: tuple[str, ...]) -> None:
        for key in table:
            if key not in keys:
                self._wrong(name, key, _unknown(key, f" in [{name}]" if name else "", keys))

    def _usable(self, table: Mapping[str, Any], name: str) -> None:
        """Refuse what no setting can mean and no file or status could hold."""
        for key, value in table.items():
            if isinstance(value, dict):
                self._usable(value, f"{name}.{key}" if name else key)
            for one in value if isinstance(value, list) else [value]:
                if isinstance(one, str) and "\0" in one:
                    self._wrong(name, key, f"{key} holds a NUL character")
                elif isinstance(one, int) and abs(one) > _LARGEST:
                    self._wrong(name, key, f"{key} is out of range")

    def _table(self, data: Mapping[str, Any], name: str, keys: tuple[str, ...]) -> dict[str, Any]:
        table = data.get(name, {})
        if not isinstance(table, dict):
            self._wrong("", name, f"{name!r} must be a table: write [{name}]")
            return {}
        self._known(table, name, keys)
        return table

    def _state_dir(self, value: object) -> Path:
        if not isinstance(value, str) or not value.startswith("/"):
            self._wrong("", "state_dir", "state_dir must be an absolute path")
            return Path("/")
        return Path(value)

    def _choice(self, key: str, value: object, table: str, choices: tuple[str, ...]) -> str:
        if value not in choices:
            self._wrong(table, key, f"{key} must be one of {', '.join(choices)}")
        return str(value)

    def _spool_size(self, value: object) -> int:
        try:
            size = parse_size(value)
        except ValueError as error:
            self._wrong("spool", "max_bytes", f"max_bytes: {error}")
            return _SMALLEST_SPOOL
        if size < _SMALLEST_SPOOL:
            self._wrong("spool", "max_bytes", "max_bytes must be at least 64KiB")
        return size

    def _sensors(self, data: Mapping[str, Any]) -> dict[str, Settings]:
        if self._types is None:
            return {}
        tables = self._table(data, "sensors", tuple(self._types))
        settings: dict[str, Settings] = {}
        for name, kind in self._types.items():
            table = tables.get(name, {})
            where = f"sensors.{name}"
            if not isinstance(table, dict):
                self._wrong("sensors", name, f"{where} must be a table: write [{where}]")
                continue
            keys = tuple(field.encode_name for field in msgspec.structs.fields(kind))
            self._known(table, where, keys)
            known = self._with_units(where, kind, table)
            try:
                settings[name] = msgspec.convert(known, kind)
            except msgspec.ValidationError as error:
                if not self._nested(where, kind, str(error)):
                    self._invalid(where, keys, str(error))
        return settings

    def _with_units(
        self, where: str, kind: type[Settings], table: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return the known keys; text for a whole number is a size, for a float a duration."""
        known = {}
        for one in msgspec.structs.fields(kind):
            value = table.get(one.encode_name)
            if value is None:
                continue
            try:
                if isinstance(value, str) and one.type is int:
                    value = parse_size(value)
                elif isinstance(value, str) and one.type is float:
                    value = parse_duration(value)
            except ValueError as error:
                self._wrong(where, one.encode_name, f"{one.encode_name}: {error}")
                continue
            known[one.encode_name] = value
        return known

    def _invalid(self, table: str, keys: tuple[str, ...], message: str) -> None:
        """Find the key that a message of msgspec or of the settings' own check is about."""
        words, _, place = message.partition(" - at `$")
        if self._item_invalid(table, words, place):
            return
        found = re.match(r"\.(\w+)", place) or re.match(r"(\w+): ", words)
        key = found[1] if found and found[1] in keys else ""
        text = words if not key or words.startswith(f"{key}:") else f"{key}: {words}"
        self._wrong(table, key, f"[{table}] {text}")

    def _nested(self, table: str, kind: type, message: str) -> bool:
        """As `_invalid`, for a table within the sensor's; False when it is about another."""
        words, _, place = message.partition(" - at `$")
        parts = re.findall(r"\.(\w+)", place)
        deeper = False
        while parts:
            fields = {one.encode_name: one.type for one in msgspec.structs.fields(kind)}
            inner = fields.get(parts[0])
            if not (isinstance(inner, type) and issubclass(inner, msgspec.Struct)):
                break
            kind, table, deeper = inner, f"{table}.{parts.pop(0)}", True
        if not deeper:
            return False
        unknown = re.fullmatch(r"Object contains unknown field `(.*)`", words)
        if unknown:
            keys = tuple(one.encode_name for one in msgspec.structs.fields(kind))
            self._wrong(table, unknown[1], _unknown(unknown[1], f" in [{table}]", keys))
            return True
        key = parts[0] if parts else words.partition(":")[0]
        text = f"{key}: {words}" if parts else words
        self._wrong(table, key, f"[{table}] {text}")
        return True

    def _item_invalid(self, table: str, words: str, place: str) -> bool:
        """As `_invalid`, for ``[[table.name]]``; False when it is about something else."""
        item = re.match(r"\.(\w+)\[(\d+)\](?:\.(\w+))?", place)
        at = f"{table}.{item[1]}[{item[2]}]" if item else ""
        if item is None or (at, "") not in self._lines:
            return False
        key = item[3] or words.partition(":")[0]
        text = f"{key}: {words}" if item[3] else words
        self._wrong(at, key, f"[[{table}.{item[1]}]] {text}")
        return True


def _unknown(key: str, where: str, keys: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(key, keys, n=1)
    hint = f'; did you mean "{near[0]}"?' if near else f"; known are {', '.join(keys)}"
    return f'unknown key "{key}"{where}{hint}'


_HEADER = re.compile(r"\s*\[\s*([\w.\"' -]+?)\s*\]\s*(?:#.*)?$")
_ARRAY = re.compile(r"\s*\[\[\s*([\w.\"' -]+?)\s*\]\]\s*(?:#.*)?$")
_KEY = re.compile(r"\s*(?:\"([^\"]+)\"|'([^']+)'|([\w.-]+))\s*=")


def _key_lines(text: str) -> dict[tuple[str, str], int]:
    """Return the line of each (table, key), and of each table under the key ''.

    A reader of lines, not of TOML: it may be misled by text inside multi-line strings, and then
    only a line number is wrong.
    """
    table = ""
    lines: dict[tuple[str, str], int] = {}
    counts: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if array := _ARRAY.match(line):
            name = re.sub(r"[\s\"']", "", array[1])
            counts[name] = counts.get(name, -1) + 1
            table = f"{name}[{counts[name]}]"
            lines.setdefault((table, ""), number)
            parent, _, last = name.rpartition(".")
            lines.setdefault((parent, last), number)
        elif header := _HEADER.match(line):
            table = re.sub(r"[\s\"']", "", header[1])
            lines.setdefault((table, ""), number)
            parent, _, name = table.rpartition(".")
            lines.setdefault((parent, name), number)
        elif key := _KEY.match(line):
            parts = (key[1] or key[2] or key[3]).split(".")
            place = ".".join([table, *parts[:-1]] if table else parts[:-1])
            lines.setdefault((place, parts[-1]), number)
            if len(parts) > 1:
                lines.setdefault((table, parts[0]), number)
    return lines
