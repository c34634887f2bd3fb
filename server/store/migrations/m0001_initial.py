"""State schema, version 1. Times are ns since 1970, UTC; ``opd`` is in every table of hosts."""

from __future__ import annotations

SQL = """
CREATE TABLE agent (
    id TEXT PRIMARY KEY,
    host TEXT NOT NULL,
    host_id TEXT NOT NULL DEFAULT '',
    boot_id TEXT NOT NULL DEFAULT '',
    opd TEXT NOT NULL,
    version TEXT NOT NULL DEFAULT '',
    address TEXT NOT NULL DEFAULT '',
    enrolled INTEGER NOT NULL,
    last_seen INTEGER,
    epoch INTEGER NOT NULL DEFAULT 0,
    last_assigned INTEGER NOT NULL DEFAULT 0,
    pending INTEGER NOT NULL DEFAULT 0,
    healthy INTEGER NOT NULL DEFAULT 1,
    problems TEXT NOT NULL DEFAULT '[]',
    coverage TEXT NOT NULL DEFAULT '{}',
    skew REAL NOT NULL DEFAULT 0,
    silent_since INTEGER,
    cloned INTEGER NOT NULL DEFAULT 0,
    revoked INTEGER
);
CREATE TABLE certificate (
    serial TEXT PRIMARY KEY,
    agent TEXT NOT NULL REFERENCES agent(id),
    opd TEXT NOT NULL,
    not_before INTEGER NOT NULL,
    not_after INTEGER NOT NULL,
    revoked INTEGER,
    reason TEXT
);
CREATE INDEX certificate_agent ON certificate(agent);
CREATE TABLE token (
    hash TEXT PRIMARY KEY,
    opd TEXT NOT NULL,
    host TEXT,
    created INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    expires INTEGER NOT NULL,
    used INTEGER,
    used_by TEXT
);
CREATE TABLE alert (
    id INTEGER PRIMARY KEY,
    dedup TEXT NOT NULL,
    rule TEXT NOT NULL,
    title TEXT NOT NULL,
    level TEXT NOT NULL CHECK (level IN ('informational','low','medium','high','critical')),
    stage TEXT NOT NULL DEFAULT 'stable',
    status TEXT NOT NULL DEFAULT 'open' CHECK (status IN ('open','acknowledged','closed')),
    opd TEXT NOT NULL,
    agent TEXT NOT NULL,
    host TEXT NOT NULL,
    entity_field TEXT NOT NULL,
    entity TEXT NOT NULL,
    first_seen INTEGER NOT NULL,
    last_seen INTEGER NOT NULL,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    count INTEGER NOT NULL DEFAULT 1,
    first_event TEXT NOT NULL,
    last_event TEXT NOT NULL,
    fields TEXT NOT NULL,
    tags TEXT NOT NULL DEFAULT '[]'
);
CREATE UNIQUE INDEX alert_live ON alert(dedup) WHERE status <> 'closed';
CREATE INDEX alert_dedup ON alert(dedup);
CREATE INDEX alert_updated ON alert(updated);
CREATE TABLE alert_event (
    alert INTEGER NOT NULL REFERENCES alert(id),
    event TEXT NOT NULL,
    observed INTEGER NOT NULL,
    PRIMARY KEY (alert, event)
) WITHOUT ROWID;
CREATE TABLE alert_history (
    id INTEGER PRIMARY KEY,
    alert INTEGER NOT NULL REFERENCES alert(id),
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    note TEXT NOT NULL DEFAULT ''
);
CREATE INDEX alert_history_alert ON alert_history(alert);
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY,
    alert INTEGER REFERENCES alert(id),
    channel TEXT NOT NULL,
    reason TEXT NOT NULL,
    created INTEGER NOT NULL,
    due INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    status TEXT NOT NULL DEFAULT 'pending'
        CHECK (status IN ('pending','delivered','failed','merged')),
    error TEXT NOT NULL DEFAULT '',
    delivered INTEGER,
    UNIQUE (alert, channel, reason)
);
CREATE INDEX outbox_due ON outbox(status, due);
CREATE TABLE rule (
    id TEXT PRIMARY KEY,
    title TEXT NOT NULL,
    level TEXT NOT NULL,
    stage TEXT NOT NULL,
    version INTEGER NOT NULL,
    source TEXT NOT NULL,
    hits INTEGER NOT NULL DEFAULT 0,
    last_hit INTEGER,
    cost_ns INTEGER NOT NULL DEFAULT 0,
    events INTEGER NOT NULL DEFAULT 0,
    error TEXT NOT NULL DEFAULT ''
);
CREATE TABLE cursor (
    name TEXT PRIMARY KEY,
    day TEXT NOT NULL,
    row INTEGER NOT NULL
);
CREATE TABLE audit (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL DEFAULT ''
);
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
"""
