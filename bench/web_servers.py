"""Real web servers for measurements and tests: on loopback, with a configuration of one's own.

Taken from PATH, /usr/sbin, or the folder in RONDA_TEST_SERVERS, into which `scripts/web_servers`
unpacks Debian's packages without installing them.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_UNPACKED = Path(os.environ.get("RONDA_TEST_SERVERS", "/nonexistent"))
_PLACES = os.pathsep.join(
    (
        os.environ.get("PATH", ""),
        "/usr/sbin",
        *(str(_UNPACKED / "usr" / name) for name in ("sbin", "bin")),
    )
)


PROGRAMS = {"nginx": "nginx", "apache": "apache2", "lighttpd": "lighttpd", "caddy": "caddy"}


def missing(server: str) -> str:
    """Return the sentence that says that *server* is not here; empty when it is."""
    if shutil.which(PROGRAMS[server], path=_PLACES) is not None:
        return ""
    return f"there is no {PROGRAMS[server]} here: scripts/web_servers DIRECTORY brings it"


def program(name: str) -> str:
    """Return where *name* is.

    Raises:
        FileNotFoundError: nowhere.
    """
    found = shutil.which(name, path=_PLACES)
    if found is None:
        raise FileNotFoundError(name)
    return found


def unpacked(path: str) -> str:
    """Return *path*, or the same in the folder of unpacked packages."""
    there = _UNPACKED / path.lstrip("/")
    return str(there) if there.exists() else path


def stock(folder: str) -> Path | None:
    """Return where an unpacked package has put *folder*, None when there is none."""
    there = _UNPACKED / folder.lstrip("/")
    return there if there.is_dir() else None


def free_port() -> int:
    """Return a port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def started(command: list[str], ports: list[int], log: Path) -> Iterator[None]:
    """Run a server in the foreground until the block ends."""
    libraries = ":".join(
        str(path) for path in (_UNPACKED / "usr/lib/x86_64-linux-gnu",) if path.exists()
    )
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "HOME": str(log.parent)}
    if libraries:
        environment["LD_LIBRARY_PATH"] = libraries
    with open(log, "ab") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment
        )
    try:
        for port in ports:
            _wait(port, process, log)
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise AssertionError(f"the server does not listen: {log.read_text()[-2000:]}")


@contextmanager
def nginx(folder: Path, servers: str, ports: list[int]) -> Iterator[Path]:
    """Run nginx with the server blocks *servers*; yield the main configuration."""
    binary = program("nginx")
    (folder / "run").mkdir(parents=True, exist_ok=True)
    main = folder / "nginx.conf"
    temp = "".join(
        f"    {name}_temp_path {folder}/run/{name};\n"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "sites.conf").write_text(servers)
    user = "user root;\n" if os.geteuid() == 0 else ""
    main.write_text(
        f"{user}daemon off;\nworker_processes 1;\npid {folder}/run/nginx.pid;\n"
        f"error_log stderr;\nevents {{ worker_connections 64; }}\n"
        f"http {{\n    access_log {folder}/access.log;\n{temp}    include sites.conf;\n}}\n"
    )
    command = [binary, "-p", str(folder), "-c", str(main), "-e", "stderr"]
    with started(command, ports, folder / "server.log"):
        yield main


_MODULES = (
    *("mpm_event", "authz_core", "authz_host", "access_compat", "authn_core", "authn_file"),
    *("auth_basic", "authz_user", "mime", "alias", "dir", "autoindex", "rewrite", "cgid"),
)


@contextmanager
def apache(folder: Path, settings: str, ports: list[int]) -> Iterator[Path]:
    """Run Apache with the lines *settings*; yield the main configuration."""
    binary = program("apache2")
    modules = Path(unpacked("/usr/lib/apache2/modules"))
    (folder / "run").mkdir(parents=True, exist_ok=True)
    loads = "".join(
        f"LoadModule {name}_module {modules}/mod_{name}.so\n"
        for name in _MODULES
        if (modules / f"mod_{name}.so").exists()
    )
    listens = "".join(f"Listen 127.0.0.1:{port}\n" for port in ports)
    user = "User nobody\nGroup nogroup\n" if os.geteuid() == 0 else ""
    main = folder / "apache2.conf"
    (folder / "mime.types").write_text("text/html html\ntext/plain txt sql csv\n")
    (folder / "sites.conf").write_text(settings)
    main.write_text(
        f"ServerRoot {folder}\nPidFile {folder}/run/httpd.pid\nDefaultRuntimeDir {folder}/run\n"
        f"ErrorLog {folder}/error.log\nServerName localhost\n{loads}{user}{listens}"
        f"TypesConfig {folder}/mime.types\nScriptSock {folder}/run/cgi\n"
        f"<Directory />\n    AllowOverride None\n    Require all denied\n</Directory>\n"
        f"IncludeOptional sites.con[f]\n"
    )
    command = [binary, "-f", str(main), "-DFOREGROUND"]
    with started(command, ports, folder / "server.log"):
        yield main


@contextmanager
def lighttpd(folder: Path, settings: str, port: int) -> Iterator[Path]:
    """Run lighttpd with the lines *settings*; yield the main configuration."""
    binary = program("lighttpd")
    (folder / "run").mkdir(parents=True, exist_ok=True)
    modules = unpacked("/usr/lib/lighttpd")
    main = folder / "lighttpd.conf"
    (folder / "sites.conf").write_text(settings)
    main.write_text(
        'server.modules = ("mod_access", "mod_alias", "mod_redirect", "mod_rewrite")\n'
        f'server.port = {port}\nserver.bind = "127.0.0.1"\n'
        f'server.errorlog = "{folder}/error.log"\nserver.upload-dirs = ("{folder}/run")\n'
        f'include "sites.conf"\n'
    )
    with started([binary, "-D", "-f", str(main), "-m", modules], [port], folder / "server.log"):
        yield main


@contextmanager
def caddy(folder: Path, settings: str, ports: list[int]) -> Iterator[Path]:
    """Run Caddy with the site blocks *settings*; yield the Caddyfile."""
    binary = program("caddy")
    folder.mkdir(parents=True, exist_ok=True)
    main = folder / "Caddyfile"
    main.write_text(f"{{\n    admin off\n    auto_https off\n}}\n{settings}")
    command = [binary, "run", "--config", str(main), "--adapter", "caddyfile"]
    with started(command, ports, folder / "server.log"):
        yield main
