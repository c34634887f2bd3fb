from __future__ import annotations

from server.alerts.model import Channel, dedup_key


def test_a_channel_wants_nothing_below_its_level() -> None:
    channel = Channel("chat", "high")
    assert not channel.wants("medium")
    assert channel.wants("high")
    assert channel.wants("critical")


def test_no_separator_inside_an_entity_makes_two_things_one() -> None:
    keys = {
        dedup_key("r", "a", "b\0c"),
        dedup_key("r", "a\0b", "c"),
        dedup_key("r\0a", "b", "c"),
        dedup_key("r", 'a", "b', "c"),
        dedup_key("r", "a", 'b", "c'),
    }
    assert len(keys) == 5
    assert dedup_key("r", "a", "\udc80") != dedup_key("r", "a", "?")
