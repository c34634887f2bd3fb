"""State schema, version 7: what hosts have of packages, each text once and every voice counted."""

from __future__ import annotations

SQL = """
CREATE TABLE package_set (
    id INTEGER PRIMARY KEY,
    package TEXT NOT NULL,
    version TEXT NOT NULL,
    listed TEXT NOT NULL,
    files INTEGER NOT NULL,
    UNIQUE (package, version, listed)
);
CREATE TABLE package_sum (
    id INTEGER PRIMARY KEY,
    package_set INTEGER NOT NULL,
    digest TEXT NOT NULL,
    hosts INTEGER NOT NULL,
    UNIQUE (package_set, digest)
);
CREATE TABLE package_agent (
    id INTEGER PRIMARY KEY,
    agent TEXT NOT NULL UNIQUE,
    host TEXT NOT NULL,
    holds INTEGER NOT NULL
);
CREATE TABLE package_held (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    agent INTEGER NOT NULL,
    package_set INTEGER NOT NULL,
    sum INTEGER NOT NULL,
    told INTEGER NOT NULL,
    UNIQUE (agent, package_set)
);
CREATE INDEX package_held_sum ON package_held (sum, told);
INSERT INTO package_set (package, version, listed, files)
    SELECT DISTINCT package, version, listed, 0 FROM package_digest;
INSERT INTO package_sum (package_set, digest, hosts)
    SELECT s.id, d.digest, count(*) FROM package_digest d
    JOIN package_set s USING (package, version, listed) GROUP BY s.id, d.digest;
INSERT INTO package_agent (agent, host, holds)
    SELECT agent, max(host), count(*) FROM package_digest GROUP BY agent;
INSERT INTO package_held (agent, package_set, sum, told)
    SELECT a.id, s.id, u.id, 2 * d.told FROM package_digest d
    JOIN package_agent a USING (agent)
    JOIN package_set s USING (package, version, listed)
    JOIN package_sum u ON u.package_set = s.id AND u.digest = d.digest
    ORDER BY d.id;
DROP TABLE package_digest;
"""
