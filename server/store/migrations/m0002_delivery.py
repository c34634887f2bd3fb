"""State schema, version 2: what ``ronda delivery`` needs, and notes for the event log."""

from __future__ import annotations

SQL = """
CREATE TABLE agent_epoch (
    agent TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    last_assigned INTEGER NOT NULL,
    first_seen INTEGER NOT NULL,
    last_seen INTEGER NOT NULL,
    PRIMARY KEY (agent, epoch)
) WITHOUT ROWID;
CREATE TABLE note (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    record TEXT NOT NULL
);
"""
