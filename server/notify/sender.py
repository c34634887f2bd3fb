"""The program that talks to notification services, one process per channel.

A service may hang for ever in a place that no timeout of ours reaches; a process can be killed,
a thread cannot. Requests and answers are JSON lines on stdin and stdout. The address of the
service is a secret: it comes by pipe, is never an argument, and is cut out of every error.
"""

from __future__ import annotations

import io
import json
import logging
import re
import sys
from typing import Any
from urllib.parse import unquote

MAX_ERROR = 200
"""Characters of an error."""

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S+")
_PIECE = re.compile(r"[^/:@?&=,;\s]{5,}")


def main() -> int:
    """Answer requests until stdin ends."""
    warm_up()
    for line in sys.stdin:
        request = json.loads(line)
        answer = deliver(**request)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
    return 0


def warm_up() -> None:
    """Load what the first message needs: two seconds that an alert should not wait for."""
    import apprise

    apprise.Apprise().add("json://localhost")  # apprise finds its plug-ins at the first address


def deliver(url: str, title: str, body: str, type: str) -> dict[str, Any]:  # noqa: A002 - apprise's word
    """Send one message; return ``ok`` and ``error``."""
    import apprise

    log = io.StringIO()
    handler = logging.StreamHandler(log)
    handler.setLevel(logging.WARNING)
    logger = logging.getLogger("apprise")
    logger.addHandler(handler)
    try:
        # A fresh object for each message: one that is kept waits 5.5 s between two.
        service = apprise.Apprise(asset=apprise.AppriseAsset(async_mode=False, app_id="Ronda"))
        if not service.add(url):
            return {"ok": False, "error": "the url is not one that apprise knows"}
        for plugin in service:
            plugin.request_rate_per_sec = 0
        result = service.notify(title=title, body=body, notify_type=type, body_format="text")
    finally:
        logger.removeHandler(handler)
    if result:
        return {"ok": True, "error": ""}
    lines = log.getvalue().splitlines()
    return {"ok": False, "error": conceal(lines[0] if lines else "not accepted", url)}


def conceal(error: str, url: str) -> str:
    """Return *error* without addresses and without any part of *url*. Pure."""
    text = _URL.sub("***", error)
    for piece in sorted(set(_PIECE.findall(url)) | set(_PIECE.findall(unquote(url))), key=len):
        text = text.replace(piece, "***")
    return text[:MAX_ERROR]


if __name__ == "__main__":
    sys.exit(main())
