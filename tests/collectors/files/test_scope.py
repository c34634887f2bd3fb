"""What must not happen: a path watched that was excluded, or lost that was not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from collectors.files.scope import (
    ROOTS,
    Own,
    Scope,
    agent_directory,
    below,
    join,
    make_scope,
    split,
)
from collectors.files.settings import FileSettings

SCOPE = Scope(
    [b"/srv", b"/srv/www", b"/etc"],
    ["/srv/cache", "*.swp", "/srv/*/tmp/*", "/srv/www/", ".git"],
)


@pytest.mark.parametrize(
    "path",
    [b"/srv/cached", b"/srv/a.swpx", b"/srv/tmp", b"/srv/a/tmp", b"/srv/x.git", b"/etc/srv/cache"],
)
def test_not_excluded(path: bytes) -> None:
    assert not SCOPE.excluded(*split(path))


@pytest.mark.parametrize(
    "path",
    [b"/srv/cache", b"/srv/deep/.a.swp", b"/srv/a/tmp/x", b"/srv/www", b"/etc/.git", b"/proc"],
)
def test_excluded(path: bytes) -> None:
    assert SCOPE.excluded(*split(path))


def test_names_that_are_not_utf8_or_have_newlines() -> None:
    assert SCOPE.excluded(b"/etc", b"\xff\n.swp")
    assert not SCOPE.excluded(b"/etc", b"\xff\n.swp\n")


def test_nested_roots_fold() -> None:
    assert SCOPE.roots == (b"/etc", b"/srv")
    assert SCOPE.root_of(b"/srv/www/x") == b"/srv"
    assert SCOPE.root_of(b"/srvx") is None


@pytest.mark.parametrize("path", [b"/", b"/a", b"/a/b"])
def test_join_and_split(path: bytes) -> None:
    if path != b"/":
        assert join(*split(path)) == path
    assert below(path, b"/")
    assert not below(b"/ab", b"/a")


def test_the_root_of_all() -> None:
    scope = Scope([b"/"], [])
    assert scope.root_of(b"/etc/x") == b"/"
    assert scope.excluded(b"/", b"proc")


def test_the_agents_own_directory_is_excluded(tmp_path: Path) -> None:
    own = tmp_path / "agent"
    assert agent_directory(own / "sensors" / "files") == own
    (tmp_path / "link").symlink_to(tmp_path)
    settings = FileSettings(paths=(str(tmp_path / "link"),), exclude=())
    scope = make_scope(settings, own / "sensors" / "files")
    assert scope.roots == (str(tmp_path).encode(),)
    assert scope.excluded(str(tmp_path).encode(), b"agent")


def test_own_places_are_watched_in_any_case() -> None:
    own = [
        Own(b"/etc/ronda"),
        Own(b"/lib/units", re.compile(rb"ronda\.service(?:\.d(?:/.*)?)?")),
        Own(b"/var/lib/agent/identity", re.compile(rb"a\.key")),
    ]
    scope = Scope([b"/var", b"/etc"], ["/etc/ronda/rules", "/var/lib/agent", "*.swp"], own)
    assert scope.roots == (b"/etc", b"/lib/units", b"/var", b"/var/lib/agent/identity")
    # Inside another root: no exclusion of a path counts, one of a name does.
    assert not scope.excluded(b"/etc", b"ronda")
    assert not scope.excluded(b"/etc/ronda", b"rules")
    assert scope.excluded(b"/etc/ronda", b"x.swp")
    # Outside: only what is named.
    assert not scope.excluded(ROOTS, b"/lib/units")
    assert not scope.excluded(b"/lib/units", b"ronda.service")
    assert not scope.excluded(b"/lib/units/ronda.service.d", b"x.conf")
    assert scope.excluded(b"/lib/units", b"cron.service")
    # In what is excluded: on its own.
    assert scope.excluded(b"/var/lib", b"agent")
    assert not scope.excluded(ROOTS, b"/var/lib/agent/identity")
    assert not scope.excluded(b"/var/lib/agent/identity", b"a.key")
    assert scope.excluded(b"/var/lib/agent/identity", b"b.key")
    assert scope.root_of(b"/var/lib/agent/identity/a.key") == b"/var/lib/agent/identity"
    assert scope.root_of(b"/var/lib/x") == b"/var"


def test_a_root_below_an_own_place_is_watched_whole() -> None:
    """agent.toml beside the web root: of that directory only the file, of the web root all."""
    own = [Own(b"/srv", re.compile(rb"agent\.toml"))]
    scope = Scope([b"/srv/web"], ["*.swp"], own)
    assert not scope.excluded(b"", b"/srv/web")
    assert not scope.excluded(b"/srv/web", b"index.php")
    assert scope.holds(b"/srv/web/a/b")
    assert scope.excluded(b"/srv/web", b"x.swp")
    assert scope.excluded(b"/srv", b"other")
    assert not scope.excluded(b"/srv", b"agent.toml")


def test_an_excluded_own_place_has_a_walk_of_its_own() -> None:
    scope = Scope([b"/etc"], ["/etc/ronda"], [Own(b"/etc/ronda")])
    assert scope.roots == (b"/etc", b"/etc/ronda")
    assert scope.excluded(b"/etc", b"ronda")
    assert not scope.excluded(ROOTS, b"/etc/ronda")
    assert not scope.excluded(b"/etc/ronda", b"agent.toml")


def test_a_root_in_an_own_place_is_walked_once() -> None:
    scope = Scope([b"/srv/web"], [], [Own(b"/srv", re.compile(rb"agent\.toml"))])
    assert scope.excluded(b"/srv", b"web")
    assert scope.entry(b"/srv", b"web") == (ROOTS, b"/srv/web")
    assert scope.entry(b"/srv", b"other") is None
    assert scope.entry(b"/srv", b"agent.toml") == (b"/srv", b"agent.toml")
    assert scope.entry(b"/srv/web", b"index.php") == (b"/srv/web", b"index.php")
