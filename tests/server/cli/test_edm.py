"""`ronda edm`, the whole way: what is refused, what is made, given out and taken away."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.collectors.content.citizens import make_niks
from tests.server.api.collector import Collector

PEOPLE = make_niks(200, seed=5)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "warga.csv"
    rows = "\n".join(f"{nik},WARGA {n}" for n, nik in enumerate(PEOPLE))
    path.write_text(f"NIK,NAMA\n{rows}\nbukan,NIK\n")
    return path


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        (["--column", "nik=NO"], 1, "no column NO; there are: NIK, NAMA"),
        (["--column", "nama=NAMA"], 1, "name a column with numbers"),
        (["--column", "nik"], 1, "TYPE=COLUMN"),
        ([], 2, "--column"),
        (["--column", "kk=NAMA"], 1, "none of 201 rows"),
    ],
)
def test_what_cannot_be_built(
    collector: Collector, table: Path, words: list[str], code: int, why: str
) -> None:
    target = table.with_name("r.edm")
    done = collector.call("edm", "build", str(table), "--out", str(target), *words)
    assert (done.returncode, done.stdout) == (code, "")
    assert why in done.stderr
    assert not any(nik in done.stderr for nik in PEOPLE)
    assert [path.name for path in table.parent.glob("*.edm*")] == []


def test_it_says_which_of_two_files_is_wrong(collector: Collector, table: Path) -> None:
    target = table.parent / "none/r.edm"
    done = collector.call("edm", "build", str(table), "--out", str(target), "--column", "nik=NIK")
    assert (done.returncode, done.stdout) == (1, "")
    assert f"{target}: No such file or directory" in done.stderr


def test_a_file_that_is_too_large_is_not_read(collector: Collector, tmp_path: Path) -> None:
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(1 << 40)
    done = collector.call("edm", "add", str(large), "--name", "a")
    assert (done.returncode, "no register" in done.stderr) == (1, True)


def test_without_a_key_nothing_is_built(collector: Collector, table: Path) -> None:
    key = table.with_name("key")
    key.write_bytes(b"short")
    words = ("edm", "build", str(table), "--out", "x", "--column", "nik=NIK", "--key", str(key))
    done = collector.call(*words)
    assert (done.returncode, "no fleet key" in done.stderr) == (1, True)


def built(collector: Collector, table: Path, name: str = "r.edm") -> Path:
    """Build a register of the table."""
    target = table.with_name(name)
    done = collector.call(
        *("-o", "json", "edm", "build", str(table), "--out", str(target)),
        *("--column", "nik=nik", "--column", "nama=NAMA"),
    )
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    assert (record["people"], record["rows"], record["left_out"]) == (200, 201, 1)
    assert record["entries"] == {"nik": 200, "nik+": 200}
    assert target.stat().st_mode & 0o077 == 0
    return target


def test_it_is_given_out_replaced_and_taken_away(collector: Collector, table: Path) -> None:
    register = built(collector, table)
    done = collector.call("edm", "add", str(register), "--name", "warga")
    assert (done.returncode, "handbook" in done.stderr) == (0, True)
    (row,) = collector.json("edm", "list")
    assert (row["name"], row["people"], row["types"], row["confirms"]) == (
        *("warga", 200, ["nik"]),
        True,
    )
    shelf = collector.config.registers_dir
    assert [path.name for path in shelf.iterdir()] == [f"{row['sha256']}.edm"]
    table.write_text("NIK\n" + "\n".join(PEOPLE[:9]) + "\n")
    other = table.with_name("other.edm")
    collector.call("edm", "build", str(table), "--out", str(other), "--column", "nik=NIK")
    collector.call("edm", "add", str(other), "--name", "warga")
    (row,) = collector.json("edm", "list")
    assert (row["people"], row["confirms"]) == (9, False)
    assert [path.name for path in shelf.iterdir()] == [f"{row['sha256']}.edm"]
    assert collector.call("edm", "remove", "warga").returncode == 0
    assert (collector.json("edm", "list"), list(shelf.iterdir())) == ([], [])
    assert collector.call("edm", "remove", "warga").returncode == 3
    actions = collector.state.query("SELECT action FROM audit WHERE action LIKE 'register.%'")
    assert [one["action"] for one in actions] == ["register.add", "register.add", "register.remove"]


def test_what_the_collector_does_not_take(collector: Collector, table: Path) -> None:
    register = built(collector, table)
    for name in ("", "Warga!", "a" * 41):
        done = collector.call("edm", "add", str(register), "--name", name)
        assert (done.returncode, "a name has" in done.stderr) == (2, True)
    data = bytearray(register.read_bytes())
    data[5000] ^= 1
    bent = table.with_name("bent.edm")
    bent.write_bytes(bytes(data))
    done = collector.call("edm", "add", str(bent), "--name", "warga")
    assert (done.returncode, "was changed" in done.stderr) == (2, True)
    done = collector.call("edm", "add", str(table), "--name", "warga")
    assert (done.returncode, "not a register" in done.stderr) == (2, True)
    foreign = table.with_name("key")
    foreign.write_bytes(b"x" * 32)
    words = ("edm", "build", str(table), "--out", str(bent), "--column", "nik=NIK")
    assert collector.call(*words, "--key", str(foreign)).returncode == 0
    done = collector.call("edm", "add", str(bent), "--name", "warga")
    assert "another fleet" in done.stderr
    for number in range(4):
        assert collector.call("edm", "add", str(register), "--name", f"r{number}").returncode == 0
    done = collector.call("edm", "add", str(register), "--name", "r5")
    assert (done.returncode, "remove one first" in done.stderr) == (2, True)
    assert len(collector.json("edm", "list")) == 4
    assert not list(collector.config.registers_dir.glob("*.new"))


def test_nothing_but_a_register_is_written_over(collector: Collector, table: Path) -> None:
    before = table.read_bytes()
    link = table.with_name("link.edm")
    link.symlink_to(table)
    for target in (table, link):
        words = ("edm", "build", str(table), "--out", str(target), "--column", "nik=NIK")
        done = collector.call(*words)
        assert (done.returncode, "is no register" in done.stderr) == (1, True), done.stderr
    assert table.read_bytes() == before
    built(collector, table)
    built(collector, table)
