from __future__ import annotations

import subprocess
import sys

import pytest

from server.notify.sender import MAX_ERROR, conceal

SECRET = "123456:AAbbCCddEEff"


@pytest.mark.parametrize(
    "error",
    [
        f"Failed to send to tgram://{SECRET}/998877",
        f"error for bot{SECRET.split(':')[1]} at /hooks/p%40ss-word",
        "cannot reach chat.example.go.id as p@ss-word",
        "x" * 1000 + SECRET,
    ],
)
def test_no_part_of_an_address_stands_in_an_error(error: str) -> None:
    url = f"tgram://{SECRET}/998877/p%40ss-word@chat.example.go.id"
    shown = conceal(error, url)
    for part in ("AAbbCCddEEff", "123456", "998877", "ss-word", "chat.example.go.id"):
        assert part not in shown
    assert len(shown) <= MAX_ERROR


def test_what_is_no_secret_stays() -> None:
    assert conceal("Failed to send JSON: error=503.", "json://h/a") == (
        "Failed to send JSON: error=503."
    )


def test_apprise_is_not_imported_with_the_worker() -> None:
    code = (
        "import sys; import server.notify.worker, server.notify;sys.exit('apprise' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
