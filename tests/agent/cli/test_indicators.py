"""The command ``indicators``: mistakes are named, the rest of a list is used all the same."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner, Result

from agent.cli.root import agent
from collectors.network.detect.ioc import Indicators

GOOD = "value,type,source,severity\nevil.example,domain,own,high\n203.0.113.9,ip,own,\n"


def run(*words: str) -> Result:
    return CliRunner().invoke(agent, ["indicators", *words])


def test_what_cannot_work_is_said(tmp_path: Path) -> None:
    assert run("--to", str(tmp_path / "t")).exit_code == 2
    nowhere = run("/nowhere.csv", "--to", str(tmp_path / "t"))
    assert (nowhere.exit_code, nowhere.stderr) == (
        1,
        "ronda-agent: /nowhere.csv: No such file or directory\n",
    )
    assert not (tmp_path / "t").exists()


def test_mistakes_are_named_and_the_rest_is_used(tmp_path: Path) -> None:
    one, two, target = (tmp_path / name for name in ("one.csv", "two.csv", "table"))
    one.write_text(GOOD)
    two.write_bytes(b"1.2.3,ip,x,low\n\xff\xfe,domain,x,low\n198.51.100.0/24,cidr,drop,low\n")
    done = run(str(one), str(two), "--to", str(target))
    assert done.exit_code == 1
    assert done.stdout == "3 indicators\n"
    assert f"{two}:1: no address\n{two}:2: no domain\nronda-agent: 2 lines refused\n" == done.stderr
    table = Indicators.load(target)
    assert table.domain("www.evil.example")
    table.close()


def test_a_good_list(tmp_path: Path) -> None:
    (tmp_path / "one.csv").write_text(GOOD)
    done = run(str(tmp_path / "one.csv"), "--to", str(tmp_path / "table"))
    assert (done.exit_code, done.stdout, done.stderr) == (0, "2 indicators\n", "")
