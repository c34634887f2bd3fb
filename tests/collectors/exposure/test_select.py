"""Which files are looked into."""

from __future__ import annotations

import pytest

from collectors.exposure.select import Scope, by_magic, by_name
from collectors.exposure.settings import ExposureSettings
from collectors.paths import PathGuard


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (b"/w/a.png", "media"),
        (b"/w/a.SO", "program"),
        (b"/w/a.zip", "look"),
        (b"/w.jpg/dump", "look"),
        (b"/w/dump.sql", "look"),
        (b"/w/dump.sql.gz", "look"),
        (b"/w/.env", "look"),
        (b"/w/backup.bak", "look"),
    ],
)
def test_names(name: bytes, expected: str) -> None:
    assert by_name(name) == expected


def test_a_guarded_name_keeps_its_extension() -> None:
    guarded = PathGuard(b"k" * 32).guard(b"/w/ktp_1571014512900001.jpg")
    assert guarded.find(b"1571014512900001") < 0
    assert by_name(guarded) == "media"


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"\x89PNG\r\n", "media"),
        (b"\0\0\0\x18ftypmp42", "media"),
        (b"%PDF-1.7", "look"),
        (b"\x7fELF", "program"),
        (b"id,nik\n", "look"),
        (b"", "look"),
        (b"\x1f\x8b\x08", "look"),
    ],
)
def test_magic(head: bytes, expected: str) -> None:
    assert by_magic(head) == expected


def test_scope() -> None:
    settings = ExposureSettings(
        paths=("/srv",), web_roots=("/var/www", "/var/www/app/public"), exclude=("vendor", "/srv/x")
    )
    scope = Scope(settings, own=b"/srv/agent")
    for path in (b"/etc/a", b"/srvx/a", b"/srv/x/a", b"/srv/agent/spool.db", b"/srv/vendor/a"):
        assert path not in scope
    assert b"/srv/a" in scope
    assert b"/var/www/a" in scope
    assert scope.web_root(b"/var/www/app/public/a") == b"/var/www/app/public"
    assert scope.web_root(b"/srv/a") is None


@pytest.mark.parametrize(
    "wrong", [{"paths": ("srv",)}, {"web_roots": ("./www",)}, {"timeout": 0.0}, {"max_bytes": 0}]
)
def test_wrong_settings_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        ExposureSettings(**wrong)  # type: ignore[arg-type]
