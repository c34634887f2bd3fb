"""State schema, version 5: what hosts have of the packages they installed, to be compared."""

from __future__ import annotations

SQL = """
CREATE TABLE package_digest (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    package TEXT NOT NULL,
    version TEXT NOT NULL,
    listed TEXT NOT NULL,
    agent TEXT NOT NULL,
    host TEXT NOT NULL,
    digest TEXT NOT NULL,
    told INTEGER NOT NULL,
    UNIQUE (package, version, listed, agent)
);
CREATE INDEX package_digest_same ON package_digest (package, version, listed, digest);
CREATE INDEX package_digest_agent ON package_digest (agent, id);
"""
