"""What must not happen: what anybody can download counts as harmless, what is shut as critical."""

from __future__ import annotations

import pytest

from bench import web_servers
from bench.exposure_web import TREES, run


@pytest.mark.parametrize("server", sorted(TREES))
def test_severities_of_a_whole_tree(server: str) -> None:
    if reason := web_servers.missing(server):
        pytest.skip(reason)
    rows = run((server,), seed=7)
    assert [row for row in rows if row.asked != row.expected] == []
    agreed = sum(row.read == row.expected for row in rows)
    assert agreed >= 0.9 * len(rows), [row for row in rows if row.read != row.expected]


def test_the_tree_is_large_and_varied() -> None:
    files = [file for tree in TREES.values() for file in tree]
    assert len(files) >= 60
    states = {file.state for file in files}
    assert states == {"open", "perhaps", "shut", "locked", "run"}
