"""One look with a bundle, with the real child: planted canaries, stray ones, registered people."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from collectors.api import Keys
from collectors.exposure import examine
from collectors.exposure.settings import ExposureSettings
from collectors.kinds import ScanIncomplete, SensitiveData, Severity
from collectors.knowledge import Canary, Manifest, Register, Signed, place_token
from collectors.paths import PathGuard
from server.fleet.canaries import make
from signatures.edm.build import Columns
from signatures.edm.build import make as build
from tests.collectors.content.citizens import make_niks

KEY = b"f" * 32
GUARD = PathGuard(b"k" * 32)
PEOPLE = make_niks(40)
BAIT = make("nik", KEY)


class Site:
    """An agent's state with a bundle, and an examiner over it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.knowledge = root / "state" / "knowledge"
        self.knowledge.mkdir(parents=True)
        settings = ExposureSettings(paths=(str(root),), web_roots=())
        keys = Keys(fleet=KEY, fleet_epoch=1)
        self.examiner = examine.Examiner(settings, GUARD, keys, own=os.fsencode(root / "state"))

    def bundle(self, *, planted: tuple[str, ...] = (), people: list[str] | None = None) -> None:
        """Put a bundle there: the canary, planted at the paths, and a register of *people*."""
        host = os.uname().nodename
        places = tuple(place_token(KEY, host, path.encode()) for path in planted)
        registers = []
        if people:
            out = io.BytesIO()
            build(iter([nik] for nik in people), Columns({"nik": "nik"}, []), KEY, 1, out)
            data = out.getvalue()
            sha256 = hashlib.sha256(data).hexdigest()
            (self.knowledge / f"{sha256}.edm").write_bytes(data)
            registers.append(Register(name="warga", sha256=sha256, size=len(data)))
        manifest = Manifest(
            version=1,
            made=1,
            expires=2,
            epoch=1,
            canaries=(Canary(id="c1", marks=BAIT.marks, planted=places),),
            registers=tuple(registers),
        )
        signed = Signed(manifest=msgspec.msgpack.encode(manifest), signature=b"", certificate=b"")
        fresh = self.knowledge / "new"
        fresh.write_bytes(msgspec.msgpack.encode(signed))
        fresh.rename(self.knowledge / "bundle.msgpack")

    def look(self, name: str, text: str) -> examine.Look:
        """Write a file and look into it."""
        path = self.root / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        real = os.fsencode(path)
        return self.examiner.look(real, GUARD.guard(real))


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    made.examiner.close()


def record(look: examine.Look) -> SensitiveData:
    assert isinstance(look.record, SensitiveData)
    return look.record


ROW = f"nik,nama\n{BAIT.forms['csv']}\n"
LIST = "nik\n" + "\n".join(PEOPLE) + "\n"


def test_without_a_bundle_a_canary_is_a_citizen_like_another(site: Site) -> None:
    found = record(site.look("a.csv", ROW + "\n".join(PEOPLE)))
    assert (found.canaries, found.registered, found.registers) == ((), 0, ())


def test_a_canary_is_told_but_where_it_was_planted(site: Site) -> None:
    site.bundle(planted=(f"{site.root}/bait.csv", f"{site.root}/backups/"))
    assert site.look("bait.csv", ROW).outcome == examine.CLEAN
    assert site.look("backups/x.csv", ROW).outcome == examine.CLEAN
    stray = site.look("bait.csv.old", ROW)
    assert record(stray).canaries == ("c1",)
    assert "canary" in record(stray).reasons
    assert (stray.severity, record(stray).score) == (int(Severity.CRITICAL), 100)
    among = record(site.look("bait.csv", ROW + "\n".join(PEOPLE)))
    assert (among.canaries, {one.type for one in among.tallies} >= {"nik"}) == ((), True)


def test_a_planted_canary_beside_what_cannot_be_read_leaves_that(site: Site) -> None:
    site.bundle(planted=(f"{site.root}/",))
    path = site.root / "backup.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("bait.sql", BAIT.forms["sql"])
        archive.writestr("more.sql.gz", gzip.compress(os.urandom(5000))[:4000])
    look = site.examiner.look(os.fsencode(path), GUARD.guard(os.fsencode(path)))
    assert isinstance(look.record, ScanIncomplete)
    assert (look.outcome, look.record.outcome) == (examine.INCOMPLETE, "damaged")


def test_a_new_bundle_is_in_force_with_the_next_look(site: Site) -> None:
    site.bundle()
    assert record(site.look("x.csv", ROW)).canaries == ("c1",)
    before = site.examiner.child.pid
    site.bundle(planted=(f"{site.root}/x.csv",), people=PEOPLE)
    assert site.look("x.csv", ROW).outcome == examine.CLEAN
    assert site.examiner.child.pid != before
    found = record(site.look("list.csv", LIST))
    assert (found.registered, found.registers) == (40, ("warga",))
    assert found.tallies[0].registered == 40


def test_registered_people_make_a_finding_graver_and_another(site: Site) -> None:
    plain = site.look("list.csv", LIST)
    site.bundle(people=PEOPLE[:39])
    known = site.look("list.csv", LIST)
    assert plain.severity is not None
    assert known.severity is not None
    assert known.severity > plain.severity
    assert known.digest != plain.digest
    assert "registered" in record(known).reasons
    for nik in PEOPLE:
        assert nik.encode() not in msgspec.msgpack.encode(record(known))


def test_a_register_that_is_missing_or_bent_is_nobody(site: Site) -> None:
    site.bundle(people=PEOPLE)
    (file,) = site.knowledge.glob("*.edm")
    file.write_bytes(b"x" * 5000)
    assert record(site.look("list.csv", LIST)).registered == 0
    file.unlink()
    site.bundle()
    assert record(site.look("list.csv", LIST)).registered == 0
