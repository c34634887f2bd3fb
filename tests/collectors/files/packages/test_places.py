"""What must not happen: dpkg made to look busy keeps waiting what no package ships."""

from __future__ import annotations

import pytest

from collectors.files.packages.places import NEVER_PACKAGED


@pytest.mark.parametrize(
    "path",
    [
        b"/var/spool/cron/crontabs/root",
        b"/var/spool/cron/atjobs/a00001",
        b"/root/.ssh/authorized_keys",
        b"/var/www/html/shell.php",
        b"/etc/ld.so.preload",
    ],
)
def test_told_at_once(path: bytes) -> None:
    assert NEVER_PACKAGED.match(path)


@pytest.mark.parametrize("path", [b"/var/spool/cron/crontabs", b"/etc/cron.d/x", b"/usr/bin/ls"])
def test_may_come_in_a_package(path: bytes) -> None:
    assert not NEVER_PACKAGED.match(path)
