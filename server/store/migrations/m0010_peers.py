"""State schema, version 10: which hosts talk to a peer, and since when."""

from __future__ import annotations

SQL = """
CREATE TABLE network_peer (
    destination TEXT NOT NULL,
    agent TEXT NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    PRIMARY KEY (destination, agent)
) WITHOUT ROWID;
CREATE INDEX network_peer_agent ON network_peer (agent, last);
INSERT INTO network_peer SELECT destination, agent, at, at FROM network_beacon;
DROP TABLE network_beacon;
"""
