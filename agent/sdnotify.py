"""Talking to systemd: one datagram per message (sd_notify(3)). Silent without systemd."""

from __future__ import annotations

import os
import socket
import time


class Notifier:
    """Sends to ``NOTIFY_SOCKET``; the variable is read once and kept from children."""

    def __init__(self) -> None:
        """Read the environment."""
        address = os.environ.pop("NOTIFY_SOCKET", "")
        # '@' stands for the abstract namespace.
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self.watchdog_seconds = self._watchdog()

    @staticmethod
    def _watchdog() -> float | None:
        """Return WatchdogSec=, None when it is off or meant for another process."""
        usec, pid = os.environ.pop("WATCHDOG_USEC", ""), os.environ.pop("WATCHDOG_PID", "")
        if not usec.isdigit() or (pid and pid != str(os.getpid())):
            return None
        return int(usec) / 1e6

    def send(self, *lines: str) -> None:
        """Send *lines*; a service manager that does not listen is no reason to stop."""
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
                sock.settimeout(1.0)
                sock.sendto("\n".join(lines).encode("utf-8", "replace"), self._address)
        except OSError:
            return

    def ready(self, status: str) -> None:
        """Say that the service works."""
        self.send("READY=1", f"STATUS={_one_line(status)}")

    def status(self, text: str) -> None:
        """Set the line that ``systemctl status`` shows."""
        self.send(f"STATUS={_one_line(text)}")

    def watchdog(self) -> None:
        """Say that the main loop lives."""
        if self.watchdog_seconds is not None:
            self.send("WATCHDOG=1")

    def reloading(self) -> None:
        """Say that the configuration is read again (Type=notify-reload wants the time)."""
        self.send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """Say that the service ends."""
        self.send("STOPPING=1")


def _one_line(text: str) -> str:
    return " ".join(text.split())[:400]
