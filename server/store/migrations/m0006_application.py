"""State schema, version 6: the web applications of each host, as its agent told them last."""

from __future__ import annotations

SQL = """
CREATE TABLE application (
    agent TEXT NOT NULL,
    application TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    told INTEGER NOT NULL,
    host TEXT NOT NULL,
    opd TEXT NOT NULL,
    state TEXT NOT NULL,
    event TEXT NOT NULL,
    fields TEXT NOT NULL,
    PRIMARY KEY (agent, application)
) WITHOUT ROWID;
"""
