"""What must not happen: a split fleet that nobody sees, or a verdict where there is none."""

from __future__ import annotations

from typing import Any

import pytest

from server.cli.errors import BadRequest
from server.detect.consensus import Claim, Consensus
from tests.server.api.collector import Collector


def told(collector: Collector, version: str, digests: str) -> None:
    """Let hosts tell of one version, each by a letter of *digests*."""
    consensus = Consensus(collector.state)
    with collector.state.transaction():
        for number, digest in enumerate(digests):
            agent = consensus._agent(f"agent-{number}", f"web{number}")
            consensus._keep(agent, Claim("nginx:amd64", version, "1", digest, 7))


def rows(collector: Collector, **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = collector.client.get("/v1/packages/compare", **query)["digests"]
    return found


def test_what_is_the_same_everywhere_is_not_listed(collector: Collector) -> None:
    told(collector, "1.0", "aaaa")
    assert rows(collector) == []
    assert "every version has the same files" in collector.call("packages", "compare").stderr


@pytest.mark.parametrize(
    ("digests", "consensus"),
    [
        ("aaab", "clear"),
        ("aaaabb", "clear"),
        ("aaabb", "no consensus"),
        ("aab", "few"),
        ("ab", "no consensus"),
    ],
)
def test_a_split_is_shown(collector: Collector, digests: str, consensus: str) -> None:
    told(collector, "1.0", digests)
    most, other = rows(collector)
    assert (most["consensus"], most["differs"], most["count"]) == (
        consensus, False, max(digests.count(each) for each in "ab"),
    )  # fmt: skip
    assert other["differs"] is (consensus != "no consensus")
    if consensus != "no consensus":
        odd = [f"web{n}" for n, digest in enumerate(digests) if digest == "b"]
        assert other["hosts"] == odd


def test_the_command(collector: Collector) -> None:
    told(collector, "1.0", "aaab")
    told(collector, "1.1", "ccdd")
    assert len(rows(collector, limit=1)) == 2
    with pytest.raises(BadRequest, match="limit"):
        rows(collector, limit=0)
    (odd,) = [row for row in collector.json("packages", "compare") if row["differs"]]
    assert (odd["package"], odd["version"], odd["hosts"]) == ("nginx:amd64", "1.0", ["web3"])
    table = collector.call("packages", "compare").stdout
    assert "no consensus" in table
    assert "web3" in table
