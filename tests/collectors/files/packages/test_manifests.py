"""What must not happen: hostile text that breaks a parser, or is taken for what it is not."""

from __future__ import annotations

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from collectors.files.packages.manifests import (
    Act,
    absolute,
    info_package,
    parse_diversions,
    parse_list,
    parse_log,
    parse_md5sums,
    parse_overrides,
    parse_status,
    plain,
)

SUM = hashlib.md5(b"").hexdigest().encode()
lines = st.lists(st.binary(max_size=80).map(lambda text: text + b"\n"), max_size=20)
names = st.from_regex(rb"[^\x00/\n]{1,20}", fullmatch=True).filter(lambda n: n not in (b".", b".."))
paths = st.lists(names, min_size=1, max_size=5).map(b"/".join)


@given(lines)
def test_any_text_is_survived(text: list[bytes]) -> None:
    for path, md5 in parse_md5sums(text):
        assert path.startswith(b"/")
        assert len(md5) == 16
    for path in parse_list(text):
        assert b"/../" not in path + b"/"
    for package in parse_status(text):
        assert package.name
    for act in parse_log(text):
        assert act.package
    parse_diversions(text)
    parse_overrides(text)


@given(st.dictionaries(paths, st.binary(min_size=16, max_size=16), max_size=20))
def test_sums_come_back(entries: dict[bytes, bytes]) -> None:
    text = [md5.hex().encode() + b"  " + path + b"\n" for path, md5 in entries.items()]
    assert dict(parse_md5sums(text)) == {b"/" + path: md5 for path, md5 in entries.items()}


@given(st.lists(paths, max_size=20))
def test_lists_come_back(entries: list[bytes]) -> None:
    text = [b"/.\n", *(b"/" + path + b"\n" for path in entries)]
    assert list(parse_list(text)) == [b"/" + path for path in entries]


def test_paths_that_leave_the_root_are_left_out() -> None:
    assert absolute(b"usr/../etc/shadow") is None
    assert absolute(b"./usr/bin/ls") is None
    assert absolute(b"") is None
    assert absolute(b"usr//bin") is None
    assert list(parse_md5sums([SUM + b"  ../etc/shadow\n", SUM.upper() + b"  usr/x\n"])) == []


def test_status() -> None:
    text = b"""Package: adduser
Status: install ok installed
Architecture: all
Version: 3.134
Conffiles:
 /etc/adduser.conf %b
 /etc/old.conf %b obsolete
Description: add
 /etc/not-a-conffile %b
 .

Package: bad name
Version: 1

Package: libc6
Architecture: amd64
Version: 2.36-9+deb12u14""" % (SUM, SUM, SUM)
    found = list(parse_status(text.splitlines(keepends=True)))
    assert [(p.name, p.architecture, p.version) for p in found] == [
        ("adduser", "all", "3.134"),
        ("libc6", "amd64", "2.36-9+deb12u14"),
    ]
    assert found[0].conffiles == {b"/etc/adduser.conf": bytes.fromhex(SUM.decode())}


def test_log() -> None:
    text = [
        b"2026-11-24 08:33:12 startup archives unpack\n",
        b"2026-11-24 08:33:12 install faketime:amd64 <none> 0.9.10-2.1\n",
        b"2026-11-24 08:33:12 upgrade bash:amd64 5.2.15-2+b2 5.2.15-2+b7\n",
        b"2026-11-24 08:33:13 status installed faketime:amd64 0.9.10-2.1\n",
        b"2026-11-24 08:33:13 trigproc man-db:amd64 2.11.2-2 <none>\n",
        b"2026-11-24 08:33:13 remove x;rm:amd64 1 <none>\n",
        b"2026-11-24 08:33:13 remove vim:amd64 1 <no",
    ]
    assert list(parse_log(text)) == [
        Act("install", "faketime:amd64", None, "0.9.10-2.1"),
        Act("upgrade", "bash:amd64", "5.2.15-2+b2", "5.2.15-2+b7"),
        Act("trigproc", "man-db:amd64", "2.11.2-2", None),
    ]


def test_diversions_and_overrides() -> None:
    text = [b"/bin/sh\n", b"/bin/sh.distrib\n", b"dash\n", b"/half\n"]
    assert parse_diversions(text) == {b"/bin/sh": (b"/bin/sh.distrib", "dash")}
    overrides = [b"root mail 4754 /usr/lib/with space\n", b"root root 99 /x\n", b"junk\n"]
    assert parse_overrides(overrides) == {b"/usr/lib/with space": 0o4754}


def test_names() -> None:
    assert info_package(b"libc6:amd64.md5sums") == "libc6:amd64"
    assert info_package(b"python3.11.list-new") == "python3.11"
    assert info_package(b"evil.so") is None
    assert info_package(b"\xff.list") is None
    assert plain("libc6:amd64") == plain("libc6") == "libc6"
