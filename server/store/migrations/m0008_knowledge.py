"""State schema, version 8: canaries, registers of protected people, and the bundle for agents."""

from __future__ import annotations

SQL = """
CREATE TABLE canary (
    id TEXT PRIMARY KEY,
    opd TEXT NOT NULL,
    kind TEXT NOT NULL,
    note TEXT NOT NULL,
    marks TEXT NOT NULL,
    shown TEXT NOT NULL,
    created INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    retired INTEGER
) WITHOUT ROWID;
CREATE TABLE canary_place (
    canary TEXT NOT NULL,
    host TEXT NOT NULL,
    path TEXT NOT NULL,
    PRIMARY KEY (canary, host, path)
) WITHOUT ROWID;
CREATE TABLE register (
    name TEXT PRIMARY KEY,
    sha256 TEXT NOT NULL,
    size INTEGER NOT NULL,
    people INTEGER NOT NULL,
    facts TEXT NOT NULL,
    added INTEGER NOT NULL,
    added_by TEXT NOT NULL,
    removed INTEGER
) WITHOUT ROWID;
CREATE TABLE bundle (
    version INTEGER PRIMARY KEY,
    made INTEGER NOT NULL,
    digest TEXT NOT NULL,
    signed BLOB NOT NULL
);
"""
