"""What must not happen: a mistyped value taken for another."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from collectors.files.settings import FileSettings


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"paths": ["etc"]}, "paths: 'etc' is not absolute"),
        ({"reconcile_interval": "5x"}, "reconcile_interval: .* is not a duration"),
        ({"reconcile_interval": "0s"}, "reconcile_interval: 0 s is out of range"),
        ({"coalesce": "2h"}, "coalesce: 7200 s is out of range"),
        ({"max_hash_bytes": "lots"}, "max_hash_bytes: .* is not a size"),
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
