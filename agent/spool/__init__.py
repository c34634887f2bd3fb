"""The durable, bounded queue of events that the collector has not acknowledged."""

from __future__ import annotations

from agent.spool.database import NewerFormat
from agent.spool.records import Pending, SpoolStatus
from agent.spool.spool import Spool
from agent.spool.work import SpoolClosed

__all__ = ["NewerFormat", "Pending", "Spool", "SpoolClosed", "SpoolStatus"]
