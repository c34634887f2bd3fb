from __future__ import annotations

import pytest

from server.cli.network_text import size, summary_page
from server.cli.output import Column, Output

COLUMNS = (Column(key="peer", heading="PEER"), Column(key="port", heading="PORT"))


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0 B"), (999, "999 B"), (1500, "1.5 KB"), (2_000_000, "2.0 MB"), (10**16, "10000.0 TB")],
)
def test_sizes(number: int, text: str) -> None:
    assert size(number) == text


def test_a_page_of_nothing_and_a_hostile_one() -> None:
    empty = {"peer": "192.0.2.1", "hosts": [], "names": [], "flows": [], "findings": []}
    assert summary_page(empty, Output(color=False), COLUMNS, COLUMNS) == (
        "192.0.2.1\n  spoke with no host\n"
    )
    bad = {
        **empty,
        "hosts": ["\x1b[2J"],
        "names": ["\u202e"],
        "flows": [{"peer": "\x1b", "port": 1}],
    }
    page = summary_page(bad, Output(color=False), COLUMNS, COLUMNS)
    assert "\x1b" not in page
    assert "\u202e" not in page
    assert "PORT" in page
