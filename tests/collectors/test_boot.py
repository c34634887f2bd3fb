from __future__ import annotations

import re

from collectors.boot import boot_id, since_boot


def test_the_same_boot_goes_on() -> None:
    assert boot_id() == boot_id()
    assert re.fullmatch(r"[0-9a-f-]{36}|", boot_id())
    assert 0 < since_boot() <= since_boot()
