"""State schema, version 3: how many live alerts a rule has on one agent is asked for each."""

from __future__ import annotations

SQL = """
CREATE INDEX alert_place ON alert(agent, rule) WHERE status <> 'closed';
"""
