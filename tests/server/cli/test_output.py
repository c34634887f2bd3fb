"""Tables on screens of any width."""

from __future__ import annotations

import pytest

from server.cli.output import Column, below, fitting, plain_table

COLUMNS = (
    Column(key="id", heading="ID", right=True),
    Column(key="level", heading="LEVEL"),
    Column(key="path", heading="PATH"),
    Column(key="note", heading="NOTE"),
)
ROW = {"id": 7, "level": "critical", "path": "/var/www/html/backup/penduduk.sql", "note": ""}


@pytest.mark.parametrize(
    ("width", "beside"), [(1, 1), (11, 1), (12, 2), (46, 2), (47, 3), (52, 3), (53, 4), (200, 4)]
)
def test_columns_stand_beside_each_other_only_while_they_fit(width: int, beside: int) -> None:
    assert fitting([ROW], COLUMNS, width) == COLUMNS[:beside]


def test_what_does_not_fit_stands_below_whole_and_clean() -> None:
    assert below({**ROW, "note": "a\x1b[2J"}, COLUMNS[2:], 80) == [
        "    /var/www/html/backup/penduduk.sql",
        "    a\\x1b[2J",
    ]
    assert below(ROW, COLUMNS[3:], 80) == []


def test_many_cells_below_a_row_carry_their_headings_and_share_lines() -> None:
    keys = ("reachable", "still_there", "seen", "empty", "path")
    columns = [Column(key=key, heading=key.upper()) for key in keys]
    row = {"reachable": "web_root", "still_there": "yes", "seen": "2026-11-24", "path": "/" * 90}
    assert below(row, columns, 40) == [
        "    REACHABLE web_root  STILL_THERE yes",
        "    SEEN 2026-11-24",
        f"    PATH {'/' * 90}",
    ]


def test_a_huge_cell_moves_only_its_own_row() -> None:
    rows = [{"path": "x" * 100_000, "host": "web1"}, {"path": "/srv", "host": "web2"}]
    columns = [Column(key="path", heading="PATH"), Column(key="host", heading="HOST")]
    lines = plain_table(rows, columns).splitlines()
    assert "x" * 100_000 in lines[1]
    assert len(lines[0]) < 200
    assert len(lines[2]) < 200
