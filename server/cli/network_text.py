"""One address as a page for an analyst."""

from __future__ import annotations

from collections.abc import Sequence

from server.cli import safe
from server.cli.alert_text import section
from server.cli.output import Column, Output, Row, plain, plain_table

_UNITS = ("B", "KB", "MB", "GB", "TB")


def size(value: object) -> str:
    """Return a number of bytes in few characters: ``1.5 MB``. Pure."""
    if not isinstance(value, (int, float)):
        return plain(value)
    amount, unit = float(value), 0
    while amount >= 1000 and unit < len(_UNITS) - 1:
        amount, unit = amount / 1000, unit + 1
    return f"{amount:.0f} {_UNITS[unit]}" if unit == 0 else f"{amount:.1f} {_UNITS[unit]}"


def summary_page(
    found: Row, out: Output, flows: Sequence[Column], findings: Sequence[Column]
) -> str:
    """Return the page, safe for a terminal."""
    hosts = ", ".join(safe.display(plain(host)) for host in found["hosts"]) or "no host"
    parts = [
        out.style(safe.display(plain(found["peer"])), "bold"),
        f"  spoke with {hosts}",
        *section(out, "Asked for or told", (safe.display(name) for name in found["names"])),
        *section(out, "Flows", _table(found["flows"], flows)),
        *section(out, "Findings", _table(found["findings"], findings)),
    ]
    return "\n".join(parts) + "\n"


def _table(rows: Sequence[Row], columns: Sequence[Column]) -> list[str]:
    used = [
        column for column in columns if any(row.get(column.key) not in (None, "") for row in rows)
    ]
    return plain_table(rows, used).splitlines() if rows else []
