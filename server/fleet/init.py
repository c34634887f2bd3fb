"""``ronda server init`` and ``ronda server check``: what must be there before the first start."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import sqlite3
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec

from server.config import Listen, ServerConfig
from server.fleet.ca import Authority, Validity, validity_of, write_private
from server.store import days
from server.store.state import StateStore

DAY = 86_400 * 10**9
_RENEW_BEFORE = 60 * DAY
_KEY_BYTES = 32


class InitError(Exception):
    """The state directory cannot be initialised; ``str()`` says what to do."""


class InitResult(msgspec.Struct, frozen=True, kw_only=True):
    """What `initialise` did."""

    created: tuple[str, ...]
    """Paths made now; empty when everything was there."""
    fingerprint: str
    """SHA-256 of the CA certificate, lower-case hex."""
    enroll_url: str
    agent_url: str


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One line of ``ronda server check``."""

    level: Literal["error", "warning"]
    text: str
    """What is wrong and what to do."""


def initialise(config: ServerConfig, now: int | None = None) -> InitResult:
    """Make what is missing in the state directory; nothing secret is ever overwritten.

    The server's certificate is made anew when the names in the settings have changed or when it
    ends within 60 days.

    Raises:
        InitError: something is half there or damaged.
        OSError, sqlite3.Error: the directory cannot be used.
    """
    moment = time.time_ns() if now is None else now
    created: list[Path] = []
    for directory in (
        config.state_dir,
        config.ca_dir,
        config.events_dir,
        config.registers_dir,
    ):
        if not directory.exists():
            directory.mkdir(mode=0o700, parents=True)
            created.append(directory)
    authority = _authority(config.ca_dir, moment, created)
    if not _server_certificate_good(config, moment):
        authority.issue_server(config.ca_dir, config.names, moment)
        created += [config.ca_dir / "server.key", config.ca_dir / "server.crt"]
    if not (config.ca_dir / "bundle.key").exists():
        authority.signer(config.ca_dir, moment)
        created.append(config.ca_dir / "bundle.key")
    for name in ("fleet.key", "collector.key"):
        if not (config.state_dir / name).exists():
            write_private(config.state_dir / name, secrets.token_bytes(_KEY_BYTES))
            created.append(config.state_dir / name)
    if not config.state_db.exists():
        created.append(config.state_db)
    StateStore.open(config.state_db).close()
    _give_to_owner(config.state_dir)
    return InitResult(
        created=tuple(map(str, created)),
        fingerprint=authority.fingerprint,
        enroll_url=config.enroll_url,
        agent_url=config.agent_url,
    )


def _authority(directory: Path, now: int, created: list[Path]) -> Authority:
    files = [directory / "ca.key", directory / "ca.crt"]
    present = [file for file in files if file.exists()]
    if not present:
        created += files
        return Authority.create(directory, now)
    if len(present) == 1:
        (missing,) = set(files) - set(present)
        raise InitError(f"{missing} is missing but {present[0]} is there: restore it from a backup")
    try:
        return Authority.load(directory)
    except ValueError as error:
        raise InitError(f"{error}: restore {directory} from a backup") from error


def _server_certificate_good(config: ServerConfig, now: int) -> bool:
    try:
        found = validity_of(config.ca_dir / "server.crt")
        _load_pair(config.ca_dir)
    except (OSError, ValueError):
        return False
    return set(config.names) <= found.names and found.not_after - now > _RENEW_BEFORE


def _load_pair(directory: Path) -> None:
    """Check that server.key and server.crt belong together.

    Raises:
        OSError, ssl.SSLError: they do not, or cannot be read.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "server.crt", directory / "server.key")


def _give_to_owner(directory: Path) -> None:
    """Let the files belong to the directory's owner when root made them for a service user."""
    if os.geteuid() != 0:
        return
    owner = directory.stat()
    for path in (directory, *directory.rglob("*")):
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def check(config: ServerConfig, now: int | None = None) -> list[Problem]:
    """Return what would keep the collector from working, or soon will; empty when all is well."""
    moment = time.time_ns() if now is None else now
    if not (config.ca_dir / "ca.crt").exists():
        text = f"{config.state_dir} is not initialised: run ronda server init"
        return [Problem(level="error", text=text)]
    problems = [Problem(level="error", text=text) for text in _key_problems(config)]
    problems += _certificate_problems(config, moment)
    problems += [Problem(level="error", text=text) for text in _mode_problems(config)]
    problems += [Problem(level="error", text=text) for text in _port_problems(config)]
    problems += _disk_problems(config)
    problems += _store_problems(config, moment)
    return problems


def _key_problems(config: ServerConfig) -> Iterator[str]:
    for name in ("fleet.key", "collector.key"):
        path = config.state_dir / name
        try:
            size = path.stat().st_size
        except OSError as error:
            yield f"{path}: {error.strerror}: restore it from a backup, or run ronda server init"
            continue
        if size != _KEY_BYTES:
            yield f"{path} has {size} bytes, expected {_KEY_BYTES}: restore it from a backup"
    try:
        Authority.load(config.ca_dir)
        _load_pair(config.ca_dir)
    except (OSError, ValueError) as error:
        yield f"{config.ca_dir}: {error}: restore it from a backup, or run ronda server init"


def _certificate_problems(config: ServerConfig, now: int) -> list[Problem]:
    problems = []
    for name, remedy in (
        ("ca.crt", "every agent must be enrolled again with a new CA"),
        ("server.crt", "run ronda server init and restart the collector"),
    ):
        path = config.ca_dir / name
        try:
            found = validity_of(path)
        except (OSError, ValueError):
            continue  # said by _key_problems
        problems += _date_problems(path, found, now, remedy)
        missing = sorted(set(config.names) - found.names)
        if name == "server.crt" and missing:
            text = f"{path} does not name {', '.join(missing)}: {remedy}"
            problems.append(Problem(level="error", text=text))
    return problems


def _date_problems(path: Path, found: Validity, now: int, remedy: str) -> list[Problem]:
    left = (found.not_after - now) // DAY
    if now < found.not_before:
        text = f"{path} is not valid yet: check this host's clock"
        return [Problem(level="error", text=text)]
    if left < 0:
        return [Problem(level="error", text=f"{path} ended {-left} days ago: {remedy}")]
    if left < 30:
        return [Problem(level="warning", text=f"{path} ends in {left} days: {remedy}")]
    return []


def _mode_problems(config: ServerConfig) -> Iterator[str]:
    private = [config.state_dir, config.ca_dir, config.events_dir, config.state_db]
    private += [config.state_dir / name for name in ("fleet.key", "collector.key")]
    private += [config.ca_dir / name for name in ("ca.key", "server.key", "bundle.key")]
    for path in private:
        if path.exists() and path.stat().st_mode & 0o077:
            wanted = "0700" if path.is_dir() else "0600"
            yield f"{path} is open to other users: chmod {wanted} {path}"


def _port_problems(config: ServerConfig) -> Iterator[str]:
    try:
        ours = validity_of(config.ca_dir / "server.crt").der
    except (OSError, ValueError):
        return
    for key, listen in (("agent", config.agent_listen), ("enroll", config.enroll_listen)):
        try:
            with _bound(listen):
                continue
        except OSError as error:
            if not _answers_as(listen, ours):
                yield (
                    f"{key}_listen {listen.host}:{listen.port}: {error.strerror}: stop the program"
                    " that uses it (ss -ltnp), or choose another port"
                )


def _bound(listen: Listen) -> socket.socket:
    family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
    found = socket.socket(family, socket.SOCK_STREAM)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(listen)
        found.listen(1)
    except BaseException:
        found.close()
        raise
    return found


def _answers_as(listen: Listen, certificate: bytes) -> bool:
    """Say whether the program on the port shows our certificate."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(listen.host, listen.host)  # noqa: S104 - the other way
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # only compared, byte by byte
    try:
        with (
            socket.create_connection((host, listen.port), timeout=5) as plain,
            context.wrap_socket(plain) as tls,
        ):
            return tls.getpeercert(True) == certificate
    except OSError:
        return False


def disk_percent(path: Path) -> float:
    """Return how full the file system of *path* is for ordinary users, 0 to 100."""
    found = os.statvfs(path)
    used = found.f_blocks - found.f_bfree
    usable = used + found.f_bavail
    return 100.0 * used / usable if usable else 100.0


def _disk_problems(config: ServerConfig) -> list[Problem]:
    percent = disk_percent(config.state_dir)
    store = config.store
    if percent < store.warn_percent:
        return []
    free = shutil.disk_usage(config.state_dir).free >> 20
    what = f"{config.state_dir}: the disk is {percent:.0f} % full ({free} MiB free)"
    if percent >= store.stop_percent:
        text = f"{what}; no event is accepted: free space or lower store.retention_days"
        return [Problem(level="error", text=text)]
    text = f"{what}; at {store.stop_percent:g} % events are refused: free space soon"
    return [Problem(level="warning", text=text)]


def _store_problems(config: ServerConfig, now: int) -> list[Problem]:
    problems = []
    try:
        if not config.state_db.exists():  # opening would make one that knows no agent
            raise FileNotFoundError("it is gone, with all agents and alerts")
        StateStore.open(config.state_db).close()
    except (OSError, sqlite3.Error) as error:
        text = f"{config.state_db}: {error}: restore it from a backup"
        problems.append(Problem(level="error", text=text))
    newest = days.list_days(config.events_dir)[-1:]
    if newest and newest[0] > days.day_of(now + DAY):
        text = (
            f"{config.events_dir}/{newest[0]}.db lies in the future: check this host's clock;"
            " new events go into it until that day"
        )
        problems.append(Problem(level="warning", text=text))
    for damaged in sorted(config.events_dir.glob("*.db.damaged-*")):
        if not damaged.name.endswith(("-wal", "-shm")):
            text = f"{damaged} was set aside as damaged: restore that day from a backup"
            problems.append(Problem(level="warning", text=text))
    return problems
