from __future__ import annotations

import logging
from pathlib import Path

import pytest

from server.detect.rulebook import RulesRefused, load_rules, rule_paths, write_down
from server.store.state import StateStore
from signatures.sigma_load import EVENT_RULES
from signatures.sigma_rule import RuleSet
from signatures.sigma_yaml import Problem
from tests.server.detect.detect_samples import RULE_ID, rule_set


def test_no_rule_at_all_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RulesRefused, match="no valid rule"):
        load_rules([tmp_path])


def test_a_set_that_shrank_by_more_than_half_is_refused(tmp_path: Path) -> None:
    first = EVENT_RULES / "agent_silent.yml"
    with pytest.raises(RulesRefused, match="only 1 of 3"):
        load_rules([first], rule_set("a", "b", "c"))
    assert len(load_rules([first], rule_set("a", "b")).rules) == 1


def test_a_broken_rule_is_logged_with_its_line_and_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "rules").mkdir()
    broken = tmp_path / "rules" / "mine.yml"
    broken.write_text("title: x\ntitle: y\n")
    with caplog.at_level(logging.ERROR):
        rules = load_rules(rule_paths(tmp_path))
    assert len(rules.rules) >= 12
    assert f"{broken}:2: key 'title'" in caplog.text


def test_people_see_what_is_wrong_and_counters_stay(state: StateStore) -> None:
    write_down(state, rule_set("a", "b"))
    state.execute("UPDATE rule SET hits = 7 WHERE id = ?", (RULE_ID + "0",))
    broken = Problem("own.yml", 3, "wrong", RULE_ID + "1")
    double = Problem("own.yml", 9, "id already used", RULE_ID + "0")
    write_down(state, RuleSet(rule_set("a").rules, (broken, double)))
    rows = {row["id"]: row for row in state.query("SELECT * FROM rule")}
    assert set(rows) == {RULE_ID + "0", RULE_ID + "1", "own.yml:9"}
    assert (rows[RULE_ID + "0"]["hits"], rows[RULE_ID + "0"]["error"]) == (7, "")
    assert (rows[RULE_ID + "1"]["error"], rows[RULE_ID + "1"]["source"]) == ("wrong", "own.yml:3")
    write_down(state, rule_set("a", "b"))
    assert [row["error"] for row in state.query("SELECT error FROM rule")] == ["", ""]


def test_the_folder_of_the_operator_is_optional(tmp_path: Path) -> None:
    assert rule_paths(tmp_path) == [EVENT_RULES]
