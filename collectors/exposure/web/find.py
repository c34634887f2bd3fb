"""Finds and reads the configuration of web servers, and has the child read it."""

from __future__ import annotations

import contextlib
import glob
import os
import stat
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import NamedTuple

import msgspec

from collectors.child import BoundedChild, ChildError
from collectors.exposure.web.lines import is_pattern
from collectors.exposure.web.model import (
    APACHE,
    CADDY,
    LIGHTTPD,
    MAX_FILE,
    MAX_FILES,
    MAX_TOTAL,
    NGINX,
    Parse,
    Parsed,
    Problem,
    Site,
)

DEFAULT_CONFIGS = (
    "nginx:/etc/nginx/nginx.conf",
    "nginx:/usr/local/nginx/conf/nginx.conf",
    "nginx:/www/server/nginx/conf/nginx.conf",  # aaPanel
    "apache:/etc/apache2/apache2.conf",
    "apache:/etc/httpd/conf/httpd.conf",
    "apache:/etc/apache2/conf/httpd.conf",  # cPanel
    "apache:/www/server/apache/conf/httpd.conf",
    "apache:/opt/lampp/etc/httpd.conf",  # XAMPP
    "lighttpd:/etc/lighttpd/lighttpd.conf",
    "caddy:/etc/caddy/Caddyfile",
)
_OFF = {
    NGINX: ("sites-available/*", "conf.d/*.disabled", "conf.d/*.off", "conf.d/*.bak"),
    APACHE: ("sites-available/*.conf", "conf.d/*.disabled", "../conf.d/*.disabled"),
    LIGHTTPD: (),
    CADDY: (),
}
"""Where sites stand that are switched off, seen from the main file."""
SERVERS = tuple(_OFF)
_MOST_NAMES = 10 * MAX_FILES
"""Names that one pattern may give."""
_ROUNDS = 25
_TIMEOUT = 20.0
_PARSED = msgspec.msgpack.Decoder(Parsed)


class Found(NamedTuple):
    """All that was read."""

    sites: tuple[Site, ...] = ()
    problems: tuple[Problem, ...] = ()
    print: frozenset[tuple[str, int, int, int]] = frozenset()
    """Changes when a file changes, comes or goes."""


class Reading:
    """One reading of one server's configuration."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: dict[str, None] = {}
        self.problems: list[Problem] = []
        self._total = 0

    def read(self, patterns: Iterable[str]) -> None:
        """Read what fits *patterns* and was not read before."""
        for pattern in patterns:
            self.asked[pattern] = None
            if closed_to_us(pattern):
                self.problems.append(Problem(pattern, 0, "unreadable: its folder is closed"))
            for path in expand(pattern):
                if path not in self.files:
                    self._read(path)

    def _read(self, path: str) -> None:
        if len(self.files) >= MAX_FILES or self._total >= MAX_TOTAL:
            self.problems.append(Problem(path, 0, "not read: there are too many files"))
            return
        try:
            data = read_bounded(path, MAX_FILE)
        except FileNotFoundError:
            return
        except OSError as error:
            reason = os.strerror(error.errno or 0)
            self.problems.append(Problem(path, 0, f"unreadable: {reason}"))
            return
        if data is None:
            self.problems.append(Problem(path, 0, f"not read: over {MAX_FILE} bytes"))
            return
        self.files[path] = data
        self._total += len(data)


def read_bounded(path: str, limit: int) -> bytes | None:
    """Return the content of a regular file, None when it has more than *limit* bytes.

    Raises:
        OSError: it cannot be read, or is no regular file.
    """
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
    descriptor = os.open(path.encode("latin-1"), flags)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise FileNotFoundError(path)
        data = b""
        while len(data) <= limit:
            chunk = os.read(descriptor, limit + 1 - len(data))
            if not chunk:
                return data
            data += chunk
        return None
    finally:
        os.close(descriptor)


def expand(pattern: str) -> list[str]:
    """Return the files that fit *pattern*; a folder stands for the files in it."""
    raw = pattern.encode("latin-1")
    names = sorted(islice(glob.iglob(raw), _MOST_NAMES)) if is_pattern(pattern) else [raw]
    found: list[bytes] = []
    for name in names[:MAX_FILES]:
        if os.path.isdir(name):
            if not is_pattern(pattern):
                with contextlib.suppress(OSError):
                    found += (os.path.join(name, one) for one in sorted(os.listdir(name)))
        else:
            found.append(name)
    return [name.decode("latin-1") for name in found]


def closed_to_us(pattern: str) -> bool:
    """Tell whether we may not see what fits *pattern*: that it is not there is no news then."""
    place = pattern
    while is_pattern(place):
        place = os.path.dirname(place)
    raw = place.encode("latin-1")
    try:
        if stat.S_ISDIR(os.stat(raw).st_mode):
            os.scandir(raw).close()
    except PermissionError:
        return True
    except (OSError, ValueError):
        return False
    return False


def split(config: str) -> tuple[str, str]:
    """Return server and path of a setting such as ``nginx:/etc/nginx/nginx.conf``.

    Raises:
        ValueError: it is not of this form.
    """
    server, _, path = config.partition(":")
    if server not in SERVERS or not path.startswith("/"):
        raise ValueError(f"{config!r} is not SERVER:/PATH with one of {', '.join(SERVERS)}")
    return server, path


def find(configs: Sequence[str], child: BoundedChild) -> Found:
    """Read all *configs* that exist."""
    sites: list[Site] = []
    problems: list[Problem] = []
    seen: dict[str, None] = {}
    for config in configs:
        server, path = split(config)
        main = os.fsencode(path).decode("latin-1")
        if not os.path.lexists(path):
            seen[main] = None
            if closed_to_us(main):
                problems.append(Problem(main, 0, "unreadable: its folder is closed"))
            continue
        reading, parsed = _load(server, main, child, enabled=True)
        sites += parsed.sites
        problems += (*parsed.problems, *reading.problems)
        seen.update(reading.asked)
        used = {os.path.realpath(name.encode("latin-1")) for name in reading.files}
        for pattern in _OFF[server]:
            place = os.path.join(os.path.dirname(main), pattern)
            seen[place] = None
            for name in expand(place):
                if os.path.realpath(name.encode("latin-1")) not in used:
                    sites += _load(server, name, child, enabled=False)[1].sites
    return Found(tuple(sites), tuple(problems), fingerprint(seen))


def patterns_of(found: Found) -> list[str]:
    """Return what `find` asked for, to tell later whether it would say the same."""
    return sorted({name for name, *_ in found.print if not name.startswith("=")})


def _load(server: str, main: str, child: BoundedChild, *, enabled: bool) -> tuple[Reading, Parsed]:
    reading = Reading()
    reading.read([main])
    parsed = Parsed()
    for _ in range(_ROUNDS):
        request = Parse(
            server=server,
            main=main,
            files=reading.files,
            missing=tuple(reading.asked),
            enabled=enabled,
        )
        try:
            parsed = _PARSED.decode(child.call(msgspec.msgpack.encode(request), (), _TIMEOUT))
        except ChildError as error:
            reading.problems.append(Problem(main, 0, f"not understood: {error}"))
            return reading, parsed
        needs = [pattern for pattern in parsed.needs if pattern not in reading.asked]
        if not needs:
            return reading, parsed
        reading.read(needs)
    reading.problems.append(Problem(main, 0, "includes are nested too deeply"))
    return reading, parsed


def fingerprint(patterns: Iterable[str]) -> frozenset[tuple[str, int, int, int]]:
    """Return what changes when a file that fits *patterns* changes, comes or goes."""
    found: set[tuple[str, int, int, int]] = set()
    for pattern in patterns:
        found.add((pattern, 0, 0, 0))
        for name in expand(pattern):
            try:
                status = os.stat(name.encode("latin-1"))
            except OSError:
                continue
            found.add((f"={name}", status.st_ino, status.st_size, status.st_mtime_ns))
    return frozenset(found)
