from __future__ import annotations

import pytest

from signatures.sigma_rule import InvalidRule, duration, read_block


@pytest.mark.parametrize("text", ["", "1", "h", "0h", "1.5h", "-1h", "1h30m", "1w", "9999999s"])
def test_what_is_not_a_duration(text: str) -> None:
    with pytest.raises(InvalidRule, match="not a duration"):
        duration(text)


def test_durations() -> None:
    assert [duration(text) for text in ("30s", "5m", "1h", "2d")] == [
        seconds * 10**9 for seconds in (30, 300, 3600, 172800)
    ]


@pytest.mark.parametrize(
    "block", [[], "x", {"summary": 5}, {"next_steps": "a"}, {"next_steps": [1]}, {"version": True}]
)
def test_a_block_of_the_wrong_form_is_refused(block: object) -> None:
    with pytest.raises(InvalidRule):
        read_block(block)


def test_sentences_lose_the_line_breaks_of_yaml() -> None:
    block = read_block({"summary": "a\n b", "next_steps": [" x\n"], "quiet": "5m"})
    assert (block.summary, block.next_steps, block.quiet) == ("a b", ("x",), 300 * 10**9)
