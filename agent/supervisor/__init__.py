"""Keeps the sensors and the transport running, and says how they are."""

from __future__ import annotations

from agent.supervisor.lock import AlreadyRunning
from agent.supervisor.service import Supervisor

__all__ = ["AlreadyRunning", "Supervisor"]
