"""What must not happen: a mistyped value taken for another."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from collectors.files.settings import FileSettings, parse_duration, parse_size


@pytest.mark.parametrize("text", ["", "5", "m", "-1s", "5 minutes", "1e9s", "5m5s", "nan", "400d"])
def test_not_a_duration(text: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("200ms", 0.2), ("5m", 300), (" 1.5 h ", 5400), ("1d", 86400), (7, 7), (0.5, 0.5)],
)
def test_durations(value: str | float, seconds: float) -> None:
    assert parse_duration(value) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "MiB", "-1", "1.5GiB", "5 MB", "1TiB"])
def test_not_a_size(text: str) -> None:
    with pytest.raises(ValueError, match="size"):
        parse_size(text)


@pytest.mark.parametrize(("value", "size"), [("64KiB", 65536), ("1 gib", 1 << 30), (5, 5)])
def test_sizes(value: str | int, size: int) -> None:
    assert parse_size(value) == size


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"paths": ["etc"]}, "paths: 'etc' is not absolute"),
        ({"reconcile_interval": "5x"}, "reconcile_interval: not a duration"),
        ({"reconcile_interval": "0s"}, "reconcile_interval: 0 s is out of range"),
        ({"coalesce": "2h"}, "coalesce: 7200 s is out of range"),
        ({"max_hash_bytes": "lots"}, "max_hash_bytes: not a size"),
        ({"pahts": ["/etc"]}, "pahts"),
    ],
)
def test_a_bad_table_is_refused_with_its_key(table: dict[str, Any], words: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=words):
        msgspec.convert(table, FileSettings)


def test_a_table_as_the_configuration_passes_it() -> None:
    table = {"paths": ["/srv"], "exclude": ["*.log"], "reconcile_interval": "1m", "coalesce": 0.1}
    settings = msgspec.convert(table, FileSettings)
    assert (settings.reconcile_seconds(), settings.coalesce_seconds()) == (60, 0.1)
    assert settings.hash_limit() == 256 << 20
