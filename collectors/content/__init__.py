"""Looks inside bytes. Runs only inside a bounded child (`collectors.content.worker`).

`Match` is the only thing that holds a matched value; it never leaves the child. What crosses the
pipe is a `collectors.content.result.ScanResult`, whose values are masked and tokenised.
"""

from __future__ import annotations

from collectors.content.match import Match

__all__ = ["Match"]
