"""Which applications there are: a redirect is none, one that is looked after is not dormant."""

from __future__ import annotations

import pytest

from collectors.exposure.web.applications import (
    DORMANT_NS,
    Facts,
    group,
    owner,
    served_by,
    state,
)
from collectors.exposure.web.model import Mount, Site

NOW = 2_000_000_000 * 10**9


def site(*names: str, root: str | None = "/srv/a", **more: object) -> Site:
    mounts = (Mount("", root),) if root else ()
    return Site(server="nginx", names=names, mounts=mounts, **more)  # type: ignore[arg-type]


def test_the_redirect_to_https_is_no_application_of_its_own() -> None:
    (one,) = group([site("a.test", root="/usr/share/nginx/html"), site("a.test", root="/srv/a")])
    assert (one.names, one.root) == (("a.test",), "/srv/a")
    assert group([site(root=None)]) == []
    assert len(group([site(root="/srv/a"), site(root="/srv/b")])) == 2


def test_a_site_in_force_stands_for_its_copy_that_is_off() -> None:
    (one,) = group([site("a.test", enabled=False, root="/old"), site("a.test")])
    assert one.enabled
    assert one.root == "/srv/a"


@pytest.mark.parametrize(
    ("site_", "facts", "listening", "by", "expected"),
    [
        (site("a"), Facts(NOW), True, None, "active"),
        (site("a"), Facts(None), True, None, "active"),
        (site("a"), Facts(NOW - DORMANT_NS), True, None, "active"),  # to the day
        (site("a"), Facts(NOW - DORMANT_NS - 1), False, None, "active"),  # nobody reaches it
        (site("a"), Facts(NOW - DORMANT_NS - 1), True, None, "dormant"),
        (site("a", enabled=False), Facts(NOW), False, None, "off"),
        (site("a", enabled=False), Facts(NOW), False, "b", "deactivated"),
        (site("a", maintenance=True), Facts(NOW), True, None, "off"),
        (site("a", maintenance=True), Facts(NOW), True, "b", "deactivated"),
        (site("a"), Facts(NOW, maintenance=True), True, None, "deactivated"),
        (site("a"), Facts(NOW, maintenance=True), False, None, "off"),
    ],
)
def test_how_it_stands(
    site_: Site, facts: Facts, listening: bool, by: str | None, expected: str
) -> None:
    (one,) = group([site_])
    assert state(one, facts, listening=listening, served_by=by, now=NOW) == expected


def test_who_serves_the_files_of_another() -> None:
    (old,) = group([site("old.test", enabled=False, root="/srv/www/old")])
    far = site("far.test", root="/srv/www-other")
    above = site("above.test", root="/srv/www")
    off = site("off.test", root="/srv/www", enabled=False)
    assert served_by(old, [far, off, *old.sites], {}) is None
    assert served_by(old, [far, above], {}) is above
    linked = site("linked.test", root="/var/www/l")
    assert served_by(old, [linked], {"/var/www/l": "/srv/www/old"}) is linked


def test_owners_by_name() -> None:
    settings = {"*.dinkes.test": "Dinkes", "ppid.test": "PPID"}
    assert owner(["xdinkes.test"], settings) is None
    assert owner(["a.dinkes.test"], settings) == "Dinkes"
    assert owner(["PPID.test"], settings) == "PPID"


def test_its_key_follows_its_names() -> None:
    (one,) = group([site("a.test", root="/srv/1")])
    (moved,) = group([site("a.test", root="/srv/2")])
    (nameless,) = group([site(root="/srv/1")])
    assert one.key(b"/srv/1") == moved.key(b"/srv/2") != nameless.key(b"/srv/1")
