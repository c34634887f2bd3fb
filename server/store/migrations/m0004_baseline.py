"""State schema, version 4: the root of each agent's file baseline that was told last."""

from __future__ import annotations

SQL = """
CREATE TABLE baseline_root (
    agent TEXT NOT NULL PRIMARY KEY,
    epoch INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    root TEXT NOT NULL,
    entries INTEGER NOT NULL,
    broken INTEGER NOT NULL
) WITHOUT ROWID;
"""
