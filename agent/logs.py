"""Logging of the agent: nothing that looks like an identifier reaches the journal."""

from __future__ import annotations

import logging
import sys
import threading
from types import TracebackType

from collectors.redact import mask_text, visible

log = logging.getLogger(__name__)


class WallFormatter(logging.Formatter):
    """Masks identifiers in whole records, messages of exceptions and tracebacks included.

    Text of ours is scrubbed already; this is for what libraries and other people's sensors say.
    """

    def __init__(self) -> None:
        """The journal adds the time."""
        super().__init__("%(levelname)s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """See `logging.Formatter`."""
        # Masked before line ends are touched: a private key has many.
        return "\n".join(visible(line) for line in mask_text(super().format(record)).split("\n"))


def configure(level: str) -> None:
    """Log to stderr from *level* on, exceptions that nobody caught included."""
    handler = logging.StreamHandler()
    handler.setFormatter(WallFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    sys.excepthook = _uncaught
    threading.excepthook = _uncaught_in_thread


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    log.critical("ends by an error nobody expected", exc_info=(kind, error, trace))


def _uncaught_in_thread(found: threading.ExceptHookArgs) -> None:
    if found.exc_value is None or issubclass(found.exc_type, SystemExit):
        return
    name = found.thread.name if found.thread else "?"
    log.critical(
        "thread %s ends by an error nobody expected",
        name,
        exc_info=(found.exc_type, found.exc_value, found.exc_traceback),
    )
