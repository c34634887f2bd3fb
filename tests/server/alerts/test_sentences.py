"""What must not happen: an Indonesian alert that ends in English; a person's words changed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.files.deploy.requests import MAX_PATHS
from collectors.files.deploy.windows import PROTECTED, refusal
from collectors.files.visibility import DETAILS
from server.alerts.render import show
from server.alerts.sentences import SENTENCES, fill, fill_rule, say

CHECKOUT = "12 files as the index of the checkout has them, HEAD main at 1a2b3c4d5e6f"


@given(st.text())
def test_english_and_the_unknown_stay(text: str) -> None:
    assert say(text, "en") == text
    if not any(word in text for word in (";", ":", "paths", "files", "windows")):
        assert say(text, "id") == text


@pytest.mark.parametrize("text", ["rilis 7", "release 7: no reason", "x" * 5000, "{why}", ""])
def test_what_a_person_wrote_stays(text: str) -> None:
    assert say(text, "id") == text


def refusals() -> list[str]:
    paths = [[], [b"/"], [b"/x/../y/z"], [b"/var/lib/ronda-agent"], [b"/srv/a"] * (MAX_PATHS + 1)]
    paths.append([PROTECTED[0]])
    found = [refusal(each, 60, 3600, [b"/var/lib/ronda-agent"]) for each in paths]
    return [*found, refusal([b"/srv/app"], 99999, 3600, [])]


@pytest.mark.parametrize(
    "text", [CHECKOUT, CHECKOUT.partition(",")[0], *DETAILS.values(), *refusals()]
)
def test_agents_are_understood(text: str) -> None:
    assert say(text, "en") == text
    assert say(text, "id") != text


def test_parts_stay_and_what_is_nested_is_translated_too() -> None:
    assert say(CHECKOUT, "id") == (
        "12 berkas sesuai dengan indeks checkout, HEAD main pada 1a2b3c4d5e6f"
    )
    refused = f"{refusal([b'/'], 60, 60, [])}; reason given: release 7; reason given: x"
    assert show("reason", refused, "id") == (
        "sebuah path terlalu luas: sebutkan folder tujuan pemasangannya;"
        " alasan yang diberikan: release 7; reason given: x"
    )
    assert show("path", "no path was given", "id") == "no path was given"


def test_no_sentence_is_hidden_by_an_earlier_one() -> None:
    for sentence in SENTENCES:
        text = sentence.replace("{", "").replace("}", "")
        assert say(text, "id") != text, sentence


def test_what_is_not_known_leaves_no_gap_in_a_sentence() -> None:
    sentence = "{finding} ({named})[, program {process}].[ {texts}] See [sensors.network] ring."
    known = {"finding": "regular calls", "named": "a.example", "texts": ""}
    said = "regular calls (a.example). See [sensors.network] ring."
    assert fill_rule(sentence, known) == said
    assert fill("[{level}] a", {}) == "[-] a"
    assert fill_rule(sentence, {**known, "process": "[{named}]"}).startswith(
        "regular calls (a.example), program [{named}]."
    )


def test_facts_of_the_network() -> None:
    assert show("finding", "web.sqli", "id") == "penyisipan SQL"
    assert show("port", 4444, "en") == "4444", "no number of things"
    assert show("texts", ["a", "", "b", "a"], "en") == "a, b"
