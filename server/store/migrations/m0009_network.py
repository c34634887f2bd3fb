"""State schema, version 9: what several hosts tell of one source, or of one destination."""

from __future__ import annotations

SQL = """
CREATE TABLE network_contact (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    source TEXT NOT NULL,
    agent TEXT NOT NULL,
    host TEXT NOT NULL,
    begin INTEGER NOT NULL,
    until INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    answered INTEGER NOT NULL,
    ports TEXT NOT NULL
);
CREATE INDEX network_contact_source ON network_contact (source, until);
CREATE TABLE network_sweep (
    source TEXT PRIMARY KEY,
    told INTEGER NOT NULL,
    hosts INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE network_beacon (
    destination TEXT NOT NULL,
    agent TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (destination, agent)
) WITHOUT ROWID;
"""
