"""Reading configurations: files that are pipes, too large, not ours to read, or change."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from collectors.child import BoundedChild
from collectors.exposure.web.child import TARGET
from collectors.exposure.web.find import find, fingerprint, patterns_of, read_bounded, split
from collectors.exposure.web.model import Setup


@pytest.fixture
def child() -> Iterator[BoundedChild]:
    with BoundedChild(TARGET, init=msgspec.msgpack.encode(Setup())) as made:
        yield made


@pytest.mark.parametrize("text", ["", "nginx", "iis:/x", "nginx:relative", "/etc/nginx.conf"])
def test_settings_that_mean_nothing(text: str) -> None:
    with pytest.raises(ValueError, match="is not SERVER:/PATH"):
        split(text)


def test_no_server_starts_no_child(child: BoundedChild, tmp_path: Path) -> None:
    found = find([f"nginx:{tmp_path}/none.conf"], child)
    assert (found.sites, found.problems) == ((), ())
    assert not child.running


def test_what_cannot_be_read_is_said(child: BoundedChild, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.conf")
    (tmp_path / "large.conf").write_bytes(b"#" * ((1 << 20) + 1))
    (tmp_path / "loop.conf").symlink_to("loop.conf")
    main = tmp_path / "nginx.conf"
    main.write_text(f"http {{ include *.conf; server {{ root {tmp_path}; }} }}\n")
    found = find([f"nginx:{main}"], child)
    assert len(found.sites) >= 1
    texts = {Path(one.file).name: one.text for one in found.problems}
    assert "over 1048576 bytes" in texts["large.conf"]
    assert "unreadable" in texts["loop.conf"]
    with pytest.raises(FileNotFoundError):
        read_bounded(str(tmp_path / "pipe.conf"), 10)


def test_a_change_is_noticed_and_an_included_file_that_comes(
    child: BoundedChild, tmp_path: Path
) -> None:
    main = tmp_path / "nginx.conf"
    main.write_text("http { include sites/*; }\n")
    found = find([f"nginx:{main}"], child)
    assert fingerprint(patterns_of(found)) == found.print
    (tmp_path / "sites").mkdir()
    (tmp_path / "sites/a").write_text(f"server {{ root {tmp_path}; server_name a.test; }}")
    assert fingerprint(patterns_of(found)) != found.print
    again = find([f"nginx:{main}"], child)
    assert [site.names for site in again.sites] == [("a.test",)]


def test_a_site_that_is_switched_off(child: BoundedChild, tmp_path: Path) -> None:
    (tmp_path / "sites-available").mkdir()
    (tmp_path / "sites-enabled").mkdir()
    for name in ("on", "off"):
        path = tmp_path / "sites-available" / name
        path.write_text(f"server {{ root /srv/{name}; server_name {name}.test; }}")
    (tmp_path / "sites-enabled/on").symlink_to(tmp_path / "sites-available/on")
    main = tmp_path / "nginx.conf"
    main.write_text("http { include sites-enabled/*; }\n")
    found = find([f"nginx:{main}"], child)
    assert {(site.names[0], site.enabled) for site in found.sites} == {
        ("on.test", True),
        ("off.test", False),
    }


@pytest.mark.skipif(os.geteuid() == 0, reason="root sees into every folder")
def test_a_folder_that_is_closed_to_us_is_said(child: BoundedChild, tmp_path: Path) -> None:
    (tmp_path / "sites").mkdir(mode=0)
    main = tmp_path / "nginx.conf"
    main.write_text("http { include sites/*; include sites; }\n")
    try:
        assert "closed" in find([f"nginx:{main}"], child).problems[0].text
        hidden = find([f"nginx:{tmp_path}/sites/nginx.conf"], child)
        assert "closed" in hidden.problems[0].text
    finally:
        (tmp_path / "sites").chmod(0o700)
