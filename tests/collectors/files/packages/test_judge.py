"""What must not happen: an unproven change that counts as explained. One doubt at a time."""

from __future__ import annotations

import stat
from typing import Any

import msgspec
import pytest

from collectors.files.packages import judge, places, weigh
from collectors.files.packages.case import Acted, Case, Disk, Rights
from collectors.files.packages.hold import Before, Held
from collectors.files.packages.index import Owned
from collectors.kinds import FileChange, Scrubbed, Severity
from collectors.sighting import Sighting

GOOD, BAD = b"g" * 16, b"b" * 16
REGULAR = stat.S_IFREG | 0o755
ALPHA = Acted(unpacked=frozenset({"alpha"}))
BETA = Acted(unpacked=frozenset({"beta"}))
OWNER = Owned("alpha:amd64", GOOD, conffile=False)
BEFORE = Before(REGULAR, 0, 0, "0" * 64)


def held(action: str = "modified", *, before: Before | None = BEFORE, **changes: Any) -> Held:
    record = FileChange(
        action=action,
        path=Scrubbed("/usr/bin/alpha"),
        mode="0755",
        uid="0",
        gid="0",
        sha256="1" * 64,
    )
    record = msgspec.structs.replace(record, **changes)
    return Held(Sighting(record=record, observed=1, module="files"), before, frozenset())


def case(**changes: Any) -> Case:
    values: dict[str, Any] = {
        "path": b"/usr/bin/alpha",
        "held": [held()],
        "acted": ALPHA,
        "owners": [OWNER],
        "disk": Disk(REGULAR, 0, 0, md5=GOOD),
        "gone": False,
        "rights": Rights(0, 0),
    }
    return Case(**{**values, **changes})


def test_what_is_proven_folds() -> None:
    assert judge.explain(case()) == judge.MANIFEST
    assert judge.explain(case(held=[held(before=None)])) == judge.MANIFEST


@pytest.mark.parametrize(
    "doubt",
    [
        {"disk": Disk(REGULAR, 0, 0, md5=BAD)},
        {"disk": Disk(REGULAR, 0, 0, md5=None)},
        {"disk": None},
        {"disk": Disk(REGULAR | stat.S_ISUID, 0, 0, md5=GOOD)},
        {"disk": Disk(REGULAR | stat.S_ISGID, 0, 0, md5=GOOD)},
        {"disk": Disk(REGULAR | stat.S_IWOTH, 0, 0, md5=GOOD)},
        {"disk": Disk(stat.S_IFREG | 0o700, 0, 0, md5=GOOD)},
        {"disk": Disk(REGULAR, 33, 0, md5=GOOD)},
        {"disk": Disk(REGULAR, 0, 33, md5=GOOD)},
        {"disk": Disk(REGULAR, 0, 0, md5=GOOD, extended=True)},
        {"disk": Disk(stat.S_IFDIR | 0o755, 0, 0)},
        {"disk": Disk(stat.S_IFLNK | 0o777, 0, 0, target=(OWNER,))},
        {"disk": Disk(stat.S_IFIFO | 0o755, 0, 0)},
        {"acted": Acted()},
        {"acted": BETA},
        {"owners": []},
        {"owners": [OWNER._replace(digest=None)]},
        {"held": [held("deleted")], "gone": True, "disk": None},
        {"held": [held("deleted")], "gone": False, "owners": []},
        {"held": [held("deleted")], "gone": True, "owners": []},
    ],
)
def test_one_doubt_is_enough(doubt: dict[str, Any]) -> None:
    assert judge.explain(case(**doubt)) is None


def test_new_files_may_not_be_special() -> None:
    fresh = [held(before=None)]
    for mode in (REGULAR | stat.S_ISUID, REGULAR | stat.S_IWGRP):
        disk = Disk(mode, 0, 0, md5=GOOD)
        assert judge.explain(case(held=fresh, disk=disk)) is None
    override = Disk(REGULAR | stat.S_ISUID, 0, 0, md5=GOOD)
    assert judge.explain(case(held=fresh, disk=override, override=0o4755)) == judge.MANIFEST
    same = Before(REGULAR | stat.S_ISUID, 0, 0, None)
    assert judge.explain(case(held=[held(before=same)], disk=override)) == judge.MANIFEST


def test_removed_with_its_package() -> None:
    gone = held("deleted")._replace(owners=frozenset({"alpha:amd64"}))
    removed = case(held=[gone], gone=True, owners=[], disk=None)
    assert judge.explain(removed) == judge.REMOVED
    assert judge.explain(removed._replace(acted=BETA)) is None


def test_states_in_between() -> None:
    evil = held(sha256="e" * 64)
    back = held(sha256="0" * 64, mode="0755")
    answer = judge.steps_explained(case(held=[evil, back, held()]), judge.MANIFEST, frozenset())
    assert answer == [False, True, True]


def test_what_dpkg_has_not_finished_may_not_run() -> None:
    drafts = [
        held("created", before=None, mode="0000", sha256="d" * 64),
        held("created", before=None, mode="0755", sha256="d" * 64),
        held("created", before=None, mode="0755", sha256="1" * 64),
        held("deleted"),
    ]
    path = b"/usr/bin/alpha.dpkg-new"
    one = case(path=path, held=drafts, gone=True, owners=[], beside=frozenset({"alpha"}))
    assert judge.explain(one) == judge.TRANSIENT
    answer = judge.steps_explained(one, judge.TRANSIENT, frozenset({"1" * 64}))
    assert answer == [True, False, True, True]
    manifest = one._replace(path=b"/var/lib/dpkg/info/alpha.md5sums", gone=False)
    assert not all(judge.steps_explained(manifest, judge.STATE, frozenset()))


@pytest.mark.parametrize(
    ("path", "state"),
    [
        (b"/var/lib/dpkg/status", True),
        (b"/var/lib/dpkg/status-old", True),
        (b"/var/lib/dpkg/evil", False),
        (b"/var/lib/dpkg/info/alpha.list", False),
        (b"/etc/ld.so.cache", True),
        (b"/etc/ld.so.preload", False),
        (b"/var/cache/apt/archives/x_1.0_all.deb", True),
        (b"/var/cache/apt/archives/x.sh", False),
        (b"/var/log/apt/history.log", True),
        (b"/etc/cron.d/evil", False),
    ],
)
def test_states_are_named_one_by_one(path: bytes, state: bool) -> None:
    assert (places.state_reason(path) is not None) is state
    one = case(path=path, owners=[], held=[held(before=None)])
    one = one._replace(disk=Disk(stat.S_IFREG | 0o644, 0, 0, md5=BAD))
    assert (judge.explain(one) == judge.STATE) is (state or places.info_of(path) == "alpha")


def test_byte_code() -> None:
    path = b"/usr/lib/python3/dist-packages/a/__pycache__/b.cpython-311.pyc"
    assert places.origin(path) == b"/usr/lib/python3/dist-packages/a/b.py"
    disk = Disk(stat.S_IFREG | 0o644, 0, 0, md5=BAD, source=True)
    one = case(
        path=path, owners=[], disk=disk, beside=frozenset({"alpha"}), held=[held(before=None)]
    )
    assert judge.explain(one) == judge.COMPILE
    assert judge.explain(one._replace(disk=disk._replace(source=False))) is None
    assert judge.explain(one._replace(beside=frozenset({"beta"}))) is None


def test_weights() -> None:
    record = held().record

    def weight(path: bytes, owners: list[Owned], record: FileChange, md5: bytes | None) -> Any:
        return weigh.weigh(weigh.state(path, owners, record, md5))

    assert weight(b"/var/lib/dpkg/info/x.list", [], record, None) is Severity.HIGH
    assert weight(b"/usr/bin/alpha", [OWNER], record, BAD) is Severity.MEDIUM
    assert weight(b"/usr/bin/alpha", [OWNER], record, GOOD) is None
    assert weight(b"/usr/bin/alpha", [], record, None) is None
    conffile = [OWNER._replace(conffile=True)]
    assert weight(b"/etc/alpha", conffile, record, BAD) is None
    rights = msgspec.structs.replace(record, previous_mode="0644")
    assert weight(b"/usr/bin/alpha", [OWNER], rights, GOOD) is Severity.MEDIUM
