"""Marks for tests that need a real web server; see bench/web_servers.py."""

from __future__ import annotations

import pytest

from bench.web_servers import apache, caddy, free_port, lighttpd, missing, nginx

__all__ = ["apache", "caddy", "free_port", "lighttpd", "needs", "nginx"]


def needs(*servers: str) -> pytest.MarkDecorator:
    """Skip the test, and say why, where one of *servers* is missing."""
    reasons = [reason for server in servers if (reason := missing(server))]
    return pytest.mark.skipif(bool(reasons), reason="; ".join(reasons) or "all are here")
