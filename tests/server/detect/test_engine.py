from __future__ import annotations

import logging

import msgspec
import pytest

from server.detect.engine import COST_SAMPLE, Engine
from signatures.sigma_rule import RuleSet
from tests.server.detect.detect_samples import change, rule_set


def test_other_events_give_nothing() -> None:
    engine = Engine(rule_set("passwd"))
    assert engine.detect({}) == []
    assert engine.detect(change("/etc/group")) == []
    assert engine.detect({"ronda.kind": "nosuch", "file.path": "passwd"}) == []
    assert engine.counters() == {}


def test_a_rule_that_fails_does_not_stop_the_others(caplog: pytest.LogCaptureFixture) -> None:
    from dataclasses import replace

    good = rule_set("a", "b")

    def fails(_view: object) -> bool:
        raise ZeroDivisionError

    engine = Engine(RuleSet((replace(good.rules[0], match=fails), good.rules[1])))
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            assert [hit.rule.title for hit in engine.detect(change("/ab"))] == ["Rule 1"]
    assert len(caplog.records) == 1
    assert "r0.yml:1" in caplog.text


def test_the_entity_is_the_host_when_the_event_has_no_such_field() -> None:
    from dataclasses import replace

    (rule,) = rule_set("a").rules
    listed = Engine(RuleSet((replace(rule, entity="tags"),)))
    (hit,) = listed.detect(change("/a", tags=["x"], **{"host.name": "web1"}))
    assert (hit.entity_field, hit.entity) == ("host.name", "web1")
    (hit,) = Engine(RuleSet((rule,))).detect(change("/a"))
    assert (hit.entity_field, hit.entity) == ("file.path", "/a")


def test_hits_and_cost_are_counted_until_forgotten() -> None:
    engine = Engine(rule_set("a"))
    for number in range(2 * COST_SAMPLE):
        engine.detect(change("/a", **{"@timestamp": number}))
    (counters,) = engine.counters().values()
    assert (counters.hits, counters.last_hit) == (2 * COST_SAMPLE, 2 * COST_SAMPLE - 1)
    assert counters.events == 2
    assert counters.cost_ns > 0
    engine.forget()
    assert engine.counters() == {}


def test_hostile_values_do_not_fail() -> None:
    engine = Engine(rule_set("a"))
    record = change("/a", **{"@timestamp": "x", "host.name": None})
    record["file.path"] = ["a", {"b": [1]}, None]
    (hit,) = engine.detect(record)
    assert hit.entity_field == "host.name"
    assert msgspec.json.encode(hit.entity)
