"""A collector, an agent with the network sensor and nginx, for `test_network`.

A process of its own, so that `ip netns exec` gives all of them a namespace with a /sys to match.
Usage: python -m tests.system.inside ROOT INTERFACE ADDRESS; ends when its standard input does.
Prints ``ready`` once the sensor watches INTERFACE.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.web_servers import program
from tests.patience import PATIENCE, until
from tests.system.deployment import Deployment

SETTINGS = """[sensors.network]
interfaces = ["{interface}"]
[[sensors.exposure.identifiers]]
name = "medical_record"
pattern = "RM-[0-9]{{6,8}}"
"""
NGINX = """daemon off;
worker_processes 1;
pid {root}/nginx.pid;
error_log {root}/nginx.log;
events {{ worker_connections 64; }}
http {{
  default_type text/csv;
  access_log {root}/access.log;
  client_body_temp_path {root}/t1; proxy_temp_path {root}/t2; fastcgi_temp_path {root}/t3;
  uwsgi_temp_path {root}/t4; scgi_temp_path {root}/t5;
  server {{ listen {address}:80; root {root}/served; }}
}}
"""


@contextmanager
def nginx(root: Path, address: str) -> Iterator[None]:
    """Serve ROOT/served."""
    (root / "served").mkdir(exist_ok=True)
    root.chmod(0o755)
    config = root / "nginx.conf"
    config.write_text(NGINX.format(root=root, address=address))
    words = [program("nginx"), "-c", str(config), "-p", str(root), "-g", "user root;"]
    process = subprocess.Popen(words, stdin=subprocess.DEVNULL)
    try:
        until((root / "nginx.pid").exists, "nginx")
        yield
    finally:
        process.terminate()
        process.wait(PATIENCE)


def main() -> None:
    """See the head of the module."""
    root, interface, address = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    settings = SETTINGS.format(interface=interface)
    with Deployment(root / "d", agent=settings, exposure=False) as here:
        here.install()
        here.start_agent()

        def watching() -> bool:
            sensors = here.agent_status().get("sensors", {})
            told = sensors.get("network", {}).get("coverage", {})
            return bool(interface in str(told.get("interfaces", "")))

        until(watching, "the network sensor")
        with nginx(root, address):
            print("ready", flush=True)
            sys.stdin.read()


if __name__ == "__main__":
    main()
