"""What alerts about the network call their facts. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from server.alerts.catalog import N_

LABELS: Mapping[str, str] = {
    "peer": N_("Other end"),
    "destination": N_("Destination address"),
    "port": N_("Port"),
    "protocol": N_("Protocol"),
    "account": N_("Account"),
    "about": N_("Estimate for the whole"),
    "finding": N_("Finding"),
    "named": N_("About"),
    "tries": N_("Times"),
    "texts": N_("Example"),
    "process": N_("Program"),
    "fleet": N_("Servers"),
    "known": N_("First seen"),
}
"""Name of a fact to its label."""
