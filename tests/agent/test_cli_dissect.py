"""`ronda-agent dissect`: nothing is overwritten, evidence holds headers only."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner

from agent.cli.dissect import dissect
from collectors.network.dissector import available
from tests.collectors.network.dissect.frames import arp, capture, echo

needs_scapy = pytest.mark.skipif(not available(), reason="scapy is not installed")


@pytest.fixture
def pcap(tmp_path: Path) -> Path:
    path = tmp_path / "a.pcap"
    path.write_bytes(capture(arp(), echo(b"secret-word")))
    return path


def test_what_cannot_be_read(tmp_path: Path) -> None:
    done = CliRunner().invoke(dissect, [str(tmp_path / "none.pcap")])
    assert done.exit_code == 1
    done = CliRunner().invoke(dissect, [str(tmp_path), "--payload"])
    assert done.exit_code == 2


def test_without_scapy(pcap: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("collectors.network.dissector.available", lambda: False)
    done = CliRunner().invoke(dissect, [str(pcap)])
    assert done.exit_code == 1
    assert "scapy is not installed" in done.output


@needs_scapy
def test_in_words_and_as_evidence(pcap: Path, tmp_path: Path) -> None:
    evidence = tmp_path / "evidence.pcap"
    done = CliRunner().invoke(dissect, [str(pcap), "--evidence", str(evidence)])
    assert (done.exit_code, len(done.output.splitlines())) == (0, 2)
    assert "psrc 10.0.0.9" in done.output
    assert b"secret" not in evidence.read_bytes()
    assert stat.S_IMODE(evidence.stat().st_mode) == 0o600
    again = CliRunner().invoke(dissect, [str(pcap), "--evidence", str(evidence)])
    assert again.exit_code == 1
    whole = tmp_path / "whole.pcap"
    words = [str(pcap), "--only", "icmp", "--evidence", str(whole), "--payload", "--json"]
    done = CliRunner().invoke(dissect, words)
    assert [json.loads(line)["category"] for line in done.output.splitlines()] == ["icmp"]
    assert b"secret-word" in whole.read_bytes()
